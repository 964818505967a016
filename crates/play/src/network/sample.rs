//! One sample's way through the network, and what a neuron computes.

use super::words::{factor, inputs, short, sum, symbol};
use super::{Playing, failed, points};
use crate::hello::REACH;
use crate::protocol::{Direction, Failure, Move, Neuron, NeuronRequest, Sample, SampleLayer, SampleRequest};
use chainrule::{Activation, Explanation, LayerExplanation, Loss, explain_sample};

impl Playing {
    /// One sample's way, in `f64`, by the trace of the engine.
    pub(crate) fn sample(&self, asked: SampleRequest) -> Result<Sample, Failure> {
        let point = self.point(asked)?;
        let x: Vec<f64> = points::features(&self.names, [[point[0], point[1]]].into_iter()).iter().map(wide).collect();
        let parameters: Vec<f64> = self.model.parameters.iter().map(wide).collect();
        let explained = explain_sample(&self.model, &parameters, &x, &[point[2]], self.course.rate).map_err(failed)?;
        let output = explained.layers.last().map_or(0.0, |layer| layer.a.values[0]);
        let layer = |layer: &LayerExplanation| SampleLayer {
            z: layer.z.values.clone(),
            a: layer.a.values.clone(),
            delta: layer.delta.values.clone(),
            weight_gradients: layer.weight_gradient.values.clone(),
            bias_gradients: layer.bias_gradient.values.clone(),
        };
        Ok(Sample {
            point,
            moves: self.moves(&explained, point[2]),
            inputs: self.names.iter().cloned().zip(x).collect(),
            layers: explained.layers.iter().map(layer).collect(),
            loss: explained.cost,
            probability: self.probability(output),
            loss_after_update: explained.cost_after_update,
        })
    }

    fn point(&self, asked: SampleRequest) -> Result<[f64; 3], Failure> {
        match asked {
            SampleRequest { index: Some(index), .. } => self.points.train.get(index).copied().ok_or_else(|| {
                Failure::of("index", format!("there are {} points to learn from", self.points.train.len()))
            }),
            SampleRequest { x: Some(x), y: Some(y), label: Some(label), .. } => {
                if !(x.abs() <= REACH && y.abs() <= REACH) {
                    return Err(Failure::of("x", format!("x and y go from −{REACH} to {REACH}")));
                }
                if label != 0.0 && label != 1.0 {
                    return Err(Failure::of("label", "the label is 0 or 1"));
                }
                Ok([x, y, label])
            }
            _ => Err(Failure::of("index", "give the index of a point, or x, y and label")),
        }
    }

    fn probability(&self, output: f64) -> f64 {
        if self.model.loss == Loss::BinaryCrossEntropy { 1.0 / (1.0 + (-output).exp()) } else { output }
    }

    /// Forward through every neuron, to the loss, and back.
    fn moves(&self, explained: &Explanation, label: f64) -> Vec<Move> {
        let layers = &explained.layers;
        let mut moves = Vec::new();
        let each = |layer: &LayerExplanation| 0..layer.z.values.len();
        let step = |direction, layer, neuron, words| Move { direction, layer, neuron, words };
        for (number, layer) in (1..).zip(layers) {
            let forward = |neuron| step(Direction::Forward, number, neuron, self.forward(explained, number, neuron));
            moves.extend(each(layer).map(forward));
        }
        let top = layers.len();
        let output = layers.last().map_or(0.0, |layer| layer.a.values[0]);
        let words = format!(
            "C = {}({}, {}) = {}: the loss of {} against the label",
            self.model.loss,
            short(output),
            short(label),
            short(explained.cost),
            symbol("a", top, 0)
        );
        moves.push(step(Direction::Forward, top + 1, 0, words));
        for (number, layer) in layers.iter().enumerate().rev().map(|(at, layer)| (at + 1, layer)) {
            let backward = |neuron| step(Direction::Backward, number, neuron, self.backward(explained, number, neuron));
            moves.extend(each(layer).map(backward));
        }
        moves
    }

    /// A neuron's sum and activation.
    fn forward(&self, explained: &Explanation, layer: usize, neuron: usize) -> String {
        let here = &explained.layers[layer - 1];
        let below = if layer == 1 { &explained.inputs.values } else { &explained.layers[layer - 2].a.values };
        let (weights, bias) = self.incoming(layer, neuron);
        let terms = weights.iter().zip(below).map(|(weight, input)| (wide(weight), factor(*input)));
        let (z, a) = (symbol("z", layer, neuron), symbol("a", layer, neuron));
        let summed = format!("{z} = {} = {}", sum(terms, Some(wide(&bias))), short(here.z.values[neuron]));
        match self.model.network.layers[layer - 1].activation {
            Activation::Identity => format!("{summed}; {a} = {z}"),
            activation => format!("{summed}; {a} = {activation}({z}) = {}", short(here.a.values[neuron])),
        }
    }

    /// A neuron's δ, and the gradients that come from it.
    fn backward(&self, explained: &Explanation, layer: usize, neuron: usize) -> String {
        let here = &explained.layers[layer - 1];
        let (handed, slope, delta) =
            (here.handed_down.values[neuron], here.slope.values[neuron], here.delta.values[neuron]);
        let (name, a, z) = (symbol("δ", layer, neuron), symbol("a", layer, neuron), symbol("z", layer, neuron));
        let reason = match explained.layers.get(layer) {
            None => format!("∂C/∂{a} = {}", short(handed)),
            Some(above) => {
                let (weights, count) = (self.weights(layer + 1), above.delta.values.len());
                let outgoing = &weights[neuron * count..][..count];
                let terms =
                    above.delta.values.iter().zip(outgoing).map(|(delta, weight)| (*delta, factor(wide(weight))));
                format!("∂C/∂{a} = {} = {}, the δ above times the weights between", sum(terms, None), short(handed))
            }
        };
        let slope = match self.model.network.layers[layer - 1].activation {
            Activation::Identity => format!("{name} = {}", short(delta)),
            activation => format!(
                "{name} = ∂C/∂{a} · {activation}′({z}) = {} · {} = {}",
                short(handed),
                factor(slope),
                short(delta)
            ),
        };
        let below = if layer == 1 { &explained.inputs.values } else { &explained.layers[layer - 2].a.values };
        let gradients: Vec<String> = below.iter().map(|input| short(input * delta)).collect();
        format!(
            "{reason}; {slope}; by its weights {name} times their inputs: {}; by its bias {}",
            gradients.join(", "),
            short(delta)
        )
    }

    /// What a neuron computes.
    pub(crate) fn neuron(&self, asked: NeuronRequest) -> Result<Neuron, Failure> {
        let NeuronRequest { layer, neuron } = asked;
        let layers = &self.model.network.layers;
        if !(1..=layers.len()).contains(&layer) {
            return Err(Failure::of("layer", format!("there are the layers 1 to {}", layers.len())));
        }
        let here = &layers[layer - 1];
        if neuron >= here.outputs {
            return Err(Failure::of("neuron", format!("layer {layer} has the neurons 0 to {}", here.outputs - 1)));
        }
        let names = inputs(&self.names, &self.model, layer);
        let (weights, bias) = self.incoming(layer, neuron);
        let z = sum(weights.iter().map(wide).zip(names.iter().cloned()), Some(wide(&bias)));
        let a = symbol("a", layer, neuron);
        let equation = match here.activation {
            Activation::Identity => format!("{a} = {z}"),
            activation => format!("{a} = {activation}({z})"),
        };
        let heaviest = weights.iter().zip(&names).max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
        let leans = heaviest.map(|(weight, name)| {
            format!(
                "; it leans most on {name}, {} it",
                if *weight < 0.0 { "and speaks against" } else { "and speaks for" }
            )
        });
        let what = if layer == layers.len() { "the output" } else { "a hidden neuron" };
        let words = format!(
            "{what}: the weighted sum of {} and a bias{}{}",
            names.join(", "),
            match here.activation {
                Activation::Identity => String::new(),
                activation => format!(", through {activation}"),
            },
            leans.unwrap_or_default()
        );
        Ok(Neuron { words, equation, weights: names.into_iter().zip(weights).collect(), bias })
    }

    /// The weights into a layer, `[inputs, outputs]`.
    fn weights(&self, layer: usize) -> &[f32] {
        self.piece('w', layer)
    }

    /// The weights into a neuron, and its bias.
    fn incoming(&self, layer: usize, neuron: usize) -> (Vec<f32>, f32) {
        let biases = self.piece('b', layer);
        let weights = self.weights(layer)[neuron..].iter().step_by(biases.len()).copied().collect();
        (weights, biases[neuron])
    }

    fn piece(&self, kind: char, layer: usize) -> &[f32] {
        let pieces = self.model.network.segments();
        let name = format!("{kind}{layer}");
        let range = pieces.iter().find(|piece| piece.name == name).map(|piece| piece.range.clone());
        &self.model.parameters[range.unwrap_or(0..0)]
    }
}

fn wide(value: &f32) -> f64 {
    f64::from(*value)
}
