//! The report of a training as one page: no network, no script.

use crate::chart::{Bars, Columns, Dots, Lines, Matrix, STYLE};
use crate::frame::{escaped, still};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;

const PAGE: &str = include_str!("report.css");

/// A report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What it is about.
    pub title: String,
    /// The most important figures, each with its name.
    pub figures: Vec<(String, String)>,
    /// What is wrong.
    pub findings: Vec<Card>,
    /// What is said where nothing is.
    pub healthy: String,
    /// The parts of the report.
    pub sections: Vec<Section>,
}

/// Something that is wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Card {
    /// Its name in a word.
    pub kind: String,
    /// What it is.
    pub title: String,
    /// What was measured.
    pub evidence: String,
    /// What to do.
    pub cure: String,
}

/// A part of a report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// What the reader sees there; may be empty.
    pub about: String,
    /// What is shown, side by side where there is room.
    pub blocks: Vec<Block>,
}

/// Something that is shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Lines over a course.
    Lines(Lines),
    /// How numbers are spread.
    Columns(Columns),
    /// Named things.
    Bars(Bars),
    /// Dots in a plane.
    Dots(Dots),
    /// A matrix of counts.
    Matrix(Matrix),
    /// A table.
    Table {
        /// What it shows.
        title: String,
        /// The names of its columns.
        head: Vec<String>,
        /// Its rows.
        rows: Vec<Vec<String>>,
    },
    /// Small pictures with a line of words each.
    Pictures {
        /// What they show.
        title: String,
        /// The files (PNG) and the words.
        pictures: Vec<(Vec<u8>, String)>,
    },
    /// Text as it was typed.
    Code {
        /// What it is.
        title: String,
        /// The text.
        text: String,
    },
}

/// The letters of a figure that take more than the usual room.
const LONG: usize = 18;

/// The report as a page. Names and values are text in it and nothing else; the page allows itself no connection to anywhere
/// and no script.
pub fn report(report: &Report) -> String {
    let mut out = String::from("<dl class=\"figures\">");
    for (name, value) in &report.figures {
        let kind = if value.chars().count() > LONG { " class=\"long\"" } else { "" };
        let _ = write!(out, "<div{kind}><dt>{}</dt><dd>{}</dd></div>", escaped(name), escaped(value));
    }
    out.push_str("</dl>\n<section id=\"findings\"><h2>Findings</h2>\n");
    if report.findings.is_empty() {
        let _ = writeln!(out, "<p class=\"healthy\">{}</p>", escaped(&report.healthy));
    }
    for card in &report.findings {
        let _ = writeln!(
            out,
            "<article class=\"card\"><h3>{}</h3><p>{}</p><p class=\"cure\"><b>Cure:</b> {}</p><p class=\"kind\">{}</p></article>",
            escaped(&card.title),
            escaped(&card.evidence),
            escaped(&card.cure),
            escaped(&card.kind)
        );
    }
    out.push_str("</section>\n");
    for section in &report.sections {
        let _ = writeln!(out, "<section><h2>{}</h2>", escaped(&section.title));
        if !section.about.is_empty() {
            let _ = writeln!(out, "<p class=\"about\">{}</p>", escaped(&section.about));
        }
        out.push_str("<div class=\"blocks\">");
        section.blocks.iter().for_each(|block| shown(&mut out, block));
        out.push_str("</div></section>\n");
    }
    still(&report.title, &format!("{STYLE}{PAGE}"), &out)
}

fn shown(out: &mut String, block: &Block) {
    let (title, kind, inner) = match block {
        Block::Lines(lines) => (&lines.title, "chart-block", lines.svg()),
        Block::Columns(columns) => (&columns.title, "chart-block small", columns.svg()),
        Block::Bars(bars) => (&bars.title, "chart-block", bars.svg()),
        Block::Dots(dots) => (&dots.title, "chart-block", dots.svg()),
        Block::Matrix(matrix) => (&matrix.title, "chart-block", matrix.svg()),
        Block::Table { title, head, rows } => (title, "wide", table(head, rows)),
        Block::Pictures { title, pictures } => (title, "wide", gallery(pictures)),
        Block::Code { title, text } => {
            (title, "wide", format!("<pre tabindex=\"0\"><code>{}</code></pre>", escaped_lines(text)))
        }
    };
    let _ = writeln!(out, "<figure class=\"{kind}\"><figcaption>{}</figcaption>{inner}</figure>", escaped(title));
}

fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let cells = |cells: &[String], tag: &str| -> String {
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect()
    };
    let head = cells(head, "th scope=\"col\"").replace("</th scope=\"col\">", "</th>");
    let rows: String = rows.iter().map(|row| format!("<tr>{}</tr>", cells(row, "td"))).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

fn gallery(pictures: &[(Vec<u8>, String)]) -> String {
    let picture = |(png, words): &(Vec<u8>, String)| {
        let (data, words) = (STANDARD.encode(png), escaped(words));
        format!("<li><img alt=\"{words}\" src=\"data:image/png;base64,{data}\"><span>{words}</span></li>")
    };
    format!("<ul class=\"gallery\">{}</ul>", pictures.iter().map(picture).collect::<String>())
}

/// Text whose lines stay lines.
fn escaped_lines(text: &str) -> String {
    text.lines().map(escaped).collect::<Vec<_>>().join("\n")
}
