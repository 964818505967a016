//! The command line: one block an option, with its help.

use crate::doctor::DoctorArgs;
use crate::exchange::{ExportArgs, ImportArgs};
use chainrule::data::{Augmentation, Channels, Charset, ClassWeights, Form, Format, LEAST_MEMORY};
use chainrule::{Activation, Architecture, Budget, Every, Init, Loss, Optimizer, ScalingChoice, Schedule, TargetScale};
use clap::{Args as ClapArgs, Parser, Subcommand};
use std::path::{Path, PathBuf};

/// Neural networks trained by back-propagation, with nothing hidden.
#[derive(Parser, Debug)]
#[command(name = "chainrule", version, about, max_term_width = 100, propagate_version = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Differentiate an expression and show how
    Grad(GradArgs),
    /// Show the sizes of a network or a model file
    Summary(SummaryArgs),
    /// Train a network on images or a table
    Train(Box<TrainArgs>),
    /// Score a model on data, and say which columns of a table matter
    Evaluate(EvaluateArgs),
    /// Predict with a model
    Predict(PredictArgs),
    /// Show one sample's way through a network, forward and back
    Explain(ExplainArgs),
    /// Say why a network does not learn: what was measured, and a cure
    Doctor(DoctorArgs),
    /// Write a model as ONNX, as weights by name, or as Rust source
    Export(ExportArgs),
    /// Read a model from ONNX, or weights of PyTorch
    Import(ImportArgs),
    /// Open the playground: expressions, small networks and digits to play with in the browser
    Play(PlayArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

const PLAY_EXAMPLES: &str = "Examples:
  chainrule play
  chainrule play points.csv --label class     two columns of numbers, and a column of two classes
  chainrule play --port 0 --no-open           any free port; open the address that is shown

Only this computer can reach the page.";

#[derive(ClapArgs, Debug)]
#[command(after_help = PLAY_EXAMPLES)]
pub(crate) struct PlayArgs {
    /// A table of points to offer: two columns of numbers, and one of two classes
    pub(crate) data: Option<PathBuf>,
    /// The column of the classes
    #[arg(long, value_name = "COLUMN", default_value = "label", requires = "data")]
    pub(crate) label: String,
    /// The port of this computer; 0 takes a free one [default: 4747, or a free one if that is taken]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Do not open a browser
    #[arg(long)]
    pub(crate) no_open: bool,
}

const GRAD_EXAMPLES: &str = "Examples:
  chainrule grad 'e = (a+b)*(b+1)' a=2 b=1
  chainrule grad 'c = a+b; d = b+1; e = c*d' a=2 b=1 --steps --paths
  chainrule grad 'log(1 + exp(-y*(w*x + b)))' x=2 y=1 w=0.5 b=-1 --wrt w,b --check
  chainrule grad 'x^3 + sin(x)' x=1 --order 2 --json
  chainrule grad 'e = (a+b)*(b+1)' a=2 b=1 --html gradient.html

Operators + - * / ^ and parentheses; `;` or a new line ends a statement; `name = …` names a value.";

#[derive(ClapArgs, Debug)]
#[command(after_help = GRAD_EXAMPLES, after_long_help = format!("{GRAD_EXAMPLES}\n\nFunctions:\n{}", function_list()))]
pub(crate) struct GradArgs {
    /// The expression; the last statement is differentiated
    #[arg(allow_hyphen_values = true)]
    pub(crate) expression: String,
    /// A value for each variable, as NAME=VALUE
    #[arg(value_parser = name_value)]
    pub(crate) values: Vec<(String, f64)>,
    /// Replay the sweep in words and numbers
    #[arg(long)]
    pub(crate) steps: bool,
    /// List the paths of the chain rule and compare the work
    #[arg(long)]
    pub(crate) paths: bool,
    /// List at most this many paths
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub(crate) limit: u32,
    /// Set finite differences beside the result
    #[arg(long)]
    pub(crate) check: bool,
    /// 2 adds the second derivatives
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub(crate) order: u8,
    /// Differentiate by these variables only
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) wrt: Vec<String>,
    /// Write a page that replays the way forward and back, one edge at a time
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write the graph with its values and gradients as a picture
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Write the graph for Graphviz
    #[arg(long, value_name = "FILE")]
    pub(crate) dot: Option<PathBuf>,
    /// Write the graph for Mermaid
    #[arg(long, value_name = "FILE")]
    pub(crate) mermaid: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

fn function_list() -> String {
    let line = |(name, about): (&str, &str)| format!("  {name:<10}{about}\n");
    chainrule::engine::parse::functions().map(line).collect()
}

fn name_value(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE, as in a=2")?;
    let number = value.trim().parse::<f64>().map_err(|_| format!("`{value}` is not a number"))?;
    if !number.is_finite() {
        return Err(format!("`{value}` is not a finite number"));
    }
    Ok((name.trim().to_owned(), number))
}

const SUMMARY_EXAMPLES: &str = "Examples:
  chainrule summary 3-4-4-1
  chainrule summary 784-128-10 --batch-size 256
  chainrule summary '28x28, conv 5x5 6, relu, maxpool 2, dense 10'
  chainrule summary model.safetensors --json
  chainrule summary 3-4-4-1 --svg network.svg";

#[derive(ClapArgs, Debug)]
#[command(after_help = SUMMARY_EXAMPLES)]
pub(crate) struct SummaryArgs {
    /// Sizes from the inputs to the outputs, layers after the form of the inputs, a TOML file with them, or a model file
    pub(crate) network: String,
    /// Samples a step, for the memory to train
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one)]
    pub(crate) batch_size: usize,
    /// Activation of the hidden layers
    #[arg(long, value_name = "NAME", default_value = "relu")]
    pub(crate) activation: Activation,
    /// The optimizer, for the memory to train
    #[arg(long, value_name = "NAME", default_value = "adam")]
    pub(crate) optimizer: Optimizer,
    /// Draw the network as the textbook does, with all connections
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// A network in words, or the file that it stands in.
pub(crate) fn network(text: &str) -> Result<Architecture, String> {
    let found = if text.ends_with(".toml") { Architecture::read(Path::new(text)) } else { text.parse() };
    found.map_err(|error| error.to_string())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) | Err(_) => Err("it must be a whole number from 1".to_owned()),
        Ok(number) => Ok(number),
    }
}

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
    #[arg(long, conflicts_with_all = ["lr", "folds", "tune", "memory", "checkpoint", "run", "augment"])]
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
    #[arg(long)]
    pub(crate) show_plan: bool,
}

/// How a table is written, where that is not seen from the file.
#[derive(ClapArgs, Debug)]
pub(crate) struct FormArgs {
    /// How a table is written: csv, jsonl, npy, npz, parquet, arrow [default: seen from the file, as all of this]
    #[arg(long, value_name = "NAME")]
    format: Option<Format>,
    /// How characters are written: utf-8, utf-16le, utf-16be, windows-1252
    #[arg(long, value_name = "NAME")]
    encoding: Option<Charset>,
    /// What stands between the cells of a CSV file: a character, or tab
    #[arg(long, value_name = "CHARACTER", value_parser = character)]
    delimiter: Option<u8>,
    /// What stands around a cell that has a delimiter in it [default: "]
    #[arg(long, value_name = "CHARACTER", value_parser = character)]
    quote: Option<u8>,
    /// Whether the first row names the columns; if not, they are "column 1", "column 2", …
    #[arg(long, value_name = "YES|NO", value_parser = ["yes", "no"])]
    header: Option<String>,
    /// What stands before the decimals of a number
    #[arg(long, value_name = "POINT|COMMA", value_parser = ["point", "comma"])]
    decimal: Option<String>,
}

impl FormArgs {
    pub(crate) fn form(&self) -> Form {
        Form {
            format: self.format,
            encoding: self.encoding,
            delimiter: self.delimiter,
            quote: self.quote,
            header: self.header.as_deref().map(|header| header == "yes"),
            decimal_comma: self.decimal.as_deref().map(|decimal| decimal == "comma"),
        }
    }

    pub(crate) fn is_given(&self) -> bool {
        self.form() != Form::default()
    }
}

fn character(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text == "tab" || text == "\\t" => Ok(b'\t'),
        [one] if one.is_ascii() && !matches!(one, b'\n' | b'\r') => Ok(*one),
        _ => Err("it must be one ASCII character, or tab".to_owned()),
    }
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

fn height_and_width(text: &str) -> Result<(usize, usize), String> {
    let side = |text: &str| text.parse::<usize>().ok().filter(|side| (1..=4096).contains(side));
    let sides = text.split_once('x').and_then(|(height, width)| side(height).zip(side(width)));
    sides.ok_or_else(|| "it must be a height and a width of at most 4096 pixels, as in 32x32".to_owned())
}

fn number(text: &str) -> Result<f64, String> {
    text.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| "it must be a finite number".to_owned())
}

fn memory(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size: write it as in 500MB or 2GB");
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let amount: f64 = text[..text.len() - unit.len()].parse().map_err(|_| wrong())?;
    let scale = match unit.trim().to_ascii_uppercase().as_str() {
        "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KIB" => 1024.0,
        "MIB" => 1048576.0,
        "GIB" => 1073741824.0,
        _ => return Err(wrong()),
    };
    let bytes = (amount * scale) as u64;
    if bytes < LEAST_MEMORY {
        return Err(format!("{text} is too little: at least {} MB are needed", LEAST_MEMORY.div_ceil(1_000_000)));
    }
    Ok(bytes)
}

fn inner_share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "it must be above 0 and below 1, as in 0.9".to_owned())
}

const EVALUATE_EXAMPLES: &str = "Examples:
  chainrule evaluate model.safetensors data/mnist
  chainrule evaluate model.safetensors data/mnist --part train --json
  chainrule evaluate photos.safetensors new-photos
  chainrule evaluate houses.safetensors new-houses.csv";

/// A model and data for it.
#[derive(ClapArgs, Debug)]
pub(crate) struct ModelAndData {
    /// The model file
    pub(crate) model: PathBuf,
    /// A folder of IDX files, image files in folders of their classes, an image file, or a table with the columns that the
    /// model was trained on
    pub(crate) data: PathBuf,
    /// Which part of a folder of IDX files, or of one with the folders train and test
    #[arg(long, default_value = "test", value_parser = ["test", "train"])]
    pub(crate) part: String,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

#[derive(ClapArgs, Debug)]
#[command(after_help = EVALUATE_EXAMPLES)]
pub(crate) struct EvaluateArgs {
    #[command(flatten)]
    pub(crate) input: ModelAndData,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

const PREDICT_EXAMPLES: &str = "Examples:
  chainrule predict model.safetensors data/mnist --out predictions.csv
  chainrule predict photos.safetensors cat.jpg
  chainrule predict houses.safetensors new-houses.csv --keep street,city | head
  chainrule predict houses.safetensors new-houses.csv --interval 0.9
  zcat houses.csv.gz | chainrule predict houses.safetensors - --json > predictions.jsonl

A table may have any number of rows: they are read, predicted and written some at a time.";

#[derive(ClapArgs, Debug)]
#[command(after_help = PREDICT_EXAMPLES)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    pub(crate) input: ModelAndData,
    /// Columns of the table to copy as they are written; "" for none [default: those left out of training as names of
    /// rows, if they are there]
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) keep: Option<Vec<String>>,
    /// For a real value, add the ends of an interval that holds the truth of this share of new rows, as in 0.9
    #[arg(long, value_name = "SHARE", value_parser = inner_share)]
    pub(crate) interval: Option<f64>,
    /// Write one JSON object a row instead of CSV
    #[arg(long)]
    pub(crate) json: bool,
    /// The file to write [default: the terminal]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

const EXPLAIN_EXAMPLES: &str = "Examples:
  chainrule explain model.safetensors data/mnist --row 3
  chainrule explain flowers.safetensors flowers.csv --row 0 --full --rate 0.1
  chainrule explain model.safetensors data/mnist --row 3 --html seven.html

The page shows each layer as a column of neurons, their values and gradients as colours, the
gradients of the weights as heat maps, and, for whatever is pointed at, its equation with the
numbers of the sample.";

#[derive(ClapArgs, Debug)]
#[command(after_help = EXPLAIN_EXAMPLES, allow_negative_numbers = true)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) input: ModelAndData,
    /// Which sample, counted from 0
    #[arg(long, value_name = "N")]
    pub(crate) row: usize,
    /// Learning rate of the update that is tried [default: the one of the training]
    #[arg(long, value_name = "RATE", value_parser = number)]
    pub(crate) rate: Option<f64>,
    /// Print whole matrices, however large
    #[arg(long)]
    pub(crate) full: bool,
    /// Write a page that shows the sample on its way through the network and back
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write the network with the sample's values and gradients as a picture
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
