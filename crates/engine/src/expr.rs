//! How a graph is written: values that can be calculated with.
//!
//! An [`Expr`] is a position in a [`Graph`]; every operator and method appends nodes. A wrong shape cannot be returned
//! from an operator, so the graph keeps the first error, what is built on it is poisoned, and [`Graph::checked`] (which
//! planning calls) returns it.
//!
//! Two values of different shapes meet by one rule: aligned at the last axis, sizes must be equal, or 1, or missing;
//! the smaller value is repeated. The repetition is a node of its own, whose derivative is a sum.

use crate::error::{EngineError, ShapeFault};
use crate::graph::{Graph, NodeId};
use crate::ops::arith::Arith;
use crate::ops::reduce::How;
use crate::ops::{Binary, Index, Layout, Leaf, Matmul, Op, Reduce, Role, Rule, Unary};
use crate::shape::{Axes, MAX_RANK, Shape};
use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::panic::Location;

/// A value in a graph under construction.
#[derive(Clone, Copy)]
pub struct Expr<'g> {
    graph: &'g Graph,
    id: NodeId,
}

impl Graph {
    /// A value given at each run, of the shape with these sizes.
    #[track_caller]
    pub fn input(&self, name: &str, sizes: &[usize]) -> Expr<'_> {
        self.named_leaf(name, sizes, Role::Data)
    }

    /// A value that is learned: it lies in the flat block of parameters.
    #[track_caller]
    pub fn parameter(&self, name: &str, sizes: &[usize]) -> Expr<'_> {
        self.named_leaf(name, sizes, Role::Parameter)
    }

    /// The number `value` in every element.
    #[track_caller]
    pub fn constant(&self, value: f64, sizes: &[usize]) -> Expr<'_> {
        self.leaf(Leaf::Constant(value), sizes)
    }

    /// Whether the graph is sound and all of `values` are its own.
    ///
    /// # Errors
    /// The first error made while the graph was written, or a value of another graph.
    #[track_caller]
    pub(crate) fn check_own(&self, op: &'static str, values: &[Expr<'_>]) -> Result<(), EngineError> {
        if values.iter().any(|value| !std::ptr::eq(value.graph, self)) {
            return Err(EngineError::TwoGraphs { op, at: Location::caller() });
        }
        self.checked()
    }

    /// The expression at a node of this graph.
    pub fn expr(&self, id: NodeId) -> Expr<'_> {
        Expr { graph: self, id }
    }

    /// The input or parameter of this name.
    pub(crate) fn find_leaf(&self, name: &str, role: Role) -> Option<Expr<'_>> {
        let nodes = self.nodes();
        let found = nodes.leaves(role).find(|&id| nodes.name(id) == Some(name));
        found.map(|id| self.expr(id))
    }

    #[track_caller]
    fn named_leaf(&self, name: &str, sizes: &[usize], role: Role) -> Expr<'_> {
        let at = Location::caller();
        if self.find_leaf(name, role).is_some() {
            let id = self.edit(|nodes| nodes.fail(EngineError::DuplicateInput { name: name.to_owned(), at }));
            return Expr { graph: self, id };
        }
        self.leaf(Leaf::Input(role), sizes).named(name)
    }

    #[track_caller]
    fn leaf(&self, leaf: Leaf, sizes: &[usize]) -> Expr<'_> {
        let at = Location::caller();
        let id = self.edit(|nodes| match Shape::new(sizes) {
            Some(shape) => nodes.leaf(leaf, shape, at),
            None => nodes.fail(shape_error(Op::Leaf(leaf).name(), ShapeFault::TooLarge { wanted: sizes.to_vec() }, at)),
        });
        Expr { graph: self, id }
    }
}

fn shape_error(op: &'static str, fault: ShapeFault, at: &'static Location<'static>) -> EngineError {
    EngineError::Shape { op, name: None, operands: Vec::new(), fault, at }
}

/// Appends one operation.
impl<'g> Expr<'g> {
    #[track_caller]
    fn push(self, op: Op, inputs: &[NodeId]) -> Self {
        let at = Location::caller();
        Self { graph: self.graph, id: self.graph.edit(|nodes| nodes.push(op, inputs, at)) }
    }

    /// `op` of this value.
    #[track_caller]
    pub(crate) fn apply(self, op: Op) -> Self {
        self.push(op, &[self.id])
    }

    /// `op` of this value and another.
    #[track_caller]
    pub(crate) fn apply2(self, op: Op, other: Self) -> Self {
        if !std::ptr::eq(self.graph, other.graph) {
            let at = Location::caller();
            return self.poisoned(EngineError::TwoGraphs { op: op.name(), at });
        }
        self.push(op, &[self.id, other.id])
    }

    fn poisoned(self, error: EngineError) -> Self {
        Self { graph: self.graph, id: self.graph.edit(|nodes| nodes.fail(error)) }
    }

    #[track_caller]
    fn binary(self, op: Binary, other: Self) -> Self {
        let same_graph = std::ptr::eq(self.graph, other.graph);
        if !same_graph || self.is_poison() || other.is_poison() || self.graph.nodes().same_shape(self.id, other.id) {
            return self.apply2(Op::Binary(op), other);
        }
        match common_shape(self.shape(), other.shape()) {
            Ok(shape) => self.stretch(shape).apply2(Op::Binary(op), other.stretch(shape)),
            Err(fault) => {
                let at = Location::caller();
                let nodes = self.graph.nodes();
                let operands =
                    [self, other].map(|e| crate::error::Operand { name: nodes.label(e.id), shape: e.shape() }).to_vec();
                drop(nodes);
                self.poisoned(EngineError::Shape { op: op.name(), name: None, operands, fault, at })
            }
        }
    }
}

/// The shape that both can be repeated to.
fn common_shape(a: Shape, b: Shape) -> Result<Shape, ShapeFault> {
    let rank = a.rank().max(b.rank());
    let size = |shape: Shape, from_end| if from_end > shape.rank() { 1 } else { shape.size(shape.rank() - from_end) };
    let mut sizes = Vec::with_capacity(rank);
    for from_end in (1..=rank).rev() {
        sizes.push(match (size(a, from_end), size(b, from_end)) {
            (left, right) if left == right => left,
            (1, right) => right,
            (left, 1) => left,
            (left, right) => return Err(ShapeFault::Axis { from_end, left, right }),
        });
    }
    Shape::new(&sizes).ok_or(ShapeFault::TooLarge { wanted: sizes })
}

/// Facts about the node.
impl<'g> Expr<'g> {
    /// The position in the graph.
    pub fn id(self) -> NodeId {
        self.id
    }

    /// The graph that the value belongs to.
    pub fn graph(self) -> &'g Graph {
        self.graph
    }

    pub(crate) fn is_poison(self) -> bool {
        self.id == NodeId::POISON
    }

    /// The shape; that of a scalar if the value is poisoned.
    pub fn shape(self) -> Shape {
        if self.is_poison() { Shape::SCALAR } else { self.graph.nodes().shape(self.id) }
    }

    /// The size along `axis`; 1 if there is no such axis.
    pub fn size(self, axis: usize) -> usize {
        let shape = self.shape();
        if axis < shape.rank() { shape.size(axis) } else { 1 }
    }

    /// Gives the value a name, for messages and explanations.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.graph.edit(|nodes| nodes.set_name(self.id, name));
        self
    }

    /// The number, if this is a constant.
    pub(crate) fn as_constant(self) -> Option<f64> {
        if self.is_poison() { None } else { self.graph.nodes().constant(self.id) }
    }
}

/// Rearrangements.
impl<'g> Expr<'g> {
    /// The matrix product `self · other` over the last two axes; leading axes must be equal.
    #[track_caller]
    #[must_use]
    pub fn matmul(self, other: Self) -> Self {
        self.product(other, false, false)
    }

    #[track_caller]
    pub(crate) fn product(self, other: Self, left_transposed: bool, right_transposed: bool) -> Self {
        self.apply2(Op::Matmul(Matmul { left_transposed, right_transposed }), other)
    }

    /// The same elements in the same order under another shape.
    #[track_caller]
    #[must_use]
    pub fn reshape(self, sizes: &[usize]) -> Self {
        let Some(to) = Shape::new(sizes) else {
            return self.poisoned(shape_error(
                "reshape",
                ShapeFault::TooLarge { wanted: sizes.to_vec() },
                Location::caller(),
            ));
        };
        if to == self.shape() { self } else { self.apply(Op::Layout(Layout::Reshape { to })) }
    }

    /// Axis `i` of the result is axis `order[i]` of this.
    #[track_caller]
    #[must_use]
    pub fn transpose(self, order: &[usize]) -> Self {
        if order.len() != self.shape().rank() || order.iter().any(|&axis| axis >= MAX_RANK) {
            let fault = ShapeFault::Permutation { order: order.to_vec() };
            return self.poisoned(shape_error("transpose", fault, Location::caller()));
        }
        let mut packed = [0; MAX_RANK];
        for (slot, &axis) in packed.iter_mut().zip(order) {
            *slot = axis as u8;
        }
        self.apply(Op::Layout(Layout::Transpose { order: packed }))
    }

    /// The indices from `start` up to, but without, `end` along `axis`.
    #[track_caller]
    #[must_use]
    pub fn slice(self, axis: usize, start: usize, end: usize) -> Self {
        let limit = |n: usize| n.min(u32::MAX as usize) as u32;
        self.apply(Op::Layout(Layout::Slice { axis: axis.min(255) as u8, start: limit(start), end: limit(end) }))
    }

    /// Zeros before and after along `axis`.
    #[track_caller]
    #[must_use]
    pub fn pad(self, axis: usize, before: usize, after: usize) -> Self {
        let limit = |n: usize| n.min(u32::MAX as usize) as u32;
        let pad = Layout::Pad { axis: axis.min(255) as u8, before: limit(before), after: limit(after) };
        self.apply(Op::Layout(pad))
    }

    /// `parts` one after the other along `axis`.
    ///
    /// # Panics
    /// If there are no parts.
    #[track_caller]
    #[must_use]
    pub fn concat(parts: &[Self], axis: usize) -> Self {
        let first = parts[0];
        let op = Op::Layout(Layout::Concat { axis: axis.min(255) as u8 });
        if parts.iter().any(|part| !std::ptr::eq(part.graph, first.graph)) {
            return first.poisoned(EngineError::TwoGraphs { op: op.name(), at: Location::caller() });
        }
        let ids: Vec<NodeId> = parts.iter().map(|part| part.id).collect();
        first.push(op, &ids)
    }

    /// Repeats the value along the new axes of `to`.
    #[track_caller]
    pub(crate) fn spread(self, to: Shape, axes: Axes) -> Self {
        if axes.count() == 0 { self } else { self.apply(Op::Layout(Layout::Broadcast { to, axes })) }
    }

    /// Repeats the value to a shape that it is compatible with.
    #[track_caller]
    fn stretch(self, to: Shape) -> Self {
        let from = self.shape();
        let missing = to.rank() - from.rank();
        let is_new = |axis: usize| axis < missing || (from.size(axis - missing) == 1 && to.size(axis) != 1);
        let kept: Vec<usize> = (0..to.rank()).filter(|&axis| !is_new(axis)).map(|axis| to.size(axis)).collect();
        let mut value = self.reshape(&kept);
        let mut axis = 0;
        while axis < to.rank() {
            let end = (axis..to.rank()).find(|&a| !is_new(a)).unwrap_or(to.rank());
            if end > axis {
                // All axes before the run are in place already; the new ones after it are still missing.
                let sizes: Vec<usize> = (0..to.rank()).filter(|&a| a < end || !is_new(a)).map(|a| to.size(a)).collect();
                let shape = Shape::new(&sizes).expect("no larger than the whole");
                value = value.spread(shape, Axes::run(axis, end));
            }
            axis = end + 1;
        }
        value
    }
}

/// Reductions and indices.
impl<'g> Expr<'g> {
    #[track_caller]
    fn reduce(self, how: How, axes: &[usize]) -> Self {
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        axes.dedup();
        if self.is_poison() {
            return self;
        }
        let rank = self.shape().rank();
        if let Some(&axis) = axes.last().filter(|&&axis| axis >= rank) {
            let name = Op::Reduce(Reduce { how, axes: Axes::run(0, 0) }).name();
            return self.poisoned(shape_error(name, ShapeFault::NoAxis { axis, rank }, Location::caller()));
        }
        // From the last run of neighbours to the first, so that the axes still to come keep their numbers.
        let mut value = self;
        while let Some(&last) = axes.last() {
            let mut first = last;
            while axes.pop_if(|axis| *axis == first || *axis + 1 == first).is_some_and(|axis| {
                first = axis;
                true
            }) {}
            value = value.apply(Op::Reduce(Reduce { how, axes: Axes::run(first, last + 1) }));
        }
        value
    }

    #[track_caller]
    pub(crate) fn sum_run(self, axes: Axes) -> Self {
        self.apply(Op::Reduce(Reduce { how: How::Sum, axes }))
    }

    /// The sum over `axes`, which disappear.
    #[track_caller]
    #[must_use]
    pub fn sum(self, axes: &[usize]) -> Self {
        self.reduce(How::Sum, axes)
    }

    /// The sum of all elements, a scalar.
    #[track_caller]
    #[must_use]
    pub fn sum_all(self) -> Self {
        self.sum(&self.all_axes())
    }

    /// The largest over `axes`, which disappear. Elements that tie share the gradient equally.
    #[track_caller]
    #[must_use]
    pub fn max_over(self, axes: &[usize]) -> Self {
        self.reduce(How::Max, axes)
    }

    /// ln Σ eˣ over `axes`, which disappear.
    #[track_caller]
    #[must_use]
    pub fn log_sum_exp(self, axes: &[usize]) -> Self {
        self.reduce(How::LogSumExp, axes)
    }

    /// The position of the first maximum along `axis`, which disappears. It has no derivative.
    #[track_caller]
    #[must_use]
    pub fn arg_max(self, axis: usize) -> Self {
        self.reduce(How::ArgMax, &[axis])
    }

    pub(crate) fn all_axes(self) -> Vec<usize> {
        (0..self.shape().rank()).collect()
    }

    /// Rows by index: `[rows, …]` at indices `[i…]` is `[i…, …]`.
    #[track_caller]
    #[must_use]
    pub fn take(self, indices: Self) -> Self {
        self.apply2(Op::Index(Index::Take), indices)
    }

    /// Rows added into as many zeros as `rows` says: `[i…, …]` at indices `[i…]` is `[rows, …]`.
    #[track_caller]
    #[must_use]
    pub fn scatter_add(self, indices: Self, rows: usize) -> Self {
        self.apply2(Op::Index(Index::ScatterAdd { rows: rows.min(u32::MAX as usize) as u32 }), indices)
    }

    /// One element of each last axis: `[…, size]` at indices `[…]` is `[…]`.
    #[track_caller]
    #[must_use]
    pub fn pick(self, indices: Self) -> Self {
        self.apply2(Op::Index(Index::Pick), indices)
    }

    /// 1 at the index in a last axis of `size`, 0 elsewhere: indices `[…]` give `[…, size]`.
    #[track_caller]
    #[must_use]
    pub fn one_hot(self, size: usize) -> Self {
        if self.is_poison() {
            return self;
        }
        self.lit(1.0).apply2(Op::Index(Index::Place { size: size.min(u32::MAX as usize) as u32 }), self)
    }
}

impl Expr<'_> {
    /// The value to go on with after a broken rule of a composed operation.
    #[track_caller]
    pub(crate) fn refused(self, op: &'static str, fault: ShapeFault) -> Self {
        let at = Location::caller();
        let operands = vec![crate::error::Operand { name: self.graph.nodes().label(self.id), shape: self.shape() }];
        self.poisoned(EngineError::Shape { op, name: None, operands, fault, at })
    }
}

macro_rules! unary_methods {
    ($($method:ident $variant:ident;)*) => {$(
        #[track_caller]
        fn $method(self) -> Self {
            self.apply(Op::Unary(Unary::$variant))
        }
    )*};
}

macro_rules! binary_methods {
    ($($method:ident $variant:ident;)*) => {$(
        #[track_caller]
        fn $method(self, other: Self) -> Self {
            self.binary(Binary::$variant, other)
        }
    )*};
}

impl Arith for Expr<'_> {
    #[track_caller]
    fn lit(self, value: f64) -> Self {
        if self.is_poison() {
            return self;
        }
        let (shape, at) = (self.shape(), Location::caller());
        Self { graph: self.graph, id: self.graph.edit(|nodes| nodes.literal(value, shape, at)) }
    }
    unary_methods! {
        exp Exp; log Log; sqrt Sqrt; abs Abs; sin Sin; cos Cos; tan Tan; atan Atan; tanh Tanh; sigmoid Sigmoid;
        softplus Softplus; relu Relu; erf Erf; floor Floor; sign Sign; step Step;
    }
    binary_methods! { pow Pow; min Min; max Max; mask Mask; eq Eq; }
}

impl Neg for Expr<'_> {
    type Output = Self;
    #[track_caller]
    fn neg(self) -> Self {
        self.apply(Op::Unary(Unary::Neg))
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $variant:ident;)*) => {$(
        impl $trait for Expr<'_> {
            type Output = Self;
            #[track_caller]
            fn $method(self, other: Self) -> Self {
                self.binary(Binary::$variant, other)
            }
        }

        impl $trait<f64> for Expr<'_> {
            type Output = Self;
            #[track_caller]
            fn $method(self, number: f64) -> Self {
                self.binary(Binary::$variant, self.lit(number))
            }
        }

        impl<'g> $trait<Expr<'g>> for f64 {
            type Output = Expr<'g>;
            #[track_caller]
            fn $method(self, value: Expr<'g>) -> Expr<'g> {
                value.lit(self).binary(Binary::$variant, value)
            }
        }
    )*};
}

operators! { Add add Add; Sub sub Sub; Mul mul Mul; Div div Div; }

impl fmt::Debug for Expr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_poison() {
            return f.write_str("poisoned");
        }
        let nodes = self.graph.nodes();
        let inputs: Vec<String> = nodes.inputs(self.id).iter().map(|&i| nodes.label(i)).collect();
        let node = nodes.node(self.id);
        write!(f, "{} = {} : {}", nodes.label(self.id), node.op.formula(&inputs), node.shape)
    }
}
