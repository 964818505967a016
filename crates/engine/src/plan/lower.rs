//! From nodes to drafts of steps: what is computed together, before anything has a place in memory.

use super::fuse::{self, Groups};
use super::{Program, Work};
use crate::graph::{NodeId, Nodes};
use crate::ops::{Layout, Leaf, Op, Rule};
use crate::shape::Shape;

/// A step without places.
pub(super) struct Draft {
    pub(super) work: Work,
    pub(super) reads: Vec<NodeId>,
    /// The node whose value is written.
    pub(super) writes: NodeId,
    /// The output that this draft copies a value to, if it is a copy.
    pub(super) copies_to: Option<usize>,
}

impl Draft {
    /// Scratch in `f32` and `f64` numbers.
    pub(super) fn scratch(&self, shapes: &[Shape]) -> [usize; 2] {
        match &self.work {
            Work::Op(op) => [op.scratch::<f32>(shapes), op.scratch::<f64>(shapes)],
            Work::Fused(program) => [program.scratch(); 2],
            Work::Descend { product, .. } => [product.scratch::<f32>(shapes), product.scratch::<f64>(shapes)],
            Work::Copy | Work::Update(_) => [0, 0],
        }
    }

    pub(super) fn cost(&self, shapes: &[Shape], shape: Shape) -> u64 {
        match &self.work {
            Work::Op(op) => op.cost(shapes, shape),
            Work::Fused(program) => program.instructions() as u64 * shape.len() as u64,
            // What the optimiser does to each weight depends on its rule; a multiplication and an addition at least.
            Work::Descend { product, .. } => product.cost(shapes, shape) + 2 * shape.len() as u64,
            Work::Update(_) => 2 * shape.len() as u64,
            Work::Copy => 0,
        }
    }
}

/// Every node its own step.
pub(super) fn one_by_one(nodes: &Nodes, outputs: &[NodeId]) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for id in (0..nodes.len()).map(NodeId::at) {
        let op = nodes.node(id).op;
        if !matches!(op, Op::Leaf(_)) {
            let reads = nodes.inputs(id).to_vec();
            drafts.push(Draft { work: Work::Op(op), reads, writes: id, copies_to: None });
        }
    }
    copy_outputs(nodes, outputs, &mut drafts, |id| id);
    drafts
}

/// Elementwise chains in one step, reshapes in none; `kept` are values that will be read though they are no outputs.
pub(super) fn fused(nodes: &Nodes, outputs: &[NodeId], kept: &[NodeId]) -> Vec<Draft> {
    let wanted = [outputs, kept].concat();
    let groups = Groups::find(nodes, &wanted);
    let mut drafts = Vec::new();
    for id in (0..nodes.len()).map(NodeId::at) {
        match nodes.node(id).op {
            Op::Leaf(_) | Op::Layout(Layout::Reshape { .. }) => {}
            Op::Unary(_) | Op::Binary(_) if groups.is_absorbed(id) => {}
            Op::Unary(_) | Op::Binary(_) => {
                let (program, reads): (Program, _) = fuse::program(nodes, &groups, id);
                drafts.push(Draft { work: Work::Fused(program), reads, writes: id, copies_to: None });
            }
            op => {
                let reads = nodes.inputs(id).to_vec();
                drafts.push(Draft { work: Work::Op(op), reads, writes: id, copies_to: None });
            }
        }
    }
    copy_outputs(nodes, outputs, &mut drafts, |id| nodes.holder(id));
    drop_unread(nodes, &wanted, drafts)
}

/// An output that is an input, a constant, or a value already put out is a copy.
fn copy_outputs(nodes: &Nodes, outputs: &[NodeId], drafts: &mut Vec<Draft>, holder: impl Fn(NodeId) -> NodeId) {
    let mut taken = std::collections::HashSet::new();
    for (position, &output) in outputs.iter().enumerate() {
        let held = holder(output);
        let is_leaf = matches!(nodes.node(held).op, Op::Leaf(Leaf::Input(_) | Leaf::Constant(_)));
        if is_leaf || !taken.insert(held) {
            drafts.push(Draft { work: Work::Copy, reads: vec![held], writes: output, copies_to: Some(position) });
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
        if draft.copies_to.is_some() || read[draft.writes.index()] {
            for &r in &draft.reads {
                read[nodes.holder(r).index()] = true;
            }
            kept.push(draft);
        }
    }
    kept.reverse();
    kept
}
