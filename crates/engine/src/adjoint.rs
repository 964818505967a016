//! The reverse sweep.

use crate::error::EngineError;
use crate::expr::Expr;
use crate::graph::{Graph, NodeId};
use crate::ops::arith::Arith;
use crate::ops::{Derivative, Edge, Rule};

/// One edge as the sweep visited it.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// The upper node, whose pile is handed down.
    pub from: NodeId,
    /// The node below, which receives.
    pub to: NodeId,
    /// Which argument of `from` the edge is.
    pub slot: usize,
    /// The partial ∂from/∂to, for elementwise operations.
    pub partial: Option<NodeId>,
    /// What `to` receives.
    pub contribution: NodeId,
}

/// What a reverse sweep wrote into the graph. The gradients are ordinary nodes.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// The node whose derivatives were taken.
    pub of: NodeId,
    /// The edges in the order they were visited, each once.
    pub visits: Vec<Visit>,
    piles: Vec<Option<NodeId>>,
}

impl Sweep {
    /// The derivative of the top node by `node`, if the sweep came by it.
    pub fn pile(&self, node: NodeId) -> Option<NodeId> {
        self.piles.get(node.index()).copied().flatten()
    }
}

impl Graph {
    /// Sweeps from `of`, a scalar, down to every node of `wrt`.
    ///
    /// # Errors
    /// The first error of the graph, a top that is no scalar, or an operation on the way that has no derivative.
    #[track_caller]
    pub fn sweep(&self, of: Expr<'_>, wrt: &[Expr<'_>]) -> Result<Sweep, EngineError> {
        self.check_own("a gradient", &[&[of], wrt].concat())?;
        let top = of.id();
        if !of.shape().is_scalar() {
            return Err(EngineError::NotScalar { name: self.nodes().label(top), shape: of.shape() });
        }
        let leads_down = self.leads_to(wrt, top);
        let mut piles: Vec<Option<NodeId>> = vec![None; top.index() + 1];
        let edges = self.edges_down(&leads_down);
        let mut visits = Vec::with_capacity(edges);
        self.edit(|nodes| nodes.reserve(edges));
        let mut inputs = Vec::new();
        piles[top.index()] = Some(self.expr(top).lit(1.0).id());
        for index in (0..=top.index()).rev() {
            let Some(pile) = piles[index].filter(|_| leads_down[index]) else { continue };
            let from = NodeId::at(index);
            inputs.clear();
            inputs.extend(self.nodes().inputs(from).iter().map(|&id| self.expr(id)));
            for (slot, &to) in inputs.iter().enumerate().filter(|(_, to)| leads_down[to.id().index()]) {
                let edge = Edge { inputs: &inputs, output: self.expr(from), slot, pile: self.expr(pile) };
                let (partial, contribution) = self.hand_down(&edge)?;
                let below = &mut piles[to.id().index()];
                *below = Some(below.map_or(contribution, |there| self.expr(there) + contribution).id());
                visits.push(Visit { from, to: to.id(), slot, partial, contribution: contribution.id() });
            }
        }
        self.checked()?;
        Ok(Sweep { of: top, visits, piles })
    }

    /// The derivatives of `of`, a scalar, by each of `wrt`; zeros where it does not depend on one.
    ///
    /// # Errors
    /// As [`Graph::sweep`].
    #[track_caller]
    pub fn gradients<'g>(&'g self, of: Expr<'_>, wrt: &[Expr<'_>]) -> Result<Vec<Expr<'g>>, EngineError> {
        let sweep = self.sweep(of, wrt)?;
        let gradient = |w: &Expr<'_>| match sweep.pile(w.id()) {
            Some(pile) => self.expr(pile),
            None => self.expr(w.id()).lit(0.0),
        };
        Ok(wrt.iter().map(gradient).collect())
    }

    /// What the node below an edge receives: the pile times the partial, or the adjoint of the pile.
    #[track_caller]
    fn hand_down<'g>(&'g self, edge: &Edge<'g, '_>) -> Result<(Option<NodeId>, Expr<'g>), EngineError> {
        let node = self.node(edge.output.id());
        match node.op.derivative(edge) {
            Derivative::Adjoint(contribution) => Ok((None, contribution)),
            Derivative::Partial(partial) => {
                let contribution = match partial.as_constant() {
                    Some(1.0) => edge.pile,
                    Some(0.0) => partial,
                    _ => edge.pile * partial,
                };
                Ok((Some(partial.id()), contribution))
            }
            Derivative::Missing(input) => {
                let nodes = self.nodes();
                let label = |e: Expr<'_>| nodes.label(e.id());
                let (of, wrt) = (label(edge.output), label(edge.inputs[edge.slot]));
                Err(EngineError::NoDerivative { op: node.op.name(), input, of, wrt, at: node.at })
            }
        }
    }

    /// How many edges the sweep will visit at most.
    fn edges_down(&self, leads_down: &[bool]) -> usize {
        let nodes = self.nodes();
        let down = |id: &NodeId| leads_down[id.index()];
        (0..leads_down.len()).map(|index| nodes.inputs(NodeId::at(index)).iter().filter(|id| down(id)).count()).sum()
    }

    /// Which nodes up to `top` one of `wrt` can be reached from.
    fn leads_to(&self, wrt: &[Expr<'_>], top: NodeId) -> Vec<bool> {
        let nodes = self.nodes();
        let mut leads = vec![false; top.index() + 1];
        for w in wrt.iter().filter(|w| w.id() <= top) {
            leads[w.id().index()] = true;
        }
        for index in 0..leads.len() {
            leads[index] = leads[index] || nodes.inputs(NodeId::at(index)).iter().any(|i| leads[i.index()]);
        }
        leads
    }
}

/// Second derivatives: the gradient is ordinary graph, so it is swept again.
impl Graph {
    /// The Hessian of `of`, a scalar, by each pair of the scalars `wrt`, row by row.
    ///
    /// # Errors
    /// As [`Graph::gradients`].
    #[track_caller]
    pub fn hessian<'g>(&'g self, of: Expr<'_>, wrt: &[Expr<'_>]) -> Result<Vec<Vec<Expr<'g>>>, EngineError> {
        self.gradients(of, wrt)?.into_iter().map(|slope| self.gradients(slope, wrt)).collect()
    }

    /// The Hessian of `of`, a scalar, times a vector with one part for each of `wrt`: the gradient of Σ gradient · v,
    /// at the cost of about two gradients and without the matrix.
    ///
    /// # Panics
    /// If there is not one part for each of `wrt`.
    ///
    /// # Errors
    /// As [`Graph::gradients`].
    #[track_caller]
    pub fn hessian_vector<'g>(
        &'g self,
        of: Expr<'_>,
        wrt: &[Expr<'_>],
        vector: &[Expr<'g>],
    ) -> Result<Vec<Expr<'g>>, EngineError> {
        assert_eq!(vector.len(), wrt.len(), "one part of the vector for each of the wanted gradients");
        let slopes = self.gradients(of, wrt)?;
        let parts = slopes.iter().zip(vector).map(|(&slope, &v)| (slope * v).sum_all());
        match parts.reduce(|sum, part| sum + part) {
            Some(along) => self.gradients(along, wrt),
            None => Ok(Vec::new()),
        }
    }
}
