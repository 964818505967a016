//! The matrix product.

use crate::Real;

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

/// How many numbers of scratch [`gemm`] needs for `[m, k] · [k, n]`.
pub fn gemm_scratch<T: Real>(m: usize, k: usize, n: usize) -> usize {
    let _ = (m, k, n);
    0
}

/// `c ← alpha · a · b + beta · c` for `a` `[m, k]`, `b` `[k, n]` and a row-major `c` `[m, n]`.
///
/// With `beta` = 0 the old content of `c` is not read. `scratch` holds at least [`gemm_scratch`] numbers.
pub fn gemm<T: Real>(alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, beta: T, c: &mut [T], scratch: &mut [T]) {
    let _ = scratch;
    crate::naive::gemm(alpha, a, b, beta, c);
}
