//! One layer: weighted sums (of all inputs, or of what lies under a kernel), an activation, and a pool.

use crate::activation::Activation;
use chainrule_engine::{Convolution, Expr};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A layer: z = x·W + b with W `[inputs, outputs]`, or z = x ∗ W + b with W `[outputs, channels / groups, height, width]`
/// where it has a kernel; a = activation(z); and then, if it has a pool, one number for each position of its window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Layer {
    /// Number of neurons, or of the channels of a convolution.
    pub outputs: usize,
    /// What is applied to z.
    pub activation: Activation,
    /// What a neuron sees; all inputs if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Kernel>,
    /// What is done to a.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
}

/// The kernel of a convolution. Pairs are height, width.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kernel {
    /// Its cells.
    pub size: [usize; 2],
    /// Cells from one position to the next.
    pub stride: [usize; 2],
    /// Zeros on either side.
    pub padding: [usize; 2],
    /// Into how many parts the channels fall.
    pub groups: usize,
}

/// One number for each position of a window. Pairs are height, width.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pool {
    /// Which number.
    pub kind: PoolKind,
    /// The cells of the window.
    pub size: [usize; 2],
    /// Cells from one position to the next.
    pub stride: [usize; 2],
}

/// What a pool takes of the cells under its window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// The largest.
    Max,
    /// The mean.
    Average,
}

/// How the numbers of one sample are arranged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SampleShape {
    /// So many numbers.
    Flat(usize),
    /// Channels, height, width.
    Planes([usize; 3]),
}

/// A layer in its network: what it takes and gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stage {
    /// The layer.
    pub layer: Layer,
    /// What it takes.
    pub input: SampleShape,
    /// The form of z and a.
    pub z: SampleShape,
    /// What it gives.
    pub output: SampleShape,
}

/// No side of a plane, kernel or window is longer.
const MOST_SIDE: usize = 60_000;

impl Layer {
    /// A layer of neurons that see all inputs.
    pub const fn dense(outputs: usize, activation: Activation) -> Self {
        Self { outputs, activation, kernel: None, pool: None }
    }

    /// The layer above what has the form `input`; or why it cannot stand there.
    pub(crate) fn above(self, input: SampleShape) -> Result<Stage, String> {
        if self.outputs == 0 {
            return Err("a layer of 0 neurons computes nothing".to_owned());
        }
        let (input, z) = match self.kernel {
            None => (SampleShape::Flat(input.len()), SampleShape::Flat(self.outputs)),
            Some(kernel) => {
                let channels = planes(input, "a convolution")?;
                let [c, height, width] = channels;
                let groups = kernel.groups;
                if groups == 0 || !c.is_multiple_of(groups) || !self.outputs.is_multiple_of(groups) {
                    return Err(format!("{groups} groups do not divide {c} channels into {}", self.outputs));
                }
                let [h, w] = moved([height, width], kernel.size, kernel.stride, kernel.padding, "kernel")?;
                (input, SampleShape::Planes([self.outputs, h, w]))
            }
        };
        let output = match self.pool {
            None => z,
            Some(pool) => {
                let [c, height, width] = planes(z, "a pool")?;
                let [h, w] = moved([height, width], pool.size, pool.stride, [0, 0], "window")?;
                SampleShape::Planes([c, h, w])
            }
        };
        Ok(Stage { layer: self, input, z, output })
    }
}

/// Channels, height and width of a form that has them.
fn planes(form: SampleShape, what: &str) -> Result<[usize; 3], String> {
    match form {
        SampleShape::Planes(planes) => Ok(planes),
        SampleShape::Flat(count) => Err(format!(
            "{what} moves over planes, and below it are {count} numbers without height and width: give it images, or put \
             it before the dense layers"
        )),
    }
}

/// The positions along height and width.
fn moved(
    input: [usize; 2],
    size: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    what: &str,
) -> Result<[usize; 2], String> {
    let mut positions = [0; 2];
    for axis in 0..2 {
        let (n, cells, stride, padding) = (input[axis], size[axis], stride[axis], padding[axis]);
        if cells == 0 || stride == 0 || [n, cells, stride, padding].into_iter().any(|side| side > MOST_SIDE) {
            return Err(format!("sizes and strides are from 1 to {MOST_SIDE}"));
        }
        if padding >= cells {
            return Err(format!(
                "padding of {padding} beside a {what} of {cells}: at the edge it would see nothing else"
            ));
        }
        let Some(free) = (n + 2 * padding).checked_sub(cells) else {
            let [height, width] = input;
            return Err(format!("a {what} of {}x{} is larger than the plane of {height}x{width}", size[0], size[1]));
        };
        positions[axis] = free / stride + 1;
    }
    Ok(positions)
}

impl SampleShape {
    /// How many numbers.
    pub fn len(self) -> usize {
        match self {
            Self::Flat(count) => count,
            Self::Planes(sizes) => sizes.into_iter().fold(1, usize::saturating_mul),
        }
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// `x` `[batch, …]` with this form for each sample.
    #[track_caller]
    pub(crate) fn of<'g>(self, x: Expr<'g>) -> Expr<'g> {
        let batch = x.size(0);
        match self {
            Self::Flat(_) if x.shape().rank() == 2 => x,
            Self::Planes(_) if x.shape().rank() == 4 => x,
            Self::Flat(count) => x.reshape(&[batch, count]),
            Self::Planes([c, h, w]) => x.reshape(&[batch, c, h, w]),
        }
    }
}

/// `784`, or `1x28x28`.
impl fmt::Display for SampleShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flat(count) => write!(f, "{count}"),
            Self::Planes([c, h, w]) => write!(f, "{c}x{h}x{w}"),
        }
    }
}

impl Stage {
    /// The shape of the weights, from the first axis on.
    pub fn weight_shape(&self) -> ([usize; 4], usize) {
        match (self.layer.kernel, self.input) {
            (Some(kernel), SampleShape::Planes([c, ..])) => {
                ([self.layer.outputs, c / kernel.groups, kernel.size[0], kernel.size[1]], 4)
            }
            _ => ([self.input.len(), self.layer.outputs, 1, 1], 2),
        }
    }

    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.weight_shape().0.into_iter().fold(1, usize::saturating_mul)
    }

    /// How many inputs a neuron sees, and how many neurons see an input (at most): what initialisers go by.
    pub(crate) fn fan(&self) -> (usize, usize) {
        match self.layer.kernel {
            None => (self.input.len(), self.layer.outputs),
            Some(kernel) => {
                let (shape, _) = self.weight_shape();
                let cells = shape[2] * shape[3];
                (shape[1] * cells, self.layer.outputs / kernel.groups * cells)
            }
        }
    }

    /// Floating-point operations for a sample: a multiplication and an addition for each weight and each place where
    /// it is used, an addition for each bias, one for each activation, one for each cell that a pool looks at.
    pub fn operations(&self) -> usize {
        let active = usize::from(self.layer.activation != Activation::Identity);
        let pooled = self.layer.pool.map_or(0, |pool| self.output.len() * pool.size[0] * pool.size[1]);
        2 * self.z.len() * self.fan().0 + self.z.len() * (1 + active) + pooled
    }

    /// z of x, which has the form of the input.
    #[track_caller]
    pub(crate) fn weigh<'g>(&self, x: Expr<'g>, weight: Expr<'g>, bias: Expr<'g>) -> Expr<'g> {
        match self.layer.kernel {
            None => x.matmul(weight) + bias,
            Some(Kernel { stride, padding, groups, .. }) => {
                let how = Convolution { stride, padding, groups, ..Convolution::default() };
                x.conv2d(weight, how) + bias.reshape(&[self.layer.outputs, 1, 1])
            }
        }
    }

    /// What the layer gives, from a.
    #[track_caller]
    pub(crate) fn pooled<'g>(&self, a: Expr<'g>) -> Expr<'g> {
        match self.layer.pool {
            None => a,
            Some(Pool { kind: PoolKind::Max, size, stride }) => a.max_pool2d(size, stride, [0, 0]),
            Some(Pool { kind: PoolKind::Average, size, stride }) => a.avg_pool2d(size, stride, [0, 0]),
        }
    }
}

/// As it is read: `conv 5x5 6, relu, maxpool 2`.
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kernel {
            None => write!(f, "dense {}", self.outputs)?,
            Some(Kernel { size, stride, padding, groups }) => {
                write!(f, "conv {}x{} {}", size[0], size[1], self.outputs)?;
                setting(f, "stride", stride, [1, 1])?;
                setting(f, "pad", padding, [0, 0])?;
                if groups != 1 {
                    write!(f, " groups {groups}")?;
                }
            }
        }
        if self.activation != Activation::Identity {
            write!(f, ", {}", self.activation)?;
        }
        let Some(Pool { kind, size, stride }) = self.pool else { return Ok(()) };
        let name = if kind == PoolKind::Max { "maxpool" } else { "avgpool" };
        write!(f, ", ")?;
        setting(f, name, size, [0, 0])?;
        setting(f, "stride", stride, size)
    }
}

/// ` stride 2`, unless it is the usual one. The blank before a name that begins an item is left out.
fn setting(f: &mut fmt::Formatter<'_>, name: &str, pair: [usize; 2], usual: [usize; 2]) -> fmt::Result {
    let blank = if name.ends_with("pool") { "" } else { " " };
    match pair {
        pair if pair == usual => Ok(()),
        [a, b] if a == b => write!(f, "{blank}{name} {a}"),
        [a, b] => write!(f, "{blank}{name} {a}x{b}"),
    }
}
