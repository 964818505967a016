//! What is asked and answered of a network.

use serde::{Deserialize, Serialize};

/// A network, its points, and how it is trained.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Settings {
    /// One of [`Hello::sets`](super::Hello::sets).
    pub set: String,
    /// x, y and the label (0 or 1) of each point, for the set `own`.
    pub points: Vec<[f64; 3]>,
    /// How many points to make.
    pub samples: usize,
    /// How far points stray, from 0 to 1.
    pub noise: f64,
    /// The share of the points that is only tested on.
    pub test_share: f64,
    /// The features that the network takes, of [`Hello::features`](super::Hello::features).
    pub features: Vec<String>,
    /// The neurons of each hidden layer.
    pub hidden: Vec<usize>,
    /// The activation of the hidden layers.
    pub activation: String,
    /// What is minimised.
    pub loss: String,
    /// How weights move.
    pub optimizer: String,
    /// How weights are drawn.
    pub init: String,
    /// The learning rate.
    pub learning_rate: f64,
    /// λ of the penalty ½λΣw².
    pub l2: f64,
    /// Samples a step.
    pub batch_size: usize,
    /// The seed of points, weights and order.
    pub seed: u64,
    /// Points of a map in each direction.
    pub side: usize,
}

/// A network that was begun.
#[derive(Clone, Debug, Serialize)]
pub struct Begun {
    /// The points.
    pub points: Points,
    /// The number of features, then of the neurons of each layer.
    pub layers: Vec<usize>,
    /// The maps of the features and their scales.
    pub inputs: Maps,
    /// The network before its first step.
    pub frame: Frame,
}

/// Points to learn from and to test on; each is x, y and its label.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Points {
    /// To learn from.
    pub train: Vec<[f64; 3]>,
    /// To test on.
    pub test: Vec<[f64; 3]>,
}

/// Maps of the neurons of a layer.
#[derive(Clone, Debug, Serialize)]
pub struct Maps {
    /// A map a neuron, as base64.
    pub maps: Vec<String>,
    /// What a whole deflection stands for, a neuron.
    pub scales: Vec<f32>,
}

/// Asks for training.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct TrainRequest {
    /// How long to train at most.
    pub milliseconds: f64,
    /// How many steps to do at most; 0 looks only.
    #[serde(default)]
    pub most_steps: Option<usize>,
    /// Another learning rate from now on.
    #[serde(default)]
    pub learning_rate: Option<f64>,
}

/// A number for the training points and one for the test points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Both {
    /// Of the points to learn from.
    pub train: f64,
    /// Of the points to test on; `null` if there are none.
    pub test: f64,
}

/// A network as it stands.
#[derive(Clone, Debug, Serialize)]
pub struct Frame {
    /// Passes over the points to learn from.
    pub epoch: usize,
    /// Steps so far.
    pub step: usize,
    /// The mean loss now.
    pub loss: Both,
    /// The share of points on the right side now.
    pub accuracy: Both,
    /// Each layer's weights.
    pub weights: Vec<Vec<f32>>,
    /// Each layer's biases.
    pub biases: Vec<Vec<f32>>,
    /// The last step's gradient of the loss by each layer's weights, without the penalty; zeros before the first step.
    pub gradients: Vec<Vec<f32>>,
    /// The last step's gradient by each layer's biases.
    pub bias_gradients: Vec<Vec<f32>>,
    /// What the last step added to each layer's weights.
    pub updates: Vec<Vec<f32>>,
    /// What the last step added to each layer's biases.
    pub bias_updates: Vec<Vec<f32>>,
    /// Each layer's maps.
    pub maps: Vec<Maps>,
    /// Points of a map in each direction.
    pub side: usize,
    /// How many steps this request did, in how many milliseconds.
    pub steps_done: usize,
    /// How long these steps took.
    pub milliseconds: f64,
    /// How many steps are done in a second, measured over the last requests.
    pub steps_per_second: f64,
    /// Why the network cannot go on: it diverged. It begins again with `network.begin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diverged: Option<String>,
    /// What the doctor says, causes before what follows from them; nothing where all is well.
    pub findings: Vec<Finding>,
}

/// What is wrong with a training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The name of its kind, as `chainrule doctor` has it.
    pub kind: &'static str,
    /// A line for it.
    pub title: String,
    /// What was measured.
    pub evidence: String,
    /// What to do.
    pub cure: String,
}

/// Asks for one sample's way: a training point by its index, or any other by its coordinates.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct SampleRequest {
    /// A point to learn from.
    pub index: Option<usize>,
    /// Its place from left to right.
    pub x: Option<f64>,
    /// Its place from the bottom up.
    pub y: Option<f64>,
    /// Its label, 0 or 1.
    pub label: Option<f64>,
}

/// One sample's way through the network, forward and back.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// x, y and its label.
    pub point: [f64; 3],
    /// The features as the network takes them, with their names.
    pub inputs: Vec<(String, f64)>,
    /// Each layer.
    pub layers: Vec<SampleLayer>,
    /// The loss of this sample.
    pub loss: f64,
    /// The probability of class 1.
    pub probability: f64,
    /// The loss after one step of plain descent on this sample alone.
    pub loss_after_update: f64,
    /// The way in steps.
    pub moves: Vec<Move>,
}

/// What one layer does to a sample.
#[derive(Clone, Debug, Serialize)]
pub struct SampleLayer {
    /// z = x·W + b.
    pub z: Vec<f64>,
    /// a = activation(z).
    pub a: Vec<f64>,
    /// δ = ∂C/∂z.
    pub delta: Vec<f64>,
    /// ∂C/∂W, as the weights are laid out.
    pub weight_gradients: Vec<f64>,
    /// ∂C/∂b.
    pub bias_gradients: Vec<f64>,
}

/// Which way a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the inputs to the loss.
    Forward,
    /// From the loss to the weights.
    Backward,
}

/// One step of a sample's way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Move {
    /// Which way it goes.
    pub direction: Direction,
    /// The layer, counted from 1; one more than there are for the loss.
    pub layer: usize,
    /// The neuron, counted from 0.
    pub neuron: usize,
    /// The step in words.
    pub words: String,
}

/// Asks what a neuron computes.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct NeuronRequest {
    /// The layer, counted from 1.
    pub layer: usize,
    /// The neuron, counted from 0.
    pub neuron: usize,
}

/// What a neuron computes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Neuron {
    /// A sentence.
    pub words: String,
    /// The equation with its numbers.
    pub equation: String,
    /// What it reads, by name, with the weight of each.
    pub weights: Vec<(String, f32)>,
    /// Its bias.
    pub bias: f32,
}
