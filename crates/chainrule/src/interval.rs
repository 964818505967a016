//! Intervals around predicted numbers: split conformal prediction.
//!
//! Whatever the network and the data, the interval a ± q holds the true value of a new row with a chance of at least the
//! coverage 1 − α, if the new row comes from where the rows came from that q was measured on, and the network has not
//! learned from these: q is the ⌈(n + 1)(1 − α)⌉-th smallest of their n distances |a − y|. Vovk, Gammerman and Shafer,
//! "Algorithmic Learning in a Random World" (2005); Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, "Distribution-Free
//! Predictive Inference for Regression" (2018), algorithm 2. The chance is one over all rows: where values are harder to
//! predict than elsewhere, it is lower.

use crate::error::Error;
use crate::evaluate::Predictor;
use crate::model::Model;
use chainrule_data::{Dataset, Target};
use serde::{Deserialize, Serialize};

/// The most distances that a model keeps.
pub const MOST_RESIDUALS: usize = 1000;

/// How far predictions were from the truth on rows that were not trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Residuals {
    /// How many rows there were.
    count: usize,
    /// Their |a − y|, ascending. Of more than [`MOST_RESIDUALS`], number i of m is the one of rank ⌈i · n / m⌉, so the
    /// largest is always there.
    sorted: Vec<f32>,
}

impl Residuals {
    /// From |a − y| of rows, in any order; `None` if there are none, or one is not finite.
    pub fn new(mut distances: Vec<f32>) -> Option<Self> {
        if distances.is_empty() || distances.iter().any(|distance| !distance.is_finite()) {
            return None;
        }
        distances.sort_unstable_by(f32::total_cmp);
        let (count, kept) = (distances.len(), distances.len().min(MOST_RESIDUALS));
        let sorted = (1..=kept).map(|i| distances[(i * count).div_ceil(kept) - 1]).collect();
        Some(Self { count, sorted })
    }

    /// Of each value that `model` predicts, on rows of `data`; none if it does not predict real values, or there are no
    /// rows.
    ///
    /// # Errors
    /// Data that does not fit the network.
    ///
    /// # Panics
    /// If a row is not there.
    pub fn of_rows(model: &Model, data: &Dataset, rows: &[u32]) -> Result<Vec<Self>, Error> {
        model.check_fits(data)?;
        let Some(Target::Values { values: truth, names }) = &data.target else { return Ok(Vec::new()) };
        let mut distances = vec![Vec::with_capacity(rows.len()); names.len()];
        Predictor::new(model)?.predict(&data.features, rows, |row, prediction| {
            let truth = &truth[row as usize * names.len()..];
            for ((distances, value), &truth) in distances.iter_mut().zip(prediction.values).zip(truth) {
                distances.push((value - f64::from(truth)).abs() as f32);
            }
        })?;
        // Intervals of some of the values would be taken for those of others.
        let all: Option<Vec<Self>> = distances.into_iter().map(Self::new).collect();
        Ok(all.unwrap_or_default())
    }

    /// On the named rows of `validation`, which chose the best epoch; if there are none, on `test`.
    ///
    /// # Errors
    /// As [`Residuals::of_rows`].
    pub fn held_out(
        model: &Model,
        (validation, rows): (&Dataset, &[u32]),
        test: Option<&Dataset>,
    ) -> Result<Vec<Self>, Error> {
        match test {
            _ if !rows.is_empty() => Self::of_rows(model, validation, rows),
            Some(test) => Self::of_rows(model, test, &(0..test.len() as u32).collect::<Vec<_>>()),
            None => Ok(Vec::new()),
        }
    }

    /// How many rows they are of.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The half width q of intervals that hold the truth of a share `coverage` of new rows; `None` if there are too few
    /// rows to say, which n < coverage / (1 − coverage) are. From a sample, it is the next larger one that was kept.
    pub fn half_width(&self, coverage: f64) -> Option<f64> {
        // What is a whole number but for rounding must not be counted up.
        let rank = ((self.count as f64 + 1.0) * coverage - 1e-9).ceil().max(1.0) as usize;
        let position = (rank - 1) * self.sorted.len() / self.count;
        (rank <= self.count).then(|| f64::from(self.sorted[position]))
    }

    /// Whether it can be used, which one from a file need not.
    pub(crate) fn is_sound(&self) -> bool {
        let Self { count, sorted } = self;
        let fits = !sorted.is_empty() && sorted.len() == (*count).min(MOST_RESIDUALS) && (*count as u64) < 1 << 48;
        fits && sorted.is_sorted() && sorted.iter().all(|distance| distance.is_finite() && *distance >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranks by hand: ⌈(n + 1)(1 − α)⌉.
    #[test]
    fn the_quantile_is_corrected_for_few_rows() {
        let nine = Residuals::new((1..=9).rev().map(|i| i as f32).collect()).unwrap();
        for (coverage, q) in [(0.9, Some(9.0)), (0.8, Some(8.0)), (0.81, Some(9.0)), (0.95, None), (0.05, Some(1.0))] {
            assert_eq!(nine.half_width(coverage), q, "{coverage}");
        }
        assert_eq!((Residuals::new(vec![]), Residuals::new(vec![f32::NAN])), (None, None));
    }

    /// A sample never gives less than all of them would.
    #[test]
    fn a_sample_is_on_the_safe_side() {
        let all: Vec<f32> = (1..=12_345).map(|i| i as f32).collect();
        let sample = Residuals::new(all).unwrap();
        assert!(sample.is_sound() && sample.sorted.len() == MOST_RESIDUALS);
        for coverage in [0.001, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999] {
            let exact = f64::ceil(12_346.0 * coverage);
            let q = sample.half_width(coverage).unwrap();
            assert!(q >= exact && q <= exact + 13.0, "{coverage}: {q} for {exact}");
        }
        assert_eq!(sample.half_width(0.99999), None);
    }
}
