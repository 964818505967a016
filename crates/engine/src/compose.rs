//! Functions that are compositions of the primitives. Their derivatives come out of the rules; none is stated here.

mod attention;
mod normalize;
mod planes;
mod recurrent;

pub use normalize::Moments;
pub use recurrent::Recurrent;

use crate::error::ShapeFault;
use crate::expr::Expr;
use crate::ops::Convolution;
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

/// Kernels and windows that move over planes.
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

    /// The convolution of `[batch, channels, length]` with `weights` `[outputs, channels / groups, kernel]`: that of
    /// planes of height 1, see [`Expr::conv2d`].
    ///
    /// # Errors
    /// As [`Expr::conv2d`], with three axes.
    #[track_caller]
    #[must_use]
    pub fn conv1d(self, weights: Self, stride: usize, padding: usize, dilation: usize, groups: usize) -> Self {
        for value in [self, weights] {
            if let Err(refused) = value.axes_or_refused(3, "conv1d", "three axes on each side") {
                return refused;
            }
        }
        let plane = |value: Self| value.reshape(&[value.size(0), value.size(1), 1, value.size(2)]);
        let how = Convolution { stride: [1, stride], padding: [0, padding], dilation: [1, dilation], groups };
        let y = plane(self).conv2d(plane(weights), how);
        if y.is_poison() { y } else { y.reshape(&[y.size(0), y.size(1), y.size(3)]) }
    }

    /// The mean under each position of a window over the last two of four axes, of the cells that are not padding;
    /// sizes as for [`Expr::conv2d`]. It is a convolution of each plane with ones, over the count of cells.
    ///
    /// # Errors
    /// As [`Expr::max_pool2d`].
    #[track_caller]
    #[must_use]
    pub fn avg_pool2d(self, window: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Self {
        let name = "avg_pool2d";
        if let Err(refused) = self.axes_or_refused(4, name, "four axes") {
            return refused;
        }
        if let Some(axis) = (0..2).find(|&axis| window[axis] > 0 && padding[axis] >= window[axis]) {
            let most = window[axis] - 1;
            return self.refused(name, ShapeFault::Setting { setting: "padding", least: 0, most });
        }
        let [batch, channels, height, width] = [0, 1, 2, 3].map(|axis| self.size(axis));
        let how = Convolution { stride, padding, ..Convolution::default() };
        let ones = self.graph().constant(1.0, &[1, 1, window[0], window[1]]);
        let sum = self.reshape(&[batch * channels, 1, height, width]).conv2d(ones, how);
        let count = self.graph().constant(1.0, &[1, 1, height, width]).conv2d(ones, how);
        if sum.is_poison() {
            return sum;
        }
        sum.reshape(&[batch, channels, sum.size(2), sum.size(3)]) / count
    }

    /// The mean of each plane: `[batch, channels, height, width]` gives `[batch, channels]`.
    ///
    /// # Errors
    /// Other than four axes.
    #[track_caller]
    #[must_use]
    pub fn global_avg_pool2d(self) -> Self {
        self.axes_or_refused(4, "global_avg_pool2d", "four axes").map_or_else(|refused| refused, |x| x.mean(&[2, 3]))
    }
}
