//! Which columns of a table a model leans on.
//!
//! Two answers, both about the model, not about the world:
//!
//! - **Permutation**: how much worse the model becomes on the same rows when one column is shuffled among them, all
//!   features that come from it together, so that its values stay what they are but say nothing of their row:
//!   loss(shuffled) − loss. Breiman, "Random Forests" (2001), section 10; Fisher, Rudin and Dominici, "All Models are
//!   Wrong, but Many are Useful" (2019). Of two columns that say the same, each looks less important than the two
//!   together are.
//! - **Input gradient**: mean over the rows of Σ|∂C/∂x| over the features of the column, with C the cost of one row and
//!   x the scaled features, by the reverse sweep that training uses. Simonyan, Vedaldi and Zisserman, "Deep Inside
//!   Convolutional Networks" (2014). It says how much a small change would matter; features on a common scale make it
//!   comparable.

use crate::error::Error;
use crate::evaluate::{Evaluator, Scores};
use crate::model::Model;
use chainrule_data::{Dataset, Matrix, Values, shuffle};
use chainrule_engine::ops::Role;
use chainrule_engine::{Graph, Plan, Session};
use serde::Serialize;
use std::ops::Range;

/// Rows run through the network at a time.
const BATCH: usize = 256;
/// The most columns that are shuffled: of more, those with the largest gradients.
const MOST_SHUFFLED: usize = 256;
/// About how many products a shuffled column may take in all its repeats, before fewer rows do.
const PRODUCTS: u64 = 20_000_000_000;
/// Rows below which the answer would say little.
const FEWEST_ROWS: usize = 200;

/// How much is done to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportanceOptions {
    /// The most rows that are looked at, a sample if there are more. Wide networks take fewer.
    pub rows: usize,
    /// How often each column is shuffled.
    pub repeats: usize,
    /// The seed of the sample and of the orders.
    pub seed: u64,
}

impl Default for ImportanceOptions {
    fn default() -> Self {
        Self { rows: 2000, repeats: 5, seed: 0 }
    }
}

/// Which columns a model leans on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Importance {
    /// How many rows were looked at.
    pub rows: usize,
    /// How often each column was shuffled.
    pub repeats: usize,
    /// The name of the main score: `accuracy` or `rmse`.
    pub score: &'static str,
    /// Every column, those that matter most for the loss first, those that were not shuffled last.
    pub columns: Vec<ColumnImportance>,
}

/// How much a model leans on a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnImportance {
    /// The name of the column.
    pub column: String,
    /// The loss with the column shuffled less the loss; `None` if it was not, as in a table of very many columns.
    pub loss_increase: Option<Change>,
    /// By how much the main score gets worse: what accuracy loses, or the root mean squared error gains.
    pub score_worsening: Option<Change>,
    /// The mean over the rows of Σ|∂C/∂x| over the features of the column.
    pub input_gradient: f64,
}

/// A change that was measured several times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The mean.
    pub mean: f64,
    /// The standard deviation over the repeats (with n − 1).
    pub deviation: f64,
}

impl Change {
    fn new(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, deviation: (squares / (count - 1.0).max(1.0)).sqrt() }
    }
}

/// Finds out which columns `model` leans on, from rows of `data`, which must have a target. The same seed gives the same
/// bits at any number of threads.
///
/// # Errors
/// A model of images; data that does not fit it, has no target, or has no rows; no repeats.
pub fn importance(model: &Model, data: &Dataset, options: &ImportanceOptions) -> Result<Importance, Error> {
    model.check_fits(data)?;
    let problems = [
        (model.features.is_empty(), "the model takes images, which have no columns"),
        (data.target.is_none(), "it has no target to compare with"),
        (data.is_empty(), "it has no rows"),
        (options.repeats == 0 || options.rows == 0, "at least one repeat and one row are needed"),
    ];
    let problems: Vec<String> = problems.into_iter().filter(|(is_so, _)| *is_so).map(|(_, text)| text.into()).collect();
    if !problems.is_empty() {
        return Err(Error::Fit { source_name: data.source.clone(), problems });
    }
    let columns = columns(model);
    let sample = sample(model, data, options, columns.len());
    let gradients = input_gradients(model, &sample)?;
    let untried = |(name, features): &(String, Range<usize>)| ColumnImportance {
        column: name.clone(),
        loss_increase: None,
        score_worsening: None,
        input_gradient: gradients[features.clone()].iter().sum(),
    };
    let mut found: Vec<ColumnImportance> = columns.iter().map(untried).collect();
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by(|&a, &b| found[b].input_gradient.total_cmp(&found[a].input_gradient));
    let mut shuffler = Shuffler::new(model, &sample, options)?;
    for &column in order.iter().take(MOST_SHUFFLED) {
        let (loss, score) = shuffler.changes(column, &columns[column].1)?;
        (found[column].loss_increase, found[column].score_worsening) = (Some(loss), Some(score));
    }
    let loss = |column: &ColumnImportance| column.loss_increase.map_or(f64::NEG_INFINITY, |change| change.mean);
    found.sort_by(|a, b| loss(b).total_cmp(&loss(a)).then(b.input_gradient.total_cmp(&a.input_gradient)));
    let score = if shuffler.before.accuracy.is_some() { "accuracy" } else { "rmse" };
    Ok(Importance { rows: sample.len(), repeats: options.repeats, score, columns: found })
}

/// The columns of the table, each with the features that come from it.
fn columns(model: &Model) -> Vec<(String, Range<usize>)> {
    match &model.encoder {
        Some(encoder) => encoder.features().map(|(name, features)| (name.to_owned(), features)).collect(),
        None => model.features.iter().cloned().zip((0..).map(|feature| feature..feature + 1)).collect(),
    }
}

/// Rows to look at, in the order of the data.
fn sample(model: &Model, data: &Dataset, options: &ImportanceOptions, columns: usize) -> Dataset {
    let a_row = model.network.weights() * columns.min(MOST_SHUFFLED) * options.repeats;
    let count = options.rows.min(((PRODUCTS / a_row.max(1) as u64) as usize).max(FEWEST_ROWS)).min(data.len());
    let mut rows: Vec<u32> = (0..data.len() as u32).collect();
    if count < rows.len() {
        shuffle(&mut rows, options.seed, u64::MAX / 2);
        rows.truncate(count);
        rows.sort_unstable();
    }
    data.select(&rows)
}

/// For each feature, the mean of |∂C/∂x| over the rows of `data`.
fn input_gradients(model: &Model, data: &Dataset) -> Result<Vec<f64>, Error> {
    let inputs = model.network.inputs;
    let mut sums = vec![0.0; inputs];
    let mut planned: Option<(usize, Session<f32>)> = None;
    let rows: Vec<u32> = (0..data.len() as u32).collect();
    let (mut x, mut y) = (vec![0.0; BATCH * inputs], vec![0.0; BATCH * model.task.width()]);
    for rows in rows.chunks(BATCH) {
        let session = match &mut planned {
            Some((count, session)) if *count == rows.len() => session,
            other => &mut other.insert((rows.len(), gradient_session(model, rows.len())?)).1,
        };
        let (x, y) = (&mut x[..rows.len() * inputs], &mut y[..rows.len() * model.task.width()]);
        model.fill_features(data, rows, x);
        model.fill_targets(data, rows, y);
        session.run(&model.parameters, &[x, y])?;
        // The cost of the batch is the mean of its rows' costs, so its gradient is a row's, divided by their number.
        for row in session.output(0).chunks_exact(inputs) {
            for (sum, gradient) in sums.iter_mut().zip(row) {
                *sum += f64::from(gradient.abs()) * rows.len() as f64;
            }
        }
    }
    Ok(sums.into_iter().map(|sum| sum / data.len() as f64).collect())
}

fn gradient_session(model: &Model, batch: usize) -> Result<Session<f32>, Error> {
    let graph = Graph::new();
    let built = model.graph(&graph, batch, false, false);
    let x: Vec<_> = graph.nodes().leaves(Role::Data).map(|id| graph.expr(id)).take(1).collect();
    let gradient = graph.gradients(built.cost, &x)?;
    Ok(Session::new(Plan::new(&graph, &gradient)?)?)
}

/// Scores rows with one column shuffled.
struct Shuffler<'a> {
    model: &'a Model,
    options: &'a ImportanceOptions,
    evaluator: Evaluator,
    /// The rows as they are.
    plain: Vec<f32>,
    /// The rows with a column shuffled.
    shuffled: Dataset,
    rows: Vec<u32>,
    before: Scores,
}

impl<'a> Shuffler<'a> {
    fn new(model: &'a Model, data: &Dataset, options: &'a ImportanceOptions) -> Result<Self, Error> {
        let rows: Vec<u32> = (0..data.len() as u32).collect();
        let mut plain = vec![0.0; data.len() * data.columns()];
        data.features.gather(&rows, &mut plain);
        let mut evaluator = Evaluator::new();
        let before = evaluator.tally(model, data, &rows)?.scores();
        Ok(Self { model, options, evaluator, plain, shuffled: data.clone(), rows, before })
    }

    /// What the loss and the main score become with the features of column number `column` shuffled.
    fn changes(&mut self, column: usize, features: &Range<usize>) -> Result<(Change, Change), Error> {
        let (mut losses, mut scores) = (Vec::new(), Vec::new());
        for repeat in 0..self.options.repeats {
            let mut order = self.rows.clone();
            shuffle(&mut order, self.options.seed, (column * self.options.repeats + repeat) as u64);
            self.shuffled.features = self.with_order(features, &order);
            let after = self.evaluator.tally(self.model, &self.shuffled, &self.rows)?.scores();
            losses.push(after.loss - self.before.loss);
            scores.push(match (self.before.accuracy, after.accuracy, self.before.rmse, after.rmse) {
                (Some(before), Some(after), ..) => before - after,
                (.., Some(before), Some(after)) => after - before,
                _ => 0.0,
            });
        }
        Ok((Change::new(&losses), Change::new(&scores)))
    }

    /// The rows, each with the named features of the row that `order` gives for it.
    fn with_order(&self, features: &Range<usize>, order: &[u32]) -> Matrix {
        let width = self.shuffled.columns();
        let mut values = self.plain.clone();
        for (row, &from) in values.chunks_exact_mut(width).zip(order) {
            let from = &self.plain[from as usize * width..][..width];
            row[features.clone()].copy_from_slice(&from[features.clone()]);
        }
        Matrix::new(order.len(), width, Values::Floats(values))
    }
}
