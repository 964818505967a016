//! The page of a sample: its picture, the equation of what is pointed at, heat maps, and what is folded.

use super::data::Data;
use super::picture::{SIGNS, drawn};
use super::{Fold, Sample, fold};
use crate::Form;
use crate::frame::{Frame, escaped};
use crate::number::count;
use crate::number::in_words;
use std::fmt::Write;

const STYLE: &str = include_str!("sample.css");
const SCRIPT: &str = concat!(include_str!("equations.js"), include_str!("grid.js"), include_str!("sample.js"));

/// The most inputs that are listed in the table of inputs.
const MOST_LISTED: usize = 200;

/// The sample as a page of its own. The names in it are texts and nothing else.
pub fn sample_page(sample: &Sample<'_>) -> String {
    let folds = fold(sample);
    let mut body = facts(sample);
    let _ = write!(
        body,
        "<div class=\"stage\"><div class=\"wide\">{}<p class=\"hint\">Point at a neuron, a channel or a cell, tap it, or walk \
         with Tab and the arrow keys: its equation is shown with the numbers of this sample.</p>{}<div \
         class=\"picture\">{}</div>{}",
        hero(sample),
        controls(sample),
        drawn(sample, &folds, ""),
        legend()
    );
    for (column, fold) in folds.iter().enumerate() {
        section(&mut body, sample, fold, column);
    }
    body.push_str(
        "</div><aside id=\"panel\" tabindex=\"0\" aria-label=\"The equation of what is pointed at\"><div id=\"equation\" role=\"status\"></div>\
         </aside></div>\n",
    );
    let style = format!("{SIGNS}{STYLE}");
    let data = Data::new(sample, &folds);
    Frame { title: &sample.title, style: &style, body: &body, data: &data, script: SCRIPT }.page()
}

fn facts(sample: &Sample<'_>) -> String {
    let fact =
        |[name, value]: &[String; 2]| format!("<div><dt>{}</dt><dd>{}</dd></div>", escaped(name), escaped(value));
    format!("<dl>{}</dl>\n", sample.facts.iter().map(fact).collect::<String>())
}

/// The inputs: as images, which the script draws, or as a table.
fn hero(sample: &Sample<'_>) -> String {
    if let Form::Planes(_) = sample.form {
        return "<div id=\"hero\"></div>".to_owned();
    }
    let scores = sample.weight_in_cost(0);
    let listed = super::fold::largest(&scores, MOST_LISTED);
    let row = |&at: &usize| {
        let name = sample.input_names.get(at).map_or_else(|| format!("input {at}"), |name| escaped(name));
        let (value, gradient) = (in_words(sample.inputs[at]), in_words(sample.input_gradient[at]));
        format!("<tr><th scope=\"row\">{name}</th><td>{value}</td><td>{gradient}</td></tr>")
    };
    let rows: String = listed.iter().map(row).collect();
    let hidden = sample.inputs.len() - listed.len();
    let note = if hidden > 0 {
        format!("<p class=\"hint\">{} more, with a smaller |x · ∂C/∂x|, are not listed.</p>", count(hidden))
    } else {
        String::new()
    };
    format!(
        "<details><summary>The {} encoded inputs and their gradients</summary><div class=\"scroll\" tabindex=\"0\" \
         role=\"region\" aria-label=\"inputs\"><table><thead><tr><th scope=\"col\">input</th><th scope=\"col\">x</th>\
         <th scope=\"col\">∂C/∂x</th></tr></thead><tbody>{rows}</tbody></table></div>{note}</details>",
        count(sample.inputs.len())
    )
}

fn controls(sample: &Sample<'_>) -> String {
    let has_edges = (1..sample.columns()).any(|column| {
        matches!((sample.column_form(column - 1), sample.column_form(column)), (Form::Flat(_), Form::Flat(_)))
    });
    if !has_edges {
        return String::new();
    }
    "<div class=\"controls\" role=\"group\" aria-label=\"What edges between neurons show\"><span>Edges:</span>\
     <button type=\"button\" data-edges=\"gradient\" aria-pressed=\"true\">∂C/∂w</button>\
     <button type=\"button\" data-edges=\"product\" aria-pressed=\"false\">w · a</button>\
     <button type=\"button\" data-edges=\"w\" aria-pressed=\"false\">w</button></div>"
        .to_owned()
}

fn legend() -> &'static str {
    "<p class=\"hint legend\"><svg class=\"sample\" width=\"26\" height=\"26\" viewBox=\"-13 -13 26 26\" \
     aria-hidden=\"true\"><path class=\"p6\" d=\"M0 -12A12 12 0 0 0 0 12z\"/><path class=\"m5\" d=\"M0 -12A12 12 0 0 1 0 \
     12z\"/><circle class=\"rim\" r=\"12\"/></svg> Left half: the value a. Right half: δ = ∂C/∂z (∂C/∂x of inputs). \
     <span class=\"plus\">Blue</span> is above 0, <span class=\"minus\">orange</span> below; the stronger, the larger in \
     its column.</p>"
}

/// What there is to say of a column; the script adds the heat maps.
fn section(out: &mut String, sample: &Sample<'_>, fold: &Fold, column: usize) {
    let heading = match column.checked_sub(1).map(|at| &sample.layers[at]) {
        None if fold.folded() == 0 => return,
        None => "Inputs".to_owned(),
        Some(layer) => format!("Layer {column}: {}", escaped(&layer.words)),
    };
    let what = match sample.column_form(column) {
        Form::Planes(_) => "channels",
        Form::Flat(_) if column == 0 => "inputs",
        Form::Flat(_) => "neurons",
    };
    let mut said = String::new();
    if fold.folded() > 0 {
        let score = if column == 0 { "|x · ∂C/∂x|" } else { "|a · ∂C/∂a|" };
        let _ = write!(
            said,
            "Drawn are the {} of {} {what} with the largest {score}: by so much the cost would change, to first order, \
             without them. The other {} are folded. ",
            fold.drawn.len(),
            count(fold.total),
            count(fold.folded())
        );
    }
    if fold.step > 1 {
        let _ = write!(said, "Of each plane, one cell in {} in both directions is shown.", fold.step);
    }
    let _ = write!(
        out,
        "<section class=\"column\" data-column=\"{column}\"><h2>{heading}</h2><p>{said}</p><div class=\"maps\"></div>{}\
         </section>",
        table(sample, fold, column)
    );
}

/// The numbers of the neurons that are drawn.
fn table(sample: &Sample<'_>, fold: &Fold, column: usize) -> String {
    let Some(layer) = column.checked_sub(1).map(|at| &sample.layers[at]) else { return String::new() };
    let Form::Flat(_) = layer.form else { return String::new() };
    let row = |&at: &usize| {
        let name = sample.output_names.get(at).filter(|_| column == sample.layers.len());
        let name = name.map_or_else(|| at.to_string(), |name| format!("{at} ({})", escaped(name)));
        let cells = [layer.z, layer.a, layer.handed_down, layer.slope, layer.delta]
            .map(|numbers| format!("<td>{}</td>", in_words(numbers[at])));
        format!("<tr><th scope=\"row\">{name}</th>{}</tr>", cells.concat())
    };
    let rows: String = fold.drawn.iter().map(row).collect();
    let heads =
        ["neuron", "z", "a", "∂C/∂a", "activation′(z)", "δ"].map(|head| format!("<th scope=\"col\">{head}</th>"));
    format!(
        "<details><summary>The drawn neurons in numbers</summary><div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"neurons of layer {column}\"><table><thead><tr>{}</tr></thead><tbody>{rows}</tbody></table></div>\
         </details>",
        heads.concat()
    )
}
