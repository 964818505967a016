//! The first reading of a table that does not fit in memory.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use crate::{
    Cells, DataError, Frame, MAX_CLASSES, ReadOptions, SampleOptions, SplitBy, TableError, Target, read_chunks,
    samples::MANY_ROWS, source::STANDARD_INPUT, split::mix, table::mixed_target, target, usual_validation, weights,
};

/// What a row is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Train,
    Validation,
    Test,
}

/// Says what each row is for, by its number (or its group) and the seed alone.
#[derive(Clone, Debug)]
pub(super) struct Draw {
    seed: u64,
    split: SplitBy,
    test: f64,
    validation: f64,
}

/// What the first reading finds out.
pub(super) struct Survey {
    pub(super) draw: Draw,
    pub(super) read: ReadOptions,
    /// Rows to train on, each as likely as any other.
    pub(super) sample: Frame,
    /// The number by which each of them was drawn.
    keys: Vec<u64>,
    /// Rows with a target.
    pub(super) rows: usize,
    pub(super) without_target: usize,
    /// The rows of each class, and what they weigh together; without a name, those of numbers that are no classes.
    classes: BTreeMap<String, (usize, f64)>,
    weighted: bool,
}

/// How much each row counts: what the column says, times what its class counts, such that it is 1 on average.
pub(super) struct Weighing {
    of_class: Option<Vec<f64>>,
    weighted: bool,
    mean: f64,
}

impl Survey {
    /// Reads a table and keeps a sample of about so many bytes.
    pub(super) fn take<P: AsRef<Path>>(options: &SampleOptions, paths: &[P], bytes: u64) -> Result<Self, DataError> {
        if paths.iter().any(|path| path.as_ref() == Path::new(STANDARD_INPUT)) {
            return Err(TableError::ReadTwice.into());
        }
        let mut read = options.read.clone();
        target::ask(&mut read, &options.targets, options.task);
        read.numeric.extend(options.weight.clone());
        let validation = options.validation.unwrap_or_else(|| usual_validation(MANY_ROWS));
        let draw = Draw { seed: options.seed, split: options.split.clone(), test: options.test, validation };
        let mut survey = Self {
            draw,
            read: read.clone(),
            sample: Frame::default(),
            keys: Vec::new(),
            rows: 0,
            without_target: 0,
            classes: BTreeMap::new(),
            weighted: options.weight.is_some() || options.class_weights != crate::ClassWeights::Even,
        };
        let (mut before, mut most) = (0, u64::MAX);
        let mut file = None;
        for chunk in read_chunks(paths, &read).map_err(|error| mixed_target(error, &options.targets))? {
            let chunk = chunk.map_err(|error| mixed_target(error, &options.targets))?;
            file.get_or_insert_with(|| chunk.place(0).file);
            let rows = chunk.rows_with_values(&options.targets)?;
            if chunk.columns().len() == options.targets.len() {
                let (file, target) = (chunk.place(0).file, options.targets.join(", "));
                return Err(TableError::NoFeatures { file, target }.into());
            }
            survey.rows += rows.len();
            survey.without_target += chunk.rows() - rows.len();
            survey.count(options, &chunk, &rows)?;
            survey.keep(&chunk, &rows, before, most)?;
            before += chunk.rows() as u64;
            // Half of what there is goes, until it fits.
            while survey.sample.bytes() > bytes && survey.keys.len() > 1 {
                most /= 2;
                survey.thin(most);
            }
        }
        match file {
            Some(file) if survey.rows == 0 => {
                Err(TableError::AllMissing { file, column: options.targets.join(", ") }.into())
            }
            _ => Ok(survey),
        }
    }

    fn count(&mut self, options: &SampleOptions, chunk: &Frame, rows: &[u32]) -> Result<(), DataError> {
        let weights = options.weight.as_ref().map(|name| weights::column(chunk, name)).transpose()?;
        let weight = |row: u32| weights.as_ref().map_or(1.0, |weights| weights[row as usize]);
        let mut add = |class: &str, rows: usize, weight: f64| {
            // More are no classes, or too many of them.
            if self.classes.len() <= MAX_CLASSES || self.classes.contains_key(class) {
                let entry = self.classes.entry(class.to_string()).or_default();
                *entry = (entry.0 + rows, entry.1 + weight);
            }
        };
        let [target] = options.targets.as_slice() else {
            add("", rows.len(), rows.iter().map(|&row| weight(row)).sum());
            return Ok(());
        };
        match &chunk.column(target)?.cells {
            Cells::Texts(texts) => {
                let mut found = vec![(0, 0.0); texts.levels().len()];
                for &row in rows {
                    let entry: &mut (usize, f64) = &mut found[texts.code(row as usize).unwrap_or_default() as usize];
                    *entry = (entry.0 + 1, entry.1 + weight(row));
                }
                for (text, (count, weight)) in texts.levels().zip(found).filter(|(_, (count, _))| *count > 0) {
                    add(target::class_name(text), count, weight);
                }
            }
            Cells::Numbers(numbers) | Cells::Times(numbers) => {
                let mut found: HashMap<u64, (usize, f64)> = HashMap::new();
                for &row in rows {
                    // Minus zero is zero.
                    let entry = found.entry((numbers[row as usize] + 0.0).to_bits()).or_default();
                    *entry = (entry.0 + 1, entry.1 + weight(row));
                }
                let mut found: Vec<_> = found.into_iter().collect();
                found.sort_unstable_by_key(|(bits, _)| *bits);
                if found.len() > target::MAX_NUMBERED_CLASSES {
                    let all = found.iter().fold((0, 0.0), |sum, (_, one)| (sum.0 + one.0, sum.1 + one.1));
                    add("", all.0, all.1);
                } else {
                    found.iter().for_each(|(bits, one)| add(&f64::from_bits(*bits).to_string(), one.0, one.1));
                }
            }
        }
        Ok(())
    }

    /// Keeps the rows to train on whose number is not above `most`.
    fn keep(&mut self, chunk: &Frame, rows: &[u32], before: u64, most: u64) -> Result<(), DataError> {
        let parts = self.draw.parts(chunk, rows, before)?;
        let drawn = rows.iter().zip(parts).filter(|(_, part)| *part == Part::Train);
        let drawn: Vec<(u32, u64)> = drawn
            .map(|(&row, _)| (row, mix(self.draw.seed ^ mix(before + u64::from(row), 0), 3)))
            .filter(|(_, key)| *key <= most)
            .collect();
        if !drawn.is_empty() || self.sample.columns().is_empty() {
            let rows: Vec<u32> = drawn.iter().map(|(row, _)| *row).collect();
            self.sample.append(chunk.select(&rows))?;
            self.keys.extend(drawn.iter().map(|(_, key)| *key));
        }
        Ok(())
    }

    fn thin(&mut self, most: u64) {
        let kept: Vec<u32> = (0..self.keys.len() as u32).filter(|&row| self.keys[row as usize] <= most).collect();
        self.sample = self.sample.select(&kept);
        self.keys = kept.iter().map(|&row| self.keys[row as usize]).collect();
    }

    /// The target of the sample, with every class that the table has.
    pub(super) fn target(&self, options: &SampleOptions) -> Result<Target, DataError> {
        let file = || self.sample.place(0).file;
        let found = target::read(&self.sample, &options.targets, options.task)?;
        let found = match found {
            Target::Classes { .. } if self.classes.len() > MAX_CLASSES => {
                return Err(TableError::TooManyClasses { file: file(), column: options.targets.join(", ") }.into());
            }
            Target::Classes { .. } => found.with_classes(&self.classes.keys().map(String::as_str).collect::<Vec<_>>()),
            Target::Values { .. } => found,
        };
        found.check_differs(file, &options.targets)?;
        Ok(found)
    }

    /// The rows of each class of a target that has all of them.
    pub(super) fn counts(&self, target: &Target) -> Vec<usize> {
        let Target::Classes { names, .. } = target else { return Vec::new() };
        names.iter().map(|name| self.classes.get(name).map_or(0, |(rows, _)| *rows)).collect()
    }

    pub(super) fn is_weighted(&self) -> bool {
        self.weighted
    }

    /// How much rows count when their classes count so much.
    pub(super) fn class_weights(&self, of_class: Option<Vec<f64>>, target: &Target) -> Weighing {
        let total = |(class, (_, weight)): (&String, &(usize, f64))| match (&of_class, target) {
            (Some(of_class), Target::Classes { names, .. }) => {
                names.iter().position(|name| name == class).map_or(0.0, |position| of_class[position] * weight)
            }
            _ => *weight,
        };
        let mean = self.classes.iter().map(total).sum::<f64>() / self.rows as f64;
        Weighing { of_class, weighted: self.weighted, mean: if mean > 0.0 { mean } else { 1.0 } }
    }
}

impl Weighing {
    /// The weights of these rows, if rows have weights at all.
    pub(super) fn of_rows(&self, rows: &[u32], column: Option<&[f64]>, labels: Option<&[u32]>) -> Option<Vec<f32>> {
        let of_class = |row: u32| match (&self.of_class, labels) {
            (Some(weights), Some(labels)) => weights[labels[row as usize] as usize],
            _ => 1.0,
        };
        let weight = |&row: &u32| {
            let of_row = column.map_or(1.0, |weights| weights[row as usize]);
            (of_row * of_class(row) / self.mean) as f32
        };
        self.weighted.then(|| rows.iter().map(weight).collect())
    }
}

impl Draw {
    /// The same, but such that of so many rows at most `most` are held out for each purpose: some of those that would be
    /// without that.
    pub(super) fn with_at_most(&self, most: usize, rows: usize) -> Self {
        let share = most as f64 / rows.max(1) as f64;
        Self { test: self.test.min(share), validation: self.validation.min(share), ..self.clone() }
    }

    /// What the named rows of a chunk are for, of which `before` rows come before the chunk.
    pub(super) fn parts(&self, chunk: &Frame, rows: &[u32], before: u64) -> Result<Vec<Part>, DataError> {
        let part = |key: u64| {
            if unit(mix(self.seed ^ key, 1)) < self.test {
                Part::Test
            } else if unit(mix(self.seed ^ key, 2)) < self.validation {
                Part::Validation
            } else {
                Part::Train
            }
        };
        match &self.split {
            SplitBy::Rows => Ok(rows.iter().map(|&row| part(mix(before + u64::from(row), 0))).collect()),
            SplitBy::Group(name) => {
                let keys = chunk.column(name)?.cells.keys();
                Ok(rows.iter().map(|&row| part(keys[row as usize])).collect())
            }
            SplitBy::Time(_) => Err(TableError::SortedInParts.into()),
        }
    }
}

/// A number from 0 up to but without 1.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}
