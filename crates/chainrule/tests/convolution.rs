//! Convolution and pooling against PyTorch: `golden/convolution.json`, made by `golden/convolution.py`.

use chainrule::engine::{Convolution, Expr, Graph, Plan, Session};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

fn written<'g>(entry: &Value, leaves: &[Expr<'g>]) -> Expr<'g> {
    let pair = |key: &str| <[usize; 2]>::try_from(sizes(&entry[key])).unwrap();
    let how = || Convolution {
        stride: pair("stride"),
        padding: pair("padding"),
        dilation: pair("dilation"),
        groups: entry["groups"].as_u64().unwrap() as usize,
    };
    match entry["kind"].as_str().unwrap() {
        "conv2d" => leaves[0].conv2d(leaves[1], how()),
        "conv_transpose2d" => leaves[0].conv_transpose2d(leaves[1], how(), pair("output_padding")),
        "max_pool2d" => leaves[0].max_pool2d(pair("window"), pair("stride"), pair("padding")),
        "avg_pool2d" => leaves[0].avg_pool2d(pair("window"), pair("stride"), pair("padding")),
        other => panic!("no kind `{other}`"),
    }
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    let golden: Value = serde_json::from_str(include_str!("golden/convolution.json")).unwrap();
    let entries = golden["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 12);
    for entry in entries {
        let graph = Graph::new();
        let given = entry["leaves"].as_array().unwrap();
        let leaves: Vec<Expr<'_>> =
            given.iter().enumerate().map(|(i, leaf)| graph.input(&format!("x{i}"), &sizes(&leaf["sizes"]))).collect();
        let y = written(entry, &leaves);
        let pile = graph.input("pile", &sizes(&entry["value"]["sizes"]));
        let mut outputs = vec![y];
        outputs.extend(graph.gradients((y * pile).sum_all(), &leaves).unwrap());
        let mut values: Vec<Vec<f64>> = given.iter().map(|leaf| numbers(&leaf["numbers"])).collect();
        values.push((0..y.shape().len()).map(|at| (at as f64).cos()).collect());
        let inputs: Vec<&[f64]> = values.iter().map(Vec::as_slice).collect();
        let mut session = Session::<f64>::new(Plan::new(&graph, &outputs).unwrap()).unwrap();
        session.run(&[], &inputs).unwrap();
        let expected = [&entry["value"]].into_iter().chain(entry["slopes"].as_array().unwrap());
        for (at, expected) in expected.enumerate() {
            for (got, expected) in session.output(at).iter().zip(numbers(&expected["numbers"])) {
                assert!((got - expected).abs() < 1e-12, "{} output {at}: {got} for {expected}", entry["kind"]);
            }
        }
    }
}
