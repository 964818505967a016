//! The matrix product, packed and blocked for the caches.
//!
//! `c` is cut into pieces that threads claim, bands of at most 6 rows and panels of a few vectors of columns; a band
//! and a panel meet in a tile whose sums stay in registers (`tile`). Steps of `k` come in blocks of 128, so that a
//! panel stays in the first-level cache, and a piece has as many panels as stay in the second (`plan`). Matrices whose
//! rows are far apart are copied first in the order of reading (`pack`), small ones are read as they lie, and a few
//! rows times a transposed matrix are scalar products (`dots`); `drive` has the loops. The structure is that of Van Zee
//! and van de Geijn, "BLIS: A Framework for Rapidly Instantiating BLAS Functionality", ACM Transactions on Mathematical
//! Software 41 (2015), with the roles of `a` and `b` as suits a row-major `c`.
//!
//! Existing crates for this product allocate their packing buffers at each call; here the caller lends them. And none
//! lets the caller go on with a piece of the result while it is in the cache: here [`gemm_then`] does, and an update moves
//! weights by the piece of their gradient that was just computed.
#![expect(unsafe_code, reason = "a piece is some columns of rows whose other columns belong to other pieces")]

mod dots;
pub(crate) mod drive;
pub(crate) mod lanes;
pub(crate) mod machine;
pub(crate) mod pack;
mod plan;
pub(crate) mod tile;

use crate::Real;
use crate::team::{self, Shared};
use drive::Product;
use machine::Machine;
use plan::Plan;
use std::marker::PhantomData;
use std::ops::Range;

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

    /// The matrix `[rows, cols]` whose rows begin `stride` numbers apart in `data`.
    ///
    /// # Panics
    /// If rows overlap, or `data` does not end with the last row.
    pub fn strided(data: &'a [T], rows: usize, cols: usize, stride: usize) -> Self {
        assert!(cols <= stride && data.len() == rows.saturating_sub(1) * stride + cols * rows.min(1));
        Self { data, rows, cols, row_stride: stride, col_stride: 1 }
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

/// Some columns of some rows of a row-major result, which nobody else writes.
#[derive(Debug)]
pub struct Piece<'c, T> {
    c: *mut T,
    stride: usize,
    rows: Range<usize>,
    columns: Range<usize>,
    _borrowed: PhantomData<&'c mut T>,
}

impl<'c, T> Piece<'c, T> {
    /// The piece of `c`, whose rows are `stride` numbers apart.
    ///
    /// # Safety
    /// The rows and columns must be in the allocation of `c`, which outlives `'c`, and nobody else may use them.
    unsafe fn new(c: Shared<T>, stride: usize, rows: Range<usize>, columns: Range<usize>) -> Self {
        assert!(columns.end <= stride);
        Self { c: c.0, stride, rows, columns, _borrowed: PhantomData }
    }

    /// The rows of the result that the piece has a part of.
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Its columns.
    pub fn columns(&self) -> Range<usize> {
        self.columns.clone()
    }

    /// The piece's columns of row `i` of the result.
    ///
    /// # Panics
    /// If the row is not one of the piece's.
    pub fn row(&mut self, i: usize) -> &mut [T] {
        assert!(self.rows.contains(&i), "row {i} of a piece with {:?}", self.rows);
        let (c, _) = self.address(i, self.columns.start);
        // SAFETY: by the promise given to `new`.
        unsafe { std::slice::from_raw_parts_mut(c, self.columns.len()) }
    }

    /// All of the piece, and where it begins in the result, if it has every column.
    pub fn whole_rows(&mut self) -> Option<(usize, &mut [T])> {
        if self.columns.len() < self.stride {
            return None;
        }
        let start = self.rows.start * self.stride;
        // SAFETY: by the promise given to `new`; the rows follow each other.
        Some((start, unsafe { std::slice::from_raw_parts_mut(self.c.add(start), self.rows.len() * self.stride) }))
    }

    /// These rows of the piece.
    fn part(&mut self, rows: Range<usize>) -> Piece<'_, T> {
        assert!(self.rows.start <= rows.start && rows.end <= self.rows.end);
        Piece { rows, columns: self.columns.clone(), ..*self }
    }

    /// The element in row `i` and column `j` of the result.
    fn at(&mut self, i: usize, j: usize) -> &mut T {
        let first = self.columns.start;
        &mut self.row(i)[j - first]
    }

    /// The address of the element in row `i` and column `j`, and the distance from a row to the next.
    fn address(&self, i: usize, j: usize) -> (*mut T, usize) {
        debug_assert!(self.rows.contains(&i) && self.columns.contains(&j));
        (self.c.wrapping_add(i * self.stride + j), self.stride)
    }
}

/// What is done with each piece of a product as soon as it is computed.
pub type After<'a, T> = dyn Fn(Piece<'_, T>) + Sync + 'a;

/// How many numbers of scratch [`gemm`] needs for `[m, k] · [k, n]` on this processor.
pub fn gemm_scratch<T: Real>(m: usize, k: usize, n: usize) -> usize {
    if m * k * n == 0 { 0 } else { Plan::new::<T>(Machine::best(), m, k, n).scratch(team::threads()) }
}

/// `c ← alpha · a · b + beta · c` for `a` `[m, k]`, `b` `[k, n]` and a row-major `c` `[m, n]`.
///
/// With `beta` = 0 the old content of `c` is not read. `scratch` holds at least [`gemm_scratch`] numbers; what it
/// holds before does not matter. Nothing is allocated, and the result has the same bits at any number of threads.
///
/// # Panics
/// If the shapes do not fit or `scratch` is too short.
pub fn gemm<T: Real>(alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, beta: T, c: &mut [T], scratch: &mut [T]) {
    gemm_then(alpha, a, b, beta, c, scratch, &|_| {});
}

/// [`gemm`], and then `after` for each piece of the result while it is in the cache, on the thread that computed it.
///
/// # Panics
/// As [`gemm`].
pub fn gemm_then<T: Real>(
    alpha: T,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    beta: T,
    c: &mut [T],
    scratch: &mut [T],
    after: &After<'_, T>,
) {
    let factors = Factors { alpha, a, b, beta };
    factors.multiply(Machine::best(), c, scratch, after);
}

/// All of a product but its result.
struct Factors<'x, T> {
    alpha: T,
    a: MatRef<'x, T>,
    b: MatRef<'x, T>,
    beta: T,
}

impl<T: Real> Factors<'_, T> {
    /// The product with the instructions of `machine`.
    fn multiply(self, machine: Machine, c: &mut [T], scratch: &mut [T], after: &After<'_, T>) {
        let Self { alpha, a, b, beta } = self;
        let (m, k, n) = (a.rows, a.cols, b.cols);
        assert_eq!(k, b.rows, "[{m}, {k}] times [{}, {n}]", b.rows);
        assert_eq!(c.len(), m * n, "a [{m}, {n}] product");
        if c.is_empty() {
            return;
        }
        if k == 0 {
            c.iter_mut().for_each(|c| *c = if beta == T::ZERO { T::ZERO } else { beta * *c });
            // SAFETY: `c` is borrowed for this call and used by nobody else.
            return after(unsafe { Piece::new(Shared(c.as_mut_ptr()), n, 0..m, 0..n) });
        }
        let plan = Plan::new::<T>(machine, m, k, n);
        let least = plan.scratch(1);
        assert!(scratch.len() >= least, "{} numbers of scratch where {least} are needed", scratch.len());
        Product { machine, plan, alpha, a, b, beta }.run(c, scratch, after);
    }
}

#[cfg(test)]
mod tests;
