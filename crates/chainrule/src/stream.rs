//! Predicting tables of any size, some rows at a time.

use crate::error::Error;
use crate::evaluate::{Prediction, Predictor};
use crate::model::Model;
use chainrule_data::{
    DataError, Encoding, Form, Frame, Matrix, ReadOptions, TableError, Written, plain_features, read_chunks,
};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// About how many features and outputs are in memory at a time.
const NUMBERS: usize = 4 << 20;

/// Which columns of a table are copied to what is said of its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Those that training left out because they name the rows, where the table has them.
    #[default]
    Ids,
    /// These.
    Columns(Vec<String>),
}

/// Some rows of a table, with what a model says of them.
pub struct RowsOfTable<'a> {
    /// Which row of the table the first one is, counted from 0.
    pub first: usize,
    /// One for each row.
    pub predictions: &'a [Prediction],
    copies: &'a [Written],
    rows: Range<usize>,
}

impl RowsOfTable<'_> {
    /// The names of the columns that are kept.
    pub fn kept_names(&self) -> impl Iterator<Item = &str> {
        self.copies.iter().map(Written::name)
    }

    /// The cells of a row in the columns that are kept, as they are written; `row` counts from 0 within these rows.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn kept(&self, row: usize) -> impl Iterator<Item = &str> {
        assert!(row < self.rows.len(), "there are {} rows", self.rows.len());
        self.copies.iter().map(move |copy| copy.get(self.rows.start + row))
    }
}

/// What there was in a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableTotals {
    /// How many rows.
    pub rows: usize,
    /// The columns with values that training did not know, and in how many rows.
    pub unknown: Vec<(String, usize)>,
    /// The columns with missing values, and in how many rows.
    pub missing: Vec<(String, usize)>,
}

/// Predicts every row of files that are read as one table ([`read_chunks`] says what paths may be). Rows are read,
/// encoded, run through the network and handed to `each` some at a time, so that memory does not depend on how many
/// there are; their number at a time does not change a bit of the result.
///
/// # Errors
/// A model of something else than tables; a file that cannot be read, lacks a column, or has another kind of values in
/// one; what `each` gives.
pub fn predict_table<P: AsRef<Path>, E: From<Error>>(
    model: &Model,
    paths: &[P],
    form: &Form,
    keep: &Keep,
    mut each: impl FnMut(&RowsOfTable<'_>) -> Result<(), E>,
) -> Result<TableTotals, E> {
    let mut predictor = Predictor::new(model)?;
    let mut totals = Totals::new(model);
    let at_a_time = (NUMBERS / (model.network.inputs + model.network.outputs())).max(1);
    for frame in
        read_chunks(paths, &ReadOptions { form: form.clone(), ..read_options(model, keep)? }).map_err(Error::from)?
    {
        let frame = frame.map_err(Error::from)?;
        totals.check_copies(&frame)?;
        let columns = Columns::of(model, &frame)?;
        for start in (0..frame.rows()).step_by(at_a_time) {
            let rows = start..frame.rows().min(start + at_a_time);
            let features = columns.features(model, &rows, &mut totals)?;
            let all: Vec<u32> = (0..rows.len() as u32).collect();
            let mut predictions = Vec::with_capacity(rows.len());
            predictor.predict(&features, &all, |_, prediction| predictions.push(prediction))?;
            let (first, copies) = (totals.rows, frame.written());
            totals.rows += rows.len();
            each(&RowsOfTable { first, predictions: &predictions, copies, rows })?;
        }
    }
    Ok(totals.finish())
}

/// How a table is read for a model.
fn read_options(model: &Model, keep: &Keep) -> Result<ReadOptions, Error> {
    let mut options = match &model.encoder {
        Some(encoder) => encoder.read_options(),
        None if model.features.is_empty() => {
            return Err(Error::Settings(vec!["the model takes images, not the columns of a table".to_owned()]));
        }
        None => ReadOptions { columns: Some(model.features.clone()), ..ReadOptions::default() },
    };
    match keep {
        Keep::Ids => options.also_written = model.encoder.iter().flat_map(|e| e.ids().iter().cloned()).collect(),
        Keep::Columns(names) => options.written.clone_from(names),
    }
    Ok(options)
}

/// The columns of a frame that a model takes.
enum Columns<'a> {
    Encoded(Encoding<'a>),
    Plain(&'a Frame),
}

impl<'a> Columns<'a> {
    fn of(model: &'a Model, frame: &'a Frame) -> Result<Self, Error> {
        match &model.encoder {
            Some(encoder) => Ok(Self::Encoded(encoder.over(frame)?)),
            None => Ok(Self::Plain(frame)),
        }
    }

    fn features(&self, model: &Model, rows: &Range<usize>, totals: &mut Totals) -> Result<Matrix, Error> {
        let rows: Vec<u32> = (rows.start as u32..rows.end as u32).collect();
        match self {
            Self::Encoded(encoding) => {
                let found = encoding.rows(&rows);
                add(&mut totals.unknown, &found.unknown);
                add(&mut totals.missing, &found.missing);
                Ok(found.features)
            }
            Self::Plain(frame) => Ok(plain_features(frame, &model.features, &rows)?),
        }
    }
}

/// Totals under way: counts of every column, in their order.
struct Totals {
    rows: usize,
    unknown: Vec<(String, usize)>,
    missing: Vec<(String, usize)>,
    /// The file of the first rows, and the columns that are copied from it.
    first: Option<(PathBuf, Vec<String>)>,
}

impl Totals {
    fn new(model: &Model) -> Self {
        let columns = model.encoder.iter().flat_map(|encoder| encoder.columns());
        let none: Vec<(String, usize)> = columns.map(|(name, _)| (name.to_owned(), 0)).collect();
        Self { rows: 0, unknown: none.clone(), missing: none, first: None }
    }

    /// Every file has to have the same copied columns, or cells would come under the names of others.
    fn check_copies(&mut self, frame: &Frame) -> Result<(), Error> {
        let here = frame.place(0).file;
        let ours: Vec<String> = frame.written().iter().map(|copy| copy.name().to_owned()).collect();
        let (first, names) = self.first.get_or_insert_with(|| (here.clone(), ours.clone()));
        let only = |these: &[String], those: &[String]| these.iter().find(|name| !those.contains(name)).cloned();
        let (file, column, other) = match (only(names, &ours), only(&ours, names)) {
            (Some(column), _) => (first.clone(), column, here),
            (None, Some(column)) => (here, column, first.clone()),
            (None, None) => return Ok(()),
        };
        Err(Error::from(DataError::from(TableError::OtherColumns { file, column, other })))
    }

    fn finish(self) -> TableTotals {
        let counted = |counts: Vec<(String, usize)>| counts.into_iter().filter(|(_, count)| *count > 0).collect();
        TableTotals { rows: self.rows, unknown: counted(self.unknown), missing: counted(self.missing) }
    }
}

fn add(totals: &mut [(String, usize)], counts: &[(String, usize)]) {
    for (name, count) in counts {
        if let Some((_, total)) = totals.iter_mut().find(|(column, _)| column == name) {
            *total += count;
        }
    }
}
