//! Tables as lines of JSON, each an object with a field for each column.

use std::{borrow::Cow, collections::HashMap, path::Path, sync::Arc};

use memchr::memchr_iter;
use serde_json::value::RawValue;

use super::{
    Frame, ReadOptions,
    blocks::{Blocks, MAX_ROW},
    record::{BadCell, Columns, Tally},
};
use crate::{DataError, TableError, source::Source};

/// A JSON text, read block by block.
pub(super) struct JsonLines {
    file: Arc<Path>,
    blocks: Blocks,
    columns: Columns,
    /// The line that the next block begins on.
    line: u64,
    some: bool,
}

/// An object whose values are still text, in the order in which they stand.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> serde::Deserialize<'a> for Object<'a> {
    fn deserialize<D: serde::Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'a> serde::de::Visitor<'a> for Fields {
            type Value = Object<'a>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    fields.push((key, map.next_value()?));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A key that is copied only where it has escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl JsonLines {
    pub(super) fn open(file: Arc<Path>, source: Source, options: &ReadOptions) -> Result<Self, DataError> {
        let mut blocks = Blocks::open(&file, source, options.form.encoding)?;
        let mut end = whole_lines(&file, &mut blocks, 1)?;
        if blocks.bytes().trim_ascii().is_empty() {
            return Err(DataError::EmptyFile { file: file.to_path_buf() });
        }
        // A first row that is longer than a block is grown to above.
        end = end.min(blocks.bytes().len());
        let mut names: Vec<String> = Vec::new();
        let mut positions: HashMap<String, usize> = HashMap::new();
        let mut tallies: Vec<Tally> = Vec::new();
        let bare = Columns::new(&file, Vec::new(), b'.', &ReadOptions::default())?;
        for (line, object) in objects(&blocks.bytes()[..end], &bare, 1) {
            for (name, value) in object?.0 {
                let column = match positions.get(name.as_ref()) {
                    Some(&column) => column,
                    None => {
                        super::record::check_count(&file, names.len() + 1)?;
                        positions.insert(name.to_string(), names.len());
                        names.push(name.into_owned());
                        tallies.push(Tally::default());
                        names.len() - 1
                    }
                };
                tallies[column].see(text(value, &file, &names[column])?.as_bytes(), b'.', line);
            }
        }
        let mut columns = Columns::new(&file, names, b'.', options)?;
        columns.settle(&tallies)?;
        Ok(JsonLines { file, blocks, columns, line: 1, some: false })
    }

    /// The next chunk, if there is one.
    pub(super) fn read(&mut self) -> Result<Option<Frame>, DataError> {
        loop {
            if self.blocks.bytes().is_empty() {
                let file = self.file.to_path_buf();
                return if self.some { Ok(None) } else { Err(DataError::EmptyFile { file }) };
            }
            let end = whole_lines(&self.file, &mut self.blocks, self.line)?;
            let bytes = &self.blocks.bytes()[..end];
            if self.columns.has_unsettled() {
                let tallies = self.survey(bytes)?;
                self.columns.settle(&tallies)?;
            }
            let frame = self.parse(bytes)?;
            self.line += memchr_iter(b'\n', bytes).count() as u64;
            self.blocks.pass(&self.file, end)?;
            if frame.rows() > 0 {
                self.some = true;
                return Ok(Some(frame));
            }
        }
    }

    fn survey(&self, bytes: &[u8]) -> Result<Vec<Tally>, DataError> {
        let mut tallies: Vec<Tally> = self.columns.names.iter().map(|_| Tally::default()).collect();
        for (line, object) in objects(bytes, &self.columns, self.line) {
            for (name, value) in object?.0 {
                if let Some(column) = self.columns.position(&name) {
                    tallies[column].see(text(value, &self.file, &name)?.as_bytes(), b'.', line);
                }
            }
        }
        Ok(tallies)
    }

    fn parse(&self, bytes: &[u8]) -> Result<Frame, DataError> {
        let columns = &self.columns;
        let (mut builders, mut copies) = (columns.builders(), columns.copies());
        let (mut row, mut starts, mut next_line) = (0, Vec::new(), None);
        let mut cells: Vec<Cow<str>> = vec![Cow::Borrowed(""); builders.len()];
        for (line, object) in objects(bytes, columns, self.line) {
            if next_line != Some(line) {
                starts.push((row, line));
            }
            cells.fill(Cow::Borrowed(""));
            let mut written: Vec<Cow<str>> = vec![Cow::Borrowed(""); copies.len()];
            for (name, value) in object?.0 {
                let Some(column) = columns.position(&name) else {
                    let (place, column) = (columns.place(line), name.into_owned());
                    return Err(TableError::LateField { place, column }.into());
                };
                if let Some(slot) = columns.slots[column] {
                    cells[slot] = text(value, &self.file, &name)?;
                }
                if let Some(copy) = columns.copy_slot(column) {
                    written[copy] = as_written(value);
                }
            }
            for ((builder, cell), &column) in builders.iter_mut().zip(&cells).zip(&columns.chosen) {
                builder.push(cell.trim().as_bytes(), b'.').map_err(|fault| {
                    columns.bad_cell(BadCell { line, column, text: cell.as_bytes().to_vec(), fault })
                })?;
            }
            copies.iter_mut().zip(&written).for_each(|(copy, text)| copy.push(text));
            row += 1;
            next_line = Some(line + 1);
        }
        Ok(columns.frame(builders, copies, starts))
    }
}

/// Where the last whole line in memory ends; more is read until there is one.
fn whole_lines(file: &Path, blocks: &mut Blocks, line: u64) -> Result<usize, DataError> {
    loop {
        if let Some(last) = memchr::memrchr(b'\n', blocks.bytes()) {
            return Ok(last + 1);
        }
        if !blocks.grow(file)? {
            let place = crate::Place { file: file.to_path_buf(), position: crate::Position::Line(line) };
            return Err(TableError::RowTooLong { place, limit: MAX_ROW }.into());
        }
    }
}

/// The objects on the lines that are not blank, with their lines; `first` is the first line.
fn objects<'a>(
    bytes: &'a [u8],
    columns: &'a Columns,
    first: u64,
) -> impl Iterator<Item = (u64, Result<Object<'a>, DataError>)> {
    (first..).zip(bytes.split(|&byte| byte == b'\n')).filter(|(_, text)| !text.trim_ascii().is_empty()).map(
        |(line, text)| {
            let bad = |cause: serde_json::Error| {
                TableError::NotAnObject { place: columns.place(line), cause: cause.to_string() }.into()
            };
            (line, serde_json::from_slice(text).map_err(bad))
        },
    )
}

/// A value to copy: the text of a text, nothing for null, and all else as it stands.
fn as_written(value: &RawValue) -> Cow<'_, str> {
    match value.get() {
        "null" => Cow::Borrowed(""),
        raw => serde_json::from_str::<Key>(raw).map_or(Cow::Borrowed(raw), |Key(text)| text),
    }
}

/// What a value would be as a cell of delimited text.
fn text<'a>(value: &'a RawValue, file: &Path, column: &str) -> Result<Cow<'a, str>, DataError> {
    let raw = value.get();
    let nested = |what: &str| TableError::Nested {
        file: file.to_path_buf(),
        column: column.to_string(),
        what: what.to_string(),
    };
    match raw.as_bytes().first() {
        Some(b'"') => match serde_json::from_str::<Key>(raw) {
            Ok(Key(text)) => Ok(text),
            Err(_) => Err(nested("text that is not Unicode").into()),
        },
        Some(b'[') => Err(nested("a list").into()),
        Some(b'{') => Err(nested("an object").into()),
        _ => Ok(Cow::Borrowed(raw)),
    }
}
