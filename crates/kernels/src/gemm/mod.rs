//! The matrix product, packed and blocked for the caches.
//!
//! `c` is cut into bands of at most 9 rows and panels of a few vectors of columns; a band and a panel meet in a tile
//! whose sums stay in registers (`micro`). Steps of `k` come in blocks of 256, so that what a tile reads stays in the
//! first-level cache, and panels in blocks that stay in the second (`plan`). Matrices whose rows are far apart are
//! copied first in the order of reading (`pack`), small ones are read as they lie, and a few rows times a transposed
//! matrix are scalar products (`dots`); `drive` has the loops. The structure is that of Van Zee and van de Geijn,
//! "BLIS: A Framework for Rapidly Instantiating BLAS Functionality", ACM Transactions on Mathematical Software 41
//! (2015), with the roles of `a` and `b` as suits a row-major `c`.
//!
//! Existing crates for this product allocate their packing buffers at each call; here the caller lends them.

mod dots;
mod drive;
pub(crate) mod lanes;
mod machine;
mod micro;
mod pack;
mod plan;

use crate::Real;
use drive::Product;
use machine::Machine;
use plan::Plan;

/// A matrix to read: a slice with a row and a column stride, so that a transposed matrix is the same slice.
#[derive(Clone, Copy, Debug)]
pub struct MatRef<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a, T: Real> MatRef<'a, T> {
    /// The row-major matrix `[rows, cols]` in `data`.
    ///
    /// # Panics
    /// If `data` does not hold exactly `rows · cols` numbers.
    pub fn new(data: &'a [T], rows: usize, cols: usize) -> Self {
        assert_eq!(data.len(), rows * cols, "a [{rows}, {cols}] matrix");
        Self { data, rows, cols, row_stride: cols, col_stride: 1 }
    }

    /// The same numbers as `[cols, rows]`; nothing moves.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The element in row `i` and column `j`.
    #[inline(always)]
    pub fn at(&self, i: usize, j: usize) -> T {
        self.data[i * self.row_stride + j * self.col_stride]
    }
}

/// How many numbers of scratch [`gemm`] needs for `[m, k] · [k, n]` on this processor.
pub fn gemm_scratch<T: Real>(m: usize, k: usize, n: usize) -> usize {
    if m * k * n == 0 { 0 } else { Plan::new::<T>(Machine::best(), m, k, n).scratch() }
}

/// `c ← alpha · a · b + beta · c` for `a` `[m, k]`, `b` `[k, n]` and a row-major `c` `[m, n]`.
///
/// With `beta` = 0 the old content of `c` is not read. `scratch` holds at least [`gemm_scratch`] numbers; what it
/// holds before does not matter. Nothing is allocated, and the result has the same bits at any number of threads.
///
/// # Panics
/// If the shapes do not fit or `scratch` is too short.
pub fn gemm<T: Real>(alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, beta: T, c: &mut [T], scratch: &mut [T]) {
    gemm_on(Machine::best(), alpha, a, b, beta, c, scratch);
}

/// [`gemm`] with the instructions of `machine`.
fn gemm_on<T: Real>(
    machine: Machine,
    alpha: T,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    beta: T,
    c: &mut [T],
    scratch: &mut [T],
) {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    assert_eq!(k, b.rows, "[{m}, {k}] times [{}, {n}]", b.rows);
    assert_eq!(c.len(), m * n, "a [{m}, {n}] product");
    if c.is_empty() {
        return;
    }
    if k == 0 {
        c.iter_mut().for_each(|c| *c = if beta == T::ZERO { T::ZERO } else { beta * *c });
        return;
    }
    let plan = Plan::new::<T>(machine, m, k, n);
    assert!(
        scratch.len() >= plan.scratch(),
        "{} numbers of scratch where {} are needed",
        scratch.len(),
        plan.scratch()
    );
    Product { machine, plan, alpha, a, b, beta }.run(c, scratch);
}

#[cfg(test)]
mod tests;
