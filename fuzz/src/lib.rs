//! What is done with the bytes of one input, a function for each target.
//!
//! Bytes may be refused, with a message of one line. What is accepted must be usable: these functions go on to compute
//! with it, and panic where something does not hold. Each says whether it accepted the bytes.
//!
//! The fuzz targets (`fuzz_targets/`) call them with new inputs, and a test of the workspace
//! (`crates/chainrule/tests/fuzz.rs`) with those that are kept.

use chainrule::data::{
    Augmentation, Charset, Dataset, Encoder, Form, Kinds, LevelOptions, Matrix, ReadOptions, SampleOptions, Split,
    Target, Values, read_frame, read_idx, read_known,
};
use chainrule::engine::{Graph, NodeId, Trace, parse::parse};
use chainrule::{
    Activation, Architecture, Checkpoints, Every, Init, Loss, Mlp, Model, Network, Optimizer, SampleShape,
    ScalingChoice, Schedule, Summary, fit_saving, predict,
};
use std::fmt::{Debug, Display};
use std::io::Write;
use std::path::Path;
use std::str::FromStr;
use tempfile::NamedTempFile;

/// A target: its name, and what is done with an input.
pub type Body = (&'static str, fn(&[u8]) -> bool);

/// Every target.
pub const TARGETS: &[Body] = &[
    ("expression", expression),
    ("csv", csv),
    ("json_lines", json_lines),
    ("npy", npy),
    ("idx", idx),
    ("model", model),
    ("checkpoint", checkpoint),
    ("options", options),
];

/// `chainrule grad`: an expression, its value, its gradient and its second derivatives.
pub fn expression(bytes: &[u8]) -> bool {
    // Second derivatives of more take long without doing anything else.
    const MOST_NODES: usize = 200;
    const MOST_VARIABLES: usize = 4;
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let graph = Graph::new();
    let formula = match parse(&graph, text) {
        Ok(formula) => formula,
        Err(error) => {
            told::<(), _>(Err(error.problem.clone()));
            assert!(error.to_string().lines().count() == 3, "{error}");
            return false;
        }
    };
    if graph.nodes().len() > MOST_NODES || formula.variables.len() > MOST_VARIABLES {
        return false;
    }
    let point: Vec<(String, f64)> =
        formula.variables.iter().zip(1..).map(|((name, _), i)| (name.clone(), 0.4 * f64::from(i))).collect();
    let values = formula.bind(&point).expect("each variable has one value");
    let inputs: Vec<&[f64]> = values.chunks(1).collect();
    let wrt: Vec<_> = formula.variables.iter().map(|(_, variable)| *variable).collect();
    let ids: Vec<NodeId> = wrt.iter().map(|variable| variable.id()).collect();
    let trace = Trace::new(&graph, formula.output, &wrt, &[], &inputs).expect("a formula has a gradient");
    assert_eq!(trace.value(formula.output.id()).len(), 1);
    let count = graph.count_paths(formula.output.id(), &ids).paths;
    let listed = graph.list_paths(formula.output.id(), &ids, 20);
    assert!(count == listed.len().into() || listed.len() == 20);
    let second = graph.hessian(formula.output, &wrt).expect("a gradient has a gradient");
    graph.evaluate(&second.concat(), &inputs).expect("second derivatives have values");
    true
}

/// Delimited text as it is usual, or else by options.
pub fn csv(bytes: &[u8]) -> bool {
    let unusual = Form {
        format: None,
        encoding: Some(Charset::Windows1252),
        delimiter: Some(b' '),
        quote: Some(b'\''),
        header: Some(false),
        decimal_comma: Some(true),
    };
    table(bytes, ".csv", Form::default()) || table(bytes, ".csv", unusual)
}

/// Lines of JSON.
pub fn json_lines(bytes: &[u8]) -> bool {
    table(bytes, ".jsonl", Form::default())
}

/// Arrays of NumPy, one or an archive.
pub fn npy(bytes: &[u8]) -> bool {
    table(bytes, ".npy", Form::default())
}

/// A table: its columns, its features, and the features of the same file as a trained model sees them.
fn table(bytes: &[u8], ending: &str, form: Form) -> bool {
    // The formats that other libraries read are not what is looked at here.
    if [b"PAR1".as_slice(), b"ARROW1", &[0xff; 4]].iter().any(|start| bytes.starts_with(start)) {
        return false;
    }
    let file = file(bytes, ending);
    let paths = [file.path()];
    let read = ReadOptions { form: form.clone(), ..ReadOptions::default() };
    let Some(frame) = told(read_frame(&paths, &read)) else { return false };
    let last = frame.columns().last().expect("a table has columns").name.clone();
    let options = SampleOptions { read: read.clone(), ..SampleOptions::new(&last) };
    if let Some(samples) = told(options.read(&paths)) {
        finite(&samples.train.features);
    }
    let rows: Vec<u32> = (0..frame.rows() as u32).collect();
    let Some(kinds) = told(Kinds::infer(&frame, &rows, &[], &read)) else { return false };
    assert_eq!(kinds.to_string().lines().count(), frame.columns().len() + 1);
    let encoder = Encoder::fit(&frame, &rows, &kinds, &LevelOptions::default()).expect("the kinds are of this table");
    assert!(encoder.is_sound());
    // Numbers that have no `f32` are refused.
    let Some(encoded) = told(encoder.encode(&frame, &rows)) else { return false };
    finite(&encoded.features);
    let text = serde_json::to_string(&encoder).expect("an encoder can be written");
    assert_eq!(serde_json::from_str::<Encoder>(&text).expect("what was written can be read"), encoder);
    let known = read_known(&paths, &form, &encoder, None).expect("the file is the one that was learned from");
    assert_eq!(known.data.features, encoded.features);
    true
}

/// The file format of MNIST.
pub fn idx(bytes: &[u8]) -> bool {
    let file = file(bytes, "");
    let Some(array) = told(read_idx(file.path())) else { return false };
    assert_eq!(array.dims.iter().product::<usize>(), array.values.len());
    finite_values(&array.values);
    true
}

/// A model file: what is loaded can be summed up, used, and written as the same model.
pub fn model(bytes: &[u8]) -> bool {
    let raw = load(bytes);
    model_file(bytes).is_some_and(|file| load(&file)) || raw
}

fn load(file: &[u8]) -> bool {
    // More than a few weights make it slow, not different.
    const MOST_PARAMETERS: usize = 4096;
    let Some(model) = told(Model::from_bytes(file)) else { return false };
    let again = Model::from_bytes(&model.to_bytes().expect("a model can be written"));
    assert_eq!(again.expect("what was written can be read"), model);
    told(Summary::new(&model));
    let columns = model.network.inputs;
    if model.network.parameters() <= MOST_PARAMETERS {
        let data = dataset(Matrix::new(2, columns, Values::Floats(vec![0.5; 2 * columns])), None);
        told(predict(&model, &data, |_, prediction| assert!(!prediction.values.is_empty())));
    }
    true
}

/// A checkpoint, from which a small training goes on.
pub fn checkpoint(bytes: &[u8]) -> bool {
    let raw = resume(bytes);
    model_file(bytes).is_some_and(|file| resume(&file)) || raw
}

fn resume(file: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    std::fs::write(folder.path().join("last.safetensors"), file).expect("room for an input");
    told(train(folder.path(), &mut ())).is_some()
}

/// Trains a small network with checkpoints in a folder, from the one that is there.
pub fn train(folder: &Path, observer: &mut dyn chainrule::Observer) -> Result<chainrule::Outcome, chainrule::Error> {
    let recipe = |recipe: &mut chainrule::Recipe| {
        recipe.epochs = 3;
        recipe.batch_size = 2;
        recipe.dropout = 0.5;
        recipe.validation = 0.4;
        recipe.patience = Some(2);
        recipe.schedule = Schedule::Plateau { factor: 0.5, patience: 1.0 };
    };
    let mut net = Mlp::builder().input(1).hidden(2, Activation::Tanh).output(2).recipe(recipe).build()?;
    let target = Target::Classes { labels: vec![0, 1, 0, 1, 0, 1], names: vec!["0".to_owned(), "1".to_owned()] };
    let data = dataset(Matrix::new(6, 1, Values::Floats(vec![0.0, 1.0, 0.2, 0.9, 0.1, 0.8])), Some(target));
    let place = Checkpoints { folder: folder.to_owned(), every: Every::Epochs(100), resume: true };
    fit_saving(&mut net.model, &data, Some(&place), observer)
}

fn dataset(features: Matrix, target: Option<Target>) -> Dataset {
    let feature_names = (0..features.cols()).map(|column| column.to_string()).collect();
    let (weights, split, source) = (None, Split::Rows, "memory".to_owned());
    Dataset { features, feature_names, target, weights, split, image: None, source }
}

/// Three lines as a model file: the description, the list of tensors, and the numbers. In the file itself there are
/// lengths before them and quotes within quotes, and hardly a change to it leaves it one.
fn model_file(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut lines = bytes.splitn(3, |&byte| byte == b'\n');
    let mut text = || str::from_utf8(lines.next()?).ok();
    let (description, tensors) = (text()?, text()?.strip_prefix('{')?);
    let description = serde_json::to_string(description).ok()?;
    let header = format!("{{\"__metadata__\":{{\"chainrule\":{description}}},{tensors}");
    Some([&(header.len() as u64).to_le_bytes(), header.as_bytes(), lines.next()?].concat())
}

/// Every choice of the command line that is a text with a grammar.
pub fn options(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let every = told(text.parse::<Every>());
    let architecture = told(text.parse::<Architecture>());
    match architecture.clone() {
        Some(Architecture::Sizes(sizes)) => {
            told(Network::new(&sizes, Activation::Relu, Activation::Identity));
        }
        Some(Architecture::Layers { input, layers }) => {
            told(Network::of(input.unwrap_or(SampleShape::Planes([1, 28, 28])), layers));
        }
        None => {}
    }
    let choices = [
        choice::<Activation>(text),
        choice::<Augmentation>(text),
        choice::<Init>(text),
        choice::<Loss>(text),
        choice::<Optimizer>(text),
        choice::<ScalingChoice>(text),
        choice::<Schedule>(text),
    ];
    choices.contains(&true) || every.is_some() || architecture.is_some()
}

/// A choice that is read is shown as a text that says the same.
fn choice<T: FromStr<Err: Display> + Display + Debug + PartialEq>(text: &str) -> bool {
    let Some(value) = told(text.parse::<T>()) else { return false };
    assert_eq!(told(value.to_string().parse()), Some(value));
    true
}

/// The value, or nothing where there is a message; it must be one line that cannot steer a terminal.
fn told<T, E: Display>(result: Result<T, E>) -> Option<T> {
    let message = match result {
        Ok(value) => return Some(value),
        Err(error) => error.to_string(),
    };
    assert!(!message.is_empty() && !message.contains(char::is_control), "{message:?}");
    None
}

fn file(bytes: &[u8], ending: &str) -> NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(ending).tempfile().expect("a folder for temporary files");
    file.write_all(bytes).expect("room for an input");
    file
}

fn finite(matrix: &Matrix) {
    finite_values(matrix.values());
}

fn finite_values(values: &Values) {
    if let Values::Floats(values) = values {
        assert!(values.iter().all(|value| value.is_finite()));
    }
}
