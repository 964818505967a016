//! The graph: nodes in the order they were written, each a plain record.
//!
//! A node only refers to nodes before it, so the list is in topological order and every walk over it is a loop.

use crate::error::{EngineError, Operand};
use crate::ops::{Layout, Leaf, Op, Role, Rule};
use crate::shape::Shape;
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
    first_input: u32,
    inputs: u32,
    name: u32,
    /// Where it was written.
    pub at: &'static Location<'static>,
}

impl Node {
    /// The number, if the node is a constant.
    pub fn constant(&self) -> Option<f64> {
        match self.op {
            Op::Leaf(Leaf::Constant(value)) => Some(value),
            _ => None,
        }
    }
}

const NO_NAME: u32 = u32::MAX;

/// The nodes of a graph, read-only.
#[derive(Default, Debug)]
pub struct Nodes {
    nodes: Vec<Node>,
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
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The nodes that `id` is computed from, in the order of its arguments.
    pub fn inputs(&self, id: NodeId) -> &[NodeId] {
        let node = self.node(id);
        &self.edges[node.first_input as usize..(node.first_input + node.inputs) as usize]
    }

    /// The name given to `id`, if any.
    pub fn name(&self, id: NodeId) -> Option<&str> {
        self.names.get(self.node(id).name as usize).map(String::as_str)
    }

    /// A name to show for `id`: its own, the number of a constant, or `v` and its position.
    pub fn label(&self, id: NodeId) -> String {
        match (self.name(id), self.node(id).constant()) {
            (Some(name), _) => name.to_owned(),
            (None, Some(value)) => format!("{value}"),
            (None, None) => format!("v{}", id.index()),
        }
    }

    /// The inputs and parameters in the order they were written.
    pub fn leaves(&self, role: Role) -> impl Iterator<Item = NodeId> + '_ {
        self.leaves.iter().copied().filter(move |&id| self.node(id).op == Op::Leaf(Leaf::Input(role)))
    }

    /// The node whose numbers the value of `id` is: a reshape is its input under another shape.
    pub(crate) fn holder(&self, mut id: NodeId) -> NodeId {
        while let Op::Layout(Layout::Reshape { .. }) = self.node(id).op {
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

    fn add_name(&mut self, name: &str) -> u32 {
        self.names.push(name.to_owned());
        (self.names.len() - 1) as u32
    }

    pub(crate) fn push(&mut self, op: Op, inputs: &[NodeId], at: &'static Location<'static>) -> NodeId {
        if inputs.contains(&NodeId::POISON) {
            return NodeId::POISON;
        }
        let mut few = [Shape::SCALAR; 4];
        let many: Vec<Shape>;
        let shapes = if inputs.len() <= few.len() {
            for (shape, &i) in few.iter_mut().zip(inputs) {
                *shape = self.node(i).shape;
            }
            &few[..inputs.len()]
        } else {
            many = inputs.iter().map(|&i| self.node(i).shape).collect();
            &many
        };
        match op.shape(shapes) {
            Ok(shape) => self.append(op, shape, inputs, at),
            Err(fault) => {
                let operands =
                    inputs.iter().map(|&i| Operand { name: self.label(i), shape: self.node(i).shape }).collect();
                self.fail(EngineError::Shape { op: op.name(), name: None, operands, fault, at })
            }
        }
    }

    /// Adds a node whose shape is known.
    pub(crate) fn append(&mut self, op: Op, shape: Shape, inputs: &[NodeId], at: &'static Location<'static>) -> NodeId {
        let id = NodeId::at(self.nodes.len());
        let first_input = self.edges.len() as u32;
        self.edges.extend_from_slice(inputs);
        self.nodes.push(Node { op, shape, first_input, inputs: inputs.len() as u32, name: NO_NAME, at });
        id
    }

    /// Keeps the first error and poisons the node.
    pub(crate) fn fail(&mut self, error: EngineError) -> NodeId {
        self.error.get_or_insert(error);
        NodeId::POISON
    }

    pub(crate) fn leaf(&mut self, leaf: Leaf, shape: Shape, at: &'static Location<'static>) -> NodeId {
        let id = self.append(Op::Leaf(leaf), shape, &[], at);
        if matches!(leaf, Leaf::Input(_)) {
            self.leaves.push(id);
        }
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
        *self.nodes.borrow().node(id)
    }
}
