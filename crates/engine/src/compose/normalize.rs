//! Normalisation: a value with mean 0 and variance 1 along some axes, or with mean square 1.
//!
//! What differs between batch, layer and group normalisation is only along which axes.

use crate::error::ShapeFault;
use crate::expr::Expr;
use crate::ops::arith::Arith;

/// Mean and variance along some axes, which stay with size 1.
#[derive(Clone, Copy, Debug)]
pub struct Moments<'g> {
    /// Σx / n.
    pub mean: Expr<'g>,
    /// Σ(x − mean)² / n.
    pub variance: Expr<'g>,
}

impl<'g> Expr<'g> {
    /// The mean over `axes`, which stay with size 1.
    #[track_caller]
    #[must_use]
    pub fn mean_kept(self, axes: &[usize]) -> Self {
        let mean = self.mean(axes);
        if mean.is_poison() {
            return mean;
        }
        let size = |(axis, size)| if axes.contains(&axis) { 1 } else { size };
        let sizes: Vec<usize> = self.shape().sizes().enumerate().map(size).collect();
        mean.reshape(&sizes)
    }

    /// Mean and variance over `axes`.
    #[track_caller]
    #[must_use]
    pub fn moments(self, axes: &[usize]) -> Moments<'g> {
        let mean = self.mean_kept(axes);
        Moments { mean, variance: (self - mean).square().mean_kept(axes) }
    }

    /// (x − mean) / √(variance + ε), with moments that are repeated along the axes where they have size 1.
    #[track_caller]
    #[must_use]
    pub fn standardize(self, Moments { mean, variance }: Moments<'g>, eps: f64) -> Self {
        (self - mean) * inverse_root(variance + eps)
    }

    /// Batch normalisation in training (Ioffe and Szegedy 2015): each channel, axis 1, standardised over the batch and
    /// all places. Also gives the moments, of which running means serve afterwards.
    ///
    /// # Errors
    /// Fewer than two axes.
    #[track_caller]
    pub fn batch_norm(self, eps: f64) -> (Self, Moments<'g>) {
        let rank = self.shape().rank();
        if !self.is_poison() && rank < 2 {
            let refused = self.refused("batch_norm", ShapeFault::Rank { expected: "two axes or more", found: rank });
            return (refused, Moments { mean: refused, variance: refused });
        }
        let axes: Vec<usize> = (0..rank).filter(|&axis| axis != 1).collect();
        let moments = self.moments(&axes);
        (self.standardize(moments, eps), moments)
    }

    /// Layer normalisation (Ba, Kiros and Hinton 2016): each sample standardised over the axes from `first` on.
    ///
    /// # Errors
    /// No axis from `first` on.
    #[track_caller]
    #[must_use]
    pub fn layer_norm(self, first: usize, eps: f64) -> Self {
        match self.axes_from(first, "layer_norm") {
            Ok(axes) => self.standardize(self.moments(&axes), eps),
            Err(refused) => refused,
        }
    }

    /// Group normalisation (Wu and He 2018): the channels, axis 1, fall into `groups`, and each sample's group is
    /// standardised over its channels and all places.
    ///
    /// # Errors
    /// Fewer than two axes, or groups that do not divide the channels.
    #[track_caller]
    #[must_use]
    pub fn group_norm(self, groups: usize, eps: f64) -> Self {
        if self.is_poison() {
            return self;
        }
        let sizes: Vec<usize> = self.shape().sizes().collect();
        let &[batch, channels, ..] = sizes.as_slice() else {
            return self.refused("group_norm", ShapeFault::Rank { expected: "two axes or more", found: sizes.len() });
        };
        if groups == 0 || channels % groups != 0 {
            return self.refused("group_norm", ShapeFault::Setting { setting: "groups", least: 1, most: channels });
        }
        let places: usize = sizes[2..].iter().product();
        self.reshape(&[batch, groups, channels / groups * places]).layer_norm(2, eps).reshape(&sizes)
    }

    /// x / √(mean x² + ε) over the axes from `first` on (Zhang and Sennrich 2019).
    ///
    /// # Errors
    /// No axis from `first` on.
    #[track_caller]
    #[must_use]
    pub fn rms_norm(self, first: usize, eps: f64) -> Self {
        match self.axes_from(first, "rms_norm") {
            Ok(axes) => self * inverse_root(self.square().mean_kept(&axes) + eps),
            Err(refused) => refused,
        }
    }

    /// The axes from `first` on, of which there must be one; or what is refused or poisoned.
    #[track_caller]
    fn axes_from(self, first: usize, op: &'static str) -> Result<Vec<usize>, Self> {
        let rank = self.shape().rank();
        match first {
            _ if self.is_poison() => Err(self),
            first if first >= rank => Err(self.refused(op, ShapeFault::NoAxis { axis: first, rank })),
            first => Ok((first..rank).collect()),
        }
    }
}

/// 1 / √x.
#[track_caller]
fn inverse_root(x: Expr<'_>) -> Expr<'_> {
    x.lit(1.0) / x.sqrt()
}
