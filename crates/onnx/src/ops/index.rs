//! Elements picked out and put down by index.

use super::{Entry, gather, places, position, take};
use crate::call::{Call, Results, sizes};
use crate::error::{Fault, unsupported, wrong};
use crate::kind::Kind;
use crate::tensor::Tensor;
use crate::value::Value;
use chainrule::engine::{Arith, Expr};

pub(super) const ENTRIES: &[Entry] = &[
    ("Compress", compress),
    ("Gather", gather_rows),
    ("GatherElements", gather_elements),
    ("GatherND", gather_nd),
    ("Scatter", scatter_elements),
    ("ScatterElements", scatter_elements),
    ("ScatterND", scatter_nd),
];

/// The indices at a position of the inputs, those below 0 counted from the end of an axis.
fn indices<'g>(c: &Call<'_, 'g>, at: usize, size: usize) -> Result<Expr<'g>, Fault> {
    let indices = c.expr(at)?;
    let negative = (-indices).step();
    match c.value(at)? {
        // Known ones are told apart here, so that no operation is left of it.
        Value::Known(known) if known.tensor.values().iter().all(|&v| v >= 0.0) => Ok(indices),
        _ => Ok(indices + negative * size as f64),
    }
}

fn gather_rows<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let axis = c.axis(c.int("axis", 0), x.shape().rank())?;
    if let Value::Known(known) = c.value(1)? {
        let size = x.size(axis) as i64;
        let positions: Vec<i64> = known.tensor.ints().iter().map(|&at| if at < 0 { at + size } else { at }).collect();
        if let Some(bad) = positions.iter().find(|&&at| at < 0 || at >= size) {
            return wrong!("index {bad} of an axis of {size}");
        }
        let positions: Vec<usize> = positions.into_iter().map(|at| at as usize).collect();
        let mut shape = sizes(x);
        shape.splice(axis..=axis, known.tensor.sizes().iter().copied());
        return c.same(gather(c, x, axis, &positions)?.reshape(&shape));
    }
    c.same(take(x, axis, indices(c, 1, x.size(axis))?))
}

fn compress<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let kept: Vec<usize> =
        c.known(1)?.values().iter().enumerate().filter(|(_, value)| **value != 0.0).map(|(at, _)| at).collect();
    let x = c.expr(0)?;
    match c.attribute("axis") {
        Some(_) => c.same(gather(c, x, c.axis(c.int("axis", 0), x.shape().rank())?, &kept)?),
        None => c.same(gather(c, x.reshape(&[x.shape().len()]), 0, &kept)?),
    }
}

/// How far neighbours along each axis are apart.
fn strides(sizes: &[usize]) -> Vec<usize> {
    (0..sizes.len()).map(|axis| sizes[axis + 1..].iter().product()).collect()
}

/// Where the elements that indices of one axis name lie among all elements of `x`, in a row.
fn element_positions<'g>(c: &Call<'_, 'g>, x: Expr<'g>) -> Result<Expr<'g>, Fault> {
    let shape = sizes(x);
    let axis = c.axis(c.int("axis", 0), shape.len())?;
    let named = c.sizes(1)?;
    if named.len() != shape.len() || named.iter().zip(&shape).enumerate().any(|(at, (n, s))| at != axis && n > s) {
        return wrong!("indices {named:?} for {shape:?}");
    }
    let base = |mut place: Vec<usize>| {
        place[axis] = 0;
        position(&shape, &place) as f64
    };
    let base = Tensor::new(Kind::Int64, &named, places(&named)?.map(base).collect());
    let indices = indices(c, 1, shape[axis])?;
    let positions = indices * strides(&shape)[axis] as f64 + c.constant(base);
    Ok(positions.reshape(&[positions.shape().len()]))
}

fn gather_elements<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let positions = element_positions(c, x)?;
    c.same(x.reshape(&[x.shape().len()]).take(positions).reshape(&c.sizes(1)?))
}

/// Where the slices that the last axis of indices names lie: their positions in a row, the sizes in front of the last
/// axis, and those of a slice.
fn slice_positions<'g>(
    c: &Call<'_, 'g>,
    x: Expr<'g>,
    batch: usize,
) -> Result<(Expr<'g>, Vec<usize>, Vec<usize>), Fault> {
    let (shape, named) = (sizes(x), c.sizes(1)?);
    let [front @ .., depth] = named.as_slice() else { return wrong!("indices without an axis") };
    if batch > front.len() || batch + depth > shape.len() {
        return wrong!("indices {named:?} for {shape:?}");
    }
    let (outer, inner) = shape.split_at(batch + depth);
    let strides = strides(outer);
    let indices = c.expr(1)?;
    let base = |place: Vec<usize>| (0..batch).map(|axis| place[axis] * strides[axis]).sum::<usize>() as f64;
    let base = Tensor::new(Kind::Int64, front, places(front)?.map(base).collect());
    let mut positions = c.constant(base);
    for part in 0..*depth {
        let index = indices.slice(front.len(), part, part + 1).reshape(front);
        let index = index + (-index).step() * outer[batch + part] as f64;
        positions = positions + index * strides[batch + part] as f64;
    }
    Ok((positions.reshape(&[front.iter().product()]), front.to_vec(), inner.to_vec()))
}

fn gather_nd<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let batch = usize::try_from(c.int("batch_dims", 0)).unwrap_or(usize::MAX);
    let (positions, front, inner) = slice_positions(c, x, batch)?;
    let width: usize = inner.iter().product();
    let rows = x.reshape(&[x.shape().len() / width.max(1), width]);
    c.same(rows.take(positions).reshape(&[front, inner].concat()))
}

fn scatter_elements<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let (positions, updates) = (element_positions(c, x)?, c.expr(2)?);
    let count = positions.shape().len();
    let rows = x.reshape(&[x.shape().len(), 1]);
    c.same(scatter(c, rows, positions, updates.reshape(&[count, 1]))?.reshape(&sizes(x)))
}

fn scatter_nd<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let (positions, _, inner) = slice_positions(c, x, 0)?;
    let (count, width): (usize, usize) = (positions.shape().len(), inner.iter().product());
    let rows = x.reshape(&[x.shape().len() / width.max(1), width]);
    c.same(scatter(c, rows, positions, c.expr(2)?.reshape(&[count, width]))?.reshape(&sizes(x)))
}

/// `rows` `[rows, width]` with `updates` `[count, width]` at positions `[count]`.
fn scatter<'g>(c: &Call<'_, 'g>, rows: Expr<'g>, at: Expr<'g>, updates: Expr<'g>) -> Result<Expr<'g>, Fault> {
    let count = rows.size(0);
    match c.text("reduction", "none").as_str() {
        "none" => {
            let hit = updates.lit(1.0).scatter_add(at, count);
            Ok(hit.select(updates.scatter_add(at, count), rows))
        }
        "add" => Ok(rows + updates.scatter_add(at, count)),
        "mul" => one_by_one(rows, at, updates, |a, b| a * b),
        "max" => one_by_one(rows, at, updates, Arith::max),
        "min" => one_by_one(rows, at, updates, Arith::min),
        other => unsupported!("reduction `{other}`"),
    }
}

/// The most updates that come one after the other.
const MOST: usize = 4096;

/// Updates may meet at one position, and only sums have an operation for that.
fn one_by_one<'g>(
    mut rows: Expr<'g>,
    at: Expr<'g>,
    updates: Expr<'g>,
    f: impl Fn(Expr<'g>, Expr<'g>) -> Expr<'g>,
) -> Result<Expr<'g>, Fault> {
    let (count, all) = (rows.size(0), at.shape().len());
    if all > MOST {
        return unsupported!("a reduction of {all} updates by anything but add");
    }
    for update in 0..all {
        let place = at.slice(0, update, update + 1);
        let hit = place.one_hot(count).reshape(&[count, 1]);
        rows = hit.select(f(rows, updates.slice(0, update, update + 1)), rows);
    }
    Ok(rows)
}
