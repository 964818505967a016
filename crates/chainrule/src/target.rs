//! The scale that a real value is learned on.

use crate::error::Error;
use crate::evaluate::Metrics;
use crate::loss::Loss;
use crate::names::named_enum;
use crate::setup::Setup;
use crate::tune::{FOLDS, in_fold};
use chainrule_data::{Dataset, Target, shuffle};

named_enum! {
    /// The scale that a real value is learned on, before it gets mean 0 and deviation 1.
    #[derive(Default)]
    TargetScale, "target scale":
    /// The value.
    #[default]
    Plain "plain",
    /// Its natural logarithm, for values above 0 that spread over orders of magnitude.
    Log "log",
}

/// The least value that has a logarithm here; what is not above 0 counts as this in a loss.
const LEAST: f64 = f32::MIN_POSITIVE as f64;

impl TargetScale {
    /// A value on the scale.
    pub(crate) fn apply(self, value: f64) -> f64 {
        match self {
            Self::Plain => value,
            Self::Log => value.max(LEAST).ln(),
        }
    }

    /// The value of what is on the scale; no larger than an `f32` holds.
    pub(crate) fn undo(self, scaled: f64) -> f64 {
        match self {
            Self::Plain => scaled,
            Self::Log => scaled.exp().clamp(0.0, f64::from(f32::MAX)),
        }
    }

    /// Whether it is the value itself.
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

/// The most rows that scales are compared on.
const COMPARED: usize = 20_000;

/// The scale for each value of the target of `data`, each by itself: the logarithm if all values are above 0, they are skewed to the right (skewness
/// above 1), their logarithms less so, and networks that learn it are nearer to rows that they were not trained on, by the
/// root mean squared error (or the mean absolute one, if that is the loss) in three folds of at most 20,000 rows.
///
/// # Errors
/// As [`Setup::build`] and [`crate::fit`]; a training that diverges is no error, but does not win.
pub fn choose_target_scales(setup: &Setup, data: &Dataset) -> Result<Vec<TargetScale>, Error> {
    let Some(target @ Target::Values { names, .. }) = &data.target else { return Ok(Vec::new()) };
    let mut scales = vec![TargetScale::Plain; names.len()];
    let skewed: Vec<usize> = (0..names.len()).filter(|&at| target.column(at).is_some_and(|c| is_skewed(&c))).collect();
    if skewed.is_empty() {
        return Ok(scales);
    }
    let mut rows: Vec<u32> = (0..data.len() as u32).collect();
    if rows.len() > COMPARED {
        shuffle(&mut rows, setup.seed, 0);
        rows.truncate(COMPARED);
        rows.sort_unstable();
    }
    let data = data.select(&rows);
    let plain = errors(setup, &data, &scales)?;
    for at in skewed {
        let mut tried = vec![TargetScale::Plain; scales.len()];
        tried[at] = TargetScale::Log;
        if errors(setup, &data, &tried)?[at] < plain[at] {
            scales[at] = TargetScale::Log;
        }
    }
    Ok(scales)
}

/// How far off networks are that learn values on these scales: for each value, the sum over the folds.
fn errors(setup: &Setup, data: &Dataset, scales: &[TargetScale]) -> Result<Vec<f64>, Error> {
    let setup = Setup { target_scales: Some(scales.to_vec()), ..setup.clone() };
    let fold_of = data.split.folds(data.len(), None, FOLDS, setup.seed);
    let mut sums = vec![0.0; scales.len()];
    for fold in 0..FOLDS {
        let metrics = in_fold(&setup, data, &fold_of, fold)?.map(|evaluation| evaluation.metrics);
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum += match metrics.as_ref().and_then(Metrics::values).map(|values| values.of_target(at)) {
                Some(metrics) if setup.loss == Some(Loss::Mae) => metrics.mae,
                Some(metrics) => metrics.rmse,
                None => f64::INFINITY,
            };
        }
    }
    Ok(sums)
}

fn is_skewed(target: &Target) -> bool {
    const SKEWED: f64 = 1.0;
    let Target::Values { values, .. } = target else { return false };
    let plain: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
    if values.len() < 2 * FOLDS as usize || plain.iter().any(|&value| value <= 0.0) {
        return false;
    }
    let logs: Vec<f64> = plain.iter().map(|value| value.ln()).collect();
    let skew = skewness(&plain);
    skew > SKEWED && skewness(&logs).abs() < skew
}

/// The third central moment over the cube of the deviation.
fn skewness(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let moment = |power: i32| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / count;
    moment(3) / moment(2).powf(1.5).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{evaluate, predict};
    use crate::model::Model;
    use crate::random::Stream;
    use crate::train::fit;
    use chainrule_data::{Matrix, Values};

    /// Rows of two numbers, and a value made from them.
    fn data(rows: usize, value: impl Fn(f64, f64, f64) -> f64) -> Dataset {
        let mut random = Stream::new(4, 1);
        let (mut features, mut values) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            let [a, b, noise] = [0; 3].map(|_| random.unit() * 2.0 - 1.0);
            features.extend([a as f32, b as f32]);
            values.push(value(a, b, noise) as f32);
        }
        let target = Target::value(values, "price");
        Dataset::new(Matrix::new(rows, 2, Values::Floats(features)), target, "houses")
    }

    fn quick() -> Setup {
        Setup { epochs: Some(20), hidden: Some(vec![8]), ..Setup::default() }
    }

    #[test]
    fn the_logarithm_is_taken_where_it_helps() {
        let multiplied = data(300, |a, b, noise| (8.0 + 2.0 * a - 1.5 * b + 0.2 * noise).exp());
        assert_eq!(choose_target_scales(&quick(), &multiplied).unwrap(), [TargetScale::Log]);
        // Skewed by its noise, which no logarithm explains: what is learned is a line.
        let added = data(300, |a, _, noise| 20.0 + 6.0 * a + 9.0 * (2.0 * noise).exp());
        assert_eq!(choose_target_scales(&quick(), &added).unwrap(), [TargetScale::Plain]);
        let even = data(300, |a, b, _| 100.0 + a + b);
        assert_eq!(choose_target_scales(&quick(), &even).unwrap(), [TargetScale::Plain]);
        let below_zero = data(300, |a, b, _| (3.0 * a + b).exp() - 5.0);
        assert_eq!(choose_target_scales(&quick(), &below_zero).unwrap(), [TargetScale::Plain]);
    }

    #[test]
    fn every_output_is_in_the_units_of_the_value() {
        let data = data(300, |a, b, noise| (8.0 + 2.0 * a - 1.5 * b + 0.05 * noise).exp());
        let setup = Setup { target_scales: Some(vec![TargetScale::Log]), epochs: Some(120), ..Setup::default() };
        let mut model = setup.build(&data).unwrap();
        let outcome = fit(&mut model, &data, &mut ()).unwrap();
        let scores = evaluate(&model, &data).unwrap();
        let values = scores.metrics.values().unwrap();
        assert!(values.r2.unwrap() > 0.97, "{values:?}");
        let told = outcome.history.last().unwrap().train.rmse.unwrap();
        assert!(told > 0.3 * values.rmse && told < 3.0 * values.rmse, "{told} and {}", values.rmse);
        let Some(Target::Values { values: truth, .. }) = &data.target else { unreachable!() };
        let mut squares = 0.0;
        predict(&model, &data, |row, p| squares += (p.values[0] - f64::from(truth[row])).powi(2)).unwrap();
        assert!(((squares / 300.0).sqrt() / values.rmse - 1.0).abs() < 1e-9);
        // It is kept in the file, and files of plain values are as they were.
        let bytes = model.to_bytes().unwrap();
        assert_eq!(Model::from_bytes(&bytes).unwrap(), model);
        let plain = Setup { target_scales: None, ..setup }.build(&data).unwrap().to_bytes().unwrap();
        assert!(!String::from_utf8_lossy(&plain).contains("scale\":\"plain"));
        assert_eq!(TargetScale::Log.undo(1e6), f64::from(f32::MAX));
        assert!(TargetScale::Log.undo(f64::NAN).is_nan());
    }

    #[test]
    fn what_has_no_logarithm_is_refused() {
        let data = data(30, |a, _, _| a);
        let error = Setup { target_scales: Some(vec![TargetScale::Log]), ..Setup::default() }.build(&data).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("above 0") && text.contains("`price`") && text.contains("--target-scale plain"),
            "{text}"
        );
    }
}
