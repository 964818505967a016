//! The layers of a network as nodes.

use super::writer::{Name, Writer, float, int, ints};
use crate::kind::Kind;
use chainrule::data::Scaling;
use chainrule::{Activation, Kernel, Model, Norm, Pool, PoolKind, SampleShape, Stage, tensor_name};

/// Scales the features and runs them through the layers: the outputs of the last one, `[rows, outputs]`.
pub(super) fn layers(writer: &mut Writer, model: &Model, features: Name) -> Name {
    let mut below = scaled(writer, model, features);
    let mut form = model.network.input();
    // What each layer takes, for the links that begin there.
    let mut taken = Vec::new();
    for (number, stage) in (1..).zip(model.network.stages()) {
        below = flat_where_wanted(writer, below, form, stage.input);
        taken.push(below.clone());
        let weights = Weights { model, number };
        let mut z = sums(writer, &stage, &weights, &below);
        if let Some(passed) = stage.layer.residual {
            z = writer.node("Add", &[&z, &taken[number - passed]], Vec::new());
        }
        below = activation(writer, stage.layer.activation, z);
        if let Some(pool) = stage.layer.pool {
            below = pooled(writer, pool, &below);
        }
        form = stage.output;
    }
    flat_where_wanted(writer, below, form, SampleShape::Flat(form.len()))
}

/// The pieces of the block of parameters that belong to a layer.
struct Weights<'a> {
    model: &'a Model,
    number: usize,
}

impl Weights<'_> {
    /// Stores a piece (`w`, `b`, `g`, `m` or `v`), in its own shape or another.
    fn store(&self, writer: &mut Writer, kind: &str, sizes: Option<&[usize]>) -> Name {
        let piece = format!("{kind}{}", self.number);
        let pieces = self.model.network.segments();
        let piece = pieces.iter().find(|found| found.name == piece).expect("a layer has what its norm needs");
        let own: Vec<usize> = piece.shape.sizes().collect();
        let numbers = &self.model.parameters[piece.range.clone()];
        writer.weights(&tensor_name(&piece.name), sizes.unwrap_or(&own), numbers)
    }
}

/// x·W + b, or g ⊙ norm(x·W) + b.
fn sums(writer: &mut Writer, stage: &Stage, weights: &Weights<'_>, x: &str) -> Name {
    let weight = weights.store(writer, "w", None);
    let bias = stage.layer.norm.is_none().then(|| weights.store(writer, "b", None));
    let inputs: Vec<&str> = [x, &weight].into_iter().chain(bias.as_deref()).collect();
    let sums = match stage.layer.kernel {
        None => writer.node("Gemm", &inputs, Vec::new()),
        Some(kernel) => convolution(writer, kernel, &inputs),
    };
    match stage.layer.norm {
        None => sums,
        Some(Norm::Batch) => {
            let kept = ["g", "b", "m", "v"].map(|kind| weights.store(writer, kind, None));
            let [gain, bias, mean, variance] = kept.each_ref().map(String::as_str);
            let epsilon = vec![float("epsilon", Norm::EPSILON as f32)];
            writer.node("BatchNormalization", &[&sums, gain, bias, mean, variance], epsilon)
        }
        Some(norm) => {
            let normal = match norm {
                Norm::Group(groups) => standardized(writer, stage, groups, &sums),
                Norm::Rms => rms(writer, stage, &sums),
                _ => standardized(writer, stage, 1, &sums),
            };
            let mut sizes = vec![stage.layer.outputs];
            if let SampleShape::Planes(_) = stage.z {
                sizes.extend([1, 1]);
            }
            let [gain, bias] = ["g", "b"].map(|kind| weights.store(writer, kind, Some(&sizes)));
            let scaled = writer.node("Mul", &[&normal, &gain], Vec::new());
            writer.node("Add", &[&scaled, &bias], Vec::new())
        }
    }
}

/// Each of so many groups of a sample's numbers with mean 0 and variance 1.
fn standardized(writer: &mut Writer, stage: &Stage, groups: usize, sums: &str) -> Name {
    let each = stage.z.len() / groups;
    let reshaped = |writer: &mut Writer, x: &str, sizes: Vec<usize>| {
        // The rows are however many there are.
        let sizes = std::iter::once(-1.0).chain(sizes.into_iter().map(|size| size as f64));
        let sizes = writer.numbers(Kind::Int64, sizes.collect());
        writer.node("Reshape", &[x, &sizes], Vec::new())
    };
    let apart = reshaped(writer, sums, vec![groups, each]);
    let ones = writer.weights("ones", &[each], &vec![1.0; each]);
    let how = vec![int("axis", 2), float("epsilon", Norm::EPSILON as f32)];
    let normal = writer.node("LayerNormalization", &[&apart, &ones], how);
    reshaped(writer, &normal, sizes(stage.z))
}

/// A sample's numbers, divided by the root of their mean square.
fn rms(writer: &mut Writer, stage: &Stage, sums: &str) -> Name {
    let squares = writer.node("Mul", &[sums, sums], Vec::new());
    let axes = writer.numbers(Kind::Int64, (1..=sizes(stage.z).len()).map(|axis| axis as f64).collect());
    let mean = writer.node("ReduceMean", &[&squares, &axes], vec![int("keepdims", 1)]);
    let epsilon = writer.number(Kind::Float, Norm::EPSILON);
    let above = writer.node("Add", &[&mean, &epsilon], Vec::new());
    let root = writer.node("Sqrt", &[&above], Vec::new());
    writer.node("Div", &[sums, &root], Vec::new())
}

fn sizes(form: SampleShape) -> Vec<usize> {
    match form {
        SampleShape::Flat(count) => vec![count],
        SampleShape::Planes(sizes) => sizes.to_vec(),
    }
}

fn flat_where_wanted(writer: &mut Writer, x: Name, from: SampleShape, to: SampleShape) -> Name {
    match (from, to) {
        (SampleShape::Planes(_), SampleShape::Flat(_)) => writer.node("Flatten", &[&x], vec![int("axis", 1)]),
        _ => x,
    }
}

/// (x − shift) · scale. Of images, one number stands for all cells, or each cell has its own.
fn scaled(writer: &mut Writer, model: &Model, x: Name) -> Name {
    let sizes = sizes(model.network.input());
    let [shift, scale] = match &model.scaling {
        Scaling::None => return x,
        Scaling::Uniform { shift, scale } => [shift, scale].map(|&value| writer.number(Kind::Float, value.into())),
        Scaling::Columns { shift, scale } => [shift, scale].map(|values| writer.weights("scaling", &sizes, values)),
    };
    let moved = writer.node("Sub", &[&x, &shift], Vec::new());
    writer.node("Mul", &[&moved, &scale], Vec::new())
}

fn convolution(writer: &mut Writer, kernel: Kernel, inputs: &[&str]) -> Name {
    let Kernel { size, stride, padding: [height, width], dilation, groups } = kernel;
    let attributes = vec![
        ints("kernel_shape", size),
        ints("strides", stride),
        ints("pads", [height, width, height, width]),
        ints("dilations", dilation),
        int("group", groups as i64),
    ];
    writer.node("Conv", inputs, attributes)
}

fn pooled(writer: &mut Writer, pool: Pool, x: &str) -> Name {
    let op = if pool.kind == PoolKind::Max { "MaxPool" } else { "AveragePool" };
    let [height, width] = pool.padding;
    let pads = ints("pads", [height, width, height, width]);
    writer.node(op, &[x], vec![ints("kernel_shape", pool.size), ints("strides", pool.stride), pads])
}

fn activation(writer: &mut Writer, activation: Activation, x: Name) -> Name {
    match activation {
        Activation::Identity => x,
        Activation::Sigmoid => writer.node("Sigmoid", &[&x], Vec::new()),
        Activation::Tanh => writer.node("Tanh", &[&x], Vec::new()),
        Activation::Relu => writer.node("Relu", &[&x], Vec::new()),
        Activation::LeakyRelu => writer.node("LeakyRelu", &[&x], vec![float("alpha", 0.01)]),
        Activation::Elu => writer.node("Elu", &[&x], vec![float("alpha", 1.0)]),
        Activation::Gelu => writer.node("Gelu", &[&x], Vec::new()),
        Activation::Silu => {
            let gate = writer.node("Sigmoid", &[&x], Vec::new());
            writer.node("Mul", &[&x, &gate], Vec::new())
        }
        Activation::Softplus => writer.node("Softplus", &[&x], Vec::new()),
    }
}
