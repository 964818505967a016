//! How fast the playground trains, and what a frame costs: `cargo run --release -p chainrule-play --example speed`.
//!
//! `cargo xtask web-speed` runs it beside the engine for browsers. Seconds are those of the processor, so that other
//! programs do not count.

use chainrule::{Activation, Batch, Mlp, Stepper, with_threads};
use chainrule_play::Playground;
use cpu_time::ProcessTime;
use serde_json::{Value, json};

/// The networks, with the settings that make them.
fn networks() -> [(&'static str, Value); 2] {
    let features = ["x", "y", "x^2", "y^2", "xy", "sin x", "sin y"];
    [
        ("2-4-2-1 tanh, batch 10", json!({})),
        (
            "7-8-8-8-1 relu, batch 32",
            json!({"features": features, "hidden": [8, 8, 8], "activation": "relu", "batch_size": 32, "set": "spiral"}),
        ),
    ]
}

fn main() {
    if std::env::args().any(|arg| arg == "--settings") {
        return println!("{}", json!(networks()));
    }
    for (name, settings) in networks() {
        small(name, &settings);
    }
    with_threads(1, dense);
}

fn small(name: &str, settings: &Value) {
    let mut playground = Playground::new(milliseconds);
    let mut ask = |request: Value| playground.answer(&request.to_string());
    let mut begin = settings.clone();
    begin["do"] = "network.begin".into();
    ask(begin);
    let mut rate = || {
        let frame: Value = serde_json::from_str(&ask(json!({"do": "network.train", "milliseconds": 200}))).unwrap();
        frame["ok"]["steps_done"].as_f64().unwrap() / frame["ok"]["milliseconds"].as_f64().unwrap() * 1e3
    };
    rate();
    let steps = median([rate(), rate(), rate()]);
    let mut length = 0;
    let look = |_| {
        let start = milliseconds();
        length = ask(json!({"do": "network.train", "milliseconds": 0, "most_steps": 0})).len();
        milliseconds() - start
    };
    let look = median(std::array::from_fn::<f64, 51, _>(look));
    println!("this computer {name}: {steps:.0} steps/s; a frame without steps {look:.2} ms, {} KB", length / 1000);
}

/// 784-128-10 on 64 samples.
fn dense() {
    let mlp = Mlp::builder().input(784).hidden(128, Activation::Relu).output(10).batch_size(64).build();
    let mut model = mlp.unwrap().model;
    let mut stepper = Stepper::new(&model).unwrap();
    let x: Vec<f32> = (0..64 * 784).map(|at| (at * 7919 % 1000) as f32 / 1000.0).collect();
    let y: Vec<f32> = (0..64).map(|at| (at % 10) as f32).collect();
    let mut train = |steps: usize| {
        let start = milliseconds();
        for _ in 0..steps {
            stepper.step(&mut model, Batch { x: &x, y: &y, weight: &[] }, 1e-3).unwrap();
        }
        (milliseconds() - start) / steps as f64 * 1e3
    };
    train(100);
    println!("this computer 784-128-10, batch 64, one thread: {:.0} µs a step", median([0; 5].map(|_| train(400))));
}

fn median<const N: usize>(mut numbers: [f64; N]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[N / 2]
}

fn milliseconds() -> f64 {
    ProcessTime::now().as_duration().as_secs_f64() * 1e3
}
