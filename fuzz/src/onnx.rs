//! What is done with the bytes of a file of ONNX, as in `lib.rs`; apart from it, because the crate of that reader lies
//! above the others.

use chainrule::engine::Graph;
use chainrule_onnx::{Given, Names, OnnxError, OnnxModel};

/// A file of ONNX: a graph of the engine, and a model of ours where it is a chain of layers.
pub(crate) fn onnx(bytes: &[u8]) -> bool {
    let Ok(onnx) = told(OnnxModel::from_bytes(bytes)) else { return false };
    if let Ok(model) = told(onnx.to_model(&Names::default())) {
        let again = chainrule_onnx::export(&model).expect("what is a model can be written");
        let again = OnnxModel::from_bytes(&again).expect("what was written can be read");
        assert_eq!(again.to_model(&Names::default()).expect("it is a chain").network, model.network);
    }
    let graph = Graph::new();
    told(onnx.import(&graph, &Given::default())).is_ok()
}

/// The result, if an error is a message of one line.
fn told<T>(result: Result<T, OnnxError>) -> Result<T, OnnxError> {
    if let Err(error) = &result {
        let text = error.to_string();
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    result
}
