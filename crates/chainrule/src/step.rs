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
}

/// The plan for batches of one size, with its dropout mask.
struct Prepared {
    batch: usize,
    weighted: bool,
    session: Session<f32>,
    mask: Vec<f32>,
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
    /// finite.
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
        Ok(Self {
            segments: model.network.segments(),
            state: OptimizerState::new(model.recipe.optimizer, model.parameters.len()),
            dropout: Stream::new(model.recipe.seed, DROPOUT_STREAM),
            dropped: model.network.dropped(model.recipe.dropout).collect(),
            sessions: Vec::new(),
            running: model.network.running(),
        })
    }

    /// Forward, loss, backward and update on a batch with the learning rate `rate`.
    ///
    /// The first step of a batch size plans and takes memory; later ones allocate nothing.
    ///
    /// # Errors
    /// Inputs of the wrong length.
    pub fn step(&mut self, model: &mut Model, batch: Batch<'_>, rate: f64) -> Result<StepResult<'_>, Error> {
        let position = self.session(model, batch)?;
        let Prepared { session, mask, .. } = &mut self.sessions[position];
        let mut rest = &mut mask[..];
        let samples = batch.samples(model);
        for (count, share) in &self.dropped {
            let (of_layer, others) = rest.split_at_mut(samples * count);
            self.dropout.fill_mask(*share, of_layer);
            rest = others;
        }
        let (inputs, given) = batch.inputs(mask);
        let gradients = OUTPUT + 1 + 2 * self.running.len();
        let (clip, count) = (model.recipe.clip, self.segments.iter().filter(|segment| is_learned(segment)).count());
        let mut go = |session: &mut Session<f32>| {
            let norm_is_finite = |longest| clip_norm(session.outputs_mut(gradients..gradients + count), longest);
            let norm_is_finite = clip.is_none_or(norm_is_finite);
            session.output(COST)[0].is_finite() && norm_is_finite
        };
        let (update, memory) = self.state.begin(rate, model.recipe.l1, model.recipe.l2);
        let update = |segment: usize| update(is_decayed(&self.segments[segment]));
        let mut descent = Descent { parameters: &mut model.parameters, memory, update: &update };
        let moved = session.train(&mut descent, &inputs[..given], &mut go)?;
        let Self { sessions, running, state, .. } = self;
        let session = &sessions[position].session;
        if moved {
            for (running, at) in running.iter().zip((OUTPUT + 1..).step_by(2)) {
                running.update(&mut model.parameters, session.output(at), session.output(at + 1), samples);
            }
        } else {
            state.take_back();
        }
        Ok(StepResult { cost: f64::from(session.output(COST)[0]), output: session.output(OUTPUT), moved })
    }

    /// Where the stream of dropout masks stands (after it was moved to `dropout`, if given), and the parts of the
    /// optimiser's state: all that must be kept to go on later.
    pub(crate) fn parts(&mut self, dropout: Option<u128>) -> (u128, (&mut i32, &mut [Block<f32>; 2])) {
        if let Some(position) = dropout {
            self.dropout.go_to(position);
        }
        (self.dropout.position(), self.state.parts())
    }

    /// The position of what is kept for batches like this one.
    fn session(&mut self, model: &Model, like: Batch<'_>) -> Result<usize, Error> {
        let (batch, weighted) = (like.samples(model), !like.weight.is_empty());
        if let Some(position) = self.sessions.iter().position(|s| (s.batch, s.weighted) == (batch, weighted)) {
            return Ok(position);
        }
        let mask: usize = self.dropped.iter().map(|(count, _)| batch * count).sum();
        let session = Session::new(plan(model, batch, weighted)?)?;
        self.sessions.push(Prepared { batch, weighted, session, mask: vec![0.0; mask] });
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
        let (inputs, given) = batch.inputs(self.sessions.iter().find(like).map_or(&[], |s| &s.mask));
        session.run(&model.parameters, &inputs[..given])?;
        Ok(session.first_non_finite().map(|node| graph.nodes().label(node)))
    }
}

/// The plan of one step of training: the cost, the outputs, the gradients if they are clipped, and the updates.
///
/// # Errors
/// A batch too large to be planned.
pub fn training_plan(model: &Model, batch: usize) -> Result<Plan, Error> {
    plan(model, batch, false)
}

fn plan(model: &Model, batch: usize, weighted: bool) -> Result<Plan, Error> {
    let graph = Graph::new();
    let (mut outputs, updates) = training_outputs(model, &graph, batch, weighted)?;
    if model.recipe.clip.is_some() {
        outputs.extend(updates.iter().map(|&(_, gradient)| gradient));
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
    let parameters: Vec<Expr<'g>> = built.layers.iter().flat_map(learned).collect();
    let gradients = graph.gradients(built.cost, &parameters)?;
    let moments = built.layers.iter().filter_map(|l| l.moments).flat_map(|m| [m.mean, m.variance]);
    let outputs = [built.cost, built.output].into_iter().chain(moments).collect();
    Ok((outputs, parameters.into_iter().zip(gradients).collect()))
}

/// Whether a piece of the block of parameters is learned, and not kept as running moments are.
fn is_learned(segment: &Segment) -> bool {
    !segment.name.starts_with(['m', 'v'])
}

/// Scales the gradient down to the norm `longest` if it is longer; whether its norm is finite.
fn clip_norm(gradients: &mut [f32], longest: f64) -> bool {
    let norm = update::norm_squared(gradients).sqrt();
    if norm > longest && norm.is_finite() {
        update::scale(gradients, (longest / norm) as f32);
    }
    norm.is_finite()
}
