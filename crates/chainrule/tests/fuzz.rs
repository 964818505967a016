//! The inputs that are kept for the fuzz targets (`fuzz/`), through the same functions, on every run of the tests.
//!
//! `UPDATE=1 cargo test -p chainrule --test all fuzz` writes the seeds of the model file anew, if its format has changed.

#[path = "../../../fuzz/src/lib.rs"]
pub mod bodies;

use crate::common::StopAfter;
use bodies::TARGETS;
use chainrule::data::{Encoder, Kinds, LevelOptions, ReadOptions, Scaling, read_frame};
use chainrule::{Activation, Loss, Measure, Mlp, MlpBuilder, Model, TargetScale, Task};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(name)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = read.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn kept_inputs_are_refused_in_a_line_or_usable() {
    for (name, target) in TARGETS {
        let (mut accepted, mut longest) = (0, Duration::ZERO);
        for input in ["seeds", "corpus"].iter().flat_map(|kept| entries(&folder(kept).join(name))) {
            // A panic says by itself what does not hold; the input that did it is the last one printed.
            println!("{}", input.display());
            let (bytes, start) = (fs::read(&input).unwrap(), Instant::now());
            accepted += usize::from(target(&bytes));
            longest = longest.max(start.elapsed());
        }
        assert!(accepted > 0, "{name}: no input gets past the first check any more");
        assert!(longest < Duration::from_secs(5), "{name}: an input took {longest:?}");
    }
}

#[test]
fn each_target_has_its_program_and_its_inputs() {
    let names = |folder: PathBuf| -> BTreeSet<String> {
        entries(&folder).iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    // The reader of ONNX lies above this crate, and has a test of its own.
    let expected: BTreeSet<String> = TARGETS.iter().map(|(name, _)| *name).chain(["onnx"]).map(str::to_owned).collect();
    for kept in ["fuzz_targets", "seeds", "corpus"] {
        assert_eq!(names(folder(kept)), expected, "{kept}");
    }
}

/// A model file as the three lines that the targets read: description, tensors, numbers.
fn lines(file: &[u8]) -> Vec<u8> {
    let (length, rest) = file.split_at(8);
    let (header, numbers) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
    let mut header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(header).unwrap();
    let metadata = header.shift_remove("__metadata__").unwrap();
    let tensors = serde_json::to_string(&header).unwrap();
    [metadata["chainrule"].as_str().unwrap(), "\n", &tensors, "\n"]
        .concat()
        .into_bytes()
        .into_iter()
        .chain(numbers.to_vec())
        .collect()
}

fn models() -> Vec<(&'static str, Model)> {
    let model = |builder: MlpBuilder| builder.build().unwrap().model;
    let classes = model(Mlp::builder().input(3).hidden(4, Activation::Gelu).output(2));
    let mut value = model(Mlp::builder().input(2).output(1).loss(Loss::Huber { delta: 1.0 }));
    value.task = Task::Values(vec![Measure { shift: 3.0, deviation: 2.0, scale: TargetScale::Plain }]);
    value.scaling = Scaling::Columns { shift: vec![1.0, 2.0], scale: vec![0.5, 0.25] };
    let mut image = model(Mlp::builder().input(4).output(1).loss(Loss::BinaryCrossEntropy));
    image.task = Task::Classes(vec!["no".to_owned(), "yes".to_owned()]);
    image.image = Some((2, 2));
    image.scaling = Scaling::Uniform { shift: 0.0, scale: 1.0 / 255.0 };
    let encoder = encoder();
    let mut table = model(Mlp::builder().input(encoder.width()).output(2));
    table.features = encoder.feature_names();
    table.encoder = Some(encoder);
    vec![("classes", classes), ("value", value), ("image", image), ("table", table)]
}

/// An encoder with a column of each kind and each scale.
fn encoder() -> Encoder {
    let file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    let row = |i: i32| {
        let (tail, both, year) = (10f64.powi(i % 9), if i == 0 { -1e9 } else { f64::from(i) }, 1990 + i);
        format!("{i},{tail},{both},{},{},{year}-01-0{}\n", ["a", "b", "c"][i as usize % 3], i % 2 == 0, 1 + i % 9)
    };
    let rows: String = (0..30).map(row).collect();
    fs::write(file.path(), format!("n,tail,both,city,old,day\n{rows},,,,,\n")).unwrap();
    let frame = read_frame(&[file.path()], &ReadOptions::default()).unwrap();
    let rows: Vec<u32> = (0..frame.rows() as u32).collect();
    let kinds = Kinds::infer(&frame, &rows, &[], &ReadOptions::default()).unwrap();
    Encoder::fit(&frame, &rows, &kinds, &LevelOptions::default()).unwrap()
}

#[test]
fn seeds_of_model_files_are_of_this_format() {
    let mut seeds = Vec::new();
    for (name, model) in models() {
        let file = model.to_bytes().unwrap();
        seeds.push((format!("model/{name}"), lines(&file)));
        if name == "value" {
            seeds.push((format!("model/{name}-file"), file));
        }
    }
    for steps in [1, 3] {
        let place = tempfile::tempdir().unwrap();
        bodies::train(place.path(), &mut StopAfter(steps)).unwrap();
        let file = fs::read(place.path().join("last.safetensors")).unwrap();
        seeds.push((format!("checkpoint/step-{steps}"), lines(&file)));
        seeds.push((format!("checkpoint/step-{steps}-file"), file));
    }
    for (name, bytes) in seeds {
        let path = folder("seeds").join(&name);
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        let target = TARGETS.iter().find(|(target, _)| name.starts_with(target)).unwrap().1;
        for bytes in [bytes, fs::read(&path).unwrap_or_default()] {
            assert!(target(&bytes), "{name} is refused: UPDATE=1 writes it anew");
        }
    }
}
