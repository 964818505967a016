//! How a network is trained: everything that, with the data, decides the result.

use crate::init::Init;
use crate::optim::Optimizer;
use crate::schedule::Schedule;
use chainrule_data::{Augmentation, Dataset};
use serde::{Deserialize, Serialize};

/// The settings of a training. With the same data, the same recipe gives the same weights, bit for bit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Recipe {
    /// Passes over the training data.
    pub epochs: usize,
    /// Samples a step.
    pub batch_size: usize,
    /// The learning rate η that the schedule starts from.
    pub learning_rate: f64,
    /// The course of the learning rate.
    pub schedule: Schedule,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// How the weights are drawn.
    pub init: Init,
    /// λ in the penalty ½λΣw² on weights, not biases. The convention of λ/n in some books is this λ times n.
    pub l2: f64,
    /// λ in the penalty λΣ|w| on weights, not biases.
    pub l1: f64,
    /// The share of hidden activations that each training step sets to 0 (Srivastava et al. 2014).
    pub dropout: f64,
    /// How images are changed each time they are trained on.
    pub augment: Option<Augmentation>,
    /// The largest norm of the whole gradient; longer ones are scaled down to it.
    pub clip: Option<f64>,
    /// How many of the first layers keep their weights.
    pub frozen: usize,
    /// What the learning rate is multiplied by in each layer, from the first on; 1 in layers beyond the list.
    pub layer_rates: Vec<f64>,
    /// The most samples of a batch that are run through the network at once, for the sake of memory: the gradients of
    /// these pieces are added up to that of the batch.
    pub micro_batch: Option<usize>,
    /// The decay d of a running mean of the weights, if it is they that are scored and kept: after each step the mean m
    /// becomes d·m + (1 − d)·w, with at first (1 + t) / (10 + t) after t steps for d while that is less (Polyak and
    /// Juditsky 1992).
    pub average: Option<f64>,
    /// The share of the training data that is held out to validate on.
    pub validation: f64,
    /// Epochs without a better validation loss after which training stops.
    pub patience: Option<usize>,
    /// The seed of every random choice.
    pub seed: u64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch_size: 64,
            learning_rate: Optimizer::Adam.usual_rate(),
            schedule: Schedule::Constant,
            optimizer: Optimizer::Adam,
            init: Init::HeNormal,
            l2: 0.0,
            l1: 0.0,
            dropout: 0.0,
            augment: None,
            clip: None,
            frozen: 0,
            layer_rates: Vec::new(),
            micro_batch: None,
            average: None,
            validation: 0.0,
            patience: None,
            seed: 0,
        }
    }
}

impl Recipe {
    /// What the learning rate is multiplied by in a layer, counted from 1.
    pub(crate) fn rate_in(&self, layer: usize) -> f64 {
        self.layer_rates.get(layer - 1).copied().unwrap_or(1.0)
    }

    /// The rows of `data` to train on and the rows to validate on, both ascending, divided as its [`Split`] says.
    ///
    /// [`Split`]: chainrule_data::Split
    pub fn split(&self, data: &Dataset) -> (Vec<u32>, Vec<u32>) {
        data.split.hold_out(data.len(), data.labels(), self.validation, self.seed)
    }

    /// Every setting that makes no sense, with its range.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut must = |holds: bool, text: String| {
            if !holds {
                problems.push(text);
            }
        };
        must(self.epochs >= 1, "epochs must be at least 1".to_owned());
        must(self.batch_size >= 1, "the batch size must be at least 1".to_owned());
        let positive = |v: f64| v > 0.0 && v.is_finite();
        must(positive(self.learning_rate), format!("the learning rate must be above 0, not {}", self.learning_rate));
        let share = |v: f64| (0.0..1.0).contains(&v);
        must(share(self.dropout), format!("dropout must be at least 0 and below 1, not {}", self.dropout));
        must(
            share(self.validation),
            format!("the validation share must be at least 0 and below 1, not {}", self.validation),
        );
        for (name, value) in [("l1", self.l1), ("l2", self.l2)] {
            must(value >= 0.0 && value.is_finite(), format!("{name} must be 0 or more, not {value}"));
        }
        must(self.clip.is_none_or(positive), "the norm to clip to must be above 0".to_owned());
        let decays = self.average.is_none_or(share);
        must(decays, "the decay of the mean of weights must be at least 0 and below 1".to_owned());
        must(self.micro_batch != Some(0), "the micro batch must be at least 1 sample".to_owned());
        let rates = self.layer_rates.iter().all(|rate| *rate >= 0.0 && rate.is_finite());
        must(rates, "the rates of layers must be 0 or more".to_owned());
        must(self.patience != Some(0), "patience must be at least 1 epoch".to_owned());
        must(
            self.patience.is_none() || self.validation > 0.0,
            "patience needs a validation share: set one, as in --validation 0.1".to_owned(),
        );
        problems
    }
}
