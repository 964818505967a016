//! The operations. Each has one home: a row of the table in [`elementwise`], or its family's file for the others.
//! There stand its shape rule, forward pass, derivative, cost and explanation, side by side.
//!
//! A family is a type that implements [`Rule`]; [`Op`] lists the families and hands each question on. Everything that
//! must cover all operations (the gradient checks, the list in the documentation) loops over [`specimens`].

pub mod arith;
pub mod conv;
pub mod elementwise;
pub mod index;
pub mod layout;
pub mod leaf;
pub mod matmul;
pub mod pool;
pub mod reduce;

pub use conv::{Conv, Convolution};
pub use elementwise::{Binary, Unary};
pub use index::Index;
pub use layout::Layout;
pub use leaf::{Leaf, Role};
pub use matmul::Matmul;
pub use pool::MaxPool;
pub use reduce::Reduce;

use crate::error::ShapeFault;
use crate::expr::Expr;
use crate::shape::Shape;
use chainrule_kernels::Real;
use chainrule_kernels::conv::Finish;

/// How the value of a node changes with one of its inputs.
pub enum Derivative<'g> {
    /// Each element depends on the element at the same place: the contribution is the pile times this partial.
    Partial(Expr<'g>),
    /// The contribution itself: the adjoint of the operation applied to the pile.
    Adjoint(Expr<'g>),
    /// There is none; the name says of which argument.
    Missing(&'static str),
}

/// One edge of the graph as the reverse sweep sees it.
pub struct Edge<'g, 'a> {
    /// The inputs of the node.
    pub inputs: &'a [Expr<'g>],
    /// The node's own value.
    pub output: Expr<'g>,
    /// Which of the inputs the edge leads to.
    pub slot: usize,
    /// The gradient that has piled up on the node.
    pub pile: Expr<'g>,
}

/// What a forward pass reads and writes: row-major slices, with their shapes.
pub struct Io<'a, T> {
    /// Gives the value of the input at a position.
    pub inputs: &'a dyn Fn(usize) -> &'a [T],
    /// The shapes of the inputs.
    pub shapes: &'a [Shape],
    /// The result, whose old content means nothing.
    pub out: &'a mut [T],
    /// The shape of the result.
    pub shape: Shape,
    /// Room to work in, of the size that [`Rule::scratch`] asks for.
    pub scratch: &'a mut [T],
    /// What is done to each part of the result, if the operation has a [`Rule::part`].
    pub finish: Finish<'a, T>,
}

/// An index that points outside its axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndexFault {
    /// The offending value.
    pub index: f64,
    /// The size of the axis.
    pub size: usize,
}

/// One family of operations.
pub trait Rule: Copy {
    /// The name in lists and messages.
    fn name(self) -> &'static str;

    /// What it computes, and the convention where its derivative has a kink.
    fn about(self) -> &'static str;

    /// The shape of the result.
    ///
    /// # Errors
    /// Which rule the inputs' shapes break.
    fn shape(self, inputs: &[Shape]) -> Result<Shape, ShapeFault>;

    /// Computes the value.
    ///
    /// # Errors
    /// An index outside its axis.
    fn forward<T: Real>(&self, io: Io<'_, T>) -> Result<(), IndexFault>;

    /// The derivative along one edge, written with other operations.
    fn derivative<'g>(self, edge: &Edge<'g, '_>) -> Derivative<'g>;

    /// Floating-point operations of one forward pass. A function without a machine instruction counts as one.
    fn cost(self, inputs: &[Shape], shape: Shape) -> u64 {
        let _ = inputs;
        shape.len() as u64
    }

    /// How many numbers of scratch [`Rule::forward`] needs, with a [`Finish`] that needs so much room.
    fn scratch<T: Real>(self, inputs: &[Shape], room: usize) -> usize {
        let _ = (inputs, room);
        0
    }

    /// Of how many numbers the parts are that it finishes one by one; none if it does not.
    fn part(self, shape: Shape) -> Option<usize> {
        let _ = shape;
        None
    }

    /// The value in mathematical notation, in terms of the inputs' names.
    fn formula(self, inputs: &[String]) -> String;

    /// The partial along the edge to `slot` in mathematical notation, for elementwise operations.
    fn partial_formula(self, slot: usize, inputs: &[String], output: &str) -> Option<String> {
        let _ = (slot, inputs, output);
        None
    }
}

/// An operation: the list of families.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Where values come from.
    Leaf(Leaf),
    /// One argument, element by element.
    Unary(Unary),
    /// Two arguments, element by element.
    Binary(Binary),
    /// The matrix product.
    Matmul(Matmul),
    /// Sums and maxima over axes.
    Reduce(Reduce),
    /// The same numbers in another arrangement.
    Layout(Layout),
    /// Elements picked or placed by index.
    Index(Index),
    /// A kernel that moves over planes.
    Conv(Conv),
    /// The largest under a window that moves over planes.
    MaxPool(MaxPool),
}

macro_rules! each_family {
    ($op:expr, $rule:ident => $answer:expr) => {
        match $op {
            Op::Leaf($rule) => $answer,
            Op::Unary($rule) => $answer,
            Op::Binary($rule) => $answer,
            Op::Matmul($rule) => $answer,
            Op::Reduce($rule) => $answer,
            Op::Layout($rule) => $answer,
            Op::Index($rule) => $answer,
            Op::Conv($rule) => $answer,
            Op::MaxPool($rule) => $answer,
        }
    };
}

impl Rule for Op {
    fn name(self) -> &'static str {
        each_family!(self, rule => rule.name())
    }
    fn about(self) -> &'static str {
        each_family!(self, rule => rule.about())
    }
    fn shape(self, inputs: &[Shape]) -> Result<Shape, ShapeFault> {
        each_family!(self, rule => rule.shape(inputs))
    }
    fn forward<T: Real>(&self, io: Io<'_, T>) -> Result<(), IndexFault> {
        each_family!(self, rule => rule.forward(io))
    }
    fn derivative<'g>(self, edge: &Edge<'g, '_>) -> Derivative<'g> {
        each_family!(self, rule => rule.derivative(edge))
    }
    fn cost(self, inputs: &[Shape], shape: Shape) -> u64 {
        each_family!(self, rule => rule.cost(inputs, shape))
    }
    fn scratch<T: Real>(self, inputs: &[Shape], room: usize) -> usize {
        each_family!(self, rule => rule.scratch::<T>(inputs, room))
    }
    fn part(self, shape: Shape) -> Option<usize> {
        each_family!(self, rule => rule.part(shape))
    }
    fn formula(self, inputs: &[String]) -> String {
        each_family!(self, rule => rule.formula(inputs))
    }
    fn partial_formula(self, slot: usize, inputs: &[String], output: &str) -> Option<String> {
        each_family!(self, rule => rule.partial_formula(slot, inputs, output))
    }
}

/// The values to try an operation on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Domain {
    /// Numbers between the two bounds, no two of them close to each other, none close to zero: so finite
    /// differences stay on one side of every kink.
    Between(f64, f64),
    /// Whole numbers from 0 up to, but without, the bound.
    Indices(usize),
}

/// One way to try an operation: the inputs it takes and values that it is defined for.
#[derive(Clone, Debug)]
pub struct Specimen {
    /// The operation.
    pub op: Op,
    /// Shape and values of each input.
    pub inputs: Vec<(Shape, Domain)>,
}

/// Every operation of the engine on shapes drawn by `dice`, a source of numbers below its argument.
pub fn specimens(dice: &mut dyn FnMut(usize) -> usize) -> Vec<Specimen> {
    [
        elementwise::specimens,
        matmul::specimens,
        reduce::specimens,
        layout::specimens,
        index::specimens,
        conv::specimens,
        pool::specimens,
    ]
    .iter()
    .flat_map(|family| family(dice))
    .collect()
}

/// A random shape with `rank` axes of 1 to 4.
pub(crate) fn small_shape(rank: usize, dice: &mut dyn FnMut(usize) -> usize) -> Shape {
    let sizes: Vec<usize> = (0..rank).map(|_| 1 + dice(4)).collect();
    Shape::new(&sizes).expect("small")
}
