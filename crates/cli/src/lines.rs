//! Rows of cells as text: CSV, or JSON lines with the same cells under the same names.

use anyhow::Result;
use std::fmt::Display;
use std::io::Write;

/// Rows that are put into words in memory, cell by cell.
pub(crate) struct Lines {
    /// What stands before each cell of a JSON object; nothing for CSV.
    keys: Vec<String>,
    /// The cells of the row so far.
    cells: usize,
    csv: csv::Writer<Vec<u8>>,
    json: Vec<u8>,
    /// Room for a number.
    number: Vec<u8>,
    /// The names of the columns of CSV, until they are written.
    heads: Option<Vec<String>>,
}

impl Lines {
    /// No row yet, with these columns.
    pub(crate) fn new(json: bool, heads: Vec<String>) -> Self {
        let key = |(position, head): (usize, &String)| {
            format!("{}{}:", if position == 0 { '{' } else { ',' }, serde_json::Value::from(head.as_str()))
        };
        Self {
            keys: if json { heads.iter().enumerate().map(key).collect() } else { Vec::new() },
            cells: 0,
            csv: csv::Writer::from_writer(Vec::new()),
            json: Vec::new(),
            number: Vec::new(),
            heads: (!json).then_some(heads),
        }
    }

    /// Adds a cell of text to the row.
    pub(crate) fn text(&mut self, text: &str) -> Result<()> {
        if self.is_json() {
            self.key();
            serde_json::to_writer(&mut self.json, text)?;
            return Ok(());
        }
        self.write_heads()?;
        Ok(self.csv.write_field(text)?)
    }

    /// Adds a number to the row.
    pub(crate) fn number(&mut self, number: impl Display) -> Result<()> {
        self.number.clear();
        write!(self.number, "{number}")?;
        if self.is_json() {
            self.key();
            // JSON has no infinity.
            let is_finite = self.number.last().is_some_and(u8::is_ascii_digit);
            self.json.extend_from_slice(if is_finite { &self.number } else { b"null" });
            return Ok(());
        }
        self.write_heads()?;
        Ok(self.csv.write_field(&self.number)?)
    }

    /// Ends the row.
    pub(crate) fn end(&mut self) -> Result<()> {
        if self.is_json() {
            self.cells = 0;
            self.json.extend_from_slice(b"}\n");
            return Ok(());
        }
        Ok(self.csv.write_record(None::<&[u8]>)?)
    }

    /// The rows since the last time.
    pub(crate) fn take(&mut self) -> Result<Vec<u8>> {
        if self.is_json() {
            return Ok(std::mem::take(&mut self.json));
        }
        let full = std::mem::replace(&mut self.csv, csv::Writer::from_writer(Vec::new()));
        Ok(full.into_inner()?)
    }

    fn is_json(&self) -> bool {
        !self.keys.is_empty()
    }

    fn key(&mut self) {
        self.json.extend_from_slice(self.keys[self.cells].as_bytes());
        self.cells += 1;
    }

    fn write_heads(&mut self) -> Result<()> {
        match self.heads.take() {
            Some(heads) => Ok(self.csv.write_record(&heads)?),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(json: bool) -> String {
        let mut lines = Lines::new(json, ["a \"b\"", "n"].map(str::to_owned).to_vec());
        let mut all = Vec::new();
        for (text, number) in [("x, \"y\"", 1.5), ("007", f32::NAN), ("", f32::INFINITY)] {
            lines.text(text).unwrap();
            lines.number(number).unwrap();
            lines.end().unwrap();
            all.extend(lines.take().unwrap());
        }
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn both_forms_say_the_same() {
        assert_eq!(lines(false), "\"a \"\"b\"\"\",n\n\"x, \"\"y\"\"\",1.5\n007,NaN\n,inf\n");
        let object = |text: &str, number: &str| format!("{{\"a \\\"b\\\"\":\"{text}\",\"n\":{number}}}\n");
        assert_eq!(lines(true), object("x, \\\"y\\\"", "1.5") + &object("007", "null") + &object("", "null"));
    }
}
