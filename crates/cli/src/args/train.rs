//! The options of `chainrule train`.

use super::FormArgs;
use super::values::{at_least_one, height_and_width, memory, network, number};
use chainrule::data::{Augmentation, Channels, ClassWeights};
use chainrule::{Activation, Architecture, Budget, Every, Init, Loss, Optimizer, ScalingChoice, Schedule, TargetScale};
use clap::Args as ClapArgs;
use std::path::PathBuf;

const TRAIN_EXAMPLES: &str = "Examples:
  chainrule train data/mnist
  chainrule train data/mnist --hidden 512 --epochs 5 --out digits.safetensors
  chainrule train photos --resize 32x32 --augment photos
  chainrule train houses.csv --target price --validation 0.2 --patience 20
  chainrule train flowers.csv --target species --hidden none
  chainrule train houses.csv --target price --folds 5
  chainrule train loans.csv --target default --class-weight balanced --group customer
  chainrule train houses.csv --target price,rent
  chainrule train houses.csv --target price --tune 30
  chainrule train clicks.parquet --target clicked --memory 1GB
  chainrule train houses.csv --target price --report report.html
  chainrule train houses.csv --target price --run runs/1 && tensorboard --logdir runs
  chainrule train data/mnist --checkpoint run1 --every 30s --resume
  chainrule train mine.csv --target price --from model.safetensors --freeze 1 --out mine.safetensors

What is not given is chosen to fit the data, and shown.";

#[derive(ClapArgs, Debug)]
#[command(after_help = TRAIN_EXAMPLES, allow_negative_numbers = true)]
pub(crate) struct TrainArgs {
    /// A folder of IDX files, a folder that has a folder of PNG or JPEG images for each class, or a table (CSV, JSON lines, NPY, Parquet, Arrow; plain, gzip or zstd)
    pub(crate) data: PathBuf,
    /// The column of a table that is to be predicted, or several columns of numbers
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) target: Vec<String>,
    /// Columns that hold categories, whatever they look like
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) categorical: Vec<String>,
    /// Columns that hold numbers; text in them is an error
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) numeric: Vec<String>,
    /// Columns to leave out
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) drop: Vec<String>,
    /// The column that says how much each row counts in training; 0 leaves a row out
    #[arg(long, value_name = "COLUMN")]
    pub(crate) weight: Option<String>,
    /// How much the rows of each class count: balanced, or as in yes=5,no=1
    #[arg(long, value_name = "WEIGHTS")]
    pub(crate) class_weight: Option<ClassWeights>,
    /// Keep rows with the same value in this column together when some are held out; it is not learned from
    #[arg(long, value_name = "COLUMN")]
    pub(crate) group: Option<String>,
    /// Hold out the latest rows by this column of dates or numbers, instead of some at random
    #[arg(long, value_name = "COLUMN", conflicts_with_all = ["group", "folds"])]
    pub(crate) time: Option<String>,
    /// Keep within about this much memory, as in 500MB or 2GB: for tables that are larger than that
    #[arg(long, value_name = "SIZE", value_parser = memory, conflicts_with_all = ["folds", "time"])]
    pub(crate) memory: Option<u64>,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    /// Whether the target is a class or a value [default: from the data]
    #[arg(long, value_name = "TASK", value_parser = ["classify", "regress"])]
    pub(crate) task: Option<String>,
    /// The scale that a value is learned on: plain, or log for values above 0 that spread over orders of magnitude
    /// [default: log where that is nearer to rows that were not trained on]
    #[arg(long, value_name = "SCALE")]
    pub(crate) target_scale: Option<TargetScale>,
    /// Sizes from the inputs to the outputs, as in 784-128-10, layers, as in 'conv 5x5 6, relu, maxpool 2, dense 10', or a
    /// TOML file with them
    #[arg(long, value_name = "NETWORK", conflicts_with = "hidden", value_parser = network)]
    pub(crate) model: Option<Architecture>,
    /// A model file to go on from: its layers, its encoding of columns and its scaling are kept; for another target, its
    /// last layer is drawn anew
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["model", "hidden", "activation", "output_activation", "scaling", "init", "drop", "categorical", "numeric", "tune", "memory", "folds"])]
    pub(crate) from: Option<PathBuf>,
    /// How many of the first layers keep their weights
    #[arg(long, value_name = "LAYERS", default_value_t = 0, hide_default_value = true)]
    pub(crate) freeze: usize,
    /// What the learning rate is multiplied by in each layer, as in 0.1,0.1,1
    #[arg(long, value_name = "FACTORS", value_delimiter = ',', value_parser = number)]
    pub(crate) layer_rates: Vec<f64>,
    /// Sizes of the hidden layers, as in 128,64, or none
    #[arg(long, value_name = "SIZES", value_parser = hidden_sizes)]
    pub(crate) hidden: Option<Hidden>,
    /// Activation of the hidden layers: identity, sigmoid, tanh, relu, leaky-relu, elu, gelu, silu, softplus
    #[arg(long, value_name = "NAME")]
    pub(crate) activation: Option<Activation>,
    /// Activation of the output layer, which usually has none
    #[arg(long, value_name = "NAME")]
    pub(crate) output_activation: Option<Activation>,
    /// quadratic, mse, mae, huber:DELTA, cross-entropy:SMOOTHING, binary-cross-entropy
    #[arg(long, value_name = "NAME")]
    pub(crate) loss: Option<Loss>,
    /// sgd, momentum:MU, nesterov:MU, adagrad, rmsprop:RHO, adam, adamw:DECAY
    #[arg(long, value_name = "NAME")]
    pub(crate) optimizer: Option<Optimizer>,
    /// The learning rate
    #[arg(long, value_name = "RATE", value_parser = number)]
    pub(crate) lr: Option<f64>,
    /// Try ever larger learning rates, show what each does to the loss, name a good one, and stop
    #[arg(long, conflicts_with_all = ["lr", "folds", "tune", "memory", "checkpoint", "run", "report", "augment"])]
    pub(crate) find_lr: bool,
    /// constant, step:EVERY:FACTOR, exponential:FACTOR, cosine, warm-up:SHARE, one-cycle, plateau:FACTOR:PATIENCE
    #[arg(long, value_name = "NAME")]
    pub(crate) schedule: Option<Schedule>,
    /// glorot-uniform, glorot-normal, he-uniform, he-normal, lecun-normal, normal:DEVIATION, zeros
    #[arg(long, value_name = "NAME")]
    pub(crate) init: Option<Init>,
    /// What is done to the inputs: standard, pixels (x / 255), none
    #[arg(long, value_name = "NAME")]
    pub(crate) scaling: Option<ScalingChoice>,
    /// Passes over the training data
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) epochs: Option<usize>,
    /// Samples a step
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) batch_size: Option<usize>,
    /// The most samples that are run through the network at once; the gradients of a larger batch are added up, to take
    /// less memory
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) micro_batch: Option<usize>,
    /// Score and keep a running mean of the weights with this decay, as in 0.999
    #[arg(long, value_name = "DECAY", value_parser = number)]
    pub(crate) average: Option<f64>,
    /// L2 penalty ½λΣw² on the weights (for a book's λ/n, divide by n) [default: for tables 3/rows, or of four around it the best in folds if rows are few; else none]
    #[arg(long, value_name = "LAMBDA", value_parser = number)]
    pub(crate) l2: Option<f64>,
    /// L1 penalty λΣ|w| on the weights
    #[arg(long, value_name = "LAMBDA", default_value_t = 0.0, value_parser = number, hide_default_value = true)]
    pub(crate) l1: f64,
    /// Share of hidden activations set to 0 in each step
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = number, hide_default_value = true)]
    pub(crate) dropout: f64,
    /// Bring images to this height and width [default: they have to be of one size]
    #[arg(long, value_name = "HxW", value_parser = height_and_width)]
    pub(crate) resize: Option<(usize, usize)>,
    /// What to keep of the colours of images: grey, rgb [default: grey if all images are grey]
    #[arg(long, value_name = "NAME")]
    pub(crate) channels: Option<Channels>,
    /// Change images at random each time they are trained on: items of 'shift 2, rotate 15, scale 0.15, elastic 36 5,
    /// flip, crop 4, cutout 8, mixup 0.2', or the name of a set: digits, photos
    #[arg(long, value_name = "ITEMS")]
    pub(crate) augment: Option<Augmentation>,
    /// Scale gradients down to this norm
    #[arg(long, value_name = "NORM", value_parser = number)]
    pub(crate) clip: Option<f64>,
    /// Seed of every random choice
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Threads, at most 64; the result does not depend on them [default: one a core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true,
        value_parser = clap::value_parser!(u16).range(..=1024))]
    pub(crate) threads: u16,
    /// Share of the training data held out to choose the best epoch [default: 0.1, none of fewer than 2,000 samples]
    #[arg(long, value_name = "SHARE", value_parser = number)]
    pub(crate) validation: Option<f64>,
    /// Stop after this many epochs without a better validation loss
    #[arg(long, value_name = "EPOCHS", value_parser = at_least_one)]
    pub(crate) patience: Option<usize>,
    /// Share of a table, or of images that are in no folders train and test, held out for the test at the end
    /// [default: 0.2]
    #[arg(long, value_name = "SHARE", value_parser = number)]
    pub(crate) test: Option<f64>,
    /// Do not train one model but this many, each tested on rows that it has not seen, and show mean and spread
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000),
        conflicts_with_all = ["test", "checkpoint", "show_plan"])]
    pub(crate) folds: Option<u32>,
    /// Search for better settings first, in so many trials, or for as long as 60s or 5m; what is given stays as it is
    #[arg(long, value_name = "TRIALS|TIME", conflicts_with_all = ["folds", "show_plan"])]
    pub(crate) tune: Option<Budget>,
    /// The model file to write
    #[arg(long, short, value_name = "FILE", default_value = "model.safetensors")]
    pub(crate) out: PathBuf,
    /// Record the run in this folder: settings, machine, curves (JSON lines, CSV, TensorBoard), model, scores, what was
    /// measured of the network, and a report
    #[arg(long, value_name = "FOLDER", conflicts_with = "folds")]
    pub(crate) run: Option<PathBuf>,
    /// Write a report of the training as a page [default: report.html in the folder of --run]
    #[arg(long, value_name = "FILE", conflicts_with = "folds")]
    pub(crate) report: Option<PathBuf>,
    /// Write the state of the training into this folder, to go on after a crash
    #[arg(long, value_name = "FOLDER")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// How often: 1epoch, 500steps, 30s, 5m
    #[arg(long, value_name = "SPAN", default_value = "1epoch", requires = "checkpoint")]
    pub(crate) every: Every,
    /// Go on from the checkpoint in the folder, if there is one, to the same bits as without a break
    #[arg(long, requires = "checkpoint")]
    pub(crate) resume: bool,
    /// Print one JSON event a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the plan of a training step and stop
    #[arg(long, conflicts_with_all = ["find_lr", "checkpoint", "run", "report", "json"])]
    pub(crate) show_plan: bool,
}

/// The sizes of hidden layers; none is a choice too.
#[derive(Clone, Debug)]
pub(crate) struct Hidden(pub(crate) Vec<usize>);

fn hidden_sizes(text: &str) -> Result<Hidden, String> {
    if text == "none" {
        return Ok(Hidden(Vec::new()));
    }
    text.split(',').map(|part| at_least_one(part.trim())).collect::<Result<_, _>>().map(Hidden)
}
