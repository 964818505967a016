//! `chainrule explain --html`, `--svg`: the sample on its way through the network, as a page and as a picture.

use crate::Usage;
use crate::args::ExplainArgs;
use crate::input::keep_inputs;
use crate::output::{note, number, percent};
use anyhow::{Result, bail};
use chainrule::data::Dataset;
use chainrule::{Explanation, Layer, LayerExplanation, Model, Norm, SampleShape, Stage, check_writable, predict};
use chainrule_draw::{Form, Kernel, MOST_COLUMNS, Normed, Sample, SampleLayer, sample_page, sample_svg};
use std::path::Path;

/// What writes a sample as a file of some kind.
type Writer = fn(&Sample<'_>) -> String;

/// The most layers that are drawn.
pub(crate) const MOST_LAYERS: usize = MOST_COLUMNS - 1;

/// The files that are asked for.
fn files(args: &ExplainArgs) -> impl Iterator<Item = (&Path, Writer)> {
    let all: [(&Option<_>, Writer); 2] = [(&args.html, sample_page), (&args.svg, sample_svg)];
    all.into_iter().filter_map(|(path, writer)| path.as_deref().map(|path: &Path| (path, writer)))
}

/// Refuses places that cannot be written to, or that something is read from.
pub(super) fn check(args: &ExplainArgs) -> Result<()> {
    for (path, _) in files(args) {
        keep_inputs(path, &[&args.input.model, &args.input.data])?;
        check_writable(path)?;
    }
    if args.html.is_some() && args.html == args.svg {
        bail!(Usage("the page and the picture would be written to one file: choose another place for one".to_owned()));
    }
    Ok(())
}

/// Writes the files that are asked for.
pub(super) fn write(
    args: &ExplainArgs,
    model: &Model,
    data: &Dataset,
    row: usize,
    explanation: &Explanation,
) -> Result<()> {
    let mut files = files(args).peekable();
    if files.peek().is_none() {
        return Ok(());
    }
    let layers = explanation.layers.len();
    if layers > MOST_LAYERS {
        bail!("{layers} layers are too many to draw (at most {MOST_LAYERS}): use --json");
    }
    let facts = facts(model, data, row, explanation)?;
    let sample = sample(model, data, explanation, facts);
    for (path, writer) in files {
        chainrule::write_atomically(path, writer(&sample).as_bytes())?;
        note!("row {} drawn in {}", explanation.row, path.display());
    }
    Ok(())
}

/// What there is to say in words.
fn facts(model: &Model, data: &Dataset, row: usize, explanation: &Explanation) -> Result<Vec<[String; 2]>> {
    let mut predicted = String::new();
    predict(model, &data.select(&[u32::try_from(row)?]), |_, prediction| {
        predicted = match prediction.class {
            Some(class) => format!("{} ({})", model.classes()[class], percent(prediction.values[class])),
            None => prediction.values.iter().map(|&value| number(value)).collect::<Vec<_>>().join(", "),
        };
    })?;
    let fact = |name: &str, value: String| [name.to_owned(), value];
    Ok(vec![
        fact(&model.target(), explanation.target.clone()),
        fact("predicted", predicted),
        fact("network", model.network.to_string()),
        fact(&format!("C, the loss {}", explanation.loss), number(explanation.cost)),
        fact(
            &format!("C after W ← W − {0} · ∂C/∂W, b ← b − {0} · ∂C/∂b", number(explanation.learning_rate)),
            number(explanation.cost_after_update),
        ),
    ])
}

/// Every number of the explanation, beside the weights that they come from.
fn sample<'a>(
    model: &'a Model,
    data: &'a Dataset,
    explanation: &'a Explanation,
    facts: Vec<[String; 2]>,
) -> Sample<'a> {
    let form = match (model.image_size(), model.network.input()) {
        (Some(size), SampleShape::Flat(_)) if size.pixels() == model.network.inputs => {
            Form::Planes([size.planes, size.height, size.width])
        }
        (_, input) => drawn_form(input),
    };
    let names = if matches!(form, Form::Flat(_)) { data.feature_names.as_slice() } else { &[] };
    let outputs = model.network.outputs();
    let all = [model.classes(), &model.targets];
    Sample {
        title: format!("Row {} of {}", explanation.row, data.source),
        facts,
        input_names: if names.len() == model.network.inputs { names } else { &[] },
        // One output for one of two classes is the second.
        output_names: all.into_iter().find(|names| names.len() == outputs).unwrap_or(&[]),
        form,
        inputs: &explanation.inputs.values,
        input_gradient: &explanation.input_gradient.values,
        layers: model
            .network
            .stages()
            .zip(&explanation.layers)
            .map(|(stage, explained)| layer(model, &stage, explained))
            .collect(),
    }
}

pub(crate) fn drawn_form(shape: SampleShape) -> Form {
    match shape {
        SampleShape::Flat(count) => Form::Flat(count),
        SampleShape::Planes(sizes) => Form::Planes(sizes),
    }
}

fn layer<'a>(model: &'a Model, stage: &Stage, explained: &'a LayerExplanation) -> SampleLayer<'a> {
    let pieces = model.network.segments();
    let piece = |kind: &str| -> &'a [f32] {
        let name = format!("{kind}{}", explained.layer);
        pieces.iter().find(|piece| piece.name == name).map_or(&[], |piece| &model.parameters[piece.range.clone()])
    };
    let normed = |norm: Norm| {
        let tables = [&explained.sums, &explained.normal, &explained.sums_gradient];
        let [sums, normal, sums_gradient] = tables.map(|table| table.as_ref().map_or(&[][..], |table| &table.values));
        Normed { name: norm.name(), gains: piece("g"), sums, normal, sums_gradient }
    };
    SampleLayer {
        words: Layer { residual: None, ..model.network.layers[explained.layer - 1] }.to_string(),
        activation: &explained.activation,
        form: drawn_form(stage.z),
        z: &explained.z.values,
        a: &explained.a.values,
        handed_down: &explained.handed_down.values,
        slope: &explained.slope.values,
        delta: &explained.delta.values,
        pooled: explained.pooled.as_ref().map(|pooled| (drawn_form(stage.output), &pooled.values[..])),
        weights: piece("w"),
        weight_gradient: &explained.weight_gradient.values,
        biases: piece("b"),
        bias_gradient: &explained.bias_gradient.values,
        kernel: stage.layer.kernel.map(|kernel| Kernel {
            size: kernel.size,
            stride: kernel.stride,
            padding: kernel.padding,
            dilation: kernel.dilation,
            groups: kernel.groups,
        }),
        norm: stage.layer.norm.map(normed),
        residual: stage.layer.residual,
    }
}
