//! Tables of text, for a terminal or for a Markdown file, and numbers of a readable length.

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Markdown,
}

/// A table; the columns before `numbers` hold words and are set on the left.
pub(crate) struct Grid {
    heads: Vec<String>,
    numbers: usize,
    rows: Vec<Vec<String>>,
}

impl Grid {
    pub(crate) fn new<S: Into<String>>(numbers: usize, heads: impl IntoIterator<Item = S>) -> Self {
        Self { heads: heads.into_iter().map(Into::into).collect(), numbers, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn render(&self, style: Style) -> String {
        let widths = self.widths();
        let rule: Vec<String> = widths.iter().enumerate().map(|(c, &width)| self.rule(c, width, style)).collect();
        let mut text = self.line(&self.heads, &widths, style) + &wrap(&rule, style);
        for row in &self.rows {
            text += &self.line(row, &widths, style);
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let lines = || self.rows.iter().chain([&self.heads]);
        let width = |c: usize| lines().filter_map(|row| row.get(c)).map(|cell| cell.chars().count()).max();
        (0..self.heads.len()).map(|c| width(c).unwrap_or(0).max(2)).collect()
    }

    fn rule(&self, column: usize, width: usize, style: Style) -> String {
        if style == Style::Markdown && column >= self.numbers {
            return "-".repeat(width - 1) + ":";
        }
        "-".repeat(width)
    }

    fn line(&self, cells: &[String], widths: &[usize], style: Style) -> String {
        let pad = |(c, (cell, &width)): (usize, (&String, &usize))| match c < self.numbers {
            true => format!("{cell:<width$}"),
            false => format!("{cell:>width$}"),
        };
        wrap(&cells.iter().zip(widths).enumerate().map(pad).collect::<Vec<_>>(), style)
    }
}

fn wrap(cells: &[String], style: Style) -> String {
    match style {
        Style::Plain => format!("{}\n", cells.join("  ").trim_end()),
        Style::Markdown => format!("| {} |\n", cells.join(" | ")),
    }
}

/// Three significant figures, all digits before the point, thousands set apart.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let magnitude = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    let decimals = (2.0 - magnitude).clamp(0.0, 9.0) as usize;
    grouped(&format!("{value:.decimals$}"))
}

/// The number, or a dash where there is none.
pub(crate) fn number_or_dash(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}

pub(crate) fn percent(share: f64) -> String {
    match share * 100.0 {
        value if !value.is_finite() => "–".to_owned(),
        // So that little does not look like nothing.
        value if value.abs() < 0.95 => format!("{value:.1} %"),
        value => format!("{value:.0} %"),
    }
}

fn grouped(text: &str) -> String {
    let (whole, rest) = text.find('.').map_or((text, ""), |point| text.split_at(point));
    let mut result = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            result.push(',');
        }
        result.push(digit);
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_figures() {
        let cases = [(0.0, "0.00"), (0.005_123, "0.00512"), (1.0, "1.00"), (98.76, "98.8"), (999.0, "999")];
        for (value, text) in cases.into_iter().chain([(1234.5, "1,234"), (1e6, "1,000,000"), (f64::NAN, "–")]) {
            assert_eq!(number(value), text);
        }
        assert_eq!([0.004, 0.0099, 0.54, f64::NAN].map(percent), ["0.4 %", "1 %", "54 %", "–"]);
    }

    #[test]
    fn words_on_the_left_numbers_on_the_right() {
        let mut grid = Grid::new(1, ["name", "ms"]);
        grid.row(["a".to_owned(), "12.5".to_owned()]);
        assert_eq!(grid.render(Style::Plain), "name    ms\n----  ----\na     12.5\n");
        assert_eq!(grid.render(Style::Markdown), "| name |   ms |\n| ---- | ---: |\n| a    | 12.5 |\n");
    }
}
