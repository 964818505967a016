//! Convolution in two dimensions: the product of weights with what lies under each position of a kernel.
//!
//! It is linear in its input and in its weights, and so are its two adjoints. The three are one form
//! Σ p · w · x with one factor left out, so each is what the derivatives of the other two are written with.

use super::{Derivative, Domain, Edge, IndexFault, Io, Op, Rule, Specimen};
use crate::error::ShapeFault;
use crate::shape::Shape;
use chainrule_kernels::Real;
use chainrule_kernels::conv as kernel;

/// How a kernel moves over a padded plane. Pairs are height, width.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Steps {
    /// Cells from one position to the next.
    pub stride: [u16; 2],
    /// Cells of padding on either side.
    pub padding: [u16; 2],
    /// Cells of the plane from one cell of the kernel to the next.
    pub dilation: [u16; 2],
}

/// How a convolution moves, as it is asked for. Pairs are height, width.
///
/// ```
/// # use chainrule_engine::Convolution;
/// let halved = Convolution { stride: [2, 2], padding: [1, 1], ..Convolution::default() };
/// assert_eq!((halved.dilation, halved.groups), ([1, 1], 1));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Convolution {
    /// Cells from one position of the kernel to the next, from 1.
    pub stride: [usize; 2],
    /// Cells of zeros on either side.
    pub padding: [usize; 2],
    /// Cells of the plane from one cell of the kernel to the next, from 1.
    pub dilation: [usize; 2],
    /// Into how many parts the channels fall; as many as there are channels is a depthwise convolution.
    pub groups: usize,
}

impl Default for Convolution {
    fn default() -> Self {
        Self { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 }
    }
}

impl Convolution {
    pub(crate) fn op(self, factor: Factor) -> Op {
        let steps = Steps::new(self.stride, self.padding, self.dilation);
        Op::Conv(Conv { steps, groups: self.groups.min(u32::MAX as usize) as u32, factor })
    }
}

/// What is computed from the two factors that are given.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Factor {
    /// The convolution, of input and weights.
    Output,
    /// The adjoint by the input, of pile and weights. It is also called transposed convolution.
    Input([u32; 2]),
    /// The adjoint by the weights, of input and pile.
    Weights([u32; 2]),
}

/// A convolution of `[batch, channels, height, width]` with `[outputs, channels / groups, height, width]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Conv {
    /// How the kernel moves.
    pub steps: Steps,
    /// Into how many parts the channels fall.
    pub groups: u32,
    /// Which factor it computes, with the height and width that the others do not tell.
    pub factor: Factor,
}

impl Steps {
    /// A number that is too large becomes the largest, which [`Steps::window`] refuses.
    pub(crate) fn new(stride: [usize; 2], padding: [usize; 2], dilation: [usize; 2]) -> Self {
        let [stride, padding, dilation] = [stride, padding, dilation].map(|pair| pair.map(limited));
        Self { stride, padding, dilation }
    }

    /// The movement over planes of this size, unless the kernel does not fit.
    pub(super) fn window(self, input: [usize; 2], kernel: [usize; 2]) -> Result<kernel::Window, ShapeFault> {
        let mut output = [0; 2];
        for axis in 0..2 {
            let [stride, padding, dilation] =
                [self.stride, self.padding, self.dilation].map(|pair| usize::from(pair[axis]));
            for (setting, value, least) in [("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1)] {
                if value < least || value == usize::from(u16::MAX) {
                    return Err(ShapeFault::Setting { setting, least, most: usize::from(u16::MAX - 1) });
                }
            }
            let (size, cells) = (input[axis], kernel[axis]);
            let fault = ShapeFault::Kernel { axis: axis + 2, kernel: cells, dilation, size, padding };
            let span = cells.checked_sub(1).and_then(|gaps| gaps.checked_mul(dilation));
            let free = size.checked_add(2 * padding).zip(span).and_then(|(padded, span)| padded.checked_sub(span));
            let Some(free) = free.filter(|&free| free > 0) else { return Err(fault) };
            output[axis] = (free - 1) / stride + 1;
        }
        let [stride, padding, dilation] = [self.stride, self.padding, self.dilation].map(|pair| pair.map(usize::from));
        Ok(kernel::Window { input, kernel, output, stride, padding, dilation })
    }
}

pub(crate) fn limited(n: usize) -> u16 {
    n.min(u16::MAX.into()) as u16
}

fn plane(shape: Shape) -> [usize; 2] {
    [shape.size(2), shape.size(3)]
}

/// The sizes as a shape counts them.
fn pair(sizes: [usize; 2]) -> [u32; 2] {
    sizes.map(|size| u32::try_from(size).expect("a size of a shape"))
}

fn equal(what: &'static str, wanted: usize, found: usize) -> Result<(), ShapeFault> {
    if wanted == found { Ok(()) } else { Err(ShapeFault::Fit { what, wanted, found }) }
}

impl Conv {
    /// All sizes, from the shapes of the two factors given.
    fn sizes(self, inputs: &[Shape]) -> Result<kernel::Conv, ShapeFault> {
        let (a, b, groups) = (inputs[0], inputs[1], self.groups as usize);
        if let Some(other) = [a, b].iter().find(|shape| shape.rank() != 4) {
            return Err(ShapeFault::Rank { expected: "four axes on each side", found: other.rank() });
        }
        if groups == 0 {
            return Err(ShapeFault::Setting { setting: "groups", least: 1, most: u32::MAX as usize });
        }
        let (channels, outputs, input, kernel) = match self.factor {
            Factor::Output => (a.size(1), b.size(0), plane(a), plane(b)),
            Factor::Input(size) => {
                equal("channels of the left shape", b.size(0), a.size(1))?;
                let channels = b.size(1).saturating_mul(groups);
                (channels, b.size(0), size.map(|n| n as usize), plane(b))
            }
            Factor::Weights(size) => {
                equal("pictures of the right shape", a.size(0), b.size(0))?;
                (a.size(1), b.size(1), plane(a), size.map(|n| n as usize))
            }
        };
        if !channels.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
            return Err(ShapeFault::Groups { groups, channels, outputs });
        }
        if self.factor == Factor::Output {
            equal("channels of the right shape (channels of the left / groups)", channels / groups, b.size(1))?;
        }
        let window = self.steps.window(input, kernel)?;
        let given = match self.factor {
            Factor::Output => window.output,
            Factor::Input(_) => plane(a),
            Factor::Weights(_) => plane(b),
        };
        equal("height of the pile", window.output[0], given[0])?;
        equal("width of the pile", window.output[1], given[1])?;
        // A row of columns is the least that a block can be.
        let row = [channels / groups, kernel[0], kernel[1], window.output[1]];
        Shape::new(&row).ok_or_else(|| ShapeFault::TooLarge { wanted: row.to_vec() })?;
        Ok(kernel::Conv { batch: a.size(0), channels, outputs, groups, window })
    }

    fn checked(self, inputs: &[Shape]) -> kernel::Conv {
        self.sizes(inputs).expect("the shapes were checked when the node was written")
    }

    fn with(self, factor: Factor) -> Op {
        Op::Conv(Self { factor, ..self })
    }
}

impl Rule for Conv {
    fn name(self) -> &'static str {
        match self.factor {
            Factor::Output => "conv2d",
            Factor::Input(_) => "conv_transpose2d",
            Factor::Weights(_) => "conv2d_by_weights",
        }
    }

    fn about(self) -> &'static str {
        match self.factor {
            Factor::Output => {
                "Σ a[b, c, p·stride + i·dilation − padding, …] · b[o, c, i, j] over c, i, j, zero outside a; \
                 the adjoints are conv_transpose2d and conv2d_by_weights"
            }
            Factor::Input(_) => "the adjoint of conv2d by its input, also called transposed convolution",
            Factor::Weights(_) => "the adjoint of conv2d by its weights: input and pile give weights",
        }
    }

    fn shape(self, inputs: &[Shape]) -> Result<Shape, ShapeFault> {
        let kernel::Conv { batch, channels, outputs, groups, window } = self.sizes(inputs)?;
        let (a, b, [height, width]) = match self.factor {
            Factor::Output => (batch, outputs, window.output),
            Factor::Input(_) => (batch, channels, window.input),
            Factor::Weights(_) => (outputs, channels / groups, window.kernel),
        };
        let sizes = [a, b, height, width];
        Shape::new(&sizes).ok_or_else(|| ShapeFault::TooLarge { wanted: sizes.to_vec() })
    }

    fn forward<T: Real>(&self, io: Io<'_, T>) -> Result<(), IndexFault> {
        let (conv, a, b) = (self.checked(io.shapes), (io.inputs)(0), (io.inputs)(1));
        match self.factor {
            Factor::Output => conv.forward(a, b, io.out, io.scratch, io.finish),
            Factor::Input(_) => conv.by_input(a, b, io.out, io.scratch, io.finish),
            Factor::Weights(_) => conv.by_weights(a, b, io.out, io.scratch),
        }
        Ok(())
    }

    /// With x, w and p for input, weights and pile: each result is the derivative of Σ p · w · x by the factor that is
    /// not given, and what a given factor receives is the same form with the pile in the place of that factor.
    fn derivative<'g>(self, edge: &Edge<'g, '_>) -> Derivative<'g> {
        let (a, b, pile) = (edge.inputs[0], edge.inputs[1], edge.pile);
        let (input, weights) = (
            |x: Shape| self.with(Factor::Input(pair(plane(x)))),
            |w: Shape| self.with(Factor::Weights(pair(plane(w)))),
        );
        let output = self.with(Factor::Output);
        Derivative::Adjoint(match (self.factor, edge.slot) {
            (Factor::Output, 0) => pile.apply2(input(a.shape()), b),
            (Factor::Output, _) => a.apply2(weights(b.shape()), pile),
            (Factor::Input(_), 0) => pile.apply2(output, b),
            (Factor::Input(_), _) => pile.apply2(weights(b.shape()), a),
            (Factor::Weights(_), 0) => b.apply2(input(a.shape()), pile),
            (Factor::Weights(_), _) => a.apply2(output, pile),
        })
    }

    fn cost(self, inputs: &[Shape], _: Shape) -> u64 {
        let conv = self.checked(inputs);
        let positions: usize = conv.window.output.iter().product();
        [conv.batch, conv.outputs, positions, conv.depth()]
            .iter()
            .fold(2, |cost: u64, &n| cost.saturating_mul(n as u64))
    }

    fn scratch<T: Real>(self, inputs: &[Shape], room: usize) -> usize {
        let conv = self.checked(inputs);
        match self.factor {
            Factor::Weights(_) => conv.scratch_by_weights::<T>(),
            Factor::Output | Factor::Input(_) => conv.scratch::<T>(room),
        }
    }

    /// Pictures.
    fn part(self, shape: Shape) -> Option<usize> {
        match self.factor {
            Factor::Weights(_) => None,
            Factor::Output | Factor::Input(_) => shape.len().checked_div(shape.size(0)),
        }
    }

    fn formula(self, inputs: &[String]) -> String {
        let sign = match self.factor {
            Factor::Output => "∗",
            Factor::Input(_) => "∗ᵀ",
            Factor::Weights(_) => "∗ʷ",
        };
        format!("{} {sign} {}", inputs[0], inputs[1])
    }
}

/// Random steps and a kernel, and planes that it fits.
pub(super) fn small_steps(dice: &mut dyn FnMut(usize) -> usize) -> (Steps, [usize; 2], [usize; 2]) {
    let mut two = |least: usize, choices: usize| [least + dice(choices), least + dice(choices)];
    let (kernel, [stride, padding, dilation]) = (two(1, 3), [two(1, 3), two(0, 3), two(1, 2)]);
    let spare = two(0, 3);
    let input = [0, 1].map(|axis| {
        let span = (kernel[axis] - 1) * dilation[axis] + 1;
        span.saturating_sub(2 * padding[axis]).max(1) + spare[axis]
    });
    (Steps::new(stride, padding, dilation), input, kernel)
}

pub(super) fn specimens(dice: &mut dyn FnMut(usize) -> usize) -> Vec<Specimen> {
    let (steps, input, kernel) = small_steps(dice);
    let (groups, batch) = (1 + dice(2), 1 + dice(2));
    let (per_group, outputs) = (1 + dice(2), groups * (1 + dice(2)));
    let output = steps.window(input, kernel).expect("it fits").output;
    let shape = |a: usize, b: usize, [height, width]: [usize; 2]| {
        (Shape::new(&[a, b, height, width]).expect("small"), Domain::Between(-2.0, 2.0))
    };
    let (x, w, y) =
        (shape(batch, groups * per_group, input), shape(outputs, per_group, kernel), shape(batch, outputs, output));
    let each = |factor, a, b| {
        let op = Op::Conv(Conv { steps, groups: groups as u32, factor });
        Specimen { op, inputs: vec![a, b] }
    };
    vec![each(Factor::Output, x, w), each(Factor::Input(pair(input)), y, w), each(Factor::Weights(pair(kernel)), x, y)]
}
