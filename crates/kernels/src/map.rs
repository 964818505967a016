//! Elementwise loops: one output element from the input elements at the same place.

use crate::{Real, simd};

/// `out[i] = f(x[i])`. All slices have the same length.
#[inline(always)]
pub fn map1<T: Real>(x: &[T], out: &mut [T], f: impl Fn(T) -> T) {
    assert_eq!(x.len(), out.len());
    simd(
        #[inline(always)]
        || {
            for (o, &a) in out.iter_mut().zip(x) {
                *o = f(a);
            }
        },
    );
}

/// `out[i] = f(x[i], y[i])`. All slices have the same length.
#[inline(always)]
pub fn map2<T: Real>(x: &[T], y: &[T], out: &mut [T], f: impl Fn(T, T) -> T) {
    assert_eq!(x.len(), out.len());
    assert_eq!(y.len(), out.len());
    simd(
        #[inline(always)]
        || {
            for ((o, &a), &b) in out.iter_mut().zip(x).zip(y) {
                *o = f(a, b);
            }
        },
    );
}
