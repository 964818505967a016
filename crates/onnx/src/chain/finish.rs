//! From a chain that has come to its end to a model.

use super::Names;
use super::layers::Chain;
use super::tail::{End, Tail};
use crate::error::OnnxError;
use chainrule::data::Scaling;
use chainrule::kernels::Block;
use chainrule::{Activation, Loss, Measure, Model, Network, Recipe, TargetScale, Task};

impl Chain {
    /// The model, with what the tail and the names say.
    pub(super) fn finish(mut self, tail: Tail, names: &Names) -> Result<Model, OnnxError> {
        let no_chain = |problem: &str| OnnxError::NoChain(problem.to_owned());
        let input = self.input.ok_or_else(|| no_chain("it does not say what it takes"))?;
        if self.by_place.is_some() || self.cut.is_some() {
            return Err(no_chain("its outputs lie in another order than those of its last layer"));
        }
        let (outputs, sigmoid) = self.end();
        let last = self.layers.last_mut().ok_or_else(|| no_chain("it has no layers"))?;
        let (loss, is_value) = match tail.end {
            Some(End::Softmax) => (Loss::CrossEntropy { smoothing: 0.0 }, false),
            Some(End::Cut) => (Loss::Mse, false),
            Some(End::Sigmoid) => (Loss::BinaryCrossEntropy, false),
            // A sigmoid at the end is that of the probabilities.
            None if sigmoid && (outputs == 1 || tail.has_begun()) => {
                last.layer.activation = Activation::Identity;
                (Loss::BinaryCrossEntropy, false)
            }
            None if sigmoid => {
                let text =
                    format!("it ends with a sigmoid of {outputs} outputs: several labels at a time are not predicted");
                return Err(OnnxError::NoChain(text));
            }
            None if names.are_values(outputs) && tail.labels.is_empty() => (Loss::Mse, true),
            None => (Loss::CrossEntropy { smoothing: 0.0 }, false),
        };
        let task = if is_value {
            let scale = if self.exponent { TargetScale::Log } else { TargetScale::Plain };
            Task::Values(vec![Measure { scale, ..Measure::PLAIN }; outputs])
        } else {
            names.task(&tail.labels, outputs)?
        };
        let network = Network::of(input, self.layers.iter().map(|weighed| weighed.layer).collect())?;
        let numbers: Vec<f32> = self
            .layers
            .iter()
            .flat_map(|l| l.weight.iter().chain(&l.bias).chain(&l.gain))
            .map(|&value| value as f32)
            .collect();
        names.model(network, (loss, task), scaling(&self.shift, &self.scale), &numbers)
    }
}

impl Names {
    /// The classes of so many outputs, one of which tells two apart: those given, those of the file, or their numbers.
    ///
    /// # Errors
    /// Another number of names.
    pub fn task(&self, stored: &[String], outputs: usize) -> Result<Task, OnnxError> {
        labels(stored, &self.classes, outputs.max(2)).map(Task::Classes)
    }

    /// The model of a network with these weights, by these names, checked as a model file is.
    ///
    /// # Errors
    /// Names that do not fit the network, and weights that cannot be used.
    pub fn model(
        &self,
        network: Network,
        (loss, task): (Loss, Task),
        scaling: Scaling,
        parameters: &[f32],
    ) -> Result<Model, OnnxError> {
        let model = Model {
            loss,
            targets: targets(&self.targets, &task)?,
            task,
            features: features(&self.features, network.inputs, network.planes.is_some())?,
            image: network.planes.map(|[_, height, width]| (height, width)),
            encoder: None,
            scaling,
            recipe: Recipe::default(),
            residuals: Vec::new(),
            parameters: Block::from(parameters),
            network,
        };
        Model::from_bytes(&model.to_bytes()?).map_err(OnnxError::Names)
    }
}

/// The names of the classes: those given, those of the file, or their numbers.
fn labels(stored: &[String], given: &[String], count: usize) -> Result<Vec<String>, OnnxError> {
    let wrong = |what: &str, found: usize| OnnxError::Names(format!("{found} {what} for {count} classes"));
    match (given, stored) {
        ([], []) => Ok((0..count).map(|class| class.to_string()).collect()),
        ([], stored) if stored.len() == count => Ok(stored.to_vec()),
        ([], stored) => Err(wrong("labels", stored.len())),
        (given, _) if given.len() == count => Ok(given.to_vec()),
        (given, _) => Err(wrong("names", given.len())),
    }
}

/// The names of what is predicted: those given, or a name of our own.
fn targets(given: &[String], task: &Task) -> Result<Vec<String>, OnnxError> {
    let (usual, count) = match task {
        Task::Classes(_) => ("class", 1),
        Task::Values(measures) => ("value", measures.len()),
    };
    match given {
        [] if count == 1 => Ok(vec![usual.to_owned()]),
        [] => Ok((1..=count).map(|number| format!("{usual}{number}")).collect()),
        given if given.len() == count => Ok(given.to_vec()),
        given => Err(OnnxError::Names(format!("{} targets for {count}", given.len()))),
    }
}

fn features(given: &[String], inputs: usize, are_planes: bool) -> Result<Vec<String>, OnnxError> {
    match given {
        [] if are_planes => Ok(Vec::new()),
        [] => Ok((1..=inputs).map(|number| format!("x{number}")).collect()),
        given if given.len() == inputs => Ok(given.to_vec()),
        given => Err(OnnxError::Names(format!("{} names for {inputs} inputs", given.len()))),
    }
}

fn scaling(shift: &[f64], scale: &[f64]) -> Scaling {
    let single = |values: &[f64]| values.iter().map(|&value| value as f32).collect::<Vec<f32>>();
    let (shift, scale) = (single(shift), single(scale));
    match (shift.first(), scale.first()) {
        (Some(&a), Some(&b)) if shift.iter().all(|v| *v == a) && scale.iter().all(|v| *v == b) => match (a, b) {
            (0.0, 1.0) => Scaling::None,
            (shift, scale) => Scaling::Uniform { shift, scale },
        },
        (Some(_), Some(_)) => Scaling::Columns { shift, scale },
        _ => Scaling::None,
    }
}
