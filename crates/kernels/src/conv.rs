//! Convolution in two dimensions, its two adjoints, and the maximum over windows.
//!
//! A convolution is a matrix product once the cells under each position of the kernel stand in a column. Only a block
//! of positions is unfolded at a time, so the columns stay in the cache and their room is bounded, however large
//! the pictures and the batch. The pictures are divided into pieces that threads share. Pieces and blocks depend on
//! sizes alone, and sums over them are added in their order: the bits are the same at any number of threads.

use crate::team::{for_each_chunk, for_each_pair};
use crate::{MatRef, Real, gemm, gemm_scratch, simd};
use std::ops::Range;

/// How many numbers of columns are unfolded at a time, if a row of output takes no more: they stay in the cache of a core.
const COLUMNS: usize = 1 << 16;

/// Positions that make a product wide enough; pictures of fewer are put side by side.
const WIDE: usize = 256;

/// Into how many pieces a batch is divided: no more threads help.
const PIECES: usize = 16;

/// No more numbers are kept for the sums of all pieces.
const SUMS: usize = 1 << 22;

/// Planes of fewer numbers together are looked through on one thread.
const SHARED: usize = 1 << 14;

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

    /// The positions along `axis` at which a cell of the kernel lies in the plane.
    fn inside(&self, axis: usize, cell: usize) -> Range<usize> {
        let (stride, padding, shift) = (self.stride[axis], self.padding[axis], cell * self.dilation[axis]);
        let most = self.output[axis];
        let start = padding.saturating_sub(shift).div_ceil(stride).min(most);
        let end = (padding + self.input[axis]).saturating_sub(shift).div_ceil(stride).min(most);
        start..end.max(start)
    }

    /// The index in the plane, along `axis`, of the first cell that a cell of the kernel sees inside it.
    fn first(&self, axis: usize, inside: &Range<usize>, cell: usize) -> usize {
        inside.start * self.stride[axis] + cell * self.dilation[axis] - self.padding[axis]
    }

    fn plane(&self) -> usize {
        self.input[0] * self.input[1]
    }

    fn positions(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// The first cell of the plane, along `axis`, that the kernel sees at a position, and how many it sees.
    fn seen(&self, axis: usize, position: usize) -> (usize, usize) {
        let cells = (0..self.kernel[axis]).filter_map(|cell| self.cell(axis, position, cell));
        cells.fold((usize::MAX, 0), |(first, count), at| (first.min(at), count + 1))
    }

    /// Calls `visit` with each position of a plane and the first largest cell under it; NaN is largest.
    #[inline]
    fn largest<T: Real>(&self, x: &[T], mut visit: impl FnMut(usize, usize)) {
        let (width, line) = (self.output[1], self.dilation[0] * self.input[1]);
        // Where the whole kernel lies in the plane along the width, its place follows from that of its first cell.
        let inner = self.inside(1, 0).start..self.inside(1, self.kernel[1] - 1).end;
        let inner = if inner.is_empty() { width..width } else { inner };
        for row in 0..self.output[0] {
            let (top, high) = self.seen(0, row);
            let mut at = |column: usize, left: usize, wide: usize| {
                if high > 0 && wide > 0 {
                    let first = top * self.input[1] + left;
                    visit(row * width + column, largest_of(x, first, [high, wide], [line, self.dilation[1]]));
                }
            };
            for column in (0..inner.start).chain(inner.end..width) {
                let (left, wide) = self.seen(1, column);
                at(column, left, wide);
            }
            for column in inner.clone() {
                at(column, column * self.stride[1] - self.padding[1], self.kernel[1]);
            }
        }
    }

    /// `out` at each position = the largest cell of `x` under it.
    pub fn max<T: Real>(&self, x: &[T], out: &mut [T]) {
        self.by_planes(
            out,
            self.positions(),
            #[inline(always)]
            |planes, out| {
                for (plane, out) in planes.zip(out.chunks_exact_mut(self.positions())) {
                    let x = &x[plane * self.plane()..(plane + 1) * self.plane()];
                    if self.halves() {
                        let lines = x.chunks_exact(2 * self.input[1]).zip(out.chunks_exact_mut(self.output[1].max(1)));
                        for (lines, out) in lines {
                            out.iter_mut().zip(quads(lines, self.input[1])).for_each(|(out, cells)| *out = most(cells));
                        }
                    } else {
                        self.largest(x, |position, cell| out[position] = x[cell]);
                    }
                }
            },
        );
    }

    /// `out` at each position = `from` at the first largest cell of `by` under it.
    pub fn pick_largest<T: Real>(&self, by: &[T], from: &[T], out: &mut [T]) {
        self.by_planes(
            out,
            self.positions(),
            #[inline(always)]
            |planes, out| {
                for (at, out) in planes.zip(out.chunks_exact_mut(self.positions())) {
                    let plane = at * self.plane()..(at + 1) * self.plane();
                    let from = &from[plane.clone()];
                    self.largest(&by[plane], |position, cell| out[position] = from[cell]);
                }
            },
        );
    }

    /// Adds `from` at each position into zeros, at the first largest cell of `by` under it.
    pub fn spread_largest<T: Real>(&self, by: &[T], from: &[T], out: &mut [T]) {
        let [cells, positions] = [self.plane(), self.positions()];
        self.by_planes(
            out,
            cells,
            #[inline(always)]
            |planes, out| {
                out.fill(T::ZERO);
                for (at, out) in planes.zip(out.chunks_exact_mut(cells)) {
                    let from = &from[at * positions..(at + 1) * positions];
                    let by = &by[at * cells..(at + 1) * cells];
                    if self.halves() {
                        self.spread_quads(by, from, out);
                    } else {
                        self.largest(by, |position, cell| out[cell] += from[position]);
                    }
                }
            },
        );
    }

    /// Whether windows of two by two stand side by side, which most pools are.
    fn halves(&self) -> bool {
        [self.kernel, self.stride] == [[2, 2]; 2] && [self.padding, self.dilation] == [[0, 0], [1, 1]]
    }

    /// [`Window::spread_largest`] in one plane where windows of two by two stand side by side.
    #[inline(always)]
    fn spread_quads<T: Real>(&self, by: &[T], from: &[T], out: &mut [T]) {
        let (wide, width) = (self.input[1], self.output[1].max(1));
        let lines = by.chunks_exact(2 * wide).zip(out.chunks_exact_mut(2 * wide));
        for ((by, out), from) in lines.zip(from.chunks_exact(width)) {
            let (upper, lower) = out.split_at_mut(wide);
            let out = upper.as_chunks_mut::<2>().0.iter_mut().zip(lower.as_chunks_mut::<2>().0);
            for (((upper, lower), &value), cells) in out.zip(from).zip(quads(by, wide)) {
                let largest = most(cells);
                let mut is_free = true;
                let mut place = |cell: T| {
                    let is_first = is_free & ((cell == largest) | (is_nan(cell) & is_nan(largest)));
                    is_free &= !is_first;
                    if is_first { value } else { T::ZERO }
                };
                *upper = [place(cells[0]), place(cells[1])];
                *lower = [place(cells[2]), place(cells[3])];
            }
        }
    }

    /// Hands out planes of `out`, of `size` numbers each.
    fn by_planes<T: Real>(&self, out: &mut [T], size: usize, work: impl Fn(Range<usize>, &mut [T]) + Sync) {
        let Some(planes) = out.len().checked_div(size).filter(|&planes| planes > 0) else { return };
        let each = SHARED.div_ceil(self.plane().max(1)).clamp(1, planes).max(planes.div_ceil(PIECES));
        for_each_chunk(out, each * size, usize::MAX, &|_, number, out| {
            let planes = number * each..number * each + out.len() / size;
            simd(
                #[inline(always)]
                || work(planes, out),
            );
        });
    }
}

/// The windows of two by two that stand side by side in two lines of `wide` numbers: upper left, upper right, lower left,
/// lower right.
#[inline(always)]
fn quads<T: Real>(lines: &[T], wide: usize) -> impl Iterator<Item = [T; 4]> {
    let (upper, lower) = lines.split_at(wide);
    let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
    pairs.map(|(upper, lower)| [upper[0], upper[1], lower[0], lower[1]])
}

/// The largest; NaN if there is one.
#[inline(always)]
fn most<T: Real>([a, b, c, d]: [T; 4]) -> T {
    let larger = |a: T, b: T| if (b > a) | is_nan(b) { b } else { a };
    larger(larger(a, b), larger(c, d))
}

#[inline(always)]
fn is_nan<T: Real>(value: T) -> bool {
    value.partial_cmp(&value).is_none()
}

/// The place of the first largest of `high` times `wide` cells, or of the first NaN, if there is one.
#[inline]
fn largest_of<T: Real>(x: &[T], first: usize, [high, wide]: [usize; 2], [down, across]: [usize; 2]) -> usize {
    let (mut best, mut value) = (first, x[first]);
    for i in 0..high {
        for j in 0..wide {
            let at = first + i * down + j * across;
            let new = x[at];
            // Without branches, which could not be foreseen.
            let is_larger = (new > value) | (is_nan(new) & !is_nan(value));
            best = if is_larger { at } else { best };
            value = if is_larger { new } else { value };
        }
    }
    best
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

/// Positions that are unfolded at a time: rows of output of pictures that follow one another, in one group.
struct Block {
    group: usize,
    pictures: Range<usize>,
    rows: Range<usize>,
}

/// What one cell of the kernel sees in one picture, along the rows of a block.
struct View {
    /// Its place in the columns.
    run: Range<usize>,
    /// The rows, counted from the first of the block, at which it sees something.
    rows: Range<usize>,
    /// The positions along such a row at which it does.
    columns: Range<usize>,
    /// The place in the pictures of the first cell that it sees.
    first: usize,
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

    /// Numbers of the input, and of the result, for a picture.
    fn per_picture(&self) -> (usize, usize) {
        (self.channels * self.window.plane(), self.outputs * self.window.positions())
    }

    fn weights(&self) -> usize {
        self.outputs * self.depth()
    }

    /// Pictures of a piece.
    fn piece(&self) -> usize {
        self.batch.div_ceil(PIECES).max(1)
    }

    /// Pictures of a piece where each has its own sums of the weights.
    fn summed_piece(&self) -> usize {
        let pieces = (SUMS / self.weights().max(1)).clamp(1, PIECES);
        self.batch.div_ceil(pieces).max(1)
    }

    /// Pictures and rows of a block.
    fn block(&self) -> (usize, usize) {
        let row = (self.depth() * self.window.output[1]).max(1);
        let (height, positions) = (self.window.output[0].max(1), self.window.positions().max(1));
        match COLUMNS / (row * height) {
            0 => (1, (COLUMNS / row).clamp(1, height)),
            most => (WIDE.div_ceil(positions).min(most), height),
        }
    }

    /// Room for the columns of a block and for its results.
    fn room(&self) -> (usize, usize) {
        let (pictures, rows) = self.block();
        let width = pictures * rows * self.window.output[1];
        (self.depth() * width, self.per_group().1 * width)
    }

    /// Room that a piece needs beside its sums.
    fn lane<T: Real>(&self) -> usize {
        let (columns, results) = self.room();
        let (m, k) = (self.per_group().1, self.depth());
        let product = |width: usize| {
            gemm_scratch::<T>(m, k, width).max(gemm_scratch::<T>(k, m, width)).max(gemm_scratch::<T>(k, width, m))
        };
        // The last block of a picture or of a piece is smaller, and may be planned otherwise.
        let (pictures, rows) = self.block();
        let rest = self.window.output[0] % rows;
        let widths = (1..=pictures).map(|count| count * rows).chain([rest]);
        columns + results + widths.map(|rows| product(rows * self.window.output[1])).max().unwrap_or(0)
    }

    /// Numbers of scratch that [`Conv::forward`] and [`Conv::by_input`] need.
    pub fn scratch<T: Real>(&self) -> usize {
        self.batch.div_ceil(self.piece()) * self.lane::<T>()
    }

    /// Numbers of scratch that [`Conv::by_weights`] needs.
    pub fn scratch_by_weights<T: Real>(&self) -> usize {
        self.batch.div_ceil(self.summed_piece()) * (self.lane::<T>() + self.weights())
    }

    /// All blocks of these pictures, group by group, picture by picture, from the first row of output to the last.
    fn blocks(&self, pictures: Range<usize>, mut visit: impl FnMut(Block)) {
        let (together, rows) = self.block();
        for group in 0..self.groups {
            for first in pictures.clone().step_by(together) {
                for top in (0..self.window.output[0]).step_by(rows) {
                    visit(Block {
                        group,
                        pictures: first..(first + together).min(pictures.end),
                        rows: top..(top + rows).min(self.window.output[0]),
                    });
                }
            }
        }
    }

    /// Positions of a block.
    fn width(&self, block: &Block) -> usize {
        block.pictures.len() * block.rows.len() * self.window.output[1]
    }

    /// Calls `visit` for what each cell of the kernel sees in each picture of the block; `x` begins with picture `from`.
    #[inline]
    fn views(&self, block: &Block, from: usize, mut visit: impl FnMut(View)) {
        let (window, channels) = (&self.window, self.per_group().0);
        let len = block.rows.len() * window.output[1];
        let mut at = 0;
        for channel in block.group * channels..(block.group + 1) * channels {
            for i in 0..window.kernel[0] {
                let inside = window.inside(0, i);
                let rows = inside.start.clamp(block.rows.start, block.rows.end)
                    ..inside.end.clamp(block.rows.start, block.rows.end);
                for j in 0..window.kernel[1] {
                    let columns = window.inside(1, j);
                    let is_seen = !rows.is_empty() && !columns.is_empty();
                    let first = if is_seen {
                        window.first(0, &rows, i) * window.input[1] + window.first(1, &columns, j)
                    } else {
                        0
                    };
                    for picture in block.pictures.clone() {
                        let plane = ((picture - from) * self.channels + channel) * window.plane();
                        visit(View {
                            run: at..at + len,
                            rows: if is_seen {
                                rows.start - block.rows.start..rows.end - block.rows.start
                            } else {
                                0..0
                            },
                            columns: columns.clone(),
                            first: plane + first,
                        });
                        at += len;
                    }
                }
            }
        }
    }

    /// `columns[(channel, i, j), (picture, row, position)]` = the cell that the kernel's cell `(i, j)` sees there.
    fn unfold<T: Real>(&self, block: &Block, x: &[T], columns: &mut [T]) {
        let [width, stride] = [self.window.output[1], self.window.stride[1]];
        let line = self.window.stride[0] * self.window.input[1];
        self.views(block, 0, |view| {
            let run = &mut columns[view.run];
            if view.rows.len() * view.columns.len() < run.len() {
                run.fill(T::ZERO);
            }
            let mut first = view.first;
            for row in view.rows {
                let run = &mut run[row * width..][view.columns.clone()];
                if stride == 1 {
                    copy_short(&x[first..first + run.len()], run);
                } else {
                    run.iter_mut().zip(x[first..].iter().step_by(stride)).for_each(|(c, &v)| *c = v);
                }
                first += line;
            }
        });
    }

    /// Adds each number of the columns to the cell of `x` that it was unfolded from; `x` begins with picture `from`.
    fn fold<T: Real>(&self, block: &Block, columns: &[T], from: usize, x: &mut [T]) {
        let [width, stride] = [self.window.output[1], self.window.stride[1]];
        let line = self.window.stride[0] * self.window.input[1];
        self.views(block, from, |view| {
            let run = &columns[view.run];
            let mut first = view.first;
            for row in view.rows {
                let run = &run[row * width..][view.columns.clone()];
                if stride == 1 {
                    add_short(run, &mut x[first..first + run.len()]);
                } else {
                    x[first..].iter_mut().step_by(stride).zip(run).for_each(|(v, &c)| *v += c);
                }
                first += line;
            }
        });
    }

    /// The runs of a block's results in `y`, which begins with picture `from`, in the order of a block.
    fn results(&self, block: &Block, from: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let (outputs, all, positions) = (self.per_group().1, self.outputs, self.window.positions());
        let (start, len) = (block.rows.start * self.window.output[1], block.rows.len() * self.window.output[1]);
        let (group, pictures) = (block.group * outputs, block.pictures.start - from..block.pictures.end - from);
        (group..group + outputs)
            .flat_map(move |output| pictures.clone().map(move |picture| picture * all + output))
            .map(move |plane| plane * positions + start..plane * positions + start + len)
    }

    /// The block's numbers of `y`, `[outputs, positions]`: as they lie, or put together in `room` if they are of more
    /// than one picture.
    fn gathered<'y, T: Real>(&self, block: &Block, y: &'y [T], room: &'y mut [T]) -> MatRef<'y, T> {
        let (outputs, width) = (self.per_group().1, self.width(block));
        if block.pictures.len() == 1 {
            let first = (block.pictures.start * self.outputs + block.group * outputs) * self.window.positions();
            let first = first + block.rows.start * self.window.output[1];
            let stride = self.window.positions();
            return MatRef::strided(&y[first..first + (outputs - 1) * stride + width], outputs, width, stride);
        }
        let len = (block.rows.len() * self.window.output[1]).max(1);
        room.chunks_exact_mut(len).zip(self.results(block, 0)).for_each(|(run, at)| run.copy_from_slice(&y[at]));
        MatRef::new(room, outputs, width)
    }

    /// Cuts a lane into columns and results of a block, and what is left for the product.
    fn cut<'s, T>(&self, block: &Block, lane: &'s mut [T]) -> (&'s mut [T], &'s mut [T], &'s mut [T]) {
        let (columns, results) = self.room();
        let width = self.width(block);
        let (left, rest) = lane.split_at_mut(columns);
        let (middle, rest) = rest.split_at_mut(results);
        (&mut left[..self.depth() * width], &mut middle[..self.per_group().1 * width], rest)
    }

    /// The weights of a group.
    fn group<'w, T: Real>(&self, w: &'w [T], group: usize) -> MatRef<'w, T> {
        let len = self.per_group().1 * self.depth();
        MatRef::new(&w[group * len..(group + 1) * len], self.per_group().1, self.depth())
    }

    /// Hands out pieces of `out`, of `size` numbers for a picture, each with a lane of scratch.
    fn by_pieces<T: Real>(
        &self,
        out: &mut [T],
        size: usize,
        scratch: &mut [T],
        work: impl Fn(Range<usize>, &mut [T], &mut [T]) + Sync,
    ) {
        let piece = self.piece();
        for_each_pair(out, piece * size, scratch, self.lane::<T>(), |number, out, lane| {
            work(number * piece..((number + 1) * piece).min(self.batch), out, lane);
        });
    }

    /// `y[b, o, p, q] = Σ w[o, c, i, j] · x[b, c, p·stride + i·dilation − padding, q·…]`, zero outside `x`.
    pub fn forward<T: Real>(&self, x: &[T], w: &[T], y: &mut [T], scratch: &mut [T]) {
        self.by_pieces(y, self.per_picture().1, scratch, |pictures, y, lane| {
            self.blocks(pictures.clone(), |block| {
                let (columns, results, rest) = self.cut(&block, lane);
                let width = self.width(&block);
                self.unfold(&block, x, columns);
                let (w, columns) = (self.group(w, block.group), MatRef::new(columns, self.depth(), width));
                gemm(T::ONE, w, columns, T::ZERO, results, rest);
                let len = (block.rows.len() * self.window.output[1]).max(1);
                let runs = results.chunks_exact(len).zip(self.results(&block, pictures.start));
                runs.for_each(|(run, at)| y[at].copy_from_slice(run));
            });
        });
    }

    /// The adjoint by the input: what each cell of `x` receives from the pile `p` on `y`.
    pub fn by_input<T: Real>(&self, p: &[T], w: &[T], x: &mut [T], scratch: &mut [T]) {
        self.by_pieces(x, self.per_picture().0, scratch, |pictures, x, lane| {
            x.fill(T::ZERO);
            self.blocks(pictures.clone(), |block| {
                let (columns, results, rest) = self.cut(&block, lane);
                let results = self.gathered(&block, p, results);
                gemm(T::ONE, self.group(w, block.group).transposed(), results, T::ZERO, columns, rest);
                self.fold(&block, columns, pictures.start, x);
            });
        });
    }

    /// The adjoint by the weights: what each weight receives from the pile `p` on `y`.
    pub fn by_weights<T: Real>(&self, x: &[T], p: &[T], w: &mut [T], scratch: &mut [T]) {
        let (piece, weights, depth) = (self.summed_piece(), self.weights(), self.depth());
        let lane = self.lane::<T>() + weights;
        let outputs = self.per_group().1;
        let used = self.batch.div_ceil(piece) * lane;
        for_each_chunk(&mut scratch[..used], lane, usize::MAX, &|_, number, lane| {
            let (sums, lane) = lane.split_at_mut(weights);
            sums.fill(T::ZERO);
            self.blocks(number * piece..((number + 1) * piece).min(self.batch), |block| {
                let (columns, results, rest) = self.cut(&block, lane);
                let width = self.width(&block);
                let results = self.gathered(&block, p, results);
                self.unfold(&block, x, columns);
                let columns = MatRef::new(columns, depth, width);
                let sums = &mut sums[block.group * outputs * depth..(block.group + 1) * outputs * depth];
                // The transpose of what is wanted: only the results, which are fewer than the columns, are turned.
                gemm(T::ONE, columns, results.transposed(), T::ONE, sums, rest);
            });
        });
        for (at, w) in w.iter_mut().enumerate() {
            let (output, cell) = (at / depth, at % depth);
            let place = output / outputs * outputs * depth + cell * outputs + output % outputs;
            *w = scratch[..used].chunks_exact(lane.max(1)).map(|lane| lane[place]).sum();
        }
    }
}

/// Copies a few numbers. Runs of output are short, and a call of the system's copy takes longer than they do.
#[inline]
fn copy_short<T: Copy>(from: &[T], to: &mut [T]) {
    if let (Some(last), Some(place)) = (from.last_chunk::<8>(), to.last_chunk_mut::<8>()) {
        // What is left over by eights is copied once more with what is before it.
        *place = *last;
        let chunks = to.as_chunks_mut::<8>().0.iter_mut().zip(from.as_chunks::<8>().0);
        chunks.for_each(|(to, from)| *to = *from);
    } else {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }
}

/// Adds a few numbers.
#[inline]
fn add_short<T: Real>(from: &[T], to: &mut [T]) {
    let (from, from_rest) = from.as_chunks::<8>();
    let (to, to_rest) = to.as_chunks_mut::<8>();
    for (to, from) in to.iter_mut().zip(from) {
        to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
    }
    to_rest.iter_mut().zip(from_rest).for_each(|(to, &from)| *to += from);
}

#[cfg(test)]
mod tests {
    use super::*;
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
        ]
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
            for threads in 1..4 {
                with_threads(threads, || {
                    let mut scratch = vec![f64::NAN; conv.scratch::<f64>().max(conv.scratch_by_weights::<f64>())];
                    let mut found = [vec![f64::NAN; p.len()], vec![f64::NAN; x.len()], vec![f64::NAN; w.len()]];
                    conv.forward(&x, &w, &mut found[0], &mut scratch);
                    conv.by_input(&p, &w, &mut found[1], &mut scratch);
                    conv.by_weights(&x, &p, &mut found[2], &mut scratch);
                    // Whole numbers are added without rounding, in any order.
                    assert!(found == expected, "{conv:?} on {threads} threads");
                });
            }
        }
    }

    #[test]
    fn rounding_is_the_same_at_any_number_of_threads() {
        for conv in convolutions() {
            let (inputs, results) = conv.per_picture();
            let thirds = |len, seed| noise(len, seed).into_iter().map(|v| v as f32 / 3.0).collect::<Vec<f32>>();
            let (x, w, p) =
                (thirds(conv.batch * inputs, 1), thirds(conv.weights(), 2), thirds(conv.batch * results, 3));
            let bits = |threads| {
                with_threads(threads, || {
                    let mut scratch = vec![0.0; conv.scratch::<f32>().max(conv.scratch_by_weights::<f32>())];
                    let mut found = [vec![0.0; p.len()], vec![0.0; x.len()], vec![0.0; w.len()]];
                    conv.forward(&x, &w, &mut found[0], &mut scratch);
                    conv.by_input(&p, &w, &mut found[1], &mut scratch);
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
            window.spread_largest(&x, &p, &mut given);
            window.pick_largest(&x, &x, &mut picked);
            let bits = |numbers: &[f64]| numbers.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&found), bits(&largest), "{window:?}");
            assert_eq!(bits(&picked), bits(&largest), "{window:?}");
            assert_eq!(given, spread, "{window:?}");
        }
    }
}
