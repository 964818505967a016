//! `cargo xtask site`: the playground as files that any server can give out, with the engine as WebAssembly; and the
//! tests of that engine in Node.

use crate::{cargo, program};
use anyhow::{Context, Result, bail, ensure};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";

/// Vector instructions, which every browser has had since 2023.
const FLAGS: &str = "-C target-feature=+simd128";

/// The page's own files, and where the site comes to lie.
const PAGE: &str = "crates/play/page/site";
const SITE: &str = "target/site";

/// Writes the site.
pub(crate) fn site() -> Result<()> {
    let site = Path::new(SITE);
    if site.exists() {
        std::fs::remove_dir_all(site)?;
    }
    engine(site, Form::Browser)?;
    for file in std::fs::read_dir(PAGE)?.flatten().filter(|file| file.path().is_file()) {
        std::fs::copy(file.path(), site.join(file.file_name()))?;
    }
    let [mut total, mut packed] = [0; 2];
    for name in files(site)? {
        let bytes = std::fs::read(site.join(&name))?;
        let small = gzip(&bytes)?;
        println!("{:>9} bytes, {:>8} as gzip  {name}", bytes.len(), small);
        (total, packed) = (total + bytes.len(), packed + small);
    }
    println!("{total:>9} bytes, {packed:>8} as gzip  in all");
    println!("the site is in {SITE}; to see it: python3 -m http.server --directory {SITE}");
    Ok(())
}

/// Runs the tests of the engine in Node: its numbers are those of the program.
pub(crate) fn test() -> Result<()> {
    let folder = Path::new("target/web-test");
    engine(folder, Form::Node)?;
    node(&["--test", "crates/play-web/tests/"], folder, &program()?)
}

/// Measures the engine in Node beside that of this computer.
pub(crate) fn speed() -> Result<()> {
    let folder = Path::new("target/web-speed");
    engine(folder, Form::NodeForSpeed)?;
    cargo(&["build", "--quiet", "--release", "--package", "chainrule-play", "--example", "speed"], &[])?;
    node(&["crates/play-web/speed.mjs"], folder, Path::new("target/release/examples/speed"))
}

/// Runs a script that finds the engine of a folder, and the program beside it.
fn node(args: &[&str], folder: &Path, program: &Path) -> Result<()> {
    let engine = std::path::absolute(folder.join("engine.js"))?;
    let mut node = Command::new("node");
    node.args(args).env("CHAINRULE_ENGINE", engine).env("CHAINRULE", std::path::absolute(program)?);
    let status = node.status().context("the engine for browsers is run in Node: install it (https://nodejs.org)")?;
    ensure!(status.success(), "node {} failed", args.join(" "));
    Ok(())
}

/// For what the engine is built.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Browser,
    Node,
    NodeForSpeed,
}

/// Compiles the engine and writes `engine.js` and `engine_bg.wasm` into a folder.
fn engine(folder: &Path, form: Form) -> Result<()> {
    add_target()?;
    let mut args = vec!["build", "--profile", "web", "--package", "chainrule-play-web", "--target", TARGET];
    if form == Form::NodeForSpeed {
        args.extend(["--features", "speed"]);
    }
    cargo(&args, &[("RUSTFLAGS", FLAGS)])?;
    let compiled = Path::new("target").join(TARGET).join("web/chainrule_play_web.wasm");
    let mut bindgen = Bindgen::new();
    bindgen.input_path(compiled).out_name("engine").typescript(false);
    bindgen.remove_name_section(true).remove_producers_section(true);
    let ready = if form == Form::Browser { bindgen.web(true) } else { bindgen.nodejs_module(true) };
    ready?.generate(folder).with_context(|| format!("the engine cannot be written to {}", folder.display()))
}

/// Gets the standard library of the target where rustup has not got it yet.
fn add_target() -> Result<()> {
    let listed = Command::new("rustup").args(["target", "list", "--installed"]).output();
    match listed {
        Ok(listed) if !String::from_utf8_lossy(&listed.stdout).contains(TARGET) => {
            let status = Command::new("rustup").args(["target", "add", TARGET]).status()?;
            if !status.success() {
                bail!("rustup target add {TARGET} failed");
            }
        }
        // Without rustup, the target is there or the compiler says what is missing.
        _ => {}
    }
    Ok(())
}

/// The names in a folder, in order.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder)?.flatten().map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

fn gzip(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}
