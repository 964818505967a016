//! The command line: one block an option, with its help.

mod train;
mod values;

pub(crate) use train::TrainArgs;
pub(crate) use values::network;

use crate::doctor::DoctorArgs;
use crate::exchange::{ExportArgs, ImportArgs};
use chainrule::data::{Charset, Form, Format};
use chainrule::{Activation, Optimizer};
use clap::{Args as ClapArgs, Parser, Subcommand};
use std::path::PathBuf;
use values::{at_least_one, character, inner_share, name_value, number};

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
