//! Tables as delimited text.
//!
//! It is UTF-8, with or without a byte order mark, or UTF-16 with one, with either kind of line end. White space around
//! a cell does not count, and blank lines are passed over.

use std::{path::Path, sync::Arc, thread};

use memchr::{memchr, memchr_iter};

use super::{
    Frame, ReadOptions, Written,
    blocks::{Blocks, MAX_ROW},
    header::{Layout, survey},
    record::{BadCell, Builder, Columns, Fault},
    scan::{Dialect, Scan, cuts},
};
use crate::{DataError, Place, Position, TableError, source::Source};

/// The bytes of text for which a thread is worth its start.
const THREAD_BYTES: usize = 256 << 10;

/// A delimited text, read block by block.
pub(super) struct Delimited {
    file: Arc<Path>,
    blocks: Blocks,
    dialect: Dialect,
    columns: Columns,
    /// The line that the next block begins on.
    line: u64,
    /// Whether a row has been read.
    some: bool,
}

/// Rows of a block.
struct Piece {
    builders: Vec<Builder>,
    copies: Vec<Written>,
    rows: usize,
    /// A row and its line wherever a row does not begin on the line after the one before.
    starts: Vec<(usize, u64)>,
    /// How many lines there are.
    lines: u64,
}

/// What is wrong with a piece.
enum Wrong {
    Cell(BadCell),
    Ragged { line: u64, found: usize },
}

impl Delimited {
    /// Finds out how the text is written, and what its columns hold.
    pub(super) fn open(file: Arc<Path>, source: Source, options: &ReadOptions) -> Result<Self, DataError> {
        let mut blocks = Blocks::open(&file, source, options.form.encoding)?;
        let Layout { dialect, columns, header_bytes, header_lines } = Layout::find(&file, &mut blocks, options)?;
        blocks.pass(&file, header_bytes)?;
        Ok(Delimited { file, blocks, dialect, columns, line: 1 + header_lines, some: false })
    }

    /// The next chunk, if there is one.
    pub(super) fn read(&mut self) -> Result<Option<Frame>, DataError> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        loop {
            let bytes = self.blocks.bytes();
            if bytes.is_empty() {
                let file = self.file.to_path_buf();
                return if self.some { Ok(None) } else { Err(TableError::HeaderOnly { file }.into()) };
            }
            let cuts = cuts(bytes, self.dialect, (bytes.len() / THREAD_BYTES).clamp(1, threads));
            let Some(&end) = cuts.last() else {
                if self.blocks.grow(&self.file)? {
                    continue;
                }
                return Err(unended(&self.blocks, self.columns.place(self.line)));
            };
            refuse_nul(&self.file, &bytes[..end], self.line)?;
            if self.columns.has_unsettled() {
                let count = self.columns.names.len();
                self.columns.settle(&survey(&bytes[..end], self.dialect, self.columns.point, count, self.line))?;
            }
            let (frame, lines) = self.parse(&bytes[..end], &cuts)?;
            self.line += lines;
            self.blocks.pass(&self.file, end)?;
            if frame.rows() > 0 {
                self.some = true;
                return Ok(Some(frame));
            }
        }
    }

    /// The rows of a block, and how many lines they take. The pieces between the cuts are read at the same time.
    fn parse(&self, bytes: &[u8], cuts: &[usize]) -> Result<(Frame, u64), DataError> {
        let starts = std::iter::once(&0).chain(cuts);
        let pieces: Vec<&[u8]> = starts.zip(cuts).map(|(&start, &end)| &bytes[start..end]).collect();
        let (columns, dialect) = (&self.columns, self.dialect);
        let parsed: Vec<_> = match pieces.as_slice() {
            [one] => vec![parse(one, dialect, columns)],
            many => thread::scope(|scope| {
                let threads: Vec<_> =
                    many.iter().map(|piece| scope.spawn(move || parse(piece, dialect, columns))).collect();
                threads.into_iter().map(|thread| thread.join().expect("reading a piece does not panic")).collect()
            }),
        };
        let mut all: Option<Piece> = None;
        for piece in parsed {
            let before = self.line + all.as_ref().map_or(0, |all| all.lines);
            let piece = piece.map_err(|wrong| self.error(wrong, before))?;
            match &mut all {
                None => all = Some(piece),
                Some(all) => all.append(piece),
            }
        }
        let all = all.expect("a block has at least one piece");
        let starts = all.starts.into_iter().map(|(row, line)| (row, line + self.line)).collect();
        Ok((columns.frame(all.builders, all.copies, starts), all.lines))
    }

    /// The error for a piece that begins on the line `before`.
    fn error(&self, wrong: Wrong, before: u64) -> DataError {
        match wrong {
            Wrong::Cell(cell) => self.columns.bad_cell(BadCell { line: before + cell.line, ..cell }),
            Wrong::Ragged { line, found } => {
                let place = self.columns.place(before + line);
                TableError::Ragged { place, expected: self.columns.names.len(), found }.into()
            }
        }
    }
}

impl Piece {
    fn append(&mut self, piece: Piece) {
        for (builder, more) in self.builders.iter_mut().zip(piece.builders) {
            builder.append(more);
        }
        for (copy, more) in self.copies.iter_mut().zip(&piece.copies) {
            copy.append(more);
        }
        self.starts.extend(piece.starts.into_iter().map(|(row, line)| (row + self.rows, line + self.lines)));
        self.rows += piece.rows;
        self.lines += piece.lines;
    }
}

/// Refuses bytes that no text has; the first of `bytes` is on `line`.
pub(super) fn refuse_nul(file: &Path, bytes: &[u8], line: u64) -> Result<(), DataError> {
    let Some(at) = memchr(0, bytes) else { return Ok(()) };
    let line = line + memchr_iter(b'\n', &bytes[..at]).count() as u64;
    Err(TableError::NotText { place: Place { file: file.to_path_buf(), position: Position::Line(line) } }.into())
}

/// The error for a text of which not one row is whole.
pub(super) fn unended(blocks: &Blocks, place: Place) -> DataError {
    if blocks.is_full() {
        TableError::RowTooLong { place, limit: MAX_ROW }.into()
    } else {
        // Only a quote can keep the last row, which has a line end, from being whole.
        TableError::UnclosedQuote { place }.into()
    }
}

/// Reads whole rows; lines are counted from 0.
fn parse(bytes: &[u8], dialect: Dialect, columns: &Columns) -> Result<Piece, Wrong> {
    let mut scan = Scan::new(bytes, dialect);
    let (mut builders, mut copies) = (columns.builders(), columns.copies());
    let expected = columns.names.len();
    let (mut rows, mut line, mut starts) = (0, 0, Vec::new());
    let mut next_line = None;
    loop {
        line += scan.blank_lines();
        if scan.at == bytes.len() {
            break;
        }
        if next_line != Some(line) {
            starts.push((rows, line));
        }
        let (mut row_line, mut found, mut bad) = (line, 0, None);
        while let Some(field) = scan.field() {
            if let Some(&Some(slot)) = columns.slots.get(found) {
                let text = field.text(dialect.quote);
                if let Err(fault) = builders[slot].push(&text, columns.point) {
                    bad.get_or_insert_with(|| BadCell { line: row_line, column: found, text: text.to_vec(), fault });
                }
            }
            if let Some(copy) = columns.copy_slot(found) {
                match str::from_utf8(&field.text(dialect.quote)) {
                    Ok(text) => copies[copy].push(text),
                    Err(_) => {
                        let fault = Fault::NotUtf8;
                        bad.get_or_insert(BadCell { line: row_line, column: found, text: Vec::new(), fault });
                    }
                }
            }
            found += 1;
            row_line += field.line_ends();
            if field.last {
                break;
            }
        }
        // A field too many or too few moves the cells after it, so it is the cause of what is wrong with them.
        if found != expected {
            return Err(Wrong::Ragged { line, found });
        }
        if let Some(bad) = bad {
            return Err(Wrong::Cell(bad));
        }
        rows += 1;
        next_line = Some(line + 1);
        line = row_line + 1;
    }
    Ok(Piece { builders, copies, rows, starts, lines: line })
}
