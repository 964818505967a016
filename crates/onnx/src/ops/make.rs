//! Values that are made: constants, ranges, shapes, one-hot.

use super::{Entry, MOST_ENTRIES};
use crate::call::{Call, Results, sizes};
use crate::error::{Fault, unsupported, wrong};
use crate::kind::Kind;
use crate::tensor::{self, Tensor};
use crate::value::Value;
use chainrule::engine::Arith;

pub(super) const ENTRIES: &[Entry] = &[
    ("BlackmanWindow", |c| cosine_window(c, [0.42, -0.5, 0.08])),
    ("Constant", constant),
    ("ConstantOfShape", of_shape),
    ("EyeLike", eye),
    ("HammingWindow", |c| cosine_window(c, [25.0 / 46.0, -21.0 / 46.0, 0.0])),
    ("HannWindow", |c| cosine_window(c, [0.5, -0.5, 0.0])),
    ("NonZero", non_zero),
    ("OneHot", one_hot),
    ("Range", range),
    ("Shape", shape),
    ("Size", |c| Ok(vec![Tensor::new(Kind::Int64, &[], vec![c.sizes(0)?.iter().product::<usize>() as f64]).into()])),
    ("Unique", unique),
];

fn constant<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let list = |kind, values: Vec<f64>| Ok(vec![Tensor::new(kind, &[values.len()], values).into()]);
    let one = |kind, value: f64| Ok(vec![Tensor::new(kind, &[], vec![value]).into()]);
    let [attribute, ..] = c.node.attribute.as_slice() else { return wrong!("it has no value") };
    match attribute.name.as_str() {
        "value" => match &attribute.t {
            Some(proto) => Ok(vec![Tensor::read(proto, c.folder).map_err(Fault::Unsupported)?.into()]),
            None => wrong!("its value is no tensor"),
        },
        "value_float" => one(Kind::Float, f64::from(attribute.f)),
        "value_floats" => list(Kind::Float, attribute.floats.iter().map(|&v| f64::from(v)).collect()),
        "value_int" => one(Kind::Int64, attribute.i as f64),
        "value_ints" => list(Kind::Int64, attribute.ints.iter().map(|&v| v as f64).collect()),
        other => unsupported!("a constant given as {other}"),
    }
}

fn of_shape<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let (sizes, _) = tensor::sizes(&c.known(0)?.ints()).map_err(Fault::Wrong)?;
    let value = match c.attribute("value").and_then(|attribute| attribute.t.as_ref()) {
        Some(proto) => Tensor::read(proto, c.folder).map_err(Fault::Unsupported)?,
        None => Tensor::new(Kind::Float, &[1], vec![0.0]),
    };
    c.one(c.graph().constant(value.one()?, &sizes), value.kind())
}

fn eye<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let sizes = c.sizes(0)?;
    let &[rows, columns] = sizes.as_slice() else { return wrong!("an identity has two axes, not {}", sizes.len()) };
    let kind = match c.int("dtype", 0) {
        0 => c.kind(0)?,
        number => Kind::of(number as i32).map_err(Fault::Unsupported)?,
    };
    if rows.saturating_mul(columns) > MOST_ENTRIES {
        return unsupported!("an identity of {rows} by {columns}");
    }
    let shift = c.int("k", 0);
    let at = |place: usize| ((place / columns) as i64 + shift == (place % columns) as i64) as u8;
    let values = (0..rows * columns).map(|place| f64::from(at(place))).collect();
    Ok(vec![Tensor::new(kind, &sizes, values).into()])
}

/// The periodic or symmetric window a₀ + a₁ cos 2πi/n + a₂ cos 4πi/n.
fn cosine_window<'g>(c: &Call<'_, 'g>, [a0, a1, a2]: [f64; 3]) -> Results<'g> {
    let size = c.known(0)?.one()?;
    let count = size as usize;
    if count > MOST_ENTRIES {
        return unsupported!("a window of {count}");
    }
    let n = if c.is("periodic", true) { size } else { size - 1.0 };
    let angle = |i: usize| std::f64::consts::TAU * i as f64 / n;
    let values = (0..count).map(|i| a0 + a1 * angle(i).cos() + a2 * (2.0 * angle(i)).cos()).collect();
    let kind = Kind::of(c.int("output_datatype", 1) as i32).map_err(Fault::Unsupported)?;
    Ok(vec![Tensor::new(kind, &[count], values).into()])
}

fn non_zero<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.known(0)?;
    let found: Vec<Vec<usize>> =
        super::places(x.sizes())?.zip(x.values()).filter(|(_, value)| **value != 0.0).map(|(place, _)| place).collect();
    let rank = x.sizes().len();
    let values = (0..rank).flat_map(|axis| found.iter().map(move |place| place[axis] as f64)).collect();
    Ok(vec![Tensor::new(Kind::Int64, &[rank, found.len()], values).into()])
}

fn one_hot<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let depth = c.known(1)?.one()?;
    let values = c.known(2)?.clone();
    let &[off, on] = values.values() else { return wrong!("two values are wanted, off and on") };
    let indices = c.expr(0)?;
    if !(0.0..=MOST_ENTRIES as f64).contains(&depth) {
        return unsupported!("a depth of {depth}");
    }
    // Indices below 0 count from the end, and those outside are nowhere.
    let negative = (-indices).step();
    let places = indices + negative * depth;
    let inside = (places + 0.5).step() * (depth - 0.5 - places).step();
    let hot = places.mask(inside).one_hot(depth as usize);
    let rank = indices.shape().rank();
    let mut one = sizes(indices);
    one.push(1);
    let hot = hot * inside.reshape(&one);
    let axis = c.axis(c.int("axis", -1), rank + 1)?;
    let order: Vec<usize> = (0..=rank).map(|at| if at == axis { rank } else { at - usize::from(at > axis) }).collect();
    c.one(hot.transpose(&order) * (on - off) + off, values.kind())
}

fn range<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let [start, limit, delta] = [0, 1, 2].map(|at| c.known(at).and_then(|tensor| tensor.one()));
    let (start, delta) = (start?, delta?);
    let count = ((limit? - start) / delta).ceil().max(0.0);
    if count.is_nan() || count > MOST_ENTRIES as f64 {
        return unsupported!("a range of {count} numbers");
    }
    let values: Vec<f64> = (0..count as usize).map(|i| start + i as f64 * delta).collect();
    Ok(vec![Tensor::new(c.kind(0)?, &[values.len()], values).into()])
}

fn shape<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let sizes = c.sizes(0)?;
    let rank = sizes.len() as i64;
    let limit = |name, usual| {
        let at: i64 = c.int(name, usual);
        (if at < 0 { at + rank } else { at }).clamp(0, rank) as usize
    };
    let (start, end) = (limit("start", 0), limit("end", rank));
    Ok(vec![Tensor::whole(sizes[start..end.max(start)].iter().copied()).into()])
}

/// The different values of a known tensor, or its different slices along an axis.
fn unique<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.known(0)?;
    let axis = match c.attribute("axis") {
        Some(_) => Some(c.axis(c.int("axis", 0), x.sizes().len())?),
        None => None,
    };
    let count = axis.map_or(x.values().len(), |axis| x.sizes()[axis]);
    let slices: Vec<Vec<f64>> = match axis {
        None => x.values().iter().map(|&value| vec![value]).collect(),
        Some(axis) => {
            let mut slices = vec![Vec::new(); count];
            super::places(x.sizes())?.zip(x.values()).for_each(|(place, &value)| slices[place[axis]].push(value));
            slices
        }
    };
    let mut firsts: Vec<usize> = (0..count).filter(|&at| !slices[..at].contains(&slices[at])).collect();
    if c.is("sorted", true) {
        firsts.sort_by(|&a, &b| slices[a].partial_cmp(&slices[b]).unwrap_or(std::cmp::Ordering::Equal));
    }
    let inverse: Vec<usize> =
        slices.iter().map(|slice| firsts.iter().position(|&first| slices[first] == *slice).unwrap_or(0)).collect();
    let counts = (0..firsts.len()).map(|at| inverse.iter().filter(|&&found| found == at).count());
    let values = match axis {
        None => Tensor::new(x.kind(), &[firsts.len()], firsts.iter().map(|&at| x.values()[at]).collect()),
        Some(axis) => {
            let mut shape = x.sizes().to_vec();
            shape[axis] = firsts.len();
            let at = |mut place: Vec<usize>| {
                place[axis] = firsts[place[axis]];
                x.values()[super::position(x.sizes(), &place)]
            };
            Tensor::new(x.kind(), &shape, super::places(&shape)?.map(at).collect())
        }
    };
    let lists = [Tensor::whole(firsts.iter().copied()), Tensor::whole(inverse.iter().copied()), Tensor::whole(counts)];
    Ok([values].into_iter().chain(lists).map(Value::from).collect())
}
