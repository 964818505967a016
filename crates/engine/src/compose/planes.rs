//! Planes, the last two of `[batch, channels, height, width]`, of another size: padded, averaged, enlarged.

use crate::error::ShapeFault;
use crate::expr::Expr;

impl Expr<'_> {
    /// Zeros around the planes: so many rows or columns before and after along `[height, width]`.
    ///
    /// # Errors
    /// Other than four axes, or a result that is too large.
    #[track_caller]
    #[must_use]
    pub fn pad2d(self, before: [usize; 2], after: [usize; 2]) -> Self {
        let four = self.axes_or_refused(4, "pad2d", "four axes");
        four.map_or_else(|refused| refused, |x| (0..2).fold(x, |x, at| x.pad(2 + at, before[at], after[at])))
    }

    /// The mean under each of `height` × `width` windows that together cover the plane: window i of n spans the rows
    /// from ⌊i·h / n⌋ up to ⌈(i + 1)·h / n⌉, and columns alike.
    ///
    /// # Errors
    /// Other than four axes, or a side of 0.
    #[track_caller]
    #[must_use]
    pub fn adaptive_avg_pool2d(self, height: usize, width: usize) -> Self {
        let name = "adaptive_avg_pool2d";
        if self.is_poison() {
            return self;
        }
        match self.axes_or_refused(4, name, "four axes") {
            Err(refused) => refused,
            Ok(_) if height == 0 || width == 0 => {
                self.refused(name, ShapeFault::Setting { setting: "side", least: 1, most: u32::MAX as usize })
            }
            // The mean over a rectangle is the mean over its rows of the means over its columns.
            Ok(x) => x.means_along(2, height).means_along(3, width),
        }
    }

    /// The means of `count` ranges that cover an axis.
    #[track_caller]
    fn means_along(self, axis: usize, count: usize) -> Self {
        let size = self.size(axis);
        let range = |i: usize| self.slice(axis, i * size / count, ((i + 1) * size).div_ceil(count));
        let means: Vec<Self> = (0..count).map(|i| range(i).mean_kept(&[axis])).collect();
        Self::concat(&means, axis)
    }

    /// Each cell of the planes `factor` times along height and along width.
    ///
    /// # Errors
    /// Other than four axes, or a factor of 0.
    #[track_caller]
    #[must_use]
    pub fn upsample_nearest2d(self, factor: usize) -> Self {
        match self.enlargeable(factor, "upsample_nearest2d") {
            Err(refused) => refused,
            Ok(x) => {
                let [batch, channels, height, width] = [0, 1, 2, 3].map(|axis| x.size(axis));
                let cells = x.reshape(&[batch, channels, height, 1, width, 1]);
                let ones = x.graph().constant(1.0, &[1, 1, 1, factor, 1, factor]);
                (cells * ones).reshape(&[batch, channels, height * factor, width * factor])
            }
        }
    }

    /// The planes `factor` times as large, with the values between the centres of cells on straight lines; beyond the
    /// outermost centres, those of the edge (corners are not aligned, as in most libraries).
    ///
    /// # Errors
    /// As [`Expr::upsample_nearest2d`].
    #[track_caller]
    #[must_use]
    pub fn upsample_bilinear2d(self, factor: usize) -> Self {
        match self.enlargeable(factor, "upsample_bilinear2d") {
            Err(refused) => refused,
            Ok(x) => x.lines_along(2, factor).lines_along(3, factor),
        }
    }

    #[track_caller]
    fn enlargeable(self, factor: usize, name: &'static str) -> Result<Self, Self> {
        let x = self.axes_or_refused(4, name, "four axes")?;
        let longest = u32::MAX as usize / (0..4).map(|axis| x.size(axis)).max().unwrap_or(1).max(1);
        if x.is_poison() || ((1..=longest).contains(&factor) && !x.shape().is_empty()) {
            return Ok(x);
        }
        Err(x.refused(name, ShapeFault::Setting { setting: "factor", least: 1, most: longest }))
    }

    /// `factor` values for each along an axis of planes: value p of cell i lies (p + ½) / factor − ½ behind its centre.
    #[track_caller]
    fn lines_along(self, axis: usize, factor: usize) -> Self {
        if self.is_poison() {
            return self;
        }
        let size = self.size(axis);
        let edge = |at: usize| self.slice(axis, at, at + 1);
        let wide = Self::concat(&[edge(0), self, edge(size - 1)], axis);
        let phase = |p: usize| {
            let behind = (p as f64 + 0.5) / factor as f64 - 0.5;
            let share = behind.rem_euclid(1.0);
            // The cell at or before the place, counted in the axis that begins with an edge.
            let first = if behind < 0.0 { 0 } else { 1 };
            let (left, right) = (wide.slice(axis, first, first + size), wide.slice(axis, first + 1, first + 1 + size));
            left * (1.0 - share) + right * share
        };
        let sizes: Vec<usize> = self.shape().sizes().collect();
        let with = |at: usize, value: usize| {
            let mut sizes = sizes.clone();
            sizes[at] = value;
            sizes
        };
        // Phases side by side behind the axis, then in line with it.
        let mut apart = sizes.clone();
        apart.insert(axis + 1, 1);
        let phases: Vec<Self> = (0..factor).map(|p| phase(p).reshape(&apart)).collect();
        // At a factor of 1 the last cell of the right neighbour is never looked at.
        Self::concat(&phases, axis + 1).reshape(&with(axis, size * factor))
    }
}
