//! Dates and times of day as seconds since the start of 1970, and the parts of them that come round again.

const DAY: i64 = 86_400;

/// Reads `2024-01-31`, with `/` as well as `-`, and after a blank or a `T` a time of day such as `12:30`, `12:30:15` or
/// `12:30:15.5`, with `Z` or an offset such as `+02:00`. A time without an offset is taken as it stands.
pub(crate) fn parse_time(text: &[u8]) -> Option<f64> {
    let (year, rest) = digits(text, 4)?;
    let (&separator, rest) = rest.split_first()?;
    let (month, rest) = digits(rest, 2)?;
    let (&again, rest) = rest.split_first()?;
    let (day, rest) = digits(rest, 2)?;
    if !matches!(separator, b'-' | b'/') || again != separator {
        return None;
    }
    if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    let date = (days_before(year, month, day) * DAY) as f64;
    match rest {
        [] => Some(date),
        [b' ' | b'T', clock @ ..] => Some(date + time_of_day(clock)?),
        _ => None,
    }
}

fn time_of_day(text: &[u8]) -> Option<f64> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, mut rest) = digits(rest.strip_prefix(b":")?, 2)?;
    let mut seconds = 0.0;
    if let [b':', after @ ..] = rest {
        let (whole, after) = digits(after, 2)?;
        (seconds, rest) = (whole as f64, after);
        if let [b'.', fraction @ ..] = rest {
            let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (parts, after) = digits(fraction, length.clamp(1, 9))?;
            seconds += parts as f64 / 10f64.powi(length.clamp(1, 9) as i32);
            rest = &after[length.saturating_sub(9)..];
        }
    }
    if hour > 23 || minute > 59 || seconds >= 61.0 {
        return None;
    }
    let offset = match rest {
        [] | b"Z" => 0,
        [sign @ (b'+' | b'-'), after @ ..] => {
            let (hours, after) = digits(after, 2)?;
            let minutes = match after.strip_prefix(b":").unwrap_or(after) {
                [] => 0,
                after => digits(after, 2).filter(|(_, end)| end.is_empty())?.0,
            };
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -60 } else { 60 }
        }
        _ => return None,
    };
    Some((hour * 3600 + minute * 60 - offset) as f64 + seconds)
}

fn digits(text: &[u8], count: usize) -> Option<(i64, &[u8])> {
    let (head, rest) = text.split_at_checked(count)?;
    let number = head.iter().try_fold(0, |number, byte| match byte {
        b'0'..=b'9' => Some(number * 10 + i64::from(byte - b'0')),
        _ => None,
    })?;
    Some((number, rest))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the start of 1970 (Hinnant, "chrono-compatible low-level date algorithms"): years begin in March, so that
/// the leap day is the last.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The year, month and day of a time; the way back from [`days_before`].
pub(crate) fn date(seconds: f64) -> (i64, i64, i64) {
    // Far beyond any calendar, but within what can be multiplied.
    let days = (seconds / DAY as f64).floor().clamp(-1e12, 1e12) as i64 + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

/// A time as text that is read as the same time: the date, and the time of day where it is not midnight.
#[cfg(any(feature = "parquet", test))]
pub(crate) fn written(seconds: f64) -> String {
    let (year, month, day) = date(seconds);
    let date = format!("{year:04}-{month:02}-{day:02}");
    let of_day = seconds.rem_euclid(DAY as f64);
    if of_day == 0.0 {
        return date;
    }
    let (whole, part) = (of_day as u64, (of_day.fract() * 1e6) as u64);
    let part = if part == 0 { String::new() } else { format!(".{part:06}") };
    format!("{date}T{:02}:{:02}:{:02}{part}", whole / 3600, whole / 60 % 60, whole % 60)
}

/// A part of a time that comes round again.
#[derive(serde::Serialize, serde::Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cycle {
    /// The time of day.
    Day,
    /// The day of the week.
    Week,
    /// The day of the year, taken as 365.2425 days long.
    Year,
}

impl Cycle {
    /// How many seconds pass until it comes round.
    pub fn seconds(self) -> f64 {
        match self {
            Cycle::Day => DAY as f64,
            Cycle::Week => 7.0 * DAY as f64,
            Cycle::Year => 365.2425 * DAY as f64,
        }
    }

    /// How far it has come at a time, from 0 up to but without 1.
    pub(crate) fn share(self, time: f64) -> f64 {
        let turns = time / self.seconds();
        turns - turns.floor()
    }

    /// What it is, in a word.
    pub fn name(self) -> &'static str {
        match self {
            Cycle::Day => "day",
            Cycle::Week => "week",
            Cycle::Year => "year",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times() {
        // From `date -u -d TEXT +%s`.
        for (text, seconds) in [
            ("1970-01-01", 0.0),
            ("2024-02-29", 1_709_164_800.0),
            ("1969/12/31 23:59:59", -1.0),
            ("2024-01-31T12:30:15.25Z", 1_706_704_215.25),
            ("2024-01-31 12:30+02:00", 1_706_697_000.0),
            ("2024-01-31 12:30-0130", 1_706_709_600.0),
            ("0001-01-01", -62_135_596_800.0),
            ("2024-01-31 12:30:15.1234567891234Z", 1_706_704_215.123_456_7),
        ] {
            let time = parse_time(text.as_bytes()).unwrap();
            assert!((time - seconds).abs() < 1e-6, "{text} gave {time}");
        }
        for text in
            ["2023-02-29", "2024-13-01", "2024-1-1", "2024-01/01", "31.01.2024", "2024-01-01 24:00", "2024-01-01x"]
        {
            assert_eq!(parse_time(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn days_follow_each_other(year in 1i64..9999, month in 1i64..=12, day in 1i64..=31) {
            prop_assume!(day <= days_of(year, month));
            let next = match (month, day) {
                (12, 31) => (year + 1, 1, 1),
                _ if day == days_of(year, month) => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
            prop_assert_eq!(date((days_before(year, month, day) * DAY) as f64 + 0.5), (year, month, day));
            prop_assert_eq!(days_before(year, month, day) + 1, days_before(next.0, next.1, next.2));
        }

        #[test]
        fn nothing_panics(text in prop::collection::vec(prop::sample::select(b"0123456789-/:.TZ +".to_vec()), 0..40)) {
            let _ = parse_time(&text);
        }
    }
}
