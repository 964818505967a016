//! `chainrule grad` and `summary`, from outside.

use assert_cmd::Command;
use predicates::prelude::*;
use serde_json::Value;

fn chainrule() -> Command {
    Command::cargo_bin("chainrule").unwrap()
}

fn json(args: &[&str]) -> Value {
    let output = chainrule().args(args).arg("--json").assert().success().get_output().stdout.clone();
    serde_json::from_slice(&output).unwrap()
}

#[test]
fn the_worked_example() {
    let v = json(&["grad", "c = a + b; d = b + 1; e = c * d", "a=2", "b=1"]);
    assert_eq!(
        (v["value"].as_f64(), v["gradients"]["a"].as_f64(), v["gradients"]["b"].as_f64()),
        (Some(6.0), Some(2.0), Some(5.0))
    );
    assert_eq!((&v["paths"]["count"], &v["paths"]["edge_visits"]), (&3.into(), &6.into()));
    assert_eq!(v["sweep"]["edge_visits"], 5);
    let names: Vec<&str> = v["nodes"].as_array().unwrap().iter().map(|n| n["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    let e = &v["nodes"][4];
    assert_eq!((e["formula"].as_str(), e["gradient"].as_f64()), (Some("c · d"), Some(1.0)));
    assert_eq!(e["inputs"][0], serde_json::json!({"node": "c", "partial": 2.0, "contribution": 2.0}));
    assert_eq!(e["inputs"][1], serde_json::json!({"node": "d", "partial": 3.0, "contribution": 3.0}));
}

#[test]
fn the_tables_and_the_words() {
    let args = ["grad", "e = (a+b)*(b+1)", "a=2", "b=1", "--steps", "--paths", "--check", "--order", "2"];
    chainrule().args(args).assert().success().stdout(
        predicate::str::contains("∂e/∂a = 2")
            .and(predicate::str::contains("∂e/∂b = 3 + 2 = 5"))
            .and(predicate::str::contains("e → v2 → b: 3 · 1 = 3"))
            .and(predicate::str::contains("3 paths: 6 edge visits one path after the other, 5 in the reverse sweep"))
            .and(predicate::str::contains("b receives 2 · 1 = 2; its pile is now 3 + 2 = 5"))
            .and(predicate::str::contains("∂²e/∂b∂b = 2"))
            // No colours where there is no terminal.
            .and(predicate::str::contains("\u{1b}").not()),
    );
    chainrule()
        .args(["grad", "e = (a+b)*(b+1)", "a=2", "b=1", "--paths", "--limit", "1"])
        .assert()
        .success()
        .stdout(predicate::str::contains("… and 2 more"));
}

#[test]
fn two_hundred_doublings_are_counted_without_walking() {
    let steps: Vec<String> = (0..200).map(|k| format!("x{} = (x{k} + y) * (x{k} * y + 1)", k + 1)).collect();
    let text = steps.join("\n");
    let output = chainrule().args(["grad", &text, "x0=0.1", "y=0.001", "--wrt", "x0", "--json"]).assert().success();
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let two_to_the_200 = "1606938044258990275541962092341162602522202993782792835301376";
    assert!(text.contains(&format!("\"count\":{two_to_the_200},")), "{text}");
    assert!(text.contains("\"sweep\":{\"edge_visits\":1000}"), "{text}");
}

#[test]
fn second_derivatives_checks_and_chosen_variables() {
    let v = json(&["grad", "x^3 * y", "x=2", "y=5", "--order", "2", "--check", "--wrt", "x"]);
    assert_eq!(v["hessian"], serde_json::json!([[60.0]]));
    assert_eq!(v["gradients"], serde_json::json!({"x": 60.0}));
    assert!(v["check"]["x"]["error"].as_f64().unwrap() < 1e-8);
    let v = json(&["grad", "-x", "x=-3"]);
    assert_eq!((v["value"].as_f64(), v["gradients"]["x"].as_f64()), (Some(3.0), Some(-1.0)));
}

#[test]
fn a_constant_or_a_variable_alone_is_an_expression() {
    chainrule()
        .args(["grad", "2"])
        .assert()
        .success()
        .stdout(predicate::str::contains("2 = 2").and(predicate::str::contains("?").not()));
    chainrule().args(["grad", "5", "--check"]).assert().success();
    let v = json(&["grad", "y = 5; y * x", "x=2", "--wrt", "y"]);
    assert_eq!(v["gradients"]["y"].as_f64(), Some(2.0));
    chainrule()
        .args(["grad", "y = 5; y * x", "x=2", "--wrt", "y"])
        .assert()
        .success()
        .stdout(predicate::str::contains("∂result/∂y = 2").and(predicate::str::contains("?").not()));
    let v = json(&["grad", "2^x; 3", "x=1"]);
    assert_eq!((v["value"].as_f64(), v["gradients"]["x"].as_f64()), (Some(3.0), Some(0.0)));
    let v = json(&["grad", "x", "x=7"]);
    assert_eq!((v["value"].as_f64(), v["gradients"]["x"].as_f64()), (Some(7.0), Some(1.0)));
}

#[test]
fn mistakes_exit_with_2_and_say_where() {
    let cases: &[(&[&str], &str)] = &[
        (&["(a + b"], "never closed"),
        (&["a +* b"], "expected a number, a name or an opening parenthesis, found `*`"),
        (&["sine(a)", "a=1"], "there is no function `sine`: did you mean `sin`?"),
        (&["a + b", "a=1"], "no value for `b`: add b=…"),
        (&["a", "a=1", "c=2"], "the expression has no variable `c`"),
        (&["speed * 2", "sped=1"], "did you mean `speed`?"),
        (&["a", "a=1", "a=2"], "`a` is given twice"),
        (&["c = a; c", "a=1", "c=2"], "`c` is computed by the expression"),
        (&["a", "a=x"], "`x` is not a number"),
        (&["a", "a"], "NAME=VALUE"),
        (&["a", "a=inf"], "not a finite number"),
        (&["a", "a=1", "--wrt", "b"], "--wrt: the expression has no `b`"),
        (&["a", "a=1", "--order", "3"], "3 is not in 1..=2"),
        (&[""], "there is no expression"),
    ];
    for (args, message) in cases {
        chainrule().arg("grad").args(*args).assert().code(2).stderr(predicate::str::contains(*message));
    }
    chainrule()
        .args(["grad", "a * (b + $)"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("  line 1: a * (b + $)\n                   ^"));
}

#[test]
fn a_value_that_is_not_finite_names_the_node() {
    let cases: &[(&[&str], &str)] = &[
        (&["c = a - a; e = 1 / c", "a=1"], "`e` = 1 / c is not finite: ∞ at 1 = 1, c = 0"),
        (&["log(a)", "a=-1"], "`result` = log(a) is not finite"),
        (&["sqrt(a)", "a=0"], "the gradient is not finite: ∂result/∂a"),
    ];
    for (args, message) in cases {
        let message = message.replace('∞', "inf");
        let message = message.split(" at ").next().unwrap().to_owned();
        chainrule().arg("grad").args(*args).assert().code(1).stderr(predicate::str::contains(message));
    }
}

#[test]
fn sizes_of_networks() {
    for (text, layers, neurons, weights, biases, parameters) in
        [("3-4-2", 2, 6, 20, 6, 26), ("3-4-4-1", 3, 9, 32, 9, 41)]
    {
        let v = json(&["summary", text]);
        let found: Vec<u64> = ["layers", "neurons", "weights", "biases", "parameters"]
            .iter()
            .map(|key| v[key].as_u64().unwrap())
            .collect();
        assert_eq!(found, [layers, neurons, weights, biases, parameters]);
    }
    chainrule().args(["summary", "784-128-10"]).assert().success().stdout(predicate::str::contains("101,770"));
    for wrong in ["784", "784-0-10", "tree", "9999999999-1"] {
        chainrule().args(["summary", wrong]).assert().code(2).stderr(predicate::str::contains(wrong));
    }
    chainrule().args(["summary", "no-such.safetensors"]).assert().code(1);
    chainrule().args(["summary", "3000000000-3000000000-2"]).assert().code(2);
}

#[test]
fn help_has_examples_and_completions_are_there() {
    for command in ["grad", "summary", "train", "evaluate", "predict", "explain"] {
        chainrule().args([command, "--help"]).assert().success().stdout(predicate::str::contains("Examples:"));
    }
    for shell in ["bash", "zsh", "fish"] {
        chainrule().args(["completions", shell]).assert().success().stdout(predicate::str::contains("chainrule"));
    }
    chainrule().arg("trian").assert().code(2).stderr(predicate::str::contains("train"));
}

#[test]
fn pictures_hold_what_the_report_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let expression = ["grad", "c = a + b; d = b + 1; e = c * d", "a=2", "b=1"];
    let [html, svg, dot, mermaid] = ["g.html", "g.svg", "g.dot", "g.mmd"].map(path);
    let files = ["--html", &html, "--svg", &svg, "--dot", &dot, "--mermaid", &mermaid];
    let written = predicates::str::contains("5 nodes drawn in").count(4);
    chainrule().args(expression).args(files).assert().success().stderr(written);
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    for (text, parts) in [
        (read(&svg), ["∂ 3 + 2 = 5", "d = 2", "<tspan class=\"name\">e</tspan> = c · d"]),
        (read(&dot), ["label=\"e = c · d\\n6\\n∂ 1\"", "n4 -> n2 [label=\"d = 2\"]", "digraph"]),
        (read(&mermaid), ["n1([\"b<br>1<br>∂ 3 + 2 = 5\"])", "n4 -->|\"c = 3\"| n3", "flowchart TD"]),
    ] {
        assert!(parts.iter().all(|part| text.contains(part)), "{parts:?} in {text}");
    }

    // The page replays what the JSON has: every node, every edge, in the order of the sweep.
    let (page, report) = (read(&html), json(&expression));
    let data = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    let names =
        |nodes: &Value| -> Vec<Value> { nodes.as_array().unwrap().iter().map(|node| node["name"].clone()).collect() };
    assert_eq!(names(&data["nodes"]), names(&report["nodes"]));
    let steps = data["steps"].as_array().unwrap();
    let kinds: Vec<&str> = steps.iter().map(|step| step["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["value", "value", "value", "start", "edge", "edge", "edge", "edge", "edge"]);
    let sentences: Vec<&str> = steps.iter().map(|step| step["words"].as_str().unwrap()).collect();
    assert!(sentences.iter().any(|words| words.contains("c receives 1 · 2 = 2")), "{sentences:?}");
    assert_eq!(data["work"], serde_json::json!({"paths": "3", "by_path": "6", "by_sweep": 5}));
    assert_eq!(data["walks"].as_array().unwrap().len(), 3);
}

#[test]
fn what_is_too_large_to_draw_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let long = (0..500).map(|i| format!("v{} = v{i} * 1.001", i + 1)).collect::<Vec<_>>().join("; ");
    let path = folder.path().join("g.svg");
    let args = ["grad", &long, "v0=1", "--svg", path.to_str().unwrap()];
    chainrule().args(args).assert().code(1).stderr(predicates::str::contains("too many to draw"));
    assert!(!path.exists());
    let dot = folder.path().join("g.dot");
    chainrule().args(["grad", &long, "v0=1", "--dot", dot.to_str().unwrap()]).assert().success();
    let nowhere = ["grad", "x*x", "x=1", "--html", "/no/such/folder/g.html"];
    chainrule().args(nowhere).assert().code(1).stderr(predicates::str::contains("/no/such/folder"));
}
