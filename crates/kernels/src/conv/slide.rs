//! Convolution with a kernel that goes from cell to cell (stride 1): products over the picture as it lies.
//!
//! Rows of a picture are copied once, with their padding, into a slab; the tiles read it at the distance of each cell of
//! the kernel. Positions are counted along whole padded rows, so a few of them, at the end of each row, are computed for
//! nothing. The adjoint by the input is such a convolution as well, of the pile, with channels and outputs changed for
//! each other and the kernel turned around.
#![expect(unsafe_code, reason = "tiles take addresses; the slabs that they read are cut and measured here")]

use super::tile::{CELLS, Cells, Results, Weights};
use super::{Conv, Finish, PIECES, SUMS, Window};
use crate::gemm::machine::Machine;
use crate::gemm::pack;
use crate::prefetch::prefetch_part;
use crate::team::{self, Shared};
use crate::{MatRef, Real, simd};
use std::ops::Range;

/// About how many numbers a slab holds, and the sums or piles beside it: what stays in the second-level cache.
const SLAB: usize = 1 << 16;

/// The most numbers that the cells under one row of output may take.
const MOST: usize = 4 * SLAB;

/// Positions whose piles stay in the first-level cache while all cells pass by.
const POSITIONS: usize = 128;

/// A convolution of stride 1, from the side of the picture that is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slide {
    conv: Conv,
    machine: Machine,
    lanes: usize,
    vectors: usize,
    /// Rows of a tile.
    rows: usize,
    /// Rows of output whose cells are in a slab.
    height: usize,
}

impl Slide {
    /// If the kernel goes from cell to cell, and what it sees of a row of output is not too much for a slab.
    pub(super) fn new<T: Real>(conv: Conv) -> Option<Self> {
        Self::on::<T>(Machine::best(), conv)
    }

    /// [`Slide::new`] with the instructions of `machine`.
    pub(super) fn on<T: Real>(machine: Machine, conv: Conv) -> Option<Self> {
        let Conv { batch, channels, outputs, window, .. } = conv;
        let sizes = [batch, channels, outputs, window.plane(), window.positions(), window.kernel[0], window.kernel[1]];
        if window.stride != [1, 1] || sizes.contains(&0) {
            return None;
        }
        let (channels, outputs) = conv.per_group();
        let lanes = machine.lanes::<T>();
        let (rows, vectors) = Results::<T>::shape(machine, outputs);
        let slide = Self { conv, machine, lanes, vectors, rows, height: 1 };
        let line = window.output[1].checked_add(slide.reach(1))?;
        // A row of a slab, and of the sums or piles beside it.
        let row = channels.max(outputs.next_multiple_of(lanes.max(rows))).checked_mul(line)?;
        if row.checked_mul(slide.reach(0).checked_add(1)?)? > MOST {
            return None;
        }
        Some(Self { height: (SLAB / row).saturating_sub(slide.reach(0)).clamp(1, window.output[0]), ..slide })
    }

    /// The adjoint by the input as a convolution of the piles, if its padding is not below 0.
    pub(super) fn turned<T: Real>(conv: Conv) -> Option<Self> {
        let Conv { batch, channels, outputs, groups, window } = conv;
        let span = |axis: usize| window.kernel[axis].saturating_sub(1) * window.dilation[axis];
        let padding = [span(0).checked_sub(window.padding[0])?, span(1).checked_sub(window.padding[1])?];
        let window = Window { input: window.output, output: window.input, padding, ..window };
        Self::new::<T>(Conv { batch, channels: outputs, outputs: channels, groups, window })
    }

    /// Cells from the first to the last that a kernel sees along an axis.
    fn reach(&self, axis: usize) -> usize {
        (self.conv.window.kernel[axis] - 1) * self.conv.window.dilation[axis]
    }

    /// Cells of a padded row.
    fn line(&self) -> usize {
        self.conv.window.output[1] + self.reach(1)
    }

    /// Cells of a channel in a slab.
    fn plane(&self) -> usize {
        (self.height + self.reach(0)) * self.line()
    }

    /// Columns of a tile.
    fn width(&self) -> usize {
        self.vectors * self.lanes
    }

    /// Numbers of a slab; the last tiles look beyond the last cell.
    fn slab(&self) -> usize {
        self.conv.per_group().0 * self.plane() + self.width()
    }

    fn bands(&self) -> usize {
        self.conv.per_group().1.div_ceil(self.rows)
    }

    /// Numbers from an output's sums to the next, for the positions of a slab.
    fn sums_row(&self) -> usize {
        (self.height * self.line()).next_multiple_of(self.width())
    }

    /// Numbers of the weights in the order of the tiles.
    fn packed(&self) -> usize {
        self.conv.groups * self.bands() * self.rows * self.conv.depth()
    }

    fn lane(&self) -> usize {
        self.slab() + self.bands() * self.rows * self.sums_row()
    }

    /// Outputs with what fills their vectors.
    fn outputs_row(&self) -> usize {
        self.conv.per_group().1.next_multiple_of(self.lanes)
    }

    /// Sums of the weights of all groups, `[group, cell, output]`, with what fills the tiles.
    fn weight_sums(&self) -> usize {
        self.conv.groups * self.conv.depth().next_multiple_of(CELLS) * self.outputs_row()
    }

    /// Pictures of a piece that has its own sums of the weights.
    fn summed_piece(&self) -> usize {
        let pieces = (SUMS / self.weight_sums()).clamp(1, PIECES);
        self.conv.batch.div_ceil(pieces)
    }

    fn weights_lane(&self) -> usize {
        self.slab() + self.height * self.conv.window.output[1] * self.outputs_row()
    }

    /// Numbers of scratch that [`Slide::run`] needs.
    pub(super) fn scratch(&self, room: usize) -> usize {
        let workers = team::threads().min(self.conv.batch.div_ceil(self.conv.piece())).max(1);
        self.packed() + workers * (self.lane() + room)
    }

    /// Numbers of scratch that [`Slide::by_weights`] needs.
    pub(super) fn scratch_by_weights(&self) -> usize {
        let pieces = self.conv.batch.div_ceil(self.summed_piece());
        pieces * self.weight_sums() + team::threads().min(pieces).max(1) * self.weights_lane()
    }

    /// The cells of a slab.
    fn cells(&self) -> Cells {
        let Window { kernel, dilation, .. } = self.conv.window;
        Cells {
            channels: self.conv.per_group().0,
            kernel,
            plane: self.plane(),
            line: dilation[0] * self.line(),
            step: dilation[1],
        }
    }

    /// Copies what the rows `top..` of output see of a group of a picture into a slab, whose padding at the sides is 0.
    fn fill<T: Real>(&self, x: &[T], picture: usize, group: usize, top: usize, slab: &mut [T]) {
        let Window { input: [height, width], padding, .. } = self.conv.window;
        let (channels, line) = (self.conv.per_group().0, self.line());
        let first = (picture * self.conv.channels + group * channels) * height * width;
        let planes = x[first..].chunks_exact(height * width);
        for (plane, slab) in planes.zip(slab.chunks_exact_mut(self.plane()).take(channels)) {
            for (row, out) in slab.chunks_exact_mut(line).enumerate() {
                let out = &mut out[padding[1]..padding[1] + width];
                match (top + row).checked_sub(padding[0]).filter(|row| *row < height) {
                    Some(row) => super::copy_short(&plane[row * width..(row + 1) * width], out),
                    None => out.fill(T::ZERO),
                }
            }
        }
    }

    /// Writes the weights `[output, channel, i, j]` in the order of the tiles; `weight(group, output, channel, cell)` is
    /// one of them.
    fn pack<T: Real>(&self, out: &mut [T], weight: impl Fn(usize, usize, usize, usize) -> T) {
        let (channels, outputs) = self.conv.per_group();
        let cells = self.conv.depth() / channels;
        let mut places = out.iter_mut();
        for group in 0..self.conv.groups {
            for band in 0..self.bands() {
                for cell in 0..channels * cells {
                    for (row, place) in (0..self.rows).zip(&mut places) {
                        let output = band * self.rows + row;
                        *place =
                            if output < outputs { weight(group, output, cell / cells, cell % cells) } else { T::ZERO };
                    }
                }
            }
        }
    }

    /// The convolution of `x`.
    pub(super) fn forward<T: Real>(&self, x: &[T], w: &[T], y: &mut [T], scratch: &mut [T], finish: Finish<'_, T>) {
        let (channels, outputs) = self.conv.per_group();
        let cells = self.conv.depth() / channels;
        self.run(x, y, scratch, finish, |group, output, channel, cell| {
            w[((group * outputs + output) * channels + channel) * cells + cell]
        });
    }

    /// The adjoint by the input, of [`Slide::turned`]: the convolution of the piles with the kernel turned around.
    pub(super) fn by_input<T: Real>(&self, p: &[T], w: &[T], x: &mut [T], scratch: &mut [T], finish: Finish<'_, T>) {
        // Channels and outputs have changed places here.
        let (channels, outputs) = self.conv.per_group();
        let cells = self.conv.depth() / channels;
        self.run(p, x, scratch, finish, |group, output, channel, cell| {
            w[((group * channels + channel) * outputs + output) * cells + cells - 1 - cell]
        });
    }

    fn run<T: Real>(
        &self,
        x: &[T],
        y: &mut [T],
        scratch: &mut [T],
        finish: Finish<'_, T>,
        weight: impl Fn(usize, usize, usize, usize) -> T,
    ) {
        let (packed, lanes) = scratch.split_at_mut(self.packed());
        self.pack(packed, weight);
        let (packed, piece) = (&*packed, self.conv.piece());
        let of_picture = self.conv.outputs * self.conv.window.positions();
        let (len, y) = (y.len(), Shared(y.as_mut_ptr()));
        assert_eq!(len, self.conv.batch * of_picture, "the results of all pictures");
        let lane = self.lane() + finish.room;
        let (workers, lanes) = (lanes.len() / lane, Shared(lanes.as_mut_ptr()));
        assert!(workers > 0, "room for a slab and its sums");
        team::for_each(self.conv.batch.div_ceil(piece), workers, &|worker, number| {
            // SAFETY: each worker has a lane of its own.
            let lane = unsafe { std::slice::from_raw_parts_mut(lanes.at(worker * lane), lane) };
            let from = number * piece * of_picture;
            // SAFETY: these pictures are this piece's alone, and each piece is done once.
            let y = unsafe { std::slice::from_raw_parts_mut(y.at(from), (piece * of_picture).min(len - from)) };
            let (lane, room) = lane.split_at_mut(self.lane());
            let (slab, sums) = lane.split_at_mut(self.slab());
            slab.fill(T::ZERO);
            for (y, picture) in y.chunks_exact_mut(of_picture).zip(number * piece..) {
                self.picture(x, picture, packed, y, slab, sums);
                (finish.work)(picture * of_picture, y, room);
            }
        });
    }

    /// The results of a picture.
    fn picture<T: Real>(&self, x: &[T], picture: usize, packed: &[T], y: &mut [T], slab: &mut [T], sums: &mut [T]) {
        let [height, width] = self.conv.window.output;
        let outputs = self.conv.per_group().1;
        for (group, y) in y.chunks_exact_mut(outputs * height * width).enumerate() {
            let packed = &packed[group * packed.len() / self.conv.groups..][..packed.len() / self.conv.groups];
            for top in (0..height).step_by(self.height) {
                let rows = top..(top + self.height).min(height);
                self.fill(x, picture, group, top, slab);
                let soon = [self.behind(x, picture, group), &*y];
                self.tiles(packed, slab, rows.len(), sums, soon);
                for (y, sums) in y.chunks_exact_mut(height * width).zip(sums.chunks_exact(self.sums_row())) {
                    let y = y[rows.start * width..rows.end * width].chunks_exact_mut(width);
                    y.zip(sums.chunks_exact(self.line())).for_each(|(y, sums)| super::copy_short(&sums[..width], y));
                }
            }
        }
    }

    /// A group's numbers of the next picture: they are asked for while this one is computed.
    fn behind<'x, T>(&self, x: &'x [T], picture: usize, group: usize) -> &'x [T] {
        let len = x.len() / (self.conv.batch * self.conv.groups);
        let first = ((picture + 1) * self.conv.groups + group) * len;
        x.get(first..first + len).unwrap_or_default()
    }

    /// The sums at all positions of so many rows of a slab.
    fn tiles<T: Real>(&self, packed: &[T], slab: &[T], rows: usize, sums: &mut [T], soon: [&[T]; 2]) {
        let positions = (rows - 1) * self.line() + self.conv.window.output[1];
        assert!(slab.len() == self.slab() && packed.len() == self.bands() * self.rows * self.conv.depth());
        assert!(sums.len() >= self.bands() * self.rows * self.sums_row() && positions <= self.height * self.line());
        let panels = positions.div_ceil(self.width());
        for (panel, at) in (0..positions).step_by(self.width()).enumerate() {
            soon.iter().for_each(|numbers| prefetch_part(numbers, panel, panels));
            let results = Results {
                bands: self.bands(),
                weights: packed.as_ptr(),
                x: slab[at..].as_ptr(),
                cells: self.cells(),
                sums: sums[at..].as_mut_ptr(),
                row: self.sums_row(),
            };
            // SAFETY: the last cell of the last position is in the slab, and the tile's width follows it; the rows of
            // sums are whole tiles wide, and there is one for each row of each band.
            unsafe { T::results(self.machine, self.rows, self.vectors, results) };
        }
    }

    /// The adjoint by the weights: what each receives from the piles `p`.
    pub(super) fn by_weights<T: Real>(&self, x: &[T], p: &[T], w: &mut [T], scratch: &mut [T]) {
        let piece = self.summed_piece();
        let (pieces, of_piece) = (self.conv.batch.div_ceil(piece), self.weight_sums());
        let (sums, lanes) = scratch.split_at_mut(pieces * of_piece);
        let (workers, lane, lanes) =
            (lanes.len() / self.weights_lane(), self.weights_lane(), Shared(lanes.as_mut_ptr()));
        assert!(workers > 0, "room for a slab and its piles");
        team::for_each_chunk(sums, of_piece, workers, &|worker, number, sums| {
            // SAFETY: each worker has a lane of its own.
            let lane = unsafe { std::slice::from_raw_parts_mut(lanes.at(worker * lane), lane) };
            // Zeros for the padding, and for what fills the vectors of outputs.
            lane.fill(T::ZERO);
            sums.fill(T::ZERO);
            for picture in number * piece..((number + 1) * piece).min(self.conv.batch) {
                for (group, sums) in sums.chunks_exact_mut(of_piece / self.conv.groups).enumerate() {
                    self.weigh(x, p, picture, group, lane, sums);
                }
            }
        });
        let (all, others) = sums.split_at_mut(of_piece);
        for piece in others.chunks_exact(of_piece) {
            simd(
                #[inline(always)]
                || all.iter_mut().zip(piece).for_each(|(sum, &more)| *sum += more),
            );
        }
        let (depth, outputs, row) = (self.conv.depth(), self.conv.per_group().1, self.outputs_row());
        for (group, w) in w.chunks_exact_mut(outputs * depth).enumerate() {
            let of_group = &all[group * (of_piece / self.conv.groups)..];
            for (output, w) in w.chunks_exact_mut(depth).enumerate() {
                w.iter_mut().zip(of_group[output..].iter().step_by(row)).for_each(|(w, &sum)| *w = sum);
            }
        }
    }

    /// Adds what the weights of a group receive from a picture.
    fn weigh<T: Real>(&self, x: &[T], p: &[T], picture: usize, group: usize, lane: &mut [T], sums: &mut [T]) {
        let height = self.conv.window.output[0];
        let (slab, piles) = lane.split_at_mut(self.slab());
        for top in (0..height).step_by(self.height) {
            let rows = top..(top + self.height).min(height);
            self.fill(x, picture, group, top, slab);
            self.turn(p, picture, group, rows.clone(), piles);
            let soon = [self.behind(x, picture, group), self.behind(p, picture, group)];
            let (width, all) = (self.conv.window.output[1], rows.len());
            // Several lines, or a part of one.
            let lines = (POSITIONS / width).max(1);
            let parts = all.div_ceil(lines) * width.div_ceil(POSITIONS);
            let firsts =
                (0..all).step_by(lines).flat_map(|at| (0..width).step_by(POSITIONS).map(move |from| (at, from)));
            for (part, (at, from)) in firsts.enumerate() {
                soon.iter().for_each(|numbers| prefetch_part(numbers, part, parts));
                let columns = from..(from + POSITIONS).min(width);
                self.add(slab, piles, at..(at + lines).min(all), columns, sums);
            }
        }
    }

    /// Turns the piles of some rows of a group's outputs: `piles[position, output]`.
    fn turn<T: Real>(&self, p: &[T], picture: usize, group: usize, rows: Range<usize>, piles: &mut [T]) {
        let [height, width] = self.conv.window.output;
        let (outputs, row) = (self.conv.per_group().1, self.outputs_row());
        let first = (picture * self.conv.outputs + group * outputs) * height * width;
        for (at, out) in rows.zip(piles.chunks_exact_mut(width * row)) {
            let from = first + at * width;
            let p = MatRef::strided(
                &p[from..from + (outputs - 1) * height * width + width],
                outputs,
                width,
                height * width,
            );
            pack::right(p.transposed(), 0..width, 0..outputs, row, out);
        }
    }

    /// Adds what all weights receive at these columns of some lines of a slab; of several lines, at all columns.
    fn add<T: Real>(&self, slab: &[T], piles: &[T], lines: Range<usize>, columns: Range<usize>, sums: &mut [T]) {
        let (row, width) = (self.outputs_row(), self.conv.window.output[1]);
        assert!(slab.len() == self.slab() && lines.end <= self.height && columns.end <= width);
        assert!(lines.len() == 1 || columns.len() == width);
        assert!(piles.len() >= lines.end * width * row);
        assert!(sums.len() >= self.conv.depth().next_multiple_of(CELLS) * row);
        let mut at = 0;
        while at < row {
            let needed = (row - at) / self.lanes;
            let vectors = 1 << needed.min(self.machine.vectors(CELLS)).ilog2();
            let weights = Weights {
                x: slab[lines.start * self.line() + columns.start..].as_ptr(),
                cells: self.cells(),
                positions: [lines.len(), columns.len()],
                line: self.line(),
                piles: piles[(lines.start * width + columns.start) * row + at..].as_ptr(),
                row,
                sums: sums[at..].as_mut_ptr(),
            };
            // SAFETY: the last cell of the last position is in the slab; rows of piles and sums are whole vectors wide.
            unsafe { T::weights(self.machine, vectors, weights) };
            at += vectors * self.lanes;
        }
    }
}
