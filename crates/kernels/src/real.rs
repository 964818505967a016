//! The two number types that the kernels run on.

use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

/// A floating-point number: `f32` for training, `f64` for checks and explanations.
pub trait Real:
    crate::gemm::drive::Compiled
    + Copy
    + Send
    + Sync
    + 'static
    + Debug
    + Display
    + Default
    + PartialEq
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + Sum
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// −∞, where a maximum starts.
    const NEG_INFINITY: Self;
    /// What an optimiser's memory forgets, see [`Real::flush`]: far below what a step can notice.
    const TINY: Self;
    /// The largest whole number up to which every whole number has a value of its own: 2²⁴ or 2⁵³.
    const MAX_INDEX: f64;

    /// The nearest value to `x`.
    fn from_f64(x: f64) -> Self;
    /// The same value as an `f64`.
    fn to_f64(self) -> f64;
    /// `self · a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// eˣ.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Sine of an angle in radians.
    fn sin(self) -> Self;
    /// Cosine of an angle in radians.
    fn cos(self) -> Self;
    /// Tangent of an angle in radians.
    fn tan(self) -> Self;
    /// The angle in (−π/2, π/2) whose tangent is the value.
    fn atan(self) -> Self;
    /// The largest whole number that is not above the value.
    fn floor(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// 1 / (1 + e⁻ˣ), without overflow at either end.
    fn sigmoid(self) -> Self;
    /// ln(1 + eˣ), without overflow and without losing small values.
    fn softplus(self) -> Self;
    /// The error function 2/√π ∫₀ˣ e^(−t²) dt.
    fn erf(self) -> Self;
    /// `self` to the power `y`.
    fn powf(self, y: Self) -> Self;
    /// Whether the value is neither infinite nor NaN.
    fn is_finite(self) -> bool;

    /// The larger; NaN if either is NaN.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if self >= other || self.is_nan() { self } else { other }
    }

    /// The smaller; NaN if either is NaN.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if self <= other || self.is_nan() { self } else { other }
    }

    /// Whether the value is NaN.
    #[inline(always)]
    #[expect(clippy::eq_op, reason = "NaN is the one value that differs from itself")]
    fn is_nan(self) -> bool {
        self != self
    }

    /// 0 for a number so small that it or its products are denormal, which takes processors a hundred times as long.
    #[inline(always)]
    fn flush(self) -> Self {
        if self.abs() < Self::TINY { Self::ZERO } else { self }
    }

    /// −1, 0 or 1 (NaN for NaN); unlike the standard library's `signum`, the sign of zero is 0.
    #[inline(always)]
    fn sign(self) -> Self {
        if self > Self::ZERO {
            Self::ONE
        } else if self < Self::ZERO {
            -Self::ONE
        } else {
            self
        }
    }
}

macro_rules! real {
    ($float:ident, $math:path, $max_index:expr) => {
        impl Real for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = $float::NEG_INFINITY;
            const TINY: Self = 1e-30;
            const MAX_INDEX: f64 = $max_index;

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $float
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                $float::mul_add(self, a, b)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $float::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $float::abs(self)
            }
            #[inline(always)]
            fn sin(self) -> Self {
                $float::sin(self)
            }
            #[inline(always)]
            fn cos(self) -> Self {
                $float::cos(self)
            }
            #[inline(always)]
            fn tan(self) -> Self {
                $float::tan(self)
            }
            #[inline(always)]
            fn atan(self) -> Self {
                $float::atan(self)
            }
            #[inline(always)]
            fn floor(self) -> Self {
                $float::floor(self)
            }
            #[inline(always)]
            fn powf(self, y: Self) -> Self {
                $float::powf(self, y)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $float::is_finite(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                use $math as math;
                math::exp(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                use $math as math;
                math::ln(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                use $math as math;
                math::tanh(self)
            }
            #[inline(always)]
            fn sigmoid(self) -> Self {
                use $math as math;
                math::sigmoid(self)
            }
            #[inline(always)]
            fn softplus(self) -> Self {
                use $math as math;
                math::softplus(self)
            }
            #[inline(always)]
            fn erf(self) -> Self {
                use $math as math;
                math::erf(self)
            }
        }
    };
}

real!(f32, crate::math::single, 16_777_216.0);
real!(f64, crate::math::double, 9_007_199_254_740_992.0);
