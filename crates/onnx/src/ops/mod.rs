//! The operations of ONNX as compositions of the engine's: one entry an operation, one file a family.

mod activation;
mod attention;
mod conv;
mod dense;
mod elementwise;
mod index;
mod loss;
mod make;
mod norm;
mod pool;
mod recurrent;
mod reduce;
mod resize;
mod sample;
mod shape;
mod window;

use crate::call::{Call, Results, sizes};
use crate::error::{Fault, unsupported, wrong};
use crate::tensor::Tensor;
use chainrule::engine::Expr;

/// How the results of an operation are written.
pub(crate) type Apply = for<'a, 'b, 'g> fn(&'b Call<'a, 'g>) -> Results<'g>;

/// An operation: its name, and how its results are written.
pub(crate) type Entry = (&'static str, Apply);

const FAMILIES: &[&[Entry]] = &[
    activation::ENTRIES,
    attention::ENTRIES,
    conv::ENTRIES,
    dense::ENTRIES,
    elementwise::ENTRIES,
    index::ENTRIES,
    loss::ENTRIES,
    make::ENTRIES,
    norm::ENTRIES,
    pool::ENTRIES,
    recurrent::ENTRIES,
    reduce::ENTRIES,
    resize::ENTRIES,
    sample::ENTRIES,
    shape::ENTRIES,
];

/// The operation of this name.
pub(crate) fn find(name: &str) -> Option<Apply> {
    FAMILIES.iter().flat_map(|family| family.iter()).find(|entry| entry.0 == name).map(|entry| entry.1)
}

/// The names of all operations.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let bodies = crate::control::NAMES.iter().copied();
    FAMILIES.iter().flat_map(|family| family.iter()).map(|entry| entry.0).chain(bodies)
}

/// The values taken together from the first on.
fn fold<'g>(values: Vec<Expr<'g>>, f: impl Fn(Expr<'g>, Expr<'g>) -> Expr<'g>) -> Result<Expr<'g>, Fault> {
    values.into_iter().reduce(f).ok_or_else(|| Fault::Wrong("it has no inputs".to_owned()))
}

/// The elements along the first axis, which disappears, taken together; halves at a time.
fn fold_axis<'g>(x: Expr<'g>, f: impl Fn(Expr<'g>, Expr<'g>) -> Expr<'g>) -> Expr<'g> {
    let rest: Vec<usize> = sizes(x).into_iter().skip(1).collect();
    let mut x = x;
    while x.size(0) > 1 {
        let (size, half) = (x.size(0), x.size(0) / 2);
        let both = f(x.slice(0, 0, half), x.slice(0, half, 2 * half));
        x = if size % 2 == 1 { Expr::concat(&[both, x.slice(0, 2 * half, size)], 0) } else { both };
    }
    x.reshape(&rest)
}

/// Orders of axes that bring one axis to an end and back again.
struct Orders {
    /// The axis last, the others as they are.
    last: Vec<usize>,
    /// From there back.
    back: Vec<usize>,
}

fn one_axis_reversed_order(rank: usize, axis: usize) -> Orders {
    let last = (0..rank).filter(|&at| at != axis).chain([axis]).collect();
    let back = (0..rank).map(|at| if at == axis { rank - 1 } else { at - usize::from(at > axis) }).collect();
    Orders { last, back }
}

/// The elements at known positions along an axis, in that order. Neighbours are a slice.
fn gather<'g>(c: &Call<'_, 'g>, x: Expr<'g>, axis: usize, positions: &[usize]) -> Result<Expr<'g>, Fault> {
    let size = x.size(axis);
    if let Some(beyond) = positions.iter().find(|&&at| at >= size) {
        return wrong!("position {beyond} of an axis of {size}");
    }
    match positions {
        [first, ..] if positions.iter().enumerate().all(|(at, &p)| p == first + at) => {
            Ok(x.slice(axis, *first, first + positions.len()))
        }
        [] => Ok(x.slice(axis, 0, 0)),
        _ => Ok(take(x, axis, c.constant(Tensor::whole(positions.iter().copied())))),
    }
}

/// The elements at positions `[i…]` along an axis, which these take the place of.
fn take<'g>(x: Expr<'g>, axis: usize, positions: Expr<'g>) -> Expr<'g> {
    let (rank, more) = (x.shape().rank(), positions.shape().rank());
    if axis == 0 {
        return x.take(positions);
    }
    let front: Vec<usize> = [axis].into_iter().chain((0..rank).filter(|&at| at != axis)).collect();
    let taken = x.transpose(&front).take(positions);
    let back: Vec<usize> = (more..more + axis).chain(0..more).chain(more + axis..more + rank - 1).collect();
    taken.transpose(&back)
}

/// The elements along an axis from the last to the first.
fn flip<'g>(c: &Call<'_, 'g>, x: Expr<'g>, axis: usize) -> Result<Expr<'g>, Fault> {
    room(x.size(axis))?;
    let positions: Vec<usize> = (0..x.size(axis)).rev().collect();
    gather(c, x, axis, &positions)
}

/// The elements at known positions of all elements in a row, under new sizes; `None` stands for `fill`.
fn rearrange<'g>(c: &Call<'_, 'g>, x: Expr<'g>, sizes: &[usize], positions: Vec<Option<usize>>, fill: f64) -> Expr<'g> {
    let count = x.shape().len();
    let flat = x.reshape(&[count]);
    let filled = positions.iter().any(Option::is_none);
    let flat = if filled { Expr::concat(&[flat, c.graph().constant(fill, &[1])], 0) } else { flat };
    let positions = positions.into_iter().map(|at| at.unwrap_or(count));
    flat.take(c.constant(Tensor::whole(positions))).reshape(sizes)
}

/// The sizes of two values that meet element by element: equal, or 1, or missing in front.
fn together(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Fault> {
    let rank = a.len().max(b.len());
    let size = |sizes: &[usize], at: usize| (at + sizes.len()).checked_sub(rank).map_or(1, |at| sizes[at]);
    (0..rank)
        .map(|at| match (size(a, at), size(b, at)) {
            (a, b) if a == b || b == 1 => Ok(a),
            (1, b) => Ok(b),
            (a_size, b_size) => wrong!("the sizes {a:?} and {b:?} do not meet: {a_size} and {b_size}"),
        })
        .collect()
}

/// Where each element of a value repeated to `to` comes from.
fn repeated(from: &[usize], to: &[usize]) -> Result<Vec<usize>, Fault> {
    let missing = to.len() - from.len();
    Ok(places(to)?
        .map(|place| {
            from.iter().zip(&place[missing..]).fold(0, |at, (&size, &p)| at * size + if size == 1 { 0 } else { p })
        })
        .collect())
}

/// The most entries of a list or table that is made here: few bytes of a file can ask for very many.
pub(crate) const MOST_ENTRIES: usize = 1 << 23;

/// Refuses a list or table of more entries than there is room for.
fn room(entries: usize) -> Result<(), Fault> {
    if entries > MOST_ENTRIES { unsupported!("a table of {entries} numbers") } else { Ok(()) }
}

/// Every place of a shape, row by row.
pub(crate) fn places(sizes: &[usize]) -> Result<impl Iterator<Item = Vec<usize>> + use<>, Fault> {
    let sizes = sizes.to_vec();
    let count = sizes.iter().fold(1_usize, |count, &size| count.saturating_mul(size));
    room(count)?;
    Ok((0..count).map(move |mut at| {
        let mut place = vec![0; sizes.len()];
        for (p, &size) in place.iter_mut().zip(&sizes).rev() {
            *p = at % size;
            at /= size;
        }
        place
    }))
}

/// The position of a place among all elements.
pub(crate) fn position(sizes: &[usize], place: &[usize]) -> usize {
    sizes.iter().zip(place).fold(0, |at, (&size, &p)| at * size + p)
}

/// The value repeated to sizes that it is compatible with.
fn expand<'g>(x: Expr<'g>, to: &[usize]) -> Expr<'g> {
    x * x.graph().constant(1.0, to)
}
