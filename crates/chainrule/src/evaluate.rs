//! How good a model is, and what it predicts.

use crate::error::Error;
use crate::loss::Loss;
use crate::metrics::{self, ClassMetrics, TargetMetrics, ValueMetrics};
use crate::model::{Model, Task};
use crate::network::Network;
use crate::step::Batch;
use chainrule_data::{Dataset, Matrix, Target};
use chainrule_engine::{Graph, Plan, Session};
use serde::{Deserialize, Serialize};

/// The most samples run through the network at a time.
const BATCH: usize = 256;

/// The most numbers of a layer at a time: a small file can describe a convolution that makes very many.
const NUMBERS: usize = 1 << 26;

/// Samples run through the network at a time.
fn at_a_time(network: &Network) -> usize {
    let widest = network.stages().map(|stage| stage.z.len()).max().unwrap_or(1);
    (NUMBERS / widest.max(1)).clamp(1, BATCH)
}

/// Scores over a set of samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The mean loss.
    #[serde(deserialize_with = "number_or_null")]
    pub loss: f64,
    /// The share of right classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// The root of the mean squared error, of a real value; of several, the mean over them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rmse: Option<f64>,
}

/// JSON has no infinity: what is not finite was written as null.
pub(crate) fn number_or_null<'de, D: serde::Deserializer<'de>>(source: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(source)?.unwrap_or(f64::NAN))
}

/// Counts that scores are made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    samples: usize,
    loss: f64,
    right: usize,
    /// For each value, the sum of its squared errors; empty for classes.
    squared: Vec<f64>,
}

impl Tally {
    /// Adds a batch: its mean loss, its outputs `[batch, outputs]`, its targets (classes `[batch]`, values
    /// `[batch, outputs]`).
    pub(crate) fn add(&mut self, model: &Model, loss: f64, outputs: &[f32], targets: &[f32]) {
        let samples = targets.len() / model.task.width();
        self.samples += samples;
        self.loss += loss * samples as f64;
        match &model.task {
            Task::Values(measures) => {
                self.squared.resize(measures.len(), 0.0);
                let of_samples = outputs.chunks_exact(measures.len()).zip(targets.chunks_exact(measures.len()));
                for (outputs, targets) in of_samples {
                    for (((sum, measure), &output), &target) in
                        self.squared.iter_mut().zip(measures).zip(outputs).zip(targets)
                    {
                        *sum += (measure.value(f64::from(output)) - measure.value(f64::from(target))).powi(2);
                    }
                }
            }
            Task::Classes(_) => {
                let of_samples = outputs.chunks_exact(model.network.outputs()).zip(targets);
                self.right += of_samples.filter(|(row, y)| predicted_class(model.loss, row) == **y as usize).count();
            }
        }
    }

    /// How many samples were added.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The scores so far.
    pub fn scores(&self) -> Scores {
        let mean = |sum: f64| sum / self.samples.max(1) as f64;
        let is_value = !self.squared.is_empty();
        let roots = self.squared.iter().map(|&squared| mean(squared).sqrt());
        Scores {
            loss: mean(self.loss),
            accuracy: (!is_value).then(|| mean(self.right as f64)),
            rmse: is_value.then(|| roots.sum::<f64>() / self.squared.len() as f64),
        }
    }
}

/// The class that the outputs of one sample speak for: the first largest, or for one output which side it is on.
fn predicted_class(loss: Loss, outputs: &[f32]) -> usize {
    if let [one] = outputs {
        let border = if loss == Loss::BinaryCrossEntropy { 0.0 } else { 0.5 };
        return usize::from(*one > border);
    }
    let mut best = 0;
    for (class, value) in outputs.iter().enumerate() {
        if *value > outputs[best] {
            best = class;
        }
    }
    best
}

/// Runs models forward; plans once for each batch size.
#[derive(Default)]
pub struct Evaluator {
    forward: Vec<Forward>,
}

struct Forward {
    rows: usize,
    session: Session<f32>,
    x: Vec<f32>,
    y: Vec<f32>,
    weight: Vec<f32>,
}

impl Evaluator {
    /// Nothing planned yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs rows of `data` through the model, batch by batch, and hands each batch's rows, cost, outputs
    /// `[batch, outputs]` and targets on.
    fn each_batch(
        &mut self,
        model: &Model,
        data: &Dataset,
        rows: &[u32],
        mut visit: impl FnMut(&[u32], f64, &[f32], &[f32]),
    ) -> Result<(), Error> {
        for rows in rows.chunks(at_a_time(&model.network)) {
            let weighted = data.weights.is_some();
            let fits = |f: &Forward| f.rows == rows.len() && f.weight.is_empty() != weighted;
            let position = match self.forward.iter().position(fits) {
                Some(position) => position,
                None => {
                    let graph = Graph::new();
                    let built = model.graph(&graph, rows.len(), weighted, false);
                    let session = Session::new(Plan::new(&graph, &[built.output, built.cost])?)?;
                    let x = vec![0.0; rows.len() * model.network.inputs];
                    let y = vec![0.0; rows.len() * model.task.width()];
                    self.forward.push(Forward { rows: rows.len(), session, x, y, weight: Vec::new() });
                    self.forward.len() - 1
                }
            };
            let Forward { session, x, y, weight, .. } = &mut self.forward[position];
            model.fill_features(data, rows, x);
            model.fill_targets(data, rows, y);
            Model::fill_weights(data, rows, weight);
            let (inputs, given) = Batch { x, y, weight }.inputs(&[]);
            session.run(&model.parameters, &inputs[..given])?;
            visit(rows, f64::from(session.output(1)[0]), session.output(0), y);
        }
        Ok(())
    }

    /// Adds up the scores of rows of `data`.
    ///
    /// # Errors
    /// An error of the engine.
    pub fn tally(&mut self, model: &Model, data: &Dataset, rows: &[u32]) -> Result<Tally, Error> {
        let mut tally = Tally::default();
        self.each_batch(model, data, rows, |_, cost, outputs, y| tally.add(model, cost, outputs, y))?;
        Ok(tally)
    }
}

/// How good a model is on a set of samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Number of samples.
    pub samples: usize,
    /// The mean loss.
    pub loss: f64,
    /// Scores of the predictions.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Samples by true class (rows) and predicted class (columns).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<Vec<u64>>,
}

/// How often a class was taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// How often.
    pub times: u64,
    /// The position of the true class.
    pub truth: usize,
    /// The position of the predicted class.
    pub predicted: usize,
}

impl Evaluation {
    /// Which classes were taken for which others, the most frequent mistake first.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let of_row = |(truth, row): (usize, &Vec<u64>)| {
            let wrong = row.iter().enumerate().filter(|(predicted, times)| *predicted != truth && **times > 0);
            wrong.map(|(predicted, &times)| Mistake { times, truth, predicted }).collect::<Vec<_>>()
        };
        let mut mistakes: Vec<Mistake> = self.confusion.iter().enumerate().flat_map(of_row).collect();
        mistakes.sort_by_key(|mistake| (std::cmp::Reverse(mistake.times), mistake.truth, mistake.predicted));
        mistakes
    }
}

/// Scores by the kind of the target.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Metrics {
    /// Of classes.
    Classes(ClassMetrics),
    /// Of real values.
    Values(ValueMetrics),
}

impl Metrics {
    /// The scores of classes, if it is they.
    pub fn classes(&self) -> Option<&ClassMetrics> {
        if let Self::Classes(metrics) = self { Some(metrics) } else { None }
    }

    /// Every score by its name, those of one of several targets after `target: `; one that is not defined for these
    /// samples is left out.
    pub fn list(&self) -> Vec<(String, f64)> {
        let named = |list: Vec<(&str, f64)>| list.into_iter().map(|(name, score)| (name.to_owned(), score)).collect();
        match self {
            Self::Classes(m) => {
                let mut list = vec![
                    ("accuracy", m.accuracy),
                    ("balanced_accuracy", m.balanced_accuracy),
                    ("macro_f1", m.macro_f1),
                    ("log_loss", m.log_loss),
                ];
                list.extend(m.roc_auc.map(|auc| ("roc_auc", auc)));
                list.push(("calibration_error", m.calibration_error));
                named(list)
            }
            Self::Values(m) => {
                let mut list: Vec<(String, f64)> = named(m.list());
                for TargetMetrics { target, metrics } in &m.targets {
                    list.extend(metrics.list().into_iter().map(|(name, score)| (format!("{target}: {name}"), score)));
                }
                list
            }
        }
    }

    /// The scores of real values, if it is they.
    pub fn values(&self) -> Option<&ValueMetrics> {
        if let Self::Values(metrics) = self { Some(metrics) } else { None }
    }
}

/// Evaluates a model on all rows of `data`, which must have a target.
///
/// # Errors
/// Data that does not fit the network, has no target, or has no rows.
pub fn evaluate(model: &Model, data: &Dataset) -> Result<Evaluation, Error> {
    model.check_fits(data)?;
    let unfit = |problem: &str| Error::Fit { source_name: data.source.clone(), problems: vec![problem.to_owned()] };
    let Some(target) = &data.target else { return Err(unfit("it has no target to compare with: use predict")) };
    if data.is_empty() {
        return Err(unfit("it has no rows"));
    }
    let rows: Vec<u32> = (0..data.len() as u32).collect();
    let (mut loss, mut decided, mut values) = (0.0, Vec::new(), Vec::new());
    Evaluator::new().each_batch(model, data, &rows, |rows, cost, outputs, _| {
        loss += cost * rows.len() as f64;
        for outputs in outputs.chunks_exact(model.network.outputs()) {
            let prediction = prediction(model, outputs);
            decided.extend(prediction.class);
            values.extend(prediction.values);
        }
    })?;
    let classes = model.classes().to_vec();
    let (metrics, confusion) = match target {
        Target::Classes { labels, .. } => {
            let truth: Vec<usize> = labels.iter().map(|&label| label as usize).collect();
            let metrics = ClassMetrics::new(&values, classes.len(), &truth, &decided);
            (Metrics::Classes(metrics), metrics::confusion(classes.len(), &truth, &decided))
        }
        Target::Values { values: truth, names } => {
            let truth: Vec<f64> = truth.iter().map(|&v| f64::from(v)).collect();
            (Metrics::Values(ValueMetrics::of_columns(&values, &truth, names)), Vec::new())
        }
    };
    Ok(Evaluation { samples: data.len(), loss: loss / data.len() as f64, metrics, classes, confusion })
}

/// What a model says of one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The position of the class in [`Model::classes`]; `None` for real values.
    pub class: Option<usize>,
    /// The probability of each class, or the values.
    pub values: Vec<f64>,
}

/// Predicts every row of `data`; a target is ignored.
///
/// # Errors
/// Data that does not fit the network.
pub fn predict(model: &Model, data: &Dataset, mut each: impl FnMut(usize, Prediction)) -> Result<(), Error> {
    let blind = Dataset { target: None, ..data.clone() };
    model.check_fits(&blind)?;
    let rows: Vec<u32> = (0..data.len() as u32).collect();
    Predictor::new(model)?.predict(&data.features, &rows, |row, prediction| each(row as usize, prediction))
}

/// Predicts rows of features.
///
/// Rows are run through the network a fixed number at a time, the last ones with zeros behind them, so that what is
/// said of a row has the same bits whatever rows come with it.
pub struct Predictor<'a> {
    model: &'a Model,
    session: Session<f32>,
    batch: usize,
    x: Vec<f32>,
    /// What is true of the rows, which the outputs do not depend on.
    y: Vec<f32>,
}

impl<'a> Predictor<'a> {
    /// Plans the way forward.
    ///
    /// # Errors
    /// A network too large to be planned.
    pub fn new(model: &'a Model) -> Result<Self, Error> {
        let graph = Graph::new();
        let batch = at_a_time(&model.network);
        let built = model.graph(&graph, batch, false, false);
        let session = Session::new(Plan::new(&graph, &[built.output])?)?;
        let (x, y) = (vec![0.0; batch * model.network.inputs], vec![0.0; batch * model.task.width()]);
        Ok(Self { model, session, batch, x, y })
    }

    /// Predicts the named rows of `features` `[rows, inputs]`, in that order.
    ///
    /// # Errors
    /// An error of the engine.
    ///
    /// # Panics
    /// If a row is not there, or there are other than `inputs` features.
    pub fn predict(
        &mut self,
        features: &Matrix,
        rows: &[u32],
        mut each: impl FnMut(u32, Prediction),
    ) -> Result<(), Error> {
        let Self { model, session, batch, x, y } = self;
        let inputs = model.network.inputs;
        for rows in rows.chunks(*batch) {
            let (filled, rest) = x.split_at_mut(rows.len() * inputs);
            features.gather(rows, filled);
            model.scaling.apply(inputs, filled);
            rest.fill(0.0);
            session.run(&model.parameters, &[x, y])?;
            for (&row, outputs) in rows.iter().zip(session.output(0).chunks_exact(model.network.outputs())) {
                each(row, prediction(model, outputs));
            }
        }
        Ok(())
    }
}

/// Probabilities from the outputs: softmax of logits, the sigmoid of one logit; outputs of other losses, cut to [0, 1]
/// and divided by their sum.
fn prediction(model: &Model, outputs: &[f32]) -> Prediction {
    let raw: Vec<f64> = outputs.iter().map(|&v| f64::from(v)).collect();
    if let Task::Values(measures) = &model.task {
        return Prediction { class: None, values: raw.iter().zip(measures).map(|(&v, m)| m.value(v)).collect() };
    }
    let class = Some(predicted_class(model.loss, outputs));
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let shares = |weights: Vec<f64>| {
        let total: f64 = weights.iter().sum();
        let even = 1.0 / weights.len() as f64;
        weights.iter().map(|w| if total > 0.0 { w / total } else { even }).collect()
    };
    let values = match (model.loss, raw.as_slice()) {
        (Loss::BinaryCrossEntropy, [one]) => vec![1.0 - sigmoid(*one), sigmoid(*one)],
        (Loss::BinaryCrossEntropy, many) => shares(many.iter().map(|&v| sigmoid(v)).collect()),
        (Loss::CrossEntropy { .. }, many) => {
            let top = many.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            shares(many.iter().map(|v| (v - top).exp()).collect())
        }
        (_, [one]) => vec![1.0 - one.clamp(0.0, 1.0), one.clamp(0.0, 1.0)],
        (_, many) => shares(many.iter().map(|v| v.clamp(0.0, 1.0)).collect()),
    };
    Prediction { class, values }
}
