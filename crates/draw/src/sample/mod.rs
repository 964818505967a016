//! A sample on its way through a network, forward and back: the layers as columns of neurons or of channels, as a picture
//! and as a page that shows the equation of each neuron with the numbers of this sample.

mod data;
mod fold;
mod page;
mod picture;
mod place;

pub use fold::{Fold, MOST_COLUMNS, MOST_DRAWN, fold};
pub use page::sample_page;
pub use picture::sample_svg;
pub use place::{Columns, Mark};

use crate::Form;

/// A sample with every number that its way through a network has. Nothing but sums of terms that are not listed one by
/// one is computed from them.
#[derive(Clone, Debug)]
pub struct Sample<'a> {
    /// What it is, in a line.
    pub title: String,
    /// What there is to say of it: headings and what belongs under them.
    pub facts: Vec<[String; 2]>,
    /// The names of the inputs, if they have some.
    pub input_names: &'a [String],
    /// The names of what the outputs stand for.
    pub output_names: &'a [String],
    /// The form of the inputs.
    pub form: Form,
    /// The inputs x.
    pub inputs: &'a [f64],
    /// ∂C/∂x.
    pub input_gradient: &'a [f64],
    /// The layers from the first to the last.
    pub layers: Vec<SampleLayer<'a>>,
}

/// A layer, with what the sample makes of it. The numbers of planes stand one plane after the other, `[channels, height,
/// width]`.
#[derive(Clone, Debug)]
pub struct SampleLayer<'a> {
    /// The layer in words.
    pub words: String,
    /// The name of its activation.
    pub activation: &'a str,
    /// The form of z and of all that has its shape.
    pub form: Form,
    /// z.
    pub z: &'a [f64],
    /// a = activation(z).
    pub a: &'a [f64],
    /// ∂C/∂a.
    pub handed_down: &'a [f64],
    /// activation′(z).
    pub slope: &'a [f64],
    /// δ = ∂C/∂z.
    pub delta: &'a [f64],
    /// The pool of a and its form, if there is one.
    pub pooled: Option<(Form, &'a [f64])>,
    /// W `[inputs, outputs]`; of a convolution `[outputs, channels / groups, height, width]`.
    pub weights: &'a [f32],
    /// ∂C/∂W, of the same shape.
    pub weight_gradient: &'a [f64],
    /// b `[outputs]`.
    pub biases: &'a [f32],
    /// ∂C/∂b `[outputs]`.
    pub bias_gradient: &'a [f64],
    /// How a kernel moves, if it is a convolution.
    pub kernel: Option<Kernel>,
    /// What its norm does, if there is one.
    pub norm: Option<Normed<'a>>,
    /// How many layers, this one included, its residual link passes, if it has one.
    pub residual: Option<usize>,
}

/// How a kernel moves; pairs are height, width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its cells.
    pub size: [usize; 2],
    /// Cells from one position to the next.
    pub stride: [usize; 2],
    /// Zeros on either side.
    pub padding: [usize; 2],
    /// From one cell of the kernel to the next.
    pub dilation: [usize; 2],
    /// Into how many parts the channels fall.
    pub groups: usize,
}

/// What a norm does to the weighted sums.
#[derive(Clone, Debug)]
pub struct Normed<'a> {
    /// Its name.
    pub name: &'a str,
    /// g `[outputs]`.
    pub gains: &'a [f32],
    /// The weighted sums.
    pub sums: &'a [f64],
    /// The sums, normalised.
    pub normal: &'a [f64],
    /// ∂C/∂(sums).
    pub sums_gradient: &'a [f64],
}

impl<'a> Sample<'a> {
    /// What layer `at` (from 0) takes.
    fn below(&self, at: usize) -> (Form, &'a [f64]) {
        match at.checked_sub(1).map(|below| &self.layers[below]) {
            None => (self.form, self.inputs),
            Some(layer) => layer.pooled.unwrap_or((layer.form, layer.a)),
        }
    }

    /// How much the cost would change, to first order, without each number of a column: |a · ∂C/∂a|. Column 0 are the
    /// inputs.
    fn weight_in_cost(&self, column: usize) -> Vec<f64> {
        let (values, gradient) = match column.checked_sub(1).map(|at| &self.layers[at]) {
            None => (self.inputs, self.input_gradient),
            Some(layer) => (layer.a, layer.handed_down),
        };
        values.iter().zip(gradient).map(|(value, gradient)| (value * gradient).abs()).collect()
    }

    /// The form of a column. Column 0 are the inputs.
    fn column_form(&self, column: usize) -> Form {
        column.checked_sub(1).map_or(self.form, |at| self.layers[at].form)
    }

    /// How many columns there are.
    fn columns(&self) -> usize {
        self.layers.len() + 1
    }
}

impl SampleLayer<'_> {
    /// What comes down to the weighted sums: δ, or what a norm leaves of it.
    fn sums_gradient(&self) -> &[f64] {
        self.norm.as_ref().map_or(self.delta, |norm| norm.sums_gradient)
    }

    /// The weight from number `below` to neuron `at`, of a dense layer.
    fn weight(&self, below: usize, at: usize) -> f64 {
        f64::from(self.weights[below * self.z.len() + at])
    }
}
