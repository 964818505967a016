//! `chainrule summary`: the sizes of a network.

use crate::Usage;
use crate::args::SummaryArgs;
use crate::explain::{MOST_LAYERS, drawn_form};
use crate::input::keep_inputs;
use crate::output::{Grid, HEADING, bytes, count, note, say};
use anyhow::{Result, bail};
use chainrule::data::Encoder;
use chainrule::{
    Activation, Architecture, Layer, LayerSummary, Loss, Measure, Model, Network, Pool, Recipe, Stage, Summary, Task,
};
use chainrule_draw::{NetworkLayer, NetworkPool, network_svg};
use std::path::Path;

pub(crate) fn run(args: &SummaryArgs) -> Result<()> {
    let path = Path::new(&args.network);
    // A share such as 0.5 has a point too.
    let is_file = path.extension().is_some_and(|end| end.as_encoded_bytes().iter().all(u8::is_ascii_alphabetic));
    let model = match path.extension() {
        Some(end) if end == "toml" => described(args, Architecture::read(path)?)?,
        _ if path.exists() || is_file => Model::load(path)?,
        _ => {
            let unknown = |e: chainrule::Error| Usage(format!("{e}; and there is no file of that name"));
            described(args, args.network.parse().map_err(unknown)?)?
        }
    };
    let summary = Summary::new(&model)?;
    if let Some(out) = &args.svg {
        keep_inputs(out, &[path])?;
        draw(&model, &summary, out)?;
    }
    if args.json {
        say!("{}", serde_json::to_string(&summary)?);
        return Ok(());
    }
    print(&model, &summary);
    Ok(())
}

/// A model that only its sizes matter of.
fn described(args: &SummaryArgs, architecture: Architecture) -> Result<Model> {
    let network = match architecture {
        Architecture::Sizes(sizes) => Network::new(&sizes, args.activation, Activation::Identity)?,
        Architecture::Layers { input: Some(input), layers } => Network::of(input, layers)?,
        Architecture::Layers { input: None, .. } => {
            let network = &args.network;
            let cure = if network.ends_with(".toml") {
                format!("{network}: say what the network takes, as in input = \"28x28\"")
            } else {
                format!("say first what the network takes, as in '28x28, {network}'")
            };
            bail!(Usage(cure))
        }
    };
    let (loss, task) = if network.outputs() == 1 {
        (Loss::Mse, Task::Values(vec![Measure::PLAIN]))
    } else {
        let classes = (0..network.outputs()).map(|c| c.to_string()).collect();
        (Loss::CrossEntropy { smoothing: 0.0 }, Task::Classes(classes))
    };
    let recipe = Recipe { batch_size: args.batch_size, optimizer: args.optimizer, ..Recipe::default() };
    Ok(Model {
        network,
        loss,
        task,
        targets: vec![String::new()],
        features: Vec::new(),
        image: None,
        encoder: None,
        scaling: chainrule::data::Scaling::None,
        recipe,
        residuals: Vec::new(),
        parameters: Default::default(),
    })
}

fn print(model: &Model, summary: &Summary) {
    say!("{HEADING}{}{HEADING:#}  {} layers, {} inputs", model.network, summary.layers, summary.inputs);
    let has_gains = summary.gains > 0;
    let gains = |value: usize| has_gains.then(|| count(value));
    let mut heads = vec!["layer", "", ">output", ">weights", ">biases"];
    heads.extend(has_gains.then_some(">gains"));
    heads.extend([">parameters", ">operations", ">weights if dense"]);
    let mut grid = Grid::new(&heads);
    for layer in &summary.by_layer {
        let sizes = [layer.shape.clone(), count(layer.weights), count(layer.biases)];
        let words = [layer.layer.to_string(), layer.description.clone()].into_iter().chain(sizes);
        let dense = layer.dense_weights.map(count).unwrap_or_default();
        grid.row(words.chain(gains(layer.gains)).chain([count(layer.parameters), count(layer.operations), dense]));
    }
    let sizes = ["total".to_owned(), String::new(), String::new(), count(summary.weights), count(summary.biases)];
    let sums = [count(summary.parameters), count(summary.operations), String::new()];
    grid.row(sizes.into_iter().chain(gains(summary.gains)).chain(sums));
    grid.print();
    say!();
    say!("operations: floating-point operations of one sample forward");
    say!(
        "memory to train: {} at a batch of {} with {}",
        bytes(summary.training_bytes),
        summary.batch_size,
        model.recipe.optimizer
    );
    if !model.parameters.is_empty() {
        say!("loss {}, scaling {}, {}", model.loss, scaling(model), task(model));
    }
}

/// Draws the network.
fn draw(model: &Model, summary: &Summary, out: &Path) -> Result<()> {
    if summary.layers > MOST_LAYERS {
        bail!("{} layers are too many to draw (at most {MOST_LAYERS})", summary.layers);
    }
    let (network, none) = (&model.network, Vec::new());
    let named = |names: &Vec<String>, count: usize| names.len() == count && names.iter().any(|name| !name.is_empty());
    let of_inputs = model.encoder.as_ref().map_or(model.features.clone(), Encoder::feature_names);
    let outputs = [model.classes().to_vec(), model.targets.clone()];
    // Without a model, the classes are numbers that mean nothing.
    let is_trained = !model.parameters.is_empty();
    let picture = chainrule_draw::Network {
        title: network.to_string(),
        input: drawn_form(network.input()),
        input_names: if named(&of_inputs, network.inputs) { &of_inputs } else { &none },
        output_names: outputs.iter().find(|names| is_trained && named(names, network.outputs())).unwrap_or(&none),
        layers: (network.stages().zip(&network.layers).zip(&summary.by_layer))
            .map(|((stage, layer), sizes)| drawn(&stage, layer, sizes))
            .collect(),
    };
    chainrule::write_atomically(out, network_svg(&picture).as_bytes())?;
    note!("{} layers drawn in {}", summary.layers, out.display());
    Ok(())
}

/// A layer in the words in which it was asked for.
fn drawn(stage: &Stage, layer: &Layer, sizes: &LayerSummary) -> NetworkLayer {
    let layer = Layer { residual: None, dropout: None, ..*layer };
    let (whole, alone) = (layer.to_string(), Layer { pool: None, ..layer }.to_string());
    let pool = |pool: Pool| NetworkPool {
        words: whole[alone.len()..].trim_start_matches(", ").to_owned(),
        size: pool.size,
        form: drawn_form(stage.output),
    };
    NetworkLayer {
        words: alone.split(", ").map(str::to_owned).collect(),
        form: drawn_form(stage.z),
        kernel: layer.kernel.map(|kernel| kernel.size),
        pool: stage.layer.pool.map(pool),
        residual: stage.layer.residual,
        parameters: sizes.parameters,
    }
}

fn scaling(model: &Model) -> &'static str {
    use chainrule::data::Scaling;
    match model.scaling {
        Scaling::None => "none",
        Scaling::Uniform { .. } => "one for all inputs",
        Scaling::Columns { .. } => "by column",
    }
}

/// Values by their names.
fn named_values(targets: &[String]) -> String {
    let names: Vec<String> = targets.iter().map(|name| format!("`{name}`")).collect();
    format!("the {} {}", if names.len() == 1 { "value" } else { "values" }, names.join(", "))
}

/// What a model predicts, in words.
pub(crate) fn task(model: &Model) -> String {
    match &model.task {
        Task::Classes(names) => format!("predicts `{}`, one of {} classes", model.target(), names.len()),
        Task::Values(_) => format!("predicts {}", named_values(&model.targets)),
    }
}
