//! A model as one Rust source file that needs nothing, not even the standard library.

use chainrule::data::Scaling;
use chainrule::{Activation, Loss, Model, PoolKind, SampleShape, Stage, TargetScale, Task};
use std::fmt::Write;

/// The functions that every file has, and those of layers and activations.
const HELPERS: &str = include_str!("helpers.rs.txt");

/// The source file of a model.
pub(super) fn source(model: &Model) -> String {
    let (inputs, raw) = (model.network.inputs, model.network.outputs());
    let outputs = match &model.task {
        Task::Classes(names) => names.len(),
        Task::Value { .. } => raw,
    };
    let mut text = String::new();
    let mut line = |args: std::fmt::Arguments<'_>| {
        let _ = text.write_fmt(args);
        text.push('\n');
    };
    line(format_args!("//! {} as chainrule trained it: `predict` gives {}.", model.network, gives(model)));
    line(format_args!("//! Written by `chainrule export --rust`."));
    line(format_args!("#![allow(dead_code, unused_mut, clippy::all)]\n"));
    line(format_args!("/// How many numbers a sample has.\npub const INPUTS: usize = {inputs};"));
    line(format_args!("/// How many numbers are predicted.\npub const OUTPUTS: usize = {outputs};"));
    names(&mut line, "What the inputs are, in order.", "FEATURES", &model.features);
    names(&mut line, "The classes, in the order of their probabilities.", "CLASSES", model.classes());
    for (number, pair) in (1..).zip(model.network.segments().chunks_exact(2)) {
        for (kind, segment) in ["WEIGHT", "BIAS"].iter().zip(pair) {
            numbers(&mut line, &format!("{kind}_{number}"), &model.parameters[segment.range.clone()]);
        }
    }
    if let Scaling::Columns { shift, scale } = &model.scaling {
        numbers(&mut line, "SHIFT", shift);
        numbers(&mut line, "SCALE", scale);
    }
    predict(&mut line, model, raw);
    text.push_str(HELPERS);
    text
}

fn gives(model: &Model) -> String {
    match &model.task {
        Task::Classes(_) => format!("the probability of each class of `{}`", model.target.escape_debug()),
        Task::Value { .. } => format!("`{}`", model.target.escape_debug()),
    }
}

type Line<'a> = dyn FnMut(std::fmt::Arguments<'_>) + 'a;

fn names(line: &mut Line<'_>, about: &str, name: &str, texts: &[String]) {
    line(format_args!("/// {about}\npub const {name}: [&str; {}] = {texts:?};", texts.len()));
}

fn numbers(line: &mut Line<'_>, name: &str, values: &[f32]) {
    line(format_args!("static {name}: [f32; {}] = [", values.len()));
    for row in values.chunks(8) {
        let row: Vec<String> = row.iter().map(|value| format!("{value:?}")).collect();
        line(format_args!("    {},", row.join(", ")));
    }
    line(format_args!("];"));
}

fn predict(line: &mut Line<'_>, model: &Model, raw: usize) {
    line(format_args!(
        "\n/// Fills `out` from the features of a sample.\npub fn predict(x: &[f32; INPUTS], out: &mut [f32; OUTPUTS]) {{"
    ));
    line(format_args!("    let mut x0 = *x;"));
    match &model.scaling {
        Scaling::None => {}
        Scaling::Uniform { shift, scale } => {
            line(format_args!("    for v in x0.iter_mut() {{ *v = (*v - {shift:?}) * {scale:?}; }}"));
        }
        Scaling::Columns { .. } => {
            line(format_args!("    for i in 0..INPUTS {{ x0[i] = (x0[i] - SHIFT[i]) * SCALE[i]; }}"));
        }
    }
    for (number, stage) in (1..).zip(model.network.stages()) {
        layer(line, number, &stage);
    }
    let last = model.network.layers.len();
    line(format_args!("    let y: [f32; {raw}] = x{last};"));
    outputs(line, model, raw);
    line(format_args!("}}\n"));
}

fn layer(line: &mut Line<'_>, number: usize, stage: &Stage) {
    let below = number - 1;
    line(format_args!("    let mut x{number} = [0.0f32; {}];", stage.z.len()));
    match (stage.layer.kernel, stage.input, stage.z) {
        (Some(kernel), SampleShape::Planes(input), SampleShape::Planes(output)) => line(format_args!(
            "    conv(&x{below}, {input:?}, &WEIGHT_{number}, &BIAS_{number}, {:?}, {:?}, {:?}, {}, {output:?}, &mut x{number});",
            kernel.size, kernel.stride, kernel.padding, kernel.groups
        )),
        _ => line(format_args!("    dense(&x{below}, &WEIGHT_{number}, &BIAS_{number}, &mut x{number});")),
    }
    let value = match stage.layer.activation {
        Activation::Identity => None,
        Activation::Sigmoid => Some("sigmoid(*v)"),
        Activation::Tanh => Some("tanh(*v)"),
        Activation::Relu => Some("if *v > 0.0 { *v } else { 0.0 }"),
        Activation::LeakyRelu => Some("if *v > 0.0 { *v } else { *v * 0.01 }"),
        Activation::Elu => Some("if *v > 0.0 { *v } else { exp(*v) - 1.0 }"),
        Activation::Gelu => Some("*v * 0.5 * (1.0 + erf(*v * 0.70710678))"),
        Activation::Silu => Some("*v * sigmoid(*v)"),
        Activation::Softplus => Some("softplus(*v)"),
    };
    if let Some(value) = value {
        line(format_args!("    for v in x{number}.iter_mut() {{ *v = {value}; }}"));
    }
    if let (Some(pool), SampleShape::Planes(z), SampleShape::Planes(output)) = (stage.layer.pool, stage.z, stage.output)
    {
        let largest = pool.kind == PoolKind::Max;
        line(format_args!("    let mut p{number} = [0.0f32; {}];", stage.output.len()));
        line(format_args!(
            "    pool(&x{number}, {z:?}, {:?}, {:?}, {largest}, {output:?}, &mut p{number});",
            pool.size, pool.stride
        ));
        line(format_args!("    let x{number} = p{number};"));
    }
}

/// As `chainrule predict` turns outputs into probabilities or values.
fn outputs(line: &mut Line<'_>, model: &Model, raw: usize) {
    match (&model.task, model.loss) {
        (Task::Value { shift, deviation, scale }, _) => {
            let value = format!("y[i] * {:?} + {:?}", *deviation as f32, *shift as f32);
            let value = if *scale == TargetScale::Log { format!("exp({value})") } else { value };
            line(format_args!("    for i in 0..OUTPUTS {{ out[i] = {value}; }}"));
        }
        (Task::Classes(_), Loss::CrossEntropy { .. }) => line(format_args!("    softmax(&y, out);")),
        (Task::Classes(_), loss) => {
            let weight = if loss == Loss::BinaryCrossEntropy { "sigmoid(y[i])" } else { "y[i].clamp(0.0, 1.0)" };
            if raw == 1 {
                line(format_args!("    let p = {};", weight.replace("[i]", "[0]")));
                line(format_args!("    out[0] = 1.0 - p;\n    out[1] = p;"));
            } else {
                line(format_args!("    for i in 0..OUTPUTS {{ out[i] = {weight}; }}\n    shares(out);"));
            }
        }
    }
}
