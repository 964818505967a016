//! How a product is cut: decided by the shape, the layout and the instruction set, never by the number of threads.

use super::MatRef;
use super::dots;
use super::machine::Machine;
use super::micro::panel_vectors;
use crate::Real;

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
    /// Rows in a band of `c`; the last band may have fewer.
    pub(super) rows: usize,
    /// Bands of rows in `c`.
    bands: usize,
    /// Columns in a panel; the last panel may have fewer.
    pub(super) width: usize,
    /// Panels of columns in `c`.
    panels: usize,
    /// The first column of the last panel.
    pub(super) last: usize,
    /// Columns in the last panel, in whole vectors.
    pub(super) last_width: usize,
    /// The first step of `k` at which the last panel, read in place, would leave `b`.
    pub(super) edge: usize,
    /// Steps of `k` in a block; the last block may have fewer.
    pub(super) depth: usize,
    /// Columns in a block of packed panels.
    pub(super) columns: usize,
}

impl Plan {
    /// How to multiply `[m, k]` by `[k, n]`, none of them 0.
    pub(super) fn new<T: Real>(machine: Machine, m: usize, k: usize, n: usize) -> Self {
        let lanes = machine.lanes::<T>();
        let bands = m.div_ceil(machine.rows());
        let rows = m.div_ceil(bands);
        let width = panel_vectors(rows) * lanes;
        let panels = n.div_ceil(width);
        let last = (panels - 1) * width;
        let last_width = (n - last).next_multiple_of(lanes);
        let edge = if last + last_width <= n {
            k
        } else {
            (k * n).checked_sub(last + last_width).map_or(0, |spare| spare / n + 1).min(k)
        };
        let depth = if k <= DEPTH { k } else { k.div_ceil(k.div_ceil(DEPTH)) };
        // Rounding up may leave the last bands empty.
        let bands = m.div_ceil(rows);
        Self { m, k, n, rows, bands, width, panels, last, last_width, edge, depth, columns: PANELS * width }
    }

    /// Numbers in one block of packed `a`.
    pub(super) fn left_len(&self) -> usize {
        self.m * self.depth
    }

    /// Numbers in one block of packed `b`.
    pub(super) fn right_len(&self) -> usize {
        self.columns.min(self.last + self.last_width) * self.depth
    }

    /// Whether `a` is packed.
    pub(super) fn packs_left<T>(&self, a: &MatRef<'_, T>) -> bool {
        if self.by_rows(a) { self.panels > 1 } else { self.panels > PANELS_IN_PLACE }
    }

    /// Whether the rows of `a` are runs of numbers (else its columns are).
    pub(super) fn by_rows<T>(&self, a: &MatRef<'_, T>) -> bool {
        a.col_stride == 1 || self.k == 1
    }

    /// Whether the product is computed as scalar products.
    pub(super) fn as_dots<T>(&self, a: &MatRef<'_, T>, b: &MatRef<'_, T>) -> bool {
        self.m <= dots::MAX_ROWS && self.k >= dots::MIN_DEPTH && a.col_stride == 1 && b.row_stride == 1 && self.n > 1
    }

    /// Whether `b` is packed.
    pub(super) fn packs_right<T>(&self, b: &MatRef<'_, T>) -> bool {
        let row_major = b.col_stride == 1 || self.n == 1;
        !row_major || (self.bands > BANDS_IN_PLACE && self.panels > 1)
    }

    /// Numbers in the copy of the last rows of the last panel.
    pub(super) fn edge_len(&self) -> usize {
        (self.k - self.edge) * self.last_width
    }

    /// Numbers of scratch in all.
    pub(super) fn scratch(&self) -> usize {
        self.left_len() + self.right_len() + self.edge_len()
    }

    /// Whether the product is large enough for threads to help.
    fn shared(&self) -> bool {
        self.m.saturating_mul(self.k).saturating_mul(self.n) >= PARALLEL
    }

    /// Whether threads take columns of `c` (else they take rows).
    pub(super) fn by_columns(&self) -> bool {
        self.shared() && self.m <= COLUMN_SPLIT_ROWS && self.panels >= self.bands
    }

    /// How many pieces of `work` multiplications each one thread takes at a time; all of them if the whole product is
    /// too small to share.
    pub(super) fn grain(&self, work: usize) -> usize {
        if self.shared() { GRAIN.div_ceil(work.max(1)) } else { usize::MAX }
    }
}
