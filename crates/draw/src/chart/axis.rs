//! One axis: from values to places, and the values that are written beside it.

use crate::number::in_words;

/// About how many values are written beside an axis.
const TICKS: f64 = 5.0;

/// An axis from `low` to `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    /// Whether equal distances are equal factors; `low` is above 0 then.
    logarithmic: bool,
    /// Whether there is nothing between whole numbers.
    whole: bool,
}

impl Axis {
    /// An axis for all of these values; what is not finite is left out. With a little room around them.
    pub(super) fn around(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = ends(values).unwrap_or((0.0, 1.0));
        let room = if high > low { 0.04 * (high - low) } else { 0.5 * high.abs().max(1.0) };
        // A share or a loss does not go below 0 for the sake of room.
        let low = if low >= 0.0 { (low - room).max(0.0) } else { low - room };
        Self { low, high: high + room, logarithmic: false, whole: false }
    }

    /// An axis that ends with the least and the largest value.
    pub(super) fn between(low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, logarithmic: false, whole: false }
    }

    /// The same axis, if there is nothing between whole numbers.
    pub(super) fn of_whole_numbers(self, whole: bool) -> Self {
        Self { whole, ..self }
    }

    /// An axis of factors for those of the values that are above 0.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = ends(values.filter(|value| *value > 0.0)).unwrap_or((0.1, 1.0));
        let low = low.max(1.0 / LARGEST);
        Self { low: low / 1.2, high: high.max(low * 1.5) * 1.2, logarithmic: true, whole: false }
    }

    /// Whether it can hold values above 0 only.
    pub(super) fn is_logarithmic(&self) -> bool {
        self.logarithmic
    }

    /// Where a value is, from 0 to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = if self.logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        place.clamp(0.0, 1.0)
    }

    /// The values that are written beside it.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let within = |values: Vec<f64>| -> Vec<f64> {
            values.into_iter().filter(|value| (self.low..=self.high).contains(value)).collect()
        };
        let powers = if self.logarithmic { within(self.powers()) } else { Vec::new() };
        // Few powers of ten lie on a short axis.
        let values = if powers.len() > 1 { powers } else { within(self.round_values()) };
        values.into_iter().map(|value| (value, in_words(value))).collect()
    }

    fn round_values(&self) -> Vec<f64> {
        let step = round_step((self.high - self.low) / TICKS).max(if self.whole { 1.0 } else { 0.0 });
        let first = (self.low / step - 1e-9).ceil();
        let count = ((self.high / step + 1e-9).floor() - first).clamp(0.0, 20.0) as usize;
        (0..=count).map(|at| (first + at as f64) * step).collect()
    }

    fn powers(&self) -> Vec<f64> {
        let (first, last) = (self.low.log10().ceil() as i32 - 1, self.high.log10().floor() as i32 + 1);
        let between: &[f64] = if last - first <= 2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let every = (f64::from(last - first) / (TICKS + 1.0)).floor().max(1.0) as usize;
        let powers = (first..=last).step_by(every);
        powers.flat_map(|power| between.iter().map(move |digit| digit * 10_f64.powi(power))).collect()
    }
}

/// The largest value of an axis: differences of larger ones would not be finite.
const LARGEST: f64 = 1e100;

/// The least and the largest of the values that are finite.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let mut values = values.filter(|value| value.is_finite()).map(|value| value.clamp(-LARGEST, LARGEST));
    let first = values.next()?;
    Some(values.fold((first, first), |(low, high), value| (low.min(value), high.max(value))))
}

/// The next of 1, 2, 5, 10, 20, … (or a tenth, …) from `step` on.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.max(1e-300).log10().floor());
    let digits = [1.0, 2.0, 5.0, 10.0];
    power * digits.into_iter().find(|digit| digit * power >= step * 0.999).unwrap_or(10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beside_an_axis_are_round() {
        let texts = |axis: Axis| axis.ticks().into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts(Axis::between(0.0, 1.0)), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(texts(Axis::between(-30.0, 95.0)), ["0", "50"]);
        assert_eq!(texts(Axis::logarithmic([1e-4, 1.0].into_iter())), ["0.0001", "0.001", "0.01", "0.1", "1"]);
        assert_eq!(texts(Axis::logarithmic([2.0, 30.0].into_iter())), ["2", "5", "10", "20"]);
    }

    proptest::proptest! {
        /// Whatever the values: places are within the chart, and neither too few nor too many values are written.
        #[test]
        fn an_axis_holds_what_it_is_made_for(
            values in proptest::collection::vec(-1e12..1e12_f64, 0..20), odd in proptest::bool::ANY
        ) {
            let all = values.iter().copied().chain(odd.then_some(f64::NAN));
            for axis in [Axis::around(all.clone()), Axis::logarithmic(all)] {
                let places: Vec<f64> = values.iter().map(|v| axis.place(*v)).collect();
                proptest::prop_assert!(places.iter().all(|place| (0.0..=1.0).contains(place)), "{:?} {:?}", axis, places);
                proptest::prop_assert!((1..=25).contains(&axis.ticks().len()), "{:?} {:?}", axis, axis.ticks());
            }
        }
    }
}
