//! What a doctor is shown of a training, and what it says.

use super::failed;
use crate::protocol::{Both, Failure, Finding};
use chainrule::data::Dataset;
use chainrule::doctor::{self, Evidence, Facts, Probe};
use chainrule::{EpochReport, Model, Scores};

/// The most looks that are kept; then every second one is left out.
const MOST_LOOKS: usize = 64;

/// From so many epochs and looks on, a training counts as long enough to say how it went.
const LONG: usize = 300;
const FEWEST_LOOKS: usize = 10;

/// Looks at a training from time to time.
pub(super) struct Looks {
    evidence: Evidence,
    probe: Probe,
    /// Steps of an epoch.
    steps: usize,
    /// Epochs between two looks, and the epoch of the next one.
    every: usize,
    next: usize,
    /// What was found at the last one.
    findings: Vec<Finding>,
}

impl Looks {
    /// Looks at the data, and at the network before its first step.
    pub(super) fn new(model: &Model, train: &Dataset, test: &Dataset) -> Result<Self, Failure> {
        let rows: Vec<u32> = (0..train.len() as u32).collect();
        let test = (!test.is_empty()).then_some(test);
        let mut probe = Probe::new(model, train, &rows).map_err(failed)?;
        let steps = rows.len().div_ceil(model.recipe.batch_size);
        let evidence = Evidence {
            facts: Some(Facts::new(model, train, [&rows, &[]], test).map_err(failed)?),
            vitals: vec![probe.measure(model, 0, &[]).map_err(failed)?],
            steps,
            ..Evidence::new(model.recipe.clone(), model.loss)
        };
        let mut looks = Self { evidence, probe, steps, every: 1, next: 1, findings: Vec::new() };
        looks.diagnose();
        Ok(looks)
    }

    /// Looks at the network after so many epochs, if it is time; `before` are its parameters before the last step.
    pub(super) fn look(
        &mut self,
        model: &Model,
        epoch: usize,
        before: &[f32],
        loss: Both,
        accuracy: Both,
    ) -> Result<(), Failure> {
        if epoch < self.next {
            return Ok(());
        }
        let scores = |loss: f64, accuracy: f64| Scores { loss, accuracy: Some(accuracy), rmse: None };
        self.evidence.vitals.push(self.probe.measure(model, epoch, before).map_err(failed)?);
        self.evidence.history.push(EpochReport {
            epoch,
            epochs: LONG.max(epoch),
            learning_rate: self.evidence.recipe.learning_rate,
            train: scores(loss.train, accuracy.train),
            validation: loss.test.is_finite().then(|| scores(loss.test, accuracy.test)),
            best: false,
            seconds: 0.0,
            samples_per_second: 0.0,
        });
        if self.evidence.history.len() >= MOST_LOOKS {
            self.thin_out();
        }
        self.next = epoch + self.every;
        let looks = self.evidence.history.len();
        self.evidence.ended = epoch >= LONG && looks >= FEWEST_LOOKS;
        self.evidence.steps = self.steps * epoch.div_ceil(looks.max(1));
        self.diagnose();
        Ok(())
    }

    /// Another learning rate is trained with from now on.
    pub(super) fn set_rate(&mut self, rate: f64) {
        self.evidence.recipe.learning_rate = rate;
    }

    /// The loss was no number at a step, counted from 1.
    pub(super) fn diverged(&mut self, step: usize) {
        let (epoch, step) = ((step - 1) / self.steps + 1, (step - 1) % self.steps + 1);
        let rate = self.evidence.recipe.learning_rate;
        self.evidence.failure = Some(doctor::Failure { epoch, step, node: None, rate });
        self.diagnose();
    }

    /// What was found, causes before what follows from them.
    pub(super) fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }

    fn diagnose(&mut self) {
        let shown = |found: doctor::Finding| Finding {
            kind: found.kind.name(),
            title: found.title,
            evidence: found.evidence,
            cure: found.cure,
        };
        self.findings = doctor::diagnose(&self.evidence).into_iter().map(shown).collect();
    }

    /// Leaves out every second look; the one before the first step stays.
    fn thin_out(&mut self) {
        let mut at = 0;
        let mut is_odd = move || {
            at += 1;
            at % 2 == 1
        };
        let mut history = is_odd;
        self.evidence.history.retain(|_| history());
        self.evidence.vitals.retain(|_| is_odd());
        self.every *= 2;
    }
}
