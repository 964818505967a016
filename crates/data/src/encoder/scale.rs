//! Bringing numbers to a common scale.

use serde::{Deserialize, Serialize};

/// The kurtosis above which a column has heavy tails. That of a normal distribution is 3, of an exponential one 9.
const HEAVY: f64 = 10.0;

/// The most points at which the ranks of a column are kept.
const KNOTS: usize = 256;

/// No feature is larger, so that none is infinite.
const LARGEST: f64 = 1e30;

/// How a number becomes a feature with mean 0 and deviation 1 over the rows to train on.
///
/// The choice is measured on these rows: the standard scale unless the column has heavy tails (kurtosis above 10). For
/// those, the logarithm if no number is negative and its kurtosis is at most 10, and the ranks otherwise.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub enum Scale {
    /// The number as it is.
    Plain,
    /// (x − mean) / deviation.
    Standard {
        /// The mean.
        mean: f64,
        /// The standard deviation, or 1 where there is none.
        deviation: f64,
    },
    /// ln(1 + x / unit), then as above. Negative numbers count as 0.
    Log {
        /// The median of the numbers above 0, which makes the choice of unit in the file irrelevant.
        unit: f64,
        /// The mean of the logarithms.
        mean: f64,
        /// Their standard deviation, or 1 where there is none.
        deviation: f64,
    },
    /// The number of the standard normal distribution that has the same rank; straight lines in between.
    Ranks {
        /// Numbers of the column, ascending, each with that of the normal distribution.
        points: Vec<(f64, f64)>,
    },
}

impl Scale {
    /// Chooses and fits a scale. The order of the values changes.
    pub(super) fn fit(values: &mut [f64]) -> Self {
        if kurtosis(values) <= HEAVY {
            return Scale::standard(values);
        }
        if values.iter().all(|&value| value >= 0.0) {
            let mut positive: Vec<f64> = values.iter().copied().filter(|&value| value > 0.0).collect();
            let unit = median(&mut positive);
            let logs: Vec<f64> = values.iter().map(|value| (value / unit).ln_1p()).collect();
            if kurtosis(&logs) <= HEAVY {
                let (mean, deviation) = mean_and_deviation(&logs);
                return Scale::Log { unit, mean, deviation };
            }
        }
        Scale::ranks(values)
    }

    /// The standard scale of the values.
    pub(super) fn standard(values: &[f64]) -> Self {
        let (mean, deviation) = mean_and_deviation(values);
        Scale::Standard { mean, deviation }
    }

    fn ranks(values: &mut [f64]) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let count = values.len() as f64;
        // Equal numbers share the middle of their ranks.
        let mut points: Vec<(f64, f64)> = Vec::new();
        let mut start = 0;
        for run in values.chunk_by(|a, b| a == b) {
            points.push((run[0], (start as f64 + run.len() as f64 / 2.0) / count));
            start += run.len();
        }
        let last = points.len() - 1;
        let kept = KNOTS.min(points.len());
        let picked = (0..kept).map(|knot| if kept == 1 { 0 } else { knot * last / (kept - 1) });
        Scale::Ranks { points: picked.map(|at| (points[at].0, probit(points[at].1))).collect() }
    }

    /// Whether every number becomes a finite one, which a file need not keep to.
    pub(super) fn is_sound(&self) -> bool {
        let divides = |number: f64| number > 0.0 && number.is_finite();
        match self {
            Scale::Plain => true,
            Scale::Standard { mean, deviation } => mean.is_finite() && divides(*deviation),
            Scale::Log { unit, mean, deviation } => divides(*unit) && mean.is_finite() && divides(*deviation),
            Scale::Ranks { points } => {
                points.iter().all(|(x, y)| x.is_finite() && y.is_finite()) && points.windows(2).all(|p| p[0].0 < p[1].0)
            }
        }
    }

    /// The feature of a number.
    #[inline]
    pub(super) fn apply(&self, value: f64) -> f32 {
        let scaled = match self {
            Scale::Plain => value,
            Scale::Standard { mean, deviation } => (value - mean) / deviation,
            Scale::Log { unit, mean, deviation } => ((value.max(0.0) / unit).ln_1p() - mean) / deviation,
            Scale::Ranks { points } => between(points, value),
        };
        scaled.clamp(-LARGEST, LARGEST) as f32
    }
}

/// The value at `x` of the line through the points; beyond its ends it is level.
fn between(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.partition_point(|&(known, _)| known < x);
    match (after.checked_sub(1).map(|before| points[before]), points.get(after)) {
        (Some((x0, y0)), Some(&(x1, y1))) => y0 + share(x0, x, x1) * (y1 - y0),
        (None, Some(&(_, y))) | (Some((_, y)), None) => y,
        (None, None) => 0.0,
    }
}

/// How far `x` is on the way from `x0` to `x1`.
fn share(x0: f64, x: f64, x1: f64) -> f64 {
    if (x1 - x0).is_finite() {
        (x - x0) / (x1 - x0)
    } else {
        // The whole way is longer than a number can be, half of it is not.
        (x / 2.0 - x0 / 2.0) / (x1 / 2.0 - x0 / 2.0)
    }
}

/// The middle one of the values, or the mean of the middle two; 0 for none. Their order changes.
pub(super) fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    let even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = if even { below.iter().copied().fold(f64::MIN, f64::max) } else { upper };
    lower.midpoint(upper)
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let (mean, deviation) = moments(values);
    (mean, if deviation > 0.0 && deviation.is_finite() { deviation } else { 1.0 })
}

/// The mean and standard deviation. Differences from the first value are summed: they are small, so the mean keeps its
/// digits, and those of a constant column are exactly zero.
fn moments(values: &[f64]) -> (f64, f64) {
    let Some(&origin) = values.first() else { return (0.0, 0.0) };
    let count = values.len() as f64;
    let mean = origin + values.iter().map(|value| value - origin).sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

/// The fourth central moment over the square of the second; 0 for values that are all the same, and infinite for values
/// too large to be squared.
fn kurtosis(values: &[f64]) -> f64 {
    let (mean, deviation) = moments(values);
    if !deviation.is_finite() {
        return f64::INFINITY;
    }
    if deviation <= 0.0 {
        return 0.0;
    }
    values.iter().map(|value| ((value - mean) / deviation).powi(4)).sum::<f64>() / values.len() as f64
}

/// The number of the standard normal distribution with a share `p` below it (Acklam's rational approximation, relative
/// error below 1.2e-9).
fn probit(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 5] =
        [-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 4] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416];
    let polynomial = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    if p > 0.5 {
        return -probit(1.0 - p);
    }
    if p < 0.02425 {
        let q = (-2.0 * p.max(f64::MIN_POSITIVE).ln()).sqrt();
        return polynomial(&C, q) / (polynomial(&D, q) * q + 1.0);
    }
    let (q, r) = (p - 0.5, (p - 0.5) * (p - 0.5));
    polynomial(&A, r) * q / (polynomial(&B, r) * r + 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn normal_ranks_are_those_of_a_table() {
        // From a table of the normal distribution.
        for (p, x) in [(0.5, 0.0), (0.975, 1.959963985), (0.001, -3.090232306), (0.9, 1.281551566)] {
            assert!((probit(p) - x).abs() < 1e-8, "{p}");
        }
    }

    #[test]
    fn heavy_tails_are_seen() {
        let grid: Vec<f64> = (0..1000).map(|i| probit((f64::from(i) + 0.5) / 1000.0)).collect();
        let fit = |map: fn(f64) -> f64| Scale::fit(&mut grid.iter().map(|&x| map(x)).collect::<Vec<_>>());
        assert!(matches!(fit(|x| 5.0 + x), Scale::Standard { .. }));
        assert!(matches!(fit(|x| (1.5 * x).exp() * 1000.0), Scale::Log { .. }));
        assert!(matches!(fit(|x| x.powi(5)), Scale::Ranks { .. }));
        // Nine zeros in ten, and prices.
        let mut prices: Vec<f64> = grid.iter().map(|&x| if x < 1.28 { 0.0 } else { x.exp().powi(3) }).collect();
        assert!(!matches!(Scale::fit(&mut prices), Scale::Standard { .. }));
    }

    #[test]
    fn numbers_of_any_size_have_a_scale() {
        let columns: [&[f64]; 5] = [
            &[1e-307, 2e77, 1e-300, 5e-324, 1e-310],
            &[-1.7e308, 1.7e308, 1e308],
            &[-1.7e308, 1.7e308],
            &[0.0, 1e200, 1.0],
            &[0.0, 5e-324],
        ];
        for column in columns {
            assert!(median(&mut column.to_vec()).is_finite(), "{column:?}");
            for scale in [Scale::fit(&mut column.to_vec()), Scale::ranks(&mut column.to_vec())] {
                assert!(scale.is_sound(), "{scale:?} for {column:?}");
                let probes = column.iter().flat_map(|&x| [x, x / 2.0]).chain([0.0, 1.0, f64::MAX, f64::MIN]);
                let scaled: Vec<f32> = probes.map(|probe| scale.apply(probe)).collect();
                assert!(scaled.iter().all(|value| value.is_finite()), "{scale:?} for {column:?}: {scaled:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn scales_are_monotonic_and_finite(
            mut values in prop::collection::vec(-1e6f64..1e6, 2..300), mut probes in prop::collection::vec(any::<f64>(), 2..20),
        ) {
            probes.retain(|probe| probe.is_finite());
            probes.extend(&values);
            probes.sort_unstable_by(f64::total_cmp);
            let positive: Vec<f64> = values.iter().map(|value| value.abs()).collect();
            let log = Scale::Log { unit: median(&mut positive.clone()).max(1.0), mean: 0.0, deviation: 1.0 };
            for scale in [Scale::standard(&values), Scale::ranks(&mut values), log] {
                let scaled: Vec<f32> = probes.iter().map(|&probe| scale.apply(probe)).collect();
                prop_assert!(scaled.iter().all(|value| value.is_finite()) && scaled.is_sorted());
            }
        }

        #[test]
        fn the_standard_scale_has_mean_0_and_deviation_1(values in prop::collection::vec(-1e3f64..1e3, 10..200)) {
            let scale = Scale::standard(&values);
            let scaled: Vec<f64> = values.iter().map(|&value| f64::from(scale.apply(value))).collect();
            let (mean, deviation) = moments(&scaled);
            prop_assert!(mean.abs() < 1e-4 && (deviation - 1.0).abs() < 1e-4);
        }

        #[test]
        fn the_median_has_half_on_each_side(values in prop::collection::vec(-1e3f64..1e3, 1..100)) {
            let middle = median(&mut values.clone());
            let below = values.iter().filter(|&&value| value < middle).count();
            let above = values.iter().filter(|&&value| value > middle).count();
            prop_assert!(below <= values.len() / 2 && above <= values.len() / 2);
        }
    }
}
