//! What the numbers were measured on, and what else was running.

use super::contestant::Contestant;
use super::programs::Programs;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::read_to_string;
use std::time::{Duration, Instant};

/// How long the other processes are watched.
const WATCH: Duration = Duration::from_millis(500);
/// So many of the busiest are named, if they take this share of a processor.
const NAMED: usize = 5;
const BUSY: f64 = 0.01;
/// More than this, of one processor, shows in the measurements.
const QUIET: f64 = 0.1;
/// In which the kernel counts, on all its platforms.
const TICKS_A_SECOND: f64 = 100.0;
const FOR_THE_PEAK: Duration = Duration::from_secs(120);

#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) kernel: String,
    /// Over one, five and fifteen minutes.
    pub(crate) load: String,
    pub(crate) busy: Vec<Busy>,
}

/// Another process that was at work when the benchmark began.
#[derive(Debug, Serialize)]
pub(crate) struct Busy {
    pub(crate) name: String,
    pub(crate) processors: f64,
}

impl Machine {
    /// What /proc tells; what it does not tell stays unknown, which is no reason not to measure.
    pub(crate) fn read() -> Self {
        let kilobytes = field("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        let load = first_line("/proc/loadavg");
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: cores(),
            memory_bytes: kilobytes.unwrap_or(0) * 1024,
            kernel: first_line("/proc/sys/kernel/osrelease"),
            load: load.split(' ').take(3).collect::<Vec<_>>().join(" "),
            busy: busiest(),
        }
    }

    /// Says so where others are at work: they take processors from those who use all of them, and not from the rest.
    pub(crate) fn warn_if_busy(&self) {
        let processors: f64 = self.busy.iter().map(|busy| busy.processors).sum();
        if processors > QUIET {
            eprintln!(
                "warning: other processes keep {processors:.1} of {} processors busy; what is measured now compares \
                 nothing fairly, least of all different numbers of threads",
                self.cores
            );
        }
    }
}

/// Processors that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn first_line(path: &str) -> String {
    let text = read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}

/// The value of a line `name : value`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = read_to_string(path).ok()?;
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// Who else takes processor time.
fn busiest() -> Vec<Busy> {
    let (begin, before) = (Instant::now(), ticks());
    std::thread::sleep(WATCH);
    let after = ticks();
    let seconds = begin.elapsed().as_secs_f64();
    let share = |(id, (name, ticks)): (u32, (String, u64))| {
        let earlier = before.get(&id).map_or(0, |(_, ticks)| *ticks);
        Busy { name, processors: ticks.saturating_sub(earlier) as f64 / TICKS_A_SECOND / seconds }
    };
    let mut busy: Vec<Busy> = after.into_iter().map(share).filter(|busy| busy.processors >= BUSY).collect();
    busy.sort_by(|a, b| b.processors.total_cmp(&a.processors));
    busy.truncate(NAMED);
    busy
}

/// Names and processor times of all other processes.
fn ticks() -> HashMap<u32, (String, u64)> {
    let ids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let others = ids.filter(|&id| id != std::process::id());
    // A process that ends in between has no file any more.
    others.filter_map(|id| Some((id, stat(&read_to_string(format!("/proc/{id}/stat")).ok()?)?))).collect()
}

/// `id (name) state …`, where the name may hold anything, and the times are the fields 14 and 15.
fn stat(text: &str) -> Option<(String, u64)> {
    let (head, tail) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let mut times = tail.split_whitespace().skip(11).map(|field| field.parse::<u64>().ok());
    Some((name, times.next()?? + times.next()??))
}

/// What so many threads can do at most.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Peak {
    pub(crate) threads: usize,
    pub(crate) gflops: f64,
    pub(crate) read_gbytes: f64,
}

impl Peak {
    pub(crate) fn measure(programs: &Programs, threads: usize) -> Result<Self> {
        let context = || format!("the peak of {threads} threads cannot be measured");
        let mut contestant = Contestant::start(programs.peak(threads)?).with_context(context)?;
        let peak = contestant.answer(FOR_THE_PEAK).with_context(context)?;
        contestant.finish().with_context(context)?;
        Ok(peak)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_parentheses() {
        let line = "42 (a (b) c) R 1 2 3 4 5 6 7 8 9 10 30 12 0 0";
        assert_eq!(stat(line), Some(("a (b) c".to_owned(), 42)));
    }
}
