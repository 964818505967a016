//! Normalisations.

use super::{Entry, fold};
use crate::call::{Call, Results, sizes};
use crate::error::{unsupported, wrong};
use crate::value::Value;
use chainrule::engine::{Arith, Expr};

pub(super) const ENTRIES: &[Entry] = &[
    ("BatchNormalization", batch),
    ("GroupNormalization", group),
    ("InstanceNormalization", |c| {
        let x = c.expr(0)?;
        let axes: Vec<usize> = (2..x.shape().rank()).collect();
        let (centred, deviation) = centre(x, &axes, c.float("epsilon", 1e-5));
        c.same(centred / deviation * by_channel(c.expr(1)?, x) + by_channel(c.expr(2)?, x))
    }),
    ("LRN", response),
    ("LayerNormalization", layer),
    ("LpNormalization", |c| {
        let x = c.expr(0)?;
        let axis = c.axis(c.int("axis", -1), x.shape().rank())?;
        let norm = match c.int("p", 2) {
            1 => x.abs().sum(&[axis]),
            2 => x.square().sum(&[axis]).sqrt(),
            p => return unsupported!("a norm of order {p}"),
        };
        let norm = kept(norm, x, &[axis]);
        c.same((x / norm).mask(norm))
    }),
    ("MeanVarianceNormalization", |c| {
        let x = c.expr(0)?;
        let axes = c.axes(c.ints("axes").unwrap_or(&[0, 2, 3]), x.shape().rank())?;
        let centred = x - kept(x.mean(&axes), x, &axes);
        let deviation = kept(centred.square().mean(&axes), x, &axes).sqrt();
        c.same(centred / (deviation + 1e-9))
    }),
    ("RMSNormalization", |c| {
        let x = c.expr(0)?;
        let rank = x.shape().rank();
        let axes: Vec<usize> = (c.axis(c.int("axis", -1), rank)?..rank).collect();
        let square = kept(x.square().mean(&axes), x, &axes) + c.float("epsilon", 1e-5);
        c.same(x / square.sqrt() * c.expr(1)?)
    }),
];

/// A reduction of x with the axes that it was over as axes of one element.
pub(super) fn kept<'g>(reduced: Expr<'g>, x: Expr<'g>, axes: &[usize]) -> Expr<'g> {
    let mut shape = sizes(x);
    axes.iter().for_each(|&axis| shape[axis] = 1);
    reduced.reshape(&shape)
}

/// x less its mean over axes, and √(variance + epsilon).
fn centre<'g>(x: Expr<'g>, axes: &[usize], epsilon: f64) -> (Expr<'g>, Expr<'g>) {
    let centred = x - kept(x.mean(axes), x, axes);
    let variance = kept(centred.square().mean(axes), x, axes);
    (centred, (variance + epsilon).sqrt())
}

/// One number a channel, brought to the second axis of x.
fn by_channel<'g>(part: Expr<'g>, x: Expr<'g>) -> Expr<'g> {
    let mut shape = vec![1; x.shape().rank()];
    if let Some(channels) = shape.get_mut(1) {
        *channels = part.shape().len();
    }
    part.reshape(&shape)
}

fn batch<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    if x.shape().rank() < 2 {
        return wrong!("batch and channels are wanted, not {}", x.shape());
    }
    let (scale, bias, mean, variance) = (c.expr(1)?, c.expr(2)?, c.expr(3)?, c.expr(4)?);
    let (epsilon, momentum) = (c.float("epsilon", 1e-5), c.float("momentum", 0.9));
    let normal = |mean: Expr<'g>, variance: Expr<'g>| {
        let deviation = (by_channel(variance, x) + epsilon).sqrt();
        (x - by_channel(mean, x)) / deviation * by_channel(scale, x) + by_channel(bias, x)
    };
    if !c.is("training_mode", false) {
        return c.same(normal(mean, variance));
    }
    let axes: Vec<usize> = (0..x.shape().rank()).filter(|&axis| axis != 1).collect();
    let here = x.mean(&axes);
    let spread = (x - by_channel(here, x)).square().mean(&axes);
    let moved = |old: Expr<'g>, new: Expr<'g>| old * momentum + new * (1.0 - momentum);
    Ok(vec![
        Value::Node(normal(here, spread), c.kind(0)?),
        Value::Node(moved(mean, here), c.kind(3)?),
        Value::Node(moved(variance, spread), c.kind(4)?),
    ])
}

fn group<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let shape = sizes(x);
    let [n, channels, spatial @ ..] = shape.as_slice() else { return wrong!("batch and channels are wanted") };
    let groups = usize::try_from(c.int("num_groups", 0)).unwrap_or(0);
    if groups == 0 || !channels.is_multiple_of(groups) {
        return wrong!("{channels} channels in {groups} groups");
    }
    let apart = x.reshape(&[*n, groups, channels / groups * spatial.iter().product::<usize>()]);
    let (centred, deviation) = centre(apart, &[2], c.float("epsilon", 1e-5));
    let y = centred / deviation;
    // Before version 21, scale and bias are one number a group.
    let (scale, bias) = (c.expr(1)?, c.expr(2)?);
    if scale.shape().len() == groups && groups != *channels {
        let part = |part: Expr<'g>| part.reshape(&[groups, 1]);
        return c.same((y * part(scale) + part(bias)).reshape(&shape));
    }
    let y = y.reshape(&shape);
    c.same(y * by_channel(scale, y) + by_channel(bias, y))
}

fn layer<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let rank = x.shape().rank();
    let axes: Vec<usize> = (c.axis(c.int("axis", -1), rank)?..rank).collect();
    let (centred, deviation) = centre(x, &axes, c.float("epsilon", 1e-5));
    let mut y = centred / deviation * c.expr(1)?;
    if c.has(2) {
        y = y + c.expr(2)?;
    }
    let kind = c.kind(0)?;
    Ok([y, kept(x.mean(&axes), x, &axes), 1.0 / deviation].map(|expr| Value::Node(expr, kind)).to_vec())
}

/// More neighbours are not looked at, one by one.
const MOST_NEIGHBOURS: usize = 4096;

/// Each number over a power of the squares of its neighbours among the channels (Krizhevsky et al. 2012).
fn response<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let size = usize::try_from(c.int("size", 1)).unwrap_or(0);
    let channels = if x.shape().rank() > 1 { x.size(1) } else { 0 };
    if !(1..=MOST_NEIGHBOURS).contains(&size) || channels == 0 {
        return wrong!("{size} neighbours among {channels} channels");
    }
    let (before, after) = ((size - 1) / 2, size / 2);
    let wide = x.square().pad(1, before, after);
    let sum = fold((0..size).map(|at| wide.slice(1, at, at + channels)).collect(), |a, b| a + b)?;
    let base = sum * (c.float("alpha", 1e-4) / size as f64) + c.float("bias", 1.0);
    c.same(x / base.pow(base.lit(c.float("beta", 0.75))))
}
