//! A network from code, with sensible settings for what is left out.

use crate::activation::Activation;
use crate::error::Error;
use crate::evaluate::{Evaluation, Prediction, evaluate, predict};
use crate::init::Init;
use crate::loss::Loss;
use crate::model::{Measure, Model, Task};
use crate::network::Network;
use crate::optim::Optimizer;
use crate::recipe::Recipe;
use crate::setup::learn_target;
use crate::train::{Observer, Outcome, fit};
use chainrule_data::{Dataset, Scaling};
use std::path::Path;

/// A multilayer perceptron: a [`Model`] that is built, trained and asked in a few lines.
///
/// ```
/// use chainrule::data::{Dataset, Matrix, Target, Values};
/// use chainrule::{Activation, Loss, Mlp, Optimizer};
/// // The exclusive or: no network without a hidden layer can tell its classes apart.
/// let corners = vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
/// let target = Target::Classes { labels: vec![0, 1, 1, 0], names: vec!["same".into(), "different".into()] };
/// let data = Dataset::new(Matrix::new(4, 2, Values::Floats(corners)), target, "exclusive or");
/// let mut net = Mlp::builder()
///     .input(2)
///     .hidden(8, Activation::Tanh)
///     .output(2)
///     .loss(Loss::CrossEntropy { smoothing: 0.0 })
///     .optimizer(Optimizer::Adam, 0.02)
///     .epochs(300)
///     .batch_size(4)
///     .seed(1)
///     .build()?;
/// net.fit(&data, &mut ())?;
/// assert_eq!(net.evaluate(&data)?.metrics.classes().unwrap().accuracy, 1.0);
/// # Ok::<(), chainrule::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp {
    /// The model behind it.
    pub model: Model,
}

/// Settings of an [`Mlp`].
#[derive(Clone, Debug)]
pub struct MlpBuilder {
    inputs: usize,
    hidden: Vec<(usize, Activation)>,
    outputs: usize,
    output_activation: Activation,
    loss: Loss,
    scaling: Scaling,
    recipe: Recipe,
}

impl Mlp {
    /// Starts with the defaults of [`Recipe`] and cross-entropy.
    pub fn builder() -> MlpBuilder {
        MlpBuilder {
            inputs: 0,
            hidden: Vec::new(),
            outputs: 0,
            output_activation: Activation::Identity,
            loss: Loss::CrossEntropy { smoothing: 0.0 },
            scaling: Scaling::None,
            recipe: Recipe::default(),
        }
    }

    /// Trains on `data` by the recipe; takes classes and column names from it.
    ///
    /// # Errors
    /// As [`fit`].
    pub fn fit(&mut self, data: &Dataset, observer: &mut dyn Observer) -> Result<Outcome, Error> {
        if let Some(target) = &data.target {
            (self.model.task, self.model.targets) =
                learn_target(target, &self.model.recipe.split(data).0, &self.model.target(), &[]);
        }
        self.model.image = data.image.map(|size| (size.height, size.width));
        self.model.features = if data.image.is_some() { Vec::new() } else { data.feature_names.clone() };
        fit(&mut self.model, data, observer)
    }

    /// Scores on `data`.
    ///
    /// # Errors
    /// As [`evaluate`].
    pub fn evaluate(&self, data: &Dataset) -> Result<Evaluation, Error> {
        evaluate(&self.model, data)
    }

    /// Predictions for every row.
    ///
    /// # Errors
    /// As [`predict`].
    pub fn predict(&self, data: &Dataset) -> Result<Vec<Prediction>, Error> {
        let mut all = Vec::with_capacity(data.len());
        predict(&self.model, data, |_, prediction| all.push(prediction))?;
        Ok(all)
    }

    /// Writes the model file.
    ///
    /// # Errors
    /// As [`Model::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.model.save(path.as_ref())
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self { model: Model::load(path.as_ref())? })
    }
}

impl MlpBuilder {
    /// Number of input features.
    #[must_use]
    pub fn input(mut self, features: usize) -> Self {
        self.inputs = features;
        self
    }

    /// Adds a hidden layer.
    #[must_use]
    pub fn hidden(mut self, neurons: usize, activation: Activation) -> Self {
        self.hidden.push((neurons, activation));
        self
    }

    /// Number of outputs: one a class, or 1 for a value.
    #[must_use]
    pub fn output(mut self, outputs: usize) -> Self {
        self.outputs = outputs;
        self
    }

    /// An activation on the output layer, which usually has none.
    #[must_use]
    pub fn output_activation(mut self, activation: Activation) -> Self {
        self.output_activation = activation;
        self
    }

    /// What is minimised.
    #[must_use]
    pub fn loss(mut self, loss: Loss) -> Self {
        self.loss = loss;
        self
    }

    /// What is done to the inputs first.
    #[must_use]
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }

    /// The optimiser and its learning rate.
    #[must_use]
    pub fn optimizer(mut self, optimizer: Optimizer, learning_rate: f64) -> Self {
        (self.recipe.optimizer, self.recipe.learning_rate) = (optimizer, learning_rate);
        self
    }

    /// How the weights are drawn.
    #[must_use]
    pub fn init(mut self, init: Init) -> Self {
        self.recipe.init = init;
        self
    }

    /// Passes over the training data.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.recipe.epochs = epochs;
        self
    }

    /// Samples a step.
    #[must_use]
    pub fn batch_size(mut self, samples: usize) -> Self {
        self.recipe.batch_size = samples;
        self
    }

    /// The seed of every random choice.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.recipe.seed = seed;
        self
    }

    /// Changes any setting of the recipe.
    #[must_use]
    pub fn recipe(mut self, change: impl FnOnce(&mut Recipe)) -> Self {
        change(&mut self.recipe);
        self
    }

    /// Draws the weights.
    ///
    /// # Errors
    /// Every setting that makes no sense, all at once; a network that memory cannot hold.
    pub fn build(self) -> Result<Mlp, Error> {
        let mut problems = self.recipe.problems();
        let sizes: Vec<usize> =
            [self.inputs].into_iter().chain(self.hidden.iter().map(|h| h.0)).chain([self.outputs]).collect();
        let mut network = None;
        if self.inputs == 0 || self.outputs == 0 {
            problems.push("set the number of inputs and outputs: .input(784) … .output(10)".to_owned());
        } else {
            match Network::new(&sizes, Activation::Identity, self.output_activation) {
                Ok(built) => network = Some(built),
                Err(error) => problems.push(error.to_string()),
            }
        }
        if self.scaling.columns().is_some_and(|columns| columns != self.inputs) {
            problems.push(format!("the scaling is not for {} inputs", self.inputs));
        }
        let (Some(mut network), []) = (network, problems.as_slice()) else {
            return Err(Error::Settings(problems));
        };
        for (layer, (_, activation)) in network.layers.iter_mut().zip(&self.hidden) {
            layer.activation = *activation;
        }
        let task = if self.loss.is_for_classes() {
            Task::Classes((0..self.outputs).map(|class| class.to_string()).collect())
        } else {
            Task::Values(vec![Measure::PLAIN; self.outputs])
        };
        let model = Model {
            parameters: Default::default(),
            network,
            loss: self.loss,
            task,
            targets: vec!["target".to_owned()],
            features: Vec::new(),
            image: None,
            encoder: None,
            scaling: self.scaling,
            recipe: self.recipe,
            residuals: Vec::new(),
        };
        Ok(Mlp { model: model.with_weights()? })
    }
}
