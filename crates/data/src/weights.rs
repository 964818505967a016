//! How much each row counts in training.

use std::str::FromStr;

use crate::{DataError, Frame, TableError, Target, error::nearest};

/// How much the rows of each class count, beside what a column says.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ClassWeights {
    /// All the same.
    #[default]
    Even,
    /// rows / (classes · rows of the class), so that every class counts the same in all (King and Zeng 2001).
    Balanced,
    /// Those named as given, and the others 1.
    Given(Vec<(String, f64)>),
}

impl FromStr for ClassWeights {
    type Err = String;

    /// Reads `balanced`, or classes with their weights, as in `yes=5,no=1`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "even" => return Ok(Self::Even),
            "balanced" => return Ok(Self::Balanced),
            _ => {}
        }
        let pair = |part: &str| {
            let (class, weight) = part.rsplit_once('=')?;
            let weight = weight.trim().parse().ok().filter(|weight: &f64| weight.is_finite() && *weight >= 0.0)?;
            Some((class.trim().to_owned(), weight))
        };
        let wrong = |part| format!("`{part}` is no weight of a class: write balanced, or as in yes=5,no=1");
        text.split(',').map(|part| pair(part).ok_or_else(|| wrong(part))).collect::<Result<_, _>>().map(Self::Given)
    }
}

impl ClassWeights {
    /// The weight of each class of `target`, which have so many rows; nothing where all count the same.
    pub(crate) fn of(&self, target: &Target, counts: &[usize], frame: &Frame) -> Result<Option<Vec<f64>>, DataError> {
        let file = || frame.place(0).file;
        match (self, target) {
            (Self::Even, _) => Ok(None),
            (_, Target::Values { names, .. }) => {
                Err(TableError::WeightsWithoutClasses { file: file(), column: names.join(", ") }.into())
            }
            (Self::Balanced, Target::Classes { .. }) => {
                let even = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
                // A class without a row has nothing to weigh.
                Ok(Some(counts.iter().map(|&count| even / count.max(1) as f64).collect()))
            }
            (Self::Given(given), Target::Classes { names, .. }) => {
                let mut weights = vec![1.0; names.len()];
                for (class, weight) in given {
                    let Some(position) = names.iter().position(|name| name == class) else {
                        let nearest = nearest(class, names);
                        return Err(TableError::NoSuchClass { file: file(), class: class.clone(), nearest }.into());
                    };
                    weights[position] = *weight;
                }
                Ok(Some(weights))
            }
        }
    }
}

/// The weights in a column: numbers that are not negative.
pub(crate) fn column(frame: &Frame, name: &str) -> Result<Vec<f64>, DataError> {
    let numbers = frame.column(name)?.numbers(frame)?;
    match numbers.iter().position(|number| number.is_nan() || *number < 0.0) {
        None => Ok(numbers.to_vec()),
        Some(row) => {
            let text = if numbers[row].is_nan() { String::new() } else { numbers[row].to_string() };
            Err(TableError::BadWeight { place: frame.place(row), column: name.to_string(), text }.into())
        }
    }
}

/// Weights that are 1 on average over all rows; `None` if they add up to nothing.
pub(crate) fn normalized(weights: &[f64]) -> Option<Vec<f32>> {
    let mean = weights.iter().sum::<f64>() / weights.len() as f64;
    (mean > 0.0 && mean.is_finite()).then(|| weights.iter().map(|weight| (weight / mean) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_weights_of_classes() {
        assert_eq!("balanced".parse(), Ok(ClassWeights::Balanced));
        let given = ClassWeights::Given(vec![("a=b".into(), 2.5), ("no".into(), 0.0)]);
        assert_eq!("a=b=2.5, no=0".parse(), Ok(given));
        for text in ["", "yes", "yes=-1", "yes=inf", "yes=1,,no=2"] {
            assert!(text.parse::<ClassWeights>().unwrap_err().contains("yes=5,no=1"), "{text}");
        }
    }

    #[test]
    fn balanced_classes_count_the_same() {
        let target = Target::Classes { labels: vec![0, 0, 0, 1], names: vec!["a".into(), "b".into()] };
        let weights = ClassWeights::Balanced.of(&target, &target.counts(), &Frame::new(Vec::new())).unwrap().unwrap();
        assert_eq!(weights, [4.0 / 6.0, 2.0]);
        assert_eq!(normalized(&[1.0, 3.0, 0.0, 0.0]), Some(vec![1.0, 3.0, 0.0, 0.0]));
        assert_eq!(normalized(&[0.0, 0.0]), None);
    }
}
