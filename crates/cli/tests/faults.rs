//! Disks that are full, folders that cannot be written to, files that are damaged, runs that are ended, readers that go
//! away: what was there stays as it was, nothing is left lying about, and the error says what to do.

#![cfg(unix)]

use assert_cmd::cargo::cargo_bin;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

const TRAIN: [&str; 4] = ["train", "points.csv", "--target", "side"];
/// A training with checkpoints that takes longer than a test.
const LONG: [&str; 9] =
    ["train", "points.csv", "--target", "side", "--epochs", "20000", "--checkpoint", "run", "--resume"];

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "x,y,side\n".to_owned();
    for i in 0..100 {
        let (x, y) = (i * 37 % 101, i * 53 % 97);
        text.push_str(&format!("{x},{y},{}\n", if x * 3 > y * 2 { "above" } else { "below" }));
    }
    fs::write(folder.path().join("points.csv"), text).unwrap();
    folder
}

fn chainrule(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin("chainrule"));
    command.current_dir(folder).args(args);
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    chainrule(folder, args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The message of a run that has to fail, on one line.
#[track_caller]
fn failed(output: &Output) -> String {
    let message = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.starts_with("error: ") && message.lines().count() == 1, "{message}");
    message
}

#[track_caller]
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message}");
    }
}

/// All files below a folder, but for the lock, which is empty.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("lock") {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[track_caller]
fn assert_same(before: &BTreeMap<PathBuf, Vec<u8>>, after: &BTreeMap<PathBuf, Vec<u8>>) {
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    assert!(before == after, "a file has changed");
}

/// Starts a long training and waits until it has done some epochs.
fn start(folder: &Path) -> Child {
    let mut child = chainrule(folder, &LONG).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.by_ref().filter(|line| line.starts_with("epoch")).nth(2).expect("three epochs");
    // The pipe is read to its end, so that the training goes on.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

fn send(signal: &str, child: &Child) {
    Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
}

/// A folder with a training that was ended: its checkpoint, its best model, and the model that it wrote.
fn ended() -> TempDir {
    let folder = folder();
    let mut child = start(folder.path());
    send("-TERM", &child);
    assert!(child.wait().unwrap().success());
    for name in ["run/last.safetensors", "run/best.safetensors", "model.safetensors"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    folder
}

/// Runs where no file may grow beyond half a KiB, which needs no rights.
fn run_limited(folder: &Path, args: &[&str]) -> Output {
    let limit = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
    let program = cargo_bin("chainrule");
    Command::new("sh").args(["-c", limit, "sh"]).arg(program).args(args).current_dir(folder).output().unwrap()
}

/// Runs in a copy of the folder on a disk of its own, which `prepare` fills or locks, and gives what is there afterwards.
/// `None` where a disk cannot be mounted, not even in a name space of one's own.
fn run_mounted(folder: &Path, prepare: &str, args: &[&str]) -> Option<(Output, BTreeMap<PathBuf, Vec<u8>>)> {
    let place = tempfile::tempdir().unwrap();
    for part in ["disk", "after"] {
        fs::create_dir(place.path().join(part)).unwrap();
    }
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs disk && cp -r \"$1\"/. disk && cd disk && {prepare} && touch ../mounted || exit
         shift
         \"$@\"; code=$?
         rm -f fill; cp -r . ../after; exit $code"
    );
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", &script, "sh"])
        .arg(folder)
        .arg(cargo_bin("chainrule"))
        .args(args)
        .current_dir(place.path())
        .output()
        .ok()?;
    if !place.path().join("mounted").exists() {
        eprintln!("no disk can be mounted here: {}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    Some((output, files(&place.path().join("after"))))
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let folder = ended();
    let folder = folder.path();
    assert!(run(folder, &["predict", "model.safetensors", "points.csv", "--out", "p.csv"]).status.success());
    let before = files(folder);
    let anew = [&TRAIN[..], &["--epochs", "3"]].concat();
    let cases: [(&[&str], &str); 3] = [
        (&LONG, "run/"),
        (&anew, "model.safetensors"),
        (&["predict", "model.safetensors", "points.csv", "--out", "p.csv"], "p.csv"),
    ];
    for (args, place) in cases {
        let check = |output: Output, reason: &str, after: &BTreeMap<PathBuf, Vec<u8>>| {
            let message = failed(&output);
            assert_says(&message, &[place, "cannot be written", reason, "make room, or choose another place"]);
            assert_eq!(message.contains("--resume goes on from it"), args == LONG, "{message}");
            assert_same(&before, after);
        };
        check(run_limited(folder, args), "File too large", &files(folder));
        if let Some((output, after)) = run_mounted(folder, "{ cat /dev/zero > fill 2> /dev/null || true; }", args) {
            check(output, "No space left", &after);
        }
    }
    // With room again, it goes on from where it was.
    let mut child = start(folder);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn places_that_cannot_be_written_to_are_named() {
    let folder = ended();
    let folder = folder.path();
    let before = files(folder);
    let fails = |option: &str, place: &str, cure: &str| {
        let message = failed(&run(folder, &[&TRAIN[..], &["--epochs", "1", option, place]].concat()));
        assert_says(&message, &[place, cure]);
        assert_same(&before, &files(folder));
    };
    // A file instead of a folder stops the superuser as well.
    fails("--checkpoint", "points.csv/run", "check the path");
    fails("--checkpoint", "points.csv", "check the path");
    fails("--out", "points.csv/m.safetensors", "check the path");
    fails("--out", "nowhere/m.safetensors", "check the path");

    let locked = folder.join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    if fs::write(locked.join("probe"), "").is_err() {
        fails("--checkpoint", "locked", "may be written to");
        fails("--out", "locked/m.safetensors", "may be written to");
    }
    let read_only = "mount -o remount,bind,ro .";
    let elsewhere = [&LONG[..], &["--out", "../m.safetensors"]].concat();
    for (args, place) in [(&elsewhere[..], "run"), (&TRAIN, "model.safetensors")] {
        if let Some((output, after)) = run_mounted(folder, read_only, args) {
            assert_says(&failed(&output), &[place, "Read-only", "may be written to"]);
            assert_eq!(after.len(), files(folder).len());
        }
    }
}

#[test]
fn what_a_killed_training_left_is_cleared_away() {
    let folder = ended();
    let run_folder = folder.path().join("run");
    fs::write(run_folder.join(".checkpoint-a1B2c3"), "half a file").unwrap();
    fs::write(run_folder.join("notes"), "mine").unwrap();
    let mut child = start(folder.path());
    send("-TERM", &child);
    assert!(child.wait().unwrap().success());
    let left = files(&run_folder);
    let names: Vec<&str> = left.keys().map(|name| name.to_str().unwrap()).collect();
    assert_eq!(names, ["best.safetensors", "last.safetensors", "notes"]);
}

#[test]
fn damaged_checkpoints_are_named_and_kept() {
    let folder = ended();
    for name in ["run/last.safetensors", "run/best.safetensors"] {
        let path = folder.path().join(name);
        let whole = fs::read(&path).unwrap();
        for length in [0, 7, 100, 1000] {
            fs::write(&path, &whole[..length]).unwrap();
            let before = files(folder.path());
            let message = failed(&run(folder.path(), &LONG));
            assert_says(&message, &[name, "cut short", "give another folder, or remove the file"]);
            let message = failed(&run(folder.path(), &["predict", name, "points.csv"]));
            assert_says(&message, &[name, "not a model that can be used"]);
            assert_same(&before, &files(folder.path()));
        }
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_folder_of_another_training_is_kept() {
    let folder = ended();
    let before = files(folder.path());
    let other = |options: &[&str]| failed(&run(folder.path(), &[&LONG[..], options].concat()));
    assert_says(&other(&["--hidden", "3"]), &["of another training: the network differs", "give another folder"]);
    assert_says(&other(&["--seed", "9"]), &["run/", "seed was 0 and is 9"]);
    let anew = &LONG[..LONG.len() - 1];
    assert_says(&failed(&run(folder.path(), anew)), &["run/last.safetensors", "is there already", "another folder"]);
    assert_same(&before, &files(folder.path()));

    // A best model alone may be one that somebody keeps.
    fs::remove_file(folder.path().join("run/last.safetensors")).unwrap();
    let before = files(folder.path());
    assert_says(&failed(&run(folder.path(), anew)), &["run/best.safetensors", "is there already"]);
    assert_says(&other(&["--hidden", "3"]), &["run/best.safetensors", "of another training"]);
    assert_same(&before, &files(folder.path()));
}

#[test]
fn a_folder_in_use_is_refused_until_its_training_is_killed() {
    let folder = folder();
    let mut first = start(folder.path());
    let message = failed(&run(folder.path(), &LONG));
    assert_says(&message, &["run", "another training writes its checkpoints here", "give another folder"]);
    first.kill().unwrap();
    first.wait().unwrap();
    let mut second = start(folder.path());
    send("-INT", &second);
    assert!(second.wait().unwrap().success());
}

#[test]
fn a_training_that_is_ended_goes_on_to_the_same_bytes() {
    let folder = folder();
    let args = |out| [&TRAIN[..], &["--epochs", "400", "--out", out]].concat();
    assert!(run(folder.path(), &args("whole.safetensors")).status.success());
    let with_checkpoints = [&args("model.safetensors")[..], &["--checkpoint", "run", "--resume"]].concat();
    let mut ended = Vec::new();
    for signal in ["-TERM", "-INT", ""] {
        let mut child = chainrule(folder.path(), &with_checkpoints).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        if !signal.is_empty() {
            lines.by_ref().filter(|line| line.starts_with("epoch")).nth(5).expect("six epochs");
            send(signal, &child);
        }
        ended
            .push(lines.filter(|line| line.starts_with("interrupted") || line.starts_with("done")).collect::<String>());
        assert!(child.wait().unwrap().success());
    }
    let starts = ["interrupted", "interrupted", "done"];
    assert!(ended.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{ended:?}");
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert!(read("model.safetensors") == read("whole.safetensors"));
}

#[test]
fn a_model_whose_place_went_away_is_not_lost() {
    let folder = folder();
    let place = folder.path().join("there");
    fs::create_dir(&place).unwrap();
    let args = ["train", "points.csv", "--target", "side", "--epochs", "20000", "--out", "there/model.safetensors"];
    let mut command = chainrule(folder.path(), &args);
    let mut child = command.env("TMPDIR", folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("epoch")));
    fs::remove_dir_all(&place).unwrap();
    send("-INT", &child);
    lines.for_each(drop);
    let message = failed(&child.wait_with_output().unwrap());
    assert_says(&message, &["the model was written to", "there/model.safetensors", "cannot be written"]);
    let name = files(folder.path()).into_keys().find(|path| path.to_string_lossy().contains("chainrule-")).unwrap();
    assert!(run(folder.path(), &["evaluate", name.to_str().unwrap(), "points.csv"]).status.success());
}

/// One run of each subcommand.
fn every_subcommand() -> Vec<Vec<&'static str>> {
    let train = [&TRAIN[..], &["--epochs", "2", "--out", "new.safetensors"]].concat();
    let with = |options: &[&'static str]| [&train[..], options].concat();
    vec![
        vec!["grad", "x * y", "x=1", "y=2"],
        vec!["summary", "3-4-1"],
        with(&[]),
        with(&["--json"]),
        with(&["--show-plan"]),
        with(&["--folds", "2"]),
        vec!["evaluate", "model.safetensors", "points.csv"],
        vec!["predict", "model.safetensors", "points.csv"],
        vec!["explain", "model.safetensors", "points.csv", "--row", "0"],
        vec!["completions", "bash"],
        vec!["--help"],
        vec!["train", "--help"],
        vec!["--version"],
    ]
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = ended();
    for args in every_subcommand() {
        let mut child = chainrule(folder.path(), &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && message.is_empty(), "{args:?}: {message}");
    }
    // What was learned is written all the same.
    assert!(folder.path().join("new.safetensors").exists());
    let piped = format!("'{}' predict model.safetensors points.csv | head -n 1", cargo_bin("chainrule").display());
    let output = Command::new("sh").args(["-c", &piped]).current_dir(folder.path()).output().unwrap();
    assert_eq!((stdout(&output).trim_end(), output.stderr.len()), ("row,side,p_above,p_below", 0));
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let folder = ended();
    let full = || fs::File::create("/dev/full").unwrap();
    for args in every_subcommand() {
        let output = chainrule(folder.path(), &args).stdout(full()).stderr(Stdio::piped()).output().unwrap();
        assert_says(&failed(&output), &["standard output cannot be written", "No space left", "make room"]);
        let unheard = chainrule(folder.path(), &args).stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(unheard.code(), Some(1), "{args:?}");
    }
    assert!(folder.path().join("new.safetensors").exists());
}
