//! Random graphs: the plan computes what the transparent run computes, and the gradient is the finite difference.

use chainrule_engine::{Arith, Descent, Expr, Graph, Plan, Session, check};
use chainrule_kernels::update::{Penalty, Rule, Update};
use proptest::prelude::*;

/// A graph over two matrices, a row, a scalar and a parameter, grown by `steps` random operations on values so far.
fn grow<'g>(g: &'g Graph, rows: usize, cols: usize, steps: usize, dice: &mut dyn FnMut(usize) -> usize) -> Expr<'g> {
    let mut values = vec![
        g.input("x", &[rows, cols]),
        g.input("y", &[cols, rows]),
        g.input("row", &[cols]),
        g.input("s", &[]),
        g.parameter("w", &[cols, cols]),
    ];
    for _ in 0..steps {
        let a = values[dice(values.len())];
        let b = values[dice(values.len())];
        values.push(operate(a, b, dice));
    }
    let parts: Vec<Expr<'g>> = values.iter().skip(5).map(|v| v.mean_all()).collect();
    parts.into_iter().reduce(|sum, part| sum + part).unwrap_or(values[3])
}

/// One operation, smooth and bounded so that chains stay in range; `tanh` where the shapes do not fit.
fn operate<'g>(a: Expr<'g>, b: Expr<'g>, dice: &mut dyn FnMut(usize) -> usize) -> Expr<'g> {
    let fits = |a: Expr<'_>, b: Expr<'_>| {
        let (a, b): (Vec<_>, Vec<_>) = (a.shape().sizes().collect(), b.shape().sizes().collect());
        a.iter().rev().zip(b.iter().rev()).all(|(l, r)| l == r || *l == 1 || *r == 1)
    };
    let rank = a.shape().rank();
    match dice(14) {
        0 if fits(a, b) => (a + b) * 0.5,
        1 if fits(a, b) => a.tanh() * b.sigmoid(),
        2 if fits(a, b) => a.sigmoid() / (b.tanh() + 2.0),
        3 if fits(a, b) => a.sin() - b,
        4 if rank == 2 && b.shape().rank() == 2 && a.size(1) == b.size(0) => a.matmul(b).tanh(),
        5 if rank > 0 => a.softmax(dice(rank)),
        6 if rank > 0 => a.sum(&[dice(rank)]).tanh(),
        7 if rank > 0 => a.log_sum_exp(&[dice(rank)]).tanh(),
        8 if rank == 2 => a.transpose(&[1, 0]),
        9 => a.reshape(&[a.shape().len()]),
        10 if rank > 0 => a.slice(dice(rank), 0, 1),
        11 if rank > 0 && a.shape() == b.shape() => Expr::concat(&[a, b], dice(rank)).tanh(),
        12 => a.gelu() * 0.5 + a.softplus(),
        _ => (-a).tanh(),
    }
}

const RATE: f64 = 0.25;

/// The parameter after one step of plain descent on `cost`.
fn trained(g: &Graph, cost: Expr<'_>, w: Expr<'_>, plain: bool, start: &[f64], inputs: &[&[f64]]) -> Vec<f64> {
    let gradient = g.gradients(cost, &[w]).unwrap()[0];
    step(g, &[cost], &[(w, gradient)], plain, start, inputs)
}

/// All parameters after one step of plain descent.
fn step(
    g: &Graph,
    outputs: &[Expr<'_>],
    updates: &[(Expr<'_>, Expr<'_>)],
    plain: bool,
    start: &[f64],
    inputs: &[&[f64]],
) -> Vec<f64> {
    let mut parameters = start.to_vec();
    let mut session = Session::<f64>::new(Plan::training(g, outputs, updates, plain).unwrap()).unwrap();
    let update = |_| Update { rule: Rule::Sgd { rate: RATE }, penalty: Penalty::NONE };
    for go in [false, true] {
        let before = parameters.clone();
        let mut descent = Descent { parameters: &mut parameters, memory: [&mut [], &mut []], update: &update };
        assert_eq!(session.train(&mut descent, inputs, &mut |_| go).unwrap(), go || updates.is_empty());
        assert!(go || before == parameters, "nothing moves when told to stop");
    }
    parameters
}

#[test]
fn what_moves_by_a_parameter_does_not_see_it_move() {
    let g = Graph::new();
    let (a, b) = (g.parameter("a", &[2]), g.parameter("b", &[2]));
    // The gradient by each is the other.
    let cost = (a * b).sum_all();
    let gradients = g.gradients(cost, &[a, b]).unwrap();
    for plain in [true, false] {
        let updates = [(a, gradients[0]), (b, gradients[1])];
        let moved = step(&g, &[cost, a], &updates, plain, &[1.0, 2.0, 4.0, 8.0], &[]);
        assert_eq!(moved, [0.0, 0.0, 3.75, 7.5]);
    }
}

#[test]
fn a_weight_that_is_read_twice_moves_after_both() {
    let g = Graph::new();
    let x = g.input("x", &[3, 3]);
    let w = g.parameter("w", &[3, 3]);
    let cost = x.matmul(w).matmul(w).square().sum_all();
    let gradient = g.gradients(cost, &[w]).unwrap()[0];
    let x: Vec<f64> = (0..9).map(|i| f64::from(i) / 9.0).collect();
    let start: Vec<f64> = (0..9).map(|i| f64::from(i % 4) / 5.0).collect();
    let slope = g.evaluate(&[gradient], &[&x, &start]).unwrap();
    for plain in [true, false] {
        let moved = step(&g, &[cost], &[(w, gradient)], plain, &start, &[&x]);
        for ((before, slope), after) in start.iter().zip(&slope[0]).zip(moved) {
            assert!((after - (before - RATE * slope)).abs() < 1e-12);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn planned_is_transparent_and_gradients_are_differences(
        seed: u64, rows in 1usize..5, cols in 1usize..5, steps in 1usize..25,
    ) {
        let mut dice = crate::common::dice(seed);
        let g = Graph::new();
        let top = grow(&g, rows, cols, steps, &mut dice);
        let leaf = |i: usize| g.expr(g.nodes().leaves(chainrule_engine::ops::Role::Data).nth(i).unwrap());
        let w = g.expr(g.nodes().leaves(chainrule_engine::ops::Role::Parameter).next().unwrap());
        let wrt = [leaf(0), leaf(1), leaf(2), leaf(3), w];
        let mut outputs = g.gradients(top, &wrt).unwrap();
        outputs.push(top);

        let mut number = || dice(2001) as f64 / 1000.0 - 1.0;
        let mut values = |n: usize| (0..n).map(|_| number()).collect::<Vec<f64>>();
        let inputs = [values(rows * cols), values(cols * rows), values(cols), values(1)];
        let parameters = values(cols * cols);
        let slices: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();

        let mut planned = Session::<f64>::new(Plan::new(&g, &outputs).unwrap()).unwrap();
        let mut transparent = Session::<f64>::new(Plan::transparent(&g, &outputs).unwrap()).unwrap();
        // Twice, so that what a first run leaves behind would show.
        for _ in 0..2 {
            planned.run(&parameters, &slices).unwrap();
            transparent.run(&parameters, &slices).unwrap();
        }
        for i in 0..outputs.len() {
            for (p, t) in planned.output(i).iter().zip(transparent.output(i)) {
                prop_assert!((p - t).abs() <= 1e-12 * (1.0 + t.abs()), "output {i}: {p} against {t}\n{}", planned.plan());
            }
        }
        prop_assert!(planned.plan().arena_len() <= transparent.plan().arena_len());

        let gradient = transparent.output(4);
        for plain in [true, false] {
            let moved = trained(&g, top, w, plain, &parameters, &slices);
            for ((&before, &slope), after) in parameters.iter().zip(gradient).zip(moved) {
                let expected = before - RATE * slope;
                prop_assert!((after - expected).abs() <= 1e-12 * (1.0 + slope.abs()), "{after} for {expected}, {plain}");
            }
        }

        let compared = check::gradients(&g, top, &wrt, &parameters, &inputs).unwrap();
        prop_assert!(check::worst(&compared) < 1e-6, "{compared:?}");
    }
}

#[test]
fn what_is_written_twice_is_computed_once() {
    let g = Graph::new();
    let x = g.input("x", &[3]);
    let twice = (x + 1.0).exp().sum_all() + (x + 1.0).exp().sum_all();
    let plan = Plan::new(&g, &[twice]).unwrap();
    assert_eq!(plan.steps().len(), 3, "{plan}");
    assert_eq!(g.evaluate(&[twice], &[&[0.0, 0.0, 0.0]]).unwrap()[0], [6.0 * std::f64::consts::E]);
}

#[test]
fn memory_is_used_again() {
    let g = Graph::new();
    let (mut h, w) = (g.input("x", &[16, 16]), g.parameter("w", &[16, 16]));
    for _ in 0..10 {
        h = h.matmul(w).tanh();
    }
    let plan = Plan::new(&g, &[h.sum_all()]).unwrap();
    // The result, and two matrices: a product is read while the next one is written, a function takes its place.
    assert_eq!(plan.arena_len(), 16 + 2 * 256, "{plan}");
}
