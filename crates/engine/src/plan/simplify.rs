//! The live nodes, rewritten: constants folded, neutral operations dropped, equal nodes shared.
//!
//! Nothing here changes a result by more than rounding (and the sign of a zero: −0 + 0 becomes −0). A product with 0
//! stays, since 0 · ∞ is not 0.

use crate::graph::{NodeId, Nodes};
use crate::ops::{Binary, Layout, Leaf, Op, Role, Unary};
use crate::shape::Shape;
use rustc_hash::FxHashMap;
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
        let held = *self.nodes.node(self.nodes.holder(value));
        if held.op != Op::Leaf(Leaf::Input(Role::Parameter)) {
            return value;
        }
        let shape = self.nodes.node(value).shape;
        let one = self.nodes.leaf(Leaf::Constant(1.0), shape, held.at);
        let copy = self.nodes.push(Op::Binary(Binary::Mul), &[value, one], held.at);
        self.origin.resize(self.nodes.len(), self.origin[value.index()]);
        copy
    }
}

/// The nodes that the outputs need, as they are. Inputs and parameters stay in any case: they have places of their own.
pub(super) fn keep(nodes: &Nodes, outputs: &[NodeId]) -> Simplified {
    let separate = |new: &mut Nodes, leaf, shape, at| new.leaf(leaf, shape, at);
    rebuild(nodes, outputs, separate, |_, op, inputs| Rewrite::Node(op, inputs))
}

/// The nodes that the outputs need, in fewer.
pub(super) fn simplify(nodes: &Nodes, outputs: &[NodeId]) -> Simplified {
    let mut seen = Seen::default();
    let mut constants = FxHashMap::default();
    let once = |new: &mut Nodes, leaf, shape, at| match leaf {
        Leaf::Constant(_) => *constants.entry((leaf, shape)).or_insert_with(|| new.leaf(leaf, shape, at)),
        Leaf::Input(_) => new.leaf(leaf, shape, at),
    };
    let mut simple = rebuild(nodes, outputs, once, |new, op, inputs| rewrite(new, op, inputs, &mut seen));
    // Folding leaves nodes behind that only the folded ones used.
    let outputs = std::mem::take(&mut simple.outputs);
    let lean = keep(&simple.nodes, &outputs);
    let origin = lean.origin.iter().map(|&id| simple.origin[id.index()]).collect();
    Simplified { origin, ..lean }
}

/// What becomes of a node.
enum Rewrite {
    /// A node there already.
    Same(NodeId),
    /// A constant.
    Constant(f64),
    /// This operation of these inputs.
    Node(Op, [NodeId; 2]),
}

fn rebuild(
    nodes: &Nodes,
    outputs: &[NodeId],
    mut leaf: impl FnMut(&mut Nodes, Leaf, Shape, &'static Location<'static>) -> NodeId,
    mut rewrite: impl FnMut(&Nodes, Op, [NodeId; 2]) -> Rewrite,
) -> Simplified {
    let live = nodes.reachable(outputs);
    let mut new = Nodes::default();
    let mut origin = Vec::new();
    let mut now: Vec<NodeId> = vec![NodeId::POISON; nodes.len()];
    for index in 0..nodes.len() {
        let id = NodeId::at(index);
        let node = *nodes.node(id);
        let is_input = matches!(node.op, Op::Leaf(Leaf::Input(_)));
        if !live[index] && !is_input {
            continue;
        }
        let inputs = nodes.inputs(id);
        let translated = |i: usize| inputs.get(i).map_or(NodeId::POISON, |input| now[input.index()]);
        now[index] = match node.op {
            Op::Leaf(there) => leaf(&mut new, there, node.shape, node.at),
            op if inputs.len() > 2 => {
                let all: Vec<NodeId> = inputs.iter().map(|input| now[input.index()]).collect();
                new.append(op, node.shape, &all, node.at)
            }
            op => match rewrite(&new, op, [translated(0), translated(1)]) {
                Rewrite::Same(id) => id,
                Rewrite::Constant(value) => leaf(&mut new, Leaf::Constant(value), node.shape, node.at),
                // What is rewritten has the shape that it had.
                Rewrite::Node(op, both) => new.append(op, node.shape, &both[..inputs.len().min(count(op))], node.at),
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

/// How many inputs an operation of at most two takes when it may have been rewritten from one of two.
fn count(op: Op) -> usize {
    if matches!(op, Op::Unary(_)) { 1 } else { 2 }
}

type Seen = FxHashMap<(Op, [NodeId; 2]), NodeId>;

fn rewrite(new: &Nodes, op: Op, [a, b]: [NodeId; 2], seen: &mut Seen) -> Rewrite {
    let number = |id: NodeId| if id == NodeId::POISON { None } else { new.node(id).constant() };
    let simpler = match op {
        Op::Unary(op) => unary(new, op, a, number(a)),
        Op::Binary(op) => binary(op, (a, number(a)), (b, number(b))),
        Op::Layout(op) => layout(new, op, a, number(a)),
        _ => None,
    };
    match simpler {
        Some(Rewrite::Node(op, inputs)) => shared(new, op, inputs, seen),
        Some(done) => done,
        None => shared(new, op, [a, b], seen),
    }
}

/// The same operation of the same inputs is computed once.
fn shared(new: &Nodes, op: Op, inputs: [NodeId; 2], seen: &mut Seen) -> Rewrite {
    if let Some(&there) = seen.get(&(op, inputs)) {
        return Rewrite::Same(there);
    }
    seen.insert((op, inputs), NodeId::at(new.len()));
    Rewrite::Node(op, inputs)
}

fn unary(nodes: &Nodes, op: Unary, a: NodeId, number: Option<f64>) -> Option<Rewrite> {
    if let Some(value) = number {
        return Some(Rewrite::Constant(op.value(value)));
    }
    let inside = nodes.node(a).op;
    (op == Unary::Neg && inside == Op::Unary(Unary::Neg)).then(|| Rewrite::Same(nodes.inputs(a)[0]))
}

fn binary(op: Binary, (a, left): (NodeId, Option<f64>), (b, right): (NodeId, Option<f64>)) -> Option<Rewrite> {
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

fn layout(nodes: &Nodes, op: Layout, a: NodeId, number: Option<f64>) -> Option<Rewrite> {
    match (op, number) {
        (Layout::Pad { .. } | Layout::Concat { .. }, _) => None,
        (_, Some(value)) => Some(Rewrite::Constant(value)),
        (Layout::Reshape { to }, None) => reshape(nodes, to, a),
        _ => None,
    }
}

fn reshape(nodes: &Nodes, to: Shape, a: NodeId) -> Option<Rewrite> {
    let source = match nodes.node(a).op {
        Op::Layout(Layout::Reshape { .. }) => nodes.inputs(a)[0],
        _ if nodes.node(a).shape == to => return Some(Rewrite::Same(a)),
        _ => return None,
    };
    if nodes.node(source).shape == to {
        return Some(Rewrite::Same(source));
    }
    Some(Rewrite::Node(Op::Layout(Layout::Reshape { to }), [source, NodeId::POISON]))
}
