//! How strongly the weights of a small table's network are held down.

use crate::error::Error;
use crate::setup::{Setup, usual_l2};
use crate::tune::in_fold;
use chainrule_data::{Dataset, usual_validation};
use chainrule_kernels::team::for_each_chunk;

/// What is tried, as shares of the usual penalty of 3 over the rows.
const TRIED: [f64; 4] = [1.0, 3.0, 0.3, 0.1];

/// Folds that each is tried in.
const FOLDS: usize = 4;

/// The most parameters of a network that is trained so many times over.
const LARGEST: usize = 100_000;

/// The least rows that a fold may have to say anything.
const LEAST: usize = 5;

/// The L2 penalty for a table of few rows (so few that none is held out to choose the best epoch): of four, from a tenth
/// of the usual one to three times it, the one with the least loss on rows that were not trained on, in four folds.
/// Trained for no longer than is usual, however long the training itself will be. `None` where `setup` gives one, for
/// images, for more rows, which need little of it, and for networks of more than 100,000 parameters.
///
/// # Errors
/// As [`Setup::build`] and [`crate::fit`]; a training that diverges is no error, but does not win.
pub fn choose_l2(setup: &Setup, data: &Dataset) -> Result<Option<f64>, Error> {
    let rows = data.len();
    let is_small = (FOLDS * LEAST..).contains(&rows) && usual_validation(rows) == 0.0;
    if setup.l2.is_some() || data.image.is_some() || !is_small {
        return Ok(None);
    }
    if setup.build(data)?.parameters.len() > LARGEST {
        return Ok(None);
    }
    let usual = Setup { epochs: None, ..setup.clone() }.recipe(data).epochs;
    let setup = Setup { epochs: Some(setup.epochs.unwrap_or(usual).min(usual)), ..setup.clone() };
    let fold_of = data.split.folds(rows, data.labels(), FOLDS as u32, setup.seed);
    let tried = TRIED.map(|share| Setup { l2: Some(two_digits(share * usual_l2(rows))), ..setup.clone() });
    let mut losses: Vec<Result<f64, Error>> = (0..TRIED.len() * FOLDS).map(|_| Ok(f64::INFINITY)).collect();
    let workers = losses.len();
    for_each_chunk(&mut losses, 1, workers, &|_, piece, loss| {
        let found = in_fold(&tried[piece / FOLDS], data, &fold_of, (piece % FOLDS) as u32);
        loss[0] = found.map(|found| found.map_or(f64::INFINITY, |found| found.loss));
    });
    let losses: Vec<f64> = losses.into_iter().collect::<Result<_, _>>()?;
    let sums: Vec<f64> = losses.chunks(FOLDS).map(|losses| losses.iter().sum()).collect();
    // Of equals, the first.
    let best = (1..sums.len()).fold(0, |best, at| if sums[at] < sums[best] { at } else { best });
    Ok(tried[best].l2)
}

/// A round number, for it is a guess.
fn two_digits(number: f64) -> f64 {
    format!("{number:.1e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;
    use chainrule_data::{Matrix, Target, Values};
    use chainrule_kernels::team::with_threads;

    /// Rows of `columns` numbers, of which the value is made.
    fn data(rows: usize, columns: usize, value: impl Fn(&[f32], f64) -> f64) -> Dataset {
        let mut random = Stream::new(4, 1);
        let features: Vec<f32> = (0..rows * columns).map(|_| (random.unit() * 2.0 - 1.0) as f32).collect();
        let mut values = Vec::new();
        for row in features.chunks(columns) {
            values.push(value(row, random.unit() * 2.0 - 1.0) as f32);
        }
        let target = Target::value(values, "price");
        Dataset::new(Matrix::new(rows, columns, Values::Floats(features)), target, "houses")
    }

    #[test]
    fn noise_is_held_down_and_a_law_is_not() {
        let setup = Setup { epochs: Some(60), ..Setup::default() };
        let law = data(120, 2, |x, _| f64::from(4.0 * x[0] * x[1] + x[0] * x[0]));
        let noise = data(120, 20, |x, noise| f64::from(x[0]) + 2.0 * noise);
        let choose = |data: &Dataset| choose_l2(&setup, data).unwrap().unwrap();
        let usual = usual_l2(120);
        assert!(choose(&law) < 0.5 * usual, "{} of {usual}", choose(&law));
        assert!(choose(&noise) > 2.0 * usual, "{} of {usual}", choose(&noise));
        let alone = with_threads(1, || choose(&law));
        assert_eq!(with_threads(3, || choose(&law)).to_bits(), alone.to_bits());
    }

    #[test]
    fn what_is_given_or_many_or_few_is_left() {
        let quick = Setup { epochs: Some(1), hidden: Some(vec![2]), ..Setup::default() };
        let of = |setup: &Setup, rows| choose_l2(setup, &data(rows, 2, |x, _| f64::from(x[0]))).unwrap();
        assert_eq!(of(&Setup { l2: Some(0.5), ..quick.clone() }, 100), None);
        assert_eq!(of(&quick, 5000), None);
        assert_eq!(of(&quick, 10), None);
        assert_eq!(of(&Setup { hidden: Some(vec![300, 400]), ..quick.clone() }, 100), None);
        // So many epochs would never end.
        assert!(of(&Setup { epochs: Some(1_000_000_000), ..quick }, 100).is_some());
    }
}
