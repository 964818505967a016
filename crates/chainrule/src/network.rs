//! Layers, one after the other.

use crate::activation::Activation;
use crate::architecture::in_words;
use crate::error::Error;
use crate::init::Init;
use crate::layer::{Layer, SampleShape, Stage};
use crate::norm::{Norm, Running};
use crate::random::Stream;
use chainrule_engine::plan::Segment;
use chainrule_engine::{Expr, Graph, Moments, Shape};
use chainrule_kernels::Block;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A multilayer network. Its number of layers does not count the input.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
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
    /// g `[outputs]`, if there is a norm.
    pub gain: Option<Expr<'g>>,
    /// x·W or x ∗ W, of the shape of z.
    pub sums: Expr<'g>,
    /// norm(x·W), of the shape of z, if there is a norm.
    pub normal: Option<Expr<'g>>,
    /// The moments of the batch, if a batch norm went by them; each has `outputs` elements.
    pub moments: Option<Moments<'g>>,
    /// z = x·W + b, `[batch, outputs]`, or x ∗ W + b, `[batch, outputs, height, width]`; g ⊙ norm(x·W) + b with a norm;
    /// and what a residual link adds.
    pub z: Expr<'g>,
    /// a = activation(z), of the same shape.
    pub a: Expr<'g>,
    /// What the layer gives: a, or its pool.
    pub out: Expr<'g>,
}

/// For what the layers are put into a graph.
#[derive(Clone, Copy, Debug)]
pub enum Mode<'g> {
    /// To predict: nothing is dropped, batch norms go by their running moments.
    Inference,
    /// To train: batch norms go by the batch.
    Training {
        /// The share of what hidden layers give that is dropped, where they do not say it themselves.
        dropout: f64,
        /// Factors for the layers that drop something, one layer after the other, each `[batch, …]`; see
        /// [`Network::dropped`].
        mask: Option<Expr<'g>>,
        /// How many of the first layers do not learn: their norms go by running moments.
        frozen: usize,
    },
}

impl Mode<'_> {
    /// Whether a layer, counted from 1, learns.
    fn trains(&self, layer: usize) -> bool {
        matches!(self, Self::Training { frozen, .. } if layer > *frozen)
    }

    /// The share of what a layer gives that is dropped.
    fn dropout(&self, stage: &Stage, is_hidden: bool) -> f64 {
        match self {
            Self::Inference => 0.0,
            Self::Training { dropout, .. } => stage.dropout(*dropout, is_hidden),
        }
    }
}

const EMPTY: &str = "it needs inputs, and at least one layer of at least one neuron";

/// The most layers of a network.
const MOST_LAYERS: usize = 4096;

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
        if self.layers.len() > MOST_LAYERS {
            return Err(format!("it has {} layers, and a network has at most {MOST_LAYERS}", self.layers.len()));
        }
        if self.planes.is_some() && self.input().len() != self.inputs {
            return Err(format!("images of {} are not {} inputs", self.input(), self.inputs));
        }
        let too_large =
            || "a layer may have at most 4,294,967,295 weights and outputs, and all must fit into memory".to_owned();
        let most = u32::MAX as usize;
        let mut parameters = 0_u128;
        let mut forms: Vec<SampleShape> = Vec::new();
        for (number, stage) in (1..).zip(self.walk()) {
            let here = |problem| {
                let alone = Layer { residual: None, ..self.layers[number - 1] };
                format!("layer {number} (`{alone}`): {problem}")
            };
            let stage = stage.map_err(here)?;
            self.check_link(number, &stage, &forms).map_err(here)?;
            forms.push(stage.input);
            let sizes = [stage.input.len(), stage.z.len(), stage.output.len(), stage.layer.outputs, stage.weights()];
            parameters += stage.weights() as u128 + 4 * stage.layer.outputs as u128;
            if sizes.into_iter().any(|size| size > most) || parameters > MOST_PARAMETERS {
                return Err(too_large());
            }
        }
        Ok(())
    }

    /// Why what the link of a layer begins with, among the forms that the layers below take, cannot be added to its z.
    fn check_link(&self, number: usize, stage: &Stage, forms: &[SampleShape]) -> Result<(), String> {
        let Some(passed) = stage.layer.residual else { return Ok(()) };
        if passed == 0 || passed > number {
            return Err(format!("a link cannot pass {passed} of {number} layers"));
        }
        let begins = if passed == 1 { stage.input } else { forms[number - passed] };
        if begins == stage.z {
            return Ok(());
        }
        Err(format!("its link adds {begins} to {}: what residual( takes and gives must have one form", stage.z))
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

    /// Number of gains: one a channel of each norm.
    pub fn gains(&self) -> usize {
        self.stages().map(|stage| stage.gains()).sum()
    }

    /// Number of weights, biases and gains: of all that is learned.
    pub fn parameters(&self) -> usize {
        self.weights() + self.biases() + self.gains()
    }

    /// For each layer of which training drops something, how much it gives for a sample, and the share that is dropped
    /// where that of hidden layers is `usual`.
    pub fn dropped(&self, usual: f64) -> impl Iterator<Item = (usize, f64)> + '_ {
        let share = move |(number, stage): (usize, Stage)| stage.dropout(usual, number < self.layers.len());
        (1..).zip(self.stages()).map(move |at| (at.1.output.len(), share(at))).filter(|(_, share)| *share > 0.0)
    }

    /// The running moments of batch norms in the block of parameters, layer by layer, without those of the `frozen` first
    /// layers.
    pub(crate) fn running(&self, frozen: usize) -> Vec<Running> {
        let pieces = self.segments();
        let range = |name: String| pieces.iter().find(|piece| piece.name == name).map(|piece| piece.range.clone());
        let of = |(number, stage): (usize, Stage)| {
            let (mean, variance) = (range(format!("m{number}"))?, range(format!("v{number}"))?);
            Some(Running { mean, variance, places: stage.z.len() / stage.layer.outputs })
        };
        (1..).zip(self.stages()).skip(frozen).filter_map(of).collect()
    }

    /// The pieces of the flat block of parameters: w1, b1, w2, b2, …. Behind b are the gain g of a norm, and the running
    /// mean m and variance v of a batch norm, which are not learned but kept.
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
            for kind in &stage.kinds()[1..] {
                list.push(piece(format!("{kind}{number}"), &[stage.layer.outputs]));
            }
        }
        list
    }

    /// Draws all parameters: the same seed gives the same ones. Gains and running variances begin as 1, running means
    /// as 0.
    pub fn initialize(&self, init: Init, seed: u64) -> Block<f32> {
        let pieces = self.segments();
        let mut parameters = Block::zeros(pieces.last().map_or(0, |piece| piece.range.end));
        let mut pieces = pieces.into_iter();
        for (number, stage) in (0..).zip(self.stages()) {
            let mut random = Stream::new(seed, number);
            let (inputs, outputs) = stage.fan();
            for (kind, piece) in stage.kinds().iter().zip(&mut pieces) {
                let numbers = &mut parameters[piece.range];
                match *kind {
                    "w" => init.weights(inputs, outputs, &mut random, numbers),
                    "b" => init.biases(&mut random, numbers),
                    "m" => {}
                    _ => numbers.fill(1.0),
                }
            }
        }
        parameters
    }

    /// Adds the layers to a graph, from `x` `[batch, inputs]`.
    #[track_caller]
    pub fn apply<'g>(&self, graph: &'g Graph, x: Expr<'g>, mode: Mode<'g>) -> Vec<LayerNodes<'g>> {
        let mut nodes: Vec<LayerNodes<'g>> = Vec::new();
        // What each layer takes, and in the end what the last one gives.
        let mut taken = vec![x];
        let mut masked = 0;
        for (number, stage) in (1..).zip(self.stages()) {
            let below = stage.input.of(taken[number - 1]);
            let layer = self.apply_layer(graph, number, &stage, below, &taken, mode.trains(number));
            nodes.push(layer);
            let share = mode.dropout(&stage, number < self.layers.len());
            taken.push(match mode {
                Mode::Training { mask: Some(mask), .. } if share > 0.0 => {
                    let sizes: Vec<usize> = layer.out.shape().sizes().collect();
                    let count = layer.out.shape().len();
                    let factors = mask.slice(0, masked, masked + count).reshape(&sizes);
                    masked += count;
                    layer.out * factors
                }
                _ => layer.out,
            });
        }
        nodes
    }

    /// Adds layer `number`, above `below`; `taken` is what each layer up to it takes.
    #[track_caller]
    fn apply_layer<'g>(
        &self,
        graph: &'g Graph,
        number: usize,
        stage: &Stage,
        below: Expr<'g>,
        taken: &[Expr<'g>],
        trains: bool,
    ) -> LayerNodes<'g> {
        let (layer, (shape, rank)) = (stage.layer, stage.weight_shape());
        let by_channel = |kind: &str| graph.parameter(&format!("{kind}{number}"), &[layer.outputs]);
        let weight = graph.parameter(&format!("w{number}"), &shape[..rank]);
        let bias = by_channel("b");
        let gain = layer.norm.map(|_| by_channel("g"));
        let sums = stage.weigh(below, weight);
        let (mut z, mut normal, mut moments) = (sums, None, None);
        if let (Some(norm), Some(gain)) = (layer.norm, gain) {
            // The running moments have their place in the block of parameters whether they are read or not.
            let running =
                (norm == Norm::Batch).then(|| [by_channel("m"), by_channel("v")].map(|m| stage.by_channel(m)));
            let running = running.filter(|_| !trains).map(|[mean, variance]| Moments { mean, variance });
            let (normed, of_batch) = norm.apply(sums, running);
            (z, normal, moments) = (normed * stage.by_channel(gain), Some(normed), of_batch);
        }
        z = z + stage.by_channel(bias);
        if let Some(passed) = layer.residual {
            z = z + stage.z.of(taken[number - passed]);
        }
        let z = z.named(&format!("z{number}"));
        let a = layer.activation.apply(z);
        let a = if layer.activation == Activation::Identity { a } else { a.named(&format!("a{number}")) };
        LayerNodes { weight, bias, gain, sums, normal, moments, z, a, out: stage.pooled(a) }
    }
}

/// The sizes with dashes; with more than dense layers, the form of the inputs and every layer, as [`Architecture`] reads
/// them.
///
/// [`Architecture`]: crate::Architecture
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.layers.iter().all(|layer| *layer == Layer::dense(layer.outputs, layer.activation)) {
            write!(f, "{}", self.inputs)?;
            return self.layers.iter().try_for_each(|layer| write!(f, "-{}", layer.outputs));
        }
        write!(f, "{}, {}", self.input(), in_words(&self.layers))
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
            ("conv 3 6 dillate 2", "`dillate`, which is none of"),
            ("dense 10 relu", "`relu` too much"),
            (
                "dense 10, rellu",
                "item 2, `rellu`, begins with no layer, norm, pool or activation: did you mean `relu`?",
            ),
            ("relu, dense 10", "item 1, `relu`, has no layer of its own before it"),
            ("dense 10, relu, tanh", "item 3, `tanh`, stands where"),
            ("conv 3 2, maxpool 2, maxpool 2", "item 3, `maxpool 2`, has no layer"),
            ("conv 3 2, relu, batchnorm", "item 3, `batchnorm`, stands where no norm can"),
            ("dense 4, groupnorm", "needs a number of groups"),
            ("dense 4, groupnorm 3", "3 groups do not divide 4 channels"),
            ("dense 4, dropout", "needs a share"),
            ("dense 4, dropout 1", "at least 0 and below 1"),
            ("dense 4, dropout nan", "at least 0 and below 1"),
            ("dense 4, dropout 0.5, relu", "stands where no activation can"),
            ("dropout 0.5, dense 4", "has no layer"),
            ("residual(dense 4, relu), dense 2", "a link ends after conv or dense"),
            ("residual(dense 4", "a residual( is not closed"),
            ("dense 4)", "was not opened"),
            ("dense 4, residual(relu), dense 2", "passes no layer"),
            ("residual(), dense 4", "item 1, `residual()`, begins with no layer"),
            ("residual(dense 4), dense 2", "layer 1 (`dense 4`): its link adds 784 to 4"),
            ("dense 4, residual(dense 5), dense 2", "its link adds 4 to 5"),
            ("conv 3 2 dilate 14, dense 2", "a kernel of 29x29 is larger"),
            ("conv 3 2 dilate 60001, dense 2", "a dilation is from 1"),
            ("conv 3 2, globalavgpool 2, dense 2", "`2` too much"),
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
