//! Pools: the largest, the mean or the norm under a window, or of a whole plane.

use super::shape::padded;
use super::window::{self, Axis, cells, counts, numbers};
use super::{Entry, expand, fold, places, position};
use crate::call::{Call, Results, sizes};
use crate::error::{Fault, wrong};
use crate::kind::Kind;
use crate::tensor::Tensor;
use crate::value::Value;
use chainrule::engine::{Arith, Expr};

pub(super) const ENTRIES: &[Entry] = &[
    ("AveragePool", average),
    ("GlobalAveragePool", |c| whole(c, |x, axes| x.mean(axes))),
    ("GlobalLpPool", |c| {
        let p = c.int("p", 2) as f64;
        whole(c, |x, axes| power(power(x.abs(), p).sum(axes), 1.0 / p))
    }),
    ("GlobalMaxPool", |c| whole(c, |x, axes| x.max_over(axes))),
    ("LpPool", norm),
    ("MaxPool", largest),
    ("MaxUnpool", unpool),
];

fn power(x: Expr<'_>, p: f64) -> Expr<'_> {
    x.pow(x.lit(p))
}

fn whole<'g>(c: &Call<'_, 'g>, f: impl Fn(Expr<'g>, &[usize]) -> Expr<'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let mut shape = sizes(x);
    if shape.len() < 3 {
        return wrong!("batch, channels and planes are wanted, not {}", x.shape());
    }
    let axes: Vec<usize> = (2..shape.len()).collect();
    shape[2..].fill(1);
    c.same(f(x, &axes).reshape(&shape))
}

fn axes<'g>(c: &Call<'_, 'g>, x: Expr<'g>) -> Result<Vec<Axis>, Fault> {
    let spatial = window::spatial(x)?;
    let kernel = numbers(c, "kernel_shape", spatial.len(), 0, 1)?;
    window::axes(c, &spatial, &kernel)
}

/// The same padding on either side, smaller than the window, and each cell beside the next: what the engine has.
fn plain(axes: &[Axis]) -> Option<[[usize; 2]; 3]> {
    let is_plain = |axis: &Axis| {
        let last = (axis.positions - 1) * axis.stride + axis.kernel;
        axis.before == axis.after
            && axis.dilation == 1
            && (axis.before as usize) < axis.kernel
            && last <= axis.size + 2 * axis.before as usize
    };
    match axes {
        [a, b] if is_plain(a) && is_plain(b) => {
            Some([[a.kernel, b.kernel], [a.stride, b.stride], [a.before as usize, b.before as usize]])
        }
        _ => None,
    }
}

fn largest<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let axes = axes(c, x)?;
    let places_wanted = c.node.output.len() > 1;
    if let (Some([window, stride, padding]), false) = (plain(&axes), places_wanted) {
        return c.same(x.max_pool2d(window, stride, padding));
    }
    let cells = cells(c, x, &axes, f64::NEG_INFINITY)?;
    if !places_wanted {
        return c.same(fold(cells, Arith::max)?);
    }
    let result = sizes(cells[0]);
    let (planes, positions) = (result[0] * result[1], result[2..].iter().product::<usize>());
    let columns: Vec<Expr<'g>> = cells.iter().map(|cell| cell.reshape(&[planes, positions, 1])).collect();
    let stacked = Expr::concat(&columns, 2);
    let best = stacked.arg_max(2);
    let table = expand(c.constant(origins(c, &axes)?), &[planes, positions, cells.len()]);
    let plane: usize = axes.iter().map(|axis| axis.size).product();
    let first = Tensor::whole((0..planes).map(|at| at * plane)).reshaped(&[planes, 1]);
    let found = table.pick(best) + c.constant(first);
    Ok(vec![
        Value::Node(stacked.max_over(&[2]).reshape(&result), c.kind(0)?),
        Value::Node(found.reshape(&result), Kind::Int64),
    ])
}

/// Which element of a plane lies under each cell at each position: `[positions, cells]`, 0 for padding.
fn origins(c: &Call<'_, '_>, axes: &[Axis]) -> Result<Tensor, Fault> {
    let sizes: Vec<usize> = axes.iter().map(|axis| axis.size).collect();
    let by_column = c.is("storage_order", false);
    let (over, under): (Vec<usize>, Vec<usize>) = axes.iter().map(|axis| (axis.positions, axis.kernel)).unzip();
    let mut values = Vec::new();
    for place in places(&over)? {
        for cell in places(&under)? {
            let at = axes.iter().zip(place.iter().zip(&cell));
            let at = at.map(|(axis, (p, cell))| (p * axis.stride + cell * axis.dilation) as i64 - axis.before);
            let mut at: Vec<usize> = at.map(|at| at.max(0) as usize).collect();
            let mut sizes = sizes.clone();
            if by_column {
                at.reverse();
                sizes.reverse();
            }
            values.push(position(&sizes, &at) as f64);
        }
    }
    Ok(Tensor::new(Kind::Int64, &[over.iter().product(), under.iter().product()], values))
}

fn average<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let axes = axes(c, x)?;
    let padding = c.is("count_include_pad", false);
    if let (Some([window, stride, pads]), false) = (plain(&axes), padding) {
        return c.same(x.avg_pool2d(window, stride, pads));
    }
    let sum = fold(cells(c, x, &axes, 0.0)?, |a, b| a + b)?;
    let over: Vec<usize> = axes.iter().map(|axis| axis.positions).collect();
    let by_axis: Vec<Vec<usize>> = axes.iter().map(|axis| counts(axis, padding)).collect();
    let count = |place: Vec<usize>| by_axis.iter().zip(place).map(|(counts, at)| counts[at] as f64).product();
    let count = Tensor::new(Kind::Float, &over, places(&over)?.map(count).collect());
    c.same(sum / c.constant(count))
}

fn norm<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let p = c.int("p", 2) as f64;
    let axes = axes(c, x)?;
    let powers = power(x.abs(), p);
    c.same(power(fold(cells(c, powers, &axes, 0.0)?, |a, b| a + b)?, 1.0 / p))
}

/// Values back at the positions that a pool took them from, among zeros.
fn unpool<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let spatial = window::spatial(x)?;
    let count = spatial.len();
    let (kernel, strides) = (numbers(c, "kernel_shape", count, 0, 1)?, numbers(c, "strides", count, 1, 1)?);
    let pads = match c.ints("pads") {
        Some(pads) if pads.len() == 2 * count => pads.to_vec(),
        _ => vec![0; 2 * count],
    };
    let mut inner = vec![x.size(0), x.size(1)];
    for at in 0..count {
        let size = ((spatial[at].max(1) - 1) * strides[at] + kernel[at]) as i64 - pads[at] - pads[at + count];
        inner.push(usize::try_from(size).map_err(|_| Fault::Wrong(format!("pads {pads:?}")))?);
    }
    let flat = |x: Expr<'g>| x.reshape(&[x.shape().len()]);
    // The positions are those in the plane that the pool can have taken, which may be smaller than the one wanted.
    let mut y = flat(x).scatter_add(flat(c.expr(1)?), inner.iter().product()).reshape(&inner);
    if c.has(2) {
        let outer = c.known(2)?.ints();
        if outer.len() != inner.len() {
            return wrong!("output_shape {outer:?} for {}", x.shape());
        }
        for (axis, &size) in outer.iter().enumerate() {
            y = padded(c, y, axis, [0, size - inner[axis] as i64], "constant", 0.0)?;
        }
    }
    c.same(y)
}
