//! A derivation as JSON.

use super::Derivation;
use chainrule_engine::{Path, TraceNode};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    fields: Value,
    paths: Paths,
    sweep: Value,
}

/// The counts may need more digits than any number type has, so they are written as they are.
#[derive(Serialize)]
struct Paths {
    count: Box<RawValue>,
    edge_visits: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<Value>,
}

fn object(pairs: impl IntoIterator<Item = (String, Value)>) -> Value {
    Value::Object(pairs.into_iter().collect())
}

impl Derivation<'_> {
    /// Value, variables, gradients, nodes and the work, as one JSON object; with `paths`, the first so many paths.
    pub fn document(&self, paths: Option<usize>) -> String {
        let exact = |n: &dyn ToString| RawValue::from_string(n.to_string()).expect("a count is a number");
        let gradients = object(self.wrt.iter().map(|(n, w)| (n.clone(), json!(self.gradient(w.id())))));
        let variables = self.formula.variables.iter().zip(&self.values).map(|((n, _), v)| (n.clone(), json!(v)));
        let nodes: Vec<Value> = self.trace.nodes.iter().map(|node| self.node(node)).collect();
        let mut fields = vec![
            ("value".to_owned(), json!(self.value(self.top()))),
            ("variables".to_owned(), object(variables)),
            ("gradients".to_owned(), gradients),
            ("nodes".to_owned(), json!(nodes)),
        ];
        if let Some(checks) = &self.checks {
            let list = checks
                .iter()
                .map(|c| (c.name.clone(), json!({"sweep": c.swept, "difference": c.difference, "error": c.error()})));
            fields.push(("check".to_owned(), object(list)));
        }
        if let Some(hessian) = &self.hessian {
            fields.push(("hessian".to_owned(), json!(hessian)));
        }
        let paths = Paths {
            count: exact(&self.counted.paths),
            edge_visits: exact(&self.counted.edge_visits),
            list: paths.map(|limit| self.list(limit)),
        };
        let sweep = json!({"edge_visits": self.trace.sweep.visits.len()});
        let document = Document { fields: object(fields), paths, sweep };
        serde_json::to_string(&document).expect("names are texts, and numbers have JSON")
    }

    fn list(&self, limit: usize) -> Value {
        let nodes = |(path, _): &(Path, String)| {
            path.edges.iter().map(|(id, _)| self.name(*id)).chain([self.name(path.end)]).collect::<Vec<_>>()
        };
        json!(self.walks(limit).iter().map(nodes).collect::<Vec<_>>())
    }

    fn node(&self, node: &TraceNode) -> Value {
        let edges = node.edges.iter().filter(|e| self.names.contains_key(&e.to));
        let inputs: Vec<Value> = edges
            .map(|edge| {
                let partial = edge.visit.and_then(|v| v.partial).map(|p| self.value(p));
                let contribution = edge.visit.map(|v| self.value(v.contribution));
                json!({"node": edge.name, "partial": partial, "contribution": contribution})
            })
            .collect();
        let gradient = self.trace.sweep.pile(node.id).map(|_| self.gradient(node.id));
        json!({
            "name": node.name, "formula": node.formula, "value": self.value(node.id), "gradient": gradient,
            "inputs": inputs,
        })
    }
}
