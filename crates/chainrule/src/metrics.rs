//! What is said of predictions beside the truth.
//!
//! Definitions are those of scikit-learn where it has one, so that figures can be compared.

use serde::Serialize;

/// Bins of the calibration error.
const BINS: usize = 15;

/// Scores of predicted probabilities.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassMetrics {
    /// The share of right classes.
    pub accuracy: f64,
    /// The mean, over the classes that occur, of the share of their samples that are recognised.
    pub balanced_accuracy: f64,
    /// The mean of F1 = 2 · precision · recall / (precision + recall) over the classes that occur or are predicted.
    pub macro_f1: f64,
    /// −mean ln p of the true class, with p kept off 0 by the smallest step of `f64` at 1.
    pub log_loss: f64,
    /// The chance that a sample of a class gets a higher probability of it than one of another class: of the second
    /// class where there are two, else the mean over the classes that occur (one against the rest). `None` if there is
    /// only one class among the samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roc_auc: Option<f64>,
    /// The mean distance between confidence and accuracy, over 15 bins of the highest probability, weighted by their
    /// samples. Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (2017).
    pub calibration_error: f64,
}

/// Scores of predicted numbers, in the units of the target; of several targets, the mean of each score over them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueMetrics {
    /// The root of the mean squared error.
    pub rmse: f64,
    /// The mean absolute error.
    pub mae: f64,
    /// The median absolute error.
    pub median_ae: f64,
    /// 1 − Σ(a − y)² / Σ(y − ȳ)²; `None` where all y are equal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
    /// The scores of each target, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetMetrics>,
}

/// Scores of one of several predicted numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetMetrics {
    /// Its name.
    pub target: String,
    /// Its scores.
    #[serde(flatten)]
    pub metrics: ValueMetrics,
}

impl ClassMetrics {
    /// Of `probabilities` `[samples, classes]` beside the class of each sample and the class that was decided for.
    ///
    /// # Panics
    /// If the lengths differ, a class is out of range, or there are no samples.
    pub fn new(probabilities: &[f64], classes: usize, truth: &[usize], decided: &[usize]) -> Self {
        let samples = truth.len();
        assert!(samples > 0 && decided.len() == samples && probabilities.len() == samples * classes);
        let confusion = confusion(classes, truth, decided);
        let of_truth = |row: usize| probabilities[row * classes + truth[row]];
        let log_loss = (0..samples).map(|row| -of_truth(row).clamp(f64::EPSILON, 1.0).ln()).sum::<f64>();
        Self {
            accuracy: share(truth.iter().zip(decided).filter(|(y, a)| y == a).count() as u64, samples as u64),
            balanced_accuracy: balanced_accuracy(&confusion),
            macro_f1: macro_f1(&confusion),
            log_loss: log_loss / samples as f64,
            roc_auc: roc_auc(probabilities, classes, truth),
            calibration_error: calibration_error(probabilities, classes, truth, decided),
        }
    }
}

/// Samples by true class (rows) and the class decided for (columns).
pub fn confusion(classes: usize, truth: &[usize], decided: &[usize]) -> Vec<Vec<u64>> {
    let mut table = vec![vec![0; classes]; classes];
    for (&truth, &decided) in truth.iter().zip(decided) {
        table[truth][decided] += 1;
    }
    table
}

fn share(part: u64, of: u64) -> f64 {
    part as f64 / of as f64
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

fn balanced_accuracy(confusion: &[Vec<u64>]) -> f64 {
    let recall = |(class, row): (usize, &Vec<u64>)| {
        let total = row.iter().sum();
        (total > 0).then(|| share(row[class], total))
    };
    mean(confusion.iter().enumerate().filter_map(recall)).unwrap_or(0.0)
}

fn macro_f1(confusion: &[Vec<u64>]) -> f64 {
    let f1 = |class: usize| {
        let (right, true_ones) = (confusion[class][class], confusion[class].iter().sum::<u64>());
        let decided: u64 = confusion.iter().map(|row| row[class]).sum();
        (true_ones + decided > 0).then(|| share(2 * right, true_ones + decided))
    };
    mean((0..confusion.len()).filter_map(f1)).unwrap_or(0.0)
}

fn roc_auc(probabilities: &[f64], classes: usize, truth: &[usize]) -> Option<f64> {
    let of_class = |class: usize| {
        let scores: Vec<f64> = probabilities.iter().skip(class).step_by(classes.max(1)).copied().collect();
        auc(&scores, |row| truth[row] == class)
    };
    if classes == 2 { of_class(1) } else { mean((0..classes).filter_map(of_class)) }
}

/// The area under the curve from ranks (Mann and Whitney 1947), ties counted half; `None` if all samples are on one
/// side.
fn auc(scores: &[f64], is_positive: impl Fn(usize) -> bool) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut positives, mut ranks, mut start) = (0.0, 0.0, 0);
    while start < order.len() {
        let tied = order[start..].iter().take_while(|&&row| scores[row] == scores[order[start]]).count().max(1);
        let inside = order[start..start + tied].iter().filter(|&&row| is_positive(row)).count() as f64;
        // Ranks count from 1; those of equal scores are their mean.
        ranks += inside * (start as f64 + (tied as f64 + 1.0) / 2.0);
        positives += inside;
        start += tied;
    }
    let negatives = scores.len() as f64 - positives;
    (positives > 0.0 && negatives > 0.0)
        .then(|| (ranks - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

fn calibration_error(probabilities: &[f64], classes: usize, truth: &[usize], decided: &[usize]) -> f64 {
    let mut bins = [(0.0, 0.0); BINS];
    for (row, (&truth, &decided)) in truth.iter().zip(decided).enumerate() {
        let confidence = probabilities[row * classes + decided];
        // Bins are open below and closed above.
        let bin = ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
        bins[bin].0 += confidence;
        bins[bin].1 += f64::from(u8::from(truth == decided));
    }
    bins.iter().map(|(confidence, right)| f64::abs(confidence - right)).sum::<f64>() / truth.len() as f64
}

impl ValueMetrics {
    /// Of predicted numbers beside true ones.
    ///
    /// # Panics
    /// If the lengths differ or there are none.
    pub fn new(predicted: &[f64], truth: &[f64]) -> Self {
        assert!(!truth.is_empty() && predicted.len() == truth.len());
        let count = truth.len() as f64;
        let mut errors: Vec<f64> = predicted.iter().zip(truth).map(|(a, y)| (a - y).abs()).collect();
        let squared: f64 = errors.iter().map(|e| e * e).sum();
        let centre = truth.iter().sum::<f64>() / count;
        let spread: f64 = truth.iter().map(|y| (y - centre).powi(2)).sum();
        let mae = errors.iter().sum::<f64>() / count;
        errors.sort_by(f64::total_cmp);
        let middle = errors.len() / 2;
        let median_ae =
            if errors.len() % 2 == 1 { errors[middle] } else { (errors[middle - 1] + errors[middle]) / 2.0 };
        let r2 = (spread > 0.0).then(|| 1.0 - squared / spread);
        Self { rmse: (squared / count).sqrt(), mae, median_ae, r2, targets: Vec::new() }
    }

    /// Of predicted numbers `[samples, names]` beside true ones, for each name and their mean.
    ///
    /// # Panics
    /// If the lengths differ or there are none.
    pub fn of_columns(predicted: &[f64], truth: &[f64], names: &[String]) -> Self {
        let column = |all: &[f64], at| all.iter().skip(at).step_by(names.len()).copied().collect::<Vec<f64>>();
        let of = |at| Self::new(&column(predicted, at), &column(truth, at));
        if names.len() == 1 {
            return of(0);
        }
        let targets: Vec<TargetMetrics> =
            (0..).zip(names).map(|(at, name)| TargetMetrics { target: name.clone(), metrics: of(at) }).collect();
        let over_targets = |score: fn(&Self) -> f64| {
            targets.iter().map(|target| score(&target.metrics)).sum::<f64>() / targets.len() as f64
        };
        Self {
            rmse: over_targets(|scores| scores.rmse),
            mae: over_targets(|scores| scores.mae),
            median_ae: over_targets(|scores| scores.median_ae),
            r2: mean(targets.iter().filter_map(|target| target.metrics.r2)),
            targets,
        }
    }

    /// The scores by their names, without those of each target.
    pub(crate) fn list(&self) -> Vec<(&'static str, f64)> {
        let mut list = vec![("rmse", self.rmse), ("mae", self.mae), ("median_ae", self.median_ae)];
        list.extend(self.r2.map(|r2| ("r2", r2)));
        list
    }

    /// The scores of target number `at`.
    ///
    /// # Panics
    /// If there is no such target.
    pub fn of_target(&self, at: usize) -> &Self {
        if self.targets.is_empty() { self } else { &self.targets[at].metrics }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} for {b}");
    }

    /// The first largest, as scikit-learn's argmax.
    fn decided(probabilities: &[f64], classes: usize) -> Vec<usize> {
        let first_largest = |row: &[f64]| (0..classes).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        probabilities.chunks(classes).map(first_largest).collect()
    }

    /// From scikit-learn 1.9.1: `accuracy_score`, `balanced_accuracy_score`, `f1_score(average="macro")`, `log_loss`,
    /// `roc_auc_score(multi_class="ovr")` on these numbers; the calibration error by its definition in NumPy.
    #[test]
    fn three_classes_as_in_scikit_learn() {
        let p = [
            [0.7, 0.2, 0.1],
            [0.1, 0.8, 0.1],
            [0.3, 0.3, 0.4],
            [0.25, 0.5, 0.25],
            [0.6, 0.3, 0.1],
            [0.2, 0.2, 0.6],
            [0.1, 0.45, 0.45],
            [0.34, 0.33, 0.33],
        ]
        .concat();
        let m = ClassMetrics::new(&p, 3, &[0, 1, 2, 2, 1, 2, 1, 0], &decided(&p, 3));
        close(m.accuracy, 0.75);
        close(m.balanced_accuracy, 0.7777777777777777);
        close(m.macro_f1, 0.7555555555555555);
        close(m.log_loss, 0.809314921741077);
        close(m.roc_auc.unwrap(), 0.8277777777777778);
        close(m.calibration_error, 0.37625);
    }

    /// As above, with equal probabilities on both sides.
    #[test]
    fn two_classes_as_in_scikit_learn() {
        let p: Vec<f64> = [0.1, 0.4, 0.35, 0.8, 0.35, 0.9, 0.2, 0.5].iter().flat_map(|q| [1.0 - q, *q]).collect();
        let m = ClassMetrics::new(&p, 2, &[0, 0, 1, 1, 0, 1, 0, 1], &decided(&p, 2));
        close(m.accuracy, 0.75);
        close(m.balanced_accuracy, 0.75);
        close(m.macro_f1, 0.7333333333333334);
        close(m.log_loss, 0.4176982473576425);
        close(m.roc_auc.unwrap(), 0.90625);
    }

    #[test]
    fn one_class_has_no_curve() {
        let m = ClassMetrics::new(&[0.5, 0.5, 0.9, 0.1], 2, &[0, 0], &[0, 0]);
        assert_eq!((m.roc_auc, m.accuracy, m.balanced_accuracy), (None, 1.0, 1.0));
    }

    /// From scikit-learn 1.9.1: `root_mean_squared_error`, `mean_absolute_error`, `median_absolute_error`, `r2_score`.
    #[test]
    fn values_as_in_scikit_learn() {
        let m = ValueMetrics::new(&[2.5, 0.0, 2.0, 8.0, 1.5], &[3.0, -0.5, 2.0, 7.0, 1.0]);
        close(m.rmse, 0.5916079783099616);
        close(m.mae, 0.5);
        close(m.median_ae, 0.5);
        close(m.r2.unwrap(), 0.9453125);
        assert_eq!(ValueMetrics::new(&[1.0, 3.0], &[2.0, 2.0]).r2, None);
    }

    /// From scikit-learn 1.9.1 with `multioutput="uniform_average"`, and `"raw_values"` for each.
    #[test]
    fn several_values_as_in_scikit_learn() {
        let (predicted, truth) = ([2.5, 10.0, 0.0, 30.0, 2.0, 20.0], [3.0, 12.0, -0.5, 29.0, 2.0, 24.0]);
        let m = ValueMetrics::of_columns(&predicted, &truth, &["a".to_owned(), "b".to_owned()]);
        close(m.rmse, 1.526_999_800_764_227);
        close(m.mae, 1.333_333_333_333_333_5);
        close(m.median_ae, 1.25);
        close(m.r2.unwrap(), 0.892_761_168_962_042_3);
        close(m.of_target(0).rmse, 0.408_248_290_463_863);
        close(m.of_target(1).r2.unwrap(), 0.862_445_414_847_161_5);
        assert_eq!(m.targets[1].target, "b");
    }
}
