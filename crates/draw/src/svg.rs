//! The graph as a picture.

use crate::layout::{Layout, NODE_HEIGHT, shown};
use crate::{Picture, escaped};
use std::fmt::Write;

/// Colours by the light that the reader likes; the page has the same.
pub(crate) const COLOURS: &str = include_str!("colours.css");

/// The whole picture, with every value, partial and pile, as a file of its own.
pub fn svg(picture: &Picture) -> String {
    drawn(picture, &format!("<style>{COLOURS}</style>"))
}

/// The picture, with `head` in front of what is drawn.
pub(crate) fn drawn(picture: &Picture, head: &str) -> String {
    let layout = Layout::new(picture);
    let (width, height) = (layout.width.ceil(), layout.height.ceil());
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"title\"><title id=\"title\">{}</title>{head}\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path class=\"tip\" d=\"M0 0 8 4 0 8z\"/></marker></defs>\n",
        escaped(&picture.title)
    );
    for at in 0..picture.edges.len() {
        edge(&mut out, picture, &layout, at);
    }
    for at in 0..picture.nodes.len() {
        node(&mut out, picture, &layout, at);
    }
    out.push_str("</svg>\n");
    out
}

fn edge(out: &mut String, picture: &Picture, layout: &Layout, at: usize) {
    let (edge, points) = (&picture.edges[at], &layout.edges[at]);
    let [x, y] = points[0];
    let mut path = format!("M{x:.1} {y:.1}");
    for pair in points.windows(2) {
        let ([x0, y0], [x1, y1]) = (pair[0], pair[1]);
        let middle = f64::midpoint(y0, y1);
        let _ = write!(path, "C{x0:.1} {middle:.1} {x1:.1} {middle:.1} {x1:.1} {y1:.1}");
    }
    let _ = write!(out, "<g class=\"edge\" id=\"e{at}\"><path d=\"{path}\" marker-end=\"url(#tip)\"/>");
    if let Some(partial) = &edge.partial {
        // Beside the first bend, where edges from one node have parted.
        let ([x0, y0], [x1, y1]) = (points[0], points[1]);
        let (x, y) = (f64::midpoint(x0, x1), f64::midpoint(y0, y1));
        let (from, to) = (&picture.nodes[edge.from].name, &picture.nodes[edge.to].name);
        let whole = escaped(&format!("∂{from}/∂{to} = {partial}"));
        let _ = write!(
            out,
            "<text class=\"partial\" x=\"{x:.1}\" y=\"{:.1}\"><title>{whole}</title>{}</text>",
            y + 4.0,
            escaped(&shown(partial))
        );
    }
    out.push_str("</g>\n");
}

fn node(out: &mut String, picture: &Picture, layout: &Layout, at: usize) {
    let (node, [x, y], width) = (&picture.nodes[at], layout.nodes[at], layout.widths[at]);
    let (left, top) = (x - width / 2.0, y - NODE_HEIGHT / 2.0);
    let kind = if node.formula.is_some() { "node" } else { "node variable" };
    let name = match &node.formula {
        Some(formula) => {
            format!("<tspan class=\"name\">{}</tspan> = {}", escaped(&shown(&node.name)), escaped(&shown(formula)))
        }
        None => format!("<tspan class=\"name\">{}</tspan>", escaped(&shown(&node.name))),
    };
    let formula = node.formula.as_ref().map(|formula| format!(" = {formula}")).unwrap_or_default();
    let whole = escaped(&format!("{}{formula} = {}", node.name, node.value));
    let _ = write!(
        out,
        "<g class=\"{kind}\" id=\"n{at}\"><title>{whole}</title><rect x=\"{left:.1}\" y=\"{top:.1}\" \
         width=\"{width:.1}\" height=\"{NODE_HEIGHT}\" rx=\"9\"/><text x=\"{x:.1}\" y=\"{:.1}\">{name}</text>\
         <text class=\"value\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
        top + 19.0,
        top + 38.0,
        escaped(&shown(&node.value))
    );
    if let Some(gradient) = &node.gradient {
        let _ = write!(
            out,
            "<text class=\"pile\" x=\"{x:.1}\" y=\"{:.1}\">∂ {}</text>",
            top + 57.0,
            escaped(&shown(gradient))
        );
    }
    out.push_str("</g>\n");
}
