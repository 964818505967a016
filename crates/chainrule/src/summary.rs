//! The sizes of a network.

use crate::error::Error;
use crate::model::Model;
use crate::network::Network;
use crate::step::training_plan;
use serde::Serialize;

/// The sizes of a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerSummary {
    /// The layer, counted from 1.
    pub layer: usize,
    /// The name of its activation.
    pub activation: String,
    /// Number of inputs.
    pub inputs: usize,
    /// Number of neurons.
    pub outputs: usize,
    /// inputs · outputs.
    pub weights: usize,
    /// One a neuron.
    pub biases: usize,
    /// weights + biases.
    pub parameters: usize,
    /// Floating-point operations a sample: a multiplication and an addition for each weight, an addition for each
    /// bias, one for each activation.
    pub operations: usize,
}

/// The sizes of a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Number of layers, without the input.
    pub layers: usize,
    /// Number of inputs.
    pub inputs: usize,
    /// Number of neurons.
    pub neurons: usize,
    /// Number of weights.
    pub weights: usize,
    /// Number of biases.
    pub biases: usize,
    /// Number of parameters.
    pub parameters: usize,
    /// Floating-point operations of a sample forward.
    pub operations: usize,
    /// Samples a step, for the memory.
    pub batch_size: usize,
    /// Bytes to train with: parameters, optimiser state, and the arena of the plan that training runs, in `f32`.
    pub training_bytes: usize,
    /// Layer by layer.
    pub by_layer: Vec<LayerSummary>,
}

impl Summary {
    /// Sums up the network of a model as its recipe trains it.
    ///
    /// # Errors
    /// A batch too large to be planned.
    pub fn new(model: &Model) -> Result<Self, Error> {
        let network: &Network = &model.network;
        let by_layer: Vec<LayerSummary> = (1..)
            .zip(network.layer_inputs())
            .map(|(number, (inputs, layer))| {
                let (weights, biases) = (inputs * layer.outputs, layer.outputs);
                let active = usize::from(layer.activation != crate::Activation::Identity);
                LayerSummary {
                    layer: number,
                    activation: layer.activation.to_string(),
                    inputs,
                    outputs: layer.outputs,
                    weights,
                    biases,
                    parameters: weights + biases,
                    operations: 2 * weights + biases * (1 + active),
                }
            })
            .collect();
        let arena = training_plan(model, model.recipe.batch_size)?.arena_len();
        let state = (1 + model.recipe.optimizer.state_blocks()) * network.parameters();
        Ok(Self {
            layers: network.layers.len(),
            inputs: network.inputs,
            neurons: network.neurons(),
            weights: network.weights(),
            biases: network.biases(),
            parameters: network.parameters(),
            operations: by_layer.iter().map(|l| l.operations).sum(),
            batch_size: model.recipe.batch_size,
            training_bytes: (arena + state) * size_of::<f32>(),
            by_layer,
        })
    }
}
