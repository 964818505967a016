//! One layer: weighted sums (of all inputs, or of what lies under a kernel), perhaps normalised or with what an earlier
//! layer took added, an activation, and a pool.

use crate::activation::Activation;
use crate::norm::Norm;
use chainrule_engine::{Convolution, Expr};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A layer: z = x·W + b with W `[inputs, outputs]`, or z = x ∗ W + b with W `[outputs, channels / groups, height, width]`
/// where it has a kernel; a = activation(z); and then, if it has a pool, one number for each position of its window.
///
/// With a norm, z = g ⊙ norm(x·W) + b, with a gain g for each channel. With a residual link, what an earlier layer took is
/// added to z (He et al. 2016).
///
/// ```
/// # use chainrule::{Activation::Relu, Architecture, Layer, Norm};
/// let layer = Layer::conv(16, [3, 3]).padding([1, 1]).norm(Norm::Batch).activation(Relu).max_pool([2, 2]).dropout(0.1);
/// let text = "conv 3x3 16 pad 1, batchnorm, relu, maxpool 2, dropout 0.1";
/// assert_eq!(text.parse::<Architecture>()?, Architecture::Layers { input: None, layers: vec![layer] });
/// assert_eq!(layer.to_string(), text);
/// # Ok::<(), chainrule::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Layer {
    /// Number of neurons, or of the channels of a convolution.
    pub outputs: usize,
    /// What is applied to z.
    pub activation: Activation,
    /// What a neuron sees; all inputs if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Kernel>,
    /// What is done to x·W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm: Option<Norm>,
    /// How many layers, this one included, are passed by a link from what the first of them takes to z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual: Option<usize>,
    /// What is done to a.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// The share of what the layer gives that each training step sets to 0; that of the recipe if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
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
    /// From one cell of the kernel to the next.
    #[serde(default = "one_by_one")]
    pub dilation: [usize; 2],
    /// Into how many parts the channels fall.
    pub groups: usize,
}

/// One number for each position of a window. Pairs are height, width.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pool {
    /// Which number.
    pub kind: PoolKind,
    /// The cells of the window; [`Pool::WHOLE`] for the whole plane.
    pub size: [usize; 2],
    /// Cells from one position to the next.
    pub stride: [usize; 2],
    /// Cells on either side that count nothing.
    #[serde(default)]
    pub padding: [usize; 2],
}

fn one_by_one() -> [usize; 2] {
    [1, 1]
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
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stage {
    /// The layer; a pool of the whole plane has its size.
    pub layer: Layer,
    /// What it takes.
    pub input: SampleShape,
    /// The form of z and a.
    pub z: SampleShape,
    /// What it gives.
    pub output: SampleShape,
}

/// Operations of a norm for each number: the two moments, the shift, the scale and the gain.
const NORM_OPERATIONS: usize = 6;

/// No side of a plane, kernel or window is longer.
const MOST_SIDE: usize = 60_000;

impl Layer {
    /// A layer of neurons that see all inputs.
    pub const fn dense(outputs: usize, activation: Activation) -> Self {
        Self { outputs, activation, kernel: None, norm: None, residual: None, pool: None, dropout: None }
    }

    /// A convolution into so many channels with a kernel of height and width, without padding.
    pub const fn conv(outputs: usize, size: [usize; 2]) -> Self {
        let kernel = Kernel { size, stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 };
        Self { kernel: Some(kernel), ..Self::dense(outputs, Activation::Identity) }
    }

    /// With zeros on either side along height and width, if it is a convolution.
    #[must_use]
    pub const fn padding(mut self, padding: [usize; 2]) -> Self {
        if let Some(kernel) = &mut self.kernel {
            kernel.padding = padding;
        }
        self
    }

    /// With so many cells from one position to the next along height and width, if it is a convolution.
    #[must_use]
    pub const fn stride(mut self, stride: [usize; 2]) -> Self {
        if let Some(kernel) = &mut self.kernel {
            kernel.stride = stride;
        }
        self
    }

    /// With a norm.
    #[must_use]
    pub const fn norm(self, norm: Norm) -> Self {
        Self { norm: Some(norm), ..self }
    }

    /// With a link that passes so many layers, this one included.
    #[must_use]
    pub const fn residual(self, layers: usize) -> Self {
        Self { residual: Some(layers), ..self }
    }

    /// With an activation.
    #[must_use]
    pub const fn activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// With the largest of each window, which do not overlap.
    #[must_use]
    pub const fn max_pool(self, size: [usize; 2]) -> Self {
        let pool = Pool { kind: PoolKind::Max, size, stride: size, padding: [0, 0] };
        Self { pool: Some(pool), ..self }
    }

    /// With the mean of each plane.
    #[must_use]
    pub const fn global_average(self) -> Self {
        let pool = Pool { kind: PoolKind::Average, size: Pool::WHOLE, stride: [1, 1], padding: [0, 0] };
        Self { pool: Some(pool), ..self }
    }

    /// With a share of what it gives set to 0 in each step of training.
    #[must_use]
    pub const fn dropout(self, share: f64) -> Self {
        Self { dropout: Some(share), ..self }
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
                let [h, w] = kernel.over([height, width])?;
                (input, SampleShape::Planes([self.outputs, h, w]))
            }
        };
        if let Some(norm) = self.norm {
            norm.check(self.outputs)?;
        }
        if self.dropout.is_some_and(|share| !(0.0..1.0).contains(&share)) {
            return Err("the share of a dropout is at least 0 and below 1".to_owned());
        }
        let (pool, output) = match self.pool {
            None => (None, z),
            Some(pool) => {
                let [c, height, width] = planes(z, "a pool")?;
                let pool = pool.on([height, width]);
                let [h, w] = moved([height, width], pool.size, pool.stride, pool.padding, "window")?;
                (Some(pool), SampleShape::Planes([c, h, w]))
            }
        };
        Ok(Stage { layer: Self { pool, ..self }, input, z, output })
    }
}

impl Kernel {
    /// The positions along height and width of a plane.
    fn over(&self, plane: [usize; 2]) -> Result<[usize; 2], String> {
        let Self { size, stride, padding, dilation, .. } = *self;
        if dilation.into_iter().any(|cells| cells == 0 || cells > MOST_SIDE) {
            return Err(format!("a dilation is from 1 to {MOST_SIDE}"));
        }
        let spanned = [0, 1].map(|axis| size[axis].saturating_sub(1).saturating_mul(dilation[axis]).saturating_add(1));
        if size.contains(&0) {
            return Err("a kernel has at least one cell".to_owned());
        }
        moved(plane, spanned, stride, padding, "kernel")
    }
}

impl Pool {
    /// The size of a window over the whole plane.
    pub const WHOLE: [usize; 2] = [0, 0];

    /// The pool on planes of this height and width.
    fn on(self, plane: [usize; 2]) -> Self {
        if self.size == Self::WHOLE { Self { size: plane, ..self } } else { self }
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
    /// it is used, an addition for each bias, one for each activation, about six for each number that is normalised, one for
    /// each link, one for each cell that a pool looks at.
    pub fn operations(&self) -> usize {
        let active = usize::from(self.layer.activation != Activation::Identity)
            + usize::from(self.layer.residual.is_some())
            + if self.layer.norm.is_some() { NORM_OPERATIONS } else { 0 };
        let pooled = self.layer.pool.map_or(0, |pool| self.output.len() * pool.size[0] * pool.size[1]);
        2 * self.z.len() * self.fan().0 + self.z.len() * (1 + active) + pooled
    }

    /// x·W or x ∗ W, of x, which has the form of the input.
    #[track_caller]
    pub(crate) fn weigh<'g>(&self, x: Expr<'g>, weight: Expr<'g>) -> Expr<'g> {
        match self.layer.kernel {
            None => x.matmul(weight),
            Some(Kernel { stride, padding, dilation, groups, .. }) => {
                x.conv2d(weight, Convolution { stride, padding, dilation, groups })
            }
        }
    }

    /// Numbers, one a channel, in a shape that meets the channels of z.
    #[track_caller]
    pub(crate) fn by_channel<'g>(&self, numbers: Expr<'g>) -> Expr<'g> {
        match self.z {
            SampleShape::Flat(_) => numbers,
            SampleShape::Planes(_) => numbers.reshape(&[self.layer.outputs, 1, 1]),
        }
    }

    /// The pieces of the block of parameters that it has: weights, and for each channel biases, gains, running means and
    /// variances.
    pub fn kinds(&self) -> &'static [&'static str] {
        match self.layer.norm {
            None => &["w", "b"],
            Some(Norm::Batch) => &["w", "b", "g", "m", "v"],
            Some(_) => &["w", "b", "g"],
        }
    }

    /// How many numbers it has in the block of parameters.
    pub(crate) fn numbers(&self) -> usize {
        self.weights() + (self.kinds().len() - 1) * self.layer.outputs
    }

    /// How many gains it has: one a channel where there is a norm.
    pub fn gains(&self) -> usize {
        if self.layer.norm.is_some() { self.layer.outputs } else { 0 }
    }

    /// The share of what it gives that training sets to 0, where the recipe says `usual` of hidden layers.
    pub(crate) fn dropout(&self, usual: f64, is_hidden: bool) -> f64 {
        self.layer.dropout.unwrap_or(if is_hidden { usual } else { 0.0 })
    }

    /// What the layer gives, from a.
    #[track_caller]
    pub(crate) fn pooled<'g>(&self, a: Expr<'g>) -> Expr<'g> {
        match self.layer.pool {
            None => a,
            Some(Pool { kind: PoolKind::Max, size, stride, padding }) => a.max_pool2d(size, stride, padding),
            Some(Pool { kind: PoolKind::Average, size, stride, padding }) => a.avg_pool2d(size, stride, padding),
        }
    }
}
