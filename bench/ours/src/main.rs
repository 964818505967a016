//! Our own contestant of the benchmark; see `bench/PROTOCOL.md`.

mod peak;
mod work;

use anyhow::{Context, Result};
use cpu_time::ProcessTime;
use serde::Deserialize;
use serde_json::json;
use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What to do, as the argument says it.
#[derive(Deserialize)]
struct Arguments {
    #[serde(flatten)]
    mode: Mode,
    threads: usize,
}

#[derive(Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
enum Mode {
    Train(work::Training),
    Convolve(work::Convolving),
    Infer(work::Shape),
    Chain {
        length: usize,
    },
    /// Not a contest: what this machine can do at most.
    Peak,
}

/// How long a contestant works before it says that it is ready.
const WARM_UP: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<()> {
    let text = std::env::args().nth(1).context("one argument is needed: a workload as JSON")?;
    let Arguments { mode, threads } = serde_json::from_str(&text).context("the workload is not as in PROTOCOL.md")?;
    chainrule::with_threads(threads, || match mode {
        Mode::Train(training) => take_turns(&mut training.prepare()?),
        Mode::Convolve(training) => take_turns(&mut training.prepare()?),
        Mode::Infer(shape) => take_turns(&mut work::inference(&shape)?),
        Mode::Chain { length } => take_turns(&mut work::chain(length)),
        Mode::Peak => say(&peak::measure()),
    })
}

/// Says that it is ready, and then does as many steps as each line asks for.
fn take_turns(step: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < WARM_UP {
        step()?;
    }
    say(&json!({"ready": true, "version": concat!("chainrule ", env!("CARGO_PKG_VERSION"))}))?;
    for line in std::io::stdin().lock().lines() {
        let steps: u64 = line?.trim().parse().context("a turn is a whole number of steps")?;
        let (begin, processor) = (Instant::now(), ProcessTime::now());
        for _ in 0..steps {
            step()?;
        }
        let (wall, cpu) = (begin.elapsed(), processor.elapsed());
        say(&json!({"steps": steps, "wall_ns": wall.as_nanos(), "cpu_ns": cpu.as_nanos()}))?;
    }
    Ok(())
}

fn say(value: &serde_json::Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}
