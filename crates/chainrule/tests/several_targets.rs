//! A network that predicts several values at once.

use chainrule::data::{Dataset, Matrix, SampleOptions, Target, Values};
use chainrule::{
    Activation, Baselines, Loss, Metrics, Mlp, Model, Residuals, Setup, Stream, TargetScale, Task,
    choose_target_scales, evaluate, explain, fit, fit_stored, predict, with_threads,
};

/// Two numbers, and a sum of them, a product far from 0, and a value that spreads over orders of magnitude.
fn data(rows: usize, seed: u64) -> Dataset {
    let mut random = Stream::new(seed, 1);
    let (mut features, mut values) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let [a, b] = [0; 2].map(|_| random.unit() * 2.0 - 1.0);
        features.extend([a as f32, b as f32]);
        values.extend([(a - 2.0 * b) as f32, (5000.0 + 900.0 * a * b) as f32, (7.0 + 3.0 * a + b).exp() as f32]);
    }
    let names = ["sum", "product", "price"].map(str::to_owned).to_vec();
    let target = Target::Values { values, names };
    let feature_names = vec!["a".to_owned(), "b".to_owned()];
    Dataset { feature_names, ..Dataset::new(Matrix::new(rows, 2, Values::Floats(features)), target, "made up") }
}

fn trained(setup: &Setup, data: &Dataset) -> Model {
    let mut model = setup.build(data).unwrap();
    fit(&mut model, data, &mut ()).unwrap();
    model
}

#[test]
fn every_value_is_learned_in_its_units() {
    let (train, test) = (data(600, 1), data(200, 2));
    let setup = Setup { epochs: Some(150), ..Setup::default() };
    let scales = choose_target_scales(&Setup { epochs: Some(30), ..Setup::default() }, &train).unwrap();
    assert_eq!(scales, [TargetScale::Plain, TargetScale::Plain, TargetScale::Log]);
    let setup = Setup { target_scales: Some(scales), ..setup };
    let model = trained(&setup, &train);
    assert_eq!((model.network.outputs(), model.target().as_str()), (3, "sum, product, price"));

    let scores = evaluate(&model, &test).unwrap();
    let values = scores.metrics.values().unwrap();
    let names: Vec<&str> = values.targets.iter().map(|target| target.target.as_str()).collect();
    assert_eq!(names, ["sum", "product", "price"]);
    assert!((0..3).all(|at| values.of_target(at).r2.unwrap() > 0.97), "{values:?}");
    assert!(values.of_target(1).rmse > 10.0 * values.of_target(0).rmse, "each is in its own units");
    let list = scores.metrics.list();
    assert!(list.iter().any(|(name, _)| name == "price: r2") && list[0].0 == "rmse");

    let baselines = Baselines::new(&setup, &train, &test).unwrap();
    assert_eq!(baselines.not_beaten_by(&scores.metrics), None);
    let Metrics::Values(constant) = &baselines.constant else { panic!("values") };
    assert!((0..3).all(|at| constant.of_target(at).r2.unwrap().abs() < 0.1), "{constant:?}");
}

#[test]
fn a_value_is_learned_as_it_is_alone() {
    // Without a hidden layer the values share nothing, and the mean over three of them gives each a third of the rate.
    let train = data(64, 3);
    let setup = |rate: f64, epochs| Setup {
        hidden: Some(Vec::new()),
        optimizer: Some(chainrule::Optimizer::Sgd),
        learning_rate: Some(rate),
        epochs: Some(epochs),
        init: Some(chainrule::Init::Zeros),
        batch_size: Some(16),
        l2: Some(0.0),
        ..Setup::default()
    };
    let together = trained(&setup(0.3, 5), &train);
    let mut all = [vec![], vec![], vec![]];
    predict(&together, &train, |_, prediction| all.iter_mut().zip(prediction.values).for_each(|(all, v)| all.push(v)))
        .unwrap();
    for (at, of_three) in all.iter().enumerate() {
        let target = train.target.as_ref().unwrap().column(at);
        let alone = trained(&setup(0.1, 5), &Dataset { target, ..train.clone() });
        predict(&alone, &train, |row, prediction| {
            let (one, of_three) = (prediction.values[0], of_three[row]);
            assert!((one - of_three).abs() < 1e-4 * one.abs().max(1.0), "{one} and {of_three}");
        })
        .unwrap();
    }
}

#[test]
fn explanations_files_and_intervals_have_all_of_them() {
    let (train, test) = (data(300, 4), data(100, 5));
    let mut model = trained(&Setup { epochs: Some(20), ..Setup::default() }, &train);
    let explanation = explain(&model, &test, 3, 0.01).unwrap();
    assert_eq!(explanation.target.split(", ").count(), 3);
    assert!(explanation.cost_after_update < explanation.cost);

    let rows: Vec<u32> = (0..100).collect();
    model.residuals = Residuals::of_rows(&model, &test, &rows).unwrap();
    let widths: Vec<f64> = model.residuals.iter().map(|r| r.half_width(0.9).unwrap()).collect();
    let mut held = [0; 3];
    let Some(Target::Values { values, .. }) = &test.target else { panic!("values") };
    predict(&model, &test, |row, prediction| {
        for at in 0..3 {
            let off = (prediction.values[at] - f64::from(values[row * 3 + at])).abs();
            held[at] += usize::from(off <= widths[at] * (1.0 + 1e-6));
        }
    })
    .unwrap();
    assert!(held.iter().all(|&held| (90..=92).contains(&held)), "{held:?}");

    let bytes = model.to_bytes().unwrap();
    assert_eq!(Model::from_bytes(&bytes).unwrap(), model);
    let pair = Target::Values { values: vec![0.0; 200], names: vec!["a".into(), "b".into()] };
    let other = evaluate(&model, &Dataset { target: Some(pair), ..test }).unwrap_err().to_string();
    assert!(other.contains("sum, product, price") && other.contains("a, b"), "{other}");
}

#[test]
fn a_file_of_rows_gives_the_same_bits_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    let row = |i: u32| format!("{},{},{}\n", i * 37 % 100, i * 37 % 100 + i % 10, i % 10);
    std::fs::write(&path, format!("a,b,c\n{}", (0..3000).map(row).collect::<String>())).unwrap();
    let options = SampleOptions { targets: vec!["a".into(), "c".into()], ..SampleOptions::new("") };
    let train = |threads| {
        let samples = options.read_stored(&[&path], 150_000, folder.path()).unwrap();
        let encoder = Some(samples.encoder.clone());
        let setup = Setup { encoder, rows: Some(samples.train.rows()), epochs: Some(4), ..Setup::default() };
        let mut model = setup.build(&samples.example).unwrap();
        with_threads(threads, || fit_stored(&mut model, samples.train, &samples.validation, None, &mut ())).unwrap();
        assert!(evaluate(&model, &samples.test.unwrap()).unwrap().loss.is_finite());
        model.to_bytes().unwrap()
    };
    assert_eq!(train(1), train(3));
}

#[test]
fn a_builder_takes_several_outputs() {
    let train = data(200, 6);
    let mut net = Mlp::builder().input(2).hidden(16, Activation::Tanh).output(3).loss(Loss::Mse).epochs(60).build();
    let net = net.as_mut().unwrap();
    net.fit(&train, &mut ()).unwrap();
    assert!(net.evaluate(&train).unwrap().metrics.values().unwrap().of_target(0).r2.unwrap() > 0.9);
    assert!(matches!(&net.model.task, Task::Values(measures) if measures.len() == 3));
    let two = Mlp::builder().input(2).output(2).loss(Loss::Mse).build().unwrap().fit(&train, &mut ()).unwrap_err();
    assert!(two.to_string().contains("use one that ends with -3"), "{two}");
}
