//! A model as nodes of the engine's graph, by partial evaluation: what is known is computed at once, the rest is
//! written as nodes.
//!
//! Both go the same way. A node whose inputs are all known is written into a graph of its own and run.

use crate::call::Call;
use crate::error::{Fault, OnnxError};
use crate::kind::Kind;
use crate::load::OnnxModel;
use crate::ops;
use crate::run::{Imported, Input, Output, Running};
use crate::schema::{
    FunctionProto, GraphProto, NodeProto, TensorProto, ValueInfoProto, tensor_shape_proto, type_proto,
};
use crate::tensor::Tensor;
use crate::value::{Known, Leaves, Value};
use chainrule::engine::{Expr, Graph, Plan};
use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// What is said about the inputs of a model before it is imported.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Inputs whose values are known.
    pub known: HashMap<String, Tensor>,
    /// The sizes of inputs that the model leaves open.
    pub sizes: HashMap<String, Vec<usize>>,
}

impl OnnxModel {
    /// Writes the model into a graph. Its weights become parameters; other known tensors that it computes with become
    /// inputs, whose values [`Imported::session`] keeps.
    ///
    /// ```no_run
    /// # use chainrule_onnx::{Given, OnnxModel};
    /// # use chainrule::engine::Graph;
    /// let model = OnnxModel::load("model.onnx".as_ref())?;
    /// let graph = Graph::new();
    /// let imported = model.import(&graph, &Given::default())?;
    /// let mut session = imported.session::<f32>()?;
    /// let results = session.run(&[&[0.5, -1.0]])?;
    /// # Ok::<(), chainrule_onnx::OnnxError>(())
    /// ```
    ///
    /// # Errors
    /// Operations that are not known (all of them), a node that cannot be imported, values that must be known, sizes
    /// that must be given, and names that no earlier node gives.
    pub fn import<'g>(&self, graph: &'g Graph, given: &Given) -> Result<Imported<'g>, OnnxError> {
        let proto = self.proto.graph.as_ref().expect("checked when it was read");
        let importer = Importer::new(self, graph);
        importer.check_known(proto)?;
        let mut scope = importer.initializers(proto)?;
        let mut inputs = Vec::new();
        for info in proto.input.iter().filter(|info| !proto.initializer.iter().any(|i| i.name == info.name)) {
            let value = match given.known.get(&info.name) {
                Some(tensor) => tensor.clone().into(),
                None => importer.input(info, given, &mut inputs)?,
            };
            scope.insert(info.name.clone(), value);
        }
        importer.nodes(&proto.node, &mut scope, 0)?;
        let mut outputs = Vec::new();
        for info in &proto.output {
            let output = match scope.get(&info.name) {
                Some(Value::Known(known)) => Output::Known(known.tensor.clone()),
                Some(Value::Node(expr, kind)) => Output::Node(*expr, *kind),
                None => return Err(damaged(format!("no node gives the result `{}`", info.name))),
            };
            outputs.push((info.name.clone(), output));
        }
        Ok(Imported { graph, inputs, outputs, held: importer.leaves.into_held() })
    }
}

fn damaged(problem: String) -> OnnxError {
    OnnxError::Damaged(problem)
}

/// The values that nodes can name.
pub(crate) type Scope<'g> = HashMap<String, Value<'g>>;

/// How deep functions and bodies may lie in one another.
const MOST_DEPTH: usize = 32;

/// The most nodes, those of bodies and functions counted each time.
const MOST_NODES: usize = 1 << 20;

/// How many numbers may be computed before anything runs, beside sixteen times as many as are stored.
const MOST_COMPUTED: usize = 1 << 24;

/// The most elements of a value.
const MOST_ELEMENTS: usize = 1 << 28;

/// The default set of operators.
pub(crate) fn is_default(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

/// A node in messages.
pub(crate) fn label(node: &NodeProto) -> String {
    let name = match (node.name.as_str(), node.output.first()) {
        ("", Some(output)) => output,
        (name, _) => name,
    };
    format!("`{name}` ({})", node.op_type)
}

pub(crate) struct Importer<'m, 'g> {
    pub(crate) model: &'m OnnxModel,
    pub(crate) leaves: Leaves<'g>,
    written: Cell<usize>,
    /// How many more numbers may be computed.
    budget: Cell<usize>,
}

impl<'m, 'g> Importer<'m, 'g> {
    pub(crate) fn new(model: &'m OnnxModel, graph: &'g Graph) -> Self {
        Self { model, leaves: Leaves::new(graph), written: Cell::new(0), budget: Cell::new(MOST_COMPUTED) }
    }

    fn function(&self, node: &NodeProto) -> Option<&'m FunctionProto> {
        let fits =
            |f: &&FunctionProto| f.name == node.op_type && f.domain == node.domain && f.overload == node.overload;
        self.model.proto.functions.iter().find(fits)
    }

    /// Refuses operations that are not known, all of them at once.
    fn check_known(&self, graph: &GraphProto) -> Result<(), OnnxError> {
        let functions = self.model.proto.functions.iter().flat_map(|function| &function.node);
        let mut unknown = BTreeSet::new();
        let mut rest: Vec<&NodeProto> = graph.node.iter().chain(functions).collect();
        while let Some(node) = rest.pop() {
            let known = is_default(&node.domain) && ops::names().any(|name| name == node.op_type);
            if !known && self.function(node).is_none() {
                let domain = if is_default(&node.domain) { String::new() } else { format!("{}.", node.domain) };
                unknown.insert(format!("{domain}{}", node.op_type));
            }
            rest.extend(node.attribute.iter().filter_map(|a| a.g.as_ref()).flat_map(|body| &body.node));
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let mut known: Vec<&'static str> = ops::names().collect();
        known.sort_unstable();
        Err(OnnxError::Unknown { ops: unknown.into_iter().collect(), known })
    }

    /// The stored tensors of a graph by their names.
    pub(crate) fn initializers(&self, graph: &GraphProto) -> Result<Scope<'g>, OnnxError> {
        if !graph.sparse_initializer.is_empty() {
            return Err(damaged("it has sparse tensors, which are not supported".to_owned()));
        }
        let mut scope = Scope::new();
        for proto in &graph.initializer {
            scope.insert(proto.name.clone(), self.stored(proto)?);
        }
        Ok(scope)
    }

    /// A stored tensor.
    pub(crate) fn stored(&self, proto: &TensorProto) -> Result<Value<'g>, OnnxError> {
        let tensor = Tensor::read(proto, &self.model.folder).map_err(damaged)?;
        // What is stored may be computed with: turned, cast, cut.
        self.budget.set(self.budget.get().saturating_add(16 * tensor.values().len()));
        let learned = tensor.kind().is_float();
        Ok(Value::Known(Known { tensor: Rc::new(tensor), learned }))
    }

    /// The node of an input that is given at each run.
    fn input(&self, info: &ValueInfoProto, given: &Given, inputs: &mut Vec<Input<'g>>) -> Result<Value<'g>, OnnxError> {
        let name = &info.name;
        let at = |problem: String| damaged(format!("input `{name}`: {problem}"));
        let Some(type_proto::Value::TensorType(tensor)) = info.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
            return Err(at("it is no tensor".to_owned()));
        };
        let kind = Kind::of(tensor.elem_type).map_err(|what| at(format!("{what} are not supported")))?;
        let sizes = match given.sizes.get(name) {
            Some(sizes) => sizes.clone(),
            None => declared(tensor.shape.as_ref().map(|shape| shape.dim.as_slice())).map_err(at)?,
        };
        let expr = self.leaves.graph.input(&self.leaves.unused(name), &sizes);
        self.leaves.graph.checked()?;
        inputs.push(Input { name: name.clone(), expr, kind });
        Ok(Value::Node(expr, kind))
    }

    /// Runs through nodes in their order, each of which may name what is in the scope.
    pub(crate) fn nodes(&self, nodes: &[NodeProto], scope: &mut Scope<'g>, depth: usize) -> Result<(), OnnxError> {
        if depth > MOST_DEPTH {
            return Err(damaged(format!("functions and bodies lie more than {MOST_DEPTH} deep in one another")));
        }
        for node in nodes {
            self.count(1)?;
            let inputs = inputs(node, scope)?;
            let results = match self.function(node) {
                Some(function) => self.call(function, node, inputs, depth)?,
                None => self.apply(node, &inputs, scope, depth)?,
            };
            for (name, value) in node.output.iter().zip(results).filter(|(name, _)| !name.is_empty()) {
                scope.insert(name.clone(), value);
            }
        }
        Ok(())
    }

    /// Bodies and functions may name each other so that few bytes make very many nodes.
    pub(crate) fn count(&self, nodes: usize) -> Result<(), OnnxError> {
        self.written.set(self.written.get() + nodes);
        if self.written.get() > MOST_NODES {
            return Err(damaged(format!("its functions and bodies make more than {MOST_NODES} nodes")));
        }
        Ok(())
    }

    /// The results of a function of the model.
    fn call(
        &self,
        function: &FunctionProto,
        node: &NodeProto,
        inputs: Vec<Option<Value<'g>>>,
        depth: usize,
    ) -> Result<Vec<Value<'g>>, OnnxError> {
        let mut scope = Scope::new();
        for (name, value) in function.input.iter().zip(inputs) {
            scope.extend(value.map(|value| (name.clone(), value)));
        }
        let mut body = function.node.clone();
        for inner in &mut body {
            // An attribute of the body may stand for one of the call.
            inner.attribute.retain_mut(|attribute| {
                if attribute.ref_attr_name.is_empty() {
                    return true;
                }
                let wanted = &attribute.ref_attr_name;
                let there = node.attribute.iter().chain(&function.attribute_proto).find(|a| a.name == *wanted);
                let Some(there) = there else { return false };
                let name = std::mem::take(&mut attribute.name);
                *attribute = there.clone();
                attribute.name = name;
                true
            });
        }
        self.nodes(&body, &mut scope, depth + 1)?;
        let result = |name: &String| {
            let missing = || damaged(format!("no node of the function {} gives `{name}`", function.name));
            scope.get(name).cloned().ok_or_else(missing)
        };
        function.output.iter().map(result).collect()
    }

    /// The results of an operation.
    fn apply(
        &self,
        node: &NodeProto,
        inputs: &[Option<Value<'g>>],
        scope: &Scope<'g>,
        depth: usize,
    ) -> Result<Vec<Value<'g>>, OnnxError> {
        if let Some(results) = self.control(node, inputs, scope, depth)? {
            return Ok(results);
        }
        let Some(apply) = ops::find(&node.op_type).filter(|_| is_default(&node.domain)) else {
            return Err(Fault::Unsupported("no import of this operation".to_owned()).at(label(node)));
        };
        let large = |input: &&Value<'g>| matches!(input, Value::Node(expr, _) if expr.shape().len() > MOST_ELEMENTS);
        if inputs.iter().flatten().any(|input| large(&input)) {
            return Err(Fault::Unsupported(format!("a value of more than {MOST_ELEMENTS} elements")).at(label(node)));
        }
        let opset = self.model.opset(&node.domain);
        let folder = &self.model.folder;
        let known: Option<Vec<Option<Known>>> = inputs
            .iter()
            .map(|input| match input {
                Some(Value::Known(known)) => Some(Some(known.clone())),
                None => Some(None),
                Some(Value::Node(..)) => None,
            })
            .collect();
        let done = match known {
            Some(known) => {
                let graph = Graph::new();
                let leaves = Leaves::new(&graph);
                let inputs: Vec<Option<Value<'_>>> = known.into_iter().map(|input| input.map(Value::Known)).collect();
                let call = Call { leaves: &leaves, node, inputs: &inputs, opset, folder };
                apply(&call).and_then(|results| computed(results, leaves, &inputs, &self.budget))
            }
            None => {
                let call = Call { leaves: &self.leaves, node, inputs, opset, folder };
                apply(&call).and_then(|results| {
                    self.leaves.graph.checked()?;
                    Ok(results)
                })
            }
        };
        done.map_err(|fault| fault.at(label(node)))
    }
}

/// The inputs of a node.
fn inputs<'g>(node: &NodeProto, scope: &Scope<'g>) -> Result<Vec<Option<Value<'g>>>, OnnxError> {
    let input = |name: &String| match scope.get(name) {
        Some(value) => Ok(Some(value.clone())),
        None if name.is_empty() => Ok(None),
        None => Err(OnnxError::Node {
            node: label(node),
            problem: format!(
                "no node before it gives `{name}`: the nodes are in no order in which they can be computed, or depend \
                 on each other in a circle"
            ),
        }),
    };
    node.input.iter().map(input).collect()
}

/// Runs the graph that results of known values were written into.
fn computed<'g>(
    results: Vec<Value<'_>>,
    leaves: Leaves<'_>,
    inputs: &[Option<Value<'_>>],
    budget: &Cell<usize>,
) -> Result<Vec<Value<'g>>, Fault> {
    let graph = leaves.graph;
    graph.checked()?;
    let learned = inputs.iter().flatten().any(|input| matches!(input, Value::Known(known) if known.learned));
    let nodes: Vec<Expr<'_>> = results
        .iter()
        .filter_map(|result| if let Value::Node(expr, _) = result { Some(*expr) } else { None })
        .collect();
    let mut values = if nodes.is_empty() {
        Vec::new().into_iter()
    } else {
        let plan = Plan::new(graph, &nodes)?;
        match budget.get().checked_sub(plan.arena_len()) {
            Some(rest) => budget.set(rest),
            None => {
                let text = format!("known values of {} numbers, which few bytes ask for", plan.arena_len());
                return Err(Fault::Unsupported(text));
            }
        }
        Running::<f64>::new(graph, plan, nodes.len(), &leaves.into_held())?.run(&[])?.into_iter()
    };
    let known = |result: Value<'_>| match result {
        Value::Known(known) => Ok(Value::Known(known)),
        Value::Node(expr, kind) => {
            let sizes: Vec<usize> = expr.shape().sizes().collect();
            let tensor = Tensor::new(kind, &sizes, values.next().expect("one for each node"));
            Ok(Value::Known(Known { tensor: Rc::new(tensor), learned: learned && kind.is_float() }))
        }
    };
    results.into_iter().map(known).collect()
}

/// The sizes that an input is declared with, if all are numbers.
fn declared(dims: Option<&[tensor_shape_proto::Dimension]>) -> Result<Vec<usize>, String> {
    use tensor_shape_proto::dimension::Value as Dim;
    let Some(dims) = dims else { return Err("its sizes are open: give them".to_owned()) };
    let size = |dim: &tensor_shape_proto::Dimension| match &dim.value {
        Some(Dim::DimValue(size)) => usize::try_from(*size).map_err(|_| format!("a size of {size}")),
        Some(Dim::DimParam(name)) => Err(format!("its size `{name}` is open: give its sizes")),
        None => Err("one of its sizes is open: give its sizes".to_owned()),
    };
    dims.iter().map(size).collect()
}
