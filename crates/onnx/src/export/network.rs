//! The layers of a network as nodes.

use super::writer::{Name, Writer, float, int, ints};
use crate::kind::Kind;
use chainrule::data::Scaling;
use chainrule::{Activation, Kernel, Model, Pool, PoolKind, SampleShape};

/// Scales the features and runs them through the layers: the outputs of the last one, `[rows, outputs]`.
pub(super) fn layers(writer: &mut Writer, model: &Model, features: Name) -> Name {
    let mut below = scaled(writer, model, features);
    let segments = model.network.segments();
    let mut form = model.network.input();
    for (number, (stage, pieces)) in (1..).zip(model.network.stages().zip(segments.chunks_exact(2))) {
        let [weight, bias] = [("weight", &pieces[0]), ("bias", &pieces[1])].map(|(name, piece)| {
            let sizes: Vec<usize> = piece.shape.sizes().collect();
            writer.weights(&format!("layer{number}.{name}"), &sizes, &model.parameters[piece.range.clone()])
        });
        below = flat_where_wanted(writer, below, form, stage.input);
        below = match stage.layer.kernel {
            None => writer.node("Gemm", &[&below, &weight, &bias], Vec::new()),
            Some(kernel) => convolution(writer, kernel, [&below, &weight, &bias]),
        };
        below = activation(writer, stage.layer.activation, below);
        if let Some(pool) = stage.layer.pool {
            below = pooled(writer, pool, &below);
        }
        form = stage.output;
    }
    flat_where_wanted(writer, below, form, SampleShape::Flat(form.len()))
}

fn flat_where_wanted(writer: &mut Writer, x: Name, from: SampleShape, to: SampleShape) -> Name {
    match (from, to) {
        (SampleShape::Planes(_), SampleShape::Flat(_)) => writer.node("Flatten", &[&x], vec![int("axis", 1)]),
        _ => x,
    }
}

/// (x − shift) · scale. Of images, one number stands for all cells, or each cell has its own.
fn scaled(writer: &mut Writer, model: &Model, x: Name) -> Name {
    let sizes: Vec<usize> = match model.network.input() {
        SampleShape::Flat(count) => vec![count],
        SampleShape::Planes(sizes) => sizes.to_vec(),
    };
    let [shift, scale] = match &model.scaling {
        Scaling::None => return x,
        Scaling::Uniform { shift, scale } => [shift, scale].map(|&value| writer.number(Kind::Float, value.into())),
        Scaling::Columns { shift, scale } => [shift, scale].map(|values| writer.weights("scaling", &sizes, values)),
    };
    let moved = writer.node("Sub", &[&x, &shift], Vec::new());
    writer.node("Mul", &[&moved, &scale], Vec::new())
}

fn convolution(writer: &mut Writer, kernel: Kernel, inputs: [&str; 3]) -> Name {
    let Kernel { size, stride, padding: [height, width], groups } = kernel;
    let attributes = vec![
        ints("kernel_shape", size),
        ints("strides", stride),
        ints("pads", [height, width, height, width]),
        int("group", groups as i64),
    ];
    writer.node("Conv", &inputs, attributes)
}

fn pooled(writer: &mut Writer, pool: Pool, x: &str) -> Name {
    let op = if pool.kind == PoolKind::Max { "MaxPool" } else { "AveragePool" };
    writer.node(op, &[x], vec![ints("kernel_shape", pool.size), ints("strides", pool.stride)])
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
