//! The language of Graphviz.

use crate::Picture;
use std::fmt::Write;

/// The picture in DOT, which `dot -Tsvg` draws.
pub fn dot(picture: &Picture) -> String {
    let mut out = String::from("digraph gradient {\n");
    let _ = writeln!(out, "  label={};\n  node [shape=box, style=rounded];", quoted(&picture.title));
    for (at, node) in picture.nodes.iter().enumerate() {
        let formula = node.formula.as_ref().map(|formula| format!(" = {formula}")).unwrap_or_default();
        let gradient = node.gradient.as_ref().map(|gradient| format!("\n∂ {gradient}")).unwrap_or_default();
        let label = format!("{}{formula}\n{}{gradient}", node.name, node.value);
        let _ = writeln!(out, "  n{at} [label={}];", quoted(&label));
    }
    for edge in &picture.edges {
        let label = edge.partial.as_ref().map(|partial| format!(" [label={}]", quoted(partial))).unwrap_or_default();
        let _ = writeln!(out, "  n{} -> n{}{label};", edge.from, edge.to);
    }
    out.push_str("}\n");
    out
}

/// A string of DOT.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
