//! What can go wrong above the engine.

use crate::names::NameError;
use chainrule_engine::{EngineError, parse::plain};
use std::path::PathBuf;
use thiserror::Error;

/// An error of building, training, saving or loading a network.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of the engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// An error in the data.
    #[error(transparent)]
    Data(#[from] chainrule_data::DataError),
    /// A choice that cannot be read.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A description of a network that cannot be read.
    #[error(
        "`{}` is not a network: {}; write sizes with dashes, as in 784-128-10, or layers, as in conv 5x5 6, relu, \
         maxpool 2, dense 10",
        plain(text),
        plain(problem)
    )]
    Network {
        /// What was written.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Settings that do not make a network, all of them at once.
    #[error("{}", list(.0))]
    Settings(Vec<String>),
    /// The network does not fit the data.
    #[error("the network does not fit the data ({source_name}): {}", list(problems))]
    Fit {
        /// The data.
        source_name: String,
        /// Each mismatch, with its cure.
        problems: Vec<String>,
    },
    /// A sample that cannot be explained.
    #[error("{source_name}: {problem}")]
    Sample {
        /// The data.
        source_name: String,
        /// Why not, with its cure.
        problem: String,
    },
    /// Training went to infinity.
    #[error(
        "training diverged in epoch {epoch}, step {step}: {} is not finite (learning rate {rate}); \
         the usual cures: a learning rate ten times smaller, scaled inputs, --clip 1",
        node.as_ref().map_or("the loss".to_owned(), |n| format!("`{n}`"))
    )]
    Diverged {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The step in the epoch, counted from 1.
        step: usize,
        /// The first value that went non-finite, found by running the batch again with nothing hidden.
        node: Option<String>,
        /// The learning rate of the step.
        rate: f64,
        /// The epoch whose weights the model has now; `None` if they are the initial ones.
        kept_epoch: Option<usize>,
    },
    /// A file that could not be read or written.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        problem: String,
    },
    /// A file that is not a model of ours.
    #[error("{} is not a model that can be used: {problem}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

fn list(problems: &[String]) -> String {
    match problems {
        [one] => one.clone(),
        many => many.iter().map(|p| format!("\n  - {p}")).collect(),
    }
}
