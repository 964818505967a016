//! Functions that are compositions of the primitives. Their derivatives come out of the rules; none is stated here.

mod attention;
mod normalize;
mod planes;
mod recurrent;
mod windows;

pub use normalize::Moments;
pub use recurrent::Recurrent;

use crate::error::ShapeFault;
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

    /// `yes` where this is not 0, `no` where it is 0; what is not chosen may be infinite. The derivative by the choice
    /// is 0.
    ///
    /// ```
    /// # use chainrule_engine::Graph;
    /// let g = Graph::new();
    /// let x = g.input("x", &[3]);
    /// let chosen = x.select(x, g.constant(f64::INFINITY, &[]));
    /// assert_eq!(g.evaluate(&[chosen], &[&[2.0, 0.0, -1.0]])?, [[2.0, f64::INFINITY, -1.0]]);
    /// # Ok::<(), chainrule_engine::EngineError>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn select(self, yes: Self, no: Self) -> Self {
        yes.mask(self) + no.mask(Arith::eq(self, self.lit(0.0)))
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

impl Expr<'_> {
    /// This value if it has `rank` axes or is poisoned already; else what it is refused with.
    #[track_caller]
    fn axes_or_refused(self, rank: usize, op: &'static str, expected: &'static str) -> Result<Self, Self> {
        let found = self.shape().rank();
        if self.is_poison() || found == rank {
            Ok(self)
        } else {
            Err(self.refused(op, ShapeFault::Rank { expected, found }))
        }
    }
}
