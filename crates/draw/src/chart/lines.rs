//! Lines over a course.

use super::{Axis, Ground, TOP, WIDTH};
use crate::escaped;
use crate::number::in_words;
use std::fmt::Write;

/// The most lines that can be told apart.
const MOST: usize = 8;

/// The most points that show their values.
const MOST_POINTS: usize = 120;

/// A line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What it is.
    pub name: String,
    /// Its points from left to right; what is not finite is left out.
    pub points: Vec<(f64, f64)>,
}

/// Lines over the same course.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lines {
    /// What they show.
    pub title: String,
    /// What runs to the right.
    pub x: String,
    /// What runs up.
    pub y: String,
    /// The lines. Of more than can be told apart, some at even distances are drawn, the first and the last among them.
    pub series: Vec<Series>,
    /// A place on the way that is marked, and why.
    pub mark: Option<(f64, String)>,
    /// Whether equal distances upwards are equal factors.
    pub logarithmic: bool,
}

impl Lines {
    /// The chart, with its key above.
    pub fn svg(&self) -> String {
        let series = some(&self.series);
        let points = || series.iter().flat_map(|series| &series.points);
        let (xs, ys) = (points().map(|point| point.0), points().map(|point| point.1));
        let y = if self.logarithmic { Axis::logarithmic(ys) } else { Axis::around(ys) };
        let ends = xs.clone().fold(None, |ends: Option<(f64, f64)>, x| {
            Some(ends.map_or((x, x), |(low, high)| (low.min(x), high.max(x))))
        });
        let (low, high) = ends.unwrap_or((0.0, 1.0));
        let whole = xs.clone().all(|x| x == x.trunc());
        let ground = Ground { x: Axis::between(low, high).of_whole_numbers(whole), y };
        let mut drawn = String::new();
        if let Some((at, why)) = &self.mark {
            let [x, bottom] = ground.place(*at, ground.y.low);
            let side = if x > WIDTH * 0.6 { "tick end" } else { "tick start" };
            let shift = if x > WIDTH * 0.6 { -5.0 } else { 5.0 };
            let _ = write!(
                drawn,
                "<path class=\"mark\" d=\"M{x:.1} {bottom:.1}V{TOP}\"/><text class=\"{side}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x + shift,
                TOP + 10.0,
                escaped(why)
            );
        }
        for (at, series) in series.iter().enumerate() {
            line(&mut drawn, &ground, at, series);
        }
        key(&series) + &ground.chart(&self.title, [&self.x, &self.y], &drawn)
    }
}

fn line(out: &mut String, ground: &Ground, at: usize, series: &Series) {
    let seen = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite() && (!ground.y.is_logarithmic() || *y > 0.0);
    let points: Vec<(f64, f64)> = series.points.iter().copied().filter(seen).collect();
    let places = points.iter().map(|&(x, y)| ground.place(x, y));
    let path: String = places.clone().map(|[x, y]| format!("{x:.1} {y:.1} ")).collect();
    let _ = write!(out, "<polyline class=\"line s{at}\" points=\"{}\"/>", path.trim_end());
    if points.len() <= MOST_POINTS {
        for ((x, y), [left, top]) in points.iter().zip(places) {
            let _ = write!(
                out,
                "<circle class=\"point s{at}\" cx=\"{left:.1}\" cy=\"{top:.1}\" r=\"{}\"><title>{}: {} at {}</title></circle>",
                if points.len() > 40 { 1.5 } else { 2.5 },
                escaped(&series.name),
                in_words(*y),
                in_words(*x)
            );
        }
    }
}

/// The names of the lines, unless there is but one.
fn key(series: &[&Series]) -> String {
    if series.len() < 2 {
        return String::new();
    }
    let name = |(at, series): (usize, &&Series)| format!("<li class=\"s{at}\">{}</li>", escaped(&series.name));
    format!("<ul class=\"key\">{}</ul>", series.iter().enumerate().map(name).collect::<String>())
}

fn some(series: &[Series]) -> Vec<&Series> {
    let count = series.len().min(MOST);
    (0..count).map(|at| &series[if count > 1 { at * (series.len() - 1) / (count - 1) } else { 0 }]).collect()
}
