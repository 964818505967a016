//! Where parameters move by their gradients.
//!
//! A parameter moves as soon as its gradient is known and nothing reads the old value any more, while both are in the
//! cache; the gradient's memory is then free again. If the gradient is a matrix product, product and update are one
//! step. Outputs are complete before the first update, so that whoever runs the plan can look at them (and stop, or
//! scale gradients that are outputs).

use super::Work;
use super::lower::Draft;
use crate::graph::{NodeId, Nodes};
use crate::ops::{Leaf, Matmul, Op, Role};
use rustc_hash::FxHashMap;

/// A parameter and what it moves by.
#[derive(Clone, Copy)]
pub(super) struct Update {
    /// The position among the parameters.
    pub(super) segment: usize,
    pub(super) parameter: NodeId,
    pub(super) gradient: NodeId,
}

/// Puts the updates among the steps that compute the gradients.
pub(super) fn schedule(
    nodes: &Nodes,
    outputs: &[NodeId],
    updates: &[Update],
    plain: bool,
    drafts: Vec<Draft>,
) -> Vec<Draft> {
    let known = Known::new(nodes, outputs, &drafts);
    let mut after: Vec<Vec<Draft>> = (0..=drafts.len()).map(|_| Vec::new()).collect();
    let mut joined = vec![false; drafts.len()];
    for update in updates {
        let written = known.written.get(&nodes.holder(update.gradient)).copied();
        let product = written.filter(|_| known.readers(update.gradient, updates) == 1).and_then(|at| {
            let product = product(nodes, &drafts[at])?;
            joined[at] = true;
            let work = Work::Descend { product, segment: update.segment, plain };
            Some(Draft::new(work, drafts[at].reads.clone(), drafts[at].writes))
        });
        let apart = || Draft::new(Work::Update(update.segment), vec![update.gradient], update.gradient);
        let last = known.last_read.get(&update.parameter).copied();
        let at = written.max(last).max(known.outputs).map_or(0, |at| at + 1);
        after[at].push(product.unwrap_or_else(apart));
    }
    let mut all = Vec::with_capacity(drafts.len() + updates.len());
    let mut after = after.into_iter();
    all.extend(after.next().unwrap_or_default());
    for ((draft, joined), after) in drafts.into_iter().zip(joined).zip(after) {
        all.extend((!joined).then_some(draft));
        all.extend(after);
    }
    all
}

/// Facts about the steps before updates are among them.
struct Known<'a> {
    nodes: &'a Nodes,
    /// The step that computes a value.
    written: FxHashMap<NodeId, usize>,
    last_read: FxHashMap<NodeId, usize>,
    reads: FxHashMap<NodeId, usize>,
    /// The step after which all outputs are known.
    outputs: Option<usize>,
}

impl<'a> Known<'a> {
    fn new(nodes: &'a Nodes, outputs: &[NodeId], drafts: &[Draft]) -> Self {
        let (mut written, mut last_read) = (FxHashMap::default(), FxHashMap::default());
        let mut reads: FxHashMap<NodeId, usize> = FxHashMap::default();
        for (step, draft) in drafts.iter().enumerate() {
            for &read in &draft.reads {
                let held = nodes.holder(read);
                last_read.insert(held, step);
                *reads.entry(held).or_default() += 1;
            }
            if draft.copies_to.is_none() {
                written.extend(draft.results.iter().chain([&draft.writes]).map(|&id| (id, step)));
            }
        }
        for &output in outputs {
            *reads.entry(nodes.holder(output)).or_default() += 1;
        }
        let copies = drafts.iter().rposition(|draft| draft.copies_to.is_some());
        let computed = outputs.iter().filter_map(|&o| written.get(&nodes.holder(o)).copied()).max();
        Self { nodes, written, last_read, reads, outputs: copies.max(computed) }
    }

    /// How many steps, outputs and updates read a value.
    fn readers(&self, value: NodeId, updates: &[Update]) -> usize {
        let held = self.nodes.holder(value);
        let updates = updates.iter().filter(|u| self.nodes.holder(u.gradient) == held).count();
        updates + self.reads.get(&held).copied().unwrap_or(0)
    }
}

/// The matrix product that a step is, if it is one of two matrices and reads no parameter (which would be borrowed
/// while another part of the block of parameters changes).
fn product(nodes: &Nodes, draft: &Draft) -> Option<Matmul> {
    let Work::Op(Op::Matmul(product)) = draft.work else { return None };
    let fits = |&id: &NodeId| {
        let node = nodes.node(nodes.holder(id));
        let is_parameter = matches!(node.op, Op::Leaf(Leaf::Input(Role::Parameter)));
        nodes.shape(id).rank() == 2 && !is_parameter
    };
    draft.reads.iter().all(fits).then_some(product)
}
