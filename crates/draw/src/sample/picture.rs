//! A sample's picture: each neuron shows its value on the left and its gradient on the right.

use super::place::{LINE, RADIUS, SEAM};
use super::{Columns, Fold, Mark, Sample, fold};
use crate::layout::shown;
use crate::number::count;
use crate::number::in_words;
use crate::svg::COLOURS;
use crate::{Form, escaped};
use std::fmt::Write;

/// What gives numbers and edges their colour; the page of a sample has the same.
pub(crate) const SIGNS: &str = include_str!("../signs.css");
/// How many shades there are of each sign.
const SHADES: f64 = 8.0;

/// The picture of a sample as a file of its own.
pub fn sample_svg(sample: &Sample<'_>) -> String {
    drawn(sample, &fold(sample), &format!("<style>{COLOURS}{SIGNS}</style>"))
}

/// The picture, with `head` in front of what is drawn.
pub(super) fn drawn(sample: &Sample<'_>, folds: &[Fold], head: &str) -> String {
    let columns = Columns::new(sample, folds);
    let (width, height) = (columns.width.ceil(), columns.height.ceil());
    let mut out = format!(
        "<svg id=\"sample\" class=\"sample\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"title\"><title id=\"title\">{}</title>{head}\n",
        escaped(&sample.title)
    );
    for column in 1..sample.columns() {
        edges(&mut out, sample, &columns, column);
    }
    for (column, fold) in folds.iter().enumerate() {
        heading(&mut out, &columns, column, fold, sample.column_form(column));
        let numbers = Numbers::new(sample, column, fold.step);
        for mark in &columns.marks[column] {
            match *mark {
                Mark::Neuron { at, middle } => neuron(&mut out, sample, &numbers, at, middle),
                Mark::Channel { at, corner, size } => channel(&mut out, sample, &numbers, at, corner, size),
            }
        }
    }
    out.push_str("</svg>\n");
    out
}

/// The values and gradients of a column, and the largest of each, by which they are measured.
struct Numbers<'a> {
    column: usize,
    /// From one cell of a plane that is drawn to the next.
    step: usize,
    values: &'a [f64],
    gradient: &'a [f64],
    most_value: f64,
    most_gradient: f64,
}

impl<'a> Numbers<'a> {
    fn new(sample: &Sample<'a>, column: usize, step: usize) -> Self {
        let (values, gradient) = match column.checked_sub(1).map(|at| &sample.layers[at]) {
            None => (sample.inputs, sample.input_gradient),
            Some(layer) => (layer.a, layer.delta),
        };
        Self { column, step, values, gradient, most_value: most(values), most_gradient: most(gradient) }
    }
}

/// The largest absolute value.
fn most(values: &[f64]) -> f64 {
    values.iter().filter(|v| v.is_finite()).map(|v| v.abs()).fold(0.0, f64::max)
}

/// The shade of a number: its sign, and one of eight for its size beside the largest one.
fn shade(value: f64, most: f64) -> String {
    if !value.is_finite() {
        return "bad".to_owned();
    }
    let size = (value.abs() / most * SHADES).ceil().min(SHADES);
    // Where all are 0, so is most.
    if size.is_nan() || size < 1.0 { "o".to_owned() } else { format!("{}{size}", if value > 0.0 { 'p' } else { 'm' }) }
}

fn heading(out: &mut String, columns: &Columns, column: usize, fold: &Fold, form: Form) {
    let x = columns.middles[column];
    for (line, text) in columns.heads[column].iter().enumerate() {
        let y = columns.first_line + line as f64 * LINE;
        let class = if line == 0 { "name" } else { "words" };
        let _ = write!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(text));
    }
    if fold.folded() > 0 {
        let what = if let Form::Planes(_) = form { " channels" } else { "" };
        let _ = write!(
            out,
            "<text class=\"fold\" x=\"{x:.1}\" y=\"{:.1}\">⋮ {} more{what}</text>",
            columns.foot,
            count(fold.folded())
        );
    }
    out.push('\n');
}

/// The edges into a column: each with its gradient between neurons, plain ones from and to planes.
fn edges(out: &mut String, sample: &Sample<'_>, columns: &Columns, column: usize) {
    let (below, here) = (&columns.marks[column - 1], &columns.marks[column]);
    let layer = &sample.layers[column - 1];
    let is_between_neurons = matches!((sample.below(column - 1).0, layer.form), (Form::Flat(_), Form::Flat(_)))
        && matches!(below.first(), Some(Mark::Neuron { .. }));
    let _ = write!(out, "<g class=\"edges\" id=\"e{column}\">");
    if !is_between_neurons {
        planes(out, below, here);
        out.push_str("</g>\n");
        return;
    }
    let index = |mark: &Mark| match *mark {
        Mark::Neuron { at, .. } | Mark::Channel { at, .. } => at,
    };
    let gradient = |from: &Mark, to: &Mark| layer.weight_gradient[index(from) * layer.z.len() + index(to)];
    let all: Vec<f64> = below.iter().flat_map(|from| here.iter().map(move |to| gradient(from, to))).collect();
    let most = most(&all);
    for (at, value) in all.iter().enumerate() {
        let (from, to) = (&below[at / here.len()], &here[at % here.len()]);
        let ([_, [x0, y0]], [[x1, y1], _]) = (from.ports(), to.ports());
        let _ = write!(out, "<path class=\"{}\" d=\"M{x0:.0} {y0:.0} {x1:.0} {y1:.0}\"/>", shade(*value, most));
    }
    out.push_str("</g>\n");
}

/// One line for each pair of a channel and what it leads to.
fn planes(out: &mut String, below: &[Mark], here: &[Mark]) {
    let mut path = String::new();
    for from in below {
        for to in here {
            let ([_, [x0, y0]], [[x1, y1], _]) = (from.ports(), to.ports());
            let _ = write!(path, "M{x0:.0} {y0:.0} {x1:.0} {y1:.0}");
        }
    }
    let _ = write!(out, "<path class=\"plain\" d=\"{path}\"/>");
}

fn neuron(out: &mut String, sample: &Sample<'_>, numbers: &Numbers<'_>, at: usize, [x, y]: [f64; 2]) {
    let (column, value, gradient) = (numbers.column, numbers.values[at], numbers.gradient[at]);
    let (value_shade, gradient_shade) = (shade(value, numbers.most_value), shade(gradient, numbers.most_gradient));
    let (top, bottom, r) = (y - RADIUS, y + RADIUS, RADIUS);
    let _ = write!(
        out,
        "<g class=\"neuron\" id=\"n{column}-{at}\"><title>{}</title>\
         <path class=\"{value_shade}\" d=\"M{x:.0} {top:.1}A{r} {r} 0 0 0 {x:.0} {bottom:.1}z\"/>\
         <path class=\"{gradient_shade}\" d=\"M{x:.0} {top:.1}A{r} {r} 0 0 1 {x:.0} {bottom:.1}z\"/>\
         <circle class=\"rim\" cx=\"{x:.0}\" cy=\"{y:.1}\" r=\"{r}\"/>",
        escaped(&said(sample, column, at, value, gradient)),
    );
    let beside = if column == 0 {
        sample.input_names.get(at).map(|name| ("before", x - RADIUS - 7.0, name))
    } else if column + 1 == sample.columns() {
        sample.output_names.get(at).map(|name| ("after", x + RADIUS + 7.0, name))
    } else {
        None
    };
    if let Some((class, x, name)) = beside {
        let _ =
            write!(out, "<text class=\"{class}\" x=\"{x:.0}\" y=\"{:.1}\">{}</text>", y + 4.5, escaped(&shown(name)));
    }
    out.push_str("</g>\n");
}

/// A neuron in words.
fn said(sample: &Sample<'_>, column: usize, at: usize, value: f64, gradient: f64) -> String {
    match column {
        0 => {
            let name = sample.input_names.get(at).map_or_else(|| format!("input {at}"), |name| format!("input {name}"));
            format!("{name}: x = {}, ∂C/∂x = {}", in_words(value), in_words(gradient))
        }
        _ => {
            let name = sample.output_names.get(at).filter(|_| column + 1 == sample.columns());
            let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
            format!("layer {column}, neuron {at}{name}: a = {}, δ = {}", in_words(value), in_words(gradient))
        }
    }
}

fn channel(
    out: &mut String,
    sample: &Sample<'_>,
    numbers: &Numbers<'_>,
    at: usize,
    [x, y]: [f64; 2],
    [width, height]: [f64; 2],
) {
    let (column, step) = (numbers.column, numbers.step);
    let Form::Planes([_, rows, cols]) = sample.column_form(column) else { return };
    let name = match column {
        0 => format!("inputs, channel {at}: x and ∂C/∂x"),
        _ => format!("layer {column}, channel {at}: a and δ"),
    };
    let _ = write!(out, "<g class=\"channel\" id=\"n{column}-{at}\"><title>{name}</title>");
    let plane = at * rows * cols..(at + 1) * rows * cols;
    let is_ink = column == 0;
    for (part, values, most) in
        [(0, &numbers.values[plane.clone()], numbers.most_value), (1, &numbers.gradient[plane], numbers.most_gradient)]
    {
        let left = x + f64::from(part) * (width + SEAM);
        let (drawn_rows, drawn_cols) = (rows.div_ceil(step), cols.div_ceil(step));
        let (across, down) = (width / drawn_cols as f64, height / drawn_rows as f64);
        let _ = write!(
            out,
            "<g id=\"m{column}-{at}-{part}\"><g transform=\"translate({left:.1} {y:.1}) scale({across:.3} {down:.3})\">"
        );
        let classes = if is_ink && part == 0 { ink(values) } else { values.iter().map(|&v| shade(v, most)).collect() };
        cells(out, &classes, cols, step);
        let _ = write!(
            out,
            "</g><rect class=\"rim\" x=\"{left:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/></g>"
        );
    }
    out.push_str("</g>\n");
}

/// The shades of an image, from its darkest to its brightest pixel.
fn ink(values: &[f64]) -> Vec<String> {
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), &v| (low.min(v), high.max(v)));
    let shade = |&value: &f64| {
        let size = ((value - low) / (high - low) * SHADES).round();
        if !value.is_finite() {
            "bad".to_owned()
        } else if size.is_nan() || size < 1.0 {
            "o".to_owned()
        } else {
            format!("i{size}")
        }
    };
    values.iter().map(shade).collect()
}

/// The cells of a plane, one path for each shade; cells side by side of one shade are one.
fn cells(out: &mut String, classes: &[String], cols: usize, step: usize) {
    let mut paths: std::collections::BTreeMap<&str, String> = std::collections::BTreeMap::new();
    for (y, row) in classes.chunks(cols).step_by(step).enumerate() {
        let row: Vec<&String> = row.iter().step_by(step).collect();
        let mut x = 0;
        while x < row.len() {
            let run = row[x..].iter().take_while(|class| **class == row[x]).count();
            if row[x] != "o" {
                let _ = write!(paths.entry(row[x]).or_default(), "M{x} {y}h{run}v1h-{run}z");
            }
            x += run;
        }
    }
    for (class, path) in paths {
        let _ = write!(out, "<path class=\"{class}\" d=\"{path}\"/>");
    }
}
