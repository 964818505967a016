//! What follows the last layer: probabilities and labels.

use super::layers::Chain;
use crate::error::{Fault, wrong};
use crate::import::Scope;
use crate::schema::NodeProto;
use crate::tensor::Tensor;
use crate::value::Value;
use std::collections::HashMap;

/// How outputs become probabilities.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum End {
    /// By softmax.
    Softmax,
    /// By a sigmoid each.
    Sigmoid,
    /// Cut to [0, 1], and divided by their sum.
    Cut,
}

/// What the tail says.
#[derive(Default)]
pub(super) struct Tail {
    pub(super) end: Option<End>,
    pub(super) labels: Vec<String>,
    begun: bool,
}

/// Operations that only put labels and probabilities into another form.
const FORMS: &[&str] = &[
    "ArgMax",
    "ArrayFeatureExtractor",
    "Cast",
    "Clip",
    "Concat",
    "Div",
    "Gather",
    "Greater",
    "Identity",
    "LogSoftmax",
    "Max",
    "ReduceSum",
    "Reshape",
    "Sigmoid",
    "Softmax",
    "Squeeze",
    "Sub",
    "ZipMap",
];

impl Tail {
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether a node that takes the head of the chain begins the tail, or goes on with it.
    pub(super) fn begins(&self, node: &NodeProto, chain: &Chain) -> bool {
        let (outputs, sigmoid) = chain.end();
        match node.op_type.as_str() {
            "ArgMax" | "Softmax" | "LogSoftmax" | "ZipMap" | "Clip" | "Greater" => true,
            // The border between two classes has been found on the outputs themselves.
            "Sigmoid" => self.begun,
            // The other class, and both side by side; or shares of sigmoids.
            "Sub" | "Concat" => sigmoid && outputs == 1,
            "Max" | "ReduceSum" => sigmoid,
            _ => false,
        }
    }

    /// Takes a node of the tail.
    pub(super) fn node(
        &mut self,
        node: &NodeProto,
        texts: &HashMap<String, Vec<String>>,
        scope: &Scope<'_>,
        bounds: [Option<Tensor>; 2],
    ) -> Result<(), Fault> {
        if !FORMS.contains(&node.op_type.as_str()) {
            return wrong!("it follows the probabilities, behind which only labels are understood");
        }
        self.begun = true;
        match node.op_type.as_str() {
            "Sigmoid" => self.end = Some(End::Sigmoid),
            "Softmax" | "LogSoftmax" => self.end = Some(End::Softmax),
            "Clip" => {
                let [least, most] = bounds.map(|bound| bound.and_then(|bound| bound.values().first().copied()));
                if (least, most) != (Some(0.0), Some(1.0)) {
                    return wrong!("it cuts to other bounds than those of probabilities, 0 and 1");
                }
                self.end = Some(End::Cut);
            }
            "ArrayFeatureExtractor" | "Gather" => {
                if let Some(name) = node.input.first() {
                    self.labels = stored(name, texts, scope);
                }
            }
            "ZipMap" => {
                let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
                self.labels = node
                    .attribute
                    .iter()
                    .flat_map(|a| a.strings.iter().map(text).chain(a.ints.iter().map(i64::to_string)))
                    .collect();
            }
            _ => {}
        }
        Ok(())
    }
}

/// The labels in a stored tensor: texts, or numbers.
fn stored(name: &str, texts: &HashMap<String, Vec<String>>, scope: &Scope<'_>) -> Vec<String> {
    match (texts.get(name), scope.get(name)) {
        (Some(texts), _) => texts.clone(),
        (None, Some(Value::Known(known))) => known.tensor.values().iter().map(f64::to_string).collect(),
        _ => Vec::new(),
    }
}
