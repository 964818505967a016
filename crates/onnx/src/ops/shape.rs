//! The same elements in another arrangement.

use super::{Entry, expand, gather, places, position, rearrange, room};
use crate::call::{Call, Results, sizes};
use crate::error::{Fault, unsupported, wrong};
use crate::kind::Kind;
use crate::tensor::{self, Tensor};
use crate::value::Value;
use chainrule::engine::Expr;

pub(super) const ENTRIES: &[Entry] = &[
    ("CenterCropPad", center_crop_pad),
    ("Concat", concat),
    ("DepthToSpace", depth_to_space),
    ("Expand", |c| {
        let (to, _) = tensor::sizes(&c.known(1)?.ints()).map_err(Fault::Wrong)?;
        c.same(expand(c.expr(0)?, &to))
    }),
    ("Flatten", flatten),
    ("Identity", |c| Ok(vec![c.value(0)?.clone()])),
    ("Pad", pad),
    ("Reshape", reshape),
    ("ReverseSequence", reverse_sequence),
    ("Slice", slice),
    ("SpaceToDepth", space_to_depth),
    ("Split", split),
    ("Squeeze", squeeze),
    ("Tile", tile),
    ("Transpose", transpose),
    ("Trilu", trilu),
    ("Unsqueeze", unsqueeze),
];

fn concat<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let parts = c.exprs()?;
    let Some(first) = parts.first() else { return wrong!("it has no inputs") };
    let axis = c.axis(c.int("axis", 1), first.shape().rank())?;
    c.same(Expr::concat(&parts, axis))
}

fn flatten<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let rank = x.shape().rank();
    let axis = c.int("axis", 1);
    let axis = if axis == rank as i64 { rank } else { c.axis(axis, rank)? };
    let shape = sizes(x);
    c.same(x.reshape(&[shape[..axis].iter().product(), shape[axis..].iter().product()]))
}

/// The sizes that are asked for: 0 is the old one, −1 what is left.
fn reshape<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let wanted = c.ints_or_input("shape", 1)?.ok_or_else(|| Fault::Wrong("it has no shape".to_owned()))?;
    let x = c.expr(0)?;
    let old = sizes(x);
    let mut new = Vec::new();
    for (at, &size) in wanted.iter().enumerate() {
        new.push(match size {
            0 if !c.is("allowzero", false) => match old.get(at) {
                Some(&size) => size,
                None => return wrong!("size {} is to stay as it is, and {:?} has no such axis", at + 1, old),
            },
            -1 => 1,
            size => usize::try_from(size).map_err(|_| Fault::Wrong(format!("a size of {size}")))?,
        });
    }
    if let Some(free) = wanted.iter().position(|&size| size == -1) {
        let others: usize = new.iter().product();
        new[free] = x.shape().len().checked_div(others).unwrap_or(0);
    }
    c.same(x.reshape(&new))
}

fn squeeze<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let old = c.sizes(0)?;
    let axes = match c.ints_or_input("axes", 1)? {
        Some(axes) => c.axes(&axes, old.len())?,
        None => (0..old.len()).filter(|&axis| old[axis] == 1).collect(),
    };
    if let Some(&axis) = axes.iter().find(|&&axis| old[axis] != 1) {
        return wrong!("axis {axis} has {} elements and cannot be taken away", old[axis]);
    }
    let new: Vec<usize> = (0..old.len()).filter(|axis| !axes.contains(axis)).map(|axis| old[axis]).collect();
    c.map(|x| x.reshape(&new))
}

fn unsqueeze<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let axes = c.ints_or_input("axes", 1)?.unwrap_or_default();
    let mut old = c.sizes(0)?.into_iter();
    let rank = old.len() + axes.len();
    let axes = c.axes(&axes, rank)?;
    let new: Vec<usize> =
        (0..rank).map(|axis| if axes.contains(&axis) { 1 } else { old.next().unwrap_or(1) }).collect();
    c.map(|x| x.reshape(&new))
}

fn transpose<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let rank = c.sizes(0)?.len();
    let order = match c.ints("perm") {
        Some(order) => c.axes(order, rank)?,
        None => (0..rank).rev().collect(),
    };
    c.map(|x| x.transpose(&order))
}

fn split<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let axis = c.axis(c.int("axis", 0), x.shape().rank())?;
    let size = x.size(axis);
    let parts = match c.ints_or_input("split", 1)? {
        Some(parts) => tensor::sizes(&parts).map_err(Fault::Wrong)?.0,
        None => {
            let count = c.int("num_outputs", c.node.output.len() as i64);
            let Some(count) = usize::try_from(count).ok().filter(|n| (1..=c.node.output.len()).contains(n)) else {
                return wrong!("{count} parts for {} outputs", c.node.output.len());
            };
            let each = size.div_ceil(count);
            (0..count).map(|at| each.min(size.saturating_sub(at * each))).collect()
        }
    };
    if parts.iter().try_fold(0_usize, |sum, &part| sum.checked_add(part)) != Some(size) {
        return wrong!("parts of {parts:?} are not {size}");
    }
    let (kind, mut start) = (c.kind(0)?, 0);
    let mut part = |size: &usize| {
        start += size;
        Value::Node(x.slice(axis, start - size, start), kind)
    };
    Ok(parts.iter().map(&mut part).collect())
}

fn slice<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let mut x = c.expr(0)?;
    let rank = x.shape().rank();
    let missing = |what: &str| Fault::Wrong(format!("it has no {what}"));
    let starts = c.ints_or_input("starts", 1)?.ok_or_else(|| missing("starts"))?;
    let ends = c.ints_or_input("ends", 2)?.ok_or_else(|| missing("ends"))?;
    let axes = c.ints_or_input("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = c.ints_or_input("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()].iter().any(|&len| len != starts.len()) {
        return wrong!("starts, ends, axes and steps are not as many");
    }
    for at in 0..starts.len() {
        let axis = c.axis(axes[at], rank)?;
        x = stepped(c, x, axis, [starts[at], ends[at], steps[at]])?;
    }
    c.same(x)
}

/// The elements from `start` to before `end`, which count from the end if below 0 and are cut to what there is.
fn stepped<'g>(c: &Call<'_, 'g>, x: Expr<'g>, axis: usize, [start, end, step]: [i64; 3]) -> Result<Expr<'g>, Fault> {
    let size = x.size(axis) as i64;
    let from_end = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let (start, end) = (from_end(start), from_end(end));
    let by = step.unsigned_abs() as usize;
    if step > 0 {
        let (start, end) = (start.clamp(0, size), end.clamp(0, size));
        if step == 1 {
            return Ok(x.slice(axis, start as usize, end.max(start) as usize));
        }
        room((end - start).max(0) as usize / by)?;
        return gather(c, x, axis, &(start..end).step_by(by).map(|at| at as usize).collect::<Vec<_>>());
    }
    if step == 0 {
        return wrong!("a step of 0");
    }
    let (start, end) = (start.clamp(-1, size - 1), end.clamp(-1, size - 1));
    room((start - end).max(0) as usize / by)?;
    gather(c, x, axis, &(end + 1..=start).rev().step_by(by).map(|at| at as usize).collect::<Vec<_>>())
}

/// The most copies that are joined one by one.
const MOST_COPIES: usize = 4096;

fn tile<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let (repeats, _) = tensor::sizes(&c.known(1)?.ints()).map_err(Fault::Wrong)?;
    let mut x = c.expr(0)?;
    let rank = x.shape().rank();
    if repeats.len() != rank {
        return wrong!("{} repeats for {rank} axes", repeats.len());
    }
    for (axis, &count) in repeats.iter().enumerate() {
        if count != 1 {
            let old = sizes(x);
            let mut apart = old.clone();
            apart.insert(axis, 1);
            let mut whole = apart.clone();
            whole[axis] = count;
            let mut new = old;
            new[axis] = new[axis].saturating_mul(count);
            // A new axis of its own needs room; where there is none the copies are joined.
            x = match whole.len() <= chainrule::engine::MAX_RANK {
                true => expand(x.reshape(&apart), &whole).reshape(&new),
                false if count == 0 => x.slice(axis, 0, 0),
                false if count > MOST_COPIES => return unsupported!("{count} copies of a value of {rank} axes"),
                false => Expr::concat(&vec![x; count], axis),
            };
        }
    }
    c.same(x)
}

/// How an axis goes on beyond its ends.
fn beyond(mode: &str, at: i64, size: i64) -> Option<usize> {
    let inside = match mode {
        _ if (0..size).contains(&at) => at,
        "edge" => at.clamp(0, size - 1),
        "wrap" => at.rem_euclid(size),
        "reflect" => {
            let period = (2 * (size - 1)).max(1);
            let at = at.rem_euclid(period);
            if at < size { at } else { period - at }
        }
        _ => return None,
    };
    Some(inside as usize)
}

fn pad<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let mut x = c.expr(0)?;
    let rank = x.shape().rank();
    let pads = match c.ints("pads").or(c.ints("paddings")) {
        Some(pads) => pads.to_vec(),
        None => c.known(1)?.ints(),
    };
    let fill = if c.has(2) { c.known(2)?.one()? } else { c.float("value", 0.0) };
    let axes = if c.has(3) { c.axes(&c.known(3)?.ints(), rank)? } else { (0..rank).collect() };
    let mode = c.text("mode", "constant");
    if pads.len() != 2 * axes.len() {
        return wrong!("{} paddings for {} axes", pads.len(), axes.len());
    }
    for (at, &axis) in axes.iter().enumerate() {
        let (before, after) = (pads[at], pads[at + axes.len()]);
        x = padded(c, x, axis, [before, after], &mode, fill)?;
    }
    c.same(x)
}

/// The most cells of padding on a side.
const MOST_PADDING: i64 = 1 << 28;

/// One axis with so many elements more before and after, or fewer if below 0.
pub(super) fn padded<'g>(
    c: &Call<'_, 'g>,
    x: Expr<'g>,
    axis: usize,
    pads: [i64; 2],
    mode: &str,
    fill: f64,
) -> Result<Expr<'g>, Fault> {
    let size = x.size(axis) as i64;
    if pads.iter().any(|pad| pad.abs() > MOST_PADDING) {
        return unsupported!("padding of {pads:?}");
    }
    if mode != "constant" {
        if size == 0 {
            return wrong!("an axis of no elements cannot be continued");
        }
        room((size + pads[0] + pads[1]).max(0) as usize)?;
        let positions: Option<Vec<usize>> = (-pads[0]..size + pads[1]).map(|at| beyond(mode, at, size)).collect();
        let Some(positions) = positions else { return unsupported!("mode `{mode}`") };
        return gather(c, x, axis, &positions);
    }
    let (start, end) = ((-pads[0]).max(0), size - (-pads[1]).max(0));
    if end < start {
        return wrong!("padding of {pads:?} leaves nothing of {size}");
    }
    let x = x.slice(axis, start as usize, end as usize);
    let [before, after] = pads.map(|pad| pad.max(0) as usize);
    if fill == 0.0 {
        return Ok(if before + after == 0 { x } else { x.pad(axis, before, after) });
    }
    let edge = |count: usize| {
        let mut shape = sizes(x);
        shape[axis] = count;
        (count > 0).then(|| c.graph().constant(fill, &shape))
    };
    let parts: Vec<Expr<'g>> = [edge(before), Some(x), edge(after)].into_iter().flatten().collect();
    Ok(Expr::concat(&parts, axis))
}

fn center_crop_pad<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let mut x = c.expr(0)?;
    let rank = x.shape().rank();
    let wanted = c.known(1)?.ints();
    let axes = match c.ints("axes") {
        Some(axes) => c.axes(axes, rank)?,
        None => (0..rank).collect(),
    };
    for (&axis, &wanted) in axes.iter().zip(&wanted) {
        let more = wanted - x.size(axis) as i64;
        // Of an odd number, the smaller half is before what is added, and before what is taken away.
        let before = if more >= 0 { more / 2 } else { -(-more / 2) };
        x = padded(c, x, axis, [before, more - before], "constant", 0.0)?;
    }
    c.same(x)
}

/// `[batch, channels, height, width]`, and the side of a block.
fn blocks<'g>(c: &Call<'_, 'g>) -> Result<(Expr<'g>, [usize; 4], usize), Fault> {
    let x = c.expr(0)?;
    let block = usize::try_from(c.int("blocksize", 0)).unwrap_or(0);
    let Ok(shape) = <[usize; 4]>::try_from(sizes(x)) else { return wrong!("four axes are wanted, not {}", x.shape()) };
    if block == 0 { wrong!("a block of no cells") } else { Ok((x, shape, block)) }
}

fn depth_to_space<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let (x, [n, channels, h, w], b) = blocks(c)?;
    let left = channels / (b * b).max(1);
    let y = match c.text("mode", "DCR").as_str() {
        "DCR" => x.reshape(&[n, b, b, left, h, w]).transpose(&[0, 3, 4, 1, 5, 2]),
        "CRD" => x.reshape(&[n, left, b, b, h, w]).transpose(&[0, 1, 4, 2, 5, 3]),
        other => return unsupported!("mode `{other}`"),
    };
    c.same(y.reshape(&[n, left, h * b, w * b]))
}

fn space_to_depth<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let (x, [n, channels, h, w], b) = blocks(c)?;
    let y = x.reshape(&[n, channels, h / b, b, w / b, b]);
    let y = match c.text("mode", "DCR").as_str() {
        "DCR" => y.transpose(&[0, 3, 5, 1, 2, 4]),
        "CRD" => y.transpose(&[0, 1, 3, 5, 2, 4]),
        other => return unsupported!("mode `{other}`"),
    };
    c.same(y.reshape(&[n, channels * b * b, h / b, w / b]))
}

fn reverse_sequence<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let shape = sizes(x);
    let lengths = c.known(1)?.ints();
    let (batch, time) = (c.axis(c.int("batch_axis", 1), shape.len())?, c.axis(c.int("time_axis", 0), shape.len())?);
    if lengths.len() != shape[batch] || lengths.iter().any(|&n| n < 0 || n as usize > shape[time]) {
        return wrong!("the lengths {lengths:?} do not fit {shape:?}");
    }
    let from = |mut place: Vec<usize>| {
        let length = lengths[place[batch]] as usize;
        if place[time] < length {
            place[time] = length - 1 - place[time];
        }
        Some(position(&shape, &place))
    };
    let positions = places(&shape)?.map(from).collect();
    c.same(rearrange(c, x, &shape, positions, 0.0))
}

fn trilu<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let shape = sizes(x);
    let [.., rows, columns] = shape.as_slice() else { return wrong!("two axes or more are wanted, not {}", x.shape()) };
    let shift = if c.has(1) { c.known(1)?.one()? as i64 } else { 0 };
    let upper = c.is("upper", true);
    let keep = |place: Vec<usize>| {
        let over = (place[1] as i64) - (place[0] as i64);
        f64::from(u8::from(if upper { over >= shift } else { over <= shift }))
    };
    let kept = Tensor::new(Kind::Bool, &[*rows, *columns], places(&[*rows, *columns])?.map(keep).collect());
    c.same(chainrule::engine::Arith::mask(x, c.constant(kept)))
}
