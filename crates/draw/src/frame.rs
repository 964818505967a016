//! One file that a browser shows: no network, no libraries.

use crate::svg::COLOURS;
use serde::Serialize;

const STYLE: &str = include_str!("frame.css");

/// A text inside of XML.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// What a page consists of.
pub(crate) struct Frame<'a, D> {
    /// The title, as text.
    pub(crate) title: &'a str,
    /// What it has beside the common style.
    pub(crate) style: &'a str,
    /// What stands under the title, as HTML.
    pub(crate) body: &'a str,
    /// What the script reads.
    pub(crate) data: &'a D,
    /// The script.
    pub(crate) script: &'a str,
}

impl<D: Serialize> Frame<'_, D> {
    /// The page. What is given as text is text in it and nothing else: markup is escaped, and the data for the script
    /// cannot end its element. The page allows itself no connection to anywhere.
    pub(crate) fn page(&self) -> String {
        let body = format!(
            "{}</main>\n<script type=\"application/json\" id=\"data\">{}</script><script>{}</script>",
            self.body,
            data(self.data),
            self.script
        );
        document(self.title, "script-src 'unsafe-inline'", self.style, &body)
    }
}

/// A page without a script, which may hold pictures; `body` is HTML.
pub(crate) fn still(title: &str, style: &str, body: &str) -> String {
    document(title, "img-src data:", style, &format!("{body}</main>"))
}

fn document(title: &str, allowed: &str, style: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; {allowed}\">\
         <title>{title}</title><style>{COLOURS}{STYLE}{style}</style></head>\n<body><main><h1>{title}</h1>\n{body}</body></html>\n"
    )
}

/// JSON that cannot end the element it stands in.
fn data(data: &impl Serialize) -> String {
    let json = serde_json::to_string(data).expect("texts and numbers have JSON");
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
