//! How the numbers of a layer are arranged.

use crate::number::count;
use std::fmt;

/// How the numbers of a layer are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// So many numbers.
    Flat(usize),
    /// Channels, height, width.
    Planes([usize; 3]),
}

/// `784`, or `6 × 24 × 24`.
impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flat(numbers) => write!(f, "{}", count(*numbers)),
            Self::Planes([channels, height, width]) => write!(f, "{channels} × {height} × {width}"),
        }
    }
}
