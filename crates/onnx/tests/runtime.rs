//! Exported models in onnxruntime, against our own predictions, and back again as models of ours.
//!
//! `cargo xtask test` says where a Python with onnxruntime is (`CHAINRULE_PYTHON`); without it only the way back is
//! tested.

use chainrule::data::{Dataset, Matrix, Scaling, Target, Values};
use chainrule::{Activation, Architecture, Init, Loss, Measure, Model, Network, Recipe, TargetScale, Task, predict};
use chainrule_onnx::{Names, OnnxModel, export};
use std::path::Path;
use std::process::Command;

/// Numbers between −2 and 2, the same for the same seed.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32 * 4.0 - 2.0
    };
    (0..count).map(|_| next()).collect()
}

fn network(text: &str) -> Network {
    match text.parse().unwrap() {
        Architecture::Layers { input: Some(input), layers } => Network::of(input, layers).unwrap(),
        Architecture::Sizes(sizes) => Network::new(&sizes, Activation::Relu, Activation::Identity).unwrap(),
        Architecture::Layers { .. } => panic!("{text} begins with no form"),
    }
}

fn classes(count: usize) -> Task {
    Task::Classes((0..count).map(|class| format!("class {class}")).collect())
}

fn model(text: &str, loss: Loss, task: Task, scaling: Scaling) -> Model {
    let network = network(text);
    let mut parameters = network.initialize(Init::LecunNormal, 7);
    // Biases are drawn as zeros.
    for (weight, more) in parameters.iter_mut().zip(numbers(network.parameters(), 3)) {
        *weight += 0.1 * more;
    }
    Model {
        features: if network.planes.is_some() {
            vec![]
        } else {
            (0..network.inputs).map(|n| format!("f{n}")).collect()
        },
        image: network.planes.filter(|planes| planes[0] == 1).map(|[_, h, w]| (h, w)),
        network,
        loss,
        targets: targets(&task),
        task,
        encoder: None,
        scaling,
        recipe: Recipe::default(),
        residuals: Vec::new(),
        parameters,
    }
}

const SOFTMAX: Loss = Loss::CrossEntropy { smoothing: 0.0 };

/// Every layer, activation, loss, scaling and kind of output.
fn models() -> Vec<(String, Model)> {
    let mut all = Vec::new();
    let mut add = |name: String, model: Model| all.push((name, model));
    for &activation in Activation::ALL {
        let middle = if activation == Activation::Identity { String::new() } else { format!(", {activation}") };
        let text = format!("5, dense 7{middle}, dense 3");
        add(format!("dense_{activation}"), model(&text, SOFTMAX, classes(3), Scaling::None));
        let text = format!("2x9x8, conv 3x2 4 stride 2x1 pad 1x0 groups 2{middle}, maxpool 2x3 stride 1, dense 2");
        add(format!("conv_{activation}"), model(&text, SOFTMAX, classes(2), Scaling::None));
    }
    let binary = Loss::BinaryCrossEntropy;
    add("one_logit".into(), model("4-6-1", binary, classes(2), Scaling::Uniform { shift: 0.5, scale: 2.0 }));
    add("many_sigmoids".into(), model("4-6-3", binary, classes(3), Scaling::None));
    add("one_share".into(), model("4-6-1", Loss::Mse, classes(2), Scaling::None));
    add("many_shares".into(), model("4-6-3", Loss::Quadratic, classes(3), Scaling::None));
    let columns = Scaling::Columns { shift: numbers(4, 1), scale: vec![0.5, 1.0, 2.0, 3.0] };
    let value = |scale| Task::Values(vec![Measure { shift: 3.5, deviation: 2.0, scale }]);
    add("value".into(), model("4-6-1", Loss::Mse, value(TargetScale::Plain), columns));
    add("value_log".into(), model("4-6-1", Loss::Mae, value(TargetScale::Log), Scaling::None));
    let average = "1x7x7, conv 3x3 3, tanh, avgpool 2 stride 1, conv 2x2 2, dense 3";
    let cells = Scaling::Columns { shift: numbers(49, 1), scale: vec![0.5; 49] };
    add("average".into(), model(average, SOFTMAX, classes(3), cells));
    let both = [TargetScale::Plain, TargetScale::Log].map(|scale| Measure { shift: 1.5, deviation: 2.0, scale });
    add("values".into(), model("4-6-2", Loss::Mse, Task::Values(both.to_vec()), Scaling::None));
    let plain = Task::Values(vec![Measure { shift: 1.5, ..Measure::PLAIN }; 3]);
    add("plain_values".into(), model("4-6-3", Loss::Mse, plain, Scaling::None));
    for (name, text) in NORMS {
        add(name.into(), model(text, SOFTMAX, classes(3), Scaling::None));
    }
    add("ends_in_planes".into(), model("1x4x4, conv 2x2 1 stride 2", SOFTMAX, classes(4), Scaling::None));
    let lenet = "1x28x28, conv 5x5 6, relu, maxpool 2, conv 5x5 16, relu, maxpool 2, dense 120, relu, dense 84, relu, \
                 dense 10";
    add("lenet".into(), model(lenet, SOFTMAX, classes(10), Scaling::pixels()));
    all
}

/// Norms, links and the settings that go with them.
const NORMS: [(&str, &str); 7] = [
    ("batch_norm", "5, dense 6, batchnorm, relu, dense 3"),
    ("batch_norm_planes", "2x7x6, conv 3x3 4 pad 1, batchnorm, relu, maxpool 3 stride 2 pad 1, dense 3"),
    ("layer_norm", "5, dense 6, layernorm, tanh, dense 3"),
    ("layer_norm_planes", "1x6x6, conv 3x3 4 dilate 2, layernorm, relu, avgpool 2 stride 1 pad 1, dense 3"),
    ("group_norms", "1x6x6, conv 3x3 4, groupnorm 2, relu, globalmaxpool, dense 6, groupnorm 3, dropout 0.5, dense 3"),
    ("rms_norms", "1x6x6, conv 3x3 4, rmsnorm, silu, globalavgpool, dense 6, rmsnorm, relu, dense 3"),
    (
        "residual",
        "1x6x6, conv 3x3 4 pad 1, batchnorm, relu, residual(conv 3x3 4 pad 1, batchnorm, relu, conv 3x3 4 pad 1, batchnorm), \
         relu, globalavgpool, residual(dense 4), relu, dense 3",
    ),
];

fn targets(task: &Task) -> Vec<String> {
    let count = if let Task::Values(measures) = task { measures.len() } else { 1 };
    (0..count).map(|at| format!("t{at}")).collect()
}

const ROWS: usize = 12;

/// The label (or nothing) and the numbers of each row.
fn predictions(model: &Model, x: &[f32]) -> Vec<(Option<String>, Vec<f64>)> {
    let features = Matrix::new(ROWS, model.network.inputs, Values::Floats(x.to_vec()));
    let target = Target::value(vec![0.0; ROWS], "none");
    let data = Dataset { target: None, ..Dataset::new(features, target, "random") };
    let mut all = vec![(None, Vec::new()); ROWS];
    predict(model, &data, |row, prediction| {
        all[row] = (prediction.class.map(|class| model.classes()[class].clone()), prediction.values);
    })
    .unwrap();
    all
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-5 * b.abs().max(1.0)
}

#[test]
fn exported_models_say_the_same_in_onnxruntime() {
    let Some(python) = std::env::var_os("CHAINRULE_PYTHON") else {
        eprintln!("not compared: CHAINRULE_PYTHON names no Python with onnxruntime (cargo xtask test does)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let models = models();
    for (name, model) in &models {
        std::fs::write(folder.path().join(format!("{name}.onnx")), export(model).unwrap()).unwrap();
        let x = numbers(ROWS * model.network.inputs, 11);
        let shape = match model.network.planes {
            Some([c, h, w]) => vec![ROWS, c, h, w],
            None => vec![ROWS, model.network.inputs],
        };
        let inputs = serde_json::json!({"x": {"kind": "float", "shape": shape, "values": x}});
        std::fs::write(folder.path().join(format!("{name}.in.json")), inputs.to_string()).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run_onnx.py");
    let done = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for (name, model) in &models {
        let text = std::fs::read_to_string(folder.path().join(format!("{name}.out.json"))).unwrap();
        let outputs: serde_json::Value = serde_json::from_str(&text).unwrap();
        let ours = predictions(model, &numbers(ROWS * model.network.inputs, 11));
        let is_value = model.classes().is_empty();
        let theirs = outputs[if is_value { "value" } else { "probabilities" }].as_array().unwrap();
        let flat: Vec<f64> = ours.iter().flat_map(|(_, values)| values.clone()).collect();
        assert_eq!(flat.len(), theirs.len(), "{name}");
        for (a, b) in theirs.iter().zip(&flat) {
            assert!(near(a.as_f64().unwrap(), *b), "{name}: {a} instead of {b}");
        }
        if !is_value {
            let labels: Vec<Option<String>> =
                outputs["label"].as_array().unwrap().iter().map(|label| label.as_str().map(str::to_owned)).collect();
            assert_eq!(labels, ours.into_iter().map(|(label, _)| label).collect::<Vec<_>>(), "{name}");
        }
    }
}

#[test]
fn exported_models_come_back() {
    for (name, model) in models() {
        let bytes = export(&model).unwrap();
        assert_eq!(export(&model).unwrap(), bytes, "{name} gives other bytes");
        let targets = if model.targets.len() > 1 { model.targets.clone() } else { Vec::new() };
        let back = OnnxModel::from_bytes(&bytes).unwrap().to_model(&Names { targets, ..Names::default() });
        // Each of its values has a scale of its own.
        if name == "values" {
            assert!(back.unwrap_err().to_string().contains("node"), "{name}");
            continue;
        }
        let back = back.unwrap_or_else(|error| panic!("{name}: {error}"));
        let x = numbers(ROWS * model.network.inputs, 5);
        for (a, b) in predictions(&back, &x).iter().zip(predictions(&model, &x)) {
            assert_eq!(a.0, b.0, "{name}");
            assert!(a.1.iter().zip(&b.1).all(|(a, b)| near(*a, *b)), "{name}: {a:?} instead of {b:?}");
        }
    }
}
