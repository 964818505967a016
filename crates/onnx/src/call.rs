//! A node as its operation sees it: inputs, attributes, and ways to give results.

use crate::error::{Fault, wrong};
use crate::kind::Kind;
use crate::load::Folder;
use crate::schema::{AttributeProto, NodeProto};
use crate::tensor::Tensor;
use crate::value::{Known, Leaves, Value};
use chainrule::engine::{Expr, Graph};
use std::rc::Rc;

/// What an operation gives.
pub(crate) type Results<'g> = Result<Vec<Value<'g>>, Fault>;

/// A node that is imported.
pub(crate) struct Call<'a, 'g> {
    pub(crate) leaves: &'a Leaves<'g>,
    pub(crate) node: &'a NodeProto,
    pub(crate) inputs: &'a [Option<Value<'g>>],
    /// The version of the set of operators that the node belongs to.
    pub(crate) opset: i64,
    pub(crate) folder: &'a Folder,
}

/// Inputs.
impl<'g> Call<'_, 'g> {
    pub(crate) fn graph(&self) -> &'g Graph {
        self.leaves.graph
    }

    /// Whether there is an input at a position.
    pub(crate) fn has(&self, at: usize) -> bool {
        self.inputs.get(at).is_some_and(Option::is_some)
    }

    /// The input at a position.
    pub(crate) fn value(&self, at: usize) -> Result<&Value<'g>, Fault> {
        match self.inputs.get(at) {
            Some(Some(value)) => Ok(value),
            _ => wrong!("input {} is missing", at + 1),
        }
    }

    /// The name of the input at a position.
    fn name(&self, at: usize) -> &str {
        self.node.input.get(at).map_or("", String::as_str)
    }

    /// The input at a position as a node.
    pub(crate) fn expr(&self, at: usize) -> Result<Expr<'g>, Fault> {
        match self.value(at)? {
            Value::Node(expr, _) => Ok(*expr),
            Value::Known(known) => Ok(self.leaves.lift(known, self.name(at))),
        }
    }

    /// All inputs as nodes.
    pub(crate) fn exprs(&self) -> Result<Vec<Expr<'g>>, Fault> {
        (0..self.inputs.len()).map(|at| self.expr(at)).collect()
    }

    /// The input at a position, which must be known.
    pub(crate) fn known(&self, at: usize) -> Result<&Rc<Tensor>, Fault> {
        match self.value(at)? {
            Value::Known(known) => Ok(&known.tensor),
            _ => Err(Fault::MustBeKnown(self.name(at).to_owned())),
        }
    }

    /// What the elements of the input at a position are.
    pub(crate) fn kind(&self, at: usize) -> Result<Kind, Fault> {
        self.value(at).map(Value::kind)
    }

    /// The sizes of the input at a position.
    pub(crate) fn sizes(&self, at: usize) -> Result<Vec<usize>, Fault> {
        match self.value(at)? {
            Value::Known(known) => Ok(known.tensor.sizes().to_vec()),
            Value::Node(expr, _) => Ok(sizes(*expr)),
        }
    }
}

/// Attributes.
impl Call<'_, '_> {
    pub(crate) fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(crate) fn int(&self, name: &str, usual: i64) -> i64 {
        self.attribute(name).map_or(usual, |attribute| attribute.i)
    }

    pub(crate) fn is(&self, name: &str, usual: bool) -> bool {
        self.int(name, i64::from(usual)) != 0
    }

    pub(crate) fn float(&self, name: &str, usual: f32) -> f64 {
        f64::from(self.attribute(name).map_or(usual, |attribute| attribute.f))
    }

    pub(crate) fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    pub(crate) fn text(&self, name: &str, usual: &str) -> String {
        self.attribute(name).map_or(usual.to_owned(), |found| String::from_utf8_lossy(&found.s).into_owned())
    }

    /// Whole numbers that are an attribute in older versions and an input at a position in newer ones.
    pub(crate) fn ints_or_input(&self, name: &str, at: usize) -> Result<Option<Vec<i64>>, Fault> {
        match self.ints(name) {
            Some(ints) => Ok(Some(ints.to_vec())),
            None if self.has(at) => Ok(Some(self.known(at)?.ints())),
            None => Ok(None),
        }
    }

    /// Positions of axes, counted from the end if below 0.
    pub(crate) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>, Fault> {
        axes.iter().map(|&axis| self.axis(axis, rank)).collect()
    }

    /// The position of an axis, counted from the end if below 0.
    pub(crate) fn axis(&self, axis: i64, rank: usize) -> Result<usize, Fault> {
        let found = if axis < 0 { axis + rank as i64 } else { axis };
        match usize::try_from(found) {
            Ok(found) if found < rank => Ok(found),
            _ => wrong!("there is no axis {axis} among {rank}"),
        }
    }
}

/// Results.
impl<'g> Call<'_, 'g> {
    /// One node of the kind of the first input.
    pub(crate) fn same(&self, expr: Expr<'g>) -> Results<'g> {
        Ok(vec![Value::Node(expr, self.kind(0)?)])
    }

    /// One node of a kind.
    pub(crate) fn one(&self, expr: Expr<'g>, kind: Kind) -> Results<'g> {
        Ok(vec![Value::Node(expr, kind)])
    }

    /// The value, if the engine has accepted it: what it refuses has no shape to go on with.
    pub(crate) fn sound(&self, expr: Expr<'g>) -> Result<Expr<'g>, Fault> {
        self.graph().checked()?;
        Ok(expr)
    }

    /// The node of known numbers.
    pub(crate) fn constant(&self, tensor: Tensor) -> Expr<'g> {
        let known = Known { tensor: Rc::new(tensor), learned: false };
        self.leaves.lift(&known, &format!("{}.constant", self.node.output.first().map_or("", String::as_str)))
    }

    /// The function of the first input, element by element.
    pub(crate) fn map(&self, f: impl Fn(Expr<'g>) -> Expr<'g>) -> Results<'g> {
        self.same(f(self.expr(0)?))
    }
}

/// The sizes of a node.
pub(crate) fn sizes(expr: Expr<'_>) -> Vec<usize> {
    expr.shape().sizes().collect()
}
