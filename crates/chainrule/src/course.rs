//! A training under way: epochs of steps, what is kept of them, and where it goes on after a break.

use crate::augment::Images;
use crate::checkpoint::Saver;
use crate::error::Error;
use crate::evaluate::{Evaluator, Tally};
use crate::model::Model;
use crate::recipe::Recipe;
use crate::schedule::ScheduleState;
use crate::source::Source;
use crate::train::{Control, Ending, EpochReport, Observer, StepReport, Trainer};
use chainrule_data::Dataset;
use chainrule_kernels::Block;
use serde::{Deserialize, Serialize};
use std::time::Instant;

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
pub(crate) struct Course<'a> {
    progress: Progress,
    /// The weights to keep.
    best: Block<f32>,
    /// The data of which the rows `held_out` are validated on.
    validation: &'a Dataset,
    held_out: &'a [u32],
    evaluator: Evaluator,
    saver: Option<Saver>,
    /// The weights before the last step of an epoch, where the observer looks at them.
    before: Vec<f32>,
}

impl<'a> Course<'a> {
    /// A training from the beginning.
    pub(crate) fn new(model: &Model, validation: &'a Dataset, held_out: &'a [u32], saver: Option<Saver>) -> Self {
        let schedule = ScheduleState::new(model.recipe.schedule, model.recipe.learning_rate);
        let (progress, best) = (Progress::new(schedule), model.parameters.clone());
        Self { progress, best, validation, held_out, evaluator: Evaluator::new(), saver, before: Vec::new() }
    }

    /// The weights to keep, of which epoch they are (none has ended without one), and every epoch.
    pub(crate) fn end(self) -> (Block<f32>, Option<usize>, Vec<EpochReport>) {
        (self.best, self.progress.best_epoch, self.progress.history)
    }

    /// Goes to where the checkpoint was written, if there is one.
    pub(crate) fn resume(
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

    pub(crate) fn run(
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
            if observer.looks_at(report.epoch) {
                observer.on_network(report.epoch, trainer.model, &self.before);
            }
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
        if progress.step + 1 == of_epoch.steps && observer.looks_at(epoch) {
            self.before.clear();
            self.before.extend_from_slice(&trainer.model.parameters);
        }
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
