//! The report of a training: one page with its curves, the inside of the network, its results, and what is wrong.

mod course;
mod results;

use crate::output::{count, percent};
use anyhow::Result;
use chainrule::data::Dataset;
use chainrule::doctor::{Evidence, TargetFacts, diagnose};
use chainrule::{Evaluation, Metrics, Model, Outcome, Summary, write_atomically};
use chainrule_draw::chart::Bars;
use chainrule_draw::{Block, Card, Report, Section};
use serde_json::Value;
use std::path::Path;

/// The name of a report in the folder of a run.
pub(crate) const FILE: &str = "report.html";

/// What a report is made of.
pub(crate) struct Source<'a> {
    pub(crate) model: &'a Model,
    /// What was measured.
    pub(crate) evidence: &'a Evidence,
    /// What was announced at the start.
    pub(crate) start: &'a Value,
    /// How it ended, unless it failed.
    pub(crate) outcome: Option<&'a Outcome>,
    /// The test, if there was one.
    pub(crate) test: Option<(&'a Dataset, &'a Evaluation)>,
    pub(crate) seconds: f64,
}

/// Writes the report.
pub(crate) fn write(path: &Path, source: &Source<'_>) -> Result<()> {
    Ok(write_atomically(path, chainrule_draw::report(&report(source)?).as_bytes())?)
}

fn report(source: &Source<'_>) -> Result<Report> {
    let card = |finding: chainrule::doctor::Finding| Card {
        kind: finding.kind.to_string(),
        cure: finding.command(),
        title: finding.title,
        evidence: finding.evidence,
    };
    let data = source.start["data"].as_str().unwrap_or_default();
    let kept = source.outcome.and_then(|outcome| outcome.kept_epoch);
    let mut sections = vec![course::curves(source.evidence, kept), course::layers(source.evidence)];
    sections.extend(course::inside(source.evidence));
    sections.extend(results::sections(source)?);
    sections.extend([data_section(source), settings(source)]);
    sections.retain(|section| !section.blocks.is_empty());
    Ok(Report {
        title: format!("{} on {data}", source.model.target()).trim_start_matches(" on ").to_owned(),
        figures: figures(source)?,
        findings: diagnose(source.evidence).into_iter().map(card).collect(),
        healthy: format!(
            "Nothing is wrong, as far as was measured: {} looks into the network, {} epochs.",
            source.evidence.vitals.len(),
            source.evidence.history.len()
        ),
        sections,
    })
}

fn figures(source: &Source<'_>) -> Result<Vec<(String, String)>> {
    let Source { model, evidence, outcome, test, .. } = source;
    let mut figures = Vec::new();
    let mut add = |name: &str, value: String| figures.push((name.to_owned(), value));
    if let Some((_, evaluation)) = test {
        match &evaluation.metrics {
            Metrics::Classes(metrics) => {
                add("test accuracy", percent(metrics.accuracy));
                add("log loss", format!("{:.4}", metrics.log_loss));
            }
            Metrics::Values(metrics) => {
                let r2 = metrics.r2.map(|r2| format!("{r2:.4}")).unwrap_or_default();
                add("test R²", r2);
                add("RMSE", format!("{:.4}", metrics.rmse));
            }
        }
    }
    add("parameters", count(Summary::new(model)?.parameters));
    if let Some(facts) = &evidence.facts {
        add("rows to train", count(facts.rows));
    }
    match outcome {
        Some(outcome) => {
            let kept = outcome.kept_epoch.map_or("the last step".to_owned(), |epoch| epoch.to_string());
            add("kept epoch", format!("{kept} of {}", evidence.recipe.epochs));
        }
        None => {
            let to_infinity = evidence.failure.is_some();
            add("ended", if to_infinity { "it went to infinity" } else { "with an error" }.to_owned());
        }
    }
    add("seconds", format!("{:.1}", source.seconds));
    add("network", model.network.to_string());
    Ok(figures)
}

fn data_section(source: &Source<'_>) -> Section {
    let mut blocks = Vec::new();
    if let Some(facts) = &source.evidence.facts {
        if let TargetFacts::Classes { names, counts } = &facts.target {
            let total = counts.iter().sum::<usize>().max(1) as f64;
            let bar = |(name, &rows): (&String, &usize)| {
                (name.clone(), rows as f64, format!("{} ({})", count(rows), percent(rows as f64 / total)))
            };
            let bars = names.iter().zip(counts).map(bar).take(results::MOST_BARS).collect();
            blocks.push(Block::Bars(Bars { title: "Training rows of each class".to_owned(), bars }));
        }
        let mut rows = vec![
            vec!["rows to train on".to_owned(), count(facts.rows)],
            vec!["rows held out to choose the epoch".to_owned(), count(facts.held_out)],
            vec!["inputs of the network".to_owned(), count(facts.inputs)],
            vec![
                "largest column, as the network sees it".to_owned(),
                format!("{} (root mean square {:.3})", facts.scales.largest_column, facts.scales.largest),
            ],
        ];
        if let Some((test, _)) = source.test {
            rows.insert(2, vec!["rows to test on".to_owned(), count(test.len())]);
        }
        if let Some(found) = facts.duplicates {
            rows.push(vec!["test rows that are training rows too".to_owned(), count(found.rows)]);
        }
        if let Some(telling) = &facts.telling {
            let words = format!("{} ({} of it)", telling.column, percent(telling.score.max(0.0)));
            rows.push(vec!["column that tells most of the target alone".to_owned(), words]);
        }
        let head = vec!["what".to_owned(), "value".to_owned()];
        blocks.push(Block::Table { title: "What is known of them".to_owned(), head, rows });
    }
    let notes: Vec<&str> =
        source.start["notes"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::trim_end).collect();
    if !notes.is_empty() {
        blocks.push(Block::Code { title: "How its columns were read".to_owned(), text: notes.join("\n") });
    }
    Section { title: "The data".to_owned(), about: String::new(), blocks }
}

fn settings(source: &Source<'_>) -> Section {
    let arguments = std::env::args().map(|argument| quoted(&argument)).collect::<Vec<_>>().join(" ");
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (name, value) in source.start["recipe"].as_object().into_iter().flatten().filter(|(_, value)| !value.is_null())
    {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        rows.push(vec![name.replace('_', " "), text]);
    }
    rows.push(vec!["loss".to_owned(), source.model.loss.to_string()]);
    let head = vec!["setting".to_owned(), "value".to_owned()];
    Section {
        title: "How to do it again".to_owned(),
        about: "The same command with the same version on the same data gives the same weights, bit for bit, at any \
                number of threads."
            .to_owned(),
        blocks: vec![
            Block::Code { title: format!("The command (chainrule {})", env!("CARGO_PKG_VERSION")), text: arguments },
            Block::Table { title: "What was given, and what was chosen".to_owned(), head, rows },
        ],
    }
}

/// An argument as a shell takes it.
fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', "'\\''"))
    }
}
