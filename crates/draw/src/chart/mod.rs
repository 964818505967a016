//! Charts as SVG that stands inside of a page: lines, bars, dots, and a matrix of counts.

mod axis;
mod bars;
mod dots;
mod lines;
mod matrix;

pub use bars::{Bars, Columns};
pub use dots::Dots;
pub use lines::{Lines, Series};
pub use matrix::Matrix;

use crate::escaped;
use axis::Axis;
use std::fmt::Write;

const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 42.0;

/// What the style of a page needs for charts.
pub(crate) const STYLE: &str = include_str!("chart.css");

/// The ground that a chart is drawn on: two axes with their names.
struct Ground {
    x: Axis,
    y: Axis,
}

impl Ground {
    fn place(&self, x: f64, y: f64) -> [f64; 2] {
        let (across, along) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
        [LEFT + across * self.x.place(x), HEIGHT - BOTTOM - along * self.y.place(y)]
    }

    /// A chart with this drawn on it. `title` says for who cannot see it what it shows.
    fn chart(&self, title: &str, [x_name, y_name]: [&str; 2], drawn: &str) -> String {
        let mut out = opened(title, WIDTH, HEIGHT);
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for (value, text) in self.y.ticks() {
            let [_, y] = self.place(self.x.low, value);
            let _ = write!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/><text class=\"tick end\" x=\"{:.1}\" \
                 y=\"{:.1}\">{text}</text>",
                LEFT - 6.0,
                y + 4.0
            );
        }
        for (value, text) in self.x.ticks() {
            let [x, _] = self.place(value, self.y.low);
            let _ = write!(out, "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\">{text}</text>", bottom + 16.0);
        }
        let _ = write!(
            out,
            "<path class=\"axis\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>{drawn}<text class=\"name\" x=\"{:.1}\" \
             y=\"{:.1}\">{}</text><text class=\"name start\" x=\"4\" y=\"14\">{}</text></svg>",
            f64::midpoint(LEFT, right),
            HEIGHT - 6.0,
            escaped(x_name),
            escaped(y_name)
        );
        out
    }
}

/// The beginning of a chart.
fn opened(title: &str, width: f64, height: f64) -> String {
    let title = escaped(title);
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{title}\">\
         <title>{title}</title>"
    )
}
