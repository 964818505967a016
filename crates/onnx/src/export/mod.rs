//! Our models as ONNX: what is done to the columns, the network, and what its outputs mean, in one graph.

mod network;
mod outputs;
mod table;
mod writer;

use crate::error::OnnxError;
use crate::schema::{ModelProto, OperatorSetIdProto};
use chainrule::Model;
use prost::Message;
use std::path::Path;
use writer::Writer;

/// The version of the default set of operators that models are written in.
pub const OPSET: i64 = 28;
/// The version of the operators for tables.
const OPSET_ML: i64 = 4;
const IR_VERSION: i64 = 11;

/// The bytes of a model as ONNX. The same model gives the same bytes.
///
/// A model of a table takes an input for each column, `[rows, 1]`: numbers as doubles (NaN where one is missing), dates as
/// seconds since 1970 UTC, categories and yes or no as strings ("" where one is missing). Any other takes `x`: images as
/// `[rows, channels, height, width]` for a network over planes, else `[rows, features]`.
///
/// It gives, for classes, `label` `[rows]` (strings) and `probabilities` `[rows, classes]`, for real values `value`
/// `[rows, targets]` in their own units.
///
/// # Errors
/// A model that has nothing to say in ONNX, such as one beyond 2 GiB.
pub fn export(model: &Model) -> Result<Vec<u8>, OnnxError> {
    let mut writer = Writer::new();
    let features = table::inputs(&mut writer, model)?;
    let output = network::layers(&mut writer, model, features);
    outputs::outputs(&mut writer, model, &output);
    let set = |domain: &str, version| OperatorSetIdProto { domain: domain.to_owned(), version };
    let mut sets = vec![set("", OPSET)];
    if writer.uses_tables() {
        sets.push(set(writer::TABLES, OPSET_ML));
    }
    let proto = ModelProto {
        ir_version: IR_VERSION,
        opset_import: sets,
        producer_name: "chainrule".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(writer.into_graph()),
        ..ModelProto::default()
    };
    if proto.encoded_len() >= 1 << 31 {
        return Err(OnnxError::Inexpressible(
            "it has more than 2 GiB, the most that a file of ONNX may have".to_owned(),
        ));
    }
    Ok(proto.encode_to_vec())
}

/// Writes a model as ONNX, by way of a temporary file in the same folder.
///
/// # Errors
/// As [`export`], and a folder that cannot be written to.
pub fn save(model: &Model, path: &Path) -> Result<(), OnnxError> {
    Ok(chainrule::write_atomically(path, &export(model)?)?)
}
