//! Gradients against finite differences.
//!
//! The central difference (f(x + h) − f(x − h)) / 2h in `f64` with h = ∛ε · max(1, |x|) is good to about ten digits
//! where f is smooth. Next to a kink it means nothing: choose values away from it.

use crate::error::EngineError;
use crate::expr::Expr;
use crate::graph::Graph;
use crate::ops::{Domain, Leaf, Op, Role, Specimen};
use crate::plan::Plan;
use crate::session::Session;

/// One derivative, computed both ways.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The input or parameter.
    pub name: String,
    /// Which of its elements, counted in row-major order.
    pub element: usize,
    /// What the reverse sweep gives.
    pub swept: f64,
    /// What the central difference gives.
    pub difference: f64,
}

impl Comparison {
    /// |swept − difference| / max(1, |swept|, |difference|); NaN if either is.
    pub fn error(&self) -> f64 {
        (self.swept - self.difference).abs() / 1f64.max(self.swept.abs()).max(self.difference.abs())
    }
}

/// The largest error of a check; NaN counts as infinite.
pub fn worst(comparisons: &[Comparison]) -> f64 {
    comparisons.iter().map(|c| if c.error().is_nan() { f64::INFINITY } else { c.error() }).fold(0.0, f64::max)
}

/// Compares the derivative of `of`, a scalar, by every element of `wrt` (inputs and parameters) at the point given by
/// the flat block of parameters and the inputs in the order they were written.
///
/// # Errors
/// As [`Graph::gradients`], [`Plan::new`] and [`Session::run`].
pub fn gradients(
    graph: &Graph,
    of: Expr<'_>,
    wrt: &[Expr<'_>],
    parameters: &[f64],
    inputs: &[Vec<f64>],
) -> Result<Vec<Comparison>, EngineError> {
    if wrt.is_empty() {
        return Ok(Vec::new());
    }
    let swept = graph.gradients(of, wrt)?;
    let is_leaf = |w: &&Expr<'_>| matches!(graph.node(w.id()).op, Op::Leaf(Leaf::Input(_)));
    if let Some(computed) = wrt.iter().find(|w| !is_leaf(w)) {
        return Err(EngineError::NotALeaf { name: graph.nodes().label(computed.id()) });
    }
    let mut sweep = Session::<f64>::new(Plan::new(graph, &swept)?)?;
    let mut value = Session::<f64>::new(Plan::new(graph, &[of])?)?;
    let mut point = Point { parameters: parameters.to_vec(), inputs: inputs.to_vec() };
    point.run(&mut sweep)?;
    let mut comparisons = Vec::new();
    for (position, &w) in wrt.iter().enumerate() {
        let name = graph.nodes().label(w.id());
        for (element, &swept) in sweep.output(position).iter().enumerate() {
            let difference = point.central_difference(&mut value, graph, w, element)?;
            comparisons.push(Comparison { name: name.clone(), element, swept, difference });
        }
    }
    Ok(comparisons)
}

/// The values of all leaves, changed one element at a time.
struct Point {
    parameters: Vec<f64>,
    inputs: Vec<Vec<f64>>,
}

impl Point {
    fn run(&self, session: &mut Session<f64>) -> Result<f64, EngineError> {
        let inputs: Vec<&[f64]> = self.inputs.iter().map(Vec::as_slice).collect();
        session.run(&self.parameters, &inputs)?;
        Ok(session.output(0).first().copied().unwrap_or_default())
    }

    fn central_difference(
        &mut self,
        value: &mut Session<f64>,
        graph: &Graph,
        leaf: Expr<'_>,
        element: usize,
    ) -> Result<f64, EngineError> {
        let x = *self.element(graph, leaf, element);
        let h = f64::EPSILON.cbrt() * x.abs().max(1.0);
        let (above, below) = (x + h, x - h);
        *self.element(graph, leaf, element) = above;
        let high = self.run(value)?;
        *self.element(graph, leaf, element) = below;
        let low = self.run(value)?;
        *self.element(graph, leaf, element) = x;
        Ok((high - low) / (above - below))
    }

    fn element(&mut self, graph: &Graph, leaf: Expr<'_>, element: usize) -> &mut f64 {
        let nodes = graph.nodes();
        if let Some(position) = nodes.leaves(Role::Data).position(|id| id == leaf.id()) {
            return &mut self.inputs[position][element];
        }
        let before = nodes.leaves(Role::Parameter).take_while(|&id| id != leaf.id());
        let start: usize = before.map(|id| nodes.shape(id).len()).sum();
        &mut self.parameters[start + element]
    }
}

/// Checks first and second derivatives of one operation on values drawn by `dice` (a source of numbers below its
/// argument), and returns the largest error.
///
/// The operation's result is weighted with fixed numbers and summed, so that every element of the pile differs; the
/// second derivatives are those of a weighted sum of the first.
///
/// # Errors
/// As [`gradients`].
pub fn operation(specimen: &Specimen, dice: &mut dyn FnMut(usize) -> usize) -> Result<f64, EngineError> {
    let graph = Graph::new();
    let mut leaves = Vec::new();
    let mut values = Vec::new();
    for (position, (shape, domain)) in specimen.inputs.iter().enumerate() {
        leaves.push(graph.input(&format!("x{position}"), &shape.to_vec()));
        values.push(draw(shape.len(), *domain, dice));
    }
    let result = apply(specimen.op, &leaves);
    let first = weighted_sum(result, 0.3);
    let smooth: Vec<Expr<'_>> = leaves
        .iter()
        .zip(&specimen.inputs)
        .filter(|(_, (_, domain))| matches!(domain, Domain::Between(..)))
        .map(|(&leaf, _)| leaf)
        .collect();
    let slopes = graph.gradients(first, &smooth)?;
    let parts: Vec<Expr<'_>> = slopes.iter().map(|&slope| weighted_sum(slope, 0.7)).collect();
    let second = parts[1..].iter().fold(parts[0], |sum, &part| sum + part);
    let mut all = gradients(&graph, first, &smooth, &[], &values)?;
    all.extend(gradients(&graph, second, &smooth, &[], &values)?);
    Ok(worst(&all))
}

fn apply<'g>(op: Op, inputs: &[Expr<'g>]) -> Expr<'g> {
    match inputs {
        [a] => a.apply(op),
        [a, b] => a.apply2(op, *b),
        [a, ..] => {
            let ids: Vec<_> = inputs.iter().map(|i| i.id()).collect();
            a.graph().expr(a.graph().edit(|nodes| nodes.push(op, &ids, std::panic::Location::caller())))
        }
        [] => unreachable!("a specimen has inputs"),
    }
}

/// Σ wᵢ·xᵢ with weights that all differ.
fn weighted_sum(x: Expr<'_>, phase: f64) -> Expr<'_> {
    let flat = x.reshape(&[x.shape().len()]);
    let weights: Vec<Expr<'_>> =
        (0..x.shape().len()).map(|i| flat.graph().constant(phase + (i as f64 * 0.618).fract(), &[1])).collect();
    if weights.is_empty() { flat.sum_all() } else { (flat * Expr::concat(&weights, 0)).sum_all() }
}

/// Values of a domain. Those of an interval come from a shuffled lattice: no two are close, and none is close to 0.
fn draw(count: usize, domain: Domain, dice: &mut dyn FnMut(usize) -> usize) -> Vec<f64> {
    match domain {
        Domain::Indices(size) => (0..count).map(|_| dice(size) as f64).collect(),
        Domain::Between(low, high) => {
            let mut places: Vec<usize> = (0..count.max(1)).collect();
            for i in (1..places.len()).rev() {
                places.swap(i, dice(i + 1));
            }
            let gap = (high - low) / places.len() as f64;
            // Off-centre by an irrational share, which keeps the lattice away from 0 and from other lattices.
            let offset = 0.2 + 0.3 * (dice(1000) as f64 / 1000.0) + 0.001 * std::f64::consts::E;
            let near_zero = |x: f64| if x.abs() < 0.01 { 0.017 } else { x };
            places.iter().take(count).map(|&p| near_zero(low + gap * (p as f64 + offset))).collect()
        }
    }
}
