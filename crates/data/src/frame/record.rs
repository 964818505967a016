//! From the texts of cells to columns: what formats without types have in common.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use super::{
    Cells, Column, Frame, Origin, ReadOptions, Texts, Written,
    cells::{Value, is_missing, time, value},
    missing_column,
};
use crate::{DataError, Place, Position, TableError};

/// The most columns that a table may have.
pub(crate) const MAX_COLUMNS: usize = 100_000;

/// A column with text among its numbers is one of categories if it has no more different numbers than this.
const FEW_NUMBERS: usize = 20;

/// What is read into a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Number,
    Time,
    Text,
}

/// What is wrong with a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    NotANumber,
    NotATime,
    Infinite,
    NotUtf8,
}

/// A cell that cannot be read, with the line it is on.
pub(crate) struct BadCell {
    pub(crate) line: u64,
    pub(crate) column: usize,
    pub(crate) text: Vec<u8>,
    pub(crate) fault: Fault,
}

/// What is known of a file's columns.
pub(crate) struct Columns {
    pub(crate) file: Arc<Path>,
    pub(crate) names: Vec<String>,
    /// For each column, which one of the frame's it is.
    pub(crate) slots: Vec<Option<usize>>,
    /// The decimal separator.
    pub(crate) point: u8,
    /// For each column, what it is read as; `None` as long as it has had no value.
    types: Vec<Option<Type>>,
    /// For each column, whether it was asked for as numbers.
    numeric: Vec<bool>,
    /// The columns of the frame.
    pub(crate) chosen: Vec<usize>,
    /// The columns that are copied as they are written.
    pub(crate) copied: Vec<usize>,
    /// For each column, which one of the copies it is; empty if there are none.
    copy_slots: Vec<Option<usize>>,
    positions: HashMap<String, usize>,
}

impl Columns {
    pub(crate) fn new(
        file: &Arc<Path>,
        names: Vec<String>,
        point: u8,
        options: &ReadOptions,
    ) -> Result<Self, DataError> {
        let chosen = choose(file, &names, options)?;
        let copied = choose_written(file, &names, options)?;
        let mut slots = vec![None; names.len()];
        for (slot, &column) in chosen.iter().enumerate() {
            slots[column] = Some(slot);
        }
        let mut copy_slots = if copied.is_empty() { Vec::new() } else { vec![None; names.len()] };
        for (slot, &column) in copied.iter().enumerate() {
            copy_slots[column] = Some(slot);
        }
        let asked: HashMap<&String, Type> = (options.numeric.iter().map(|name| (name, Type::Number)))
            .chain(options.categorical.iter().map(|name| (name, Type::Text)))
            .collect();
        let types: Vec<Option<Type>> = names.iter().map(|name| asked.get(name).copied()).collect();
        let numeric = types.iter().map(|&asked| asked == Some(Type::Number)).collect();
        let positions = names.iter().cloned().zip(0..).collect();
        Ok(Columns { file: file.clone(), point, types, slots, numeric, chosen, copied, copy_slots, names, positions })
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }

    /// Which of the copies a column is, if it is one.
    #[inline]
    pub(crate) fn copy_slot(&self, column: usize) -> Option<usize> {
        self.copy_slots.get(column).copied().flatten()
    }

    /// Whether a column is not known to hold something yet.
    pub(crate) fn has_unsettled(&self) -> bool {
        self.chosen.iter().any(|&column| self.types[column].is_none())
    }

    /// Decides what the columns hold of which it is not known, from rows.
    pub(crate) fn settle(&mut self, tallies: &[Tally]) -> Result<(), DataError> {
        for &column in &self.chosen {
            if self.types[column].is_none() {
                self.types[column] = tallies[column]
                    .settle()
                    .map_err(|(line, text)| self.bad_cell(BadCell { line, column, text, fault: Fault::NotANumber }))?;
            }
        }
        Ok(())
    }

    pub(crate) fn place(&self, line: u64) -> Place {
        Place { file: self.file.to_path_buf(), position: Position::Line(line) }
    }

    pub(crate) fn bad_cell(&self, BadCell { line, column, text, fault }: BadCell) -> DataError {
        let place = self.place(line);
        let (numeric, column) = (self.numeric[column], self.names[column].clone());
        let text = String::from_utf8_lossy(&text).into_owned();
        DataError::from(match fault {
            Fault::NotUtf8 => TableError::NotUtf8 { place, column: Some(column) },
            Fault::Infinite => TableError::NotFinite { place, column, text },
            Fault::NotATime => TableError::NotATime { place, column, text },
            Fault::NotANumber if numeric => TableError::NotANumber { place, column, text },
            Fault::NotANumber => TableError::Mixed { place, column, text },
        })
    }

    pub(crate) fn builders(&self) -> Vec<Builder> {
        self.chosen.iter().map(|&column| Builder::new(self.types[column].unwrap_or(Type::Number))).collect()
    }

    /// The copies of columns before the first row.
    pub(crate) fn copies(&self) -> Vec<Written> {
        self.copied.iter().map(|&column| Written::new(&self.names[column])).collect()
    }

    pub(crate) fn frame(&self, builders: Vec<Builder>, copies: Vec<Written>, lines: Vec<(usize, u64)>) -> Frame {
        let column = |(builder, &column): (Builder, &usize)| Column {
            name: self.names[column].clone(),
            cells: builder.finish(),
        };
        let origin = |(row, line)| Origin { row, file: self.file.clone(), first: Position::Line(line) };
        Frame::with_origins(
            builders.into_iter().zip(&self.chosen).map(column).collect(),
            lines.into_iter().map(origin).collect(),
        )
        .with_written(copies)
    }
}

/// Refuses more columns than a table may have.
pub(crate) fn check_count(file: &Path, found: usize) -> Result<(), DataError> {
    if found > MAX_COLUMNS {
        return Err(TableError::TooManyColumns { file: file.to_path_buf(), found, limit: MAX_COLUMNS }.into());
    }
    Ok(())
}

/// The columns that the options ask for, in the order of the frame.
pub(crate) fn choose(file: &Path, names: &[String], options: &ReadOptions) -> Result<Vec<usize>, DataError> {
    check_count(file, names.len())?;
    let positions: HashMap<&String, usize> = names.iter().zip(0..).collect();
    let find = |name: &String| positions.get(name).copied();
    let need = |name: &String| find(name).ok_or_else(|| missing_column(file, name, names.iter()));
    if let Some(columns) = &options.columns {
        let mut chosen = columns.iter().map(need).collect::<Result<Vec<_>, _>>()?;
        let also: Vec<usize> = options.also.iter().filter_map(find).filter(|also| !chosen.contains(also)).collect();
        chosen.extend(also);
        return Ok(chosen);
    }
    for name in options.categorical.iter().chain(&options.numeric) {
        need(name)?;
    }
    let dropped: HashSet<usize> = options.drop.iter().map(need).collect::<Result<_, _>>()?;
    Ok((0..names.len()).filter(|column| !dropped.contains(column)).collect())
}

/// The columns to copy that the options ask for, in their order.
pub(crate) fn choose_written(file: &Path, names: &[String], options: &ReadOptions) -> Result<Vec<usize>, DataError> {
    let find = |name: &String| names.iter().position(|other| other == name);
    let need = |name: &String| find(name).ok_or_else(|| missing_column(file, name, names.iter()));
    let mut copied = options.written.iter().map(need).collect::<Result<Vec<_>, _>>()?;
    copied.extend(options.also_written.iter().filter_map(find));
    let mut seen = HashSet::new();
    copied.retain(|&column| seen.insert(column));
    Ok(copied)
}

/// The column of a file that says what its cells are, as the options ask for it.
pub(crate) fn as_asked(mut column: Column, origin: &Origin, options: &ReadOptions) -> Result<Column, DataError> {
    let file = || origin.file.to_path_buf();
    let Column { name, cells } = &column;
    if options.categorical.contains(name) {
        match cells {
            Cells::Texts(_) => {}
            Cells::Numbers(numbers) => {
                let texts: Vec<Option<String>> =
                    numbers.iter().map(|number| (!number.is_nan()).then(|| number.to_string())).collect();
                column.cells = Cells::Texts(texts.iter().map(Option::as_deref).collect());
            }
            Cells::Times(_) => {
                let (column, expected, found) = (name.clone(), "texts", cells.what());
                return Err(TableError::OtherKind { file: file(), column, expected, found }.into());
            }
        }
    } else if options.numeric.contains(name)
        && let Cells::Texts(texts) = cells
    {
        let mut builder = Builder::new(Type::Number);
        for row in 0..texts.len() {
            let text = texts.get(row).unwrap_or("");
            if let Err(fault) = builder.push(text.trim().as_bytes(), b'.') {
                let (place, column, text) = (origin.place(row), name.clone(), text.to_string());
                return Err(match fault {
                    Fault::Infinite => TableError::NotFinite { place, column, text },
                    _ => TableError::NotANumber { place, column, text },
                }
                .into());
            }
        }
        column.cells = builder.finish();
    }
    Ok(column)
}

/// What the first rows have in a column.
#[derive(Default)]
pub(crate) struct Tally {
    numbers: usize,
    times: usize,
    others: usize,
    different: HashSet<u64>,
    first_other: Option<(u64, Vec<u8>)>,
}

impl Tally {
    pub(crate) fn see(&mut self, text: &[u8], point: u8, line: u64) {
        match value(text, point) {
            Value::Missing => {}
            Value::Number(number) => {
                self.numbers += 1;
                if self.different.len() <= FEW_NUMBERS {
                    self.different.insert(number.to_bits());
                }
            }
            Value::Infinite => self.numbers += 1,
            Value::Other if self.others == 0 && time(text).is_ok() => self.times += 1,
            Value::Other => {
                self.others += 1;
                self.first_other.get_or_insert_with(|| (line, text.to_vec()));
            }
        }
    }

    /// Numbers if all cells are, times if all are, and texts otherwise, unless nearly all cells are numbers: then the
    /// error is the first that is not.
    fn settle(&self) -> Result<Option<Type>, (u64, Vec<u8>)> {
        match (&self.first_other, self.numbers, self.times) {
            (None, 0, 0) => Ok(None),
            (None, _, 0) => Ok(Some(Type::Number)),
            (None, 0, _) => Ok(Some(Type::Time)),
            (Some((line, text)), numbers, 0) if self.different.len() > FEW_NUMBERS && numbers >= 9 * self.others => {
                Err((*line, text.clone()))
            }
            _ => Ok(Some(Type::Text)),
        }
    }

    /// Whether the column has numbers, and nothing else.
    pub(crate) fn is_numeric(&self) -> bool {
        self.numbers > 0 && self.times + self.others == 0
    }
}

/// A column while its cells are read.
pub(crate) enum Builder {
    Numbers(Vec<f64>),
    Times(Vec<f64>),
    Texts(Texts),
}

impl Builder {
    fn new(kind: Type) -> Self {
        match kind {
            Type::Number => Builder::Numbers(Vec::new()),
            Type::Time => Builder::Times(Vec::new()),
            Type::Text => Builder::Texts(Texts::default()),
        }
    }

    pub(crate) fn push(&mut self, text: &[u8], point: u8) -> Result<(), Fault> {
        match self {
            Builder::Numbers(values) => values.push(match value(text, point) {
                Value::Number(number) => number,
                Value::Missing => f64::NAN,
                Value::Infinite => return Err(Fault::Infinite),
                Value::Other => return Err(Fault::NotANumber),
            }),
            Builder::Times(values) => {
                values.push(time(text).map_err(|()| Fault::NotATime)?.unwrap_or(f64::NAN));
            }
            Builder::Texts(texts) if is_missing(text) => texts.push(None),
            Builder::Texts(texts) => texts.push(Some(str::from_utf8(text).map_err(|_| Fault::NotUtf8)?)),
        }
        Ok(())
    }

    /// Adds the cells of a column of the same type.
    pub(crate) fn append(&mut self, more: Builder) {
        match (self, more) {
            (Builder::Numbers(values), Builder::Numbers(more)) | (Builder::Times(values), Builder::Times(more)) => {
                values.extend(more);
            }
            (Builder::Texts(texts), Builder::Texts(more)) => texts.append(&more),
            _ => unreachable!("the pieces of a file share the types of its columns"),
        }
    }

    fn finish(self) -> Cells {
        match self {
            Builder::Numbers(values) => Cells::Numbers(values),
            Builder::Times(values) => Cells::Times(values),
            Builder::Texts(texts) => Cells::Texts(texts),
        }
    }
}
