//! Whatever is asked, there is an answer: no panic, and nothing endless.

use chainrule_play::Playground;
use proptest::prelude::*;
use serde_json::{Value, json};

/// An answer, which is JSON with `ok` or `error`.
fn answer(playground: &mut Playground, text: &str) -> Value {
    let answer = playground.answer(text);
    assert!(answer.len() < 4_000_000, "{} bytes for {text}", answer.len());
    let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"));
    assert!(answer["ok"].is_object() != answer["error"].is_object(), "{answer}");
    answer
}

/// Numbers of all kinds, the strange ones often.
fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(|number| json!(number)),
        (0..40_usize).prop_map(|number| json!(number)),
        prop::sample::select(vec![
            json!(0),
            json!(-1),
            json!(1e308),
            json!(5e-324),
            json!(null),
            json!("7"),
            json!(0.5)
        ]),
    ]
}

fn text(known: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => prop::sample::select(known).prop_map(|name| json!(name)),
        1 => ".{0,20}".prop_map(|text| json!(text)),
        1 => number(),
    ]
}

fn settings() -> impl Strategy<Value = Value> {
    let features = prop::collection::vec(text(&["x", "y", "x^2", "y^2", "xy", "sin x", "sin y"]), 0..8);
    let points = prop::collection::vec(prop::collection::vec(prop::sample::select(vec![-6.0, 0.0, 1.0, 6.5]), 3), 0..9);
    let names = (
        text(&["circle", "xor", "gauss", "spiral", "own"]),
        text(&["tanh", "relu", "sigmoid", "identity", "gelu"]),
        text(&["binary-cross-entropy", "mse", "mae", "huber:0.1", "quadratic", "cross-entropy"]),
        text(&["sgd", "adam", "momentum:0.99", "adagrad", "rmsprop", "adamw:1e300", "nesterov"]),
        text(&["zeros", "he-normal", "normal:1e30", "glorot-uniform"]),
    );
    let numbers = prop::collection::vec(number(), 7);
    let hidden = prop::collection::vec(0..20_usize, 0..10);
    (names, numbers, hidden, features, points).prop_map(
        |((set, activation, loss, optimizer, init), n, hidden, features, points)| {
            json!({"do": "network.begin", "set": set, "activation": activation, "loss": loss, "optimizer": optimizer,
            "init": init, "hidden": hidden, "features": features, "points": points, "samples": n[0], "noise": n[1],
            "test_share": n[2], "learning_rate": n[3], "l2": n[4], "batch_size": n[5], "seed": n[6], "side": 12})
        },
    )
}

/// The settings that are sound more often than not.
fn sound(mut settings: Value, rate: f64) -> Value {
    for (name, value) in [
        ("samples", json!(30)),
        ("noise", json!(0.3)),
        ("test_share", json!(0.2)),
        ("l2", json!(0.1)),
        ("batch_size", json!(4)),
        ("seed", json!(1)),
        ("learning_rate", json!(rate)),
        ("features", json!(["x", "y^2"])),
        ("set", json!("xor")),
    ] {
        settings[name] = value;
    }
    settings
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_text_is_answered(text in any::<String>(), name in "[a-z.]{0,16}") {
        let mut playground = Playground::new(|| 0.0);
        answer(&mut playground, &text);
        answer(&mut playground, &json!({"do": name, "source": text, "pixels": text}).to_string());
    }

    #[test]
    fn any_expression_is_answered(parts in prop::collection::vec(prop::sample::select(vec!["a", "b", "1e308", "0", "(", ")", "+", "-", "*", "/", "^", ";", "=", "log(", "exp(", "sqrt(", "min(", ",", "\n", "é", "<b>"]), 0..40), value in any::<f64>()) {
        let request = json!({"do": "expression", "source": parts.concat(), "values": {"a": value, "b": 0, "zz": 1}});
        answer(&mut Playground::new(|| 0.0), &request.to_string());
    }

    #[test]
    fn any_network_is_answered(settings in settings(), rate in 1e-3..100.0, repairs in any::<bool>(), index in number(), layer in number()) {
        let mut playground = Playground::new(|| 0.0);
        let settings = if repairs { sound(settings, rate) } else { settings };
        answer(&mut playground, &settings.to_string());
        answer(&mut playground, &json!({"do": "network.train", "milliseconds": 1, "most_steps": 20}).to_string());
        answer(&mut playground, &json!({"do": "network.train", "milliseconds": index, "most_steps": 3, "learning_rate": layer}).to_string());
        for request in [json!({"do": "network.sample", "index": index}), json!({"do": "network.sample", "x": index, "y": layer, "label": 1}),
            json!({"do": "network.neuron", "layer": layer, "neuron": index}), json!({"do": "network.sample", "index": 0})] {
            answer(&mut playground, &request.to_string());
        }
    }
}

#[test]
fn deep_and_long_requests_are_answered() {
    let mut playground = Playground::new(|| 0.0);
    answer(&mut playground, &"[".repeat(100_000));
    answer(&mut playground, &json!({"do": "expression", "source": "(".repeat(1999)}).to_string());
    answer(&mut playground, &json!({"do": "expression", "source": "-".repeat(1990) + "a"}).to_string());
    answer(
        &mut playground,
        &json!({"do": "expression", "source": "a*".repeat(999) + "a", "values": {"a": 1}}).to_string(),
    );
    let doubling: Vec<String> = (0..60).map(|k| format!("x{}=(x{k}+y)*(x{k}*y+1)", k + 1)).collect();
    let found = answer(
        &mut playground,
        &json!({"do": "expression", "source": doubling.join(";"), "values": {"x0": 0.1, "y": 0.001}}).to_string(),
    );
    assert_eq!(found["ok"]["picture"]["work"]["paths"].as_str().map(str::len), Some(19));
}
