//! A model as one Rust source file that needs nothing, not even the standard library.

use chainrule::data::Scaling;
use chainrule::{Activation, Loss, Measure, Model, Norm, PoolKind, SampleShape, Stage, TargetScale, Task};
use std::fmt::Write;

/// The functions that every file has, and those of layers and activations.
const HELPERS: &str = include_str!("helpers.rs.txt");

/// The source file of a model.
pub(super) fn source(model: &Model) -> String {
    let (inputs, raw) = (model.network.inputs, model.network.outputs());
    let outputs = match &model.task {
        Task::Classes(names) => names.len(),
        Task::Values(_) => raw,
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
    for (number, stage) in (1..).zip(model.network.stages()) {
        for (name, values) in stored(model, number, &stage) {
            numbers(&mut line, &format!("{name}_{number}"), &values);
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
        Task::Classes(_) => format!("the probability of each class of `{}`", model.target().escape_debug()),
        Task::Values(_) => format!("`{}`", model.target().escape_debug()),
    }
}

/// The numbers of a layer by their names. A batch norm with the moments of training is a factor and a shift for each
/// channel, and goes into weights and biases.
fn stored(model: &Model, number: usize, stage: &Stage) -> Vec<(&'static str, Vec<f32>)> {
    let segments = model.network.segments();
    let piece = |kind: &str| {
        let segment = segments.iter().find(|segment| segment.name == format!("{kind}{number}"));
        segment.map_or(&[][..], |segment| &model.parameters[segment.range.clone()])
    };
    let (mut weight, mut bias) = (piece("w").to_vec(), piece("b").to_vec());
    match stage.layer.norm {
        None => vec![("WEIGHT", weight), ("BIAS", bias)],
        Some(Norm::Batch) => {
            let outputs = stage.layer.outputs;
            let each = weight.len() / outputs;
            for (o, bias) in bias.iter_mut().enumerate() {
                let factor = f64::from(piece("g")[o]) / (f64::from(piece("v")[o]) + Norm::EPSILON).sqrt();
                *bias = (f64::from(*bias) - factor * f64::from(piece("m")[o])) as f32;
                let of_output =
                    |at: &usize| if stage.layer.kernel.is_some() { at / each == o } else { at % outputs == o };
                for at in (0..weight.len()).filter(of_output) {
                    weight[at] = (f64::from(weight[at]) * factor) as f32;
                }
            }
            vec![("WEIGHT", weight), ("BIAS", bias)]
        }
        Some(_) => vec![("WEIGHT", weight), ("BIAS", bias), ("GAIN", piece("g").to_vec())],
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
    // A batch norm is part of the weights, another one comes after the sums, and has the bias.
    let norm = stage.layer.norm.filter(|norm| *norm != Norm::Batch);
    let outputs = stage.layer.outputs;
    let bias = if norm.is_some() { format!("[0.0; {outputs}]") } else { format!("BIAS_{number}") };
    match (stage.layer.kernel, stage.input, stage.z) {
        (Some(kernel), SampleShape::Planes(input), SampleShape::Planes(output)) => line(format_args!(
            "    conv(&x{below}, {input:?}, &WEIGHT_{number}, &{bias}, {:?}, {:?}, {:?}, {:?}, {}, {output:?}, &mut x{number});",
            kernel.size, kernel.stride, kernel.padding, kernel.dilation, kernel.groups
        )),
        _ => line(format_args!("    dense(&x{below}, &WEIGHT_{number}, &{bias}, &mut x{number});")),
    }
    if let Some(norm) = norm {
        let groups = if let Norm::Group(groups) = norm { groups } else { 1 };
        let (eps, centred) = (Norm::EPSILON as f32, norm != Norm::Rms);
        line(format_args!(
            "    normalize(&mut x{number}, {groups}, {centred}, {eps:?}, &GAIN_{number}, &BIAS_{number});"
        ));
    }
    if let Some(passed) = stage.layer.residual {
        let from = number - passed;
        line(format_args!("    for (v, &more) in x{number}.iter_mut().zip(&x{from}) {{ *v += more; }}"));
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
            "    pool(&x{number}, {z:?}, {:?}, {:?}, {:?}, {largest}, {output:?}, &mut p{number});",
            pool.size, pool.stride, pool.padding
        ));
        line(format_args!("    let x{number} = p{number};"));
    }
}

/// As `chainrule predict` turns outputs into probabilities or values.
fn outputs(line: &mut Line<'_>, model: &Model, raw: usize) {
    match (&model.task, model.loss) {
        (Task::Values(measures), _) => {
            for (at, Measure { shift, deviation, scale }) in measures.iter().enumerate() {
                let value = format!("y[{at}] * {:?} + {:?}", *deviation as f32, *shift as f32);
                let value = if *scale == TargetScale::Log { format!("exp({value})") } else { value };
                line(format_args!("    out[{at}] = {value};"));
            }
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
