//! The arithmetic that the formulas of elementwise operations are written in.
//!
//! A formula is generic over [`Arith`], so the same line runs on `f32` and `f64`, becomes nodes of a graph (and can be
//! differentiated again), and turns into text.

use chainrule_kernels::Real;
use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// Something that can be calculated with.
pub trait Arith:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The number `value`, of the same kind and shape as `self`.
    fn lit(self, value: f64) -> Self;
    /// eˣ.
    fn exp(self) -> Self;
    /// The natural logarithm.
    fn log(self) -> Self;
    /// √x.
    fn sqrt(self) -> Self;
    /// |x|.
    fn abs(self) -> Self;
    /// sin x.
    fn sin(self) -> Self;
    /// cos x.
    fn cos(self) -> Self;
    /// tan x.
    fn tan(self) -> Self;
    /// The angle in (−π/2, π/2) whose tangent is x.
    fn atan(self) -> Self;
    /// tanh x.
    fn tanh(self) -> Self;
    /// 1 / (1 + e⁻ˣ).
    fn sigmoid(self) -> Self;
    /// ln(1 + eˣ).
    fn softplus(self) -> Self;
    /// max(x, 0).
    fn relu(self) -> Self;
    /// The error function.
    fn erf(self) -> Self;
    /// The largest whole number that is not above x.
    fn floor(self) -> Self;
    /// −1, 0 or 1.
    fn sign(self) -> Self;
    /// 1 where x > 0, else 0.
    fn step(self) -> Self;
    /// xʸ.
    fn pow(self, exponent: Self) -> Self;
    /// The smaller.
    fn min(self, other: Self) -> Self;
    /// The larger.
    fn max(self, other: Self) -> Self;
    /// x where `other` is not 0, else 0, whatever x is.
    fn mask(self, other: Self) -> Self;
    /// 1 where the two are equal, else 0.
    fn eq(self, other: Self) -> Self;
    /// 1 where x ≠ 0, else 0.
    #[inline(always)]
    fn nonzero(self) -> Self {
        self.lit(1.0) - self.eq(self.lit(0.0))
    }
    /// ln x where x ≠ 0, else 0.
    #[inline(always)]
    fn log_or_zero(self) -> Self {
        (self + self.eq(self.lit(0.0))).log()
    }
}

impl<T: Real> Arith for T {
    #[inline(always)]
    fn lit(self, value: f64) -> Self {
        T::from_f64(value)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        Real::exp(self)
    }
    #[inline(always)]
    fn log(self) -> Self {
        Real::ln(self)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Real::sqrt(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Real::abs(self)
    }
    #[inline(always)]
    fn sin(self) -> Self {
        Real::sin(self)
    }
    #[inline(always)]
    fn cos(self) -> Self {
        Real::cos(self)
    }
    #[inline(always)]
    fn tan(self) -> Self {
        Real::tan(self)
    }
    #[inline(always)]
    fn atan(self) -> Self {
        Real::atan(self)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        Real::tanh(self)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Real::sigmoid(self)
    }
    #[inline(always)]
    fn softplus(self) -> Self {
        Real::softplus(self)
    }
    #[inline(always)]
    fn relu(self) -> Self {
        // Written so that NaN stays NaN.
        if self < T::ZERO { T::ZERO } else { self }
    }
    #[inline(always)]
    fn erf(self) -> Self {
        Real::erf(self)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        Real::floor(self)
    }
    #[inline(always)]
    fn sign(self) -> Self {
        Real::sign(self)
    }
    #[inline(always)]
    fn step(self) -> Self {
        if self > T::ZERO { T::ONE } else { T::ZERO }
    }
    #[inline(always)]
    fn pow(self, exponent: Self) -> Self {
        Real::powf(self, exponent)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Real::min(self, other)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Real::max(self, other)
    }
    #[inline(always)]
    fn mask(self, other: Self) -> Self {
        if other == T::ZERO { T::ZERO } else { self }
    }
    #[inline(always)]
    fn eq(self, other: Self) -> Self {
        if self == other { T::ONE } else { T::ZERO }
    }
}

/// Where formulas are written down: each piece with the precedence of its outermost operator.
#[derive(Default)]
pub(crate) struct Paper {
    pieces: RefCell<Vec<(String, u8)>>,
}

const SUM: u8 = 1;
const PRODUCT: u8 = 2;
const MINUS: u8 = 3;
const POWER: u8 = 4;
const ATOM: u8 = 5;

/// A formula as text. Products with 1 and sums with 0 are written short.
#[derive(Clone, Copy)]
pub(crate) struct Text<'p> {
    paper: &'p Paper,
    piece: usize,
}

impl Paper {
    /// A name, or any text that needs no parentheses.
    pub(crate) fn atom(&self, text: impl Into<String>) -> Text<'_> {
        self.write(text.into(), ATOM)
    }

    /// A number, which needs parentheses like a negation when it is negative.
    fn number(&self, value: f64) -> Text<'_> {
        let precedence = if value < 0.0 { MINUS } else { ATOM };
        self.write(format!("{value}").replace('-', "−"), precedence)
    }

    fn write(&self, text: String, precedence: u8) -> Text<'_> {
        let mut pieces = self.pieces.borrow_mut();
        pieces.push((text, precedence));
        Text { paper: self, piece: pieces.len() - 1 }
    }
}

impl<'p> Text<'p> {
    /// What is written.
    pub(crate) fn read(self) -> String {
        self.paper.pieces.borrow()[self.piece].0.clone()
    }

    /// What is written, in parentheses if its outermost operator binds less than `precedence`.
    fn inside(self, precedence: u8) -> String {
        let (text, own) = self.paper.pieces.borrow()[self.piece].clone();
        if own < precedence { format!("({text})") } else { text }
    }

    fn as_number(self) -> Option<f64> {
        self.read().replace('−', "-").parse().ok()
    }

    fn is(self, number: &str) -> bool {
        self.paper.pieces.borrow()[self.piece].0 == number
    }

    fn infix(self, sign: &str, other: Self, precedence: u8, right: u8) -> Self {
        self.paper.write(format!("{} {sign} {}", self.inside(precedence), other.inside(right)), precedence)
    }

    fn call(self, name: &str) -> Self {
        self.paper.atom(format!("{name}({})", self.read()))
    }

    fn call2(self, name: &str, other: Self) -> Self {
        self.paper.atom(format!("{name}({}, {})", self.read(), other.read()))
    }
}

impl Add for Text<'_> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        match (self.is("0"), other.is("0")) {
            (true, _) => other,
            (_, true) => self,
            _ => self.infix("+", other, SUM, SUM),
        }
    }
}

impl Sub for Text<'_> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        match (self.as_number(), other.as_number()) {
            (Some(a), Some(b)) => self.lit(a - b),
            (_, Some(0.0)) => self,
            _ => self.infix("−", other, SUM, PRODUCT),
        }
    }
}

impl Mul for Text<'_> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        match (self.is("1"), other.is("1")) {
            (true, _) => other,
            (_, true) => self,
            _ => self.infix("·", other, PRODUCT, PRODUCT),
        }
    }
}

impl Div for Text<'_> {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        self.infix("/", other, PRODUCT, MINUS)
    }
}

impl Neg for Text<'_> {
    type Output = Self;
    fn neg(self) -> Self {
        self.paper.write(format!("−{}", self.inside(POWER)), MINUS)
    }
}

impl Arith for Text<'_> {
    fn lit(self, value: f64) -> Self {
        self.paper.number(value)
    }
    fn exp(self) -> Self {
        self.call("exp")
    }
    fn log(self) -> Self {
        self.call("log")
    }
    fn sqrt(self) -> Self {
        self.call("sqrt")
    }
    fn abs(self) -> Self {
        self.call("abs")
    }
    fn sin(self) -> Self {
        self.call("sin")
    }
    fn cos(self) -> Self {
        self.call("cos")
    }
    fn tan(self) -> Self {
        self.call("tan")
    }
    fn atan(self) -> Self {
        self.call("atan")
    }
    fn tanh(self) -> Self {
        self.call("tanh")
    }
    fn sigmoid(self) -> Self {
        self.call("sigmoid")
    }
    fn softplus(self) -> Self {
        self.call("softplus")
    }
    fn relu(self) -> Self {
        self.call("relu")
    }
    fn erf(self) -> Self {
        self.call("erf")
    }
    fn floor(self) -> Self {
        self.call("floor")
    }
    fn sign(self) -> Self {
        self.call("sign")
    }
    fn step(self) -> Self {
        self.call("step")
    }
    fn pow(self, exponent: Self) -> Self {
        if exponent.is("1") {
            return self;
        }
        self.paper.write(format!("{}^{}", self.inside(ATOM), exponent.inside(POWER)), POWER)
    }
    fn min(self, other: Self) -> Self {
        self.call2("min", other)
    }
    fn max(self, other: Self) -> Self {
        self.call2("max", other)
    }
    fn mask(self, other: Self) -> Self {
        self.call2("mask", other)
    }
    fn eq(self, other: Self) -> Self {
        self.paper.write(format!("[{} = {}]", self.read(), other.read()), ATOM)
    }
    fn nonzero(self) -> Self {
        match self.as_number() {
            Some(number) => self.lit(f64::from(u8::from(number != 0.0))),
            None => self.paper.atom(format!("[{} ≠ 0]", self.read())),
        }
    }
    fn log_or_zero(self) -> Self {
        self.log()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_the_parentheses_it_needs_and_no_others() {
        let paper = Paper::default();
        let (a, b) = (paper.atom("a"), paper.atom("b"));
        let shown = [
            ((a + b) * (b + a.lit(1.0)), "(a + b) · (b + 1)"),
            (a - (b - a), "a − (b − a)"),
            (a / (b * a), "a / (b · a)"),
            (-(a + b), "−(a + b)"),
            ((-a).pow(a.lit(2.0)), "(−a)^2"),
            (-a.pow(b), "−a^b"),
            (a.pow(-b), "a^(−b)"),
            (a.lit(1.0) * b + a.lit(0.0), "b"),
            (a * a.lit(-2.0), "a · −2"),
            (a.pow(b).pow(a), "(a^b)^a"),
            (a.max(b).tanh(), "tanh(max(a, b))"),
        ];
        for (text, expected) in shown {
            assert_eq!(text.read(), expected);
        }
    }
}
