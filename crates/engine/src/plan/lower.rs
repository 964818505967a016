//! From nodes to drafts of steps: what is computed together, before anything has a place in memory.

use super::fuse::{self, Groups};
use super::tape::{self, Runs};
use super::{Program, Work};
use crate::graph::{NodeId, Nodes};
use crate::ops::{Layout, Leaf, Op, Rule};
use crate::shape::Shape;

/// A step without places.
pub(super) struct Draft {
    pub(super) work: Work,
    pub(super) reads: Vec<NodeId>,
    /// The node whose value is written; of a tape, the last one.
    pub(super) writes: NodeId,
    /// The nodes whose values a tape writes, one after the other.
    pub(super) results: Vec<NodeId>,
    /// The output that this draft copies a value to, if it is a copy.
    pub(super) copies_to: Option<usize>,
}

impl Draft {
    /// A step that writes the value of one node to a place of its own.
    pub(super) fn new(work: Work, reads: Vec<NodeId>, writes: NodeId) -> Self {
        Self { work, reads, writes, results: Vec::new(), copies_to: None }
    }

    /// Scratch in `f32` and `f64` numbers.
    pub(super) fn scratch(&self, shapes: &[Shape], shape: Shape) -> [usize; 2] {
        match &self.work {
            Work::Op(op) => [op.scratch::<f32>(shapes), op.scratch::<f64>(shapes)],
            Work::Fused(program) => [program.scratch(shape); 2],
            Work::Descend { product, .. } => [product.scratch::<f32>(shapes), product.scratch::<f64>(shapes)],
            Work::Tape(_) | Work::Copy | Work::Update(_) => [0, 0],
        }
    }

    pub(super) fn cost(&self, shapes: &[Shape], shape: Shape) -> u64 {
        match &self.work {
            Work::Op(op) => op.cost(shapes, shape),
            Work::Fused(program) => program.instructions() as u64 * shape.len() as u64,
            // What the optimiser does to each weight depends on its rule; a multiplication and an addition at least.
            Work::Descend { product, .. } => product.cost(shapes, shape) + 2 * shape.len() as u64,
            Work::Update(_) => 2 * shape.len() as u64,
            Work::Tape(tape) => tape.len() as u64,
            Work::Copy => 0,
        }
    }
}

/// Every node its own step.
pub(super) fn one_by_one(nodes: &Nodes, outputs: &[NodeId]) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for id in (0..nodes.len()).map(NodeId::at) {
        let op = nodes.op(id);
        if !matches!(op, Op::Leaf(_)) {
            let reads = nodes.inputs(id).to_vec();
            drafts.push(Draft::new(Work::Op(op), reads, id));
        }
    }
    copy_outputs(outputs, &mut drafts, |id| id, |id| is_leaf(nodes, id));
    drafts
}

/// Elementwise chains in one step, reshapes in none; `kept` are values that will be read though they are no outputs.
pub(super) fn fused(nodes: &Nodes, outputs: &[NodeId], kept: &[NodeId]) -> Vec<Draft> {
    let wanted = [outputs, kept].concat();
    let live = nodes.reachable(&wanted);
    let runs = Runs::find(nodes, &live);
    let groups = Groups::find(nodes, &wanted, &live, &runs);
    let mut drafts = Vec::new();
    for id in (0..nodes.len()).map(NodeId::at).filter(|&id| live[id.index()]) {
        match nodes.op(id) {
            Op::Leaf(_) | Op::Layout(Layout::Reshape { .. }) => {}
            Op::Unary(_) | Op::Binary(_) if groups.is_absorbed(id) => {}
            Op::Unary(_) | Op::Binary(_) if runs.contain(id) => {
                if let Some(run) = runs.ending_in(id) {
                    let (tape, reads) = tape::tape(nodes, run);
                    drafts.push(Draft { results: run.to_vec(), ..Draft::new(Work::Tape(tape), reads, id) });
                }
            }
            Op::Unary(_) | Op::Binary(_) => {
                let (program, reads): (Program, _) = fuse::program(nodes, &groups, id);
                drafts.push(Draft::new(Work::Fused(program), reads, id));
            }
            op => {
                let reads = nodes.inputs(id).to_vec();
                drafts.push(Draft::new(Work::Op(op), reads, id));
            }
        }
    }
    copy_outputs(outputs, &mut drafts, |id| nodes.holder(id), |id| is_leaf(nodes, id) || runs.contain(id));
    drop_unread(nodes, &wanted, drafts)
}

fn is_leaf(nodes: &Nodes, id: NodeId) -> bool {
    matches!(nodes.op(id), Op::Leaf(Leaf::Input(_) | Leaf::Constant(_)))
}

/// An output whose value must lie elsewhere, or that is put out already, is a copy.
fn copy_outputs(
    outputs: &[NodeId],
    drafts: &mut Vec<Draft>,
    holder: impl Fn(NodeId) -> NodeId,
    lies_elsewhere: impl Fn(NodeId) -> bool,
) {
    let mut taken = std::collections::HashSet::new();
    for (position, &output) in outputs.iter().enumerate() {
        let held = holder(output);
        if lies_elsewhere(held) || !taken.insert(held) {
            drafts.push(Draft { copies_to: Some(position), ..Draft::new(Work::Copy, vec![held], output) });
        }
    }
}

/// Broadcasts that every reader took into its own pass are not needed any more.
fn drop_unread(nodes: &Nodes, wanted: &[NodeId], drafts: Vec<Draft>) -> Vec<Draft> {
    let mut read = vec![false; nodes.len()];
    for &value in wanted {
        read[nodes.holder(value).index()] = true;
    }
    let mut kept: Vec<Draft> = Vec::with_capacity(drafts.len());
    for draft in drafts.into_iter().rev() {
        if draft.copies_to.is_some() || !draft.results.is_empty() || read[draft.writes.index()] {
            for &r in &draft.reads {
                read[nodes.holder(r).index()] = true;
            }
            kept.push(draft);
        }
    }
    kept.reverse();
    kept
}
