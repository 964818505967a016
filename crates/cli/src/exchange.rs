//! The command line of `export` and `import`: one block an option, with its help.

use chainrule::Architecture;
use clap::Args as ClapArgs;
use std::path::PathBuf;

const EXPORT_EXAMPLES: &str = "Examples:
  chainrule export model.safetensors --onnx model.onnx
  chainrule export houses.safetensors --onnx houses.onnx --rust houses.rs
  chainrule export digits.safetensors --npz digits.npz --safetensors digits-torch.safetensors

ONNX: a model of a table takes one input a column, [rows, 1]: numbers as doubles (NaN where missing), dates as seconds \
since 1970 UTC, categories and yes or no as strings (\"\" where missing). Any other takes x: pixels or features as they \
are in the data. It gives label and probabilities, or value, in the units of the data.

Weights: named and laid out as those of a torch.nn.Sequential of the layers (0.weight [outputs, inputs], 0.bias, …),
norms and dropouts among them.

Rust: a source file without dependencies and without the standard library, with a function predict. It takes features; \
for a table, those that its columns become.";

#[derive(ClapArgs, Debug)]
#[command(after_help = EXPORT_EXAMPLES, group(clap::ArgGroup::new("forms").required(true).multiple(true)))]
pub(crate) struct ExportArgs {
    /// The model file
    pub(crate) model: PathBuf,
    /// Write the whole model as ONNX, with what is done to its inputs and outputs
    #[arg(long, value_name = "FILE", group = "forms")]
    pub(crate) onnx: Option<PathBuf>,
    /// Write the weights as safetensors
    #[arg(long, value_name = "FILE", group = "forms")]
    pub(crate) safetensors: Option<PathBuf>,
    /// Write the weights as a NumPy archive
    #[arg(long, value_name = "FILE", group = "forms")]
    pub(crate) npz: Option<PathBuf>,
    /// Write the model as a Rust source file
    #[arg(long, value_name = "FILE", group = "forms")]
    pub(crate) rust: Option<PathBuf>,
}

const IMPORT_EXAMPLES: &str = "Examples:
  chainrule import net.onnx --out net.safetensors
  chainrule import flowers.onnx --features sepal_length,sepal_width,petal_length,petal_width --target species
  chainrule import cnn.onnx --pixels --out cnn.safetensors
  chainrule import torch.safetensors --model '28x28, conv 5x5 6, relu, maxpool 2, dense 10'

An ONNX file must be a chain of layers: Gemm or MatMul, Conv, pools, Flatten or Reshape, activations, Softmax, and the \
scaler and labels of skl2onnx. The model can then be evaluated, explained, used to predict, and trained on \
(chainrule train DATA --from MODEL). The weights of \
PyTorch (safetensors) say nothing of the layers: --model does.";

#[derive(ClapArgs, Debug)]
#[command(after_help = IMPORT_EXAMPLES)]
pub(crate) struct ImportArgs {
    /// An ONNX file, or the weights of PyTorch as safetensors
    pub(crate) file: PathBuf,
    /// The form of the inputs and the layers that weights of PyTorch are for, or a TOML file with them
    #[arg(long, value_name = "LAYERS", value_parser = crate::args::network)]
    pub(crate) model: Option<Architecture>,
    /// The names of the classes, in the order of the outputs [default: those in the file, or 0,1,2,…]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) classes: Vec<String>,
    /// The columns of a table, in the order of the inputs [default: x1,x2,…]
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) features: Vec<String>,
    /// The name of what is predicted, or of each value [default: class or value]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) target: Vec<String>,
    /// The network takes pixels from 0 to 1, not bytes: data of ours are divided by 255 first
    #[arg(long)]
    pub(crate) pixels: bool,
    /// The model file to write
    #[arg(long, short, value_name = "FILE", default_value = "model.safetensors")]
    pub(crate) out: PathBuf,
}
