//! From data to a model that is ready to be trained: what is not asked for is chosen to fit the data.

use crate::activation::Activation;
use crate::architecture::Architecture;
use crate::error::Error;
use crate::finetune::RATE;
use crate::init::Init;
use crate::layer::SampleShape;
use crate::loss::Loss;
use crate::model::{Measure, Model, Task};
use crate::names::named_enum;
use crate::network::Network;
use crate::optim::Optimizer;
use crate::recipe::Recipe;
use crate::schedule::Schedule;
use crate::summary::check_memory;
use crate::target::TargetScale;
use chainrule_data::{Augmentation, Dataset, Encoder, Scaling, Target, usual_validation};

named_enum! {
    /// What is done to the inputs before the first layer, fitted on the training part.
    ScalingChoice, "scaling":
    /// Mean 0 and deviation 1: over all pixels of images, for each column of tables.
    Standard "standard",
    /// x / 255, for bytes.
    Pixels "pixels",
    /// Nothing.
    None "none",
}

/// What is asked for; the rest is chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setup {
    /// All layers.
    pub architecture: Option<Architecture>,
    /// Sizes of the hidden layers; an empty list means none.
    pub hidden: Option<Vec<usize>>,
    /// Activation of the hidden layers.
    pub activation: Option<Activation>,
    /// Activation of the output layer.
    pub output_activation: Option<Activation>,
    /// The loss.
    pub loss: Option<Loss>,
    /// How the columns of a table became features, if they did. They have their scales then.
    pub encoder: Option<Encoder>,
    /// The scale that each real value is learned on; [`choose_target_scales`](crate::choose_target_scales) finds them.
    pub target_scales: Option<Vec<TargetScale>>,
    /// The scaling of the inputs.
    pub scaling: Option<ScalingChoice>,
    /// The optimiser.
    pub optimizer: Option<Optimizer>,
    /// The learning rate.
    pub learning_rate: Option<f64>,
    /// The schedule.
    pub schedule: Option<Schedule>,
    /// How the weights are drawn.
    pub init: Option<Init>,
    /// Passes over the data.
    pub epochs: Option<usize>,
    /// Samples a step.
    pub batch_size: Option<usize>,
    /// The validation share.
    pub validation: Option<f64>,
    /// Epochs to wait for a better validation loss.
    pub patience: Option<usize>,
    /// L2 penalty; [`choose_l2`](crate::choose_l2) finds one.
    pub l2: Option<f64>,
    /// L1 penalty.
    pub l1: f64,
    /// Dropout rate.
    pub dropout: f64,
    /// How images are changed each time they are trained on.
    pub augment: Option<Augmentation>,
    /// The longest gradient.
    pub clip: Option<f64>,
    /// The name of the classes, where it is known: a model to go on from keeps its last layer only for its own.
    pub target: Option<String>,
    /// The model to go on from. Its layers, scaling and encoding are kept.
    pub start: Option<Model>,
    /// How many of the first layers keep their weights.
    pub frozen: usize,
    /// What the learning rate is multiplied by in each layer.
    pub layer_rates: Vec<f64>,
    /// The most samples that are run through the network at once.
    pub micro_batch: Option<usize>,
    /// The decay of a running mean of the weights.
    pub average: Option<f64>,
    /// The seed.
    pub seed: u64,
    /// How many rows there are, where the data are only a sample of them.
    pub rows: Option<usize>,
}

/// Rows below which an epoch is too short to tune by epochs: small sets are passed over more often.
const STEPS_WANTED: usize = 3000;

impl Setup {
    /// Builds a model for `data`, with weights drawn, to be trained on the same data.
    ///
    /// # Errors
    /// Settings that make no sense or contradict each other, and a network that does not fit the data: all of them. A
    /// network that memory cannot hold.
    pub fn build(&self, data: &Dataset) -> Result<Model, Error> {
        let recipe = self.recipe(data);
        let problems = recipe.problems();
        if !problems.is_empty() {
            return Err(Error::Settings(problems));
        }
        let Some(target) = &data.target else {
            let problems = vec!["it has no target to learn".to_owned()];
            return Err(Error::Fit { source_name: data.source.clone(), problems });
        };
        let scales = self.target_scales.clone().unwrap_or_default();
        if let Some(problem) = scale_problem(&scales, target) {
            return Err(Error::Fit { source_name: data.source.clone(), problems: vec![problem] });
        }
        if let Some(start) = &self.start {
            let model = self.build_on(start, data, recipe, target)?;
            check_memory(&model)?;
            return Ok(model);
        }
        let (train, _) = recipe.split(data);
        let (task, names) = learn_target(target, &train, "class", &scales);
        let network = self.network(data, target)?;
        let model = Model {
            parameters: Default::default(),
            network,
            loss: self.loss.unwrap_or_else(|| Loss::usual(target)),
            task,
            targets: names,
            features: if data.image.is_some() { Vec::new() } else { data.feature_names.clone() },
            image: data.image.map(|size| (size.height, size.width)),
            encoder: self.encoder.clone(),
            scaling: self.scaling(data, &train),
            recipe,
            residuals: Vec::new(),
        };
        model.check_fits(data)?;
        model.with_weights()
    }

    fn activation(&self, data: &Dataset) -> Activation {
        self.activation.unwrap_or(if data.image.is_some() { Activation::Relu } else { Activation::Tanh })
    }

    fn network(&self, data: &Dataset, target: &Target) -> Result<Network, Error> {
        let outputs = match target {
            Target::Classes { names, .. } if self.loss == Some(Loss::BinaryCrossEntropy) && names.len() == 2 => 1,
            Target::Classes { names, .. } => names.len(),
            Target::Values { names, .. } => names.len(),
        };
        let hidden = self.hidden.clone().unwrap_or_else(|| usual_hidden(data));
        let chosen = [vec![data.columns()], hidden, vec![outputs]].concat();
        let sizes = match &self.architecture {
            Some(Architecture::Layers { input, layers }) => {
                let seen = match data.image {
                    Some(size) => SampleShape::Planes([size.planes, size.height, size.width]),
                    None => SampleShape::Flat(data.columns()),
                };
                return Network::of(input.unwrap_or(seen), layers.clone());
            }
            Some(Architecture::Sizes(sizes)) => sizes,
            None => &chosen,
        };
        Network::new(sizes, self.activation(data), self.output_activation.unwrap_or(Activation::Identity))
    }

    pub(crate) fn recipe(&self, data: &Dataset) -> Recipe {
        let optimizer = self.optimizer.unwrap_or(Optimizer::Adam);
        let is_image = data.image.is_some();
        let rows = self.rows.unwrap_or(data.len());
        let wanted = self.batch_size.unwrap_or(usual_batch(rows));
        let batch_size = wanted.min(rows.max(1));
        let steps = rows.div_ceil(batch_size.max(1)).max(1);
        let epochs = self.epochs.unwrap_or(STEPS_WANTED.div_ceil(steps).clamp(10, 300));
        let validation = self.validation.unwrap_or(usual_validation(rows));
        let usual_schedule = if self.optimizer.is_none() { Schedule::OneCycle } else { Schedule::Constant };
        // The rate of a one-cycle is its peak, which may be higher than a constant rate.
        let usual_rate = if self.optimizer.is_none() { 0.003 } else { optimizer.usual_rate() };
        Recipe {
            epochs,
            batch_size,
            learning_rate: self.learning_rate.unwrap_or(usual_rate * if self.start.is_some() { RATE } else { 1.0 }),
            schedule: self.schedule.unwrap_or(usual_schedule),
            optimizer,
            init: self.init.unwrap_or(match self.activation(data) {
                Activation::Sigmoid | Activation::Tanh | Activation::Identity => Init::GlorotUniform,
                _ => Init::HeNormal,
            }),
            l2: self.l2.unwrap_or(if is_image { 0.0 } else { usual_l2(rows) }),
            l1: self.l1,
            dropout: self.dropout,
            augment: self.augment,
            clip: self.clip,
            frozen: self.frozen,
            layer_rates: self.layer_rates.clone(),
            micro_batch: self.micro_batch,
            average: self.average,
            validation,
            patience: self.patience,
            seed: self.seed,
        }
    }

    fn scaling(&self, data: &Dataset, train: &[u32]) -> Scaling {
        match self.scaling.unwrap_or(ScalingChoice::Standard) {
            ScalingChoice::None => Scaling::None,
            ScalingChoice::Pixels => Scaling::pixels(),
            ScalingChoice::Standard if self.encoder.is_some() => Scaling::None,
            ScalingChoice::Standard if data.image.is_some() => Scaling::fit_uniform(&data.features, train),
            ScalingChoice::Standard => Scaling::fit_columns(&data.features, train),
        }
    }
}

/// The task that a target sets, with the mean and deviation of its values over the rows to train on, and its names:
/// `name` where the target has none. Values without a scale are learned as they are.
pub fn learn_target(target: &Target, train: &[u32], name: &str, scales: &[TargetScale]) -> (Task, Vec<String>) {
    match target {
        Target::Classes { names, .. } => (Task::Classes(names.clone()), vec![name.to_owned()]),
        Target::Values { values, names } => {
            let measure = |at: usize| {
                let scale = scales.get(at).copied().unwrap_or_default();
                learn_measure(train.iter().map(|&row| values[row as usize * names.len() + at]), scale)
            };
            (Task::Values((0..names.len()).map(measure).collect()), names.clone())
        }
    }
}

fn learn_measure(values: impl ExactSizeIterator<Item = f32> + Clone, scale: TargetScale) -> Measure {
    let count = values.len().max(1) as f64;
    let on_scale = values.map(|value| scale.apply(f64::from(value)));
    let shift = on_scale.clone().sum::<f64>() / count;
    let variance = on_scale.map(|value| (value - shift).powi(2)).sum::<f64>() / count;
    let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
    Measure { shift, deviation, scale }
}

/// Why a target cannot be learned on these scales.
fn scale_problem(scales: &[TargetScale], target: &Target) -> Option<String> {
    let is_log = |at: usize| scales.get(at) == Some(&TargetScale::Log);
    match target {
        Target::Classes { .. } => {
            is_log(0).then(|| "classes have no logarithm: leave --target-scale out, or give --task regress".to_owned())
        }
        Target::Values { values, names } => {
            let position = (0..values.len()).find(|at| is_log(at % names.len()) && values[*at] <= 0.0)?;
            let (value, name) = (values[position], &names[position % names.len()]);
            Some(format!(
                "a logarithm is of values above 0, and `{name}` has {value}: learn it as it is, with --target-scale plain"
            ))
        }
    }
}

/// Two hidden layers for images, one for tables.
fn usual_hidden(data: &Dataset) -> Vec<usize> {
    if data.image.is_some() { vec![256, 128] } else { vec![64] }
}

/// The penalty for tables; [`choose_l2`](crate::choose_l2) finds a better one where rows are few. The defaults for tables (this, one layer of 64, tanh, no validation for few rows) are the best
/// of some thirty combinations on 28 public tables of 32 to 3,000 rows, none of those in `docs/results.md`.
pub(crate) fn usual_l2(rows: usize) -> f64 {
    (3.0 / rows.max(1) as f64).clamp(1e-4, 0.02)
}

/// A fiftieth of the rows, as a power of two between 8 and 128.
fn usual_batch(rows: usize) -> usize {
    (rows / 50).next_power_of_two().clamp(8, 128)
}
