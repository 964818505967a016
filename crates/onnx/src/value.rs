//! What flows along the edges of a graph while it is imported.

use crate::kind::Kind;
use crate::tensor::Tensor;
use chainrule::engine::{Expr, Graph};
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

/// The result of a node: known already, or computed when the graph runs.
#[derive(Clone, Debug)]
pub(crate) enum Value<'g> {
    /// Numbers that are known.
    Known(Known),
    /// A node of the engine's graph.
    Node(Expr<'g>, Kind),
}

/// Numbers that are known when the graph is built.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) tensor: Rc<Tensor>,
    /// Whether they are weights of the model, or computed from some.
    pub(crate) learned: bool,
}

impl From<Tensor> for Value<'_> {
    fn from(tensor: Tensor) -> Self {
        Self::Known(Known { tensor: Rc::new(tensor), learned: false })
    }
}

impl Value<'_> {
    /// What its elements are.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Known(known) => known.tensor.kind(),
            Self::Node(_, kind) => *kind,
        }
    }
}

/// A known tensor that a graph reads.
#[derive(Debug)]
pub(crate) struct Held<'g> {
    pub(crate) tensor: Rc<Tensor>,
    pub(crate) expr: Expr<'g>,
    pub(crate) learned: bool,
}

/// The leaves of a graph: known tensors become nodes where operations compute with them.
#[derive(Debug)]
pub(crate) struct Leaves<'g> {
    pub(crate) graph: &'g Graph,
    held: RefCell<Vec<Held<'g>>>,
    names: RefCell<HashSet<String>>,
}

impl<'g> Leaves<'g> {
    pub(crate) fn new(graph: &'g Graph) -> Self {
        Self { graph, held: RefCell::default(), names: RefCell::default() }
    }

    /// A name that no leaf has yet, made from one that is wanted.
    pub(crate) fn unused(&self, name: &str) -> String {
        let mut names = self.names.borrow_mut();
        let mut free = name.to_owned();
        let mut number = 2;
        while !names.insert(free.clone()) {
            free = format!("{name}_{number}");
            number += 1;
        }
        free
    }

    /// The node of known numbers: a constant if all are equal, else a leaf; weights are parameters.
    pub(crate) fn lift(&self, known: &Known, name: &str) -> Expr<'g> {
        let tensor = &known.tensor;
        let uniform = match tensor.values() {
            [first, rest @ ..] => rest.iter().all(|v| v.to_bits() == first.to_bits()).then_some(*first),
            [] => Some(0.0),
        };
        if let Some(value) = uniform.filter(|_| !known.learned) {
            return self.graph.constant(value, tensor.sizes());
        }
        if let Some(held) = self.held.borrow().iter().find(|held| Rc::ptr_eq(&held.tensor, tensor)) {
            return held.expr;
        }
        let name = self.unused(name);
        let expr = match known.learned {
            true => self.graph.parameter(&name, tensor.sizes()),
            false => self.graph.input(&name, tensor.sizes()),
        };
        self.held.borrow_mut().push(Held { tensor: tensor.clone(), expr, learned: known.learned });
        expr
    }

    /// All known tensors that the graph reads.
    pub(crate) fn into_held(self) -> Vec<Held<'g>> {
        self.held.into_inner()
    }
}
