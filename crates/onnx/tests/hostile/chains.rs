//! Small graphs that are chains of layers, each compared with what it says as a graph; and some that would be misread.

use super::proto::{field, floats, int, ints, model, node, node_with, output, sized, whole};
use chainrule::data::{Dataset, Matrix, Target, Values};
use chainrule::engine::Graph;
use chainrule::{Model, predict};
use chainrule_onnx::{Given, Names, OnnxModel};

/// Parts of a graph.
type Parts = Vec<Vec<u8>>;

const ROWS: usize = 3;

/// Numbers between −1 and 1 in no order.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Stored numbers of these sizes.
fn some(name: &str, sizes: &[u64]) -> Vec<u8> {
    floats(name, sizes, &numbers(sizes.iter().product::<u64>() as usize, name.bytes().map(u32::from).sum()))
}

/// h, the sums of a dense layer of four, and two matrices more.
fn row() -> Parts {
    let dense = [node("MatMul", &["x", "w"], "s"), node("Add", &["s", "b"], "h")];
    let stored =
        [sized(&[ROWS as u64, 3]), some("w", &[3, 4]), some("b", &[4]), some("v", &[4, 4]), some("u", &[4, 2])];
    stored.into_iter().chain(dense).collect()
}

/// h, the sums of a convolution into four channels of 5x4, and two kernels more.
fn image() -> Parts {
    let pads = ints("pads", &[1, 1, 1, 1]);
    let conv = node_with("Conv", &["x", "k", "b"], "h", &[pads]);
    let stored = [sized(&[ROWS as u64, 2, 5, 4]), some("k", &[4, 2, 3, 3]), some("b", &[4]), some("l", &[4, 4, 1, 1])];
    stored.into_iter().chain([some("u", &[80, 2]), conv]).collect()
}

fn read(begin: &[Vec<u8>], more: &[Vec<u8>]) -> OnnxModel {
    OnnxModel::from_bytes(&model(&[begin, more, &[output("y")]].concat())).unwrap()
}

fn chain(onnx: &OnnxModel, outputs: usize) -> Result<Model, String> {
    let targets = (0..outputs).map(|at| format!("t{at}")).collect();
    onnx.to_model(&Names { targets, ..Names::default() }).map_err(|error| error.to_string())
}

/// The layers of a chain, which says what the graph says.
fn agreed(begin: &[Vec<u8>], more: &[Vec<u8>]) -> String {
    let onnx = read(begin, more);
    let graph = Graph::new();
    let imported = onnx.import(&graph, &Given::default()).unwrap();
    let x = numbers(imported.inputs[0].expr.shape().len(), 77);
    let graph_says = imported.session::<f32>().unwrap().run(&[&x]).unwrap().concat();
    let outputs = graph_says.len() / ROWS;
    let model = chain(&onnx, outputs).unwrap();
    let features = Matrix::new(ROWS, x.len() / ROWS, Values::Floats(x));
    let data = Dataset { target: None, ..Dataset::new(features, Target::value(vec![0.0; ROWS], "y"), "some") };
    let mut chain_says = vec![Vec::new(); ROWS];
    predict(&model, &data, |row, prediction| chain_says[row] = prediction.values).unwrap();
    let text = model.network.to_string();
    for (a, b) in chain_says.concat().iter().zip(&graph_says) {
        let b = f64::from(*b);
        assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{text}: {a} instead of {b}");
    }
    text
}

fn dense_end(from: &str) -> Vec<u8> {
    node("MatMul", &[from, "u"], "y")
}

/// (h − mean) / √(variance + ε) · g + c, with `axes` for a sample.
fn written_out(axes: &[i64], sizes: &[u64]) -> Parts {
    let mean = |of: &str, to: &str| node_with("ReduceMean", &[of], to, &[ints("axes", axes)]);
    vec![
        mean("h", "mean"),
        node("Sub", &["h", "mean"], "far"),
        node("Mul", &["far", "far"], "square"),
        mean("square", "variance"),
        floats("epsilon", &[], &[1e-3]),
        node("Add", &["variance", "epsilon"], "above"),
        node("Sqrt", &["above"], "root"),
        node("Div", &["far", "root"], "normal"),
        some("gain", sizes),
        some("more", sizes),
        node("Mul", &["normal", "gain"], "scaled"),
        node("Add", &["scaled", "more"], "n"),
    ]
}

#[test]
fn what_does_not_fit_on_a_layer_has_one_of_its_own() {
    let both = [node("Relu", &["h"], "a"), node("Tanh", &["a"], "t"), dense_end("t")];
    assert_eq!(agreed(&row(), &both), "3-4-4-2");
    // What a link takes stays as it is.
    let kept = [node("Relu", &["h"], "a"), node("Add", &["a", "h"], "r"), dense_end("r")];
    assert_eq!(agreed(&row(), &kept), "3, dense 4, residual(dense 4, relu, dense 4), dense 2");
    let pool = |from: &str, to: &str| {
        let size = [ints("kernel_shape", &[2, 2]), ints("strides", &[1, 1])];
        node_with("MaxPool", &[from], to, &size)
    };
    let pools = [pool("h", "p"), pool("p", "q"), some("c", &[4, 1, 1]), node("Mul", &["q", "c"], "m")];
    let end = [some("e", &[24, 2]), node("Flatten", &["m"], "f"), node("MatMul", &["f", "e"], "y")];
    assert_eq!(
        agreed(&image(), &[&pools[..], &end].concat()),
        "2x5x4, conv 3x3 4 pad 1, maxpool 2 stride 1, conv 1x1 4 groups 4, maxpool 2 stride 1, conv 1x1 4 groups 4, dense 2"
    );
}

#[test]
fn norms_over_a_sample() {
    let mut parts = written_out(&[1], &[4]);
    parts.push(dense_end("n"));
    assert_eq!(agreed(&row(), &parts), "3, dense 4, dense 4, layernorm, dense 2");
    let flat = [node("Flatten", &["n"], "f"), dense_end("f")];
    let planes = [&written_out(&[1, 2, 3], &[4, 1, 1]), &flat[..]].concat();
    assert_eq!(agreed(&image(), &planes), "2x5x4, conv 3x3 4 pad 1, conv 1x1 4 groups 4, layernorm, dense 2");
    let stored = || [some("g", &[4]), some("c", &[4])];
    let group = node_with("GroupNormalization", &["h", "g", "c"], "n", &[int("num_groups", 2)]);
    assert_eq!(
        agreed(&image(), &[&stored()[..], &[group], &flat].concat()),
        "2x5x4, conv 3x3 4 pad 1, conv 1x1 4 groups 4, groupnorm 2, dense 2"
    );
    let instance = node("InstanceNormalization", &["h", "g", "c"], "n");
    assert_eq!(
        agreed(&image(), &[&stored()[..], &[instance], &flat].concat()),
        "2x5x4, conv 3x3 4 pad 1, groupnorm 4, dense 2"
    );
    let layer = node_with("LayerNormalization", &["h", "g"], "n", &[int("axis", 1)]);
    assert_eq!(
        agreed(&image(), &[&[some("g", &[4, 1, 1]), layer][..], &flat].concat()),
        "2x5x4, conv 3x3 4 pad 1, conv 1x1 4 groups 4, layernorm, dense 2"
    );
    let rms = node_with("RMSNormalization", &["a", "g"], "n", &[int("axis", -1)]);
    let rms = [node("Relu", &["h"], "a"), some("g", &[4]), rms, dense_end("n")];
    assert_eq!(agreed(&row(), &rms), "3, dense 4, relu, dense 4, rmsnorm, dense 2");
}

fn turned(from: &str, to: &str) -> Vec<u8> {
    node_with("Transpose", &[from], to, &[ints("perm", &[0, 2, 3, 1])])
}

fn turned_back(from: &str, to: &str) -> Vec<u8> {
    node_with("Transpose", &[from], to, &[ints("perm", &[0, 3, 1, 2])])
}

#[test]
fn channels_last_within_a_chain() {
    let flat = [node("Flatten", &["r"], "f"), dense_end("f")];
    let last = [turned("h", "t"), some("c", &[4]), node("Add", &["t", "c"], "a"), node("Relu", &["a"], "r")];
    assert_eq!(agreed(&image(), &[&last[..], &flat].concat()), "2x5x4, conv 3x3 4 pad 1, relu, dense 2");
    // A link between values with channels last, around a convolution with channels first.
    let link = [
        node("Relu", &["h"], "a"),
        turned("a", "t"),
        turned_back("t", "i"),
        node("Conv", &["i", "l"], "o"),
        turned("o", "p"),
        node("Add", &["t", "p"], "s"),
        node("Tanh", &["s"], "r"),
    ];
    assert_eq!(
        agreed(&image(), &[&link[..], &flat].concat()),
        "2x5x4, conv 3x3 4 pad 1, relu, residual(conv 1x1 4), tanh, dense 2"
    );
    // Numbers that lie place by place, for a norm.
    let norm =
        [node("Flatten", &["t"], "f"), some("g", &[80]), node("LayerNormalization", &["f", "g"], "n"), dense_end("n")];
    assert_eq!(
        agreed(&image(), &[&[turned("h", "t")][..], &norm].concat()),
        "2x5x4, conv 3x3 4 pad 1, dense 80, layernorm, dense 2"
    );
}

#[test]
fn a_chain_that_would_be_misread_is_refused() {
    let cast = node_with("Cast", &["h"], "y", &[int("to", 7)]);
    let mean = || node_with("ReduceMean", &["h"], "m", &[ints("axes", &[1])]);
    let relu = || node("Relu", &["h"], "a");
    let cases: [(Parts, Parts, &str); 21] = [
        (
            row(),
            vec![relu(), node("MatMul", &["a", "v"], "c"), node("Exp", &["c"], "e"), node("Add", &["e", "a"], "y")],
            "follows an exponential",
        ),
        (row(), vec![node("ReduceMean", &["h"], "m"), node("Sub", &["h", "m"], "y")], "that of the samples too"),
        (image(), vec![whole("s", &[4, 20]), node("Reshape", &["h", "s"], "y")], "makes 4 rows"),
        (vec![sized(&[1, 4000])], vec![node("Relu", &["x"], "y")], "over 4000 has too many weights"),
        // Four channels of 5x4: [4] lies along the width.
        (image(), vec![node("Add", &["h", "b"], "y")], "differ within a channel"),
        (image(), vec![some("c", &[2]), node("Add", &["h", "c"], "y")], "beside a sample of 4x5x4"),
        (
            row(),
            vec![floats("l", &[], &[0.0]), floats("m", &[], &[100.0]), node("Clip", &["h", "l", "m"], "y")],
            "bounds",
        ),
        (row(), vec![node("Gemm", &["h", "v", "h"], "y")], "input 3 is not known"),
        (row(), vec![node("MatMul", &["v", "h"], "y")], "first input"),
        (row(), vec![cast], "whole numbers"),
        (
            image(),
            vec![relu(), node("Conv", &["a", "l"], "c"), node("Conv", &["a", "l"], "d"), node("Add", &["c", "d"], "y")],
            "node `d` (Conv): it is a second way that begins at `a`",
        ),
        (row(), vec![relu(), node("MatMul", &["a", "u"], "c"), node("Add", &["c", "a"], "y")], "of sizes [4] to [2]"),
        (row(), vec![relu(), node("Mul", &["a", "h"], "y")], "second way"),
        (
            image(),
            vec![some("g", &[4, 5, 4]), node_with("LayerNormalization", &["h", "g"], "y", &[int("axis", 1)])],
            "differ within a channel",
        ),
        (image(), vec![some("g", &[4]), node("LayerNormalization", &["h", "g"], "y")], "axes from 3 on of 4"),
        (image(), vec![turned("h", "t"), node("Flatten", &["t"], "y")], "another order"),
        (row(), vec![mean(), node("Mul", &["h", "m"], "y")], "no norm"),
        (row(), vec![mean(), relu(), node("Sub", &["a", "m"], "y")], "not known"),
        (row(), vec![mean(), node("Sub", &["h", "m"], "y")], "its output `y` is not what its last layer gives"),
        (row(), vec![node("Sigmoid", &["h"], "a"), node("Tanh", &["h"], "t"), node("Mul", &["h", "a"], "y")], "node"),
        (
            row(),
            vec![
                node("Shape", &["h"], "sizes"),
                node_with("Cast", &["sizes"], "f", &[int("to", 1)]),
                node_with("ReduceMean", &["f"], "n", &[int("keepdims", 0)]),
                node("Mul", &["h", "n"], "y"),
            ],
            "not known",
        ),
    ];
    for (begin, more, says) in cases {
        let error = chain(&read(&begin, &more), 0).expect_err(says);
        assert!(error.contains(says), "{says}: {error}");
    }
    let nothing = field(11, &field(1, b"x"));
    assert!(chain(&read(&[nothing], &[node("Relu", &["x"], "y")]), 0).unwrap_err().contains("what the model takes"));
}
