//! How a product is cut: decided by the shape, the layout and the instruction set, never by the number of threads.

use super::MatRef;
use super::machine::Machine;
use super::micro::panel_vectors;
use crate::Real;
use std::ops::Range;

/// Steps of `k` that a tile sums before `c` is touched: a packed panel of `b` this deep and the columns of `a` beside
/// it fit the first-level cache.
const DEPTH: usize = 256;

/// Panels of `b` that are packed together: with [`DEPTH`] they fill half of a second-level cache of 1 MiB.
const PANELS: usize = 16;

/// With so many bands or fewer, a row-major `b` is read as it lies: packing would cost more than it saves.
const BANDS_IN_PLACE: usize = 2;

/// With so many panels or fewer, a transposed `a` is read as it lies.
const PANELS_IN_PLACE: usize = 4;

/// Rows up to which threads take columns of `c` instead of rows.
pub(super) const COLUMN_SPLIT_ROWS: usize = 64;

/// Multiplications in a whole product from which threads help, and in the least that one thread gets.
const PARALLEL: usize = 2 << 20;
const GRAIN: usize = 1 << 19;

/// The blocks of one product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) m: usize,
    pub(super) k: usize,
    pub(super) n: usize,
    /// Numbers in a vector.
    pub(super) lanes: usize,
    /// Rows in a band of `c`; the last band may have fewer.
    pub(super) rows: usize,
    /// Columns in a panel; the last panel may have fewer.
    pub(super) width: usize,
    /// Steps of `k` in a block; the last block may have fewer.
    pub(super) depth: usize,
    /// Columns in a block of packed panels.
    pub(super) columns: usize,
}

impl Plan {
    pub(super) fn new<T: Real>(machine: Machine, m: usize, k: usize, n: usize) -> Self {
        let even = |total: usize, most: usize| total.div_ceil(total.div_ceil(most).max(1)).max(1);
        let lanes = machine.lanes::<T>();
        let rows = even(m, machine.rows());
        let width = panel_vectors(rows) * lanes;
        Self { m, k, n, lanes, rows, width, depth: even(k, DEPTH), columns: PANELS * width }
    }

    /// Bands of rows in `c`.
    pub(super) fn bands(&self) -> usize {
        self.m.div_ceil(self.rows)
    }

    /// Panels of columns in `c`.
    pub(super) fn panels(&self) -> usize {
        self.n.div_ceil(self.width)
    }

    /// Numbers in one block of packed `a`.
    pub(super) fn left_len(&self) -> usize {
        self.m * self.depth
    }

    /// Numbers in one block of packed `b`.
    pub(super) fn right_len(&self) -> usize {
        self.columns.min(self.n.next_multiple_of(self.lanes)) * self.depth
    }

    /// Whether `a` is packed.
    pub(super) fn packs_left<T>(&self, a: &MatRef<'_, T>) -> bool {
        if self.by_rows(a) { self.panels() > 1 } else { self.panels() > PANELS_IN_PLACE }
    }

    /// Whether the rows of `a` are runs of numbers (else its columns are).
    pub(super) fn by_rows<T>(&self, a: &MatRef<'_, T>) -> bool {
        a.col_stride == 1 || self.k == 1
    }

    /// Whether `b` is packed.
    pub(super) fn packs_right<T>(&self, b: &MatRef<'_, T>) -> bool {
        let row_major = b.col_stride == 1 || self.n == 1;
        !row_major || (self.bands() > BANDS_IN_PLACE && self.panels() > 1)
    }

    /// The first column and the width, in whole vectors, of the last panel.
    pub(super) fn last_panel(&self) -> (usize, usize) {
        let at = (self.panels() - 1) * self.width;
        (at, (self.n - at).next_multiple_of(self.lanes))
    }

    /// The steps of `k` at which the last panel, read in place, would leave `b`.
    pub(super) fn edge(&self) -> Range<usize> {
        let (at, width) = self.last_panel();
        if at + width <= self.n {
            return self.k..self.k;
        }
        let whole = (self.k * self.n).checked_sub(at + width).map_or(0, |spare| spare / self.n + 1);
        whole.min(self.k)..self.k
    }

    /// Numbers in the copy of the last rows of the last panel.
    pub(super) fn edge_len(&self) -> usize {
        self.edge().len() * self.last_panel().1
    }

    /// Numbers of scratch in all.
    pub(super) fn scratch(&self) -> usize {
        if self.m * self.k * self.n == 0 { 0 } else { self.left_len() + self.right_len() + self.edge_len() }
    }

    /// Whether threads take columns of `c` (else they take rows).
    pub(super) fn by_columns(&self) -> bool {
        self.m <= COLUMN_SPLIT_ROWS && self.panels() >= self.bands()
    }

    /// How many pieces of `work` multiplications each one thread takes at a time; all of them if the whole product is
    /// too small to share.
    pub(super) fn grain(&self, work: usize) -> usize {
        let total = self.m.saturating_mul(self.k).saturating_mul(self.n);
        if total < PARALLEL { usize::MAX } else { GRAIN.div_ceil(work.max(1)) }
    }
}
