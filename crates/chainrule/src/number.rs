//! How numbers are shown to people.

/// A number with up to ten significant digits, and a minus sign as wide as a plus.
///
/// ```
/// use chainrule::number;
/// assert_eq!((number(1.0 / 3.0), number(-2.5), number(1e-7)), ("0.3333333333".into(), "−2.5".into(), "1e−7".into()));
/// ```
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        return format!("{value}").replace('-', "−");
    }
    let text = if (1e-4..1e10).contains(&size) {
        let digits = 9 - size.log10().floor() as i32;
        let fixed = format!("{value:.*}", digits.max(0) as usize);
        if fixed.contains('.') { fixed.trim_end_matches('0').trim_end_matches('.').to_owned() } else { fixed }
    } else {
        let text = format!("{value:.9e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.'))
    };
    text.replace('-', "−")
}

/// The same with so many significant digits, at least one.
///
/// ```
/// assert_eq!(chainrule::rounded(-1234.5678, 3), "−1230");
/// ```
pub fn rounded(value: f64, digits: usize) -> String {
    number(format!("{value:.*e}", digits.max(1) - 1).parse().unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::{number, rounded};

    #[test]
    fn numbers_are_short_and_exact_enough() {
        let cases = [
            (6.0, "6"),
            (0.1, "0.1"),
            (-2.5, "−2.5"),
            (1.0 / 3.0, "0.3333333333"),
            (12_345.678_9, "12345.6789"),
            (1e-7, "1e−7"),
            (1.5e12, "1.5e12"),
            (0.0, "0"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn digits_are_cut_where_they_are_wanted() {
        let texts = [(0.0, 3), (2.0 / 3.0, 3), (1e-9, 1), (f64::NAN, 2), (f64::INFINITY, 4), (5.0, 0)];
        assert_eq!(texts.map(|(v, digits)| rounded(v, digits)), ["0", "0.667", "1e−9", "NaN", "inf", "5"]);
    }
}
