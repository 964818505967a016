//! In `f32`: polynomials without a branch or a call, so that loops over them vectorise.
//!
//! Every case is computed and one is selected. Multiplications and additions are written apart: they are then rounded
//! in the same way on every processor, with or without a fused instruction.

use std::f32::consts::{FRAC_2_SQRT_PI, LOG2_E, SQRT_2};

/// ln 2 in two parts: the upper has few bits, so that a whole number below 2⁸ times it is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// 3 · 2²²: adding it to a number below 2²² rounds that to a whole number, which then stands in the lowest bits.
const ROUNDING: f32 = 12_582_912.0;

/// Σ `c[i]` xⁱ by Horner's rule.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, c: [f32; N]) -> f32 {
    let mut value = c[N - 1];
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        value = value * x + c[i];
    }
    value
}

/// x in [low, high]; NaN stays.
#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// 2ⁿ for n from −126 to 127; any number for other n.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// The whole n nearest to x / ln 2, and e^r − 1 for the rest r = x − n ln 2, |r| ≤ ½ ln 2, from its Taylor series up
/// to r⁷, which leaves out less than 10⁻⁸ of it.
#[inline(always)]
fn split_exponential(x: f32) -> (i32, f32) {
    let shifted = x * LOG2_E + ROUNDING;
    let whole = shifted - ROUNDING;
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUNDING.to_bits() as i32);
    let r = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
    let tail = polynomial(r, [1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0]);
    (n, r + r * r * tail)
}

/// eˣ = 2ⁿ · e^r.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Beyond these ends the result is 0 or infinite. 2ⁿ itself may be too small or too large: it is multiplied in
    // two steps.
    let (n, r) = split_exponential(clamp(x, -104.0, 89.0));
    let half = n >> 1;
    (1.0 + r) * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// ln x = e ln 2 + ln m with m from √½ to √2, and ln m = 2 artanh s with s = (m − 1) / (m + 1).
///
/// Written as m − 1 − (m − 1)²/2 + ⋯ so that the first term, which is exact, carries most of the result.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    let subnormal = x < f32::MIN_POSITIVE;
    let bits = (if subnormal { x * 8_388_608.0 } else { x }).to_bits() as i32;
    let e = bits.wrapping_sub((0.5 * SQRT_2).to_bits() as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub(e << 23) as u32);
    let e = (if subnormal { e.wrapping_sub(23) } else { e }) as f32;
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let s2 = s * s;
    let tail = s2 * polynomial(s2, [2.0 / 3.0, 2.0 / 5.0, 2.0 / 7.0, 2.0 / 9.0, 2.0 / 11.0]);
    let half_square = 0.5 * f * f;
    let value = e * LN_2_HIGH + (f - (half_square - (s * (half_square + tail) + e * LN_2_LOW)));
    let value = if x < f32::INFINITY { value } else { x };
    let value = if x == 0.0 { f32::NEG_INFINITY } else { value };
    if x < 0.0 { f32::NAN } else { value }
}

/// tanh x = t / (t + 2) with t = e^(2|x|) − 1, which keeps its digits for small x.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    // From 10 on the result is 1.
    let (n, r) = split_exponential(2.0 * clamp(x.abs(), 0.0, 10.0));
    let scale = power_of_two(n);
    let t = scale * r + (scale - 1.0);
    (t / (t + 2.0)).copysign(x)
}

/// 1 / (1 + e⁻ˣ), with e^(−|x|) so that nothing overflows.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    (if x >= 0.0 { 1.0 } else { e }) / (1.0 + e)
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + u) with u = e^(−|x|), and ln(1 + u) = 2 artanh(u / (2 + u)) as a series that keeps
/// the digits of small u.
#[inline(always)]
pub(crate) fn softplus(x: f32) -> f32 {
    let u = exp(-x.abs());
    let s = u / (2.0 + u);
    let series = [1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0];
    let s2 = s * s;
    let positive = if x < 0.0 { 0.0 } else { x };
    positive + 2.0 * (s + s * s2 * polynomial(s2, series))
}

/// erf x: below 1 an odd polynomial, above 1 − e^(−p(x)), where p approximates −ln erfc x.
///
/// Both were fitted in weighted least squares on 200 Chebyshev points, reweighted to even out the largest relative
/// error of erf, which is 1.2 · 10⁻⁹ before rounding.
#[inline(always)]
pub(crate) fn erf(x: f32) -> f32 {
    const NEAR: [f32; 7] =
        [FRAC_2_SQRT_PI, -0.376_126_26, 0.112_835_85, -0.026_853_812, 0.005_188_327_6, -0.000_801_019_25, 7.853_858e-5];
    const FAR: [f32; 7] =
        [0.000_341_561_22, 1.127_089, 0.638_145_1, 0.103_106_56, -0.021_837_975, 0.002_947_638, -0.000_186_377_38];
    // From 4 on the result is 1.
    let size = clamp(x.abs(), 0.0, 4.0);
    let near = size * polynomial(size * size, NEAR);
    let far = 1.0 - exp(-polynomial(size, FAR));
    (if size < 1.0 { near } else { far }).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::double;

    /// The largest error of `f` in units of the last place of the exact value, over a dense sweep of [from, to] and of
    /// magnitudes down to the smallest; errors below `absolute` do not count.
    fn worst(f: fn(f32) -> f32, exact: fn(f64) -> f64, from: f32, to: f32, absolute: f64) -> (f64, f32) {
        let steps = 400_000;
        let linear = (0..=steps).map(|i| from + (to - from) * (i as f32 / steps as f32));
        let tiny = (0..0x7f80_0000_u32).step_by(9_973).flat_map(|bits| {
            let x = f32::from_bits(bits);
            [x, -x]
        });
        let mut worst = (0.0, 0.0);
        for x in linear.chain(tiny.filter(|x| (from..=to).contains(x))) {
            let (got, wanted) = (f(x), exact(f64::from(x)));
            let rounded = wanted as f32;
            if got == rounded || (f64::from(got) - wanted).abs() < absolute {
                continue;
            }
            let unit = f64::from((rounded.abs().next_up() - rounded.abs()).min(f32::MAX));
            let error = (f64::from(got) - wanted).abs() / unit;
            if error.is_nan() || error > worst.0 {
                worst = (error, x);
            }
        }
        worst
    }

    fn check(name: &str, (error, at): (f64, f32), bound: f64) {
        println!("{name}: {error:.2} units in the last place at {at}");
        assert!(error <= bound, "{name}: {error:.2} units in the last place at {at}");
    }

    #[test]
    fn exponential_and_logarithm() {
        check("exp", worst(exp, f64::exp, -110.0, 90.0, 0.0), 2.0);
        check("exp near 0", worst(exp, f64::exp, -1.0, 1.0, 0.0), 2.0);
        check("ln", worst(ln, f64::ln, 0.0, f32::MAX, 0.0), 2.0);
        check("ln near 1", worst(ln, f64::ln, 0.5, 2.0, 0.0), 2.0);
    }

    #[test]
    fn activations() {
        check("tanh", worst(tanh, f64::tanh, -12.0, 12.0, 0.0), 4.0);
        check("tanh near 0", worst(tanh, f64::tanh, -0.5, 0.5, 0.0), 4.0);
        check("sigmoid", worst(sigmoid, double::sigmoid, -110.0, 110.0, 0.0), 4.0);
        check("sigmoid near 0", worst(sigmoid, double::sigmoid, -4.0, 4.0, 0.0), 4.0);
        check("softplus", worst(softplus, double::softplus, -110.0, 110.0, 0.0), 4.0);
        check("softplus near 0", worst(softplus, double::softplus, -4.0, 4.0, 0.0), 4.0);
        check("erf", worst(erf, double::erf, -6.0, 6.0, 0.0), 4.0);
        check("erf near 0", worst(erf, double::erf, -1.5, 1.5, 0.0), 4.0);
    }

    #[test]
    fn ends_are_exact() {
        let infinity = f32::INFINITY;
        assert_eq!((exp(0.0), exp(infinity), exp(-infinity)), (1.0, infinity, 0.0));
        assert_eq!((exp(88.8), exp(-103.98)), (infinity, 0.0));
        assert_eq!(exp(-103.0), f32::from_bits(1));
        assert_eq!((ln(1.0), ln(0.0), ln(-0.0), ln(infinity)), (0.0, -infinity, -infinity, infinity));
        assert!(ln(-1.0).is_nan() && ln(-infinity).is_nan());
        assert_eq!((tanh(infinity), tanh(-infinity), tanh(1e-30)), (1.0, -1.0, 1e-30));
        assert!(tanh(-0.0).is_sign_negative() && erf(-0.0).is_sign_negative());
        assert_eq!((sigmoid(0.0), sigmoid(infinity), sigmoid(-infinity)), (0.5, 1.0, 0.0));
        assert_eq!((softplus(infinity), softplus(-infinity), softplus(200.0)), (infinity, 0.0, 200.0));
        assert_eq!((erf(0.0), erf(infinity), erf(-infinity)), (0.0, 1.0, -1.0));
        for f in [exp, ln, tanh, sigmoid, softplus, erf] {
            assert!(f(f32::NAN).is_nan());
        }
    }
}
