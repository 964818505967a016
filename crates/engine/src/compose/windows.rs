//! Kernels and windows that move over planes, the last two of four axes.

use crate::error::ShapeFault;
use crate::expr::Expr;
use crate::ops::Op;
use crate::ops::conv::{Convolution, Factor, Steps, limited};
use crate::ops::pool::{MaxPool, Pool};

impl Expr<'_> {
    /// The convolution of `[batch, channels, height, width]` with `weights`
    /// `[outputs, channels / groups, kernel height, kernel width]` (LeCun et al. 1998), a cross-correlation as
    /// everywhere in neural networks:
    ///
    /// y\[b, o, p, q\] = Σ x\[b, c, p·stride + i·dilation − padding, q·stride + j·dilation − padding\] ·
    /// w\[o, c, i, j\] over the channels c of o's group and the kernel's cells i, j, with x zero in the padding.
    ///
    /// The result is `[batch, outputs, …]` with ⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1 along
    /// height and width (Dumoulin and Visin 2016).
    ///
    /// # Errors
    /// When the graph is planned: other than four axes, channels that differ, groups that do not divide them, a kernel
    /// larger than the padded plane, and settings outside their range.
    #[track_caller]
    #[must_use]
    pub fn conv2d(self, weights: Self, how: Convolution) -> Self {
        self.apply2(how.op(Factor::Output), weights)
    }

    /// The transposed convolution: the adjoint of [`Expr::conv2d`] by its input. `[batch, channels, height, width]`
    /// with `weights` `[channels, outputs / groups, kernel height, kernel width]` gives `[batch, outputs, …]` with
    /// (size − 1)·stride − 2·padding + dilation·(kernel − 1) + 1 + `output_padding` along height and width
    /// (Dumoulin and Visin 2016). `output_padding`, below `stride`, tells apart the sizes that a convolution takes to
    /// the same one.
    ///
    /// # Errors
    /// As [`Expr::conv2d`], and a result without cells.
    #[track_caller]
    #[must_use]
    pub fn conv_transpose2d(self, weights: Self, how: Convolution, output_padding: [usize; 2]) -> Self {
        let name = "conv_transpose2d";
        if self.is_poison() || weights.is_poison() {
            return self.apply2(how.op(Factor::Input([0, 0])), weights);
        }
        let mut sizes = [0; 2];
        for axis in 0..2 {
            let (size, cells) = (self.size(axis + 2), weights.size(axis + 2));
            let moved = size.saturating_sub(1).saturating_mul(how.stride[axis]);
            let span = cells.saturating_sub(1).saturating_mul(how.dilation[axis]).saturating_add(1);
            let whole = moved.saturating_add(span).saturating_add(output_padding[axis]);
            let left = whole.saturating_sub(how.padding[axis].saturating_mul(2));
            let Some(size) = u32::try_from(left).ok().filter(|&size| size > 0) else {
                return self.refused(name, ShapeFault::TooLarge { wanted: vec![left] });
            };
            if output_padding[axis] >= how.stride[axis].max(1) {
                let most = how.stride[axis].saturating_sub(1);
                return self.refused(name, ShapeFault::Setting { setting: "output_padding", least: 0, most });
            }
            sizes[axis] = size;
        }
        self.apply2(how.op(Factor::Input(sizes)), weights)
    }

    /// The largest under each position of a window over the last two of four axes; sizes as for [`Expr::conv2d`].
    /// Padding is never the largest. The gradient goes to the first of those that tie, row by row.
    ///
    /// # Errors
    /// When the graph is planned: other than four axes, a window larger than the padded plane, padding that is not
    /// smaller than the window, and settings outside their range.
    #[track_caller]
    #[must_use]
    pub fn max_pool2d(self, window: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Self {
        let steps = Steps::new(stride, padding, [1, 1]);
        self.apply(Op::MaxPool(MaxPool { pool: Pool::Max, window: window.map(limited), steps }))
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
