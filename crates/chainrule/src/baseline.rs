//! What a network has to beat to be worth having.

use crate::error::Error;
use crate::evaluate::{Metrics, evaluate};
use crate::metrics::{ClassMetrics, ValueMetrics};
use crate::setup::Setup;
use crate::train::fit;
use chainrule_data::{Dataset, Target};
use serde::Serialize;

/// Scores of the simplest models on the same rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Baselines {
    /// Of saying the same of every row: each class as often as it was in training, or the mean.
    pub constant: Metrics,
    /// Of a network without hidden layers: logistic or linear regression, trained by the same recipe.
    pub linear: Metrics,
}

impl Baselines {
    /// Learns from `train` and scores on `test`. `setup` is that of the network; its layers are left out.
    ///
    /// # Errors
    /// As [`Setup::build`] and [`fit`]; data without a target.
    pub fn new(setup: &Setup, train: &Dataset, test: &Dataset) -> Result<Self, Error> {
        let linear = Setup {
            architecture: None,
            hidden: Some(Vec::new()),
            dropout: 0.0,
            start: None,
            frozen: 0,
            layer_rates: Vec::new(),
            ..setup.clone()
        };
        let mut model = linear.build(train)?;
        fit(&mut model, train, &mut ())?;
        Ok(Self { constant: constant(train, test)?, linear: evaluate(&model, test)?.metrics })
    }

    /// What of the two is at least as good as `metrics`, in words: by accuracy, or by R² (the root mean squared error
    /// where there is none).
    pub fn not_beaten_by(&self, metrics: &Metrics) -> Option<&'static str> {
        let beats = |baseline: &Metrics| match (baseline, metrics) {
            (Metrics::Classes(baseline), Metrics::Classes(ours)) => baseline.accuracy >= ours.accuracy,
            (Metrics::Values(baseline), Metrics::Values(ours)) => match (baseline.r2, ours.r2) {
                (Some(baseline), Some(ours)) => baseline >= ours,
                _ => baseline.rmse <= ours.rmse,
            },
            _ => false,
        };
        match (beats(&self.constant), beats(&self.linear), metrics) {
            (true, _, Metrics::Classes(_)) => Some("saying the most frequent class every time"),
            (true, _, Metrics::Values(_)) => Some("saying the mean every time"),
            (false, true, _) => Some("a linear model"),
            (false, false, _) => None,
        }
    }
}

fn constant(train: &Dataset, test: &Dataset) -> Result<Metrics, Error> {
    match (&train.target, &test.target) {
        (Some(Target::Classes { labels, names }), Some(Target::Classes { labels: truth, .. })) => {
            let mut counts = vec![0.0; names.len()];
            labels.iter().for_each(|&label| counts[label as usize] += 1.0);
            let shares: Vec<f64> = counts.iter().map(|count| count / labels.len().max(1) as f64).collect();
            let most = (0..shares.len()).rev().max_by(|&a, &b| shares[a].total_cmp(&shares[b])).unwrap_or(0);
            let truth: Vec<usize> = truth.iter().map(|&label| label as usize).collect();
            let everywhere = shares.repeat(truth.len());
            Ok(Metrics::Classes(ClassMetrics::new(&everywhere, shares.len(), &truth, &vec![most; truth.len()])))
        }
        (Some(Target::Values { values, names }), Some(Target::Values { values: truth, .. })) => {
            let rows = values.len() / names.len();
            let sum = |column| values.iter().skip(column).step_by(names.len()).map(|&v| f64::from(v)).sum::<f64>();
            let means: Vec<f64> = (0..names.len()).map(|column| sum(column) / rows.max(1) as f64).collect();
            let truth: Vec<f64> = truth.iter().map(|&v| f64::from(v)).collect();
            let everywhere = means.repeat(truth.len() / names.len());
            Ok(Metrics::Values(ValueMetrics::of_columns(&everywhere, &truth, names)))
        }
        _ => {
            let problems = vec!["training and test data need the same kind of target".to_owned()];
            Err(Error::Fit { source_name: test.source.clone(), problems })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_data::{Matrix, Values};

    /// Points on a ring and inside it: no line tells them apart.
    fn ring(count: usize, shift: usize) -> Dataset {
        let mut values = Vec::new();
        let mut labels = Vec::new();
        for i in shift..shift + count {
            let (angle, outside) = (i as f32 * 2.4, i % 3 == 0);
            let radius = if outside { 2.0 } else { 0.5 };
            values.extend([radius * angle.cos(), radius * angle.sin()]);
            labels.push(u32::from(outside));
        }
        let target = Target::Classes { labels, names: vec!["in".into(), "out".into()] };
        Dataset::new(Matrix::new(count, 2, Values::Floats(values)), target, "ring")
    }

    #[test]
    fn a_network_beats_both_where_no_line_can() {
        let (train, test) = (ring(300, 0), ring(90, 1000));
        let setup = Setup { epochs: Some(60), ..Setup::default() };
        let baselines = Baselines::new(&setup, &train, &test).unwrap();
        let constant = baselines.constant.classes().unwrap();
        assert!((constant.accuracy - 2.0 / 3.0).abs() < 0.02 && constant.balanced_accuracy == 0.5);
        assert!(baselines.linear.classes().unwrap().accuracy < 0.75);
        let mut model = setup.build(&train).unwrap();
        fit(&mut model, &train, &mut ()).unwrap();
        let ours = evaluate(&model, &test).unwrap().metrics;
        assert_eq!(baselines.not_beaten_by(&ours), None);
        assert!(baselines.not_beaten_by(&baselines.linear).is_some());
        assert_eq!(baselines.not_beaten_by(&baselines.constant), Some("saying the most frequent class every time"));
    }
}
