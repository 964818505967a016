//! What can go wrong with a file of ONNX.

use chainrule::engine::{EngineError, parse::plain};
use std::path::PathBuf;
use thiserror::Error;

/// An error of reading, importing or writing ONNX.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// A file that cannot be read or written.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        problem: String,
    },
    /// Bytes that are no sound model or tensor.
    #[error("this is no ONNX that can be used: {}", plain(.0))]
    Damaged(String),
    /// Operations that the importer does not know, all of them at once.
    #[error("no import of {}; what can be imported: {}", plain(&ops.join(", ")), known.join(", "))]
    Unknown {
        /// Their names.
        ops: Vec<String>,
        /// The names of those that it knows.
        known: Vec<&'static str>,
    },
    /// A node that cannot be imported.
    #[error("node {}: {}", plain(node), plain(problem))]
    Node {
        /// Its name and operation.
        node: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A setting or kind of number that the importer has no way to compute.
    #[error("node {}: not supported: {}", plain(node), plain(problem))]
    Unsupported {
        /// Its name and operation.
        node: String,
        /// What it asks for.
        problem: String,
    },
    /// A value that shapes depend on and that is only known when the graph runs.
    #[error("node {}: `{}` must be known when the graph is built: give its value", plain(node), plain(value))]
    MustBeKnown {
        /// Its name and operation.
        node: String,
        /// The value.
        value: String,
    },
    /// A model that ONNX has no words for.
    #[error("this model cannot be written as ONNX: {0}")]
    Inexpressible(String),
    /// A graph that is no chain of layers.
    #[error("this is no chain of layers: {}", plain(.0))]
    NoChain(String),
    /// Names, or weights, that do not fit the network.
    #[error("{}", plain(.0))]
    Names(String),
    /// An error of a model.
    #[error(transparent)]
    Model(Box<chainrule::Error>),
    /// An error of the engine.
    #[error(transparent)]
    Engine(Box<EngineError>),
}

impl From<chainrule::Error> for OnnxError {
    fn from(error: chainrule::Error) -> Self {
        Self::Model(Box::new(error))
    }
}

impl From<EngineError> for OnnxError {
    fn from(error: EngineError) -> Self {
        Self::Engine(Box::new(error))
    }
}

/// What is wrong with a node, before its name is put in front.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is wrong.
    Wrong(String),
    /// It cannot be computed here.
    Unsupported(String),
    /// The value at a position of its inputs must be known.
    MustBeKnown(String),
    /// The engine says so.
    Whole(Box<OnnxError>),
}

impl From<OnnxError> for Fault {
    fn from(error: OnnxError) -> Self {
        Self::Whole(Box::new(error))
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        // A message of the engine has a line for each fact.
        Self::Wrong(error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

impl Fault {
    pub(crate) fn at(self, node: String) -> OnnxError {
        match self {
            Self::Wrong(problem) => OnnxError::Node { node, problem },
            Self::Unsupported(problem) => OnnxError::Unsupported { node, problem },
            Self::MustBeKnown(value) => OnnxError::MustBeKnown { node, value },
            Self::Whole(error) => *error,
        }
    }
}

/// `Err(Fault::Wrong(…))` from a format.
macro_rules! wrong {
    ($($text:tt)*) => { Err($crate::error::Fault::Wrong(format!($($text)*))) };
}
pub(crate) use wrong;

/// `Err(Fault::Unsupported(…))` from a format.
macro_rules! unsupported {
    ($($text:tt)*) => { Err($crate::error::Fault::Unsupported(format!($($text)*))) };
}
pub(crate) use unsupported;
