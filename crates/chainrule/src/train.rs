//! Training: steps, epochs, and when to stop.

use crate::augment::Images;
use crate::checkpoint::{Checkpoints, Saver};
use crate::error::Error;
use crate::evaluate::{Evaluator, Scores, Tally};
use crate::model::Model;
use crate::recipe::Recipe;
use crate::schedule::ScheduleState;
use crate::source::{InMemory, OnDisk, Source};
use crate::step::{Batch, Stepper};
use chainrule_data::{Dataset, Stored};
use chainrule_engine::plan::Segment;
use chainrule_kernels::Block;
use serde::{Deserialize, Serialize};
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
    model: &'a mut Model,
    stepper: Stepper,
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
    fn step_prepared(
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
    fn first_non_finite_weight(&self) -> Option<String> {
        let is_bad = |s: &Segment| self.model.parameters[s.range.clone()].iter().any(|w| !w.is_finite());
        self.model.network.segments().into_iter().find(is_bad).map(|segment| segment.name)
    }

    /// The first value of the last step that is not finite.
    fn first_non_finite(&self) -> Result<Option<String>, Error> {
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
    let best = model.parameters.clone();
    let schedule = ScheduleState::new(model.recipe.schedule, model.recipe.learning_rate);
    let mut trainer = Trainer::new(model)?;
    let mut course =
        Course { progress: Progress::new(schedule), best, validation, held_out, evaluator: Evaluator::new(), saver };
    course.resume(source, &mut trainer, observer)?;
    let ending = course.run(source, images.as_mut(), &mut trainer, observer);
    let Course { progress: Progress { best_epoch, history, .. }, best, .. } = course;
    // A stop before the end of the first epoch leaves no best epoch: then the weights so far are kept.
    if ending.is_err() || best_epoch.is_some() {
        model.parameters.copy_from_slice(&best);
    }
    Ok(Outcome { ending: ending?, kept_epoch: best_epoch, history })
}

/// Where a training stands between two steps: with the weights and the optimiser's memory, all that decides how it goes
/// on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The epoch that is under way or comes next, counted from 1.
    epoch: usize,
    /// Steps of it that are done.
    step: usize,
    /// Scores of these steps.
    tally: Tally,
    /// The learning rate of the last step.
    rate: f64,
    schedule: ScheduleState,
    best_epoch: Option<usize>,
    best_loss: Option<f64>,
    history: Vec<EpochReport>,
}

impl Progress {
    fn new(schedule: ScheduleState) -> Self {
        Self {
            epoch: 1,
            step: 0,
            tally: Tally::default(),
            rate: 0.0,
            schedule,
            best_epoch: None,
            best_loss: None,
            history: Vec::new(),
        }
    }

    /// Whether a training by this recipe on so many rows, in parts, can stand there, as what a file says need not.
    pub(crate) fn is_sound(&self, recipe: &Recipe, parts: &[usize]) -> bool {
        let rows: usize = parts.iter().sum();
        // Each part may end in a smaller batch.
        let steps = rows.div_ceil(recipe.batch_size) + parts.len().saturating_sub(1);
        let begun = self.epoch >= 1 && self.epoch - 1 <= recipe.epochs;
        begun
            && self.step <= steps
            && self.tally.samples() <= rows
            && self.best_epoch.is_none_or(|best| best < self.epoch)
    }

    /// Why the training is over, if it is.
    fn ending(&self, recipe: &Recipe) -> Option<Ending> {
        let done = self.epoch - 1;
        let waited = done - self.best_epoch.unwrap_or(0).min(done);
        if done > 0 && recipe.patience.is_some_and(|patience| waited >= patience) {
            Some(Ending::OutOfPatience)
        } else {
            (done >= recipe.epochs).then_some(Ending::Finished)
        }
    }
}

/// How much an epoch is.
#[derive(Clone, Copy)]
struct Size {
    samples: usize,
    steps: usize,
}

/// A training under way.
struct Course<'a> {
    progress: Progress,
    /// The weights to keep.
    best: Block<f32>,
    /// The data of which the rows `held_out` are validated on.
    validation: &'a Dataset,
    held_out: &'a [u32],
    evaluator: Evaluator,
    saver: Option<Saver>,
}

impl Course<'_> {
    /// Goes to where the checkpoint was written, if there is one.
    fn resume(
        &mut self,
        source: &dyn Source,
        trainer: &mut Trainer<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        let Some(saver) = &self.saver else { return Ok(()) };
        let Trainer { model, stepper, .. } = trainer;
        if let Some(progress) = saver.resume(model, stepper, &mut self.best, &source.parts())? {
            observer.on_resume(progress.epoch, progress.step);
            self.progress = progress;
        }
        Ok(())
    }

    fn save(&mut self, trainer: &mut Trainer<'_>) -> Result<(), Error> {
        match &mut self.saver {
            Some(saver) => saver.save(trainer.model, &mut trainer.stepper, &self.best, &self.progress),
            None => Ok(()),
        }
    }

    fn save_if_due(&mut self, trainer: &mut Trainer<'_>, epoch_ended: bool) -> Result<(), Error> {
        let is_due = self.saver.as_mut().is_some_and(|saver| saver.is_due(epoch_ended));
        if is_due { self.save(trainer) } else { Ok(()) }
    }

    fn run(
        &mut self,
        source: &mut dyn Source,
        mut images: Option<&mut Images>,
        trainer: &mut Trainer<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Ending, Error> {
        let ending = loop {
            if let Some(ending) = self.progress.ending(&trainer.model.recipe) {
                break ending;
            }
            let begin = Instant::now();
            if self.epoch(source, images.as_deref_mut(), trainer, observer)? == Control::Stop {
                break Ending::Stopped;
            }
            let report = self.close(trainer, begin)?;
            let control = observer.on_epoch(&report);
            self.progress.history.push(report);
            if control == Control::Stop {
                break Ending::Stopped;
            }
            self.save_if_due(trainer, true)?;
        };
        self.save(trainer)?;
        Ok(ending)
    }

    /// The steps of an epoch that are not done yet, part by part; the last batch of a part may be smaller.
    fn epoch(
        &mut self,
        source: &mut dyn Source,
        mut images: Option<&mut Images>,
        trainer: &mut Trainer<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Control, Error> {
        let Recipe { batch_size, seed, .. } = trainer.model.recipe;
        source.begin(self.progress.epoch, seed);
        let sizes = source.parts();
        let steps: Vec<usize> = sizes.iter().map(|samples| samples.div_ceil(batch_size)).collect();
        let all = Size { samples: sizes.iter().sum(), steps: steps.iter().sum() };
        let mut before = 0;
        for (part, steps) in steps.into_iter().enumerate() {
            let done = (self.progress.step - before).min(steps);
            before += steps;
            if done == steps {
                continue;
            }
            let (data, order) = source.part(part)?;
            let batches: Vec<&[u32]> = order.chunks(batch_size).skip(done).collect();
            let mut control = Control::Continue;
            let epoch = self.progress.epoch;
            let mut step = |rows: &[u32], x: Option<&mut Vec<f32>>| {
                control = self.step(trainer, (data, rows, x), all, observer)?;
                if control == Control::Continue {
                    self.save_if_due(trainer, false)?;
                }
                Ok(control == Control::Continue)
            };
            match images.as_deref_mut() {
                Some(images) => images.each_batch(epoch, data, order, &batches, |rows, x| step(rows, Some(x)))?,
                None => {
                    for rows in batches {
                        if !step(rows, None)? {
                            break;
                        }
                    }
                }
            }
            if control == Control::Stop {
                return Ok(Control::Stop);
            }
        }
        Ok(Control::Continue)
    }

    /// A step on these rows, whose inputs were prepared if they are given.
    fn step(
        &mut self,
        trainer: &mut Trainer<'_>,
        (data, rows, x): (&Dataset, &[u32], Option<&mut Vec<f32>>),
        of_epoch: Size,
        observer: &mut dyn Observer,
    ) -> Result<Control, Error> {
        let progress = &mut self.progress;
        let epoch = progress.epoch;
        let steps = of_epoch.steps as f64;
        let done = (epoch - 1) as f64 * steps + progress.step as f64;
        let rate = progress.schedule.rate(done / (trainer.model.recipe.epochs as f64 * steps), epoch - 1);
        let moved = match x {
            None => trainer.step(data, rows, rate, &mut progress.tally)?,
            Some(x) => trainer.step_prepared(x, data, rows, rate, &mut progress.tally)?,
        };
        if !moved {
            let (step, node) = (progress.step + 1, trainer.first_non_finite()?);
            return Err(Error::Diverged { epoch, step, node, rate, kept_epoch: progress.best_epoch });
        }
        (progress.step, progress.rate) = (progress.step + 1, rate);
        let (scores, samples) = (progress.tally.scores(), progress.tally.samples());
        let report = StepReport { epoch, samples, of: of_epoch.samples, loss: scores.loss, accuracy: scores.accuracy };
        Ok(observer.on_step(&report))
    }

    /// Validates, remembers the best, reports, and goes to the next epoch.
    fn close(&mut self, trainer: &mut Trainer<'_>, begin: Instant) -> Result<EpochReport, Error> {
        let train_seconds = begin.elapsed().as_secs_f64();
        let progress = &mut self.progress;
        let (epoch, rate, tally) = (progress.epoch, progress.rate, std::mem::take(&mut progress.tally));
        if let Some(node) = trainer.first_non_finite_weight() {
            let (step, node) = (progress.step, Some(node));
            return Err(Error::Diverged { epoch, step, node, rate, kept_epoch: progress.best_epoch });
        }
        trainer.stepper.swap_average(trainer.model);
        let validation = match self.held_out {
            [] => None,
            rows => Some(self.evaluator.tally(trainer.model, self.validation, rows)?.scores()),
        };
        let train = tally.scores();
        let loss = validation.as_ref().map_or(train.loss, |v| v.loss);
        progress.schedule.observe(loss);
        // Without validation data the latest weights are the ones to keep.
        let is_better = loss.is_finite() && progress.best_loss.is_none_or(|before| loss < before);
        let best = validation.is_none() || is_better;
        if best {
            progress.best_loss = Some(loss);
            progress.best_epoch = Some(epoch);
            self.best.copy_from_slice(&trainer.model.parameters);
            if let Some(saver) = &self.saver {
                saver.save_best(trainer.model)?;
            }
        }
        trainer.stepper.swap_average(trainer.model);
        (progress.epoch, progress.step) = (epoch + 1, 0);
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
