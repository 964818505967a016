//! `export` and `import` from outside: ONNX in onnxruntime (`cargo xtask test` says where it is, in
//! `CHAINRULE_PYTHON`), Rust source through rustc, weights and back.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn chainrule(folder: &TempDir) -> Command {
    let mut command = Command::cargo_bin("chainrule").unwrap();
    command.current_dir(folder.path());
    command
}

/// A row of the table; a cell without text is missing.
fn row(i: usize) -> [String; 7] {
    let gap = |cell: String, every: usize| if i % every == 3 { String::new() } else { cell };
    // Heavy tails, some of them with both signs: a logarithm, and ranks.
    let heavy = [1.0, 3.0, 12.0, 900.0, 40_000.0][i * 7 % 5] * (1.0 + i as f64 % 13.0);
    let signed = if i.is_multiple_of(2) { heavy } else { -heavy };
    [
        gap(format!("{}", 20.0 + (i * 37 % 61) as f64 / 4.0), 11),
        gap(format!("{signed}"), 17),
        gap(["red", "green, light", "blue", "grün"][i * 5 % 4].to_owned(), 7),
        gap(["yes", "no"][i * 3 % 2].to_owned(), 13),
        format!("{}", (heavy * 10.0).round() / 10.0),
        // More levels than have a feature of their own, and one that is there once.
        if i == 5 { "once".to_owned() } else { format!("city {}", i * 7 % 80) },
        gap(format!("20{:02}-{:02}-{:02}", i % 20, 1 + i % 12, 1 + i * 11 % 28), 19),
    ]
}

const COLUMNS: [&str; 7] = ["size", "signed", "colour", "paid", "heavy", "city", "day"];
const ROWS: usize = 240;

fn write_table(folder: &TempDir) {
    let mut text = format!("{},price,kind\n", COLUMNS.join(","));
    for i in 0..ROWS {
        let cells = row(i).map(|cell| if cell.contains(',') { format!("\"{cell}\"") } else { cell });
        text.push_str(&format!("{},{},{}\n", cells.join(","), 100 + i * 31 % 400, ["a", "b", "c d"][i * 13 % 3]));
    }
    fs::write(folder.path().join("table.csv"), text).unwrap();
}

fn train(folder: &TempDir, target: &str, drop: &str) {
    let args =
        ["train", "table.csv", "--target", target, "--drop", drop, "--epochs", "5", "--l2", "0", "--out", target];
    chainrule(folder).args(args).assert().success();
}

/// Runs every `NAME.onnx` of the folder, if there is a Python with onnxruntime.
fn run_onnx(folder: &TempDir) -> bool {
    let Some(python) = std::env::var_os("CHAINRULE_PYTHON") else {
        eprintln!("not compared: CHAINRULE_PYTHON names no Python with onnxruntime (cargo xtask test does)");
        return false;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../onnx/tests/run_onnx.py");
    Command::new(python).arg(script).arg(folder.path()).assert().success();
    true
}

/// What `predict --json` says of each row.
fn predicted(folder: &TempDir, model: &str, data: &str) -> Vec<Value> {
    let done = chainrule(folder).args(["predict", model, data, "--json", "--keep", ""]).assert().success();
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn near(a: &Value, b: &Value) -> bool {
    let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
    (a - b).abs() <= 1e-5 * b.abs().max(1.0)
}

/// Seconds since 1970 at the beginning of a day (Howard Hinnant's days_from_civil).
fn seconds(date: &str) -> f64 {
    let parts: Vec<i64> = date.split('-').map(|part| part.parse().unwrap()).collect();
    let (y, m, d) = (parts[0] - i64::from(parts[1] <= 2), parts[1], parts[2]);
    let day_of_year = (153 * ((m + 9) % 12) + 2) / 5 + d - 1;
    ((y / 400) * 146_097 + (y % 400) * 365 + (y % 400) / 4 - (y % 400) / 100 + day_of_year - 719_468) as f64 * 86_400.0
}

#[test]
fn a_table_is_served_from_its_raw_columns() {
    let folder = TempDir::new().unwrap();
    write_table(&folder);
    let mut inputs = serde_json::Map::new();
    for (at, column) in COLUMNS.iter().enumerate() {
        let cells: Vec<String> = (0..ROWS).map(|i| row(i)[at].clone()).collect();
        let (kind, values): (&str, Vec<Value>) = match *column {
            "colour" | "paid" | "city" => ("string", cells.into_iter().map(Value::from).collect()),
            "day" => {
                ("double", cells.iter().map(|c| if c.is_empty() { Value::Null } else { json!(seconds(c)) }).collect())
            }
            _ => ("double", cells.iter().map(|c| c.parse::<f64>().map_or(Value::Null, Value::from)).collect()),
        };
        inputs.insert((*column).to_owned(), json!({"kind": kind, "shape": [ROWS, 1], "values": values}));
    }
    for (target, drop) in [("price", "kind"), ("kind", "price")] {
        train(&folder, target, drop);
        let file = format!("{target}.onnx");
        let written = contains("ONNX (operators of version 28) written to");
        chainrule(&folder).args(["export", target, "--onnx", &file]).assert().success().stderr(written);
        fs::write(folder.path().join(format!("{target}.in.json")), Value::Object(inputs.clone()).to_string()).unwrap();
    }
    if !run_onnx(&folder) {
        return;
    }
    let results = |target: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(folder.path().join(format!("{target}.out.json"))).unwrap()).unwrap()
    };
    let (values, ours) = (results("price"), predicted(&folder, "price", "table.csv"));
    assert_eq!(ours.len(), ROWS);
    for (row, ours) in ours.iter().enumerate() {
        assert!(near(&values["value"][row], &ours["price"]), "row {row}: {} and {ours}", values["value"][row]);
    }
    let (classes, ours) = (results("kind"), predicted(&folder, "kind", "table.csv"));
    for (row, ours) in ours.iter().enumerate() {
        assert_eq!(classes["label"][row], ours["kind"]);
        for (at, class) in ["p_a", "p_b", "p_c d"].iter().enumerate() {
            assert!(near(&classes["probabilities"][3 * row + at], &ours[class]), "row {row}: {ours}");
        }
    }
}

/// Numbers only, so that features are columns.
fn write_numbers(folder: &TempDir) {
    let mut text = "x1,x2,x3,class\n".to_owned();
    for i in 0..120 {
        let x = [i * 7 % 23, i * 11 % 31, i * 5 % 17].map(|v| v as f64 / 10.0 - 1.0);
        text.push_str(&format!("{},{},{},{}\n", x[0], x[1], x[2], usize::from(x[0] + x[1] > x[2])));
    }
    fs::write(folder.path().join("numbers.csv"), text).unwrap();
}

#[test]
fn what_is_imported_can_be_used_like_any_model() {
    let folder = TempDir::new().unwrap();
    write_numbers(&folder);
    let layers = "3, dense 8, silu, dense 5, gelu, dense 2";
    let describe = ["train", "numbers.csv", "--target", "class", "--model", layers, "--epochs", "3", "--out", "m"];
    chainrule(&folder).args(describe).assert().success();
    // Weights alone know nothing of the scale of the columns.
    chainrule(&folder).args(["export", "m", "--safetensors", "w.safetensors", "--npz", "w.npz"]).assert().success();
    let import = ["import", "w.safetensors", "--model", layers, "--target", "class", "--out", "w"];
    chainrule(&folder).args(import).assert().success().stderr(contains("predicts `class`, one of 2 classes"));
    chainrule(&folder).args(["export", "w", "--onnx", "w.onnx"]).assert().success();
    chainrule(&folder).args(["import", "w.onnx", "--out", "back"]).assert().success().stderr(contains("3-8-5-2"));
    assert_eq!(predicted(&folder, "back", "numbers.csv"), predicted(&folder, "w", "numbers.csv"));
    chainrule(&folder).args(["evaluate", "back", "numbers.csv"]).assert().success().stdout(contains("accuracy"));
    chainrule(&folder).args(["explain", "back", "numbers.csv", "--row", "3"]).assert().success();
    chainrule(&folder).args(["summary", "back"]).assert().success().stdout(contains("3-8-5-2"));
    let names =
        ["import", "w.onnx", "--features", "a,b,c", "--classes", "low,high", "--target", "level", "--out", "named"];
    chainrule(&folder).args(names).assert().success().stderr(contains("predicts `level`, one of 2 classes"));
}

fn fixture(name: &str) -> String {
    format!("{}/../onnx/tests/fixtures/{name}.onnx", env!("CARGO_MANIFEST_DIR"))
}

fn accuracy(folder: &TempDir, model: &str, data: &str) -> f64 {
    let done = chainrule(folder).args(["evaluate", model, data, "--json"]).assert().success();
    serde_json::from_slice::<Value>(&done.get_output().stdout).unwrap()["accuracy"].as_f64().unwrap()
}

#[test]
fn a_network_of_scikit_learn_is_evaluated_and_trained_on() {
    let folder = TempDir::new().unwrap();
    let iris = format!("{}/../../data/tables/iris.csv", env!("CARGO_MANIFEST_DIR"));
    let head = fs::read_to_string(&iris).unwrap().lines().next().unwrap().to_owned();
    let (columns, target) = head.rsplit_once(',').unwrap();
    let import = ["--features", columns, "--target", target, "--out", "start"];
    chainrule(&folder).arg("import").arg(fixture("sklearn_names")).args(import).assert().success();
    let before = accuracy(&folder, "start", &iris);
    assert!((before - 0.86).abs() < 1e-6, "scikit-learn says 0.86 of its network: {before}");
    let on = ["train", &iris, "--target", target, "--from", "start", "--epochs", "30", "--lr", "0.01", "--out", "more"];
    chainrule(&folder).args(on).assert().success().stdout(contains("4-8-3"));
    let after = accuracy(&folder, "more", &iris);
    assert!(after > 0.93, "{before} became {after}");
}

#[test]
fn norms_and_links_of_pytorch_and_keras_are_explained_and_trained_on() {
    let folder = TempDir::new().unwrap();
    let iris = format!("{}/../../data/tables/iris.csv", env!("CARGO_MANIFEST_DIR"));
    let head = fs::read_to_string(&iris).unwrap().lines().next().unwrap().to_owned();
    let (columns, target) = head.rsplit_once(',').unwrap();
    for (name, layers) in
        [("torch_mlp_script", "residual(dense 8, layernorm, dense 8"), ("keras_mlp", "dense 6, rmsnorm")]
    {
        let names = ["--features", columns, "--target", target, "--classes", "setosa,versicolor,virginica"];
        chainrule(&folder).arg("import").arg(fixture(name)).args(names).args(["--out", "start"]).assert().success();
        let before = accuracy(&folder, "start", &iris);
        chainrule(&folder).args(["explain", "start", &iris, "--row", "3"]).assert().success();
        let on =
            ["train", &iris, "--target", target, "--from", "start", "--epochs", "30", "--lr", "0.01", "--out", "more"];
        chainrule(&folder).args(on).assert().success().stdout(contains(layers));
        let after = accuracy(&folder, "more", &iris);
        assert!(after > 0.93, "{name}: {before} became {after}");
    }
}

/// Images of 14 by 14 pixels with a square, whose place and brightness are the class: a network that takes the mean of
/// each plane sees no place.
fn write_squares(folder: &TempDir, name: &str, count: usize) {
    let mut images: Vec<u8> = [2051_u32, count as u32, 14, 14].iter().flat_map(|n| n.to_be_bytes()).collect();
    let mut labels: Vec<u8> = [2049_u32, count as u32].iter().flat_map(|n| n.to_be_bytes()).collect();
    for i in 0..count {
        let class = i * 7 % 5;
        let bright = |p: usize| (class * 2..class * 2 + 5).contains(&(p / 14)) && (p % 14) / 5 == i % 2;
        images.extend((0..196).map(|p| if bright(p) { 70 + 40 * class as u8 } else { ((p * 31 + i * 17) % 60) as u8 }));
        labels.push(class as u8);
    }
    let place = folder.path().join("squares");
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join(format!("{name}-images-idx3-ubyte")), images).unwrap();
    fs::write(place.join(format!("{name}-labels-idx1-ubyte")), labels).unwrap();
}

#[test]
fn convolutions_of_pytorch_and_keras_are_evaluated_and_trained_on() {
    let folder = TempDir::new().unwrap();
    write_squares(&folder, "train", 400);
    write_squares(&folder, "t10k", 100);
    for (name, layer, epochs) in [
        ("torch_dynamo", "conv 3x3 8 stride 2", "8"),
        ("torch_script", "conv 3x3 8 stride 2", "8"),
        ("torch_residual_dynamo", "residual(conv 3x3 4 pad 1, relu, conv 3x3 4 pad 1), relu, maxpool 2", "30"),
        ("keras_digits", "1x14x14, conv 3x3 4, relu, conv 1x1 4 groups 4, maxpool 2", "8"),
    ] {
        chainrule(&folder).arg("import").arg(fixture(name)).args(["--pixels", "--out", "start"]).assert().success();
        let before = accuracy(&folder, "start", "squares");
        assert!(before < 0.6, "its weights are random: {before}");
        let on = ["train", "squares", "--from", "start", "--lr", "0.01", "--epochs", epochs, "--out", "more"];
        chainrule(&folder).args(on).assert().success().stdout(contains(layer));
        let after = accuracy(&folder, "more", "squares");
        assert!(after > 0.95, "{name}: {before} became {after}");
        chainrule(&folder).args(["explain", "more", "squares", "--row", "3"]).assert().success();
    }
}

#[test]
fn rust_source_predicts_without_the_standard_library() {
    let folder = TempDir::new().unwrap();
    write_numbers(&folder);
    let cells = |i: usize| (0..64).map(move |p| format!("{}", (i * 7 + p * (i % 5 + 3)) % 17));
    let mut text = (0..64).map(|p| format!("p{p},")).collect::<String>() + "digit\n";
    for i in 0..80 {
        text.push_str(&format!("{},{}\n", cells(i).collect::<Vec<_>>().join(","), i % 10));
    }
    let digits = "cells.csv";
    fs::write(folder.path().join(digits), text).unwrap();
    let image = "1x8x8, conv 3x2 4 stride 2x1 pad 1x0, leaky-relu, maxpool 2x3 stride 1, conv 2x2 4 groups 2, tanh, avgpool 1x2 stride 1, \
                 dense 12, softplus, dense 9, elu, dense 10";
    let dense = "3, dense 8, silu, dense 8, gelu, dense 6, sigmoid, dense 2";
    let norms = "1x8x8, conv 3x3 4 pad 1, batchnorm, relu, residual(conv 3x3 4 pad 2 dilate 2, groupnorm 2), relu, maxpool 3 \
                 stride 2 pad 1, dense 8, layernorm, tanh, residual(dense 8, rmsnorm), relu, dropout 0.1, dense 10";
    for (data, target, layers) in [
        (digits, "digit", image),
        (digits, "digit", norms),
        ("numbers.csv", "class", dense),
        ("numbers.csv", "x3", "3, dense 4, relu, dense 1"),
    ] {
        let train = ["train", data, "--target", target, "--model", layers, "--epochs", "1", "--out", "m"];
        chainrule(&folder).args(train).assert().success();
        chainrule(&folder).args(["export", "m", "--rust", "model.rs"]).assert().success();
        // The features are the columns as they are where no scale was learned: an import has none.
        chainrule(&folder).args(["export", "m", "--safetensors", "w.safetensors"]).assert().success();
        let import = ["import", "w.safetensors", "--model", layers, "--out", "plain", "--target", target];
        let columns = if data == digits {
            (0..64).map(|p| format!("p{p}")).collect()
        } else if target == "x3" {
            vec!["x1".to_owned(), "x2".into(), "class".into()]
        } else {
            vec!["x1".to_owned(), "x2".into(), "x3".into()]
        };
        chainrule(&folder).args(import).args(["--features", &columns.join(",")]).assert().success();
        chainrule(&folder).args(["export", "plain", "--rust", "model.rs"]).assert().success();
        compare_rust(&folder, data, &columns, target);
    }
}

/// Compiles `model.rs` without the standard library, and with a program around it, and compares with `predict`.
fn compare_rust(folder: &TempDir, data: &str, columns: &[String], target: &str) {
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let rustc = |args: &[&str]| {
        let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
        command.current_dir(folder.path()).args(["--edition", "2024", "-D", "warnings", "-C", "opt-level=1"]);
        command.args(args).assert().success();
    };
    write("bare.rs", "#![no_std]\npub mod model;\n");
    rustc(&["--crate-type", "lib", "bare.rs"]);
    write(
        "main.rs",
        "mod model;\nfn main() {\n    for line in std::io::stdin().lines() {\n        \
         let x: Vec<f32> = line.unwrap().split(',').map(|v| v.parse().unwrap()).collect();\n        \
         let mut out = [0.0; model::OUTPUTS];\n        \
         model::predict(x.as_slice().try_into().unwrap(), &mut out);\n        println!(\"{out:?}\");\n    }\n}\n",
    );
    rustc(&["main.rs", "-o", "program"]);
    let text = fs::read_to_string(folder.path().join(data)).unwrap();
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let places: Vec<usize> = columns.iter().map(|c| head.iter().position(|h| h == c).unwrap()).collect();
    let rows: Vec<String> = lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            places.iter().map(|&place| cells[place]).collect::<Vec<_>>().join(",")
        })
        .collect();
    let done = Command::new(folder.path().join("program")).write_stdin(rows.join("\n")).assert().success();
    let theirs = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    let ours = predicted(folder, "plain", data);
    assert_eq!(theirs.lines().count(), ours.len());
    for (line, ours) in theirs.lines().zip(ours) {
        let theirs: Vec<Value> = serde_json::from_str(line).unwrap();
        let ours: Vec<&Value> = match theirs.len() {
            1 => vec![&ours[target]],
            count => (0..count).map(|class| &ours[format!("p_{class}")]).collect(),
        };
        assert!(theirs.iter().zip(&ours).all(|(a, b)| near(a, b)), "{theirs:?} instead of {ours:?}");
    }
}

#[test]
fn what_cannot_be_done_is_said_in_a_line() {
    let folder = TempDir::new().unwrap();
    write_numbers(&folder);
    chainrule(&folder)
        .args(["train", "numbers.csv", "--target", "class", "--epochs", "1", "--out", "m"])
        .assert()
        .success();
    chainrule(&folder).args(["export", "m", "--safetensors", "w.safetensors"]).assert().success();
    fs::write(folder.path().join("noise.onnx"), b"\x08\x0b\x12\x03abc").unwrap();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../onnx/tests/fixtures/torch_script.onnx");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["export", "m"], 2, "--onnx"),
        (&["export", "m", "--onnx", "m"], 2, "would be overwritten"),
        (&["export", "none", "--onnx", "x.onnx"], 1, "none"),
        (&["export", "m", "--onnx", "no/such/folder.onnx"], 1, "no/such"),
        (&["import", "noise.onnx"], 1, "no ONNX that can be used"),
        (&["import", "none.onnx"], 1, "none.onnx"),
        (&["import", "w.safetensors"], 2, "--model"),
        (
            &["import", "w.safetensors", "--model", "3-5-2"],
            1,
            "layer 1 (`dense 5, relu`): `0.weight` is [64, 3], and [5, 3] is wanted",
        ),
        (&["import", "w.safetensors", "--model", "3, dense 64, tanh"], 1, "has `2` and more beyond the 1 layers"),
        (&["import", "w.safetensors", "--model", "3-64-2-2"], 1, "layer 3 (`dense 2`): no tensors are left"),
        (&["import", "w.safetensors", "--model", "3, dense 64, batchnorm"], 1, "`2.bias` is [2], and [64]"),
        (&["import", fixtures, "--classes", "a,b"], 1, "2 names for 5 classes"),
        (&["import", fixtures, "--out", fixtures], 2, "would be overwritten"),
    ];
    for (args, code, text) in cases {
        let done = chainrule(&folder).args(*args).assert().code(*code);
        done.stderr(contains(*text).and(predicate::function(|text: &str| *code == 2 || text.lines().count() == 1)));
    }
    assert!(!folder.path().join("model.safetensors").exists());
}
