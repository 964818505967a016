//! Arrays of NumPy: a row for each element of the first axis, and a column for each element of the others.
//!
//! The elements may be floats of 32 or 64 bits, whole numbers, booleans, or texts of fixed length.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Cells, Column, Frame, Origin, ReadOptions, Texts, Written,
    header::numbered,
    read::Batches,
    record::{as_asked, check_count, choose, choose_written},
};
use crate::{
    DataError, Place, Position, TableError,
    source::{Packing, Source, read_error},
};

/// How many bytes of elements are read at a time.
const BLOCK: usize = 8 << 20;

/// The most bytes that the elements of a row may take.
const MAX_ROW: usize = 64 << 20;

/// What stands before the elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    element: Element,
    /// Bytes of an element.
    size: usize,
    big_endian: bool,
    /// Whether the first axis runs fastest.
    fortran: bool,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Float,
    Signed,
    Unsigned,
    Bool,
    Utf32,
    Bytes,
}

/// Opens one array.
pub(super) fn open(file: Arc<Path>, source: Source, options: &ReadOptions) -> Result<Batches, DataError> {
    let mut array = Array::open(file, source)?;
    let names = numbered(array.header.columns);
    let chosen = choose(&array.file, &names, options)?;
    let copied = choose_written(&array.file, &names, options)?;
    let options = options.clone();
    Ok(Box::new(std::iter::from_fn(move || {
        let frame = array.next().transpose()?.and_then(|Rows { first, count, bytes }| {
            let header = &array.header;
            let columns = header.decode(&array.file, &bytes, first, count)?;
            let columns = chosen.iter().map(|&column| (names[column].clone(), columns[column].clone()));
            let copies = copied.iter().map(|&column| header.copy(&names[column], &bytes, count, column)).collect();
            Ok(frame(&array.file, first, columns, &options)?.with_written(copies))
        });
        if frame.is_err() {
            array.read = array.header.rows;
        }
        Some(frame)
    })))
}

pub(super) fn frame(
    file: &Arc<Path>,
    first: usize,
    columns: impl Iterator<Item = (String, Cells)>,
    options: &ReadOptions,
) -> Result<Frame, DataError> {
    let position = Position::Row(first as u64 + 1);
    let origin = Origin { row: 0, file: file.clone(), first: position };
    let columns = columns.map(|(name, cells)| as_asked(Column { name, cells }, &origin, options));
    Ok(Frame::with_origins(columns.collect::<Result<_, _>>()?, vec![origin.clone()]))
}

/// Some rows of an array.
struct Rows {
    /// The number of the first.
    first: usize,
    count: usize,
    bytes: Vec<u8>,
}

/// An array of which some rows have been read.
struct Array {
    file: Arc<Path>,
    source: Source,
    header: Header,
    read: usize,
}

impl Array {
    fn open(file: Arc<Path>, mut source: Source) -> Result<Self, DataError> {
        let header = Header::read(&file, &mut source)?;
        if header.rows == 0 {
            return Err(TableError::HeaderOnly { file: file.to_path_buf() }.into());
        }
        Ok(Array { file, source, header, read: 0 })
    }

    /// The next rows.
    fn next(&mut self) -> Result<Option<Rows>, DataError> {
        let (header, first) = (&self.header, self.read);
        let left = header.rows - first;
        if left == 0 {
            return Ok(None);
        }
        // The columns of an array in Fortran order are not complete before its end.
        let rows = if header.fortran { left } else { left.min((BLOCK / header.row_bytes()).max(1)) };
        let bytes = header.read_rows(&self.file, self.source.packing, &mut self.source, rows)?;
        self.read += rows;
        Ok(Some(Rows { first, count: rows, bytes }))
    }
}

impl Header {
    pub(super) fn read(file: &Path, source: &mut dyn Read) -> Result<Self, DataError> {
        let damaged = |cause: &str| {
            let (file, cause) = (PathBuf::from(file), cause.to_string());
            DataError::from(TableError::Damaged { file, format: "NPY", cause })
        };
        let mut take = |count: usize| {
            let mut bytes = Vec::new();
            match source.take(count as u64).read_to_end(&mut bytes) {
                Ok(read) if read == count => Ok(bytes),
                Ok(_) => Err(damaged("it ends within its header")),
                Err(cause) => Err(damaged(&cause.to_string())),
            }
        };
        let start = take(8)?;
        if !start.starts_with(b"\x93NUMPY") {
            return Err(damaged("it does not begin as one"));
        }
        let length = match start[6] {
            1 => take(2)?.iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte)),
            2 | 3 => take(4)?.iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte)),
            _ => return Err(damaged("its version is not known")),
        };
        let text = take(length.min(1 << 16))?;
        let text = String::from_utf8_lossy(&text);
        let entry = |key: &str| text.split_once(key).map(|(_, rest)| rest.trim_start_matches([':', ' ']));
        let kind = entry("'descr'")
            .and_then(|rest| rest.strip_prefix('\'')?.split_once('\''))
            .ok_or_else(|| damaged("its elements have fields; save each as an array of its own"))?
            .0;
        let fortran = entry("'fortran_order'").ok_or_else(|| damaged("its order is not given"))?.starts_with("True");
        let shape = entry("'shape'")
            .and_then(|rest| rest.strip_prefix('(')?.split_once(')'))
            .and_then(|(shape, _)| {
                let axes = shape.split(',').map(str::trim).filter(|axis| !axis.is_empty());
                axes.map(|axis| axis.parse::<usize>().ok()).collect::<Option<Vec<_>>>()
            })
            .ok_or_else(|| damaged("its shape is not given"))?;
        let (element, size, big_endian) =
            parse_kind(kind).ok_or_else(|| damaged(&format!("elements of type {kind} are not read")))?;
        let Some((&rows, others)) = shape.split_first() else { return Err(damaged("it is a single number")) };
        let overflow = || DataError::SizeOverflow { file: file.into(), dims: shape.clone() };
        let product = |counts: &[usize]| counts.iter().try_fold(1usize, |all, &count| all.checked_mul(count));
        let columns = product(others).ok_or_else(overflow)?;
        check_count(file, columns)?;
        product(&[rows, columns, size]).ok_or_else(overflow)?;
        if columns * size == 0 || columns * size > MAX_ROW {
            return Err(damaged("its rows are empty or too long"));
        }
        Ok(Header { element, size, big_endian, fortran, rows, columns })
    }

    fn row_bytes(&self) -> usize {
        self.columns * self.size
    }

    /// The bytes of the next rows. Memory grows with what is read, not with what the header promises.
    pub(super) fn read_rows(
        &self,
        file: &Path,
        packing: Packing,
        source: &mut dyn Read,
        rows: usize,
    ) -> Result<Vec<u8>, DataError> {
        let expected = rows * self.row_bytes();
        let mut bytes = Vec::new();
        let found =
            source.take(expected as u64).read_to_end(&mut bytes).map_err(|cause| read_error(file, packing, cause))?;
        if found < expected {
            let (expected, found) = (expected as u64, found as u64);
            return Err(DataError::Truncated { file: file.into(), expected, found });
        }
        Ok(bytes)
    }

    /// The columns of `rows` rows, the first of which is `first`.
    pub(super) fn decode(&self, file: &Path, bytes: &[u8], first: usize, rows: usize) -> Result<Vec<Cells>, DataError> {
        (0..self.columns)
            .map(|column| {
                let cells = self.cells(bytes, rows, column);
                if matches!(self.element, Element::Utf32 | Element::Bytes) {
                    let mut texts = Texts::default();
                    for cell in cells {
                        let text = self.text(cell);
                        let text = text.trim();
                        texts.push((!super::cells::is_missing(text.as_bytes())).then_some(text));
                    }
                    return Ok(Cells::Texts(texts));
                }
                let numbers: Vec<f64> = cells.map(|cell| self.number(cell)).collect();
                match numbers.iter().position(|number| number.is_infinite()) {
                    None => Ok(Cells::Numbers(numbers)),
                    Some(row) => {
                        let position = Position::Row((first + row) as u64 + 1);
                        let place = Place { file: file.to_path_buf(), position };
                        let (column, text) = (format!("column {}", column + 1), numbers[row].to_string());
                        Err(TableError::NotFinite { place, column, text }.into())
                    }
                }
            })
            .collect()
    }

    /// The elements of a column among `rows` rows.
    fn cells<'a>(&'a self, bytes: &'a [u8], rows: usize, column: usize) -> impl Iterator<Item = &'a [u8]> {
        let (row_step, column_step) =
            if self.fortran { (self.size, rows * self.size) } else { (self.row_bytes(), self.size) };
        let starts = (0..rows).map(move |row| row * row_step + column * column_step);
        starts.map(|start| &bytes[start..start + self.size])
    }

    /// A column as text.
    pub(super) fn copy(&self, name: &str, bytes: &[u8], rows: usize, column: usize) -> Written {
        let mut copy = Written::new(name);
        for cell in self.cells(bytes, rows, column) {
            copy.push(&match self.element {
                Element::Utf32 | Element::Bytes => self.text(cell),
                Element::Float if self.size == 4 => (self.number(cell) as f32).to_string(),
                Element::Float => self.number(cell).to_string(),
                // A number of 64 bits may have more digits than one with a fraction holds.
                Element::Signed => self.signed(cell).to_string(),
                Element::Unsigned | Element::Bool => self.whole(cell).to_string(),
            });
        }
        copy
    }

    fn whole(&self, cell: &[u8]) -> u64 {
        let mut little = [0; 8];
        little[..self.size].copy_from_slice(cell);
        if self.big_endian {
            little[..self.size].reverse();
        }
        u64::from_le_bytes(little)
    }

    fn signed(&self, cell: &[u8]) -> i64 {
        // The sign bit is spread over the bytes that the element lacks.
        let unused = 64 - 8 * self.size as u32;
        (self.whole(cell) << unused) as i64 >> unused
    }

    fn number(&self, cell: &[u8]) -> f64 {
        match self.element {
            Element::Float if self.size == 4 => f64::from(f32::from_bits(self.whole(cell) as u32)),
            Element::Float => f64::from_bits(self.whole(cell)),
            Element::Signed => self.signed(cell) as f64,
            _ => self.whole(cell) as f64,
        }
    }

    fn text(&self, cell: &[u8]) -> String {
        let text = match self.element {
            Element::Utf32 => cell
                .chunks_exact(4)
                .map(|point| {
                    let point = [point[0], point[1], point[2], point[3]];
                    let point = if self.big_endian { u32::from_be_bytes(point) } else { u32::from_le_bytes(point) };
                    char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)
                })
                .collect(),
            _ => String::from_utf8_lossy(cell).into_owned(),
        };
        text.trim_end_matches('\0').to_string()
    }
}

/// A type such as `<f8`: byte order, kind and size.
fn parse_kind(text: &str) -> Option<(Element, usize, bool)> {
    let big_endian = match text.chars().next()? {
        '>' => true,
        '<' | '|' | '=' => false,
        _ => return None,
    };
    let kind = text.chars().nth(1)?;
    let size: usize = text[1 + kind.len_utf8()..].parse().ok()?;
    let element = match (kind, size) {
        ('f', 4 | 8) => Element::Float,
        ('i', 1 | 2 | 4 | 8) => Element::Signed,
        ('u', 1 | 2 | 4 | 8) => Element::Unsigned,
        ('b', 1) => Element::Bool,
        ('U', _) => return Some((Element::Utf32, size.checked_mul(4)?, big_endian)),
        ('S', _) => Element::Bytes,
        _ => return None,
    };
    Some((element, size, big_endian))
}
