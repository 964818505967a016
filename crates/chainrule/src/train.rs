//! Training: steps, epochs, and when to stop.

use crate::error::Error;
use crate::evaluate::{Evaluator, Scores, Tally};
use crate::model::Model;
use crate::schedule::ScheduleState;
use crate::step::Stepper;
use chainrule_data::{Dataset, shuffle};
use chainrule_engine::plan::Segment;
use chainrule_kernels::Block;
use serde::Serialize;
use std::time::Instant;

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
#[derive(Clone, Debug, PartialEq, Serialize)]
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

/// A model under training, with the data that it learns from and room for a batch.
pub struct Trainer<'a> {
    model: &'a mut Model,
    data: &'a Dataset,
    stepper: Stepper,
    x: Vec<f32>,
    y: Vec<f32>,
}

impl<'a> Trainer<'a> {
    /// Prepares to train `model` on rows of `data`.
    ///
    /// # Errors
    /// A recipe that makes no sense, or data that the network does not fit.
    pub fn new(model: &'a mut Model, data: &'a Dataset) -> Result<Self, Error> {
        let stepper = Stepper::new(model)?;
        model.check_fits(data)?;
        if data.target.is_none() {
            let problems = vec!["it has no target to learn".to_owned()];
            return Err(Error::Fit { source_name: data.source.clone(), problems });
        }
        Ok(Self { model, data, stepper, x: Vec::new(), y: Vec::new() })
    }

    /// Forward, backward and update on these rows with this learning rate; the scores are added to `tally`. Returns
    /// whether the cost (and the norm of the gradient, where it is clipped) is finite; if not, the weights are as
    /// before.
    ///
    /// The first step of a batch size plans and takes memory; later ones allocate nothing.
    ///
    /// # Errors
    /// An error of the engine, which only a fault in planning could cause.
    pub fn step(&mut self, rows: &[u32], rate: f64, tally: &mut Tally) -> Result<bool, Error> {
        let Self { model, data, stepper, x, y } = self;
        x.resize(rows.len() * model.network.inputs, 0.0);
        y.resize(rows.len(), 0.0);
        model.fill_features(data, rows, x);
        model.fill_targets(data, rows, y);
        let done = stepper.step(model, x, y, rate)?;
        if done.moved {
            tally.add(model, done.cost, done.output, y);
        }
        Ok(done.moved)
    }

    /// The first of w1, b1, w2, … with a number that is not finite.
    fn first_non_finite_weight(&self) -> Option<String> {
        let is_bad = |s: &Segment| self.model.parameters[s.range.clone()].iter().any(|w| !w.is_finite());
        self.model.network.segments().into_iter().find(is_bad).map(|segment| segment.name)
    }

    /// The first value of the last step that is not finite.
    fn first_non_finite(&self) -> Result<Option<String>, Error> {
        match self.first_non_finite_weight() {
            Some(weight) => Ok(Some(weight)),
            None => self.stepper.first_non_finite(self.model, &self.x, &self.y),
        }
    }
}

/// Trains a model on `data` by its recipe, and leaves the best weights in it: those of the epoch with the lowest
/// validation loss, or the last ones if nothing is held out.
///
/// # Errors
/// As [`Trainer::new`]; or divergence, with the weights of the best epoch (at first the initial ones) in the model.
pub fn fit(model: &mut Model, data: &Dataset, observer: &mut dyn Observer) -> Result<Outcome, Error> {
    let recipe = model.recipe.clone();
    let (train, held_out) = recipe.split(data);
    let mut course = Course {
        schedule: ScheduleState::new(recipe.schedule, recipe.learning_rate),
        best: Best { loss: f64::INFINITY, epoch: None, parameters: model.parameters.clone() },
        history: Vec::new(),
        order: train,
        held_out,
        evaluator: Evaluator::new(),
    };
    let ending = course.run(&mut Trainer::new(model, data)?, observer);
    // A stop before the end of the first epoch leaves no best epoch: then the weights so far are kept.
    if ending.is_err() || course.best.epoch.is_some() {
        model.parameters.copy_from_slice(&course.best.parameters);
    }
    Ok(Outcome { ending: ending?, kept_epoch: course.best.epoch, history: course.history })
}

/// The weights to keep.
struct Best {
    loss: f64,
    epoch: Option<usize>,
    parameters: Block<f32>,
}

/// The state of a training between epochs.
struct Course {
    schedule: ScheduleState,
    best: Best,
    history: Vec<EpochReport>,
    order: Vec<u32>,
    held_out: Vec<u32>,
    evaluator: Evaluator,
}

impl Course {
    fn run(&mut self, trainer: &mut Trainer<'_>, observer: &mut dyn Observer) -> Result<Ending, Error> {
        let epochs = trainer.model.recipe.epochs;
        for epoch in 1..=epochs {
            let begin = Instant::now();
            let mut tally = Tally::default();
            let (rate, control) = self.epoch(trainer, epoch, &mut tally, observer)?;
            if control == Control::Stop {
                return Ok(Ending::Stopped);
            }
            let report = self.close(trainer, epoch, rate, &tally, begin)?;
            let control = observer.on_epoch(&report);
            self.history.push(report);
            if control == Control::Stop {
                return Ok(Ending::Stopped);
            }
            let waited = epoch - self.best.epoch.unwrap_or(0);
            if trainer.model.recipe.patience.is_some_and(|patience| waited >= patience) {
                return Ok(Ending::OutOfPatience);
            }
        }
        Ok(Ending::Finished)
    }

    /// All steps of an epoch, in an order of its own; the last batch may be smaller.
    fn epoch(
        &mut self,
        trainer: &mut Trainer<'_>,
        epoch: usize,
        tally: &mut Tally,
        observer: &mut dyn Observer,
    ) -> Result<(f64, Control), Error> {
        let (batch, epochs) = (trainer.model.recipe.batch_size, trainer.model.recipe.epochs);
        shuffle(&mut self.order, trainer.model.recipe.seed, epoch as u64);
        let steps = self.order.len().div_ceil(batch);
        let mut rate = 0.0;
        for (number, rows) in self.order.chunks(batch).enumerate() {
            let done = (epoch - 1) * steps + number;
            rate = self.schedule.rate(done as f64 / (epochs * steps) as f64, epoch - 1);
            if !trainer.step(rows, rate, tally)? {
                let node = trainer.first_non_finite()?;
                return Err(Error::Diverged { epoch, step: number + 1, node, rate, kept_epoch: self.best.epoch });
            }
            let scores = tally.scores();
            let (samples, of) = (tally.samples(), self.order.len());
            let report = StepReport { epoch, samples, of, loss: scores.loss, accuracy: scores.accuracy };
            if observer.on_step(&report) == Control::Stop {
                return Ok((rate, Control::Stop));
            }
        }
        Ok((rate, Control::Continue))
    }

    /// Validates, remembers the best, and reports.
    fn close(
        &mut self,
        trainer: &Trainer<'_>,
        epoch: usize,
        rate: f64,
        tally: &Tally,
        begin: Instant,
    ) -> Result<EpochReport, Error> {
        let train_seconds = begin.elapsed().as_secs_f64();
        if let Some(node) = trainer.first_non_finite_weight() {
            let step = self.order.len().div_ceil(trainer.model.recipe.batch_size);
            return Err(Error::Diverged { epoch, step, node: Some(node), rate, kept_epoch: self.best.epoch });
        }
        let validation = match self.held_out.as_slice() {
            [] => None,
            rows => Some(self.evaluator.tally(trainer.model, trainer.data, rows)?.scores()),
        };
        let train = tally.scores();
        let loss = validation.as_ref().map_or(train.loss, |v| v.loss);
        self.schedule.observe(loss);
        // Without validation data the latest weights are the ones to keep.
        let best = validation.is_none() || loss < self.best.loss;
        if best {
            self.best.loss = loss;
            self.best.epoch = Some(epoch);
            self.best.parameters.copy_from_slice(&trainer.model.parameters);
        }
        Ok(EpochReport {
            epoch,
            epochs: trainer.model.recipe.epochs,
            learning_rate: rate,
            train,
            validation,
            best,
            seconds: begin.elapsed().as_secs_f64(),
            samples_per_second: tally.samples() as f64 / train_seconds.max(1e-9),
        })
    }
}
