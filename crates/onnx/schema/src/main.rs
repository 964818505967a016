//! Writes `crates/onnx/src/schema.rs` from `onnx.proto3`: `cargo xtask onnx-schema`.
//!
//! A package outside the workspace, so that no build of the project compiles a compiler of protobuf.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The compiler knows files by their ending.
    let folder = std::env::temp_dir().join(format!("onnx-schema-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    std::fs::copy(here.join("onnx.proto3"), folder.join("onnx.proto"))?;
    let set = protox::compile(["onnx.proto"], [&folder])?;
    let mut config = prost_build::Config::new();
    config.disable_comments(["."]).out_dir(&folder);
    config.compile_fds(set)?;
    let generated = std::fs::read_to_string(folder.join("onnx.rs"))?;
    std::fs::write(here.join("../src/schema.rs"), generated)?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
