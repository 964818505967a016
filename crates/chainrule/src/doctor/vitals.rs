//! What is measured of a network while it learns: activations, gradients and updates, layer by layer.

use super::facts::some;
use crate::activation::Activation;
use crate::error::Error;
use crate::evaluate::number_or_null;
use crate::model::Model;
use chainrule_data::Dataset;
use chainrule_engine::{Expr, Graph, Plan, Session};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The most samples that a network is measured on.
const SAMPLES: usize = 256;

/// The most numbers of a layer at a time.
const NUMBERS: usize = 1 << 20;

/// The share of the steepest slope of an activation below which hardly anything comes through it.
const FLAT: f32 = 0.01;

/// A network at one moment of its training, measured on a few samples that stay the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vitals {
    /// Epochs that were done.
    pub epoch: usize,
    /// The mean loss of the samples.
    #[serde(deserialize_with = "number_or_null")]
    pub cost: f64,
    /// The layers, from the first hidden one to the output.
    pub layers: Vec<LayerVitals>,
}

/// A layer at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerVitals {
    /// Its activation.
    pub activation: Activation,
    /// Number of neurons, or of channels.
    pub neurons: usize,
    /// Number of weights.
    pub weights: usize,
    /// The Euclidean norm of its weights.
    #[serde(deserialize_with = "number_or_null")]
    pub weight_norm: f64,
    /// The Euclidean norm of ∂C/∂W.
    #[serde(deserialize_with = "number_or_null")]
    pub gradient_norm: f64,
    /// How far the last step moved the weights, as a share of their norm: ‖ΔW‖ / ‖W‖. `None` before the first step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_ratio: Option<f64>,
    /// a = activation(z) of all neurons and samples.
    pub activations: Histogram,
    /// δ = ∂C/∂z of all neurons and samples, times the number of samples.
    pub deltas: Histogram,
    /// The share of neurons that give 0 for every sample.
    pub dead: f64,
    /// The share of activations where the slope of a sigmoid or tanh is below a hundredth of its steepest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturated: Option<f64>,
    /// The share of neurons in the largest group whose weights are all equal; 0 where no two are.
    pub alike: f64,
}

impl LayerVitals {
    /// The root of the mean square of δ.
    pub fn delta(&self) -> f64 {
        self.deltas.root_mean_square()
    }
}

/// How numbers are spread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The least number.
    #[serde(deserialize_with = "number_or_null")]
    pub low: f64,
    /// The largest number.
    #[serde(deserialize_with = "number_or_null")]
    pub high: f64,
    /// Their mean.
    #[serde(deserialize_with = "number_or_null")]
    pub mean: f64,
    /// Their standard deviation.
    #[serde(deserialize_with = "number_or_null")]
    pub deviation: f64,
    /// How many lie in each of equally wide parts from `low` to `high`.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// The parts of a histogram.
    pub const BINS: usize = 32;

    /// Counts numbers, each times `factor`; those that are not finite are left out.
    pub fn new(numbers: &[f32], factor: f64) -> Self {
        let finite = || numbers.iter().filter(|v| v.is_finite()).map(|&v| f64::from(v) * factor);
        let count = finite().count();
        if count == 0 {
            return Self { counts: vec![0; Self::BINS], ..Self::default() };
        }
        let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let mean = finite().sum::<f64>() / count as f64;
        let variance = finite().map(|v| (v - mean).powi(2)).sum::<f64>() / count as f64;
        let scale = Self::BINS as f64 / (high - low).max(f64::MIN_POSITIVE);
        let mut counts = vec![0; Self::BINS];
        for value in finite() {
            counts[(((value - low) * scale) as usize).min(Self::BINS - 1)] += 1;
        }
        Self { low, high, mean, deviation: variance.sqrt(), counts }
    }

    /// √(mean² + deviation²).
    pub fn root_mean_square(&self) -> f64 {
        self.mean.hypot(self.deviation)
    }
}

/// Measures a network on a few samples: one forward and one backward sweep of the same graph that training runs, with
/// nothing dropped and batch norms by their running moments.
pub struct Probe {
    session: Session<f32>,
    x: Vec<f32>,
    y: Vec<f32>,
    samples: usize,
}

/// What a plan puts out: the cost, and for each layer these.
const OF_LAYER: usize = 4;

impl Probe {
    /// Prepares to measure networks like this one on some of these rows of `data`, taken at even distances.
    ///
    /// # Errors
    /// Data without rows or that does not fit the network.
    pub fn new(model: &Model, data: &Dataset, rows: &[u32]) -> Result<Self, Error> {
        model.check_fits(data)?;
        let widest = model.network.stages().map(|stage| stage.z.len()).max().unwrap_or(1);
        let chosen = some(rows, (NUMBERS / widest.max(1)).clamp(8, SAMPLES));
        let samples = chosen.len();
        if samples == 0 {
            let problems = vec!["it has no rows to measure the network on".to_owned()];
            return Err(Error::Fit { source_name: data.source.clone(), problems });
        }
        let mut x = vec![0.0; samples * model.network.inputs];
        let mut y = vec![0.0; samples * model.task.width()];
        model.fill_features(data, &chosen, &mut x);
        model.fill_targets(data, &chosen, &mut y);
        let graph = Graph::new();
        let built = model.graph(&graph, samples, false, false);
        let of = |pick: fn(&crate::LayerNodes<'_>) -> chainrule_engine::NodeId| -> Vec<Expr<'_>> {
            built.layers.iter().map(|layer| graph.expr(pick(layer))).collect()
        };
        let (z, weights) = (of(|l| l.z.id()), of(|l| l.weight.id()));
        let deltas = graph.gradients(built.cost, &z)?;
        let gradients = graph.gradients(built.cost, &weights)?;
        let mut outputs = vec![built.cost];
        for (((layer, z), delta), gradient) in built.layers.iter().zip(&z).zip(&deltas).zip(&gradients) {
            let slope = graph.gradients(layer.a.sum_all(), &[*z])?[0];
            // Of the weights' gradient only its norm is kept, which is one number.
            outputs.extend([layer.a, *delta, slope, gradient.square().sum_all()]);
        }
        Ok(Self { session: Session::new(Plan::new(&graph, &outputs)?)?, x, y, samples })
    }

    /// Measures `model` after so many epochs; `before` are its parameters before the last step, or empty.
    ///
    /// # Errors
    /// An error of the engine.
    pub fn measure(&mut self, model: &Model, epoch: usize, before: &[f32]) -> Result<Vitals, Error> {
        self.session.run(&model.parameters, &[&self.x, &self.y])?;
        let pieces = model.network.segments();
        let pieces = pieces.iter().filter(|piece| piece.name.starts_with('w'));
        let layers = model.network.stages().zip(pieces).enumerate().map(|(at, (stage, piece))| {
            let output = |number| self.session.output(1 + at * OF_LAYER + number);
            let (a, weights) = (output(0), &model.parameters[piece.range.clone()]);
            let (layer, norm) = (stage.layer, norm(weights));
            LayerVitals {
                activation: layer.activation,
                neurons: layer.outputs,
                weights: weights.len(),
                weight_norm: norm,
                gradient_norm: f64::from(output(3)[0]).sqrt(),
                update_ratio: before.get(piece.range.clone()).map(|before| moved(weights, before) / norm.max(1e-30)),
                activations: Histogram::new(a, 1.0),
                deltas: Histogram::new(output(1), self.samples as f64),
                dead: dead(a, self.samples, layer.outputs),
                saturated: saturated(layer.activation, output(2)),
                alike: alike(weights, layer.outputs, layer.kernel.is_some()),
            }
        });
        Ok(Vitals { epoch, cost: f64::from(self.session.output(0)[0]), layers: layers.collect() })
    }
}

fn norm(numbers: &[f32]) -> f64 {
    numbers.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt()
}

fn moved(after: &[f32], before: &[f32]) -> f64 {
    after.iter().zip(before).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
}

/// The share of `neurons` (or channels) with nothing but zeros in `a`, `[samples, neurons, …]`.
fn dead(a: &[f32], samples: usize, neurons: usize) -> f64 {
    let places = a.len() / (samples * neurons).max(1);
    let mut lives = vec![false; neurons];
    for of_sample in a.chunks_exact(neurons * places) {
        for (lives, values) in lives.iter_mut().zip(of_sample.chunks_exact(places)) {
            *lives |= values.iter().any(|&v| v != 0.0);
        }
    }
    lives.iter().filter(|lives| !**lives).count() as f64 / neurons as f64
}

/// The share of slopes that are nearly 0, of activations that flatten to both sides.
fn saturated(activation: Activation, slopes: &[f32]) -> Option<f64> {
    let steepest = match activation {
        Activation::Sigmoid => 0.25,
        Activation::Tanh => 1.0,
        _ => return None,
    };
    let flat = slopes.iter().filter(|slope| **slope < FLAT * steepest).count();
    Some(flat as f64 / slopes.len().max(1) as f64)
}

/// The share of neurons in the largest group with the same weights, told by the first ones of each.
fn alike(weights: &[f32], neurons: usize, is_convolution: bool) -> f64 {
    const COMPARED: usize = 64;
    let fan = weights.len() / neurons;
    // A dense layer's weights are [inputs, neurons], a convolution's [channels, …].
    let (across, along) = if is_convolution { (fan, 1) } else { (1, neurons) };
    let mut groups: HashMap<Vec<u32>, usize> = HashMap::new();
    for neuron in 0..neurons {
        let of_neuron = (0..fan.min(COMPARED)).map(|input| weights[neuron * across + input * along].to_bits());
        *groups.entry(of_neuron.collect()).or_default() += 1;
    }
    match groups.into_values().max() {
        Some(largest) if largest > 1 => largest as f64 / neurons as f64,
        _ => 0.0,
    }
}
