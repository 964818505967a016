//! The chain rule on a graph: the worked example and its growth.

use chainrule_engine::parse::parse;
use chainrule_engine::{Expr, Graph, Trace};

#[test]
fn values_partials_and_piles_of_the_example() {
    let g = Graph::new();
    let (a, b) = (g.input("a", &[]), g.input("b", &[]));
    let c = (a + b).named("c");
    let d = (b + 1.0).named("d");
    let e = (c * d).named("e");
    let trace = Trace::new(&g, e, &[a, b], &[], &[&[2.0], &[1.0]]).unwrap();

    let value = |x: Expr<'_>| trace.value(x.id())[0];
    assert_eq!([value(c), value(d), value(e)], [3.0, 2.0, 6.0]);
    let pile = |x: Expr<'_>| trace.pile(x.id()).unwrap()[0];
    assert_eq!([pile(e), pile(c), pile(d), pile(a), pile(b)], [1.0, 2.0, 3.0, 2.0, 5.0]);

    let partial = |from: Expr<'_>, to: Expr<'_>| {
        let visit = trace.sweep.visits.iter().find(|v| (v.from, v.to) == (from.id(), to.id())).unwrap();
        (trace.value(visit.partial.unwrap())[0], trace.value(visit.contribution)[0])
    };
    assert_eq!(partial(c, a), (1.0, 2.0));
    assert_eq!(partial(c, b), (1.0, 2.0));
    assert_eq!(partial(d, b), (1.0, 3.0));
    assert_eq!(partial(e, c), (2.0, 2.0));
    assert_eq!(partial(e, d), (3.0, 3.0));
    assert_eq!(trace.sweep.visits.len(), 5);

    let counted = g.count_paths(e.id(), &[a.id(), b.id()]);
    assert_eq!((counted.paths, counted.edge_visits), (3u32.into(), 6u32.into()));
    assert_eq!(g.count_paths(e.id(), &[b.id()]).paths, 2u32.into());
    let listed = g.list_paths(e.id(), &[a.id(), b.id()], 10);
    let ends: Vec<_> = listed.iter().map(|p| (p.edges.len(), p.end)).collect();
    assert_eq!(ends, [(2, a.id()), (2, b.id()), (2, b.id())]);
    assert_eq!(g.list_paths(e.id(), &[a.id(), b.id()], 2), listed[..2]);
}

#[test]
fn the_number_of_paths_doubles_while_the_sweep_grows_by_the_step() {
    let steps = 200;
    let g = Graph::new();
    let (x0, y) = (g.input("x0", &[]), g.input("y", &[]));
    let top = (0..steps).fold(x0, |x, _| (x + y) * (x * y + 1.0));
    let counted = g.count_paths(top.id(), &[x0.id()]);
    assert_eq!(counted.paths, num_bigint::BigUint::from(2u32).pow(steps));
    // Half of the ways of a step are two edges long, half are three.
    assert_eq!(counted.edge_visits, num_bigint::BigUint::from(2u32).pow(steps) * (steps * 5) / 2u32);
    let sweep = g.sweep(top, &[x0]).unwrap();
    assert_eq!(sweep.visits.len(), 5 * steps as usize);
    assert_eq!(g.list_paths(top.id(), &[x0.id()], 7).len(), 7);
}

#[test]
fn a_chain_of_a_million_nodes_needs_no_recursion() {
    let g = Graph::new();
    let x = g.input("x", &[]);
    let top = (0..1_000_000).fold(x, |value, _| -value);
    let gradient = g.gradients(top, &[x]).unwrap();
    assert_eq!(g.evaluate(&[top, gradient[0]], &[&[3.0]]).unwrap(), [[3.0], [1.0]]);
    assert_eq!(g.count_paths(top.id(), &[x.id()]).edge_visits, 1_000_000u32.into());

    let h = Graph::new();
    let x = h.input("x", &[]);
    let top = (0..300_000).fold(x, |value, _| value.sin_of());
    let gradient = h.gradients(top, &[x]).unwrap();
    let slope = h.evaluate(&gradient, &[&[1.0]]).unwrap()[0][0];
    let mut expected = 1.0;
    let mut value: f64 = 1.0;
    for _ in 0..300_000 {
        expected *= value.cos();
        value = value.sin();
    }
    assert!((slope - expected).abs() <= 1e-9 * expected.abs(), "{slope} against {expected}");
}

trait Sine {
    fn sin_of(self) -> Self;
}

impl Sine for Expr<'_> {
    fn sin_of(self) -> Self {
        chainrule_engine::Arith::sin(self)
    }
}

#[test]
fn one_node_may_feed_both_inputs() {
    let g = Graph::new();
    let f = parse(&g, "x*x + x").unwrap();
    let x = f.variables[0].1;
    let gradient = g.gradients(f.output, &[x]).unwrap();
    assert_eq!(g.evaluate(&gradient, &[&[3.0]]).unwrap(), [[7.0]]);
    assert_eq!(g.count_paths(f.output.id(), &[x.id()]).paths, 3u32.into());
}

#[test]
fn conventions_at_kinks_and_ties() {
    let slope = |text: &str, at: &[f64]| {
        let g = Graph::new();
        let f = parse(&g, text).unwrap();
        let wrt: Vec<Expr<'_>> = f.variables.iter().map(|v| v.1).collect();
        let gradients = g.gradients(f.output, &wrt).unwrap();
        let inputs: Vec<&[f64]> = at.chunks(1).collect();
        g.evaluate(&gradients, &inputs).unwrap().concat()
    };
    assert_eq!(slope("relu(x)", &[0.0]), [0.0]);
    assert_eq!(slope("abs(x)", &[0.0]), [0.0]);
    assert_eq!(slope("max(a, b)", &[1.0, 1.0]), [0.5, 0.5]);
    assert_eq!(slope("min(a, b)", &[1.0, 1.0]), [0.5, 0.5]);
    assert_eq!(slope("max(a, b)", &[1.0, 2.0]), [0.0, 1.0]);
    assert_eq!(slope("x^0", &[0.0]), [0.0]);
    assert_eq!(slope("x^1", &[0.0]), [1.0]);
    assert_eq!(slope("x^2", &[0.0]), [0.0]);
    assert_eq!(slope("a^b", &[0.0, 2.0]), [0.0, 0.0]);
    assert_eq!(slope("x^3", &[-2.0]), [12.0]);
}

#[test]
fn the_hessian_of_an_expression() {
    let g = Graph::new();
    let f = parse(&g, "a^2 * b + sin(a) * exp(b)").unwrap();
    let wrt: Vec<Expr<'_>> = f.variables.iter().map(|v| v.1).collect();
    let hessian = g.hessian(f.output, &wrt).unwrap().concat();
    let (a, b) = (0.7f64, -0.4f64);
    let found = g.evaluate(&hessian, &[&[a], &[b]]).unwrap().concat();
    let mixed = 2.0 * a + a.cos() * b.exp();
    let expected = [2.0 * b - a.sin() * b.exp(), mixed, mixed, a.sin() * b.exp()];
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < 1e-12, "{found:?} against {expected:?}");
    }
}
