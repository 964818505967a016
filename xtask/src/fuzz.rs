//! `cargo xtask fuzz`: runs the fuzz targets one after the other; see `docs/fuzzing.md`.

use anyhow::{Context, Result, bail};
use clap::Parser;
use std::path::Path;
use std::process::{Command, Output};

const EXAMPLES: &str = "Examples:
  cargo xtask fuzz                        every target for a minute
  cargo xtask fuzz --runs 1000000         a million inputs each
  cargo xtask fuzz --only csv,npy --seconds 600

It needs a nightly compiler and cargo-fuzz. docs/fuzzing.md says what is held to which bounds.";

/// Feed the readers and parsers with hostile input, and watch for crashes, hangs and greed
#[derive(Parser, Debug)]
#[command(name = "fuzz", bin_name = "cargo xtask fuzz", after_help = EXAMPLES, max_term_width = 100)]
struct Args {
    /// Inputs for each target
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    runs: Option<u64>,
    /// Seconds for each target; with --runs, whichever ends first [default: 60 without --runs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
    /// Targets, as in csv,model [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = target)]
    only: Vec<&'static Target>,
}

/// A program of `fuzz/fuzz_targets`.
#[derive(Debug, PartialEq)]
struct Target {
    name: &'static str,
    /// The largest piece of memory that it may ask for, in MiB.
    piece: u32,
}

/// A frame of zstd may ask for a window of 128 MiB before the first byte is there, as the strongest level of the tool
/// does; what reads packed files is held to that window and a quarter.
const PACKED: u32 = 160;
const PLAIN: u32 = 64;

const TARGETS: &[Target] = &[
    Target { name: "expression", piece: PLAIN },
    Target { name: "csv", piece: PACKED },
    Target { name: "json_lines", piece: PACKED },
    Target { name: "npy", piece: PACKED },
    Target { name: "idx", piece: PACKED },
    Target { name: "model", piece: PLAIN },
    Target { name: "checkpoint", piece: PLAIN },
    Target { name: "options", piece: PLAIN },
    Target { name: "onnx", piece: PACKED },
];

/// The most seconds that an input may take.
const SECONDS: u32 = 5;
/// The most memory that the process may have, in MiB, that of the sanitizer included.
const MEMORY: u32 = 512;
/// The most bytes of an input.
const LENGTH: u32 = 4096;

/// Fuzzes as the arguments say; the first one is the name of the command.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> Result<()> {
    let args = Args::parse_from(arguments);
    need(&["rustc", "--version"], "a nightly compiler: rustup toolchain install nightly")?;
    need(&["cargo", "fuzz", "--version"], "cargo-fuzz: cargo install cargo-fuzz")?;
    let targets: Vec<&Target> = TARGETS.iter().filter(|t| args.only.is_empty() || args.only.contains(t)).collect();
    let mut rows = Vec::new();
    for target in targets {
        build(target)?;
        eprintln!("{}", target.name);
        rows.push((target.name, target.fuzz(&args)?));
    }
    println!("{:<12}{:>12}{:>10}{:>9}{:>10}{:>14}", "target", "inputs", "seconds", "edges", "crashes", "peak memory");
    for (name, Tally { inputs, seconds, edges, peak, crash }) in &rows {
        let crashes = u8::from(crash.is_some());
        println!("{name:<12}{inputs:>12}{seconds:>10}{edges:>9}{crashes:>10}{:>14}", format!("{peak} MiB"));
    }
    let crashed: Vec<String> =
        rows.into_iter().filter_map(|(name, tally)| Some(format!("{name}: {}", tally.crash?))).collect();
    if !crashed.is_empty() {
        bail!("{}", crashed.join("\n"));
    }
    Ok(())
}

fn target(text: &str) -> Result<&'static Target, String> {
    let names = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    TARGETS.iter().find(|target| target.name == text).ok_or_else(|| format!("the targets are {}", names()))
}

/// A command of the nightly toolchain.
fn nightly(args: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).args(args);
    command
}

/// Refuses to go on without a tool, and says what to install.
fn need(args: &[&str], what: &str) -> Result<()> {
    match nightly(args).output() {
        Ok(Output { status, .. }) if status.success() => Ok(()),
        _ => bail!("fuzzing needs {what}"),
    }
}

fn build(target: &Target) -> Result<()> {
    let status = nightly(&["cargo", "fuzz", "build", target.name]).status()?;
    if !status.success() {
        bail!("{} could not be built", target.name);
    }
    Ok(())
}

/// What came of fuzzing a target.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    inputs: u64,
    seconds: u64,
    edges: u64,
    peak: u64,
    /// What happened, and where the input lies.
    crash: Option<String>,
}

impl Target {
    fn fuzz(&self, args: &Args) -> Result<Tally> {
        // The first folder takes what is found; what is kept in the repository is only read.
        let folder = |name: &str| format!("fuzz/{name}/{}", self.name);
        let found = folder("found");
        std::fs::create_dir_all(&found)
            .with_context(|| format!("cannot make {found} (run this in the project's root)"))?;
        let mut command =
            nightly(&["cargo", "fuzz", "run", self.name, &found, &folder("corpus"), &folder("seeds"), "--"]);
        command.args([
            format!("-malloc_limit_mb={}", self.piece),
            format!("-rss_limit_mb={MEMORY}"),
            format!("-timeout={SECONDS}"),
            format!("-max_len={LENGTH}"),
            "-print_final_stats=1".to_owned(),
        ]);
        command.args(args.runs.map(|runs| format!("-runs={runs}")));
        let seconds = args.seconds.or(if args.runs.is_none() { Some(60) } else { None });
        command.args(seconds.map(|seconds| format!("-max_total_time={seconds}")));
        // What was freed is held back to find uses of it, by default in hundreds of MiB.
        command.env("ASAN_OPTIONS", "quarantine_size_mb=16");
        let memory = Path::new("/dev/shm");
        if memory.is_dir() {
            command.env("TMPDIR", memory);
        }
        let start = std::time::Instant::now();
        let Output { status, stderr, .. } = command.output()?;
        let text = String::from_utf8_lossy(&stderr);
        let mut tally = Tally { seconds: start.elapsed().as_secs(), ..Tally::read(&text) };
        if !status.success() {
            tally.crash.get_or_insert_with(|| format!("it could not be run\n{}", text.trim_end()));
        }
        Ok(tally)
    }
}

impl Tally {
    /// From what libFuzzer prints.
    fn read(text: &str) -> Self {
        let number = |text: Option<&str>| text.and_then(|t| t.split_whitespace().next()?.parse().ok()).unwrap_or(0);
        let after = |key: &str| text.lines().rev().find_map(|line| Some(line.split_once(key)?.1.trim()));
        let what = || after("panicked at").or(after("SUMMARY: ")).unwrap_or("it ended early");
        Self {
            inputs: number(after("stat::number_of_executed_units:")),
            edges: number(after(" cov:")),
            peak: number(after("stat::peak_rss_mb:")),
            seconds: 0,
            crash: after("Test unit written to ").map(|place| format!("{} with {place}", what())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_what_is_printed() {
        let text = "#2\tINITED cov: 12 ft: 13 corp: 1/1b\n#9\tNEW    cov: 15 ft: 20 corp: 2/2b\n\
            stat::number_of_executed_units: 9\nstat::peak_rss_mb:              83\n";
        assert_eq!(Tally::read(text), Tally { inputs: 9, edges: 15, peak: 83, ..Tally::default() });
        let text = "thread panicked at src/lib.rs:3:5:\nSUMMARY: libFuzzer: deadly signal\n\
            artifact_prefix='./'; Test unit written to ./crash-1\n";
        assert_eq!(Tally::read(text).crash.as_deref(), Some("src/lib.rs:3:5: with ./crash-1"));
    }

    #[test]
    fn targets_are_those_that_there_are() {
        let programs =
            std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/fuzz_targets")).expect("targets");
        assert_eq!(programs.count(), TARGETS.len());
        for target in TARGETS {
            assert!(
                Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../fuzz/fuzz_targets/{}.rs", target.name)).exists()
            );
        }
        let args = |text: &str| Args::try_parse_from(std::iter::once("fuzz").chain(text.split_whitespace()));
        assert_eq!(args("--only npy,csv").expect("two targets").only.len(), 2);
        assert!(args("--only cvs").expect_err("a mistake").to_string().contains("the targets are expression, csv"));
    }
}
