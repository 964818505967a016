//! Trainings that are killed: what is there afterwards can be read, and a resume ends in the same bytes.
//!
//! `KILLS=200 cargo test --release -p chainrule-cli --test all kill` kills more often.

use assert_cmd::cargo::cargo_bin;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn train(folder: &Path, out: &str, checkpoint: Option<&str>) -> Child {
    let mut command = Command::new(cargo_bin("chainrule"));
    command.current_dir(folder).args(["train", "points.csv", "--target", "side", "--epochs", "12", "--dropout", "0.1"]);
    command.args(["--batch-size", "8", "--out", out]);
    if let Some(checkpoint) = checkpoint {
        command.args(["--checkpoint", checkpoint, "--every", "7steps", "--resume"]);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Every file that is there under its final name can be read, whenever the writer died.
fn check_files(run: &Path) {
    for name in ["last.safetensors", "best.safetensors"] {
        let path = run.join(name);
        if path.exists() {
            let bytes = fs::read(&path).unwrap();
            assert!(chainrule::Model::from_bytes(&bytes).is_ok(), "{} is damaged", path.display());
        }
    }
}

#[test]
fn a_killed_training_goes_on_to_the_same_bytes() {
    let wanted: usize = std::env::var("KILLS").map_or(20, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut text = "x,y,side\n".to_owned();
    for i in 0..400 {
        let (x, y) = (i * 37 % 101, i * 53 % 97);
        text.push_str(&format!("{x},{y},{}\n", if x * 3 > y * 2 + i % 7 { "above" } else { "below" }));
    }
    fs::write(folder.path().join("points.csv"), text).unwrap();
    let begin = Instant::now();
    assert!(train(folder.path(), "whole.safetensors", None).wait().unwrap().success());
    let whole = fs::read(folder.path().join("whole.safetensors")).unwrap();
    // A run with checkpoints takes longer than one without; so kills fall into all of it.
    let longest = begin.elapsed().as_micros() as u64 * 2;

    let (mut kills, mut ended, mut dice) = (0, 0, 1u64);
    while kills < wanted || ended == 0 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = train(folder.path(), "model.safetensors", Some("run"));
        std::thread::sleep(Duration::from_micros((dice >> 33) % longest));
        let running = kills < wanted && child.try_wait().unwrap().is_none();
        if running {
            child.kill().unwrap();
            kills += 1;
        }
        let status = child.wait().unwrap();
        check_files(&folder.path().join("run"));
        if !running {
            assert!(status.success());
            assert!(fs::read(folder.path().join("model.safetensors")).unwrap() == whole, "after {kills} kills");
            ended += 1;
            fs::remove_dir_all(folder.path().join("run")).unwrap();
        }
    }
    println!("{kills} kills, {ended} trainings ended in the same bytes");
}
