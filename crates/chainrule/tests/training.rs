//! Training: what it reaches, what it repeats, and what it says when it fails.

use chainrule::data::{Dataset, Matrix, Target, Values};
use chainrule::{
    Activation, Control, Ending, EpochReport, Error, Init, Loss, Mlp, MlpBuilder, Model, Observer, Optimizer, Setup,
    StepReport, Stream, with_threads,
};

/// Points in rings around the origin: two classes that no line separates.
fn rings(count: usize, seed: u64) -> Dataset {
    let mut random = Stream::new(seed, 77);
    let mut values = Vec::new();
    let mut labels = Vec::new();
    for i in 0..count {
        let class = (i % 2) as u32;
        let radius = 1.0 + f64::from(class) + 0.2 * random.unit();
        let angle = random.unit() * std::f64::consts::TAU;
        values.extend([(radius * angle.cos()) as f32, (radius * angle.sin()) as f32]);
        labels.push(class);
    }
    let names = vec!["inner".to_owned(), "outer".to_owned()];
    dataset(count, 2, values, Target::Classes { labels, names })
}

/// y = 300 + 50·a − 20·b + noise: a target far from 0.
fn line(count: usize) -> Dataset {
    let mut random = Stream::new(5, 78);
    let mut values = Vec::new();
    let mut targets = Vec::new();
    for _ in 0..count {
        let (a, b) = (random.unit(), random.unit());
        values.extend([a as f32, b as f32]);
        targets.push((300.0 + 50.0 * a - 20.0 * b + 0.5 * random.unit()) as f32);
    }
    dataset(count, 2, values, Target::value(targets, "price"))
}

fn dataset(rows: usize, cols: usize, values: Vec<f32>, target: Target) -> Dataset {
    let feature_names = (0..cols).map(|c| format!("x{c}")).collect();
    Dataset { feature_names, ..Dataset::new(Matrix::new(rows, cols, Values::Floats(values)), target, "test data") }
}

fn ring_net() -> MlpBuilder {
    Mlp::builder().input(2).hidden(16, Activation::Tanh).output(2).epochs(60).batch_size(16).seed(3)
}

#[test]
fn every_optimizer_separates_the_rings() {
    let data = rings(200, 1);
    let rates = [0.3, 0.1, 0.1, 0.1, 0.01, 0.02, 0.02];
    for (name, rate) in Optimizer::NAMES.iter().zip(rates) {
        let mut net = ring_net().optimizer(name.parse().unwrap(), rate).build().unwrap();
        net.fit(&data, &mut ()).unwrap();
        let accuracy = net.evaluate(&rings(200, 2)).unwrap().metrics.classes().unwrap().accuracy;
        assert!(accuracy > 0.98, "{name}: {accuracy}");
    }
}

#[test]
fn every_activation_learns() {
    let data = rings(200, 1);
    for &activation in Activation::ALL.iter().filter(|&&a| a != Activation::Identity) {
        let mut net = Mlp::builder()
            .input(2)
            .hidden(16, activation)
            .output(2)
            .optimizer(Optimizer::Adam, 0.03)
            .epochs(80)
            .batch_size(16)
            .seed(3)
            .build()
            .unwrap();
        net.fit(&data, &mut ()).unwrap();
        let accuracy = net.evaluate(&data).unwrap().metrics.classes().unwrap().accuracy;
        assert!(accuracy > 0.97, "{activation}: {accuracy}");
    }
}

#[test]
fn every_loss_for_values_fits_the_line_without_a_hidden_layer() {
    let data = line(300);
    for loss in ["quadratic", "mse", "mae", "huber:0.5"] {
        let setup = Setup {
            hidden: Some(vec![]),
            loss: Some(loss.parse().unwrap()),
            optimizer: Some(Optimizer::Adam),
            learning_rate: Some(0.02),
            epochs: Some(80),
            ..Setup::default()
        };
        let mut model = setup.build(&data).unwrap();
        chainrule::fit(&mut model, &data, &mut ()).unwrap();
        let evaluation = chainrule::evaluate(&model, &data).unwrap();
        assert!(evaluation.metrics.values().unwrap().r2.unwrap() > 0.999, "{loss}: {evaluation:?}");
        assert!(evaluation.metrics.values().unwrap().rmse < 0.3, "{loss}: {evaluation:?}");
    }
}

#[test]
fn classes_may_have_one_output_or_one_each() {
    let data = rings(200, 1);
    for (loss, outputs) in [("binary-cross-entropy", 1), ("binary-cross-entropy", 2), ("quadratic", 2), ("mse", 1)] {
        let mut net = ring_net().output(outputs).loss(loss.parse().unwrap()).optimizer(Optimizer::Adam, 0.03);
        net = net.recipe(|r| r.dropout = 0.05);
        let mut net = net.build().unwrap();
        net.fit(&data, &mut ()).unwrap();
        let accuracy = net.evaluate(&data).unwrap().metrics.classes().unwrap().accuracy;
        assert!(accuracy > 0.95, "{loss} with {outputs} outputs: {accuracy}");
        for prediction in net.predict(&data).unwrap() {
            assert_eq!(prediction.values.len(), 2);
            assert!((prediction.values.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        }
    }
}

fn trained(threads: usize, change: impl Fn(&mut chainrule::Recipe) + Send + Sync) -> Vec<u8> {
    let data = rings(500, 1);
    with_threads(threads, || {
        let mut net = Mlp::builder()
            .input(2)
            .hidden(300, Activation::Relu)
            .hidden(200, Activation::Gelu)
            .output(2)
            .epochs(2)
            .batch_size(128)
            .recipe(&change)
            .build()
            .unwrap();
        net.fit(&data, &mut ()).unwrap();
        net.model.to_bytes().unwrap()
    })
}

#[test]
fn the_same_seed_gives_the_same_file_at_any_number_of_threads() {
    let settings = |r: &mut chainrule::Recipe| (r.dropout, r.validation, r.seed) = (0.2, 0.1, 9);
    let one = trained(1, settings);
    assert_eq!(one, trained(2, settings));
    assert_eq!(one, trained(3, settings));
    assert_ne!(one, trained(1, |r| (r.dropout, r.validation, r.seed) = (0.2, 0.1, 10)));
}

#[test]
fn penalties_and_clipping_change_the_weights_as_they_should() {
    let data = rings(200, 1);
    let norm = |change: fn(&mut chainrule::Recipe)| {
        let mut net = ring_net().optimizer(Optimizer::Sgd, 0.1).recipe(change).build().unwrap();
        net.fit(&data, &mut ()).unwrap();
        net.model.parameters.iter().map(|w| w * w).sum::<f32>().sqrt()
    };
    let plain = norm(|_| ());
    assert!(norm(|r| r.l2 = 0.05) < 0.8 * plain);
    assert!(norm(|r| r.l1 = 0.01) < 0.9 * plain);
    // Steps of length 0.1 · 0.001 cannot move the weights far.
    let start = ring_net().build().unwrap().model.parameters.iter().map(|w| w * w).sum::<f32>().sqrt();
    assert!((norm(|r| r.clip = Some(0.001)) - start).abs() < 0.1);
}

#[test]
fn training_stops_early_and_keeps_the_best_weights() {
    let data = rings(60, 1);
    let mut net = ring_net()
        .optimizer(Optimizer::Adam, 0.05)
        .epochs(500)
        .recipe(|r| (r.validation, r.patience) = (0.3, Some(5)))
        .build()
        .unwrap();
    let outcome = net.fit(&data, &mut ()).unwrap();
    assert_eq!(outcome.ending, Ending::OutOfPatience);
    let kept = outcome.kept_epoch.unwrap();
    assert_eq!(outcome.history.len(), kept + 5);
    let losses: Vec<f64> = outcome.history.iter().map(|e| e.validation.as_ref().unwrap().loss).collect();
    assert!(losses.iter().all(|&l| l >= losses[kept - 1]));
    // The weights in the model are those of that epoch: they give its validation loss again.
    let (_, rows) = chainrule::data::hold_out(60, Some(&labels(&data)), 0.3, 3);
    let again = chainrule::Evaluator::new().tally(&net.model, &data, &rows).unwrap().scores().loss;
    assert_eq!(again, losses[kept - 1]);
}

fn labels(data: &Dataset) -> Vec<u32> {
    match &data.target {
        Some(Target::Classes { labels, .. }) => labels.clone(),
        _ => unreachable!(),
    }
}

struct StopAfter(usize);

impl Observer for StopAfter {
    fn on_step(&mut self, _: &StepReport) -> Control {
        self.0 -= 1;
        if self.0 == 0 { Control::Stop } else { Control::Continue }
    }

    fn on_epoch(&mut self, epoch: &EpochReport) -> Control {
        assert!(epoch.samples_per_second > 0.0);
        Control::Continue
    }
}

#[test]
fn an_observer_can_stop_the_training() {
    let data = rings(64, 1);
    let mut net = ring_net().build().unwrap();
    let start = net.model.parameters.clone();
    let outcome = net.fit(&data, &mut StopAfter(2)).unwrap();
    assert_eq!((outcome.ending, outcome.kept_epoch), (Ending::Stopped, None));
    assert_ne!(net.model.parameters, start);
    let outcome = net.fit(&data, &mut StopAfter(10)).unwrap();
    assert_eq!((outcome.ending, outcome.kept_epoch), (Ending::Stopped, Some(2)));
}

#[test]
fn divergence_names_the_step_and_the_node_and_keeps_the_last_good_weights() {
    let data = line(200);
    let mut net = Mlp::builder()
        .input(2)
        .hidden(8, Activation::Relu)
        .output(1)
        .loss(Loss::Mse)
        .optimizer(Optimizer::Sgd, 1e3)
        .batch_size(10)
        .epochs(5)
        .build()
        .unwrap();
    let start = net.model.parameters.clone();
    let error = net.fit(&data, &mut ()).unwrap_err();
    let Error::Diverged { epoch: 1, step, node: Some(node), .. } = &error else { panic!("{error}") };
    assert!(*step > 1);
    assert!(["z1", "a1", "z2", "cost", "w1", "w2"].contains(&node.as_str()) || node.starts_with('v'), "{node}");
    assert!(error.to_string().contains("learning rate ten times smaller"), "{error}");
    assert_eq!(net.model.parameters, start);
}

#[test]
fn weights_that_break_in_the_last_step_are_a_divergence_too() {
    let data = line(200);
    let mut net = Mlp::builder()
        .input(2)
        .output(1)
        .loss(Loss::Mse)
        .optimizer(Optimizer::Sgd, 3e38)
        .batch_size(1000)
        .epochs(1)
        .build()
        .unwrap();
    let error = net.fit(&data, &mut ()).unwrap_err();
    assert!(matches!(&error, Error::Diverged { epoch: 1, step: 1, kept_epoch: None, .. }), "{error}");
    assert!(net.model.parameters.iter().all(|w| w.is_finite()));
}

#[test]
fn values_held_out_do_not_leak_into_the_standardisation() {
    let mut data = line(20);
    let setup = Setup { validation: Some(0.1), ..Setup::default() };
    let (_, held_out) = setup.build(&data).unwrap().recipe.split(&data);
    let Some(Target::Values { values, .. }) = &mut data.target else { unreachable!() };
    held_out.iter().for_each(|&row| values[row as usize] = 1e6);
    let chainrule::Task::Values(measures) = setup.build(&data).unwrap().task else { unreachable!() };
    assert!((250.0..400.0).contains(&measures[0].shift), "{measures:?}");
}

#[test]
fn mistakes_are_all_reported_at_once() {
    let error = Mlp::builder().output(3).epochs(0).optimizer(Optimizer::Sgd, -1.0).recipe(|r| r.dropout = 1.5).build();
    let text = error.unwrap_err().to_string();
    for part in ["epochs", "learning rate", "dropout", "number of inputs"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let mut net = Mlp::builder().input(3).output(4).build().unwrap();
    let text = net.fit(&rings(20, 1), &mut ()).unwrap_err().to_string();
    assert!(text.contains("begins with 2-") && text.contains("ends with -2"), "{text}");
}

#[test]
fn a_model_file_comes_back_the_same() {
    let data = line(100);
    let setup = Setup { epochs: Some(2), init: Some(Init::Normal(0.3)), ..Setup::default() };
    let mut model = setup.build(&data).unwrap();
    chainrule::fit(&mut model, &data, &mut ()).unwrap();
    let bytes = model.to_bytes().unwrap();
    assert_eq!(Model::from_bytes(&bytes).unwrap(), model);
    assert_eq!(bytes, model.to_bytes().unwrap());
}
