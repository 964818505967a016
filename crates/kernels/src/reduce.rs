//! Reductions over the middle of `[outer, len, inner]`, and the broadcast that undoes them.
//!
//! Any run of neighbouring axes can be seen this way: `outer` is the product of the axes before it, `len` of the axes
//! reduced, `inner` of the axes after it.

use crate::team::for_each_chunk;
use crate::{Real, simd};
use std::array::from_fn;

/// The least elements that a thread is given, some microseconds of work, and the most pieces.
const LEAST_PIECE: usize = 1 << 15;
const MOST_PIECES: usize = 16;

/// How many partial results a row is folded in. The tree is fixed, so the result does not depend on the processor.
const LANES: usize = 16;

/// `out[o, i] = Σ_l x[o, l, i]`.
pub fn sum<T: Real>(x: &[T], len: usize, inner: usize, out: &mut [T]) {
    fold(x, len, inner, out, T::ZERO, |a, b| a + b);
}

/// `out[o, i] = max_l x[o, l, i]`; NaN if one of them is NaN.
pub fn max<T: Real>(x: &[T], len: usize, inner: usize, out: &mut [T]) {
    fold(x, len, inner, out, T::NEG_INFINITY, |a, b| Real::max(a, b));
}

#[inline(always)]
fn fold<T: Real>(x: &[T], len: usize, inner: usize, out: &mut [T], start: T, f: impl Fn(T, T) -> T + Sync) {
    assert_eq!(x.len(), out.len() * len);
    // Every result has one order of its own, so results may be shared out in any way.
    let rows = (out.len() / inner.max(1)).div_ceil(MOST_PIECES).max(LEAST_PIECE.div_ceil((len * inner).max(1)));
    let size = rows * inner.max(1);
    for_each_chunk(out, size, usize::MAX, &|_, number, out| {
        let x = &x[number * size * len..][..out.len() * len];
        simd(
            #[inline(always)]
            || {
                if inner == 1 {
                    for (at, o) in out.iter_mut().enumerate() {
                        *o = fold_row(&x[at * len..][..len], start, |v| v, &f);
                    }
                } else {
                    fold_rows(x, len, inner, out, start, &f);
                }
            },
        );
    });
}

/// One row of neighbours, each put through `each`, in sixteen interleaved partial results that meet pairwise at the
/// end.
#[inline(always)]
fn fold_row<T: Real>(row: &[T], start: T, each: impl Fn(T) -> T, f: impl Fn(T, T) -> T) -> T {
    let mut lanes = [start; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane = f(*lane, each(v));
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(rest) {
        *lane = f(*lane, each(v));
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = f(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// Whole rows of `inner` results at a time, in the order of `l`.
#[inline(always)]
fn fold_rows<T: Real>(x: &[T], len: usize, inner: usize, out: &mut [T], start: T, f: impl Fn(T, T) -> T) {
    out.fill(start);
    if inner == 0 {
        return;
    }
    for (o, acc) in out.chunks_exact_mut(inner).enumerate() {
        for l in 0..len {
            let from = (o * len + l) * inner;
            for (a, &v) in acc.iter_mut().zip(&x[from..from + inner]) {
                *a = f(*a, v);
            }
        }
    }
}

/// `out[o, i] = ln Σ_l exp x[o, l, i]`, with the maximum taken out first so that nothing overflows.
pub fn log_sum_exp<T: Real>(x: &[T], len: usize, inner: usize, out: &mut [T]) {
    assert_eq!(x.len(), out.len() * len);
    simd(
        #[inline(always)]
        || {
            if inner == 1 && len >= 4 * LANES {
                for (o, row) in out.iter_mut().zip(x.chunks_exact(len)) {
                    let top = fold_row(row, T::NEG_INFINITY, |v| v, |a, b| Real::max(a, b));
                    let total = fold_row(
                        row,
                        T::ZERO,
                        #[inline(always)]
                        |v| (v - top).exp(),
                        |a, b| a + b,
                    );
                    *o = put_back(top, total);
                }
            } else {
                log_sum_exp_side_by_side(x, len, inner, out);
            }
        },
    );
}

/// Sixteen results at a time, each summed in the order of `l`: for short rows, and for numbers that are not
/// neighbours.
#[inline(always)]
fn log_sum_exp_side_by_side<T: Real>(x: &[T], len: usize, inner: usize, out: &mut [T]) {
    let count = out.len();
    for (block, out) in out.chunks_mut(LANES).enumerate() {
        // Lanes after the last result compute that one again.
        let first: [usize; LANES] = from_fn(|lane| {
            let at = (block * LANES + lane).min(count - 1);
            at / inner * len * inner + at % inner
        });
        let numbers = |l: usize| -> [T; LANES] { from_fn(|lane| x[first[lane] + l * inner]) };
        let mut top = [T::NEG_INFINITY; LANES];
        for l in 0..len {
            for (top, v) in top.iter_mut().zip(numbers(l)) {
                *top = Real::max(*top, v);
            }
        }
        let mut total = [T::ZERO; LANES];
        for l in 0..len {
            for ((total, v), &top) in total.iter_mut().zip(numbers(l)).zip(&top) {
                *total += (v - top).exp();
            }
        }
        let results: [T; LANES] = from_fn(
            #[inline(always)]
            |lane| put_back(top[lane], total[lane]),
        );
        out.copy_from_slice(&results[..out.len()]);
    }
}

/// `top + ln total`. An infinite or NaN maximum is the result itself; the total is then NaN.
#[inline(always)]
fn put_back<T: Real>(top: T, total: T) -> T {
    let sum = top + total.ln();
    if top.is_finite() { sum } else { top }
}

/// `out[o, i] = ` the first `l` at which `x[o, l, i]` is largest, as a number.
pub fn arg_max<T: Real>(x: &[T], len: usize, inner: usize, out: &mut [T]) {
    assert_eq!(x.len(), out.len() * len);
    for (at, o) in out.iter_mut().enumerate() {
        let first = (at / inner) * len * inner + at % inner;
        let mut best = 0;
        for l in 1..len {
            if x[first + l * inner] > x[first + best * inner] {
                best = l;
            }
        }
        *o = T::from_f64(best as f64);
    }
}

/// `out[o, l, i] = x[o, i]` for every `l`.
pub fn broadcast<T: Real>(x: &[T], len: usize, inner: usize, out: &mut [T]) {
    assert_eq!(out.len(), x.len() * len);
    if out.is_empty() {
        return;
    }
    for (block, row) in out.chunks_exact_mut(len * inner).zip(x.chunks_exact(inner)) {
        if inner == 1 {
            block.fill(row[0]);
        } else {
            for copy in block.chunks_exact_mut(inner) {
                copy.copy_from_slice(row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `[outer, len, inner]` and so many numbers.
    fn cube() -> impl Strategy<Value = (usize, usize, usize, Vec<f32>)> {
        let inner = prop_oneof![Just(1_usize), 1_usize..20];
        (0_usize..4, 0_usize..70, inner).prop_flat_map(|(outer, len, inner)| {
            let numbers = prop::collection::vec(-30.0_f32..30.0, outer * len * inner);
            (Just(outer), Just(len), Just(inner), numbers)
        })
    }

    /// `f` of the numbers that each result is made from.
    fn by_definition(x: &[f32], (outer, len, inner): (usize, usize, usize), f: fn(&[f64]) -> f64) -> Vec<f64> {
        let one = |o: usize, i: usize| {
            let column: Vec<f64> = (0..len).map(|l| f64::from(x[(o * len + l) * inner + i])).collect();
            f(&column)
        };
        (0..outer * inner).map(|at| one(at / inner, at % inner)).collect()
    }

    fn close(got: &[f32], expected: &[f64]) {
        for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
            let error = (f64::from(got) - expected).abs();
            let same = f64::from(got) == expected;
            assert!(same || error <= 1e-4 * expected.abs().max(1.0), "[{i}]: {got} for {expected}");
        }
    }

    proptest! {
        #[test]
        fn agree_with_the_definition((outer, len, inner, x) in cube()) {
            let mut out = vec![f32::NAN; outer * inner];
            let shape = (outer, len, inner);
            sum(&x, len, inner, &mut out);
            close(&out, &by_definition(&x, shape, |c| c.iter().sum()));
            max(&x, len, inner, &mut out);
            close(&out, &by_definition(&x, shape, |c| c.iter().copied().fold(f64::NEG_INFINITY, f64::max)));
            log_sum_exp(&x, len, inner, &mut out);
            close(&out, &by_definition(&x, shape, |c| c.iter().map(|v| v.exp()).sum::<f64>().ln()));
            if len > 0 {
                arg_max(&x, len, inner, &mut out);
                let first_best = |c: &[f64]| {
                    let best = c.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    c.iter().position(|&v| v == best).unwrap() as f64
                };
                close(&out, &by_definition(&x, shape, first_best));
            }
        }

        #[test]
        fn broadcast_repeats((outer, len, inner, x) in cube()) {
            let x = &x[..(outer * inner).min(x.len())];
            if x.len() == outer * inner {
                let mut out = vec![f32::NAN; outer * len * inner];
                broadcast(x, len, inner, &mut out);
                for (at, &v) in out.iter().enumerate() {
                    prop_assert_eq!(v, x[at / (len * inner) * inner + at % inner]);
                }
            }
        }
    }

    #[test]
    fn special_numbers_come_through() {
        let infinity = f32::INFINITY;
        let mut out = [0.0_f32];
        for at in 0..40 {
            let mut x = [1.0_f32; 40];
            x[at] = f32::NAN;
            max(&x, 40, 1, &mut out);
            assert!(out[0].is_nan());
            log_sum_exp(&x, 40, 1, &mut out);
            assert!(out[0].is_nan());
        }
        log_sum_exp(&[-infinity; 3], 3, 1, &mut out);
        assert_eq!(out, [-infinity]);
        log_sum_exp(&[1.0, infinity], 2, 1, &mut out);
        assert_eq!(out, [infinity]);
        log_sum_exp(&[1000.0, 1000.0], 2, 1, &mut out);
        assert_eq!(out, [1000.0 + std::f32::consts::LN_2]);
        log_sum_exp(&[-infinity, 3.0], 2, 1, &mut out);
        assert_eq!(out, [3.0]);
    }
}
