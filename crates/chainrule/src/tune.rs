//! A search for better settings.

use crate::activation::Activation;
use crate::error::Error;
use crate::evaluate::{Evaluation, evaluate};
use crate::random::Stream;
use crate::setup::Setup;
use crate::train::fit;
use chainrule_data::Dataset;
use serde::Serialize;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How long to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// So many trials.
    Trials(usize),
    /// As many trials as are begun in so much time.
    Time(Duration),
}

impl FromStr for Budget {
    type Err = String;

    /// Reads a number of trials, or a time as in `60s`, `5m` or `1h`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || format!("`{text}` is no budget: give a number of trials, as in 20, or a time, as in 60s or 5m");
        if let Ok(trials) = text.parse::<usize>() {
            return if trials > 0 { Ok(Self::Trials(trials)) } else { Err(wrong()) };
        }
        match text.parse() {
            Ok(crate::Every::Time(time)) if !time.is_zero() => Ok(Self::Time(time)),
            _ => Err(wrong()),
        }
    }
}

/// Settings that were tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// Counted from 1. The first has the usual settings.
    pub number: usize,
    /// The sizes of the hidden layers.
    pub hidden: Vec<usize>,
    /// Their activation; without a hidden layer, that of the output.
    pub activation: Activation,
    /// The learning rate.
    pub learning_rate: f64,
    /// The L2 penalty.
    pub l2: f64,
    /// The dropout rate.
    pub dropout: f64,
    /// Samples a step.
    pub batch_size: usize,
    /// Passes over the data.
    pub epochs: usize,
    /// The loss on rows that were not trained on, in each fold that was run; infinite where training failed.
    pub losses: Vec<f64>,
    /// Whether it has the lowest mean loss so far.
    pub best: bool,
    /// Seconds it took.
    pub seconds: f64,
    #[serde(skip)]
    setup: Setup,
}

impl Trial {
    /// The mean loss over the folds that were run.
    pub fn loss(&self) -> f64 {
        mean(&self.losses)
    }
}

/// Folds that a trial is scored in.
pub(crate) const FOLDS: u32 = 3;

/// The random stream of trials; layers take the low numbers, dropout the last.
const TUNE_STREAM: u64 = u64::MAX - 1;

/// Searches at random for settings with a lower loss on rows that were not trained on (Bergstra and Bengio 2012), and
/// returns the best ones. What `setup` gives is kept; what it leaves open is drawn.
///
/// Each trial is scored in three folds of `data`, and given up after one in which it has a higher mean loss than the best
/// trial had in the same ones. `each` sees every trial, and says whether to go on.
///
/// # Errors
/// As [`Setup::build`]. A training that diverges is no error, unless it is the first.
pub fn tune(
    setup: &Setup,
    data: &Dataset,
    budget: Budget,
    mut each: impl FnMut(&Trial) -> bool,
) -> Result<Setup, Error> {
    let begin = Instant::now();
    let fold_of = data.split.folds(data.len(), data.labels(), FOLDS.min(data.len().max(1) as u32), setup.seed);
    let mut random = Stream::new(setup.seed, TUNE_STREAM);
    let mut best: Option<Trial> = None;
    for number in 1.. {
        let is_over = match budget {
            Budget::Trials(trials) => number > trials,
            Budget::Time(time) => number > 1 && begin.elapsed() >= time,
        };
        if is_over {
            break;
        }
        let tried = if number == 1 { setup.clone() } else { draw(setup, data, &mut random) };
        let mut trial = run(number, tried, data, &fold_of, best.as_ref())?;
        trial.best = best.as_ref().is_none_or(|best| beats(&trial, best));
        let goes_on = each(&trial);
        if trial.best {
            best = Some(trial);
        }
        if !goes_on {
            break;
        }
    }
    Ok(best.map_or_else(|| setup.clone(), |best| best.setup))
}

fn run(number: usize, setup: Setup, data: &Dataset, fold_of: &[u32], best: Option<&Trial>) -> Result<Trial, Error> {
    let begin = Instant::now();
    let model = setup.build(data)?;
    let mut trial = Trial {
        number,
        hidden: model.network.layers.iter().rev().skip(1).rev().map(|layer| layer.outputs).collect(),
        activation: model.network.layers[0].activation,
        learning_rate: model.recipe.learning_rate,
        l2: model.recipe.l2,
        dropout: model.recipe.dropout,
        batch_size: model.recipe.batch_size,
        epochs: model.recipe.epochs,
        losses: Vec::new(),
        best: false,
        seconds: 0.0,
        setup,
    };
    let folds = fold_of.iter().max().map_or(0, |last| last + 1);
    for fold in 0..folds {
        let found = in_fold(&trial.setup, data, fold_of, fold)?;
        trial.losses.push(found.map(|found| found.loss).filter(|loss| !loss.is_nan()).unwrap_or(f64::INFINITY));
        if best.is_some_and(|best| trial.loss() > mean(&best.losses[..trial.losses.len().min(best.losses.len())])) {
            break;
        }
    }
    trial.seconds = begin.elapsed().as_secs_f64();
    Ok(trial)
}

/// How good a model is on a fold when it is trained on the others; `None` if the training diverges.
pub(crate) fn in_fold(setup: &Setup, data: &Dataset, fold_of: &[u32], fold: u32) -> Result<Option<Evaluation>, Error> {
    let (held_out, kept): (Vec<u32>, Vec<u32>) = (0..data.len() as u32).partition(|&row| fold_of[row as usize] == fold);
    let (train, test) = (data.select(&kept), data.select(&held_out));
    let mut model = setup.build(&train)?;
    match fit(&mut model, &train, &mut ()) {
        Ok(_) => evaluate(&model, &test).map(Some),
        Err(Error::Diverged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn beats(trial: &Trial, best: &Trial) -> bool {
    trial.losses.len() == best.losses.len() && trial.loss() < best.loss()
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len().max(1) as f64
}

/// Settings at random, but for those that are given.
fn draw(setup: &Setup, data: &Dataset, random: &mut Stream) -> Setup {
    const HIDDEN: [&[usize]; 8] = [&[], &[16], &[32], &[64], &[128], &[256], &[64, 32], &[128, 64]];
    const ACTIVATIONS: [Activation; 3] = [Activation::Tanh, Activation::Relu, Activation::Gelu];
    const DROPOUT: [f64; 4] = [0.0, 0.0, 0.1, 0.3];
    // Every number is drawn, whether it is used or not, so that what is given does not move the others.
    let hidden = *pick(&HIDDEN, random);
    let activation = *pick(&ACTIVATIONS, random);
    let rate = between(1e-3, 1e-2, random);
    let l2 = between(1e-5, 1e-1, random);
    let dropout = *pick(&DROPOUT, random);
    let batch = between(0.5, 4.0, random);
    let length = between(0.3, 1.5, random);
    let usual = setup.recipe(data);
    let batch_size =
        setup.batch_size.unwrap_or(((usual.batch_size as f64 * batch) as usize).clamp(1, data.len().max(1)));
    Setup {
        hidden: if setup.architecture.is_some() { None } else { setup.hidden.clone().or(Some(hidden.to_vec())) },
        activation: setup.activation.or(Some(activation)),
        learning_rate: setup.learning_rate.or(setup.optimizer.is_none().then_some(rate)),
        l2: setup.l2.or(Some(l2)),
        dropout: if setup.dropout > 0.0 { setup.dropout } else { dropout },
        epochs: setup.epochs.or(Some(((usual.epochs as f64 * length) as usize).max(1))),
        batch_size: Some(batch_size),
        ..setup.clone()
    }
}

fn pick<'a, T>(choices: &'a [T], random: &mut Stream) -> &'a T {
    &choices[((random.unit() * choices.len() as f64) as usize).min(choices.len() - 1)]
}

/// A number between two, each order of magnitude as likely as any other.
fn between(low: f64, high: f64, random: &mut Stream) -> f64 {
    (low.ln() + random.unit() * (high / low).ln()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_data::{Matrix, Target, Values};

    /// The parity of two bits with noise: a linear model, which is the setting given, cannot learn it.
    fn parity(rows: usize) -> Dataset {
        let mut random = Stream::new(9, 1);
        let mut values = Vec::new();
        let mut labels = Vec::new();
        for _ in 0..rows {
            let (a, b) = (random.unit() > 0.5, random.unit() > 0.5);
            values.extend([a, b].map(|bit| f32::from(u8::from(bit)) + 0.3 * random.unit() as f32));
            labels.push(u32::from(a != b));
        }
        let target = Target::Classes { labels, names: vec!["even".into(), "odd".into()] };
        Dataset::new(Matrix::new(rows, 2, Values::Floats(values)), target, "parity")
    }

    #[test]
    fn finds_what_the_usual_settings_miss_and_keeps_what_is_given() {
        let data = parity(120);
        // So short a training that the usual batch and rate get nowhere.
        let setup = Setup { epochs: Some(4), activation: Some(Activation::Tanh), seed: 1, ..Setup::default() };
        let search = || {
            let mut trials = Vec::new();
            let best = tune(&setup, &data, Budget::Trials(12), |trial| {
                trials.push(Trial { seconds: 0.0, ..trial.clone() });
                true
            });
            (best.unwrap(), trials)
        };
        let (best, trials) = search();
        assert_eq!(search(), (best.clone(), trials.clone()), "the same seed finds the same");
        assert!(trials.len() == 12 && trials[0].best && trials[0].losses.len() == 3);
        let is_tanh = |trial: &Trial| trial.hidden.is_empty() || trial.activation == Activation::Tanh;
        assert!(trials.iter().all(|trial| trial.epochs == 4 && is_tanh(trial)));
        let winner = trials.iter().rfind(|trial| trial.best).unwrap();
        assert!(winner.loss() < 0.9 * trials[0].loss(), "{} and {}", winner.loss(), trials[0].loss());
        assert_eq!(best.hidden.as_ref(), Some(&winner.hidden));
        // Those that fall behind are given up.
        assert!(trials.iter().any(|trial| trial.losses.len() < 3 && !trial.best));
    }

    #[test]
    fn reads_budgets() {
        assert_eq!("20".parse(), Ok(Budget::Trials(20)));
        assert_eq!("2m".parse(), Ok(Budget::Time(Duration::from_secs(120))));
        for text in ["0", "0s", "-3", "3epochs", "soon", ""] {
            assert!(text.parse::<Budget>().unwrap_err().contains("60s"), "{text}");
        }
    }
}
