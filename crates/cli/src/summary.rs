//! `chainrule summary`: the sizes of a network.

use crate::Usage;
use crate::args::SummaryArgs;
use crate::output::{Grid, HEADING, bytes, count, say};
use anyhow::{Result, bail};
use chainrule::{Activation, Architecture, Loss, Measure, Model, Network, Recipe, Summary, Task};
use std::path::Path;

pub(crate) fn run(args: &SummaryArgs) -> Result<()> {
    let path = Path::new(&args.network);
    let model = if path.exists() || path.extension().is_some() { Model::load(path)? } else { described(args)? };
    let summary = Summary::new(&model)?;
    if args.json {
        say!("{}", serde_json::to_string(&summary)?);
        return Ok(());
    }
    print(&model, &summary);
    Ok(())
}

/// A model that only its sizes matter of.
fn described(args: &SummaryArgs) -> Result<Model> {
    let unknown = |e: chainrule::Error| Usage(format!("{e}; and there is no file of that name"));
    let network = match args.network.parse().map_err(unknown)? {
        Architecture::Sizes(sizes) => Network::new(&sizes, args.activation, Activation::Identity)?,
        Architecture::Layers { input: Some(input), layers } => Network::of(input, layers)?,
        Architecture::Layers { input: None, .. } => {
            bail!(Usage(format!("say first what the network takes, as in '28x28, {}'", args.network)))
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
    let heads = ["layer", "", ">output", ">weights", ">biases", ">parameters", ">operations", ">weights if dense"];
    let mut grid = Grid::new(&heads);
    for layer in &summary.by_layer {
        grid.row([
            layer.layer.to_string(),
            layer.description.clone(),
            layer.shape.clone(),
            count(layer.weights),
            count(layer.biases),
            count(layer.parameters),
            count(layer.operations),
            layer.dense_weights.map(count).unwrap_or_default(),
        ]);
    }
    grid.row([
        "total".to_owned(),
        String::new(),
        String::new(),
        count(summary.weights),
        count(summary.biases),
        count(summary.parameters),
        count(summary.operations),
        String::new(),
    ]);
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

fn task(model: &Model) -> String {
    match &model.task {
        Task::Classes(names) => format!("predicts `{}`, one of {} classes", model.target(), names.len()),
        Task::Values(_) => format!("predicts {}", named_values(&model.targets)),
    }
}
