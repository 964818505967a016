//! The sizes of a network.

use crate::error::Error;
use crate::layer::Layer;
use crate::model::Model;
use crate::network::Network;
use crate::step::training_plan;
use serde::Serialize;

/// The sizes of a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerSummary {
    /// The layer, counted from 1.
    pub layer: usize,
    /// The layer in words.
    pub description: String,
    /// The name of its activation.
    pub activation: String,
    /// Number of inputs.
    pub inputs: usize,
    /// How many numbers it gives.
    pub outputs: usize,
    /// Their form: channels, height and width of a convolution.
    pub shape: String,
    /// inputs · outputs, or the cells of all kernels.
    pub weights: usize,
    /// One a neuron, or a channel.
    pub biases: usize,
    /// One a channel of a norm.
    #[serde(skip_serializing_if = "is_zero")]
    pub gains: usize,
    /// weights + biases + gains.
    pub parameters: usize,
    /// Floating-point operations a sample, see [`Stage::operations`](crate::Stage::operations).
    pub operations: usize,
    /// The weights that a dense layer between the same numbers would need, for a convolution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense_weights: Option<usize>,
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
    /// Number of gains.
    #[serde(skip_serializing_if = "is_zero")]
    pub gains: usize,
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

/// A layer in words; of a residual link, where it begins.
fn described(layer: &Layer, number: usize) -> String {
    let alone = Layer { residual: None, ..*layer };
    match layer.residual {
        None => alone.to_string(),
        Some(1) => format!("{alone} (z + what it takes)"),
        Some(passed) => format!("{alone} (z + what layer {} takes)", number + 1 - passed),
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Summary {
    /// Sums up the network of a model as its recipe trains it.
    ///
    /// # Errors
    /// A batch too large to be planned.
    pub fn new(model: &Model) -> Result<Self, Error> {
        let network: &Network = &model.network;
        let by_layer: Vec<LayerSummary> = (1..)
            .zip(network.stages())
            .map(|(number, stage)| {
                let (weights, biases) = (stage.weights(), stage.layer.outputs);
                LayerSummary {
                    layer: number,
                    description: described(&stage.layer, number),
                    activation: stage.layer.activation.to_string(),
                    inputs: stage.input.len(),
                    outputs: stage.output.len(),
                    shape: stage.output.to_string(),
                    weights,
                    biases,
                    gains: stage.gains(),
                    parameters: weights + biases + stage.gains(),
                    operations: stage.operations(),
                    dense_weights: stage.layer.kernel.map(|_| stage.input.len().saturating_mul(stage.z.len())),
                }
            })
            .collect();
        Ok(Self {
            layers: network.layers.len(),
            inputs: network.inputs,
            neurons: network.neurons(),
            weights: network.weights(),
            biases: network.biases(),
            gains: network.gains(),
            parameters: network.parameters(),
            operations: by_layer.iter().map(|l| l.operations).sum(),
            batch_size: model.recipe.batch_size,
            training_bytes: training_bytes(model)?,
            by_layer,
        })
    }
}

/// Bytes to train a model with, whether its weights are drawn or not.
fn training_bytes(model: &Model) -> Result<usize, Error> {
    let recipe = &model.recipe;
    let at_once = recipe.micro_batch.map_or(recipe.batch_size, |piece| piece.min(recipe.batch_size));
    let arena = training_plan(model, at_once)?.arena_len();
    let block = model.network.segments().last().map_or(0, |piece| piece.range.end);
    let blocks = 1
        + recipe.optimizer.state_blocks()
        + usize::from(recipe.average.is_some())
        + usize::from(recipe.micro_batch.is_some());
    Ok(blocks.saturating_mul(block).saturating_add(arena).saturating_mul(size_of::<f32>()))
}

/// Refuses a model that the memory to be had cannot train, before any is taken: where an allocation fails, the program
/// ends.
pub(crate) fn check_memory(model: &Model) -> Result<(), Error> {
    let bytes = training_bytes(model)?;
    let mut room = Vec::<u8>::new();
    let taken = room.try_reserve_exact(bytes);
    // Untouched and given back at once, it costs nothing; the compiler must not leave it out for that.
    std::hint::black_box(&room);
    taken.map_err(|_| {
        let gigabytes = bytes as f64 / 1e9;
        let parameters = model.network.parameters();
        Error::Settings(vec![format!(
            "to train {parameters} parameters takes {gigabytes:.1} GB of memory, which is not to be had: take fewer \
             neurons, a smaller batch, or an optimizer that remembers less, as sgd"
        )])
    })
}
