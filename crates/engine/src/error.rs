//! What can go wrong in the engine, with the facts in fields.

use crate::shape::Shape;
use std::fmt;
use std::panic::Location;
use thiserror::Error;

/// A value that took part in a failed operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Operand {
    /// The name that the user gave, or the one the engine made up.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
}

/// Which rule about shapes was broken.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ShapeFault {
    /// The inner sizes of a matrix product differ.
    Inner {
        /// Columns of the left matrix.
        left: usize,
        /// Rows of the right matrix.
        right: usize,
    },
    /// Two sizes along an axis that must be equal are not.
    Axis {
        /// The axis, counted from the end of both shapes: 1 is the last.
        from_end: usize,
        /// Size on the left.
        left: usize,
        /// Size on the right.
        right: usize,
    },
    /// A value has too few or too many axes.
    Rank {
        /// How many the operation takes, in words.
        expected: &'static str,
        /// How many there are.
        found: usize,
    },
    /// There is no such axis.
    NoAxis {
        /// The axis asked for.
        axis: usize,
        /// How many axes there are.
        rank: usize,
    },
    /// A reshape that changes the number of elements.
    Elements {
        /// The shape asked for, as written.
        wanted: Vec<usize>,
    },
    /// A range outside its axis.
    Range {
        /// The axis.
        axis: usize,
        /// First index asked for.
        start: usize,
        /// One past the last.
        end: usize,
        /// Size of the axis.
        size: usize,
    },
    /// The axes given are no rearrangement of the axes there are.
    Permutation {
        /// What was given.
        order: Vec<usize>,
    },
    /// A maximum, an index of a maximum or a join of nothing at all.
    Empty,
    /// More axes or elements than the engine counts.
    TooLarge {
        /// The shape asked for, as written.
        wanted: Vec<usize>,
    },
    /// A kernel that is larger than the plane with its padding, or has no cells.
    Kernel {
        /// The axis of the plane.
        axis: usize,
        /// Cells of the kernel along it.
        kernel: usize,
        /// Cells of the plane from one of them to the next.
        dilation: usize,
        /// Size of the plane.
        size: usize,
        /// Padding on either side.
        padding: usize,
    },
    /// A setting of a convolution or of pooling outside its range.
    Setting {
        /// Which.
        setting: &'static str,
        /// The least it may be.
        least: usize,
        /// The most.
        most: usize,
    },
    /// Groups that do not divide the channels.
    Groups {
        /// How many groups.
        groups: usize,
        /// Channels of the input.
        channels: usize,
        /// Channels of the result.
        outputs: usize,
    },
    /// One size that follows from the others and is not what it must be.
    Fit {
        /// Which size.
        what: &'static str,
        /// What would fit.
        wanted: usize,
        /// What it is.
        found: usize,
    },
    /// The shapes are well formed but the operation does not take them together.
    Different,
}

impl fmt::Display for ShapeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inner { left, right } => write!(
                f,
                "the inner sizes must be equal: the left matrix has {left} columns, the right one has {right} rows"
            ),
            Self::Axis { from_end, left, right } => {
                write!(f, "sizes must be equal or 1 along axis −{from_end}: {left} against {right}")
            }
            Self::Rank { expected, found } => write!(f, "it takes {expected}, this has {found}"),
            Self::NoAxis { axis, rank } => write!(f, "there is no axis {axis}: the value has {rank}"),
            Self::Elements { wanted } => write!(f, "{wanted:?} does not have the same number of elements"),
            Self::Range { axis, start, end, size } => {
                write!(f, "the range {start}..{end} does not fit axis {axis}, whose size is {size}")
            }
            Self::Permutation { order } => write!(f, "{order:?} is not a rearrangement of its axes"),
            Self::Empty => f.write_str("there is nothing to take it of"),
            Self::TooLarge { wanted } => {
                write!(f, "{wanted:?} is beyond the limits: 6 axes and 4,294,967,295 elements")
            }
            Self::Kernel { kernel: 0, axis, .. } => write!(f, "the kernel has no cells along axis {axis}"),
            Self::Kernel { axis, kernel, dilation, size, padding } => {
                write!(
                    f,
                    "a kernel of {kernel} with dilation {dilation} does not fit axis {axis}, whose size is {size}"
                )?;
                write!(f, " with padding {padding} on either side: take a smaller kernel or more padding")
            }
            Self::Setting { setting, least, most } => write!(f, "{setting} must be from {least} to {most}"),
            Self::Groups { groups, channels, outputs } => write!(
                f,
                "{groups} groups must divide the {channels} channels of the input and the {outputs} of the result"
            ),
            Self::Fit { what, wanted, found } => write!(f, "the {what} must be {wanted}, not {found}"),
            Self::Different => f.write_str("the shapes must be equal"),
        }
    }
}

/// An error of the engine.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Shapes that do not go together.
    #[error("shape mismatch in {op}{}: {}\n  {fault}\n  written at {at}", for_name(name), list(operands))]
    Shape {
        /// The operation.
        op: &'static str,
        /// The name of the result, if it has one.
        name: Option<String>,
        /// What went in.
        operands: Vec<Operand>,
        /// The rule that was broken.
        fault: ShapeFault,
        /// Where the operation was written.
        at: &'static Location<'static>,
    },
    /// Values of two graphs in one operation.
    #[error("{op} mixes values of two graphs\n  written at {at}")]
    TwoGraphs {
        /// The operation.
        op: &'static str,
        /// Where it was written.
        at: &'static Location<'static>,
    },
    /// Two inputs of one graph share a name.
    #[error("there are two inputs named `{name}`\n  written at {at}")]
    DuplicateInput {
        /// The name.
        name: String,
        /// Where the second was written.
        at: &'static Location<'static>,
    },
    /// A gradient was asked for through an operation that has no derivative.
    #[error(
        "{op} has no derivative with respect to its {input} (`{of}` depends on `{wrt}` through it): \
         take `{wrt}` out of the wanted gradients, or keep it from `{op}`\n  written at {at}"
    )]
    NoDerivative {
        /// The operation.
        op: &'static str,
        /// Which of its arguments.
        input: &'static str,
        /// The value of the operation.
        of: String,
        /// The argument on the path.
        wrt: String,
        /// Where it was written.
        at: &'static Location<'static>,
    },
    /// The gradient of something that is not a single number.
    #[error("the gradient is of one number, but `{name}` has shape {shape}: sum it or take its mean first")]
    NotScalar {
        /// The node.
        name: String,
        /// Its shape.
        shape: Shape,
    },
    /// A finite difference by something that is not an input or a parameter.
    #[error("`{name}` is computed, so it cannot be moved for a finite difference: take inputs and parameters only")]
    NotALeaf {
        /// The node.
        name: String,
    },
    /// An input was not given a value.
    #[error("no value for the input `{name}` of shape {shape}")]
    MissingInput {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Shape,
    },
    /// A value was given for an input that the plan does not have.
    #[error("there is no input number {index}: the plan has {count}")]
    UnknownInput {
        /// The position given.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A value of the wrong length.
    #[error("`{name}` has shape {shape}, {} numbers, but {found} were given", shape.len())]
    InputLength {
        /// The input or the block of parameters.
        name: String,
        /// Its shape.
        shape: Shape,
        /// How many numbers came.
        found: usize,
    },
    /// An index outside what it points into.
    #[error("index {index} in `{name}` ({op}) is not a whole number below {size}")]
    Index {
        /// The operation.
        op: &'static str,
        /// The node.
        name: String,
        /// The offending value.
        index: f64,
        /// The size of the axis.
        size: usize,
    },
    /// Whole numbers above this cannot be told apart in the session's number type.
    #[error(
        "{op} into an axis of size {size} needs a wider number type: indices above {limit} are not exact in this one"
    )]
    IndexRange {
        /// The operation.
        op: &'static str,
        /// The size of the axis.
        size: usize,
        /// The largest exact index.
        limit: f64,
    },
}

fn for_name(name: &Option<String>) -> String {
    name.as_ref().map(|n| format!(" for `{n}`")).unwrap_or_default()
}

fn list(operands: &[Operand]) -> String {
    operands.iter().map(|o| format!("{} is {}", o.name, o.shape)).collect::<Vec<_>>().join(", ")
}
