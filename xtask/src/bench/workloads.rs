//! What is measured: one table, and one formula for the operations of a step.

use serde_json::{Value, json};

/// What a step is; the names are those of `bench/PROTOCOL.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Train,
    Infer,
    Convolve,
    Chain,
    Process,
}

/// Inputs, hidden layers of one width, outputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    pub(crate) inputs: usize,
    pub(crate) layers: usize,
    pub(crate) width: usize,
    pub(crate) outputs: usize,
}

impl Network {
    const fn new(inputs: usize, layers: usize, width: usize, outputs: usize) -> Self {
        Self { inputs, layers, width, outputs }
    }

    pub(crate) fn sizes(&self) -> Vec<usize> {
        let hidden = std::iter::repeat_n(self.width, self.layers);
        std::iter::once(self.inputs).chain(hidden).chain([self.outputs]).collect()
    }

    /// For a reader, who does not want to count equal layers.
    fn short(&self) -> String {
        let Self { inputs, layers, width, outputs } = self;
        if *layers > 3 { format!("{inputs}-({layers} × {width})-{outputs}") } else { self.dashed() }
    }

    /// As the command line takes it: 784-128-10.
    pub(crate) fn dashed(&self) -> String {
        self.sizes().iter().map(usize::to_string).collect::<Vec<_>>().join("-")
    }
}

/// A layer of a convolutional network: dense if its kernel is 0, without a pool if that is 0. ReLU follows every layer but
/// the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer {
    outputs: usize,
    kernel: usize,
    padding: usize,
    pool: usize,
}

const fn conv(kernel: usize, outputs: usize, padding: usize, pool: usize) -> Layer {
    Layer { outputs, kernel, padding, pool }
}

const fn dense(outputs: usize) -> Layer {
    conv(0, outputs, 0, 0)
}

/// Channels, height and width of the inputs, and the layers above them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convolution {
    input: [usize; 3],
    layers: &'static [Layer],
}

/// LeNet-5 with full connections (LeCun et al. 1998).
const LENET: Convolution = Convolution {
    input: [1, 28, 28],
    layers: &[conv(5, 6, 0, 2), conv(5, 16, 0, 2), dense(120), dense(84), dense(10)],
};

const COLOURS: Convolution = Convolution {
    input: [3, 32, 32],
    layers: &[conv(3, 32, 1, 0), conv(3, 32, 1, 2), conv(3, 64, 1, 0), conv(3, 64, 1, 2), dense(256), dense(10)],
};

impl Convolution {
    /// For a reader: 1x28x28, conv5 6 max2, …, 120, 84, 10.
    fn short(&self) -> String {
        let [channels, height, width] = self.input;
        let layer = |layer: &Layer| {
            let pool = if layer.pool > 0 { format!(" max{}", layer.pool) } else { String::new() };
            if layer.kernel > 0 {
                format!("conv{} {}{pool}", layer.kernel, layer.outputs)
            } else {
                layer.outputs.to_string()
            }
        };
        let layers: Vec<String> = self.layers.iter().map(layer).collect();
        format!("{channels}x{height}x{width}, {}", layers.join(", "))
    }

    /// Multiplications of a sample forward, layer by layer.
    fn products(&self) -> Vec<usize> {
        let [mut channels, mut height, mut width] = self.input;
        let mut counts = Vec::new();
        for layer in self.layers {
            let seen =
                if layer.kernel > 0 { channels * layer.kernel * layer.kernel } else { channels * height * width };
            (height, width) = if layer.kernel > 0 {
                let moved = |side: usize| side + 2 * layer.padding + 1 - layer.kernel;
                (moved(height), moved(width))
            } else {
                (1, 1)
            };
            channels = layer.outputs;
            counts.push(seen * channels * height * width);
            (height, width) = (height / layer.pool.max(1), width / layer.pool.max(1));
        }
        counts
    }
}

/// One workload; the fields that its mode does not use keep the values of [`BASE`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    pub(crate) id: &'static str,
    pub(crate) mode: Mode,
    pub(crate) network: Network,
    pub(crate) convolution: Convolution,
    pub(crate) activation: &'static str,
    pub(crate) batch: usize,
    pub(crate) loss: &'static str,
    pub(crate) optimizer: &'static str,
    /// Small, so that no network leaves the finite numbers while it is measured.
    pub(crate) rate: f64,
    /// Links of a chain.
    pub(crate) length: usize,
    /// How long a turn lasts at least.
    pub(crate) seconds: f64,
}

/// What most workloads have in common, and where the scaling curves begin.
pub(crate) const BASE: Workload = Workload {
    id: "",
    mode: Mode::Train,
    network: Network::new(784, 1, 128, 10),
    convolution: LENET,
    activation: "relu",
    batch: 64,
    loss: "cross-entropy",
    optimizer: "sgd",
    rate: 0.001,
    length: 0,
    seconds: 0.15,
};

const LARGE: Network = Network::new(784, 2, 512, 10);

/// All workloads, in the order of the report.
#[rustfmt::skip]
pub(crate) const WORKLOADS: &[Workload] = &[
    Workload { id: "W1", network: Network::new(784, 1, 30, 10), activation: "sigmoid", batch: 10, loss: "quadratic", ..BASE },
    Workload { id: "W2", ..BASE },
    Workload { id: "W3", network: LARGE, batch: 128, optimizer: "adam", ..BASE },
    Workload { id: "W4", network: Network::new(1024, 8, 1024, 10), batch: 256, optimizer: "momentum", ..BASE },
    Workload { id: "W5", network: Network::new(4, 2, 16, 3), batch: 16, optimizer: "adam", ..BASE },
    Workload { id: "W6", mode: Mode::Convolve, ..BASE },
    Workload { id: "W7", mode: Mode::Convolve, convolution: COLOURS, optimizer: "adam", ..BASE },
    Workload { id: "W8", network: Network::new(784, 11, 3072, 10), batch: 256, ..BASE },
    Workload { id: "E1", mode: Mode::Process, rate: 0.1, ..BASE },
    Workload { id: "S1", mode: Mode::Chain, length: 100_000, ..BASE },
    Workload { id: "I1", mode: Mode::Infer, network: LARGE, batch: 1, ..BASE },
    Workload { id: "I256", mode: Mode::Infer, network: LARGE, batch: 256, ..BASE },
];

/// Images that the workload `E1` trains on.
const MNIST_IMAGES: usize = 60_000;
/// A link of the chain as it is written: two additions and two products.
const NODES_A_LINK: usize = 4;

impl Workload {
    /// One line for a reader.
    pub(crate) fn title(&self) -> String {
        let Self { activation, batch, loss, optimizer, .. } = self;
        let network = self.network.short();
        match self.mode {
            Mode::Train => format!("train {network}, {activation}, batch {batch}, {loss}, {optimizer}"),
            Mode::Infer => format!("infer {network}, {activation}, batch {batch}"),
            Mode::Convolve => format!("train {}, batch {batch}, {optimizer}", self.convolution.short()),
            Mode::Chain => format!("a chain of {} scalars, built and differentiated", self.length),
            Mode::Process => format!(
                "the whole process: read MNIST, train {network} for one epoch ({activation}, batch {batch}, {loss}, \
                 {optimizer}), test, write"
            ),
        }
    }

    /// The argument of a contestant, but for the paths of [`Mode::Process`].
    pub(crate) fn argument(&self, threads: usize) -> Value {
        if self.mode == Mode::Chain {
            return json!({"mode": "chain", "length": self.length, "threads": threads});
        }
        let Self { activation, batch, loss, optimizer, rate, .. } = self;
        if self.mode == Mode::Convolve {
            let Convolution { input, layers } = self.convolution;
            let layer = |layer: &Layer| {
                let Layer { outputs, kernel, padding, pool } = layer;
                json!({"outputs": outputs, "kernel": kernel, "padding": padding, "pool": pool})
            };
            return json!({
                "mode": "convolve", "input": input, "layers": layers.iter().map(layer).collect::<Vec<_>>(),
                "batch": batch, "loss": loss, "optimizer": optimizer, "rate": rate, "threads": threads,
            });
        }
        let (mode, sizes) = (self.mode.name(), self.network.sizes());
        json!({
            "mode": mode, "sizes": sizes, "activation": activation, "batch": batch, "loss": loss,
            "optimizer": optimizer, "rate": rate, "threads": threads,
        })
    }

    /// Floating-point operations of a step, by one formula for all contestants: a product of the
    /// matrices of each layer forward, and to train two more backward, but none for the gradient by
    /// the inputs of the network, which nobody needs. None where a step is not made of products.
    pub(crate) fn operations(&self) -> Option<f64> {
        let sizes = self.network.sizes();
        let weights: usize = sizes.windows(2).map(|pair| pair[0] * pair[1]).sum();
        let (forward, first) = (2 * self.batch * weights, 2 * self.batch * sizes[0] * sizes[1]);
        match self.mode {
            Mode::Train => Some((3 * forward - first) as f64),
            Mode::Infer => Some(forward as f64),
            Mode::Convolve => {
                let products = self.convolution.products();
                Some((2 * self.batch * (3 * products.iter().sum::<usize>() - products[0])) as f64)
            }
            Mode::Chain | Mode::Process => None,
        }
    }

    /// Samples that a step works on, where it has samples.
    pub(crate) fn samples(&self) -> Option<f64> {
        match self.mode {
            Mode::Train | Mode::Infer | Mode::Convolve => Some(self.batch as f64),
            Mode::Process => Some(MNIST_IMAGES as f64),
            Mode::Chain => None,
        }
    }

    /// Nodes that a step builds and differentiates, where it builds any.
    pub(crate) fn nodes(&self) -> Option<f64> {
        (self.mode == Mode::Chain).then_some((NODES_A_LINK * self.length) as f64)
    }
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Infer => "infer",
            Self::Convolve => "convolve",
            Self::Chain => "chain",
            Self::Process => "process",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_id(id: &str) -> &'static Workload {
        WORKLOADS.iter().find(|workload| workload.id == id).expect("a workload of this name")
    }

    #[test]
    fn operations_count_each_product_once() {
        // 784·128 + 128·10 = 101,632 weights; the first layer has 100,352 of them.
        assert_eq!(by_id("W2").operations(), Some((6 * 64 * 101_632 - 2 * 64 * 100_352) as f64));
        let weights = 784 * 512 + 512 * 512 + 512 * 10;
        assert_eq!(by_id("I1").operations(), Some((2 * weights) as f64));
        assert_eq!(by_id("I256").operations(), Some((2 * 256 * weights) as f64));
        let lenet = [25 * 6 * 576, 150 * 16 * 64, 256 * 120, 120 * 84, 84 * 10];
        assert_eq!(LENET.products(), lenet);
        assert_eq!(by_id("W6").operations(), Some((2 * 64 * (3 * lenet.iter().sum::<usize>() - lenet[0])) as f64));
        assert_eq!(by_id("S1").operations(), None);
        assert_eq!(by_id("S1").nodes(), Some(400_000.0));
    }

    #[test]
    fn titles_are_short() {
        assert_eq!(by_id("W8").title(), "train 784-(11 × 3072)-10, relu, batch 256, cross-entropy, sgd");
        let lenet = "train 1x28x28, conv5 6 max2, conv5 16 max2, 120, 84, 10, batch 64, sgd";
        assert_eq!(by_id("W6").title(), lenet);
        assert_eq!(by_id("I1").title(), "infer 784-512-512-10, relu, batch 1");
    }

    #[test]
    fn arguments_are_those_of_the_protocol() {
        let argument = by_id("W4").argument(2);
        assert_eq!(argument["mode"], "train");
        assert_eq!(argument["sizes"], json!([1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 10]));
        assert_eq!(argument["optimizer"], "momentum");
        let colours = by_id("W7").argument(2);
        assert_eq!(colours["layers"][1], json!({"outputs": 32, "kernel": 3, "padding": 1, "pool": 2}));
        assert_eq!(by_id("S1").argument(1), json!({"mode": "chain", "length": 100_000, "threads": 1}));
    }
}
