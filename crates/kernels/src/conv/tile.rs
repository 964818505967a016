//! Register tiles of a kernel that goes from cell to cell: they read the picture as it lies, instead of columns that were
//! unfolded from it.
//!
//! In a picture with its padding, what one cell of the kernel sees at neighbouring positions are neighbours too. So a row
//! of the unfolded matrix is a piece of the picture, at a distance that depends on the cell, and the tiles of a matrix
//! product serve here with these distances instead of a step. Each sum is one chain in the order of the cells (or of the
//! positions), so its bits do not depend on where in a tile it lies.
#![expect(unsafe_code, reason = "as in the tiles of the product: bounds are checked once, in `slide`")]

use crate::Real;
use crate::gemm::machine::{Job, Machine};
use crate::gemm::tile::multiply_add;
use pulp::Simd;
use std::array::from_fn;

/// The most cells of a tile of weights' gradients; the others divide it.
pub(super) const CELLS: usize = 12;

/// Where the cells under a kernel lie, from the first one: channel by channel, row by row, cell by cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cells {
    pub(super) channels: usize,
    pub(super) kernel: [usize; 2],
    /// From a channel to the next.
    pub(super) plane: usize,
    /// From a row of the kernel to the next.
    pub(super) line: usize,
    /// From a cell of the kernel to the next.
    pub(super) step: usize,
}

impl Cells {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.channels * self.kernel[0] * self.kernel[1]
    }

    /// The place of the cell `[channel, row, column]`, and the cell behind it.
    #[inline(always)]
    fn next(&self, [channel, i, j]: [usize; 3]) -> (usize, [usize; 3]) {
        let place = channel * self.plane + i * self.line + j * self.step;
        let next = match [j + 1 < self.kernel[1], i + 1 < self.kernel[0]] {
            [true, _] => [channel, i, j + 1],
            [false, true] => [channel, i + 1, 0],
            [false, false] => [channel + 1, 0, 0],
        };
        (place, next)
    }
}

/// The results of some bands of outputs at neighbouring positions: for output `o` and position `s`,
/// `sums[o, s] = Σ weights[o, cell] · x[cell + s]`.
#[derive(Clone, Copy)]
pub struct Results<T> {
    pub(super) bands: usize,
    /// Bands of rows, cell by cell: `[band, cell, row]`.
    pub(super) weights: *const T,
    /// The first cell at the first position.
    pub(super) x: *const T,
    pub(super) cells: Cells,
    pub(super) sums: *mut T,
    /// From an output to the next.
    pub(super) row: usize,
}

impl<T: Real> Results<T> {
    /// Rows and vectors of the tiles for so many outputs: the rows of which the fewest are wasted, and of equal ones the
    /// most, since tall tiles load least.
    pub(super) fn shape(machine: Machine, outputs: usize) -> (usize, usize) {
        let shapes: &[(usize, usize)] =
            if machine.vectors(6) == 4 { &[(8, 3), (6, 4), (5, 4), (4, 4)] } else { &[(6, 2), (5, 2), (4, 2)] };
        *shapes.iter().min_by_key(|(rows, _)| outputs.div_ceil(*rows) * rows).expect("there are shapes")
    }

    /// Computes tiles of a [`Results::shape`].
    ///
    /// # Safety
    /// There are `rows` weights of each cell in each band; whole `vectors` at each cell can be read, and in each row of
    /// each band of the sums be written, which nobody else uses.
    pub(crate) unsafe fn run(self, machine: Machine, rows: usize, vectors: usize) {
        match (rows, vectors) {
            (4, 2) => machine.run(Shaped::<T, 4, 2>(self)),
            (5, 2) => machine.run(Shaped::<T, 5, 2>(self)),
            (6, 2) => machine.run(Shaped::<T, 6, 2>(self)),
            (4, 4) => machine.run(Shaped::<T, 4, 4>(self)),
            (5, 4) => machine.run(Shaped::<T, 5, 4>(self)),
            (6, 4) => machine.run(Shaped::<T, 6, 4>(self)),
            (8, 3) => machine.run(Shaped::<T, 8, 3>(self)),
            _ => unreachable!("a tile of {rows} rows and {vectors} vectors"),
        }
    }
}

struct Shaped<T, const ROWS: usize, const VECTORS: usize>(Results<T>);

impl<T: Real, const ROWS: usize, const VECTORS: usize> Job for Shaped<T, ROWS, VECTORS> {
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) {
        let Results { bands, mut weights, x, cells, mut sums, row } = self.0;
        for _ in 0..bands {
            Self::tile::<S, FUSED>(simd, weights, x, cells, sums, row);
            // Wrapping: after the last band these point nowhere and are not read.
            weights = weights.wrapping_add(ROWS * cells.count());
            sums = sums.wrapping_add(ROWS * row);
        }
    }
}

impl<T: Real, const ROWS: usize, const VECTORS: usize> Shaped<T, ROWS, VECTORS> {
    #[inline(always)]
    fn tile<S: Simd, const FUSED: bool>(
        simd: S,
        mut weights: *const T,
        x: *const T,
        cells: Cells,
        out: *mut T,
        row: usize,
    ) {
        let lanes = T::lanes::<S>();
        let mut sums = [[T::splat(simd, T::ZERO); VECTORS]; ROWS];
        let [height, width] = cells.kernel;
        for channel in 0..cells.channels {
            for i in 0..height {
                let mut seen = x.wrapping_add(channel * cells.plane + i * cells.line);
                for _ in 0..width {
                    // SAFETY: whole vectors at this cell can be read.
                    let values: [T::Vector<S>; VECTORS] =
                        from_fn(|v| unsafe { seen.add(v * lanes).cast::<T::Vector<S>>().read_unaligned() });
                    for (i, sums) in sums.iter_mut().enumerate() {
                        // SAFETY: there are `ROWS` weights of this cell.
                        let weight = T::splat(simd, unsafe { *weights.add(i) });
                        for (sum, &value) in sums.iter_mut().zip(&values) {
                            *sum = multiply_add::<T, S, FUSED>(simd, weight, value, *sum);
                        }
                    }
                    // Wrapping: after the last cell these point nowhere and are not read.
                    weights = weights.wrapping_add(ROWS);
                    seen = seen.wrapping_add(cells.step);
                }
            }
        }
        // Written out: in a loop the sums would go through memory.
        macro_rules! store_rows {
            ($($i:literal)*) => {
                $(if let Some(sums) = sums.get($i) {
                    for (v, &sum) in sums.iter().enumerate() {
                        // SAFETY: whole vectors of this row are this tile's own.
                        unsafe { out.add($i * row + v * lanes).cast::<T::Vector<S>>().write_unaligned(sum) };
                    }
                })*
            };
        }
        store_rows!(0 1 2 3 4 5 6 7);
    }
}

/// What the weights of all cells receive at some positions: for each cell and output `o`,
/// `sums[cell, o] += Σ x[cell + s] · piles[s, o]` over the positions `s` of these lines.
#[derive(Clone, Copy)]
pub struct Weights<T> {
    /// The first cell at the first position.
    pub(super) x: *const T,
    pub(super) cells: Cells,
    /// Lines of positions, and positions in each.
    pub(super) positions: [usize; 2],
    /// From the cells of a line to those of the next.
    pub(super) line: usize,
    /// The first output at the first position; the positions lie without gaps.
    pub(super) piles: *const T,
    /// From a position to the next, and from a cell of the sums to the next.
    pub(super) row: usize,
    pub(super) sums: *mut T,
}

impl<T: Real> Weights<T> {
    /// Adds for this many vectors of outputs.
    ///
    /// # Safety
    /// Every position of every cell can be read, whole `vectors` of piles too, and in the sums of each cell be written,
    /// for a multiple of [`CELLS`] of them; nobody else uses these.
    pub(crate) unsafe fn run(self, machine: Machine, vectors: usize) {
        match vectors {
            1 => machine.run(Weighed::<T, 12, 1>(self)),
            2 if machine.vectors(6) == 4 => machine.run(Weighed::<T, 12, 2>(self)),
            2 => machine.run(Weighed::<T, 6, 2>(self)),
            4 => machine.run(Weighed::<T, 6, 4>(self)),
            _ => unreachable!("a tile of {vectors} vectors"),
        }
    }
}

struct Weighed<T, const ROWS: usize, const VECTORS: usize>(Weights<T>);

impl<T: Real, const ROWS: usize, const VECTORS: usize> Job for Weighed<T, ROWS, VECTORS> {
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) {
        let Weights { x, cells, row, mut sums, .. } = self.0;
        let mut next = [0; 3];
        while next[0] < cells.channels {
            let mut place = 0;
            let seen: [*const T; ROWS] = from_fn(|_| {
                // Where cells are wanting at the end, the last one is seen again, and its sums go beyond those that count.
                if next[0] < cells.channels {
                    (place, next) = cells.next(next);
                }
                x.wrapping_add(place)
            });
            self.tile::<S, FUSED>(simd, seen, sums);
            sums = sums.wrapping_add(ROWS * row);
        }
    }
}

impl<T: Real, const ROWS: usize, const VECTORS: usize> Weighed<T, ROWS, VECTORS> {
    #[inline(always)]
    fn tile<S: Simd, const FUSED: bool>(&self, simd: S, seen: [*const T; ROWS], out: *mut T) {
        let Weights { mut piles, row, positions: [lines, width], line, .. } = self.0;
        let lanes = T::lanes::<S>();
        let mut sums = [[T::splat(simd, T::ZERO); VECTORS]; ROWS];
        for first in (0..lines).map(|number| number * line) {
            for position in first..first + width {
                // SAFETY: whole vectors of piles can be read at each position.
                let values: [T::Vector<S>; VECTORS] =
                    from_fn(|v| unsafe { piles.add(v * lanes).cast::<T::Vector<S>>().read_unaligned() });
                for (seen, sums) in seen.iter().zip(&mut sums) {
                    // SAFETY: every position of every cell can be read.
                    let x = T::splat(simd, unsafe { *seen.add(position) });
                    for (sum, &value) in sums.iter_mut().zip(&values) {
                        *sum = multiply_add::<T, S, FUSED>(simd, x, value, *sum);
                    }
                }
                piles = piles.wrapping_add(row);
            }
        }
        macro_rules! add_rows {
            ($($i:literal)*) => {
                $(if let Some(sums) = sums.get($i) {
                    for (v, &sum) in sums.iter().enumerate() {
                        let place = out.wrapping_add($i * row + v * lanes).cast::<T::Vector<S>>();
                        // SAFETY: whole vectors of this cell's sums are this tile's own.
                        unsafe { place.write_unaligned(T::plus(simd, place.read_unaligned(), sum)) };
                    }
                })*
            };
        }
        add_rows!(0 1 2 3 4 5 6 7 8 9 10 11);
    }
}
