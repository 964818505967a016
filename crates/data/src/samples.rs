//! From a table to samples for training: rows held out, kinds found, columns encoded.

use std::path::Path;

use crate::{
    Cells, ClassWeights, DataError, Dataset, Encoder, Form, Frame, Kind, Kinds, LevelOptions, Matrix, ReadOptions,
    Split, TableError, Target, Task, read_frame, table::mixed_target, target, weights,
};

/// How a table becomes samples.
#[derive(Clone, Debug)]
pub struct SampleOptions {
    /// The column to predict, or several columns of numbers.
    pub targets: Vec<String>,
    /// What it holds.
    pub task: Task,
    /// The column that says how much each row counts in training, if one does.
    pub weight: Option<String>,
    /// How much the rows of each class count.
    pub class_weights: ClassWeights,
    /// How rows are chosen to be held out.
    pub split: SplitBy,
    /// How the files are read, and what columns are asked to be.
    pub read: ReadOptions,
    /// How many features a category may have.
    pub levels: LevelOptions,
    /// How columns become features, if that is known from a model; the others are left out then.
    pub encoder: Option<Encoder>,
    /// Classes that there are beside those in the table, if it has classes.
    pub classes: Vec<String>,
    /// Whether every value of the target must be above 0, since its logarithm is to be learned.
    pub positive: bool,
    /// The share of rows to test on.
    pub test: f64,
    /// The share of the other rows that will be held out to choose the best epoch, [`usual_validation`] if not given:
    /// what is learned about columns is not learned from them.
    pub validation: Option<f64>,
    /// The seed of the choice of rows.
    pub seed: u64,
}

/// How rows are chosen to be held out, for the test and to choose the best epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum SplitBy {
    /// At random, so that each class keeps its share.
    #[default]
    Rows,
    /// At random, but those with the same value in this column together; the column is not learned from.
    Group(String),
    /// The latest by this column of dates or numbers.
    Time(String),
}

/// Rows from which on some can be spared to choose the best epoch by.
pub(crate) const MANY_ROWS: usize = 2000;

/// The share of so many rows of a table that is held out to choose the best epoch: a tenth, or nothing of few rows, which
/// teach more than they would tell.
pub fn usual_validation(rows: usize) -> f64 {
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
    /// Its rows; where it has the target, those with a value in it.
    pub data: Dataset,
    /// Where its rows stand in the files, counted from 0 over all of them.
    pub rows: Vec<u32>,
    /// Rows that were left out because they have no target.
    pub without_target: usize,
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
    weights: Option<Vec<f64>>,
    split: Split,
    without_target: usize,
    source: String,
}

impl SampleOptions {
    /// A column to predict, with a fifth of the rows to test on, and the rest as usual.
    pub fn new(target: &str) -> Self {
        Self {
            targets: vec![target.to_owned()],
            task: Task::Auto,
            weight: None,
            class_weights: ClassWeights::Even,
            split: SplitBy::Rows,
            read: ReadOptions::default(),
            levels: LevelOptions::default(),
            encoder: None,
            classes: Vec::new(),
            positive: false,
            test: 0.2,
            validation: None,
            seed: 0,
        }
    }

    /// Reads files as one table and makes samples of it.
    ///
    /// # Errors
    ///
    /// As [`SampleOptions::table`] and [`TargetTable::samples`].
    pub fn read<P: AsRef<Path>>(&self, paths: &[P]) -> Result<Samples, DataError> {
        let table = self.table(paths)?;
        let (kept, held_out) = table.split.hold_out(table.rows(), table.target.labels(), self.test, self.seed);
        table.samples(&kept, &held_out)
    }

    /// Reads files as one table.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, if a column that is named is not there, or if the target is the same in every row, or a
    /// class for each.
    pub fn table<P: AsRef<Path>>(&self, paths: &[P]) -> Result<TargetTable, DataError> {
        let read = self.read_options();
        let whole = read_frame(paths, &read).map_err(|error| mixed_target(error, &self.targets))?;
        let (frame, without_target) = whole.with_values_in(&self.targets)?;
        let file = || frame.place(0).file;
        if frame.columns().len() == self.targets.len() {
            return Err(TableError::NoFeatures { file: file(), target: self.targets.join(", ") }.into());
        }
        check_rows(&frame, frame.rows())?;
        let target = target::read(&frame, &self.targets, self.task)?;
        if self.positive {
            target::check_positive(&frame, &target)?;
        }
        if let Target::Classes { names, labels } = &target
            && names.len() == labels.len()
        {
            let (column, rows) = (self.targets.join(", "), labels.len());
            return Err(TableError::NoClassTwice { file: file(), column, rows }.into());
        }
        let more: Vec<&str> = self.classes.iter().map(String::as_str).collect();
        let target = target.with_classes(&more);
        target.check_differs(file, &self.targets)?;
        let source = paths.first().map(|path| path.as_ref().display().to_string()).unwrap_or_default();
        let weights = self.weight.as_ref().map(|name| weights::column(&frame, name)).transpose()?;
        let split = self.split.of(&frame)?;
        Ok(TargetTable { options: self.clone(), read, frame, target, weights, split, without_target, source })
    }

    /// How the files are read: every column, or those that a known encoder takes, with those of the options.
    fn read_options(&self) -> ReadOptions {
        let mut read = match &self.encoder {
            Some(encoder) => {
                let mut read = ReadOptions { form: self.read.form.clone(), ..encoder.read_options() };
                let others = self.targets.iter().chain(&self.weight).chain(self.split.column());
                read.also.extend(others.cloned());
                read
            }
            None => self.read.clone(),
        };
        target::ask(&mut read, &self.targets, self.task);
        read.numeric.extend(self.weight.clone());
        read
    }

    /// The columns that have another part than to be learned from.
    pub(crate) fn roles(&self) -> Vec<(&str, Kind)> {
        let weight = self.weight.as_ref().map(|name| (name.as_str(), Kind::Weight));
        let group = if let SplitBy::Group(name) = &self.split { Some((name.as_str(), Kind::Group)) } else { None };
        let targets = self.targets.iter().map(|name| (name.as_str(), Kind::Target));
        targets.chain(weight).chain(group).collect()
    }
}

impl SplitBy {
    /// The column that it goes by.
    pub(crate) fn column(&self) -> Option<&String> {
        match self {
            Self::Rows => None,
            Self::Group(name) | Self::Time(name) => Some(name),
        }
    }

    fn of(&self, frame: &Frame) -> Result<Split, DataError> {
        match self {
            Self::Rows => Ok(Split::Rows),
            Self::Group(name) => Ok(Split::Groups(frame.column(name)?.cells.groups())),
            Self::Time(name) => match &frame.column(name)?.cells {
                Cells::Numbers(times) | Cells::Times(times) => Ok(Split::Times(times.clone())),
                Cells::Texts(_) => {
                    Err(TableError::NotAnOrder { file: frame.place(0).file, column: name.clone() }.into())
                }
            },
        }
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
        self.split.folds(self.rows(), self.target.labels(), count, self.options.seed)
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
        let Self { options, frame, target, split, .. } = self;
        let (of_kept, split) = (target.select(kept), split.select(kept));
        let validation = options.validation.unwrap_or_else(|| usual_validation(kept.len()));
        let (learned, _) = split.hold_out(kept.len(), of_kept.labels(), validation, options.seed);
        let learned: Vec<u32> = learned.into_iter().map(|position| kept[position as usize]).collect();
        check_rows(frame, learned.len())?;
        let kinds = Kinds::infer(frame, &learned, &options.roles(), &self.read)?;
        let encoder = match &options.encoder {
            Some(encoder) => encoder.clone(),
            None => Encoder::fit(frame, &learned, &kinds, &options.levels)?,
        };
        let dataset = |rows: &[u32]| encoder.dataset(frame, rows, Some(target.select(rows)), &self.source);
        let weights = self.weights(kept, &of_kept)?;
        let train = Dataset { weights, split, ..dataset(kept)? };
        let test = if held_out.is_empty() { None } else { Some(dataset(held_out)?) };
        Ok(Samples { kinds, encoder, train, test, without_target: self.without_target })
    }

    /// How much each of the rows that are kept counts, if they do not count alike.
    fn weights(&self, kept: &[u32], target: &Target) -> Result<Option<Vec<f32>>, DataError> {
        let of_class = self.options.class_weights.of(target, &target.counts(), &self.frame)?;
        if self.weights.is_none() && of_class.is_none() {
            return Ok(None);
        }
        let mut all: Vec<f64> = match &self.weights {
            Some(weights) => kept.iter().map(|&row| weights[row as usize]).collect(),
            None => vec![1.0; kept.len()],
        };
        if let (Some(of_class), Some(labels)) = (of_class, target.labels()) {
            all.iter_mut().zip(labels).for_each(|(weight, &label)| *weight *= of_class[label as usize]);
        }
        let none = || TableError::NoWeight { file: self.frame.place(0).file };
        Ok(Some(weights::normalized(&all).ok_or_else(none)?))
    }
}

/// Reads files as one table for a model that was trained with `encoder`: its columns, whatever their order and whatever
/// others there are. `target` names the columns of the target, with its classes unless they hold numbers; if the files
/// lack them, or they are not asked for, the dataset has no target.
///
/// # Errors
///
/// If a file cannot be read, lacks a column, or has another kind of values in one.
pub fn read_known<P: AsRef<Path>>(
    paths: &[P],
    form: &Form,
    encoder: &Encoder,
    target: Option<(&[String], Option<&[String]>)>,
) -> Result<KnownSamples, DataError> {
    let mut read = ReadOptions { form: form.clone(), ..encoder.read_options() };
    target::ask_known(&mut read, target);
    let frame = read_frame(paths, &read)?;
    let all = frame.rows();
    let (places, frame) = match target {
        Some((names, _)) if names.iter().any(|name| frame.column(name).is_ok()) => {
            (frame.rows_with_values(names)?, frame.with_values_in(names)?.0)
        }
        _ => ((0..all as u32).collect(), frame),
    };
    let target = target::read_if_there(&frame, target)?;
    let rows: Vec<u32> = (0..frame.rows() as u32).collect();
    let without_target = all - rows.len();
    let found = encoder.encode(&frame, &rows)?;
    let source = paths.first().map(|path| path.as_ref().display().to_string()).unwrap_or_default();
    let data = encoder.with_target(found.features, target, &source);
    Ok(KnownSamples { data, rows: places, without_target, unknown: found.unknown, missing: found.missing })
}

impl Encoder {
    /// The named rows of a frame as features, with their targets.
    pub(crate) fn dataset(
        &self,
        frame: &Frame,
        rows: &[u32],
        target: Option<Target>,
        source: &str,
    ) -> Result<Dataset, DataError> {
        Ok(self.with_target(self.encode(frame, rows)?.features, target, source))
    }

    fn with_target(&self, features: Matrix, target: Option<Target>, source: &str) -> Dataset {
        Dataset {
            features,
            feature_names: self.feature_names(),
            target,
            weights: None,
            split: Split::Rows,
            image: None,
            source: source.to_string(),
        }
    }
}

/// Refuses to learn from less than two rows, in which nothing differs.
pub(crate) fn check_rows(frame: &Frame, left: usize) -> Result<(), DataError> {
    match left {
        0 | 1 => Err(TableError::TooFewRows { file: frame.place(0).file, left, rows: frame.rows() }.into()),
        _ => Ok(()),
    }
}

impl Frame {
    /// The rows with a value in each of the columns, and how many there are without.
    fn with_values_in(self, names: &[String]) -> Result<(Self, usize), DataError> {
        let rows = self.rows_with_values(names)?;
        let without = self.rows() - rows.len();
        if rows.is_empty() {
            return Err(TableError::AllMissing { file: self.place(0).file, column: names.join(", ") }.into());
        }
        Ok(if without == 0 { (self, 0) } else { (self.select(&rows), without) })
    }
}
