//! Fractions of 8 and 4 bits: what they hold, and the nearest of them.

/// A kind of fractions with few bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Tiny {
    Float8E4m3fn,
    Float8E4m3fnuz,
    Float8E5m2,
    Float8E5m2fnuz,
    Float4E2m1,
}

/// Bits of the fraction, what is taken from the exponent, the largest number, and whether there is an infinity.
struct Format {
    mantissa: u32,
    bias: i32,
    most: f64,
    infinite: bool,
}

impl Tiny {
    pub(crate) fn bits(self) -> u32 {
        if self == Self::Float4E2m1 { 4 } else { 8 }
    }

    fn format(self) -> Format {
        let (mantissa, bias, most, infinite) = match self {
            Self::Float8E4m3fn => (3, 7, 448.0, false),
            Self::Float8E4m3fnuz => (3, 8, 240.0, false),
            Self::Float8E5m2 => (2, 15, 57_344.0, true),
            Self::Float8E5m2fnuz => (2, 16, 57_344.0, false),
            Self::Float4E2m1 => (1, 1, 6.0, false),
        };
        Format { mantissa, bias, most, infinite }
    }

    /// Whether minus zero is a number of its own; where not, its bits are those of NaN.
    fn has_minus_zero(self) -> bool {
        !matches!(self, Self::Float8E4m3fnuz | Self::Float8E5m2fnuz)
    }

    /// The number of these bits.
    pub(crate) fn decode(self, bits: u8) -> f64 {
        let Format { mantissa, bias, infinite, .. } = self.format();
        let top = 1_u8 << (self.bits() - 1);
        let (sign, size) = (if bits & top == 0 { 1.0 } else { -1.0 }, bits & (top - 1));
        let (exponent, fraction) = (i32::from(size >> mantissa), f64::from(size & ((1 << mantissa) - 1)));
        let parts = f64::from(1 << mantissa);
        match self {
            _ if !self.has_minus_zero() && bits == top => return f64::NAN,
            Self::Float8E4m3fn if size == 0x7f => return f64::NAN,
            Self::Float8E5m2 if infinite && exponent == 31 => {
                return if fraction == 0.0 { sign * f64::INFINITY } else { f64::NAN };
            }
            _ => {}
        }
        match exponent {
            0 => sign * fraction / parts * f64::from(1 - bias).exp2(),
            _ => sign * (1.0 + fraction / parts) * f64::from(exponent - bias).exp2(),
        }
    }

    /// The nearest number (of two, the even one). What is too large becomes the largest if it saturates, and else
    /// infinite, or NaN where there is no infinity.
    pub(crate) fn nearest(self, value: f64, saturate: bool) -> f64 {
        let Format { mantissa, bias, most, infinite } = self.format();
        if value.is_nan() {
            // Four bits have no NaN; ONNX takes minus zero.
            return if self == Self::Float4E2m1 { -0.0 } else { value };
        }
        let exponent = if value == 0.0 { 1 - bias } else { (value.abs().log2().floor() as i32).max(1 - bias) };
        let step = f64::from(exponent - mantissa as i32).exp2();
        let nearest = (value / step).round_ties_even() * step;
        if nearest.abs() <= most {
            return if nearest == 0.0 && !self.has_minus_zero() { 0.0 } else { nearest };
        }
        match (saturate || self == Self::Float4E2m1, infinite) {
            (true, _) => most.copysign(value),
            (false, true) => f64::INFINITY.copysign(value),
            (false, false) => f64::NAN,
        }
    }
}

#[cfg(test)]
#[test]
fn every_number_is_its_own_nearest() {
    use Tiny::{Float4E2m1, Float8E4m3fn, Float8E4m3fnuz, Float8E5m2, Float8E5m2fnuz};
    for kind in [Float8E4m3fn, Float8E4m3fnuz, Float8E5m2, Float8E5m2fnuz, Float4E2m1] {
        let count = 1_u16 << kind.bits();
        let numbers: Vec<f64> = (0..count).map(|bits| kind.decode(bits as u8)).filter(|v| v.is_finite()).collect();
        assert_eq!(numbers.iter().copied().fold(0.0, f64::max), kind.format().most);
        for &number in &numbers {
            assert_eq!(kind.nearest(number, false), number, "{kind:?}");
        }
        assert_eq!(kind.nearest(1e9, true), kind.format().most);
        assert_eq!(kind.nearest(1e9, false).is_finite(), kind == Float4E2m1);
    }
}
