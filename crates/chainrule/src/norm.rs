//! What normalises the weighted sums of a layer.

use chainrule_engine::{Expr, Moments};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Over what the sums x·W of a layer are brought to mean 0 and variance 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Each channel over the samples of the batch and all places (Ioffe and Szegedy 2015); afterwards by the running
    /// moments of training.
    Batch,
    /// All channels and places of each sample (Ba, Kiros and Hinton 2016).
    Layer,
    /// Each of so many groups of channels of each sample (Wu and He 2018).
    Group(usize),
    /// As [`Norm::Layer`], but divided by the root of the mean square instead, without a shift (Zhang and Sennrich 2019).
    Rms,
}

/// The running moments of one batch norm, in the block of parameters.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) mean: Range<usize>,
    pub(crate) variance: Range<usize>,
    /// How many numbers of each channel a sample has.
    pub(crate) places: usize,
}

impl Running {
    /// Moves towards the moments of a batch of so many samples; the variance is made that of a sample, with n − 1.
    pub(crate) fn update(&self, parameters: &mut [f32], mean: &[f32], variance: &[f32], samples: usize) {
        let count = samples * self.places;
        let sample = count as f32 / (count.max(2) - 1) as f32;
        for (range, newest, factor) in [(&self.mean, mean, 1.0), (&self.variance, variance, sample)] {
            for (kept, newest) in parameters[range.clone()].iter_mut().zip(newest) {
                *kept += MOMENTUM * (newest * factor - *kept);
            }
        }
    }
}

/// The share of the newest batch in running moments, as in PyTorch.
const MOMENTUM: f32 = 0.1;

impl Norm {
    /// What is added to a variance or a mean square, so that 0 does not divide; as in PyTorch.
    pub const EPSILON: f64 = 1e-5;

    /// Its name in the description of a network.
    pub fn name(self) -> &'static str {
        match self {
            Self::Batch => "batchnorm",
            Self::Layer => "layernorm",
            Self::Group(_) => "groupnorm",
            Self::Rms => "rmsnorm",
        }
    }

    /// Why it cannot be on so many channels.
    pub(crate) fn check(self, channels: usize) -> Result<(), String> {
        match self {
            Self::Group(groups) if groups == 0 || !channels.is_multiple_of(groups) => {
                Err(format!("{groups} groups do not divide {channels} channels"))
            }
            _ => Ok(()),
        }
    }

    /// The sums `[batch, channels, …]`, normalised. Running moments stand in for those of the batch where they are given.
    /// Also gives the moments of the batch, if it went by them.
    #[track_caller]
    pub(crate) fn apply<'g>(self, sums: Expr<'g>, running: Option<Moments<'g>>) -> (Expr<'g>, Option<Moments<'g>>) {
        match (self, running) {
            (Self::Batch, Some(moments)) => (sums.standardize(moments, Self::EPSILON), None),
            (Self::Batch, None) => {
                let (normal, moments) = sums.batch_norm(Self::EPSILON);
                (normal, Some(moments))
            }
            (Self::Layer, _) => (sums.layer_norm(1, Self::EPSILON), None),
            (Self::Group(groups), _) => (sums.group_norm(groups, Self::EPSILON), None),
            (Self::Rms, _) => (sums.rms_norm(1, Self::EPSILON), None),
        }
    }
}
