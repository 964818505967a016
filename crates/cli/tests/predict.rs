//! `predict` on tables, from outside: what is kept, intervals, forms, size.

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

/// A model of prices from areas, whose rows have a name, and one of whether a house has a garden.
fn models(folder: &TempDir) {
    let mut text = "house,area,price,garden\n".to_owned();
    for i in 0..200 {
        let (area, noise) = (50 + i * 37 % 100, i * 7919 % 2000);
        text.push_str(&format!("house {i},{area},{},{}\n", 1000 * area + noise, ["no", "yes"][i % 3 % 2]));
    }
    fs::write(folder.path().join("houses.csv"), text).unwrap();
    for (target, drop) in [("price", "garden"), ("garden", "price")] {
        let train = ["train", "houses.csv", "--target", target, "--drop", drop, "--epochs", "20", "--out", target];
        chainrule(folder).args(train).assert().success();
    }
}

fn predict(folder: &TempDir, args: &[&str]) -> String {
    let done = chainrule(folder).arg("predict").args(args).assert().success();
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

#[test]
fn columns_are_kept_as_they_are_written() {
    let folder = TempDir::new().unwrap();
    models(&folder);
    let new = "area,number,house,note\n100,007,\"a, b\",NA\n120,1e3,\"say \"\"x\"\"\" ,?\n";
    fs::write(folder.path().join("new.csv"), new).unwrap();
    // What names the rows is kept unless other columns are asked for.
    let text = predict(&folder, &["price", "new.csv"]);
    assert!(text.starts_with("row,house,price\n0,\"a, b\","), "{text}");
    assert!(text.contains("\n1,\"say \"\"x\"\"\","), "{text}");
    let text = predict(&folder, &["price", "new.csv", "--keep", "note,number,area"]);
    assert!(text.starts_with("row,note,number,area,price\n0,NA,007,100,"), "{text}");
    assert!(text.contains("\n1,?,1e3,120,"), "{text}");
    assert!(predict(&folder, &["price", "new.csv", "--keep", ""]).starts_with("row,price\n0,"));
    // Of several files, all name their rows or none does.
    fs::write(folder.path().join("new-2.csv"), "area\n100\n").unwrap();
    let both = ["predict", "price", "new*.csv"];
    chainrule(&folder).args(both).assert().code(1).stderr(contains("need the same columns").and(contains("house")));
    assert_eq!(predict(&folder, &["price", "new*.csv", "--keep", "area"]).lines().count(), 4);
    let unknown = ["predict", "price", "new.csv", "--keep", "notes"];
    chainrule(&folder).args(unknown).assert().code(1).stderr(contains("no column \"notes\"").and(contains("note")));
    // The truth beside what is predicted.
    let text = predict(&folder, &["garden", "houses.csv", "--keep", "garden"]);
    assert!(text.starts_with("row,garden,predicted_garden,p_no,p_yes\n0,no,"), "{text}");
    fs::create_dir(folder.path().join("empty")).unwrap();
    let images = ["predict", "price", "empty", "--keep", "a"];
    chainrule(&folder).args(images).assert().code(2).stderr(contains("--keep is for tables"));
}

#[test]
fn an_interval_holds_what_it_says() {
    let folder = TempDir::new().unwrap();
    models(&folder);
    let text = predict(&folder, &["price", "houses.csv", "--interval", "0.9", "--keep", "price"]);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("row,price,predicted_price,price_low,price_high"));
    let mut inside = 0;
    for line in lines {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        let [_, truth, value, low, high] = cells[..] else { panic!("{line}") };
        assert!(low < value && value < high && ((high - value) - (value - low)).abs() < 0.1, "{line}");
        inside += usize::from(low <= truth && truth <= high);
    }
    // 40 rows were held out, so the true coverage of these intervals is 0.9 ± 0.05.
    assert!((150..=200).contains(&inside), "{inside} of 200");

    let refuse = |args: &[&str], code: i32, message: &str| {
        chainrule(&folder).arg("predict").args(args).assert().code(code).stderr(contains(message));
    };
    refuse(&["garden", "houses.csv", "--interval", "0.9"], 2, "--interval is for real values");
    refuse(&["price", "houses.csv", "--interval", "0.99"], 1, "tried on 40 rows");
    refuse(&["price", "houses.csv", "--interval", "0.99"], 1, "needs 99: ask for less, as in --interval 0.97");
    refuse(&["price", "houses.csv", "--interval", "1"], 2, "above 0 and below 1");
    let train = ["train", "houses.csv", "--target", "price", "--epochs", "1", "--test", "0", "--out", "blind"];
    chainrule(&folder).args(train).assert().success();
    refuse(&["blind", "houses.csv", "--interval", "0.9"], 1, "train it again, with a share of rows held out");
}

#[test]
fn json_lines_have_the_cells_of_the_csv() {
    let folder = TempDir::new().unwrap();
    models(&folder);
    for model in ["price", "garden"] {
        let csv = predict(&folder, &[model, "houses.csv", "--keep", "house,area"]);
        let json = predict(&folder, &[model, "houses.csv", "--keep", "house,area", "--json"]);
        let heads: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
        assert_eq!(json.lines().count(), 200);
        for (line, object) in csv.lines().skip(1).zip(json.lines()) {
            let object: Value = serde_json::from_str(object).unwrap();
            assert_eq!(object.as_object().unwrap().len(), heads.len());
            for (head, cell) in heads.iter().zip(line.split(',')) {
                match &object[head] {
                    Value::String(text) => assert_eq!(text, cell),
                    number => assert_eq!(number.as_f64().unwrap(), cell.parse::<f64>().unwrap()),
                }
            }
        }
    }
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let folder = TempDir::new().unwrap();
    models(&folder);
    // The damage is in the second block of the text.
    let mut text = "area,note\n".to_owned();
    let note = "x".repeat(1000);
    (0..9000).for_each(|i| text.push_str(&format!("{},{note}\n", 50 + i % 100)));
    text.push_str("many,x\n");
    fs::write(folder.path().join("new.csv"), &text).unwrap();
    fs::write(folder.path().join("p.csv"), "before").unwrap();
    let into_file = ["predict", "price", "new.csv", "--out", "p.csv"];
    chainrule(&folder).args(into_file).assert().code(1).stderr(contains("line 9002").and(contains("area")));
    assert_eq!(fs::read_to_string(folder.path().join("p.csv")).unwrap(), "before");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
    fs::write(folder.path().join("new.csv"), text.replace("many,x\n", ",x\n9,x\n")).unwrap();
    chainrule(&folder)
        .args(into_file)
        .assert()
        .success()
        .stderr(contains("9,002 predictions written to p.csv").and(contains("note: area: 1 row has no value")));
    assert_eq!(fs::read_to_string(folder.path().join("p.csv")).unwrap().lines().count(), 9003);
}

/// The highest memory that a process has had so far, in KiB.
#[cfg(target_os = "linux")]
fn peak(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A text of which nearly all is kept: without streaming, memory would grow by all of it.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_rows() {
    use std::io::Write;
    const MIB: usize = 1 << 20;
    let folder = TempDir::new().unwrap();
    models(&folder);
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("chainrule"))
        .args(["predict", "price", "-", "--keep", "note", "--out", "p.csv"])
        .current_dir(folder.path())
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"area,note\n").unwrap();
    let rows: String = (0..4096).map(|i| format!("{},{:0>250}\n", 50 + i % 100, i * 7919)).collect();
    let (mut written, mut early) = (0, None);
    while written < 200 * MIB {
        input.write_all(rows.as_bytes()).unwrap();
        written += rows.len();
        if written > 50 * MIB {
            early.get_or_insert_with(|| peak(child.id()));
        }
    }
    let (early, late) = (early.unwrap(), peak(child.id()));
    drop(input);
    assert!(child.wait().unwrap().success());
    assert!(late < early + 32 * 1024, "from {early} to {late} KiB while 150 MiB came in");
    assert!(late < 160 * 1024, "{late} KiB");
    let lines = fs::read_to_string(folder.path().join("p.csv")).unwrap().lines().count();
    assert_eq!(lines, 1 + written / rows.len() * 4096);
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_nothing_half_written() {
    use std::io::Write;
    let folder = TempDir::new().unwrap();
    models(&folder);
    let before = fs::read_dir(folder.path()).unwrap().count();
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("chainrule"))
        .args(["predict", "price", "-", "--out", "p.csv"])
        .current_dir(folder.path())
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let rows: String = (0..4096).map(|i| format!("{:0>1000}\n", i)).collect();
    input.write_all(b"area\n").unwrap();
    for _ in 0..8 {
        input.write_all(rows.as_bytes()).unwrap();
    }
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    // It may end before all is read.
    let _ = (0..4).try_for_each(|_| input.write_all(rows.as_bytes()));
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before);
}
