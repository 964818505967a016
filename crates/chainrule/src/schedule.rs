//! How the learning rate changes while training.

use crate::names::{Choice, NameError, text_serde};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

/// The course of the learning rate. η is the rate asked for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Schedule {
    /// η.
    Constant,
    /// η · factor^⌊epoch / every⌋.
    Step {
        /// Epochs between two changes.
        every: f64,
        /// What the rate is multiplied with.
        factor: f64,
    },
    /// η · factor^epoch.
    Exponential {
        /// What the rate is multiplied with after each epoch.
        factor: f64,
    },
    /// η · ½(1 + cos πt), where t runs from 0 to 1 over the training (Loshchilov and Hutter 2017).
    Cosine,
    /// η times a line from 0 to 1 over the first share of the training, then η.
    WarmUp {
        /// That share.
        share: f64,
    },
    /// From η/25 up to η in the first 30 % of the training, down to η/10,000 in the rest, along cosines (Smith and
    /// Topin 2018).
    OneCycle,
    /// η, multiplied by a factor whenever the validation loss has not improved for some epochs.
    Plateau {
        /// What the rate is multiplied with.
        factor: f64,
        /// Epochs without improvement that are waited for.
        patience: f64,
    },
}

impl Schedule {
    /// The names on the command line.
    pub const NAMES: &[&'static str] =
        &["constant", "step", "exponential", "cosine", "warm-up", "one-cycle", "plateau"];
}

/// A schedule at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleState {
    schedule: Schedule,
    rate: f64,
    best: Option<f64>,
    waited: f64,
    reduction: f64,
}

impl ScheduleState {
    /// At the start of a training with learning rate `rate`.
    pub fn new(schedule: Schedule, rate: f64) -> Self {
        Self { schedule, rate, best: None, waited: 0.0, reduction: 1.0 }
    }

    /// The rate for a step: `progress` is the share of the training done, in [0, 1); `epoch` counts whole epochs.
    pub fn rate(&self, progress: f64, epoch: usize) -> f64 {
        let fall = |t: f64| 0.5 * (1.0 + (PI * t).cos());
        self.rate
            * match self.schedule {
                Schedule::Constant => 1.0,
                Schedule::Step { every, factor } => factor.powf((epoch as f64 / every).floor()),
                Schedule::Exponential { factor } => factor.powf(epoch as f64),
                Schedule::Cosine => fall(progress),
                Schedule::WarmUp { share } => (progress / share).min(1.0),
                Schedule::OneCycle => {
                    const RISE: f64 = 0.3;
                    const LOW: f64 = 1.0 / 25.0;
                    const END: f64 = 1e-4;
                    if progress < RISE {
                        LOW + (1.0 - LOW) * (1.0 - fall(progress / RISE))
                    } else {
                        END + (1.0 - END) * fall((progress - RISE) / (1.0 - RISE))
                    }
                }
                Schedule::Plateau { .. } => self.reduction,
            }
    }

    /// Tells the loss at the end of an epoch, on validation data if there are any.
    pub fn observe(&mut self, loss: f64) {
        let Schedule::Plateau { factor, patience } = self.schedule else { return };
        if loss.is_finite() && self.best.is_none_or(|best| loss < best) {
            (self.best, self.waited) = (Some(loss), 0.0);
            return;
        }
        self.waited += 1.0;
        if self.waited >= patience {
            self.reduction *= factor;
            self.waited = 0.0;
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Step { every, factor } => write!(f, "step:{every}:{factor}"),
            Self::Exponential { factor } => write!(f, "exponential:{factor}"),
            Self::Cosine => f.write_str("cosine"),
            Self::WarmUp { share } => write!(f, "warm-up:{share}"),
            Self::OneCycle => f.write_str("one-cycle"),
            Self::Plateau { factor, patience } => write!(f, "plateau:{factor}:{patience}"),
        }
    }
}

impl FromStr for Schedule {
    type Err = NameError;

    /// Reads `constant`, `step:10:0.1`, `exponential:0.95`, `cosine`, `warm-up:0.1`, `one-cycle`, `plateau:0.5:3`.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let choice = Choice::read("schedule", text)?;
        choice.at_most(match choice.name {
            "step" | "plateau" => 2,
            "exponential" | "warm-up" => 1,
            _ => 0,
        })?;
        let factor = |at, default| choice.number(at, default, "above 0 and at most 1", |v| v > 0.0 && v <= 1.0);
        let epochs = |at, default| choice.number(at, default, "1 or more", |v| v >= 1.0);
        Ok(match choice.name {
            "constant" => Self::Constant,
            "step" => Self::Step { every: epochs(0, 10.0)?, factor: factor(1, 0.1)? },
            "exponential" => Self::Exponential { factor: factor(0, 0.95)? },
            "cosine" => Self::Cosine,
            "warm-up" => Self::WarmUp { share: factor(0, 0.1)? },
            "one-cycle" => Self::OneCycle,
            "plateau" => Self::Plateau { factor: factor(0, 0.5)?, patience: epochs(1, 3.0)? },
            other => return Err(NameError::unknown("schedule", other, Self::NAMES)),
        })
    }
}

text_serde!(Schedule);

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str, progress: f64, epoch: usize) -> f64 {
        ScheduleState::new(text.parse().unwrap(), 2.0).rate(progress, epoch)
    }

    #[test]
    fn rates_follow_their_formulas() {
        let cases = [
            ("constant", 0.7, 7, 2.0),
            ("step:10:0.5", 0.0, 9, 2.0),
            ("step:10:0.5", 0.0, 20, 0.5),
            ("exponential:0.5", 0.0, 3, 0.25),
            ("cosine", 0.0, 0, 2.0),
            ("cosine", 0.5, 0, 1.0),
            ("warm-up:0.1", 0.05, 0, 1.0),
            ("warm-up:0.1", 0.5, 0, 2.0),
            ("one-cycle", 0.0, 0, 0.08),
            ("one-cycle", 0.3, 0, 2.0),
            ("one-cycle", 1.0, 0, 2e-4),
        ];
        for (text, progress, epoch, expected) in cases {
            let found = rate(text, progress, epoch);
            assert!((found - expected).abs() < 1e-12, "{text} at {progress}, {epoch}: {found} for {expected}");
        }
    }

    #[test]
    fn a_plateau_halves_the_rate() {
        let mut state = ScheduleState::new("plateau:0.5:2".parse().unwrap(), 2.0);
        let rates: Vec<f64> = [1.0, 0.9, 0.95, 0.95, 0.8, 0.9]
            .into_iter()
            .map(|loss| {
                state.observe(loss);
                state.rate(0.0, 0)
            })
            .collect();
        assert_eq!(rates, [2.0, 2.0, 2.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn wrong_numbers_are_refused() {
        for text in ["step:0:0.1", "step:10:0.1:3", "exponential:2", "cosine:1", "warm-up:x", "cosin"] {
            let error = text.parse::<Schedule>().unwrap_err().to_string();
            assert!(error.contains("schedule"), "{error}");
        }
        assert!("cosin".parse::<Schedule>().unwrap_err().to_string().contains("did you mean `cosine`?"));
    }
}
