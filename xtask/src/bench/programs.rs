//! Who takes part, and with which program.

use super::workloads::{Mode, Workload};
use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A library that takes part.
#[derive(Debug)]
pub(crate) struct Library {
    pub(crate) name: &'static str,
    program: Program,
    /// What it can be asked for; it may still refuse a workload, with a reason.
    modes: &'static [Mode],
}

#[derive(Debug)]
enum Program {
    Ours,
    /// A file in `bench/peers/python`.
    Python(&'static str),
    /// A package in `bench/peers/rust`.
    Rust(&'static str),
}

use Mode::{Chain, Convolve, Infer, Process, Train};

pub(crate) const OURS: Library =
    Library { name: "chainrule", program: Program::Ours, modes: &[Train, Infer, Convolve, Chain, Process] };

#[rustfmt::skip]
pub(crate) const PEERS: &[Library] = &[
    Library { name: "torch", program: Program::Python("torch_peer.py"), modes: &[Train, Infer, Convolve, Chain, Process] },
    Library { name: "jax", program: Program::Python("jax_peer.py"), modes: &[Train, Infer, Convolve, Process] },
    Library { name: "sklearn", program: Program::Python("sklearn_peer.py"), modes: &[Train, Process] },
    Library { name: "candle", program: Program::Rust("candle-peer"), modes: &[Train, Infer, Convolve] },
    Library { name: "burn", program: Program::Rust("burn-peer"), modes: &[Train, Infer, Convolve] },
    Library { name: "onnxruntime", program: Program::Python("onnxruntime_peer.py"), modes: &[Infer] },
    Library { name: "python", program: Program::Python("python_peer.py"), modes: &[Chain] },
];

impl Library {
    pub(crate) fn does(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }
}

/// Where the programs are.
pub(crate) struct Programs {
    root: PathBuf,
    target: PathBuf,
    python: PathBuf,
    /// Files that nobody keeps, such as the models of whole processes.
    scratch: tempfile::TempDir,
}

impl Programs {
    pub(crate) fn find(python: Option<&Path>) -> Result<Self> {
        let metadata = MetadataCommand::new().no_deps().exec().context("cannot ask cargo for the workspace")?;
        let root = metadata.workspace_root.into_std_path_buf();
        let python = match python {
            Some(path) => path.to_owned(),
            None => root.join("bench/peers/python/.venv/bin/python"),
        };
        let scratch = tempfile::tempdir().context("cannot make a folder for scratch files")?;
        Ok(Self { root, target: metadata.target_directory.into_std_path_buf(), python, scratch })
    }

    /// Builds our own programs.
    pub(crate) fn build_ours(&self) -> Result<()> {
        self.cargo(&self.root, &["build", "--release", "-p", "chainrule-bench", "-p", "chainrule-cli"])
    }

    /// Builds the program of a peer if it is missing and can be built.
    pub(crate) fn build_peer(&self, library: &Library) -> Result<()> {
        match library.program {
            Program::Rust(package) if !self.rust_peer(package).exists() => {
                let folder = self.root.join("bench/peers/rust");
                // A folder of its own even where the environment sets one for all workspaces.
                self.cargo(&folder, &["build", "--release", "-p", package, "--target-dir", "target"])
            }
            _ => Ok(()),
        }
    }

    fn cargo(&self, folder: &Path, args: &[&str]) -> Result<()> {
        eprintln!("cargo {}", args.join(" "));
        let mut command = Command::new(env!("CARGO"));
        let status = command.args(args).current_dir(folder).status().context("cannot start cargo")?;
        if !status.success() {
            bail!("cargo {} failed in {}", args.join(" "), folder.display());
        }
        Ok(())
    }

    fn rust_peer(&self, package: &str) -> PathBuf {
        self.root.join("bench/peers/rust/target/release").join(package)
    }

    /// The command with which a library does a workload.
    pub(crate) fn command(&self, library: &Library, workload: &Workload, threads: usize) -> Result<Command> {
        if let (Program::Ours, Mode::Process) = (&library.program, workload.mode) {
            return self.our_process(workload, threads);
        }
        let mut command = match library.program {
            Program::Ours => program(&self.ours())?,
            Program::Rust(package) => program(&self.rust_peer(package))?,
            Program::Python(file) => {
                let mut command = program(&self.python)?;
                command.arg(self.root.join("bench/peers/python").join(file));
                command
            }
        };
        let mut argument = workload.argument(threads);
        if workload.mode == Mode::Process {
            argument["data"] = self.path(&self.data())?.into();
            argument["model"] = self.path(&self.model())?.into();
        }
        command.arg(argument.to_string());
        Ok(command)
    }

    /// Our command line does what the peers' programs do in the mode `process`.
    fn our_process(&self, workload: &Workload, threads: usize) -> Result<Command> {
        let mut command = program(&self.target.join("release/chainrule"))?;
        command.arg("train").arg(self.data()).arg("--out").arg(self.model());
        command.args(["--model", &workload.network.dashed(), "--activation", workload.activation]);
        command.args(["--loss", workload.loss, "--optimizer", workload.optimizer, "--lr", &workload.rate.to_string()]);
        command.args(["--batch-size", &workload.batch.to_string(), "--threads", &threads.to_string()]);
        // The same work as the peers': all images, divided by 255, and no schedule.
        command.args(["--epochs", "1", "--validation", "0", "--scaling", "pixels", "--schedule", "constant"]);
        Ok(command)
    }

    /// The command that measures what this machine can do at most.
    pub(crate) fn peak(&self, threads: usize) -> Result<Command> {
        let mut command = program(&self.ours())?;
        command.arg(serde_json::json!({"mode": "peak", "threads": threads}).to_string());
        Ok(command)
    }

    fn ours(&self) -> PathBuf {
        self.target.join("release/chainrule-bench")
    }

    fn data(&self) -> PathBuf {
        self.root.join("data/mnist")
    }

    fn model(&self) -> PathBuf {
        self.scratch.path().join("model")
    }

    fn path(&self, path: &Path) -> Result<String> {
        let text = path.to_str().with_context(|| format!("{} is not Unicode", path.display()))?;
        Ok(text.to_owned())
    }

    /// Where a file of the project lies, wherever the command was started.
    pub(crate) fn in_root(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

/// A command, if there is such a program: the system's own message would not say where it was looked for.
fn program(path: &Path) -> Result<Command> {
    // A bare name is looked up in PATH, so only a path can be checked here.
    if path.components().count() > 1 && !path.exists() {
        bail!("{} is missing (bench/README.md says how to install it)", path.display());
    }
    Ok(Command::new(path))
}
