//! Dense layers, one after the other.

use crate::activation::Activation;
use crate::error::Error;
use crate::init::Init;
use crate::random::Stream;
use chainrule_engine::plan::Segment;
use chainrule_engine::{Expr, Graph, Shape};
use chainrule_kernels::Block;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A layer z = x·W + b, a = activation(z), with W `[inputs, outputs]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dense {
    /// Number of neurons.
    pub outputs: usize,
    /// What is applied to z.
    pub activation: Activation,
}

/// A multilayer network. Its number of layers does not count the input.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Network {
    /// Number of input features.
    pub inputs: usize,
    /// The layers from the first hidden one (if any) to the output.
    pub layers: Vec<Dense>,
}

/// The nodes of one layer in a graph.
#[derive(Clone, Copy, Debug)]
pub struct LayerNodes<'g> {
    /// W `[inputs, outputs]`.
    pub weight: Expr<'g>,
    /// b `[outputs]`.
    pub bias: Expr<'g>,
    /// z = x·W + b, `[batch, outputs]`.
    pub z: Expr<'g>,
    /// a = activation(z), `[batch, outputs]`.
    pub a: Expr<'g>,
}

/// Sizes from the inputs to the outputs, as in `784-128-10`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sizes(pub Vec<usize>);

/// The most parameters that a network may have: what the memory of one process can address as `f32`.
const MOST_PARAMETERS: u128 = isize::MAX as u128 / 4;

impl FromStr for Sizes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Network { text: text.to_owned(), problem };
        let sizes = text
            .split('-')
            .map(|part| match part.trim().parse::<u32>() {
                Ok(0) => Err(wrong("a layer of 0 neurons computes nothing".to_owned())),
                Ok(size) => Ok(size as usize),
                Err(_) => Err(wrong(format!("`{part}` is not a size from 1 to {}", u32::MAX))),
            })
            .collect::<Result<Vec<usize>, Error>>()?;
        if sizes.len() < 2 {
            return Err(wrong("it needs at least the number of inputs and of outputs".to_owned()));
        }
        Ok(Self(sizes))
    }
}

impl Network {
    /// The network with these sizes, `hidden` on all layers but the last, `output` on the last (usually the identity:
    /// its values are logits or real targets).
    ///
    /// # Errors
    /// Fewer than two sizes, a size of 0, or more parameters than memory can hold.
    pub fn new(sizes: &[usize], hidden: Activation, output: Activation) -> Result<Self, Error> {
        let text = sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("-");
        let Sizes(sizes) = text.parse()?;
        let last = sizes.len() - 2;
        let layer =
            |(i, &outputs): (usize, &usize)| Dense { outputs, activation: if i == last { output } else { hidden } };
        let network = Self { inputs: sizes[0], layers: sizes[1..].iter().enumerate().map(layer).collect() };
        network.check().map_err(|problem| Error::Network { text, problem })?;
        Ok(network)
    }

    /// Refuses what cannot be held in memory or is no network.
    pub(crate) fn check(&self) -> Result<(), String> {
        let wrong = |problem: &str| Err(problem.to_owned());
        if self.layers.is_empty() || self.inputs == 0 || self.layers.iter().any(|l| l.outputs == 0) {
            return wrong("it needs inputs, and at least one layer of at least one neuron");
        }
        let most = u32::MAX as usize;
        let sizes_fit = self.inputs <= most && self.layers.iter().all(|l| l.outputs <= most);
        let weights = |(inputs, layer): (usize, &Dense)| inputs as u128 * layer.outputs as u128;
        let layers_fit = sizes_fit && self.layer_inputs().all(|l| weights(l) <= u128::from(u32::MAX));
        if !layers_fit || self.layer_inputs().map(weights).sum::<u128>() > MOST_PARAMETERS {
            return wrong("a layer may have at most 4,294,967,295 weights, and all of them must fit into memory");
        }
        Ok(())
    }

    /// Each layer with the number of its inputs.
    pub fn layer_inputs(&self) -> impl Iterator<Item = (usize, &Dense)> {
        let inputs = std::iter::once(self.inputs).chain(self.layers.iter().map(|l| l.outputs));
        inputs.zip(&self.layers)
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |l| l.outputs)
    }

    /// Number of neurons: all but the inputs.
    pub fn neurons(&self) -> usize {
        self.layers.iter().map(|l| l.outputs).sum()
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.layer_inputs().map(|(inputs, layer)| inputs * layer.outputs).sum()
    }

    /// Number of biases, one a neuron.
    pub fn biases(&self) -> usize {
        self.neurons()
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.weights() + self.biases()
    }

    /// The sizes of hidden layers, added up.
    pub(crate) fn hidden_neurons(&self) -> usize {
        self.neurons() - self.outputs()
    }

    /// The pieces of the flat block of parameters: w1, b1, w2, b2, ….
    pub fn segments(&self) -> Vec<Segment> {
        let mut start = 0;
        let mut piece = |name: String, sizes: &[usize]| {
            let shape = Shape::new(sizes).expect("the sizes were checked");
            let range = start..start + shape.len();
            start = range.end;
            Segment { name, shape, range }
        };
        let mut list = Vec::new();
        for (number, (inputs, layer)) in (1..).zip(self.layer_inputs()) {
            list.push(piece(format!("w{number}"), &[inputs, layer.outputs]));
            list.push(piece(format!("b{number}"), &[layer.outputs]));
        }
        list
    }

    /// Draws all parameters: the same seed gives the same ones.
    pub fn initialize(&self, init: Init, seed: u64) -> Block<f32> {
        let mut parameters = Block::zeros(self.parameters());
        let mut rest = &mut *parameters;
        for (number, (inputs, layer)) in (0..).zip(self.layer_inputs()) {
            let mut random = Stream::new(seed, number);
            let (weight, after) = rest.split_at_mut(inputs * layer.outputs);
            let (bias, after) = after.split_at_mut(layer.outputs);
            init.weights(inputs, layer.outputs, &mut random, weight);
            init.biases(&mut random, bias);
            rest = after;
        }
        parameters
    }

    /// Adds the layers to a graph, from `x` `[batch, inputs]`. A `mask` holds dropout factors for the hidden layers,
    /// one layer after the other, each `[batch, outputs]`.
    #[track_caller]
    pub fn apply<'g>(&self, graph: &'g Graph, x: Expr<'g>, mask: Option<Expr<'g>>) -> Vec<LayerNodes<'g>> {
        let batch = x.size(0);
        let mut nodes: Vec<LayerNodes<'g>> = Vec::new();
        let mut below = x;
        let mut masked = 0;
        for (number, (inputs, layer)) in (1..).zip(self.layer_inputs()) {
            let weight = graph.parameter(&format!("w{number}"), &[inputs, layer.outputs]);
            let bias = graph.parameter(&format!("b{number}"), &[layer.outputs]);
            let z = (below.matmul(weight) + bias).named(&format!("z{number}"));
            let a = layer.activation.apply(z);
            let a = if layer.activation == Activation::Identity { a } else { a.named(&format!("a{number}")) };
            nodes.push(LayerNodes { weight, bias, z, a });
            below = match mask {
                Some(mask) if number < self.layers.len() => {
                    let count = batch * layer.outputs;
                    let factors = mask.slice(0, masked, masked + count).reshape(&[batch, layer.outputs]);
                    masked += count;
                    a * factors
                }
                _ => a,
            };
        }
        nodes
    }
}

/// The sizes with dashes.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inputs)?;
        self.layers.iter().try_for_each(|l| write!(f, "-{}", l.outputs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_the_textbook_networks() {
        for (text, layers, neurons, weights, biases, parameters) in
            [("3-4-2", 2, 6, 20, 6, 26), ("3-4-4-1", 3, 9, 32, 9, 41), ("5-3", 1, 3, 15, 3, 18)]
        {
            let Sizes(sizes) = text.parse().unwrap();
            let network = Network::new(&sizes, Activation::Relu, Activation::Identity).unwrap();
            assert_eq!(network.layers.len(), layers);
            assert_eq!((network.neurons(), network.weights()), (neurons, weights));
            assert_eq!((network.biases(), network.parameters()), (biases, parameters));
            assert_eq!(network.segments().last().unwrap().range.end, parameters);
            assert_eq!(network.to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for (text, reason) in [
            ("784", "at least the number of inputs"),
            ("784-0-10", "0 neurons"),
            ("784--10", "`` is not a size"),
            ("784-x-10", "`x` is not a size"),
            ("99999999999-2", "is not a size"),
            ("", "`` is not a size"),
        ] {
            let error = text.parse::<Sizes>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let too_large = Network::new(&[4_000_000_000, 4_000_000_000], Activation::Relu, Activation::Identity);
        assert!(too_large.unwrap_err().to_string().contains("fit into memory"));
    }
}
