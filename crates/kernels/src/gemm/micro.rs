//! The register tile: up to 9 rows of `c` by a few vectors of columns, summed over `k` in registers.
//!
//! Row `p` of the right panel is loaded once as vectors, each number of column `p` on the left is spread over a
//! vector, and every pair is multiplied and added. Each element of `c` is one chain of additions in the order of
//! `p`, so its bits do not depend on where in a tile it lies. Arrays of constant size stay in registers when the
//! loops over them are unrolled; there is no `unsafe` here.

use super::machine::Job;
use crate::Real;
use pulp::Simd;
use std::array::from_fn;
use std::borrow::Borrow;

/// The rows of `a` that a band reads, for one block of `k`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Left<'x, T> {
    /// Column `p` is the run of numbers at `data[p · stride]`: packed, or a transposed matrix as it lies.
    Columns { data: &'x [T], stride: usize },
    /// Row `i` is the run of numbers at `data[i · stride]`: a row-major matrix as it lies.
    Rows { data: &'x [T], stride: usize },
}

/// The columns of `b` that a band reads, for one block of `k`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Right<'x, T> {
    /// One panel after the other, each `[depth, width]` and filled up with zeros to whole vectors.
    Packed(&'x [T]),
    /// The matrix as it lies, from the first row of this block. A vector at the end of a row reads on into the next
    /// row, and what it computes there is not stored; `edge` holds the last rows of the last panel, where reading on
    /// would leave the matrix, and `whole` rows come before it.
    InPlace { data: &'x [T], stride: usize, whole: usize, edge: &'x [T] },
}

/// Rows of a panel: `count` rows, the first vector of each at a multiple of `stride`.
#[derive(Clone, Copy)]
struct Part<'x, T> {
    data: &'x [T],
    stride: usize,
    count: usize,
}

/// Up to 9 whole rows of `c` (or of a range of its columns) for one block of `k`.
pub(super) struct Band<'x, 'c, T> {
    pub(super) left: Left<'x, T>,
    pub(super) right: Right<'x, T>,
    /// How many steps of `k`.
    pub(super) depth: usize,
    /// Columns of a panel.
    pub(super) width: usize,
    /// The first column in `right`; a multiple of `width`.
    pub(super) first: usize,
    /// The columns of `c` at `first`, one slice a row.
    pub(super) c: &'x mut [&'c mut [T]],
    pub(super) alpha: T,
    pub(super) beta: T,
}

impl<T: Real> Job for Band<'_, '_, T> {
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) {
        // A tile of few rows takes more vectors of columns, or its additions would wait for each other.
        match self.c.len() {
            1 => self.panels::<S, FUSED, 1, 8>(simd),
            2 => self.panels::<S, FUSED, 2, 4>(simd),
            3 => self.panels::<S, FUSED, 3, 4>(simd),
            4 => self.panels::<S, FUSED, 4, 2>(simd),
            5 => self.panels::<S, FUSED, 5, 2>(simd),
            6 => self.panels::<S, FUSED, 6, 2>(simd),
            7 => self.panels::<S, FUSED, 7, 2>(simd),
            8 => self.panels::<S, FUSED, 8, 2>(simd),
            9 => self.panels::<S, FUSED, 9, 2>(simd),
            rows => unreachable!("a band of {rows} rows"),
        }
    }
}

/// How many vectors wide the panels are for bands of `rows` rows: what [`Band::run`] has tiles for.
pub(super) fn panel_vectors(rows: usize) -> usize {
    match rows {
        1 => 8,
        2 | 3 => 4,
        _ => 2,
    }
}

impl<'x, T: Real> Band<'x, '_, T> {
    #[inline(always)]
    fn panels<S: Simd, const FUSED: bool, const ROWS: usize, const MOST: usize>(self, simd: S) {
        match self.left {
            Left::Columns { data, stride } => self.walk::<S, FUSED, ROWS, MOST, _>(
                simd,
                #[inline(always)]
                |p| data[p * stride..].first_chunk().expect("a column of the band"),
            ),
            Left::Rows { data, stride } => {
                let rows: [&[T]; ROWS] = from_fn(|i| &data[i * stride..][..self.depth]);
                self.walk::<S, FUSED, ROWS, MOST, _>(
                    simd,
                    #[inline(always)]
                    |p| -> [T; ROWS] { from_fn(|i| rows[i][p]) },
                );
            }
        }
    }

    /// One panel after the other, the last as narrow as whole vectors allow.
    #[inline(always)]
    fn walk<S: Simd, const FUSED: bool, const ROWS: usize, const MOST: usize, C: Borrow<[T; ROWS]>>(
        mut self,
        simd: S,
        left: impl Fn(usize) -> C,
    ) {
        let columns = self.c[0].len();
        let mut at = 0;
        while at < columns {
            let rest = columns - at;
            let vectors = rest.min(self.width).div_ceil(T::lanes::<S>());
            let parts = self.parts(at, vectors * T::lanes::<S>());
            match vectors {
                1 => self.tile::<S, FUSED, ROWS, 1, _>(simd, &left, parts, at),
                2 => self.tile::<S, FUSED, ROWS, 2, _>(simd, &left, parts, at),
                3 if MOST >= 3 => self.tile::<S, FUSED, ROWS, 3, _>(simd, &left, parts, at),
                4 if MOST >= 4 => self.tile::<S, FUSED, ROWS, 4, _>(simd, &left, parts, at),
                5 if MOST >= 5 => self.tile::<S, FUSED, ROWS, 5, _>(simd, &left, parts, at),
                6 if MOST >= 6 => self.tile::<S, FUSED, ROWS, 6, _>(simd, &left, parts, at),
                7 if MOST >= 7 => self.tile::<S, FUSED, ROWS, 7, _>(simd, &left, parts, at),
                8 if MOST >= 8 => self.tile::<S, FUSED, ROWS, 8, _>(simd, &left, parts, at),
                vectors => unreachable!("{ROWS} rows by {vectors} vectors"),
            }
            at += self.width;
        }
    }

    /// The rows of the panel `at` columns from the first, `width` numbers each.
    #[inline(always)]
    fn parts(&self, at: usize, width: usize) -> [Part<'x, T>; 2] {
        let none = Part { data: &[], stride: 0, count: 0 };
        let at = self.first + at;
        match self.right {
            Right::Packed(data) => [Part { data: &data[at * self.depth..], stride: width, count: self.depth }, none],
            Right::InPlace { data, stride, .. } if at + width <= stride => {
                [Part { data: &data[at..], stride, count: self.depth }, none]
            }
            Right::InPlace { data, stride, whole, edge } => [
                Part { data: &data[at.min(data.len())..], stride, count: whole },
                Part { data: edge, stride: width, count: self.depth - whole },
            ],
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const FUSED: bool, const ROWS: usize, const VECTORS: usize, C: Borrow<[T; ROWS]>>(
        &mut self,
        simd: S,
        left: &impl Fn(usize) -> C,
        parts: [Part<'_, T>; 2],
        at: usize,
    ) {
        let mut sums = [[T::splat(simd, T::ZERO); VECTORS]; ROWS];
        let mut step = 0;
        for part in parts {
            for p in 0..part.count {
                let row = T::vectors::<S>(&part.data[p * part.stride..][..VECTORS * T::lanes::<S>()]);
                let b: [T::Vector<S>; VECTORS] = from_fn(|v| row[v]);
                let a = left(step + p);
                for (sums, &x) in sums.iter_mut().zip(a.borrow()) {
                    let x = T::splat(simd, x);
                    for (sum, &y) in sums.iter_mut().zip(&b) {
                        *sum = multiply_add::<T, S, FUSED>(simd, x, y, *sum);
                    }
                }
            }
            step += part.count;
        }
        if at + VECTORS * T::lanes::<S>() <= self.c[0].len() {
            self.store(simd, &sums, at);
        } else {
            let spilled = sums;
            let spilled = pulp::bytemuck::cast_slice(spilled.as_flattened());
            store_edge(self.c, at, VECTORS * T::lanes::<S>(), spilled, self.alpha, self.beta);
        }
    }

    /// `c ← alpha · sums + beta · c` where the whole tile lies in `c`.
    #[inline(always)]
    fn store<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &mut self,
        simd: S,
        sums: &[[T::Vector<S>; VECTORS]; ROWS],
        at: usize,
    ) {
        let alpha = T::splat(simd, self.alpha);
        let beta = T::splat(simd, self.beta);
        for (row, sums) in self.c.iter_mut().zip(sums) {
            let row = T::vectors_mut::<S>(&mut row[at..][..VECTORS * T::lanes::<S>()]);
            for v in 0..VECTORS {
                let scaled = T::times(simd, alpha, sums[v]);
                row[v] =
                    if self.beta == T::ZERO { scaled } else { T::plus(simd, scaled, T::times(simd, beta, row[v])) };
            }
        }
    }
}

/// As [`Band::store`] for a tile that sticks out of `c` on the right: by numbers, rounded in the same way.
#[inline(never)]
fn store_edge<T: Real>(c: &mut [&mut [T]], at: usize, width: usize, sums: &[T], alpha: T, beta: T) {
    if beta == T::ZERO {
        for (row, sums) in c.iter_mut().zip(sums.chunks_exact(width)) {
            for (out, &sum) in row[at..].iter_mut().zip(sums) {
                *out = alpha * sum;
            }
        }
    } else {
        for (row, sums) in c.iter_mut().zip(sums.chunks_exact(width)) {
            for (out, &sum) in row[at..].iter_mut().zip(sums) {
                *out = alpha * sum + beta * *out;
            }
        }
    }
}

/// `a · b + sum`, in one instruction if `FUSED`.
#[inline(always)]
pub(super) fn multiply_add<T: Real, S: Simd, const FUSED: bool>(
    simd: S,
    a: T::Vector<S>,
    b: T::Vector<S>,
    sum: T::Vector<S>,
) -> T::Vector<S> {
    if FUSED { T::times_plus(simd, a, b, sum) } else { T::plus(simd, T::times(simd, a, b), sum) }
}
