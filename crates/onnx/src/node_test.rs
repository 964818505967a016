//! The backend node tests of ONNX: one case, its file, and whether it holds.

use crate::error::OnnxError;
use crate::import::Given;
use crate::kind::Kind;
use crate::load::OnnxModel;
use crate::run::Output;
use crate::tensor::Tensor;
use chainrule::engine::Graph;
use chainrule::kernels::Real;
use serde::Deserialize;
use std::io::BufRead;

#[derive(Deserialize)]
struct Head {
    name: String,
    op: String,
    rtol: f64,
    atol: f64,
    model: usize,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
}

/// A case as `tests/collect_node_tests.py` packs it.
#[derive(Clone)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// The operation, where the model is a single node.
    pub op: String,
    tolerances: [f64; 2],
    model: Vec<u8>,
    inputs: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
}

/// How a case ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// All results are within the tolerance of the case.
    Passed,
    /// The importer refused it, and said why.
    Unsupported(String),
    /// A result is wrong, or an error is no refusal.
    Failed(String),
}

/// The most bytes of a part.
const MOST: usize = 1 << 30;

impl Case {
    /// Reads the next case of a pack; `None` at its end.
    ///
    /// # Errors
    /// A pack that ends early or is none.
    pub fn read(pack: &mut impl BufRead) -> std::io::Result<Option<Self>> {
        let mut line = String::new();
        if pack.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let head: Head = serde_json::from_str(&line)?;
        let mut part = |size: usize| {
            let mut bytes = vec![0; size.min(MOST)];
            pack.read_exact(&mut bytes).map(|()| bytes)
        };
        let model = part(head.model)?;
        let inputs = head.inputs.iter().map(|&size| part(size)).collect::<Result<_, _>>()?;
        let outputs = head.outputs.iter().map(|&size| part(size)).collect::<Result<_, _>>()?;
        let tolerances = [head.rtol, head.atol];
        Ok(Some(Self { name: head.name, op: head.op, tolerances, model, inputs, outputs }))
    }

    /// The same case with a model that `damage` has changed.
    #[must_use]
    pub fn damaged(&self, damage: &mut dyn FnMut(&mut Vec<u8>)) -> Self {
        let mut case = self.clone();
        damage(&mut case.model);
        case
    }

    /// Imports the model, runs it in `f32` (in `f64` if its inputs are), and compares.
    pub fn run(&self) -> Verdict {
        match self.results() {
            Ok(results) => self.compare(&results).map_or_else(Verdict::Failed, |()| Verdict::Passed),
            Err(OnnxError::Unknown { ops, .. }) => Verdict::Unsupported(format!("no import of {}", ops.join(", "))),
            Err(OnnxError::Unsupported { problem, .. }) => Verdict::Unsupported(problem),
            Err(OnnxError::MustBeKnown { value, .. }) => Verdict::Unsupported(format!("`{value}` must be known")),
            Err(OnnxError::Damaged(problem)) if problem.contains("not supported") || problem.contains("no tensor") => {
                Verdict::Unsupported(problem)
            }
            Err(error) => Verdict::Failed(error.to_string()),
        }
    }

    /// Fractions are inputs of the graph and whole numbers are known, unless more must be known. Those of
    /// BFLOAT16 are known as well: no session computes in them, but each known result is rounded to them.
    fn results(&self) -> Result<Vec<Tensor>, OnnxError> {
        let model = OnnxModel::from_bytes(&self.model)?;
        let names: Vec<&str> =
            model.proto.graph.iter().flat_map(|graph| &graph.input).map(|input| input.name.as_str()).collect();
        let mut tensors = Vec::new();
        for (name, bytes) in names.into_iter().zip(&self.inputs) {
            if bytes.is_empty() {
                return Err(OnnxError::Damaged(format!("input `{name}`: it is no tensor")));
            }
            tensors.push((name.to_owned(), Tensor::from_bytes(bytes)?));
        }
        let known = |all: bool| {
            let runs = |tensor: &Tensor| matches!(tensor.kind(), Kind::Float | Kind::Double | Kind::Float16);
            let known = tensors.iter().filter(|(_, tensor)| all || !runs(tensor));
            let sizes = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.sizes().to_vec()));
            Given { known: known.cloned().collect(), sizes: sizes.collect() }
        };
        let double = tensors.iter().any(|(_, tensor)| tensor.kind() == Kind::Double);
        let evaluate = |given: &Given| match double {
            true => evaluate::<f64>(&model, given, &tensors),
            false => evaluate::<f32>(&model, given, &tensors),
        };
        match evaluate(&known(false)) {
            Err(OnnxError::MustBeKnown { .. }) => evaluate(&known(true)),
            other => other,
        }
    }

    fn compare(&self, results: &[Tensor]) -> Result<(), String> {
        for (at, (bytes, found)) in self.outputs.iter().zip(results).enumerate() {
            let wanted = Tensor::from_bytes(bytes).map_err(|e| e.to_string())?;
            if (wanted.sizes(), wanted.kind()) != (found.sizes(), found.kind()) {
                let [a, b] = [&wanted, found].map(|t| format!("{:?} {:?}", t.kind(), t.sizes()));
                return Err(format!("result {}: {a} is wanted, {b} was computed", at + 1));
            }
            let [rtol, atol] = self.tolerances;
            let near = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= atol + rtol * a.abs();
            let pairs = wanted.values().iter().zip(found.values());
            if let Some((place, (a, b))) = pairs.enumerate().find(|(_, (a, b))| !near(**a, **b)) {
                return Err(format!("result {}, element {place}: {a} is wanted, {b} was computed", at + 1));
            }
        }
        Ok(())
    }
}

/// Imports and runs a model once.
fn evaluate<T: Real>(model: &OnnxModel, given: &Given, tensors: &[(String, Tensor)]) -> Result<Vec<Tensor>, OnnxError> {
    let graph = Graph::new();
    let imported = model.import(&graph, given)?;
    let mut session = imported.session::<T>()?;
    let values = |name: &str| tensors.iter().find(|(n, _)| n == name).map_or(&[][..], |(_, t)| t.values());
    let numbers = |name: &str| values(name).iter().map(|&value| T::from_f64(value)).collect::<Vec<T>>();
    let inputs: Vec<Vec<T>> = imported.inputs.iter().map(|input| numbers(&input.name)).collect();
    let inputs: Vec<&[T]> = inputs.iter().map(Vec::as_slice).collect();
    let mut computed = session.run(&inputs)?.into_iter();
    let result = |output: &Output<'_>| match output {
        Output::Known(tensor) => (**tensor).clone(),
        Output::Node(expr, kind) => {
            let sizes: Vec<usize> = expr.shape().sizes().collect();
            let values = computed.next().unwrap_or_default().into_iter().map(T::to_f64).collect();
            Tensor::new(*kind, &sizes, values)
        }
    };
    Ok(imported.outputs.iter().map(|(_, output)| output).map(result).collect())
}
