//! How long training steps take here.

use chainrule::{Activation, Batch, Mlp, Stepper};
use wasm_bindgen::prelude::wasm_bindgen;

/// Milliseconds for so many steps of 784-128-10 on 64 samples, after some to warm up.
#[wasm_bindgen]
#[expect(unreachable_pub, reason = "scripts call it")]
pub fn dense_steps(steps: usize) -> f64 {
    let mlp = Mlp::builder().input(784).hidden(128, Activation::Relu).output(10).batch_size(64).build();
    let mut model = mlp.expect("the settings are sound").model;
    let mut stepper = Stepper::new(&model).expect("the recipe is sound");
    let x: Vec<f32> = (0..64 * 784).map(|at| (at * 7919 % 1000) as f32 / 1000.0).collect();
    let y: Vec<f32> = (0..64).map(|at| (at % 10) as f32).collect();
    let batch = Batch { x: &x, y: &y, weight: &[] };
    let mut train = |steps: usize| {
        let start = crate::now();
        for _ in 0..steps {
            stepper.step(&mut model, batch, 1e-3).expect("the batch fits");
        }
        crate::now() - start
    };
    train(steps / 10 + 1);
    train(steps)
}
