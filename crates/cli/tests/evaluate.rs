//! `evaluate` says which columns of a table matter, from outside.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

fn chainrule(folder: &TempDir) -> Command {
    let mut command = Command::cargo_bin("chainrule").unwrap();
    command.current_dir(folder.path());
    command
}

/// A table whose price comes from the area alone; the other columns are noise.
fn houses(folder: &TempDir, columns: usize) {
    let noise: Vec<String> = (1..columns).map(|column| format!("n{column}")).collect();
    let mut text = format!("{},area,price\n", noise.join(","));
    for i in 0..300 {
        let cells: Vec<String> = (1..columns).map(|column| (i * (i + column) % 101).to_string()).collect();
        let area = 50 + i * 37 % 100;
        text.push_str(&format!("{},{area},{}\n", cells.join(","), 1000 * area));
    }
    fs::write(folder.path().join("houses.csv"), text).unwrap();
    chainrule(folder).args(["train", "houses.csv", "--target", "price", "--epochs", "60"]).assert().success();
}

#[test]
fn columns_are_shown_by_how_much_they_matter() {
    let folder = TempDir::new().unwrap();
    houses(&folder, 30);
    let evaluate = ["evaluate", "model.safetensors", "houses.csv"];
    let shown = chainrule(&folder).args(evaluate).assert().success();
    let shown = shown.stdout(
        contains("How much worse without a column: its values shuffled among 300 rows, 5 times")
            .and(contains("and 10 more: --json has them all"))
            .and(contains("████████████████████").count(1)),
    );
    let text = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    let first = text.lines().skip_while(|line| !line.starts_with("column")).nth(1).unwrap();
    assert!(first.starts_with("area ") && first.ends_with('█'), "{text}");

    let json = || {
        let done = chainrule(&folder).args(evaluate).arg("--json").assert().success();
        serde_json::from_slice::<Value>(&done.get_output().stdout).unwrap()
    };
    let found = json();
    assert!(found["r2"].as_f64().unwrap() > 0.9);
    let importance = &found["importance"];
    let columns = importance["columns"].as_array().unwrap();
    assert_eq!((importance["score"].as_str(), columns.len()), (Some("rmse"), 30));
    assert_eq!(columns[0]["column"], "area");
    let loss = |column: &Value| column["loss_increase"]["mean"].as_f64().unwrap();
    assert!(loss(&columns[0]) > 20.0 * loss(&columns[1]).abs());
    assert!(columns.iter().all(|column| {
        column["loss_increase"]["deviation"].as_f64().unwrap() >= 0.0
            && column["score_worsening"]["mean"].is_number()
            && column["input_gradient"].as_f64().unwrap() >= 0.0
    }));
    assert_eq!(found, json());
}

/// Of more columns than are shuffled, those with small gradients are listed without a change.
#[test]
fn a_table_of_very_many_columns_takes_a_bounded_time() {
    let folder = TempDir::new().unwrap();
    houses(&folder, 300);
    let done = chainrule(&folder).args(["evaluate", "model.safetensors", "houses.csv", "--json"]).assert().success();
    let found: Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    let columns = found["importance"]["columns"].as_array().unwrap();
    assert_eq!((columns.len(), &columns[0]["column"]), (300, &Value::from("area")));
    let tried = columns.iter().filter(|column| column["loss_increase"].is_object()).count();
    assert_eq!(tried, 256);
    assert!(columns[256..].iter().all(|column| column["loss_increase"].is_null()));
}
