//! The report as text.

use super::grid::{Grid, Style, number, number_or_dash, percent};
use super::machine::Machine;
use super::report::{Contest, PeakOf, Report, Row};
use std::fmt::Write;

/// What is known before anything is measured.
pub(crate) fn machine(machine: &Machine, style: Style) -> String {
    let Machine { processor, cores, memory_bytes, kernel, load, busy } = machine;
    let memory = *memory_bytes as f64 / f64::from(1 << 30);
    let busy = busy.iter().map(|one| format!("{} {}", one.name, percent(one.processors))).collect::<Vec<_>>();
    let busy = if busy.is_empty() { "none".to_owned() } else { busy.join(", ") };
    list(
        style,
        [
            ("processor", format!("{processor}, {cores} cores")),
            ("memory", format!("{memory:.1} GiB")),
            ("kernel", kernel.clone()),
            ("load average at the start", load.clone()),
            ("busy processes at the start", busy),
        ],
    )
}

fn list<const N: usize>(style: Style, lines: [(&str, String); N]) -> String {
    let line = |(name, value)| match style {
        Style::Plain => format!("{name}: {value}\n"),
        Style::Markdown => format!("- {name}: {value}\n"),
    };
    lines.into_iter().map(line).collect()
}

/// Everything that follows.
pub(crate) fn report(report: &Report, style: Style) -> String {
    let versions = report.versions.iter().cloned().collect::<Vec<_>>().join(", ");
    let mut text = list(style, [("versions", versions)]);
    text += &(heading("What this machine can do at most", style) + &peaks(&report.peaks).render(style));
    text += &(heading("Workloads", style) + &workloads(report).render(style));
    for (threads, contests) in report.by_threads() {
        text += &heading(&count(threads), style);
        text += &contest_rows(&contests).render(style);
        text += &skipped(&contests, style);
    }
    text + &heading("Summary", style) + &summary(report).render(style)
}

fn heading(title: &str, style: Style) -> String {
    match style {
        Style::Plain => format!("\n{title}\n\n"),
        Style::Markdown => format!("\n## {title}\n\n"),
    }
}

fn count(threads: usize) -> String {
    if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") }
}

fn peaks(peaks: &[PeakOf]) -> Grid {
    let mut grid = Grid::new(0, ["threads", "GFLOP/s before", "after", "GB/s read before", "after"]);
    for PeakOf { threads, before, after } in peaks {
        let values = [before.gflops, after.gflops, before.read_gbytes, after.read_gbytes];
        grid.row([threads.to_string()].into_iter().chain(values.map(number)));
    }
    grid
}

fn workloads(report: &Report) -> Grid {
    let mut grid = Grid::new(2, ["workload", "a step"]);
    let mut last = "";
    for contest in &report.contests {
        // The contests of a workload follow each other.
        if contest.workload != last {
            grid.row([contest.workload.to_owned(), contest.title.clone()]);
            last = contest.workload;
        }
    }
    grid
}

fn contest_rows(contests: &[&Contest]) -> Grid {
    let heads = ["ms a step", "spread", "samples/s", "GFLOP/s", "of peak", "cpu/wall", "times ours", "peak MB"];
    let mut grid = Grid::new(2, ["workload", "contestant"].into_iter().chain(heads));
    for contest in contests {
        for row in &contest.rows {
            grid.row(contest_row(contest.workload, row));
        }
    }
    grid
}

fn contest_row(workload: &str, row: &Row) -> [String; 10] {
    // A chain has no samples; its measure is the time of a node.
    let samples = match row.node_ns {
        Some(node) => format!("{} ns a node", number(node)),
        None => number_or_dash(row.samples_a_second),
    };
    [
        workload.to_owned(),
        row.name.clone(),
        number(row.step_ms),
        percent(row.spread),
        samples,
        number_or_dash(row.gflops),
        row.share_of_peak.map_or_else(|| "–".to_owned(), percent),
        format!("{:.2}", row.cpu_a_wall),
        number_or_dash(row.times_ours),
        format!("{:.0}", row.peak_mb),
    ]
}

fn skipped(contests: &[&Contest], style: Style) -> String {
    let all = contests.iter().flat_map(|contest| contest.skipped.iter().map(|one| (contest.workload, one)));
    let dash = if style == Style::Markdown { "- " } else { "" };
    let mut text = String::new();
    for (workload, one) in all {
        // The heading comes with the first line only.
        if text.is_empty() {
            text += "\nSkipped:\n\n";
        }
        let _ = writeln!(text, "{dash}{workload} {}: {}", one.name, one.reason);
    }
    text
}

fn summary(report: &Report) -> Grid {
    let heads = ["workload", "best peer", "threads", "our ms", "its ms", "it takes", "our share of the peak"];
    let mut grid = Grid::new(2, heads);
    for contest in &report.contests {
        let (ours, peer) = (contest.ours(), contest.best_peer());
        let share = ours.and_then(|row| row.share_of_peak);
        grid.row([
            contest.workload.to_owned(),
            peer.map_or_else(|| "–".to_owned(), |row| row.name.clone()),
            contest.threads.to_string(),
            number_or_dash(ours.map(|row| row.step_ms)),
            number_or_dash(peer.map(|row| row.step_ms)),
            peer.and_then(|row| row.times_ours).map_or_else(|| "–".to_owned(), |times| format!("{}×", number(times))),
            share.map_or_else(|| "–".to_owned(), percent),
        ]);
    }
    grid
}
