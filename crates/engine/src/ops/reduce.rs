//! Sums, maxima and their relatives over a run of neighbouring axes. The axes disappear from the shape.

use super::{Derivative, Domain, Edge, IndexFault, Io, Op, Rule, Specimen, small_shape};
use crate::error::ShapeFault;
use crate::expr::Expr;
use crate::ops::arith::Arith;
use crate::shape::{Axes, Shape};
use chainrule_kernels::{Real, reduce};

/// How the elements along the axes become one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum How {
    /// Σ x. Its adjoint is [`super::Layout::Broadcast`] over the same axes.
    Sum,
    /// max x; elements that tie share the gradient equally.
    Max,
    /// ln Σ eˣ, computed with the maximum taken out.
    LogSumExp,
    /// The position of the first maximum. It has no derivative.
    ArgMax,
}

/// A reduction over the axes of a run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Reduce {
    /// How.
    pub how: How,
    /// Over which axes.
    pub axes: Axes,
}

impl Rule for Reduce {
    fn name(self) -> &'static str {
        match self.how {
            How::Sum => "sum",
            How::Max => "max_over",
            How::LogSumExp => "log_sum_exp",
            How::ArgMax => "arg_max",
        }
    }

    fn about(self) -> &'static str {
        match self.how {
            How::Sum => "Σ x over neighbouring axes; the adjoint is broadcast",
            How::Max => "the largest over neighbouring axes; a tie shares the gradient equally",
            How::LogSumExp => "ln Σ eˣ over neighbouring axes, without overflow; its gradient is softmax",
            How::ArgMax => "the position of the first maximum; it has no derivative",
        }
    }

    fn shape(self, inputs: &[Shape]) -> Result<Shape, ShapeFault> {
        let rank = inputs[0].rank();
        if self.axes.end() > rank {
            return Err(ShapeFault::NoAxis { axis: self.axes.end() - 1, rank });
        }
        let (_, len, _) = inputs[0].around(self.axes);
        if len == 0 && self.how != How::Sum {
            return Err(ShapeFault::Empty);
        }
        Ok(inputs[0].without(self.axes))
    }

    fn forward<T: Real>(&self, io: Io<'_, T>) -> Result<(), IndexFault> {
        let (_, len, inner) = io.shapes[0].around(self.axes);
        let x = (io.inputs)(0);
        match self.how {
            How::Sum => reduce::sum(x, len, inner, io.out),
            How::Max => reduce::max(x, len, inner, io.out),
            How::LogSumExp => reduce::log_sum_exp(x, len, inner, io.out),
            How::ArgMax => reduce::arg_max(x, len, inner, io.out),
        }
        Ok(())
    }

    fn derivative<'g>(self, edge: &Edge<'g, '_>) -> Derivative<'g> {
        let x = edge.inputs[0];
        let spread = |value: Expr<'g>| value.spread(x.shape(), self.axes);
        Derivative::Adjoint(match self.how {
            How::Sum => spread(edge.pile),
            How::Max => {
                let winners = Arith::eq(x, spread(edge.output));
                spread(edge.pile / winners.sum_run(self.axes)) * winners
            }
            How::LogSumExp => spread(edge.pile) * (x - spread(edge.output)).exp(),
            How::ArgMax => return Derivative::Missing("argument"),
        })
    }

    fn cost(self, inputs: &[Shape], _: Shape) -> u64 {
        let per_element = if self.how == How::LogSumExp { 3 } else { 1 };
        per_element * inputs[0].len() as u64
    }

    fn formula(self, inputs: &[String]) -> String {
        let sign = match self.how {
            How::Sum => "Σ",
            How::Max => "max",
            How::LogSumExp => "log Σ exp",
            How::ArgMax => "arg max",
        };
        format!("{sign} {} over {}", inputs[0], self.axes)
    }
}

pub(super) fn specimens(dice: &mut dyn FnMut(usize) -> usize) -> Vec<Specimen> {
    let mut all = Vec::new();
    for how in [How::Sum, How::Max, How::LogSumExp] {
        let rank = 1 + dice(4);
        let start = dice(rank);
        let axes = Axes::run(start, start + 1 + dice(rank - start));
        let inputs = vec![(small_shape(rank, dice), Domain::Between(-2.0, 2.0))];
        all.push(Specimen { op: Op::Reduce(Reduce { how, axes }), inputs });
    }
    all
}
