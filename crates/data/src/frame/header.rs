//! Finding out how a delimited text is written.

use std::{collections::HashMap, path::Path, sync::Arc};

use super::{
    ReadOptions,
    blocks::Blocks,
    cells::{Value, value},
    delimited::{refuse_nul, unended},
    record::{Columns, Tally, check_count},
    scan::{Dialect, Scan, guess_delimiter},
};
use crate::{DataError, Place, Position, TableError};

/// How a text is written, and its columns.
pub(super) struct Layout {
    pub(super) dialect: Dialect,
    pub(super) columns: Columns,
    /// The bytes before the first row.
    pub(super) header_bytes: usize,
    /// The lines before the first row.
    pub(super) header_lines: u64,
}

/// The first row of a text.
struct FirstRow {
    cells: Vec<String>,
    /// Where it ends.
    end: usize,
    /// The line that it begins on.
    line: u64,
    /// For each cell, the lines between the start of the row and its own.
    below: Vec<u64>,
    lines: u64,
}

impl Layout {
    pub(super) fn find(file: &Arc<Path>, blocks: &mut Blocks, options: &ReadOptions) -> Result<Self, DataError> {
        let quote = options.form.quote.unwrap_or(b'"');
        // What is no text would be found wrong for another reason below.
        refuse_nul(file, blocks.bytes(), 1)?;
        let guess = guess_delimiter(blocks.bytes(), quote);
        let dialect = Dialect { delimiter: options.form.delimiter.unwrap_or(guess), quote };
        let first = FirstRow::read(file, blocks, dialect)?;
        let alone = first.cells.len() == 1;
        if first.cells.iter().any(|cell| cell.contains('\r')) {
            return Err(TableError::OldLineEnds { file: file.to_path_buf() }.into());
        }
        // A guess other than a comma parts the first row into several.
        if alone && guess != dialect.delimiter && (guess != b',' || first.cells[0].contains(',')) {
            let (given, likely) = (char::from(dialect.delimiter), char::from(guess));
            return Err(TableError::WrongDelimiter { file: file.to_path_buf(), given, likely }.into());
        }

        let rest = &blocks.bytes()[first.end..];
        let below = first.line + first.lines;
        let comma = options.form.decimal_comma.unwrap_or_else(|| has_decimal_commas(rest, dialect));
        let point = if comma { b',' } else { b'.' };
        let mut tallies = survey(rest, dialect, point, first.cells.len(), below);
        let has_header = options.form.header.unwrap_or_else(|| is_header(&first.cells, &tallies, point));
        let (header_bytes, header_lines) = if has_header { (first.end, below - 1) } else { (0, 0) };
        if !has_header {
            for (tally, cell) in tallies.iter_mut().zip(&first.cells) {
                tally.see(cell.as_bytes(), point, first.line);
            }
        }
        let names = if has_header { first.names(file)? } else { numbered(first.cells.len()) };
        let mut columns = Columns::new(file, names, point, options)?;
        columns.settle(&tallies)?;
        Ok(Layout { dialect, columns, header_bytes, header_lines })
    }
}

impl FirstRow {
    fn read(file: &Path, blocks: &mut Blocks, dialect: Dialect) -> Result<Self, DataError> {
        loop {
            let mut scan = Scan::new(blocks.bytes(), dialect);
            let line = 1 + scan.blank_lines();
            let start = scan.at;
            if start == scan.bytes.len() {
                return Err(DataError::EmptyFile { file: file.to_path_buf() });
            }
            let Some(count) = scan.row() else {
                if blocks.grow(file)? {
                    continue;
                }
                let place = Place { file: file.to_path_buf(), position: Position::Line(line) };
                return Err(unended(blocks, place));
            };
            check_count(file, count)?;
            let end = scan.at;
            scan.at = start;
            let (mut cells, mut below, mut lines) = (Vec::with_capacity(count), Vec::with_capacity(count), 0);
            while let Some(field) = scan.field() {
                let text = field.text(dialect.quote);
                let Ok(text) = str::from_utf8(&text) else {
                    let place = Place { file: file.to_path_buf(), position: Position::Line(line + lines) };
                    return Err(TableError::NotUtf8 { place, column: None }.into());
                };
                cells.push(text.to_string());
                below.push(lines);
                lines += field.line_ends();
                if field.last {
                    break;
                }
            }
            return Ok(FirstRow { cells, end, line, below, lines: lines + 1 });
        }
    }

    /// The cells as names of columns. The first may be blank, as programs leave it above the numbers of the rows.
    fn names(self, file: &Path) -> Result<Vec<String>, DataError> {
        let mut first_uses = HashMap::with_capacity(self.cells.len());
        for (index, name) in self.cells.iter().enumerate() {
            let place = Place { file: file.to_path_buf(), position: Position::Line(self.line + self.below[index]) };
            let position = index + 1;
            if name.is_empty() && (index > 0 || self.cells.len() == 1) {
                return Err(TableError::UnnamedColumn { place, position }.into());
            }
            if let Some(first) = first_uses.insert(name, position) {
                let column = name.clone();
                return Err(TableError::DuplicateColumn { place, column, first, second: position }.into());
            }
        }
        let mut names = self.cells;
        if names[0].is_empty() {
            names[0] = numbered(1).remove(0);
        }
        Ok(names)
    }
}

/// Names for columns that have none.
pub(super) fn numbered(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("column {number}")).collect()
}

/// A first row is one of names unless each column of numbers has a number there as well.
fn is_header(first: &[String], tallies: &[Tally], point: u8) -> bool {
    let mut numeric = first.iter().zip(tallies).filter(|(_, tally)| tally.is_numeric()).peekable();
    numeric.peek().is_none() || numeric.any(|(cell, _)| !matches!(value(cell.as_bytes(), point), Value::Number(_)))
}

/// What the whole rows among `bytes` have in each column; the first of them is on `line`. Rows of another length are
/// left to the reading.
pub(super) fn survey(bytes: &[u8], dialect: Dialect, point: u8, count: usize, mut line: u64) -> Vec<Tally> {
    let mut tallies: Vec<Tally> = (0..count).map(|_| Tally::default()).collect();
    let mut scan = Scan::new(bytes, dialect);
    loop {
        line += scan.blank_lines();
        let start = scan.at;
        match scan.row() {
            None => return tallies,
            Some(found) if found != count => {
                line += memchr::memchr_iter(b'\n', &bytes[start..scan.at]).count() as u64;
                continue;
            }
            Some(_) => scan.at = start,
        }
        for tally in &mut tallies {
            let field = scan.field().expect("the row is whole");
            tally.see(&field.text(dialect.quote), point, line);
            line += field.line_ends();
        }
        line += 1;
    }
}

/// Whether cells look like `1,5`, and none like `1.5`. Between commas, one with three digits after it may part thousands.
fn has_decimal_commas(bytes: &[u8], dialect: Dialect) -> bool {
    const CELLS: usize = 100_000;
    let mut scan = Scan::new(bytes, dialect);
    let mut commas = false;
    for _ in 0..CELLS {
        let Some(field) = scan.field() else { break };
        let text = field.text(dialect.quote);
        let number = |point| matches!(value(&text, point), Value::Number(_));
        if text.contains(&b'.') && number(b'.') {
            return false;
        }
        let after = text.iter().rev().position(|&byte| byte == b',');
        let may_group = dialect.delimiter == b',' && after == Some(3);
        commas |= after.is_some() && !may_group && number(b',');
    }
    commas
}
