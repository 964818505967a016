//! Trainings that cannot be: what is said, before any work is done.

use crate::train::{chainrule, gzip, idx, images, table};
use predicates::prelude::*;
use predicates::str::contains;
use std::fs;
use tempfile::TempDir;

#[test]
fn a_convolution_that_cannot_be_says_why() {
    let folder = TempDir::new().unwrap();
    images(folder.path());
    table(folder.path());
    let cases: &[(&[&str], i32, &str)] = &[
        (&["train", "images", "--model", "conv 5x5 6, dense 4"], 2, "5x5 is larger than the plane of 4x4"),
        (&["train", "images", "--model", "conv 3 6, rleu, dense 4"], 2, "did you mean `relu`?"),
        (&["train", "images", "--model", "conv 3 6, relu, dense 5"], 1, "there are 4 classes"),
        (&["train", "images", "--model", "5x5, conv 3 6, dense 4"], 1, "the network takes 25 inputs"),
        (&["train", "houses.csv", "--target", "price", "--model", "conv 3 6, dense 1"], 2, "2 numbers without height"),
        (&["summary", "conv 3 6, dense 1"], 2, "say first what the network takes"),
        (&["summary", "28x28, conv 3 4000000000, dense 4000000000"], 2, "fit into memory"),
    ];
    for (args, code, message) in cases {
        chainrule(&folder).args(*args).assert().code(*code).stderr(contains(*message));
    }
    assert!(!folder.path().join("model.safetensors").exists());
}

#[test]
fn wrong_usage_exits_with_2() {
    let folder = TempDir::new().unwrap();
    images(folder.path());
    table(folder.path());
    let cases: &[(&[&str], &str)] = &[
        (&["images", "--activation", "rleu"], "did you mean `relu`?"),
        (&["images", "--optimizer", "adma"], "did you mean `adam`?"),
        (&["images", "--loss", "cross-entrpy"], "did you mean `cross-entropy`?"),
        (&["images", "--schedule", "cosin"], "did you mean `cosine`?"),
        (&["images", "--init", "he-norml"], "did you mean `he-normal`?"),
        (&["images", "--optimizer", "momentum:1.5"], "at least 0 and below 1"),
        (&["images", "--model", "16-0-4"], "0 neurons"),
        (&["images", "--lr", "-1"], "learning rate must be above 0"),
        (&["images", "--dropout", "1"], "dropout must be"),
        (&["images", "--validation", "1.5"], "validation share"),
        (&["images", "--validation", "0", "--patience", "3"], "patience needs a validation share"),
        (&["images", "--epochs", "0"], "whole number from 1"),
        (&["images", "--target", "x"], "--target is for tables"),
        (&["images", "--test", "0.3"], "--test is for image files, and images holds IDX files"),
        (&["images", "--model", "16-4", "--hidden", "3"], "cannot be used with"),
        (&["images", "--model", "dense 8, relu, dense 2", "--activation", "tanh"], "write them there"),
        (&["houses.csv"], "--target price"),
        (&["houses.csv", "--target", "price", "--test", "2"], "test share"),
        (&["images", "--epoch", "3"], "--epochs"),
    ];
    for (args, message) in cases {
        chainrule(&folder).arg("train").args(*args).assert().code(2).stderr(contains(*message));
    }
    assert!(!folder.path().join("model.safetensors").exists());
}

#[test]
fn a_network_that_does_not_fit_says_which_sizes_would() {
    let folder = TempDir::new().unwrap();
    images(folder.path());
    let train = ["train", "images", "--model", "17-8-5"];
    chainrule(&folder).args(train).assert().code(1).stderr(contains("begins with 16-").and(contains("ends with -4")));
}

#[test]
fn damaged_data_is_named_with_file_and_cure() {
    let folder = TempDir::new().unwrap();
    let data = images(folder.path());
    let images = data.join("train-images-idx3-ubyte.gz");
    let labels = data.join("train-labels-idx1-ubyte");
    let (good_images, good_labels) = (fs::read(&images).unwrap(), fs::read(&labels).unwrap());
    let train = || chainrule(&folder).args(["train", "images"]).assert().code(1);
    let mut broken = good_images.clone();
    let middle = broken.len() / 2;
    broken[middle..middle + 8].fill(0xAA);
    let half = good_images[..good_images.len() / 2].to_vec();
    let huge = gzip(&idx(&[4_000_000_000, 60_000, 60_000], &[1, 2, 3]));
    for damaged in [Vec::new(), broken, half, huge, b"text".to_vec()] {
        fs::write(&images, damaged).unwrap();
        train().stderr(contains("train-images-idx3-ubyte.gz").and(contains("panicked").not()));
    }
    fs::write(&images, &good_images).unwrap();
    for damaged in [idx(&[199], &good_labels[8..207]), good_labels[..50].to_vec(), Vec::new()] {
        fs::write(&labels, damaged).unwrap();
        train().stderr(contains("train-").and(contains("panicked").not()));
    }
    fs::remove_file(&labels).unwrap();
    train().stderr(contains("train-labels"));
    chainrule(&folder).args(["train", "nowhere"]).assert().code(1).stderr(contains("nowhere"));
    assert!(!folder.path().join("model.safetensors").exists());
}

#[test]
fn a_label_that_training_did_not_know_is_an_error() {
    let folder = TempDir::new().unwrap();
    let data = images(folder.path());
    let mut labels: Vec<u8> = (0..40).map(|i| i % 4).collect();
    labels[7] = 9;
    fs::write(data.join("t10k-labels-idx1-ubyte"), idx(&[40], &labels)).unwrap();
    chainrule(&folder).args(["train", "images"]).assert().code(1).stderr(contains("t10k-labels").and(contains('9')));
}

#[test]
fn damaged_tables_are_named_with_line_and_column() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("t.csv");
    let numbers: String = (0..40).map(|i| format!("{i},{}\n", i % 3)).collect();
    let one_text = format!("a,price\n{numbers}x,3\n");
    let cases: &[(&[u8], &str)] = &[
        (b"", "empty"),
        (b"a,price\n", "t.csv"),
        (b"a,price\n1,2\n1,2,3\n", "line 3"),
        (one_text.as_bytes(), "line 42"),
        (b"a,price\n,2\nNA,3\n?,4\n", "no column to learn from"),
        (b"a,price\n1,2\ninf,3\n", "inf"),
        (b"a,a,price\n1,2,3\n", "a"),
        (b"a,prise\n1,2\n", "prise"),
        (b"a,price\n\xFF\xFE,2\n", "t.csv"),
    ];
    for (content, message) in cases {
        fs::write(&path, content).unwrap();
        chainrule(&folder)
            .args(["train", "t.csv", "--target", "price"])
            .assert()
            .code(1)
            .stderr(contains(*message).and(contains("t.csv")).and(contains("panicked").not()));
    }
}

#[test]
fn places_that_cannot_be_written_are_found_before_the_work() {
    let folder = TempDir::new().unwrap();
    images(folder.path());
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    for out in ["nowhere/m.safetensors", "elsewhere"] {
        chainrule(&folder)
            .args(["train", "images", "--out", out])
            .assert()
            .code(1)
            .stdout("")
            .stderr(contains("cannot be written").and(contains(out)));
    }
    fs::write(folder.path().join("m"), b"not a model").unwrap();
    chainrule(&folder)
        .args(["evaluate", "m", "images"])
        .assert()
        .code(1)
        .stderr(contains("not a model that can be used"));
    chainrule(&folder).args(["predict", "gone", "images"]).assert().code(1).stderr(contains("gone"));
}
