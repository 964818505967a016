//! What is known of the data before a network learns from them.

use crate::error::Error;
use crate::evaluate::number_or_null;
use crate::model::{Model, Task};
use chainrule_data::{Dataset, Target};
use rustc_hash::{FxHashSet, FxHasher};
use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};

/// The most rows that rows are compared with.
const MOST_COMPARED: usize = 1 << 20;

/// The most rows whose neighbours are looked for.
const MOST_NEIGHBOURS: usize = 500;

/// Fewer rows have a column that tells the target by chance.
const FEWEST_TELLING: usize = 50;

/// Of how many neighbours a row takes the answer.
const NEIGHBOURS: usize = 5;

/// The most rows and columns that are looked through for one that tells the target.
const MOST_TELLING: [usize; 2] = [2000, 500];

/// The most numbers of these rows at a time.
const MOST_NUMBERS: usize = 1 << 22;

/// The most inputs by which neighbours are near; of more, as many at even distances.
const MOST_NEAR: usize = 1000;

/// The data that a network learns from, as the network sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Rows to train on.
    pub rows: usize,
    /// Rows held out to choose the epoch.
    pub held_out: usize,
    /// Inputs of the network.
    pub inputs: usize,
    /// What is to be learned.
    pub target: TargetFacts,
    /// How the inputs are spread.
    pub scales: Scales,
    /// Rows of the test data that are in the training data too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<Duplicates>,
    /// The column that tells the target best, alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telling: Option<Telling>,
    /// Whether rows count more or less, by weights.
    pub weighted: bool,
    /// What neighbours among the training rows tell of the target, as [`Telling::score`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub neighbours: Option<f64>,
}

/// What is to be learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetFacts {
    /// One of these classes, and how many training rows are of each.
    Classes {
        /// The names.
        names: Vec<String>,
        /// The rows of each.
        counts: Vec<usize>,
    },
    /// Real numbers, and their standard deviation over the training rows; the mean where there are several.
    Values {
        /// The standard deviation.
        #[serde(deserialize_with = "number_or_null")]
        deviation: f64,
    },
}

/// How the inputs of the network are spread over the training rows, after scaling. Columns that hold one value are left
/// out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scales {
    /// The column with the largest root of the mean square.
    pub largest_column: String,
    /// √(mean²) of it.
    #[serde(deserialize_with = "number_or_null")]
    pub largest: f64,
    /// The middle one of all columns' roots of the mean square.
    #[serde(deserialize_with = "number_or_null")]
    pub middle: f64,
}

/// Rows of the test data that are in the training data too, to the last number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicates {
    /// Test rows that are.
    pub rows: usize,
    /// Test rows that were compared.
    pub of: usize,
    /// Training rows that another training row equals.
    pub within: usize,
    /// Training rows that were compared.
    pub within_of: usize,
}

/// How well one column tells the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Telling {
    /// The column.
    pub column: String,
    /// The share of what a constant leaves unexplained that is explained by taking the target of the row whose value is
    /// nearest: 1 is all of it.
    pub score: f64,
}

impl Facts {
    /// Looks at the data that `model` is about to learn from: the rows `train` and `held_out` of `data`, and the test data,
    /// if there are some.
    ///
    /// # Errors
    /// Data that does not fit the network.
    pub fn new(
        model: &Model,
        data: &Dataset,
        [train, held_out]: [&[u32]; 2],
        test: Option<&Dataset>,
    ) -> Result<Self, Error> {
        model.check_fits(data)?;
        let is_table = data.image.is_none();
        Ok(Self {
            rows: train.len(),
            held_out: held_out.len(),
            inputs: model.network.inputs,
            target: target(data, train),
            scales: scales(model, data, train),
            duplicates: test.filter(|test| !test.is_empty()).map(|test| duplicates(data, train, test)),
            telling: if is_table { telling(model, data, train) } else { None },
            weighted: data.weights.is_some(),
            neighbours: neighbours(model, data, train),
        })
    }

    /// The share of rows of the most frequent class.
    pub(crate) fn majority(&self) -> Option<f64> {
        let TargetFacts::Classes { counts, .. } = &self.target else { return None };
        Some(*counts.iter().max()? as f64 / total(counts))
    }

    /// The entropy of the classes, in nats: the least cross-entropy that one answer for every row can have.
    pub(crate) fn entropy(&self) -> Option<f64> {
        let TargetFacts::Classes { counts, .. } = &self.target else { return None };
        let total = total(counts);
        let shares = counts.iter().filter(|count| **count > 0).map(|&count| count as f64 / total);
        Some(-shares.map(|p| p * p.ln()).sum::<f64>())
    }
}

/// All rows, of which there is one at least.
fn total(counts: &[usize]) -> f64 {
    counts.iter().map(|&count| count as f64).sum::<f64>().max(1.0)
}

fn target(data: &Dataset, rows: &[u32]) -> TargetFacts {
    match data.target.as_ref().map(|target| target.select(rows)) {
        Some(Target::Classes { labels, names }) => {
            let mut counts = vec![0; names.len()];
            labels.iter().for_each(|&label| counts[label as usize] += 1);
            TargetFacts::Classes { names, counts }
        }
        Some(Target::Values { values, names }) => {
            let of = |at: usize| values.iter().skip(at).step_by(names.len()).map(|&v| f64::from(v));
            let deviations = (0..names.len()).map(|at| spread(of(at)).1);
            TargetFacts::Values { deviation: deviations.sum::<f64>() / names.len() as f64 }
        }
        None => TargetFacts::Values { deviation: 0.0 },
    }
}

/// Mean and standard deviation.
fn spread(numbers: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = numbers.clone().count().max(1) as f64;
    let mean = numbers.clone().sum::<f64>() / count;
    (mean, (numbers.map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt())
}

/// At most so many of `rows`, at even distances.
pub(super) fn some(rows: &[u32], most: usize) -> Vec<u32> {
    let count = rows.len().min(most);
    (0..count).map(|at| rows[at * rows.len() / count]).collect()
}

/// The name of an input.
fn column(model: &Model, at: usize) -> String {
    model.features.get(at).cloned().unwrap_or_else(|| format!("x{}", at + 1))
}

fn scales(model: &Model, data: &Dataset, train: &[u32]) -> Scales {
    let inputs = model.network.inputs;
    let rows = some(train, (MOST_NUMBERS / inputs.max(1)).clamp(8, MOST_TELLING[0]));
    let mut x = vec![0.0; rows.len() * inputs];
    model.fill_features(data, &rows, &mut x);
    let roots = (0..inputs).filter_map(|at| {
        let (mean, deviation) = spread(x.iter().skip(at).step_by(inputs).map(|&v| f64::from(v)));
        (deviation > 0.0).then_some((at, mean.hypot(deviation)))
    });
    let mut roots: Vec<(usize, f64)> = roots.collect();
    roots.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (at, largest) = roots.last().copied().unwrap_or((0, 0.0));
    let middle = roots.get(roots.len() / 2).map_or(0.0, |root| root.1);
    Scales { largest_column: column(model, at), largest, middle }
}

fn duplicates(data: &Dataset, train: &[u32], test: &Dataset) -> Duplicates {
    let hashes = |data: &Dataset, rows: &[u32]| {
        let mut row = vec![0.0; data.columns()];
        let mut hash = |at: u32| {
            data.features.gather(&[at], &mut row);
            let mut hasher = FxHasher::default();
            bytemuck::cast_slice::<f32, u8>(&row).hash(&mut hasher);
            hasher.finish()
        };
        rows.iter().map(|&at| hash(at)).collect::<Vec<u64>>()
    };
    let rows = some(train, MOST_COMPARED);
    let tested: Vec<u32> = (0..test.len().min(MOST_COMPARED) as u32).collect();
    let mut seen = FxHashSet::default();
    let mut within = FxHashSet::default();
    let of_train = hashes(data, &rows);
    of_train.iter().filter(|hash| !seen.insert(**hash)).for_each(|hash| {
        within.insert(*hash);
    });
    let repeated = of_train.iter().filter(|hash| within.contains(hash)).count();
    let of_test = if test.columns() == data.columns() { hashes(test, &tested) } else { Vec::new() };
    let rows = of_test.iter().filter(|hash| seen.contains(hash)).count();
    Duplicates { rows, of: of_test.len(), within: repeated, within_of: of_train.len() }
}

/// What is true of rows, to compare with what others of them tell.
enum Truth {
    Classes(Vec<u32>, usize),
    Values(Vec<f64>),
}

impl Truth {
    /// The classes of `rows`, or their first value as the network learns it.
    fn new(model: &Model, data: &Dataset, rows: &[u32]) -> Option<Self> {
        match (data.target.as_ref()?.select(rows), &model.task) {
            (Target::Classes { labels, names }, _) => Some(Self::Classes(labels, names.len())),
            (Target::Values { values, names }, Task::Values(measures)) => {
                let first = values.iter().step_by(names.len()).map(|&v| measures[0].scaled(f64::from(v)));
                Some(Self::Values(first.collect()))
            }
            _ => None,
        }
    }

    /// The share of what a constant leaves unexplained that is explained by the mean (or the most frequent class) of the
    /// rows that are `near` each row.
    fn explained(&self, near: &[Vec<usize>]) -> f64 {
        let (with, without) = match self {
            Self::Classes(labels, classes) => {
                let top = |rows: &mut dyn Iterator<Item = u32>| {
                    let mut counts = vec![0_usize; *classes];
                    rows.for_each(|label| counts[label as usize] += 1);
                    (0..*classes).rev().max_by_key(|&class| counts[class]).unwrap_or(0) as u32
                };
                let usual = top(&mut labels.iter().copied());
                let wrong = |(label, near): (&u32, &Vec<usize>)| top(&mut near.iter().map(|&at| labels[at])) != *label;
                let wrong = labels.iter().zip(near).filter(|at| wrong(*at)).count() as f64;
                (wrong, labels.iter().filter(|label| **label != usual).count() as f64)
            }
            Self::Values(values) => {
                let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
                let told =
                    |near: &Vec<usize>| near.iter().map(|&at| values[at]).sum::<f64>() / near.len().max(1) as f64;
                let errors = values.iter().zip(near).map(|(value, near)| (value - told(near)).powi(2));
                (errors.sum::<f64>(), values.iter().map(|v| (v - mean).powi(2)).sum::<f64>())
            }
        };
        1.0 - with / without.max(1e-12)
    }
}

/// The column that tells the target best by its nearest value in another row.
fn telling(model: &Model, data: &Dataset, train: &[u32]) -> Option<Telling> {
    let rows = some(train, MOST_TELLING[0]);
    let inputs = model.network.inputs;
    let truth = Truth::new(model, data, &rows)?;
    if rows.len() < FEWEST_TELLING || inputs > MOST_TELLING[1] {
        return None;
    }
    let mut x = vec![0.0; rows.len() * inputs];
    model.fill_features(data, &rows, &mut x);
    let score = |at: usize| {
        let values: Vec<f32> = x.iter().skip(at).step_by(inputs).copied().collect();
        Telling { column: column(model, at), score: truth.explained(&beside(&values)) }
    };
    (0..inputs).map(score).max_by(|a, b| a.score.total_cmp(&b.score))
}

/// For each of the values, the positions of others that are nearest to it: some of those that equal it, if there are any,
/// at even distances, or else the one beside it in order, or both where they are equally near.
fn beside(values: &[f32]) -> Vec<Vec<usize>> {
    const EQUALS: usize = 8;
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut near = vec![Vec::new(); values.len()];
    let mut start = 0;
    for equals in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let end = start + equals.len();
        let sides = [start.checked_sub(1), Some(end).filter(|&end| end < order.len())];
        for &at in equals {
            let distance = |other: &usize| (values[*other] - values[at]).abs();
            let both = sides.iter().flatten().map(|&place| order[place]);
            let nearest = both.clone().map(|other| distance(&other)).fold(f32::INFINITY, f32::min);
            near[at] = match equals.len() {
                1 => both.filter(|other| distance(other) <= nearest).collect(),
                count => {
                    let spread = (0..EQUALS.min(count)).map(|place| equals[place * count / EQUALS.min(count)]);
                    spread.filter(|&other| other != at).collect()
                }
            };
        }
        start = end;
    }
    near
}

/// What the nearest rows, by all inputs, tell.
fn neighbours(model: &Model, data: &Dataset, train: &[u32]) -> Option<f64> {
    let all = model.network.inputs;
    let rows = some(train, (MOST_NUMBERS / all.max(1)).clamp(4 * NEIGHBOURS, MOST_NEIGHBOURS));
    let truth = Truth::new(model, data, &rows)?;
    if rows.len() < 4 * NEIGHBOURS {
        return None;
    }
    let mut x = vec![0.0; rows.len() * all];
    model.fill_features(data, &rows, &mut x);
    let inputs = all.min(MOST_NEAR);
    if inputs < all {
        x = x.chunks_exact(all).flat_map(|row| (0..inputs).map(move |at| row[at * all / inputs])).collect();
    }
    standardize(&mut x, inputs);
    let near = |at: usize| {
        let own = &x[at * inputs..][..inputs];
        let distance = |other: &[f32]| own.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
        let mut others: Vec<(f32, usize)> =
            x.chunks_exact(inputs).map(distance).zip(0..).filter(|(_, other)| *other != at).collect();
        others.select_nth_unstable_by(NEIGHBOURS, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        others[..NEIGHBOURS].iter().map(|(_, other)| *other).collect::<Vec<usize>>()
    };
    Some(truth.explained(&(0..rows.len()).map(near).collect::<Vec<_>>()))
}

/// Turns every column into mean 0 and deviation 1, so that its scale says nothing of how near rows are.
fn standardize(x: &mut [f32], inputs: usize) {
    for at in 0..inputs {
        let (mean, deviation) = spread(x.iter().skip(at).step_by(inputs).map(|&v| f64::from(v)));
        let factor = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
        for value in x.iter_mut().skip(at).step_by(inputs) {
            *value = ((f64::from(*value) - mean) * factor) as f32;
        }
    }
}
