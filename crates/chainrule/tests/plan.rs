//! The plan of a training step is what it should be: `tests/golden/*.plan` hold the tables.
//!
//! After a change that is meant: `UPDATE=1 cargo test -p chainrule --test all plan`, and read the difference.

use chainrule::{Activation, Layer, Mlp, Model, Network, Optimizer, SampleShape, Task, training_plan};
use std::path::Path;

fn model(optimizer: Optimizer, clip: Option<f64>) -> Model {
    let mut model = Mlp::builder()
        .input(784)
        .hidden(128, Activation::Relu)
        .output(10)
        .optimizer(optimizer, 0.1)
        .recipe(|r| r.clip = clip)
        .build()
        .unwrap()
        .model;
    model.task = Task::Classes((0..10).map(|digit| digit.to_string()).collect());
    model
}

fn check(name: &str, model: &Model) {
    let plan = training_plan(model, 64).unwrap().to_string();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &plan).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(plan, golden.replace("\r\n", "\n"), "{}", path.display());
}

/// Weights move in the product that computes their gradient; no gradient of a weight has a place.
#[test]
fn plain_descent() {
    check("sgd.plan", &model(Optimizer::Sgd, None));
}

/// Gradients of weights share one place, and each moves its weight at once.
#[test]
fn adam() {
    check("adam.plan", &model(Optimizer::Adam, None));
}

/// All gradients are there before the first weight moves.
#[test]
fn clipped() {
    check("clipped.plan", &model(Optimizer::Sgd, Some(1.0)));
}

/// Bias, activation and the derivative of the activation are taken part by part of what a convolution or a pool gives.
#[test]
fn convolution() {
    let mut model = model(Optimizer::Sgd, None);
    let layers = vec![
        Layer::conv(6, [5, 5]).activation(Activation::Relu).max_pool([2, 2]),
        Layer::conv(16, [5, 5]).activation(Activation::Relu).max_pool([2, 2]),
        Layer::dense(10, Activation::Identity),
    ];
    model.network = Network::of(SampleShape::Planes([1, 28, 28]), layers).unwrap();
    check("convolution.plan", &model);
}
