//! Resizing: along each axis a linear map from the old positions to the new ones.

use super::Entry;
use super::one_axis_reversed_order;
use crate::call::{Call, Results, sizes};
use crate::error::{Fault, unsupported, wrong};
use crate::kind::Kind;
use crate::tensor::Tensor;
use chainrule::engine::{Arith, Expr};

pub(super) const ENTRIES: &[Entry] = &[("Resize", resize), ("Upsample", resize)];

/// How one axis is resized.
struct Axis {
    old: usize,
    new: usize,
    /// New positions an old one; the new size need not be exactly that many.
    scale: f64,
    /// The part that is shown, for tf_crop_and_resize.
    roi: [f64; 2],
}

/// Settings that all axes share.
struct How {
    coordinates: String,
    mode: String,
    nearest: String,
    cubic: f64,
    exclude: bool,
    antialias: bool,
}

/// No matrix of an axis is larger.
const MOST: usize = super::MOST_ENTRIES;

fn resize<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let x = c.expr(0)?;
    let old = sizes(x);
    let all = match c.ints("axes") {
        Some(axes) => c.axes(axes, old.len())?,
        None => (0..old.len()).collect(),
    };
    // Upsample, and Resize of version 10, have no region between x and the scales.
    let scales_at = if c.node.op_type == "Upsample" || c.opset < 11 { 1 } else { 2 };
    let usual = if scales_at == 1 { "asymmetric" } else { "half_pixel" };
    let how = How {
        coordinates: c.text("coordinate_transformation_mode", usual),
        mode: c.text("mode", "nearest"),
        nearest: c.text("nearest_mode", if scales_at == 1 { "floor" } else { "round_prefer_floor" }),
        cubic: c.float("cubic_coeff_a", -0.75),
        exclude: c.is("exclude_outside", false),
        antialias: c.is("antialias", false),
    };
    let axes = axes(c, &old, &all, scales_at)?;
    let mut y = x;
    let mut outside: Option<Expr<'g>> = None;
    for (&axis, part) in all.iter().zip(&axes) {
        if part.new.saturating_mul(part.old) > MOST {
            return unsupported!("{} positions from {}", part.new, part.old);
        }
        let (matrix, beyond) = matrix(part, &how)?;
        let order = one_axis_reversed_order(old.len(), axis);
        let rows = y.transpose(&order.last);
        let mut shape = sizes(rows);
        let flat = rows.reshape(&[rows.shape().len() / part.old.max(1), part.old]);
        if let Some(last) = shape.last_mut() {
            *last = part.new;
        }
        y = flat.matmul(c.constant(matrix)).reshape(&shape).transpose(&order.back);
        if beyond.iter().any(|&b| b != 0.0) {
            let mut shape = vec![1; old.len()];
            shape[axis] = part.new;
            let here = c.constant(Tensor::new(Kind::Bool, &shape, beyond));
            outside = Some(outside.map_or(here, |there| there + here));
        }
    }
    if let Some(outside) = outside {
        let fill = y.lit(c.float("extrapolation_value", 0.0));
        y = outside.select(fill, y);
    }
    c.same(y)
}

/// The old and new sizes of the axes that are resized.
fn axes(c: &Call<'_, '_>, old: &[usize], all: &[usize], scales_at: usize) -> Result<Vec<Axis>, Fault> {
    let count = all.len();
    let list = |at: usize| -> Result<Vec<f64>, Fault> {
        Ok(if c.has(at) { c.known(at)?.values().to_vec() } else { Vec::new() })
    };
    let scales = match c.attribute("scales") {
        Some(attribute) => attribute.floats.iter().map(|&v| f64::from(v)).collect(),
        None => list(scales_at)?,
    };
    let (mut wanted, roi) = (list(scales_at + 1)?, if scales_at == 2 { list(1)? } else { Vec::new() });
    let ratio = |at: usize, wanted: &[f64]| wanted[at] / old[all[at]] as f64;
    if wanted.len() == count && scales.len() != count {
        let policy = c.text("keep_aspect_ratio_policy", "stretch");
        let ratios = (0..count).map(|at| ratio(at, &wanted));
        let one = match policy.as_str() {
            "stretch" => None,
            "not_larger" => ratios.reduce(f64::min),
            "not_smaller" => ratios.reduce(f64::max),
            other => return unsupported!("keep_aspect_ratio_policy `{other}`"),
        };
        if let Some(one) = one {
            wanted = all.iter().map(|&axis| (one * old[axis] as f64 + 0.5).floor()).collect();
            let part = |at: usize| [roi.get(at).copied().unwrap_or(0.0), roi.get(at + count).copied().unwrap_or(1.0)];
            let axis = |at: usize| Axis { old: old[all[at]], new: wanted[at] as usize, scale: one, roi: part(at) };
            return Ok((0..count).map(axis).collect());
        }
    } else if scales.len() != count {
        return wrong!("{} scales and {} sizes for {count} axes", scales.len(), wanted.len());
    }
    (0..count)
        .map(|at| {
            let size = old[all[at]];
            let (scale, new) = match scales.get(at) {
                Some(&scale) if scales.len() == count => (scale, (size as f64 * scale).floor()),
                _ => (ratio(at, &wanted), wanted[at]),
            };
            if !(scale > 0.0 && scale.is_finite() && (0.0..MOST as f64).contains(&new)) || size == 0 {
                return wrong!("{new} positions from {size}");
            }
            let roi = [roi.get(at).copied().unwrap_or(0.0), roi.get(at + count).copied().unwrap_or(1.0)];
            Ok(Axis { old: size, new: new as usize, scale, roi })
        })
        .collect()
}

impl Axis {
    /// The old position of a new one.
    fn position(&self, x: f64, coordinates: &str) -> Result<f64, Fault> {
        let (old, new) = (self.old as f64, self.scale * self.old as f64);
        Ok(match coordinates {
            "align_corners" if new == 1.0 => 0.0,
            "align_corners" => x * (old - 1.0) / (new - 1.0),
            "asymmetric" => x / self.scale,
            "tf_crop_and_resize" => {
                let [start, end] = self.roi;
                let way = if new == 1.0 {
                    (end - start) * (old - 1.0) / 2.0
                } else {
                    x * (end - start) * (old - 1.0) / (new - 1.0)
                };
                way + start * (old - 1.0)
            }
            "pytorch_half_pixel" if new == 1.0 => -0.5,
            "pytorch_half_pixel" | "half_pixel" => (x + 0.5) / self.scale - 0.5,
            "half_pixel_symmetric" => {
                let offset = old / 2.0 * (1.0 - self.new as f64 / new);
                offset + (x + 0.5) / self.scale - 0.5
            }
            other => return unsupported!("coordinate_transformation_mode `{other}`"),
        })
    }
}

/// Keys (1981) with the parameter a.
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    match x {
        x if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
        x if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
        _ => 0.0,
    }
}

impl How {
    /// The weights of neighbours, the first of them `before` places before the one on the left; `ratio` is how far the
    /// position lies from there to the right, above 0.
    fn weights(&self, ratio: f64, scale: f64) -> Result<(i64, Vec<f64>), Fault> {
        let reach = |size: f64| ((-size / scale.min(1.0)).floor() + 1.0) as i64;
        let spread = |start: i64, f: &dyn Fn(f64) -> f64| {
            let end = 2 - start;
            let end = if self.mode == "linear" { start + 2 - 2 * start } else { end };
            let weights: Vec<f64> = (start..end).map(|i| f((i as f64 - ratio) * scale.min(1.0))).collect();
            let total: f64 = weights.iter().sum();
            (start, weights.into_iter().map(|w| w / total).collect())
        };
        Ok(match (self.mode.as_str(), self.antialias) {
            ("nearest", _) => {
                let right = match self.nearest.as_str() {
                    _ if ratio == 1.0 => true,
                    "round_prefer_floor" => ratio > 0.5,
                    "round_prefer_ceil" => ratio >= 0.5,
                    "floor" => false,
                    "ceil" => true,
                    other => return unsupported!("nearest_mode `{other}`"),
                };
                (0, if right { vec![0.0, 1.0] } else { vec![1.0, 0.0] })
            }
            ("linear", false) => (0, vec![1.0 - ratio, ratio]),
            ("linear", true) => spread(reach(1.0), &|x| (1.0 - x.abs()).clamp(0.0, 1.0)),
            ("cubic", false) => (-1, (-1..3).map(|i| cubic(f64::from(i) - ratio, self.cubic)).collect()),
            ("cubic", true) => spread(reach(2.0), &|x| cubic(x, self.cubic)),
            (other, _) => return unsupported!("mode `{other}`"),
        })
    }
}

/// How much each old position `[old, new]` counts for each new one, and which new ones lie outside.
fn matrix(axis: &Axis, how: &How) -> Result<(Tensor, Vec<f64>), Fault> {
    let (old, new) = (axis.old, axis.new);
    let mut values = vec![0.0; old * new];
    let mut beyond = vec![0.0; new];
    for to in 0..new {
        let x = axis.position(to as f64, &how.coordinates)?;
        if how.coordinates == "tf_crop_and_resize" && !(0.0..=(old - 1) as f64).contains(&x) {
            beyond[to] = 1.0;
            continue;
        }
        // A whole position counts as the right one of two.
        let left = if x.fract() == 0.0 { x as i64 - 1 } else { x.floor() as i64 };
        let (start, mut weights) = how.weights(x - left as f64, axis.scale)?;
        let places: Vec<i64> = (0..weights.len() as i64).map(|i| left + start + i).collect();
        if how.exclude {
            let inside = |place: &i64| (0..old as i64).contains(place);
            weights.iter_mut().zip(&places).filter(|(_, place)| !inside(place)).for_each(|(w, _)| *w = 0.0);
            let total: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|weight| *weight /= total);
        }
        for (place, weight) in places.into_iter().zip(weights) {
            values[place.clamp(0, old as i64 - 1) as usize * new + to] += weight;
        }
    }
    Ok((Tensor::new(Kind::Double, &[old, new], values), beyond))
}
