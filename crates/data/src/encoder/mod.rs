//! From columns to features: what is learned from the rows to train on, and applied to all others.
//!
//! - A number becomes one feature on a common scale ([`Scale`] says which, and how it is chosen).
//! - Yes or no becomes one feature, 1 or 0.
//! - A category becomes one feature for each of its levels ([`Levels`]).
//! - A date becomes its distance from the mean, and for each [`Cycle`] that the rows to train on go through, the sine
//!   and cosine of where it stands in it.
//!
//! Where a number, a date or yes or no is missing, it is the median, and if one was missing in training, another
//! feature is 1 where one is.

mod levels;
mod scale;

use std::{ops::Range, thread};

use serde::{Deserialize, Serialize};

pub use levels::{LevelOptions, Levels};
pub use scale::Scale;

use crate::{Cells, Cycle, DataError, Frame, Kind, Kinds, Matrix, ReadOptions, TableError, Values, kinds, threads};

/// The numbers of features for which a thread is worth its start.
const THREAD_VALUES: usize = 1 << 18;

/// How many rows are encoded at a time.
const BLOCK_ROWS: usize = 128;

/// How to turn columns into features, as learned from the rows to train on.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Encoder {
    columns: Vec<Coded>,
    /// The columns that name the rows. They are no features, but tell whoever reads predictions which row is which.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ids: Vec<String>,
}

/// A frame whose columns have been matched with those of an encoder, so that its rows can be encoded a part at a time.
pub struct Encoding<'a> {
    encoder: &'a Encoder,
    lookups: Vec<Lookup<'a>>,
}

/// How to turn one column into features.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Coded {
    name: String,
    code: Code,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
enum Code {
    Number { scale: Scale, usual: f64, was_missing: bool },
    Boolean { yes: String, no: String, usual: f64, was_missing: bool },
    Category(Levels),
    Time { scale: Scale, cycles: Vec<Cycle>, usual: f64, was_missing: bool },
}

/// Rows as features, and what was out of the ordinary in them.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// One row for each row asked for.
    pub features: Matrix,
    /// The columns with values that the rows to train on did not have, and in how many rows.
    pub unknown: Vec<(String, usize)>,
    /// The columns with missing values, and in how many rows.
    pub missing: Vec<(String, usize)>,
}

/// What a value in a column of a frame becomes.
enum Lookup<'a> {
    /// Numbers or times.
    Values(&'a [f64]),
    /// For each level its code, and `None` for one that is not known.
    Texts(&'a crate::Texts, Vec<Option<usize>>),
    /// No row has a value.
    Nothing,
}

impl Encoder {
    /// Learns from the named rows how to encode the features among the columns.
    ///
    /// # Errors
    ///
    /// If a column is not what the kinds say.
    ///
    /// # Panics
    ///
    /// If a row is not there.
    pub fn fit(frame: &Frame, rows: &[u32], kinds: &Kinds, options: &LevelOptions) -> Result<Self, DataError> {
        let features: Vec<_> = kinds.columns.iter().filter(|column| column.kind.is_feature()).collect();
        let columns = threads::map(&features, rows.len(), |column| {
            let code = fit_code(frame, rows, &column.name, column.kind, options)?;
            Ok(Coded { name: column.name.clone(), code })
        });
        let columns = columns.into_iter().collect::<Result<_, DataError>>()?;
        let is_text = |name: &str| frame.column(name).is_ok_and(|column| matches!(column.cells, Cells::Texts(_)));
        let ids = kinds.columns.iter().filter(|column| column.kind == Kind::Id && is_text(&column.name));
        Ok(Encoder { columns, ids: ids.map(|column| column.name.clone()).collect() })
    }

    /// Numbers as they are, for a model that was not trained on a table by [`Encoder::fit`]; a missing one counts as 0.
    pub fn plain(names: &[String]) -> Self {
        let code = Code::Number { scale: Scale::Plain, usual: 0.0, was_missing: false };
        let columns = names.iter().map(|name| Coded { name: name.clone(), code: code.clone() });
        Encoder { columns: columns.collect(), ids: Vec::new() }
    }

    /// The columns of texts that name the rows, as [`Kind::Id`] says: nothing is learned from them.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// How to read a file that is to be encoded: only the columns that are needed, and as what they were in training,
    /// so that a cell of another kind is an error that names its line.
    pub fn read_options(&self) -> ReadOptions {
        let names = |wanted: fn(&Code) -> bool| {
            self.columns.iter().filter(|column| wanted(&column.code)).map(|column| column.name.clone()).collect()
        };
        ReadOptions {
            columns: Some(names(|_| true)),
            categorical: names(|code| matches!(code, Code::Category(_) | Code::Boolean { .. })),
            numeric: names(|code| matches!(code, Code::Number { .. })),
            ..ReadOptions::default()
        }
    }

    /// Whether its numbers can be used, which those from a file need not.
    pub fn is_sound(&self) -> bool {
        self.columns.iter().all(|column| match &column.code {
            Code::Number { scale, usual, .. } | Code::Time { scale, usual, .. } => {
                usual.is_finite() && scale.is_sound()
            }
            Code::Boolean { usual, .. } => usual.is_finite(),
            Code::Category(_) => true,
        })
    }

    /// The name of each feature, such as `sex=male`.
    pub fn feature_names(&self) -> Vec<String> {
        self.columns.iter().flat_map(Coded::feature_names).collect()
    }

    /// The columns that are encoded, each with the number of its features.
    pub fn columns(&self) -> impl Iterator<Item = (&str, usize)> {
        self.columns.iter().map(|column| (column.name.as_str(), column.width()))
    }

    /// The columns that are encoded, each with the positions of the features that come from it.
    pub fn features(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.columns().scan(0, |first, (name, width)| {
            let features = *first..*first + width;
            *first = features.end;
            Some((name, features))
        })
    }

    /// The number of features.
    pub fn width(&self) -> usize {
        self.columns.iter().map(Coded::width).sum()
    }

    /// Encodes the named rows, in that order: [`Encoder::over`] and [`Encoding::rows`] in one.
    ///
    /// # Errors
    ///
    /// As [`Encoder::over`].
    ///
    /// # Panics
    ///
    /// If a row is not there.
    pub fn encode(&self, frame: &Frame, rows: &[u32]) -> Result<Encoded, DataError> {
        Ok(self.over(frame)?.rows(rows))
    }

    /// Finds the columns in a frame.
    ///
    /// # Errors
    ///
    /// If a column is not there, is of another kind than in training, or has a number that has no `f32`.
    pub fn over<'a>(&'a self, frame: &'a Frame) -> Result<Encoding<'a>, DataError> {
        let lookups = self.columns.iter().map(|column| column.lookup(frame)).collect::<Result<Vec<_>, _>>()?;
        Ok(Encoding { encoder: self, lookups })
    }

    /// Writes the features of rows; all of `out` is zero before.
    fn write(&self, lookups: &[Lookup], rows: &[u32], width: usize, out: &mut [f32]) -> Vec<Counts> {
        let mut counts = vec![Counts::default(); self.columns.len()];
        // Column by column within a few rows, so that their features stay in the cache.
        for (rows, out) in rows.chunks(BLOCK_ROWS).zip(out.chunks_mut(BLOCK_ROWS * width)) {
            let mut first = 0;
            for ((column, lookup), counts) in self.columns.iter().zip(lookups).zip(&mut counts) {
                let end = first + column.width();
                for (&row, features) in rows.iter().zip(out.chunks_exact_mut(width)) {
                    column.write(lookup, row as usize, &mut features[first..end], counts);
                }
                first = end;
            }
        }
        counts
    }
}

impl Encoding<'_> {
    /// Encodes the named rows, in that order. The result does not depend on the number of threads.
    ///
    /// # Panics
    ///
    /// If a row is not there.
    pub fn rows(&self, rows: &[u32]) -> Encoded {
        let Self { encoder, lookups } = self;
        let width = encoder.width();
        let mut values = vec![0.0; rows.len() * width];
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let parts = (values.len() / THREAD_VALUES).clamp(1, threads);
        let counts = if width == 0 || rows.is_empty() {
            Vec::new()
        } else {
            let share = rows.len().div_ceil(parts);
            thread::scope(|scope| {
                let threads: Vec<_> = (rows.chunks(share).zip(values.chunks_mut(share * width)))
                    .map(|(rows, values)| scope.spawn(|| encoder.write(lookups, rows, width, values)))
                    .collect();
                threads.into_iter().map(|thread| thread.join().expect("encoding does not panic")).collect()
            })
        };
        let total = |which: fn(&Counts) -> usize| {
            let columns = encoder.columns.iter().enumerate();
            let sums = columns.map(|(position, column)| {
                let part = |counts: &Vec<Counts>| which(&counts[position]);
                (column.name.clone(), counts.iter().map(part).sum::<usize>())
            });
            sums.filter(|(_, count)| *count > 0).collect()
        };
        Encoded {
            features: Matrix::new(rows.len(), width, Values::Floats(values)),
            unknown: total(|counts| counts.unknown),
            missing: total(|counts| counts.missing),
        }
    }
}

/// What was out of the ordinary in a column.
#[derive(Clone, Copy, Default)]
struct Counts {
    unknown: usize,
    missing: usize,
}

fn fit_code(frame: &Frame, rows: &[u32], name: &str, kind: Kind, options: &LevelOptions) -> Result<Code, DataError> {
    let column = frame.column(name)?;
    let other_kind = |expected| TableError::OtherKind {
        file: frame.place(0).file,
        column: name.to_string(),
        expected,
        found: column.cells.what(),
    };
    match (&column.cells, kind) {
        (Cells::Numbers(numbers), Kind::Number | Kind::Boolean) => {
            let mut values = present(numbers, rows);
            let was_missing = values.len() < rows.len();
            let usual = scale::median(&mut values);
            let scale = if kind == Kind::Boolean { Scale::Plain } else { Scale::fit(&mut values) };
            Ok(Code::Number { scale, usual, was_missing })
        }
        (Cells::Texts(texts), Kind::Boolean) => {
            let (a, b) = match kinds::levels(texts, rows).as_slice() {
                [a, b] => (a.to_string(), b.to_string()),
                _ => return Err(other_kind("yes or no").into()),
            };
            let yes = kinds::yes_of(&a, &b).ok_or_else(|| other_kind("yes or no"))?.to_string();
            let no = if yes == a { b } else { a };
            let is_yes = |&row: &u32| texts.get(row as usize).map(|text| f64::from(text == yes));
            let mut values: Vec<f64> = rows.iter().filter_map(is_yes).collect();
            let was_missing = values.len() < rows.len();
            Ok(Code::Boolean { usual: scale::median(&mut values).round(), yes, no, was_missing })
        }
        (Cells::Texts(texts), Kind::Category) => Ok(Code::Category(Levels::fit(texts, rows, options))),
        (Cells::Times(times), Kind::Time) => {
            let mut values = present(times, rows);
            let was_missing = values.len() < rows.len();
            let usual = scale::median(&mut values);
            let cycles = cycles(&values);
            Ok(Code::Time { scale: Scale::standard(&values), cycles, usual, was_missing })
        }
        (_, Kind::Number) => Err(other_kind("numbers").into()),
        (_, Kind::Boolean) => Err(other_kind("yes or no").into()),
        (_, Kind::Time) => Err(other_kind("dates").into()),
        _ => Err(other_kind("texts").into()),
    }
}

fn present(values: &[f64], rows: &[u32]) -> Vec<f64> {
    rows.iter().map(|&row| values[row as usize]).filter(|value| !value.is_nan()).collect()
}

/// The cycles that times go through at least twice, and that they are not always at the same point of.
fn cycles(times: &[f64]) -> Vec<Cycle> {
    let (low, high) = times.iter().fold((f64::MAX, f64::MIN), |(low, high), &time| (low.min(time), high.max(time)));
    let varies = |cycle: Cycle| {
        // Dates without a time of day have the same time of day, and those of one weekday the same day of the week.
        let second = 1.0 / cycle.seconds();
        times.iter().any(|&time| (cycle.share(time) - cycle.share(low)).abs() >= second)
    };
    [Cycle::Day, Cycle::Week, Cycle::Year]
        .into_iter()
        .filter(|&cycle| high - low >= 2.0 * cycle.seconds() && varies(cycle))
        .collect()
}

impl Coded {
    fn width(&self) -> usize {
        match &self.code {
            Code::Number { was_missing, .. } | Code::Boolean { was_missing, .. } => 1 + usize::from(*was_missing),
            Code::Category(levels) => levels.width(),
            Code::Time { cycles, was_missing, .. } => 1 + 2 * cycles.len() + usize::from(*was_missing),
        }
    }

    fn feature_names(&self) -> Vec<String> {
        let name = &self.name;
        let (mut names, was_missing) = match &self.code {
            Code::Number { was_missing, .. } => (vec![name.clone()], *was_missing),
            Code::Boolean { yes, was_missing, .. } => (vec![format!("{name}={yes}")], *was_missing),
            Code::Category(levels) => (levels.names().map(|level| format!("{name}={level}")).collect(), false),
            Code::Time { cycles, was_missing, .. } => {
                let parts = cycles
                    .iter()
                    .flat_map(|cycle| ["sin", "cos"].map(|function| format!("{name} {function} of {}", cycle.name())));
                (std::iter::once(name.clone()).chain(parts).collect(), *was_missing)
            }
        };
        if was_missing {
            names.push(format!("{name}=(missing)"));
        }
        names
    }

    /// What the column's values in a frame become.
    fn lookup<'a>(&self, frame: &'a Frame) -> Result<Lookup<'a>, DataError> {
        let column = frame.column(&self.name)?;
        let expected = match (&self.code, &column.cells) {
            (Code::Number { .. }, Cells::Numbers(values)) | (Code::Time { .. }, Cells::Times(values)) => {
                // What is out of range breaks the scale of all the others.
                return match values.iter().position(|value| value.abs() > f64::from(f32::MAX)) {
                    Some(row) => Err(crate::table::overflow(values[row], frame, row, &self.name)),
                    None => Ok(Lookup::Values(values)),
                };
            }
            (Code::Category(levels), Cells::Texts(texts)) => return Ok(Lookup::Texts(texts, levels.slots(texts))),
            (Code::Boolean { yes, no, .. }, Cells::Texts(texts)) => {
                let code = |text: &str| if text == yes { Some(1) } else { (text == no).then_some(0) };
                return Ok(Lookup::Texts(texts, texts.levels().map(code).collect()));
            }
            _ if (0..column.cells.len()).all(|row| column.cells.is_missing(row)) => return Ok(Lookup::Nothing),
            (Code::Number { .. }, _) => "numbers",
            (Code::Time { .. }, _) => "dates",
            (Code::Category(_) | Code::Boolean { .. }, _) => "texts",
        };
        let (file, found) = (frame.place(0).file, column.cells.what());
        Err(TableError::OtherKind { file, column: self.name.clone(), expected, found }.into())
    }

    /// Writes the features of a row into `out`, which is zero.
    #[inline]
    fn write(&self, lookup: &Lookup, row: usize, out: &mut [f32], counts: &mut Counts) {
        let value = match lookup {
            Lookup::Values(values) => Some(values[row]).filter(|value| !value.is_nan()),
            Lookup::Texts(texts, codes) => match texts.code(row).map(|code| codes[code as usize]) {
                None => None,
                Some(code) => {
                    counts.unknown += usize::from(code.is_none());
                    match &self.code {
                        Code::Category(levels) => {
                            if let Some(slot) = code.or(levels.other_slot()) {
                                out[slot] = 1.0;
                            }
                            return;
                        }
                        Code::Boolean { usual, .. } => Some(code.map_or(*usual, |code| code as f64)),
                        _ => unreachable!("only categories and booleans are looked up as texts"),
                    }
                }
            },
            Lookup::Nothing => None,
        };
        counts.missing += usize::from(value.is_none());
        match &self.code {
            Code::Category(levels) => {
                if let Some(slot) = levels.missing_slot() {
                    out[slot] = 1.0;
                }
            }
            Code::Number { scale, usual, was_missing } => {
                out[0] = scale.apply(value.unwrap_or(*usual));
                if *was_missing {
                    out[1] = f32::from(value.is_none());
                }
            }
            Code::Boolean { usual, was_missing, .. } => {
                out[0] = value.unwrap_or(*usual) as f32;
                if *was_missing {
                    out[1] = f32::from(value.is_none());
                }
            }
            Code::Time { scale, cycles, usual, was_missing } => {
                let time = value.unwrap_or(*usual);
                out[0] = scale.apply(time);
                for (cycle, pair) in cycles.iter().zip(out[1..].chunks_exact_mut(2)) {
                    let angle = cycle.share(time) * std::f64::consts::TAU;
                    (pair[0], pair[1]) = (angle.sin() as f32, angle.cos() as f32);
                }
                if *was_missing {
                    out[1 + 2 * cycles.len()] = f32::from(value.is_none());
                }
            }
        }
    }
}
