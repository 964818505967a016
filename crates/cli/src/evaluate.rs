//! `chainrule evaluate`: how good a model is.

use crate::args::EvaluateArgs;
use crate::input::model_and_data;
use crate::output::{Grid, HEADING, RESULT, count, number, percent, say};
use anyhow::Result;
use chainrule::{Evaluation, Metrics, evaluate};

/// The largest confusion matrix that is printed whole.
const MOST_CLASSES: usize = 20;

pub(crate) fn run(args: &EvaluateArgs) -> Result<()> {
    let (model, data) = model_and_data(&args.input, true)?;
    let evaluation = chainrule::with_threads(0, || evaluate(&model, &data))?;
    if args.json {
        say!("{}", serde_json::to_string(&evaluation)?);
        return Ok(());
    }
    say!("{HEADING}{}{HEADING:#}  {} samples", data.source, count(evaluation.samples));
    say!("{RESULT}{}{RESULT:#}", scores(&evaluation));
    if !evaluation.confusion.is_empty() {
        say!();
        print_confusion(&evaluation);
    }
    Ok(())
}

/// All scores in one line.
pub(crate) fn scores(evaluation: &Evaluation) -> String {
    format!("loss {}, {}", number(evaluation.loss), metrics(&evaluation.metrics))
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
        Metrics::Values(m) => {
            let errors = [("RMSE", m.rmse), ("MAE", m.mae), ("median error", m.median_ae)];
            parts.extend(errors.map(|(name, error)| format!("{name} {}", number(error))));
            parts.extend(m.r2.map(|v| format!("R² {v:.4}")));
        }
    }
    parts.join(", ")
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
    let mut mistakes: Vec<(u64, usize, usize)> = Vec::new();
    for (truth, row) in evaluation.confusion.iter().enumerate() {
        mistakes.extend(row.iter().enumerate().filter(|(p, n)| *p != truth && **n > 0).map(|(p, n)| (*n, truth, p)));
    }
    mistakes.sort_by(|a, b| b.0.cmp(&a.0).then(a.cmp(b)));
    if mistakes.is_empty() {
        return;
    }
    say!();
    let mut grid = Grid::new(&["most frequent mistakes", "taken for", ">times"]);
    for (times, truth, predicted) in mistakes.into_iter().take(5) {
        grid.row([evaluation.classes[truth].clone(), evaluation.classes[predicted].clone(), times.to_string()]);
    }
    grid.print();
}
