//! Tables of numbers in CSV files.
//!
//! A table has a header with a different name for each column, commas between its fields, and a number in every cell
//! of a feature. It is UTF-8, with or without a byte order mark, with either kind of line end, plain or gzip. White
//! space around a cell does not count, and blank lines are passed over.

use std::path::Path;

use crate::{DataError, Dataset, Matrix, Target, Values, table::Table, target::TargetColumn};

/// What to read from a table.
#[derive(Clone, Debug, Default)]
pub struct CsvOptions {
    /// The column to predict. Without one, every column is a feature.
    pub target: Option<String>,
    /// What the target column holds.
    pub task: Task,
}

/// What a target column holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// Decides by the cells.
    ///
    /// Cells that are all text are classes. Cells that are all numbers are classes when they are whole, have at most
    /// 20 different values and show each value at least twice; otherwise they are numbers. Text among numbers makes
    /// all of them classes when there are at most 20 different ones; otherwise it is an error, since most likely a
    /// cell of a numeric column is wrong.
    #[default]
    Auto,
    /// Every different text is a class.
    Classify,
    /// Every cell is a number.
    Regress,
}

/// Reads a table to train on, or, without a target, to predict from.
///
/// Classes are numbered in the natural order of their names: by number when all are whole numbers, by letter
/// otherwise. A whole number written with a decimal point, such as `3.0`, is the class `3`.
///
/// # Errors
///
/// If the file cannot be read, is not a table of numbers as the module describes, lacks the target, or has the same
/// target in every row.
pub fn read_csv(path: &Path, options: &CsvOptions) -> Result<Dataset, DataError> {
    let mut table = Table::open(path)?;
    let target = match &options.target {
        Some(name) => {
            let column = table.find(name).ok_or_else(|| table.missing_column(name))?;
            Some(TargetColumn::new(&table, column, options.task))
        }
        None => None,
    };
    let target_column = target.as_ref().map(TargetColumn::column);
    let columns: Vec<usize> = (0..table.names().len()).filter(|&column| Some(column) != target_column).collect();
    if let (true, Some(name)) = (columns.is_empty(), &options.target) {
        return Err(DataError::NoFeatures { file: path.to_path_buf(), target: name.clone() });
    }
    let dataset = read_rows(&mut table, &columns, target)?;
    if let (Some(target), Some(column)) = (&dataset.target, &options.target)
        && let Some(text) = only_value(target)
    {
        return Err(DataError::ConstantTarget { file: path.to_path_buf(), column: column.clone(), text });
    }
    Ok(dataset)
}

/// Reads a table for a model that has been trained: the named columns in the order given, whatever their order in the
/// file and whatever other columns there are.
///
/// `target` is the name of the target column, with the names of its classes unless it holds numbers. The file need not
/// have that column; the dataset then has no target.
///
/// # Errors
///
/// If the file cannot be read, is not a table as the module describes, lacks a feature, or has a class that is not
/// among those given.
pub fn read_csv_with_columns(
    path: &Path,
    features: &[String],
    target: Option<(&str, Option<&[String]>)>,
) -> Result<Dataset, DataError> {
    let mut table = Table::open(path)?;
    let columns = features
        .iter()
        .map(|name| table.find(name).ok_or_else(|| table.missing_column(name)))
        .collect::<Result<Vec<_>, _>>()?;
    let target = target.and_then(|(name, classes)| {
        let column = table.find(name)?;
        Some(match classes {
            Some(classes) => TargetColumn::known(&table, column, classes),
            None => TargetColumn::new(&table, column, Task::Regress),
        })
    });
    read_rows(&mut table, &columns, target)
}

fn read_rows(table: &mut Table, columns: &[usize], mut target: Option<TargetColumn>) -> Result<Dataset, DataError> {
    let mut values = Vec::new();
    let mut rows = 0;
    while table.next_row()? {
        read_row(table, columns, &mut values, target.as_mut()).map_err(|error| table.or_unclosed(error))?;
        rows += 1;
    }
    if rows == 0 {
        return Err(DataError::HeaderOnly { file: table.path() });
    }
    values.shrink_to_fit();
    Ok(Dataset {
        features: Matrix::new(rows, columns.len(), Values::Floats(values)),
        feature_names: columns.iter().map(|&column| table.names()[column].clone()).collect(),
        target: target.map(TargetColumn::finish),
        image: None,
        source: table.path().display().to_string(),
    })
}

fn read_row(
    table: &Table,
    columns: &[usize],
    values: &mut Vec<f32>,
    target: Option<&mut TargetColumn>,
) -> Result<(), DataError> {
    for &column in columns {
        values.push(table.number(column)?);
    }
    target.map_or(Ok(()), |target| target.push(table))
}

/// The value that every row has, when they all have the same.
fn only_value(target: &Target) -> Option<String> {
    match target {
        Target::Classes { names, .. } => match names.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        },
        Target::Values { values, .. } => {
            let (first, rest) = values.split_first()?;
            rest.iter().all(|value| value == first).then(|| first.to_string())
        }
    }
}
