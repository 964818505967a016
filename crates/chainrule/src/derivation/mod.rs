//! An expression at a point, its gradient, and how the gradient comes about.

mod document;
mod words;

pub use words::{Backward, Steps};

use crate::number::number;
use chainrule_engine::parse::{Formula, ParseError, ValueError, nearest, parse};
use chainrule_engine::{EngineError, Expr, Graph, NodeId, PathCount, Trace, check};
use std::collections::HashMap;
use thiserror::Error;

/// What is wanted of a [`Derivation`] beside the gradient.
#[derive(Clone, Copy, Debug, Default)]
pub struct DerivationOptions<'a> {
    /// The names to differentiate by; all variables if there are none.
    pub wrt: &'a [String],
    /// Whether finite differences are set beside the gradient.
    pub check: bool,
    /// Whether the second derivatives are computed.
    pub hessian: bool,
}

/// Why an expression has no gradient.
#[derive(Debug, Error)]
pub enum DerivationError {
    /// A text that is no expression.
    #[error(transparent)]
    Text(#[from] ParseError),
    /// Values that are not those of its variables.
    #[error(transparent)]
    Values(#[from] ValueError),
    /// A name to differentiate by that the expression does not have.
    #[error("{0}")]
    Wrt(String),
    /// Something to differentiate by that finite differences cannot move.
    #[error(transparent)]
    Check(EngineError),
    /// A value or a partial that is not finite.
    #[error("{0}")]
    NotFinite(String),
    /// An error of the engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// An expression at a point, and everything that is known about its gradient there.
///
/// ```
/// use chainrule::engine::Graph;
/// use chainrule::{Derivation, DerivationOptions};
/// let graph = Graph::new();
/// let values = [("a".to_owned(), 2.0), ("b".to_owned(), 1.0)];
/// let found = Derivation::new(&graph, "e = (a+b)*(b+1)", &values, &DerivationOptions::default())?;
/// assert_eq!(found.steps().backward.last().unwrap().pile, "5");
/// # Ok::<(), chainrule::DerivationError>(())
/// ```
#[derive(Debug)]
pub struct Derivation<'g> {
    graph: &'g Graph,
    /// The expression.
    pub formula: Formula<'g>,
    /// The values of its variables, in their order.
    pub values: Vec<f64>,
    /// What it is differentiated by.
    pub wrt: Vec<(String, Expr<'g>)>,
    /// The run with every value, partial, contribution and pile.
    pub trace: Trace,
    /// How many paths lead from the top to what it is differentiated by.
    pub counted: PathCount,
    /// The gradient beside finite differences, if that is wanted.
    pub checks: Option<Vec<check::Comparison>>,
    /// The second derivatives, row by row, if they are wanted.
    pub hessian: Option<Vec<Vec<f64>>>,
    names: HashMap<NodeId, String>,
}

impl<'g> Derivation<'g> {
    /// Reads an expression into `graph`, runs it at these values of its variables, and sweeps back.
    ///
    /// # Errors
    /// A text that is no expression, variables without a value or values without a variable, a name that is not there,
    /// and values or partials that are not finite.
    pub fn new(
        graph: &'g Graph,
        text: &str,
        values: &[(String, f64)],
        options: &DerivationOptions<'_>,
    ) -> Result<Self, DerivationError> {
        let formula = parse(graph, text)?;
        let values = formula.bind(values)?;
        let wrt = wanted(&formula, options.wrt)?;
        let targets: Vec<Expr<'g>> = wrt.iter().map(|w| w.1).collect();
        let inputs: Vec<&[f64]> = values.chunks(1).collect();
        let trace = Trace::new(graph, formula.output, &targets, &[], &inputs)?;
        let ids: Vec<NodeId> = targets.iter().map(|t| t.id()).collect();
        let top = formula.output.id();
        let names = trace.nodes.iter().map(|n| (n.id, n.name.clone())).collect();
        let checks = if options.check { Some(compare(graph, formula.output, &targets, &values)?) } else { None };
        let hessian = if options.hessian {
            let seconds = graph.hessian(formula.output, &targets)?;
            let flat = graph.evaluate(&seconds.concat(), &inputs)?.concat();
            Some(flat.chunks(targets.len().max(1)).map(<[f64]>::to_vec).collect())
        } else {
            None
        };
        let counted = graph.count_paths(top, &ids);
        let derivation = Self { counted, graph, checks, hessian, formula, values, wrt, trace, names };
        derivation.check_finite()?;
        Ok(derivation)
    }

    /// The node at the top.
    pub fn top(&self) -> NodeId {
        self.formula.output.id()
    }

    /// The value of a node: of the expression, of a partial or of a contribution.
    pub fn value(&self, id: NodeId) -> f64 {
        self.trace.value(id).first().copied().unwrap_or(f64::NAN)
    }

    /// What piled up on a node: ∂top/∂node; 0 if the sweep did not come by.
    pub fn gradient(&self, id: NodeId) -> f64 {
        self.trace.pile(id).and_then(|p| p.first().copied()).unwrap_or(0.0)
    }

    /// The name of a node.
    pub fn name(&self, id: NodeId) -> &str {
        self.names.get(&id).map_or("?", String::as_str)
    }

    fn check_finite(&self) -> Result<(), DerivationError> {
        if let Some(node) = self.trace.first_non_finite() {
            let inputs: Vec<String> =
                node.edges.iter().map(|e| format!("{} = {}", e.name, number(self.value(e.to)))).collect();
            return Err(DerivationError::NotFinite(format!(
                "`{}` = {} is not finite: {} at {}",
                node.name,
                node.formula,
                number(self.value(node.id)),
                inputs.join(", ")
            )));
        }
        for visit in &self.trace.sweep.visits {
            if !self.value(visit.contribution).is_finite() {
                let partial = visit.partial.map_or(f64::NAN, |p| self.value(p));
                return Err(DerivationError::NotFinite(format!(
                    "the gradient is not finite: ∂{}/∂{} is {}",
                    self.name(visit.from),
                    self.name(visit.to),
                    number(partial)
                )));
            }
        }
        Ok(())
    }
}

fn compare(
    graph: &Graph,
    output: Expr<'_>,
    wrt: &[Expr<'_>],
    values: &[f64],
) -> Result<Vec<check::Comparison>, DerivationError> {
    let inputs: Vec<Vec<f64>> = values.iter().map(|&v| vec![v]).collect();
    check::gradients(graph, output, wrt, &[], &inputs).map_err(|error| match error {
        error @ EngineError::NotALeaf { .. } => DerivationError::Check(error),
        other => other.into(),
    })
}

/// The nodes to differentiate by: all variables, or those named.
fn wanted<'g>(formula: &Formula<'g>, names: &[String]) -> Result<Vec<(String, Expr<'g>)>, DerivationError> {
    if names.is_empty() {
        return Ok(formula.variables.clone());
    }
    let known: Vec<&(String, Expr<'g>)> = formula.variables.iter().chain(&formula.definitions).collect();
    let find = |name: &String| match known.iter().find(|(n, _)| n == name) {
        Some(found) => Ok((**found).clone()),
        None => {
            let close = nearest(name, known.iter().map(|(n, _)| n.as_str()));
            let hint = close.map(|c| format!(": did you mean `{c}`?")).unwrap_or_default();
            Err(DerivationError::Wrt(format!("the expression has no `{name}`{hint}")))
        }
    };
    names.iter().map(find).collect()
}
