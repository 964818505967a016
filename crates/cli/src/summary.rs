//! `chainrule summary`: the sizes of a network.

use crate::Usage;
use crate::args::SummaryArgs;
use crate::output::{Grid, HEADING, bytes, count, say};
use anyhow::{Result, bail};
use chainrule::{Activation, Architecture, Loss, Measure, Model, Network, Recipe, Summary, Task};
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
            bail!(Usage(format!(
                "say first what the network takes, as in '28x28, {}'; in TOML, input = \"28x28\"",
                args.network
            )))
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

/// What a model predicts, in words.
pub(crate) fn task(model: &Model) -> String {
    match &model.task {
        Task::Classes(names) => format!("predicts `{}`, one of {} classes", model.target(), names.len()),
        Task::Values(_) => format!("predicts {}", named_values(&model.targets)),
    }
}
