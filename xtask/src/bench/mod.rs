//! `cargo xtask bench`: our library and others do the same work in turns; see `bench/README.md`.

mod args;
mod contest;
mod contestant;
mod grid;
mod machine;
mod programs;
mod report;
mod scaling;
mod stats;
mod svg;
mod tables;
mod workloads;

use anyhow::{Context, Result, bail};
use args::Args;
use clap::Parser;
use contest::{Entrant, Outcome, Pace, Skipped};
use machine::{Machine, Peak};
use programs::{Library, OURS, Programs};
use report::{PeakOf, Report};
use serde::Serialize;
use std::path::Path;
use workloads::{Mode, Workload};

/// Measures as the arguments say; the first one is the name of the command.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> Result<()> {
    let args = Args::parse_from(arguments);
    let programs = Programs::find(args.python.as_deref())?;
    if !args.no_build {
        programs.build_ours()?;
    }
    if args.scaling { scaling::run(&args, &programs) } else { compare(&args, &programs) }
}

/// Ours against the peers.
fn compare(args: &Args, programs: &Programs) -> Result<()> {
    let machine = Machine::read();
    machine.warn_if_busy();
    print!("{}", tables::machine(&machine, args.style()));
    let peers = Peers::build(args, programs);
    let threads = args.threads();
    let before = peaks(programs, &threads)?;
    let mut outcomes = Vec::new();
    for workload in args.workloads() {
        for &threads in &threads {
            eprintln!("{}, threads: {threads}", workload.id);
            outcomes.push((workload, threads, peers.contest(programs, workload, threads, Pace::new(args.quick))));
        }
    }
    let after = peaks(programs, &threads)?;
    let both = before.into_iter().zip(after);
    let peaks = both.map(|(before, after)| PeakOf { threads: before.threads, before, after }).collect();
    let report = Report::new(machine, peaks, outcomes);
    print!("{}", tables::report(&report, args.style()));
    if let Some(file) = &args.json {
        write_json(file, &report)?;
    }
    // A table of the others alone would look like a success.
    match report.contests.iter().find(|contest| contest.ours().is_none()) {
        Some(contest) => bail!("our own contestant failed in {}, see above", contest.workload),
        None => Ok(()),
    }
}

fn peaks(programs: &Programs, threads: &[usize]) -> Result<Vec<Peak>> {
    threads.iter().map(|&threads| Peak::measure(programs, threads)).collect()
}

fn write_json(file: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    std::fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))
}

/// The chosen peers, each with why its program could not be built.
struct Peers(Vec<(&'static Library, Result<()>)>);

impl Peers {
    fn build(args: &Args, programs: &Programs) -> Self {
        let build = |library| {
            let built = if args.no_build { Ok(()) } else { programs.build_peer(library) };
            (library, built)
        };
        Self(args.peers().into_iter().map(build).collect())
    }

    fn contest(&self, programs: &Programs, workload: &Workload, threads: usize, pace: Pace) -> Outcome {
        let peers = || self.0.iter().filter(|(library, _)| library.does(workload.mode));
        let built = peers().filter(|(_, built)| built.is_ok()).map(|(library, _)| *library);
        let entrant = |library: &'static Library| Entrant {
            name: library.name.to_owned(),
            command: Box::new(move || programs.command(library, workload, threads)),
        };
        let entrants = std::iter::once(&OURS).chain(built).map(entrant).collect();
        let mut outcome = match workload.mode {
            Mode::Process => contest::run_processes(entrants, pace),
            _ => contest::take_turns(entrants, pace, workload.seconds),
        };
        let failed = peers().filter_map(|(library, built)| Some((library.name, built.as_ref().err()?)));
        outcome.skipped.extend(failed.map(|(name, error)| Skipped::new(name, error)));
        outcome
    }
}
