//! Tables of numbers as datasets.
//!
//! A table may be in any of the formats of [`crate::frame`]. Every cell of a feature has to be a number.

use std::path::Path;

use crate::{
    Cells, DataError, Dataset, Form, Frame, Matrix, ReadOptions, Split, TableError, Target, Values, read_frame, target,
};

/// What to read from a table.
#[derive(Clone, Debug, Default)]
pub struct TableOptions {
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
pub fn read_table(path: &Path, options: &TableOptions) -> Result<Dataset, DataError> {
    let mut read = ReadOptions::default();
    let names = options.target.as_slice();
    target::ask(&mut read, names, options.task);
    let frame = read_frame(&[path], &read).map_err(|error| mixed_target(error, names))?;
    let Some(name) = &options.target else { return dataset(&frame, path, &[], None) };
    frame.column(name)?;
    if frame.columns().len() == 1 {
        return Err(TableError::NoFeatures { file: path.to_path_buf(), target: name.clone() }.into());
    }
    let target = target::read(&frame, names, options.task)?;
    target.check_differs(|| path.to_path_buf(), names)?;
    dataset(&frame, path, names, Some(target))
}

/// Reads a table for a model that has been trained: the named columns in the order given, whatever their order in the
/// file and whatever other columns there are.
///
/// `target` names the columns of the target, with its classes unless they hold numbers. The file need not have them; the
/// dataset then has no target.
///
/// # Errors
///
/// If the file cannot be read, is not a table as the module describes, lacks a feature, or has a class that is not
/// among those given.
pub fn read_table_with_columns(
    path: &Path,
    form: &Form,
    features: &[String],
    target: Option<(&[String], Option<&[String]>)>,
) -> Result<Dataset, DataError> {
    let mut read = ReadOptions { form: form.clone(), columns: Some(features.to_vec()), ..ReadOptions::default() };
    target::ask_known(&mut read, target);
    let frame = read_frame(&[path], &read)?;
    let values = target::read_if_there(&frame, target)?;
    // A target may be a feature as well.
    let names = target.map_or(&[][..], |(names, _)| names).iter();
    let not_features: Vec<String> = names.filter(|name| !features.contains(name)).cloned().collect();
    dataset(&frame, path, &not_features, values)
}

/// The error for a text among numbers, if it is in the target: there, the cure is another.
pub(crate) fn mixed_target(error: DataError, target: &[String]) -> DataError {
    match error {
        DataError::Table(TableError::Mixed { place, column, text }) if target == [column.as_str()] => {
            TableError::MixedTarget { place, column, text }.into()
        }
        other => other,
    }
}

fn dataset(frame: &Frame, path: &Path, not_features: &[String], target: Option<Target>) -> Result<Dataset, DataError> {
    let features = frame.columns().iter().map(|column| &column.name).filter(|name| !not_features.contains(name));
    let feature_names: Vec<String> = features.cloned().collect();
    let rows: Vec<u32> = (0..frame.rows() as u32).collect();
    Ok(Dataset {
        features: plain_features(frame, &feature_names, &rows)?,
        feature_names,
        target,
        weights: None,
        split: Split::Rows,
        image: None,
        source: path.display().to_string(),
    })
}

/// The named rows with the named columns as features, which are the numbers in them as they are.
///
/// # Errors
///
/// If a column is not there, or has a cell among the rows that is no number.
///
/// # Panics
///
/// If a row is not there.
pub fn plain_features(frame: &Frame, columns: &[String], rows: &[u32]) -> Result<Matrix, DataError> {
    let mut values = vec![0.0; rows.len() * columns.len()];
    for (position, name) in columns.iter().enumerate() {
        let numbers = frame.column(name)?.numbers(frame)?;
        for (&row, features) in rows.iter().zip(values.chunks_exact_mut(columns.len())) {
            features[position] = single(numbers[row as usize], frame, row as usize, name)?;
        }
    }
    Ok(Matrix::new(rows.len(), columns.len(), Values::Floats(values)))
}

/// A number that has to be there, as an `f32`.
pub(crate) fn single(number: f64, frame: &Frame, row: usize, name: &str) -> Result<f32, DataError> {
    if number.is_nan() {
        return Err(TableError::EmptyCell { place: frame.place(row), column: name.to_string() }.into());
    }
    let single = number as f32;
    if single.is_infinite() { Err(overflow(number, frame, row, name)) } else { Ok(single) }
}

/// The error for a number that has no `f32`.
pub(crate) fn overflow(number: f64, frame: &Frame, row: usize, name: &str) -> DataError {
    let text = format!("{number:e}");
    TableError::Overflow { place: frame.place(row), column: name.to_string(), text }.into()
}

impl crate::Column {
    /// The numbers of a column that has to hold numbers.
    pub(crate) fn numbers(&self, frame: &Frame) -> Result<&[f64], DataError> {
        match &self.cells {
            Cells::Numbers(numbers) => Ok(numbers),
            Cells::Texts(texts) => {
                let number = |text: &str| text.parse::<f64>().is_ok();
                let row = (0..texts.len()).find(|&row| texts.get(row).is_some_and(|text| !number(text))).unwrap_or(0);
                let text = texts.get(row).unwrap_or_default().to_string();
                Err(TableError::NotANumber { place: frame.place(row), column: self.name.clone(), text }.into())
            }
            Cells::Times(_) => Err(TableError::OtherKind {
                file: frame.place(0).file,
                column: self.name.clone(),
                expected: "numbers",
                found: self.cells.what(),
            }
            .into()),
        }
    }
}
