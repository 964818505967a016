//! From nodes to drafts of steps: what is computed together, before anything has a place in memory.

use super::fuse::{self, Groups};
use super::tape::{self, Runs};
use super::{Program, Work};
use crate::graph::{NodeId, Nodes};
use crate::ops::{Layout, Leaf, Op, Rule};
use crate::shape::Shape;
use rustc_hash::FxHashMap;

/// A step without places.
pub(super) struct Draft {
    pub(super) work: Work,
    /// The elementwise chain that finishes the parts of the operation's result. It reads what is read last.
    pub(super) finish: Option<Program>,
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
        Self { work, finish: None, reads, writes, results: Vec::new(), copies_to: None }
    }

    /// The elementwise chain in it, and the position of the first value that this reads.
    pub(super) fn program_mut(&mut self) -> Option<(&mut Program, usize)> {
        match (&mut self.work, &mut self.finish) {
            (Work::Fused(program), _) => Some((program, 0)),
            (_, Some(program)) => {
                let first = self.reads.len() - program.operands();
                Some((program, first))
            }
            _ => None,
        }
    }

    /// This operation with the elementwise chain of another step.
    fn finished_by(mut self, chain: Self) -> Self {
        let Work::Fused(program) = chain.work else { unreachable!("only elementwise chains finish an operation") };
        self.reads.extend(chain.reads);
        Self { finish: Some(program), writes: chain.writes, ..self }
    }

    /// Scratch in `f32` and `f64` numbers.
    pub(super) fn scratch(&self, shapes: &[Shape], shape: Shape) -> [usize; 2] {
        match &self.work {
            Work::Op(op) => {
                let room = self.finish.as_ref().map_or(0, Program::lane);
                [op.scratch::<f32>(shapes, room), op.scratch::<f64>(shapes, room)]
            }
            Work::Fused(program) => [program.scratch(shape); 2],
            Work::Descend { product, .. } => [product.scratch::<f32>(shapes, 0), product.scratch::<f64>(shapes, 0)],
            Work::Tape(_) | Work::Copy | Work::Update(_) => [0, 0],
        }
    }

    pub(super) fn cost(&self, shapes: &[Shape], shape: Shape) -> u64 {
        let chain = |program: &Program| program.instructions() as u64 * shape.len() as u64;
        match &self.work {
            Work::Op(op) => op.cost(shapes, shape) + self.finish.as_ref().map_or(0, chain),
            Work::Fused(program) => chain(program),
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
    finish_in_parts(nodes, &wanted, drop_unread(nodes, &wanted, drafts))
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

/// Joins elementwise chains to the operation before them, if that finishes its result in parts and nobody else reads it:
/// each part is still in the cache then.
fn finish_in_parts(nodes: &Nodes, wanted: &[NodeId], drafts: Vec<Draft>) -> Vec<Draft> {
    let mut readers = vec![0_usize; nodes.len()];
    for &read in drafts.iter().flat_map(|draft| &draft.reads).chain(wanted) {
        readers[nodes.holder(read).index()] += 1;
    }
    let mut kept: Vec<Option<Draft>> = Vec::with_capacity(drafts.len());
    // Where what is finished in parts is computed, and of how many numbers a part is.
    let mut parts: FxHashMap<NodeId, (usize, usize)> = FxHashMap::default();
    for mut draft in drafts {
        match &draft.work {
            Work::Op(op) => {
                let part = op.part(nodes.shape(draft.writes));
                parts.extend(part.map(|part| (draft.writes, (kept.len(), part))));
            }
            Work::Fused(program) => {
                let of_parts = |slot: usize| {
                    let held = nodes.holder(draft.reads[slot]);
                    let &(at, part) = parts.get(&held)?;
                    (program.is_full(slot) && readers[held.index()] == 1 && program.fits(part)).then_some((slot, at))
                };
                if let Some((slot, at)) = (0..program.operands()).find_map(of_parts) {
                    let before = kept[at].take().expect("it has one reader");
                    draft.reads[slot] = draft.writes;
                    draft = before.finished_by(draft);
                }
            }
            _ => {}
        }
        kept.push(Some(draft));
    }
    kept.into_iter().flatten().collect()
}
