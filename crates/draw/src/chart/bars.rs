//! Bars: how numbers are spread, and how large named things are.

use super::{Axis, BOTTOM, Ground, HEIGHT, opened};
use crate::escaped;
use crate::number::in_words;
use std::fmt::Write;

/// How numbers are spread: so many in each of equally wide parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// What they are.
    pub title: String,
    /// What runs to the right.
    pub x: String,
    /// Where the first part begins.
    pub low: f64,
    /// Where the last part ends.
    pub high: f64,
    /// How many lie in each part.
    pub counts: Vec<u64>,
}

impl Columns {
    /// The chart.
    pub fn svg(&self) -> String {
        let top = self.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        let y = if self.is_steep() {
            Axis::logarithmic([0.7, top].into_iter())
        } else {
            Axis::between(0.0, top * 1.04).of_whole_numbers(true)
        };
        let ground = Ground { x: Axis::between(self.low, self.high), y };
        let width = (ground.x.high - ground.x.low) / self.counts.len().max(1) as f64;
        let mut drawn = String::new();
        for (at, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let low = ground.x.low + at as f64 * width;
            let ([left, y], [right, _]) = (ground.place(low, count as f64), ground.place(low + width, 0.0));
            let height = HEIGHT - BOTTOM - y;
            let _ = write!(
                drawn,
                "<rect class=\"bar\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\">\
                 <title>{count} from {} to {}</title></rect>",
                (right - left - 0.8).max(0.6),
                in_words(low),
                in_words(low + width)
            );
        }
        let name = if self.is_steep() { "how many (in factors)" } else { "how many" };
        ground.chart(&self.title, [&self.x, name], &drawn)
    }

    /// Whether a few parts hold so much that the others would not be seen beside them.
    fn is_steep(&self) -> bool {
        let mut filled: Vec<u64> = self.counts.iter().copied().filter(|count| *count > 0).collect();
        filled.sort_unstable();
        filled.last().is_some_and(|top| *top > 50 * filled[filled.len() / 2])
    }
}

/// Named things side by side, each with a number of 0 or more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bars {
    /// What the numbers are.
    pub title: String,
    /// The things in order, each with its number and the number in words.
    pub bars: Vec<(String, f64, String)>,
}

/// The width of a chart of bars.
const WIDE: f64 = 440.0;

/// From one bar to the next.
const ROW: f64 = 24.0;

/// Room for a name.
const NAMES: f64 = 156.0;

/// Room for a number in words.
const WORDS: f64 = 116.0;

/// The most letters of a name that are shown.
const MOST_LETTERS: usize = 22;

impl Bars {
    /// The chart.
    pub fn svg(&self) -> String {
        let mut out = opened(&self.title, WIDE, ROW * self.bars.len() as f64 + 4.0);
        let longest = self.bars.iter().map(|bar| bar.1).fold(f64::MIN_POSITIVE, f64::max);
        for (at, (name, value, words)) in self.bars.iter().enumerate() {
            let y = at as f64 * ROW;
            let width = (WIDE - NAMES - WORDS) * (value / longest).clamp(0.0, 1.0);
            let _ = write!(
                out,
                "<g><title>{} {}</title><text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{}</text><rect class=\"bar\" \
                 x=\"{NAMES}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\" rx=\"2\"/><text class=\"tick start\" \
                 x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
                escaped(name),
                escaped(words),
                NAMES - 8.0,
                y + 16.0,
                escaped(&cut(name)),
                y + 4.0,
                ROW - 8.0,
                NAMES + width + 6.0,
                y + 16.0,
                escaped(words)
            );
        }
        out + "</svg>"
    }
}

/// The first letters of a long name.
fn cut(name: &str) -> String {
    match name.char_indices().nth(MOST_LETTERS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
