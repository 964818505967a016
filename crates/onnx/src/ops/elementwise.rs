//! Functions of each element, arithmetic, comparison, choice, and other kinds of numbers.

use super::{Entry, fold};
use crate::call::{Call, Results};
use crate::error::{Fault, unsupported, wrong};
use crate::kind::Kind;
use crate::tensor::Tensor;
use crate::value::Value;
use chainrule::engine::{Arith, Expr};

pub(super) const ENTRIES: &[Entry] = &[
    ("Abs", |c| c.map(|x| x.abs())),
    ("Acos", |c| c.map(|x| -asin(x) + std::f64::consts::FRAC_PI_2)),
    ("Acosh", |c| c.map(|x| (x + (x.square() - 1.0).sqrt()).log())),
    ("Add", |c| c.same(c.expr(0)? + c.expr(1)?)),
    ("And", |c| c.one(c.expr(0)? * c.expr(1)?, Kind::Bool)),
    ("Asin", |c| c.map(asin)),
    ("Asinh", |c| c.map(|x| x.sign() * (x.abs() + (x.square() + 1.0).sqrt()).log())),
    ("Atan", |c| c.map(|x| x.atan())),
    ("Atanh", |c| c.map(|x| ((x + 1.0) / (1.0 - x)).log() * 0.5)),
    ("BitShift", bit_shift),
    ("BitwiseAnd", |c| bitwise(c, |a, b| a & b)),
    ("BitwiseNot", bitwise_not),
    ("BitwiseOr", |c| bitwise(c, |a, b| a | b)),
    ("BitwiseXor", |c| bitwise(c, |a, b| a ^ b)),
    ("Cast", |c| cast(c, Kind::of(c.int("to", 0) as i32).map_err(Fault::Unsupported)?)),
    ("CastLike", |c| cast(c, c.kind(1)?)),
    ("Ceil", |c| c.map(|x| -(-x).floor())),
    ("Clip", clip),
    ("Cos", |c| c.map(|x| x.cos())),
    ("Cosh", |c| c.map(cosh)),
    ("Div", divide),
    ("Equal", |c| c.one(Arith::eq(c.expr(0)?, c.expr(1)?), Kind::Bool)),
    ("Erf", |c| c.map(|x| x.erf())),
    ("Exp", |c| c.map(|x| x.exp())),
    ("Floor", |c| c.map(|x| x.floor())),
    ("Greater", |c| c.one(less(c.expr(1)?, c.expr(0)?), Kind::Bool)),
    ("GreaterOrEqual", |c| c.one(less_or_equal(c.expr(1)?, c.expr(0)?), Kind::Bool)),
    ("IsInf", is_infinite),
    ("IsNaN", |c| c.expr(0).and_then(|x| c.one(not(Arith::eq(x, x)), Kind::Bool))),
    ("Less", |c| c.one(less(c.expr(0)?, c.expr(1)?), Kind::Bool)),
    ("LessOrEqual", |c| c.one(less_or_equal(c.expr(0)?, c.expr(1)?), Kind::Bool)),
    ("Log", |c| c.map(|x| x.log())),
    ("Max", |c| c.same(fold(c.exprs()?, Arith::max)?)),
    ("Mean", |c| c.same(fold(c.exprs()?, |a, b| a + b)? / c.inputs.len() as f64)),
    ("Min", |c| c.same(fold(c.exprs()?, Arith::min)?)),
    ("Mod", modulo),
    ("Mul", |c| c.same(c.expr(0)? * c.expr(1)?)),
    ("Neg", |c| c.map(|x| -x)),
    ("Not", |c| c.map(not)),
    ("Or", |c| c.one(Arith::max(c.expr(0)?, c.expr(1)?), Kind::Bool)),
    ("Pow", |c| c.same(c.expr(0)?.pow(c.expr(1)?))),
    ("Reciprocal", |c| c.map(|x| 1.0 / x)),
    ("Round", |c| c.map(round)),
    ("Sign", |c| c.map(|x| x.sign())),
    ("Sin", |c| c.map(|x| x.sin())),
    ("Sinh", |c| c.map(|x| cosh(x) * x.tanh())),
    ("Sqrt", |c| c.map(|x| x.sqrt())),
    ("Sub", |c| c.same(c.expr(0)? - c.expr(1)?)),
    ("Sum", |c| c.same(fold(c.exprs()?, |a, b| a + b)?)),
    ("Tan", |c| c.map(|x| x.tan())),
    ("Tanh", |c| c.map(|x| x.tanh())),
    ("Where", |c| c.one(c.expr(0)?.select(c.expr(1)?, c.expr(2)?), c.kind(1)?)),
    ("Xor", |c| c.one(not(Arith::eq(c.expr(0)?, c.expr(1)?)), Kind::Bool)),
    ("DequantizeLinear", dequantize),
    ("DynamicQuantizeLinear", dynamically),
    ("QuantizeLinear", quantize),
];

/// 1 where x is 0, 0 where it is 1.
pub(super) fn not(x: Expr<'_>) -> Expr<'_> {
    1.0 - x
}

/// 1 where a < b, else 0.
pub(super) fn less<'g>(a: Expr<'g>, b: Expr<'g>) -> Expr<'g> {
    (b - a).step()
}

fn less_or_equal<'g>(a: Expr<'g>, b: Expr<'g>) -> Expr<'g> {
    Arith::max(less(a, b), Arith::eq(a, b))
}

fn asin(x: Expr<'_>) -> Expr<'_> {
    (x / (1.0 - x.square()).sqrt()).atan()
}

fn cosh(x: Expr<'_>) -> Expr<'_> {
    (x.exp() + (-x).exp()) * 0.5
}

/// What stands before the point.
fn truncate(x: Expr<'_>) -> Expr<'_> {
    x.sign() * x.abs().floor()
}

/// The nearest whole number; of two, the even one.
pub(super) fn round(x: Expr<'_>) -> Expr<'_> {
    let below = x.floor();
    let rest = x - below;
    let is_odd = below - (below * 0.5).floor() * 2.0;
    let half = Arith::eq(rest, rest.lit(0.5));
    let rounded = below + half.select(is_odd, (rest - 0.5).step());
    // What is infinite has no rest.
    Arith::eq(rest, rest).select(rounded, x)
}

fn cast<'g>(c: &Call<'_, 'g>, to: Kind) -> Results<'g> {
    match (c.value(0)?, to) {
        (_, Kind::Tiny(tiny)) => {
            // A graph of the engine does not round to so few bits.
            let (known, saturate) = (c.known(0)?, c.is("saturate", true));
            let values = known.values().iter().map(|&value| tiny.nearest(value, saturate)).collect();
            return Ok(vec![Tensor::rounded(to, known.sizes(), values).into()]);
        }
        (Value::Known(known), _) => return Ok(vec![known.tensor.cast(to).into()]),
        _ => {}
    }
    let (x, from) = (c.expr(0)?, c.kind(0)?);
    let x = match to {
        Kind::Bool => not(Arith::eq(x, x.lit(0.0))),
        // A graph runs in the numbers of its session: between kinds of fractions nothing is rounded.
        to if to.is_float() || !from.is_float() => x,
        _ => truncate(x),
    };
    c.one(x, to)
}

fn clip<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let mut x = c.expr(0)?;
    if c.has(1) {
        x = Arith::max(x, c.expr(1)?);
    } else if c.attribute("min").is_some() {
        x = Arith::max(x, x.lit(c.float("min", 0.0)));
    }
    if c.has(2) {
        x = Arith::min(x, c.expr(2)?);
    } else if c.attribute("max").is_some() {
        x = Arith::min(x, x.lit(c.float("max", 0.0)));
    }
    c.same(x)
}

fn divide<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let quotient = c.expr(0)? / c.expr(1)?;
    c.same(if c.kind(0)?.is_float() { quotient } else { truncate(quotient) })
}

fn modulo<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let (a, b) = (c.expr(0)?, c.expr(1)?);
    let whole = truncate(a / b);
    // Of an infinite divisor nothing is taken away.
    let rest = a - (b * whole).mask(whole);
    // With fmod the rest has the sign of what is divided, otherwise that of the divisor.
    c.same(if c.is("fmod", false) { rest } else { rest + b.mask((-rest * b).step()) })
}

fn is_infinite<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let is = |value: f64| Arith::eq(x, x.lit(value));
    let above = is(f64::INFINITY) * f64::from(u8::from(c.is("detect_positive", true)));
    let below = is(f64::NEG_INFINITY) * f64::from(u8::from(c.is("detect_negative", true)));
    c.one(above + below, Kind::Bool)
}

/// The bits of known whole numbers, and their sizes side by side.
fn bitwise<'g>(c: &Call<'_, 'g>, f: impl Fn(i128, i128) -> i128) -> Results<'g> {
    let (a, b) = (c.known(0)?, c.known(1)?);
    let kind = a.kind();
    if kind.range().is_none() {
        return wrong!("bits are of whole numbers");
    }
    let sizes = super::together(a.sizes(), b.sizes())?;
    let pick = |tensor: &Tensor| -> Result<Vec<i128>, Fault> {
        let at = super::repeated(tensor.sizes(), &sizes)?;
        Ok(at.into_iter().map(|at| tensor.values()[at] as i128).collect())
    };
    let values = pick(a)?.into_iter().zip(pick(b)?).map(|(a, b)| f(a, b) as f64).collect();
    Ok(vec![Tensor::new(kind, &sizes, values).into()])
}

fn bitwise_not<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.known(0)?;
    let values = x.values().iter().map(|&value| !(value as i128) as f64).collect();
    Ok(vec![Tensor::new(x.kind(), x.sizes(), values).into()])
}

fn bit_shift<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let left = c.text("direction", "LEFT") == "LEFT";
    let bits = c.kind(0)?.range().map_or(0, |(_, _, bits)| bits.into());
    // A shift by as many bits as there are, or by less than none, leaves only the sign.
    bitwise(c, |a, b| match (left, (0..bits).contains(&b)) {
        (true, true) => a << b,
        (true, false) => 0,
        (false, true) => a >> b,
        (false, false) => -i128::from(a < 0),
    })
}

/// A scale or zero point of blocks along an axis, brought to the sizes of x.
fn along<'g>(c: &Call<'_, 'g>, part: Expr<'g>, x: Expr<'g>) -> Result<Expr<'g>, Fault> {
    let rank = x.shape().rank();
    if part.shape().len() == 1 {
        return Ok(part.reshape(&[]));
    }
    let axis = c.axis(c.int("axis", 1), rank)?;
    if part.shape().rank() == 1 {
        let mut shape = vec![1; rank];
        shape[axis] = part.shape().len();
        return Ok(part.reshape(&shape));
    }
    let block = usize::try_from(c.int("block_size", 0)).unwrap_or(0);
    if block == 0 || part.shape().rank() != rank {
        return wrong!("scales {} for {}", part.shape(), x.shape());
    }
    let positions: Vec<usize> = (0..x.size(axis)).map(|at| at / block).collect();
    super::gather(c, part, axis, &positions)
}

fn dequantize<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let (x, scale) = (c.expr(0)?, c.expr(1)?);
    let x = if c.has(2) { x - along(c, c.expr(2)?, x)? } else { x };
    c.one(x * along(c, scale, x)?, c.kind(1)?)
}

fn quantize<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let (x, scale) = (c.expr(0)?, c.expr(1)?);
    let to = match (c.has(2), c.int("output_dtype", 0)) {
        (true, _) => c.kind(2)?,
        (false, 0) => Kind::Uint8,
        (false, number) => Kind::of(number as i32).map_err(Fault::Unsupported)?,
    };
    let Some((low, high, _)) = to.range() else { return unsupported!("quantizing to {to:?}") };
    let mut y = round(x / along(c, scale, x)?);
    if c.has(2) {
        y = y + along(c, c.expr(2)?, x)?;
    }
    c.one(Arith::min(Arith::max(y, y.lit(low as f64)), y.lit(high as f64)), to)
}

/// To bytes, with the scale and zero point that the range of x asks for.
fn dynamically<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let all: Vec<usize> = (0..x.shape().rank()).collect();
    let (low, high) = (-(-x).max_over(&all), x.max_over(&all));
    let scale = (high.relu() - Arith::min(low, low.lit(0.0))) / 255.0;
    let cut = |y: Expr<'g>| Arith::min(y.relu(), y.lit(255.0));
    let zero = round(cut(-Arith::min(low, low.lit(0.0)) / scale));
    let y = cut(round(x / scale) + zero);
    Ok(vec![Value::Node(y, Kind::Uint8), Value::Node(scale, Kind::Float), Value::Node(zero, Kind::Uint8)])
}
