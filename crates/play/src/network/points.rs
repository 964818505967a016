//! Points of two classes in the plane, and the features that a network takes of them.

use crate::hello::{FEATURES, LIMITS, REACH, SETS};
use crate::protocol::{Failure, Points, Settings};
use chainrule::Stream;
use chainrule::data::{Dataset, Matrix, Target, Values, hold_out};
use std::f64::consts::TAU;

/// The stream of random numbers that points come from; layers have the low numbers.
const POINTS_STREAM: u64 = 1 << 32;

/// The points of these settings.
pub(super) fn points(settings: &Settings) -> Result<Points, Failure> {
    let all = match settings.set.as_str() {
        "own" => own(&settings.points)?,
        set if SETS.contains(&set) => {
            if !(2..=LIMITS.points).contains(&settings.samples) {
                let message = format!("{} points: there can be 2 to {}", settings.samples, LIMITS.points);
                return Err(Failure::of("samples", message));
            }
            if !(0.0..=1.0).contains(&settings.noise) {
                return Err(Failure::of("noise", "the noise goes from 0 to 1"));
            }
            made(set, settings.samples, settings.noise, settings.seed)
        }
        other => return Err(Failure::of("set", format!("there is no set `{other}`: there are {}", SETS.join(", ")))),
    };
    if !(0.0..=0.9).contains(&settings.test_share) {
        return Err(Failure::of("test_share", "the share to test on goes from 0 to 0.9"));
    }
    let labels: Vec<u32> = all.iter().map(|point| point[2] as u32).collect();
    let (train, test) = hold_out(all.len(), Some(&labels), settings.test_share, settings.seed);
    let chosen = |rows: &[u32]| rows.iter().map(|&row| all[row as usize]).collect();
    Ok(Points { train: chosen(&train), test: chosen(&test) })
}

/// The user's points, if they are good.
fn own(points: &[[f64; 3]]) -> Result<Vec<[f64; 3]>, Failure> {
    let bad = |message: String| Err(Failure::of("points", message));
    if !(2..=LIMITS.points).contains(&points.len()) {
        return bad(format!("{} points: there can be 2 to {}", points.len(), LIMITS.points));
    }
    for (number, [x, y, label]) in (1..).zip(points) {
        if !(x.abs() <= REACH && y.abs() <= REACH) {
            return bad(format!("point {number} lies at {x}, {y}: both go from −{REACH} to {REACH}"));
        }
        if *label != 0.0 && *label != 1.0 {
            return bad(format!("point {number} has the label {label}: there are 0 and 1"));
        }
    }
    Ok(points.to_vec())
}

/// Points of a set: places that have their label for sure, displaced by normal numbers with the deviation `noise`.
fn made(set: &str, count: usize, noise: f64, seed: u64) -> Vec<[f64; 3]> {
    let mut random = Stream::new(seed, POINTS_STREAM);
    let mut shift = vec![0.0; 2 * count];
    random.fill_normal(noise, &mut shift);
    let place = |(at, shift): (usize, &[f32])| {
        let label = at % 2;
        let [x, y] = place(set, label, (at / 2) as f64 / (count / 2).max(1) as f64, &mut random);
        let moved = |place: f64, by: f32| (place + f64::from(by)).clamp(-REACH, REACH);
        [moved(x, shift[0]), moved(y, shift[1]), label as f64]
    };
    shift.chunks_exact(2).enumerate().map(place).collect()
}

/// A place of a class; `way` goes from 0 to 1 over its points.
fn place(set: &str, label: usize, way: f64, random: &mut Stream) -> [f64; 2] {
    let at = |radius: f64, turn: f64| [radius * (turn * TAU).sin(), radius * (turn * TAU).cos()];
    match set {
        // A disc, and a ring around it.
        "circle" => {
            let radius = if label == 1 { 2.5 * random.unit().sqrt() } else { 3.5 + 1.5 * random.unit() };
            at(radius, random.unit())
        }
        // Opposite quarters.
        "xor" => {
            let (x, y) = (0.3 + 4.7 * random.unit(), 0.3 + 4.7 * random.unit());
            let side = if random.unit() < 0.5 { -1.0 } else { 1.0 };
            [side * x, if label == 1 { side * y } else { -side * y }]
        }
        // Two clouds.
        "gauss" => {
            let mut cloud = [0.0; 2];
            random.fill_normal(1.0, &mut cloud);
            let middle = if label == 1 { 2.0 } else { -2.0 };
            cloud.map(|from_middle| middle + f64::from(from_middle))
        }
        // Two arms.
        _ => at(5.0 * way, 1.75 * way + 0.5 * label as f64),
    }
}

/// The value of a feature at a point.
fn feature(name: &str, x: f64, y: f64) -> f64 {
    match name {
        "x" => x,
        "y" => y,
        "x^2" => x * x,
        "y^2" => y * y,
        "xy" => x * y,
        "sin x" => x.sin(),
        _ => y.sin(),
    }
}

/// Checks the names of features.
pub(super) fn check_features(names: &[String]) -> Result<(), Failure> {
    if names.is_empty() {
        return Err(Failure::of("features", "the network needs at least one feature"));
    }
    for (at, name) in names.iter().enumerate() {
        if !FEATURES.contains(&name.as_str()) {
            let message = format!("there is no feature `{name}`: there are {}", FEATURES.join(", "));
            return Err(Failure::of("features", message));
        }
        if names[..at].contains(name) {
            return Err(Failure::of("features", format!("the feature `{name}` is there twice")));
        }
    }
    Ok(())
}

/// The features of points, `[points, features]`.
pub(super) fn features(names: &[String], places: impl Iterator<Item = [f64; 2]>) -> Vec<f32> {
    places.flat_map(|[x, y]| names.iter().map(move |name| feature(name, x, y) as f32)).collect()
}

/// Points as samples.
pub(super) fn dataset(names: &[String], points: &[[f64; 3]]) -> Dataset {
    let values = features(names, points.iter().map(|[x, y, _]| [*x, *y]));
    let labels = points.iter().map(|point| point[2] as u32).collect();
    let target = Target::Classes { labels, names: CLASSES.map(str::to_owned).to_vec() };
    Dataset::new(Matrix::new(points.len(), names.len(), Values::Floats(values)), target, "points")
}

/// The names of the classes.
pub(super) const CLASSES: [&str; 2] = ["0", "1"];
