//! Elementwise chains and sums that are large enough to be shared between threads.

use chainrule_engine::{Arith, Expr, Graph, Plan, Session};
use chainrule_kernels::team::with_threads;

/// A chain over `x` with a number for each column, for each row and for all, and what is summed up of it.
fn chain<'g>(x: Expr<'g>, row: Expr<'g>, column: Expr<'g>, one: Expr<'g>) -> [Expr<'g>; 4] {
    let y = ((x + row) * column + one).tanh() - x * one;
    [y, y.sum(&[0]), y.sum(&[1]), y.sum_all()]
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    for (rows, cols) in [(1, 200_001), (997, 331), (3, 70_000), (130_000, 3), (64, 2048), (40_000, 1)] {
        let graph = Graph::new();
        let (x, one) = (graph.input("x", &[rows, cols]), graph.input("one", &[1, 1]));
        let (row, column) = (graph.input("row", &[cols]), graph.input("column", &[rows, 1]));
        let outputs = chain(x, row, column, one);
        let wave = |count: usize, step: f32| (0..count).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
        let (xs, r, c) = (wave(rows * cols, 0.37), wave(cols, 1.7), wave(rows, 2.9));
        let run = |threads: usize, plan: Plan| {
            with_threads(threads, || {
                let mut session = Session::<f32>::new(plan).unwrap();
                session.run(&[], &[&xs, &[0.5], &r, &c]).unwrap();
                let bits = |at: usize| session.output(at).iter().map(|v| v.to_bits()).collect::<Vec<u32>>();
                (0..4).map(bits).collect::<Vec<_>>()
            })
        };
        let fused = || Plan::new(&graph, &outputs).unwrap();
        let alone = run(1, fused());
        assert_eq!(alone, run(2, fused()), "[{rows}, {cols}] on two threads");
        assert_eq!(alone, run(5, fused()), "[{rows}, {cols}] on five threads");
        assert_eq!(alone, run(3, Plan::transparent(&graph, &outputs).unwrap()), "[{rows}, {cols}] with nothing fused");
        // By hand, at both ends and in the middle.
        for at in [0, rows * cols / 2, rows * cols - 1] {
            let y = ((xs[at] + r[at % cols]) * c[at / cols] + 0.5).tanh() - xs[at] * 0.5;
            assert!((f32::from_bits(alone[0][at]) - y).abs() < 1e-5);
        }
    }
}
