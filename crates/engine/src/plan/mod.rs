//! From a graph to a list of steps over one block of memory.
//!
//! `simplify` rewrites the live nodes, `lower` groups them into steps (with `fuse` for elementwise chains), `memory`
//! gives each value a place, and `print` shows the result as a table; in a plan for training, `update` puts the steps
//! that move parameters among those that compute their gradients. A transparent plan skips the first and the
//! grouping and never reuses memory: every value of the graph can be read after a run.

mod fuse;
mod lower;
mod memory;
mod print;
mod simplify;
mod tape;
mod update;

pub use fuse::Program;
pub use tape::Tape;

use crate::error::EngineError;
use crate::expr::Expr;
use crate::graph::{Graph, NodeId, Nodes};
use crate::ops::{Matmul, Op, Role};
use crate::shape::Shape;
use std::collections::HashMap;
use std::ops::Range;

/// Where a value lies during a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the session's own block.
    Arena(Range<usize>),
    /// In the flat block of parameters.
    Parameter(Range<usize>),
    /// In the slice given for the input at this position.
    Input(usize, Range<usize>),
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Work {
    /// One operation.
    Op(Op),
    /// A chain of elementwise operations in one pass over memory.
    Fused(Program),
    /// A long run of operations on single numbers.
    Tape(Tape),
    /// The value of the only operand, once more.
    Copy,
    /// The parameter at this position moves by the gradient that is read.
    Update(usize),
    /// A parameter moves by a gradient that is a matrix product, computed in the same step.
    Descend {
        /// The product.
        product: Matmul,
        /// The position of the parameter.
        segment: usize,
        /// Whether the product is added to the parameter at once; else the gradient is held, piece by piece.
        plain: bool,
    },
}

/// One line of the plan.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is done.
    pub work: Work,
    /// The elementwise chain that each part of an operation's result goes through as soon as it is complete. Its operands
    /// are the places read last; what was computed lies where the chain writes.
    pub finish: Option<Program>,
    /// The places read, in the order of the arguments.
    pub reads: Vec<Place>,
    /// The shapes read, where what is done depends on them.
    pub shapes: Vec<Shape>,
    /// The range of the arena written.
    pub write: Range<usize>,
    /// The shape written.
    pub shape: Shape,
    /// The node of the graph whose value this is.
    pub node: NodeId,
    /// Floating-point operations.
    pub cost: u64,
}

/// A named piece of the parameters or one of the inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The name given in the graph.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// Where it lies in the flat block; for an input, from 0.
    pub range: Range<usize>,
}

/// A graph made ready to run: a list of steps over one block of memory.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) constants: Vec<(Range<usize>, f64)>,
    pub(crate) arena: usize,
    /// Numbers of scratch for `f32` and for `f64`.
    pub(crate) scratch: [usize; 2],
    pub(crate) parameters: Vec<Segment>,
    pub(crate) inputs: Vec<Segment>,
    pub(crate) outputs: Vec<Range<usize>>,
    /// Names of steps whose value has one, by the node of the graph.
    pub(crate) names: HashMap<NodeId, String>,
    /// Where each node's value lies; empty unless transparent.
    pub(crate) places: HashMap<NodeId, Place>,
}

impl Plan {
    /// Plans the computation of `outputs`: dead nodes dropped, common ones shared, elementwise chains fused, memory
    /// reused. The outputs lie one after the other, in this order.
    ///
    /// # Errors
    /// The first error made while the graph was written, or an output of another graph.
    pub fn new(graph: &Graph, outputs: &[Expr<'_>]) -> Result<Self, EngineError> {
        graph.check_own("a plan", outputs)?;
        let ids: Vec<NodeId> = outputs.iter().map(|o| o.id()).collect();
        let simple = simplify::simplify(&graph.nodes(), &ids);
        let drafts = lower::fused(&simple.nodes, &simple.outputs, &[]);
        Ok(Self::assemble(&graph.nodes(), &simple, drafts, memory::Reuse::WhenDead))
    }

    /// Plans a step of training: `outputs` as in [`Plan::new`], and then each parameter of `updates` moves by the
    /// gradient beside it. All outputs are known before the first parameter moves; gradients that are outputs too are
    /// held to the end, others only until their parameter has moved.
    ///
    /// With `plain`, a parameter moves by its gradient times a number and nothing else (plain descent, perhaps with a
    /// penalty on squares), so that a gradient that is a matrix product is added to the parameter directly and needs
    /// no memory. [`crate::Session::train`] runs the plan.
    ///
    /// # Errors
    /// As [`Plan::new`].
    ///
    /// # Panics
    /// If the first of a pair is no parameter, or has another shape than its gradient.
    pub fn training(
        graph: &Graph,
        outputs: &[Expr<'_>],
        updates: &[(Expr<'_>, Expr<'_>)],
        plain: bool,
    ) -> Result<Self, EngineError> {
        let (parameters, gradients): (Vec<Expr<'_>>, Vec<Expr<'_>>) = updates.iter().copied().unzip();
        graph.check_own("a plan", &[outputs, &parameters, &gradients].concat())?;
        let ids: Vec<NodeId> = outputs.iter().chain(&gradients).map(|o| o.id()).collect();
        let mut simple = simplify::simplify(&graph.nodes(), &ids);
        let mut gradients = simple.outputs.split_off(outputs.len());
        for gradient in &mut gradients {
            *gradient = simple.apart_from_parameters(*gradient);
        }
        let (nodes, outputs) = (&simple.nodes, &simple.outputs);
        let known: Vec<NodeId> = graph.nodes().leaves(Role::Parameter).collect();
        let places: Vec<NodeId> = nodes.leaves(Role::Parameter).collect();
        let update = |(parameter, &gradient): (&Expr<'_>, &NodeId)| {
            let segment = known.iter().position(|&id| id == parameter.id()).expect("only parameters are updated");
            assert_eq!(parameter.shape(), nodes.shape(gradient), "a gradient has its parameter's shape");
            update::Update { segment, parameter: places[segment], gradient }
        };
        let updates: Vec<update::Update> = parameters.iter().zip(&gradients).map(update).collect();
        let drafts = lower::fused(nodes, outputs, &gradients);
        let drafts = update::schedule(nodes, outputs, &updates, plain, drafts);
        Ok(Self::assemble(&graph.nodes(), &simple, drafts, memory::Reuse::WhenDead))
    }

    /// Plans every node that `outputs` are computed from as a step of its own, with memory of its own, so that each
    /// value can be read afterwards.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn transparent(graph: &Graph, outputs: &[Expr<'_>]) -> Result<Self, EngineError> {
        graph.check_own("a plan", outputs)?;
        let ids: Vec<NodeId> = outputs.iter().map(|o| o.id()).collect();
        let same = simplify::keep(&graph.nodes(), &ids);
        let drafts = lower::one_by_one(&same.nodes, &same.outputs);
        Ok(Self::assemble(&graph.nodes(), &same, drafts, memory::Reuse::Never))
    }

    fn assemble(
        original: &Nodes,
        simple: &simplify::Simplified,
        drafts: Vec<lower::Draft>,
        reuse: memory::Reuse,
    ) -> Self {
        let nodes = &simple.nodes;
        let parameters = segments(nodes, Role::Parameter);
        let inputs = segments(nodes, Role::Data);
        let layout = memory::arrange(nodes, &simple.outputs, &drafts, reuse);
        let mut scratch = [0, 0];
        let mut steps = Vec::with_capacity(drafts.len());
        let mut names = HashMap::new();
        let mut shapes: Vec<Shape> = Vec::new();
        for mut draft in drafts {
            shapes.clear();
            shapes.extend(draft.reads.iter().map(|&r| nodes.shape(r)));
            for (most, needed) in scratch.iter_mut().zip(draft.scratch(&shapes, nodes.shape(draft.writes))) {
                *most = needed.max(*most);
            }
            let node = nodes.node(draft.writes);
            let origin = simple.origin[draft.writes.index()];
            if original.name(origin).is_some() || original.constant(origin).is_some() {
                names.insert(origin, original.label(origin));
            }
            let reads: Vec<Place> = draft.reads.iter().map(|&r| layout.place(r)).collect();
            let write = layout.written(&draft);
            let cost = draft.cost(&shapes, node.shape);
            if let Some((program, first)) = draft.program_mut() {
                program.in_place(|operand| reads[first + operand] == Place::Arena(write.clone()));
                shapes.truncate(first);
            }
            steps.push(Step {
                reads,
                write,
                shape: node.shape,
                node: origin,
                cost,
                // The others do not look at them, and there may be a million.
                shapes: match draft.work {
                    Work::Op(_) | Work::Descend { .. } => shapes.clone(),
                    _ => Vec::new(),
                },
                work: draft.work,
                finish: draft.finish,
            });
        }
        let places = match reuse {
            memory::Reuse::Never => layout.all_places().map(|(id, place)| (simple.origin[id.index()], place)).collect(),
            memory::Reuse::WhenDead => HashMap::new(),
        };
        Self {
            steps,
            constants: layout.constants,
            arena: layout.size,
            scratch,
            parameters,
            inputs,
            outputs: layout.outputs,
            names,
            places,
        }
    }

    /// The steps in the order they run.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The pieces of the flat block of parameters.
    pub fn parameters(&self) -> &[Segment] {
        &self.parameters
    }

    /// The inputs in the order that their values are given.
    pub fn inputs(&self) -> &[Segment] {
        &self.inputs
    }

    /// Floating-point operations of one run.
    pub fn cost(&self) -> u64 {
        self.steps.iter().map(|s| s.cost).sum()
    }

    /// The name of the value that a step computes.
    pub(crate) fn label(&self, step: usize) -> String {
        let node = self.steps[step].node;
        self.names.get(&node).cloned().unwrap_or_else(|| format!("v{}", node.index()))
    }

    /// The position of the first step that moves a parameter.
    pub(crate) fn first_update(&self) -> Option<usize> {
        self.steps.iter().position(|step| matches!(step.work, Work::Update(_) | Work::Descend { .. }))
    }

    /// How many numbers the arena holds.
    pub fn arena_len(&self) -> usize {
        self.arena
    }
}

fn segments(nodes: &Nodes, role: Role) -> Vec<Segment> {
    let mut start = 0;
    let mut list = Vec::new();
    for id in nodes.leaves(role) {
        let shape = nodes.shape(id);
        let range = start..start + shape.len();
        if role == Role::Parameter {
            start = range.end;
        }
        list.push(Segment { name: nodes.label(id), shape, range });
    }
    list
}
