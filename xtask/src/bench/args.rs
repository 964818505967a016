//! The command line of the benchmark.

use super::grid::Style;
use super::machine;
use super::programs::{Library, PEERS};
use super::workloads::{WORKLOADS, Workload};
use clap::Parser;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  cargo xtask bench --quick --only W2 --peers torch     a first look, in less than a minute
  cargo xtask bench --json bench.json                   everything that is installed
  cargo xtask bench --markdown > tables.md              tables for the documentation
  cargo xtask bench --peers none --threads 1            ours only
  cargo xtask bench --scaling                           ours by batch, width and depth

bench/README.md says what is measured and how to install the peers.";

/// Let our library and others do the same work in turns, and compare the times
#[derive(Parser, Debug)]
#[command(name = "bench", bin_name = "cargo xtask bench", after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// Fewer and shorter turns: a look, not a measurement
    #[arg(long)]
    pub(crate) quick: bool,
    /// Numbers of threads, as in 1,2 [default: 1 and all cores]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Vec<u16>,
    /// Workloads, as in W2,W5 [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = workload, conflicts_with = "scaling")]
    only: Vec<&'static Workload>,
    /// none, all, or names: torch, jax, sklearn, candle, burn, onnxruntime, python
    #[arg(long, value_name = "NAMES", default_value = "all", value_parser = peers)]
    peers: Peers,
    /// Write all measurements to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Print the tables as Markdown
    #[arg(long)]
    pub(crate) markdown: bool,
    /// The Python of the peers [default: bench/peers/python/.venv/bin/python]
    #[arg(long, value_name = "PATH", env = "CHAINRULE_BENCH_PYTHON")]
    pub(crate) python: Option<PathBuf>,
    /// Use the programs as they are
    #[arg(long)]
    pub(crate) no_build: bool,
    /// Time ours against batch, width and depth, and draw it
    #[arg(long)]
    pub(crate) scaling: bool,
    /// Where the drawing goes [default: docs/scaling.svg]
    #[arg(long, value_name = "FILE", requires = "scaling")]
    pub(crate) svg: Option<PathBuf>,
}

#[derive(Clone, Debug)]
struct Peers(Vec<&'static Library>);

impl Args {
    pub(crate) fn threads(&self) -> Vec<usize> {
        let mut threads: Vec<usize> = self.threads.iter().map(|&n| usize::from(n)).collect();
        if threads.is_empty() {
            threads = vec![1, machine::cores()];
        }
        threads.sort_unstable();
        threads.dedup();
        threads
    }

    /// In the order of the table, whatever the order of the names.
    pub(crate) fn workloads(&self) -> Vec<&'static Workload> {
        let chosen = |workload: &&Workload| self.only.is_empty() || self.only.iter().any(|one| one.id == workload.id);
        WORKLOADS.iter().filter(chosen).collect()
    }

    pub(crate) fn peers(&self) -> Vec<&'static Library> {
        self.peers.0.clone()
    }

    pub(crate) fn style(&self) -> Style {
        if self.markdown { Style::Markdown } else { Style::Plain }
    }
}

fn workload(text: &str) -> Result<&'static Workload, String> {
    let found = WORKLOADS.iter().find(|workload| workload.id.eq_ignore_ascii_case(text));
    found.ok_or_else(|| format!("the workloads are {}", names(WORKLOADS.iter().map(|workload| workload.id))))
}

fn peers(text: &str) -> Result<Peers, String> {
    let chosen: Vec<&Library> = match text {
        "none" => Vec::new(),
        "all" => PEERS.iter().collect(),
        list => list.split(',').map(peer).collect::<Result<_, _>>()?,
    };
    // In the order of the table, and each once.
    Ok(Peers(PEERS.iter().filter(|peer| chosen.iter().any(|one| one.name == peer.name)).collect()))
}

fn peer(text: &str) -> Result<&'static Library, String> {
    let found = PEERS.iter().find(|peer| peer.name == text);
    found.ok_or_else(|| format!("`{text}` is none of {}", names(PEERS.iter().map(|peer| peer.name))))
}

fn names<'a>(all: impl Iterator<Item = &'a str>) -> String {
    all.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("bench").chain(text.split_whitespace()))
    }

    fn ids(args: &Args) -> String {
        names(args.workloads().iter().map(|workload| workload.id))
    }

    #[test]
    fn without_arguments_everything_is_measured() {
        let args = parse("").expect("no arguments");
        assert_eq!(args.workloads().len(), WORKLOADS.len());
        assert_eq!(args.peers().len(), PEERS.len());
        assert_eq!(args.threads()[0], 1);
        assert!(!args.quick && !args.scaling);
    }

    #[test]
    fn lists_are_sorted_and_names_once() {
        let args = parse("--only I1,w2 --peers jax,torch,jax --threads 2,1,2").expect("good arguments");
        assert_eq!(ids(&args), "W2, I1");
        assert_eq!(names(args.peers().iter().map(|peer| peer.name)), "torch, jax");
        assert_eq!(args.threads(), [1, 2]);
        assert!(parse("--peers none").expect("no peers").peers().is_empty());
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| parse(text).expect_err("a mistake").to_string();
        assert!(error("--only W9").contains("the workloads are W1, W2"));
        assert!(error("--peers tensorflow").contains("`tensorflow` is none of torch, jax"));
        assert!(error("--threads 0").contains("0 is not in 1..=1024"));
        assert!(error("--svg file.svg").contains("--scaling"));
    }
}
