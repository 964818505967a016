//! How a training went: scores over the epochs, and what went on in each layer.

use chainrule::doctor::{Evidence, Histogram, LayerVitals};
use chainrule::{EpochReport, Scores};
use chainrule_draw::chart::{Columns, Lines, Series};
use chainrule_draw::{Block, Section};

/// The most layers whose histograms are shown.
const MOST_LAYERS: usize = 6;

type Pick = fn(&Scores) -> Option<f64>;

/// Losses, scores and the learning rate.
pub(super) fn curves(evidence: &Evidence, kept: Option<usize>) -> Section {
    let mark = kept.map(|epoch| (epoch as f64, format!("kept: epoch {epoch}")));
    let over_epochs = |title: &str, y: &str, series: Vec<Series>| Lines {
        title: title.to_owned(),
        x: "epoch".to_owned(),
        y: y.to_owned(),
        series,
        mark: mark.clone(),
        logarithmic: false,
    };
    let history = &evidence.history;
    let both = |pick: Pick| -> Vec<Series> {
        let of = |name: &str, scores: fn(&EpochReport) -> Option<&Scores>| Series {
            name: name.to_owned(),
            points: history.iter().filter_map(|e| Some((e.epoch as f64, pick(scores(e)?)?))).collect(),
        };
        let series = [of("training", |e| Some(&e.train)), of("validation", |e| e.validation.as_ref())];
        series.into_iter().filter(|series| !series.points.is_empty()).collect()
    };
    let mut blocks = Vec::new();
    let picks: [(&str, &str, Pick); 3] = [
        ("Loss", "loss", |s| Some(s.loss)),
        ("Accuracy", "share of right classes", |s| s.accuracy),
        ("Root of the mean squared error", "RMSE", |s| s.rmse),
    ];
    for (title, y, pick) in picks {
        let series = both(pick);
        if !series.is_empty() {
            blocks.push(Block::Lines(over_epochs(title, y, series)));
        }
    }
    let points = history.iter().map(|e| (e.epoch as f64, e.learning_rate)).collect();
    let rate = Series { name: "learning rate".to_owned(), points };
    if !history.is_empty() {
        blocks.push(Block::Lines(over_epochs("Learning rate", "learning rate", vec![rate])));
    }
    Section {
        title: "How it learned".to_owned(),
        about:
            "Training scores are those of the batches while they were learned from; validation scores are of rows that \
                were not."
                .to_owned(),
        blocks,
    }
}

fn layer_name(at: usize, layer: &LayerVitals) -> String {
    format!("layer {}: {} {}", at + 1, layer.neurons, layer.activation)
}

/// Gradients and updates of each layer over the epochs.
pub(super) fn layers(evidence: &Evidence) -> Section {
    let Some(first) = evidence.vitals.first() else { return Section::default() };
    let by_layer = |pick: fn(&LayerVitals) -> Option<f64>| -> Vec<Series> {
        let of = |(at, layer): (usize, &LayerVitals)| Series {
            name: layer_name(at, layer),
            points: evidence.vitals.iter().filter_map(|v| Some((v.epoch as f64, pick(v.layers.get(at)?)?))).collect(),
        };
        let series: Vec<Series> = first.layers.iter().enumerate().map(of).collect();
        if series.iter().flat_map(|series| &series.points).all(|point| point.1 == 0.0) { Vec::new() } else { series }
    };
    type Row = (&'static str, &'static str, bool, fn(&LayerVitals) -> Option<f64>);
    let charts: [Row; 4] = [
        ("Norm of the gradient by the weights", "‖∂C/∂W‖", true, |l| Some(l.gradient_norm)),
        ("What a step moves, as a share of the weights", "‖ΔW‖ / ‖W‖", true, |l| l.update_ratio),
        ("Neurons that give 0 for every sample", "share", false, |l| Some(l.dead)),
        ("Activations where the slope is nearly 0", "share", false, |l| l.saturated),
    ];
    let mut blocks = Vec::new();
    for (title, y, logarithmic, pick) in charts {
        let series = by_layer(pick);
        if !series.is_empty() {
            let (x, title, y) = ("epoch".to_owned(), title.to_owned(), y.to_owned());
            blocks.push(Block::Lines(Lines { title, x, y, series, mark: None, logarithmic }));
        }
    }
    Section {
        title: "Layer by layer".to_owned(),
        about: "Measured on the same few training samples, before the first step (epoch 0) and then from time to time, with \
                nothing dropped."
            .to_owned(),
        blocks,
    }
}

/// Activations and δ of each layer at the end.
pub(super) fn inside(evidence: &Evidence) -> Option<Section> {
    let last = evidence.vitals.last()?;
    let count = last.layers.len();
    let shown = (0..count.min(MOST_LAYERS)).map(|at| at * count / count.min(MOST_LAYERS));
    let columns = |title: String, x: &str, spread: &Histogram| {
        Block::Columns(Columns {
            title,
            x: x.to_owned(),
            low: spread.low,
            high: spread.high,
            counts: spread.counts.clone(),
        })
    };
    let blocks = shown.flat_map(|at| {
        let (layer, name) = (&last.layers[at], layer_name(at, &last.layers[at]));
        [
            columns(format!("{name}: activations"), "a", &layer.activations),
            columns(format!("{name}: gradients"), "δ = ∂C/∂z", &layer.deltas),
        ]
    });
    let blocks = blocks.collect();
    Some(Section {
        title: format!("Inside the network after epoch {}", last.epoch),
        about: "How the numbers are spread over all neurons and samples. δ is multiplied by the number of samples."
            .to_owned(),
        blocks,
    })
}
