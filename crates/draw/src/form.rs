//! How the numbers of a layer are arranged.

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
            Self::Flat(count) => write!(f, "{}", grouped(*count)),
            Self::Planes([channels, height, width]) => write!(f, "{channels} × {height} × {width}"),
        }
    }
}

/// A count with its thousands apart.
pub(crate) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
