//! Finding a learning rate by trying ever larger ones (Smith, "Cyclical Learning Rates for Training Neural Networks", 2017,
//! section 3.3).

use crate::error::Error;
use crate::evaluate::Tally;
use crate::model::Model;
use crate::train::Trainer;
use chainrule_data::{Dataset, shuffle};
use serde::Serialize;

/// The rates that are tried: from, to, and in how many steps.
const LEAST: f64 = 1e-6;
const MOST: f64 = 10.0;
const STEPS: usize = 120;

/// The share of what was before in the smoothed loss.
const SMOOTHING: f64 = 0.9;

/// How much larger than its least the smoothed loss may become before no larger rate is tried.
const DIVERGED: f64 = 4.0;

/// What one rate did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RateTried {
    /// The learning rate.
    pub rate: f64,
    /// The loss of the batch before the step, smoothed over the steps before it.
    pub loss: f64,
}

/// The rates that were tried, and the one that they speak for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RateSearch {
    /// Rates in ascending order.
    pub tried: Vec<RateTried>,
    /// A tenth of the rate with the least loss: there, the loss still falls fast, and it does not diverge soon.
    pub suggestion: f64,
}

/// Trains a copy of `model` on batches of `data` with a rate that grows in each step, from 10⁻⁶ to 10, until the loss is
/// four times its least.
///
/// # Errors
/// Data that does not fit the network; a loss that is not finite at the smallest rates.
pub fn find_rate(model: &Model, data: &Dataset) -> Result<RateSearch, Error> {
    model.check_fits(data)?;
    let mut model = model.clone();
    let (mut rows, _) = model.recipe.split(data);
    let (batch, seed) = (model.recipe.batch_size.clamp(1, rows.len().max(1)), model.recipe.seed);
    let mut trainer = Trainer::new(&mut model)?;
    let (mut tried, mut smoothed, mut least): (Vec<RateTried>, f64, f64) = (Vec::new(), 0.0, f64::INFINITY);
    let (mut next, mut epoch) = (rows.len(), 0);
    for step in 0..STEPS {
        if next + batch > rows.len() {
            epoch += 1;
            shuffle(&mut rows, seed, epoch);
            next = 0;
        }
        let rate = LEAST * (MOST / LEAST).powf(step as f64 / (STEPS - 1) as f64);
        let mut tally = Tally::default();
        let moved = trainer.step(data, &rows[next..next + batch], rate, &mut tally)?;
        next += batch;
        if !moved {
            break;
        }
        smoothed = SMOOTHING * smoothed + (1.0 - SMOOTHING) * tally.scores().loss;
        // Of few steps, the mean of those that there were.
        let loss = smoothed / (1.0 - SMOOTHING.powi(step as i32 + 1));
        tried.push(RateTried { rate, loss });
        least = least.min(loss);
        if loss > DIVERGED * least {
            break;
        }
    }
    let best = tried.iter().min_by(|a, b| a.loss.total_cmp(&b.loss)).ok_or_else(|| {
        Error::Settings(vec!["the loss is not finite even at the smallest rate: check the scale of the inputs".into()])
    })?;
    let suggestion = best.rate / 10.0;
    Ok(RateSearch { tried, suggestion })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Setup;
    use chainrule_data::{Matrix, Target, Values};

    /// y = 3x on points from −1 to 1.
    fn line() -> Dataset {
        let x: Vec<f32> = (0..200).map(|i| (i * 37 % 200) as f32 / 100.0 - 1.0).collect();
        let values = x.iter().map(|x| 3.0 * x).collect();
        Dataset::new(Matrix::new(200, 1, Values::Floats(x)), Target::value(values, "y"), "line")
    }

    fn search(optimizer: &str, hidden: Vec<usize>) -> RateSearch {
        let optimizer = Some(optimizer.parse().unwrap());
        let setup = Setup { optimizer, hidden: Some(hidden), l2: Some(0.0), batch_size: Some(200), ..Setup::default() };
        find_rate(&setup.build(&line()).unwrap(), &line()).unwrap()
    }

    /// Plain descent on the mean square of a line through standardised points, whose second derivative is 2, diverges
    /// from a rate of 1 on: not before, and soon after, as what is left of the error has to grow again.
    #[test]
    fn the_border_of_plain_descent_is_found() {
        let RateSearch { tried, suggestion } = search("sgd", vec![]);
        let last = tried.last().unwrap().rate;
        assert!((1.0..MOST).contains(&last), "it ends at {last}");
        assert!((0.05..1.0).contains(&suggestion), "{suggestion}");
        assert!(tried.windows(2).all(|pair| pair[0].rate < pair[1].rate));
    }

    #[test]
    fn the_suggestion_trains_and_the_model_is_left_as_it_is() {
        let suggestion = search("adam", vec![16]).suggestion;
        assert!((1e-4..1.0).contains(&suggestion), "{suggestion}");
        let setup = Setup { learning_rate: Some(suggestion), epochs: Some(60), ..Setup::default() };
        let mut model = setup.build(&line()).unwrap();
        let before = model.clone();
        find_rate(&model, &line()).unwrap();
        assert_eq!(model, before);
        crate::fit(&mut model, &line(), &mut ()).unwrap();
        assert!(crate::evaluate(&model, &line()).unwrap().metrics.values().unwrap().r2.unwrap() > 0.99);
    }
}
