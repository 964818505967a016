//! One step of training on one batch: forward, loss, backward, update.

use crate::error::Error;
use crate::model::Model;
use crate::network::LayerNodes;
use crate::norm::Running;
use crate::optim::{Optimizer, OptimizerState, is_decayed};
use crate::random::Stream;
use chainrule_engine::plan::Segment;
use chainrule_engine::{Descent, Expr, Graph, Plan, Session};
use chainrule_kernels::{Block, update};
use std::ops::Range;

/// Does the steps of a training: the plans for each batch size, the optimiser's memory, the dropout masks.
pub struct Stepper {
    segments: Vec<Segment>,
    state: OptimizerState,
    dropout: Stream,
    /// How much of a sample each layer gives that drops something, and the share that is dropped.
    dropped: Vec<(usize, f64)>,
    sessions: Vec<Prepared>,
    /// The running moments of batch norms.
    running: Vec<Running>,
    /// What the rate is multiplied by in each segment.
    rates: Vec<f64>,
    sums: Sums,
    /// The running mean of the weights, if there is one.
    average: Block<f32>,
    /// How many segments are learned.
    learned: usize,
}

/// The plan for batches of one size, with its dropout mask.
struct Prepared {
    batch: usize,
    weighted: bool,
    part: Part,
    session: Session<f32>,
    mask: Vec<f32>,
}

/// What a plan runs: a whole batch, or a piece of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// A step.
    Whole,
    /// A piece whose gradient is added up.
    Piece,
    /// The last piece, behind which the weights move.
    Last,
}

/// What is known of the pieces of a batch that were run so far.
#[derive(Default)]
struct Sums {
    /// Each piece's gradient, times its share of the batch.
    gradient: Vec<f32>,
    cost: f64,
    /// What the network put out, `[batch, outputs]`.
    output: Vec<f32>,
}

/// Samples as a network takes them.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Scaled inputs, `[batch, features]`.
    pub x: &'a [f32],
    /// Class indices `[batch]`, or values `[batch, targets]`.
    pub y: &'a [f32],
    /// How much each counts, `[batch]`; empty where they count alike.
    pub weight: &'a [f32],
}

impl<'a> Batch<'a> {
    /// Some of its samples, of which it has `samples`.
    fn piece(&self, range: Range<usize>, samples: usize) -> Self {
        let of = |all: &'a [f32]| {
            let width = all.len() / samples;
            &all[range.start * width..range.end * width]
        };
        Self { x: of(self.x), y: of(self.y), weight: of(self.weight) }
    }

    /// How many samples it has, for a model.
    fn samples(&self, model: &Model) -> usize {
        self.x.len() / model.network.inputs
    }

    /// The inputs of a plan: those that are not empty are there.
    pub(crate) fn inputs(self, mask: &'a [f32]) -> ([&'a [f32]; 4], usize) {
        let Self { x, y, weight } = self;
        match (weight, mask) {
            ([], []) => ([x, y, &[], &[]], 2),
            ([], mask) => ([x, y, mask, &[]], 3),
            (weight, []) => ([x, y, weight, &[]], 3),
            (weight, mask) => ([x, y, weight, mask], 4),
        }
    }
}

/// What a step computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepResult<'a> {
    /// The mean loss of the batch before the weights moved.
    pub cost: f64,
    /// What the network put out, `[batch, outputs]`.
    pub output: &'a [f32],
    /// Whether the weights moved. They do not if the cost (or the norm of the gradient, where it is clipped) is not
    /// finite. The running moments of batch norms may have moved with the pieces of a batch before.
    pub moved: bool,
}

/// The random streams of one seed: layers take the low numbers, dropout the last.
const DROPOUT_STREAM: u64 = u64::MAX;

/// The positions of the outputs of a training plan. Mean and variance of each batch norm follow, and then the gradients
/// where they are clipped.
const COST: usize = 0;
const OUTPUT: usize = 1;

impl Stepper {
    /// Prepares to train models like this one by its recipe.
    ///
    /// # Errors
    /// A recipe that makes no sense.
    pub fn new(model: &Model) -> Result<Self, Error> {
        let problems = model.recipe.problems();
        if !problems.is_empty() {
            return Err(Error::Settings(problems));
        }
        let layers = model.network.layers.len();
        if model.recipe.frozen >= layers {
            let problem = format!("{} of {layers} layers are frozen: one at least has to learn", model.recipe.frozen);
            return Err(Error::Settings(vec![problem]));
        }
        let rates = model.recipe.layer_rates.len();
        if rates > layers {
            return Err(Error::Settings(vec![format!("{rates} rates of layers for {layers} layers")]));
        }
        if (model.recipe.frozen + 1..=layers).all(|layer| model.recipe.rate_in(layer) == 0.0) {
            return Err(Error::Settings(vec!["every layer has the rate 0: one at least has to learn".to_owned()]));
        }
        let at_once = model.recipe.micro_batch.unwrap_or(usize::MAX).min(model.recipe.batch_size);
        if at_once == 1 && model.network.running(model.recipe.frozen).iter().any(|running| running.places == 1) {
            let problem = "a batch norm of one sample leaves nothing but zeros: take a larger batch";
            return Err(Error::Settings(vec![problem.to_owned()]));
        }
        Ok(Self {
            segments: model.network.segments(),
            state: OptimizerState::new(model.recipe.optimizer, model.parameters.len()),
            dropout: Stream::new(model.recipe.seed, DROPOUT_STREAM),
            dropped: model.network.dropped(model.recipe.dropout).collect(),
            sessions: Vec::new(),
            running: model.network.running(model.recipe.frozen),
            rates: model.network.segments().iter().map(|segment| model.recipe.rate_in(layer_of(segment))).collect(),
            sums: Sums::default(),
            average: if model.recipe.average.is_some() { model.parameters.clone() } else { Block::zeros(0) },
            learned: model.network.segments().iter().filter(|s| is_learned(s, model.recipe.frozen)).count(),
        })
    }

    /// Forward, loss, backward and update on a batch with the learning rate `rate`.
    ///
    /// The first step of a batch size plans and takes memory; later ones allocate nothing.
    ///
    /// # Errors
    /// Inputs of the wrong length.
    pub fn step(&mut self, model: &mut Model, batch: Batch<'_>, rate: f64) -> Result<StepResult<'_>, Error> {
        let samples = batch.samples(model);
        match model.recipe.micro_batch.filter(|piece| *piece < samples) {
            None => self.step_whole(model, batch, rate),
            Some(piece) => self.step_in_pieces(model, batch, rate, piece),
        }
    }

    fn step_whole(&mut self, model: &mut Model, batch: Batch<'_>, rate: f64) -> Result<StepResult<'_>, Error> {
        let clip = model.recipe.clip;
        let (position, moved) = self.train(model, batch, rate, Part::Whole, |cost, gradients, _| {
            let norm_is_finite = clip.is_none_or(|longest| clip_norm(gradients, longest));
            cost.is_finite() && norm_is_finite
        })?;
        let session = &self.sessions[position].session;
        Ok(StepResult { cost: f64::from(session.output(COST)[0]), output: session.output(OUTPUT), moved })
    }

    /// [`Stepper::step`] with so many samples at a time.
    fn step_in_pieces(
        &mut self,
        model: &mut Model,
        batch: Batch<'_>,
        rate: f64,
        piece: usize,
    ) -> Result<StepResult<'_>, Error> {
        let samples = batch.samples(model);
        self.sums.gradient.clear();
        self.sums.output.clear();
        self.sums.cost = 0.0;
        let last = (samples - 1) / piece * piece;
        for start in (0..last).step_by(piece) {
            self.add_piece(model, batch.piece(start..start + piece, samples), samples)?;
        }
        let share = (samples - last) as f64 / samples as f64;
        let clip = model.recipe.clip;
        let of_last = batch.piece(last..samples, samples);
        let (position, moved) = self.train(model, of_last, rate, Part::Last, |cost, gradients, sums| {
            sums.cost += share * f64::from(cost);
            for (gradient, sum) in gradients.iter_mut().zip(&sums.gradient) {
                *gradient = *gradient * share as f32 + sum;
            }
            let norm_is_finite = clip.is_none_or(|longest| clip_norm(gradients, longest));
            sums.cost.is_finite() && norm_is_finite
        })?;
        self.sums.output.extend_from_slice(self.sessions[position].session.output(OUTPUT));
        Ok(StepResult { cost: self.sums.cost, output: &self.sums.output, moved })
    }

    /// The gradient of a batch's mean loss, without penalties, by all that learns, in the order of the parameters.
    ///
    /// The weights stay; what is dropped, and the running moments of batch norms, go on as in a step.
    ///
    /// # Errors
    /// Inputs of the wrong length.
    pub fn gradient(&mut self, model: &mut Model, batch: Batch<'_>) -> Result<&[f32], Error> {
        self.sums.gradient.clear();
        self.sums.output.clear();
        self.add_piece(model, batch, batch.samples(model))?;
        Ok(&self.sums.gradient)
    }

    /// Runs a piece of a batch of so many samples, and adds up its gradient.
    fn add_piece(&mut self, model: &mut Model, piece: Batch<'_>, samples: usize) -> Result<(), Error> {
        let position = self.session(model, piece, Part::Piece)?;
        self.draw_mask(position);
        let gradients = self.gradients();
        let Self { sessions, running, sums, .. } = self;
        let Prepared { session, mask, batch, .. } = &mut sessions[position];
        let (inputs, given) = piece.inputs(mask);
        session.run(&model.parameters, &inputs[..given])?;
        let share = *batch as f64 / samples as f64;
        sums.cost += share * f64::from(session.output(COST)[0]);
        sums.output.extend_from_slice(session.output(OUTPUT));
        let gradient = session.outputs_mut(gradients);
        sums.gradient.resize(gradient.len(), 0.0);
        for (sum, gradient) in sums.gradient.iter_mut().zip(gradient) {
            *sum += *gradient * share as f32;
        }
        if session.output(COST)[0].is_finite() {
            follow(running, &mut model.parameters, session, *batch);
        }
        Ok(())
    }

    /// Runs a plan that moves the weights if `go` agrees, of the cost, the gradients (where they are held) and the sums
    /// of the pieces before. The position of what was run, and whether they moved.
    fn train(
        &mut self,
        model: &mut Model,
        batch: Batch<'_>,
        rate: f64,
        part: Part,
        mut go: impl FnMut(f32, &mut [f32], &mut Sums) -> bool,
    ) -> Result<(usize, bool), Error> {
        let position = self.session(model, batch, part)?;
        self.draw_mask(position);
        let held = if part == Part::Last || model.recipe.clip.is_some() { self.gradients() } else { 0..0 };
        let Self { segments, state, sessions, running, rates, sums, average, .. } = self;
        let Prepared { session, mask, batch: samples, .. } = &mut sessions[position];
        let (inputs, given) = batch.inputs(mask);
        let mut go = |session: &mut Session<f32>| {
            let cost = session.output(COST)[0];
            go(cost, session.outputs_mut(held.clone()), sums)
        };
        let (update, memory) = state.begin(rate, model.recipe.l1, model.recipe.l2);
        let update = |segment: usize| update(is_decayed(&segments[segment]), rates[segment]);
        let mut descent = Descent { parameters: &mut model.parameters, memory, update: &update };
        let moved = session.train(&mut descent, &inputs[..given], &mut go)?;
        if moved {
            follow(running, &mut model.parameters, session, *samples);
            if let Some(decay) = model.recipe.average {
                move_average(average, &model.parameters, decay, *state.parts().0);
            }
        } else {
            state.take_back();
        }
        Ok((position, moved))
    }

    /// The positions of the gradients among the outputs of a plan that holds them.
    fn gradients(&self) -> Range<usize> {
        let first = OUTPUT + 1 + 2 * self.running.len();
        first..first + self.learned
    }

    /// Draws the factors of a step's dropout.
    fn draw_mask(&mut self, position: usize) {
        let Prepared { batch, mask, .. } = &mut self.sessions[position];
        let mut rest = &mut mask[..];
        for (count, share) in &self.dropped {
            let (of_layer, others) = rest.split_at_mut(*batch * count);
            self.dropout.fill_mask(*share, of_layer);
            rest = others;
        }
    }

    /// Where the stream of dropout masks stands (after it was moved to `dropout`, if given), how many steps were done, the
    /// optimiser's blocks, and the mean of the weights: all that must be kept to go on later.
    pub(crate) fn parts(&mut self, dropout: Option<u128>) -> (u128, &mut i32, [&mut Block<f32>; 3]) {
        if let Some(position) = dropout {
            self.dropout.go_to(position);
        }
        let (steps, [first, second]) = self.state.parts();
        (self.dropout.position(), steps, [first, second, &mut self.average])
    }

    /// Changes the weights of `model` for their mean, and back, if there is a mean.
    pub(crate) fn swap_average(&mut self, model: &mut Model) {
        if !self.average.is_empty() {
            std::mem::swap(&mut model.parameters, &mut self.average);
        }
    }

    /// The position of what is kept for batches, or pieces of them, like this one.
    fn session(&mut self, model: &Model, like: Batch<'_>, part: Part) -> Result<usize, Error> {
        let wanted = (like.samples(model), !like.weight.is_empty(), part);
        if let Some(position) = self.sessions.iter().position(|s| (s.batch, s.weighted, s.part) == wanted) {
            return Ok(position);
        }
        let (batch, weighted, _) = wanted;
        let mask: usize = self.dropped.iter().map(|(count, _)| batch * count).sum();
        let session = Session::new(plan(model, batch, weighted, part)?)?;
        self.sessions.push(Prepared { batch, weighted, part, session, mask: vec![0.0; mask] });
        Ok(self.sessions.len() - 1)
    }

    /// The first value of the last step, which was on this batch, that is not finite, found by running it again with
    /// nothing hidden.
    pub(crate) fn first_non_finite(&self, model: &Model, batch: Batch<'_>) -> Result<Option<String>, Error> {
        let graph = Graph::new();
        let (size, weighted) = (batch.samples(model), !batch.weight.is_empty());
        let (outputs, updates) = training_outputs(model, &graph, size, weighted)?;
        let outputs: Vec<Expr<'_>> =
            outputs.into_iter().chain(updates.into_iter().map(|(_, gradient)| gradient)).collect();
        let mut session = Session::<f32>::new(Plan::transparent(&graph, &outputs)?)?;
        let like = |s: &&Prepared| (s.batch, s.weighted) == (size, weighted);
        // A batch that went through in pieces has no mask of its own: then nothing is dropped.
        let count: usize = self.dropped.iter().map(|(count, _)| size * count).sum();
        let mask = self.sessions.iter().find(like).map_or_else(|| vec![1.0; count], |s| s.mask.clone());
        let (inputs, given) = batch.inputs(&mask);
        session.run(&model.parameters, &inputs[..given])?;
        Ok(session.first_non_finite().map(|node| graph.nodes().label(node)))
    }
}

/// The plan of one step of training: the cost, the outputs, the gradients if they are clipped, and the updates.
///
/// # Errors
/// A batch too large to be planned.
pub fn training_plan(model: &Model, batch: usize) -> Result<Plan, Error> {
    plan(model, batch, false, Part::Whole)
}

fn plan(model: &Model, batch: usize, weighted: bool, part: Part) -> Result<Plan, Error> {
    let graph = Graph::new();
    let (mut outputs, updates) = training_outputs(model, &graph, batch, weighted)?;
    if model.recipe.clip.is_some() || part != Part::Whole {
        outputs.extend(updates.iter().map(|&(_, gradient)| gradient));
    }
    if part == Part::Piece {
        return Ok(Plan::new(&graph, &outputs)?);
    }
    let plain = model.recipe.optimizer == Optimizer::Sgd && model.recipe.l1 == 0.0;
    Ok(Plan::training(&graph, &outputs, &updates, plain)?)
}

/// Each parameter with its gradient.
type Gradients<'g> = Vec<(Expr<'g>, Expr<'g>)>;

fn training_outputs<'g>(
    model: &Model,
    graph: &'g Graph,
    batch: usize,
    weighted: bool,
) -> Result<(Vec<Expr<'g>>, Gradients<'g>), Error> {
    let built = model.graph(graph, batch, weighted, true);
    let learned = |l: &LayerNodes<'g>| [Some(l.weight), Some(l.bias), l.gain].into_iter().flatten();
    let parameters: Vec<Expr<'g>> = built.layers.iter().skip(model.recipe.frozen).flat_map(learned).collect();
    let gradients = graph.gradients(built.cost, &parameters)?;
    let moments = built.layers.iter().filter_map(|l| l.moments).flat_map(|m| [m.mean, m.variance]);
    let outputs = [built.cost, built.output].into_iter().chain(moments).collect();
    Ok((outputs, parameters.into_iter().zip(gradients).collect()))
}

/// Moves the running moments towards those of a batch of so many samples.
fn follow(running: &[Running], parameters: &mut [f32], session: &Session<f32>, samples: usize) {
    for (running, at) in running.iter().zip((OUTPUT + 1..).step_by(2)) {
        running.update(parameters, session.output(at), session.output(at + 1), samples);
    }
}

/// Moves the mean of the weights, after so many steps.
fn move_average(average: &mut [f32], weights: &[f32], decay: f64, steps: i32) {
    let steps = f64::from(steps);
    let newest = (1.0 - decay.min((1.0 + steps) / (10.0 + steps))) as f32;
    for (mean, weight) in average.iter_mut().zip(weights) {
        *mean += newest * (weight - *mean);
    }
}

/// Whether a piece of the block of parameters is learned where the first layers are `frozen`; running moments are not.
fn is_learned(segment: &Segment, frozen: usize) -> bool {
    !segment.name.starts_with(['m', 'v']) && layer_of(segment) > frozen
}

/// The number of the layer of a piece, from 1: `w12` is of layer 12.
fn layer_of(segment: &Segment) -> usize {
    segment.name[1..].parse().expect("a piece is named by a letter and its layer")
}

/// Scales the gradient down to the norm `longest` if it is longer; whether its norm is finite.
fn clip_norm(gradients: &mut [f32], longest: f64) -> bool {
    let norm = update::norm_squared(gradients).sqrt();
    if norm > longest && norm.is_finite() {
        update::scale(gradients, (longest / norm) as f32);
    }
    norm.is_finite()
}
