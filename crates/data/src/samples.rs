//! From a table to samples for training: rows held out, kinds found, columns encoded.

use std::path::Path;

use crate::{
    DataError, Dataset, Encoder, Frame, Kinds, LevelOptions, Matrix, ReadOptions, TableError, Target, Task, folds,
    hold_out, read_frame, table::mixed_target, target,
};

/// How a table becomes samples.
#[derive(Clone, Debug)]
pub struct SampleOptions {
    /// The column to predict.
    pub target: String,
    /// What it holds.
    pub task: Task,
    /// How the files are read, and what columns are asked to be.
    pub read: ReadOptions,
    /// How many features a category may have.
    pub levels: LevelOptions,
    /// The share of rows to test on.
    pub test: f64,
    /// The share of the other rows that will be held out to choose the best epoch, [`usual_validation`] if not given:
    /// what is learned about columns is not learned from them.
    pub validation: Option<f64>,
    /// The seed of the choice of rows.
    pub seed: u64,
}

/// The share of so many rows of a table that is held out to choose the best epoch: a tenth, or nothing of few rows, which
/// teach more than they would tell.
pub fn usual_validation(rows: usize) -> f64 {
    const MANY_ROWS: usize = 2000;
    if rows < MANY_ROWS { 0.0 } else { 0.1 }
}

/// A table made ready for training.
#[derive(Clone, Debug)]
pub struct Samples {
    /// What the columns are.
    pub kinds: Kinds,
    /// How they become features.
    pub encoder: Encoder,
    /// The rows to train on, those to choose the best epoch by among them.
    pub train: Dataset,
    /// The rows to test on, if any are held out.
    pub test: Option<Dataset>,
    /// Rows that were left out because they have no target.
    pub without_target: usize,
}

/// A table read for a trained model.
#[derive(Clone, Debug)]
pub struct KnownSamples {
    /// All its rows.
    pub data: Dataset,
    /// The columns with values that training did not know, and in how many rows.
    pub unknown: Vec<(String, usize)>,
    /// The columns with missing values, and in how many rows.
    pub missing: Vec<(String, usize)>,
}

/// A table with a target, before rows are held out.
#[derive(Clone, Debug)]
pub struct TargetTable {
    options: SampleOptions,
    read: ReadOptions,
    frame: Frame,
    target: Target,
    without_target: usize,
    source: String,
}

impl SampleOptions {
    /// Reads files as one table and makes samples of it.
    ///
    /// # Errors
    ///
    /// As [`SampleOptions::table`] and [`TargetTable::samples`].
    pub fn read<P: AsRef<Path>>(&self, paths: &[P]) -> Result<Samples, DataError> {
        let table = self.table(paths)?;
        let (kept, held_out) = hold_out(table.frame.rows(), table.target.labels(), self.test, self.seed);
        table.samples(&kept, &held_out)
    }

    /// Reads files as one table.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or if the target is not there, or the same in every row, or a class for each.
    pub fn table<P: AsRef<Path>>(&self, paths: &[P]) -> Result<TargetTable, DataError> {
        let mut read = self.read.clone();
        target::ask(&mut read, &self.target, self.task);
        let whole = read_frame(paths, &read).map_err(|error| mixed_target(error, &self.target))?;
        let (frame, without_target) = whole.with_values_in(&self.target)?;
        let file = || frame.place(0).file;
        if frame.columns().len() == 1 {
            return Err(TableError::NoFeatures { file: file(), target: self.target.clone() }.into());
        }
        check_rows(&frame, frame.rows())?;
        let target = target::read(&frame, &self.target, self.task)?;
        if let Target::Classes { names, labels } = &target
            && names.len() == labels.len()
        {
            let (column, rows) = (self.target.clone(), labels.len());
            return Err(TableError::NoClassTwice { file: file(), column, rows }.into());
        }
        if let Some(text) = target.only_value() {
            return Err(TableError::ConstantTarget { file: file(), column: self.target.clone(), text }.into());
        }
        let source = paths.first().map(|path| path.as_ref().display().to_string()).unwrap_or_default();
        Ok(TargetTable { options: self.clone(), read, frame, target, without_target, source })
    }
}

impl TargetTable {
    /// How many rows have a target.
    pub fn rows(&self) -> usize {
        self.frame.rows()
    }

    /// The fold, from 0 up to but without `count`, that each row is tested in; each fold has its share of every class.
    ///
    /// # Panics
    ///
    /// If `count` is 0.
    pub fn folds(&self, count: u32) -> Vec<u32> {
        folds(self.rows(), self.target.labels(), None, count, self.options.seed)
    }

    /// Makes samples of the rows `kept` to train on, and those `held_out` to test on. What the columns are and how they
    /// become features is learned from the rows kept, without those that will choose the best epoch.
    ///
    /// # Errors
    ///
    /// If there is nothing to learn from.
    ///
    /// # Panics
    ///
    /// If a row is not there.
    pub fn samples(&self, kept: &[u32], held_out: &[u32]) -> Result<Samples, DataError> {
        let Self { options, frame, target, .. } = self;
        let of_kept = target.select(kept);
        let validation = options.validation.unwrap_or_else(|| usual_validation(kept.len()));
        let (learned, _) = hold_out(kept.len(), of_kept.labels(), validation, options.seed);
        let learned: Vec<u32> = learned.into_iter().map(|position| kept[position as usize]).collect();
        check_rows(frame, learned.len())?;
        let kinds = Kinds::infer(frame, &learned, Some(&options.target), &self.read)?;
        let encoder = Encoder::fit(frame, &learned, &kinds, &options.levels)?;
        let dataset = |rows: &[u32]| -> Result<Dataset, DataError> {
            let features = encoder.encode(frame, rows)?.features;
            Ok(encoded(&encoder, features, Some(target.select(rows)), &self.source))
        };
        let train = dataset(kept)?;
        let test = if held_out.is_empty() { None } else { Some(dataset(held_out)?) };
        Ok(Samples { kinds, encoder, train, test, without_target: self.without_target })
    }
}

/// Reads files as one table for a model that was trained with `encoder`: its columns, whatever their order and whatever
/// others there are. `target` is the name of the target, with the names of its classes unless it holds numbers; if the
/// files lack it, or it is not asked for, the dataset has no target.
///
/// # Errors
///
/// If a file cannot be read, lacks a column, or has another kind of values in one.
pub fn read_known<P: AsRef<Path>>(
    paths: &[P],
    encoder: &Encoder,
    target: Option<(&str, Option<&[String]>)>,
) -> Result<KnownSamples, DataError> {
    let mut read = encoder.read_options();
    target::ask_known(&mut read, target);
    let frame = read_frame(paths, &read)?;
    let target = target::read_if_there(&frame, target)?;
    let rows: Vec<u32> = (0..frame.rows() as u32).collect();
    let found = encoder.encode(&frame, &rows)?;
    let source = paths.first().map(|path| path.as_ref().display().to_string()).unwrap_or_default();
    let data = encoded(encoder, found.features, target, &source);
    Ok(KnownSamples { data, unknown: found.unknown, missing: found.missing })
}

fn encoded(encoder: &Encoder, features: Matrix, target: Option<Target>, source: &str) -> Dataset {
    Dataset { features, feature_names: encoder.feature_names(), target, image: None, source: source.to_string() }
}

/// Refuses to learn from less than two rows, in which nothing differs.
fn check_rows(frame: &Frame, left: usize) -> Result<(), DataError> {
    match left {
        0 | 1 => Err(TableError::TooFewRows { file: frame.place(0).file, left, rows: frame.rows() }.into()),
        _ => Ok(()),
    }
}

impl Frame {
    /// The rows with a value in a column, and how many there are without.
    fn with_values_in(self, name: &str) -> Result<(Self, usize), DataError> {
        let cells = &self.column(name)?.cells;
        let rows: Vec<u32> = (0..self.rows() as u32).filter(|&row| !cells.is_missing(row as usize)).collect();
        let without = self.rows() - rows.len();
        if rows.is_empty() {
            return Err(TableError::AllMissing { file: self.place(0).file, column: name.to_string() }.into());
        }
        Ok(if without == 0 { (self, 0) } else { (self.select(&rows), without) })
    }
}
