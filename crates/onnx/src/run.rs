//! What an import gives, and how it is run.

use crate::error::OnnxError;
use crate::kind::Kind;
use crate::tensor::Tensor;
use crate::value::Held;
use chainrule::engine::{EngineError, Expr, Graph, Plan, Session};
use chainrule::kernels::Real;
use std::collections::HashMap;
use std::rc::Rc;

/// An input of an imported model that is given at each run.
#[derive(Clone, Debug)]
pub struct Input<'g> {
    /// Its name.
    pub name: String,
    /// Its node.
    pub expr: Expr<'g>,
    /// What its elements are.
    pub kind: Kind,
}

/// A result of an imported model.
#[derive(Clone, Debug)]
pub enum Output<'g> {
    /// It is computed when the graph runs.
    Node(Expr<'g>, Kind),
    /// It does not depend on the inputs.
    Known(Rc<Tensor>),
}

/// A model in a graph.
#[derive(Debug)]
pub struct Imported<'g> {
    pub(crate) graph: &'g Graph,
    /// What is given at each run.
    pub inputs: Vec<Input<'g>>,
    /// The results by their names.
    pub outputs: Vec<(String, Output<'g>)>,
    pub(crate) held: Vec<Held<'g>>,
}

/// A session of an imported model, which keeps the values of weights and constants.
#[derive(Debug)]
pub struct Running<T> {
    session: Session<T>,
    outputs: usize,
    parameters: Vec<T>,
    /// For each input of the plan its values, or the position among those that are given.
    inputs: Vec<Result<Vec<T>, usize>>,
}

impl<T: Real> Running<T> {
    pub(crate) fn new(graph: &Graph, plan: Plan, outputs: usize, held: &[Held<'_>]) -> Result<Self, EngineError> {
        let by_name: HashMap<String, &Held<'_>> =
            held.iter().map(|held| (graph.nodes().label(held.expr.id()), held)).collect();
        let numbers = |held: &Held<'_>| held.tensor.values().iter().map(|&v| T::from_f64(v)).collect::<Vec<T>>();
        let mut parameters = Vec::new();
        for segment in plan.parameters() {
            parameters.extend(numbers(by_name[&segment.name]));
        }
        let mut free = 0;
        let mut inputs = Vec::new();
        for segment in plan.inputs() {
            inputs.push(match by_name.get(&segment.name) {
                Some(held) => Ok(numbers(held)),
                None => Err(free),
            });
            free += usize::from(!by_name.contains_key(&segment.name));
        }
        Ok(Self { session: Session::new(plan)?, outputs, parameters, inputs })
    }

    /// Computes all results that depend on the inputs, given in the order of [`Imported::inputs`].
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run(&mut self, given: &[&[T]]) -> Result<Vec<Vec<T>>, OnnxError> {
        let missing: &[T] = &[];
        let inputs: Vec<&[T]> = self
            .inputs
            .iter()
            .map(|input| match input {
                Ok(values) => values.as_slice(),
                Err(at) => given.get(*at).copied().unwrap_or(missing),
            })
            .collect();
        self.session.run(&self.parameters, &inputs)?;
        Ok((0..self.outputs).map(|at| self.session.output(at).to_vec()).collect())
    }
}

impl<'g> Imported<'g> {
    /// A session for the results that depend on the inputs, in the order of [`Imported::outputs`], with the weights of
    /// the model.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn session<T: Real>(&self) -> Result<Running<T>, OnnxError> {
        let nodes: Vec<Expr<'g>> = self
            .outputs
            .iter()
            .filter_map(|(_, output)| if let Output::Node(expr, _) = output { Some(*expr) } else { None })
            .collect();
        Ok(Running::new(self.graph, Plan::new(self.graph, &nodes)?, nodes.len(), &self.held)?)
    }

    /// The weights: name, sizes and values, in the order of the flat block of parameters of the graph.
    pub fn weights(&self) -> impl Iterator<Item = (Expr<'g>, &Tensor)> {
        self.held.iter().filter(|held| held.learned).map(|held| (held.expr, &*held.tensor))
    }
}
