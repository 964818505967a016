//! The same run with nothing hidden: every value, every partial, every contribution, every pile.
//!
//! A trace plans the graph transparently, runs it in `f64`, and reads what the sweep wrote into the graph. There is no
//! second interpreter that could disagree with the first.

use crate::adjoint::{Sweep, Visit};
use crate::error::EngineError;
use crate::expr::Expr;
use crate::graph::{Graph, NodeId};
use crate::ops::{Role, Rule};
use crate::plan::Plan;
use crate::session::Session;
use crate::shape::Shape;
use std::collections::HashMap;

/// A node of the traced graph.
#[derive(Clone, Debug)]
pub struct TraceNode {
    /// Its position in the graph.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// What it computes, in terms of the names of its inputs.
    pub formula: String,
    /// Its shape.
    pub shape: Shape,
    /// Its edges, in the order of its arguments.
    pub edges: Vec<TraceEdge>,
}

/// An edge to one of a node's arguments.
#[derive(Clone, Debug)]
pub struct TraceEdge {
    /// The argument.
    pub to: NodeId,
    /// Its name.
    pub name: String,
    /// The partial in mathematical notation, for elementwise operations.
    pub partial_formula: Option<String>,
    /// The edge as the sweep visited it; `None` if it leads to no variable.
    pub visit: Option<Visit>,
}

/// A run of a graph, its sweep included, with every value kept.
#[derive(Debug)]
pub struct Trace {
    /// The nodes that the top is computed from, in the order they were written.
    pub nodes: Vec<TraceNode>,
    /// The edges in the order the sweep visited them.
    pub sweep: Sweep,
    session: Session<f64>,
    leaves: HashMap<NodeId, Vec<f64>>,
}

impl Trace {
    /// Sweeps from `of` to `wrt`, runs everything once, and keeps it.
    ///
    /// # Errors
    /// As [`Graph::sweep`] and [`Session::run`].
    pub fn new(
        graph: &Graph,
        of: Expr<'_>,
        wrt: &[Expr<'_>],
        parameters: &[f64],
        inputs: &[&[f64]],
    ) -> Result<Self, EngineError> {
        let written = graph.nodes().len();
        let sweep = graph.sweep(of, wrt)?;
        let swept = sweep.visits.iter().flat_map(|v| v.partial.into_iter().chain([v.contribution]));
        let piles = (0..written).filter_map(|index| sweep.pile(NodeId::at(index)));
        let kept: Vec<Expr<'_>> = swept.chain(piles).chain([of.id()]).map(|id| graph.expr(id)).collect();
        let mut session = Session::new(Plan::transparent(graph, &kept)?)?;
        session.run(parameters, inputs)?;
        let leaves = leaf_values(graph, session.plan(), parameters, inputs);
        Ok(Self { nodes: trace_nodes(graph, &sweep), sweep, session, leaves })
    }

    /// The value of a node: of the graph, of a partial, a contribution or a pile.
    pub fn value(&self, id: NodeId) -> &[f64] {
        self.session.value(id).or_else(|| self.leaves.get(&id).map(Vec::as_slice)).unwrap_or_default()
    }

    /// The gradient that piled up on a node, if the sweep came by it.
    pub fn pile(&self, id: NodeId) -> Option<&[f64]> {
        self.sweep.pile(id).map(|pile| self.value(pile))
    }

    /// The first node whose value is not finite.
    pub fn first_non_finite(&self) -> Option<&TraceNode> {
        self.nodes.iter().find(|node| self.value(node.id).iter().any(|v| !v.is_finite()))
    }
}

fn leaf_values(graph: &Graph, plan: &Plan, parameters: &[f64], inputs: &[&[f64]]) -> HashMap<NodeId, Vec<f64>> {
    let nodes = graph.nodes();
    let data = nodes.leaves(Role::Data).zip(inputs).map(|(id, value)| (id, value.to_vec()));
    let learned =
        nodes.leaves(Role::Parameter).zip(plan.parameters()).map(|(id, s)| (id, parameters[s.range.clone()].to_vec()));
    let constant = (0..nodes.len())
        .map(NodeId::at)
        .filter_map(|id| nodes.constant(id).map(|value| (id, vec![value; nodes.shape(id).len()])));
    data.chain(learned).chain(constant).collect()
}

fn trace_nodes(graph: &Graph, sweep: &Sweep) -> Vec<TraceNode> {
    let nodes = graph.nodes();
    let live = nodes.reachable(&[sweep.of]);
    let visits: HashMap<(NodeId, usize), Visit> = sweep.visits.iter().map(|&v| ((v.from, v.slot), v)).collect();
    let labels = |ids: &[NodeId]| -> Vec<String> { ids.iter().map(|&i| nodes.label(i)).collect() };
    (0..=sweep.of.index())
        .map(NodeId::at)
        .filter(|&id| live[id.index()])
        .filter(|&id| id == sweep.of || nodes.name(id).is_some() || nodes.constant(id).is_none())
        .map(|id| {
            let (node, inputs, name) = (nodes.node(id), nodes.inputs(id), nodes.label(id));
            let names = labels(inputs);
            let edge = |(slot, &to): (usize, &NodeId)| TraceEdge {
                to,
                name: names[slot].clone(),
                partial_formula: node.op.partial_formula(slot, &names, &name),
                visit: visits.get(&(id, slot)).copied(),
            };
            TraceNode {
                id,
                formula: node.op.formula(&names),
                shape: node.shape,
                edges: inputs.iter().enumerate().map(edge).collect(),
                name,
            }
        })
        .collect()
}
