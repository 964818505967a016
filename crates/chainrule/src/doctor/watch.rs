//! Gathers the evidence while a network learns.

use super::{Evidence, Facts, Failure, Probe, Unseen};
use crate::error::Error;
use crate::evaluate::Evaluation;
use crate::model::Model;
use crate::train::{Control, EpochReport, Observer, Outcome};
use chainrule_data::Dataset;

/// About how often a network is measured in the course of a training.
const MOST_LOOKS: usize = 40;

/// Gathers what [`diagnose`](super::diagnose) goes by, as an observer of the training.
///
/// ```
/// use chainrule::data::{Dataset, Matrix, Target, Values};
/// use chainrule::doctor::{self, Kind, Watch};
/// use chainrule::{Init, Setup, fit};
/// # fn main() -> Result<(), chainrule::Error> {
/// let x: Vec<f32> = (0..200).map(|row| (row as f32).sin()).collect();
/// let labels = x.chunks(2).map(|x| u32::from(x[0] > x[1])).collect();
/// let target = Target::Classes { labels, names: vec!["left".into(), "right".into()] };
/// let data = Dataset::new(Matrix::new(100, 2, Values::Floats(x)), target, "an example");
///
/// let setup = Setup { hidden: Some(vec![8]), init: Some("zeros".parse()?), epochs: Some(3), ..Setup::default() };
/// let mut model = setup.build(&data)?;
/// let (train, held_out) = model.recipe.split(&data);
/// let mut watch = Watch::new(&model, &data, [&train, &held_out], None)?;
/// let outcome = fit(&mut model, &data, &mut watch);
/// watch.end(outcome.as_ref(), None);
/// assert_eq!(doctor::diagnose(&watch.evidence)[0].kind, Kind::SymmetricWeights);
/// # Ok(())
/// # }
/// ```
pub struct Watch {
    /// What was measured so far.
    pub evidence: Evidence,
    probe: Probe,
    every: usize,
}

impl Watch {
    /// Looks at the data (the rows `train` and `held_out` of `data`, and the test data if there are some) and at the
    /// network before its first step.
    ///
    /// # Errors
    /// Data without rows or that does not fit the network.
    pub fn new(
        model: &Model,
        data: &Dataset,
        [train, held_out]: [&[u32]; 2],
        test: Option<&Dataset>,
    ) -> Result<Self, Error> {
        let facts = Facts::new(model, data, [train, held_out], test)?;
        let mut probe = Probe::new(model, data, train)?;
        let start = probe.measure(model, 0, &[])?;
        let recipe = &model.recipe;
        let evidence = Evidence {
            facts: Some(facts),
            vitals: vec![start],
            steps: train.len().div_ceil(recipe.batch_size.max(1)),
            ..Evidence::new(recipe.clone(), model.loss)
        };
        Ok(Self { every: recipe.epochs.div_ceil(MOST_LOOKS), evidence, probe })
    }

    /// Where the data that it looked at are an example of so many rows to train on.
    #[must_use]
    pub fn of_rows(mut self, rows: usize) -> Self {
        self.evidence.steps = rows.div_ceil(self.evidence.recipe.batch_size.max(1));
        if let Some(facts) = &mut self.evidence.facts {
            facts.rows = rows;
        }
        self
    }

    /// Takes over what was measured of the same training before a break.
    #[must_use]
    pub fn after(mut self, earlier: Option<Evidence>) -> Self {
        if let Some(earlier) = earlier.filter(|earlier| earlier.recipe == self.evidence.recipe) {
            self.evidence.vitals = earlier.vitals;
        }
        self
    }

    /// Notes how the training ended, and what the trained network makes of data that it was not trained on.
    pub fn end(&mut self, outcome: Result<&Outcome, &Error>, test: Option<&Evaluation>) {
        if let Err(Error::Diverged { epoch, step, node, rate, .. }) = outcome {
            self.evidence.failure = Some(Failure { epoch: *epoch, step: *step, node: node.clone(), rate: *rate });
        }
        if let Ok(outcome) = outcome {
            // Epochs before a break were not seen.
            self.evidence.history.clone_from(&outcome.history);
        }
        self.evidence.test = test.map(Unseen::new);
        self.evidence.ended = true;
    }
}

impl Observer for Watch {
    fn looks_at(&self, epoch: usize) -> bool {
        epoch == 1 || epoch.is_multiple_of(self.every) || epoch == self.evidence.recipe.epochs
    }

    fn on_network(&mut self, epoch: usize, model: &Model, before: &[f32]) {
        // What was measured before a break, but after the checkpoint, is measured again.
        self.evidence.vitals.retain(|vitals| vitals.epoch < epoch);
        // What could be measured at the beginning can be measured again.
        self.evidence.vitals.extend(self.probe.measure(model, epoch, before));
    }

    fn on_epoch(&mut self, epoch: &EpochReport) -> Control {
        self.evidence.history.push(epoch.clone());
        Control::Continue
    }
}
