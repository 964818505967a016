//! `chainrule export`: a model for other programs.

mod rust;
mod weights;

use crate::exchange::ExportArgs;
use crate::input::keep_inputs;
use crate::output::note;
use anyhow::Result;
use chainrule::Model;
use std::path::Path;

pub(crate) fn run(args: &ExportArgs) -> Result<()> {
    let forms = [&args.onnx, &args.safetensors, &args.npz, &args.rust];
    for path in forms.into_iter().flatten() {
        keep_inputs(path, &[&args.model])?;
        chainrule::check_writable(path)?;
    }
    let model = Model::load(&args.model)?;
    let write = |path: &Path, what: &str, bytes: &[u8]| -> Result<()> {
        chainrule::write_atomically(path, bytes)?;
        note!("{what} written to {}", path.display());
        Ok(())
    };
    if let Some(path) = &args.onnx {
        let what = format!("ONNX (operators of version {})", chainrule_onnx::OPSET);
        write(path, &what, &chainrule_onnx::export(&model)?)?;
    }
    if let Some(path) = &args.safetensors {
        write(path, "weights", &weights::safetensors(&model)?)?;
    }
    if let Some(path) = &args.npz {
        write(path, "weights", &weights::npz(&model)?)?;
    }
    if let Some(path) = &args.rust {
        write(path, "Rust source", rust::source(&model).as_bytes())?;
    }
    Ok(())
}
