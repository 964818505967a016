//! `chainrule train --find-lr`: what ever larger learning rates do to the loss.

use crate::args::TrainArgs;
use crate::output::{Grid, RESULT, say};
use anyhow::Result;
use chainrule::data::Dataset;
use chainrule::{Model, RateTried, find_rate, with_threads};
use serde_json::json;

/// The length of the longest bar.
const BAR: f64 = 40.0;

/// Of so many rates that were tried, one is printed: about three for each power of ten.
const SHOWN: usize = 6;

pub(crate) fn run(args: &TrainArgs, model: &Model, data: &Dataset) -> Result<()> {
    let search = with_threads(args.threads.into(), || find_rate(model, data))?;
    if args.json {
        say!("{}", json!(search));
        return Ok(());
    }
    let losses = || search.tried.iter().map(|tried| tried.loss);
    let (least, most) = (losses().fold(f64::INFINITY, f64::min), losses().fold(0.0, f64::max));
    let mut grid = Grid::new(&[">learning rate", ">loss", ""]);
    for RateTried { rate, loss } in search.tried.iter().step_by(SHOWN) {
        let length = ((loss - least) / (most - least).max(f64::MIN_POSITIVE) * BAR).round() as usize;
        grid.row([format!("{rate:.1e}"), format!("{loss:.4}"), "█".repeat(length)]);
    }
    grid.print();
    say!("{RESULT}try --lr {:.1e}{RESULT:#}, a tenth of the rate with the least loss", search.suggestion);
    Ok(())
}
