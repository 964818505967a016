//! The table of elementwise operations: one row each.
//!
//! A row says: variant, name, meaning (with the convention where the derivative has a kink), the range its checks draw
//! from, the value, and the partial by each argument. The formulas are generic over [`Arith`]: the same line trains in
//! `f32`, is checked in `f64`, becomes graph nodes for second derivatives, and is printed as text.

use super::arith::{Arith, Paper};
use super::{Derivative, Domain, Edge, IndexFault, Io, Op, Rule, Specimen, small_shape};
use crate::error::ShapeFault;
use crate::shape::Shape;
use chainrule_kernels::{Real, map};

macro_rules! unary {
    ($($variant:ident $name:literal $about:literal on $low:literal, $high:literal:
        |$x:ident, $y:ident| $value:expr => $partial:expr;)*) => {
        /// An operation of one argument, element by element.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Unary {
            $(#[doc = $about] $variant,)*
        }

        impl Unary {
            /// Every row of the table.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            fn range(self) -> Domain {
                match self { $(Self::$variant => Domain::Between($low, $high),)* }
            }

            /// The value at `x`.
            #[inline(always)]
            pub fn value<A: Arith>(self, x: A) -> A {
                match self { $(Self::$variant => { let $x = x; $value })* }
            }

            /// ∂y/∂x, in terms of the argument and the value `y`.
            #[inline(always)]
            #[allow(unused_variables, reason = "a row may need only one of x and y")]
            pub fn partial<A: Arith>(self, x: A, y: A) -> A {
                match self { $(Self::$variant => { let ($x, $y) = (x, y); $partial })* }
            }

            /// `out[i] = value(x[i])`.
            pub(crate) fn map<T: Real>(self, x: &[T], out: &mut [T]) {
                match self {
                    $(Self::$variant => map::map1(x, out, #[inline(always)] |x| Self::$variant.value(x)),)*
                }
            }
        }

        impl Rule for Unary {
            fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }

            fn shape(self, inputs: &[Shape]) -> Result<Shape, ShapeFault> {
                Ok(inputs[0])
            }

            fn forward<T: Real>(&self, io: Io<'_, T>) -> Result<(), IndexFault> {
                self.map((io.inputs)(0), io.out);
                Ok(())
            }

            fn derivative<'g>(self, edge: &Edge<'g, '_>) -> Derivative<'g> {
                Derivative::Partial(self.partial(edge.inputs[0], edge.output))
            }

            fn formula(self, inputs: &[String]) -> String {
                let paper = Paper::default();
                self.value(paper.atom(&*inputs[0])).read()
            }

            fn partial_formula(self, _: usize, inputs: &[String], output: &str) -> Option<String> {
                let paper = Paper::default();
                Some(self.partial(paper.atom(&*inputs[0]), paper.atom(output)).read())
            }
        }
    };
}

macro_rules! binary {
    ($($variant:ident $name:literal $about:literal on $low:literal, $high:literal:
        |$a:ident, $b:ident, $y:ident| $value:expr => $by_a:expr, $by_b:expr;)*) => {
        /// An operation of two arguments of the same shape, element by element.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Binary {
            $(#[doc = $about] $variant,)*
        }

        impl Binary {
            /// Every row of the table.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            fn range(self) -> Domain {
                match self { $(Self::$variant => Domain::Between($low, $high),)* }
            }

            /// The value at `a` and `b`.
            #[inline(always)]
            pub fn value<A: Arith>(self, a: A, b: A) -> A {
                match self { $(Self::$variant => { let ($a, $b) = (a, b); $value })* }
            }

            /// ∂y/∂a (slot 0) or ∂y/∂b (slot 1), in terms of the arguments and the value `y`.
            #[inline(always)]
            #[allow(unused_variables, reason = "a row may need only some of a, b and y")]
            pub fn partial<A: Arith>(self, slot: usize, a: A, b: A, y: A) -> A {
                match self {
                    $(Self::$variant => {
                        let ($a, $b, $y) = (a, b, y);
                        if slot == 0 { $by_a } else { $by_b }
                    })*
                }
            }

            /// `out[i] = value(a[i], b[i])`.
            pub(crate) fn map<T: Real>(self, a: &[T], b: &[T], out: &mut [T]) {
                match self {
                    $(Self::$variant => map::map2(a, b, out, #[inline(always)] |a, b| Self::$variant.value(a, b)),)*
                }
            }

            /// `out[i] = value(a[i], b)`.
            pub(crate) fn map_right<T: Real>(self, a: &[T], b: T, out: &mut [T]) {
                match self {
                    $(Self::$variant => map::map1(a, out, #[inline(always)] |a| Self::$variant.value(a, b)),)*
                }
            }

            /// `out[i] = value(a, b[i])`.
            pub(crate) fn map_left<T: Real>(self, a: T, b: &[T], out: &mut [T]) {
                match self {
                    $(Self::$variant => map::map1(b, out, #[inline(always)] |b| Self::$variant.value(a, b)),)*
                }
            }
        }

        impl Rule for Binary {
            fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }

            fn shape(self, inputs: &[Shape]) -> Result<Shape, ShapeFault> {
                // Broadcasting is an operation of its own, written in before this one.
                if inputs[0] == inputs[1] { Ok(inputs[0]) } else { Err(ShapeFault::Different) }
            }

            fn forward<T: Real>(&self, io: Io<'_, T>) -> Result<(), IndexFault> {
                self.map((io.inputs)(0), (io.inputs)(1), io.out);
                Ok(())
            }

            fn derivative<'g>(self, edge: &Edge<'g, '_>) -> Derivative<'g> {
                Derivative::Partial(self.partial(edge.slot, edge.inputs[0], edge.inputs[1], edge.output))
            }

            fn formula(self, inputs: &[String]) -> String {
                let paper = Paper::default();
                self.value(paper.atom(&*inputs[0]), paper.atom(&*inputs[1])).read()
            }

            fn partial_formula(self, slot: usize, inputs: &[String], output: &str) -> Option<String> {
                let paper = Paper::default();
                let [a, b, y] = [&*inputs[0], &*inputs[1], output].map(|name| paper.atom(name));
                Some(self.partial(slot, a, b, y).read())
            }
        }
    };
}

/// 2/√π, the slope of the error function at 0.
const TWO_OVER_SQRT_PI: f64 = std::f64::consts::FRAC_2_SQRT_PI;

unary! {
    Neg "neg" "−x" on -2.0, 2.0: |x, y| -x => -x.lit(1.0);
    Exp "exp" "eˣ" on -2.0, 2.0: |x, y| x.exp() => y;
    Log "log" "ln x, the natural logarithm" on 0.2, 3.0: |x, y| x.log() => x.lit(1.0) / x;
    Sqrt "sqrt" "√x" on 0.2, 3.0: |x, y| x.sqrt() => x.lit(0.5) / y;
    Abs "abs" "|x|; the derivative at 0 is 0" on -2.0, 2.0: |x, y| x.abs() => x.sign();
    Sin "sin" "sin x, x in radians" on -3.0, 3.0: |x, y| x.sin() => x.cos();
    Cos "cos" "cos x, x in radians" on -3.0, 3.0: |x, y| x.cos() => -x.sin();
    Tan "tan" "tan x, x in radians" on -1.2, 1.2: |x, y| x.tan() => x.lit(1.0) + y * y;
    Atan "atan" "the angle whose tangent is x, in radians" on -3.0, 3.0:
        |x, y| x.atan() => x.lit(1.0) / (x.lit(1.0) + x * x);
    Tanh "tanh" "tanh x = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)" on -2.0, 2.0: |x, y| x.tanh() => x.lit(1.0) - y * y;
    Sigmoid "sigmoid" "1 / (1 + e⁻ˣ)" on -3.0, 3.0: |x, y| x.sigmoid() => y * (x.lit(1.0) - y);
    Softplus "softplus" "ln(1 + eˣ)" on -3.0, 3.0: |x, y| x.softplus() => x.sigmoid();
    // The partial asks the value, not the argument (they agree in sign), so that the argument need not be kept.
    Relu "relu" "max(x, 0); the derivative at 0 is 0" on -2.0, 2.0: |x, y| x.relu() => y.step();
    Erf "erf" "the error function 2/√π ∫₀ˣ e^(−t²) dt" on -2.0, 2.0:
        |x, y| x.erf() => x.lit(TWO_OVER_SQRT_PI) * (-(x * x)).exp();
    Floor "floor" "the largest whole number not above x; the derivative is 0" on 0.1, 0.9:
        |x, y| x.floor() => x.lit(0.0);
    Sign "sign" "−1, 0 or 1; the derivative is 0, at 0 too" on -2.0, 2.0: |x, y| x.sign() => x.lit(0.0);
    Step "step" "1 where x > 0, else 0; the derivative is 0, at 0 too" on -2.0, 2.0: |x, y| x.step() => x.lit(0.0);
}

binary! {
    Add "add" "a + b" on -2.0, 2.0: |a, b, y| a + b => a.lit(1.0), a.lit(1.0);
    Sub "sub" "a − b" on -2.0, 2.0: |a, b, y| a - b => a.lit(1.0), -a.lit(1.0);
    Mul "mul" "a · b" on -2.0, 2.0: |a, b, y| a * b => b, a;
    Div "div" "a / b" on 0.4, 3.0: |a, b, y| a / b => a.lit(1.0) / b, -(y / b);
    // An exponent of 0 makes the power constant, and a base of 0 with a positive exponent does not move with it:
    // both partials are 0 there, where the textbook formula would give 0 · ∞.
    Pow "pow" "aᵇ; where b = 0 the partial by a is 0, where a = 0 and b > 0 the partial by b is 0" on 0.3, 2.5:
        |a, b, y| a.pow(b) => b * a.pow(b - b.nonzero()), y * a.log_or_zero();
    Min "min" "the smaller; a tie shares the gradient equally" on -2.0, 2.0: |a, b, y| a.min(b)
        => a.lit(0.5) * (a.lit(1.0) + (b - a).sign()), a.lit(0.5) * (a.lit(1.0) + (a - b).sign());
    Max "max" "the larger; a tie shares the gradient equally" on -2.0, 2.0: |a, b, y| a.max(b)
        => a.lit(0.5) * (a.lit(1.0) + (a - b).sign()), a.lit(0.5) * (a.lit(1.0) + (b - a).sign());
    Mask "mask" "a where b is not 0, else 0; the derivative by b is 0" on -2.0, 2.0:
        |a, b, y| a.mask(b) => a.lit(1.0).mask(b), a.lit(0.0);
    Eq "eq" "1 where a = b, else 0; the derivative is 0, at a tie too" on -2.0, 2.0: |a, b, y| a.eq(b)
        => a.lit(0.0), a.lit(0.0);
}

pub(super) fn specimens(dice: &mut dyn FnMut(usize) -> usize) -> Vec<Specimen> {
    let mut all = Vec::new();
    for &op in Unary::ALL {
        let rank = dice(4);
        all.push(Specimen { op: Op::Unary(op), inputs: vec![(small_shape(rank, dice), op.range())] });
    }
    for &op in Binary::ALL {
        let rank = dice(4);
        all.push(Specimen { op: Op::Binary(op), inputs: vec![(small_shape(rank, dice), op.range()); 2] });
    }
    all
}
