//! What every neuron gives at every place of the plane, as pictures.

use super::points;
use crate::hello::REACH;
use crate::protocol::{Failure, Maps};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chainrule::engine::{Arith, Graph, Plan, Session};
use chainrule::{Loss, Mode, Model};

/// Runs the network at the points of a grid.
pub(super) struct Grid {
    side: usize,
    /// The features at each point, row by row from the top, `[points, features]`.
    features: Vec<f32>,
    session: Session<f32>,
    /// Number of neurons of each layer.
    neurons: Vec<usize>,
    bytes: Vec<u8>,
}

impl Grid {
    pub(super) fn new(model: &Model, names: &[String], side: usize) -> Result<Self, Failure> {
        let at = |step: usize| REACH * (2.0 * (step as f64 + 0.5) / side as f64 - 1.0);
        let places = (0..side).flat_map(|row| (0..side).map(move |column| [at(column), -at(row)]));
        let graph = Graph::new();
        let x = graph.input("x", &[side * side, names.len()]);
        let layers = model.network.apply(&graph, x, Mode::Inference);
        let mut outputs: Vec<_> = layers.iter().map(|layer| layer.out).collect();
        if model.loss == Loss::BinaryCrossEntropy
            && let Some(last) = outputs.last_mut()
        {
            *last = last.sigmoid();
        }
        let plan = Plan::new(&graph, &outputs).map_err(|error| Failure::new(error.to_string()))?;
        Ok(Self {
            side,
            features: points::features(names, places),
            session: Session::new(plan).map_err(|error| Failure::new(error.to_string()))?,
            neurons: model.network.layers.iter().map(|layer| layer.outputs).collect(),
            bytes: vec![0; side * side],
        })
    }

    /// The maps of the features.
    pub(super) fn inputs(&mut self) -> Maps {
        let Self { features, bytes, side, .. } = self;
        let count = features.len() / (*side * *side);
        (0..count).map(|at| map(features[at..].iter().step_by(count), bytes)).collect()
    }

    /// The maps of each layer's neurons, with these parameters.
    pub(super) fn layers(&mut self, parameters: &[f32]) -> Result<Vec<Maps>, Failure> {
        let Self { features, session, neurons, bytes, .. } = self;
        session.run(parameters, &[features]).map_err(|error| Failure::new(error.to_string()))?;
        let last = neurons.len() - 1;
        let of_layer = |(layer, &count): (usize, &usize)| {
            let given = session.output(layer);
            let neuron = |at: usize| {
                let values = given[at..].iter().step_by(count);
                if layer == last { probabilities(values, bytes) } else { map(values, bytes) }
            };
            (0..count).map(neuron).collect()
        };
        Ok(neurons.iter().enumerate().map(of_layer).collect())
    }
}

impl FromIterator<(String, f32)> for Maps {
    fn from_iter<I: IntoIterator<Item = (String, f32)>>(pairs: I) -> Self {
        let (maps, scales) = pairs.into_iter().unzip();
        Self { maps, scales }
    }
}

/// A map and its scale: the largest deflection, and at least 1, so that a neuron that says little looks pale.
fn map<'a>(values: impl Iterator<Item = &'a f32> + Clone, bytes: &mut [u8]) -> (String, f32) {
    let scale = values.clone().fold(1.0, |most: f32, value| most.max(value.abs())).min(f32::MAX);
    let factor = 127.0 / scale;
    // What is not a number becomes 0 here, which no finite value does.
    bytes.iter_mut().zip(values).for_each(|(byte, value)| *byte = (value * factor + 128.5) as u8);
    (BASE64_STANDARD.encode(bytes), scale)
}

/// The map of probabilities.
fn probabilities<'a>(values: impl Iterator<Item = &'a f32>, bytes: &mut [u8]) -> (String, f32) {
    bytes.iter_mut().zip(values).for_each(|(byte, value)| *byte = (value * 255.0 + 0.5) as u8);
    (BASE64_STANDARD.encode(bytes), 1.0)
}
