//! Convolution in two dimensions, its two adjoints, and the maximum over windows.
//!
//! A convolution is a matrix product once the cells under each position of the kernel stand in a column. Only a block
//! of output rows is unfolded at a time, so the columns stay in the cache and their room is bounded, however large
//! the picture. Blocks depend on sizes alone, and sums over blocks are added in their order.

use crate::{MatRef, Real, gemm, gemm_scratch};
use std::ops::Range;

/// How many numbers of columns are unfolded at a time, if a row of output takes no more.
const COLUMNS: usize = 1 << 17;

/// How a kernel moves over a padded plane. Pairs are height, width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The plane.
    pub input: [usize; 2],
    /// Cells of the kernel.
    pub kernel: [usize; 2],
    /// Positions of the kernel.
    pub output: [usize; 2],
    /// Cells from one position to the next.
    pub stride: [usize; 2],
    /// Cells of padding before, and after, the plane.
    pub padding: [usize; 2],
    /// Cells of the plane from one cell of the kernel to the next.
    pub dilation: [usize; 2],
}

impl Window {
    /// The index in the plane, along `axis`, of a kernel's cell at a position; `None` in the padding.
    #[inline]
    fn cell(&self, axis: usize, position: usize, cell: usize) -> Option<usize> {
        let padded = position * self.stride[axis] + cell * self.dilation[axis];
        padded.checked_sub(self.padding[axis]).filter(|&at| at < self.input[axis])
    }

    /// The positions along the width at which the kernel's cell `j` lies in the plane.
    fn inside(&self, j: usize) -> Range<usize> {
        let (stride, padding, shift) = (self.stride[1], self.padding[1], j * self.dilation[1]);
        let start = padding.saturating_sub(shift).div_ceil(stride).min(self.output[1]);
        let end = (padding + self.input[1]).saturating_sub(shift).div_ceil(stride).min(self.output[1]);
        start..end.max(start)
    }

    fn plane(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Calls `visit` with the place of each run of columns, and the place in the planes of its first number; `None`
    /// where the whole run is padding. A run is what one cell of the kernel sees along one row of output.
    fn runs(&self, channels: usize, rows: &Range<usize>, mut visit: impl FnMut(usize, usize, Option<usize>)) {
        let [height, width] = self.kernel;
        let mut at = 0;
        for channel in 0..channels {
            for (i, j) in (0..height).flat_map(|i| (0..width).map(move |j| (i, j))) {
                for row in rows.clone() {
                    let from = self.cell(0, row, i).map(|y| channel * self.plane() + y * self.input[1]);
                    visit(at, j, from);
                    at += self.output[1];
                }
            }
        }
    }

    /// The first cell that is seen by the kernel's cell `j` inside the plane.
    fn first(&self, inside: &Range<usize>, j: usize) -> usize {
        inside.start * self.stride[1] + j * self.dilation[1] - self.padding[1]
    }

    /// `columns[(channel, i, j), (row, position)]` = the cell that the kernel's cell `(i, j)` sees there.
    fn unfold<T: Real>(&self, x: &[T], channels: usize, rows: &Range<usize>, columns: &mut [T]) {
        self.runs(channels, rows, |at, j, from| {
            let run = &mut columns[at..at + self.output[1]];
            let inside = self.inside(j);
            let Some(from) = from.filter(|_| !inside.is_empty()) else { return run.fill(T::ZERO) };
            run[..inside.start].fill(T::ZERO);
            run[inside.end..].fill(T::ZERO);
            let seen = &x[from + self.first(&inside, j)..];
            let run = &mut run[inside];
            if self.stride[1] == 1 {
                run.copy_from_slice(&seen[..run.len()]);
            } else {
                run.iter_mut().zip(seen.iter().step_by(self.stride[1])).for_each(|(c, &v)| *c = v);
            }
        });
    }

    /// Adds each number of the columns to the cell that it was unfolded from.
    fn fold<T: Real>(&self, columns: &[T], channels: usize, rows: &Range<usize>, x: &mut [T]) {
        self.runs(channels, rows, |at, j, from| {
            let inside = self.inside(j);
            let Some(from) = from.filter(|_| !inside.is_empty()) else { return };
            let seen = &mut x[from + self.first(&inside, j)..];
            let run = &columns[at + inside.start..at + inside.end];
            seen.iter_mut().step_by(self.stride[1]).zip(run).for_each(|(v, &c)| *v += c);
        });
    }

    /// Calls `visit` with each position of each plane and the first largest cell under it; NaN is largest.
    fn largest<T: Real>(&self, x: &[T], mut visit: impl FnMut(usize, usize)) {
        let [rows, width] = self.output;
        for position in 0..x.len().checked_div(self.plane()).unwrap_or(0) * rows * width {
            let (plane, row, column) = (position / (rows * width), position / width % rows, position % width);
            let cells = (0..self.kernel[0]).filter_map(|i| self.cell(0, row, i)).flat_map(|y| {
                let along = (0..self.kernel[1]).filter_map(|j| self.cell(1, column, j));
                along.map(move |x| plane * self.plane() + y * self.input[1] + x)
            });
            let better =
                |best: usize, at: usize| if x[at] > x[best] || (is_nan(x[at]) && !is_nan(x[best])) { at } else { best };
            if let Some(best) = cells.reduce(better) {
                visit(position, best);
            }
        }
    }

    /// `out` at each position = `from` at the first largest cell of `by` under it.
    pub fn pick_largest<T: Real>(&self, by: &[T], from: &[T], out: &mut [T]) {
        self.largest(by, |position, cell| out[position] = from[cell]);
    }

    /// Adds `from` at each position into zeros, at the first largest cell of `by` under it.
    pub fn spread_largest<T: Real>(&self, by: &[T], from: &[T], out: &mut [T]) {
        out.fill(T::ZERO);
        self.largest(by, |position, cell| out[cell] += from[position]);
    }
}

fn is_nan<T: Real>(value: T) -> bool {
    value.to_f64().is_nan()
}

/// The sizes of a convolution: `x[batch, channels, input]`, `w[outputs, channels / groups, kernel]`,
/// `y[batch, outputs, output]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// How many pictures.
    pub batch: usize,
    /// Channels of the input.
    pub channels: usize,
    /// Channels of the result.
    pub outputs: usize,
    /// Into how many parts both kinds of channels fall; each part of the result sees one part of the input.
    pub groups: usize,
    /// How the kernel moves.
    pub window: Window,
}

/// One block of one group of one picture.
struct Part {
    /// Where the picture's channels of this group begin in `x`, and how many numbers they are.
    x: Range<usize>,
    /// The group's weights.
    w: Range<usize>,
    /// Where the picture's channels of this group begin in `y`.
    y: usize,
    /// The rows of output.
    rows: Range<usize>,
    /// Whether it is the first of its group.
    first: bool,
}

impl Conv {
    /// Channels of the input, and of the result, in a group.
    fn per_group(&self) -> (usize, usize) {
        (self.channels / self.groups, self.outputs / self.groups)
    }

    /// Numbers in a column: the cells that one result is made from.
    pub fn depth(&self) -> usize {
        self.per_group().0 * self.window.kernel.iter().product::<usize>()
    }

    fn block(&self) -> usize {
        let row = (self.depth() * self.window.output[1]).max(1);
        (COLUMNS / row).clamp(1, self.window.output[0].max(1))
    }

    /// Room for the columns of a block and for its results.
    fn room(&self) -> (usize, usize) {
        let width = self.block() * self.window.output[1];
        (self.depth() * width, self.per_group().1 * width)
    }

    /// Numbers of scratch that each of the three needs.
    pub fn scratch<T: Real>(&self) -> usize {
        let (columns, results) = self.room();
        let (m, k) = (self.per_group().1, self.depth());
        // A last block of fewer rows may be planned otherwise.
        let rest = self.window.output[0] % self.block();
        let products = [self.block(), rest].map(|rows| {
            let width = rows * self.window.output[1];
            gemm_scratch::<T>(m, k, width).max(gemm_scratch::<T>(k, m, width)).max(gemm_scratch::<T>(m, width, k))
        });
        columns + results + products[0].max(products[1])
    }

    /// All parts, group by group, picture by picture, from the first row of output to the last.
    fn parts(&self, mut visit: impl FnMut(Part)) {
        let (channels, outputs) = self.per_group();
        let (plane, weights) = (self.window.plane(), outputs * self.depth());
        let [height, width] = self.window.output;
        for group in 0..self.groups {
            for picture in 0..self.batch {
                let x = (picture * self.channels + group * channels) * plane;
                for start in (0..height).step_by(self.block()) {
                    visit(Part {
                        x: x..x + channels * plane,
                        w: group * weights..(group + 1) * weights,
                        y: (picture * self.outputs + group * outputs) * height * width,
                        rows: start..(start + self.block()).min(height),
                        first: picture == 0 && start == 0,
                    });
                }
            }
        }
    }

    /// The places in `y` of a part's rows, output channel by output channel.
    fn results(&self, part: &Part) -> impl Iterator<Item = Range<usize>> + use<> {
        let [height, width] = self.window.output;
        let (start, len) = (part.y + part.rows.start * width, part.rows.len() * width);
        (0..self.per_group().1).map(move |output| start + output * height * width).map(move |at| at..at + len)
    }

    /// The part's numbers of `y`, put together.
    fn gather<T: Real>(&self, part: &Part, y: &[T], block: &mut [T]) {
        let len = (part.rows.len() * self.window.output[1]).max(1);
        block.chunks_exact_mut(len).zip(self.results(part)).for_each(|(row, at)| row.copy_from_slice(&y[at]));
    }

    /// Cuts scratch into columns and results of a part, and what is left for the product.
    fn cut<'s, T>(&self, part: &Part, scratch: &'s mut [T]) -> (&'s mut [T], &'s mut [T], &'s mut [T]) {
        let (columns, results) = self.room();
        let width = part.rows.len() * self.window.output[1];
        let (left, rest) = scratch.split_at_mut(columns);
        let (middle, rest) = rest.split_at_mut(results);
        (&mut left[..self.depth() * width], &mut middle[..self.per_group().1 * width], rest)
    }

    /// `y[b, o, p, q] = Σ w[o, c, i, j] · x[b, c, p·stride + i·dilation − padding, q·…]`, zero outside `x`.
    pub fn forward<T: Real>(&self, x: &[T], w: &[T], y: &mut [T], scratch: &mut [T]) {
        let (channels, outputs) = self.per_group();
        self.parts(|part| {
            let (columns, results, rest) = self.cut(&part, scratch);
            let width = part.rows.len() * self.window.output[1];
            self.window.unfold(&x[part.x.clone()], channels, &part.rows, columns);
            let w = MatRef::new(&w[part.w.clone()], outputs, self.depth());
            gemm(T::ONE, w, MatRef::new(columns, self.depth(), width), T::ZERO, results, rest);
            let rows = results.chunks_exact(width.max(1)).zip(self.results(&part));
            rows.for_each(|(row, at)| y[at].copy_from_slice(row));
        });
    }

    /// The adjoint by the input: what each cell of `x` receives from the pile `p` on `y`.
    pub fn by_input<T: Real>(&self, p: &[T], w: &[T], x: &mut [T], scratch: &mut [T]) {
        let (channels, outputs) = self.per_group();
        x.fill(T::ZERO);
        self.parts(|part| {
            let (columns, results, rest) = self.cut(&part, scratch);
            let width = part.rows.len() * self.window.output[1];
            self.gather(&part, p, results);
            let w = MatRef::new(&w[part.w.clone()], outputs, self.depth()).transposed();
            gemm(T::ONE, w, MatRef::new(results, outputs, width), T::ZERO, columns, rest);
            self.window.fold(columns, channels, &part.rows, &mut x[part.x.clone()]);
        });
    }

    /// The adjoint by the weights: what each weight receives from the pile `p` on `y`.
    pub fn by_weights<T: Real>(&self, x: &[T], p: &[T], w: &mut [T], scratch: &mut [T]) {
        let (channels, outputs) = self.per_group();
        if self.batch == 0 {
            w.fill(T::ZERO);
        }
        self.parts(|part| {
            let (columns, results, rest) = self.cut(&part, scratch);
            let width = part.rows.len() * self.window.output[1];
            self.gather(&part, p, results);
            self.window.unfold(&x[part.x.clone()], channels, &part.rows, columns);
            let columns = MatRef::new(columns, self.depth(), width).transposed();
            let kept = if part.first { T::ZERO } else { T::ONE };
            gemm(T::ONE, MatRef::new(results, outputs, width), columns, kept, &mut w[part.w.clone()], rest);
        });
    }
}
