//! The plan of a training step is what it should be: `tests/golden/*.plan` hold the tables.
//!
//! After a change that is meant: `UPDATE=1 cargo test -p chainrule --test all plan`, and read the difference.

use chainrule::{Activation, Mlp, Optimizer, Task, training_plan};
use std::path::Path;

fn check(name: &str, optimizer: Optimizer, clip: Option<f64>) {
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
    let plan = training_plan(&model, 64).unwrap().to_string();
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
    check("sgd.plan", Optimizer::Sgd, None);
}

/// Gradients of weights share one place, and each moves its weight at once.
#[test]
fn adam() {
    check("adam.plan", Optimizer::Adam, None);
}

/// All gradients are there before the first weight moves.
#[test]
fn clipped() {
    check("clipped.plan", Optimizer::Sgd, Some(1.0));
}
