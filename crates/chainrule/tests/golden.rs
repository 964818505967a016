//! Activations, losses, optimisers and the softmax against PyTorch: `golden/golden.json`, made by `golden/make.py`.

use chainrule::engine::plan::Segment;
use chainrule::engine::{Expr, Graph, Plan, Session, Shape};
use chainrule::{Activation, Loss, Optimizer, OptimizerState};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;

static GOLDEN: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("golden/golden.json")).unwrap());

#[track_caller]
fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("no list `{key}`"))
}

#[track_caller]
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text `{key}`"))
}

/// The numbers of a list, of a list of lists, or of a number alone, row by row.
#[track_caller]
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(rows) => rows.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap_or_else(|| panic!("not a number: {other}"))],
    }
}

#[track_caller]
fn sizes(value: &Value) -> Vec<usize> {
    match value {
        Value::Array(rows) => [vec![rows.len()], rows.first().map(sizes).unwrap_or_default()].concat(),
        _ => Vec::new(),
    }
}

/// How far a number may be off: a share of the expected one, plus a little where that is nearly 0.
struct Bound {
    share: f64,
    floor: f64,
}

const DOUBLE: Bound = Bound { share: 1e-9, floor: 1e-14 };
const SINGLE: Bound = Bound { share: 1e-5, floor: 1e-6 };

impl Bound {
    #[track_caller]
    fn check(&self, what: &str, found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len(), "{what}");
        for (i, (f, e)) in found.iter().zip(expected).enumerate() {
            // Written so that what is not a number fails.
            let close = (f - e).abs() <= self.share * e.abs() + self.floor;
            assert!(close, "{what}, number {i}: {f:e} instead of {e:e}\n{found:?}\nagainst\n{expected:?}");
        }
    }
}

fn narrow(x: &[f64]) -> Vec<f32> {
    x.iter().map(|&x| x as f32).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().copied().map(f64::from).collect()
}

/// Runs the outputs in `f64`, both planned and transparent, and in `f32`, and compares each with its expected numbers.
#[track_caller]
fn compare(what: &str, graph: &Graph, outputs: &[Expr<'_>], inputs: &[&[f64]], expected: &[Vec<f64>]) {
    let planned = graph.evaluate(outputs, inputs).unwrap();
    let mut transparent = Session::<f64>::new(Plan::transparent(graph, outputs).unwrap()).unwrap();
    transparent.run(&[], inputs).unwrap();
    let mut single = Session::<f32>::new(Plan::new(graph, outputs).unwrap()).unwrap();
    let narrowed: Vec<Vec<f32>> = inputs.iter().map(|x| narrow(x)).collect();
    let slices: Vec<&[f32]> = narrowed.iter().map(Vec::as_slice).collect();
    single.run(&[], &slices).unwrap();
    for (i, expected) in expected.iter().enumerate() {
        DOUBLE.check(&format!("{what}, output {i}, planned"), &planned[i], expected);
        DOUBLE.check(&format!("{what}, output {i}, transparent"), transparent.output(i), expected);
        SINGLE.check(&format!("{what}, output {i}, f32"), &wide(single.output(i)), expected);
    }
}

#[test]
fn activations() {
    for golden in list(&GOLDEN, "activations") {
        let name = text(golden, "name");
        let activation: Activation = name.parse().unwrap();
        let at = numbers(&golden["x"]);
        let g = Graph::new();
        let x = g.input("x", &[at.len()]);
        let y = activation.apply(x);
        let slope = g.gradients(y.sum_all(), &[x]).unwrap()[0];
        let expected = [numbers(&golden["value"]), numbers(&golden["derivative"])];
        compare(name, &g, &[y, slope], &[&at], &expected);
    }
}

#[test]
fn losses() {
    for golden in list(&GOLDEN, "losses") {
        let name = text(golden, "loss");
        let loss: Loss = name.parse().unwrap();
        let g = Graph::new();
        let output = g.input("output", &sizes(&golden["outputs"]));
        let target = g.input("target", &sizes(&golden["target"]));
        assert_eq!(loss.takes_index(), target.shape().rank() == 1, "{name}");
        let cost = loss.apply(output, target);
        let gradient = g.gradients(cost, &[output]).unwrap()[0];
        let inputs = [numbers(&golden["outputs"]), numbers(&golden["target"])];
        let expected = [numbers(&golden["value"]), numbers(&golden["gradient"])];
        compare(name, &g, &[cost, gradient], &[&inputs[0], &inputs[1]], &expected);
    }
}

#[test]
fn optimizers() {
    let golden = &GOLDEN["optimizers"];
    let rate = golden["rate"].as_f64().unwrap();
    let mut segments: Vec<Segment> = Vec::new();
    let mut start = Vec::new();
    for name in ["weights", "biases"] {
        let shape = Shape::new(&sizes(&golden[name])).unwrap();
        segments.push(Segment { name: name.to_owned(), shape, range: start.len()..start.len() + shape.len() });
        start.extend(narrow(&numbers(&golden[name])));
    }
    for run in list(golden, "runs") {
        let name = text(run, "optimizer");
        let optimizer: Optimizer = name.parse().unwrap();
        let mut parameters = start.clone();
        let mut state = OptimizerState::new(optimizer, parameters.len());
        let mut compared = 0;
        for (i, gradient) in list(golden, "gradients").iter().enumerate() {
            state.step(&mut parameters, &narrow(&numbers(gradient)), rate, &segments);
            if let Some(after) = run["after"].get((i + 1).to_string()) {
                SINGLE.check(&format!("{name} after {} steps", i + 1), &wide(&parameters), &numbers(after));
                compared += 1;
            }
        }
        assert_eq!(compared, 3, "{name}");
    }
}

#[test]
fn softmax_and_its_logarithm() {
    for golden in list(&GOLDEN, "softmax") {
        let name = text(golden, "name");
        let g = Graph::new();
        let x = g.input("x", &sizes(&golden["x"]));
        let mix = g.input("mix", &sizes(&golden["mix"]));
        let y = match name {
            "softmax" => x.softmax(1),
            "log-softmax" => x.log_softmax(1),
            other => panic!("{other}?"),
        };
        let gradient = g.gradients((y * mix).sum_all(), &[x]).unwrap()[0];
        let inputs = [numbers(&golden["x"]), numbers(&golden["mix"])];
        let expected = [numbers(&golden["value"]), numbers(&golden["gradient"])];
        compare(name, &g, &[y, gradient], &[&inputs[0], &inputs[1]], &expected);
    }
}

/// A choice that is added later must be added to the golden numbers too.
#[test]
fn every_choice_is_covered() {
    let covered = |entries: &'static [Value], key: &str| -> BTreeSet<&'static str> {
        entries.iter().map(|entry| text(entry, key).split(':').next().unwrap()).collect()
    };
    let all = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<&'static str>>();
    let activations: Vec<&'static str> = Activation::ALL.iter().map(|a| a.name()).collect();
    assert_eq!(covered(list(&GOLDEN, "activations"), "name"), all(&activations));
    assert_eq!(covered(list(&GOLDEN, "losses"), "loss"), all(Loss::NAMES));
    assert_eq!(covered(list(&GOLDEN["optimizers"], "runs"), "optimizer"), all(Optimizer::NAMES));
    assert_eq!(covered(list(&GOLDEN, "softmax"), "name"), all(&["softmax", "log-softmax"]));
}
