//! Training: steps, epochs, and when to stop.

use crate::augment::Images;
use crate::checkpoint::{Checkpoints, Saver};
use crate::course::Course;
use crate::error::Error;
use crate::evaluate::{Scores, Tally};
use crate::model::Model;
use crate::source::{InMemory, OnDisk, Source};
use crate::step::{Batch, Stepper};
use chainrule_data::{Dataset, Stored};
use chainrule_engine::plan::Segment;
use serde::{Deserialize, Serialize};

/// What an observer wants to happen next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Control {
    /// Go on.
    Continue,
    /// End the training after this step and keep what is best so far.
    Stop,
}

/// A step that was done.
#[derive(Clone, Copy, Debug)]
pub struct StepReport {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// Samples of the epoch done so far.
    pub samples: usize,
    /// Samples of an epoch.
    pub of: usize,
    /// The mean loss of the epoch so far.
    pub loss: f64,
    /// The share of right classes in the epoch so far.
    pub accuracy: Option<f64>,
}

/// An epoch that was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// How many were planned.
    pub epochs: usize,
    /// The learning rate of its last step.
    pub learning_rate: f64,
    /// Scores on the training data while it was learned from.
    pub train: Scores,
    /// Scores on the validation data afterwards.
    pub validation: Option<Scores>,
    /// Whether the validation loss is the lowest so far.
    pub best: bool,
    /// Seconds it took.
    pub seconds: f64,
    /// Training samples a second.
    pub samples_per_second: f64,
}

/// Watches a training.
pub trait Observer {
    /// Called before the first step, once it is known that all that was asked for fits, the checkpoint too.
    fn on_begin(&mut self) {}

    /// Called before the first step of a training that goes on from a checkpoint: in this epoch (counted from 1), after
    /// so many of its steps.
    fn on_resume(&mut self, epoch: usize, steps: usize) {
        let _ = (epoch, steps);
    }

    /// Called after every step.
    fn on_step(&mut self, step: &StepReport) -> Control {
        let _ = step;
        Control::Continue
    }

    /// Called after every epoch.
    fn on_epoch(&mut self, epoch: &EpochReport) -> Control {
        let _ = epoch;
        Control::Continue
    }

    /// Whether the network is to be shown after this epoch, counted from 1.
    fn looks_at(&self, epoch: usize) -> bool {
        let _ = epoch;
        false
    }

    /// Called after an epoch that [`Observer::looks_at`] names, before [`Observer::on_epoch`], with the model as it is
    /// trained and its parameters before the last step.
    fn on_network(&mut self, epoch: usize, model: &Model, before: &[f32]) {
        let _ = (epoch, model, before);
    }
}

/// Watches nothing.
impl Observer for () {}

/// Why a training ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All epochs were done.
    Finished,
    /// The validation loss did not improve for as long as the patience lasted.
    OutOfPatience,
    /// The observer asked for it.
    Stopped,
}

/// What a training did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Why it ended.
    pub ending: Ending,
    /// The epoch whose weights the model has now; `None` if they are from the middle of the first.
    pub kept_epoch: Option<usize>,
    /// Every whole epoch.
    pub history: Vec<EpochReport>,
}

/// A model under training, with room for a batch.
pub struct Trainer<'a> {
    pub(crate) model: &'a mut Model,
    pub(crate) stepper: Stepper,
    x: Vec<f32>,
    y: Vec<f32>,
    weight: Vec<f32>,
}

impl<'a> Trainer<'a> {
    /// Prepares to train `model`.
    ///
    /// # Errors
    /// A recipe that makes no sense.
    pub fn new(model: &'a mut Model) -> Result<Self, Error> {
        let stepper = Stepper::new(model)?;
        Ok(Self { model, stepper, x: Vec::new(), y: Vec::new(), weight: Vec::new() })
    }

    /// Forward, backward and update on these rows of `data` with this learning rate; the scores are added to `tally`. Returns
    /// whether the cost (and the norm of the gradient, where it is clipped) is finite; if not, the weights are as
    /// before.
    ///
    /// The first step of a batch size plans and takes memory; later ones allocate nothing.
    ///
    /// # Errors
    /// Data that the network does not fit, seen by the length of its rows.
    pub fn step(&mut self, data: &Dataset, rows: &[u32], rate: f64, tally: &mut Tally) -> Result<bool, Error> {
        let Self { model, x, .. } = self;
        if data.columns() != model.network.inputs {
            model.check_fits(data)?;
        }
        x.resize(rows.len() * model.network.inputs, 0.0);
        model.fill_features(data, rows, x);
        self.step_filled(data, rows, rate, tally)
    }

    /// [`Trainer::step`] on inputs that were prepared.
    pub(crate) fn step_prepared(
        &mut self,
        x: &mut Vec<f32>,
        data: &Dataset,
        rows: &[u32],
        rate: f64,
        tally: &mut Tally,
    ) -> Result<bool, Error> {
        std::mem::swap(&mut self.x, x);
        let moved = self.step_filled(data, rows, rate, tally)?;
        // After a step that failed they stay, so that it can be found out why.
        if moved {
            std::mem::swap(&mut self.x, x);
        }
        Ok(moved)
    }

    /// [`Trainer::step`] with the inputs already in `x`.
    fn step_filled(&mut self, data: &Dataset, rows: &[u32], rate: f64, tally: &mut Tally) -> Result<bool, Error> {
        let Self { model, stepper, x, y, weight } = self;
        y.resize(rows.len() * model.task.width(), 0.0);
        model.fill_targets(data, rows, y);
        Model::fill_weights(data, rows, weight);
        let done = stepper.step(model, Batch { x, y, weight }, rate)?;
        if done.moved {
            tally.add(model, done.cost, done.output, y);
        }
        Ok(done.moved)
    }

    /// The first of w1, b1, w2, … with a number that is not finite.
    pub(crate) fn first_non_finite_weight(&self) -> Option<String> {
        let is_bad = |s: &Segment| self.model.parameters[s.range.clone()].iter().any(|w| !w.is_finite());
        self.model.network.segments().into_iter().find(is_bad).map(|segment| segment.name)
    }

    /// The first value of the last step that is not finite.
    pub(crate) fn first_non_finite(&self) -> Result<Option<String>, Error> {
        match self.first_non_finite_weight() {
            Some(weight) => Ok(Some(weight)),
            None => {
                let batch = Batch { x: &self.x, y: &self.y, weight: &self.weight };
                self.stepper.first_non_finite(self.model, batch)
            }
        }
    }
}

/// Trains a model on `data` by its recipe, and leaves the best weights in it: those of the epoch with the lowest
/// validation loss, or the last ones if nothing is held out.
///
/// # Errors
/// A recipe that makes no sense, or data that the network does not fit; or divergence, with the weights of the best epoch (at first the initial ones) in the model.
pub fn fit(model: &mut Model, data: &Dataset, observer: &mut dyn Observer) -> Result<Outcome, Error> {
    fit_saving(model, data, None, observer)
}

/// [`fit`], with checkpoints. A training that was cut off and goes on from one ends in the same bits as one that was not.
///
/// # Errors
/// As [`fit`]; a folder that cannot be written to or that another training uses, or a checkpoint of another training.
pub fn fit_saving(
    model: &mut Model,
    data: &Dataset,
    checkpoints: Option<&Checkpoints>,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    let (train, held_out) = model.recipe.split(data);
    run(model, &mut InMemory::new(data, train), data, &held_out, checkpoints, observer)
}

/// [`fit_saving`] for samples that were written to a file because they do not fit in memory; the best epoch is chosen on
/// `validation`, if it has rows.
///
/// # Errors
/// As [`fit_saving`]; and a file that can no longer be read.
pub fn fit_stored(
    model: &mut Model,
    train: Stored,
    validation: &Dataset,
    checkpoints: Option<&Checkpoints>,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    let held_out: Vec<u32> = (0..validation.len() as u32).collect();
    run(model, &mut OnDisk::new(train), validation, &held_out, checkpoints, observer)
}

fn run(
    model: &mut Model,
    source: &mut dyn Source,
    validation: &Dataset,
    held_out: &[u32],
    checkpoints: Option<&Checkpoints>,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    model.check_fits(validation)?;
    if validation.target.is_none() {
        let problems = vec!["it has no target to learn".to_owned()];
        return Err(Error::Fit { source_name: validation.source.clone(), problems });
    }
    let mut images = Images::of(model, validation)?;
    let start = |checkpoints| Saver::new(checkpoints, source.fingerprint(model));
    let saver = checkpoints.map(start).transpose()?;
    let mut course = Course::new(model, validation, held_out, saver);
    let mut trainer = Trainer::new(model)?;
    course.resume(source, &mut trainer, observer)?;
    observer.on_begin();
    let ending = course.run(source, images.as_mut(), &mut trainer, observer);
    let (best, best_epoch, history) = course.end();
    // A stop before the end of the first epoch leaves no best epoch: then the weights so far are kept.
    if ending.is_err() || best_epoch.is_some() {
        model.parameters.copy_from_slice(&best);
    }
    Ok(Outcome { ending: ending?, kept_epoch: best_epoch, history })
}
