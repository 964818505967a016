//! Reductions over the middle of `[outer, len, inner]`, and the broadcast that undoes them.
//!
//! Any run of neighbouring axes can be seen this way: `outer` is the product of the axes before it, `len` of the axes
//! reduced, `inner` of the axes after it.

use crate::{Real, simd};

/// How many partial sums a row is added in. The tree is fixed, so the result does not depend on the processor.
const LANES: usize = 16;

/// `out[o, i] = Σ_l x[o, l, i]`.
pub fn sum<T: Real>(x: &[T], len: usize, inner: usize, out: &mut [T]) {
    assert_eq!(x.len(), out.len() * len);
    simd(
        #[inline(always)]
        || {
            if inner == 1 {
                for (o, row) in out.iter_mut().enumerate() {
                    *row = sum_row(&x[o * len..(o + 1) * len]);
                }
            } else {
                fold_rows(x, len, inner, out, T::ZERO, |a, b| a + b);
            }
        },
    );
}

/// The sum of one row in sixteen interleaved partial sums, added pairwise at the end.
#[inline(always)]
fn sum_row<T: Real>(row: &[T]) -> T {
    let mut lanes = [T::ZERO; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane += v;
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(rest) {
        *lane += v;
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = lanes[i] + lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// `out[o, i] = max_l x[o, l, i]`; NaN if one of them is NaN.
pub fn max<T: Real>(x: &[T], len: usize, inner: usize, out: &mut [T]) {
    assert_eq!(x.len(), out.len() * len);
    simd(
        #[inline(always)]
        || fold_rows(x, len, inner, out, T::NEG_INFINITY, |a, b| Real::max(a, b)),
    );
}

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
    max(x, len, inner, out);
    simd(
        #[inline(always)]
        || {
            for (at, o) in out.iter_mut().enumerate() {
                let top = *o;
                // An infinite maximum is the result itself; subtracting it would give NaN.
                if !top.is_finite() {
                    continue;
                }
                let first = (at / inner) * len * inner + at % inner;
                let mut total = T::ZERO;
                for l in 0..len {
                    total += (x[first + l * inner] - top).exp();
                }
                *o = top + total.ln();
            }
        },
    );
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
