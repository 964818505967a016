//! `chainrule import`: a model of another program as one of ours.

use crate::Usage;
use crate::exchange::ImportArgs;
use crate::input::keep_inputs;
use crate::output::note;
use anyhow::{Context, Result, bail};
use chainrule::data::Scaling;
use chainrule::{Architecture, Layer, Loss, Measure, Model, Network, Norm, Stage, Task};
use chainrule_onnx::{Names, OnnxModel};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

pub(crate) fn run(args: &ImportArgs) -> Result<()> {
    keep_inputs(&args.out, &[&args.file])?;
    chainrule::check_writable(&args.out)?;
    let names = Names { classes: args.classes.clone(), features: args.features.clone(), targets: args.target.clone() };
    let is_weights = args.file.extension().is_some_and(|ending| ending == "safetensors");
    let mut model = match &args.model {
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
    if args.pixels {
        model.scaling = over_255(model.scaling);
    }
    model.save(&args.out)?;
    note!("{}: {}; written to {}", model.network, crate::summary::task(&model), args.out.display());
    Ok(())
}

/// The scaling that does to bytes what `scaling` does to a 255th of them.
fn over_255(scaling: Scaling) -> Scaling {
    const MOST: f32 = 255.0;
    match scaling {
        Scaling::None => Scaling::pixels(),
        Scaling::Uniform { shift, scale } => Scaling::Uniform { shift: shift * MOST, scale: scale / MOST },
        Scaling::Columns { shift, scale } => Scaling::Columns {
            shift: shift.into_iter().map(|shift| shift * MOST).collect(),
            scale: scale.into_iter().map(|scale| scale / MOST).collect(),
        },
    }
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
    let mut modules = modules(&tensors).into_iter();
    let mut parameters: Vec<f32> = Vec::new();
    for (number, stage) in (1..).zip(network.stages()) {
        let layer = Layer { residual: None, ..stage.layer };
        let at = || format!("{path}, layer {number} (`{layer}`)");
        let mut next = || modules.next().with_context(|| format!("{}: no tensors are left for it", at()));
        let sums = next()?;
        let norm = stage.layer.norm.map(|_| next()).transpose()?;
        parameters.extend(pieces(&stage, &sums, norm.as_ref()).with_context(at)?);
    }
    if let Some(more) = modules.next() {
        bail!("{path} has `{}` and more beyond the {} layers of --model", more.name, network.layers.len());
    }
    let outputs = network.outputs();
    let of_outputs = if names.are_values(outputs) {
        (Loss::Mse, Task::Values(vec![Measure::PLAIN; outputs]))
    } else {
        let loss = if outputs == 1 { Loss::BinaryCrossEntropy } else { Loss::CrossEntropy { smoothing: 0.0 } };
        (loss, names.task(&[], outputs)?)
    };
    names.model(network, of_outputs, Scaling::None, &parameters).with_context(|| path.to_string())
}

/// The tensors of a module of PyTorch, such as `0.weight` and `0.bias`.
struct Module<'a> {
    name: String,
    tensors: Vec<(String, TensorView<'a>)>,
}

impl<'a> Module<'a> {
    fn get(&self, kind: &str) -> Option<&TensorView<'a>> {
        self.tensors.iter().find(|(name, _)| name == kind).map(|(_, tensor)| tensor)
    }

    /// Its numbers, which must have these sizes.
    fn numbers(&self, kind: &str, sizes: &[usize]) -> Result<Vec<f32>> {
        let name = format!("{}.{kind}", self.name);
        let tensor = self.get(kind).with_context(|| format!("there is no `{name}`"))?;
        if tensor.shape() != sizes {
            bail!("`{name}` is {:?}, and {sizes:?} is wanted", tensor.shape());
        }
        let data = tensor.data();
        Ok(match tensor.dtype() {
            Dtype::F32 => data.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            Dtype::F64 => data.as_chunks::<8>().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect(),
            other => bail!("the numbers of `{name}` are {other:?}, and F32 or F64 are wanted"),
        })
    }
}

/// The modules in the natural order of their names (2 before 10).
fn modules<'a>(tensors: &'a SafeTensors<'_>) -> Vec<Module<'a>> {
    let mut modules: Vec<Module<'a>> = Vec::new();
    for (name, tensor) in tensors.tensors() {
        let (module, kind) = name.rsplit_once('.').unwrap_or(("", &name));
        match modules.iter_mut().find(|known| known.name == module) {
            Some(known) => known.tensors.push((kind.to_owned(), tensor)),
            None => modules.push(Module { name: module.to_owned(), tensors: vec![(kind.to_owned(), tensor)] }),
        }
    }
    modules.sort_by_cached_key(|module| {
        let mut parts: Vec<(String, u64)> = Vec::new();
        let mut rest = module.name.as_str();
        while !rest.is_empty() {
            let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let digits = rest[text..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| text + end);
            parts.push((rest[..text].to_owned(), rest[text..digits].parse().unwrap_or(0)));
            rest = &rest[digits..];
        }
        parts
    });
    modules
}

/// The parameters of a layer, in the layout of ours, from its module and that of its norm.
fn pieces(stage: &Stage, sums: &Module<'_>, norm: Option<&Module<'_>>) -> Result<Vec<f32>> {
    let outputs = stage.layer.outputs;
    let mut all = weight(stage, sums)?;
    let none = || Ok(vec![0.0; outputs]);
    let bias = if sums.get("bias").is_some() { sums.numbers("bias", &[outputs]) } else { none() }?;
    let Some(norm) = norm else {
        all.extend(bias);
        return Ok(all);
    };
    all.extend(if norm.get("bias").is_some() { norm.numbers("bias", &[outputs]) } else { none() }?);
    all.extend(norm.numbers("weight", &[outputs])?);
    if stage.layer.norm == Some(Norm::Batch) {
        // What a bias below the norm adds, its mean takes away again.
        let mean = norm.numbers("running_mean", &[outputs])?;
        all.extend(mean.iter().zip(&bias).map(|(mean, bias)| mean - bias));
        all.extend(norm.numbers("running_var", &[outputs])?);
    } else if bias.iter().any(|bias| *bias != 0.0) {
        bail!("`{}.bias` stands below a norm over each sample, where layers of ours have none", sums.name);
    }
    Ok(all)
}

/// The weights in the layout of ours: those of a dense layer are the other way round.
fn weight(stage: &Stage, module: &Module<'_>) -> Result<Vec<f32>> {
    let (shape, rank) = stage.weight_shape();
    if stage.layer.kernel.is_some() {
        return module.numbers("weight", &shape[..rank]);
    }
    let (inputs, outputs) = (shape[0], shape[1]);
    let values = module.numbers("weight", &[outputs, inputs])?;
    Ok((0..inputs * outputs).map(|at| values[at % outputs * inputs + at / outputs]).collect())
}
