//! Losses of classes.

use super::Entry;
use crate::call::{Call, sizes};
use crate::error::{Fault, unsupported, wrong};
use crate::value::Value;
use chainrule::engine::{Arith, Expr};

pub(super) const ENTRIES: &[Entry] = &[
    ("NegativeLogLikelihoodLoss", |c| {
        let loss = likelihood(c, c.expr(0)?)?;
        c.same(loss)
    }),
    ("SoftmaxCrossEntropyLoss", |c| {
        let log = c.expr(0)?.log_softmax(1);
        let kind = c.kind(0)?;
        Ok([likelihood(c, log)?, log].map(|expr| Value::Node(expr, kind)).to_vec())
    }),
];

/// −w[y] · x[y] for x `[batch, classes, …]` and labels y `[batch, …]`, the second and third input.
fn likelihood<'g>(c: &Call<'_, 'g>, x: Expr<'g>) -> Result<Expr<'g>, Fault> {
    let rank = x.shape().rank();
    if rank < 2 {
        return wrong!("batch and classes are wanted, not {}", x.shape());
    }
    let labels = c.expr(1)?;
    let order: Vec<usize> = [0].into_iter().chain(2..rank).chain([1]).collect();
    let x = x.transpose(&order);
    if sizes(x)[..rank - 1] != sizes(labels) {
        return wrong!("labels {} for {}", labels.shape(), x.shape());
    }
    // What is ignored may have a label that is none.
    let counts = c.attribute("ignore_index").map(|attribute| {
        let ignored = Arith::eq(labels, labels.lit(attribute.i as f64));
        1.0 - ignored
    });
    let labels = counts.map_or(labels, |counts| labels.mask(counts));
    let mut weight = if c.has(2) { c.expr(2)?.take(labels) } else { labels.lit(1.0) };
    if let Some(counts) = counts {
        weight = weight * counts;
    }
    let losses = -x.pick(labels) * weight;
    match c.text("reduction", "mean").as_str() {
        "none" => Ok(losses),
        "sum" => Ok(losses.sum_all()),
        "mean" => Ok(losses.sum_all() / weight.sum_all()),
        other => unsupported!("reduction `{other}`"),
    }
}
