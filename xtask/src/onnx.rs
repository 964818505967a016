//! ONNX: a Python to compare with, the backend node tests, and the schema.

use crate::{cargo, run};
use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the Python must have.
const REQUIREMENTS: &str = "crates/onnx/tests/requirements.txt";
/// Where the table of results stands, behind this line.
const TABLE: &str = "docs/onnx.md";
const MARK: &str = "<!-- written by cargo xtask onnx-tests -->\n";

/// The Python that tests compare with: that of `CHAINRULE_PYTHON`, or one in the target folder, which is made if it is
/// not there.
pub(crate) fn python() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHAINRULE_PYTHON") {
        return Ok(path.into());
    }
    let metadata = MetadataCommand::new().no_deps().exec().context("cannot ask cargo for the workspace")?;
    let folder = metadata.target_directory.join("python").into_std_path_buf();
    let requirements = metadata.workspace_root.join(REQUIREMENTS).into_std_path_buf();
    let wanted = std::fs::read_to_string(&requirements).with_context(|| requirements.display().to_string())?;
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    // The stamp is written last, so that an installation that was cut off is begun again.
    if std::fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&requirements))?;
        std::fs::write(&stamp, wanted).with_context(|| stamp.display().to_string())?;
    }
    Ok(python)
}

/// All backend node tests of the installed `onnx`; the table of results goes to `docs/onnx.md`.
pub(crate) fn node_tests() -> Result<()> {
    let python = python()?;
    let folder = tempfile::tempdir()?;
    let pack = folder.path().join("node_tests.pack.gz");
    run(Command::new(python).arg("crates/onnx/tests/collect_node_tests.py").arg(&pack))?;
    cargo(&["build", "--quiet", "-p", "chainrule-onnx", "--example", "node_tests"], &[])?;
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "-p", "chainrule-onnx", "--example", "node_tests", "--"]).arg(&pack);
    let output = command.output().context("cannot start cargo")?;
    let table = String::from_utf8(output.stdout).context("the results are no text")?;
    if !output.status.success() {
        bail!("{table}{}", String::from_utf8_lossy(&output.stderr));
    }
    write_table(Path::new(TABLE), &table)?;
    println!("{}", table.lines().find(|line| line.starts_with("| all ")).unwrap_or("no cases"));
    Ok(())
}

fn write_table(path: &Path, table: &str) -> Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let (before, _) = text.split_once(MARK).with_context(|| format!("{TABLE} has no line {MARK}"))?;
    std::fs::write(path, format!("{before}{MARK}\n{table}")).with_context(|| path.display().to_string())
}

/// Writes the Rust of the schema again.
pub(crate) fn schema() -> Result<()> {
    cargo(&["run", "--quiet", "--manifest-path", "crates/onnx/schema/Cargo.toml"], &[])
}
