//! From measurements to figures: what the tables and the JSON file say.

use super::contest::{Measured, Outcome, Skipped};
use super::contestant::Turn;
use super::machine::{Machine, Peak};
use super::programs::OURS;
use super::stats;
use super::workloads::Workload;
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) peaks: Vec<PeakOf>,
    pub(crate) versions: BTreeSet<String>,
    pub(crate) contests: Vec<Contest>,
}

/// What the machine can do at most, before and after everything else.
#[derive(Serialize)]
pub(crate) struct PeakOf {
    pub(crate) threads: usize,
    pub(crate) before: Peak,
    pub(crate) after: Peak,
}

impl PeakOf {
    /// The better of the two: what the machine was able to do.
    pub(crate) fn gflops(&self) -> f64 {
        self.before.gflops.max(self.after.gflops)
    }
}

/// One workload with one number of threads.
#[derive(Serialize)]
pub(crate) struct Contest {
    pub(crate) workload: &'static str,
    pub(crate) title: String,
    pub(crate) threads: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) skipped: Vec<Skipped>,
}

/// One contestant in it; none where a figure makes no sense.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) step_ms: f64,
    pub(crate) spread: f64,
    pub(crate) samples_a_second: Option<f64>,
    pub(crate) node_ns: Option<f64>,
    pub(crate) gflops: Option<f64>,
    pub(crate) share_of_peak: Option<f64>,
    pub(crate) cpu_a_wall: f64,
    /// How many times as long as ours.
    pub(crate) times_ours: Option<f64>,
    pub(crate) peak_mb: f64,
    turns: Vec<Turn>,
}

impl Report {
    pub(crate) fn new(
        machine: Machine,
        peaks: Vec<PeakOf>,
        outcomes: Vec<(&'static Workload, usize, Outcome)>,
    ) -> Self {
        let measured = outcomes.iter().flat_map(|(_, _, outcome)| &outcome.measured);
        let versions = measured.filter_map(|one| one.version.clone()).collect();
        let contest = |(workload, threads, outcome)| {
            let peak = peaks.iter().find(|peak| peak.threads == threads).map(PeakOf::gflops);
            Contest::new(workload, threads, outcome, peak)
        };
        let contests = outcomes.into_iter().map(contest).collect();
        Self { machine, peaks, versions, contests }
    }

    /// The contests of each number of threads.
    pub(crate) fn by_threads(&self) -> impl Iterator<Item = (usize, Vec<&Contest>)> {
        let threads = self.peaks.iter().map(|peak| peak.threads);
        threads.map(|n| (n, self.contests.iter().filter(|contest| contest.threads == n).collect()))
    }
}

impl Contest {
    fn new(workload: &Workload, threads: usize, outcome: Outcome, peak: Option<f64>) -> Self {
        let mut rows: Vec<Row> = outcome.measured.into_iter().map(|one| Row::new(workload, one, peak)).collect();
        if let Some(ours) = rows.iter().find(|row| row.is_ours()).map(|row| row.step_ms) {
            for row in &mut rows {
                row.times_ours = Some(row.step_ms / ours);
            }
        }
        Self { workload: workload.id, title: workload.title(), threads, rows, skipped: outcome.skipped }
    }

    pub(crate) fn ours(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.is_ours())
    }

    pub(crate) fn best_peer(&self) -> Option<&Row> {
        let peers = self.rows.iter().filter(|row| !row.is_ours());
        peers.min_by(|a, b| a.step_ms.total_cmp(&b.step_ms))
    }
}

impl Row {
    fn new(workload: &Workload, measured: Measured, peak: Option<f64>) -> Self {
        let walls = measured.walls();
        let step_ns = stats::median(&walls);
        // Operations in a nanosecond are milliards a second.
        let gflops = workload.operations().map(|operations| operations / step_ns);
        Self {
            step_ms: step_ns / 1e6,
            spread: stats::spread(&walls),
            samples_a_second: workload.samples().map(|samples| samples / step_ns * 1e9),
            node_ns: workload.nodes().map(|nodes| step_ns / nodes),
            gflops,
            share_of_peak: gflops.zip(peak).map(|(gflops, peak)| gflops / peak),
            cpu_a_wall: measured.processors(),
            times_ours: None,
            peak_mb: measured.peak_bytes as f64 / 1e6,
            name: measured.name,
            turns: measured.turns,
        }
    }

    fn is_ours(&self) -> bool {
        self.name == OURS.name
    }
}

#[cfg(test)]
mod tests {
    use super::super::workloads::WORKLOADS;
    use super::*;

    fn measured(name: &str, wall_ns: u64) -> Measured {
        let turns = vec![Turn { steps: 10, wall_ns, cpu_ns: wall_ns * 2 }];
        Measured { name: name.to_owned(), version: None, turns, peak_bytes: 5_000_000 }
    }

    #[test]
    fn figures_follow_from_turns() {
        let measured =
            vec![measured("chainrule", 10_000_000), measured("slow", 50_000_000), measured("next", 20_000_000)];
        let outcome = Outcome { measured, skipped: Vec::new() };
        let contest = Contest::new(&WORKLOADS[1], 2, outcome, Some(100.0));
        let row = &contest.rows[0];
        assert_eq!((row.step_ms, row.spread, row.cpu_a_wall, row.peak_mb), (1.0, 0.0, 2.0, 5.0));
        assert_eq!(row.samples_a_second, Some(64_000.0));
        assert_eq!(row.gflops, WORKLOADS[1].operations().map(|operations| operations / 1e6));
        assert_eq!(row.share_of_peak, row.gflops.map(|gflops| gflops / 100.0));
        assert_eq!(contest.rows[1].times_ours, Some(5.0));
        assert_eq!(contest.best_peer().map(|row| row.name.as_str()), Some("next"));
    }
}
