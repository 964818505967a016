//! Layers, one after the other.

use crate::activation::Activation;
use crate::error::Error;
use crate::init::Init;
use crate::layer::{Layer, SampleShape, Stage};
use crate::random::Stream;
use chainrule_engine::plan::Segment;
use chainrule_engine::{Expr, Graph, Shape};
use chainrule_kernels::Block;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A multilayer network. Its number of layers does not count the input.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Network {
    /// Number of input features.
    pub inputs: usize,
    /// Their channels, height and width, if they are images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planes: Option<[usize; 3]>,
    /// The layers from the first hidden one (if any) to the output.
    pub layers: Vec<Layer>,
}

/// The nodes of one layer in a graph.
#[derive(Clone, Copy, Debug)]
pub struct LayerNodes<'g> {
    /// W `[inputs, outputs]`, or `[outputs, channels / groups, height, width]` of a convolution.
    pub weight: Expr<'g>,
    /// b `[outputs]`.
    pub bias: Expr<'g>,
    /// z = x·W + b, `[batch, outputs]`, or x ∗ W + b, `[batch, outputs, height, width]`.
    pub z: Expr<'g>,
    /// a = activation(z), of the same shape.
    pub a: Expr<'g>,
    /// What the layer gives: a, or its pool.
    pub out: Expr<'g>,
}

const EMPTY: &str = "it needs inputs, and at least one layer of at least one neuron";

/// The most parameters that a network may have: what the memory of one process can address as `f32`.
const MOST_PARAMETERS: u128 = isize::MAX as u128 / 4;

impl Network {
    /// The network with these sizes, `hidden` on all layers but the last, `output` on the last (usually the identity:
    /// its values are logits or real targets).
    ///
    /// # Errors
    /// Fewer than two sizes, a size of 0, or more parameters than memory can hold.
    pub fn new(sizes: &[usize], hidden: Activation, output: Activation) -> Result<Self, Error> {
        let text = sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("-");
        let [inputs, layers @ ..] = sizes else { return Err(Error::Network { text, problem: EMPTY.to_owned() }) };
        let last = layers.len().saturating_sub(1);
        let activation = |at: usize| if at == last { output } else { hidden };
        let layers = layers.iter().enumerate().map(|(at, &outputs)| Layer::dense(outputs, activation(at))).collect();
        let network = Self { inputs: *inputs, planes: None, layers };
        network.check().map_err(|problem| Error::Network { text, problem })?;
        Ok(network)
    }

    /// The network of these layers above inputs of this form.
    ///
    /// # Errors
    /// A layer that does not fit on the one below, or more parameters than memory can hold.
    pub fn of(input: SampleShape, layers: Vec<Layer>) -> Result<Self, Error> {
        let planes = if let SampleShape::Planes(planes) = input { Some(planes) } else { None };
        let network = Self { inputs: input.len(), planes, layers };
        network.check().map_err(|problem| Error::Network { text: network.to_string(), problem })?;
        Ok(network)
    }

    /// Refuses what cannot be held in memory or is no network.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.layers.is_empty() || self.inputs == 0 {
            return Err(EMPTY.to_owned());
        }
        if self.planes.is_some() && self.input().len() != self.inputs {
            return Err(format!("images of {} are not {} inputs", self.input(), self.inputs));
        }
        let too_large =
            || "a layer may have at most 4,294,967,295 weights and outputs, and all must fit into memory".to_owned();
        let most = u32::MAX as usize;
        let mut parameters = 0_u128;
        for (number, stage) in (1..).zip(self.walk()) {
            let stage =
                stage.map_err(|problem| format!("layer {number} (`{}`): {problem}", self.layers[number - 1]))?;
            let sizes = [stage.input.len(), stage.z.len(), stage.output.len(), stage.layer.outputs, stage.weights()];
            parameters += stage.weights() as u128 + stage.layer.outputs as u128;
            if sizes.into_iter().any(|size| size > most) || parameters > MOST_PARAMETERS {
                return Err(too_large());
            }
        }
        Ok(())
    }

    /// The form of the inputs.
    pub fn input(&self) -> SampleShape {
        self.planes.map_or(SampleShape::Flat(self.inputs), SampleShape::Planes)
    }

    /// Each layer above the one before it, until one does not fit.
    fn walk(&self) -> impl Iterator<Item = Result<Stage, String>> + '_ {
        let mut below = Ok(self.input());
        self.layers.iter().map_while(move |layer| {
            let stage = layer.above(below.ok()?);
            below = stage.as_ref().map(|stage| stage.output).map_err(|_| ());
            Some(stage)
        })
    }

    /// Each layer with what it takes and gives.
    ///
    /// # Panics
    /// If a layer does not fit on the one below, which neither [`Network::new`] nor [`Network::of`] lets through.
    pub fn stages(&self) -> impl Iterator<Item = Stage> + '_ {
        self.walk().map(|stage| stage.expect("the layers were checked"))
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.stages().last().map_or(0, |stage| stage.output.len())
    }

    /// Number of neurons: all but the inputs. A convolution has one for each number of z.
    pub fn neurons(&self) -> usize {
        self.stages().map(|stage| stage.z.len()).sum()
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.stages().map(|stage| stage.weights()).sum()
    }

    /// Number of biases: one a neuron of a dense layer, or a channel of a convolution.
    pub fn biases(&self) -> usize {
        self.layers.iter().map(|layer| layer.outputs).sum()
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.weights() + self.biases()
    }

    /// What hidden layers give, added up.
    pub(crate) fn hidden_outputs(&self) -> usize {
        self.stages().take(self.layers.len().saturating_sub(1)).map(|stage| stage.output.len()).sum()
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
        for (number, stage) in (1..).zip(self.stages()) {
            let (shape, rank) = stage.weight_shape();
            list.push(piece(format!("w{number}"), &shape[..rank]));
            list.push(piece(format!("b{number}"), &[stage.layer.outputs]));
        }
        list
    }

    /// Draws all parameters: the same seed gives the same ones.
    pub fn initialize(&self, init: Init, seed: u64) -> Block<f32> {
        let mut parameters = Block::zeros(self.parameters());
        let mut rest = &mut *parameters;
        for (number, stage) in (0..).zip(self.stages()) {
            let mut random = Stream::new(seed, number);
            let (weight, after) = rest.split_at_mut(stage.weights());
            let (bias, after) = after.split_at_mut(stage.layer.outputs);
            let (inputs, outputs) = stage.fan();
            init.weights(inputs, outputs, &mut random, weight);
            init.biases(&mut random, bias);
            rest = after;
        }
        parameters
    }

    /// Adds the layers to a graph, from `x` `[batch, inputs]`. A `mask` holds dropout factors for the hidden layers,
    /// one layer after the other, each `[batch, outputs]`.
    #[track_caller]
    pub fn apply<'g>(&self, graph: &'g Graph, x: Expr<'g>, mask: Option<Expr<'g>>) -> Vec<LayerNodes<'g>> {
        let mut nodes: Vec<LayerNodes<'g>> = Vec::new();
        let mut below = x;
        let mut masked = 0;
        for (number, stage) in (1..).zip(self.stages()) {
            let (shape, rank) = stage.weight_shape();
            let weight = graph.parameter(&format!("w{number}"), &shape[..rank]);
            let bias = graph.parameter(&format!("b{number}"), &[stage.layer.outputs]);
            let z = stage.weigh(stage.input.of(below), weight, bias).named(&format!("z{number}"));
            let a = stage.layer.activation.apply(z);
            let is_plain = stage.layer.activation == Activation::Identity;
            let a = if is_plain { a } else { a.named(&format!("a{number}")) };
            let out = stage.pooled(a);
            nodes.push(LayerNodes { weight, bias, z, a, out });
            below = match mask {
                Some(mask) if number < self.layers.len() => {
                    let sizes: Vec<usize> = out.shape().sizes().collect();
                    let count = out.shape().len();
                    let factors = mask.slice(0, masked, masked + count).reshape(&sizes);
                    masked += count;
                    out * factors
                }
                _ => out,
            };
        }
        nodes
    }
}

/// The sizes with dashes; with convolutions, the form of the inputs and every layer, as [`Architecture`] reads them.
///
/// [`Architecture`]: crate::Architecture
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.layers.iter().all(|layer| layer.kernel.is_none() && layer.pool.is_none()) {
            write!(f, "{}", self.inputs)?;
            return self.layers.iter().try_for_each(|layer| write!(f, "-{}", layer.outputs));
        }
        write!(f, "{}", self.input())?;
        self.layers.iter().try_for_each(|layer| write!(f, ", {layer}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Architecture;

    fn listed(text: &str) -> Result<Network, Error> {
        match text.parse()? {
            Architecture::Sizes(sizes) => Network::new(&sizes, Activation::Relu, Activation::Identity),
            Architecture::Layers { input, layers } => {
                Network::of(input.unwrap_or(SampleShape::Planes([1, 28, 28])), layers)
            }
        }
    }

    #[test]
    fn sizes_of_the_textbook_networks() {
        for (text, layers, neurons, weights, biases, parameters) in
            [("3-4-2", 2, 6, 20, 6, 26), ("3-4-4-1", 3, 9, 32, 9, 41), ("5-3", 1, 3, 15, 3, 18)]
        {
            let network = listed(text).unwrap();
            assert_eq!(network.layers.len(), layers);
            assert_eq!((network.neurons(), network.weights()), (neurons, weights));
            assert_eq!((network.biases(), network.parameters()), (biases, parameters));
            assert_eq!(network.segments().last().unwrap().range.end, parameters);
            assert_eq!(network.to_string(), text);
        }
    }

    #[test]
    fn sizes_of_lenet() {
        // LeCun et al. 1998 count 156 parameters in C1 as well; their C3 is not fully connected, and their input is 32×32.
        let text = "1x28x28, conv 5x5 6, relu, maxpool 2, conv 5x5 16, relu, maxpool 2, dense 120, relu, dense 84, relu, \
                    dense 10";
        let lenet = listed(text).unwrap();
        assert_eq!(lenet.to_string(), text);
        let found: Vec<_> = lenet.stages().map(|stage| (stage.weights(), stage.z.len(), stage.output.len())).collect();
        let expected = [
            (150, 6 * 24 * 24, 6 * 12 * 12),
            (2400, 16 * 8 * 8, 256),
            (30720, 120, 120),
            (10080, 84, 84),
            (840, 10, 10),
        ];
        assert_eq!(found, expected);
        assert_eq!(lenet.segments()[2].shape.sizes().collect::<Vec<_>>(), [16, 6, 5, 5]);
        let strange = "3x9x7, conv 3x2 6 stride 2x1 pad 1x0 groups 3, tanh, avgpool 2x3 stride 1, dense 4";
        assert_eq!(listed(strange).unwrap().to_string(), strange);
        assert_eq!(listed(strange).unwrap().stages().next().unwrap().output, SampleShape::Planes([6, 4, 4]));
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
            ("4000000000-4000000000", "fit into memory"),
            ("conv 5x5", "item 1, `conv 5x5`, needs a number of channels"),
            ("conv 5y5 6", "needs a kernel"),
            ("conv 0 6", "needs a kernel"),
            ("conv 3 6 dilate 2", "`dilate`, which is none of"),
            ("dense 10 relu", "`relu` too much"),
            (
                "dense 10, rellu",
                "item 2, `rellu`, begins with neither conv, dense, maxpool, avgpool nor an activation: did you mean `relu`?",
            ),
            ("relu, dense 10", "item 1, `relu`, stands where no activation can"),
            ("dense 10, relu, tanh", "item 3, `tanh`, stands where"),
            ("conv 3 2, maxpool 2, maxpool 2", "item 3, `maxpool 2`, has no layer"),
            ("maxpool 2, dense 10", "has no layer"),
            ("conv 3 2, , dense 10", "item 2 is empty"),
            ("28x28x1x1, dense 10", "no form of inputs"),
            ("28x28,", "item 2 is empty"),
            ("dense 0", "needs a number of neurons"),
            ("conv 29 2, dense 10", "layer 1 (`conv 29x29 2`): a kernel of 29x29 is larger than the plane of 28x28"),
            ("conv 25 2, maxpool 5, dense 10", "a window of 5x5 is larger than the plane of 4x4"),
            (
                "dense 10, conv 3 2",
                "layer 2 (`conv 3x3 2`): a convolution moves over planes, and below it are 10 numbers",
            ),
            ("dense 10, maxpool 2", "a pool moves over planes"),
            ("conv 3 4 groups 2, dense 10", "2 groups do not divide 1 channels"),
            ("conv 3 2 pad 60001, dense 10", "from 1 to 60000"),
            ("conv 3 2 pad 3, dense 10", "padding of 3 beside a kernel of 3"),
        ] {
            let error = listed(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
