//! Models of PyTorch and scikit-learn (`make_fixtures.py`) and of Keras (`make_keras_fixtures.py`), imported as ours and as graphs, against what these
//! libraries said of the same samples.

use chainrule::data::{Dataset, Matrix, Values};
use chainrule::engine::{Expr, Graph};
use chainrule::{Activation, Model, predict};
use chainrule_onnx::node_test::{Case, Verdict};
use chainrule_onnx::{Given, Names, OnnxModel, Output};
use flate2::read::GzDecoder;
use std::io::BufReader;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The samples, row by row, and what the other library said of each.
fn golden(name: &str) -> (Vec<Vec<f32>>, Vec<Vec<f64>>) {
    let text = std::fs::read_to_string(fixture(&format!("{name}.json"))).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let row = |row: &serde_json::Value| match row.as_array() {
        Some(numbers) => numbers.iter().map(|number| number.as_f64().unwrap()).collect(),
        None => vec![row.as_f64().unwrap()],
    };
    let rows = |key: &str| json[key].as_array().unwrap().iter().map(row).collect::<Vec<Vec<f64>>>();
    let x = rows("x").into_iter().map(|row| row.into_iter().map(|value| value as f32).collect()).collect();
    (x, rows("outputs"))
}

fn predictions(model: &Model, x: &[Vec<f32>]) -> Vec<Vec<f64>> {
    let features = Matrix::new(x.len(), x[0].len(), Values::Floats(x.concat()));
    let data = Dataset {
        target: None,
        ..Dataset::new(features, chainrule::data::Target::value(vec![0.0; x.len()], "y"), "golden")
    };
    let mut all = vec![Vec::new(); x.len()];
    predict(model, &data, |row, prediction| all[row] = prediction.values).unwrap();
    all
}

fn assert_near(found: &[Vec<f64>], wanted: &[Vec<f64>]) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert_eq!(found.len(), wanted.len());
        for (a, b) in found.iter().zip(wanted) {
            assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{a} instead of {b}");
        }
    }
}

fn softmax(row: &[f64]) -> Vec<f64> {
    let total: f64 = row.iter().map(|v| v.exp()).sum();
    row.iter().map(|v| v.exp() / total).collect()
}

#[test]
fn networks_of_pytorch() {
    for name in ["torch_dynamo", "torch_script"] {
        let (x, logits) = golden(name);
        let onnx = OnnxModel::load(&fixture(&format!("{name}.onnx"))).unwrap();
        let model = onnx.to_model(&Names::default()).unwrap();
        let text =
            "1x14x14, conv 3x3 4 pad 1, relu, maxpool 2, conv 3x3 8 stride 2, leaky-relu, dense 16, tanh, dense 5";
        assert_eq!((model.network.to_string().as_str(), model.image), (text, Some((14, 14))));
        let probabilities: Vec<Vec<f64>> = logits.iter().map(|row| softmax(row)).collect();
        assert_near(&predictions(&model, &x), &probabilities);
        // As a graph of the engine, with the logits as they are.
        let graph = Graph::new();
        let sizes = [("x".to_owned(), vec![x.len(), 1, 14, 14])].into();
        let imported = onnx.import(&graph, &Given { sizes, ..Given::default() }).unwrap();
        assert_eq!(imported.weights().count(), 8);
        let found = imported.session::<f32>().unwrap().run(&[&x.concat()]).unwrap();
        let found: Vec<Vec<f64>> = found[0].chunks(5).map(|row| row.iter().map(|&v| v.into()).collect()).collect();
        assert_near(&found, &logits);
    }
}

/// Chains with norms and links, and with channels last: the file, and the layers that it is.
const CHAINS: [(&str, &str); 11] = [
    ("torch_residual_dynamo", RESIDUAL),
    ("torch_residual_script", RESIDUAL),
    ("torch_norms_dynamo", NORMS),
    ("torch_norms_script", NORMS),
    ("torch_mlp_dynamo", PERCEPTRON),
    ("torch_mlp_script", PERCEPTRON),
    ("torch_rms_dynamo", "5, dense 6, dense 6, rmsnorm, silu, residual(dense 6, rmsnorm, dense 6), dense 3"),
    (
        "keras_mlp",
        "4, dense 8, relu, dense 8, dense 7, dense 7, layernorm, silu, dense 6, dense 6, rmsnorm, tanh, dense 3",
    ),
    (
        "keras_cnn",
        "2x12x10, conv 3x3 4 pad 1, relu, maxpool 2, conv 3x3 6, leaky-relu, avgpool 2, dense 8, tanh, dense 3",
    ),
    ("keras_digits", "1x14x14, conv 3x3 4, relu, conv 1x1 4 groups 4, maxpool 2, dense 5"),
    (
        "keras_residual",
        "2x8x6, conv 3x3 4 pad 1, relu, residual(conv 3x3 4 pad 1, relu, conv 3x3 4 pad 1), relu, \
         residual(conv 3x3 4 pad 1, relu, conv 3x3 4 pad 1), relu, globalavgpool, dense 3",
    ),
];

const RESIDUAL: &str = "1x14x14, conv 3x3 4 pad 1, relu, residual(conv 3x3 4 pad 1, relu, conv 3x3 4 pad 1), relu, maxpool 2, \
                        residual(conv 1x1 4 groups 4, relu, conv 3x3 4 pad 1), globalavgpool, dense 5";
// A norm above a bias stands on a layer of its own.
const NORMS: &str = "2x6x6, conv 3x3 4 pad 1, conv 1x1 4 groups 4, groupnorm 2, relu, conv 3x3 4, groupnorm 4, elu, \
                     conv 1x1 4 groups 4, layernorm, maxpool 2, dense 6, dense 6, layernorm, tanh, dense 3";
const PERCEPTRON: &str =
    "4, dense 8, dense 8, layernorm, relu, residual(dense 8, layernorm, dense 8, silu, dense 8), dense 3";

/// The form of the inputs of a file of Keras: height, width, channels.
fn channels_last(name: &str) -> Option<[usize; 3]> {
    match name {
        "keras_cnn" => Some([12, 10, 2]),
        "keras_digits" => Some([14, 14, 1]),
        "keras_residual" => Some([8, 6, 2]),
        _ => None,
    }
}

/// A sample with its channels first.
fn channels_first(sample: &[f32], [h, w, c]: [usize; 3]) -> Vec<f32> {
    (0..c * h * w).map(|at| sample[at % (h * w) * c + at / (h * w)]).collect()
}

#[test]
fn chains_with_norms_and_links() {
    for (name, text) in CHAINS {
        let (x, outputs) = golden(name);
        let model = OnnxModel::load(&fixture(&format!("{name}.onnx"))).unwrap().to_model(&Names::default());
        let model = model.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(model.network.to_string(), text, "{name}");
        let x = match channels_last(name) {
            Some(sizes) => x.iter().map(|sample| channels_first(sample, sizes)).collect(),
            None => x,
        };
        let is_softmax = matches!(name, "keras_mlp" | "keras_digits");
        let wanted = if is_softmax { outputs } else { outputs.iter().map(|row| softmax(row)).collect() };
        assert_near(&predictions(&model, &x), &wanted);
    }
}

#[test]
fn graphs_of_keras() {
    for (name, _) in CHAINS.iter().filter(|(name, _)| name.starts_with("keras")) {
        let (x, outputs) = golden(name);
        let sizes = match channels_last(name) {
            Some(sizes) => [&[x.len()][..], &sizes].concat(),
            None => vec![x.len(), x[0].len()],
        };
        let graph = Graph::new();
        let given = Given { sizes: [("x".to_owned(), sizes)].into(), ..Given::default() };
        let imported = OnnxModel::load(&fixture(&format!("{name}.onnx"))).unwrap().import(&graph, &given).unwrap();
        let found = imported.session::<f32>().unwrap().run(&[&x.concat()]).unwrap();
        let rows = found[0].chunks(outputs[0].len());
        let found: Vec<Vec<f64>> = rows.map(|row| row.iter().map(|&value| value.into()).collect()).collect();
        assert_near(&found, &outputs);
    }
}

#[test]
fn networks_of_scikit_learn() {
    let cases: [(&str, &[&str], Activation); 3] = [
        ("sklearn_classes", &["0", "1", "2"], Activation::Relu),
        ("sklearn_names", &["setosa", "versicolor", "virginica"], Activation::Relu),
        ("sklearn_two", &["0", "1"], Activation::Tanh),
    ];
    for (name, classes, activation) in cases {
        let (x, probabilities) = golden(name);
        let onnx = OnnxModel::load(&fixture(&format!("{name}.onnx"))).unwrap();
        let model = onnx.to_model(&Names::default()).unwrap();
        assert_eq!(model.classes(), classes, "{name}");
        assert_eq!((model.network.layers[0].activation, model.network.layers.len()), (activation, 2));
        assert_eq!(model.scaling.columns(), Some(4), "{name}");
        assert_near(&predictions(&model, &x), &probabilities);
    }
    let (x, values) = golden("sklearn_value");
    let onnx = OnnxModel::load(&fixture("sklearn_value.onnx")).unwrap();
    let names = Names { targets: vec!["progression".into()], ..Names::default() };
    let model = onnx.to_model(&names).unwrap();
    assert_eq!((model.network.to_string().as_str(), model.target().as_str()), ("10-8-6-1", "progression"));
    assert_near(&predictions(&model, &x), &values);
}

#[test]
fn graphs_of_pytorch_that_are_no_chains() {
    let file = std::fs::File::open(fixture("torch_graphs.pack.gz")).unwrap();
    let mut pack = BufReader::new(GzDecoder::new(file));
    let mut count = 0;
    while let Some(case) = Case::read(&mut pack).unwrap() {
        assert_eq!(case.run(), Verdict::Passed, "{}", case.name);
        count += 1;
    }
    assert_eq!(count, 10);
}

/// The gradient of an imported graph by its weights, against finite differences.
#[test]
fn imported_graphs_are_differentiated() {
    let (x, _) = golden("torch_script");
    let onnx = OnnxModel::load(&fixture("torch_script.onnx")).unwrap();
    let graph = Graph::new();
    let sizes = [("x".to_owned(), vec![2, 1, 14, 14])].into();
    let imported = onnx.import(&graph, &Given { sizes, ..Given::default() }).unwrap();
    let Output::Node(logits, _) = imported.outputs[0].1 else { panic!("it depends on the input") };
    let cost = logits.log_softmax(1).square().sum_all();
    let (weights, tensors): (Vec<_>, Vec<_>) = imported.weights().unzip();
    let gradients = graph.gradients(cost, &weights).unwrap();
    let x: Vec<f64> = x[..2].concat().into_iter().map(f64::from).collect();
    let values: Vec<Vec<f64>> = tensors.iter().map(|tensor| tensor.values().to_vec()).collect();
    let run = |outputs: &[Expr<'_>], values: &[Vec<f64>]| {
        let inputs: Vec<&[f64]> = [x.as_slice()].into_iter().chain(values.iter().map(Vec::as_slice)).collect();
        graph.evaluate(outputs, &inputs).unwrap()
    };
    let computed = run(&gradients, &values);
    for (piece, gradient) in computed.iter().enumerate() {
        for at in [0, gradient.len() / 2, gradient.len() - 1] {
            let moved = |by: f64| {
                let mut values = values.clone();
                values[piece][at] += by;
                run(&[cost], &values)[0][0]
            };
            let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((slope - gradient[at]).abs() < 1e-5 * slope.abs().max(1.0), "{piece}, {at}: {slope}");
        }
    }
}
