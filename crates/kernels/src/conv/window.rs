//! How a kernel or a window moves.

use std::ops::Range;

/// How a kernel moves over a padded plane. Pairs are height, width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The plane.
    pub input: [usize; 2],
    /// Cells of the kernel.
    pub kernel: [usize; 2],
    /// Positions of the kernel.
    pub output: [usize; 2],
    /// Cells from one position to the next.
    pub stride: [usize; 2],
    /// Cells of padding before, and after, the plane.
    pub padding: [usize; 2],
    /// Cells of the plane from one cell of the kernel to the next.
    pub dilation: [usize; 2],
}

impl Window {
    /// The index in the plane, along `axis`, of a kernel's cell at a position; `None` in the padding.
    #[inline]
    pub(super) fn cell(&self, axis: usize, position: usize, cell: usize) -> Option<usize> {
        let padded = position * self.stride[axis] + cell * self.dilation[axis];
        padded.checked_sub(self.padding[axis]).filter(|&at| at < self.input[axis])
    }

    /// The positions along `axis` at which a cell of the kernel lies in the plane.
    pub(super) fn inside(&self, axis: usize, cell: usize) -> Range<usize> {
        let (stride, padding, shift) = (self.stride[axis], self.padding[axis], cell * self.dilation[axis]);
        let most = self.output[axis];
        let start = padding.saturating_sub(shift).div_ceil(stride).min(most);
        let end = (padding + self.input[axis]).saturating_sub(shift).div_ceil(stride).min(most);
        start..end.max(start)
    }

    /// The index in the plane, along `axis`, of the first cell that a cell of the kernel sees inside it.
    pub(super) fn first(&self, axis: usize, inside: &Range<usize>, cell: usize) -> usize {
        inside.start * self.stride[axis] + cell * self.dilation[axis] - self.padding[axis]
    }

    pub(super) fn plane(&self) -> usize {
        self.input[0] * self.input[1]
    }

    pub(super) fn positions(&self) -> usize {
        self.output[0] * self.output[1]
    }
}
