//! The few vector operations that the product needs, for `f32` and `f64` alike.
//!
//! pulp names its operations after the element (`mul_add_f32s`, `mul_add_f64s`); this trait takes the name away so
//! that packing and tiles are written once.
#![expect(unsafe_code, reason = "masked loads take an address")]

use pulp::Simd;
use pulp::bytemuck::Pod;

/// A number that pulp has vectors of.
pub trait Element: Pod {
    /// One vector register full.
    type Vector<S: Simd>: Pod;

    /// How many numbers fit in a vector of `S`.
    fn lanes<S: Simd>() -> usize {
        size_of::<Self::Vector<S>>() / size_of::<Self>()
    }
    /// `x` in every lane.
    fn splat<S: Simd>(simd: S, x: Self) -> Self::Vector<S>;
    /// `a · b`.
    fn times<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a + b`.
    fn plus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a · b + c`, rounded once; a library call per lane where the processor has no such instruction.
    fn times_plus<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>, c: Self::Vector<S>) -> Self::Vector<S>;
    /// The sum of the lanes, in an order that depends on the number of lanes only.
    fn total<S: Simd>(simd: S, a: Self::Vector<S>) -> Self;
    /// The whole vectors in `slice`, from its start.
    fn vectors<S: Simd>(slice: &[Self]) -> &[Self::Vector<S>];
    /// The first numbers of `slice`, as many as it has or a vector holds; zeros after them.
    fn load_some<S: Simd>(simd: S, slice: &[Self]) -> Self::Vector<S>;
    /// Writes as many numbers as `slice` has room for.
    fn store_some<S: Simd>(simd: S, slice: &mut [Self], a: Self::Vector<S>);
}

macro_rules! element {
    ($float:ident, $vector:ident, $splat:ident, $mul:ident, $add:ident, $mul_add:ident, $total:ident, $as:ident, $load:ident, $store:ident, $mask:ident, $index:ident) => {
        impl Element for $float {
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn splat<S: Simd>(simd: S, x: Self) -> S::$vector {
                simd.$splat(x)
            }
            #[inline(always)]
            fn times<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$mul(a, b)
            }
            #[inline(always)]
            fn plus<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn times_plus<S: Simd>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                simd.$mul_add(a, b, c)
            }
            #[inline(always)]
            fn total<S: Simd>(simd: S, a: S::$vector) -> Self {
                simd.$total(a)
            }
            #[inline(always)]
            fn vectors<S: Simd>(slice: &[Self]) -> &[S::$vector] {
                S::$as(slice).0
            }
            #[inline(always)]
            fn load_some<S: Simd>(simd: S, slice: &[Self]) -> S::$vector {
                let count = slice.len().min(Self::lanes::<S>());
                // SAFETY: the mask leaves the first `count` numbers, which are there.
                unsafe { simd.$load(simd.$mask(0, count as $index), slice.as_ptr()) }
            }
            #[inline(always)]
            fn store_some<S: Simd>(simd: S, slice: &mut [Self], a: S::$vector) {
                let count = slice.len().min(Self::lanes::<S>());
                // SAFETY: as above.
                unsafe { simd.$store(simd.$mask(0, count as $index), slice.as_mut_ptr(), a) };
            }
        }
    };
}

element!(
    f32,
    f32s,
    splat_f32s,
    mul_f32s,
    add_f32s,
    mul_add_f32s,
    reduce_sum_f32s,
    as_simd_f32s,
    mask_load_ptr_f32s,
    mask_store_ptr_f32s,
    mask_between_m32s,
    u32
);
element!(
    f64,
    f64s,
    splat_f64s,
    mul_f64s,
    add_f64s,
    mul_add_f64s,
    reduce_sum_f64s,
    as_simd_f64s,
    mask_load_ptr_f64s,
    mask_store_ptr_f64s,
    mask_between_m64s,
    u64
);
