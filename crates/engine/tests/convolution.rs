//! Convolution and pooling against their definitions, on random sizes, and what they refuse.

use chainrule_engine::{Arith, Convolution, Expr, Graph, Plan, Session};
use chainrule_kernels::team::with_threads;
use proptest::prelude::*;

type PoolOf = for<'g> fn(Expr<'g>, [usize; 2], [usize; 2], [usize; 2]) -> Expr<'g>;

/// Sizes of one convolution, all at random.
struct Case {
    how: Convolution,
    batch: usize,
    channels: usize,
    outputs: usize,
    input: [usize; 2],
    kernel: [usize; 2],
}

fn case(dice: &mut impl FnMut(usize) -> usize) -> Case {
    let mut two = |least: usize, choices: usize| [least + dice(choices), least + dice(choices)];
    let (stride, padding, dilation, kernel, spare) = (two(1, 3), two(0, 3), two(1, 3), two(1, 3), two(0, 6));
    let span = |axis: usize| (kernel[axis] - 1) * dilation[axis] + 1;
    let input = [0, 1].map(|axis| span(axis).saturating_sub(2 * padding[axis]).max(1) + spare[axis]);
    let groups = 1 + dice(3);
    Case {
        how: Convolution { stride, padding, dilation, groups },
        batch: 1 + dice(3),
        channels: groups * (1 + dice(3)),
        outputs: groups * (1 + dice(3)),
        input,
        kernel,
    }
}

impl Case {
    fn output(&self) -> [usize; 2] {
        let Convolution { stride, padding, dilation, .. } = self.how;
        [0, 1].map(|a| (self.input[a] + 2 * padding[a] - dilation[a] * (self.kernel[a] - 1) - 1) / stride[a] + 1)
    }

    fn x(&self) -> [usize; 4] {
        [self.batch, self.channels, self.input[0], self.input[1]]
    }

    fn w(&self) -> [usize; 4] {
        [self.outputs, self.channels / self.how.groups, self.kernel[0], self.kernel[1]]
    }

    /// Seven loops: calls `visit` with the places in y, x and w of every product.
    fn products(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let (per_group, part) = (self.channels / self.how.groups, self.outputs / self.how.groups);
        let ([oh, ow], [h, w], [kh, kw]) = (self.output(), self.input, self.kernel);
        let Convolution { stride, padding, dilation, .. } = self.how;
        for b in 0..self.batch {
            for o in 0..self.outputs {
                for (p, q) in (0..oh).flat_map(|p| (0..ow).map(move |q| (p, q))) {
                    for c in 0..per_group {
                        for (i, j) in (0..kh).flat_map(|i| (0..kw).map(move |j| (i, j))) {
                            let (row, column) = (p * stride[0] + i * dilation[0], q * stride[1] + j * dilation[1]);
                            if row < padding[0]
                                || row - padding[0] >= h
                                || column < padding[1]
                                || column - padding[1] >= w
                            {
                                continue;
                            }
                            let channel = o / part * per_group + c;
                            let x = ((b * self.channels + channel) * h + row - padding[0]) * w + column - padding[1];
                            let y = ((b * self.outputs + o) * oh + p) * ow + q;
                            visit(y, x, ((o * per_group + c) * kh + i) * kw + j);
                        }
                    }
                }
            }
        }
    }
}

fn numbers(count: usize, dice: &mut impl FnMut(usize) -> usize) -> Vec<f64> {
    (0..count).map(|_| dice(2001) as f64 / 1000.0 - 1.0).collect()
}

fn run(graph: &Graph, outputs: &[Expr<'_>], inputs: &[&[f64]]) -> Vec<Vec<f64>> {
    let mut session = Session::<f64>::new(Plan::new(graph, outputs).unwrap()).unwrap();
    session.run(&[], inputs).unwrap();
    (0..outputs.len()).map(|at| session.output(at).to_vec()).collect()
}

fn close(got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-11, "{got} for {expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_convolution_and_its_gradients_are_seven_loops(seed: u64) {
        let mut dice = crate::common::dice(seed);
        let case = case(&mut dice);
        let graph = Graph::new();
        let (x, w) = (graph.input("x", &case.x()), graph.input("w", &case.w()));
        let y = x.conv2d(w, case.how);
        let p = graph.input("p", &[case.batch, case.outputs, case.output()[0], case.output()[1]]);
        let slopes = graph.gradients((y * p).sum_all(), &[x, w]).unwrap();
        let [xs, ws, ps] = [x, w, p].map(|e| numbers(e.shape().len(), &mut dice));
        let (mut ys, mut dx, mut dw) = (vec![0.0; ps.len()], vec![0.0; xs.len()], vec![0.0; ws.len()]);
        case.products(|y, x, w| {
            ys[y] += xs[x] * ws[w];
            dx[x] += ps[y] * ws[w];
            dw[w] += ps[y] * xs[x];
        });
        let got = run(&graph, &[y, slopes[0], slopes[1]], &[&xs, &ws, &ps]);
        close(&got[0], &ys);
        close(&got[1], &dx);
        close(&got[2], &dw);
    }

    /// Of a network of all operations that finish their results in parts, forward and backward.
    #[test]
    fn what_is_finished_in_parts_is_what_it_is_one_by_one(seed: u64) {
        let mut dice = crate::common::dice(seed);
        let case = case(&mut dice);
        let (outputs, [height, width]) = (case.outputs, case.output());
        let graph = Graph::new();
        let (x, w) = (graph.input("x", &case.x()), graph.input("w", &case.w()));
        let by_channel = graph.input("b", &[outputs, 1, 1]);
        let by_column = graph.input("c", &[width]);
        let one_for_one = graph.input("r", &[case.batch, outputs, height, width]);
        let v = graph.input("v", &[2, outputs, 1, 1]);
        let hidden = (x.conv2d(w, case.how) + by_channel).relu();
        let again = ((hidden + by_column).conv2d(v, Convolution::default()) * 0.5).sigmoid();
        let window = [height.min(2), width.min(2)];
        let top = again.max_pool2d(window, window, [0, 0]).square().sum_all() + (hidden * one_for_one).sum_all();
        let given = [x, w, by_channel, by_column, one_for_one, v];
        let mut wanted = graph.gradients(top, &given).unwrap();
        wanted.push(top);
        let values = given.map(|e| numbers(e.shape().len(), &mut dice));
        let inputs: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
        let plan = Plan::new(&graph, &wanted).unwrap();
        let text = plan.to_string();
        prop_assert!(text.contains("conv2d → add → relu"), "{text}");
        prop_assert!(text.contains("max_pool2d_spread → "), "{text}");
        let mut transparent = Session::<f64>::new(Plan::transparent(&graph, &wanted).unwrap()).unwrap();
        transparent.run(&[], &inputs).unwrap();
        for threads in 1..4 {
            with_threads(threads, || {
                let mut session = Session::<f64>::new(plan.clone()).unwrap();
                session.run(&[], &inputs).unwrap();
                (0..wanted.len()).for_each(|at| close(session.output(at), transparent.output(at)));
            });
        }
    }

    #[test]
    fn pools_are_the_largest_and_the_mean_of_real_cells(seed: u64) {
        let mut dice = crate::common::dice(seed);
        let Case { batch, how, kernel, input, .. } = case(&mut dice);
        let padding = [0, 1].map(|a| how.padding[a].min(kernel[a] - 1));
        let input = [0, 1].map(|a| input[a] + kernel[a]);
        let planes = Case { how: Convolution { padding, dilation: [1, 1], groups: 1, ..how }, batch, channels: 1, outputs: 1, input, kernel };
        let graph = Graph::new();
        let x = graph.input("x", &planes.x());
        let pools = [x.max_pool2d(kernel, how.stride, padding), x.avg_pool2d(kernel, how.stride, padding)];
        let xs = numbers(x.shape().len(), &mut dice);
        let mut cells = vec![Vec::new(); pools[0].shape().len()];
        planes.products(|y, x, _| cells[y].push(xs[x]));
        let got = run(&graph, &pools, &[&xs]);
        close(&got[0], &cells.iter().map(|c| c.iter().copied().fold(f64::NEG_INFINITY, f64::max)).collect::<Vec<_>>());
        close(&got[1], &cells.iter().map(|c| c.iter().sum::<f64>() / c.len() as f64).collect::<Vec<_>>());
    }
}

#[test]
fn the_first_of_a_tie_gets_the_gradient_and_nan_is_largest() {
    let graph = Graph::new();
    let x = graph.input("x", &[1, 1, 2, 4]);
    let y = x.max_pool2d([2, 2], [2, 2], [0, 0]);
    let slope = graph.gradients(y.sum_all(), &[x]).unwrap()[0];
    let got = run(&graph, &[y, slope], &[&[1.0, 3.0, f64::NAN, 9.0, 3.0, 3.0, 7.0, f64::NAN]]);
    assert_eq!((got[0][0], got[0][1].is_nan()), (3.0, true));
    assert_eq!(got[1], [0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

/// More rows than one block has, so that blocks of both sizes and sums over blocks are seen.
#[test]
fn the_bits_are_the_same_at_any_number_of_threads() {
    let bits = |threads| {
        with_threads(threads, || {
            let graph = Graph::new();
            let (x, w) = (graph.input("x", &[2, 16, 70, 61]), graph.input("w", &[24, 16, 3, 3]));
            let y = x.conv2d(w, Convolution { padding: [1, 1], ..Convolution::default() }).relu();
            let z = y.max_pool2d([3, 3], [2, 2], [1, 1]).square().sum_all();
            let slopes = graph.gradients(z, &[x, w]).unwrap();
            let mut session = Session::<f32>::new(Plan::new(&graph, &[z, slopes[0], slopes[1]]).unwrap()).unwrap();
            let wave = |n: usize| (0..n).map(|i| (i as f32 * 0.37).sin()).collect::<Vec<f32>>();
            session.run(&[], &[&wave(x.shape().len()), &wave(w.shape().len())]).unwrap();
            (0..3)
                .flat_map(|at| session.output(at).iter().map(|v| v.to_bits()).collect::<Vec<_>>())
                .collect::<Vec<u32>>()
        })
    };
    let one = bits(1);
    assert!(one == bits(2) && one == bits(3));
}

#[test]
fn what_does_not_fit_is_an_error_that_says_what_would() {
    let says = |write: &dyn Fn(&Graph), words: &[&str]| {
        let graph = Graph::new();
        write(&graph);
        let message = graph.checked().unwrap_err().to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    };
    let plain = Convolution::default();
    let conv = |x: [usize; 4], w: [usize; 4], how: Convolution| {
        move |g: &Graph| _ = g.input("x", &x).conv2d(g.input("w", &w), how).named("y")
    };
    says(&conv([1, 3, 8, 8], [4, 2, 3, 3], plain), &["[1, 3, 8, 8]", "[4, 2, 3, 3]", "must be 3, not 2"]);
    says(&conv([1, 3, 2, 8], [4, 3, 3, 3], plain), &["a kernel of 3", "size is 2", "more padding"]);
    says(&conv([1, 3, 8, 8], [4, 3, 0, 3], plain), &["no cells"]);
    says(&conv([1, 3, 8, 8], [4, 3, 3, 3], Convolution { groups: 2, ..plain }), &["2 groups", "3 channels"]);
    says(&conv([1, 3, 8, 8], [4, 3, 3, 3], Convolution { groups: 0, ..plain }), &["groups must be"]);
    for bad in [0, usize::MAX] {
        says(&conv([1, 3, 8, 8], [4, 3, 3, 3], Convolution { stride: [1, bad], ..plain }), &["stride must be"]);
        says(&conv([1, 3, 8, 8], [4, 3, 3, 3], Convolution { dilation: [bad, 1], ..plain }), &["dilation must be"]);
    }
    says(&conv([1, 3, 8, 8], [4, 3, 3, 3], Convolution { padding: [usize::MAX; 2], ..plain }), &["padding must be"]);
    says(&|g| _ = g.input("x", &[3, 8]).conv2d(g.input("w", &[1; 4]), plain).named("y"), &["four axes"]);
    says(&|g| _ = g.input("x", &[3, 8]).conv1d(g.input("w", &[1; 3]), 1, 0, 1, 1).named("y"), &["three axes"]);
    let pools: [PoolOf; 2] = [|x, w, s, p| x.max_pool2d(w, s, p), |x, w, s, p| x.avg_pool2d(w, s, p)];
    for pool in pools {
        let of = |window: usize, stride: usize, padding: usize| {
            move |g: &Graph| _ = pool(g.input("x", &[1, 1, 4, 4]), [window; 2], [stride; 2], [padding; 2]).named("y")
        };
        says(&of(2, 1, 2), &["padding must be from 0 to 1"]);
        says(&of(5, 1, 0), &["does not fit"]);
        says(&of(0, 1, 0), &["no cells"]);
        says(&of(2, 0, 0), &["stride must be"]);
        says(&of(usize::MAX, 1, 0), &[]);
    }
    let transposed = |padding: usize, extra: usize| {
        let how = Convolution { padding: [padding; 2], ..plain };
        move |g: &Graph| {
            _ = g.input("x", &[1, 2, 4, 4]).conv_transpose2d(g.input("w", &[2, 1, 3, 3]), how, [extra; 2]).named("y")
        }
    };
    says(&transposed(3, 0), &["conv_transpose2d"]);
    says(&transposed(0, 1), &["output_padding must be from 0 to 0"]);
}
