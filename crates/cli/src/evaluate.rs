//! `chainrule evaluate`: how good a model is.

use crate::args::EvaluateArgs;
use crate::input::model_and_data;
use crate::output::{Grid, HEADING, RESULT, count, number, percent, say};
use anyhow::Result;
use chainrule::metrics::{TargetMetrics, ValueMetrics};
use chainrule::{Change, Evaluation, Importance, ImportanceOptions, Metrics, Mistake, evaluate, importance, rounded};
use serde_json::json;

/// The most columns whose importance is printed.
const MOST_COLUMNS: usize = 20;

/// The length of the longest bar.
const BAR: f64 = 20.0;

/// The largest confusion matrix that is shown whole.
pub(crate) const MOST_CLASSES: usize = 20;

pub(crate) fn run(args: &EvaluateArgs) -> Result<()> {
    let (model, data, _) = model_and_data(&args.input)?;
    let evaluation = chainrule::with_threads(0, || evaluate(&model, &data))?;
    let is_table = !model.features.is_empty();
    let find = || chainrule::with_threads(0, || importance(&model, &data, &ImportanceOptions::default()));
    let importance = is_table.then(find).transpose()?;
    if args.json {
        let mut object = json!(evaluation);
        if let Some(importance) = &importance {
            object["importance"] = json!(importance);
        }
        say!("{object}");
        return Ok(());
    }
    say!("{HEADING}{}{HEADING:#}  {} samples", data.source, count(evaluation.samples));
    say!("{RESULT}{}{RESULT:#}", scores(&evaluation));
    if !evaluation.confusion.is_empty() {
        say!();
        print_confusion(&evaluation);
    }
    if let Some(values) = evaluation.metrics.values().filter(|values| !values.targets.is_empty()) {
        say!();
        print_targets(values);
    }
    if let Some(importance) = &importance {
        say!();
        print_importance(importance, evaluation.samples);
    }
    Ok(())
}

/// All scores in one line.
pub(crate) fn scores(evaluation: &Evaluation) -> String {
    let metrics = metrics(&evaluation.metrics);
    let comma = if metrics.is_empty() { "" } else { ", " };
    format!("loss {}{comma}{metrics}", number(evaluation.loss))
}

/// Scores but the loss.
pub(crate) fn metrics(metrics: &Metrics) -> String {
    let mut parts = Vec::new();
    match metrics {
        Metrics::Classes(m) => {
            parts.push(format!("accuracy {}", percent(m.accuracy)));
            parts.push(format!("balanced {}", percent(m.balanced_accuracy)));
            parts.push(format!("macro F1 {:.4}", m.macro_f1));
            parts.push(format!("log loss {:.4}", m.log_loss));
            parts.extend(m.roc_auc.map(|auc| format!("ROC AUC {auc:.4}")));
            parts.push(format!("calibration error {}", percent(m.calibration_error)));
        }
        // Errors in different units have no mean that says anything.
        Metrics::Values(m) if !m.targets.is_empty() => {
            parts.extend(m.r2.map(|v| format!("mean R² {v:.4}")));
            parts.extend(m.targets.iter().map(|t| match t.metrics.r2 {
                Some(r2) => format!("{} R² {r2:.4}", t.target),
                None => format!("{} no R² (always the same)", t.target),
            }));
        }
        Metrics::Values(m) => {
            let errors = [("RMSE", m.rmse), ("MAE", m.mae), ("median error", m.median_ae)];
            parts.extend(errors.map(|(name, error)| format!("{name} {}", number(error))));
            parts.extend(m.r2.map(|v| format!("R² {v:.4}")));
        }
    }
    parts.join(", ")
}

/// The scores of each of several targets.
fn print_targets(values: &ValueMetrics) {
    let mut grid = Grid::new(&["target", ">RMSE", ">MAE", ">median error", ">R²"]);
    for TargetMetrics { target, metrics } in &values.targets {
        let r2 = metrics.r2.map_or_else(String::new, |r2| format!("{r2:.4}"));
        grid.row([target.clone(), number(metrics.rmse), number(metrics.mae), number(metrics.median_ae), r2]);
    }
    grid.print();
}

fn print_confusion(evaluation: &Evaluation) {
    let classes = &evaluation.classes;
    if classes.len() > MOST_CLASSES {
        say!("{} classes: --json has the confusion matrix", classes.len());
        return;
    }
    say!("Rows are the true classes, columns the predicted ones.");
    let width = |c: usize| {
        let cells = evaluation.confusion.iter().map(|row| row[c].to_string().len());
        cells.chain([classes[c].chars().count()]).max().unwrap_or(1)
    };
    let widths: Vec<usize> = (0..classes.len()).map(width).collect();
    let first = classes.iter().map(|c| c.chars().count()).max().unwrap_or(1);
    let heads: Vec<String> = classes.iter().zip(&widths).map(|(c, &w)| format!("{c:>w$}")).collect();
    say!("{HEADING}{:first$}  {}{HEADING:#}   right", "", heads.join("  "));
    for (truth, (row, class)) in evaluation.confusion.iter().zip(classes).enumerate() {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(n, &w)| format!("{n:>w$}")).collect();
        let total: u64 = row.iter().sum();
        let right = if total == 0 { String::new() } else { percent(row[truth] as f64 / total as f64) };
        say!("{class:>first$}  {}   {right}", cells.join("  "));
    }
    print_mistakes(evaluation);
}

fn print_mistakes(evaluation: &Evaluation) {
    let mistakes = evaluation.mistakes();
    if mistakes.is_empty() {
        return;
    }
    say!();
    let mut grid = Grid::new(&["most frequent mistakes", "taken for", ">times"]);
    for Mistake { times, truth, predicted } in mistakes.into_iter().take(5) {
        grid.row([evaluation.classes[truth].clone(), evaluation.classes[predicted].clone(), times.to_string()]);
    }
    grid.print();
}

/// The columns that the model leans on most, with a bar as long as what the loss gains without them.
fn print_importance(importance: &Importance, samples: usize) {
    let Importance { rows, repeats, score, columns } = importance;
    let of = if *rows < samples { format!(" of {}", count(samples)) } else { String::new() };
    say!(
        "{HEADING}How much worse without a column{HEADING:#}: its values shuffled among {}{of} rows, {repeats} times",
        count(*rows)
    );
    let score = if *score == "accuracy" { ">accuracy" } else { ">RMSE" };
    let mut grid = Grid::new(&["column", ">loss", ">±", score, ">±", ">input gradient", ""]);
    let longest = columns.iter().filter_map(|column| column.loss_increase).map(|loss| loss.mean).fold(0.0, f64::max);
    for column in columns.iter().take(MOST_COLUMNS) {
        let (loss, score) = (column.loss_increase, column.score_worsening);
        let length = loss.map_or(0.0, |loss| (loss.mean.max(0.0) / longest.max(f64::MIN_POSITIVE) * BAR).round());
        let mut cells = vec![column.column.clone()];
        cells.extend(mean_and_deviation(loss, |loss| loss));
        // Accuracy falls and an error grows.
        cells.extend(mean_and_deviation(score, |mean| if importance.score == "accuracy" { 0.0 - mean } else { mean }));
        cells.push(short(column.input_gradient));
        cells.push("█".repeat(length as usize));
        grid.row(cells);
    }
    grid.print();
    if columns.len() > MOST_COLUMNS {
        say!("and {} more: --json has them all", count(columns.len() - MOST_COLUMNS));
    }
}

fn mean_and_deviation(change: Option<Change>, sign: impl Fn(f64) -> f64) -> [String; 2] {
    let shown = |Change { mean, deviation }| {
        let signed = sign(mean);
        let plus = if signed > 0.0 { "+" } else { "" };
        [format!("{plus}{}", short(signed)), short(deviation)]
    };
    change.map_or_else(|| ["not tried".to_owned(), String::new()], shown)
}

/// A number with three significant digits.
fn short(value: f64) -> String {
    rounded(value, 3)
}
