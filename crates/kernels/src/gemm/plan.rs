//! How a product is cut: decided by the shape, the layout and the instruction set, never by the number of threads.

use super::machine::Machine;
use super::{MatRef, dots};
use crate::Real;

/// Steps of `k` that a tile sums before `c` is touched: a packed panel of `b` this deep stays in the first-level cache.
const DEPTH: usize = 128;

/// A result of so many numbers lies beyond the second-level cache: going over it twice costs more than panels twice as
/// deep, which come from there.
const BEYOND: usize = 1 << 20;

/// The most columns of a piece: with [`DEPTH`], its packed panels fill a quarter of a second-level cache of 512 KiB.
const PIECE: usize = 256;

/// Rows of a piece that all panels pass by before the next ones: their part of `a` and of `c` stays in the second-level
/// cache, and their pages, which may be one for each row of `c`, in the list of pages that the processor keeps.
const BLOCK_ROWS: usize = 256;

/// A result of so many columns or fewer is cut into rows.
const NARROW: usize = 128;

/// With so many bands or fewer in a piece, a row-major `b` is read as it lies: packing would cost more than it saves.
const BANDS_IN_PLACE: usize = 6;

/// With so many panels or fewer, `a` is read as it lies.
const PANELS_IN_PLACE: usize = 4;

/// Multiplications from which a second thread helps: below, it waits longer for the other core's cache than it saves.
const PARALLEL: usize = 1 << 22;

/// As many multiplications as reading a number of `b` from beyond the second-level cache takes time: that, and not its
/// rows, makes a product of a few rows large.
const READING: usize = 16;

/// Packed panels start at a cache line, so at a multiple of this many numbers at most: a vector that lies across two
/// lines takes two loads.
const ALIGN: usize = 16;

/// The blocks of one product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) m: usize,
    pub(super) k: usize,
    pub(super) n: usize,
    /// Rows in a band of `c`; the last band may have fewer.
    pub(super) rows: usize,
    /// Bands of rows in `c`.
    pub(super) bands: usize,
    /// Numbers in a vector.
    lanes: usize,
    /// Vectors in a full panel of columns.
    vectors: usize,
    /// Steps of `k` in a block; the last block may have fewer.
    pub(super) depth: usize,
    /// Rows of a block of a piece: whole bands.
    pub(super) block_rows: usize,
    /// Rows of a piece of `c`: whole bands.
    pub(super) piece_rows: usize,
    /// Columns of a piece of `c`: whole panels.
    pub(super) piece_columns: usize,
    /// Pieces one below the other.
    down: usize,
    /// Pieces side by side.
    pub(super) across: usize,
}

impl Plan {
    /// How to multiply `[m, k]` by `[k, n]`, none of them 0.
    pub(super) fn new<T: Real>(machine: Machine, m: usize, k: usize, n: usize) -> Self {
        // Divisions are avoided where a product is small: it takes no longer than a few of them.
        let lanes = machine.lanes::<T>();
        let bands = machine.bands(m);
        let rows = if bands == 1 { m } else { m.div_ceil(bands) };
        // Rounding up may leave the last bands empty.
        let bands = if bands == 1 { 1 } else { m.div_ceil(rows) };
        let vectors = machine.vectors(rows);
        let width = vectors * lanes;
        let deepest = if k <= 2 * DEPTH && m.saturating_mul(n) >= BEYOND { 2 * DEPTH } else { DEPTH };
        let depth = if k <= deepest { k } else { k.div_ceil(k.div_ceil(deepest)) };
        let block_rows = if m <= BLOCK_ROWS { bands * rows } else { BLOCK_ROWS / rows * rows };
        let mut plan = Self {
            m,
            k,
            n,
            rows,
            bands,
            lanes,
            vectors,
            depth,
            block_rows,
            piece_rows: bands * rows,
            piece_columns: rounded(n, width),
            down: 1,
            across: 1,
        };
        // Small products are one piece, others two or more, so that two threads have work.
        if m.max(READING).saturating_mul(k).saturating_mul(n) >= PARALLEL {
            plan.cut();
        }
        plan
    }

    /// Cuts the result into pieces of columns, so that each packs the part of `b` that it reads; but narrow results into
    /// rows: where two cores write beside each other in every row, each waits for the other's cache lines.
    fn cut(&mut self) {
        let (m, n) = (self.m, self.n);
        let columns = rounded(n.div_ceil(2).min(PIECE), self.width(self.vectors));
        if n <= columns || (n <= NARROW && m >= NARROW / 2) || m >= 4 * n {
            let pieces = if m >= 256 { 4 } else { 2 };
            self.piece_rows = self.bands.div_ceil(pieces) * self.rows;
            self.down = m.div_ceil(self.piece_rows);
        } else {
            self.piece_columns = columns;
            self.across = n.div_ceil(columns);
        }
    }

    /// Vectors in the panel at a column with `rest` columns from there on.
    pub(super) fn panel(&self, rest: usize) -> usize {
        let needed = rest.div_ceil(self.lanes);
        if needed >= self.vectors { self.vectors } else { 1 << needed.ilog2() }
    }

    /// Columns in a panel of so many vectors.
    pub(super) fn width(&self, vectors: usize) -> usize {
        vectors * self.lanes
    }

    /// Pieces of `c`, row by row.
    pub(super) fn pieces(&self) -> usize {
        self.down * self.across
    }

    /// Whether `a` is packed.
    pub(super) fn packs_left(&self) -> bool {
        self.n > PANELS_IN_PLACE * self.width(self.vectors)
    }

    /// Whether `b` is packed where its rows have whole panels.
    pub(super) fn packs_right<T>(&self, b: &MatRef<'_, T>) -> bool {
        b.col_stride != 1 || self.piece_rows > BANDS_IN_PLACE * self.rows
    }

    /// Whether the product is computed as scalar products.
    pub(super) fn as_dots<T>(&self, a: &MatRef<'_, T>, b: &MatRef<'_, T>) -> bool {
        self.m <= dots::MAX_ROWS && self.k >= dots::MIN_DEPTH && a.col_stride == 1 && b.row_stride == 1 && self.n > 1
    }

    /// Numbers in a packed band of `a`.
    pub(super) fn band_len(&self) -> usize {
        (self.rows * self.k).next_multiple_of(ALIGN)
    }

    /// Numbers in all of packed `a`.
    pub(super) fn left_len(&self) -> usize {
        self.bands * self.band_len()
    }

    /// Numbers in the packed panels of one piece, for one block of `k`.
    pub(super) fn right_len(&self) -> usize {
        (self.piece_columns.min(rounded(self.n, self.lanes)) * self.depth).next_multiple_of(ALIGN)
    }

    /// The part of the scratch that is used.
    pub(super) fn align<'s, T>(&self, scratch: &'s mut [T]) -> &'s mut [T] {
        let start = scratch.as_ptr().align_offset(64).min(ALIGN);
        &mut scratch[start..]
    }

    /// Numbers of scratch in all, for so many threads.
    pub(super) fn scratch(&self, workers: usize) -> usize {
        ALIGN + self.left_len() + workers.clamp(1, self.pieces()) * self.right_len()
    }
}

/// The next multiple of a power of two.
fn rounded(size: usize, power: usize) -> usize {
    debug_assert!(power.is_power_of_two());
    (size + power - 1) & !(power - 1)
}
