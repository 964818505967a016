//! Findings in the network: its weights, activations and gradients.

use super::{Evidence, Finding, Kind, LayerVitals, Vitals, percent, short};
use crate::activation::Activation;

/// The share of neurons that are dead, or of activations that are flat, from which on it is a finding.
const TOO_MANY: f64 = 0.6;

/// How much δ of the lowest layer may differ from that of the highest hidden one.
const EXPLODING: f64 = 1e3;
const VANISHING: f64 = 1e-3;

/// What is left unexplained of the training rows by a network that learns badly.
pub(super) const BAD: f64 = 0.6;

/// The layers that are not the last, with their numbers.
fn hidden(vitals: &Vitals) -> impl Iterator<Item = (usize, &LayerVitals)> {
    (1..).zip(&vitals.layers[..vitals.layers.len().saturating_sub(1)])
}

pub(super) fn symmetric(evidence: &Evidence) -> Option<Finding> {
    let (number, layer) = hidden(evidence.start()?).find(|(_, layer)| layer.neurons > 1 && layer.alike == 1.0)?;
    Some(
        Finding::new(
            Kind::SymmetricWeights,
            "all neurons begin alike",
            format!(
                "the {} neurons of layer {number} begin with the same weights: they stay one neuron",
                layer.neurons
            ),
            "draw the weights at random, by he-normal",
        )
        .by("--init he-normal"),
    )
}

pub(super) fn not_finite(evidence: &Evidence) -> Option<Finding> {
    let at_start = evidence.start().is_some_and(|vitals| !vitals.cost.is_finite());
    let failure = evidence.failure.as_ref().filter(|failure| (failure.epoch, failure.step) == (1, 1));
    if !at_start && failure.is_none() {
        return None;
    }
    let node = failure.and_then(|failure| failure.node.clone()).unwrap_or_else(|| "the loss".to_owned());
    let largest = evidence.facts.as_ref().map_or(String::new(), |facts| {
        let scales = &facts.scales;
        format!("; the largest inputs are those of {}, about {}", scales.largest_column, short(scales.largest))
    });
    Some(
        Finding::new(
            Kind::NotFinite,
            "a value is not finite before any weight has moved",
            format!("{node} is the first value that is not finite{largest}"),
            "look for extreme numbers in the data; smaller weights at first, by he-normal",
        )
        .by("--init he-normal"),
    )
}

/// δ of the lowest layer by δ of the highest hidden one.
fn ratio(vitals: &Vitals) -> Option<f64> {
    let (_, lowest) = hidden(vitals).next()?;
    let (number, highest) = hidden(vitals).last()?;
    let ratio = lowest.delta() / highest.delta();
    (number > 1 && ratio.is_finite()).then_some(ratio)
}

pub(super) fn exploding(evidence: &Evidence) -> Option<Finding> {
    let start = evidence.start()?;
    let depth = start.layers.len();
    let grows = ratio(start).filter(|ratio| *ratio > EXPLODING)?;
    Some(
        Finding::new(
            Kind::ExplodingGradients,
            "gradients explode on the way down",
            format!(
                "before the first step δ of layer 1 is {} times that of layer {}: {} a layer",
                short(grows),
                depth - 1,
                short(grows.powf(1.0 / (depth as f64 - 2.0)))
            ),
            "smaller weights at first, by he-normal or glorot-uniform, a norm in the layers, or clipped gradients",
        )
        .by("--init he-normal, --clip 1"),
    )
}

pub(super) fn vanishing(evidence: &Evidence) -> Option<Finding> {
    if !evidence.ended || evidence.train_unexplained()? < BAD {
        return None;
    }
    let start = evidence.start()?;
    let depth = start.layers.len();
    let shrinks = ratio(start).filter(|ratio| *ratio < VANISHING)?;
    let lowest = start.layers.first()?;
    let cure = match lowest.activation {
        Activation::Sigmoid | Activation::Tanh => "take relu for the hidden layers, and weights by he-normal",
        _ => "larger weights at first, by he-normal",
    };
    Some(
        Finding::new(
            Kind::VanishingGradients,
            "gradients vanish on the way down",
            format!(
                "before the first step δ of layer 1 is {} of that of layer {}: a factor of {} a layer",
                short(shrinks),
                depth - 1,
                short(shrinks.powf(1.0 / (depth as f64 - 2.0)))
            ),
            format!("{cure}; or batchnorm, residual( … ) links, fewer layers"),
        )
        .by("--init he-normal"),
    )
}

pub(super) fn saturated_at_start(evidence: &Evidence) -> Option<Finding> {
    saturated_in(evidence.start()?, "before the first step")
}

pub(super) fn saturated(evidence: &Evidence) -> Option<Finding> {
    let is_bad = evidence.train_unexplained().is_some_and(|unexplained| unexplained > BAD);
    let last = evidence.vitals.last().filter(|_| is_bad && evidence.ended)?;
    saturated_in(last, &format!("after epoch {}", last.epoch))
}

fn saturated_in(vitals: &Vitals, when: &str) -> Option<Finding> {
    let flat = |(number, layer): (usize, &LayerVitals)| Some((number, layer.activation, layer.saturated?));
    let (number, activation, share) = hidden(vitals).filter_map(flat).max_by(|a, b| a.2.total_cmp(&b.2))?;
    (share > TOO_MANY).then(|| {
        Finding::new(
            Kind::Saturated,
            format!("{activation}s are saturated"),
            format!(
                "{when} {} of the {activation}s of layer {number} are where their slope is below a hundredth of the \
                 steepest: hardly any gradient comes through",
                percent(share)
            ),
            "smaller weights at first, by glorot-uniform, scaled inputs, or relu",
        )
        .by("--init glorot-uniform")
    })
}

pub(super) fn dead_at_start(evidence: &Evidence) -> Option<Finding> {
    let found = dead_in(evidence.start()?, "before the first step", "biases of 0 or above, and weights by he-normal")?;
    Some(found.by("--init he-normal"))
}

pub(super) fn dead(evidence: &Evidence) -> Option<Finding> {
    let is_bad = evidence.train_unexplained().is_some_and(|unexplained| unexplained > BAD);
    let last = evidence.vitals.last().filter(|_| is_bad && evidence.ended)?;
    dead_in(last, &format!("after epoch {}", last.epoch), "a lower learning rate, or leaky-relu")
}

fn dead_in(vitals: &Vitals, when: &str, cure: &str) -> Option<Finding> {
    let rectified = hidden(vitals).filter(|(_, layer)| layer.activation == Activation::Relu);
    let (number, layer) = rectified.max_by(|a, b| a.1.dead.total_cmp(&b.1.dead))?;
    (layer.dead > TOO_MANY).then(|| {
        Finding::new(
            Kind::DeadNeurons,
            "neurons are dead",
            format!(
                "{when} {} of the {} neurons of layer {number} give 0 for every sample: they get no gradient",
                percent(layer.dead),
                layer.neurons
            ),
            cure,
        )
    })
}
