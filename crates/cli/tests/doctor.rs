//! The doctor and the report of a training, from outside.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn chainrule(folder: &TempDir) -> Command {
    let mut command = Command::cargo_bin("chainrule").unwrap();
    command.current_dir(folder.path());
    command
}

/// Flowers whose colour tells their kind, but for its name, which could be markup.
fn flowers(folder: &Path) {
    let mut text = "length,<b>width</b>,kind\n".to_owned();
    for i in 0..120 {
        let (length, width) = (10 + i * 37 % 29, 10 + i * 53 % 31);
        let kind = if length * 2 + width > 75 { "<i>large</i>" } else { "small" };
        text.push_str(&format!("{length},{width},{kind}\n"));
    }
    fs::write(folder.join("flowers.csv"), text).unwrap();
}

fn train<'a>(command: &'a mut Command, more: &[&str]) -> &'a mut Command {
    command.args(["train", "flowers.csv", "--target", "kind", "--epochs", "30"]).args(more)
}

fn json(output: &[u8]) -> Value {
    serde_json::from_slice(output).unwrap()
}

#[test]
fn a_run_can_be_looked_at_again() {
    let folder = TempDir::new().unwrap();
    flowers(folder.path());
    let spoiled = ["--run", "run", "--hidden", "8", "--init", "zeros", "--json"];
    let output = train(&mut chainrule(&folder), &spoiled).assert().success().get_output().stdout.clone();
    let events: Vec<Value> =
        std::str::from_utf8(&output).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<&Value> = events.iter().filter(|e| e["event"] == "finding").map(|e| &e["finding"]).collect();
    assert_eq!(told[0]["kind"], "symmetric-weights");
    // It is told before the first epoch.
    let position = |name: &str| events.iter().position(|event| event["event"] == name).unwrap();
    assert!(position("finding") < position("epoch"));

    let again = chainrule(&folder).args(["doctor", "run", "--json"]).assert().success().get_output().stdout.clone();
    let again = json(&again);
    assert_eq!(again["findings"].as_array().unwrap().iter().collect::<Vec<_>>(), told);
    assert_eq!(again["evidence"]["history"].as_array().unwrap().len(), 30);
    assert_eq!(again["evidence"]["vitals"].as_array().unwrap().len(), 31);
    chainrule(&folder).args(["doctor", "run"]).assert().success().stdout(contains("cure: draw the weights at random"));
}

#[test]
fn a_run_that_goes_on_keeps_what_was_measured_before() {
    let folder = TempDir::new().unwrap();
    flowers(folder.path());
    let run = ["--run", "run", "--checkpoint", "saved", "--resume"];
    train(&mut chainrule(&folder), &run).assert().success();
    let measured = |folder: &TempDir| {
        let output = chainrule(folder).args(["doctor", "run", "--json"]).assert().success().get_output().stdout.clone();
        json(&output)["evidence"].clone()
    };
    let whole = measured(&folder);
    // Nothing is left to do, and nothing that was measured is lost.
    train(&mut chainrule(&folder), &run).assert().success();
    assert_eq!(measured(&folder)["vitals"], whole["vitals"]);
    assert_eq!(measured(&folder)["history"], whole["history"]);
    // A training that cannot go on from there leaves all of it as it was.
    let files = || -> BTreeMap<PathBuf, Vec<u8>> {
        let paths = fs::read_dir(folder.path().join("run")).unwrap().map(|file| file.unwrap().path());
        paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    };
    let before = files();
    train(&mut chainrule(&folder), &[&run[..], &["--hidden", "5"]].concat()).assert().failure();
    assert!(files() == before, "the folder of the run has changed: {:?}", files().keys());
}

#[test]
fn a_healthy_run_has_no_findings() {
    let folder = TempDir::new().unwrap();
    flowers(folder.path());
    train(&mut chainrule(&folder), &["--run", "run", "--lr", "0.01"]).assert().success().stdout(contains("cure").not());
    chainrule(&folder).args(["doctor", "run"]).assert().success().stdout(contains("nothing is wrong"));
    chainrule(&folder)
        .args(["doctor", "model.safetensors", "flowers.csv"])
        .assert()
        .success()
        .stdout(contains("nothing is wrong"));
}

#[test]
fn the_report_says_what_the_run_says() {
    let folder = TempDir::new().unwrap();
    flowers(folder.path());
    train(&mut chainrule(&folder), &["--run", "run", "--report", "page.html"]).assert().success();
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    let in_run = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    let sections = |page: &str| page.matches("<h2>").count();
    assert_eq!(sections(&page), sections(&in_run));
    let result = json(&fs::read(folder.path().join("run/result.json")).unwrap());
    let accuracy = result["test"]["accuracy"].as_f64().unwrap();
    assert!(page.contains(&format!("<dt>test accuracy</dt><dd>{:.2} %</dd>", 100.0 * accuracy)));
    for heading in ["Findings", "How it learned", "Layer by layer", "Results on 24 test rows", "The data"] {
        assert!(page.contains(heading), "{heading}");
    }
    assert!(page.contains("train flowers.csv --target kind --epochs 30"));
    assert!(page.contains("&lt;i&gt;large&lt;/i&gt;") && !page.contains("<i>large") && !page.contains("<b>width"));
}

#[test]
fn a_training_that_goes_to_infinity_is_reported() {
    let folder = TempDir::new().unwrap();
    flowers(folder.path());
    let wild = ["--run", "run", "--optimizer", "sgd", "--lr", "1e30", "--activation", "relu"];
    train(&mut chainrule(&folder), &wild)
        .assert()
        .code(1)
        .stdout(contains("learning-rate-too-high").or(contains("not-finite")))
        .stderr(contains("diverged"));
    chainrule(&folder).args(["doctor", "run"]).assert().success().stdout(contains("cure:"));
    assert!(fs::read_to_string(folder.path().join("run/report.html")).unwrap().contains("it went to infinity"));
}

#[test]
fn what_is_no_run_is_refused_with_a_reason() {
    let folder = TempDir::new().unwrap();
    flowers(folder.path());
    let refused = |args: &[&str], code: i32, reason: &str| {
        chainrule(&folder).arg("doctor").args(args).assert().code(code).stderr(contains(reason));
    };
    refused(&["nowhere", "flowers.csv"], 1, "nowhere");
    refused(&["model.safetensors"], 1, "there is no model.safetensors");
    refused(&["flowers.csv"], 2, "on which data");
    fs::create_dir(folder.path().join("empty")).unwrap();
    refused(&["empty"], 1, "made by train --run");
    refused(&["empty", "flowers.csv"], 2, "leave out DATA");
    for (name, text) in
        [("cut", "{\"evidence\": {\"recipe\""), ("other", "{\"evidence\": {\"vitals\": 3}}"), ("list", "[]")]
    {
        let run = folder.path().join(name);
        fs::create_dir(&run).unwrap();
        fs::write(run.join("doctor.json"), text).unwrap();
        refused(&[name], 1, "doctor.json");
    }
}

#[test]
fn a_file_that_contradicts_itself_is_no_panic() {
    let folder = TempDir::new().unwrap();
    flowers(folder.path());
    train(&mut chainrule(&folder), &["--run", "run"]).assert().success();
    let path = folder.path().join("run/doctor.json");
    let whole = json(&fs::read(&path).unwrap());
    let changes: [(&str, Value); 6] = [
        ("/evidence/facts/target/classes/names", serde_json::json!([])),
        ("/evidence/facts/target/classes/counts", serde_json::json!([1, u64::MAX, u64::MAX])),
        ("/evidence/test/confusion", serde_json::json!([[9], [u64::MAX, u64::MAX, 1], []])),
        ("/evidence/vitals", serde_json::json!([])),
        ("/evidence/steps", serde_json::json!(u64::MAX)),
        ("/evidence/facts/rows", serde_json::json!(u64::MAX)),
    ];
    for (place, value) in changes {
        let mut changed = whole.clone();
        *changed.pointer_mut(place).unwrap_or_else(|| panic!("{place}")) = value;
        // A rare class and a long training bring more rules into play.
        changed["evidence"]["facts"]["target"]["classes"]["counts"][0] = serde_json::json!(1);
        fs::write(&path, changed.to_string()).unwrap();
        let code = chainrule(&folder).args(["doctor", "run"]).assert().get_output().status.code();
        assert!(matches!(code, Some(0 | 1)), "{place}: {code:?}");
    }
}

#[test]
fn a_report_overwrites_no_input() {
    let folder = TempDir::new().unwrap();
    flowers(folder.path());
    train(&mut chainrule(&folder), &["--report", "flowers.csv"])
        .assert()
        .code(2)
        .stderr(contains("would be overwritten"));
    train(&mut chainrule(&folder), &["--report", "./model.safetensors"])
        .assert()
        .code(2)
        .stderr(contains("written over the model"));
    fs::create_dir(folder.path().join("parts")).unwrap();
    fs::copy(folder.path().join("flowers.csv"), folder.path().join("parts/a.csv")).unwrap();
    let pattern = ["train", "parts/*.csv", "--target", "kind", "--report", "parts/a.csv"];
    chainrule(&folder).args(pattern).assert().code(2).stderr(contains("parts/a.csv would be overwritten"));
    train(&mut chainrule(&folder), &["--report", "net.toml"])
        .assert()
        .code(2)
        .stderr(contains("choose another --report"));
    train(&mut chainrule(&folder), &["--report", "no/such/page.html"]).assert().code(1).stderr(contains("page.html"));
}
