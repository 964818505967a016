//! ONNX in and out: models of other frameworks as graphs of the engine, and our models for other programs.

mod call;
mod chain;
mod control;
mod error;
mod export;
mod import;
mod kind;
mod load;
pub mod node_test;
mod ops;
mod run;
mod schema {
    //! The messages of `schema/onnx.proto3`, written by `cargo xtask onnx-schema`.
    #![allow(missing_docs, dead_code, unreachable_pub, clippy::all, rustdoc::all)]
    include!("schema.rs");
}
mod tensor;
mod tiny;
mod value;

pub use chain::Names;
pub use error::OnnxError;
pub use export::{OPSET, export, save};
pub use import::Given;
pub use kind::Kind;
pub use load::OnnxModel;
pub use run::{Imported, Input, Output, Running};
pub use tensor::Tensor;
pub use tiny::Tiny;

/// The names of the operations that can be imported, in the order of the alphabet.
pub fn operations() -> Vec<&'static str> {
    let mut names: Vec<&'static str> = ops::names().collect();
    names.sort_unstable();
    names
}
