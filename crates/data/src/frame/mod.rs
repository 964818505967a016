//! Tables in memory: named columns of numbers, times or texts.

mod blocks;
mod cells;
mod delimited;
mod header;
mod json;
mod npy;
mod read;
mod record;
mod scan;
mod texts;
mod written;

#[cfg(feature = "parquet")]
mod columnar;
#[cfg(feature = "npz")]
mod npz;

use std::{path::Path, sync::Arc};

pub use read::{Chunks, Form, Format, ReadOptions, matching_files, read_chunks, read_frame};
pub use texts::Texts;
pub use written::Written;

use crate::{DataError, Place, Position, TableError, error::nearest, split::mix};

/// How many column names a message lists.
const LISTED_COLUMNS: usize = 20;

/// A table: columns of equal length.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    columns: Vec<Column>,
    /// Columns copied as they are written.
    written: Vec<Written>,
    rows: usize,
    origins: Vec<Origin>,
}

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// One cell a row.
    pub cells: Cells,
}

/// The cells of a column.
#[derive(Clone, Debug)]
pub enum Cells {
    /// Finite numbers; NaN where there is none.
    Numbers(Vec<f64>),
    /// Seconds since the start of 1970; NaN where there is none.
    Times(Vec<f64>),
    /// Texts, of which there may be fewer than rows.
    Texts(Texts),
}

/// Where a run of rows came from: the rows from `row` on lie on the lines from `first` on, one each.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) row: usize,
    pub(crate) file: Arc<Path>,
    pub(crate) first: Position,
}

impl Origin {
    /// Where a row of the run stands.
    fn place(&self, row: usize) -> Place {
        let after = (row - self.row) as u64;
        let position = match self.first {
            Position::Line(line) => Position::Line(line + after),
            Position::Row(number) => Position::Row(number + after),
        };
        Place { file: self.file.to_path_buf(), position }
    }
}

impl Cells {
    /// How many cells there are.
    pub fn len(&self) -> usize {
        match self {
            Cells::Numbers(values) | Cells::Times(values) => values.len(),
            Cells::Texts(texts) => texts.len(),
        }
    }

    /// Whether there is no cell at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the cell of a row has no value.
    ///
    /// # Panics
    ///
    /// If the row is not there.
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Cells::Numbers(values) | Cells::Times(values) => values[row].is_nan(),
            Cells::Texts(texts) => texts.code(row).is_none(),
        }
    }

    /// What the cells are, in words.
    pub fn what(&self) -> &'static str {
        match self {
            Cells::Numbers(_) => "numbers",
            Cells::Times(_) => "dates",
            Cells::Texts(_) => "texts",
        }
    }

    /// A number for each row that is the same for rows with the same cell, in any table.
    pub(crate) fn keys(&self) -> Vec<u64> {
        match self {
            Cells::Numbers(values) | Cells::Times(values) => {
                values.iter().map(|value| mix(value.to_bits(), 0)).collect()
            }
            Cells::Texts(texts) => {
                let key = |text: &str| text.bytes().fold(0, |key, byte| mix(key, u64::from(byte)));
                let keys: Vec<u64> = texts.levels().map(key).collect();
                (0..texts.len()).map(|row| texts.code(row).map_or(0, |code| keys[code as usize])).collect()
            }
        }
    }

    /// About how many bytes of memory it takes.
    fn bytes(&self) -> usize {
        match self {
            Cells::Numbers(values) | Cells::Times(values) => size_of_val(values.as_slice()),
            Cells::Texts(texts) => texts.bytes(),
        }
    }

    /// A cell as text, nothing where there is no value.
    #[cfg(feature = "parquet")]
    fn written(&self, row: usize) -> String {
        match self {
            _ if self.is_missing(row) => String::new(),
            Cells::Numbers(values) => values[row].to_string(),
            Cells::Times(values) => crate::time::written(values[row]),
            Cells::Texts(texts) => texts.get(row).unwrap_or_default().to_string(),
        }
    }

    fn all_missing(&self) -> bool {
        match self {
            Cells::Numbers(values) | Cells::Times(values) => values.iter().all(|value| value.is_nan()),
            Cells::Texts(texts) => texts.levels().len() == 0,
        }
    }

    /// The cells of these rows.
    fn select(&self, rows: &[u32]) -> Cells {
        let pick = |values: &[f64]| rows.iter().map(|&row| values[row as usize]).collect();
        match self {
            Cells::Numbers(values) => Cells::Numbers(pick(values)),
            Cells::Times(values) => Cells::Times(pick(values)),
            Cells::Texts(texts) => Cells::Texts(rows.iter().map(|&row| texts.get(row as usize)).collect()),
        }
    }

    /// As many missing cells of the same type as `like` has.
    fn missing_like(like: &Cells, count: usize) -> Cells {
        match like {
            Cells::Numbers(_) => Cells::Numbers(vec![f64::NAN; count]),
            Cells::Times(_) => Cells::Times(vec![f64::NAN; count]),
            Cells::Texts(_) => Cells::Texts(Texts::missing(count)),
        }
    }
}

impl PartialEq for Cells {
    /// Equal cells in every row; a missing cell is equal to a missing cell.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Cells::Numbers(a), Cells::Numbers(b)) | (Cells::Times(a), Cells::Times(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
            }
            (Cells::Texts(a), Cells::Texts(b)) => a == b,
            _ => false,
        }
    }
}

impl Frame {
    /// A table of columns that were made in memory.
    ///
    /// # Panics
    ///
    /// If the columns differ in length.
    pub fn new(columns: Vec<Column>) -> Self {
        let origin = Origin { row: 0, file: Path::new("memory").into(), first: Position::Row(1) };
        Frame::with_origins(columns, vec![origin])
    }

    pub(crate) fn with_origins(columns: Vec<Column>, origins: Vec<Origin>) -> Self {
        let rows = columns.first().map_or(0, |column| column.cells.len());
        assert!(columns.iter().all(|column| column.cells.len() == rows), "columns differ in length");
        Frame { columns, written: Vec::new(), rows, origins }
    }

    /// The table with columns copied beside its own.
    pub(crate) fn with_written(self, written: Vec<Written>) -> Self {
        assert!(written.iter().all(|column| column.len() == self.rows), "columns differ in length");
        Frame { written, ..self }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns that were asked for as they are written, see [`ReadOptions::written`].
    pub fn written(&self) -> &[Written] {
        &self.written
    }

    /// The column of that name.
    ///
    /// # Errors
    ///
    /// If there is none; the error names the one most like it.
    pub fn column(&self, name: &str) -> Result<&Column, DataError> {
        self.columns
            .iter()
            .find(|column| column.name == name)
            .ok_or_else(|| missing_column(&self.place(0).file, name, self.columns.iter().map(|column| &column.name)))
    }

    /// The rows with a value in the column of that name.
    ///
    /// # Errors
    ///
    /// If there is no such column.
    pub(crate) fn rows_with_values(&self, names: &[String]) -> Result<Vec<u32>, DataError> {
        let columns = names.iter().map(|name| self.column(name)).collect::<Result<Vec<_>, _>>()?;
        let is_whole = |&row: &u32| columns.iter().all(|column| !column.cells.is_missing(row as usize));
        Ok((0..self.rows as u32).filter(is_whole).collect())
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn bytes(&self) -> u64 {
        let cells: usize = self.columns.iter().map(|column| column.cells.bytes()).sum();
        (cells + size_of_val(self.origins.as_slice())) as u64
    }

    /// Where a row stands in its file.
    pub fn place(&self, row: usize) -> Place {
        let run = self.origins.partition_point(|origin| origin.row <= row).saturating_sub(1);
        match self.origins.get(run) {
            Some(origin) => origin.place(row),
            None => Place { file: "memory".into(), position: Position::Row(row as u64 + 1) },
        }
    }

    /// The rows at these positions, in ascending order, as a table of their own.
    ///
    /// # Panics
    ///
    /// If a row is not there.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        let columns =
            self.columns.iter().map(|column| Column { name: column.name.clone(), cells: column.cells.select(rows) });
        // Rows that followed each other still do.
        let mut origins = Vec::new();
        for (row, &from) in rows.iter().enumerate() {
            if row == 0
                || rows[row - 1] + 1 != from
                || self.origins.binary_search_by_key(&(from as usize), |origin| origin.row).is_ok()
            {
                let run = self.origins.partition_point(|origin| origin.row <= from as usize).saturating_sub(1);
                let origin = &self.origins[run];
                let first = origin.place(from as usize).position;
                origins.push(Origin { row, file: Arc::clone(&origin.file), first });
            }
        }
        let written = self.written.iter().map(|column| column.select(rows)).collect();
        Frame::with_origins(columns.collect(), origins).with_written(written)
    }

    /// Takes room for so many rows in all, so that adding them moves nothing.
    pub(crate) fn reserve(&mut self, rows: usize) {
        let more = rows.saturating_sub(self.rows);
        for column in &mut self.columns {
            match &mut column.cells {
                Cells::Numbers(values) | Cells::Times(values) => values.reserve_exact(more),
                Cells::Texts(texts) => texts.reserve(more),
            }
        }
    }

    /// Adds the rows of another table with the same columns.
    ///
    /// A column that has had no value so far takes the type of the one added, and the other way about.
    ///
    /// # Errors
    ///
    /// If the columns differ in name, order or type.
    pub fn append(&mut self, other: Frame) -> Result<(), DataError> {
        if self.columns.is_empty() {
            *self = other;
            return Ok(());
        }
        let (first, file) = (self.place(0).file, other.place(0).file);
        let names = |frame: &Frame| frame.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
        let (here, there) = (names(self), names(&other));
        if let Some(column) = there.iter().find(|name| !here.contains(name)) {
            return Err(TableError::OtherColumns { file, column: column.clone(), other: first }.into());
        }
        if let Some(column) = here.iter().find(|name| !there.contains(name)) {
            return Err(TableError::OtherColumns { file: first, column: column.clone(), other: file }.into());
        }
        let rows = self.rows;
        let mut added: Vec<Option<Column>> = other.columns.into_iter().map(Some).collect();
        for (column, name) in self.columns.iter_mut().zip(&here) {
            let position = there.iter().position(|other| other == name).expect("the names are the same");
            let mut more = added[position].take().expect("each name is there once").cells;
            if column.cells.what() != more.what() {
                if more.all_missing() {
                    more = Cells::missing_like(&column.cells, more.len());
                } else if column.cells.all_missing() {
                    column.cells = Cells::missing_like(&more, rows);
                }
            }
            match (&mut column.cells, more) {
                (Cells::Numbers(values), Cells::Numbers(more)) | (Cells::Times(values), Cells::Times(more)) => {
                    values.extend(more);
                }
                (Cells::Texts(texts), Cells::Texts(more)) => texts.append(&more),
                (cells, more) => {
                    let (expected, found) = (cells.what(), more.what());
                    return Err(TableError::OtherKind { file, column: name.clone(), expected, found }.into());
                }
            }
        }
        // Chunks of one reading have the same copies, as they come from the same options.
        for (copy, more) in self.written.iter_mut().zip(&other.written) {
            copy.append(more);
        }
        self.origins.extend(other.origins.into_iter().map(|origin| Origin { row: origin.row + rows, ..origin }));
        self.rows += other.rows;
        Ok(())
    }
}

/// The error for a column that is not there.
pub(crate) fn missing_column<'a>(
    file: &Path,
    column: &str,
    names: impl Iterator<Item = &'a String> + Clone,
) -> DataError {
    TableError::MissingColumn {
        file: file.to_path_buf(),
        column: column.to_string(),
        nearest: nearest(column, names.clone()),
        columns: names.clone().take(LISTED_COLUMNS).cloned().collect(),
        more: names.count().saturating_sub(LISTED_COLUMNS),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(name: &str, values: &[f64]) -> Column {
        Column { name: name.to_string(), cells: Cells::Numbers(values.to_vec()) }
    }

    fn texts(name: &str, values: &[Option<&str>]) -> Column {
        Column { name: name.to_string(), cells: Cells::Texts(values.iter().copied().collect()) }
    }

    #[test]
    fn appends_by_name_and_lets_a_missing_column_take_a_type() {
        let mut frame = Frame::new(vec![numbers("a", &[1.0]), numbers("b", &[f64::NAN])]);
        frame.append(Frame::new(vec![texts("b", &[Some("x"), None]), numbers("a", &[2.0, 3.0])])).unwrap();
        assert_eq!(frame.columns(), [numbers("a", &[1.0, 2.0, 3.0]), texts("b", &[None, Some("x"), None])]);
        let error = frame.append(Frame::new(vec![texts("a", &[Some("x")]), texts("b", &[None])])).unwrap_err();
        assert!(error.to_string().contains("\"a\": holds texts, where numbers"), "{error}");
        let error = frame.append(Frame::new(vec![numbers("a", &[1.0])])).unwrap_err();
        assert!(error.to_string().contains("has the column \"b\""), "{error}");
    }
}
