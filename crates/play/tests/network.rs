//! Networks of the playground: they train as those of the library do, and what is shown of them is so.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chainrule::data::{Dataset, Matrix, Target, Values};
use chainrule::{Activation, Init, Loss, Mlp, Optimizer, Task, fit};
use chainrule_play::Playground;
use serde_json::{Value, json};

fn ask(playground: &mut Playground, request: &Value) -> Value {
    serde_json::from_str(&playground.answer(&request.to_string())).unwrap()
}

fn get(playground: &mut Playground, request: &Value) -> Value {
    let answer = ask(playground, request);
    assert!(answer["error"].is_null(), "{request}: {answer}");
    answer["ok"].clone()
}

fn begin(settings: &Value) -> (Playground, Value) {
    let mut playground = Playground::new(|| 0.0);
    let mut request = json!({"do": "network.begin"});
    request.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let begun = get(&mut playground, &request);
    (playground, begun)
}

fn train(playground: &mut Playground, steps: usize) -> Value {
    get(playground, &json!({"do": "network.train", "milliseconds": 1.0, "most_steps": steps}))
}

fn numbers(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(all) => all.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

#[test]
fn it_trains_as_the_library_does_bit_for_bit() {
    for (optimizer, loss, batch) in
        [("sgd", "binary-cross-entropy", 10), ("adam", "mse", 7), ("momentum:0.9", "quadratic", 32)]
    {
        let settings = json!({"set": "xor", "seed": 3, "optimizer": optimizer, "loss": loss, "batch_size": batch,
            "features": ["x", "sin y"], "hidden": [5, 3], "l2": 1e-3, "learning_rate": 0.01});
        let (mut playground, begun) = begin(&settings);
        let points = begun["points"]["train"].as_array().unwrap();
        let steps = points.len().div_ceil(batch) * 3;
        let frame = train(&mut playground, steps);
        assert_eq!((frame["epoch"].as_u64(), frame["step"].as_u64()), (Some(3), Some(steps as u64)));

        let at = |point: &Value, axis: usize| point[axis].as_f64().unwrap();
        let features = points.iter().flat_map(|p| [at(p, 0) as f32, at(p, 1).sin() as f32]).collect();
        let labels = points.iter().map(|p| at(p, 2) as u32).collect();
        let names = vec!["0".to_owned(), "1".to_owned()];
        let target = Target::Classes { labels, names: names.clone() };
        let data = Dataset::new(Matrix::new(points.len(), 2, Values::Floats(features)), target, "points");
        let loss: Loss = loss.parse().unwrap();
        let is_logit = loss == Loss::BinaryCrossEntropy;
        let mut mlp = Mlp::builder()
            .input(2)
            .hidden(5, Activation::Tanh)
            .hidden(3, Activation::Tanh)
            .output(1)
            .output_activation(if is_logit { Activation::Identity } else { Activation::Sigmoid })
            .loss(loss)
            .optimizer(optimizer.parse::<Optimizer>().unwrap(), 0.01)
            .init(Init::GlorotUniform)
            .epochs(3)
            .batch_size(batch)
            .seed(3)
            .recipe(|recipe| recipe.l2 = 1e-3)
            .build()
            .unwrap();
        mlp.model.task = Task::Classes(names);
        fit(&mut mlp.model, &data, &mut ()).unwrap();
        let mut shown = Vec::new();
        for layer in 0..3 {
            shown.extend(numbers(&frame["weights"][layer]));
            shown.extend(numbers(&frame["biases"][layer]));
        }
        assert_eq!(shown, mlp.model.parameters.to_vec(), "{optimizer}");
    }
}

#[test]
fn the_last_update_of_plain_descent_is_the_rate_times_the_gradient() {
    let (mut playground, _) = begin(&json!({"optimizer": "sgd", "learning_rate": 0.5}));
    let frame = train(&mut playground, 25);
    let gradient = [numbers(&frame["gradients"]), numbers(&frame["bias_gradients"])].concat();
    let update = [numbers(&frame["updates"]), numbers(&frame["bias_updates"])].concat();
    assert!(gradient.iter().any(|g| g.abs() > 1e-3));
    for (g, u) in gradient.iter().zip(&update) {
        // The update is a difference of weights near 1.
        assert!((u + 0.5 * g).abs() < 1e-6, "{g} {u}");
    }
}

#[test]
fn every_set_is_made_and_learned() {
    for set in ["circle", "xor", "gauss", "spiral"] {
        let hard = set == "spiral";
        let features = json!(["x", "y", "sin x", "sin y"]);
        let settings = json!({"set": set, "noise": 0.05, "hidden": if hard { [8, 8] } else { [6, 4] },
            "features": features, "optimizer": "adam", "learning_rate": 0.01, "seed": 1});
        let (mut playground, begun) = begin(&settings);
        let points = &begun["points"];
        assert_eq!(points["train"].as_array().unwrap().len() + points["test"].as_array().unwrap().len(), 400);
        assert!(numbers(&points["train"]).iter().all(|place| place.abs() <= 6.0));
        let frame = train(&mut playground, if hard { 8000 } else { 1500 });
        assert!(frame["accuracy"]["test"].as_f64().unwrap() > 0.95, "{set}: {}", frame["accuracy"]);
        let (_, again) = begin(&settings);
        assert_eq!(begun, again, "the same seed gives the same points and weights");
    }
}

#[test]
fn maps_show_what_neurons_give() {
    let (mut playground, begun) = begin(&json!({"side": 20, "hidden": [3], "features": ["x", "y^2"]}));
    assert_eq!(begun["layers"], json!([2, 3, 1]));
    let bytes = |map: &Value| BASE64_STANDARD.decode(map.as_str().unwrap()).unwrap();
    let x = bytes(&begun["inputs"]["maps"][0]);
    assert_eq!(x.len(), 400);
    // x goes from left to right: about −5.7 to 5.7, with 5.7 as the whole scale.
    assert_eq!((x[0], x[19]), (1, 255));
    assert!((begun["inputs"]["scales"][1].as_f64().unwrap() - 5.7 * 5.7).abs() < 1e-4);
    let frame = train(&mut playground, 300);
    let [w1, w2] = [numbers(&frame["weights"][0]), numbers(&frame["weights"][1])];
    let [b1, b2] = [numbers(&frame["biases"][0]), numbers(&frame["biases"][1])];
    let (row, column) = (4, 13);
    let (x, y) = (6.0 * (2.0 * 13.5 / 20.0 - 1.0), -6.0 * (2.0 * 4.5 / 20.0 - 1.0));
    let hidden: Vec<f32> = (0..3).map(|n| (w1[n] * x + w1[3 + n] * y * y + b1[n]).tanh()).collect();
    let z: f32 = hidden.iter().zip(&w2).map(|(a, w)| a * w).sum::<f32>() + b2[0];
    let probability = 1.0 / (1.0 + (-z).exp());
    let shown =
        |layer: usize, neuron: usize| f32::from(bytes(&frame["maps"][layer]["maps"][neuron])[row * 20 + column]);
    assert!((shown(1, 0) - probability * 255.0).abs() <= 1.0);
    for (neuron, a) in hidden.iter().enumerate() {
        let scale = frame["maps"][0]["scales"][neuron].as_f64().unwrap() as f32;
        assert!(((shown(0, neuron) - 128.0) / 127.0 * scale - a).abs() < 0.01, "neuron {neuron}");
    }
}

#[test]
fn a_sample_goes_forward_and_back() {
    let (mut playground, _) = begin(&json!({"hidden": [2, 2]}));
    train(&mut playground, 100);
    let sample = get(&mut playground, &json!({"do": "network.sample", "x": 1.5, "y": -2.0, "label": 1}));
    let moves = sample["moves"].as_array().unwrap();
    assert_eq!(moves.len(), 5 + 1 + 5);
    assert_eq!((&moves[5]["layer"], &moves[5]["direction"]), (&json!(4), &json!("forward")));
    assert_eq!((&moves[6]["layer"], &moves[6]["direction"]), (&json!(3), &json!("backward")));
    assert!(moves[0]["words"].as_str().unwrap().starts_with("z¹₁ = "), "{}", moves[0]);
    assert!(moves[10]["words"].as_str().unwrap().contains("the δ above times the weights between"), "{}", moves[10]);
    // Of cross-entropy from a logit, δ is p − y.
    let probability = sample["probability"].as_f64().unwrap();
    assert!((sample["layers"][2]["delta"][0].as_f64().unwrap() - (probability - 1.0)).abs() < 1e-12);
    assert!((sample["loss"].as_f64().unwrap() + probability.ln()).abs() < 1e-12);
    assert!(sample["loss_after_update"].as_f64().unwrap() < sample["loss"].as_f64().unwrap());
    let by_index = get(&mut playground, &json!({"do": "network.sample", "index": 0}));
    assert_eq!(by_index["inputs"][0][0], "x");
    let neuron = get(&mut playground, &json!({"do": "network.neuron", "layer": 2, "neuron": 1}));
    assert!(neuron["equation"].as_str().unwrap().starts_with("a²₂ = tanh("), "{neuron}");
    assert_eq!(neuron["weights"][1][0], "a¹₂");
}

#[test]
fn own_points_are_learned_from() {
    let points: Vec<[f64; 3]> =
        (0..40).map(|at| [f64::from(at) / 8.0 - 2.5, 1.0, f64::from(u8::from(at >= 20))]).collect();
    let settings = json!({"set": "own", "points": points, "hidden": [], "test_share": 0.25, "learning_rate": 0.5});
    let (mut playground, begun) = begin(&settings);
    assert_eq!(begun["points"]["test"].as_array().unwrap().len(), 10);
    assert!(train(&mut playground, 2000)["accuracy"]["train"].as_f64().unwrap() > 0.99);
}

#[test]
fn what_diverges_says_so_and_stops() {
    let settings = json!({"learning_rate": 100, "activation": "identity", "features": ["x^2", "y^2"],
        "hidden": [16, 16, 16], "optimizer": "sgd"});
    let (mut playground, _) = begin(&settings);
    let frame = train(&mut playground, 5000);
    assert!(frame["diverged"].as_str().unwrap().contains("smaller learning rate"), "{frame}");
    let again = train(&mut playground, 10);
    assert_eq!((&again["steps_done"], &again["step"]), (&json!(0), &frame["step"]));
    get(&mut playground, &json!({"do": "network.begin"}));
    assert!(train(&mut playground, 10)["diverged"].is_null());
}

#[test]
fn time_bounds_a_training() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static LOOKS: AtomicUsize = AtomicUsize::new(0);
    let mut playground = Playground::new(|| LOOKS.fetch_add(1, Ordering::Relaxed) as f64);
    get(&mut playground, &json!({"do": "network.begin"}));
    let frame = get(&mut playground, &json!({"do": "network.train", "milliseconds": 10}));
    // A look at this clock takes a millisecond, and there is one every eight steps.
    assert!((40..=100).contains(&frame["steps_done"].as_u64().unwrap()), "{}", frame["steps_done"]);
    let frame = get(&mut playground, &json!({"do": "network.train", "milliseconds": 1e9, "most_steps": 1_000_000_000}));
    assert!(frame["milliseconds"].as_f64().unwrap() < 210.0);
    let looked = get(&mut playground, &json!({"do": "network.train", "milliseconds": 10, "most_steps": 0}));
    assert_eq!((&looked["steps_done"], &looked["step"]), (&json!(0), &frame["step"]));
}

#[test]
fn bad_requests_say_which_field_is_wrong() {
    let cases = [
        (json!({"set": "moons"}), "set", "circle"),
        (json!({"set": "own"}), "points", "2 to 2000"),
        (json!({"set": "own", "points": [[0, 0, 0], [7, 0, 1]]}), "points", "point 2"),
        (json!({"set": "own", "points": [[0, 0, 0], [1, 0, 2]]}), "points", "label 2"),
        (json!({"samples": 1_000_000}), "samples", "2 to 2000"),
        (json!({"noise": -1}), "noise", "0 to 1"),
        (json!({"test_share": 1}), "test_share", "0.9"),
        (json!({"features": []}), "features", "at least one"),
        (json!({"features": ["z"]}), "features", "no feature `z`"),
        (json!({"features": ["x", "x"]}), "features", "twice"),
        (json!({"hidden": [1000]}), "hidden", "1 to 16"),
        (json!({"hidden": [0]}), "hidden", "1 to 16"),
        (json!({"hidden": [1, 1, 1, 1, 1, 1, 1, 1, 1]}), "hidden", "0 to 8"),
        (json!({"activation": "tan"}), "activation", "tanh"),
        (json!({"loss": "cross-entropy"}), "loss", "binary-cross-entropy"),
        (json!({"optimizer": "adan"}), "optimizer", "adam"),
        (json!({"init": "one"}), "init", "zeros"),
        (json!({"learning_rate": 0}), "learning_rate", "above 0"),
        (json!({"l2": -1}), "l2", "0 to 10"),
        (json!({"batch_size": 0}), "batch_size", "1 to 256"),
        (json!({"side": 10_000}), "side", "10 to 100"),
    ];
    for (settings, field, message) in cases {
        let mut request = json!({"do": "network.begin"});
        request.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let answer = ask(&mut Playground::new(|| 0.0), &request);
        assert_eq!(answer["error"]["where"], field, "{request}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(message), "{request}: {answer}");
    }
    let mut playground = Playground::new(|| 0.0);
    for (request, message) in [
        (json!({"do": "network.train", "milliseconds": 1}), "network.begin"),
        (json!({"do": "dance"}), "no request"),
        (json!([]), "no request"),
        (json!({"do": "network.begin", "hidden": "4"}), "no request"),
    ] {
        let answer = ask(&mut playground, &request);
        assert!(answer["error"]["message"].as_str().unwrap().contains(message), "{answer}");
    }
    get(&mut playground, &json!({"do": "network.begin"}));
    for (request, field) in [
        (json!({"do": "network.sample", "index": 10_000}), "index"),
        (json!({"do": "network.sample", "x": 1}), "index"),
        (json!({"do": "network.sample", "x": 1e9, "y": 0, "label": 0}), "x"),
        (json!({"do": "network.neuron", "layer": 0, "neuron": 0}), "layer"),
        (json!({"do": "network.neuron", "layer": 3, "neuron": 1}), "neuron"),
        (json!({"do": "network.train", "milliseconds": 1, "learning_rate": -1}), "learning_rate"),
    ] {
        assert_eq!(ask(&mut playground, &request)["error"]["where"], field, "{request}");
    }
}

/// The kinds of what is found after many frames of some steps.
fn found(settings: &Value, frames: usize, steps: usize) -> Vec<String> {
    let (mut playground, begun) = begin(settings);
    let frames = (0..frames).map(|_| train(&mut playground, steps));
    let last = frames.last().unwrap_or(begun["frame"].clone());
    last["findings"].as_array().unwrap().iter().map(|finding| finding["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_doctor_sees_what_is_wrong() {
    let cases = [
        (json!({"init": "zeros"}), 0, "symmetric-weights"),
        (
            json!({"learning_rate": 100, "activation": "identity", "features": ["x^2", "y^2"], "hidden": [16, 16, 16]}),
            1,
            "learning-rate-too-high",
        ),
        (json!({"learning_rate": 1e-6}), 40, "learning-rate-too-low"),
        (json!({"set": "xor", "hidden": [], "learning_rate": 0.03}), 40, "underfitting"),
        (json!({"l2": 1, "learning_rate": 0.03}), 40, "too-much-regularisation"),
    ];
    for (settings, frames, kind) in cases {
        let found = found(&settings, frames, 300);
        assert!(found.iter().any(|found| found == kind), "{settings}: {found:?}");
    }
}

#[test]
fn the_doctor_is_silent_where_all_is_well() {
    for seed in 0..5 {
        for (set, hidden, features) in [
            ("circle", json!([4, 2]), json!(["x", "y"])),
            ("gauss", json!([2]), json!(["x", "y"])),
            ("xor", json!([]), json!(["xy"])),
            ("spiral", json!([8, 8]), json!(["x", "y", "sin x", "sin y"])),
        ] {
            let settings = json!({"set": set, "hidden": hidden, "features": features, "seed": seed, "noise": 0.05,
                "optimizer": "adam", "learning_rate": 0.01});
            for frames in [1, 10, 30] {
                assert_eq!(found(&settings, frames, 300), [""; 0], "{settings}");
            }
        }
    }
}
