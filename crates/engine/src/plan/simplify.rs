//! The live nodes, rewritten: constants folded, neutral operations dropped, equal nodes shared.
//!
//! Nothing here changes a result by more than rounding (and the sign of a zero: −0 + 0 becomes −0). A product with 0
//! stays, since 0 · ∞ is not 0.

use crate::graph::{Kind, NodeId, Nodes};
use crate::ops::{Binary, Layout, Leaf, Op, Role, Unary};
use crate::shape::Shape;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rustc_hash::FxBuildHasher;
use std::hash::BuildHasher;
use std::panic::Location;

/// A rewritten graph that knows where its nodes come from.
pub(super) struct Simplified {
    pub(super) nodes: Nodes,
    /// The outputs in the rewritten graph.
    pub(super) outputs: Vec<NodeId>,
    /// The node of the first graph that each node stands for.
    pub(super) origin: Vec<NodeId>,
}

impl Simplified {
    /// `value`, or a copy of it if it is a parameter: what moves by it must not see it move.
    pub(super) fn apart_from_parameters(&mut self, value: NodeId) -> NodeId {
        let held = self.nodes.node(self.nodes.holder(value));
        if held.op != Op::Leaf(Leaf::Input(Role::Parameter)) {
            return value;
        }
        let shape = self.nodes.shape(value);
        let one = self.nodes.leaf(Leaf::Constant(1.0), shape, held.at);
        let copy = self.nodes.push(Op::Binary(Binary::Mul), &[value, one], held.at);
        self.origin.resize(self.nodes.len(), self.origin[value.index()]);
        copy
    }
}

/// The nodes that the outputs need, as they are. Inputs and parameters stay in any case: they have places of their own.
pub(super) fn keep(nodes: &Nodes, outputs: &[NodeId]) -> Simplified {
    rebuild(nodes, outputs, Nodes::leaf, |_, kind, inputs| Rewrite::Node(kind, inputs))
}

/// The nodes that the outputs need, in fewer. Some may be left that only folded ones read.
pub(super) fn simplify(nodes: &Nodes, outputs: &[NodeId]) -> Simplified {
    // A node is its own key: with millions of them, a table of whole keys would not fit into the cache.
    let mut seen: HashTable<NodeId> = HashTable::with_capacity(nodes.len());
    let once = |new: &mut Nodes, leaf, shape, at| match leaf {
        Leaf::Constant(value) => new.literal(value, shape, at),
        Leaf::Input(_) => new.leaf(leaf, shape, at),
    };
    rebuild(nodes, outputs, once, |new, kind, inputs| {
        let (op, shape) = new.of_kind(kind);
        let (kind, inputs) = match simpler(new, op, inputs) {
            None => (kind, inputs),
            // What is rewritten has the shape that it had.
            Some(Rewrite::Node(op, inputs)) => (new.kind_for(op, shape), inputs),
            Some(Rewrite::Constant(value)) => return Rewrite::Constant(value),
            Some(Rewrite::Same(there)) => return Rewrite::Same(there),
        };
        // The same operation of the same inputs is computed once.
        let used = &inputs[..used(&inputs)];
        let equal = |&id: &NodeId| new.kind(id) == kind && new.inputs(id) == used;
        match seen.entry(near(kind, used), equal, |&id| near(new.kind(id), new.inputs(id))) {
            Entry::Occupied(there) => Rewrite::Same(*there.get()),
            Entry::Vacant(free) => {
                free.insert(NodeId::at(new.len()));
                Rewrite::Node(kind, inputs)
            }
        }
    })
}

/// What becomes of a node of at most two inputs.
enum Rewrite<What> {
    /// A node there already.
    Same(NodeId),
    /// A constant.
    Constant(f64),
    /// This operation of these inputs.
    Node(What, [NodeId; 2]),
}

fn rebuild(
    nodes: &Nodes,
    outputs: &[NodeId],
    mut leaf: impl FnMut(&mut Nodes, Leaf, Shape, &'static Location<'static>) -> NodeId,
    mut rewrite: impl FnMut(&mut Nodes, Kind, [NodeId; 2]) -> Rewrite<Kind>,
) -> Simplified {
    let live = nodes.reachable(outputs);
    let mut new = nodes.empty_with_kinds();
    let mut origin = Vec::with_capacity(nodes.len());
    let mut now: Vec<NodeId> = vec![NodeId::POISON; nodes.len()];
    for index in 0..nodes.len() {
        let id = NodeId::at(index);
        let op = nodes.op(id);
        let is_input = matches!(op, Op::Leaf(Leaf::Input(_)));
        if !live[index] && !is_input {
            continue;
        }
        let (inputs, at) = (nodes.inputs(id), nodes.at(id));
        let translated = |i: usize| inputs.get(i).map_or(NodeId::POISON, |input| now[input.index()]);
        now[index] = match op {
            Op::Leaf(there) => leaf(&mut new, there, nodes.shape(id), at),
            _ if inputs.len() > 2 => {
                let all: Vec<NodeId> = inputs.iter().map(|input| now[input.index()]).collect();
                new.append(nodes.kind(id), &all, at)
            }
            _ => match rewrite(&mut new, nodes.kind(id), [translated(0), translated(1)]) {
                Rewrite::Same(id) => id,
                Rewrite::Constant(value) => leaf(&mut new, Leaf::Constant(value), nodes.shape(id), at),
                Rewrite::Node(kind, both) => new.append(kind, &both[..used(&both)], at),
            },
        };
        // A rewritten node may add none; what it adds stands for this one.
        origin.resize(new.len(), id);
        if let (true, Some(name)) = (is_input, nodes.name(id)) {
            new.set_name(now[index], name);
        }
    }
    Simplified { outputs: outputs.iter().map(|o| now[o.index()]).collect(), nodes: new, origin }
}

/// A hash of a node whose low bits, which choose the place in a table, stay within a window around the newest input: a
/// walk over the graph is then a walk over the table, and not a million visits to places far apart.
fn near(kind: Kind, inputs: &[NodeId]) -> u64 {
    const WINDOW: u64 = 1 << 14;
    const LOW: u64 = u64::MAX >> 8;
    let mixture = FxBuildHasher.hash_one((kind, inputs.first(), inputs.last()));
    let newest = inputs.iter().max().map_or(0, |id| id.index() as u64);
    ((newest + mixture % WINDOW) & LOW) | (mixture & !LOW)
}

/// How many of two inputs there are.
fn used(inputs: &[NodeId; 2]) -> usize {
    inputs.iter().take_while(|&&input| input != NodeId::POISON).count()
}

fn simpler(nodes: &Nodes, op: Op, [a, b]: [NodeId; 2]) -> Option<Rewrite<Op>> {
    let number = |id: NodeId| if id == NodeId::POISON { None } else { nodes.constant(id) };
    match op {
        Op::Unary(op) => unary(nodes, op, a, number(a)),
        Op::Binary(op) => binary(op, (a, number(a)), (b, number(b))),
        Op::Layout(op) => layout(nodes, op, a, number(a)),
        _ => None,
    }
}

fn unary(nodes: &Nodes, op: Unary, a: NodeId, number: Option<f64>) -> Option<Rewrite<Op>> {
    if let Some(value) = number {
        return Some(Rewrite::Constant(op.value(value)));
    }
    let inside = nodes.op(a);
    (op == Unary::Neg && inside == Op::Unary(Unary::Neg)).then(|| Rewrite::Same(nodes.inputs(a)[0]))
}

fn binary(op: Binary, (a, left): (NodeId, Option<f64>), (b, right): (NodeId, Option<f64>)) -> Option<Rewrite<Op>> {
    if let (Some(left), Some(right)) = (left, right) {
        return Some(Rewrite::Constant(op.value(left, right)));
    }
    let negated = |id| Some(Rewrite::Node(Op::Unary(Unary::Neg), [id, NodeId::POISON]));
    match (op, left, right) {
        (Binary::Add | Binary::Sub, _, Some(0.0)) => Some(Rewrite::Same(a)),
        (Binary::Mul | Binary::Div | Binary::Pow, _, Some(1.0)) => Some(Rewrite::Same(a)),
        (Binary::Add, Some(0.0), _) | (Binary::Mul, Some(1.0), _) => Some(Rewrite::Same(b)),
        (Binary::Mul | Binary::Div, _, Some(-1.0)) => negated(a),
        (Binary::Mul, Some(-1.0), _) => negated(b),
        (Binary::Pow, _, Some(2.0)) => Some(Rewrite::Node(Op::Binary(Binary::Mul), [a, a])),
        _ => None,
    }
}

fn layout(nodes: &Nodes, op: Layout, a: NodeId, number: Option<f64>) -> Option<Rewrite<Op>> {
    match (op, number) {
        (Layout::Pad { .. } | Layout::Concat { .. }, _) => None,
        (_, Some(value)) => Some(Rewrite::Constant(value)),
        (Layout::Reshape { to }, None) => reshape(nodes, to, a),
        _ => None,
    }
}

fn reshape(nodes: &Nodes, to: Shape, a: NodeId) -> Option<Rewrite<Op>> {
    let source = match nodes.op(a) {
        Op::Layout(Layout::Reshape { .. }) => nodes.inputs(a)[0],
        _ if nodes.shape(a) == to => return Some(Rewrite::Same(a)),
        _ => return None,
    };
    if nodes.shape(source) == to {
        return Some(Rewrite::Same(source));
    }
    Some(Rewrite::Node(Op::Layout(Layout::Reshape { to }), [source, NodeId::POISON]))
}
