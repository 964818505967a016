//! What a trained network makes of rows that it was not trained on.

use super::Source;
use crate::evaluate::MOST_CLASSES;
use crate::output::{count, percent};
use anyhow::Result;
use chainrule::data::{Dataset, Target, png};
use chainrule::doctor::Histogram;
use chainrule::{Evaluation, Importance, ImportanceOptions, Mistake, Model, Prediction, importance, predict};
use chainrule_draw::chart::{Bars, Columns, Dots, Matrix};
use chainrule_draw::{Block, Section};

/// The most bars.
pub(super) const MOST_BARS: usize = 20;

/// The most dots.
const MOST_DOTS: usize = 600;

/// The most samples that are shown as the most wrong.
const MOST_WRONG: usize = 12;

/// The most inputs that are shown of one.
const MOST_INPUTS: usize = 5;

/// The parts of confidence over which calibration is looked at.
const BINS: usize = 10;

pub(super) fn sections(source: &Source<'_>) -> Result<Vec<Section>> {
    let Some((test, evaluation)) = source.test else { return Ok(Vec::new()) };
    let mut predictions = Vec::with_capacity(test.len());
    predict(source.model, test, |_, prediction| predictions.push(prediction))?;
    let is_table = !source.model.features.is_empty();
    let find = || importance(source.model, test, &ImportanceOptions { rows: 500, ..ImportanceOptions::default() });
    let importance = is_table.then(find).transpose()?;
    let mut sections = match &test.target {
        Some(Target::Classes { labels, names }) => {
            vec![
                classes(evaluation, labels, &predictions),
                wrong_classes(source.model, test, labels, names, &predictions),
            ]
        }
        Some(Target::Values { values, names }) => {
            let of_value = (0..names.len()).map(|at| {
                let pairs = values.iter().skip(at).step_by(names.len()).zip(&predictions);
                let pairs: Vec<(f64, f64)> = pairs.map(|(&truth, p)| (f64::from(truth), p.values[at])).collect();
                value(&names[at], &pairs, source.model, test)
            });
            of_value.collect()
        }
        None => Vec::new(),
    };
    sections.extend(importance.map(|importance| columns(&importance)));
    Ok(sections)
}

fn classes(evaluation: &Evaluation, labels: &[u32], predictions: &[Prediction]) -> Section {
    let mut blocks = Vec::new();
    let names = &evaluation.classes;
    if names.len() <= MOST_CLASSES {
        blocks.push(Block::Matrix(Matrix {
            title: "How often each class was taken for each".to_owned(),
            names: names.clone(),
            counts: evaluation.confusion.clone(),
            rows: "true".to_owned(),
            columns: "predicted".to_owned(),
        }));
    }
    let mistakes = evaluation.mistakes();
    if !mistakes.is_empty() {
        let bar = |&Mistake { times, truth, predicted }: &Mistake| {
            (format!("{} taken for {}", names[truth], names[predicted]), times as f64, count(times as usize))
        };
        let bars = mistakes.iter().take(10).map(bar).collect();
        blocks.push(Block::Bars(Bars { title: "The most frequent mistakes".to_owned(), bars }));
    }
    blocks.push(Block::Dots(calibration(labels, predictions)));
    Section {
        title: format!("Results on {} test rows", count(evaluation.samples)),
        about: "Where the network is calibrated, of the rows for which it claims 80 %, 80 % are right: the dots lie on the \
                line. Their size is the number of rows."
            .to_owned(),
        blocks,
    }
}

/// What is claimed of the predicted class, and how often it is right.
fn calibration(labels: &[u32], predictions: &[Prediction]) -> Dots {
    // For each part: rows, the sum of what is claimed, and how many are right.
    let mut bins = [(0_usize, 0.0, 0_usize); BINS];
    for (&label, prediction) in labels.iter().zip(predictions) {
        let Some(class) = prediction.class else { continue };
        let claimed = prediction.values[class];
        let bin = &mut bins[((claimed * BINS as f64) as usize).min(BINS - 1)];
        *bin = (bin.0 + 1, bin.1 + claimed, bin.2 + usize::from(class == label as usize));
    }
    let filled = bins.iter().filter(|bin| bin.0 > 0);
    Dots {
        title: "Calibration".to_owned(),
        x: "claimed probability".to_owned(),
        y: "share that is right".to_owned(),
        dots: filled.map(|&(rows, sum, right)| (sum / rows as f64, right as f64 / rows as f64, rows as f64)).collect(),
        ends: Some((0.0, 1.0)),
    }
}

/// The rows whose true class was thought least likely.
fn wrong_classes(
    model: &Model,
    test: &Dataset,
    labels: &[u32],
    names: &[String],
    predictions: &[Prediction],
) -> Section {
    let truth = |row: usize| predictions[row].values[labels[row] as usize];
    let is_wrong = |row: &usize| predictions[*row].class != Some(labels[*row] as usize);
    let mut wrong: Vec<usize> = (0..predictions.len()).filter(is_wrong).collect();
    wrong.sort_by(|&a, &b| truth(a).total_cmp(&truth(b)).then(a.cmp(&b)));
    wrong.truncate(MOST_WRONG);
    let said = |row: usize| {
        let class = predictions[row].class.unwrap_or(0);
        (names[labels[row] as usize].clone(), names[class].clone(), percent(predictions[row].values[class]))
    };
    let blocks = match model.image_size() {
        Some(size) => {
            let picture = |&row: &usize| {
                let mut pixels = vec![0.0; test.columns()];
                test.features.gather(&[row as u32], &mut pixels);
                let (truth, taken, claimed) = said(row);
                Some((png(size, &pixels)?, format!("row {row}: {truth}, taken for {taken} ({claimed})")))
            };
            let pictures: Vec<(Vec<u8>, String)> = wrong.iter().filter_map(picture).collect();
            let title = "True class, and what it was taken for".to_owned();
            if pictures.is_empty() { Vec::new() } else { vec![Block::Pictures { title, pictures }] }
        }
        None => {
            let mut head = ["row", "true", "predicted", "probability"].map(str::to_owned).to_vec();
            head.extend(model.features.iter().take(MOST_INPUTS).cloned());
            let rows = wrong.iter().map(|&row| {
                let (truth, taken, claimed) = said(row);
                let mut cells = vec![row.to_string(), truth, taken, claimed];
                cells.extend(inputs(model, test, row));
                cells
            });
            let title = "Rows of the test, counted from 0, with their first inputs as the network sees them".to_owned();
            if wrong.is_empty() { Vec::new() } else { vec![Block::Table { title, head, rows: rows.collect() }] }
        }
    };
    Section { title: "The most wrong".to_owned(), about: String::new(), blocks }
}

fn inputs(model: &Model, test: &Dataset, row: usize) -> Vec<String> {
    let mut values = vec![0.0; test.columns()];
    test.features.gather(&[row as u32], &mut values);
    let shown = model.features.len().min(MOST_INPUTS);
    values[..shown].iter().map(|value| format!("{value:.3}")).collect()
}

/// Predicted beside true values, and the differences.
fn value(name: &str, pairs: &[(f64, f64)], model: &Model, test: &Dataset) -> Section {
    let step = pairs.len().div_ceil(MOST_DOTS).max(1);
    let dots = pairs.iter().step_by(step).map(|&(truth, told)| (truth, told, 1.0)).collect();
    let errors: Vec<f32> = pairs.iter().map(|(truth, told)| (told - truth) as f32).collect();
    let spread = Histogram::new(&errors, 1.0);
    let mut worst: Vec<usize> = (0..pairs.len()).collect();
    worst.sort_by(|&a, &b| errors[b].abs().total_cmp(&errors[a].abs()).then(a.cmp(&b)));
    worst.truncate(MOST_WRONG);
    let mut head = ["row", "true", "predicted", "error"].map(str::to_owned).to_vec();
    head.extend(model.features.iter().take(MOST_INPUTS).cloned());
    let rows = worst.iter().map(|&row| {
        let (truth, told) = pairs[row];
        let mut cells =
            vec![row.to_string(), (truth as f32).to_string(), format!("{told:.4}"), format!("{:+.4}", told - truth)];
        cells.extend(inputs(model, test, row));
        cells
    });
    Section {
        title: format!("{name} on {} test rows", count(pairs.len())),
        about: "Each dot is a row; on the line, what is predicted is true.".to_owned(),
        blocks: vec![
            Block::Dots(Dots {
                title: format!("{name}: predicted and true"),
                x: "true".to_owned(),
                y: "predicted".to_owned(),
                dots,
                ends: None,
            }),
            Block::Columns(Columns {
                title: "Errors".to_owned(),
                x: "predicted − true".to_owned(),
                low: spread.low,
                high: spread.high,
                counts: spread.counts,
            }),
            Block::Table {
                title: "The most wrong rows, counted from 0, with their first inputs as the network sees them"
                    .to_owned(),
                head,
                rows: rows.collect(),
            },
        ],
    }
}

/// Which columns the network leans on.
fn columns(importance: &Importance) -> Section {
    let bar = |column: &chainrule::ColumnImportance| {
        let change = column.loss_increase?;
        Some((column.column.clone(), change.mean.max(0.0), format!("{:+.3} ± {:.3}", change.mean, change.deviation)))
    };
    let bars: Vec<(String, f64, String)> = importance.columns.iter().take(MOST_BARS).filter_map(bar).collect();
    let title = "What the loss gains when a column is shuffled".to_owned();
    Section {
        title: "What the network leans on".to_owned(),
        about: format!(
            "The values of one column at a time shuffled among {} test rows, {} times: mean and standard deviation.",
            count(importance.rows),
            importance.repeats
        ),
        blocks: if bars.is_empty() { Vec::new() } else { vec![Block::Bars(Bars { title, bars })] },
    }
}
