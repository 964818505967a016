//! A graph that is a chain of layers, as a model of ours: it can be evaluated, explained and trained on.
//!
//! The nodes are walked through once. What is known is computed; every other node must take the head of the chain, or
//! belong to the tail that makes labels and probabilities of its end.

mod finish;
mod layers;
mod moments;
mod norm;
mod place;
mod scale;
mod step;
mod tail;

use crate::error::{Fault, OnnxError, wrong};
use crate::import::{Importer, Scope, label};
use crate::load::OnnxModel;
use crate::schema::tensor_proto::DataType;
use crate::schema::tensor_shape_proto::{Dimension, dimension};
use crate::schema::{GraphProto, NodeProto, ValueInfoProto, type_proto};
use crate::tensor::Tensor;
use crate::value::Value;
use chainrule::engine::Graph;
use chainrule::{Activation, Model};
use layers::Chain;
use moments::Moments;
use std::collections::{HashMap, HashSet};
use step::Step;
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
    /// The model as one of ours, if it is a chain of dense layers, convolutions, norms, pools and activations, with links
    /// that add what an earlier layer took: as PyTorch, Keras and others export them, scikit-learn's with its scaler and
    /// labels, and what [`crate::export`] writes of a model without columns.
    ///
    /// What cannot stand on the layer before it (a norm above a bias, a second activation) gets a layer of its own, whose
    /// weights are 1 for each channel and 0 elsewhere. Images with channels last, as in Keras, become images with channels
    /// first: that is how the model takes them.
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
            chain: Chain::new(rows(input), sizes(input)),
            heads: HashSet::from([input.name.clone()]),
            links: links(graph),
            last_link: 0,
            seen: HashMap::from([(input.name.clone(), Seen { sizes: sizes(input), ..Seen::default() })]),
            shapes: HashSet::new(),
            moments: Moments::default(),
            gate: None,
            tail: Tail::default(),
            tails: HashSet::new(),
        };
        for proto in graph.initializer.iter().filter(|proto| proto.data_type != DataType::String as i32) {
            let stored = walk.importer.stored(proto)?;
            walk.scope.insert(proto.name.clone(), stored);
        }
        walk.last_link = walk.links.get(&input.name).copied().unwrap_or(0);
        for (at, node) in graph.node.iter().enumerate() {
            walk.chain.is_kept = walk.last_link > at;
            walk.node(node, &graph.node[at + 1..]).map_err(|fault| match fault.at(label(node)) {
                OnnxError::Node { node, problem } | OnnxError::Unsupported { node, problem } => {
                    OnnxError::NoChain(format!("node {node}: {problem}"))
                }
                other => other,
            })?;
        }
        let is_end = |name: &String| walk.heads.contains(name) || walk.tails.contains(name);
        if let Some(other) = graph.output.iter().find(|output| !is_end(&output.name)) {
            return Err(OnnxError::NoChain(format!("its output `{}` is not what its last layer gives", other.name)));
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

/// The last node that adds each value to another.
fn links(graph: &GraphProto) -> HashMap<String, usize> {
    let adds = graph.node.iter().enumerate().filter(|(_, node)| node.op_type == "Add");
    adds.flat_map(|(at, node)| node.input.iter().map(move |name| (name.clone(), at))).collect()
}

/// The sizes of an input with samples along the first axis, where it says them.
fn dims(input: &ValueInfoProto) -> Option<Vec<Option<i64>>> {
    let Some(type_proto::Value::TensorType(tensor)) = input.r#type.as_ref()?.value.as_ref() else { return None };
    let size = |dim: &Dimension| match dim.value {
        Some(dimension::Value::DimValue(size)) => Some(size),
        _ => None,
    };
    Some(tensor.shape.as_ref()?.dim.iter().map(size).collect())
}

/// How many samples there are, if the input says it.
fn rows(input: &ValueInfoProto) -> Option<i64> {
    dims(input)?.first().copied().flatten()
}

/// The sizes of a sample, if the input says them.
fn sizes(input: &ValueInfoProto) -> Option<Vec<usize>> {
    let size = |size: Option<i64>| u32::try_from(size?).ok().filter(|&size| size > 0).map(|size| size as usize);
    let sizes: Option<Vec<usize>> = dims(input)?.into_iter().skip(1).map(size).collect();
    sizes.filter(|sizes| !sizes.is_empty())
}

/// A value on the chain.
#[derive(Clone, Default)]
struct Seen {
    /// The sizes of a sample.
    sizes: Option<Vec<usize>>,
    channels_last: bool,
    /// The layer, counted from 0, that takes it as it is.
    taken: Option<usize>,
}

struct Walk<'m, 'g> {
    importer: Importer<'m, 'g>,
    texts: HashMap<String, Vec<String>>,
    scope: Scope<'g>,
    chain: Chain,
    /// The names of what the last layer so far gives.
    heads: HashSet<String>,
    links: HashMap<String, usize>,
    /// The last node that adds a head to another value.
    last_link: usize,
    /// All that has been a head.
    seen: HashMap<String, Seen>,
    /// Known numbers that come from the sizes of a value, as if there were one sample.
    shapes: HashSet<String>,
    moments: Moments,
    /// The sigmoid of the head, which is multiplied with the head.
    gate: Option<String>,
    tail: Tail,
    /// The names of values behind the last layer.
    tails: HashSet<String>,
}

impl Walk<'_, '_> {
    fn node(&mut self, node: &NodeProto, rest: &[NodeProto]) -> Result<(), Fault> {
        if node.op_type == "Shape" && self.shape(node)? {
            return Ok(());
        }
        let reads = |names: &HashSet<String>| node.input.iter().any(|name| names.contains(name));
        if reads(&self.tails) || (reads(&self.heads) && self.tail.begins(node, &self.chain)) {
            let bounds = [1, 2].map(|at| node.input.get(at).and_then(|name| self.number(name)));
            self.tail.node(node, &self.texts, &self.scope, bounds)?;
            self.tails.extend(node.output.iter().cloned());
            return Ok(());
        }
        let step = self.step(node);
        let goes_on = self.moments.reads(&step);
        if !reads(&self.heads) && !goes_on {
            return self.known(node);
        }
        if self.tail.has_begun() {
            return wrong!("it takes the outputs of the last layer, behind which nothing but labels is understood");
        }
        self.chain.check(&node.op_type)?;
        if self.is_gate(node, rest) {
            self.gate = node.output.first().cloned();
            return Ok(());
        }
        let head = node.input.iter().find_map(|name| self.seen.get(name).filter(|_| self.heads.contains(name)));
        if let Some(head) = head {
            self.chain.channels_last = head.channels_last;
        }
        let (layers, in_order) = (self.chain.layers.len(), self.chain.by_place.is_none());
        let stays = if goes_on || Moments::begin(&step, &self.chain) {
            if !self.moments.take(&step, &self.heads, &mut self.chain)? {
                return Ok(());
            }
            false
        } else {
            self.take(&step)?
        };
        self.moved(node, stays, (self.chain.layers.len() > layers && in_order).then_some(layers));
        Ok(())
    }

    /// Takes a node of the head into the chain; says whether the head keeps its other names.
    fn take(&mut self, step: &Step<'_>) -> Result<bool, Fault> {
        let node = step.node;
        let is_gated = node.op_type == "Mul"
            && node.input.len() == 2
            && node.input.iter().any(|name| Some(name) == self.gate.as_ref());
        if is_gated {
            return self.chain.activation(Activation::Silu).map(|()| false);
        }
        let earlier = node.input.iter().find(|name| self.seen.contains_key(*name) && !self.heads.contains(*name));
        if let Some(name) = earlier {
            return self.link(node, name).map(|()| false);
        }
        if matches!(node.op_type.as_str(), "Gemm" | "MatMul" | "Conv" | "BatchNormalization") && !step.is_first() {
            return wrong!("its first input is not what comes from below");
        }
        self.chain.take(step)
    }

    /// The head is what a node gives, and perhaps what it was; a layer may have been added that takes what it was.
    fn moved(&mut self, node: &NodeProto, stays: bool, layer: Option<usize>) {
        if layer.is_some() {
            for name in &self.heads {
                self.seen.get_mut(name).expect("heads have been seen").taken = layer;
            }
        }
        if !stays {
            self.heads.clear();
            (self.moments, self.gate, self.last_link) = (Moments::default(), None, 0);
        }
        let Some(name) = node.output.first() else { return };
        self.last_link = self.last_link.max(self.links.get(name).copied().unwrap_or(0));
        let seen = Seen { sizes: self.chain.sizes(), channels_last: self.chain.channels_last, taken: None };
        self.seen.insert(name.clone(), seen);
        self.heads.insert(name.clone());
    }

    /// Adds an earlier value to the head.
    fn link(&mut self, node: &NodeProto, name: &str) -> Result<(), Fault> {
        let seen = &self.seen[name];
        if node.op_type != "Add" {
            return self.second_way(name);
        }
        let sizes = self.chain.sizes();
        if sizes != seen.sizes || self.chain.channels_last != seen.channels_last {
            let text = |sizes: &Option<Vec<usize>>| format!("{:?}", sizes.as_deref().unwrap_or_default());
            return wrong!(
                "its link adds `{name}` of sizes {} to {}: both ends of a link of ours have one form",
                text(&seen.sizes),
                text(&sizes)
            );
        }
        match seen.taken {
            Some(begins) => self.chain.link(begins),
            None => wrong!("its link adds `{name}`, and links of ours add what a layer takes"),
        }
    }

    fn second_way(&self, name: &str) -> Result<(), Fault> {
        wrong!(
            "it is a second way that begins at `{name}`: a link of ours adds what a layer takes as it is, without layers \
             of its own (such as a convolution of 1x1)"
        )
    }

    fn takes_head(&self, node: &NodeProto) -> bool {
        node.input.iter().any(|name| self.heads.contains(name))
    }

    fn step<'a>(&self, node: &'a NodeProto) -> Step<'a> {
        // How many samples there are is not known: what comes from it only shapes.
        let usable = |name: &&String| node.op_type == "Reshape" || !self.shapes.contains(*name);
        let others =
            node.input.iter().map(|name| Some(name).filter(usable).and_then(|name| self.number(name))).collect();
        Step { node, others }
    }

    /// A known tensor of this name.
    fn number(&self, name: &str) -> Option<Tensor> {
        match self.scope.get(name) {
            Some(Value::Known(known)) => Some((*known.tensor).clone()),
            _ => None,
        }
    }

    /// The sizes of a value on the chain, of one sample, if that is what a node asks for.
    fn shape(&mut self, node: &NodeProto) -> Result<bool, Fault> {
        let Some(seen) = node.input.first().and_then(|name| self.seen.get(name)) else { return Ok(false) };
        let Some(sizes) = &seen.sizes else { return wrong!("it is not known what the model takes") };
        let rank = sizes.len() as i64 + 1;
        let step = Step { node, others: Vec::new() };
        let [from, to] = [("start", 0), ("end", rank)].map(|(name, usual)| {
            let place = step.int(name, usual);
            (if place < 0 { place + rank } else { place }).clamp(0, rank) as usize
        });
        let all = std::iter::once(1).chain(sizes.iter().copied()).take(to).skip(from);
        let shape = Tensor::whole(all);
        for name in &node.output {
            self.scope.insert(name.clone(), shape.clone().into());
            self.shapes.insert(name.clone());
        }
        Ok(true)
    }

    /// Computes a node that does not depend on the input.
    fn known(&mut self, node: &NodeProto) -> Result<(), Fault> {
        if node.input.iter().any(|name| self.texts.contains_key(name)) {
            return wrong!("it computes with texts that are not those of the labels");
        }
        if let Some(name) = node.input.iter().find(|name| self.seen.contains_key(*name)) {
            return self.second_way(name);
        }
        self.importer.nodes(std::slice::from_ref(node), &mut self.scope, 0)?;
        if node.input.iter().any(|name| self.shapes.contains(name)) {
            self.shapes.extend(node.output.iter().cloned());
        }
        Ok(())
    }

    /// Whether a node is a sigmoid of the head that is multiplied with the head: x · σ(x).
    fn is_gate(&self, node: &NodeProto, rest: &[NodeProto]) -> bool {
        let gate = node.output.first();
        let is_gated = |other: &NodeProto| {
            other.op_type == "Mul"
                && other.input.len() == 2
                && other.input.iter().any(|name| Some(name) == gate)
                && self.takes_head(other)
        };
        node.op_type == "Sigmoid" && rest.iter().any(is_gated)
    }
}
