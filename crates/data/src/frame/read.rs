//! Reading files of any supported format, whole or by chunks.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use super::{Frame, delimited::Delimited, json::JsonLines, npy};
use crate::{Charset, DataError, TableError, source::Source};

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text with a delimiter between cells: CSV, TSV and the like.
    Delimited,
    /// One JSON object a line.
    JsonLines,
    /// One NumPy array.
    Npy,
    /// Several NumPy arrays.
    Npz,
    /// Parquet.
    Parquet,
    /// Arrow IPC, as a file or as a stream.
    Arrow,
}

impl FromStr for Format {
    type Err = String;

    /// Reads `csv` (any delimited text), `jsonl`, `npy`, `npz`, `parquet` or `arrow`.
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "csv" => Self::Delimited,
            "jsonl" => Self::JsonLines,
            "npy" => Self::Npy,
            "npz" => Self::Npz,
            "parquet" => Self::Parquet,
            "arrow" => Self::Arrow,
            _ => return Err(format!("`{text}` is none of csv, jsonl, npy, npz, parquet, arrow")),
        })
    }
}

/// How a file is written; what is not given is seen from the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Its format.
    pub format: Option<Format>,
    /// How its characters are written, where it is text.
    pub encoding: Option<Charset>,
    /// What stands between cells.
    pub delimiter: Option<u8>,
    /// What stands around a cell that has a delimiter in it, `"` unless given.
    pub quote: Option<u8>,
    /// Whether the first row names the columns.
    pub header: Option<bool>,
    /// Whether numbers have a decimal comma.
    pub decimal_comma: Option<bool>,
}

/// How to read a table.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// How its files are written.
    pub form: Form,
    /// The columns to read, in this order; all of them unless given.
    pub columns: Option<Vec<String>>,
    /// Columns to read besides `columns` where the file has them.
    pub also: Vec<String>,
    /// Columns to copy as they are written, whether they are read as well or not.
    pub written: Vec<String>,
    /// Columns to copy besides `written` where the file has them.
    pub also_written: Vec<String>,
    /// Columns whose cells are texts, whatever they look like.
    pub categorical: Vec<String>,
    /// Columns whose cells are numbers; text among them is an error.
    pub numeric: Vec<String>,
    /// Columns to leave out.
    pub drop: Vec<String>,
}

/// The rows of one or several files, some at a time.
///
/// How many rows come at a time follows from the bytes that they take. What a column holds is decided from the first
/// chunk of each file: by all its rows, for formats that do not say. A later cell that is something else is an error.
pub struct Chunks {
    files: std::vec::IntoIter<PathBuf>,
    options: ReadOptions,
    current: Option<Batches>,
}

/// The chunks of one file.
pub(super) type Batches = Box<dyn Iterator<Item = Result<Frame, DataError>> + Send>;

/// The chunks that `read` gives one after the other, until it has no more or fails.
pub(super) fn batches(mut read: impl FnMut() -> Result<Option<Frame>, DataError> + Send + 'static) -> Batches {
    let mut done = false;
    Box::new(std::iter::from_fn(move || {
        if done {
            return None;
        }
        let next = read();
        done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }))
}

impl Iterator for Chunks {
    type Item = Result<Frame, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batches) = &mut self.current {
                match batches.next() {
                    Some(Ok(frame)) => return Some(Ok(frame)),
                    Some(Err(error)) => {
                        self.stop();
                        return Some(Err(error));
                    }
                    None => self.current = None,
                }
            }
            match open(&self.files.next()?, &self.options) {
                Ok(batches) => self.current = Some(batches),
                Err(error) => {
                    self.stop();
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Chunks {
    fn stop(&mut self) {
        self.current = None;
        self.files = Vec::new().into_iter();
    }
}

/// Reads files as one table, some rows at a time. A path may be a pattern such as `sales-*.csv`, whose files are read
/// in the order of their names; `-` is standard input.
///
/// # Errors
///
/// If a pattern matches nothing. The chunks themselves may be errors too; none comes after the first.
pub fn read_chunks<P: AsRef<Path>>(paths: &[P], options: &ReadOptions) -> Result<Chunks, DataError> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(matching_files(path.as_ref())?);
    }
    Ok(Chunks { files: files.into_iter(), options: options.clone(), current: None })
}

/// The files that a path names: itself, or, in the order of their names, those of a pattern such as `sales-*.csv`.
///
/// # Errors
///
/// If a pattern matches nothing.
pub fn matching_files(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    match path.to_str() {
        Some(pattern) if pattern.contains(['*', '?', '[']) && !path.exists() => {
            let none = || TableError::NoMatch { pattern: pattern.to_string() };
            let mut matches: Vec<PathBuf> = glob::glob(pattern).map_err(|_| none())?.flatten().collect();
            if matches.is_empty() {
                return Err(none().into());
            }
            matches.sort();
            Ok(matches)
        }
        _ => Ok(vec![path.to_path_buf()]),
    }
}

/// Reads files as one table; see [`read_chunks`].
///
/// # Errors
///
/// If a file cannot be read or is damaged, if its rows are not those of one table, or if it has no row.
pub fn read_frame<P: AsRef<Path>>(paths: &[P], options: &ReadOptions) -> Result<Frame, DataError> {
    let chunks = read_chunks(paths, options)?.collect::<Result<Vec<_>, _>>()?;
    let rows = chunks.iter().map(Frame::rows).sum();
    let mut all = Frame::default();
    for chunk in chunks {
        let is_first = all.columns().is_empty();
        all.append(chunk)?;
        if is_first {
            all.reserve(rows);
        }
    }
    Ok(all)
}

fn open(path: &Path, options: &ReadOptions) -> Result<Batches, DataError> {
    let file: Arc<Path> = path.into();
    let mut source = Source::open(path)?;
    if is_spreadsheet(path) {
        return Err(TableError::Spreadsheet { file: path.into() }.into());
    }
    let start = source.peek(path, 8)?;
    match options.form.format.unwrap_or_else(|| format(path, &start)) {
        Format::Delimited => {
            let mut reader = Delimited::open(file, source, options)?;
            Ok(batches(move || reader.read()))
        }
        Format::JsonLines => {
            let mut reader = JsonLines::open(file, source, options)?;
            Ok(batches(move || reader.read()))
        }
        Format::Npy => npy::open(file, source, options),
        #[cfg(feature = "npz")]
        Format::Npz => super::npz::open_archive(file, source, options),
        #[cfg(not(feature = "npz"))]
        Format::Npz => Err(TableError::NotBuilt { file: path.into(), format: "NPZ", feature: "npz" }.into()),
        #[cfg(feature = "parquet")]
        Format::Parquet => super::columnar::open_parquet(file, source, options),
        #[cfg(feature = "parquet")]
        Format::Arrow => super::columnar::open_ipc(file, source, options),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => {
            Err(TableError::NotBuilt { file: path.into(), format: "Parquet", feature: "parquet" }.into())
        }
        #[cfg(not(feature = "parquet"))]
        Format::Arrow => Err(TableError::NotBuilt { file: path.into(), format: "Arrow", feature: "parquet" }.into()),
    }
}

/// Whether the name is that of a document with sheets, which are packed XML.
fn is_spreadsheet(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    ["xlsx", "xlsm", "xls", "ods"].iter().any(|sheet| ending.eq_ignore_ascii_case(sheet))
}

/// The format of a file, from its first bytes where they tell, and from its name otherwise.
fn format(path: &Path, start: &[u8]) -> Format {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    match start {
        [b'P', b'A', b'R', b'1', ..] => Format::Parquet,
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] | [0xff, 0xff, 0xff, 0xff, ..] => Format::Arrow,
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Format::Npy,
        [b'P', b'K', 3, 4, ..] => Format::Npz,
        _ if [".jsonl", ".ndjson", ".json"].iter().any(|ending| name.ends_with(ending)) => Format::JsonLines,
        // No header begins like that.
        [b'{', b'"', ..] => Format::JsonLines,
        _ => Format::Delimited,
    }
}
