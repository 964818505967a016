//! A graph that is a chain of layers, as a model of ours: it can be evaluated, explained and trained on.
//!
//! The nodes are walked through once. What is known is computed; every other node must take the head of the chain, or
//! belong to the tail that makes labels and probabilities of its end.

mod finish;
mod layers;
mod tail;

use crate::error::{Fault, OnnxError, wrong};
use crate::import::{Importer, Scope, label};
use crate::load::OnnxModel;
use crate::schema::tensor_proto::DataType;
use crate::schema::tensor_shape_proto::dimension;
use crate::schema::{AttributeProto, GraphProto, NodeProto, ValueInfoProto, type_proto};
use crate::tensor::Tensor;
use crate::value::Value;
use chainrule::engine::Graph;
use chainrule::{Model, SampleShape};
use layers::Chain;
use std::collections::{HashMap, HashSet};
use tail::Tail;

/// What a file of ONNX does not say about a model.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The classes, in the order of the outputs; those of the file, or 0, 1, 2, …, if none are given.
    pub classes: Vec<String>,
    /// The columns, in the order of the inputs; "x1", "x2", … if none are given.
    pub features: Vec<String>,
    /// What is predicted: a class, or values, of which there may be several.
    pub targets: Vec<String>,
}

impl Names {
    /// Whether so many outputs are values, unless the file says otherwise: one is, and as many as are named.
    pub fn are_values(&self, outputs: usize) -> bool {
        let is_several = self.targets.len() > 1 && self.targets.len() == outputs;
        self.classes.is_empty() && (outputs == 1 || is_several)
    }
}

impl OnnxModel {
    /// The model as one of ours, if it is a chain of dense layers, convolutions, pools and activations: as PyTorch and
    /// others export them, scikit-learn's with its scaler and labels, and what [`crate::export`] writes of a model
    /// without columns.
    ///
    /// Several outputs count as classes unless each has a target of its own, one as a value unless it goes through a
    /// sigmoid.
    ///
    /// # Errors
    /// The first node that is no such layer, and weights and names that do not fit.
    pub fn to_model(&self, names: &Names) -> Result<Model, OnnxError> {
        let graph = self.proto.graph.as_ref().expect("checked when it was read");
        let [input] = inputs(graph)[..] else {
            let all: Vec<&str> = inputs(graph).iter().map(|input| input.name.as_str()).collect();
            return Err(OnnxError::NoChain(format!("it has {} inputs ({}), not one", all.len(), all.join(", "))));
        };
        let held = Graph::new();
        let mut walk = Walk {
            importer: Importer::new(self, &held),
            texts: texts(graph),
            scope: Scope::new(),
            chain: Chain::new(form(input)),
            heads: HashSet::from([input.name.clone()]),
            tail: Tail::default(),
            tails: HashSet::new(),
        };
        for proto in graph.initializer.iter().filter(|proto| proto.data_type != DataType::String as i32) {
            let stored = walk.importer.stored(proto)?;
            walk.scope.insert(proto.name.clone(), stored);
        }
        for (at, node) in graph.node.iter().enumerate() {
            walk.node(node, &graph.node[at + 1..]).map_err(|fault| match fault.at(label(node)) {
                OnnxError::Node { node, problem } | OnnxError::Unsupported { node, problem } => {
                    OnnxError::NoChain(format!("node {node}: {problem}"))
                }
                other => other,
            })?;
        }
        walk.chain.finish(walk.tail, names)
    }
}

/// What is not stored in the file.
fn inputs(graph: &GraphProto) -> Vec<&ValueInfoProto> {
    graph.input.iter().filter(|input| !graph.initializer.iter().any(|stored| stored.name == input.name)).collect()
}

/// The stored texts by their names.
fn texts(graph: &GraphProto) -> HashMap<String, Vec<String>> {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let stored = graph.initializer.iter().filter(|proto| proto.data_type == DataType::String as i32);
    stored.map(|proto| (proto.name.clone(), proto.string_data.iter().map(text).collect())).collect()
}

/// The form of a sample, if the input says it.
fn form(input: &ValueInfoProto) -> Option<SampleShape> {
    let Some(type_proto::Value::TensorType(tensor)) = input.r#type.as_ref()?.value.as_ref() else { return None };
    let sizes: Option<Vec<usize>> = tensor
        .shape
        .as_ref()?
        .dim
        .iter()
        .skip(1)
        .map(|dim| match dim.value {
            Some(dimension::Value::DimValue(size)) => {
                u32::try_from(size).ok().filter(|&size| size > 0).map(|size| size as usize)
            }
            _ => None,
        })
        .collect();
    match sizes?[..] {
        [count] => Some(SampleShape::Flat(count)),
        [c, h, w] => Some(SampleShape::Planes([c, h, w])),
        _ => None,
    }
}

struct Walk<'m, 'g> {
    importer: Importer<'m, 'g>,
    texts: HashMap<String, Vec<String>>,
    scope: Scope<'g>,
    chain: Chain,
    /// The names of what the last layer so far gives.
    heads: HashSet<String>,
    tail: Tail,
    /// The names of values behind the last layer.
    tails: HashSet<String>,
}

impl Walk<'_, '_> {
    fn node(&mut self, node: &NodeProto, rest: &[NodeProto]) -> Result<(), Fault> {
        let reads = |names: &HashSet<String>| node.input.iter().any(|name| names.contains(name));
        if reads(&self.tails) || (reads(&self.heads) && self.tail.begins(node, &self.chain)) {
            let bounds = [1, 2].map(|at| node.input.get(at).and_then(|name| self.number(name)));
            self.tail.node(node, &self.texts, &self.scope, bounds)?;
            self.tails.extend(node.output.iter().cloned());
            return Ok(());
        }
        if !reads(&self.heads) {
            return self.known(node);
        }
        if self.tail.has_begun() {
            return wrong!("it takes the outputs of the last layer, behind which nothing but labels is understood");
        }
        let gated = self.gate(node, rest);
        let others: Vec<Option<Tensor>> = node.input.iter().map(|name| self.number(name)).collect();
        let step = Step { node, others, gated };
        if matches!(node.op_type.as_str(), "Gemm" | "MatMul" | "Conv" | "BatchNormalization") && !step.is_first() {
            return wrong!("its first input is not what comes from below");
        }
        let stays = self.chain.take(&step)?;
        if !stays {
            self.heads.clear();
        }
        self.heads.extend(node.output.first().cloned());
        Ok(())
    }

    /// A known tensor of this name.
    fn number(&self, name: &str) -> Option<Tensor> {
        match self.scope.get(name) {
            Some(Value::Known(known)) => Some((*known.tensor).clone()),
            _ => None,
        }
    }

    /// Computes a node that does not depend on the input.
    fn known(&mut self, node: &NodeProto) -> Result<(), Fault> {
        if node.input.iter().any(|name| self.texts.contains_key(name)) {
            return wrong!("it computes with texts that are not those of the labels");
        }
        self.importer.nodes(std::slice::from_ref(node), &mut self.scope, 0)?;
        Ok(())
    }

    /// Whether a sigmoid of the head is multiplied with the head: x · σ(x).
    fn gate(&self, node: &NodeProto, rest: &[NodeProto]) -> bool {
        let gate = node.output.first();
        let is_gated = |other: &NodeProto| {
            other.op_type == "Mul"
                && other.input.len() == 2
                && other.input.iter().any(|name| Some(name) == gate)
                && other.input.iter().any(|name| self.heads.contains(name))
        };
        node.op_type == "Sigmoid" && rest.iter().any(is_gated)
    }
}

/// A node on the chain.
struct Step<'a> {
    node: &'a NodeProto,
    /// The known inputs at their positions; where the head stands there is none.
    others: Vec<Option<Tensor>>,
    gated: bool,
}

impl Step<'_> {
    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    fn int(&self, name: &str, usual: i64) -> i64 {
        self.attribute(name).map_or(usual, |attribute| attribute.i)
    }

    fn float(&self, name: &str, usual: f32) -> f32 {
        self.attribute(name).map_or(usual, |attribute| attribute.f)
    }

    fn text(&self, name: &str) -> String {
        self.attribute(name).map(|found| String::from_utf8_lossy(&found.s).into_owned()).unwrap_or_default()
    }

    /// Weights and the like stand behind the head.
    fn is_first(&self) -> bool {
        matches!(self.others.first(), Some(None))
    }

    /// The known input at position 2, if the node has one; one that is not known is refused.
    fn bias(&self) -> Result<Option<&Tensor>, Fault> {
        let is_named = self.node.input.get(2).is_some_and(|name| !name.is_empty());
        match self.others.get(2) {
            Some(Some(tensor)) => Ok(Some(tensor)),
            _ if is_named => wrong!("input 3 is not known"),
            _ => Ok(None),
        }
    }

    /// Whether a cast is to a kind of fractions.
    fn is_to_fractions(&self) -> bool {
        let to = self.int("to", 0);
        [DataType::Float, DataType::Double, DataType::Float16, DataType::Bfloat16].iter().any(|kind| *kind as i64 == to)
    }

    /// The known input at a position.
    fn known(&self, at: usize) -> Result<&Tensor, Fault> {
        match self.others.get(at) {
            Some(Some(tensor)) => Ok(tensor),
            _ => wrong!("input {} is not known", at + 1),
        }
    }

    /// Two numbers of an attribute, height and width.
    fn pair(&self, name: &str, usual: [usize; 2]) -> Result<[usize; 2], Fault> {
        match self.attribute(name).map(|attribute| attribute.ints.as_slice()) {
            None | Some([]) => Ok(usual),
            Some(&[a, b]) if a >= 0 && b >= 0 => Ok([a as usize, b as usize]),
            Some(other) => wrong!("{name} {other:?} is not two numbers, for height and width"),
        }
    }
}
