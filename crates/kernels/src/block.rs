//! Memory for numbers that begins at a cache line.

use crate::Real;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// Bytes in a cache line.
const LINE: usize = 64;

/// A slice of its own, whose first number lies at the start of a cache line. Otherwise every vector that is as long as a
/// line lies across two, and columns that two threads write share a line in every row.
pub struct Block<T> {
    /// A line more than is used.
    data: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Real> Block<T> {
    /// So many zeros.
    pub fn zeros(len: usize) -> Self {
        let spare = LINE / size_of::<T>();
        let data = vec![T::ZERO; len + spare];
        let start = data.as_ptr().align_offset(LINE).min(spare);
        Self { data, start, len }
    }
}

impl<T: Real> Default for Block<T> {
    fn default() -> Self {
        Self::zeros(0)
    }
}

impl<T: Real> From<&[T]> for Block<T> {
    fn from(numbers: &[T]) -> Self {
        let mut block = Self::zeros(numbers.len());
        block.copy_from_slice(numbers);
        block
    }
}

impl<T> Deref for Block<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.data[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Block<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.data[self.start..self.start + self.len]
    }
}

impl<T: Real> Clone for Block<T> {
    fn clone(&self) -> Self {
        Self::from(&**self)
    }
}

impl<T: Real> PartialEq for Block<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: fmt::Debug> fmt::Debug for Block<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_their_copies_begin_at_a_line() {
        for len in [0, 1, 15, 16, 1000, 100_000] {
            let mut block = Block::<f32>::zeros(len);
            block.iter_mut().enumerate().for_each(|(i, v)| *v = i as f32);
            let copy = block.clone();
            for block in [&block, &copy] {
                assert_eq!(block.len(), len);
                assert_eq!(block.as_ptr().addr() % LINE, 0);
            }
            assert_eq!(block, copy);
        }
    }
}
