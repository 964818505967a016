//! `--target a,b`: several values from one network.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use tempfile::TempDir;

fn chainrule(folder: &TempDir, words: &str) -> Command {
    let mut command = Command::cargo_bin("chainrule").unwrap();
    command.current_dir(folder.path()).args(words.split_whitespace());
    command
}

fn output(mut command: Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

fn flats() -> TempDir {
    let folder = TempDir::new().unwrap();
    let row = |i: usize| {
        let (area, side) = (20 + i * 37 % 100, ["north", "south"][i % 2]);
        let rent = area * 10 + 50 * (i % 2);
        let price = if i == 7 { String::new() } else { (rent * 300).to_string() };
        format!("flat {i},{area},{side},{price},{rent}\n")
    };
    let text: String = (0..400).map(row).collect();
    std::fs::write(folder.path().join("flats.csv"), format!("flat,area,side,price,rent\n{text}")).unwrap();
    folder
}

#[test]
fn train_evaluate_predict_and_explain() {
    let folder = flats();
    let shown = output(chainrule(&folder, "train flats.csv --target price,rent --epochs 60"));
    assert!(shown.contains("1 rows have no price or no rent"), "{shown}");
    assert!(shown.contains("price R² 0.9") && shown.contains("rent R² 0.9"), "{shown}");

    let scores = chainrule(&folder, "evaluate model.safetensors flats.csv --json").assert().success();
    assert!(String::from_utf8_lossy(&scores.get_output().stderr).contains("1 row has no price or no rent: left out"));
    let scores: Value = serde_json::from_slice(&scores.get_output().stdout).unwrap();
    assert_eq!(scores["samples"], 399);
    let targets = scores["targets"].as_array().unwrap();
    assert_eq!([&targets[0]["target"], &targets[1]["target"]], ["price", "rent"]);
    assert!(targets.iter().all(|target| target["r2"].as_f64().unwrap() > 0.95), "{scores}");
    let shown = output(chainrule(&folder, "evaluate model.safetensors flats.csv"));
    assert!(shown.contains("target") && shown.contains("mean R²"), "{shown}");

    let rows = output(chainrule(&folder, "predict model.safetensors flats.csv --interval 0.9 --keep flat"));
    let mut reader = csv::Reader::from_reader(rows.as_bytes());
    let heads = ["row", "flat", "price", "price_low", "price_high", "rent", "rent_low", "rent_high"];
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), heads);
    let of_row = |row: csv::StringRecord| [2, 3, 4, 5, 6, 7].map(|at| row[at].parse::<f64>().unwrap());
    let rows: Vec<[f64; 6]> = reader.records().map(|row| of_row(row.unwrap())).collect();
    assert_eq!(rows.len(), 400);
    for [price, price_low, price_high, rent, rent_low, rent_high] in rows {
        assert!(price_low < price && price < price_high && rent_low < rent && rent < rent_high);
        assert!(price > 100.0 * rent);
    }
    let explained = output(chainrule(&folder, "explain model.safetensors flats.csv --row 0"));
    assert!(explained.contains("price, rent = 60000, 200"), "{explained}");
    let gap = chainrule(&folder, "explain model.safetensors flats.csv --row 7").assert().code(1);
    gap.stderr(contains("row 7 is not there, or has no price, rent"));
    let after = output(chainrule(&folder, "explain model.safetensors flats.csv --row 8"));
    assert!(after.contains("Row 8 of flats.csv") && after.contains("= 348000, 1160"), "{after}");
    let summary = output(chainrule(&folder, "summary model.safetensors"));
    assert!(summary.contains("predicts the values `price`, `rent`"), "{summary}");
}

#[test]
fn folds_resume_and_search() {
    let folder = flats();
    let train = "train flats.csv --target price,rent --epochs 4";
    let folds = output(chainrule(&folder, &format!("{train} --folds 3")));
    assert!(folds.contains("rent: r2") && folds.contains("price: rmse"), "{folds}");
    output(chainrule(&folder, &format!("{train} --checkpoint kept --out a.safetensors")));
    output(chainrule(&folder, &format!("{train} --checkpoint kept --resume --out b.safetensors")));
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(bytes("a.safetensors"), bytes("b.safetensors"));
    output(chainrule(&folder, &format!("{train} --tune 2")));
    output(chainrule(&folder, &format!("{train} --memory 70MB --target-scale log --run run")));
    let config = std::fs::read_to_string(folder.path().join("run/config.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["start"]["target_scales"], serde_json::json!(["log", "log"]));
    assert!(config["start"]["notes"].to_string().contains("have no price"));
}

#[test]
fn says_what_cannot_be() {
    let folder = flats();
    for (options, says) in [
        ("--target price,price", "the column price twice"),
        ("--target price,rent --drop rent", "--drop rent: it is the target"),
        ("--target price,rent --weight rent", "--weight rent: it is the target"),
        ("--target price --out net.toml", "choose another --out"),
        ("--target price --layer-rates 1,1,1", "3 rates of layers for 2 layers"),
        ("--target price --layer-rates 0,0", "one at least has to learn"),
        ("--target price,rent --task classify", "several targets have to be numbers"),
        ("--target price,side --categorical side", "a model of its own for side"),
    ] {
        chainrule(&folder, &format!("train flats.csv {options}")).assert().code(2).stderr(contains(says));
    }
    for (options, says) in [
        ("--target price,side", "flats.csv, line 2".to_owned()),
        ("--target price,rant", "did you mean \"rent\"?".to_owned()),
        ("--target price,rent --class-weight balanced", "price, rent".to_owned()),
        ("--target price,rent --model 3-8-1", "use one that ends with -2".to_owned()),
        ("--target price,rent --loss cross-entropy", "--loss mse".to_owned()),
    ] {
        let wrong = chainrule(&folder, &format!("train flats.csv {options}")).assert().failure();
        wrong.stderr(contains(says).and(contains("panicked").not()));
    }
    assert!(!folder.path().join("model.safetensors").exists());
}
