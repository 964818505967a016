//! Expressions: the document of `chainrule grad --json`, and the picture of it.

use crate::hello::LIMITS;
use crate::picture;
use crate::protocol::{ExpressionAnswer, ExpressionRequest, Failure};
use chainrule::engine::{Graph, parse::parse};
use chainrule::{Derivation, DerivationError, DerivationOptions};
use chainrule_draw::Layout;
use serde_json::value::RawValue;

/// The value of a variable that the page has not heard of yet.
const USUAL_VALUE: f64 = 1.0;

pub(crate) fn expression(asked: &ExpressionRequest) -> Result<ExpressionAnswer, Failure> {
    let ExpressionRequest { source, values } = asked;
    if source.chars().count() > LIMITS.expression {
        let message = format!("the expression has more than {} letters: `chainrule grad` takes it", LIMITS.expression);
        return Err(Failure::of("source", message));
    }
    // While somebody types, variables come and go.
    let scratch = Graph::new();
    let formula = parse(&scratch, source).map_err(|error| Failure::of("source", error.to_string()))?;
    let value = |(name, _): &(String, _)| (name.clone(), values.get(name).copied().unwrap_or(USUAL_VALUE));
    let values: Vec<(String, f64)> = formula.variables.iter().map(value).collect();
    let graph = Graph::new();
    let found = Derivation::new(&graph, source, &values, &DerivationOptions::default()).map_err(failure)?;
    let nodes = found.trace.nodes.len();
    if nodes > LIMITS.nodes {
        return Err(Failure::of("source", format!("{nodes} nodes are too many to draw (at most {})", LIMITS.nodes)));
    }
    let picture = picture(&found, source);
    Ok(ExpressionAnswer {
        gradient: RawValue::from_string(found.document(None)).map_err(|error| Failure::new(error.to_string()))?,
        layout: Layout::new(&picture),
        picture,
        variables: found.formula.variables.iter().map(|(name, _)| name.clone()).collect(),
    })
}

fn failure(error: DerivationError) -> Failure {
    let field = match error {
        DerivationError::Values(_) | DerivationError::NotFinite(_) => "values",
        _ => "source",
    };
    Failure::of(field, error.to_string())
}
