//! How fast the playground trains, and what a frame costs: `cargo run --release -p chainrule-play --example speed`.

use chainrule_play::Playground;
use serde_json::{Value, json};
use std::time::Instant;

fn main() {
    for (name, settings) in [
        ("2-4-2-1 tanh, batch 10", json!({"do": "network.begin"})),
        (
            "7-8-8-8-1 relu, batch 32",
            json!({"do": "network.begin", "features": ["x", "y", "x^2", "y^2", "xy", "sin x", "sin y"],
                "hidden": [8, 8, 8], "activation": "relu", "batch_size": 32, "set": "spiral"}),
        ),
    ] {
        let mut playground = Playground::new(milliseconds);
        let begun = playground.answer(&settings.to_string());
        let train = |playground: &mut Playground, milliseconds: f64, steps: usize| {
            let asked = json!({"do": "network.train", "milliseconds": milliseconds, "most_steps": steps});
            let start = Instant::now();
            let text = playground.answer(&asked.to_string());
            (start.elapsed().as_secs_f64() * 1e3, text)
        };
        train(&mut playground, 200.0, 1_000_000);
        let (took, text) = train(&mut playground, 200.0, 1_000_000);
        let frame: Value = serde_json::from_str(&text).expect("an answer is JSON");
        let steps = frame["ok"]["steps_done"].as_f64().unwrap_or(0.0);
        let looks: f64 = (0..100).map(|_| train(&mut playground, 0.0, 0).0).sum::<f64>() / 100.0;
        println!(
            "{name}: {:.0} steps/s; a frame without steps {looks:.2} ms, {} KB (the first answer {} KB); loss {}",
            steps / took * 1e3,
            text.len() / 1000,
            begun.len() / 1000,
            frame["ok"]["loss"]
        );
    }
}

fn milliseconds() -> f64 {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64() * 1e3
}
