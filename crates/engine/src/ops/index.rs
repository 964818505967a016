//! Elements picked out or put down by index. An index is a whole number kept in the session's number type.
//!
//! Each is linear in its first argument, and each is another's adjoint: [`Index::Take`] ↔ [`Index::ScatterAdd`],
//! [`Index::Pick`] ↔ [`Index::Place`]. None has a derivative by its indices.

use super::{Derivative, Domain, Edge, IndexFault, Io, Op, Rule, Specimen, small_shape};
use crate::error::ShapeFault;
use crate::shape::Shape;
use chainrule_kernels::Real;

/// An operation by index. The first input holds the values, the second the indices.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Index {
    /// Rows by index: `[rows, …]` and indices `[i…]` give `[i…, …]`.
    Take,
    /// Rows added into zeros: `[i…, …]` and indices `[i…]` give `[rows, …]`.
    ScatterAdd {
        /// How many rows the result has.
        rows: u32,
    },
    /// One element of each last axis: `[…, size]` and indices `[…]` give `[…]`.
    Pick,
    /// Each element put into a last axis of zeros: `[…]` and indices `[…]` give `[…, size]`. Of ones, it is one-hot.
    Place {
        /// The size of the last axis.
        size: u32,
    },
}

/// The whole number in `value`, if it is one below `size`.
fn index<T: Real>(value: T, size: usize) -> Result<usize, IndexFault> {
    let index = value.to_f64();
    let whole = index as usize;
    if whole < size && whole as f64 == index { Ok(whole) } else { Err(IndexFault { index, size }) }
}

fn joined(first: Shape, rest: impl Iterator<Item = usize>) -> Result<Shape, ShapeFault> {
    let sizes: Vec<usize> = first.sizes().chain(rest).collect();
    Shape::new(&sizes).ok_or(ShapeFault::TooLarge { wanted: sizes })
}

impl Index {
    /// The size of the axis that the indices point into.
    pub(crate) fn axis_size(self, inputs: &[Shape]) -> usize {
        match self {
            Self::Take => inputs[0].size(0),
            Self::ScatterAdd { rows } => rows as usize,
            Self::Pick => inputs[0].size(inputs[0].rank() - 1),
            Self::Place { size } => size as usize,
        }
    }
}

impl Rule for Index {
    fn name(self) -> &'static str {
        match self {
            Self::Take => "take",
            Self::ScatterAdd { .. } => "scatter_add",
            Self::Pick => "pick",
            Self::Place { .. } => "place",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Take => "rows by index; the adjoint is scatter_add; no derivative by the indices",
            Self::ScatterAdd { .. } => "rows added into zeros by index; the adjoint is take",
            Self::Pick => "one element of each last axis by index; the adjoint is place",
            Self::Place { .. } => {
                "each element into a last axis of zeros by index (of ones: one-hot); the adjoint is pick"
            }
        }
    }

    fn shape(self, inputs: &[Shape]) -> Result<Shape, ShapeFault> {
        let (values, indices) = (inputs[0], inputs[1]);
        if matches!(self, Self::Take | Self::Pick) && values.rank() == 0 {
            return Err(ShapeFault::Rank { expected: "one axis or more", found: 0 });
        }
        if self == Self::Pick && self.axis_size(inputs) == 0 && !indices.is_empty() {
            return Err(ShapeFault::Empty);
        }
        match self {
            Self::Take => joined(indices, values.sizes().skip(1)),
            Self::ScatterAdd { rows } => {
                let leading = indices.rank();
                if values.rank() < leading || !values.sizes().take(leading).eq(indices.sizes()) {
                    return Err(ShapeFault::Different);
                }
                let sizes: Vec<usize> = [rows as usize].into_iter().chain(values.sizes().skip(leading)).collect();
                Shape::new(&sizes).ok_or(ShapeFault::TooLarge { wanted: sizes })
            }
            Self::Pick => {
                let fits = values.sizes().take(values.rank() - 1).eq(indices.sizes());
                if fits { Ok(indices) } else { Err(ShapeFault::Different) }
            }
            Self::Place { size } => {
                if values != indices {
                    return Err(ShapeFault::Different);
                }
                joined(values, [size as usize].into_iter())
            }
        }
    }

    fn forward<T: Real>(&self, io: Io<'_, T>) -> Result<(), IndexFault> {
        let (values, indices) = ((io.inputs)(0), (io.inputs)(1));
        let size = self.axis_size(io.shapes);
        match *self {
            Self::Take => {
                let width = values.len().checked_div(size).unwrap_or(0);
                for (i, &at) in indices.iter().enumerate() {
                    let row = index(at, size)? * width;
                    io.out[i * width..(i + 1) * width].copy_from_slice(&values[row..row + width]);
                }
            }
            Self::ScatterAdd { .. } => {
                io.out.fill(T::ZERO);
                let width = io.out.len().checked_div(size).unwrap_or(0);
                for (i, &at) in indices.iter().enumerate() {
                    let row = index(at, size)? * width;
                    for (o, &v) in io.out[row..row + width].iter_mut().zip(&values[i * width..]) {
                        *o += v;
                    }
                }
            }
            Self::Pick => {
                for ((o, &at), row) in io.out.iter_mut().zip(indices).zip(values.chunks_exact(size.max(1))) {
                    *o = row[index(at, size)?];
                }
            }
            Self::Place { .. } => {
                io.out.fill(T::ZERO);
                for (i, (&at, &v)) in indices.iter().zip(values).enumerate() {
                    io.out[i * size + index(at, size)?] = v;
                }
            }
        }
        Ok(())
    }

    fn derivative<'g>(self, edge: &Edge<'g, '_>) -> Derivative<'g> {
        if edge.slot == 1 {
            return Derivative::Missing("indices");
        }
        let size = self.axis_size(&[edge.inputs[0].shape(), edge.inputs[1].shape()]) as u32;
        let adjoint = match self {
            Self::Take => Self::ScatterAdd { rows: size },
            Self::ScatterAdd { .. } => Self::Take,
            Self::Pick => Self::Place { size },
            Self::Place { .. } => Self::Pick,
        };
        Derivative::Adjoint(edge.pile.apply2(Op::Index(adjoint), edge.inputs[1]))
    }

    fn cost(self, inputs: &[Shape], _: Shape) -> u64 {
        if matches!(self, Self::ScatterAdd { .. }) { inputs[0].len() as u64 } else { 0 }
    }

    fn formula(self, inputs: &[String]) -> String {
        let (values, indices) = (&inputs[0], &inputs[1]);
        match self {
            Self::Take => format!("rows {indices} of {values}"),
            Self::ScatterAdd { rows } => format!("{values} added into rows {indices} of {rows}"),
            Self::Pick => format!("{values} at {indices}"),
            Self::Place { size } => format!("{values} at {indices} of {size}, else 0"),
        }
    }
}

pub(super) fn specimens(dice: &mut dyn FnMut(usize) -> usize) -> Vec<Specimen> {
    let values = Domain::Between(-2.0, 2.0);
    let leading_rank = dice(3);
    let leading = small_shape(leading_rank, dice);
    let size = 1 + dice(4);
    let trailing_rank = dice(3);
    let trailing = small_shape(trailing_rank, dice);
    let indices = (leading, Domain::Indices(size));
    let with_size = joined(leading, [size].into_iter()).expect("small");
    let rows = joined(Shape::new(&[size]).expect("small"), trailing.sizes()).expect("small");
    let taken = joined(leading, trailing.sizes()).expect("small");
    let each = |op, shape| Specimen { op: Op::Index(op), inputs: vec![(shape, values), indices] };
    vec![
        each(Index::Take, rows),
        each(Index::ScatterAdd { rows: size as u32 }, taken),
        each(Index::Pick, with_size),
        each(Index::Place { size: size as u32 }, leading),
    ]
}
