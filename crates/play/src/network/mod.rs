//! A small network under training: the same model, stepper and scores as those of `chainrule train`.

mod looks;
mod maps;
mod points;
mod sample;
mod words;

use crate::hello::{LIMITS, losses};
use crate::protocol::{Begun, Both, Failure, Frame, Points, Settings, TrainRequest};
use chainrule::data::{Dataset, shuffle};
use chainrule::{Activation, Batch, Error, Evaluator, Loss, Mlp, Model, Stepper, Task};
use std::str::FromStr;

/// Steps between two looks at the clock.
const STEPS_A_LOOK: usize = 8;

/// How much of the older speed is kept when a new one is measured.
const KEPT: f64 = 0.8;

/// A network, its points, and where its training stands.
pub(crate) struct Playing {
    model: Model,
    /// The names of its features.
    names: Vec<String>,
    points: Points,
    train: Dataset,
    test: Dataset,
    stepper: Stepper,
    evaluator: Evaluator,
    grid: maps::Grid,
    side: usize,
    course: Course,
    last: Last,
    looks: looks::Looks,
    speed: Speed,
    diverged: Option<String>,
}

/// Where a training stands.
struct Course {
    rate: f64,
    /// Epochs that ended, and steps that were done.
    epoch: usize,
    step: usize,
    /// The rows in the order of this epoch, and how many of them were taken.
    order: Vec<u32>,
    taken: usize,
    /// Room for a batch.
    x: Vec<f32>,
    y: Vec<f32>,
}

/// The last step: its gradient, and what it added to the parameters.
struct Last {
    gradient: Vec<f32>,
    update: Vec<f32>,
}

/// Steps and milliseconds, the older ones counting less.
#[derive(Default)]
struct Speed {
    steps: f64,
    milliseconds: f64,
}

impl Playing {
    /// Draws points and weights.
    pub(crate) fn begin(settings: Settings) -> Result<(Self, Begun), Failure> {
        check(&settings)?;
        let points = points::points(&settings)?;
        let model = model(&settings)?;
        let [train, test] = [&points.train, &points.test].map(|points| points::dataset(&settings.features, points));
        let mut grid = maps::Grid::new(&model, &settings.features, settings.side)?;
        let inputs = grid.inputs();
        let none = vec![0.0; model.parameters.len()];
        let sizes = model.network.layers.iter().map(|layer| layer.outputs);
        let layers = [model.network.inputs].into_iter().chain(sizes).collect();
        let order = (0..points.train.len() as u32).collect();
        let mut playing = Self {
            looks: looks::Looks::new(&model, &train, &test)?,
            stepper: Stepper::new(&model).map_err(failed)?,
            model,
            names: settings.features,
            points,
            train,
            test,
            evaluator: Evaluator::new(),
            grid,
            side: settings.side,
            course: Course {
                rate: settings.learning_rate,
                epoch: 0,
                step: 0,
                order,
                taken: 0,
                x: Vec::new(),
                y: Vec::new(),
            },
            last: Last { gradient: none.clone(), update: none },
            speed: Speed::default(),
            diverged: None,
        };
        let frame = playing.frame(0, 0.0)?;
        let begun = Begun { points: playing.points.clone(), layers, inputs, frame };
        Ok((playing, begun))
    }

    /// Trains until the time or the steps are over, and shows how the network stands then.
    pub(crate) fn train(&mut self, asked: TrainRequest, clock: fn() -> f64) -> Result<Frame, Failure> {
        if let Some(rate) = asked.learning_rate {
            check_rate(rate)?;
            self.course.rate = rate;
            self.looks.set_rate(rate);
        }
        let time = asked.milliseconds.clamp(0.0, LIMITS.milliseconds);
        let most = asked.most_steps.unwrap_or(LIMITS.steps).min(LIMITS.steps);
        let before = self.course.step;
        let start = clock();
        if most > 0 && self.diverged.is_none() {
            self.steps(most - 1, || clock() - start >= time)?;
            self.last_step()?;
        }
        let (done, took) = (self.course.step - before, clock() - start);
        self.speed.add(done, took);
        self.frame(done, took)
    }

    /// Does at most so many steps.
    fn steps(&mut self, most: usize, is_over: impl Fn() -> bool) -> Result<(), Failure> {
        for done in 0..most {
            if self.diverged.is_some() || (done % STEPS_A_LOOK == 0 && is_over()) {
                break;
            }
            self.prepare();
            self.step()?;
        }
        Ok(())
    }

    /// A step of which the gradient and the update are kept.
    fn last_step(&mut self) -> Result<(), Failure> {
        if self.diverged.is_some() {
            return Ok(());
        }
        self.prepare();
        let Self { model, stepper, course, last, .. } = self;
        last.gradient.copy_from_slice(stepper.gradient(model, course.batch()).map_err(failed)?);
        last.update.copy_from_slice(&model.parameters);
        self.step()?;
        let Self { model, last, .. } = self;
        for (update, parameter) in last.update.iter_mut().zip(model.parameters.iter()) {
            *update = parameter - *update;
        }
        Ok(())
    }

    /// Takes the next batch.
    fn prepare(&mut self) {
        let Self { model, course, train, .. } = self;
        let recipe = &model.recipe;
        if course.taken == 0 {
            shuffle(&mut course.order, recipe.seed, course.epoch as u64 + 1);
        }
        let end = (course.taken + recipe.batch_size).min(course.order.len());
        let rows = &course.order[course.taken..end];
        course.x.resize(rows.len() * train.columns(), 0.0);
        train.features.gather(rows, &mut course.x);
        let labels = train.labels().unwrap_or_default();
        course.y.clear();
        course.y.extend(rows.iter().map(|&row| labels[row as usize] as f32));
        course.taken = end;
        if end == course.order.len() {
            course.taken = 0;
            course.epoch += 1;
        }
    }

    /// Forward, back and update on the batch that was taken.
    fn step(&mut self) -> Result<(), Failure> {
        let Self { model, stepper, course, .. } = self;
        let done = stepper.step(model, course.batch(), course.rate).map_err(failed)?;
        if done.moved {
            course.step += 1;
        } else {
            self.looks.diverged(course.step + 1);
            self.diverged = Some(format!(
                "the loss is no number any more at step {}: a smaller learning rate helps",
                course.step + 1
            ));
        }
        Ok(())
    }

    fn frame(&mut self, steps_done: usize, milliseconds: f64) -> Result<Frame, Failure> {
        let maps = self.grid.layers(&self.model.parameters)?;
        let (train, test) = (self.scores(false)?, self.scores(true)?);
        let loss = Both { train: train[0], test: test[0] };
        let accuracy = Both { train: train[1], test: test[1] };
        if self.diverged.is_none() && self.course.step > 0 {
            let before: Vec<f32> = self.model.parameters.iter().zip(&self.last.update).map(|(w, u)| w - u).collect();
            self.looks.look(&self.model, self.course.epoch, &before, loss, accuracy)?;
        }
        let [weights, biases] = self.by_layer(&self.model.parameters);
        let [gradients, bias_gradients] = self.by_layer(&self.last.gradient);
        let [updates, bias_updates] = self.by_layer(&self.last.update);
        Ok(Frame {
            epoch: self.course.epoch,
            step: self.course.step,
            loss,
            accuracy,
            weights,
            biases,
            gradients,
            bias_gradients,
            updates,
            bias_updates,
            maps,
            side: self.side,
            steps_done,
            milliseconds,
            steps_per_second: self.speed.a_second(),
            diverged: self.diverged.clone(),
            findings: self.looks.findings(),
        })
    }

    /// Loss and accuracy on the points to test on, or to learn from; not numbers if there are none.
    fn scores(&mut self, on_test: bool) -> Result<[f64; 2], Failure> {
        let data = if on_test { &self.test } else { &self.train };
        if data.is_empty() {
            return Ok([f64::NAN; 2]);
        }
        let rows: Vec<u32> = (0..data.len() as u32).collect();
        let scores = self.evaluator.tally(&self.model, data, &rows).map_err(failed)?.scores();
        Ok([scores.loss, scores.accuracy.unwrap_or(f64::NAN)])
    }

    /// Weights and biases in a block of parameters, layer by layer.
    fn by_layer(&self, block: &[f32]) -> [Vec<Vec<f32>>; 2] {
        let pieces = self.model.network.segments();
        let of = |kind: char| {
            let pieces = pieces.iter().filter(|piece| piece.name.starts_with(kind));
            pieces.map(|piece| block[piece.range.clone()].to_vec()).collect()
        };
        [of('w'), of('b')]
    }
}

impl Course {
    fn batch(&self) -> Batch<'_> {
        Batch { x: &self.x, y: &self.y, weight: &[] }
    }
}

impl Speed {
    fn add(&mut self, steps: usize, milliseconds: f64) {
        self.steps = self.steps * KEPT + steps as f64;
        self.milliseconds = self.milliseconds * KEPT + milliseconds;
    }

    fn a_second(&self) -> f64 {
        if self.milliseconds > 0.0 { self.steps / self.milliseconds * 1e3 } else { 0.0 }
    }
}

/// The network of these settings, with its first weights.
fn model(settings: &Settings) -> Result<Model, Failure> {
    let loss: Loss = named("loss", &settings.loss)?;
    let activation: Activation = named("activation", &settings.activation)?;
    let mut builder = Mlp::builder().input(settings.features.len());
    for &neurons in &settings.hidden {
        builder = builder.hidden(neurons, activation);
    }
    // Either the loss takes a logit, or the output is a probability itself.
    let output = if loss == Loss::BinaryCrossEntropy { Activation::Identity } else { Activation::Sigmoid };
    let mlp = builder
        .output(1)
        .output_activation(output)
        .loss(loss)
        .optimizer(named("optimizer", &settings.optimizer)?, settings.learning_rate)
        .init(named("init", &settings.init)?)
        .batch_size(settings.batch_size)
        .seed(settings.seed)
        .recipe(|recipe| recipe.l2 = settings.l2)
        .build()
        .map_err(failed)?;
    Ok(Model { task: Task::Classes(points::CLASSES.map(str::to_owned).to_vec()), ..mlp.model })
}

/// Reads a choice by its name.
fn named<T: FromStr<Err: ToString>>(field: &'static str, name: &str) -> Result<T, Failure> {
    name.parse().map_err(|error: T::Err| Failure::of(field, error.to_string()))
}

/// Refuses settings that make no sense, or too much work.
fn check(settings: &Settings) -> Result<(), Failure> {
    points::check_features(&settings.features)?;
    let within = |field, value: usize, least: usize, most: usize| {
        let message = format!("it goes from {least} to {most}, and is {value}");
        if (least..=most).contains(&value) { Ok(()) } else { Err(Failure::of(field, message)) }
    };
    within("hidden", settings.hidden.len(), 0, LIMITS.layers)?;
    settings.hidden.iter().try_for_each(|&neurons| within("hidden", neurons, 1, LIMITS.neurons))?;
    within("batch_size", settings.batch_size, 1, LIMITS.batch_size)?;
    within("side", settings.side, 10, LIMITS.side)?;
    check_rate(settings.learning_rate)?;
    if !(0.0..=10.0).contains(&settings.l2) {
        return Err(Failure::of("l2", "the penalty goes from 0 to 10"));
    }
    let loss: Loss = named("loss", &settings.loss)?;
    if loss.takes_index() {
        let known: Vec<&str> = losses().collect();
        let message = format!("one output tells two classes apart with {}", known.join(", "));
        return Err(Failure::of("loss", message));
    }
    Ok(())
}

fn check_rate(rate: f64) -> Result<(), Failure> {
    if rate > 0.0 && rate <= 100.0 { Ok(()) } else { Err(Failure::of("learning_rate", "it goes from above 0 to 100")) }
}

fn failed(error: Error) -> Failure {
    Failure::new(error.to_string())
}
