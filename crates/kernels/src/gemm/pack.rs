//! Packing: copies of `a` and `b` in the order in which the tiles read them.
//!
//! A tile reads a column of `a` and a row of `b` at every step of `k`. In a large matrix those lie a whole row apart,
//! on a page of their own and often in the same set of the cache; packed, they follow each other, and the copy is read
//! many times. A matrix that lies the other way round is turned in squares of 8 by 8 that stay in registers.
#![expect(unsafe_code, reason = "squares are loaded and stored by address; the callers' slices are checked here first")]

use super::MatRef;
use super::lanes::Element;
use crate::prefetch::prefetch;
use crate::{Real, simd};
use std::ops::Range;

/// Packs `rows` of `a` for the steps `depth` of `k`: column after column, without gaps, since what is packed must stay in
/// the cache.
pub(super) fn left<T: Real>(a: MatRef<'_, T>, rows: Range<usize>, depth: Range<usize>, out: &mut [T]) {
    let width = rows.len();
    copy(a.transposed(), depth, rows, width, out);
}

/// Packs the columns `columns` of `b` for the steps `depth` of `k`: row after row of `width` numbers. What lies after
/// the last column means nothing.
pub(crate) fn right<T: Real>(
    b: MatRef<'_, T>,
    depth: Range<usize>,
    columns: Range<usize>,
    width: usize,
    out: &mut [T],
) {
    copy(b, depth, columns, width, out);
}

/// `out[r, c] = from[rows.start + r, columns.start + c]`, rows `width` apart.
fn copy<T: Real>(from: MatRef<'_, T>, rows: Range<usize>, columns: Range<usize>, width: usize, out: &mut [T]) {
    assert!(rows.end <= from.rows && columns.end <= from.cols && columns.len() <= width);
    assert!(out.len() >= rows.len() * width);
    if rows.is_empty() || columns.is_empty() {
        return;
    }
    if from.col_stride == 1 {
        copy_rows(from, rows, columns, width, out);
    } else if from.row_stride == 1 {
        turn(from, rows, columns, width, out);
    } else {
        for (r, line) in rows.zip(out.chunks_exact_mut(width)) {
            for (c, out) in columns.clone().zip(line) {
                *out = from.at(r, c);
            }
        }
    }
}

/// Rows of numbers that are neighbours. The usual widths are constants, since a call for each row would cost more than
/// the copy.
fn copy_rows<T: Real>(from: MatRef<'_, T>, rows: Range<usize>, columns: Range<usize>, width: usize, out: &mut [T]) {
    let source = &from.data[rows.start * from.row_stride + columns.start..];
    let lines = out.chunks_exact_mut(width).take(rows.len());
    simd(
        #[inline(always)]
        || match columns.len() {
            16 => copy_each::<T, 16>(source, from.row_stride, lines),
            32 => copy_each::<T, 32>(source, from.row_stride, lines),
            64 => copy_each::<T, 64>(source, from.row_stride, lines),
            count => {
                for (r, line) in lines.enumerate() {
                    line[..count].copy_from_slice(&source[r * from.row_stride..][..count]);
                }
            }
        },
    );
}

/// How far ahead rows are asked for.
const ROWS_AHEAD: usize = 16;

#[inline(always)]
fn copy_each<'o, T: Real, const N: usize>(source: &[T], stride: usize, lines: impl Iterator<Item = &'o mut [T]>) {
    for (r, line) in lines.enumerate() {
        // Rows lie on pages of their own, where the processor does not look ahead.
        for at in (0..N).step_by(16) {
            prefetch(source.as_ptr().wrapping_add((r + ROWS_AHEAD) * stride + at));
        }
        let (line, source): (&mut [T; N], &[T; N]) =
            (line.first_chunk_mut().expect("as many columns"), source[r * stride..].first_chunk().expect("as many"));
        *line = *source;
    }
}

/// Side of the squares that are turned in registers.
const SQUARE: usize = 8;

/// Columns of numbers that are neighbours, in squares; what is left over one by one.
fn turn<T: Real>(from: MatRef<'_, T>, rows: Range<usize>, columns: Range<usize>, width: usize, out: &mut [T]) {
    let (height, count) = (rows.len(), columns.len());
    let column = |c: usize| &from.data[(columns.start + c) * from.col_stride + rows.start..][..height];
    for c in (0..count).step_by(SQUARE) {
        let fits = c + SQUARE <= width;
        // A square that is wider than `out` writes into the rows below, which are written after it; so the last rows,
        // which have none below, are left over.
        let squares = match height / SQUARE {
            whole if fits => whole * SQUARE,
            whole if c == 0 => whole.saturating_sub(1) * SQUARE,
            _ => 0,
        };
        if squares > 0 {
            // What sticks out on the right reads the last column again.
            let lines: [&[T]; SQUARE] = std::array::from_fn(|i| column((c + i).min(count - 1)));
            for r in (0..squares).step_by(SQUARE) {
                if r % 16 == 0 {
                    // The next lines lie on pages of their own, where the processor does not look ahead.
                    for i in SQUARE..2 * SQUARE {
                        let next = (columns.start + c + i) * from.col_stride + rows.start + r;
                        prefetch(from.data.as_ptr().wrapping_add(next));
                    }
                }
                // SAFETY: each line has `height` numbers. Eight rows of `out` have room for eight numbers from `c` on:
                // in the row itself, or in the eight rows or more below the square.
                unsafe {
                    T::turn_square(lines.map(|line| line.as_ptr().add(r)), out.as_mut_ptr().add(r * width + c), width)
                };
            }
        }
        for i in 0..SQUARE.min(count - c) {
            for r in squares..height {
                out[r * width + c + i] = column(c + i)[r];
            }
        }
    }
}

/// Turns squares of numbers.
pub trait Turn: Element {
    /// `to[r · width + c] = from[c][r]` for r and c below 8, row after row.
    ///
    /// # Safety
    /// All 64 numbers on both sides must be in their allocations, and nobody else uses those written.
    unsafe fn turn_square(from: [*const Self; SQUARE], to: *mut Self, width: usize) {
        // SAFETY: by the caller's promise.
        unsafe { turn_by_numbers(from, to, width) };
    }
}

/// [`Turn::turn_square`] where there are no instructions for it. The safety is the same.
#[inline]
unsafe fn turn_by_numbers<T: Copy>(from: [*const T; SQUARE], to: *mut T, width: usize) {
    for r in 0..SQUARE {
        for (c, from) in from.into_iter().enumerate() {
            // SAFETY: by the caller's promise.
            unsafe { *to.add(r * width + c) = *from.add(r) };
        }
    }
}

impl Turn for f64 {}

impl Turn for f32 {
    #[cfg(target_arch = "x86_64")]
    #[inline]
    unsafe fn turn_square(from: [*const Self; SQUARE], to: *mut Self, width: usize) {
        if std::is_x86_feature_detected!("avx") {
            // SAFETY: the processor has the instructions; the rest is the caller's promise.
            unsafe { x86::turn_square(from, to, width) };
        } else {
            // SAFETY: by the caller's promise.
            unsafe { turn_by_numbers(from, to, width) };
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::SQUARE;
    use std::arch::x86_64::{
        _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps,
        _mm256_unpacklo_ps,
    };

    /// [`super::Turn::turn_square`] in 24 shuffles: pairs, then fours, then halves change places.
    #[target_feature(enable = "avx")]
    pub(super) unsafe fn turn_square(from: [*const f32; SQUARE], to: *mut f32, width: usize) {
        // SAFETY: by the caller's promise.
        let [a, b, c, d, e, f, g, h] = from.map(|from| unsafe { _mm256_loadu_ps(from) });
        let pairs = |x, y| (_mm256_unpacklo_ps(x, y), _mm256_unpackhi_ps(x, y));
        let ((ab0, ab1), (cd0, cd1), (ef0, ef1), (gh0, gh1)) = (pairs(a, b), pairs(c, d), pairs(e, f), pairs(g, h));
        let fours = |x, y| (_mm256_shuffle_ps::<0x44>(x, y), _mm256_shuffle_ps::<0xEE>(x, y));
        let ((ad0, ad1), (ad2, ad3)) = (fours(ab0, cd0), fours(ab1, cd1));
        let ((eh0, eh1), (eh2, eh3)) = (fours(ef0, gh0), fours(ef1, gh1));
        let halves = |x, y| (_mm256_permute2f128_ps::<0x20>(x, y), _mm256_permute2f128_ps::<0x31>(x, y));
        let ((r0, r4), (r1, r5), (r2, r6), (r3, r7)) =
            (halves(ad0, eh0), halves(ad1, eh1), halves(ad2, eh2), halves(ad3, eh3));
        for (r, row) in [r0, r1, r2, r3, r4, r5, r6, r7].into_iter().enumerate() {
            // SAFETY: by the caller's promise.
            unsafe { _mm256_storeu_ps(to.add(r * width), row) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What must be copied, whatever the shape and the order of the source.
    fn check<T: Real>(rows: usize, cols: usize, turned: bool) {
        let data: Vec<T> = (0..rows * cols).map(|i| T::from_f64(i as f64)).collect();
        let from = if turned { MatRef::new(&data, cols, rows).transposed() } else { MatRef::new(&data, rows, cols) };
        for (r0, r1, c0, c1) in [(0, rows, 0, cols), (rows / 3, rows, cols / 2, cols), (0, rows / 2, 0, cols / 3)] {
            for width in [c1 - c0, (c1 - c0).next_multiple_of(8)] {
                let mut out = vec![T::from_f64(-1.0); (r1 - r0) * width];
                copy(from, r0..r1, c0..c1, width, &mut out);
                for r in r0..r1 {
                    for c in c0..c1 {
                        assert_eq!(out[(r - r0) * width + c - c0], from.at(r, c), "{rows} {cols} {turned} {width}");
                    }
                }
            }
        }
    }

    #[test]
    fn copies_are_exact() {
        for rows in [1, 2, 7, 8, 9, 16, 31] {
            for cols in [1, 3, 8, 14, 17, 40] {
                for turned in [false, true] {
                    check::<f32>(rows, cols, turned);
                    check::<f64>(rows, cols, turned);
                }
            }
        }
    }
}
