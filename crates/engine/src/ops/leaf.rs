//! Where values come from: inputs, parameters, constants.

use super::{Derivative, Edge, IndexFault, Io, Rule};
use crate::error::ShapeFault;
use crate::shape::Shape;
use chainrule_kernels::Real;
use std::hash::{Hash, Hasher};

/// Who gives an input its value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// Given at each run.
    Data,
    /// Kept in the flat block of parameters, and learned.
    Parameter,
}

/// A node without inputs. Its shape is stated when it is made, not derived.
#[derive(Clone, Copy, Debug)]
pub enum Leaf {
    /// A value from outside.
    Input(Role),
    /// The same number in every element.
    Constant(f64),
}

impl Leaf {
    /// What tells one leaf from another: constants by their bits, so that NaN equals itself and −0 is not 0.
    fn key(self) -> Result<u64, Role> {
        match self {
            Self::Input(role) => Err(role),
            Self::Constant(value) => Ok(value.to_bits()),
        }
    }
}

impl PartialEq for Leaf {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Leaf {}

impl Hash for Leaf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Rule for Leaf {
    fn name(self) -> &'static str {
        match self {
            Self::Input(Role::Data) => "input",
            Self::Input(Role::Parameter) => "parameter",
            Self::Constant(_) => "constant",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Input(Role::Data) => "a value given at each run",
            Self::Input(Role::Parameter) => "a value that is learned",
            Self::Constant(_) => "the same number in every element",
        }
    }

    fn shape(self, _: &[Shape]) -> Result<Shape, ShapeFault> {
        Ok(Shape::SCALAR)
    }

    fn forward<T: Real>(&self, _: Io<'_, T>) -> Result<(), IndexFault> {
        unreachable!("inputs are read where they lie, and constants are written when a session is made")
    }

    fn derivative<'g>(self, _: &Edge<'g, '_>) -> Derivative<'g> {
        unreachable!("a leaf has no edges")
    }

    fn cost(self, _: &[Shape], _: Shape) -> u64 {
        0
    }

    fn formula(self, _: &[String]) -> String {
        match self {
            Self::Input(_) => self.name().to_owned(),
            Self::Constant(value) => format!("{value}"),
        }
    }
}
