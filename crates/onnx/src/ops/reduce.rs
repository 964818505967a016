//! Sums, products, extremes and norms over axes; positions of extremes; running sums.

use super::{Entry, flip, fold_axis, one_axis_reversed_order};
use crate::call::{Call, Results, sizes};
use crate::error::Fault;
use crate::kind::Kind;
use crate::value::Value;
use chainrule::engine::{Arith, Expr};

pub(super) const ENTRIES: &[Entry] = &[
    ("ArgMax", |c| position(c, |x| x)),
    ("ArgMin", |c| position(c, |x| -x)),
    ("CumProd", |c| running(c, 1.0, |a, b| a * b)),
    ("CumSum", |c| running(c, 0.0, |a, b| a + b)),
    ("ReduceL1", |c| reduce(c, 0.0, |x, axes| x.abs().sum(axes))),
    ("ReduceL2", |c| reduce(c, 0.0, |x, axes| x.square().sum(axes).sqrt())),
    ("ReduceLogSum", |c| reduce(c, f64::NEG_INFINITY, |x, axes| x.sum(axes).log())),
    ("ReduceLogSumExp", |c| {
        reduce(c, f64::NEG_INFINITY, |x, axes| over(x, axes).log_sum_exp(&[0]).reshape(&rest(x, axes)))
    }),
    ("ReduceMax", |c| reduce(c, least(c.kind(0)?), |x, axes| x.max_over(axes))),
    ("ReduceMean", |c| reduce(c, f64::NAN, |x, axes| x.mean(axes))),
    ("ReduceMin", |c| reduce(c, -least(c.kind(0)?), |x, axes| -(-x).max_over(axes))),
    ("ReduceProd", |c| reduce(c, 1.0, |x, axes| fold_axis(over(x, axes), |a, b| a * b).reshape(&rest(x, axes)))),
    ("ReduceSum", |c| reduce(c, 0.0, |x, axes| x.sum(axes))),
    ("ReduceSumSquare", |c| reduce(c, 0.0, |x, axes| x.square().sum(axes))),
    ("TopK", top),
];

/// What the largest of nothing is.
fn least(kind: Kind) -> f64 {
    kind.range().map_or(f64::NEG_INFINITY, |(low, _, _)| low as f64)
}

/// The axes in front of all others, as one: `[reduced, kept]`.
fn over<'g>(x: Expr<'g>, axes: &[usize]) -> Expr<'g> {
    let rank = x.shape().rank();
    let kept = (0..rank).filter(|axis| !axes.contains(axis));
    let order: Vec<usize> = axes.iter().copied().chain(kept).collect();
    let reduced: usize = axes.iter().map(|&axis| x.size(axis)).product();
    x.transpose(&order).reshape(&[reduced, x.shape().len() / reduced.max(1)])
}

/// The sizes of the axes that are kept.
fn rest(x: Expr<'_>, axes: &[usize]) -> Vec<usize> {
    sizes(x).into_iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, size)| size).collect()
}

/// A reduction; `empty` is its value over nothing.
fn reduce<'g>(c: &Call<'_, 'g>, empty: f64, f: impl Fn(Expr<'g>, &[usize]) -> Expr<'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let rank = x.shape().rank();
    let mut axes = c.axes(&c.ints_or_input("axes", 1)?.unwrap_or_default(), rank)?;
    axes.sort_unstable();
    axes.dedup();
    if axes.is_empty() && !c.is("noop_with_empty_axes", false) {
        axes = (0..rank).collect();
    }
    let kept = rest(x, &axes);
    let reduced: usize = axes.iter().map(|&axis| x.size(axis)).product();
    let y = if reduced == 0 { c.graph().constant(empty, &kept) } else { f(x, &axes) };
    if !c.is("keepdims", true) {
        return c.same(y);
    }
    let ones: Vec<usize> = (0..rank).map(|axis| if axes.contains(&axis) { 1 } else { x.size(axis) }).collect();
    c.same(y.reshape(&ones))
}

/// The position of the largest of f(x) along an axis.
fn position<'g>(c: &Call<'_, 'g>, f: impl Fn(Expr<'g>) -> Expr<'g>) -> Results<'g> {
    let x = f(c.expr(0)?);
    let axis = c.axis(c.int("axis", 0), x.shape().rank())?;
    let last = x.size(axis).saturating_sub(1) as f64;
    let y = if c.is("select_last_index", false) { last - flip(c, x, axis)?.arg_max(axis) } else { x.arg_max(axis) };
    let mut shape = sizes(x);
    if c.is("keepdims", true) {
        shape[axis] = 1;
    } else {
        shape.remove(axis);
    }
    c.one(y.reshape(&shape), Kind::Int64)
}

/// Each element together with all before it: twice as many of them in each pass.
fn running<'g>(c: &Call<'_, 'g>, neutral: f64, f: impl Fn(Expr<'g>, Expr<'g>) -> Expr<'g>) -> Results<'g> {
    let axis = c.known(1)?.one()? as i64;
    let x = c.expr(0)?;
    let axis = c.axis(axis, x.shape().rank())?;
    let size = x.size(axis);
    let reverse = c.is("reverse", false);
    let later = |x: Expr<'g>, by: usize| {
        let mut shape = sizes(x);
        shape[axis] = by;
        let front = c.graph().constant(neutral, &shape);
        Expr::concat(&[front, x.slice(axis, 0, size - by)], axis)
    };
    let mut y = if reverse { flip(c, x, axis)? } else { x };
    if c.is("exclusive", false) && size > 0 {
        y = later(y, 1);
    }
    let mut by = 1;
    while by < size {
        y = f(y, later(y, by));
        by *= 2;
    }
    c.same(if reverse { flip(c, y, axis)? } else { y })
}

/// The most that are looked for one after the other.
const MOST: usize = 1024;

/// The k largest along an axis and their positions: the largest is taken out k times.
fn top<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let k = match c.has(1) {
        true => c.known(1)?.one()?,
        false => c.int("k", 0) as f64,
    } as usize;
    let x = c.expr(0)?;
    let axis = c.axis(c.int("axis", -1), x.shape().rank())?;
    let size = x.size(axis);
    if k > size || k > MOST {
        return Err(Fault::Unsupported(format!("the {k} largest of {size}")));
    }
    let order = one_axis_reversed_order(x.shape().rank(), axis);
    let sign = if c.is("largest", true) { 1.0 } else { -1.0 };
    let values = x.transpose(&order.last) * sign;
    let last = values.shape().rank() - 1;
    let (mut rest, mut found, mut places) = (values, Vec::new(), Vec::new());
    let mut shape = sizes(values);
    shape[last] = 1;
    for _ in 0..k {
        let at = rest.arg_max(last);
        found.push((values.pick(at) * sign).reshape(&shape));
        places.push(at.reshape(&shape));
        rest = at.one_hot(size).select(rest.lit(f64::NEG_INFINITY), rest);
    }
    if k == 0 {
        shape[last] = 0;
        found.push(c.graph().constant(0.0, &shape));
        places.push(c.graph().constant(0.0, &shape));
    }
    let joined = |parts: &[Expr<'g>]| Expr::concat(parts, last).transpose(&order.back);
    Ok(vec![Value::Node(joined(&found), c.kind(0)?), Value::Node(joined(&places), Kind::Int64)])
}
