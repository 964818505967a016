//! What page and engine say to each other.
//!
//! A request is a JSON object whose `do` names what is wanted; the answer is `{"ok": {…}}` or
//! `{"error": {"message": "…", "where": "field"}}`. The same texts go both ways, whether the engine runs behind
//! `chainrule play` (`POST /api`, with the header `x-chainrule-page` from the page's `<meta name="chainrule-page">`) or
//! as WebAssembly in a worker of the page (`new Playground().answer(text)`).
//!
//! | `do` | wants | gets |
//! | --- | --- | --- |
//! | `hello` | nothing | [`Hello`] |
//! | `expression` | [`ExpressionRequest`] | [`ExpressionAnswer`] |
//! | `network.begin` | [`Settings`] | [`Begun`] |
//! | `network.train` | [`TrainRequest`] | [`Frame`] |
//! | `network.sample` | [`SampleRequest`] | [`Sample`] |
//! | `network.neuron` | [`NeuronRequest`] | [`Neuron`] |
//! | `digit` | [`DigitRequest`] | [`Digit`] |
//!
//! The order in which the engine counts: layer 1 is the first above the inputs, and lists by layer begin with it;
//! neurons count from 0. A layer's weights are `[inputs, outputs]`, row by row: `weights[layer - 1][input * outputs +
//! neuron]`. The output is one neuron: it speaks for class 1.
//!
//! A map is `side` × `side` bytes, row by row from the top (y = 6) to the bottom (y = −6), x from −6 at the left to 6, as
//! base64. A byte b stands for `(b − 128) / 127 · scale` with the neuron's scale; that of the output neuron for the
//! probability `b / 255` of class 1.
//!
//! Numbers that are not finite are written as `null`.

use chainrule_draw::{Layout, Picture};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What a page may ask.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "do")]
pub enum Request {
    /// What there is to choose from.
    #[serde(rename = "hello")]
    Hello,
    /// An expression and its gradient.
    #[serde(rename = "expression")]
    Expression(ExpressionRequest),
    /// A new network and its points.
    #[serde(rename = "network.begin")]
    Begin(Settings),
    /// Some steps of training.
    #[serde(rename = "network.train")]
    Train(TrainRequest),
    /// One sample through the network, forward and back.
    #[serde(rename = "network.sample")]
    Sample(SampleRequest),
    /// What a neuron computes.
    #[serde(rename = "network.neuron")]
    Neuron(NeuronRequest),
    /// Which digit a drawing is.
    #[serde(rename = "digit")]
    Digit(DigitRequest),
}

/// What is answered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer<T> {
    /// What was asked for.
    Ok(T),
    /// Why there is none.
    Error(Failure),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// What was wrong, and what to do.
    pub message: String,
    /// The field of the request that it is about.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub field: Option<&'static str>,
}

impl Failure {
    /// A failure of a field.
    pub fn of(field: &'static str, message: impl Into<String>) -> Self {
        Self { message: message.into(), field: Some(field) }
    }

    /// A failure of no field.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), field: None }
    }
}

/// What there is to choose from.
#[derive(Clone, Debug, Serialize)]
pub struct Hello {
    /// The version of the program.
    pub version: &'static str,
    /// The sets of points; `own` is the user's.
    pub sets: Vec<&'static str>,
    /// The features of a point that a network can take.
    pub features: Vec<&'static str>,
    /// Activations of the hidden layers.
    pub activations: Vec<&'static str>,
    /// Losses.
    pub losses: Vec<&'static str>,
    /// Optimisers, each with a rate that usually works.
    pub optimizers: Vec<(&'static str, f64)>,
    /// How weights are drawn.
    pub inits: Vec<&'static str>,
    /// What a request may ask for at most.
    pub limits: Limits,
    /// Expressions to begin with.
    pub examples: Vec<Example>,
    /// The settings to begin with: what a field of [`Settings`] is if it is left out.
    pub settings: Settings,
    /// The points of the file that the program was started with, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<Own>,
}

/// The most that requests may ask for.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Limits {
    /// Letters of an expression.
    pub expression: usize,
    /// Nodes of an expression's graph.
    pub nodes: usize,
    /// Points of a set.
    pub points: usize,
    /// Hidden layers.
    pub layers: usize,
    /// Neurons of a layer.
    pub neurons: usize,
    /// Samples a step.
    pub batch_size: usize,
    /// Steps a request.
    pub steps: usize,
    /// Milliseconds of training a request.
    pub milliseconds: f64,
    /// Points of a map in each direction.
    pub side: usize,
}

/// An expression with values to begin with.
#[derive(Clone, Debug, Serialize)]
pub struct Example {
    /// What it is called.
    pub name: &'static str,
    /// Its text.
    pub source: &'static str,
    /// The values of its variables.
    pub values: BTreeMap<&'static str, f64>,
}

/// Points that were read from a file.
#[derive(Clone, Debug, Serialize)]
pub struct Own {
    /// The name of the file.
    pub name: String,
    /// x, y and the label of each point, brought into the field of view.
    pub points: Vec<[f64; 3]>,
    /// What the labels 0 and 1 are called in the file.
    pub labels: [String; 2],
    /// What was done to bring the points into the field of view, if anything was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Asks for an expression's gradient.
#[derive(Clone, Debug, Deserialize)]
pub struct ExpressionRequest {
    /// The expression, as `chainrule grad` takes it.
    pub source: String,
    /// Values of its variables: one that is missing counts as 1, one of no variable does not count.
    #[serde(default)]
    pub values: BTreeMap<String, f64>,
}

/// An expression's gradient and how it comes about.
#[derive(Debug, Serialize)]
pub struct ExpressionAnswer {
    /// What `chainrule grad --json` prints.
    pub gradient: Box<RawValue>,
    /// Nodes, edges, steps and walks in words; see [`Picture`].
    pub picture: Picture,
    /// Where nodes and edges go; see [`Layout`].
    pub layout: Layout,
    /// The variables in the order in which they first occur.
    pub variables: Vec<String>,
}

/// A network, its points, and how it is trained.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Settings {
    /// One of [`Hello::sets`].
    pub set: String,
    /// x, y and the label (0 or 1) of each point, for the set `own`.
    pub points: Vec<[f64; 3]>,
    /// How many points to make.
    pub samples: usize,
    /// How far points stray, from 0 to 1.
    pub noise: f64,
    /// The share of the points that is only tested on.
    pub test_share: f64,
    /// The features that the network takes, of [`Hello::features`].
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
    /// What to do, with options as the command line has them.
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

/// Asks which digit a drawing is.
#[derive(Clone, Debug, Deserialize)]
pub struct DigitRequest {
    /// 28 × 28 bytes, row by row, 0 for paper and 255 for ink, as base64.
    pub pixels: String,
}

/// Which digit a drawing is.
#[derive(Clone, Debug, Serialize)]
pub struct Digit {
    /// The most probable digit.
    pub digit: usize,
    /// The probability of each digit.
    pub probabilities: Vec<f64>,
    /// The drawing as the network sees it, in [0, 1]: 28 × 28, centred as the images of MNIST are.
    pub pixels: Vec<f32>,
    /// The gradient of the most probable digit's score (its logit) by these pixels: where more ink would speak for it.
    pub gradient: Vec<f32>,
    /// The same for every digit, so that it can be asked what speaks for another.
    pub gradients: Vec<Vec<f32>>,
}
