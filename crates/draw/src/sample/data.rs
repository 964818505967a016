//! The numbers of a sample for the script of its page.

use super::fold::largest;
use super::{Fold, Sample, SampleLayer};
use crate::Form;
use crate::number::Short;
use serde::Serialize;

/// The most terms of a sum that are listed.
const MOST_TERMS: usize = 4;
/// The most rows and columns of weights in a heat map, and the most cells of kernels.
const MOST_WEIGHTS: usize = 40;
const MOST_KERNEL_CELLS: usize = 4_096;
const MOST_SIDE: usize = 64;

/// Everything that the page shows of a sample when it is asked.
#[derive(Serialize)]
pub(super) struct Data<'a> {
    columns: Vec<Column<'a>>,
}

/// The inputs, or a layer.
#[derive(Serialize)]
struct Column<'a> {
    /// The sizes of the form: one, or channels, height and width.
    form: Vec<usize>,
    /// The neurons or channels whose numbers follow; all of them if it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<&'a [usize]>,
    drawn: &'a [usize],
    /// From one cell of a plane to the next that is here.
    step: usize,
    /// Names of what is kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<&'a str>,
    /// a, or x.
    a: Vec<Short>,
    /// δ, or ∂C/∂x.
    delta: Vec<Short>,
    #[serde(flatten)]
    layer: Option<Layer<'a>>,
    /// The sums that come down from a dense layer above.
    #[serde(skip_serializing_if = "Option::is_none")]
    up: Option<Terms>,
    /// Whether a residual link begins with what it gives.
    is_linked: bool,
}

/// What a layer has beside that.
#[derive(Serialize)]
struct Layer<'a> {
    words: &'a str,
    activation: &'a str,
    z: Vec<Short>,
    handed: Vec<Short>,
    slope: Vec<Short>,
    bias: Vec<Short>,
    bias_gradient: Vec<Short>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pooled: Option<Pooled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    norm: Option<Norm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    residual: Option<usize>,
    /// The weighted sums of a dense layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    down: Option<Terms>,
    /// The weights between the neurons that are drawn, below by here.
    #[serde(skip_serializing_if = "Option::is_none")]
    edges: Option<Weights>,
    /// The weights with the largest gradients, below by here.
    #[serde(skip_serializing_if = "Option::is_none")]
    heat: Option<Weights>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<Kernel>,
}

#[derive(Serialize)]
struct Pooled {
    form: Vec<usize>,
    step: usize,
    values: Vec<Short>,
}

#[derive(Serialize)]
struct Norm<'a> {
    name: &'a str,
    gain: Vec<Short>,
    sums: Vec<Short>,
    normal: Vec<Short>,
    sums_gradient: Vec<Short>,
}

/// The largest terms of each sum of a column: the position of the other end and the weight, and the sum of the others.
#[derive(Default, Serialize)]
struct Terms {
    at: Vec<Vec<usize>>,
    w: Vec<Vec<Short>>,
    rest: Vec<Short>,
}

/// Some weights and their gradients, row by row.
#[derive(Serialize)]
struct Weights {
    rows: Vec<usize>,
    cols: Vec<usize>,
    w: Vec<Short>,
    gradient: Vec<Short>,
}

/// Some kernels `[outputs, inputs, height, width]`.
#[derive(Serialize)]
struct Kernel {
    outputs: Vec<usize>,
    inputs: Vec<usize>,
    /// How many channels each kernel sees.
    sees: usize,
    size: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
    w: Vec<Short>,
    gradient: Vec<Short>,
}

/// Which numbers of a column the page has.
struct Kept<'a> {
    form: Form,
    kept: &'a [usize],
    step: usize,
}

impl Kept<'_> {
    fn has(&self, at: usize) -> bool {
        match self.form {
            Form::Flat(_) => self.kept.binary_search(&at).is_ok(),
            Form::Planes([_, height, width]) => {
                let (plane, cell) = (at / (height * width), at % (height * width));
                let [y, x] = [cell / width, cell % width];
                self.kept.binary_search(&plane).is_ok() && y.is_multiple_of(self.step) && x.is_multiple_of(self.step)
            }
        }
    }

    fn of(&self, values: &[f64]) -> Vec<Short> {
        let Form::Planes([_, height, width]) = self.form else {
            return self.kept.iter().map(|&at| Short(values[at])).collect();
        };
        let plane = |&plane: &usize| {
            let rows = values[plane * height * width..][..height * width].chunks(width).step_by(self.step);
            rows.flat_map(|row| row.iter().step_by(self.step)).map(|&v| Short(v)).collect::<Vec<_>>()
        };
        self.kept.iter().flat_map(plane).collect()
    }

    fn each(&self, values: &[f32]) -> Vec<Short> {
        self.kept.iter().map(|&at| Short(f64::from(values[at]))).collect()
    }
}

impl<'a> Data<'a> {
    pub(super) fn new(sample: &'a Sample<'a>, folds: &'a [Fold]) -> Self {
        Self { columns: (0..sample.columns()).map(|column| Column::new(sample, folds, column)).collect() }
    }
}

fn sizes(form: Form) -> Vec<usize> {
    match form {
        Form::Flat(count) => vec![count],
        Form::Planes(sizes) => sizes.to_vec(),
    }
}

/// What the page has of what layer `at` takes.
fn kept_below<'a>(sample: &Sample<'_>, folds: &'a [Fold], at: usize) -> Kept<'a> {
    let (form, fold) = (sample.below(at).0, &folds[at]);
    Kept { form, kept: &fold.kept, step: step(form, fold.step) }
}

/// From one cell that is kept to the next, where a pool may have made planes small enough.
fn step(form: Form, step: usize) -> usize {
    match form {
        Form::Planes([_, height, width]) if height.max(width) > MOST_SIDE => step,
        _ => 1,
    }
}

impl<'a> Column<'a> {
    fn new(sample: &'a Sample<'a>, folds: &'a [Fold], column: usize) -> Self {
        let fold = &folds[column];
        let kept = Kept { form: sample.column_form(column), kept: &fold.kept, step: fold.step };
        let layer = column.checked_sub(1).map(|at| &sample.layers[at]);
        let names = match column {
            0 => sample.input_names,
            _ if column == sample.layers.len() => sample.output_names,
            _ => &[],
        };
        let above = sample.layers.get(column).filter(|above| above.kernel.is_none());
        let up = above.filter(|_| matches!(kept.form, Form::Flat(_)));
        let begins =
            |at: usize, layer: &SampleLayer<'_>| layer.residual.is_some_and(|passed| at + 1 - passed == column);
        Self {
            form: sizes(kept.form),
            kept: (fold.kept.len() < fold.total).then_some(&fold.kept[..]),
            drawn: &fold.drawn,
            step: fold.step,
            names: fold.kept.iter().filter_map(|&at| names.get(at)).map(String::as_str).collect(),
            a: kept.of(layer.map_or(sample.inputs, |layer| layer.a)),
            delta: kept.of(layer.map_or(sample.input_gradient, |layer| layer.delta)),
            layer: layer.map(|layer| Layer::new(sample, folds, column, layer, &kept)),
            up: up.map(|above| {
                let here = Kept { form: above.form, kept: &folds[column + 1].kept, step: 1 };
                let deltas = above.sums_gradient();
                terms(kept.kept, &here, deltas.len(), |j, i| (above.weight(j, i), deltas[i]))
            }),
            is_linked: sample.layers.iter().enumerate().any(|(at, layer)| begins(at, layer)),
        }
    }
}

impl<'a> Layer<'a> {
    fn new(
        sample: &'a Sample<'a>,
        folds: &'a [Fold],
        column: usize,
        layer: &'a SampleLayer<'a>,
        kept: &Kept<'_>,
    ) -> Self {
        let below = kept_below(sample, folds, column - 1);
        let values = sample.below(column - 1).1;
        let is_dense = layer.kernel.is_none();
        let is_between_neurons = is_dense && matches!(below.form, Form::Flat(_));
        Self {
            words: &layer.words,
            activation: layer.activation,
            z: kept.of(layer.z),
            handed: kept.of(layer.handed_down),
            slope: kept.of(layer.slope),
            bias: kept.each(layer.biases),
            bias_gradient: kept.kept.iter().map(|&at| Short(layer.bias_gradient[at])).collect(),
            pooled: layer.pooled.map(|(form, values)| {
                let step = step(form, kept.step);
                Pooled { form: sizes(form), step, values: Kept { form, kept: kept.kept, step }.of(values) }
            }),
            norm: layer.norm.as_ref().map(|norm| Norm {
                name: norm.name,
                gain: kept.each(norm.gains),
                sums: kept.of(norm.sums),
                normal: kept.of(norm.normal),
                sums_gradient: kept.of(norm.sums_gradient),
            }),
            residual: layer.residual,
            down: is_dense.then(|| terms(kept.kept, &below, values.len(), |i, j| (layer.weight(j, i), values[j]))),
            edges: is_between_neurons
                .then(|| Weights::new(layer, folds[column - 1].drawn.clone(), folds[column].drawn.clone())),
            heat: is_dense.then(|| Weights::steepest(layer)),
            kernel: layer.kernel.map(|kernel| Kernel::new(layer, kernel, kept.kept)),
        }
    }
}

/// For each of `of` the largest terms weight · value, over what is kept of `count` others.
fn terms(of: &[usize], others: &Kept<'_>, count: usize, term: impl Fn(usize, usize) -> (f64, f64)) -> Terms {
    let candidates: Vec<usize> = (0..count).filter(|&other| others.has(other)).collect();
    let mut all = Terms::default();
    for &at in of {
        let product = |other: usize| {
            let (weight, value) = term(at, other);
            weight * value
        };
        let sizes: Vec<f64> = candidates.iter().map(|&other| product(other).abs()).collect();
        let mut listed: Vec<usize> = largest(&sizes, MOST_TERMS).into_iter().map(|place| candidates[place]).collect();
        let rest = (0..count).filter(|other| !listed.contains(other)).map(product).sum();
        listed.sort_by(|&a, &b| product(b).abs().total_cmp(&product(a).abs()));
        all.w.push(listed.iter().map(|&other| Short(term(at, other).0)).collect());
        all.at.push(listed);
        all.rest.push(Short(rest));
    }
    all
}

impl Weights {
    fn new(layer: &SampleLayer<'_>, rows: Vec<usize>, cols: Vec<usize>) -> Self {
        let cells = || rows.iter().flat_map(|&row| cols.iter().map(move |&col| (row, col)));
        let w = cells().map(|(row, col)| Short(layer.weight(row, col))).collect();
        let gradient = cells().map(|(row, col)| Short(layer.weight_gradient[row * layer.z.len() + col])).collect();
        Self { rows, cols, w, gradient }
    }

    /// The rows and columns whose gradients have the largest sums of sizes.
    fn steepest(layer: &SampleLayer<'_>) -> Self {
        let width = layer.z.len();
        let mut cols = vec![0.0; width];
        let mut rows = Vec::with_capacity(layer.weight_gradient.len() / width);
        for row in layer.weight_gradient.chunks(width) {
            rows.push(row.iter().map(|v| v.abs()).sum());
            cols.iter_mut().zip(row).for_each(|(sum, v)| *sum += v.abs());
        }
        Self::new(layer, largest(&rows, MOST_WEIGHTS), largest(&cols, MOST_WEIGHTS))
    }
}

impl Kernel {
    fn new(layer: &SampleLayer<'_>, kernel: super::Kernel, outputs: &[usize]) -> Self {
        let cells = kernel.size[0] * kernel.size[1];
        let sees = layer.weights.len() / (layer.biases.len() * cells);
        let most = (MOST_KERNEL_CELLS / (outputs.len() * cells)).max(1);
        let sums: Vec<f64> = (0..sees)
            .map(|input| {
                let of = |&output: &usize| &layer.weight_gradient[(output * sees + input) * cells..][..cells];
                outputs.iter().flat_map(of).map(|v| v.abs()).sum()
            })
            .collect();
        let inputs = largest(&sums, most.min(super::MOST_DRAWN));
        let places = || outputs.iter().flat_map(|o| inputs.iter().map(move |i| (o * sees + i) * cells));
        Self {
            w: places().flat_map(|at| &layer.weights[at..at + cells]).map(|&w| Short(f64::from(w))).collect(),
            gradient: places().flat_map(|at| &layer.weight_gradient[at..at + cells]).map(|&v| Short(v)).collect(),
            outputs: outputs.to_vec(),
            inputs,
            sees,
            size: kernel.size,
            stride: kernel.stride,
            padding: kernel.padding,
            dilation: kernel.dilation,
            groups: kernel.groups,
        }
    }
}
