//! Long graphs of single numbers run on tapes, and compute what the transparent run computes.

use chainrule_engine::plan::Work;
use chainrule_engine::{Arith, Descent, Expr, Graph, Plan, Session};
use chainrule_kernels::update::{Penalty, Rule, Update};
use proptest::prelude::*;

/// Grows a graph of `count` operations on numbers; where `interlude` says so, a number passes through a row.
fn grow<'g>(g: &'g Graph, count: usize, interlude: usize, dice: &mut dyn FnMut(usize) -> usize) -> Vec<Expr<'g>> {
    let row = g.input("row", &[3]);
    let mut values = vec![g.input("s", &[]), g.input("t", &[]), g.parameter("w", &[])];
    for i in 0..count {
        // Mostly of late values, so that the graph is deep.
        let near = |dice: &mut dyn FnMut(usize) -> usize| values.len() - 1 - dice(values.len().min(6));
        let (a, b) = (values[near(dice)], values[near(dice)]);
        values.push(match dice(6) {
            _ if i % interlude == interlude - 1 => (row * a).tanh().mean_all(),
            0 => (a + b) * 0.5,
            1 => a.tanh() * b.sigmoid(),
            2 => a.sin() - b * 0.25,
            3 => a.sigmoid() / (b.square() + 2.0),
            4 => a.max(b),
            _ => -a,
        });
    }
    values
}

#[test]
fn a_chain_is_one_step_and_two_copies() {
    let g = Graph::new();
    let (start, y) = (g.input("x", &[]), g.input("y", &[]));
    let top = (0..100).fold(start, |x, _| (x + y) * (x * y + 1.0));
    let slope = g.gradients(top, &[start]).unwrap()[0];
    let plan = Plan::new(&g, &[top, slope]).unwrap();
    assert!(matches!(&plan.steps()[0].work, Work::Tape(tape) if tape.len() > 700), "{plan}");
    assert_eq!(plan.steps().len(), 3, "{plan}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tape_is_transparent(seed: u64, count in 30usize..300, interlude in 20usize..200) {
        let mut dice = crate::common::dice(seed);
        let g = Graph::new();
        let values = grow(&g, count, interlude, &mut dice);
        let (top, w) = (values[values.len() - 1], values[2]);
        let mut outputs = g.gradients(top, &values[..3]).unwrap();
        // Values in the middle, one of them twice, an input, and one seen under another shape.
        let middle = values[dice(values.len())];
        outputs.extend([top, middle, middle, values[0], middle.reshape(&[1, 1])]);

        let mut number = || dice(2001) as f64 / 1000.0 - 1.0;
        let inputs = [vec![number(), number(), number()], vec![number()], vec![number()]];
        let slices: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
        let start = [number()];

        let mut planned = Session::<f64>::new(Plan::new(&g, &outputs).unwrap()).unwrap();
        let mut transparent = Session::<f64>::new(Plan::transparent(&g, &outputs).unwrap()).unwrap();
        for _ in 0..2 {
            planned.run(&start, &slices).unwrap();
            transparent.run(&start, &slices).unwrap();
        }
        for i in 0..outputs.len() {
            let (p, t) = (planned.output(i)[0], transparent.output(i)[0]);
            prop_assert!((p - t).abs() <= 1e-12 * (1.0 + t.abs()), "output {i}: {p} against {t}\n{}", planned.plan());
        }

        for plain in [true, false] {
            let plan = Plan::training(&g, &[top], &[(w, outputs[2])], plain).unwrap();
            let update = |_| Update { rule: Rule::Sgd { rate: 0.25 }, penalty: Penalty::NONE };
            let mut moved = start;
            let mut descent = Descent { parameters: &mut moved, memory: [&mut [], &mut []], update: &update };
            Session::<f64>::new(plan).unwrap().train(&mut descent, &slices, &mut |_| true).unwrap();
            let expected = start[0] - 0.25 * transparent.output(2)[0];
            prop_assert!((moved[0] - expected).abs() <= 1e-12 * (1.0 + expected.abs()));
        }
    }
}
