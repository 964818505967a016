//! Why a network does not learn: findings from what was measured, each with its evidence and a cure.

mod data;
mod facts;
mod learning;
mod network;
mod vitals;
mod watch;

pub use facts::{Duplicates, Facts, Scales, TargetFacts, Telling};
pub use vitals::{Histogram, LayerVitals, Probe, Vitals};
pub use watch::Watch;

use crate::evaluate::{Evaluation, Scores};
use crate::loss::Loss;
use crate::names::named_enum;
use crate::recipe::Recipe;
use crate::train::EpochReport;
use serde::{Deserialize, Serialize};

named_enum! {
    /// What can be wrong.
    Kind, "finding":
    /// All neurons of a layer begin with the same weights, so that they learn the same.
    SymmetricWeights "symmetric-weights",
    /// Inputs far larger or smaller than 1.
    InputScale "input-scale",
    /// A column tells the target by itself.
    Leak "leak",
    /// Test rows that were trained on.
    Duplicates "duplicates",
    /// A value that is not finite, at the first step.
    NotFinite "not-finite",
    /// Gradients that grow from layer to layer on the way down.
    ExplodingGradients "exploding-gradients",
    /// Gradients that shrink from layer to layer on the way down.
    VanishingGradients "vanishing-gradients",
    /// Sigmoids or tanhs where they are flat.
    Saturated "saturated",
    /// Neurons that give 0 for every sample.
    DeadNeurons "dead-neurons",
    /// Steps so long that they undo one another.
    LearningRateTooHigh "learning-rate-too-high",
    /// Steps so short that the weights hardly move.
    LearningRateTooLow "learning-rate-too-low",
    /// Penalties or dropout that hold the network back.
    TooMuchRegularisation "too-much-regularisation",
    /// Rare classes that are hardly ever found.
    ClassImbalance "class-imbalance",
    /// Targets that the inputs tell nothing about.
    ShuffledLabels "shuffled-labels",
    /// So few rows that scores are chance.
    TooFewSamples "too-few-samples",
    /// What is learned holds for the training rows only.
    Overfitting "overfitting",
    /// A network that is too small or too plain for what there is to learn.
    Underfitting "underfitting",
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// In a few words.
    pub title: String,
    /// What was measured.
    pub evidence: String,
    /// What to do, in words that hold wherever a network is trained.
    pub cure: String,
    /// The options of the command line that do it; empty where there is none.
    pub options: String,
}

impl Finding {
    fn new(kind: Kind, title: impl Into<String>, evidence: String, cure: impl Into<String>) -> Self {
        Self { kind, title: title.into(), evidence, cure: cure.into(), options: String::new() }
    }

    /// The same with options.
    fn by(self, options: impl Into<String>) -> Self {
        Self { options: options.into(), ..self }
    }

    /// What to do on the command line.
    pub fn command(&self) -> String {
        if self.options.is_empty() { self.cure.clone() } else { format!("{}: {}", self.cure, self.options) }
    }
}

/// Where a training went to infinity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The step in it, counted from 1.
    pub step: usize,
    /// The first value that was not finite.
    pub node: Option<String>,
    /// The learning rate of the step.
    pub rate: f64,
}

/// What a network makes of data that it was not trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unseen {
    /// The scores.
    pub scores: Scores,
    /// How often rows of each class (first index) were taken for each class; empty for values.
    pub confusion: Vec<Vec<u64>>,
}

impl Unseen {
    /// What the doctor goes by of an evaluation.
    pub fn new(evaluation: &Evaluation) -> Self {
        let accuracy = evaluation.metrics.classes().map(|metrics| metrics.accuracy);
        let rmse = evaluation.metrics.values().map(|metrics| metrics.rmse);
        let scores = Scores { loss: evaluation.loss, accuracy, rmse };
        Self { scores, confusion: evaluation.confusion.clone() }
    }
}

/// All that was measured of a training so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it was trained by.
    pub recipe: Recipe,
    /// What was minimised.
    pub loss: Loss,
    /// What is known of the data, if it was looked at.
    pub facts: Option<Facts>,
    /// Every epoch that was done.
    pub history: Vec<EpochReport>,
    /// The network at some moments, from before the first step on.
    pub vitals: Vec<Vitals>,
    /// Where it went to infinity, if it did.
    pub failure: Option<Failure>,
    /// Steps of an epoch.
    pub steps: usize,
    /// The trained network on data that it was not trained on, if there are some.
    pub test: Option<Unseen>,
    /// Whether the training is over. Before, only what cannot get better by going on is found.
    pub ended: bool,
}

impl Evidence {
    /// What is known before anything is measured.
    pub fn new(recipe: Recipe, loss: Loss) -> Self {
        let (history, vitals) = (Vec::new(), Vec::new());
        Self { recipe, loss, facts: None, history, vitals, failure: None, steps: 0, test: None, ended: false }
    }

    /// The share of what one answer for every row leaves unexplained that these scores leave unexplained: 0 for a perfect
    /// network, 1 for one that has learned nothing. By the loss where it is cross-entropy, else by the share of wrong
    /// classes; by the squared error of values.
    fn unexplained(&self, scores: &Scores) -> Option<f64> {
        let facts = self.facts.as_ref()?;
        match facts.entropy() {
            Some(entropy) if self.loss == (Loss::CrossEntropy { smoothing: 0.0 }) && !facts.weighted => {
                Some(scores.loss / entropy.max(1e-12))
            }
            _ => self.unexplained_answers(scores),
        }
    }

    /// The same by the share of wrong classes, and by the squared error of values.
    fn unexplained_answers(&self, scores: &Scores) -> Option<f64> {
        let facts = self.facts.as_ref()?;
        match &facts.target {
            TargetFacts::Values { deviation } if *deviation > 0.0 => Some((scores.rmse? / deviation).powi(2)),
            TargetFacts::Values { .. } => None,
            TargetFacts::Classes { .. } => Some((1.0 - scores.accuracy?) / (1.0 - facts.majority()?).max(1e-12)),
        }
    }

    /// The least that an epoch left unexplained of the training rows.
    fn train_unexplained(&self) -> Option<f64> {
        let of = |epoch: &EpochReport| self.unexplained(&epoch.train).filter(|v| v.is_finite());
        self.history.iter().filter_map(of).min_by(f64::total_cmp)
    }

    /// The least that an epoch left unexplained of the rows held out to choose it; without any, what the trained network
    /// leaves unexplained of the test rows.
    fn unseen_unexplained(&self) -> Option<f64> {
        let of = |epoch: &EpochReport| self.unexplained(epoch.validation.as_ref()?).filter(|v| v.is_finite());
        self.history
            .iter()
            .filter_map(of)
            .min_by(f64::total_cmp)
            .or_else(|| self.unexplained(&self.test.as_ref()?.scores))
    }

    /// The network before the first step, if it was measured then.
    fn start(&self) -> Option<&Vitals> {
        self.vitals.first().filter(|vitals| vitals.epoch == 0)
    }

    /// The middle one of the largest update ratios of a layer. Where its weights have shrunk, they are compared with those
    /// of the beginning: near 0 any step is long.
    fn usual_update(&self) -> Option<f64> {
        let largest = |vitals: &Vitals| {
            let of = |(at, layer): (usize, &LayerVitals)| {
                let first = self.start().and_then(|start| Some(start.layers.get(at)?.weight_norm)).unwrap_or(0.0);
                Some(layer.update_ratio? * layer.weight_norm / layer.weight_norm.max(first).max(1e-30))
            };
            vitals.layers.iter().enumerate().filter_map(of).max_by(f64::total_cmp)
        };
        let mut ratios: Vec<f64> = self.vitals.iter().filter_map(largest).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied()
    }
}

/// Looks for what is wrong, causes before what follows from them. Nothing is found where all is well.
pub fn diagnose(evidence: &Evidence) -> Vec<Finding> {
    const RULES: &[fn(&Evidence) -> Option<Finding>] = &[
        network::symmetric,
        network::not_finite,
        data::input_scale,
        data::leak,
        data::duplicates,
        network::exploding,
        network::saturated_at_start,
        network::dead_at_start,
        network::vanishing,
        learning::rate_too_high,
        network::saturated,
        network::dead,
        learning::rate_too_low,
        data::imbalance,
        data::shuffled_labels,
        data::too_few,
        learning::regularisation,
        learning::overfitting,
        learning::underfitting,
    ];
    let mut findings: Vec<Finding> = Vec::new();
    for finding in RULES.iter().filter_map(|rule| rule(evidence)) {
        if findings.iter().all(|other| other.kind != finding.kind) {
            findings.push(finding);
        }
    }
    findings
}

/// A share in percent.
fn percent(share: f64) -> String {
    if share > 10.0 { "more than 1000 %".to_owned() } else { format!("{:.0} %", 100.0 * share) }
}

/// A number with three digits, or two where it has an exponent.
fn short(value: f64) -> String {
    if value != 0.0 && !(1e-3..1e5).contains(&value.abs()) {
        format!("{value:.1e}")
    } else {
        let digits = (2 - value.abs().max(1e-9).log10().floor() as i32).clamp(0, 6) as usize;
        format!("{value:.digits$}")
    }
}
