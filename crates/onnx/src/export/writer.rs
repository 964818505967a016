//! A graph of ONNX while it is written.

use crate::kind::Kind;
use crate::schema::attribute_proto::AttributeType;
use crate::schema::tensor_proto::DataType;
use crate::schema::{
    AttributeProto, GraphProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
    tensor_shape_proto::{Dimension, dimension},
    type_proto,
};
use crate::tensor::Tensor;
use std::collections::HashSet;

/// The set of operators for tables.
pub(super) const TABLES: &str = "ai.onnx.ml";

/// Nodes, stored tensors, inputs and outputs so far.
#[derive(Default)]
pub(super) struct Writer {
    graph: GraphProto,
    names: HashSet<String>,
}

/// The name of a value in the graph.
pub(super) type Name = String;

impl Writer {
    pub(super) fn new() -> Self {
        Self { graph: GraphProto { name: "chainrule".to_owned(), ..GraphProto::default() }, names: HashSet::new() }
    }

    pub(super) fn into_graph(self) -> GraphProto {
        self.graph
    }

    pub(super) fn uses_tables(&self) -> bool {
        self.graph.node.iter().any(|node| node.domain == TABLES)
    }

    /// A name that nothing has yet, made from one that is wanted.
    fn unused(&mut self, wanted: &str) -> Name {
        let mut name = wanted.to_owned();
        let mut number = 2;
        while !self.names.insert(name.clone()) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        name
    }

    /// An input `[rows, sizes…]`.
    pub(super) fn input(&mut self, name: &str, kind: DataType, sizes: &[usize]) -> Name {
        let name = self.unused(name);
        self.graph.input.push(info(&name, kind, sizes));
        name
    }

    /// Gives a value to the world as `[rows, sizes…]`.
    pub(super) fn output(&mut self, name: &str, from: &str, kind: DataType, sizes: &[usize]) {
        let name = self.unused(name);
        self.push("Identity", "", &[from], &name, Vec::new());
        self.graph.output.push(info(&name, kind, sizes));
    }

    /// A stored tensor.
    pub(super) fn tensor(&mut self, name: &str, tensor: &Tensor) -> Name {
        let name = self.unused(name);
        self.graph.initializer.push(tensor.to_proto(&name));
        name
    }

    /// A stored number.
    pub(super) fn number(&mut self, kind: Kind, value: f64) -> Name {
        self.tensor("constant", &Tensor::new(kind, &[], vec![value]))
    }

    /// Stored numbers `[count]`.
    pub(super) fn numbers(&mut self, kind: Kind, values: Vec<f64>) -> Name {
        self.tensor("constants", &Tensor::new(kind, &[values.len()], values))
    }

    /// Stored weights, which may be many.
    pub(super) fn weights(&mut self, name: &str, sizes: &[usize], values: &[f32]) -> Name {
        let name = self.unused(name);
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: sizes.iter().map(|&size| size as i64).collect(),
            data_type: DataType::Float as i32,
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ..TensorProto::default()
        });
        name
    }

    /// Stored texts `[count]`.
    pub(super) fn texts(&mut self, texts: &[String]) -> Name {
        let name = self.unused("texts");
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: vec![texts.len() as i64],
            data_type: DataType::String as i32,
            string_data: texts.iter().map(|text| text.as_bytes().to_vec()).collect(),
            ..TensorProto::default()
        });
        name
    }

    /// A node of the default set.
    pub(super) fn node(&mut self, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> Name {
        let output = self.unused(&op.to_lowercase());
        self.push(op, "", inputs, &output, attributes);
        output
    }

    /// A node of the set for tables.
    pub(super) fn table_node(&mut self, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> Name {
        let output = self.unused(&op.to_lowercase());
        self.push(op, TABLES, inputs, &output, attributes);
        output
    }

    /// The value as another kind.
    pub(super) fn cast(&mut self, value: &str, to: DataType) -> Name {
        self.node("Cast", &[value], vec![int("to", to as i64)])
    }

    fn push(&mut self, op: &str, domain: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: format!("{op} {output}"),
            op_type: op.to_owned(),
            domain: domain.to_owned(),
            attribute,
            ..NodeProto::default()
        });
    }
}

fn info(name: &str, kind: DataType, sizes: &[usize]) -> ValueInfoProto {
    let dim = |value| Dimension { value: Some(value), ..Dimension::default() };
    let rows = dim(dimension::Value::DimParam("rows".to_owned()));
    let sizes = sizes.iter().map(|&size| dim(dimension::Value::DimValue(size as i64)));
    let shape = TensorShapeProto { dim: [rows].into_iter().chain(sizes).collect() };
    let tensor = type_proto::Tensor { elem_type: kind as i32, shape: Some(shape) };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.to_owned(), r#type: Some(r#type), ..ValueInfoProto::default() }
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: kind as i32, ..AttributeProto::default() }
}

pub(super) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i, ..attribute(name, AttributeType::Int) }
}

pub(super) fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { f, ..attribute(name, AttributeType::Float) }
}

pub(super) fn ints(name: &str, ints: impl IntoIterator<Item = usize>) -> AttributeProto {
    AttributeProto { ints: ints.into_iter().map(|i| i as i64).collect(), ..attribute(name, AttributeType::Ints) }
}

pub(super) fn whole_numbers(name: &str, ints: Vec<i64>) -> AttributeProto {
    AttributeProto { ints, ..attribute(name, AttributeType::Ints) }
}

pub(super) fn floats(name: &str, floats: Vec<f32>) -> AttributeProto {
    AttributeProto { floats, ..attribute(name, AttributeType::Floats) }
}

pub(super) fn strings(name: &str, texts: impl IntoIterator<Item = String>) -> AttributeProto {
    let strings = texts.into_iter().map(String::into_bytes).collect();
    AttributeProto { strings, ..attribute(name, AttributeType::Strings) }
}
