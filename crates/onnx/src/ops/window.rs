//! How a kernel or window moves over the axes behind batch and channels.

use super::shape::padded;
use super::{gather, room};
use crate::call::{Call, sizes};
use crate::error::{Fault, unsupported, wrong};
use chainrule::engine::Expr;

/// One axis that a window moves over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) size: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    pub(super) before: i64,
    pub(super) after: i64,
    /// Positions of the window.
    pub(super) positions: usize,
}

/// The numbers of an attribute, one an axis, from `least`.
pub(super) fn numbers(
    c: &Call<'_, '_>,
    name: &str,
    axes: usize,
    usual: usize,
    least: i64,
) -> Result<Vec<usize>, Fault> {
    match c.ints(name) {
        None | Some([]) => Ok(vec![usual; axes]),
        Some(ints) if ints.len() == axes && ints.iter().all(|&n| n >= least && n <= MOST) => {
            Ok(ints.iter().map(|&n| n as usize).collect())
        }
        Some(ints) => wrong!("{name} {ints:?} for {axes} axes"),
    }
}

/// No setting of a window is larger.
const MOST: i64 = 1 << 24;

/// The axes that a window of these sizes moves over.
pub(super) fn axes(c: &Call<'_, '_>, spatial: &[usize], kernel: &[usize]) -> Result<Vec<Axis>, Fault> {
    let count = spatial.len();
    if kernel.len() != count || kernel.contains(&0) {
        return wrong!("a window of {kernel:?} over {count} axes");
    }
    let (strides, dilations) = (numbers(c, "strides", count, 1, 1)?, numbers(c, "dilations", count, 1, 1)?);
    let pads = match c.ints("pads") {
        None | Some([]) => vec![0; 2 * count],
        Some(pads) if pads.len() == 2 * count && pads.iter().all(|&pad| (0..=MOST).contains(&pad)) => pads.to_vec(),
        Some(pads) => return wrong!("pads {pads:?} for {count} axes"),
    };
    let (auto, ceil) = (c.text("auto_pad", "NOTSET"), c.is("ceil_mode", false));
    (0..count)
        .map(|at| {
            let (size, stride, dilation) = (spatial[at], strides[at], dilations[at]);
            let span = (kernel[at] - 1) * dilation + 1;
            let (before, after) = match auto.as_str() {
                "NOTSET" | "" => (pads[at], pads[at + count]),
                "VALID" => (0, 0),
                "SAME_UPPER" | "SAME_LOWER" => {
                    let wanted = size.div_ceil(stride);
                    let needed = ((wanted.max(1) - 1) * stride + span).saturating_sub(size) as i64;
                    let small = needed / 2;
                    if auto == "SAME_UPPER" { (small, needed - small) } else { (needed - small, small) }
                }
                other => return unsupported!("auto_pad `{other}`"),
            };
            let whole = size as i64 + before + after;
            let Some(free) = (whole - span as i64 >= 0).then(|| (whole - span as i64) as usize) else {
                return wrong!("a window of {span} over {size} with padding {before} and {after}");
            };
            let mut positions = if ceil { free.div_ceil(stride) } else { free / stride } + 1;
            // A window that begins behind the last element and its padding in front sees nothing.
            if ceil && ((positions - 1) * stride) as i64 >= size as i64 + before {
                positions -= 1;
            }
            Ok(Axis { size, kernel: kernel[at], stride, dilation, before, after, positions })
        })
        .collect()
}

/// The sizes behind batch and channels.
pub(super) fn spatial(x: Expr<'_>) -> Result<Vec<usize>, Fault> {
    match sizes(x).as_slice() {
        [_, _, spatial @ ..] if (1..=3).contains(&spatial.len()) => Ok(spatial.to_vec()),
        other => unsupported!("{} axes: batch, channels and one to three more are", other.len()),
    }
}

/// No kernel has more cells where they are looked at one by one.
const MOST_CELLS: usize = 4096;

/// For each cell of the window what lies under it at each position: `[batch, channels, positions…]`. Around x lies
/// `fill`.
pub(super) fn cells<'g>(c: &Call<'_, 'g>, x: Expr<'g>, axes: &[Axis], fill: f64) -> Result<Vec<Expr<'g>>, Fault> {
    if axes.iter().map(|axis| axis.kernel).product::<usize>() > MOST_CELLS {
        return unsupported!("a window of more than {MOST_CELLS} cells");
    }
    axes.iter().try_for_each(|axis| room(axis.positions))?;
    let mut parts = vec![x];
    for (at, axis) in axes.iter().enumerate() {
        let reach = ((axis.positions - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1) as i64;
        let after = reach - axis.size as i64 - axis.before;
        let mut next = Vec::with_capacity(parts.len() * axis.kernel);
        for part in parts {
            let wide = padded(c, part, at + 2, [axis.before, after.max(0)], "constant", fill)?;
            for cell in 0..axis.kernel {
                let positions: Vec<usize> =
                    (0..axis.positions).map(|p| p * axis.stride + cell * axis.dilation).collect();
                next.push(gather(c, wide, at + 2, &positions)?);
            }
        }
        parts = next;
    }
    Ok(parts)
}

/// How many cells of x, without padding, lie under the window at each position of an axis. With `padding`, the padding
/// that was asked for counts as well.
pub(super) fn counts(axis: &Axis, padding: bool) -> Vec<usize> {
    let (low, high) = match padding {
        true => (-axis.before, axis.size as i64 + axis.after),
        false => (0, axis.size as i64),
    };
    let inside = |position: usize| {
        let cell = |cell: usize| (position * axis.stride + cell * axis.dilation) as i64 - axis.before;
        (0..axis.kernel).filter(|&at| (low..high).contains(&cell(at))).count()
    };
    (0..axis.positions).map(inside).collect()
}
