//! `chainrule doctor`: why a network does not learn, from what its training measured, or on data.

use crate::Usage;
use crate::args::{FormArgs, ModelAndData};
use crate::input::model_and_data;
use crate::output::{DIM, HEADING, WARNING, say};
use anyhow::{Context, Result, bail};
use chainrule::doctor::{Evidence, Facts, Finding, Kind, Probe, Unseen, Watch, diagnose};
use chainrule::engine::parse::plain;
use chainrule::{Control, EpochReport, Error, Evaluation, Model, Observer, Outcome, evaluate, with_threads};
use clap::Args as ClapArgs;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "Examples:
  chainrule train houses.csv --target price --run runs/1
  chainrule doctor runs/1
  chainrule doctor model.safetensors new-houses.csv
  chainrule doctor runs/1 --json

What it knows: weights that begin alike, inputs of the wrong scale, a column that tells the
target, test rows that stand in the training data, values that are not finite, exploding and
vanishing gradients, saturated activations, dead neurons, a learning rate too high or too low, too
much regularisation, rare classes that are not found, shuffled targets, too few rows, overfitting,
underfitting.";

#[derive(ClapArgs, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// The folder of a run (made by train --run), or a model file
    subject: PathBuf,
    /// For a model file: data to measure it on
    data: Option<PathBuf>,
    /// Which part of a folder of IDX files, or of one with the folders train and test
    #[arg(long, default_value = "test", value_parser = ["test", "train"])]
    part: String,
    #[command(flatten)]
    form: FormArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The file of a run with what was measured.
pub(crate) const FILE: &str = "doctor.json";

/// The largest such file that is read.
const MOST_BYTES: u64 = 256 << 20;

pub(crate) fn run(args: DoctorArgs) -> Result<()> {
    let DoctorArgs { subject, data, part, form, json } = args;
    let evidence = match data {
        Some(_) if subject.is_dir() => {
            bail!(Usage("a run was measured on its own data: leave out DATA, or name a model file".to_owned()))
        }
        Some(data) => measure(&ModelAndData { model: subject, data, part, form })?,
        None if subject.is_dir() => read(&subject)?,
        None if !subject.exists() => bail!("there is no {}; check the path", subject.display()),
        None => bail!(Usage(format!("say on which data to measure: chainrule doctor {} DATA", subject.display()))),
    };
    let findings = diagnose(&evidence);
    if json {
        say!("{}", json!({"findings": findings, "evidence": evidence}));
        return Ok(());
    }
    findings.iter().for_each(print);
    if findings.is_empty() {
        let (looks, epochs) = (evidence.vitals.len(), evidence.history.len());
        say!("nothing is wrong, as far as was measured ({looks} times, over {epochs} epochs)");
    }
    Ok(())
}

/// What was measured of the run in a folder.
pub(crate) fn read(folder: &Path) -> Result<Evidence> {
    let path = &folder.join(FILE);
    let failed = || format!("{} cannot be read: name the folder of a run made by train --run", path.display());
    let about = std::fs::metadata(path).with_context(failed)?;
    if !about.is_file() {
        bail!("{} is no file", path.display());
    }
    let (file, length) = (File::open(path).with_context(failed)?, about.len());
    if length > MOST_BYTES {
        bail!("{} has {length} bytes, and at most {MOST_BYTES} are read", path.display());
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).with_context(failed)?;
    let written: Value = serde_json::from_str(&text).with_context(failed)?;
    let wrong = || format!("{} is not what train --run writes", path.display());
    serde_json::from_value(written.get("evidence").cloned().unwrap_or_default()).with_context(wrong)
}

/// A trained model on data: its activations and gradients, its scores, and the data themselves.
fn measure(args: &ModelAndData) -> Result<Evidence> {
    let (model, data, _) = model_and_data(args)?;
    let rows: Vec<u32> = (0..data.len() as u32).collect();
    with_threads(0, || {
        let evaluation = evaluate(&model, &data)?;
        let vitals = Probe::new(&model, &data, &rows)?.measure(&model, model.recipe.epochs, &[])?;
        Ok(Evidence {
            facts: Some(Facts::new(&model, &data, [&rows, &[]], None)?),
            vitals: vec![vitals],
            test: Some(Unseen::new(&evaluation)),
            ended: true,
            ..Evidence::new(model.recipe.clone(), model.loss)
        })
    })
}

fn print(finding: &Finding) {
    let Finding { kind, title, evidence, .. } = finding;
    say!("{WARNING}{kind}{WARNING:#}  {HEADING}{}{HEADING:#}", plain(title));
    say!("    {}", plain(evidence));
    say!("    {DIM}cure:{DIM:#} {}", plain(&finding.command()));
}

/// Watches a training, and tells what it finds as soon as it does.
pub(crate) struct Doctor {
    watch: Watch,
    json: bool,
    told: Vec<Kind>,
}

impl Doctor {
    pub(crate) fn new(watch: Watch, json: bool) -> Self {
        Self { watch, json, told: Vec::new() }
    }

    /// All that was measured so far.
    pub(crate) fn evidence(&self) -> &Evidence {
        &self.watch.evidence
    }

    /// What was measured and found, for a file.
    pub(crate) fn record(&self) -> Value {
        json!({"findings": diagnose(self.evidence()), "evidence": self.evidence()})
    }

    /// Prints what was not found before.
    pub(crate) fn tell(&mut self) {
        for finding in diagnose(&self.watch.evidence) {
            if self.told.contains(&finding.kind) {
                continue;
            }
            self.told.push(finding.kind);
            if self.json {
                say!("{}", json!({"event": "finding", "finding": finding}));
            } else {
                print(&finding);
            }
        }
    }

    pub(crate) fn end(&mut self, outcome: Result<&Outcome, &Error>, test: Option<&Evaluation>) {
        self.watch.end(outcome, test);
    }
}

impl Observer for Doctor {
    fn looks_at(&self, epoch: usize) -> bool {
        self.watch.looks_at(epoch)
    }

    fn on_network(&mut self, epoch: usize, model: &Model, before: &[f32]) {
        self.watch.on_network(epoch, model, before);
    }

    fn on_epoch(&mut self, epoch: &EpochReport) -> Control {
        self.watch.on_epoch(epoch)
    }
}
