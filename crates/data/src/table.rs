//! Reading a CSV file row by row, with line numbers that are right.

use std::{
    collections::HashMap,
    io::{self, Chain, Cursor, Read},
    path::{Path, PathBuf},
};

use ::csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder, Terminator};

use crate::{
    DataError,
    error::nearest,
    source::{Source, read_error},
};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Added after the file. A last row without a line end then has one, and a byte is left over after the last row
/// unless that row is still inside a quote.
const PADDING: &[u8] = b"\n\n";

/// How many column names a message lists.
const LISTED_COLUMNS: usize = 20;

type Text = Chain<Chain<Cursor<Vec<u8>>, Source>, &'static [u8]>;

/// A CSV file with a header, read one row at a time.
pub(crate) struct Table {
    file: PathBuf,
    gzip: bool,
    reader: Reader<Text>,
    /// The current row.
    record: ByteRecord,
    /// Where the row after it is read to.
    next: ByteRecord,
    names: Vec<String>,
}

impl Table {
    /// Opens a file and checks its header.
    pub(crate) fn open(file: &Path) -> Result<Self, DataError> {
        let mut source = Source::open(file)?;
        let gzip = source.is_gzip();
        let mut start = Vec::new();
        (&mut source)
            .take(BYTE_ORDER_MARK.len() as u64)
            .read_to_end(&mut start)
            .map_err(|cause| read_error(file, gzip, cause))?;
        if start == BYTE_ORDER_MARK {
            start.clear();
        }
        // Only a line feed ends a row, because the line count lags behind when a carriage return may end it too; the
        // carriage return before it is trimmed with the other white space.
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(1 << 16)
            .from_reader(Cursor::new(start).chain(source).chain(PADDING));
        let mut table = Table {
            file: file.to_path_buf(),
            gzip,
            reader,
            record: ByteRecord::new(),
            next: ByteRecord::new(),
            names: Vec::new(),
        };
        table.read_header()?;
        Ok(table)
    }

    fn read_header(&mut self) -> Result<(), DataError> {
        loop {
            if !self.advance()? {
                return Err(DataError::EmptyFile { file: self.path() });
            }
            if !self.is_blank() {
                break;
            }
        }
        self.names = self.header_names().map_err(|error| self.or_unclosed(error))?;
        let separator = match self.names.as_slice() {
            [only] if only.contains(';') => "semicolons",
            [only] if only.contains('\t') => "tabs",
            _ => return Ok(()),
        };
        Err(DataError::NotCommas { file: self.path(), separator })
    }

    fn header_names(&self) -> Result<Vec<String>, DataError> {
        let mut names = Vec::with_capacity(self.record.len());
        let mut first_uses = HashMap::with_capacity(self.record.len());
        for (index, field) in self.record.iter().enumerate() {
            let (file, line, position) = (self.path(), self.line(index), index + 1);
            let name = match str::from_utf8(field.trim_ascii()) {
                Ok("") => return Err(DataError::UnnamedColumn { file, line, position }),
                Ok(name) if name.contains('\r') => return Err(DataError::OldLineEnds { file }),
                Ok(name) => name,
                Err(_) => return Err(DataError::NotUtf8 { file, line }),
            };
            if let Some(first) = first_uses.insert(name, position) {
                let column = name.to_string();
                return Err(DataError::DuplicateColumn { file, line, column, first, second: position });
            }
            names.push(name.to_string());
        }
        Ok(names)
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Where the column of that name is.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|other| other == name)
    }

    /// The error for a column that is not there.
    pub(crate) fn missing_column(&self, column: &str) -> DataError {
        DataError::MissingColumn {
            file: self.path(),
            column: column.to_string(),
            nearest: nearest(column, &self.names),
            columns: self.names.iter().take(LISTED_COLUMNS).cloned().collect(),
            more: self.names.len().saturating_sub(LISTED_COLUMNS),
        }
    }

    /// Goes to the next row, over blank lines; false at the end.
    pub(crate) fn next_row(&mut self) -> Result<bool, DataError> {
        loop {
            if !self.advance()? {
                return Ok(false);
            }
            let (expected, found) = (self.names.len(), self.record.len());
            if found == expected {
                return Ok(true);
            }
            if !self.is_blank() {
                let ragged = DataError::Ragged { file: self.path(), line: self.line(0), expected, found };
                return Err(self.or_unclosed(ragged));
            }
        }
    }

    fn is_blank(&self) -> bool {
        self.record.len() == 1 && self.record[0].trim_ascii().is_empty()
    }

    /// Reads one record; false at the end.
    fn advance(&mut self) -> Result<bool, DataError> {
        let end = self.reader.position().byte();
        let line = self.reader.position().line();
        let more = self.reader.read_byte_record(&mut self.next).map_err(|error| {
            let message = error.to_string();
            let cause = match error.into_kind() {
                ErrorKind::Io(cause) => cause,
                _ => io::Error::other(message),
            };
            read_error(&self.file, self.gzip, cause)
        })?;
        // The record before took all of the padding: it was still inside a quote.
        if !more && self.reader.position().byte() == end {
            let line = line - line_feeds(self.record.as_slice());
            return Err(DataError::UnclosedQuote { file: self.path(), line });
        }
        if more {
            std::mem::swap(&mut self.record, &mut self.next);
        }
        Ok(more)
    }

    /// The error for the current row, or, when the row runs to the end of the file in a quote, the error for that:
    /// it is the cause of whatever else seems wrong.
    pub(crate) fn or_unclosed(&mut self, error: DataError) -> DataError {
        if line_feeds(self.record.as_slice()) == 0 {
            return error;
        }
        let (line, end) = (self.line(0), self.reader.position().byte());
        match self.reader.read_byte_record(&mut self.next) {
            // Such a row has no line end of its own, so it begins one line after where a whole row would.
            Ok(false) if self.reader.position().byte() == end => {
                DataError::UnclosedQuote { file: self.path(), line: line + 1 }
            }
            _ => error,
        }
    }

    /// The line on which the cell of the current row begins.
    pub(crate) fn line(&self, column: usize) -> u64 {
        let row = self.reader.position().line().saturating_sub(1 + line_feeds(self.record.as_slice()));
        row + self.record.iter().take(column).map(line_feeds).sum::<u64>()
    }

    /// The text of a cell, without the white space around it.
    pub(crate) fn text(&self, column: usize) -> Result<&str, DataError> {
        match str::from_utf8(self.record[column].trim_ascii()) {
            Ok("") => {
                let (file, line, column) = self.place(column);
                Err(DataError::EmptyCell { file, line, column })
            }
            Ok(text) => Ok(text),
            Err(_) => Err(DataError::NotUtf8 { file: self.path(), line: self.line(column) }),
        }
    }

    /// The number in a cell.
    pub(crate) fn number(&self, column: usize) -> Result<f32, DataError> {
        let text = self.text(column)?;
        match text.parse::<f32>() {
            Ok(value) if value.is_finite() => Ok(value),
            parsed => {
                let (file, line, column) = self.place(column);
                let text = text.to_string();
                Err(match parsed {
                    Err(_) => DataError::NotANumber { file, line, column, text },
                    // "inf" and "nan" are words; what has digits was a number too large.
                    Ok(_) if text.contains(|c: char| c.is_ascii_digit()) => {
                        DataError::Overflow { file, line, column, text }
                    }
                    Ok(_) => DataError::NotFinite { file, line, column, text },
                })
            }
        }
    }

    /// The file, line and column name of a cell of the current row.
    pub(crate) fn place(&self, column: usize) -> (PathBuf, u64, String) {
        (self.path(), self.line(column), self.names[column].clone())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.file.clone()
    }
}

fn line_feeds(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}
