//! `chainrule train --folds`: how good such a model is, each row tested once by one that has not seen it.

use crate::Usage;
use crate::args::TrainArgs;
use crate::output::{Grid, HEADING, RESULT, count, is_lost, number, say};
use crate::samples::table_options;
use crate::train::{setup, with_l2, with_target_scales};
use anyhow::{Result, bail};
use chainrule::data::Samples;
use chainrule::{Baselines, Metrics, Setup, evaluate, fit, with_threads};
use serde_json::json;

pub(crate) fn run(args: &TrainArgs, folds: u32) -> Result<()> {
    if args.data.is_dir() {
        bail!(Usage(format!("--folds is for tables, and {} is a folder", args.data.display())));
    }
    let table = table_options(args)?.table(&[&args.data])?;
    if folds as usize > table.rows() {
        bail!(Usage(format!("--folds {folds}: there are only {} rows", table.rows())));
    }
    let fold_of = table.folds(folds);
    if !args.json {
        say!("{HEADING}{}{HEADING:#}  {} rows in {folds} folds", args.data.display(), count(table.rows()));
    }
    let mut scores = Vec::new();
    for fold in 0..folds {
        // Nothing is written but what is printed.
        if is_lost() {
            return Ok(());
        }
        let rows = 0..table.rows() as u32;
        let (held_out, kept): (Vec<u32>, Vec<u32>) = rows.partition(|&row| fold_of[row as usize] == fold);
        let samples = table.samples(&kept, &held_out)?;
        let found = with_threads(args.threads.into(), || score(args, samples))?;
        if args.json {
            let (network, baselines) = &found;
            let event = json!({"event": "fold", "fold": fold + 1, "scores": network, "baselines": baselines});
            say!("{event}");
        } else {
            say!("fold {}  {}", fold + 1, line(&found.0));
        }
        scores.push(found);
    }
    report(args, &scores)
}

/// Trains on a fold's rows and scores on the others.
fn score(args: &TrainArgs, samples: Samples) -> Result<(Metrics, Baselines)> {
    let setup = Setup { encoder: Some(samples.encoder), ..setup(args) };
    let setup = with_target_scales(args, setup, &samples.train)?;
    let setup = with_l2(args, setup, &samples.train)?;
    let test = samples.test.expect("a fold has rows");
    let mut model = setup.build(&samples.train)?;
    fit(&mut model, &samples.train, &mut ())?;
    Ok((evaluate(&model, &test)?.metrics, Baselines::new(&setup, &samples.train, &test)?))
}

fn line(metrics: &Metrics) -> String {
    let parts: Vec<String> = metrics.list().iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    parts.join(", ")
}

/// Mean and standard deviation over the folds, of the scores that each fold has.
fn summary(scores: &[&Metrics]) -> Vec<(String, f64, f64)> {
    let lists: Vec<Vec<(String, f64)>> = scores.iter().map(|metrics| metrics.list()).collect();
    let names: Vec<String> =
        lists.first().map(|list| list.iter().map(|(name, _)| name.clone()).collect()).unwrap_or_default();
    let of = |name: String| {
        let values: Vec<f64> =
            lists.iter().filter_map(|list| list.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let spread =
            values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0).max(1.0);
        (name, mean, spread.sqrt())
    };
    names.into_iter().map(of).collect()
}

fn report(args: &TrainArgs, scores: &[(Metrics, Baselines)]) -> Result<()> {
    let network = summary(&scores.iter().map(|(metrics, _)| metrics).collect::<Vec<_>>());
    let linear = summary(&scores.iter().map(|(_, baselines)| &baselines.linear).collect::<Vec<_>>());
    let constant = summary(&scores.iter().map(|(_, baselines)| &baselines.constant).collect::<Vec<_>>());
    if args.json {
        let shown = |list: &[(String, f64, f64)]| -> serde_json::Map<String, serde_json::Value> {
            list.iter().map(|(name, mean, spread)| (name.clone(), json!({"mean": mean, "deviation": spread}))).collect()
        };
        let event = json!({
            "event": "folds", "scores": shown(&network), "linear": shown(&linear), "constant": shown(&constant),
        });
        say!("{event}");
        return Ok(());
    }
    say!();
    let mut grid = Grid::new(&["mean of the folds", ">network", ">deviation", ">linear model", ">constant"]);
    for (name, mean, spread) in &network {
        let of = |list: &[(String, f64, f64)]| {
            list.iter().find(|(n, ..)| n == name).map_or_else(String::new, |(_, mean, _)| format!("{mean:.4}"))
        };
        grid.row([
            name.to_string(),
            format!("{mean:.4}"),
            number((spread * 1e4).round() / 1e4),
            of(&linear),
            of(&constant),
        ]);
    }
    grid.print();
    say!("{RESULT}no model was written: train without --folds for one from all rows{RESULT:#}");
    Ok(())
}
