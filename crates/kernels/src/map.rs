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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Asserts that `out` has the bits of `f` called for one number after the other.
    fn same(x: &[f32], out: &[f32], f: fn(f32) -> f32) {
        for (&x, &got) in x.iter().zip(out) {
            let expected = f(x);
            assert!(expected.to_bits() == got.to_bits() || expected.is_nan() && got.is_nan(), "{got} for {expected}");
        }
    }

    proptest! {
        #[test]
        fn every_element_is_mapped(pairs in prop::collection::vec((-9.0_f32..9.0, -9.0_f32..9.0), 0..200)) {
            let (x, y): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let mut out = vec![f32::NAN; x.len()];
            map1(&x, &mut out, |v| v * v - 1.0);
            prop_assert!(out.iter().zip(&x).all(|(o, v)| *o == v * v - 1.0));
            map2(&x, &y, &mut out, |a, b| a * b + a);
            prop_assert!(out.iter().zip(x.iter().zip(&y)).all(|(o, (a, b))| *o == a * b + a));
        }

        #[test]
        fn functions_are_the_same_in_and_out_of_vectors(x in prop::collection::vec(-100.0_f32..100.0, 0..70)) {
            let mut out = vec![0.0; x.len()];
            map1(&x, &mut out, Real::exp);
            same(&x, &out, Real::exp);
            map1(&x, &mut out, Real::ln);
            same(&x, &out, Real::ln);
            map1(&x, &mut out, Real::tanh);
            same(&x, &out, Real::tanh);
            map1(&x, &mut out, Real::sigmoid);
            same(&x, &out, Real::sigmoid);
            map1(&x, &mut out, Real::softplus);
            same(&x, &out, Real::softplus);
            map1(&x, &mut out, Real::erf);
            same(&x, &out, Real::erf);
        }
    }
}
