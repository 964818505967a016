//! Numbers, shorter than they are.

use serde::{Serialize, Serializer};

/// How many digits the numbers of a page have; it shows fewer.
const DIGITS: usize = 6;

/// A number of a page: six digits; nothing if it is not finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Short(pub(crate) f64);

impl Serialize for Short {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = rounded(self.0, DIGITS);
        if value == value.trunc() && value.abs() < 1e6 {
            serializer.serialize_i64(value as i64)
        } else {
            // What is not finite becomes null.
            serializer.serialize_f64(value)
        }
    }
}

/// A number with so many significant digits.
fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.*e}", digits - 1).parse().unwrap_or(value)
}

/// A number with four significant digits, as it is read.
pub(crate) fn in_words(value: f64) -> String {
    let value = rounded(value, 4);
    let is_usual = value == 0.0 || !value.is_finite() || (1e-4..1e6).contains(&value.abs());
    let text = if is_usual { format!("{value}") } else { format!("{value:e}") };
    text.replace('-', "−")
}

/// A count with its thousands apart.
///
/// ```
/// assert_eq!(chainrule_draw::count(1_234_567), "1,234,567");
/// ```
pub fn count(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
