//! The folder of a run: what was asked for, what came of it, and where.

use crate::doctor::{self, Doctor};
use crate::events::Events;
use crate::output::{count, note};
use anyhow::{Context, Result, bail};
use chainrule::{EpochReport, Model, Scores, check_writable, write_atomically};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Writes the files of a run. Epochs are written as they end, so that a run that is cut off has them.
pub(crate) struct Record {
    folder: PathBuf,
    config: Value,
    /// What epochs are written to; none before the training begins, nor after something could not be written: the
    /// training goes on without.
    curves: Option<Curves>,
}

struct Curves {
    lines: File,
    table: File,
    events: Events,
}

/// What was asked for.
const CONFIG: &str = "config.json";

const COLUMNS: &str = "epoch,learning_rate,train_loss,train_accuracy,train_rmse,validation_loss,validation_accuracy,\
                       validation_rmse,best,seconds,samples_per_second\n";

impl Record {
    /// A run in `folder`, which is made; it must be empty, unless the run goes on from a checkpoint. Nothing is written yet.
    pub(crate) fn new(folder: &Path, start: &Value, goes_on: bool) -> Result<Self> {
        let failed = || format!("the folder of the run, {}, cannot be written to", folder.display());
        std::fs::create_dir_all(folder).with_context(failed)?;
        let files = std::fs::read_dir(folder).with_context(failed)?.count();
        if files > 0 && !goes_on {
            bail!(
                "the folder of the run, {}, has {} files in it already: give one that is new or empty",
                folder.display(),
                count(files)
            );
        }
        let command: Vec<String> = std::env::args().collect();
        let config = json!({"command": command, "start": start});
        check_writable(&folder.join(CONFIG))?;
        Ok(Self { folder: folder.to_owned(), config, curves: None })
    }

    /// The training begins: what it is, and on what.
    pub(crate) fn begin(&mut self) {
        match self.try_begin() {
            Ok(curves) => self.curves = Some(curves),
            Err(cause) => self.fail(&cause),
        }
    }

    fn try_begin(&self) -> Result<Curves> {
        write_json(&self.folder.join(CONFIG), &self.config)?;
        write_json(&self.folder.join("environment.json"), &environment())?;
        let open = |name: &str| OpenOptions::new().create(true).append(true).open(self.folder.join(name));
        let (lines, mut table) = (open("metrics.jsonl")?, open("metrics.csv")?);
        if table.metadata()?.len() == 0 {
            table.write_all(COLUMNS.as_bytes())?;
        }
        Ok(Curves { lines, table, events: Events::create(&self.folder)? })
    }

    /// Writes an epoch.
    pub(crate) fn epoch(&mut self, epoch: &EpochReport) {
        let Some(curves) = &mut self.curves else { return };
        if let Err(cause) = curves.epoch(epoch) {
            self.curves = None;
            self.fail(&cause.into());
        }
    }

    fn fail(&self, cause: &anyhow::Error) {
        note!("note: {} is no longer written to: {cause:#}", self.folder.display());
    }

    /// Writes what was measured, and what came of it if it ended well: the model and the scores.
    pub(crate) fn end(&self, doctor: &Doctor, came: Option<(&Model, &Value)>) -> Result<()> {
        write_json(&self.folder.join(doctor::FILE), &doctor.record())?;
        let Some((model, result)) = came else { return Ok(()) };
        model.save(&self.folder.join("model.safetensors"))?;
        write_json(&self.folder.join("result.json"), result)
    }
}

impl Curves {
    fn epoch(&mut self, e: &EpochReport) -> std::io::Result<()> {
        writeln!(self.lines, "{}", json!(e))?;
        let cell = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let scores = |s: Option<&Scores>| {
            let of = |pick: fn(&Scores) -> Option<f64>| cell(s.and_then(pick));
            format!("{},{},{}", of(|s| Some(s.loss)), of(|s| s.accuracy), of(|s| s.rmse))
        };
        let (train, validation) = (scores(Some(&e.train)), scores(e.validation.as_ref()));
        let (rate, best, seconds, speed) = (e.learning_rate, e.best, e.seconds, e.samples_per_second);
        writeln!(self.table, "{},{rate},{train},{validation},{best},{seconds},{speed}", e.epoch)?;
        let mut values = vec![("learning_rate".to_owned(), rate), ("samples_per_second".to_owned(), speed)];
        let parts = [("train", Some(&e.train)), ("validation", e.validation.as_ref())];
        for (part, scores) in parts.into_iter().filter_map(|(part, scores)| Some((part, scores?))) {
            let named = [("loss", Some(scores.loss)), ("accuracy", scores.accuracy), ("rmse", scores.rmse)];
            values.extend(named.into_iter().filter_map(|(name, value)| Some((format!("{name}/{part}"), value?))));
        }
        self.events.scalars(e.epoch as u64, &values)
    }
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    Ok(write_atomically(path, format!("{value:#}\n").as_bytes())?)
}

/// On what the run was done.
fn environment() -> Value {
    let processor = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let begun = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "system": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "processor": processor,
        "threads": std::thread::available_parallelism().map_or(1, usize::from),
        "begun": begun,
    })
}
