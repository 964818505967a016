//! The same numbers in another arrangement. Each of these is linear, and the adjoint of each is another of them (or a
//! sum).

use super::reduce::How;
use super::{Derivative, Domain, Edge, IndexFault, Io, Op, Reduce, Rule, Specimen, small_shape};
use crate::error::ShapeFault;
use crate::shape::{Axes, MAX_RANK, Shape};
use chainrule_kernels::{Real, reduce};

/// A rearrangement. Ranges along an axis run from `start` up to, but without, `end`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Layout {
    /// Repeats the value along new axes. The adjoint is the sum over them.
    Broadcast {
        /// The shape of the result.
        to: Shape,
        /// Which of its axes are new.
        axes: Axes,
    },
    /// The same elements in the same order under another shape. The adjoint is the reshape back.
    Reshape {
        /// The shape of the result.
        to: Shape,
    },
    /// Axis `i` of the result is axis `order[i]` of the input. The adjoint is the inverse order.
    Transpose {
        /// The order of the axes; only as many entries count as there are axes.
        order: [u8; MAX_RANK],
    },
    /// A range along one axis. The adjoint is [`Layout::Pad`].
    Slice {
        /// The axis.
        axis: u8,
        /// The first index kept.
        start: u32,
        /// One past the last index kept.
        end: u32,
    },
    /// Zeros before and after along one axis. The adjoint is [`Layout::Slice`].
    Pad {
        /// The axis.
        axis: u8,
        /// How many zeros before.
        before: u32,
        /// How many zeros after.
        after: u32,
    },
    /// The inputs one after the other along one axis. The adjoint gives each its slice.
    Concat {
        /// The axis.
        axis: u8,
    },
}

fn one_axis(axis: u8) -> Axes {
    Axes::run(axis as usize, axis as usize + 1)
}

/// The shape with another size along `axis`.
fn resized(shape: Shape, axis: u8, size: usize) -> Result<Shape, ShapeFault> {
    let mut sizes = shape.to_vec();
    sizes[axis as usize] = size;
    Shape::new(&sizes).ok_or(ShapeFault::TooLarge { wanted: sizes })
}

fn has_axis(shape: Shape, axis: u8) -> Result<(), ShapeFault> {
    let (axis, rank) = (axis as usize, shape.rank());
    if axis < rank { Ok(()) } else { Err(ShapeFault::NoAxis { axis, rank }) }
}

fn concat_shape(axis: u8, inputs: &[Shape]) -> Result<Shape, ShapeFault> {
    let first = *inputs.first().ok_or(ShapeFault::Empty)?;
    has_axis(first, axis)?;
    let mut total = 0;
    for &other in inputs {
        if other.rank() != first.rank() {
            return Err(ShapeFault::Rank { expected: "as many axes in each part", found: other.rank() });
        }
        for (i, (left, right)) in first.sizes().zip(other.sizes()).enumerate() {
            if i != axis as usize && left != right {
                return Err(ShapeFault::Axis { from_end: first.rank() - i, left, right });
            }
        }
        total += other.size(axis as usize);
    }
    resized(first, axis, total)
}

fn transposed_shape(order: [u8; MAX_RANK], input: Shape) -> Result<Shape, ShapeFault> {
    let order = &order[..input.rank()];
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    if sorted.iter().enumerate().any(|(i, &axis)| axis as usize != i) {
        return Err(ShapeFault::Permutation { order: order.iter().map(|&a| a as usize).collect() });
    }
    let sizes: Vec<usize> = order.iter().map(|&axis| input.size(axis as usize)).collect();
    Ok(Shape::new(&sizes).expect("the same sizes"))
}

fn inverse(order: [u8; MAX_RANK], rank: usize) -> [u8; MAX_RANK] {
    let mut back = [0; MAX_RANK];
    for (i, &axis) in order[..rank].iter().enumerate() {
        back[axis as usize] = i as u8;
    }
    back
}

impl Rule for Layout {
    fn name(self) -> &'static str {
        match self {
            Self::Broadcast { .. } => "broadcast",
            Self::Reshape { .. } => "reshape",
            Self::Transpose { .. } => "transpose",
            Self::Slice { .. } => "slice",
            Self::Pad { .. } => "pad",
            Self::Concat { .. } => "concat",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Broadcast { .. } => "repeats the value along new axes; the adjoint is sum",
            Self::Reshape { .. } => "the same elements under another shape; the adjoint is the reshape back",
            Self::Transpose { .. } => "the axes in another order; the adjoint is the inverse order",
            Self::Slice { .. } => "a range along one axis; the adjoint is pad",
            Self::Pad { .. } => "zeros before and after along one axis; the adjoint is slice",
            Self::Concat { .. } => "values one after the other along one axis; the adjoint is a slice for each",
        }
    }

    fn shape(self, inputs: &[Shape]) -> Result<Shape, ShapeFault> {
        let input = inputs.first().copied().unwrap_or_default();
        match self {
            Self::Broadcast { to, axes } => {
                let fits = axes.end() <= to.rank() && to.without(axes) == input;
                if fits { Ok(to) } else { Err(ShapeFault::Different) }
            }
            Self::Reshape { to } => {
                let fits = to.len() == input.len();
                if fits { Ok(to) } else { Err(ShapeFault::Elements { wanted: to.to_vec() }) }
            }
            Self::Transpose { order } => transposed_shape(order, input),
            Self::Slice { axis, start, end } => {
                has_axis(input, axis)?;
                let (size, start, end) = (input.size(axis as usize), start as usize, end as usize);
                if start > end || end > size {
                    return Err(ShapeFault::Range { axis: axis as usize, start, end, size });
                }
                resized(input, axis, end - start)
            }
            Self::Pad { axis, before, after } => {
                has_axis(input, axis)?;
                resized(input, axis, before as usize + input.size(axis as usize) + after as usize)
            }
            Self::Concat { axis } => concat_shape(axis, inputs),
        }
    }

    fn forward<T: Real>(&self, io: Io<'_, T>) -> Result<(), IndexFault> {
        let x = (io.inputs)(0);
        match *self {
            Self::Broadcast { to, axes } => {
                let (_, len, inner) = to.around(axes);
                reduce::broadcast(x, len, inner, io.out);
            }
            Self::Reshape { .. } => io.out.copy_from_slice(x),
            Self::Transpose { order } => transpose(x, io.shapes[0], order, io.out),
            Self::Slice { axis, start, end } => {
                let (_, len, inner) = io.shapes[0].around(one_axis(axis));
                let width = (end - start) as usize * inner;
                copy_blocks(x, (len * inner, start as usize * inner), io.out, (width, 0), width);
            }
            Self::Pad { axis, before, .. } => {
                let (_, len, inner) = io.shapes[0].around(one_axis(axis));
                let (_, padded, _) = io.shape.around(one_axis(axis));
                io.out.fill(T::ZERO);
                copy_blocks(x, (len * inner, 0), io.out, (padded * inner, before as usize * inner), len * inner);
            }
            Self::Concat { axis } => {
                let (_, total, inner) = io.shape.around(one_axis(axis));
                let mut at = 0;
                for (i, shape) in io.shapes.iter().enumerate() {
                    let width = shape.size(axis as usize) * inner;
                    copy_blocks((io.inputs)(i), (width, 0), io.out, (total * inner, at), width);
                    at += width;
                }
            }
        }
        Ok(())
    }

    fn derivative<'g>(self, edge: &Edge<'g, '_>) -> Derivative<'g> {
        let input = edge.inputs[edge.slot].shape();
        let pile = edge.pile;
        Derivative::Adjoint(match self {
            Self::Broadcast { axes, .. } => pile.apply(Op::Reduce(Reduce { how: How::Sum, axes })),
            Self::Reshape { .. } => pile.apply(Op::Layout(Self::Reshape { to: input })),
            Self::Transpose { order } => {
                pile.apply(Op::Layout(Self::Transpose { order: inverse(order, input.rank()) }))
            }
            Self::Slice { axis, start, end } => {
                let after = input.size(axis as usize) as u32 - end;
                pile.apply(Op::Layout(Self::Pad { axis, before: start, after }))
            }
            Self::Pad { axis, before, .. } => {
                let end = before + input.size(axis as usize) as u32;
                pile.apply(Op::Layout(Self::Slice { axis, start: before, end }))
            }
            Self::Concat { axis } => {
                let size = |part: &crate::Expr<'g>| part.shape().size(axis as usize) as u32;
                let start = edge.inputs[..edge.slot].iter().map(size).sum();
                let end = start + size(&edge.inputs[edge.slot]);
                pile.apply(Op::Layout(Self::Slice { axis, start, end }))
            }
        })
    }

    fn cost(self, _: &[Shape], _: Shape) -> u64 {
        0
    }

    fn formula(self, inputs: &[String]) -> String {
        let x = inputs.first().map_or("", String::as_str);
        match self {
            Self::Broadcast { to, .. } => format!("{x} repeated to {to}"),
            Self::Reshape { to } => format!("{x} as {to}"),
            Self::Transpose { .. } => format!("{x} with its axes reordered"),
            Self::Slice { axis, start, end } => format!("{x}, {start}..{end} of axis {axis}"),
            Self::Pad { axis, before, after } => format!("{x} with {before} zeros before, {after} after, axis {axis}"),
            Self::Concat { axis } => format!("{} joined along axis {axis}", inputs.join(", ")),
        }
    }
}

/// Copies `width` elements of every block: blocks are `from.0` apart, starting at `from.1`; likewise `to`.
fn copy_blocks<T: Real>(x: &[T], from: (usize, usize), out: &mut [T], to: (usize, usize), width: usize) {
    if width == 0 {
        return;
    }
    for (source, target) in x.chunks_exact(from.0).zip(out.chunks_exact_mut(to.0)) {
        target[to.1..to.1 + width].copy_from_slice(&source[from.1..from.1 + width]);
    }
}

fn transpose<T: Real>(x: &[T], shape: Shape, order: [u8; MAX_RANK], out: &mut [T]) {
    let rank = shape.rank();
    let mut strides = [1; MAX_RANK];
    for axis in (0..rank.saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1] * shape.size(axis + 1);
    }
    let step = |i: usize| strides[order[i] as usize];
    let mut index = [0; MAX_RANK];
    let mut at = 0;
    for o in out {
        *o = x[at];
        // Counts up like an odometer, keeping the position in `x` beside it.
        for i in (0..rank).rev() {
            index[i] += 1;
            at += step(i);
            if index[i] < shape.size(order[i] as usize) {
                break;
            }
            at -= step(i) * index[i];
            index[i] = 0;
        }
    }
}

pub(super) fn specimens(dice: &mut dyn FnMut(usize) -> usize) -> Vec<Specimen> {
    let rank = 1 + dice(4);
    let shape = small_shape(rank, dice);
    let axis = dice(rank) as u8;
    let size = shape.size(axis as usize);
    let start = dice(size);
    let end = start + 1 + dice(size - start);
    let mut order: [u8; MAX_RANK] = std::array::from_fn(|i| i as u8);
    for i in (1..rank).rev() {
        order.swap(i, dice(i + 1));
    }
    let new_axes = Axes::run(axis as usize, axis as usize + 1 + dice(rank - axis as usize));
    let flat = Shape::new(&[shape.len()]).expect("small");
    let other = resized(shape, axis, 1 + dice(4)).expect("small");
    let (start, end) = (start as u32, end as u32);
    let one = |layout, shape| Specimen { op: Op::Layout(layout), inputs: vec![(shape, Domain::Between(-2.0, 2.0))] };
    vec![
        one(Layout::Broadcast { to: shape, axes: new_axes }, shape.without(new_axes)),
        one(Layout::Reshape { to: flat }, shape),
        one(Layout::Transpose { order }, shape),
        one(Layout::Slice { axis, start, end }, shape),
        one(Layout::Pad { axis, before: dice(3) as u32, after: dice(3) as u32 }, shape),
        Specimen {
            op: Op::Layout(Layout::Concat { axis }),
            inputs: [shape, other, shape].map(|s| (s, Domain::Between(-2.0, 2.0))).to_vec(),
        },
    ]
}
