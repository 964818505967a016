//! The language of Mermaid, which documents and forges draw.

use crate::Picture;
use std::fmt::Write;

/// The picture as a flowchart of Mermaid.
pub fn mermaid(picture: &Picture) -> String {
    let mut out = String::from("flowchart TD\n");
    for (at, node) in picture.nodes.iter().enumerate() {
        let formula = node.formula.as_ref().map(|formula| format!(" = {formula}")).unwrap_or_default();
        let gradient = node.gradient.as_ref().map(|gradient| format!("\n∂ {gradient}")).unwrap_or_default();
        let label = quoted(&format!("{}{formula}\n{}{gradient}", node.name, node.value));
        // Variables have round ends.
        let (open, close) = if node.formula.is_some() { ("[", "]") } else { ("([", "])") };
        let _ = writeln!(out, "  n{at}{open}{label}{close}");
    }
    for edge in &picture.edges {
        let label = edge.partial.as_ref().map(|partial| format!("|{}|", quoted(partial))).unwrap_or_default();
        let _ = writeln!(out, "  n{} -->{label} n{}", edge.from, edge.to);
    }
    out
}

/// A string of Mermaid: what would be markup is written by its number.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '\n' => out.push_str("<br>"),
            '"' | '#' | '&' | '<' | '>' | '`' | '\\' | '*' | '_' | '|' | ';' => {
                let _ = write!(out, "#{};", u32::from(c));
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
