//! The project's own commands: `cargo xtask test`, `check`, `bench`, `fuzz`, `onnx-tests`, `onnx-schema`,
//! `site`, `web-test` and `web-speed`.

mod bench;
mod fuzz;
mod onnx;
mod page;
#[cfg(feature = "web")]
mod site;

use anyhow::{Context, Result, bail};
use cargo_metadata::camino::Utf8PathBuf;
use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::BTreeSet;
use std::process::{Command, ExitCode};

const HELP: &str = "cargo xtask test         run every test
cargo xtask check        formatting, lints with warnings denied, documentation, and the architecture
cargo xtask bench        measure against other libraries (bench/README.md; --help lists the options)
cargo xtask fuzz         feed readers and parsers with hostile input (docs/fuzzing.md; --help lists the options)
cargo xtask onnx-tests   run the backend node tests of ONNX and write their table (docs/onnx.md)
cargo xtask onnx-schema  write the Rust of the schema of ONNX again
cargo xtask site         the playground as files for any server, in target/site (docs/playground.md)
cargo xtask web-test     test the playground's engine for browsers in Node (`test` does it too)
cargo xtask web-speed    measure that engine beside the one of this computer";

fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        Some("test") => test(),
        Some("check") => check(),
        Some("bench") => bench::run(std::env::args().skip(1)),
        Some("fuzz") => fuzz::run(std::env::args().skip(1)),
        Some("onnx-tests") => onnx::node_tests(),
        Some("onnx-schema") => onnx::schema(),
        Some(task @ ("site" | "web-test" | "web-speed")) => web(task),
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// All unit, property, integration and documentation tests. Those of ONNX compare with onnxruntime, those of the page
/// use it in a browser.
fn test() -> Result<()> {
    let fetch = || Ok((onnx::python()?, page::chromium()?, page::modules()?));
    let with = |args: &[&'static str]| [&args[..1], &["--workspace", "--features", "xtask/web"], &args[1..]].concat();
    let (python, chromium, ()) = while_compiling(&with(&["test", "--no-run"]), fetch)?;
    cargo(&with(&["build", "--bin", "xtask"]), &[])?;
    let python = python.to_str().context("the path of Python is not Unicode")?;
    // Alone, both programs would be built again, with other features of what they stand on.
    let program = std::path::absolute(PROGRAM)?;
    let task = |name| run(Command::new("target/debug/xtask").arg(name).env("CHAINRULE", &program));
    cargo(&with(&["test", "--no-fail-fast"]), &[("CHAINRULE_PYTHON", python)])?;
    task("web-test")?;
    task("site")?;
    page::test(&program, &chromium)
}

/// Where builds put the command.
const PROGRAM: &str = "target/debug/chainrule";

/// The command to test with: that of `CHAINRULE`, or one that is built now.
#[cfg(feature = "web")]
fn program() -> Result<std::path::PathBuf> {
    if let Some(path) = std::env::var_os("CHAINRULE") {
        return Ok(path.into());
    }
    cargo(&["build", "--quiet", "--package", "chainrule-cli"], &[])?;
    Ok(std::path::absolute(PROGRAM)?)
}

/// A task for browsers. This program does it if it was built for that; if not, one that is does it.
fn web(task: &str) -> Result<()> {
    #[cfg(feature = "web")]
    return match task {
        "site" => site::site(),
        "web-test" => site::test(),
        _ => site::speed(),
    };
    #[cfg(not(feature = "web"))]
    cargo(&["run", "--quiet", "--package", "xtask", "--features", "web", "--", task], &[])
}

fn check() -> Result<()> {
    cargo(&["fmt", "--all", "--", "--check"], &[])?;
    while_compiling(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], page::modules)?;
    // The command's binary has the name of the library, and no public items.
    let doc = ["doc", "--workspace", "--no-deps", "--exclude", "chainrule-cli", "--exclude", "xtask"];
    cargo(&doc, &[("RUSTDOCFLAGS", "-D warnings")])?;
    page::check()?;
    architecture()?;
    tests_are_run()?;
    println!("all checks passed");
    Ok(())
}

fn cargo(args: &[&str], env: &[(&str, &str)]) -> Result<()> {
    println!("cargo {}", args.join(" "));
    let status = Command::new(env!("CARGO")).args(args).envs(env.iter().copied()).status()?;
    if !status.success() {
        bail!("cargo {} failed", args.join(" "));
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    println!("{command:?}");
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed");
    }
    Ok(())
}

/// Runs cargo, and fetches meanwhile what is needed later.
fn while_compiling<T: Send>(args: &[&str], fetch: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let fetched = scope.spawn(fetch);
        cargo(args, &[])?;
        fetched.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The floors, from the ground up: a crate may use crates of lower floors only.
const FLOORS: &[&[&str]] = &[
    &["chainrule-kernels", "chainrule-data", "chainrule-draw"],
    &["chainrule-engine"],
    &["chainrule"],
    &["chainrule-onnx", "chainrule-play", "chainrule-bench"],
    &["chainrule-cli", "chainrule-play-web"],
];

/// Imports go down only, and the drawing in ARCHITECTURE.md shows the imports that there are.
fn architecture() -> Result<()> {
    let edges = edges()?;
    let floor = |name: &str| FLOORS.iter().position(|floor| floor.contains(&name));
    for (from, to) in &edges {
        let (Some(upper), Some(lower)) = (floor(from), floor(to)) else {
            bail!("{from} or {to} has no floor: add it to FLOORS in xtask/src/main.rs");
        };
        if upper <= lower {
            bail!("{from} (floor {upper}) must not use {to} (floor {lower}): imports go down only");
        }
    }
    let drawn = drawn_edges()?;
    if let Some((from, to)) = edges.symmetric_difference(&drawn).next() {
        bail!("{from} → {to} is in Cargo.toml or in the drawing of ARCHITECTURE.md, but not in both");
    }
    Ok(())
}

/// Each file of tests is a program, or a module of one: else nobody would miss it.
fn tests_are_run() -> Result<()> {
    for package in MetadataCommand::new().no_deps().exec()?.workspace_packages() {
        let programs: Vec<&Utf8PathBuf> =
            package.targets.iter().filter(|target| target.is_test()).map(|target| &target.src_path).collect();
        let texts = programs.iter().map(std::fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
        let modules: BTreeSet<&str> = texts
            .iter()
            .flat_map(|text| text.lines())
            .filter_map(|line| Some(line.strip_suffix(';')?.rsplit_once("mod ")?.1))
            .collect();
        let Ok(files) = package.manifest_path.with_file_name("tests").read_dir_utf8() else { continue };
        for file in files {
            let path = file?.into_path();
            let is_known = programs.contains(&&path) || path.file_stem().is_some_and(|stem| modules.contains(stem));
            if path.extension() == Some("rs") && !is_known {
                bail!("{path} is not run: name it in all.rs beside it");
            }
        }
    }
    Ok(())
}

type Edges = BTreeSet<(String, String)>;

/// Who uses whom among the crates of the workspace, tests aside.
fn edges() -> Result<Edges> {
    let metadata = MetadataCommand::new().exec()?;
    let members = metadata.workspace_packages();
    let ours: BTreeSet<String> = members.iter().map(|p| p.name.to_string()).collect();
    let mut edges = Edges::new();
    for package in members {
        let uses = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal && ours.contains(&d.name));
        edges.extend(uses.map(|d| (package.name.to_string(), d.name.clone())));
    }
    Ok(edges)
}

/// The lines `crate → crate, crate` of the drawing.
fn drawn_edges() -> Result<Edges> {
    let text =
        std::fs::read_to_string("ARCHITECTURE.md").context("ARCHITECTURE.md (run this in the project's root)")?;
    let drawing = text.split("```text").nth(1).and_then(|rest| rest.split("```").next());
    let drawing = drawing.context("ARCHITECTURE.md has no drawing (a block that begins with ```text)")?;
    let mut edges = Edges::new();
    for (from, list) in drawing.lines().filter_map(|line| line.split_once('→')) {
        // The name stands right before the arrow; the floor's number before it is for the reader.
        let from = from.split_whitespace().last().unwrap_or_default();
        edges.extend(list.split(',').map(|to| (from.to_owned(), to.trim().to_owned())));
    }
    Ok(edges)
}
