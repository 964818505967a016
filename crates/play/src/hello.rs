//! What there is to choose from, and how much of it.

use crate::protocol::{Example, Hello, Limits, Own, Settings};
use chainrule::{Activation, Init, Loss, Optimizer};

/// The sets of points.
pub(crate) const SETS: &[&str] = &["circle", "xor", "gauss", "spiral", "own"];

/// The features of a point.
pub(crate) const FEATURES: &[&str] = &["x", "y", "x^2", "y^2", "xy", "sin x", "sin y"];

/// The most points of a set.
pub const MOST_POINTS: usize = 2000;

/// Points are seen where x and y are between minus this and this.
pub const REACH: f64 = 6.0;

/// What requests may ask for.
pub(crate) const LIMITS: Limits = Limits {
    expression: 2000,
    nodes: chainrule_draw::MOST_NODES,
    points: MOST_POINTS,
    layers: 8,
    neurons: 16,
    batch_size: 256,
    steps: 100_000,
    milliseconds: 200.0,
    side: 100,
};

impl Default for Settings {
    fn default() -> Self {
        let text = str::to_owned;
        Self {
            set: text("circle"),
            points: Vec::new(),
            samples: 400,
            noise: 0.1,
            test_share: 0.5,
            features: vec![text("x"), text("y")],
            hidden: vec![4, 2],
            activation: text("tanh"),
            loss: text("binary-cross-entropy"),
            optimizer: text("sgd"),
            init: text("glorot-uniform"),
            learning_rate: 0.03,
            l2: 0.0,
            batch_size: 10,
            seed: 0,
            side: 50,
        }
    }
}

/// Expressions to begin with.
fn examples() -> Vec<Example> {
    let example = |name, source, values: &[(&'static str, f64)]| Example {
        name,
        source,
        values: values.iter().copied().collect(),
    };
    vec![
        example("The worked example", "e = (a+b)*(b+1)", &[("a", 2.0), ("b", 1.0)]),
        example("The same in three lines", "c = a+b; d = b+1; e = c*d", &[("a", 2.0), ("b", 1.0)]),
        example(
            "A neuron and its loss",
            "z = w*x + b; a = sigmoid(z); C = (a - y)^2 / 2",
            &[("w", 0.6), ("x", 1.0), ("b", 0.9), ("y", 0.0)],
        ),
        example(
            "Paths that double",
            "x1 = (x0+y)*(x0*y+1); x2 = (x1+y)*(x1*y+1); x3 = (x2+y)*(x2*y+1)",
            &[("x0", 0.5), ("y", 0.5)],
        ),
        example("A logistic loss", "log(1 + exp(-y*(w*x + b)))", &[("y", 1.0), ("w", 0.5), ("x", 2.0), ("b", -1.0)]),
        example("A curve", "x^3 + sin(x)", &[("x", 1.0)]),
    ]
}

/// The losses for two classes told apart by one output.
pub(crate) fn losses() -> impl Iterator<Item = &'static str> {
    let for_one_output = |name: &&str| name.parse::<Loss>().is_ok_and(|loss| !loss.takes_index());
    Loss::NAMES.iter().copied().filter(for_one_output)
}

pub(crate) fn hello(own: Option<Own>) -> Hello {
    let rate = |name: &&'static str| (*name, name.parse::<Optimizer>().map_or(0.1, Optimizer::usual_rate));
    Hello {
        version: env!("CARGO_PKG_VERSION"),
        sets: SETS.to_vec(),
        features: FEATURES.to_vec(),
        activations: Activation::ALL.iter().map(|activation| activation.name()).collect(),
        losses: losses().collect(),
        optimizers: Optimizer::NAMES.iter().map(rate).collect(),
        inits: Init::NAMES.to_vec(),
        limits: LIMITS,
        examples: examples(),
        settings: Settings::default(),
        own,
    }
}
