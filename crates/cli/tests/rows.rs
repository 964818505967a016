//! `train` on tables whose rows do not count alike, belong together, follow in time, or do not fit in memory.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use tempfile::TempDir;

fn chainrule(folder: &TempDir, options: &[&str]) -> Command {
    let mut command = Command::cargo_bin("chainrule").unwrap();
    command.current_dir(folder.path()).args(["train", "loans.csv", "--target", "default"]).args(options);
    command
}

/// One loan in ten defaults, mostly those of a high rate; each customer has ten loans, and years follow each other.
fn loans(folder: &TempDir, rows: usize) {
    let mut text = "customer,year,rate,amount,importance,default\n".to_owned();
    for i in 0..rows {
        let rate = (i * 37 % 100) as f64 / 10.0;
        let default = if rate > 8.8 || i % 97 == 0 { "yes" } else { "no" };
        let (year, amount) = (2000 + i * 20 / rows, i * 53 % 1000);
        writeln!(text, "c{},{year},{rate},{amount},{},{default}", i / 10, i % 3).unwrap();
    }
    std::fs::write(folder.path().join("loans.csv"), text).unwrap();
}

fn events(mut command: Command) -> Vec<Value> {
    let output = command.arg("--json").assert().success().get_output().stdout.clone();
    std::str::from_utf8(&output).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn event<'a>(events: &'a [Value], name: &str) -> &'a Value {
    events.iter().find(|event| event["event"] == name).unwrap()
}

#[test]
fn balanced_classes_find_more_of_the_rare_one() {
    let folder = TempDir::new().unwrap();
    loans(&folder, 1000);
    let recall = |options: &[&str]| {
        let events = events(chainrule(&folder, options));
        let confusion = &event(&events, "test")["confusion"];
        let of = |column: usize| confusion[1][column].as_f64().unwrap();
        of(1) / (of(0) + of(1))
    };
    let short = ["--epochs", "2", "--hidden", "none"];
    let even = recall(&short);
    let balanced = recall(&[&short[..], &["--class-weight", "balanced"]].concat());
    let given = recall(&[&short[..], &["--class-weight", "yes=10"]].concat());
    assert!(balanced > even + 0.2 && given > even + 0.2, "{even}, {balanced}, {given}");
}

#[test]
fn rows_of_weight_nothing_do_not_teach() {
    let folder = TempDir::new().unwrap();
    loans(&folder, 600);
    // Two rows in three are wrong, and count nothing.
    let path = folder.path().join("loans.csv");
    let mut lines: Vec<String> = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    for line in lines.iter_mut().skip(1) {
        let (rest, default) = line.rsplit_once(',').unwrap();
        let (_, weight) = rest.rsplit_once(',').unwrap();
        let flipped = if default == "yes" { "no" } else { "yes" };
        if weight != "2" {
            *line = format!("{},0,{flipped}", rest.rsplit_once(',').unwrap().0);
        }
    }
    std::fs::write(&path, lines.join("\n")).unwrap();
    chainrule(&folder, &["--weight", "importance", "--test", "0", "--epochs", "60"]).assert().success();
    loans(&folder, 600);
    let output = Command::cargo_bin("chainrule")
        .unwrap()
        .current_dir(folder.path())
        .args(["evaluate", "model.safetensors", "loans.csv", "--json"])
        .output()
        .unwrap();
    let scores: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(scores["accuracy"].as_f64().unwrap() > 0.9, "{scores}");
}

#[test]
fn groups_and_times_decide_what_is_held_out() {
    let folder = TempDir::new().unwrap();
    loans(&folder, 1000);
    let of = |options: &[&str]| {
        let events = events(chainrule(&folder, &[&["--epochs", "1"], options].concat()));
        event(&events, "start")["samples"].clone()
    };
    // Whole customers of ten loans each, and whole years of fifty.
    assert_eq!(of(&["--group", "customer", "--test", "0.234"])["test"], 230);
    assert_eq!(of(&["--time", "year", "--test", "0.22"])["test"], 200);
    chainrule(&folder, &["--group", "customer"]).assert().success().stdout(contains("customer    group"));
    chainrule(&folder, &["--folds", "4", "--group", "customer", "--epochs", "1"]).assert().success();
}

#[test]
fn wrong_weights_and_columns_say_what_to_do() {
    let folder = TempDir::new().unwrap();
    loans(&folder, 100);
    let fails = |options: &[&str], words: &[&str]| {
        let mut assert = chainrule(&folder, options).assert().failure();
        for word in words {
            assert = assert.stderr(contains(*word));
        }
        assert.stderr(contains("panicked").not());
    };
    fails(&["--weight", "importanc"], &["did you mean \"importance\"?"]);
    fails(&["--weight", "customer"], &["loans.csv, line 2", "\"c0\"", "number"]);
    fails(&["--class-weight", "yse=2"], &["no class \"yse\"", "did you mean \"yes\"?"]);
    fails(&["--class-weight", "yes"], &["yes=5,no=1"]);
    fails(&["--time", "customer"], &["holds texts", "2024-01-31"]);
    fails(&["--time", "year", "--folds", "3"], &["cannot be used with"]);
    fails(&["--memory", "10MB"], &["at least 68 MB"]);
    fails(&["--memory", "lots"], &["500MB or 2GB"]);
    std::fs::write(folder.path().join("loans.csv"), "a,w,default\n1,2,yes\n2,-1,no\n3,1,yes\n4,1,no\n").unwrap();
    fails(&["--weight", "w"], &["loans.csv, line 3", "\"w\"", "\"-1\"", "weights are numbers from 0"]);
    std::fs::write(folder.path().join("loans.csv"), "a,w,default\n1,0,yes\n2,0,no\n3,0,yes\n4,0,no\n").unwrap();
    fails(&["--weight", "w", "--test", "0"], &["has the weight 0"]);
}

/// The most memory that the process took, in bytes; where the system does not say, nothing is checked of it.
fn peak(events: &[Value]) -> Option<f64> {
    event(events, "end")["peak_memory"].as_f64()
}

/// Bytes that the program takes for a small table, compiled as users have it.
const USUAL_PROGRAM: f64 = 11e6;

#[test]
fn a_table_larger_than_the_bound_is_learned_from_within_it() {
    let folder = TempDir::new().unwrap();
    let options = ["--memory", "70MB", "--epochs", "1", "--batch-size", "4096", "--drop", "customer"];
    // Compiled for tests, the program itself takes more memory than it does for users.
    loans(&folder, 1000);
    let program = peak(&events(chainrule(&folder, &options)));
    loans(&folder, 40_000);
    // The same rows again and again: four times the bound, without taking long to write.
    let text = std::fs::read_to_string(folder.path().join("loans.csv")).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let bound = 70e6;
    let copies = (4.0 * bound / rows.len() as f64).ceil() as usize;
    std::fs::write(folder.path().join("loans.csv"), [header, "\n", &rows.repeat(copies)].concat()).unwrap();
    let events = events(chainrule(&folder, &options));
    let samples = &event(&events, "start")["samples"];
    let of = |part: &str| samples[part].as_u64().unwrap() as usize;
    assert_eq!(of("train") + of("validation") + of("test"), 40_000 * copies);
    let test = event(&events, "test");
    assert!(test["accuracy"].as_f64().unwrap() > 0.97, "{test}");
    if let (Some(program), Some(peak)) = (program, peak(&events)) {
        assert!(peak - program < bound - USUAL_PROGRAM, "{peak} bytes, {program} of a small table");
    }
    assert_eq!(left(folder.path()), ["loans.csv", "model.safetensors"]);
}

fn left(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = std::fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_search_shows_its_trials_and_keeps_the_best() {
    let folder = TempDir::new().unwrap();
    loans(&folder, 300);
    let options = ["--tune", "5", "--epochs", "5", "--drop", "customer"];
    let found = events(chainrule(&folder, &options));
    let trials: Vec<&Value> = found.iter().filter(|event| event["event"] == "trial").collect();
    assert_eq!(trials.len(), 5);
    let best = trials.iter().rfind(|trial| trial["best"] == true).unwrap();
    let recipe = &event(&found, "start")["recipe"];
    for setting in ["learning_rate", "l2", "dropout", "batch_size", "epochs"] {
        assert_eq!(best[setting], recipe[setting], "{setting}");
    }
    assert!(trials.iter().all(|trial| trial["epochs"] == 5));
    chainrule(&folder, &options).assert().success().stdout(contains("each scored in three folds of 240 rows"));
    chainrule(&folder, &["--tune", "soon"]).assert().code(2).stderr(contains("as in 20, or a time"));
}

#[test]
fn the_folder_of_a_run_has_its_curves_and_the_model() {
    let folder = TempDir::new().unwrap();
    loans(&folder, 300);
    let found = events(chainrule(&folder, &["--run", "runs/1", "--epochs", "4", "--validation", "0.2"]));
    let run = folder.path().join("runs/1");
    let read = |name: &str| std::fs::read_to_string(run.join(name)).unwrap();
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(json(&read("config.json"))["start"], *event(&found, "start"));
    assert_eq!(json(&read("result.json"))["test"], *event(&found, "test"));
    assert!(json(&read("environment.json"))["threads"].as_u64().unwrap() > 0);
    let epochs: Vec<&Value> = found.iter().filter(|event| event["event"] == "epoch").collect();
    let lines: Vec<Value> = read("metrics.jsonl").lines().map(json).collect();
    assert_eq!(lines.len(), 4);
    let mut table = csv::Reader::from_path(run.join("metrics.csv")).unwrap();
    for ((epoch, line), row) in epochs.iter().zip(&lines).zip(table.records()) {
        assert_eq!(epoch["validation"], line["validation"]);
        let row = row.unwrap();
        assert_eq!(row[2].parse::<f64>().unwrap(), epoch["train"]["loss"].as_f64().unwrap());
        assert_eq!(row[5].parse::<f64>().unwrap(), epoch["validation"]["loss"].as_f64().unwrap());
    }
    let model = |path: &Path| std::fs::read(path).unwrap();
    assert_eq!(model(&run.join("model.safetensors")), model(&folder.path().join("model.safetensors")));
    assert!(left(&run).iter().any(|name| name.starts_with("events.out.tfevents.")));
    // A second run does not mix with the first.
    let again = chainrule(&folder, &["--run", "runs/1"]).assert().failure();
    again.stderr(contains("runs/1, has 9 files in it already: give one that is new or empty"));
    chainrule(&folder, &["--run", "loans.csv"]).assert().failure().stderr(contains("loans.csv, cannot be written to"));
}

#[test]
fn how_a_table_is_written_can_be_said() {
    let folder = TempDir::new().unwrap();
    // Seen from the file alone, the header would be missed and the marks be a part of the texts.
    let row = |i: usize| format!("{},5|{}|'{}'\n", i * 7 % 50, i * 3 % 50, if i * 7 % 50 > 25 { "a|b" } else { "c" });
    std::fs::write(folder.path().join("marks.txt"), (0..80).map(row).collect::<String>()).unwrap();
    let form = ["--delimiter", "|", "--quote", "'", "--header", "no", "--decimal", "comma", "--format", "csv"];
    let run = |command: &[&str]| {
        let mut run = Command::cargo_bin("chainrule").unwrap();
        run.current_dir(folder.path()).args(command).args(form).assert()
    };
    run(&["train", "marks.txt", "--target", "column 3", "--epochs", "40"])
        .success()
        .stdout(contains("column 1  number                0.5 to 49.5").and(contains("2 different: a|b, c")));
    run(&["evaluate", "model.safetensors", "marks.txt"]).success().stdout(contains("80 samples"));
    run(&["predict", "model.safetensors", "marks.txt"]).success().stdout(contains("p_a|b"));
    run(&["explain", "model.safetensors", "marks.txt", "--row", "1"]).success();
    for (option, value, says) in [
        ("--delimiter", "||", "one ASCII character, or tab"),
        ("--format", "xls", "none of csv, jsonl, npy, npz, parquet, arrow"),
        ("--header", "maybe", "possible values: yes, no"),
    ] {
        chainrule(&folder, &[option, value]).assert().code(2).stderr(contains(says));
    }
}

#[test]
fn a_price_that_spreads_widely_is_learned_by_its_logarithm() {
    let folder = TempDir::new().unwrap();
    let price = |i: usize| (6.0 + (i * 37 % 100) as f64 / 15.0 + (i * 53 % 10) as f64 / 5.0).exp();
    let text: String = (0..300).map(|i| format!("{},{},{:.2}\n", i * 37 % 100, i * 53 % 10, price(i))).collect();
    std::fs::write(folder.path().join("loans.csv"), format!("area,rooms,default\n{text}")).unwrap();
    let of = |options: &[&str]| {
        let events = events(chainrule(&folder, &[&["--epochs", "60"], options].concat()));
        (event(&events, "start")["target_scales"][0].clone(), event(&events, "test")["rmse"].as_f64().unwrap())
    };
    let ((chosen, with), (plain, without)) = (of(&[]), of(&["--target-scale", "plain"]));
    assert!(chosen == "log" && plain == "plain" && with < without, "{with} and {without}");
    chainrule(&folder, &[]).assert().success().stdout(contains("loss mse of the logarithm of default"));
    let predicted = Command::cargo_bin("chainrule")
        .unwrap()
        .current_dir(folder.path())
        .args(["predict", "model.safetensors", "loans.csv"])
        .output()
        .unwrap();
    let mut reader = csv::Reader::from_reader(predicted.stdout.as_slice());
    let values = reader.records().map(|row| row.unwrap()[1].parse::<f64>().unwrap());
    assert!(values.enumerate().all(|(i, value)| value > 0.5 * price(i) && value < 2.0 * price(i)));
    std::fs::write(folder.path().join("loans.csv"), "area,default\n1,2.5\n2,-3.5\n3,1.5\n4,8.5\n5,7.5\n").unwrap();
    let refused = chainrule(&folder, &["--target-scale", "log", "--test", "0"]).assert().failure();
    refused.stderr(contains("loans.csv, line 3").and(contains("-3.5")).and(contains("--target-scale plain")));
}
