//! A training that is cut off and goes on ends in the bits of one that was not.

use crate::common::StopAfter;
use chainrule::data::{Dataset, ImageSize, Matrix, Target, Values};
use chainrule::{
    Activation, Checkpoints, Control, Ending, Every, Mlp, Model, Observer, Optimizer, Schedule, StepReport, evaluate,
    fit, fit_saving, with_threads,
};
use std::path::Path;
use std::time::Duration;

/// Points in a plane and which of three sectors they lie in, with some noise.
fn sectors(count: usize) -> Dataset {
    let point = |i: usize| {
        let (angle, radius) = ((i * 37 % 360) as f32 * std::f32::consts::PI / 180.0, 1.0 + (i * 7 % 10) as f32 / 10.0);
        [radius * angle.cos(), radius * angle.sin()]
    };
    let labels = (0..count).map(|i| if i % 11 == 0 { 0 } else { (i * 37 % 360 / 120) as u32 }).collect();
    let features = Matrix::new(count, 2, Values::Floats((0..count).flat_map(point).collect()));
    let target = Target::Classes { labels, names: vec!["a".into(), "b".into(), "c".into()] };
    Dataset::new(features, target, "sectors")
}

fn model(optimizer: Optimizer, schedule: Schedule) -> Model {
    let builder = Mlp::builder().input(2).hidden(7, Activation::Tanh).output(3).optimizer(optimizer, 0.02);
    let recipe = |r: &mut chainrule::Recipe| {
        r.epochs = 4;
        r.batch_size = 16;
        r.schedule = schedule;
        r.dropout = 0.2;
        r.clip = Some(1.0);
        r.l2 = 0.001;
        r.validation = 0.2;
        r.seed = 3;
    };
    let mut model = builder.recipe(recipe).build().unwrap().model;
    model.task = chainrule::Task::Classes(vec!["a".into(), "b".into(), "c".into()]);
    model
}

fn checkpoints(folder: &Path, every: Every) -> Checkpoints {
    Checkpoints { folder: folder.to_owned(), every, resume: true }
}

#[test]
fn a_training_cut_off_at_any_step_ends_in_the_same_bits() {
    let data = sectors(100);
    let plateau = Schedule::Plateau { factor: 0.5, patience: 1.0 };
    let optimizers = [
        (Optimizer::Sgd, plateau),
        (Optimizer::Momentum { mu: 0.9 }, Schedule::OneCycle),
        (Optimizer::Adam, Schedule::Cosine),
        (Optimizer::AdamW { decay: 0.01 }, plateau),
    ];
    for (optimizer, schedule) in optimizers {
        let mut start = model(optimizer, schedule);
        if let Optimizer::AdamW { .. } = optimizer {
            (start.recipe.average, start.recipe.micro_batch) = (Some(0.9), Some(6));
        }
        let mut unbroken = start.clone();
        let whole = fit(&mut unbroken, &data, &mut ()).unwrap();
        // 80 samples to train on in batches of 16: 5 steps an epoch, 20 in all.
        for cut in 1..=20 {
            let folder = tempfile::tempdir().unwrap();
            let place = checkpoints(folder.path(), Every::Epochs(100));
            let mut first = start.clone();
            let outcome = fit_saving(&mut first, &data, Some(&place), &mut StopAfter(cut)).unwrap();
            assert_eq!(outcome.ending, Ending::Stopped);
            let mut second = start.clone();
            let outcome = fit_saving(&mut second, &data, Some(&place), &mut ()).unwrap();
            assert_eq!(second.to_bytes().unwrap(), unbroken.to_bytes().unwrap(), "{optimizer} cut after step {cut}");
            assert_eq!((outcome.ending, outcome.kept_epoch), (whole.ending, whole.kept_epoch));
            let scores = |outcome: &chainrule::Outcome| -> Vec<_> {
                outcome.history.iter().map(|e| (e.train.clone(), e.validation.clone(), e.learning_rate)).collect()
            };
            assert_eq!(scores(&outcome), scores(&whole));
        }
    }
}

/// Images of bars that stand or lie, two planes of 6 x 5 pixels.
fn bars(count: usize) -> Dataset {
    let pixel = |image: usize, at: usize| {
        let (y, x) = (at % 30 / 5, at % 5);
        let bar = if image.is_multiple_of(2) { y == image % 6 } else { x == image % 5 };
        if bar { 200 } else { (at * 7 + image * 13) as u8 % 50 }
    };
    let values = (0..count).flat_map(|image| (0..60).map(move |at| pixel(image, at))).collect();
    let labels = (0..count).map(|image| image as u32 % 2).collect();
    let target = Target::Classes { labels, names: vec!["lies".into(), "stands".into()] };
    let image = Some(ImageSize { planes: 2, height: 6, width: 5 });
    Dataset { image, ..Dataset::new(Matrix::new(count, 60, Values::Bytes(values)), target, "bars") }
}

fn augmented_model(data: &Dataset, augment: &str) -> Model {
    let setup = chainrule::Setup {
        hidden: Some(vec![8]),
        epochs: Some(3),
        batch_size: Some(16),
        validation: Some(0.2),
        augment: Some(augment.parse().unwrap()),
        ..chainrule::Setup::default()
    };
    setup.build(data).unwrap()
}

const EVERYTHING: &str = "shift 1, rotate 20, scale 0.2, elastic 5 1.5, flip, crop 1, cutout 2, mixup 0.3";

#[test]
fn augmented_images_are_the_same_after_a_break_and_at_any_number_of_threads() {
    let data = bars(100);
    let start = augmented_model(&data, EVERYTHING);
    let trained = |threads| {
        let mut model = start.clone();
        with_threads(threads, || fit(&mut model, &data, &mut ())).unwrap();
        model
    };
    let unbroken = trained(1);
    assert_eq!(trained(3).to_bytes().unwrap(), unbroken.to_bytes().unwrap());
    // 80 samples to train on in batches of 16: 5 steps an epoch, 15 in all.
    for cut in 1..=15 {
        let folder = tempfile::tempdir().unwrap();
        let place = checkpoints(folder.path(), Every::Epochs(100));
        fit_saving(&mut start.clone(), &data, Some(&place), &mut StopAfter(cut)).unwrap();
        let mut second = start.clone();
        fit_saving(&mut second, &data, Some(&place), &mut ()).unwrap();
        assert_eq!(second.to_bytes().unwrap(), unbroken.to_bytes().unwrap(), "cut after step {cut}");
        let error = fit_saving(&mut augmented_model(&data, "flip"), &data, Some(&place), &mut ()).unwrap_err();
        assert!(error.to_string().contains(r#"augment was "shift 1, "#), "{error}");
    }
}

#[test]
fn only_what_is_trained_on_is_augmented() {
    let data = bars(100);
    let mut model = augmented_model(&data, EVERYTHING);
    let outcome = fit(&mut model, &data, &mut ()).unwrap();
    let held_out = data.select(&model.recipe.split(&data).1);
    let kept = &outcome.history[outcome.kept_epoch.unwrap() - 1];
    let validated = kept.validation.as_ref().unwrap().loss;
    assert!((evaluate(&model, &held_out).unwrap().loss - validated).abs() < 1e-9);
    // And training is: another augmentation gives other weights.
    let mut other = augmented_model(&data, "flip");
    fit(&mut other, &data, &mut ()).unwrap();
    assert_ne!(*other.parameters, *model.parameters);
}

#[test]
fn what_cannot_be_augmented_says_why() {
    let fails = |data: &Dataset, augment: &str| {
        let mut model = augmented_model(&bars(100), augment);
        model.network.inputs = data.columns();
        fit(&mut model, data, &mut ()).unwrap_err().to_string()
    };
    let table = Dataset { image: None, ..bars(100) };
    assert!(fails(&table, "flip").contains("it has no images to augment: leave --augment out"));
    let error = fails(&bars(100), "crop 5");
    assert!(error.contains("a crop of 5 pixels leaves nothing of images of 2x6x5"), "{error}");
}

#[test]
fn checkpoints_that_cannot_be_used_say_why() {
    let data = sectors(100);
    let folder = tempfile::tempdir().unwrap();
    let place = checkpoints(folder.path(), Every::Steps(1));
    let start = model(Optimizer::Adam, Schedule::Constant);
    fit_saving(&mut start.clone(), &data, Some(&place), &mut StopAfter(3)).unwrap();
    let error = |model: &Model, data: &Dataset, place: &Checkpoints| {
        fit_saving(&mut model.clone(), data, Some(place), &mut ()).unwrap_err().to_string()
    };

    let anew = Checkpoints { resume: false, ..place.clone() };
    assert!(error(&start, &data, &anew).contains("is there already: --resume goes on from it"));

    let mut other = start.clone();
    other.recipe.batch_size = 32;
    assert!(error(&other, &data, &place).contains("batch_size was 16 and is 32"));
    assert!(error(&start, &sectors(99), &place).contains("the data are not the same"));

    let last = folder.path().join("last.safetensors");
    let whole = std::fs::read(&last).unwrap();
    start.save(&last).unwrap();
    assert!(error(&start, &data, &place).contains("it is a model, not a checkpoint"));
    // Epochs and steps that there are not. The header's length stays.
    let edited = |from: &str, to: &str| {
        let at = whole.windows(from.len()).position(|part| part == from.as_bytes()).expect(from);
        let mut file = whole.clone();
        file[at..at + to.len()].copy_from_slice(to.as_bytes());
        std::fs::write(&last, file).unwrap();
    };
    for (from, to) in [
        (r#"\"epoch\":1"#, r#"\"epoch\":0"#),
        (r#"\"epoch\":1"#, r#"\"epoch\":9"#),
        (r#"\"step\":3"#, r#"\"step\":8"#),
        (r#"\"samples\":48"#, r#"\"samples\":99"#),
        (r#"\"best_epoch\":null"#, r#"\"best_epoch\":7   "#),
    ] {
        edited(from, to);
        let error = error(&start, &data, &place);
        assert!(error.contains("where the training stands is damaged"), "{error}");
    }
    std::fs::write(&last, b"no tensors").unwrap();
    assert!(error(&start, &data, &place).contains("it is no safetensors file"));
}

#[test]
fn a_checkpoint_is_a_model_and_the_folder_is_locked() {
    struct Look<'a>(&'a Path, bool);
    impl Observer for Look<'_> {
        fn on_step(&mut self, _: &StepReport) -> Control {
            let last = self.0.join("last.safetensors");
            if last.exists() && !self.1 {
                Model::load(&last).unwrap();
                let (data, mut again) = (sectors(100), model(Optimizer::Adam, Schedule::Constant));
                let place = checkpoints(self.0, Every::Steps(1));
                let error = fit_saving(&mut again, &data, Some(&place), &mut ()).unwrap_err().to_string();
                assert!(error.contains("another training writes its checkpoints here"), "{error}");
                self.1 = true;
            }
            Control::Continue
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut look = Look(folder.path(), false);
    let place = checkpoints(folder.path(), Every::Time(Duration::ZERO));
    fit_saving(&mut model(Optimizer::Adam, Schedule::Constant), &sectors(100), Some(&place), &mut look).unwrap();
    assert!(look.1);
    assert!(Model::load(&folder.path().join("best.safetensors")).is_ok());
}

#[test]
fn spans_are_read() {
    let read = |text: &str| text.parse::<Every>();
    assert_eq!(read("1epoch"), Ok(Every::Epochs(1)));
    assert_eq!(read("500 steps"), Ok(Every::Steps(500)));
    assert_eq!(read("1.5m"), Ok(Every::Time(Duration::from_secs(90))));
    for wrong in ["", "5", "epoch", "0steps", "-1s", "1e400s", "nan s", "2 fortnights", "1\r"] {
        assert!(read(wrong).unwrap_err().contains("write it as in 1epoch"), "{wrong}");
    }
}
