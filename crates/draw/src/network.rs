//! A network as the textbook draws it: circles in columns, all of one layer joined with all of the next and none within
//! a layer; planes in stacks.

use crate::layout::{LETTER, shown};
use crate::number::count;
use crate::svg::COLOURS;
use crate::{Form, escaped};
use std::fmt::Write;

const STYLE: &str = include_str!("network.css");

/// The radius of a neuron and of a bias, and from the middle of one to the next.
const RADIUS: f64 = 16.0;
const BIAS_RADIUS: f64 = 10.0;
const PITCH: f64 = 42.0;
/// How many neurons stand for a large layer: the first ones and the last ones.
const MOST: usize = 10;
const FIRST: usize = 6;
const LAST: usize = 2;
/// The most planes that stand for a stack, how far one is behind the other, and the side of the largest.
const MOST_PLANES: usize = 6;
const BEHIND: f64 = 6.0;
const SIDE: f64 = 118.0;
/// Around the whole, between columns, and the height of a line of text.
const MARGIN: f64 = 22.0;
const BETWEEN: f64 = 96.0;
const LINE: f64 = 17.0;

/// A network to be drawn.
#[derive(Clone, Debug)]
pub struct Network<'a> {
    /// What it is, in a line.
    pub title: String,
    /// The form of its inputs.
    pub input: Form,
    /// The names of the inputs, if they have some.
    pub input_names: &'a [String],
    /// The names of what the outputs stand for, if they have some.
    pub output_names: &'a [String],
    /// The layers from the first to the last.
    pub layers: Vec<NetworkLayer>,
}

/// A layer of a network.
#[derive(Clone, Debug)]
pub struct NetworkLayer {
    /// The layer in words, without its pool.
    pub words: Vec<String>,
    /// The form of what it computes.
    pub form: Form,
    /// Height and width of its kernel, if it has one.
    pub kernel: Option<[usize; 2]>,
    /// Its pool, if it has one.
    pub pool: Option<NetworkPool>,
    /// How many layers, this one included, its residual link passes, if it has one.
    pub residual: Option<usize>,
    /// The number of its parameters.
    pub parameters: usize,
}

/// A pool of a layer.
#[derive(Clone, Debug)]
pub struct NetworkPool {
    /// The pool in words.
    pub words: String,
    /// Height and width of its window.
    pub size: [usize; 2],
    /// The form that it gives.
    pub form: Form,
}

/// What stands in a column.
struct Column<'a> {
    form: Form,
    words: Vec<String>,
    names: &'a [String],
    /// What its outline says it is.
    class: &'static str,
    /// Height and width of the window that moves over the column before.
    window: Option<[usize; 2]>,
    /// Whether it is joined with all of the column before, and has biases.
    is_dense: bool,
    /// The column that a residual link to it begins with.
    link: Option<usize>,
}

/// What is drawn of a column.
struct Drawn {
    /// The places of neurons: which one, and its middle.
    neurons: Vec<(usize, [f64; 2])>,
    /// Where neurons are left out.
    dots: Option<[f64; 2]>,
    /// The middle of what stands for the biases of the column behind.
    bias: Option<[f64; 2]>,
    /// Left, top, width and height of the foremost plane, and how many stand behind it.
    stack: Option<([f64; 4], usize)>,
    middle: f64,
    top: f64,
    right: f64,
}

/// The network as a picture in a file of its own.
pub fn network_svg(network: &Network<'_>) -> String {
    let columns = columns(network);
    let lines = columns.iter().map(|column| column.words.len()).max().unwrap_or(0);
    let heights: Vec<f64> = (0..columns.len()).map(|at| height(&columns, at)).collect();
    let tallest = heights.iter().copied().fold(0.0, f64::max);
    let arch = if columns.iter().any(|column| column.link.is_some()) { 44.0 } else { 0.0 };
    let middle = MARGIN + arch + tallest / 2.0;
    let drawn = place(&columns, &heights, middle);
    let foot = middle + tallest / 2.0 + LINE + 12.0;
    let width = (drawn.last().map_or(0.0, |last| last.right) + MARGIN).ceil();
    let height = (foot + (lines - 1) as f64 * LINE + MARGIN).ceil();
    let title = escaped(&network.title);
    let mut out = format!(
        "<svg class=\"network\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"title\"><title id=\"title\">{title}</title>\
         <style>{COLOURS}{STYLE}</style>\n"
    );
    for (column, drawn) in columns.iter().zip(&drawn) {
        fill(&mut out, column, drawn);
        for (line, words) in column.words.iter().enumerate() {
            let class = if line == 0 { "name" } else { "words" };
            let y = foot + line as f64 * LINE;
            let x = drawn.middle;
            let _ = write!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(&shown(words)));
        }
        out.push('\n');
    }
    for at in 1..columns.len() {
        join(&mut out, [&columns[at - 1], &columns[at]], [&drawn[at - 1], &drawn[at]]);
        if let Some(from) = columns[at].link {
            link(&mut out, &drawn[from], &drawn[at], MARGIN);
        }
    }
    out.push_str("</svg>\n");
    out
}

/// The inputs, each layer, and each pool.
fn columns<'a>(network: &Network<'a>) -> Vec<Column<'a>> {
    let inputs = vec!["inputs".to_owned(), network.input.to_string()];
    let mut columns = vec![Column {
        form: network.input,
        words: inputs,
        names: network.input_names,
        class: "input",
        window: None,
        is_dense: false,
        link: None,
    }];
    // The column that each layer takes.
    let mut taken = Vec::new();
    for (at, layer) in network.layers.iter().enumerate() {
        taken.push(columns.len() - 1);
        let is_last = at + 1 == network.layers.len();
        let parameters = format!("{} parameters", count(layer.parameters));
        let form = matches!(layer.form, Form::Planes(_)).then(|| layer.form.to_string());
        let name = if is_last { "output layer".to_owned() } else { format!("layer {}", at + 1) };
        let class = if is_last { "output" } else { "hidden" };
        columns.push(Column {
            form: layer.form,
            words: [name].into_iter().chain(layer.words.iter().cloned()).chain(form).chain([parameters]).collect(),
            names: if is_last { network.output_names } else { &[] },
            class,
            window: layer.kernel,
            is_dense: layer.kernel.is_none(),
            link: layer.residual.map(|passed| taken[at + 1 - passed]),
        });
        if let Some(NetworkPool { words, size, form }) = &layer.pool {
            let (words, window) = (vec![words.clone(), form.to_string()], Some(*size));
            columns.push(Column { form: *form, words, names: &[], class, window, is_dense: false, link: None });
        }
    }
    columns
}

/// Whether the biases of the column behind stand at the foot of a column.
fn has_bias(columns: &[Column<'_>], at: usize) -> bool {
    matches!(columns[at].form, Form::Flat(_)) && columns.get(at + 1).is_some_and(|next| next.is_dense)
}

/// How many places a column of so many neurons has.
fn places(count: usize) -> usize {
    if count <= MOST { count } else { FIRST + 1 + LAST }
}

/// The width and height of a plane: large ones are drawn larger, but not in proportion.
fn plane_size([height, width]: [usize; 2], largest: usize) -> [f64; 2] {
    let side = |cells: usize| (SIDE * (cells as f64 / largest as f64).powf(0.6)).max(12.0);
    [side(width), side(height)]
}

fn largest_side(columns: &[Column<'_>]) -> usize {
    let side = |column: &Column<'_>| if let Form::Planes([_, h, w]) = column.form { h.max(w) } else { 1 };
    columns.iter().map(side).max().unwrap_or(1)
}

fn height(columns: &[Column<'_>], at: usize) -> f64 {
    match columns[at].form {
        Form::Flat(count) => (places(count) + usize::from(has_bias(columns, at))) as f64 * PITCH,
        Form::Planes([channels, height, width]) => {
            let behind = (channels.min(MOST_PLANES) - 1) as f64 * BEHIND;
            plane_size([height, width], largest_side(columns))[1] + behind + 12.0
        }
    }
}

/// Places the columns from left to right around a middle line.
fn place(columns: &[Column<'_>], heights: &[f64], middle_line: f64) -> Vec<Drawn> {
    let largest = largest_side(columns);
    let mut all: Vec<Drawn> = Vec::new();
    let mut text_end = 0.0;
    for (at, (column, height)) in columns.iter().zip(heights).enumerate() {
        let half = match column.form {
            Form::Flat(_) => RADIUS,
            Form::Planes([channels, h, w]) => {
                (plane_size([h, w], largest)[0] + (channels.min(MOST_PLANES) - 1) as f64 * BEHIND) / 2.0
            }
        };
        let longest = |lines: &[String]| lines.iter().map(|line| shown(line).chars().count()).max().unwrap_or(0) as f64;
        let half_text = longest(&column.words) * LETTER / 2.0;
        let names = if column.names.is_empty() { 0.0 } else { longest(column.names) * LETTER + 10.0 };
        let middle = match all.last() {
            None => MARGIN + half_text.max(half + names),
            Some(before) => (before.right + BETWEEN + half).max(text_end + 2.0 * LETTER + half_text),
        };
        let is_last = at + 1 == columns.len();
        let top = middle_line - height / 2.0;
        let mut drawn =
            Drawn { neurons: Vec::new(), dots: None, bias: None, stack: None, middle, top, right: middle + half };
        match column.form {
            Form::Flat(count) => neurons(&mut drawn, count, has_bias(columns, at)),
            Form::Planes([channels, h, w]) => {
                let ([width, height], planes) = (plane_size([h, w], largest), channels.min(MOST_PLANES));
                drawn.stack = Some(([middle - half, top + (planes - 1) as f64 * BEHIND, width, height], planes));
            }
        }
        text_end = middle + half_text;
        if is_last {
            drawn.right = (middle + half + names).max(text_end);
        }
        all.push(drawn);
    }
    all
}

/// Fills a column with neurons from its top down.
fn neurons(drawn: &mut Drawn, count: usize, has_bias: bool) {
    let (x, top) = (drawn.middle, drawn.top);
    let middle = |slot: usize| [x, top + PITCH / 2.0 + slot as f64 * PITCH];
    let slots = places(count);
    if count <= MOST {
        drawn.neurons = (0..count).map(|at| (at, middle(at))).collect();
    } else {
        drawn.neurons = (0..FIRST).map(|at| (at, middle(at))).collect();
        drawn.neurons.extend((0..LAST).map(|at| (count - LAST + at, middle(FIRST + 1 + at))));
        drawn.dots = Some(middle(FIRST));
    }
    drawn.bias = has_bias.then(|| middle(slots));
}

/// The lines between a column and the one before.
fn join(out: &mut String, columns: [&Column<'_>; 2], [before, here]: [&Drawn; 2]) {
    if let (Some((from, _)), Some((to, _)), Some(size)) = (before.stack, here.stack, columns[1].window) {
        window(out, size, [(from, columns[0].form), (to, columns[1].form)]);
        return;
    }
    let mut path = String::new();
    let starts: Vec<[f64; 2]> = match before.stack {
        Some(([left, top, width, height], _)) => vec![[left + width, top], [left + width, top + height]],
        None => before.neurons.iter().map(|&(_, [x, y])| [x + RADIUS, y]).collect(),
    };
    for [x, y] in &starts {
        for (_, [to_x, to_y]) in &here.neurons {
            let _ = write!(path, "M{x:.1} {y:.1} {:.1} {to_y:.1}", to_x - RADIUS);
        }
    }
    let _ = write!(out, "<path class=\"join\" d=\"{path}\"/>");
    if let Some([x, y]) = before.bias {
        let to = here
            .neurons
            .iter()
            .map(|(_, [to_x, to_y])| format!("M{:.1} {y:.1} {:.1} {to_y:.1}", x + BIAS_RADIUS, to_x - RADIUS));
        let _ = write!(out, "<path class=\"join bias\" d=\"{}\"/>", to.collect::<String>());
    }
}

/// A window of so many cells on the foremost plane, and the cell that it leads to.
fn window(out: &mut String, size: [usize; 2], planes: [([f64; 4], Form); 2]) {
    // The corner and the sides of `cells` cells at a place that is to be seen beside the stacks around.
    let of = |([left, top, width, height], form): ([f64; 4], Form), cells: [usize; 2], at: [f64; 2]| {
        let Form::Planes([_, rows, cols]) = form else { return [left, top, width, height] };
        let side =
            |cells: usize, of: usize, along: f64| (cells as f64 / of as f64 * along).clamp(4.0_f64.min(along), along);
        let (w, h) = (side(cells[1], cols, width), side(cells[0], rows, height));
        [left + (width - w) * at[0], top + (height - h) * at[1], w, h]
    };
    let [x, y, w, h] = of(planes[0], size, [0.8, 0.3]);
    let [to_x, to_y, to_w, to_h] = of(planes[1], [1, 1], [0.35, 0.5]);
    let _ = write!(
        out,
        "<g class=\"window\"><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\"/>\
         <path d=\"M{0:.1} {y:.1} {to_x:.1} {to_y:.1}M{0:.1} {1:.1} {to_x:.1} {2:.1}\"/>\
         <rect x=\"{to_x:.1}\" y=\"{to_y:.1}\" width=\"{to_w:.1}\" height=\"{to_h:.1}\"/></g>",
        x + w,
        y + h,
        to_y + to_h
    );
}

/// A residual link, over the columns between, to where it is added.
fn link(out: &mut String, from: &Drawn, to: &Drawn, y: f64) {
    let (x0, x1, y0, y1) = (from.middle, to.middle, from.top, to.top);
    let _ = write!(
        out,
        "<path class=\"link\" d=\"M{x0:.1} {y0:.1}C{x0:.1} {y:.1} {x1:.1} {y:.1} {x1:.1} {y1:.1}\"/>\
         <circle class=\"link\" cx=\"{x1:.1}\" cy=\"{:.1}\" r=\"8\"/><text class=\"symbol\" x=\"{x1:.1}\" y=\"{:.1}\">+</text>",
        y1 - 6.0,
        y1 - 2.0
    );
}

fn fill(out: &mut String, column: &Column<'_>, drawn: &Drawn) {
    let class = column.class;
    if let Some(([left, top, width, height], planes)) = drawn.stack {
        for plane in (0..planes).rev() {
            let (x, y) = (left + plane as f64 * BEHIND, top - plane as f64 * BEHIND);
            let _ = write!(
                out,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
            );
        }
    }
    let letter = match class {
        "input" => "x",
        "output" => "y",
        _ => "a",
    };
    for &(at, [x, y]) in &drawn.neurons {
        let _ = write!(
            out,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{RADIUS}\"/>\
             <text class=\"symbol\" x=\"{x:.1}\" y=\"{:.1}\">{letter}{}</text>",
            y + 4.0,
            lowered(at + 1)
        );
        if let Some(name) = column.names.get(at) {
            let (side, x) = if class == "input" { ("before", x - RADIUS - 8.0) } else { ("after", x + RADIUS + 8.0) };
            let name = escaped(&shown(name));
            let _ = write!(out, "<text class=\"{side}\" x=\"{x:.1}\" y=\"{:.1}\">{name}</text>", y + 4.5);
        }
    }
    if let Some([x, y]) = drawn.dots {
        let _ = write!(out, "<text class=\"dots\" x=\"{x:.1}\" y=\"{:.1}\">⋮</text>", y + 7.0);
    }
    if let Some([x, y]) = drawn.bias {
        let _ = write!(
            out,
            "<circle class=\"one\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{BIAS_RADIUS}\"/>\
             <text class=\"symbol\" x=\"{x:.1}\" y=\"{:.1}\">1</text>",
            y + 4.0
        );
    }
}

/// A number in small digits below the line.
fn lowered(number: usize) -> String {
    number.to_string().chars().filter_map(|digit| char::from_u32('₀' as u32 + digit.to_digit(10)?)).collect()
}
