use super::*;
use crate::gemm::machine::Machine;
use crate::team::with_threads;

/// Numbers that repeat, so that windows have ties.
fn noise(len: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) % 17
    };
    (0..len).map(|_| draw() as f64 - 8.0).collect()
}

fn window(input: [usize; 2], kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Window {
    let output = [0, 1].map(|axis| (input[axis] + 2 * padding[axis] - kernel[axis]) / stride[axis] + 1);
    Window { input, kernel, output, stride, padding, dilation: [1, 1] }
}

/// Every product of a convolution: the places of result, weight and input.
fn products(conv: &Conv, mut visit: impl FnMut(usize, usize, usize)) {
    let Conv { batch, channels, outputs, groups, window } = *conv;
    let (channels_in, outputs_in) = (channels / groups, outputs / groups);
    let [height, width] = window.kernel;
    for b in 0..batch {
        for o in 0..outputs {
            for (p, q) in (0..window.output[0]).flat_map(|p| (0..window.output[1]).map(move |q| (p, q))) {
                let y = ((b * outputs + o) * window.output[0] + p) * window.output[1] + q;
                for c in 0..channels_in {
                    for (i, j) in (0..height).flat_map(|i| (0..width).map(move |j| (i, j))) {
                        let Some((row, column)) = window.cell(0, p, i).zip(window.cell(1, q, j)) else { continue };
                        let channel = b * channels + o / outputs_in * channels_in + c;
                        let x = (channel * window.input[0] + row) * window.input[1] + column;
                        visit(y, ((o * channels_in + c) * height + i) * width + j, x);
                    }
                }
            }
        }
    }
}

/// Convolutions of many small pictures, which stand side by side; of large ones, which are cut into rows; of
/// strides, padding and groups.
fn convolutions() -> Vec<Conv> {
    let conv = |batch, channels, outputs, groups, window| Conv { batch, channels, outputs, groups, window };
    vec![
        conv(37, 3, 5, 1, window([8, 8], [3, 3], [1, 1], [0, 0])),
        conv(18, 4, 6, 2, window([7, 9], [3, 2], [2, 1], [1, 1])),
        conv(2, 8, 3, 1, window([70, 75], [3, 3], [1, 1], [1, 1])),
        conv(3, 6, 6, 6, window([20, 21], [5, 5], [1, 2], [2, 0])),
        conv(0, 2, 2, 1, window([4, 4], [2, 2], [1, 1], [0, 0])),
        // Kernels that go from cell to cell: groups, one cell, more padding than the adjoint can turn, rows that do not
        // fit into a slab, more outputs than a tile has.
        conv(5, 6, 4, 2, window([9, 6], [3, 2], [1, 1], [1, 0])),
        conv(3, 4, 7, 1, window([5, 6], [1, 1], [1, 1], [0, 0])),
        conv(2, 2, 3, 1, window([4, 5], [2, 2], [1, 1], [2, 1])),
        conv(2, 40, 3, 1, window([60, 50], [3, 3], [1, 1], [1, 1])),
        conv(2, 3, 75, 1, window([6, 7], [2, 3], [1, 1], [1, 1])),
        conv(2, 3, 4, 1, Window { output: [5, 3], dilation: [2, 3], ..window([9, 9], [3, 3], [1, 1], [0, 0]) }),
        conv(2, 4, 6, 2, Window { output: [9, 4], dilation: [2, 3], ..window([9, 6], [3, 3], [1, 1], [2, 2]) }),
        // Lines that are weighed in parts.
        conv(2, 2, 3, 1, window([2, 300], [1, 5], [1, 1], [0, 2])),
        // Kernels larger than the picture, a picture one cell wide, one of no cells, and cells far apart.
        conv(3, 2, 3, 1, window([2, 3], [5, 5], [1, 1], [2, 2])),
        conv(3, 2, 9, 1, window([8, 1], [3, 1], [1, 1], [1, 0])),
        conv(2, 1, 2, 1, window([0, 4], [2, 2], [1, 1], [1, 1])),
        conv(
            2,
            1,
            2,
            1,
            Window { output: [1, 1], dilation: [29_999; 2], ..window([1, 1], [3, 3], [1, 1], [29_999; 2]) },
        ),
    ]
}

/// Leaves each part as it is.
fn nothing<T: 'static>() -> Finish<'static, T> {
    Finish { room: 0, work: &|_, _, _| {} }
}

/// Scratch of [`double_and_count`].
const ROOM: usize = 3;

/// Doubles each number and adds its place: what is finished twice, or as another part than it is, comes out wrong.
fn double_and_count(first: usize, part: &mut [f64], room: &mut [f64]) {
    assert_eq!(room.len(), ROOM);
    room.fill(f64::NAN);
    part.iter_mut().zip(first..).for_each(|(number, at)| *number = 2.0 * *number + at as f64);
}

#[test]
fn a_convolution_and_its_adjoints_are_the_sums_that_they_state() {
    for conv in convolutions() {
        let (inputs, results) = conv.per_picture();
        let x = noise(conv.batch * inputs, 1);
        let w = noise(conv.weights(), 2);
        let p = noise(conv.batch * results, 3);
        let mut expected = [vec![0.0; p.len()], vec![0.0; x.len()], vec![0.0; w.len()]];
        products(&conv, |at_y, at_w, at_x| {
            expected[0][at_y] += w[at_w] * x[at_x];
            expected[1][at_x] += w[at_w] * p[at_y];
            expected[2][at_w] += p[at_y] * x[at_x];
        });
        expected[..2].iter_mut().for_each(|result| double_and_count(0, result, &mut [0.0; ROOM]));
        for threads in 1..4 {
            with_threads(threads, || {
                let mut scratch = vec![f64::NAN; conv.scratch::<f64>(ROOM).max(conv.scratch_by_weights::<f64>())];
                let mut found = [vec![f64::NAN; p.len()], vec![f64::NAN; x.len()], vec![f64::NAN; w.len()]];
                let finish = Finish { room: ROOM, work: &double_and_count };
                conv.forward(&x, &w, &mut found[0], &mut scratch, finish);
                conv.by_input(&p, &w, &mut found[1], &mut scratch, finish);
                conv.by_weights(&x, &p, &mut found[2], &mut scratch);
                // Whole numbers are added without rounding, in any order.
                assert!(found == expected, "{conv:?} on {threads} threads");
            });
        }
    }
}

#[test]
fn a_sliding_kernel_gives_the_same_with_all_instructions() {
    for conv in convolutions() {
        let (inputs, results) = conv.per_picture();
        let (x, w, p) = (noise(conv.batch * inputs, 1), noise(conv.weights(), 2), noise(conv.batch * results, 3));
        let found = |machine| {
            let slide = slide::Slide::on::<f64>(machine, conv)?;
            let mut scratch = vec![f64::NAN; slide.scratch(0).max(slide.scratch_by_weights())];
            let mut found = [vec![f64::NAN; p.len()], vec![f64::NAN; w.len()]];
            slide.forward(&x, &w, &mut found[0], &mut scratch, nothing());
            slide.by_weights(&x, &p, &mut found[1], &mut scratch);
            Some(found)
        };
        let mut all = Machine::all().into_iter().map(found);
        let first = all.next().expect("there is plain code");
        // Whole numbers are added without rounding.
        assert!(all.all(|other| other == first), "{conv:?}");
    }
}

#[test]
fn cells_far_apart_take_no_more_room_than_they_need() {
    let window = Window { output: [1, 1], dilation: [29_999; 2], ..window([1, 1], [3, 3], [1, 1], [29_999; 2]) };
    let conv = Conv { batch: 1, channels: 1, outputs: 1, groups: 1, window };
    assert!(conv.scratch::<f32>(0).max(conv.scratch_by_weights::<f32>()) < 1 << 16);
}

#[test]
#[should_panic(expected = "room for a slab")]
fn too_little_scratch_is_refused() {
    let conv = convolutions().remove(0);
    let (inputs, results) = conv.per_picture();
    let (x, w, mut y) = (noise(conv.batch * inputs, 1), noise(conv.weights(), 2), vec![0.0; conv.batch * results]);
    let mut scratch = vec![0.0; 200];
    conv.forward(&x, &w, &mut y, &mut scratch, nothing());
}

#[test]
fn rounding_is_the_same_at_any_number_of_threads() {
    for conv in convolutions() {
        let (inputs, results) = conv.per_picture();
        let thirds = |len, seed| noise(len, seed).into_iter().map(|v| v as f32 / 3.0).collect::<Vec<f32>>();
        let (x, w, p) = (thirds(conv.batch * inputs, 1), thirds(conv.weights(), 2), thirds(conv.batch * results, 3));
        let bits = |threads| {
            with_threads(threads, || {
                let mut scratch = vec![0.0; conv.scratch::<f32>(0).max(conv.scratch_by_weights::<f32>())];
                let mut found = [vec![0.0; p.len()], vec![0.0; x.len()], vec![0.0; w.len()]];
                conv.forward(&x, &w, &mut found[0], &mut scratch, nothing());
                conv.by_input(&p, &w, &mut found[1], &mut scratch, nothing());
                conv.by_weights(&x, &p, &mut found[2], &mut scratch);
                found.map(|numbers| numbers.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            })
        };
        let alone = bits(1);
        assert!(bits(2) == alone && bits(3) == alone, "{conv:?}");
    }
}

#[test]
fn a_pool_takes_the_first_largest_and_gives_to_it() {
    for (window, planes) in [
        (window([24, 24], [2, 2], [2, 2], [0, 0]), 60),
        (window([7, 5], [2, 2], [2, 2], [0, 0]), 3),
        (window([9, 8], [3, 2], [2, 1], [1, 1]), 5),
        (window([6, 6], [3, 3], [3, 3], [0, 0]), 4),
    ] {
        let (cells, positions) = (window.plane(), window.positions());
        let mut x = noise(planes * cells, 4);
        x[cells / 2] = f64::NAN;
        let p = noise(planes * positions, 5);
        let (mut largest, mut spread) = (vec![0.0; p.len()], vec![0.0; x.len()]);
        for at in 0..p.len() {
            let (plane, row, column) = (at / positions, at % positions / window.output[1], at % window.output[1]);
            let mut best: Option<usize> = None;
            for (i, j) in (0..window.kernel[0]).flat_map(|i| (0..window.kernel[1]).map(move |j| (i, j))) {
                let Some((y, z)) = window.cell(0, row, i).zip(window.cell(1, column, j)) else { continue };
                let cell = plane * cells + y * window.input[1] + z;
                if best.is_none_or(|best| x[cell] > x[best] || (x[cell].is_nan() && !x[best].is_nan())) {
                    best = Some(cell);
                }
            }
            largest[at] = x[best.unwrap()];
            spread[best.unwrap()] += p[at];
        }
        let (mut found, mut given, mut picked) = (vec![1.0; p.len()], vec![1.0; x.len()], vec![1.0; p.len()]);
        window.max(&x, &mut found);
        let mut scratch = vec![0.0; window.spread_scratch(x.len(), ROOM)];
        let finish = Finish { room: ROOM, work: &double_and_count };
        window.spread_largest(&x, &p, &mut given, &mut scratch, finish);
        double_and_count(0, &mut spread, &mut [0.0; ROOM]);
        window.pick_largest(&x, &x, &mut picked);
        let bits = |numbers: &[f64]| numbers.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&found), bits(&largest), "{window:?}");
        assert_eq!(bits(&picked), bits(&largest), "{window:?}");
        assert_eq!(given, spread, "{window:?}");
    }
}
