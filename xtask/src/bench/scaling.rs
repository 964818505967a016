//! How the time of a step grows with the batch, the width and the depth.

use super::args::Args;
use super::contest::{self, Entrant, Pace};
use super::grid::{Grid, number};
use super::machine::Machine;
use super::programs::{OURS, Programs};
use super::workloads::{BASE, Network, Workload};
use super::{stats, svg, tables, write_json};
use anyhow::{Context, Result, bail};
use serde::Serialize;

/// One quantity that grows while the others stay.
struct Sweep {
    title: &'static str,
    axis: &'static str,
    values: &'static [usize],
    workload: fn(usize) -> Workload,
}

const SWEEPS: [Sweep; 3] = [
    Sweep {
        title: "Batch: 784-128-10",
        axis: "samples a batch",
        values: &[1, 4, 16, 64, 256, 1024],
        workload: |batch| Workload { batch, ..BASE },
    },
    Sweep {
        title: "Width: 784-W-10, batch 64",
        axis: "W, neurons of the hidden layer",
        values: &[16, 64, 256, 1024, 4096],
        workload: |width| Workload { network: Network { width, ..BASE.network }, ..BASE },
    },
    Sweep {
        title: "Depth: 784, D times 256, 10, batch 64",
        axis: "D, hidden layers",
        values: &[1, 2, 4, 8, 16, 32],
        workload: |layers| Workload { network: Network { layers, width: 256, ..BASE.network }, ..BASE },
    },
];

/// A sweep with what was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Panel {
    pub(crate) title: &'static str,
    pub(crate) axis: &'static str,
    pub(crate) curves: Vec<Curve>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Curve {
    pub(crate) threads: usize,
    /// The quantity, and microseconds of a step.
    pub(crate) points: Vec<(f64, f64)>,
}

pub(crate) fn run(args: &Args, programs: &Programs) -> Result<()> {
    let machine = Machine::read();
    machine.warn_if_busy();
    print!("{}", tables::machine(&machine, args.style()));
    let (threads, pace) = (args.threads(), Pace::new(args.quick));
    let mut panels = Vec::new();
    for sweep in &SWEEPS {
        let panel = sweep.measure(programs, &threads, pace)?;
        println!("\n{}\n\n{}", panel.title, panel.table().render(args.style()).trim_end());
        panels.push(panel);
    }
    let file = args.svg.clone().unwrap_or_else(|| programs.in_root("docs/scaling.svg"));
    let subtitle = format!("ReLU, cross-entropy, SGD; {}, {} cores", machine.processor, machine.cores);
    std::fs::write(&file, svg::draw(&panels, &subtitle)).with_context(|| format!("cannot write {}", file.display()))?;
    eprintln!("wrote {}", file.display());
    args.json.as_ref().map_or(Ok(()), |file| write_json(file, &(&machine, &panels)))
}

impl Sweep {
    fn measure(&self, programs: &Programs, threads: &[usize], pace: Pace) -> Result<Panel> {
        let empty = |&threads| Curve { threads, points: Vec::new() };
        let mut curves: Vec<Curve> = threads.iter().map(empty).collect();
        for &value in self.values {
            eprintln!("{} {value}", self.axis);
            for (curve, step) in curves.iter_mut().zip(self.steps(value, programs, threads, pace)?) {
                curve.points.push((value as f64, step));
            }
        }
        Ok(Panel { title: self.title, axis: self.axis, curves })
    }

    /// Microseconds of a step with each number of threads, measured in turns.
    fn steps(&self, value: usize, programs: &Programs, threads: &[usize], pace: Pace) -> Result<Vec<f64>> {
        let workload = &(self.workload)(value);
        let entrant = |&threads: &usize| Entrant {
            name: format!("threads {threads}"),
            command: Box::new(move || programs.command(&OURS, workload, threads)),
        };
        let outcome = contest::take_turns(threads.iter().map(entrant).collect(), pace, workload.seconds);
        if let Some(skipped) = outcome.skipped.first() {
            bail!("{} at {} {value}: {}", skipped.name, self.axis, skipped.reason);
        }
        Ok(outcome.measured.iter().map(|one| stats::median(&one.walls()) / 1e3).collect())
    }
}

impl Panel {
    fn table(&self) -> Grid {
        let heads = self.curves.iter().map(|curve| format!("µs, threads {}", curve.threads));
        let mut grid = Grid::new(0, std::iter::once(self.axis.to_owned()).chain(heads));
        let rows = self.curves.first().map_or(0, |curve| curve.points.len());
        for row in 0..rows {
            let quantity = self.curves[0].points[row].0.to_string();
            let steps = self.curves.iter().map(|curve| number(curve.points[row].1));
            grid.row(std::iter::once(quantity).chain(steps));
        }
        grid
    }
}
