//! `chainrule import`: a model of another program as one of ours.

use crate::Usage;
use crate::exchange::ImportArgs;
use crate::input::keep_inputs;
use crate::output::note;
use anyhow::{Context, Result, bail};
use chainrule::data::Scaling;
use chainrule::kernels::Block;
use chainrule::{Architecture, Loss, Model, Network, Recipe, Stage, TargetScale, Task};
use chainrule_onnx::{Names, OnnxModel};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

pub(crate) fn run(args: &ImportArgs) -> Result<()> {
    keep_inputs(&args.out, &[&args.file])?;
    chainrule::check_writable(&args.out)?;
    let names = Names { classes: args.classes.clone(), features: args.features.clone(), target: args.target.clone() };
    let is_weights = args.file.extension().is_some_and(|ending| ending == "safetensors");
    let model = match &args.model {
        Some(architecture) => weights(args, architecture, &names)?,
        None if is_weights => bail!(Usage(
            "a file of weights does not say what layers they are for: give them, as in --model '28x28, conv 5x5 6, \
             relu, maxpool 2, dense 10'"
                .to_owned()
        )),
        None => {
            let onnx = OnnxModel::load(&args.file)?;
            onnx.to_model(&names).with_context(|| args.file.display().to_string())?
        }
    };
    model.save(&args.out)?;
    let task = match &model.task {
        Task::Classes(names) => format!("predicts `{}`, one of {} classes", model.target, names.len()),
        Task::Value { .. } => format!("predicts the value `{}`", model.target),
    };
    note!("{}: {task}; written to {}", model.network, args.out.display());
    Ok(())
}

/// A described model with the weights of a file, in the layout of PyTorch.
fn weights(args: &ImportArgs, architecture: &Architecture, names: &Names) -> Result<Model> {
    let network = match architecture {
        Architecture::Layers { input: Some(input), layers } => Network::of(*input, layers.clone())?,
        Architecture::Layers { input: None, .. } => {
            bail!(Usage("say first what the network takes, as in --model '28x28, conv 5x5 6, …'".to_owned()))
        }
        Architecture::Sizes(sizes) => {
            Network::new(sizes, chainrule::Activation::Relu, chainrule::Activation::Identity)?
        }
    };
    let path = args.file.display();
    let bytes = std::fs::read(&args.file).with_context(|| path.to_string())?;
    let tensors = SafeTensors::deserialize(&bytes).with_context(|| format!("{path} is no safetensors file"))?;
    let pieces = in_order(&tensors);
    let wanted = 2 * network.layers.len();
    if pieces.len() != wanted {
        bail!("{path} has {} tensors, and {} layers have {wanted} (weight and bias)", pieces.len(), wanted / 2);
    }
    let mut parameters: Vec<f32> = Vec::new();
    for (stage, pair) in network.stages().zip(pieces.chunks_exact(2)) {
        for ((name, tensor), is_weight) in pair.iter().zip([true, false]) {
            let values = piece(tensor, &stage, is_weight).with_context(|| format!("{path}: `{name}`"))?;
            parameters.extend(values);
        }
    }
    let outputs = network.outputs();
    let (loss, task) = match (outputs, names.classes.as_slice()) {
        (1, []) => (Loss::Mse, Task::Value { shift: 0.0, deviation: 1.0, scale: TargetScale::Plain }),
        (1, given) => (Loss::BinaryCrossEntropy, Task::Classes(given.to_vec())),
        (count, []) => {
            (Loss::CrossEntropy { smoothing: 0.0 }, Task::Classes((0..count).map(|class| class.to_string()).collect()))
        }
        (_, given) => (Loss::CrossEntropy { smoothing: 0.0 }, Task::Classes(given.to_vec())),
    };
    let usual = if matches!(task, Task::Value { .. }) { "value" } else { "class" };
    let features = match (names.features.as_slice(), network.planes) {
        ([], None) => (1..=network.inputs).map(|number| format!("x{number}")).collect(),
        (given, _) => given.to_vec(),
    };
    let model = Model {
        image: network.planes.filter(|planes| planes[0] == 1).map(|[_, height, width]| (height, width)),
        network,
        loss,
        task,
        target: names.target.clone().unwrap_or_else(|| usual.to_owned()),
        features,
        encoder: None,
        scaling: Scaling::None,
        recipe: Recipe::default(),
        residuals: None,
        parameters: Block::from(parameters.as_slice()),
    };
    Model::from_bytes(&model.to_bytes()?).map_err(|problem| anyhow::anyhow!("{path}: {problem}"))
}

/// The tensors in the natural order of their names (2 before 10), the weight of a layer before its bias.
fn in_order<'a>(tensors: &'a SafeTensors<'_>) -> Vec<(String, TensorView<'a>)> {
    let mut all: Vec<(String, TensorView<'a>)> = tensors.tensors();
    all.sort_by_cached_key(|(name, _)| {
        let (layer, kind) = name.rsplit_once('.').unwrap_or(("", name));
        let mut parts: Vec<(String, u64)> = Vec::new();
        let mut rest = layer;
        while !rest.is_empty() {
            let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let digits = rest[text..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| text + end);
            parts.push((rest[..text].to_owned(), rest[text..digits].parse().unwrap_or(0)));
            rest = &rest[digits..];
        }
        (parts, kind != "weight", kind.to_owned())
    });
    all
}

/// The numbers of a weight or bias in the layout of ours.
fn piece(tensor: &TensorView<'_>, stage: &Stage, is_weight: bool) -> Result<Vec<f32>> {
    let (shape, rank) = stage.weight_shape();
    let dense = stage.layer.kernel.is_none();
    let wanted = match (is_weight, dense) {
        (false, _) => vec![stage.layer.outputs],
        (true, true) => vec![shape[1], shape[0]],
        (true, false) => shape[..rank].to_vec(),
    };
    if tensor.shape() != wanted {
        let what = if is_weight { "weights" } else { "biases" };
        bail!("it is {:?}, and the {what} of the layer `{}` are {wanted:?}", tensor.shape(), stage.layer);
    }
    let data = tensor.data();
    let values: Vec<f32> = match tensor.dtype() {
        Dtype::F32 => data.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
        Dtype::F64 => data.as_chunks::<8>().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect(),
        other => bail!("its numbers are {other:?}, and F32 or F64 are wanted"),
    };
    if !(is_weight && dense) {
        return Ok(values);
    }
    let (inputs, outputs) = (shape[0], shape[1]);
    Ok((0..inputs * outputs).map(|at| values[at % outputs * inputs + at / outputs]).collect())
}
