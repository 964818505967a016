//! Convolution in two dimensions, its two adjoints, and the maximum over windows.
//!
//! A kernel that goes from cell to cell (stride 1) reads the picture as it lies (`slide`, with its tiles in `tile`). Any
//! other is a matrix product once the cells under each position of the kernel stand in a column. Only a block
//! of positions is unfolded at a time, so the columns stay in the cache and their room is bounded, however large
//! the pictures and the batch. The pictures are divided into pieces that threads share. Pieces and blocks depend on
//! sizes alone, and sums over them are added in their order: the bits are the same at any number of threads.

mod pool;
mod slide;
#[cfg(test)]
mod tests;
pub(crate) mod tile;
mod window;

use crate::team::{for_each_chunk, for_each_pair};
use crate::{MatRef, Real, gemm, gemm_scratch};
use slide::Slide;
use std::ops::Range;

pub use window::Window;

/// How many numbers of columns are unfolded at a time, if a row of output takes no more: they stay in the cache of a core.
const COLUMNS: usize = 1 << 16;

/// Positions that make a product wide enough; pictures of fewer are put side by side.
const WIDE: usize = 256;

/// Into how many pieces a batch is divided: no more threads help.
const PIECES: usize = 16;

/// No more numbers are kept for the sums of all pieces.
const SUMS: usize = 1 << 22;

/// Takes the place of a part in a result, the part, and scratch.
pub type PartWork<'f, T> = dyn Fn(usize, &mut [T], &mut [T]) + Sync + 'f;

/// What is done to each part of a result as soon as it is complete, while the cache still has it.
#[derive(Clone, Copy)]
pub struct Finish<'f, T> {
    /// Numbers of scratch that each call is given.
    pub room: usize,
    /// What is done.
    pub work: &'f PartWork<'f, T>,
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

    /// Numbers of scratch that [`Conv::forward`] and [`Conv::by_input`] need, with the room of their [`Finish`].
    pub fn scratch<T: Real>(&self, room: usize) -> usize {
        let unfolded = || self.batch.div_ceil(self.piece()) * (self.lane::<T>() + room);
        let slides = [Slide::new::<T>(*self), Slide::turned::<T>(*self)];
        slides.map(|slide| slide.map_or_else(unfolded, |slide| slide.scratch(room))).into_iter().max().unwrap_or(0)
    }

    /// Numbers of scratch that [`Conv::by_weights`] needs.
    pub fn scratch_by_weights<T: Real>(&self) -> usize {
        if let Some(slide) = Slide::new::<T>(*self) {
            return slide.scratch_by_weights();
        }
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

    /// Hands out pieces of `out`, of `size` numbers for a picture, each with a lane of scratch, and finishes their pictures.
    fn by_pieces<T: Real>(
        &self,
        out: &mut [T],
        size: usize,
        scratch: &mut [T],
        finish: Finish<'_, T>,
        work: impl Fn(Range<usize>, &mut [T], &mut [T]) + Sync,
    ) {
        let (piece, lane) = (self.piece(), self.lane::<T>());
        for_each_pair(out, piece * size, scratch, lane + finish.room, |number, out, scratch| {
            let (lane, room) = scratch.split_at_mut(lane);
            work(number * piece..((number + 1) * piece).min(self.batch), out, lane);
            let pictures = out.chunks_exact_mut(size.max(1)).zip(number * piece..);
            pictures.for_each(|(out, picture)| (finish.work)(picture * size, out, room));
        });
    }

    /// `y[b, o, p, q] = Σ w[o, c, i, j] · x[b, c, p·stride + i·dilation − padding, q·…]`, zero outside `x`; each picture
    /// of `y` is finished when it is complete.
    pub fn forward<T: Real>(&self, x: &[T], w: &[T], y: &mut [T], scratch: &mut [T], finish: Finish<'_, T>) {
        if let Some(slide) = Slide::new::<T>(*self) {
            return slide.forward(x, w, y, scratch, finish);
        }
        self.by_pieces(y, self.per_picture().1, scratch, finish, |pictures, y, lane| {
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

    /// The adjoint by the input: what each cell of `x` receives from the pile `p` on `y`; each picture of `x` is finished
    /// when it is complete.
    pub fn by_input<T: Real>(&self, p: &[T], w: &[T], x: &mut [T], scratch: &mut [T], finish: Finish<'_, T>) {
        if let Some(slide) = Slide::turned::<T>(*self) {
            return slide.by_input(p, w, x, scratch, finish);
        }
        self.by_pieces(x, self.per_picture().0, scratch, finish, |pictures, x, lane| {
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
        if let Some(slide) = Slide::new::<T>(*self) {
            return slide.by_weights(x, p, w, scratch);
        }
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
