//! Convolutions and transposed convolutions over one, two or three axes.

use super::dense::requantized;
use super::shape::padded;
use super::window::{self, Axis, numbers};
use super::{Entry, flip, fold, gather, places, position, room};
use crate::call::{Call, Results, sizes};
use crate::error::{Fault, unsupported, wrong};
use crate::kind::Kind;
use crate::tensor::{self, Tensor};
use crate::value::Value;
use chainrule::engine::{Convolution, Expr};

pub(super) const ENTRIES: &[Entry] = &[
    ("CausalConvWithState", causal),
    ("Col2Im", from_columns),
    ("Conv", |c| {
        let y = conv(c, c.expr(0)?, c.expr(1)?)?;
        c.same(with_bias(c, y)?)
    }),
    ("ConvInteger", |c| {
        let x = if c.has(2) { c.expr(0)? - c.expr(2)? } else { c.expr(0)? };
        let w = if c.has(3) { c.expr(1)? - outwards(c.expr(3)?, c.expr(1)?) } else { c.expr(1)? };
        c.one(conv(c, x, w)?, Kind::Int32)
    }),
    ("ConvTranspose", |c| {
        let y = transposed(c, c.expr(0)?, c.expr(1)?)?;
        c.same(with_bias(c, y)?)
    }),
    ("QLinearConv", quantized),
];

/// The third input, one number a channel.
fn with_bias<'g>(c: &Call<'_, 'g>, y: Expr<'g>) -> Result<Expr<'g>, Fault> {
    if !c.has(2) {
        return Ok(y);
    }
    let bias = c.expr(2)?;
    let mut shape = vec![1; y.shape().rank() - 1];
    shape[0] = bias.shape().len();
    Ok(y + bias.reshape(&shape))
}

/// One number for each output of w, or one for all.
fn outwards<'g>(part: Expr<'g>, w: Expr<'g>) -> Expr<'g> {
    let mut shape = vec![1; w.shape().rank()];
    shape[0] = part.shape().len();
    part.reshape(&shape)
}

fn groups(c: &Call<'_, '_>) -> Result<usize, Fault> {
    match usize::try_from(c.int("group", 1)) {
        Ok(groups) if groups > 0 => Ok(groups),
        _ => wrong!("{} groups", c.int("group", 1)),
    }
}

/// `[batch, channels, …]` and `[outputs, channels / groups, …]` with the settings of the node.
fn conv<'g>(c: &Call<'_, 'g>, x: Expr<'g>, w: Expr<'g>) -> Result<Expr<'g>, Fault> {
    let spatial = window::spatial(x)?;
    if w.shape().rank() != spatial.len() + 2 {
        return wrong!("weights {} for {}", w.shape(), x.shape());
    }
    let kernel: Vec<usize> = sizes(w)[2..].to_vec();
    c.sound(convolve(c, x, w, &window::axes(c, &spatial, &kernel)?, groups(c)?)?)
}

fn convolve<'g>(
    c: &Call<'_, 'g>,
    mut x: Expr<'g>,
    w: Expr<'g>,
    axes: &[Axis],
    groups: usize,
) -> Result<Expr<'g>, Fault> {
    let even = axes.iter().all(|axis| axis.before == axis.after) && axes.len() < 3;
    if !even {
        for (at, axis) in axes.iter().enumerate() {
            x = padded(c, x, at + 2, [axis.before, axis.after], "constant", 0.0)?;
        }
    }
    let padding = |axis: &Axis| if even { axis.before as usize } else { 0 };
    match axes {
        [one] => Ok(x.conv1d(w, one.stride, padding(one), one.dilation, groups)),
        [a, b] => {
            let how = Convolution {
                stride: [a.stride, b.stride],
                padding: [padding(a), padding(b)],
                dilation: [a.dilation, b.dilation],
                groups,
            };
            Ok(x.conv2d(w, how))
        }
        [deep, ..] if deep.kernel > MOST_DEPTH => unsupported!("a kernel {} deep", deep.kernel),
        [deep, a, b] => {
            // A sum over the cells of the first axis, whose positions stand beside the batch.
            let how = Convolution {
                stride: [a.stride, b.stride],
                dilation: [a.dilation, b.dilation],
                groups,
                ..Convolution::default()
            };
            let mut parts = Vec::new();
            for cell in 0..deep.kernel {
                let positions: Vec<usize> =
                    (0..deep.positions).map(|at| at * deep.stride + cell * deep.dilation).collect();
                let under = gather(c, x, 2, &positions)?;
                let [n, ch, d, h, width] = five(under)?;
                let planes = under.transpose(&[0, 2, 1, 3, 4]).reshape(&[n * d, ch, h, width]);
                let [outputs, part, _, kh, kw] = five(w)?;
                parts.push(c.sound(planes.conv2d(w.slice(2, cell, cell + 1).reshape(&[outputs, part, kh, kw]), how))?);
            }
            let y = fold(parts, |a, b| a + b)?;
            let (outputs, h, width) = (y.size(1), y.size(2), y.size(3));
            let y = y.reshape(&[x.size(0), deep.positions, outputs, h, width]);
            Ok(y.transpose(&[0, 2, 1, 3, 4]))
        }
        other => unsupported!("{} axes", other.len()),
    }
}

/// The cells of a kernel's first of three axes are looked at one by one.
const MOST_DEPTH: usize = 4096;

fn five(x: Expr<'_>) -> Result<[usize; 5], Fault> {
    <[usize; 5]>::try_from(sizes(x)).map_err(|_| Fault::Wrong(format!("five axes are wanted, not {}", x.shape())))
}

/// What is cut off the whole transposed convolution in front, and the sizes that are left.
fn cut(c: &Call<'_, '_>, spatial: &[usize], whole: &[usize], strides: &[usize]) -> Result<Vec<(i64, usize)>, Fault> {
    let count = spatial.len();
    let extra = numbers(c, "output_padding", count, 0, 0)?;
    let auto = c.text("auto_pad", "NOTSET");
    let same = auto.starts_with("SAME");
    let wanted = match c.ints("output_shape") {
        Some(shape) => Some(numbers(c, "output_shape", count.max(shape.len()), 0, 1)?),
        None if same => Some(spatial.iter().zip(strides).map(|(size, stride)| size * stride).collect()),
        None => None,
    };
    if let Some(wanted) = wanted {
        let wanted = &wanted[wanted.len() - count..];
        let front = |at: usize| {
            let total = (whole[at] + extra[at]) as i64 - wanted[at] as i64;
            let small = total.div_euclid(2);
            (if auto == "SAME_UPPER" { small } else { total - small }, wanted[at])
        };
        return Ok((0..count).map(front).collect());
    }
    let pads = match c.ints("pads") {
        Some(pads) if pads.len() == 2 * count => pads.to_vec(),
        None => vec![0; 2 * count],
        Some(pads) => return wrong!("pads {pads:?} for {count} axes"),
    };
    (0..count)
        .map(|at| {
            let left = (whole[at] + extra[at]) as i64 - pads[at] - pads[at + count];
            match usize::try_from(left) {
                Ok(size) if size > 0 => Ok((pads[at], size)),
                _ => wrong!("pads {pads:?} leave nothing of {whole:?}"),
            }
        })
        .collect()
}

/// `[batch, channels, …]` and `[channels, outputs / groups, …]`: the adjoint of a convolution by its input.
fn transposed<'g>(c: &Call<'_, 'g>, x: Expr<'g>, w: Expr<'g>) -> Result<Expr<'g>, Fault> {
    let spatial = window::spatial(x)?;
    let count = spatial.len();
    if w.shape().rank() != count + 2 || w.shape().is_empty() || spatial.contains(&0) {
        return wrong!("weights {} for {}", w.shape(), x.shape());
    }
    let (strides, dilations) = (numbers(c, "strides", count, 1, 1)?, numbers(c, "dilations", count, 1, 1)?);
    let kernel: Vec<usize> = sizes(w)[2..].to_vec();
    let span = |at: usize| (kernel[at] - 1) * dilations[at] + 1;
    let whole: Vec<usize> = (0..count).map(|at| (spatial[at] - 1) * strides[at] + span(at)).collect();
    let mut y = if count == 3 {
        spread_apart(c, x, w, &strides, &dilations)?
    } else {
        let two = |values: &[usize]| if count == 1 { [1, values[0]] } else { [values[0], values[1]] };
        let plane = |x: Expr<'g>| if count == 1 { x.reshape(&[x.size(0), x.size(1), 1, x.size(2)]) } else { x };
        let how = Convolution { stride: two(&strides), dilation: two(&dilations), groups: groups(c)?, padding: [0, 0] };
        let y = plane(x).conv_transpose2d(plane(w), how, [0, 0]);
        let y = c.sound(y)?;
        if count == 1 { y.reshape(&[y.size(0), y.size(1), y.size(3)]) } else { y }
    };
    for (at, (front, size)) in cut(c, &spatial, &whole, &strides)?.into_iter().enumerate() {
        let back = size as i64 - (whole[at] as i64 - front);
        y = padded(c, y, at + 2, [-front, back], "constant", 0.0)?;
    }
    Ok(y)
}

/// Over three axes: zeros between the elements of x, and a convolution with the mirrored kernel.
fn spread_apart<'g>(
    c: &Call<'_, 'g>,
    mut x: Expr<'g>,
    w: Expr<'g>,
    strides: &[usize],
    dilations: &[usize],
) -> Result<Expr<'g>, Fault> {
    let groups = groups(c)?;
    let [channels, part, kd, kh, kw] = five(w)?;
    if !channels.is_multiple_of(groups) {
        return wrong!("{channels} channels in {groups} groups");
    }
    let mut w = w.reshape(&[groups, channels / groups, part, kd, kh, kw]).transpose(&[0, 2, 1, 3, 4, 5]);
    w = w.reshape(&[groups * part, channels / groups, kd, kh, kw]);
    let mut axes = Vec::new();
    for at in 0..3 {
        let axis = at + 2;
        w = flip(c, w, axis)?;
        let mut shape = sizes(x);
        let mut apart = shape.clone();
        apart.insert(axis + 1, 1);
        shape[axis] *= strides[at];
        x = x.reshape(&apart).pad(axis + 1, 0, strides[at] - 1).reshape(&shape);
        x = x.slice(axis, 0, shape[axis] + 1 - strides[at]);
        let (size, kernel, dilation) = (x.size(axis), [kd, kh, kw][at], dilations[at]);
        let reach = (kernel - 1) * dilation;
        axes.push(Axis {
            size,
            kernel,
            stride: 1,
            dilation,
            before: reach as i64,
            after: reach as i64,
            positions: size + reach,
        });
    }
    convolve(c, x, w, &axes, groups)
}

/// Each channel with a kernel of its own that sees no later positions; the last inputs are the state to go on from.
fn causal<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let (x, w) = (c.expr(0)?, c.expr(1)?);
    let (&[batch, channels, _], &[_, _, cells]) = (&sizes(x)[..], &sizes(w)[..]) else {
        return wrong!("three axes are wanted, not {} and {}", x.shape(), w.shape());
    };
    if cells == 0 {
        return wrong!("a kernel without cells");
    }
    let past = if c.has(3) { c.expr(3)? } else { c.graph().constant(0.0, &[batch, channels, cells - 1]) };
    let whole = c.sound(Expr::concat(&[past, x], 2))?;
    let y = with_bias(c, c.sound(whole.conv1d(w, 1, 0, 1, channels))?)?;
    let y = match c.text("activation", "none").as_str() {
        "none" => y,
        "silu" | "swish" => y.silu(),
        other => return unsupported!("activation `{other}`"),
    };
    let length = whole.size(2);
    let state = whole.slice(2, length - (cells - 1), length);
    let kind = c.kind(0)?;
    Ok([y, state].map(|expr| Value::Node(expr, kind)).to_vec())
}

/// Columns `[batch, channels · cells, positions]` added back to where a window took them from.
fn from_columns<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let whole = |at: usize| c.known(at).and_then(|known| tensor::sizes(&known.ints()).map_err(Fault::Wrong));
    let ((image, pixels), (kernel, cells)) = (whole(1)?, whole(2)?);
    let axes = window::axes(c, &image, &kernel)?;
    let over: Vec<usize> = axes.iter().map(|axis| axis.positions).collect();
    let positions: usize = over.iter().product();
    room(cells.saturating_mul(positions))?;
    let &[batch, columns, found] = &sizes(x)[..] else { return wrong!("three axes are wanted, not {}", x.shape()) };
    if cells == 0 || columns % cells != 0 || found != positions {
        return wrong!("columns {} for {cells} cells at {positions} positions", x.shape());
    }
    // What lies in the padding goes to a place behind the last pixel.
    let mut targets = Vec::with_capacity(cells * positions);
    for cell in places(&kernel)? {
        for place in places(&over)? {
            let at = axes.iter().zip(place.iter().zip(&cell));
            let at: Option<Vec<usize>> = at
                .map(|(axis, (p, cell))| {
                    let at = (p * axis.stride + cell * axis.dilation) as i64 - axis.before;
                    usize::try_from(at).ok().filter(|&at| at < axis.size)
                })
                .collect();
            targets.push(at.map_or(pixels, |at| position(&image, &at)));
        }
    }
    let planes = batch * (columns / cells);
    let rows = x.reshape(&[planes, cells * positions]).transpose(&[1, 0]);
    let sums = rows.scatter_add(c.constant(Tensor::whole(targets)), pixels + 1).slice(0, 0, pixels);
    let shape = [&[batch, columns / cells][..], &image].concat();
    c.same(sums.transpose(&[1, 0]).reshape(&shape))
}

fn quantized<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let (x, x_scale, x_zero) = (c.expr(0)?, c.expr(1)?, c.expr(2)?);
    let (w, w_scale, w_zero) = (c.expr(3)?, c.expr(4)?, c.expr(5)?);
    let (y_scale, y_zero) = (c.expr(6)?, c.expr(7)?);
    let mut y = conv(c, x - x_zero, w - outwards(w_zero, w))?;
    let channels = |part: Expr<'g>| {
        let mut shape = vec![1; y.shape().rank() - 1];
        shape[0] = part.shape().len();
        part.reshape(&shape)
    };
    let scale = channels(w_scale) * x_scale / y_scale;
    if c.has(8) {
        let bias = channels(c.expr(8)?);
        y = y + bias;
    }
    let kind = c.kind(7)?;
    c.one(requantized(y * scale, y_zero, kind)?, kind)
}
