//! The shape of a value, and runs of neighbouring axes.

use std::fmt;
use std::hash::{Hash, Hasher};

/// The most axes that a value may have.
pub const MAX_RANK: usize = 8;

/// The sizes of a value along its axes, outermost first; a scalar has none.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    rank: u8,
    dims: [u32; MAX_RANK],
}

/// Sizes beyond the rank are 0 and need no hashing: most shapes have few axes.
impl Hash for Shape {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.rank);
        for &dim in &self.dims[..self.rank()] {
            state.write_u32(dim);
        }
    }
}

impl Shape {
    /// The shape of a single number.
    pub const SCALAR: Self = Self { rank: 0, dims: [0; MAX_RANK] };

    /// The shape with these sizes, or `None` if there are more than [`MAX_RANK`] or the elements cannot be counted
    /// in 32 bits.
    pub fn new(sizes: &[usize]) -> Option<Self> {
        if sizes.len() > MAX_RANK {
            return None;
        }
        sizes.iter().try_fold(1usize, |n, &size| n.checked_mul(size.max(1))).filter(|&n| n <= u32::MAX as usize)?;
        let mut dims = [0; MAX_RANK];
        for (dim, &size) in dims.iter_mut().zip(sizes) {
            *dim = size as u32;
        }
        Some(Self { rank: sizes.len() as u8, dims })
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.rank as usize
    }

    /// The sizes, outermost first.
    pub fn sizes(&self) -> impl ExactSizeIterator<Item = usize> + DoubleEndedIterator + '_ {
        self.dims[..self.rank()].iter().map(|&d| d as usize)
    }

    /// The sizes in a vector, for editing.
    pub(crate) fn to_vec(self) -> Vec<usize> {
        self.sizes().collect()
    }

    /// The size along `axis`.
    pub fn size(&self, axis: usize) -> usize {
        assert!(axis < self.rank(), "axis {axis} of a shape with {} axes", self.rank());
        self.dims[axis] as usize
    }

    /// Number of elements: the product of the sizes, 1 for a scalar.
    pub fn len(&self) -> usize {
        self.sizes().product()
    }

    /// Whether there are no elements at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether this is the shape of a single number without axes.
    pub fn is_scalar(&self) -> bool {
        self.rank == 0
    }

    /// The shape with the axes of `run` taken out; the run must lie inside.
    pub(crate) fn without(&self, run: Axes) -> Self {
        let kept: Vec<_> =
            self.sizes().enumerate().filter(|&(axis, _)| !run.contains(axis)).map(|(_, size)| size).collect();
        Self::new(&kept).expect("fewer axes than a valid shape")
    }

    /// Sees the shape as `[outer, len, inner]`: the sizes before, in and after the run, each multiplied up.
    pub(crate) fn around(&self, run: Axes) -> (usize, usize, usize) {
        let product = |axes: std::ops::Range<usize>| axes.map(|axis| self.size(axis)).product::<usize>();
        (product(0..run.start()), product(run.start()..run.end()), product(run.end()..self.rank()))
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (axis, size) in self.sizes().enumerate() {
            let comma = if axis == 0 { "" } else { ", " };
            write!(f, "{comma}{size}")?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A run of neighbouring axes: `start`, `start + 1`, …, `end − 1`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Axes {
    start: u8,
    end: u8,
}

impl Axes {
    /// The axes from `start` up to, but without, `end`.
    pub(crate) fn run(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= MAX_RANK);
        Self { start: start as u8, end: end as u8 }
    }

    /// The first axis.
    pub fn start(self) -> usize {
        self.start as usize
    }

    /// One past the last axis.
    pub fn end(self) -> usize {
        self.end as usize
    }

    /// Number of axes in the run.
    pub fn count(self) -> usize {
        (self.end - self.start) as usize
    }

    fn contains(self, axis: usize) -> bool {
        (self.start()..self.end()).contains(&axis)
    }
}

impl fmt::Display for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.count() == 1 {
            write!(f, "axis {}", self.start)
        } else {
            write!(f, "axes {}..{}", self.start, self.end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_elements_and_prints() {
        let s = Shape::new(&[2, 3, 4]).unwrap();
        assert_eq!((s.rank(), s.len(), s.to_string().as_str()), (3, 24, "[2, 3, 4]"));
        assert_eq!((Shape::SCALAR.len(), Shape::SCALAR.to_string().as_str()), (1, "[]"));
        assert!(Shape::new(&[0, 3]).unwrap().is_empty());
    }

    #[test]
    fn refuses_what_cannot_be_counted() {
        assert!(Shape::new(&[1 << 20, 1 << 20]).is_none());
        assert!(Shape::new(&[usize::MAX, 2]).is_none());
        assert!(Shape::new(&[1; MAX_RANK + 1]).is_none());
    }

    #[test]
    fn sees_a_run_of_axes_as_three_sizes() {
        let s = Shape::new(&[2, 3, 4, 5]).unwrap();
        assert_eq!(s.around(Axes::run(1, 3)), (2, 12, 5));
        assert_eq!(s.without(Axes::run(1, 3)), Shape::new(&[2, 5]).unwrap());
        assert_eq!(s.around(Axes::run(0, 0)), (1, 1, 120));
    }
}
