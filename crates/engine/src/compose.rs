//! Functions that are compositions of the primitives. Their derivatives come out of the rules; none is stated here.

use crate::expr::Expr;
use crate::ops::arith::Arith;
use crate::shape::Axes;

impl Expr<'_> {
    /// x².
    #[track_caller]
    #[must_use]
    pub fn square(self) -> Self {
        self * self
    }

    /// The mean over `axes`, which disappear.
    #[track_caller]
    #[must_use]
    pub fn mean(self, axes: &[usize]) -> Self {
        let mut distinct = axes.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let count: usize = distinct.iter().map(|&axis| self.size(axis)).product();
        self.sum(axes) * (1.0 / count as f64)
    }

    /// The mean of all elements, a scalar.
    #[track_caller]
    #[must_use]
    pub fn mean_all(self) -> Self {
        self.mean(&self.all_axes())
    }

    /// x − ln Σ eˣ along `axis`: the logarithm of [`Expr::softmax`] without its overflow.
    #[track_caller]
    #[must_use]
    pub fn log_softmax(self, axis: usize) -> Self {
        let total = self.log_sum_exp(&[axis]);
        if total.is_poison() {
            return total;
        }
        self - total.spread(self.shape(), Axes::run(axis, axis + 1))
    }

    /// eˣ / Σ eˣ along `axis`: positive numbers that sum to 1.
    #[track_caller]
    #[must_use]
    pub fn softmax(self, axis: usize) -> Self {
        self.log_softmax(axis).exp()
    }

    /// x where x > 0, else `slope`·x; the derivative at 0 is `slope`.
    #[track_caller]
    #[must_use]
    pub fn leaky_relu(self, slope: f64) -> Self {
        self.relu() * (1.0 - slope) + self * slope
    }

    /// x where x > 0, else `alpha`·(eˣ − 1); the derivative at 0 is `alpha` (Clevert et al. 2015).
    #[track_caller]
    #[must_use]
    pub fn elu(self, alpha: f64) -> Self {
        // x − relu(x) is min(x, 0), with derivative 1 at 0: the exponential cannot overflow, and the whole has the
        // derivative of its left branch at 0, `alpha`.
        let negative = self - self.relu();
        self.relu() + (negative.exp() - 1.0) * alpha
    }

    /// x · sigmoid(x) (also called swish).
    #[track_caller]
    #[must_use]
    pub fn silu(self) -> Self {
        self * self.sigmoid()
    }

    /// x · Φ(x) with the exact normal distribution Φ(x) = (1 + erf(x/√2)) / 2 (Hendrycks and Gimpel 2016).
    #[track_caller]
    #[must_use]
    pub fn gelu(self) -> Self {
        self * ((self * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0) * 0.5
    }
}
