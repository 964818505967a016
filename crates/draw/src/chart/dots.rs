//! Dots in a plane.

use super::{Axis, Ground};
use crate::escaped;
use crate::number::in_words;
use std::fmt::Write;

/// Pairs of numbers, beside the line where both are equal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dots {
    /// What they show.
    pub title: String,
    /// What runs to the right.
    pub x: String,
    /// What runs up.
    pub y: String,
    /// The pairs, each with how many it stands for, which shows as its size; 1 for a plain dot.
    pub dots: Vec<(f64, f64, f64)>,
    /// Both ends of both axes; around the dots if not given.
    pub ends: Option<(f64, f64)>,
}

impl Dots {
    /// The chart.
    pub fn svg(&self) -> String {
        let both = self.dots.iter().flat_map(|dot| [dot.0, dot.1]);
        let axis = self.ends.map_or_else(|| Axis::around(both), |(low, high)| Axis::between(low, high));
        let ground = Ground { x: axis, y: axis };
        let ([x0, y0], [x1, y1]) = (ground.place(axis.low, axis.low), ground.place(axis.high, axis.high));
        let mut drawn = format!("<path class=\"mark\" d=\"M{x0:.1} {y0:.1}L{x1:.1} {y1:.1}\"/>");
        let most = self.dots.iter().map(|dot| dot.2).fold(1.0, f64::max);
        for (x, y, weight) in self.dots.iter().filter(|dot| dot.0.is_finite() && dot.1.is_finite()) {
            let [left, top] = ground.place(*x, *y);
            let radius = if most > 1.0 { 2.5 + 7.0 * (weight / most).sqrt() } else { 2.5 };
            let _ = write!(
                drawn,
                "<circle class=\"dot\" cx=\"{left:.1}\" cy=\"{top:.1}\" r=\"{radius:.1}\"><title>{}: {}, {}: {}{}</title></circle>",
                escaped(&self.x),
                in_words(*x),
                escaped(&self.y),
                in_words(*y),
                if most > 1.0 { format!(" ({weight} samples)") } else { String::new() }
            );
        }
        ground.chart(&self.title, [&self.x, &self.y], &drawn)
    }
}
