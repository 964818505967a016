//! A matrix of counts.

use super::{LEFT, opened};
use crate::escaped;
use std::fmt::Write;

/// How often one thing was taken for another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// What is counted.
    pub title: String,
    /// The names of rows and columns alike.
    pub names: Vec<String>,
    /// The counts, row by row.
    pub counts: Vec<Vec<u64>>,
    /// What the rows are.
    pub rows: String,
    /// What the columns are.
    pub columns: String,
}

impl Matrix {
    /// The chart. The shade of a cell is its share of its row.
    pub fn svg(&self) -> String {
        let count = self.names.len().max(1);
        let cell = (420.0 / count as f64).clamp(26.0, 64.0);
        let names = self.names.iter().map(|name| name.chars().count().min(14)).max().unwrap_or(1) as f64 * 7.0 + 14.0;
        let (left, top) = (names.max(LEFT), 46.0);
        let (width, height) = (left + cell * count as f64 + 4.0, top + cell * count as f64 + 4.0);
        let mut out = opened(&self.title, width, height);
        let _ = write!(
            out,
            "<text class=\"name\" x=\"{:.1}\" y=\"14\">{}</text><text class=\"name end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            f64::midpoint(left, width),
            escaped(&self.columns),
            left - 6.0,
            top - 10.0,
            escaped(&self.rows)
        );
        for (row, counts) in self.counts.iter().enumerate() {
            let y = top + cell * row as f64;
            let name = |at: usize| self.names.get(at).map(String::as_str).unwrap_or_default();
            let cut = |at: usize, most: usize| escaped(&name(at).chars().take(most).collect::<String>());
            let _ = write!(
                out,
                "<text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{}</text><text class=\"tick\" x=\"{:.1}\" \
                 y=\"{:.1}\">{}</text>",
                left - 6.0,
                y + cell / 2.0 + 4.0,
                cut(row, 14),
                left + cell * (row as f64 + 0.5),
                top - 10.0,
                cut(row, (cell / 7.0) as usize)
            );
            let total = counts.iter().sum::<u64>().max(1) as f64;
            for (column, &found) in counts.iter().enumerate() {
                let (x, share) = (left + cell * column as f64, found as f64 / total);
                let kind = if row == column { "right" } else { "wrong" };
                let ink = if share > 0.55 { "on" } else { "off" };
                let _ = write!(
                    out,
                    "<g><title>{} taken for {}: {found}</title><rect class=\"cell\" x=\"{x:.1}\" y=\"{y:.1}\" \
                     width=\"{:.1}\" height=\"{:.1}\"/><rect class=\"{kind}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" \
                     height=\"{:.1}\" fill-opacity=\"{:.2}\"/>",
                    escaped(name(row)),
                    escaped(name(column)),
                    cell - 2.0,
                    cell - 2.0,
                    cell - 2.0,
                    cell - 2.0,
                    if found == 0 { 0.0 } else { share.sqrt().max(0.12) }
                );
                if found > 0 {
                    let _ = write!(
                        out,
                        "<text class=\"count {ink}\" x=\"{:.1}\" y=\"{:.1}\">{found}</text>",
                        x + cell / 2.0 - 1.0,
                        y + cell / 2.0 + 3.0
                    );
                }
                out.push_str("</g>");
            }
        }
        out + "</svg>"
    }
}
