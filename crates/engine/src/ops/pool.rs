//! The largest under each position of a window, and the linear maps between cells and positions that belong to it.
//!
//! [`Pool::Pick`] and [`Pool::Spread`] take the values that choose as first and those that move as second argument.
//! They are linear in the second, each the other's adjoint, and steps in the first: there the derivative is 0.

use super::conv::{Steps, small_steps};
use super::{Derivative, Domain, Edge, IndexFault, Io, Op, Rule, Specimen};
use crate::error::ShapeFault;
use crate::ops::arith::Arith;
use crate::shape::Shape;
use chainrule_kernels::{Real, conv::Window};

/// What goes where.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Pool {
    /// The largest: one argument.
    Max,
    /// The second argument where the first is largest.
    Pick,
    /// The second argument, a number for each position, added to where the first is largest.
    Spread,
}

/// The maximum over windows of the last two of four axes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MaxPool {
    /// What it computes.
    pub pool: Pool,
    /// Height and width of the window.
    pub window: [u16; 2],
    /// How the window moves.
    pub steps: Steps,
}

impl MaxPool {
    fn sizes(self, x: Shape) -> Result<Window, ShapeFault> {
        if x.rank() != 4 {
            return Err(ShapeFault::Rank { expected: "four axes", found: x.rank() });
        }
        let window = self.steps.window([x.size(2), x.size(3)], self.window.map(usize::from))?;
        for axis in 0..2 {
            if self.window[axis] == u16::MAX {
                return Err(ShapeFault::Setting { setting: "window", least: 1, most: usize::from(u16::MAX - 1) });
            }
            // A window in the padding alone would have no largest.
            let (padding, cells) = (window.padding[axis], window.kernel[axis]);
            if padding >= cells {
                return Err(ShapeFault::Setting { setting: "padding", least: 0, most: cells - 1 });
            }
        }
        Ok(window)
    }

    fn with(self, pool: Pool) -> Op {
        Op::MaxPool(Self { pool, ..self })
    }
}

impl Rule for MaxPool {
    fn name(self) -> &'static str {
        match self.pool {
            Pool::Max => "max_pool2d",
            Pool::Pick => "max_pool2d_pick",
            Pool::Spread => "max_pool2d_spread",
        }
    }

    fn about(self) -> &'static str {
        match self.pool {
            Pool::Max => "the largest under each position of a window; the gradient goes to the first of a tie",
            Pool::Pick => {
                "b where a is first the largest under each position of a window; the adjoint is max_pool2d_spread"
            }
            Pool::Spread => {
                "b added into zeros where a is first the largest under each position of a window; the adjoint is \
                 max_pool2d_pick"
            }
        }
    }

    fn shape(self, inputs: &[Shape]) -> Result<Shape, ShapeFault> {
        let (x, window) = (inputs[0], self.sizes(inputs[0])?);
        let sizes = [x.size(0), x.size(1), window.output[0], window.output[1]];
        let output = Shape::new(&sizes).ok_or_else(|| ShapeFault::TooLarge { wanted: sizes.to_vec() })?;
        match self.pool {
            Pool::Max => Ok(output),
            Pool::Pick if inputs[1] == x => Ok(output),
            Pool::Spread if inputs[1] == output => Ok(x),
            Pool::Pick | Pool::Spread => Err(ShapeFault::Different),
        }
    }

    fn forward<T: Real>(&self, io: Io<'_, T>) -> Result<(), IndexFault> {
        let window = self.sizes(io.shapes[0]).expect("the shapes were checked when the node was written");
        let x = (io.inputs)(0);
        match self.pool {
            Pool::Max => window.max(x, io.out),
            Pool::Pick => window.pick_largest(x, (io.inputs)(1), io.out),
            Pool::Spread => window.spread_largest(x, (io.inputs)(1), io.out, io.scratch, io.finish),
        }
        Ok(())
    }

    fn derivative<'g>(self, edge: &Edge<'g, '_>) -> Derivative<'g> {
        let (x, pile) = (edge.inputs[0], edge.pile);
        Derivative::Adjoint(match (self.pool, edge.slot) {
            (Pool::Max, _) | (Pool::Pick, 1) => x.apply2(self.with(Pool::Spread), pile),
            (Pool::Spread, 1) => x.apply2(self.with(Pool::Pick), pile),
            (Pool::Pick | Pool::Spread, _) => x.lit(0.0),
        })
    }

    fn cost(self, inputs: &[Shape], _: Shape) -> u64 {
        let cells: usize = self.window.map(usize::from).iter().product();
        let positions = self.with(Pool::Max).shape(&inputs[..1]).map_or(0, |shape| shape.len());
        positions as u64 * cells as u64
    }

    fn scratch<T: Real>(self, inputs: &[Shape], room: usize) -> usize {
        let window = self.sizes(inputs[0]).expect("the shapes were checked when the node was written");
        if self.pool == Pool::Spread { window.spread_scratch(inputs[0].len(), room) } else { 0 }
    }

    /// Planes.
    fn part(self, shape: Shape) -> Option<usize> {
        (self.pool == Pool::Spread).then(|| shape.size(2) * shape.size(3))
    }

    fn formula(self, inputs: &[String]) -> String {
        let [height, width] = self.window;
        match self.pool {
            Pool::Max => format!("max {} in {height}×{width}", inputs[0]),
            Pool::Pick => format!("{} at max {} in {height}×{width}", inputs[1], inputs[0]),
            Pool::Spread => format!("{} to max {} in {height}×{width}", inputs[1], inputs[0]),
        }
    }
}

pub(super) fn specimens(dice: &mut dyn FnMut(usize) -> usize) -> Vec<Specimen> {
    let (mut steps, input, kernel) = small_steps(dice);
    let cells = [0, 1].map(|axis| kernel[axis].max(usize::from(steps.padding[axis]) + 1));
    steps.dilation = [1, 1];
    let input = [0, 1].map(|axis| input[axis] + cells[axis]);
    let output = steps.window(input, cells).expect("it fits").output;
    let (batch, channels) = (1 + dice(2), 1 + dice(2));
    let shape = |[height, width]: [usize; 2]| {
        (Shape::new(&[batch, channels, height, width]).expect("small"), Domain::Between(-2.0, 2.0))
    };
    let each = |pool, inputs| {
        let op = Op::MaxPool(MaxPool { pool, window: cells.map(|n| n as u16), steps });
        Specimen { op, inputs }
    };
    vec![
        each(Pool::Max, vec![shape(input)]),
        each(Pool::Pick, vec![shape(input), shape(input)]),
        each(Pool::Spread, vec![shape(input), shape(output)]),
    ]
}
