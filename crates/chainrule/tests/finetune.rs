//! Going on from a trained model, with frozen layers and rates by layer; and batches in pieces.

use chainrule::data::{Dataset, Encoder, Matrix, SampleOptions, Target, Values};
use chainrule::{
    Activation, Batch, Init, Mlp, Model, Optimizer, Setup, Stepper, Stream, Tally, Trainer, evaluate, fit,
};

/// Points, and in which of `classes` sectors around the origin they lie.
fn sectors(count: usize, seed: u64, classes: u32) -> Dataset {
    let mut random = Stream::new(seed, 5);
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (angle, radius) = (random.unit(), 0.5 + random.unit());
        let (x, y) = ((angle * std::f64::consts::TAU).cos(), (angle * std::f64::consts::TAU).sin());
        values.extend([(radius * x) as f32, (radius * y) as f32]);
        labels.push((angle * f64::from(classes)) as u32);
    }
    let names = (0..classes).map(|class| format!("sector {class}")).collect();
    let features = Matrix::new(count, 2, Values::Floats(values));
    let data = Dataset::new(features, Target::Classes { labels, names }, "sectors");
    Dataset { feature_names: vec!["x".into(), "y".into()], ..data }
}

fn trained(setup: &Setup, data: &Dataset) -> Model {
    let mut model = setup.build(data).unwrap();
    fit(&mut model, data, &mut ()).unwrap();
    model
}

fn setup(epochs: usize) -> Setup {
    Setup { hidden: Some(vec![16, 8]), epochs: Some(epochs), batch_size: Some(20), l2: Some(0.0), ..Setup::default() }
}

fn piece<'a>(model: &'a Model, name: &str) -> &'a [f32] {
    let pieces = model.network.segments();
    &model.parameters[pieces.iter().find(|piece| piece.name == name).unwrap().range.clone()]
}

fn accuracy(model: &Model, data: &Dataset) -> f64 {
    evaluate(model, data).unwrap().metrics.classes().unwrap().accuracy
}

#[test]
fn a_model_goes_on_where_it_was() {
    let (train, test) = (sectors(300, 1, 3), sectors(200, 2, 3));
    let start = trained(&setup(60), &train);
    let on = Setup { start: Some(start.clone()), ..setup(1) };
    let unmoved = on.build(&train).unwrap();
    assert_eq!(unmoved.parameters, start.parameters);
    assert!(
        (unmoved.recipe.learning_rate - 0.1 * start.recipe.learning_rate).abs() < 1e-12,
        "a tenth of the usual rate"
    );
    let more = trained(&on, &sectors(300, 3, 3));
    assert!(accuracy(&more, &test) >= accuracy(&start, &test) - 0.02);
    let anew = trained(&setup(1), &train);
    assert!(accuracy(&more, &test) > accuracy(&anew, &test) + 0.1);
}

#[test]
fn another_target_gets_a_last_layer_of_its_own() {
    let start = trained(&setup(60), &sectors(300, 1, 3));
    let (train, test) = (sectors(60, 4, 6), sectors(300, 5, 6));
    let on = Setup { start: Some(start.clone()), frozen: 2, learning_rate: Some(0.03), ..setup(60) };
    let model = trained(&on, &train);
    assert_eq!((model.network.outputs(), model.classes().len()), (6, 6));
    for name in ["w1", "b1", "w2", "b2"] {
        assert_eq!(piece(&model, name), piece(&start, name), "{name} is frozen");
    }
    assert_ne!(piece(&model, "w3").len(), piece(&start, "w3").len());
    assert!(accuracy(&model, &test) > 0.7, "{}", accuracy(&model, &test));

    // From classes to a value.
    let Some(Target::Classes { labels, .. }) = &train.target else { unreachable!() };
    let values = labels.iter().map(|&label| label as f32 * 10.0 + 3.0).collect();
    let valued = Dataset { target: Some(Target::value(values, "height")), ..train };
    let model = trained(&Setup { start: Some(start), ..setup(30) }, &valued);
    assert_eq!((model.network.outputs(), model.loss.to_string(), model.target()), (1, "mse".into(), "height".into()));
}

#[test]
fn what_cannot_be_gone_on_from_is_refused() {
    let start = trained(&setup(1), &sectors(100, 1, 3));
    let wide = Dataset { features: Matrix::new(100, 3, Values::Floats(vec![0.0; 300])), ..sectors(100, 1, 3) };
    let error = |setup: Setup, data: &Dataset| setup.build(data).unwrap_err().to_string();
    assert!(error(Setup { start: Some(start.clone()), ..setup(1) }, &wide).contains("takes 2 inputs"));
    let mut normal = start.clone();
    normal.network.layers[2].norm = Some(chainrule::Norm::Layer);
    assert!(error(Setup { start: Some(normal), ..setup(1) }, &sectors(90, 1, 4)).contains("plain dense"));
    let mut model = Setup { frozen: 3, ..setup(1) }.build(&sectors(90, 1, 3)).unwrap();
    let frozen = fit(&mut model, &sectors(90, 1, 3), &mut ()).unwrap_err().to_string();
    assert!(frozen.contains("3 of 3 layers are frozen"), "{frozen}");
    let rates = Setup { layer_rates: vec![1.0, -1.0], ..setup(1) };
    assert!(error(rates, &sectors(90, 1, 3)).contains("rates of layers"));
}

#[test]
fn a_table_is_encoded_as_the_model_knows_it() {
    let folder = tempfile::tempdir().unwrap();
    let table = |name: &str, from: i32, classes: &[&str]| {
        let row =
            |i: i32| format!("{},{},{}\n", i * 7 % 50, ["a", "b", "c"][(i % 3) as usize], classes[(i % 2) as usize]);
        let path = folder.path().join(name);
        std::fs::write(&path, format!("n,kind,side\n{}", (from..from + 60).map(row).collect::<String>())).unwrap();
        path
    };
    let first = SampleOptions::new("side").read(&[table("a.csv", 0, &["left", "right"])]).unwrap();
    let start = trained(&Setup { encoder: Some(first.encoder.clone()), ..setup(3) }, &first.train);
    // Other numbers, other columns, and only one of the classes beside a known one.
    let path = folder.path().join("b.csv");
    std::fs::write(&path, "more,side,kind,n\n1,left,b,100\n2,left,zebra,200\n3,left,c,300\n4,left,c,\n").unwrap();
    let options = |classes: &[String]| SampleOptions {
        encoder: start.encoder.clone(),
        classes: classes.to_vec(),
        test: 0.0,
        ..SampleOptions::new("side")
    };
    let second = options(start.classes()).read(&[&path]).unwrap();
    assert_eq!((&second.encoder, second.train.feature_names.len()), (&first.encoder, start.network.inputs));
    let on = Setup { start: Some(start.clone()), encoder: start.encoder.clone(), ..setup(1) };
    assert_eq!(on.build(&second.train).unwrap().parameters, start.parameters);
    // Without the names that the model knows there is one class only.
    assert!(options(&[]).read(&[&path]).unwrap_err().to_string().contains("every row"));

    let plain = Encoder::plain(&["n".to_owned()]);
    let samples = SampleOptions { encoder: Some(plain), ..options(start.classes()) }.read(&[&path]).unwrap();
    assert_eq!(samples.train.features.values(), &Values::Floats(vec![100.0, 200.0, 300.0, 0.0]));
}

#[test]
fn rates_by_layer_multiply_the_rate() {
    let data = sectors(40, 7, 2);
    let step = |rates: Vec<f64>, optimizer: &str| {
        let optimizer: Optimizer = optimizer.parse().unwrap();
        let setup = Setup { layer_rates: rates, optimizer: Some(optimizer), learning_rate: Some(0.1), ..setup(1) };
        let mut model = setup.build(&data).unwrap();
        let before = model.clone();
        let rows: Vec<u32> = (0..40).collect();
        Trainer::new(&mut model).unwrap().step(&data, &rows, 0.1, &mut Tally::default()).unwrap();
        let moved = |name| -> Vec<f64> {
            piece(&model, name).iter().zip(piece(&before, name)).map(|(a, b)| f64::from(a - b)).collect()
        };
        [moved("w1"), moved("w2"), moved("b3")]
    };
    for optimizer in ["sgd", "adam", "momentum"] {
        let (plain, rated) = (step(vec![], optimizer), step(vec![0.0, 0.5], optimizer));
        assert!(rated[0].iter().all(|moved| *moved == 0.0), "{optimizer}");
        for (plain, rated) in plain[1].iter().zip(&rated[1]) {
            assert!((plain * 0.5 - rated).abs() < 1e-6, "{optimizer}: {plain} and {rated}");
        }
        assert_eq!(plain[2], rated[2], "{optimizer}: layers beyond the list keep their rate");
    }
}

#[test]
fn a_batch_in_pieces_is_the_batch() {
    let plain = sectors(50, 8, 3);
    let weighted = Dataset { weights: Some((0..50).map(|i| 0.5 + (i % 3) as f32 / 2.0).collect()), ..plain.clone() };
    for (data, optimizer, clip) in
        [(&plain, "sgd", None), (&weighted, "adam", None), (&weighted, "momentum", Some(0.1))]
    {
        let run = |micro_batch: Option<usize>| {
            let mut net = Mlp::builder()
                .input(2)
                .hidden(9, Activation::Tanh)
                .output(3)
                .init(Init::GlorotNormal)
                .optimizer(optimizer.parse().unwrap(), 0.05)
                .recipe(|r| (r.epochs, r.batch_size, r.clip, r.micro_batch) = (4, 20, clip, micro_batch))
                .build()
                .unwrap();
            let outcome = net.fit(data, &mut ()).unwrap();
            (net.model.parameters.clone(), outcome.history.last().unwrap().train.clone())
        };
        let (whole, scores) = run(None);
        for size in [1, 7, 10, 19, 20, 64] {
            let (pieces, of_pieces) = run(Some(size));
            for (a, b) in whole.iter().zip(pieces.iter()) {
                assert!((a - b).abs() < 2e-5, "{optimizer} in pieces of {size}: {a} and {b}");
            }
            assert!((scores.loss - of_pieces.loss).abs() < 1e-5 && scores.accuracy == of_pieces.accuracy);
        }
    }
}

#[test]
fn the_mean_of_the_weights_is_kept() {
    let data = sectors(40, 9, 3);
    let whole = |average| Setup {
        average,
        optimizer: Some(Optimizer::Sgd),
        learning_rate: Some(0.5),
        batch_size: Some(40),
        validation: Some(0.0),
        ..setup(6)
    };
    let start = whole(None).build(&data).unwrap();
    let kept = |average| trained(&whole(average), &data).parameters;
    assert_eq!(kept(Some(0.0)), kept(None), "of nothing but the newest weights");

    // By hand, from the weights after each step.
    let mut model = start.clone();
    let mut stepper = Stepper::new(&model).unwrap();
    let (mut x, rows): (Vec<f32>, Vec<u32>) = (vec![0.0; 80], (0..40).collect());
    data.features.gather(&rows, &mut x);
    model.scaling.apply(2, &mut x);
    let y: Vec<f32> = data.labels().unwrap().iter().map(|&label| label as f32).collect();
    let mut mean = start.parameters.to_vec();
    for t in 1..=6 {
        stepper.step(&mut model, Batch { x: &x, y: &y, weight: &[] }, 0.5).unwrap();
        let decay = f32::min(0.3, (1.0 + t as f32) / (10.0 + t as f32));
        mean.iter_mut().zip(model.parameters.iter()).for_each(|(m, w)| *m = decay * *m + (1.0 - decay) * w);
    }
    for (a, b) in kept(Some(0.3)).iter().zip(&mean) {
        assert!((a - b).abs() < 1e-5, "{a} and {b}");
    }
}
