//! Long runs of operations on single numbers as one step.
//!
//! A graph of scalars has hundreds of thousands of operations that take a nanosecond each; a step for each, with lists
//! of its own and a place found for it, costs a hundred times as much to plan and to start. A [`Tape`] is twelve bytes
//! an operation and runs in one loop over a block of cells: one for each result, then one for each number that comes
//! from outside.

use crate::graph::{NodeId, Nodes};
use crate::ops::{Binary, Op, Unary};
use chainrule_kernels::Real;
use rustc_hash::FxHashMap;

/// Operations below which a run is left to fused programs, which need no cells.
const SHORTEST: usize = 64;

/// A run of operations. The result of each is in the cell of its own position.
#[derive(Clone, PartialEq, Debug)]
pub struct Tape {
    acts: Vec<Act>,
    operands: usize,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Act {
    op: Scalar,
    a: u32,
    b: u32,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Scalar {
    Unary(Unary),
    Binary(Binary),
}

impl Tape {
    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.acts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.acts.is_empty()
    }

    /// How many numbers of memory a run needs.
    pub(super) fn cells(&self) -> usize {
        self.acts.len() + self.operands
    }

    /// Computes all results.
    pub(crate) fn run<'a, T: Real>(&self, operand: &dyn Fn(usize) -> &'a [T], cells: &mut [T]) {
        for (position, cell) in cells[self.acts.len()..].iter_mut().enumerate() {
            *cell = operand(position)[0];
        }
        for (position, act) in self.acts.iter().enumerate() {
            let (a, b) = (cells[act.a as usize], cells[act.b as usize]);
            cells[position] = match act.op {
                Scalar::Unary(op) => op.value(a),
                Scalar::Binary(op) => op.value(a, b),
            };
        }
    }
}

/// The long runs of a graph.
pub(super) struct Runs {
    runs: Vec<Vec<NodeId>>,
    member: Vec<bool>,
}

impl Runs {
    /// Finds runs of `live` operations on single numbers with nothing but leaves between them.
    pub(super) fn find(nodes: &Nodes, live: &[bool]) -> Self {
        let mut found = Self { runs: Vec::new(), member: vec![false; nodes.len()] };
        let mut run = Vec::new();
        for id in (0..nodes.len()).map(NodeId::at).filter(|&id| live[id.index()]) {
            match nodes.op(id) {
                Op::Unary(_) | Op::Binary(_) if nodes.shape(id).len() == 1 => run.push(id),
                Op::Leaf(_) => {}
                _ => found.close(&mut run),
            }
        }
        found.close(&mut run);
        found
    }

    fn close(&mut self, run: &mut Vec<NodeId>) {
        if run.len() >= SHORTEST {
            for &id in &*run {
                self.member[id.index()] = true;
            }
            self.runs.push(std::mem::take(run));
        }
        run.clear();
    }

    pub(super) fn contain(&self, id: NodeId) -> bool {
        self.member[id.index()]
    }

    /// The run whose last operation is `id`.
    pub(super) fn ending_in(&self, id: NodeId) -> Option<&[NodeId]> {
        let found = self.runs.binary_search_by_key(&Some(&id), |run| run.last()).ok()?;
        Some(&self.runs[found])
    }
}

/// The tape of a run, and the nodes that it reads from outside.
pub(super) fn tape(nodes: &Nodes, run: &[NodeId]) -> (Tape, Vec<NodeId>) {
    let first = run[0].index();
    // Nodes of the run lie close together, so that a list by position serves for them.
    let mut cell_of = vec![u32::MAX; run[run.len() - 1].index() + 1 - first];
    let mut outside: FxHashMap<NodeId, u32> = FxHashMap::default();
    let mut reads = Vec::new();
    let mut acts = Vec::with_capacity(run.len());
    for (position, &id) in run.iter().enumerate() {
        let mut cell = |input: NodeId| match input.index().checked_sub(first).and_then(|i| cell_of.get(i)) {
            Some(&cell) if cell != u32::MAX => cell,
            _ => *outside.entry(input).or_insert_with(|| {
                reads.push(input);
                (run.len() + reads.len() - 1) as u32
            }),
        };
        let inputs = nodes.inputs(id);
        let (op, a, b) = match nodes.op(id) {
            Op::Unary(op) => (Scalar::Unary(op), cell(inputs[0]), 0),
            Op::Binary(op) => (Scalar::Binary(op), cell(inputs[0]), cell(inputs[1])),
            _ => unreachable!("runs are of elementwise operations"),
        };
        acts.push(Act { op, a, b });
        cell_of[id.index() - first] = position as u32;
    }
    (Tape { acts, operands: reads.len() }, reads)
}
