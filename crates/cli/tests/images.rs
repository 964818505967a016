//! Folders of image files, from outside: trained on, evaluated, predicted and explained.

use assert_cmd::Command;
use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn chainrule(folder: &TempDir) -> Command {
    let mut command = Command::cargo_bin("chainrule").unwrap();
    command.current_dir(folder.path());
    command
}

fn save(folder: &TempDir, name: &str, image: impl Into<DynamicImage>) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image.into().save(path).unwrap();
}

/// Whether a pixel of 8 x 8 is on the bar number `number` of a class.
fn on_bar(class: &str, number: u32, x: u32, y: u32) -> bool {
    let place = if class == "lying" { y } else { x };
    place == number % 8
}

/// Bars that lie or stand, 40 of each, of some colour.
fn bars(folder: &TempDir, inside: &str, colours: bool) {
    for class in ["standing", "lying"] {
        for number in 0..40 {
            let bright = (200 + number) as u8;
            let name = format!("{inside}/{class}/{number:02}.png");
            if colours {
                let pixel =
                    |x, y| if on_bar(class, number, x, y) { Rgb([bright, 255 - bright, 100]) } else { Rgb([0; 3]) };
                save(folder, &name, RgbImage::from_fn(8, 8, pixel));
            } else {
                let pixel = |x, y| Luma([if on_bar(class, number, x, y) { bright } else { 0 }]);
                save(folder, &name, GrayImage::from_fn(8, 8, pixel));
            }
        }
    }
}

const CONVOLUTION: &str = "conv 3x3 4, relu, maxpool 2, dense 2";

#[test]
fn colours_are_learned_by_a_convolution() {
    let folder = TempDir::new().unwrap();
    bars(&folder, "bars", true);
    let train = ["train", "bars", "--model", CONVOLUTION, "--augment", "shift 1, flip", "--epochs", "60", "--json"];
    let done = chainrule(&folder).args(train).assert().success();
    let events: Vec<Value> = String::from_utf8(done.get_output().stdout.clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["network"], "3x8x8, conv 3x3 4, relu, maxpool 2, dense 2");
    assert_eq!(events[0]["samples"], serde_json::json!({"train": 64, "validation": 0, "test": 16}));
    assert_eq!(events[0]["recipe"]["augment"], "shift 1, flip");

    let evaluate = ["evaluate", "model.safetensors", "bars", "--json"];
    let done = chainrule(&folder).args(evaluate).assert().success();
    let scores: Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    assert_eq!(scores["samples"], 80);
    assert_eq!(scores["classes"], serde_json::json!(["lying", "standing"]));
    assert!(scores["accuracy"].as_f64().unwrap() > 0.95, "{scores}");

    let done = chainrule(&folder).args(["predict", "model.safetensors", "bars"]).assert().success();
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    assert!(text.starts_with("row,file,class,p_lying,p_standing\n0,lying/00.png,"), "{text}");
    assert_eq!(text.lines().count(), 81);

    // A larger one, alone, is brought to the size of the others.
    let pixel = |x, y| if on_bar("lying", 4, x / 3, y / 3) { Rgb([220, 35, 100]) } else { Rgb([0; 3]) };
    save(&folder, "one.png", RgbImage::from_fn(24, 24, pixel));
    let one = chainrule(&folder).args(["predict", "model.safetensors", "one.png", "--json"]).assert().success();
    let one = one.stderr(contains("note: 1 image was brought to the 8 x 8 pixels that the model takes"));
    let row: Value = serde_json::from_slice(&one.get_output().stdout).unwrap();
    assert_eq!((&row["file"], &row["class"]), (&"one.png".into(), &"lying".into()));

    let explain = ["explain", "model.safetensors", "bars", "--row", "3"];
    chainrule(&folder).args(explain).assert().success().stdout(contains("Row 3 of bars").and(contains("= lying")));
    let unlabelled = ["evaluate", "model.safetensors", "one.png"];
    chainrule(&folder).args(unlabelled).assert().code(1).stderr(contains("no target to compare with: use predict"));
}

#[test]
fn given_parts_are_kept_and_grey_stays_grey() {
    let folder = TempDir::new().unwrap();
    bars(&folder, "bars/train", false);
    bars(&folder, "bars/test", false);
    fs::write(folder.path().join("bars/train/lying/notes.txt"), "none").unwrap();
    save(&folder, "bars/test/.thumbnails/00.png", GrayImage::new(1, 1));
    let train = ["train", "bars", "--hidden", "16", "--epochs", "40"];
    let done = chainrule(&folder).args(train).assert().success();
    done.stdout(
        contains("80 samples to train, 0 to validate, 80 to test")
            .and(contains("64-16-2"))
            .and(contains("left out, since they are no images: bars/train/lying/notes.txt")),
    );
    for (part, text) in [("train", "bars/train  80 samples"), ("test", "bars/test  80 samples")] {
        let evaluate = ["evaluate", "model.safetensors", "bars", "--part", part];
        chainrule(&folder).args(evaluate).assert().success().stdout(contains(text));
    }
    // A folder of no class: nothing to compare with, but to predict from.
    fs::rename(folder.path().join("bars/test/lying"), folder.path().join("bars/test/sitting")).unwrap();
    let wrong = ["evaluate", "model.safetensors", "bars"];
    chainrule(&folder).args(wrong).assert().code(1).stderr(contains("sitting is the folder of no class"));
    chainrule(&folder)
        .args(["predict", "model.safetensors", "bars"])
        .assert()
        .success()
        .stdout(contains("sitting/00.png"));
}

#[test]
fn what_goes_wrong_says_what_to_do() {
    let folder = TempDir::new().unwrap();
    bars(&folder, "bars", false);
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("t.csv"), "a,b\n1,2\n3,4\n").unwrap();
    let fails = |args: &[&str], code: i32, text: &str| {
        let done = chainrule(&folder).args(args).assert().code(code).stderr(contains(text));
        let message = String::from_utf8(done.get_output().stderr.clone()).unwrap();
        assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    };
    fails(&["train", "empty"], 1, "empty holds no images (.png, .jpg or .jpeg); give a folder");
    fails(&["train", "bars/lying"], 1, "bars/lying has images but no folders of them");
    fails(&["train", "t.csv", "--target", "b", "--resize", "8x8"], 2, "--resize is for folders of images");
    fails(&["train", "bars", "--target", "b"], 2, "--target is for tables");
    fails(&["train", "bars", "--test", "1"], 2, "the test share must be at least 0 and below 1");
    fails(&["train", "bars", "--augment", "cutout 9"], 1, "a cutout of 9 pixels leaves nothing of images of 8x8");
    fails(&["train", "t.csv", "--target", "b", "--task", "regress", "--augment", "flip"], 1, "no images to augment");
    save(&folder, "bars/lying/large.png", GrayImage::new(16, 8));
    fails(&["train", "bars"], 1, "large.png is 8 x 16 (height x width); give --resize 8x8");
    chainrule(&folder).args(["train", "bars", "--resize", "8x8", "--epochs", "1"]).assert().success();
    fs::write(folder.path().join("bars/lying/large.png"), b"no image").unwrap();
    fails(&["train", "bars"], 1, "large.png cannot be read as an image");
    fails(&["predict", "model.safetensors", "t.csv"], 1, "t.csv cannot be read as an image");
    for (option, text) in [
        (["--augment", "rotat 3"], "did you mean `rotate`?"),
        (["--resize", "8"], "as in 32x32"),
        (["--channels", "blue"], "grey or rgb"),
    ] {
        let done = chainrule(&folder).args(["train", "bars"]).args(option).assert().code(2);
        done.stderr(contains(text));
    }
    assert!(Path::new(folder.path()).join("model.safetensors").exists());
}
