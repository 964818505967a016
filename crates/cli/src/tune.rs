//! `chainrule train --tune`: the trials, and which settings are kept.

use crate::args::TrainArgs;
use crate::output::{DIM, HEADING, RESULT, count, number, say};
use anyhow::Result;
use chainrule::data::Dataset;
use chainrule::{Budget, Setup, Trial, tune, with_threads};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Searches, shows every trial, and returns the settings of the best one. Ctrl-C ends the search, not the program.
pub(crate) fn run(
    args: &TrainArgs,
    budget: Budget,
    setup: &Setup,
    train: &Dataset,
    interrupted: &Arc<AtomicBool>,
) -> Result<Setup> {
    if !args.json {
        say!("{HEADING}trials{HEADING:#}  each scored in three folds of {} rows", count(train.len()));
        say!(
            "{DIM}{:>5}  {:>8}  {:<12}  {:<10}  {:>8}  {:>8}  {:>7}  {:>5}  {:>6}  {:>6}{DIM:#}",
            "trial",
            "loss",
            "hidden",
            "activation",
            "rate",
            "l2",
            "dropout",
            "batch",
            "epochs",
            "folds"
        );
    }
    let best = with_threads(args.threads.into(), || {
        tune(setup, train, budget, |trial| {
            show(args, trial);
            !interrupted.load(Ordering::SeqCst)
        })
    })?;
    interrupted.store(false, Ordering::SeqCst);
    if !args.json {
        say!();
    }
    Ok(best)
}

fn show(args: &TrainArgs, trial: &Trial) {
    if args.json {
        let mut event = json!(trial);
        event["event"] = json!("trial");
        say!("{event}");
        return;
    }
    let hidden: Vec<String> = trial.hidden.iter().map(usize::to_string).collect();
    let line = format!(
        "{:>5}  {:>8.4}  {:<12}  {:<10}  {:>8}  {:>8}  {:>7}  {:>5}  {:>6}  {:>6}",
        trial.number,
        trial.loss(),
        if hidden.is_empty() { "none".to_owned() } else { hidden.join(",") },
        trial.activation.to_string(),
        number(rounded(trial.learning_rate)),
        number(rounded(trial.l2)),
        number(trial.dropout),
        trial.batch_size,
        trial.epochs,
        trial.losses.len()
    );
    if trial.best { say!("{RESULT}{line} *{RESULT:#}") } else { say!("{line}") }
}

/// To three digits, which is as much as a search tells.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}
