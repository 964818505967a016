//! Which columns matter: order, zero, gradients against finite differences, the same bits everywhere.

use chainrule::data::{SampleOptions, Samples};
use chainrule::{Importance, ImportanceOptions, Model, Setup, explain, explain_sample, fit, importance, with_threads};
use std::fs;

/// `key` decides, `hint` helps a little, `noise` and `colour` have nothing to do with it.
fn trained(rows: usize, classes: bool) -> (Model, Samples) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let mut text = "noise,key,hint,colour,answer\n".to_owned();
    for i in 0..rows {
        let key = ["a", "b", "c"][i * 7 / 5 % 3];
        let (noise, hint, colour) = (i * 7919 % 613, i * 104_729 % 97, ["red", "blue"][i * 31 / 11 % 2]);
        let value = f64::from(key.as_bytes()[0] - b'a') * 10.0 + hint as f64 / 50.0;
        let answer = if classes { format!("is {}", value > 10.5) } else { value.to_string() };
        text.push_str(&format!("{noise},{key},{hint},{colour},{answer}\n"));
    }
    fs::write(&path, text).unwrap();
    let options = SampleOptions { test: 0.4, ..SampleOptions::new("answer") };
    let samples = options.read(&[&path]).unwrap();
    let setup = Setup { encoder: Some(samples.encoder.clone()), epochs: Some(40), ..Setup::default() };
    let mut model = setup.build(&samples.train).unwrap();
    fit(&mut model, &samples.train, &mut ()).unwrap();
    (model, samples)
}

fn found(model: &Model, samples: &Samples) -> Importance {
    importance(model, samples.test.as_ref().unwrap(), &ImportanceOptions::default()).unwrap()
}

#[test]
fn what_decides_comes_first_and_noise_is_near_zero() {
    for classes in [true, false] {
        let (model, samples) = trained(1000, classes);
        let found = found(&model, &samples);
        assert_eq!((found.rows, found.repeats), (400, 5));
        assert_eq!(found.score, if classes { "accuracy" } else { "rmse" });
        let names: Vec<&str> = found.columns.iter().map(|column| column.column.as_str()).collect();
        assert_eq!(&names[..2], ["key", "hint"]);
        let change = |at: usize| (found.columns[at].loss_increase.unwrap(), found.columns[at].score_worsening.unwrap());
        let (loss, score) = change(0);
        assert!(loss.mean > 0.3 && loss.deviation < loss.mean / 5.0, "{found:?}");
        assert!(score.mean > if classes { 0.3 } else { 5.0 }, "{found:?}");
        for at in [2, 3] {
            assert!(change(at).0.mean.abs() < loss.mean / 50.0, "{found:?}");
            assert!(found.columns[at].input_gradient < found.columns[0].input_gradient / 3.0, "{found:?}");
        }
    }
}

/// The same from the costs of single rows in `f64`, each feature moved a little to both sides.
#[test]
fn input_gradients_are_those_of_finite_differences() {
    const STEP: f64 = 1e-5;
    for classes in [true, false] {
        let (model, samples) = trained(100, classes);
        let test = samples.test.as_ref().unwrap();
        let parameters: Vec<f64> = model.parameters.iter().map(|&w| f64::from(w)).collect();
        let mut sums = vec![0.0; model.network.inputs];
        for row in 0..test.len() {
            let x = explain(&model, test, row, 0.0).unwrap().inputs.values;
            let y = match (test.labels(), &test.target, &model.task) {
                (Some(labels), ..) => f64::from(labels[row]),
                (_, Some(chainrule::data::Target::Values { values, .. }), chainrule::Task::Values(measures)) => {
                    (f64::from(values[row]) - measures[0].shift) / measures[0].deviation
                }
                _ => unreachable!("there is a target"),
            };
            for feature in 0..x.len() {
                let cost = |step: f64| {
                    let mut moved = x.clone();
                    moved[feature] += step;
                    explain_sample(&model, &parameters, &moved, &[y], 0.0).unwrap().cost
                };
                sums[feature] += ((cost(STEP) - cost(-STEP)) / (2.0 * STEP)).abs() / test.len() as f64;
            }
        }
        let found = found(&model, &samples);
        for (name, features) in samples.encoder.features() {
            let expected: f64 = sums[features].iter().sum();
            let column = found.columns.iter().find(|column| column.column == name).unwrap();
            let difference = (column.input_gradient - expected).abs();
            assert!(difference < 1e-4 * expected + 1e-6, "{name}: {} for {expected}", column.input_gradient);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_at_any_number_of_threads() {
    let (model, samples) = trained(3000, true);
    let at = |threads: usize, seed: u64| {
        let options = ImportanceOptions { rows: 500, seed, ..ImportanceOptions::default() };
        with_threads(threads, || importance(&model, samples.test.as_ref().unwrap(), &options)).unwrap()
    };
    let one = at(1, 3);
    assert_eq!(one.rows, 500);
    assert_eq!(one, at(2, 3));
    assert_eq!(one, at(4, 3));
    assert_ne!(one, at(1, 4));
}

#[test]
fn what_has_no_answer_is_refused() {
    let (model, samples) = trained(100, true);
    let test = samples.test.unwrap();
    let refused = |data: &chainrule::data::Dataset, repeats: usize| {
        let options = ImportanceOptions { repeats, ..ImportanceOptions::default() };
        importance(&model, data, &options).unwrap_err().to_string()
    };
    assert!(refused(&chainrule::data::Dataset { target: None, ..test.clone() }, 5).contains("no target"));
    assert!(refused(&test.select(&[]), 5).contains("no rows"));
    assert!(refused(&test, 0).contains("at least one repeat"));
}
