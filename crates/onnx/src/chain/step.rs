//! A node on the chain, and what it says.

use crate::error::{Fault, wrong};
use crate::schema::tensor_proto::DataType;
use crate::schema::{AttributeProto, NodeProto};
use crate::tensor::Tensor;

/// A node on the chain.
pub(super) struct Step<'a> {
    pub(super) node: &'a NodeProto,
    /// The known inputs at their positions; where the head stands there is none.
    pub(super) others: Vec<Option<Tensor>>,
}

impl Step<'_> {
    pub(super) fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn int(&self, name: &str, usual: i64) -> i64 {
        self.attribute(name).map_or(usual, |attribute| attribute.i)
    }

    pub(super) fn float(&self, name: &str, usual: f32) -> f32 {
        self.attribute(name).map_or(usual, |attribute| attribute.f)
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.attribute(name).map(|found| String::from_utf8_lossy(&found.s).into_owned()).unwrap_or_default()
    }

    /// Weights and the like stand behind the head.
    pub(super) fn is_first(&self) -> bool {
        matches!(self.others.first(), Some(None))
    }

    /// The known input at position 2, if the node has one; one that is not known is refused.
    pub(super) fn bias(&self) -> Result<Option<&Tensor>, Fault> {
        let is_named = self.node.input.get(2).is_some_and(|name| !name.is_empty());
        match self.others.get(2) {
            Some(Some(tensor)) => Ok(Some(tensor)),
            _ if is_named => wrong!("input 3 is not known"),
            _ => Ok(None),
        }
    }

    /// Whether a cast is to a kind of fractions.
    pub(super) fn is_to_fractions(&self) -> bool {
        let to = self.int("to", 0);
        [DataType::Float, DataType::Double, DataType::Float16, DataType::Bfloat16].iter().any(|kind| *kind as i64 == to)
    }

    /// The known input at a position.
    pub(super) fn known(&self, at: usize) -> Result<&Tensor, Fault> {
        match self.others.get(at) {
            Some(Some(tensor)) => Ok(tensor),
            _ => wrong!("input {} is not known", at + 1),
        }
    }

    /// Two numbers of an attribute, height and width.
    pub(super) fn pair(&self, name: &str, usual: [usize; 2]) -> Result<[usize; 2], Fault> {
        match self.attribute(name).map(|attribute| attribute.ints.as_slice()) {
            None | Some([]) => Ok(usual),
            Some(&[a, b]) if a >= 0 && b >= 0 => Ok([a as usize, b as usize]),
            Some(other) => wrong!("{name} {other:?} is not two numbers, for height and width"),
        }
    }

    /// Axes of an input with so many of them, from an attribute or the known input at position 1, if the node names some.
    pub(super) fn axes(&self, rank: usize) -> Result<Option<Vec<usize>>, Fault> {
        let named = match (self.attribute("axes"), self.others.get(1)) {
            (Some(attribute), _) => attribute.ints.clone(),
            (None, Some(Some(tensor))) => tensor.ints(),
            (None, Some(None)) => return wrong!("its axes are not known"),
            (None, None) => return Ok(None),
        };
        let axis = |&axis: &i64| usize::try_from(if axis < 0 { axis + rank as i64 } else { axis });
        let mut axes: Vec<usize> = named.iter().filter_map(|named| axis(named).ok()).collect();
        axes.sort_unstable();
        axes.dedup();
        if axes.len() != named.len() || axes.iter().any(|&axis| axis == 0 || axis >= rank) {
            return wrong!("axes {named:?} are not those of a sample");
        }
        Ok(Some(axes))
    }
}
