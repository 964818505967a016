//! Training on samples in a file, and on samples that do not count alike.

use crate::common::StopAfter;
use chainrule::data::{ClassWeights, Dataset, Matrix, SampleOptions, StoredSamples, Target, Values};
use chainrule::{
    Activation, Checkpoints, Every, Loss, Mlp, Model, Observer, Optimizer, Setup, evaluate, fit, fit_saving,
    fit_stored, with_threads,
};
use std::fmt::Write;
use std::path::Path;

/// A table of points, and whether they lie in a ring around the origin.
fn table(folder: &Path) -> std::path::PathBuf {
    let mut text = String::from("x,y,ring\n");
    for i in 0..4000 {
        let (angle, radius) = (f64::from(i * 37 % 360).to_radians(), 1.0 + f64::from(i * 7 % 10) / 5.0);
        let ring = if radius > 1.9 { "in" } else { "out" };
        writeln!(text, "{:.4},{:.4},{ring}", radius * angle.cos(), radius * angle.sin()).unwrap();
    }
    let path = folder.join("table.csv");
    std::fs::write(&path, text).unwrap();
    path
}

/// So little memory that an epoch has several parts.
fn read(folder: &Path) -> StoredSamples {
    let options = SampleOptions { class_weights: ClassWeights::Balanced, seed: 1, ..SampleOptions::new("ring") };
    options.read_stored(&[table(folder)], 150_000, folder).unwrap()
}

fn model(samples: &StoredSamples) -> Model {
    let setup = Setup {
        encoder: Some(samples.encoder.clone()),
        rows: Some(samples.train.rows()),
        epochs: Some(60),
        // No divisor of a part, so that parts end in smaller batches.
        batch_size: Some(48),
        dropout: 0.1,
        ..Setup::default()
    };
    setup.build(&samples.example).unwrap()
}

#[test]
fn learns_from_a_file_and_goes_on_after_a_break() {
    let folder = tempfile::tempdir().unwrap();
    let train = |threads, observer: &mut (dyn Observer + Send), place: Option<&Checkpoints>| {
        let samples = read(folder.path());
        assert!(samples.train.blocks() > 2 * samples.train.blocks_at_once(), "there are parts");
        let mut model = model(&samples);
        let StoredSamples { train, validation, .. } = samples;
        with_threads(threads, || fit_stored(&mut model, train, &validation, place, observer)).unwrap();
        model
    };
    let whole = train(1, &mut (), None);
    let accuracy = evaluate(&whole, &read(folder.path()).test.unwrap()).unwrap().metrics.classes().unwrap().accuracy;
    assert!(accuracy > 0.95, "{accuracy}");
    assert_eq!(train(3, &mut (), None).to_bytes().unwrap(), whole.to_bytes().unwrap());
    for cut in [1, 17, 29, 60, 61, 200] {
        let checkpoints = tempfile::tempdir().unwrap();
        let place = Checkpoints { folder: checkpoints.path().to_owned(), every: Every::Epochs(1000), resume: true };
        train(2, &mut StopAfter(cut), Some(&place));
        let resumed = train(1, &mut (), Some(&place));
        assert_eq!(resumed.to_bytes().unwrap(), whole.to_bytes().unwrap(), "cut after step {cut}");
    }
}

/// Points on a line, the last ones far from it.
fn line(rows: usize, weights: Option<Vec<f32>>) -> Dataset {
    let value = |i: usize| if i < 40 { 2.0 * i as f32 / 40.0 } else { -9.0 };
    let features = Matrix::new(rows, 1, Values::Floats((0..rows).map(|i| (i % 40) as f32 / 40.0).collect()));
    let target = Target::value((0..rows).map(value).collect(), "y");
    Dataset { weights, ..Dataset::new(features, target, "line") }
}

#[test]
fn a_sample_of_weight_nothing_is_as_good_as_left_out() {
    for loss in ["mse", "quadratic", "mae", "huber"] {
        let start = Mlp::builder()
            .input(1)
            .hidden(5, Activation::Tanh)
            .output(1)
            .loss(loss.parse::<Loss>().unwrap())
            .optimizer(Optimizer::Sgd, 0.1)
            .recipe(|r| (r.epochs, r.batch_size) = (1, 60))
            .build()
            .unwrap()
            .model;
        // 40 rows that count 1.5 and 20 that count nothing are 1 on average, as 40 rows that count 1 are.
        let weights = (0..60).map(|i| if i < 40 { 1.5 } else { 0.0 }).collect();
        let (mut with, mut without) = (start.clone(), start.clone());
        fit(&mut with, &line(60, Some(weights)), &mut ()).unwrap();
        fit(&mut without, &line(40, None), &mut ()).unwrap();
        assert_ne!(with.parameters, start.parameters);
        for (a, b) in with.parameters.iter().zip(without.parameters.iter()) {
            assert!((a - b).abs() < 1e-6, "{loss}: {a} and {b}");
        }
    }
}

#[test]
fn other_weights_are_other_data() {
    let folder = tempfile::tempdir().unwrap();
    let place = Checkpoints { folder: folder.path().to_owned(), every: Every::Steps(1), resume: true };
    let mut model = Mlp::builder().input(1).output(1).loss(Loss::Mse).build().unwrap().model;
    fit_saving(&mut model.clone(), &line(40, None), Some(&place), &mut StopAfter(1)).unwrap();
    let weighted = line(40, Some(vec![1.0; 40]));
    let error = fit_saving(&mut model, &weighted, Some(&place), &mut ()).unwrap_err().to_string();
    assert!(error.contains("the data are not the same"), "{error}");
}
