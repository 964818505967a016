//! What the text of a cell stands for.

use crate::time::parse_time;

/// The value of a cell's text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Missing,
    Number(f64),
    /// An infinity, by name or by size.
    Infinite,
    /// No number.
    Other,
}

/// Whether a cell with this text has no value.
pub(crate) fn is_missing(text: &[u8]) -> bool {
    matches!(text, b"" | b"?" | b"NA" | b"N/A" | b"NaN" | b"nan" | b"null" | b"NULL" | b"None")
}

/// Powers of ten that an `f64` holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Reads a number; `point` is the decimal separator, a full stop or a comma.
pub(crate) fn value(text: &[u8], point: u8) -> Value {
    if let Some(number) = short_number(text, point) {
        return Value::Number(number);
    }
    if is_missing(text) {
        return Value::Missing;
    }
    let parsed = str::from_utf8(text).ok().and_then(|text| {
        if point == b'.' {
            text.parse::<f64>().ok()
        } else if text.contains('.') {
            None
        } else {
            text.replacen(point as char, ".", 1).parse().ok()
        }
    });
    match parsed {
        Some(number) if number.is_finite() => Value::Number(number),
        Some(number) if number.is_infinite() => Value::Infinite,
        // Other ways to write what is not a number.
        Some(_) => Value::Missing,
        None => Value::Other,
    }
}

/// A number of few digits without an exponent. The digits as a whole number and the power of ten are both exact, so
/// the quotient is rounded once, as it has to be (Clinger, "How to read floating point numbers accurately", 1990).
fn short_number(text: &[u8], point: u8) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    // With the point, at most 15 digits.
    if digits.len() > 16 {
        return None;
    }
    let (mut whole, mut count, mut after) = (0u64, 0, None);
    for (position, &byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            whole = whole * 10 + u64::from(digit);
            count += 1;
        } else if byte == point && after.is_none() {
            after = Some(position + 1);
        } else {
            return None;
        }
    }
    if count == 0 || count > 15 {
        return None;
    }
    let number = whole as f64 / POWERS[after.map_or(0, |start| digits.len() - start)];
    Some(if negative { -number } else { number })
}

/// Reads a date, with or without a time of day; `None` where it is missing, `Err` where the text is something else.
pub(crate) fn time(text: &[u8]) -> Result<Option<f64>, ()> {
    if is_missing(text) {
        return Ok(None);
    }
    parse_time(text).map(Some).ok_or(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn reads_numbers_as_the_standard_library_does(text in "[+-]?[0-9]{0,18}[.]?[0-9]{0,18}(e[+-]?[0-9]{1,3})?") {
            let expected = match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Value::Number(number),
                Ok(_) => Value::Infinite,
                Err(_) if text.is_empty() => Value::Missing,
                Err(_) => Value::Other,
            };
            prop_assert_eq!(value(text.as_bytes(), b'.'), expected);
            if !text.is_empty() {
                prop_assert_eq!(value(text.replace('.', ",").as_bytes(), b','), expected);
            }
        }

        #[test]
        fn a_number_survives_being_written(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            prop_assert_eq!(value(number.to_string().as_bytes(), b'.'), Value::Number(number));
        }
    }

    #[test]
    fn words() {
        for text in ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"] {
            assert_eq!(value(text.as_bytes(), b'.'), Value::Missing, "{text}");
        }
        for text in ["inf", "-Infinity", "1e999"] {
            assert_eq!(value(text.as_bytes(), b'.'), Value::Infinite, "{text}");
        }
        for text in ["none", "1 2", "1,5", "-", ".", "0x10", "1.2.3", "\u{e9}"] {
            assert_eq!(value(text.as_bytes(), b'.'), Value::Other, "{text}");
        }
        assert_eq!(value(b"1.5", b','), Value::Other);
        assert_eq!(value(b"-1,5", b','), Value::Number(-1.5));
        assert_eq!(value(b"007", b'.'), Value::Number(7.0));
    }
}
