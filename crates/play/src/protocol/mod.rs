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

mod network;

pub use network::{
    Begun, Both, Direction, Finding, Frame, Maps, Move, Neuron, NeuronRequest, Points, Sample, SampleLayer,
    SampleRequest, Settings, TrainRequest,
};

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
