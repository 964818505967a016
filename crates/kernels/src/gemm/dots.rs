//! The product of a few rows with a transposed matrix, as scalar products.
//!
//! In `x · wᵀ` the rows of `x` and the columns of `wᵀ` both lie as runs along `k`. To tile it like other products, `w`
//! would have to be transposed first, which costs more than a few rows earn back; here vectors run along `k` instead,
//! a small block of scalar products at a time, and each one's lanes are added at its end.

use super::machine::Job;
use super::tile::multiply_add;
use super::{MatRef, Piece};
use crate::Real;
use pulp::Simd;
use std::array::from_fn;

/// The most rows that are computed in this way.
pub(super) const MAX_ROWS: usize = 32;

/// The least `k` for which it pays: each scalar product ends in about as many instructions as four vectors take.
pub(super) const MIN_DEPTH: usize = 64;

/// Columns that are computed together.
const COLUMNS: usize = 8;

/// A piece of `c ← alpha · a · b + beta · c`.
pub struct Dots<'x, 'c, T> {
    /// Row-major.
    pub(super) a: MatRef<'x, T>,
    /// The transpose of a row-major matrix.
    pub(super) b: MatRef<'x, T>,
    pub(super) piece: &'x mut Piece<'c, T>,
    pub(super) alpha: T,
    pub(super) beta: T,
}

impl<T: Real> Job for Dots<'_, '_, T> {
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(mut self, simd: S) {
        let columns = self.piece.columns();
        let mut column = columns.start;
        if self.piece.rows().len() == 1 {
            let row = self.piece.rows().start;
            while column + COLUMNS <= columns.end {
                self.tile::<S, FUSED, 1, COLUMNS>(simd, row, column);
                column += COLUMNS;
            }
        }
        while column + 4 <= columns.end {
            self.column_of_tiles::<S, FUSED, 4>(simd, column);
            column += 4;
        }
        while column < columns.end {
            self.column_of_tiles::<S, FUSED, 1>(simd, column);
            column += 1;
        }
    }
}

impl<T: Real> Dots<'_, '_, T> {
    /// All rows of `WIDE` columns; the columns stay in the first-level cache.
    #[inline(always)]
    fn column_of_tiles<S: Simd, const FUSED: bool, const WIDE: usize>(&mut self, simd: S, column: usize) {
        let end = self.piece.rows().end;
        let mut row = self.piece.rows().start;
        while row < end {
            let rows = (end - row).min(4);
            match rows {
                1 => self.tile::<S, FUSED, 1, WIDE>(simd, row, column),
                2 => self.tile::<S, FUSED, 2, WIDE>(simd, row, column),
                3 => self.tile::<S, FUSED, 3, WIDE>(simd, row, column),
                _ => self.tile::<S, FUSED, 4, WIDE>(simd, row, column),
            }
            row += rows;
        }
    }

    /// `HIGH` rows and `WIDE` columns.
    #[inline(always)]
    fn tile<S: Simd, const FUSED: bool, const HIGH: usize, const WIDE: usize>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
    ) {
        let k = self.a.cols;
        let lanes = T::lanes::<S>();
        let a: [&[T]; HIGH] = from_fn(|i| &self.a.data[(row + i) * k..][..k]);
        let b: [&[T]; WIDE] = from_fn(|j| &self.b.data[(column + j) * k..][..k]);
        let a_vectors: [&[T::Vector<S>]; HIGH] = from_fn(|i| T::vectors::<S>(a[i]));
        let b_vectors: [&[T::Vector<S>]; WIDE] = from_fn(|j| T::vectors::<S>(b[j]));
        let mut sums = [[T::splat(simd, T::ZERO); WIDE]; HIGH];
        for p in 0..k / lanes {
            let y: [T::Vector<S>; WIDE] = from_fn(|j| b_vectors[j][p]);
            for i in 0..HIGH {
                let x = a_vectors[i][p];
                for j in 0..WIDE {
                    sums[i][j] = multiply_add::<T, S, FUSED>(simd, x, y[j], sums[i][j]);
                }
            }
        }
        for i in 0..HIGH {
            for j in 0..WIDE {
                let mut total = T::total(simd, sums[i][j]);
                for p in k / lanes * lanes..k {
                    total += a[i][p] * b[j][p];
                }
                let out = self.piece.at(row + i, column + j);
                let scaled = self.alpha * total;
                *out = if self.beta == T::ZERO { scaled } else { scaled + self.beta * *out };
            }
        }
    }
}
