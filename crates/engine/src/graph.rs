//! The graph: nodes in the order they were written, each a plain record.
//!
//! A node only refers to nodes before it, so the list is in topological order and every walk over it is a loop.

use crate::error::{EngineError, Operand};
use crate::ops::{Layout, Leaf, Op, Role, Rule};
use crate::shape::Shape;
use rustc_hash::FxHashMap;
use std::cell::{Ref, RefCell};
use std::panic::Location;

/// The position of a node in its graph.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(u32);

impl NodeId {
    /// Stands for a node that could not be made; what is built on it is poisoned too.
    pub(crate) const POISON: Self = Self(u32::MAX);

    pub(crate) fn at(index: usize) -> Self {
        Self(u32::try_from(index).expect("fewer than 2^32 nodes"))
    }

    /// The position as a number.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One operation and its result.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// What it computes.
    pub op: Op,
    /// The shape of its value.
    pub shape: Shape,
    /// Where it was written.
    pub at: &'static Location<'static>,
}

const NO_NAME: u32 = u32::MAX;

/// How many kinds of operations are remembered by those of their inputs.
const RECENT: usize = 64;

/// A node as it is kept: a graph of scalars has millions of them and few kinds.
#[derive(Clone, Copy, Debug)]
struct Record {
    kind: Kind,
    first_input: u32,
    inputs: u32,
    name: u32,
    at: &'static Location<'static>,
}

/// The position of an operation with the shape of its result in the list of those that a graph has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Kind(u32);

/// The nodes of a graph, read-only.
#[derive(Default, Debug)]
pub struct Nodes {
    nodes: Vec<Record>,
    kinds: Vec<(Op, Shape)>,
    kind_of: FxHashMap<(Op, Shape), Kind>,
    /// Elementwise operations by the kinds of their inputs: the same few come again and again.
    recent: Vec<Option<(Op, [Kind; 2], Kind)>>,
    /// The node that holds a number for formulas, by its kind.
    literals: FxHashMap<Kind, NodeId>,
    edges: Vec<NodeId>,
    names: Vec<String>,
    leaves: Vec<NodeId>,
    error: Option<EngineError>,
}

impl Nodes {
    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node at `id`.
    pub fn node(&self, id: NodeId) -> Node {
        let record = &self.nodes[id.index()];
        let (op, shape) = self.kinds[record.kind.0 as usize];
        Node { op, shape, at: record.at }
    }

    /// What the node at `id` computes.
    pub(crate) fn op(&self, id: NodeId) -> Op {
        self.kinds[self.nodes[id.index()].kind.0 as usize].0
    }

    /// The shape of the value of `id`.
    pub(crate) fn shape(&self, id: NodeId) -> Shape {
        self.kinds[self.nodes[id.index()].kind.0 as usize].1
    }

    /// Whether the values of two nodes have the same shape.
    pub(crate) fn same_shape(&self, a: NodeId, b: NodeId) -> bool {
        let shape = |id: NodeId| &self.kinds[self.kind(id).0 as usize].1;
        self.kind(a) == self.kind(b) || shape(a) == shape(b)
    }

    /// Where the node at `id` was written.
    pub(crate) fn at(&self, id: NodeId) -> &'static Location<'static> {
        self.nodes[id.index()].at
    }

    /// The number, if `id` is a constant.
    pub(crate) fn constant(&self, id: NodeId) -> Option<f64> {
        match self.op(id) {
            Op::Leaf(Leaf::Constant(value)) => Some(value),
            _ => None,
        }
    }

    /// The operation and shape of `id`, as one small number.
    pub(crate) fn kind(&self, id: NodeId) -> Kind {
        self.nodes[id.index()].kind
    }

    /// What a kind stands for.
    pub(crate) fn of_kind(&self, kind: Kind) -> (Op, Shape) {
        self.kinds[kind.0 as usize]
    }

    /// The kind of an operation with a result of this shape.
    pub(crate) fn kind_for(&mut self, op: Op, shape: Shape) -> Kind {
        *self.kind_of.entry((op, shape)).or_insert_with(|| {
            self.kinds.push((op, shape));
            Kind(self.kinds.len() as u32 - 1)
        })
    }

    /// No nodes, but the same kinds under the same numbers, and room for as many nodes.
    pub(crate) fn empty_with_kinds(&self) -> Self {
        Self {
            nodes: Vec::with_capacity(self.nodes.len()),
            edges: Vec::with_capacity(self.edges.len()),
            kinds: self.kinds.clone(),
            kind_of: self.kind_of.clone(),
            ..Self::default()
        }
    }

    /// The nodes that `id` is computed from, in the order of its arguments.
    pub fn inputs(&self, id: NodeId) -> &[NodeId] {
        let node = &self.nodes[id.index()];
        &self.edges[node.first_input as usize..(node.first_input + node.inputs) as usize]
    }

    /// The name given to `id`, if any.
    pub fn name(&self, id: NodeId) -> Option<&str> {
        self.names.get(self.nodes[id.index()].name as usize).map(String::as_str)
    }

    /// A name to show for `id`: its own, the number of a constant, or `v` and its position.
    pub fn label(&self, id: NodeId) -> String {
        match (self.name(id), self.constant(id)) {
            (Some(name), _) => name.to_owned(),
            (None, Some(value)) => format!("{value}"),
            (None, None) => format!("v{}", id.index()),
        }
    }

    /// The inputs and parameters in the order they were written.
    pub fn leaves(&self, role: Role) -> impl Iterator<Item = NodeId> + '_ {
        self.leaves.iter().copied().filter(move |&id| self.op(id) == Op::Leaf(Leaf::Input(role)))
    }

    /// The node whose numbers the value of `id` is: a reshape is its input under another shape.
    pub(crate) fn holder(&self, mut id: NodeId) -> NodeId {
        while let Op::Layout(Layout::Reshape { .. }) = self.op(id) {
            id = self.inputs(id)[0];
        }
        id
    }

    /// Which nodes `targets` are computed from, themselves included.
    pub(crate) fn reachable(&self, targets: &[NodeId]) -> Vec<bool> {
        let mut reached = vec![false; self.len()];
        for &t in targets {
            reached[t.index()] = true;
        }
        for index in (0..self.len()).rev() {
            if reached[index] {
                for &input in self.inputs(NodeId::at(index)) {
                    reached[input.index()] = true;
                }
            }
        }
        reached
    }

    /// Makes room for so many nodes of two inputs.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.nodes.reserve(more);
        self.edges.reserve(2 * more);
    }

    fn add_name(&mut self, name: &str) -> u32 {
        self.names.push(name.to_owned());
        (self.names.len() - 1) as u32
    }

    pub(crate) fn push(&mut self, op: Op, inputs: &[NodeId], at: &'static Location<'static>) -> NodeId {
        if inputs.contains(&NodeId::POISON) {
            return NodeId::POISON;
        }
        let (number, kinds) = match (op, inputs) {
            (Op::Unary(op), &[a]) => (op as usize, [self.kind(a); 2]),
            (Op::Binary(op), &[a, b]) => (op as usize, [self.kind(a), self.kind(b)]),
            _ => return self.push_new(op, inputs, at),
        };
        self.recent.resize(RECENT, None);
        let place = (number + 3 * kinds[0].0 as usize + 7 * kinds[1].0 as usize) % RECENT;
        match self.recent[place] {
            Some((known, of, kind)) if known == op && of == kinds => self.append(kind, inputs, at),
            _ => {
                let id = self.push_new(op, inputs, at);
                if id != NodeId::POISON {
                    self.recent[place] = Some((op, kinds, self.kind(id)));
                }
                id
            }
        }
    }

    /// Adds a node after a look at the shapes of its inputs.
    fn push_new(&mut self, op: Op, inputs: &[NodeId], at: &'static Location<'static>) -> NodeId {
        let mut few = [Shape::SCALAR; 4];
        let many: Vec<Shape>;
        let shapes = if inputs.len() <= few.len() {
            for (shape, &i) in few.iter_mut().zip(inputs) {
                *shape = self.shape(i);
            }
            &few[..inputs.len()]
        } else {
            many = inputs.iter().map(|&i| self.shape(i)).collect();
            &many
        };
        match op.shape(shapes) {
            Ok(shape) => {
                let kind = self.kind_for(op, shape);
                self.append(kind, inputs, at)
            }
            Err(fault) => {
                let operands = inputs.iter().map(|&i| Operand { name: self.label(i), shape: self.shape(i) }).collect();
                self.fail(EngineError::Shape { op: op.name(), name: None, operands, fault, at })
            }
        }
    }

    /// Adds a node of a kind that is known.
    pub(crate) fn append(&mut self, kind: Kind, inputs: &[NodeId], at: &'static Location<'static>) -> NodeId {
        let id = NodeId::at(self.nodes.len());
        let first_input = self.edges.len() as u32;
        self.edges.extend_from_slice(inputs);
        self.nodes.push(Record { kind, first_input, inputs: inputs.len() as u32, name: NO_NAME, at });
        id
    }

    /// Keeps the first error and poisons the node.
    pub(crate) fn fail(&mut self, error: EngineError) -> NodeId {
        self.error.get_or_insert(error);
        NodeId::POISON
    }

    pub(crate) fn leaf(&mut self, leaf: Leaf, shape: Shape, at: &'static Location<'static>) -> NodeId {
        let kind = self.kind_for(Op::Leaf(leaf), shape);
        let id = self.append(kind, &[], at);
        if matches!(leaf, Leaf::Input(_)) {
            self.leaves.push(id);
        }
        id
    }

    /// The node of a number in a formula: one for all formulas.
    pub(crate) fn literal(&mut self, value: f64, shape: Shape, at: &'static Location<'static>) -> NodeId {
        let kind = self.kind_for(Op::Leaf(Leaf::Constant(value)), shape);
        if let Some(&there) = self.literals.get(&kind) {
            return there;
        }
        let id = self.append(kind, &[], at);
        self.literals.insert(kind, id);
        id
    }

    /// Gives `id` a name. The first error takes the name of what could not be made.
    pub(crate) fn set_name(&mut self, id: NodeId, name: &str) {
        if id == NodeId::POISON {
            if let Some(EngineError::Shape { name: unnamed @ None, .. }) = &mut self.error {
                *unnamed = Some(name.to_owned());
            }
            return;
        }
        // Formulas that come later do not take a number under the name that it got here.
        self.literals.remove(&self.nodes[id.index()].kind);
        self.nodes[id.index()].name = self.add_name(name);
    }
}

/// A graph under construction; see [`crate::Expr`] for how to write one.
///
/// ```
/// use chainrule_engine::Graph;
/// let g = Graph::new();
/// let (a, b) = (g.input("a", &[]), g.input("b", &[]));
/// let e = ((a + b) * (b + 1.0)).named("e");
/// let gradients = g.gradients(e, &[a, b])?;
/// assert_eq!(g.evaluate(&gradients, &[&[2.0], &[1.0]])?, [[2.0], [5.0]]);
/// # Ok::<(), chainrule_engine::EngineError>(())
/// ```
#[derive(Default, Debug)]
pub struct Graph {
    nodes: RefCell<Nodes>,
}

impl Graph {
    /// A graph without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The nodes written so far. The graph cannot grow while the answer is held.
    pub fn nodes(&self) -> Ref<'_, Nodes> {
        self.nodes.borrow()
    }

    /// The first error made while writing the graph, if any.
    ///
    /// # Errors
    /// That error: operators cannot return one, so the graph keeps it until it is asked.
    pub fn checked(&self) -> Result<(), EngineError> {
        self.nodes.borrow().error.clone().map_or(Ok(()), Err)
    }

    pub(crate) fn edit<R>(&self, edit: impl FnOnce(&mut Nodes) -> R) -> R {
        edit(&mut self.nodes.borrow_mut())
    }

    /// A copy of the node at `id`.
    pub(crate) fn node(&self, id: NodeId) -> Node {
        self.nodes.borrow().node(id)
    }
}
