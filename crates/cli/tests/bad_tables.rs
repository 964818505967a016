//! Tables that have something wrong with them: one line that says what, where, and what to do; and tables that only look
//! so, which are read.

use assert_cmd::Command;
use std::fs;
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

/// Runs the command on a table and returns exit code, standard output and standard error.
fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("chainrule").unwrap();
    let output = command.current_dir(folder).args(args).timeout(std::time::Duration::from_secs(60)).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const TRAIN: [&str; 8] = ["train", "t.csv", "--target", "price", "--epochs", "1", "--hidden", "2"];

fn train(folder: &Path, content: &[u8], options: &[&str]) -> (i32, String, String) {
    fs::write(folder.join("t.csv"), content).unwrap();
    run(folder, &[&TRAIN[..], options].concat())
}

#[track_caller]
fn check_message(what: &str, found: (i32, String, String), code: i32, parts: &[&str]) {
    let (found_code, _, message) = found;
    assert_eq!(found_code, code, "{what}: {message}");
    assert!(message.starts_with("error: ") && message.lines().count() == 1, "{what}: {message}");
    for part in parts {
        assert!(message.contains(part), "{what}: {part:?} is not in {message}");
    }
}

/// A table of sixty rows, whose cells a function gives.
fn table(head: &str, row: impl Fn(usize) -> String) -> String {
    std::iter::once(head.to_owned()).chain((0..60).map(row)).map(|line| line + "\n").collect()
}

/// A table without fault.
fn good() -> String {
    table("area,rooms,price", |i| format!("{},{},{}", 50 + i * 37 % 100, 1 + i % 5, 1000 * i + 7))
}

/// The same with the cells of a row replaced, which is then on line 62.
fn with(row: &str) -> Vec<u8> {
    format!("{}{row}\n", good()).into_bytes()
}

fn utf16(text: &str, mark: &[u8], unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    mark.iter().copied().chain(text.encode_utf16().flat_map(unit)).collect()
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap()).collect()
}

#[test]
fn each_is_named_with_place_and_cure() {
    let good = good();
    let towns = |head: &str| latin1(&table(head, |i| format!("{},{},{}", ["Köln", "Bonn"][i % 2], i % 7, i % 3)));
    let of_price =
        |price: fn(usize) -> String| table("area,rooms,price", |i| format!("{},{},{}", i % 9, i % 5, price(i)));
    let (constant, lone) = (of_price(|_| "cat".into()), of_price(|i| format!("c{i}")));
    let folder = TempDir::new().unwrap();
    let case = |content: &dyn AsRef<[u8]>, options: &[&str], parts: &[&str]| {
        let content = content.as_ref();
        let what = format!("{:?} {options:?}", String::from_utf8_lossy(&content[..content.len().min(60)]));
        check_message(&what, train(folder.path(), content, options), 1, &[&["t.csv"], parts].concat());
    };
    // Rows and their ends.
    case(&with("1,2,3,4"), &[], &["line 62", "found 4 fields where the header has 3", "comma or quote"]);
    case(&with("1,2"), &[], &["line 62", "found 2 fields"]);
    case(&with("\"1,2,3\n4,5,6"), &[], &["line 62", "quote", "never closed", "close it"]);
    case(&format!("\"{good}"), &[], &["line 1", "never closed"]);
    case(&good.replace('\n', "\r"), &[], &["carriage return", "save it with"]);
    // The header.
    case(&good.replace("rooms", "area"), &[], &["line 1", "columns 1 and 2", "\"area\"", "rename"]);
    case(&good.replace("rooms", ""), &[], &["line 1", "column 2 has no name"]);
    case(&good.replace("price", "prise"), &[], &["no column \"price\"", "did you mean \"prise\"?"]);
    case(&good.replace(',', ":"), &[], &["\"area:rooms:price\" alone", "semicolon"]);
    case(&good, &["--drop", "aera"], &["no column \"aera\"", "\"area\""]);
    case(&b"", &[], &["is empty"]);
    case(&b"\n \n\n", &[], &["is empty"]);
    case(&b"area,rooms,price\n", &[], &["a header and no rows", "add rows"]);
    case(&b"price\n1\n2\n3\n", &[], &["only the column \"price\"", "add at least one column"]);
    // The target.
    case(&constant, &[], &["every row", "\"cat\"", "choose another target"]);
    case(&of_price(|_| "7".into()), &[], &["every row", "\"7\""]);
    case(&of_price(|_| String::new()), &[], &["\"price\"", "no value in any row", "fill it in"]);
    case(&lone, &[], &["each of the 60 rows", "another class", "choose another target"]);
    case(&good, &["--task", "classify"], &["another class", "ask for regression"]);
    case(&constant, &["--task", "regress"], &["line 2", "\"price\": \"cat\" is not a number"]);
    case(&with("1,2,three"), &[], &["line 62", "\"price\": \"three\" is not a number", "correct it"]);
    case(&with("1,2,-inf"), &[], &["line 62", "\"price\": \"-inf\" is not a finite number", "replace it"]);
    case(&with("1,2,1e300"), &[], &["line 62", "\"price\": \"1e300\" is beyond the range", "larger unit"]);
    // Features.
    case(&with("x,2,3"), &[], &["line 62", "\"area\": \"x\" is not a number", "--categorical area"]);
    case(&with("inf,2,3"), &[], &["line 62", "\"area\": \"inf\" is not a finite number"]);
    case(&with("1e999,2,3"), &[], &["line 62", "\"area\": \"1e999\" is not a finite number"]);
    case(&with("1e300,2,3"), &[], &["line 62", "\"area\": \"1e300\" is beyond the range"]);
    case(&b"area,price\n,1\n,2\n,3\n", &[], &["no column to learn from", "add a column"]);
    // How few rows there may be.
    case(&b"area,price\n1,2\n", &[], &["leaves 1 of its 1 rows", "add rows"]);
    case(&b"area,price\n1,a\n2,b\n", &[], &["each of the 2 rows", "another class"]);
    case(&good, &["--test", "0.999"], &["leaves 1 of its 60 rows", "hold fewer out"]);
    case(&good, &["--validation", "0.999"], &["leaves 1 of its 60 rows", "hold fewer out"]);
    // Other encodings, and files that are no text.
    case(&with("1,\0,3"), &[], &["line 62", "a byte 0", "save it as UTF-8"]);
    case(&utf16(&good, b"", u16::to_le_bytes), &[], &["line 1", "a byte 0"]);
    case(&&utf16(&good, b"\xff\xfe", u16::to_le_bytes)[..99], &[], &["UTF-16"]);
    case(&towns("town,rooms,price"), &[], &["line 2", "\"town\"", "not UTF-8", "save the file as UTF-8"]);
    case(&towns("price,rooms,area"), &[], &["line 2", "\"price\"", "not UTF-8"]);
    case(&towns("Ort,Größe,price"), &[], &["line 1", "not UTF-8", "--encoding windows-1252"]);
    case(&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0", &[], &["a byte 0"]);
    case(&b"PK\x03\x04 and so on", &[], &["not a whole NPZ file"]);
    assert!(!folder.path().join("model.safetensors").exists());
}

#[test]
fn wrong_orders_are_usage() {
    let folder = TempDir::new().unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (&["--test", "1"], &["test share", "below 1"]),
        (&["--validation", "-0.1"], &["validation share"]),
        (&["--folds", "61"], &["--folds 61", "only 60 rows"]),
        (&["--drop", "rooms,price"], &["--drop price", "target"]),
        (&["--numeric", "area", "--categorical", "area"], &["area", "--numeric", "--categorical", "give one of them"]),
    ];
    for (options, parts) in cases {
        check_message(&format!("{options:?}"), train(folder.path(), good().as_bytes(), options), 2, parts);
    }
}

#[test]
fn places_without_a_table() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("sheet.xlsx"), b"PK\x03\x04").unwrap();
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["nowhere.csv", "--target", "price"], 1, &["there is no nowhere.csv", "check the path"]),
        (&["nowhere.csv"], 1, &["there is no nowhere.csv", "check the path"]),
        (&["sales-*.csv", "--target", "price"], 1, &["no file matches sales-*.csv"]),
        (&["empty", "--target", "price"], 2, &["empty is a folder", "'empty/*.csv'"]),
        (&["empty"], 1, &["empty holds no images", "or the files of MNIST"]),
        (&["sheet.xlsx", "--target", "price"], 1, &["sheet.xlsx is a spreadsheet", "save the sheet as CSV"]),
    ];
    for (args, code, parts) in cases {
        check_message(&format!("{args:?}"), run(folder.path(), &[&["train"], *args].concat()), *code, parts);
    }
}

#[test]
fn what_only_looks_wrong_is_read() {
    let good = good();
    let seen = ["area    number                50 to 149", "rooms   number                1 to 5", "price   target"];
    let semicolons = table("area;rooms;price", |i| format!("{},5;{};{},25", i % 9, i % 5, i * i % 17));
    let commas = table("area,rooms,price", |i| format!("\"{},5\",{},\"{},25\"", i % 9, i % 5, i * i % 17));
    let lines = table("area,rooms,price", |i| format!("\"{}\nb\",{},{}", i % 4, i % 5, i * i % 17));
    let gaps = table("area,rooms,price", |i| format!(",{},{}", 1 + i % 5, i * i % 17));
    let lone = table("area,rooms,price", |i| format!("{},{},{}", i % 9, i % 5, if i == 7 { "dog" } else { "cat" }));
    let folder = TempDir::new().unwrap();
    for (what, content, expected) in [
        ("a byte order mark", [b"\xef\xbb\xbf", good.as_bytes()].concat(), &seen[..]),
        ("Windows line ends", good.replace('\n', "\r\n").into_bytes(), &seen),
        ("both", [b"\xef\xbb\xbf", good.replace('\n', "\r\n").as_bytes()].concat(), &seen),
        ("UTF-16", utf16(&good, b"\xff\xfe", u16::to_le_bytes), &seen),
        ("UTF-16, the other way", utf16(&good, b"\xfe\xff", u16::to_be_bytes), &seen),
        ("semicolons", good.replace(',', ";").into_bytes(), &seen),
        ("tabs", good.replace(',', "\t").into_bytes(), &seen),
        ("decimal commas", semicolons.into_bytes(), &["area    number                0.5 to 8.5", "0.25 to 16.25"]),
        (
            "decimal commas in quotes",
            commas.into_bytes(),
            &["area    number                0.5 to 8.5", "0.25 to 16.25"],
        ),
        ("lines in quotes", lines.into_bytes(), &["area    category              4 different"]),
        ("an empty column", gaps.into_bytes(), &["area    empty", "no value in any row (left out)"]),
        ("one row of a class", lone.into_bytes(), &["note: there is only one sample to learn from of \"dog\""]),
        ("two rows", b"area,rooms,price\n1,2,3\n4,5,6.5\n".to_vec(), &["note: there are too few rows to hold 20.00 %"]),
    ] {
        let (code, output, message) = train(folder.path(), &content, &[]);
        assert!(code == 0 && message.is_empty(), "{what}: {message}");
        for part in expected {
            assert!(output.contains(part), "{what}: {part:?} is not in {output}");
        }
    }
    let towns = b"Ort,price\nK\xf6ln,1\nG\xfcstrow,2.5\nK\xf6ln,3\nG\xfcstrow,4\n";
    for name in ["windows-1252", "Latin-1"] {
        let (code, output, message) = train(folder.path(), towns, &["--encoding", name]);
        assert!(code == 0 && output.contains("2 different: Güstrow, Köln"), "{output}{message}");
    }
    let utf16 = utf16(&good, b"", u16::to_be_bytes);
    assert_eq!(train(folder.path(), &utf16, &["--encoding", "utf-16be"]).0, 0);
    let (code, _, message) = train(folder.path(), good.as_bytes(), &["--encoding", "utf-16le"]);
    assert!(code == 1 && message.contains("t.csv"), "{message}");
    let (code, _, message) = train(folder.path(), good.as_bytes(), &["--encoding", "ebcdic"]);
    assert!(code == 2 && message.contains("none of utf-8"), "{message}");
}

#[test]
fn a_table_that_does_not_fit_its_model() {
    let folder = TempDir::new().unwrap();
    let text = table("area,town,day,price", |i| {
        format!("{},{},2024-01-{:02},{}", 50 + i * 37 % 100, ["Bonn", "Ulm"][i % 2], 1 + i % 28, 1000 * i + 7)
    });
    assert_eq!(train(folder.path(), text.as_bytes(), &[]).0, 0);
    let cases: &[(&str, &[&str])] = &[
        ("area,day\n50,2024-01-01\n", &["no column \"town\"", "\"area\", \"day\""]),
        ("area,Town,day\n50,Ulm,2024-01-01\n", &["no column \"town\"", "did you mean \"Town\"?"]),
        (
            "area,town,day\n50,Ulm,2024-01-01\nlarge,Ulm,2024-01-01\n",
            &["line 3", "\"area\": \"large\" is not a number"],
        ),
        ("area,town,day\n50,Ulm,2024-01-01\n60,Ulm,5\n", &["\"day\"", "dates"]),
        ("area,town,day\n1e300,Ulm,2024-01-01\n", &["line 2", "\"area\": \"1e300\" is beyond the range"]),
        ("area,town,day\n50,Ulm\n", &["line 2", "found 2 fields"]),
        ("area,town,day\n", &["no rows"]),
        ("", &["is empty"]),
    ];
    for (content, parts) in cases {
        fs::write(folder.path().join("new.csv"), content).unwrap();
        let found = run(folder.path(), &["predict", "model.safetensors", "new.csv"]);
        check_message(content, found, 1, &[&["new.csv"], *parts].concat());
    }
    // A town is a name, even if it looks like a number.
    fs::write(folder.path().join("new.csv"), "area,town,day\n50,7,2024-01-01\n").unwrap();
    let (code, _, note) = run(folder.path(), &["predict", "model.safetensors", "new.csv"]);
    assert_eq!((code, note.as_str()), (0, "note: town: 1 row has a value that training did not know\n"));
}

/// `start`, and then `byte` a thousand million times, packed.
fn bomb(start: &str, byte: u8) -> Vec<u8> {
    let pack = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    [pack(start.as_bytes()), pack(&vec![byte; 16_000_000]).repeat(63)].concat()
}

#[test]
fn a_field_of_a_gigabyte_takes_no_gigabyte() {
    let folder = TempDir::new().unwrap();
    let cases = [
        ("t.csv", "a,price\n1,2\n3,", b'x', "line 3"),
        ("t.csv", "a,price\n1,2\n3,\"", b'x', "line 3"),
        ("t.csv", "", b'x', "line 1"),
        ("t.csv", "", b',', "line 1"),
        ("t.jsonl", "{\"a\": \"", b'x', "line 1"),
    ];
    for (name, start, byte, line) in cases {
        fs::write(folder.path().join(name), bomb(start, byte)).unwrap();
        let output =
            limited(600).current_dir(folder.path()).args(["train", name, "--target", "price"]).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        let found = (output.status.code().unwrap_or(-1), String::new(), message);
        check_message(
            start,
            found,
            1,
            &[name, line, "does not end within 67108864 bytes", "quote that is never closed"],
        );
    }
}

/// The command with at most so many megabytes, where the system can be told so. The limit is on addresses, of which
/// threads reserve more than they use.
fn limited(megabytes: usize) -> Command {
    if cfg!(not(target_os = "linux")) {
        return Command::cargo_bin("chainrule").unwrap();
    }
    let mut command = Command::new("sh");
    let script = format!("ulimit -v {megabytes}000; exec \"$@\"");
    command.args(["-c", &script, "sh"]).arg(assert_cmd::cargo::cargo_bin("chainrule"));
    command
}

#[cfg(target_os = "linux")]
#[test]
fn a_network_that_memory_cannot_hold_is_refused() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("t.csv"), "a,price\n1,2\n3,4\n5,6\n7,8\n").unwrap();
    let train = |more: &[&str]| {
        let args = ["train", "t.csv", "--target", "price", "--epochs", "1"];
        let output = limited(600).current_dir(folder.path()).args(args).args(more).output().unwrap();
        (output.status.code().unwrap_or(-1), String::new(), String::from_utf8(output.stderr).unwrap())
    };
    let wanted = ["3600240001 parameters takes 57.6 GB", "is not to be had", "fewer neurons"];
    check_message("hidden", train(&["--hidden", "60000,60000"]), 2, &wanted);
    let words = "dense 20000, relu, dense 20000, relu, dense 1";
    check_message("words", train(&["--model", words, "--optimizer", "sgd"]), 2, &["1.6 GB", "is not to be had"]);
    assert!(!folder.path().join("model.safetensors").exists());
}

#[test]
fn a_million_columns_are_refused() {
    let folder = TempDir::new().unwrap();
    let names: Vec<String> = (0..1_000_000).map(|column| format!("c{column}")).collect();
    let content = format!("{}\n{}1\n", names.join(","), "1,".repeat(999_999));
    let found = train(folder.path(), content.as_bytes(), &[]);
    check_message("a million columns", found, 1, &["t.csv", "1000000 columns", "at most 100000", "keep only"]);
}
