//! Findings in the course of the training.

use super::network::BAD;
use super::{Evidence, Finding, Kind, percent, short};
use crate::train::EpochReport;

/// The share of the weights that a step moves, from which on steps undo one another.
const LONG: f64 = 0.05;

/// How far, as a share of the weights, all steps together move them where the rate is too low.
const SHORT_WAY: f64 = 0.5;

pub(super) fn rate_too_high(evidence: &Evidence) -> Option<Finding> {
    let rate = evidence.recipe.learning_rate;
    let (cure, options) = match short(rate / 10.0) {
        less if rate < 100.0 => (format!("a learning rate of {less}"), with_search(&less)),
        _ => ("a much lower learning rate".to_owned(), "--find-lr shows which rates work".to_owned()),
    };
    let title = "the learning rate is too high";
    if let Some(failure) = evidence.failure.as_ref().filter(|failure| (failure.epoch, failure.step) != (1, 1)) {
        let node = failure.node.as_deref().unwrap_or("the loss");
        let text = format!(
            "{node} went to infinity in epoch {}, step {}, at a rate of {}",
            failure.epoch,
            failure.step,
            short(failure.rate)
        );
        return Some(Finding::new(Kind::LearningRateTooHigh, title, text, cure).by(options));
    }
    let update = evidence.usual_update().filter(|update| *update > LONG && evidence.ended)?;
    let unexplained = evidence.train_unexplained()?;
    let losses: Vec<f64> = evidence.history.iter().map(|epoch| epoch.train.loss).collect();
    let rises = losses.windows(2).filter(|pair| pair[1] > pair[0]).count() as f64 / (losses.len().max(2) - 1) as f64;
    (unexplained > BAD || rises > 0.4).then(|| {
        let text = format!(
            "a step moves the weights by {} of their size (usual is 0.1 %); the training loss rose in {} of the epochs",
            percent(update),
            percent(rises)
        );
        Finding::new(Kind::LearningRateTooHigh, title, text, cure).by(options)
    })
}

pub(super) fn rate_too_low(evidence: &Evidence) -> Option<Finding> {
    let unexplained = evidence.train_unexplained().filter(|unexplained| *unexplained > 0.3 && evidence.ended)?;
    // Neurons that stay alike learn slowly at any rate.
    let update = evidence.usual_update().filter(|_| super::network::symmetric(evidence).is_none())?;
    let way = update * evidence.steps as f64 * evidence.history.len() as f64;
    let falls = still_falls(&evidence.history);
    (way < SHORT_WAY && falls).then(|| {
        let more = short(evidence.recipe.learning_rate * 10.0);
        Finding::new(
            Kind::LearningRateTooLow,
            "the learning rate is too low",
            format!(
                "a step moves the weights by {} of their size, all steps together by {}, and the training loss still falls \
                 with {} unexplained",
                short(update),
                percent(way),
                percent(unexplained)
            ),
            format!("a learning rate of {more}, or more epochs"),
        )
        .by(with_search(&more))
    })
}

/// The options of a learning rate that is a guess.
fn with_search(rate: &str) -> String {
    format!("--lr {rate}, or --find-lr to see which rates work")
}

/// Whether the training loss of the last fifth of the epochs is below that of the fifth before it.
fn still_falls(history: &[EpochReport]) -> bool {
    let fifth = (history.len() / 5).max(1);
    let mean = |epochs: &[EpochReport]| epochs.iter().map(|e| e.train.loss).sum::<f64>() / epochs.len() as f64;
    let mut parts = history.rchunks(fifth).map(mean);
    let last = parts.next();
    matches!((last, parts.next()), (Some(last), Some(before)) if last < before)
}

pub(super) fn regularisation(evidence: &Evidence) -> Option<Finding> {
    let unexplained = evidence.train_unexplained().filter(|unexplained| *unexplained > 0.4 && evidence.ended)?;
    // It holds back only where there is something to learn.
    evidence.facts.as_ref()?.neighbours.filter(|explained| *explained > 1.0 - unexplained + 0.2)?;
    let recipe = &evidence.recipe;
    let title = "regularisation is too strong";
    if recipe.dropout >= 0.7 {
        let text = format!(
            "{} of the activations are dropped, and {} of the training data stays unexplained",
            percent(recipe.dropout),
            percent(unexplained)
        );
        let cure = "drop fewer of the activations, as 20 %";
        return Some(Finding::new(Kind::TooMuchRegularisation, title, text, cure).by("--dropout 0.2"));
    }
    if recipe.l2 == 0.0 && recipe.l1 == 0.0 {
        return None;
    }
    let last = evidence.vitals.last()?;
    // Where the penalty holds the network back, it pulls as hard as the loss pushes.
    let output = last.layers.last()?;
    let pull = recipe.l2 * output.weight_norm + recipe.l1 * (output.weights as f64).sqrt();
    (pull > 0.5 * output.gradient_norm).then(|| {
        let text = format!(
            "the penalty pulls the weights of the last layer by {}, the loss pushes by {}; {} of the training data stays \
             unexplained",
            short(pull),
            short(output.gradient_norm),
            percent(unexplained)
        );
        let (name, value) = if recipe.l2 > 0.0 { ("l2", recipe.l2) } else { ("l1", recipe.l1) };
        let less = short(value / 100.0);
        let cure = format!("a smaller penalty: {} {less}", name.to_uppercase());
        Finding::new(Kind::TooMuchRegularisation, title, text, cure).by(format!("--{name} {less}"))
    })
}

pub(super) fn overfitting(evidence: &Evidence) -> Option<Finding> {
    let last = evidence.history.last().filter(|_| evidence.ended)?;
    let train = evidence.unexplained(&last.train)?;
    let (unseen, course) = match &last.validation {
        Some(validation) => {
            let losses = evidence.history.iter().filter_map(|epoch| Some(epoch.validation.as_ref()?.loss));
            let rise = validation.loss / losses.min_by(f64::total_cmp)?.max(1e-12);
            if rise < 1.5 {
                return None;
            }
            let course = format!("the validation loss rose to {} times its best; ", short(rise));
            (evidence.unexplained(validation)?, course)
        }
        None => (evidence.unexplained(&evidence.test.as_ref()?.scores)?, String::new()),
    };
    (unseen > 0.3 && train < 0.3 * unseen).then(|| {
        Finding::new(
            Kind::Overfitting,
            "the network learns the training rows by heart",
            format!(
                "{course}{} of the training rows' spread stays unexplained, and {} of that of rows not trained on",
                percent(train),
                percent(unseen)
            ),
            "more rows, a smaller network, an L2 penalty of 0.001, dropout, or an end in time",
        )
        .by("--l2 1e-3, --dropout 0.2, or --validation 0.2 --patience 10")
    })
}

pub(super) fn underfitting(evidence: &Evidence) -> Option<Finding> {
    let facts = evidence.facts.as_ref().filter(|_| evidence.ended)?;
    let neighbours = facts.neighbours?;
    // By right answers, which is how the neighbours were asked.
    let of = |epoch: &EpochReport| evidence.unexplained_answers(&epoch.train);
    let unexplained = evidence.history.iter().filter_map(of).min_by(f64::total_cmp)?;
    (neighbours > 1.0 - unexplained + 0.2 && neighbours > 0.4).then(|| {
        Finding::new(
            Kind::Underfitting,
            "the network is too plain for the data",
            format!(
                "it explains {} of the training rows, their nearest neighbours explain {}",
                percent((1.0 - unexplained).max(0.0)),
                percent(neighbours)
            ),
            "more neurons or layers, an activation between them, more epochs",
        )
        .by("--hidden 64,64")
    })
}
