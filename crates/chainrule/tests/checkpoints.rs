//! A training that is cut off and goes on ends in the bits of one that was not.

mod common;

use chainrule::data::{Dataset, Matrix, Target, Values};
use chainrule::{
    Activation, Checkpoints, Control, Ending, Every, Mlp, Model, Observer, Optimizer, Schedule, StepReport, fit,
    fit_saving,
};
use common::StopAfter;
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
        let start = model(optimizer, schedule);
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
