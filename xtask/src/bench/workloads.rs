//! What is measured: one table, and one formula for the operations of a step.

use serde_json::{Value, json};

/// What a step is; the names are those of `bench/PROTOCOL.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Train,
    Infer,
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

/// One workload; the fields that its mode does not use keep the values of [`BASE`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    pub(crate) id: &'static str,
    pub(crate) mode: Mode,
    pub(crate) network: Network,
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
            Mode::Chain | Mode::Process => None,
        }
    }

    /// Samples that a step works on, where it has samples.
    pub(crate) fn samples(&self) -> Option<f64> {
        match self.mode {
            Mode::Train | Mode::Infer => Some(self.batch as f64),
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
        assert_eq!(by_id("S1").operations(), None);
        assert_eq!(by_id("S1").nodes(), Some(400_000.0));
    }

    #[test]
    fn titles_are_short() {
        assert_eq!(by_id("W8").title(), "train 784-(11 × 3072)-10, relu, batch 256, cross-entropy, sgd");
        assert_eq!(by_id("I1").title(), "infer 784-512-512-10, relu, batch 1");
    }

    #[test]
    fn arguments_are_those_of_the_protocol() {
        let argument = by_id("W4").argument(2);
        assert_eq!(argument["mode"], "train");
        assert_eq!(argument["sizes"], json!([1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 1024, 10]));
        assert_eq!(argument["optimizer"], "momentum");
        assert_eq!(by_id("S1").argument(1), json!({"mode": "chain", "length": 100_000, "threads": 1}));
    }
}
