//! `train`, `evaluate`, `predict` and `explain`, from outside.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) fn chainrule(folder: &TempDir) -> Command {
    let mut command = Command::cargo_bin("chainrule").unwrap();
    command.current_dir(folder.path());
    command
}

/// An IDX file of bytes.
pub(crate) fn idx(dims: &[u32], values: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|d| file.extend(d.to_be_bytes()));
    file.extend(values);
    file
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Images of 4 by 4 pixels whose class says which row is bright.
pub(crate) fn images(folder: &Path) -> PathBuf {
    let data = folder.join("images");
    fs::create_dir_all(&data).unwrap();
    for (part, count) in [("train", 200u32), ("t10k", 40)] {
        let label = |i: u32| i % 4;
        let pixel = |i: u32, p: u32| if p / 4 == label(i) { 200 + (i * 7 + p) % 50 } else { (i * 13 + p * 5) % 60 };
        let pixels: Vec<u8> = (0..count).flat_map(|i| (0..16).map(move |p| pixel(i, p) as u8)).collect();
        let labels: Vec<u8> = (0..count).map(|i| label(i) as u8).collect();
        fs::write(data.join(format!("{part}-images-idx3-ubyte.gz")), gzip(&idx(&[count, 4, 4], &pixels))).unwrap();
        fs::write(data.join(format!("{part}-labels-idx1-ubyte")), idx(&[count], &labels)).unwrap();
    }
    data
}

pub(crate) fn table(folder: &Path) -> PathBuf {
    let path = folder.join("houses.csv");
    let mut text = "area,rooms,price\n".to_owned();
    for i in 0..200 {
        let (area, rooms) = (50 + i * 37 % 100, 1 + i % 5);
        text.push_str(&format!("{area},{rooms},{}\n", 1000 * area + 5000 * rooms));
    }
    fs::write(&path, text).unwrap();
    path
}

fn events(output: &[u8]) -> Vec<Value> {
    std::str::from_utf8(output).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn images_from_training_to_explanation() {
    let folder = TempDir::new().unwrap();
    images(folder.path());
    chainrule(&folder)
        .args(["train", "images", "--epochs", "30", "--hidden", "16", "--batch-size", "16"])
        .assert()
        .success()
        .stdout(
            contains("16-16-4")
                .and(contains("test: loss"))
                .and(contains("accuracy 100.00 %"))
                .and(contains("model.safetensors")),
        );
    let evaluation = chainrule(&folder).args(["evaluate", "model.safetensors", "images", "--json"]).assert().success();
    let v: Value = serde_json::from_slice(&evaluation.get_output().stdout).unwrap();
    assert_eq!((v["samples"].as_u64(), v["accuracy"].as_f64()), (Some(40), Some(1.0)));
    assert_eq!(v["confusion"][2], serde_json::json!([0, 0, 10, 0]));
    chainrule(&folder)
        .args(["evaluate", "model.safetensors", "images"])
        .assert()
        .success()
        .stdout(contains("100.00 %"));

    chainrule(&folder).args(["predict", "model.safetensors", "images", "--out", "p.csv"]).assert().success();
    let predictions = fs::read_to_string(folder.path().join("p.csv")).unwrap();
    let lines: Vec<&str> = predictions.lines().collect();
    assert_eq!((lines[0], lines.len()), ("row,class,p_0,p_1,p_2,p_3", 41));
    assert!(lines[3].starts_with("2,2,"));

    let explain = ["explain", "model.safetensors", "images", "--row", "2"];
    chainrule(&folder)
        .args(explain)
        .assert()
        .success()
        .stdout(contains("δ2 = ∂C/∂a2 ⊙ identity′(z2)").and(contains("∂C/∂W1 = xᵀ · δ1")).and(contains("largest: [")));
    chainrule(&folder).args(explain).arg("--full").assert().success().stdout(contains("largest: [").not());
    let json = chainrule(&folder).args(explain).arg("--json").assert().success();
    let v: Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert!(v["cost_after_update"].as_f64() < v["cost"].as_f64());
    assert_eq!(v["layers"][0]["weight_gradient"]["values"].as_array().unwrap().len(), 16 * 16);
    chainrule(&folder).args(["summary", "model.safetensors"]).assert().success().stdout(contains("one of 4 classes"));
    chainrule(&folder)
        .args(["explain", "model.safetensors", "images", "--row", "40"])
        .assert()
        .code(1)
        .stderr(contains("there is no row 40: rows are counted from 0 to 39"));
}

#[test]
fn a_convolution_from_training_to_explanation() {
    let folder = TempDir::new().unwrap();
    images(folder.path());
    let layers = "conv 2x2 6 pad 1, relu, maxpool 2, conv 2x2 8, tanh, avgpool 1, dense 4";
    let train = |threads: &str, out: &str| {
        let args = ["train", "images", "--model", layers, "--epochs", "30", "--batch-size", "16", "--dropout", "0.1"];
        let args = [&args[..], &["--threads", threads, "--out", out]].concat();
        chainrule(&folder)
            .args(args)
            .assert()
            .success()
            .stdout(contains(format!("1x4x4, {layers}")).and(contains("accuracy 100.00 %")));
        fs::read(folder.path().join(out)).unwrap()
    };
    assert!(train("1", "one.safetensors") == train("2", "two.safetensors"));
    let evaluate = ["evaluate", "one.safetensors", "images"];
    chainrule(&folder).args(evaluate).assert().success().stdout(contains("100.00 %"));
    let explain = ["explain", "one.safetensors", "images", "--row", "2"];
    chainrule(&folder).args(explain).assert().success().stdout(
        contains("z1 = x ∗ W1 + b1  [6, 25]")
            .and(contains("p1 = pool(a1)  [6, 4]"))
            .and(contains("z2 = p1 ∗ W2 + b2  [8, 1]"))
            .and(contains("z3 = p2 · W3 + b3"))
            .and(contains("∂C/∂a1 = from the pool"))
            .and(contains("∂C/∂W2 = p1 ∗ʷ δ2")),
    );
    let json = chainrule(&folder).args(explain).arg("--json").assert().success();
    let v: Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert!(v["cost_after_update"].as_f64() < v["cost"].as_f64());
    assert_eq!(v["layers"][1]["weight_gradient"]["rows"], 8);
    assert_eq!(v["layers"][1]["weight_gradient"]["values"].as_array().unwrap().len(), 8 * 6 * 4);
    for summary in ["one.safetensors", &format!("4x4, {layers}")] {
        let sizes = contains("6x2x2").and(contains("8x1x1")).and(contains("2,400"));
        chainrule(&folder).args(["summary", summary]).assert().success().stdout(sizes);
    }
}

#[test]
fn a_table_with_a_value() {
    let folder = TempDir::new().unwrap();
    table(folder.path());
    let output = chainrule(&folder)
        .args(["train", "houses.csv", "--target", "price", "--json", "--out", "h.safetensors"])
        .assert()
        .success();
    let events = events(&output.get_output().stdout);
    let kinds: Vec<&str> = events.iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!((kinds[0], kinds[1]), ("start", "epoch"));
    assert_eq!(&kinds[kinds.len() - 2..], ["test", "end"]);
    assert!(events[events.len() - 2]["r2"].as_f64().unwrap() > 0.99);
    assert_eq!(events[0]["network"], "2-64-1");

    let new = folder.path().join("new.csv");
    fs::write(&new, "rooms,garden,area\n3,1,100\n").unwrap();
    let output = chainrule(&folder).args(["predict", "h.safetensors", "new.csv"]).assert().success();
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let price: f64 = text.lines().nth(1).unwrap().split(',').nth(1).unwrap().parse().unwrap();
    assert!(text.starts_with("row,price\n") && (price - 115_000.0).abs() < 5_000.0, "{text}");
    chainrule(&folder).args(["evaluate", "h.safetensors", "new.csv"]).assert().code(1).stderr(contains("use predict"));
    // The target may be there without values: that is what is predicted.
    fs::write(&new, "rooms,area,price\n3,100,\n").unwrap();
    chainrule(&folder).args(["predict", "h.safetensors", "new.csv"]).assert().success();
    // Nothing that is read is written over.
    for out in ["new.csv", "h.safetensors"] {
        let predict = ["predict", "h.safetensors", "new.csv", "--out", out];
        chainrule(&folder).args(predict).assert().code(2).stderr(contains("would be overwritten"));
    }
    let train = ["train", "houses.csv", "--target", "price", "--out", "houses.csv"];
    chainrule(&folder).args(train).assert().code(2).stderr(contains("houses.csv would be overwritten"));
    fs::write(&new, "room,area\n3,100\n").unwrap();
    chainrule(&folder).args(["predict", "h.safetensors", "new.csv"]).assert().code(1).stderr(contains("rooms"));
}

#[test]
fn the_same_seed_gives_the_same_file_at_one_and_two_threads() {
    let folder = TempDir::new().unwrap();
    images(folder.path());
    let run = |threads: &str, out: &str| {
        let args = ["train", "images", "--epochs", "3", "--hidden", "700,700", "--dropout", "0.1", "--seed", "5"];
        chainrule(&folder).args(args).args(["--threads", threads, "--out", out]).assert().success();
        fs::read(folder.path().join(out)).unwrap()
    };
    assert!(run("1", "one") == run("2", "two"));
}

/// People, some without an age, and who of them was on board in the end.
fn people(folder: &Path) -> PathBuf {
    let path = folder.join("people.csv");
    let mut text = "name,age,sex,fare,ship,stayed\n".to_owned();
    for i in 0..300 {
        let (age, sex) = (20 + i * 37 % 50, ["male", "female", ""][i % 3]);
        let age = if i % 7 == 0 { String::new() } else { age.to_string() };
        let stayed = match i % 11 {
            10 => "",
            _ if (i % 3 == 1) ^ (i % 13 == 0) => "yes",
            _ => "no",
        };
        text.push_str(&format!("person {i},{age},{sex},{},Titania,{stayed}\n", 5 + i * i % 90));
    }
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_table_with_categories_and_gaps_is_learned_from_and_predicted() {
    let folder = TempDir::new().unwrap();
    people(folder.path());
    let train = ["train", "people.csv", "--target", "stayed", "--epochs", "40"];
    chainrule(&folder).args(train).assert().success().stdout(
        contains("name    id                    ")
            .and(contains("left out"))
            .and(contains("ship    constant"))
            .and(contains("note: 27 rows have no stayed and are left out")),
    );
    let evaluated = chainrule(&folder).args(["evaluate", "model.safetensors", "people.csv", "--json"]).assert();
    // Rows without a target cannot be scored, and are counted.
    evaluated.success().stderr(contains("note: 27 rows have no stayed: left out"));

    // Other columns in another order, a value that was never seen, and gaps.
    fs::write(folder.path().join("new.csv"), "fare,sex,age,note\n10,female,30,x\n,alien,,y\n").unwrap();
    let predicted = chainrule(&folder).args(["predict", "model.safetensors", "new.csv"]).assert().success();
    let predicted = predicted.stderr(
        contains("note: sex: 1 row has a value that training did not know")
            .and(contains("note: age: 1 row has no value")),
    );
    let text = String::from_utf8(predicted.get_output().stdout.clone()).unwrap();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.lines().nth(1).unwrap().starts_with("0,yes,"), "{text}");
    let mut piped = chainrule(&folder);
    let piped = piped.args(["predict", "model.safetensors", "-"]).write_stdin("age,sex,fare\n30,female,10\n");
    let piped = piped.assert().success();
    assert!(String::from_utf8_lossy(&piped.get_output().stdout).contains("0,yes,"));

    fs::write(folder.path().join("less.csv"), "sex,age\nfemale,30\n").unwrap();
    let less = chainrule(&folder).args(["predict", "model.safetensors", "less.csv"]).assert();
    less.code(1).stderr(contains("no column \"fare\""));
    let scaling = chainrule(&folder).args(train).args(["--scaling", "none"]).assert();
    scaling.code(2).stderr(contains("--scaling is for images"));
}

#[test]
fn folds_show_mean_and_spread_beside_simpler_models() {
    let folder = TempDir::new().unwrap();
    people(folder.path());
    let train = ["train", "people.csv", "--target", "stayed", "--epochs", "40", "--folds", "4"];
    let shown = chainrule(&folder).args(train).assert().success();
    shown.stdout(contains("fold 4  accuracy").and(contains("linear model")).and(contains("no model was written")));
    assert!(!folder.path().join("model.safetensors").exists());
    let json = chainrule(&folder).args(train).arg("--json").assert().success();
    let events = events(&json.get_output().stdout);
    assert_eq!(events.len(), 5);
    let mean = |of: &str| events[4][of]["accuracy"]["mean"].as_f64().unwrap();
    assert!(mean("scores") > 0.8 && mean("scores") > mean("constant") + 0.2, "{}", events[4]);
    chainrule(&folder).args(train).args(["--folds", "1"]).assert().code(2);
    let few = ["train", "people.csv", "--target", "stayed", "--folds", "500"];
    chainrule(&folder).args(few).assert().code(2).stderr(contains("there are only 273 rows"));
}

#[test]
fn a_table_is_scored_beside_simpler_models() {
    let folder = TempDir::new().unwrap();
    table(folder.path());
    // The price is a sum: no network can beat a line by much.
    let train = ["train", "houses.csv", "--target", "price", "--epochs", "5"];
    let shown = chainrule(&folder).args(train).assert().success();
    shown.stdout(contains("beside it, a linear model: RMSE").and(contains("and the same for every row: RMSE")));
}

#[test]
fn a_column_is_what_it_is_said_to_be() {
    let folder = TempDir::new().unwrap();
    people(folder.path());
    let train = ["train", "people.csv", "--target", "stayed", "--epochs", "1"];
    let options = ["--categorical", "age", "--drop", "fare,name"];
    chainrule(&folder)
        .args(train)
        .args(options)
        .assert()
        .success()
        .stdout(contains("age     category").and(contains("fare").not()).and(contains("name ").not()));
    chainrule(&folder).args(train).args(["--drop", "fair"]).assert().code(1).stderr(contains("fare"));
}

#[test]
fn divergence_stops_and_keeps_what_was_good() {
    let folder = TempDir::new().unwrap();
    table(folder.path());
    let diverge = ["train", "houses.csv", "--target", "price", "--optimizer", "sgd", "--epochs", "20"];
    chainrule(&folder).args(diverge).args(["--lr", "1e6"]).assert().code(1).stderr(
        contains("training diverged in epoch 1, step").and(contains("is not finite")).and(contains("--clip 1")),
    );
    assert!(!folder.path().join("model.safetensors").exists());
    // The rate grows with the epochs until it is too large: the epochs before are kept.
    let late = ["--schedule", "warm-up:1", "--lr", "1e4", "--batch-size", "200"];
    chainrule(&folder).args(diverge).args(late).assert().code(1).stderr(
        contains("the last good one, was written to model.safetensors").and(contains("training diverged in epoch")),
    );
    chainrule(&folder).args(["evaluate", "model.safetensors", "houses.csv"]).assert().success();
}

#[cfg(unix)]
#[test]
fn ctrl_c_finishes_the_step_and_writes_the_best_so_far() {
    use std::io::{BufRead, BufReader};
    let folder = TempDir::new().unwrap();
    images(folder.path());
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("chainrule"))
        .args(["train", "images", "--epochs", "1000000", "--hidden", "64"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.find(|line| line.starts_with("epoch")).unwrap();
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let rest: Vec<String> = lines.collect();
    assert!(child.wait().unwrap().success());
    assert!(rest.iter().any(|l| l.starts_with("interrupted: the weights of epoch")), "{:?}", rest.last());
    chainrule(&folder).args(["evaluate", "model.safetensors", "images"]).assert().success();
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn the_plan_of_a_step_can_be_seen() {
    let folder = TempDir::new().unwrap();
    images(folder.path());
    chainrule(&folder)
        .args(["train", "images", "--hidden", "8", "--show-plan"])
        .assert()
        .success()
        .stdout(contains("matmul").and(contains("add → relu")).and(contains("steps, ")));
}

#[test]
fn a_training_goes_on_from_a_model() {
    let folder = TempDir::new().unwrap();
    people(folder.path());
    let train = ["train", "people.csv", "--target", "stayed"];
    let run = |more: &[&str]| chainrule(&folder).args(train).args(more).assert();
    run(&["--epochs", "3", "--out", "start.safetensors"]).success();
    let on = ["--from", "start.safetensors", "--freeze", "1", "--layer-rates", "1,0.5", "--micro-batch", "4"];
    run(&[&on[..], &["--epochs", "2"]].concat()).success().stdout(contains("adam 0.0003"));
    chainrule(&folder).args(["evaluate", "model.safetensors", "people.csv"]).assert().success();
    // For another target of the same columns.
    let other = ["train", "people.csv", "--target", "age", "--from", "start.safetensors", "--epochs", "1"];
    chainrule(&folder).args(other).assert().code(2).stderr(contains("takes the column age"));
    for (options, says) in [
        (&["--from", "start.safetensors", "--hidden", "3"][..], "cannot be used with"),
        (&["--from", "start.safetensors", "--freeze", "2"], "2 of 2 layers are frozen"),
        (&["--from", "none.safetensors"], "none.safetensors"),
        (&["--from", "model.safetensors"], "model.safetensors would be overwritten"),
        (&["--from", "start.safetensors", "--loss", "mse"], "keeps its loss"),
        (&["--find-lr", "--lr", "1"], "cannot be used with"),
        (&["--find-lr", "--report", "page.html"], "cannot be used with"),
        (&["--show-plan", "--report", "page.html"], "cannot be used with"),
        (&["--show-plan", "--find-lr"], "cannot be used with"),
        (&["--show-plan", "--json"], "cannot be used with"),
        (&["--micro-batch", "0"], "whole number from 1"),
    ] {
        run(options).failure().stderr(contains(says));
    }
    run(&["--find-lr"]).success().stdout(contains("learning rate").and(contains("try --lr")));
    let found = run(&["--find-lr", "--json"]).success().get_output().stdout.clone();
    let found: Value = serde_json::from_slice(&found).unwrap();
    assert!(found["suggestion"].as_f64().unwrap() > 1e-6 && found["tried"].as_array().unwrap().len() > 20);
}
