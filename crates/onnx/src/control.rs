//! Branches and loops whose course is known when the graph is built: they are written out.

use crate::error::{Fault, OnnxError, unsupported, wrong};
use crate::import::{Importer, Scope, label};
use crate::ops;
use crate::schema::{GraphProto, NodeProto};
use crate::tensor::Tensor;
use crate::value::{Known, Value};
use chainrule::engine::Expr;
use std::rc::Rc;

/// The operations with bodies.
pub(crate) const NAMES: &[&str] = &["If", "Loop", "Scan"];

/// The most rounds of a loop that are written out.
const MOST_ROUNDS: usize = 10_000;

/// A node with bodies, and all that its bodies may name.
struct Control<'a, 'm, 'g> {
    importer: &'a Importer<'m, 'g>,
    node: &'a NodeProto,
    inputs: &'a [Option<Value<'g>>],
    scope: &'a Scope<'g>,
    depth: usize,
}

impl<'g> Importer<'_, 'g> {
    /// The results of a node that has bodies; `None` for any other.
    pub(crate) fn control(
        &self,
        node: &NodeProto,
        inputs: &[Option<Value<'g>>],
        scope: &Scope<'g>,
        depth: usize,
    ) -> Result<Option<Vec<Value<'g>>>, OnnxError> {
        let control = Control { importer: self, node, inputs, scope, depth };
        let results = match node.op_type.as_str() {
            "If" => control.branch(),
            "Loop" => control.repeat(),
            "Scan" => control.scan(),
            _ => return Ok(None),
        };
        results.map(Some).map_err(|fault| fault.at(label(node)))
    }
}

impl<'g> Control<'_, '_, 'g> {
    fn body(&self, name: &str) -> Result<&GraphProto, Fault> {
        let found = self.node.attribute.iter().find(|attribute| attribute.name == name);
        found.and_then(|attribute| attribute.g.as_ref()).ok_or_else(|| Fault::Wrong(format!("it has no body `{name}`")))
    }

    fn int(&self, name: &str, usual: i64) -> i64 {
        self.node.attribute.iter().find(|attribute| attribute.name == name).map_or(usual, |attribute| attribute.i)
    }

    fn ints(&self, name: &str) -> &[i64] {
        self.node.attribute.iter().find(|attribute| attribute.name == name).map_or(&[], |attribute| &attribute.ints)
    }

    /// The only number of a value, which must be known.
    fn number(&self, value: &Value<'g>, name: &str) -> Result<f64, Fault> {
        match value {
            Value::Known(known) => known.tensor.one(),
            Value::Node(..) => Err(Fault::MustBeKnown(name.to_owned())),
        }
    }

    fn input_number(&self, at: usize, usual: f64) -> Result<f64, Fault> {
        let name = self.node.input.get(at).map_or("", String::as_str);
        match self.inputs.get(at) {
            Some(Some(value)) => self.number(value, name),
            _ => Ok(usual),
        }
    }

    /// Runs a body with what is stored in it, which is read once for all rounds, and these values for its inputs.
    fn run(&self, body: &GraphProto, stored: &Scope<'g>, given: Vec<Value<'g>>) -> Result<Vec<Value<'g>>, Fault> {
        // A copy of what can be named counts as well.
        self.importer.count(self.scope.len() / 16)?;
        let mut scope = self.scope.clone();
        scope.extend(stored.iter().map(|(name, value)| (name.clone(), value.clone())));
        for (input, value) in body.input.iter().zip(given) {
            scope.insert(input.name.clone(), value);
        }
        self.importer.nodes(&body.node, &mut scope, self.depth + 1)?;
        let result = |name: &String| {
            scope.get(name).cloned().ok_or_else(|| Fault::Wrong(format!("no node of its body gives `{name}`")))
        };
        body.output.iter().map(|output| result(&output.name)).collect()
    }

    fn branch(&self) -> Result<Vec<Value<'g>>, Fault> {
        let then = self.input_number(0, 0.0)? != 0.0;
        let body = self.body(if then { "then_branch" } else { "else_branch" })?;
        self.run(body, &self.importer.initializers(body)?, Vec::new())
    }

    fn repeat(&self) -> Result<Vec<Value<'g>>, Fault> {
        let body = self.body("body")?;
        let stored = self.importer.initializers(body)?;
        let most = self.input_number(0, f64::INFINITY)?;
        let mut goes_on = self.input_number(1, 1.0)? != 0.0;
        let mut carried: Vec<Value<'g>> = self.inputs.iter().skip(2).flatten().cloned().collect();
        let mut collected: Vec<Vec<Value<'g>>> = Vec::new();
        let mut round = 0;
        while goes_on && (round as f64) < most {
            if round == MOST_ROUNDS {
                return unsupported!("more than {MOST_ROUNDS} rounds");
            }
            let number = Tensor::new(crate::Kind::Int64, &[], vec![round as f64]);
            let condition = Tensor::new(crate::Kind::Bool, &[], vec![1.0]);
            let given = [number.into(), condition.into()].into_iter().chain(carried.iter().cloned()).collect();
            let mut results = self.run(body, &stored, given)?.into_iter();
            let Some(condition) = results.next() else { return wrong!("its body gives nothing") };
            goes_on = self.number(&condition, "whether it goes on")? != 0.0;
            let count = carried.len();
            carried = results.by_ref().take(count).collect();
            collect(&mut collected, results);
            round += 1;
        }
        if round == 0 && body.output.len() > 1 + carried.len() {
            return unsupported!("a loop without a round that collects results");
        }
        let stacks = collected.iter().map(|parts| self.stacked(parts, 0));
        carried.into_iter().map(Ok).chain(stacks).collect()
    }

    /// From version 9 on; before, it had another first input.
    fn scan(&self) -> Result<Vec<Value<'g>>, Fault> {
        let body = self.body("body")?;
        let stored = self.importer.initializers(body)?;
        let scanned = usize::try_from(self.int("num_scan_inputs", 0)).unwrap_or(0);
        let inputs: Vec<&Value<'g>> = self.inputs.iter().flatten().collect();
        if self.importer.model.opset(&self.node.domain) < 9 || scanned == 0 || scanned > inputs.len() {
            return unsupported!("{scanned} scanned inputs of {}", inputs.len());
        }
        let given = |list: &str, at: usize| self.ints(list).get(at).copied().unwrap_or(0);
        let (states, sequences) = inputs.split_at(inputs.len() - scanned);
        let mut carried: Vec<Value<'g>> = states.iter().map(|value| (*value).clone()).collect();
        let mut collected: Vec<Vec<Value<'g>>> = Vec::new();
        let axis = |at: usize| axis_of(sequences[at], given("scan_input_axes", at));
        let rounds = sizes(sequences[0])[axis(0)?];
        if rounds == 0 || rounds > MOST_ROUNDS {
            return unsupported!("{rounds} rounds");
        }
        for round in 0..rounds {
            let mut values = carried.clone();
            for (at, sequence) in sequences.iter().enumerate() {
                let place = if given("scan_input_directions", at) == 0 { round } else { rounds - 1 - round };
                values.push(self.picked(sequence, axis(at)?, place)?);
            }
            let mut results = self.run(body, &stored, values)?.into_iter();
            let count = carried.len();
            carried = results.by_ref().take(count).collect();
            collect(&mut collected, results);
        }
        let stack = |(at, parts): (usize, &Vec<Value<'g>>)| {
            let mut parts = parts.clone();
            if given("scan_output_directions", at) != 0 {
                parts.reverse();
            }
            self.stacked(&parts, given("scan_output_axes", at))
        };
        let stacks: Vec<_> = collected.iter().enumerate().map(stack).collect();
        carried.into_iter().map(Ok).chain(stacks).collect()
    }

    /// The values at a place along an axis, which disappears.
    fn picked(&self, value: &Value<'g>, axis: usize, place: usize) -> Result<Value<'g>, Fault> {
        let mut shape = sizes(value);
        if place >= shape.remove(axis) {
            return wrong!("its sequences are not of one length");
        }
        match value {
            Value::Node(expr, kind) => Ok(Value::Node(expr.slice(axis, place, place + 1).reshape(&shape), *kind)),
            Value::Known(known) => {
                let whole = known.tensor.sizes();
                let at = |mut to: Vec<usize>| {
                    to.insert(axis, place);
                    known.tensor.values()[ops::position(whole, &to)]
                };
                let values = ops::places(&shape)?.map(at).collect();
                let tensor = Rc::new(Tensor::new(known.tensor.kind(), &shape, values));
                Ok(Value::Known(Known { tensor, learned: known.learned }))
            }
        }
    }

    /// Values side by side along a new axis.
    fn stacked(&self, parts: &[Value<'g>], axis: i64) -> Result<Value<'g>, Fault> {
        let kind = parts.first().map(Value::kind).ok_or_else(|| Fault::Wrong("nothing was collected".to_owned()))?;
        let mut shape = sizes(&parts[0]);
        let rank = shape.len() as i64 + 1;
        let axis = if axis < 0 { axis + rank } else { axis };
        if !(0..rank).contains(&axis) || parts.iter().any(|part| sizes(part) != shape) {
            return wrong!("what its rounds give cannot be put side by side");
        }
        shape.insert(axis as usize, 1);
        let exprs: Vec<Expr<'g>> = parts
            .iter()
            .map(|part| match part {
                Value::Node(expr, _) => expr.reshape(&shape),
                Value::Known(known) => self.importer.leaves.lift(known, &self.node.name).reshape(&shape),
            })
            .collect();
        Ok(Value::Node(Expr::concat(&exprs, axis as usize), kind))
    }
}

fn sizes(value: &Value<'_>) -> Vec<usize> {
    match value {
        Value::Node(expr, _) => expr.shape().sizes().collect(),
        Value::Known(known) => known.tensor.sizes().to_vec(),
    }
}

fn axis_of(value: &Value<'_>, axis: i64) -> Result<usize, Fault> {
    let rank = sizes(value).len() as i64;
    let found = if axis < 0 { axis + rank } else { axis };
    if (0..rank).contains(&found) { Ok(found as usize) } else { wrong!("there is no axis {axis} among {rank}") }
}

fn collect<'g>(collected: &mut Vec<Vec<Value<'g>>>, results: impl Iterator<Item = Value<'g>>) {
    for (at, value) in results.enumerate() {
        match collected.get_mut(at) {
            Some(parts) => parts.push(value),
            None => collected.push(vec![value]),
        }
    }
}
