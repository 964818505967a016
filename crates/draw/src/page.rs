//! One file that replays the forward pass and the sweep: no network, no libraries.

use crate::frame::{Frame, escaped};
use crate::svg::drawn;
use crate::{Picture, Step};
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The picture as a page. What the reader typed is text in it and nothing else.
pub fn page(picture: &Picture) -> String {
    let mut steps = String::new();
    for step in &picture.steps {
        let (Step::Value { words, .. } | Step::Start { words, .. } | Step::Edge { words, .. }) = step;
        let _ = write!(steps, "<li>{}</li>", escaped(words));
    }
    let mut walks = String::new();
    for walk in &picture.walks {
        let _ = write!(walks, "<li>{}</li>", escaped(&walk.words));
    }
    let body = format!(
        "<div class=\"picture\">{}</div>\n<p id=\"words\" role=\"status\" aria-live=\"polite\"></p>\n\
         <div class=\"controls\"><button id=\"back\" type=\"button\" aria-label=\"one step back\">◀</button>\
         <input id=\"step\" type=\"range\" min=\"0\" max=\"{}\" value=\"0\" aria-label=\"step\">\
         <button id=\"forth\" type=\"button\" aria-label=\"one step on\">▶</button>\
         <button id=\"view-sweep\" type=\"button\" aria-pressed=\"true\">Forward and back</button>\
         <button id=\"view-paths\" type=\"button\" aria-pressed=\"false\">Path by path</button></div>\n\
         <p class=\"hint\">Arrow keys go one step; Home and End to the ends.</p>\n\
         <dl><div><dt>edges visited by the sweep</dt><dd id=\"by-sweep\">{}</dd></div>\
         <div><dt>path by path</dt><dd id=\"by-path\">{}</dd></div>\
         <div><dt>paths</dt><dd>{}</dd></div></dl>\n\
         <details><summary>All steps in words</summary><h2>Forward and back</h2><ol>{steps}</ol>\
         <h2>Path by path</h2><ol>{walks}</ol></details>",
        drawn(picture, ""),
        picture.steps.len(),
        picture.work.by_sweep,
        escaped(&picture.work.by_path),
        escaped(&picture.work.paths),
    );
    Frame { title: &picture.title, style: STYLE, body: &body, data: picture, script: SCRIPT }.page()
}
