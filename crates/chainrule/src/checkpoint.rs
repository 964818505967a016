//! Checkpoints: a training that is cut off goes on later and ends in the same bits.
//!
//! A checkpoint is a model file (so that it can be used as one) with the optimiser's memory, the best weights so far,
//! and where the training stands beside the weights of its last step. It replaces the one before by a rename, so there is
//! always one that is whole. A locked file keeps a second run out of the folder.

use crate::course::Progress;
use crate::error::Error;
use crate::model::Model;
use crate::save::{Extra, with_cure, write_by_way_of};
use crate::step::Stepper;
use chainrule_engine::parse::plain;
use chainrule_kernels::Block;
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Where and how often the state of a training is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoints {
    /// The folder; it is made if need be. `last.safetensors` is the checkpoint, `best.safetensors` the model of the best
    /// epoch so far.
    pub folder: PathBuf,
    /// How often.
    pub every: Every,
    /// Whether to go on from a checkpoint that is there. If not, there must be none.
    pub resume: bool,
}

/// How often something is done in a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Every {
    /// After so many steps.
    Steps(usize),
    /// After so many epochs.
    Epochs(usize),
    /// When so much time has passed.
    Time(Duration),
}

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let amount = &text[..text.len() - unit.len()];
        let whole = || amount.parse::<usize>().ok().filter(|n| *n > 0);
        let seconds = |scale: f64| {
            let seconds = amount.parse::<f64>().ok()? * scale;
            Duration::try_from_secs_f64(seconds).ok().map(Self::Time)
        };
        let every = match unit.trim() {
            "step" | "steps" => whole().map(Self::Steps),
            "epoch" | "epochs" => whole().map(Self::Epochs),
            "s" => seconds(1.0),
            "m" | "min" => seconds(60.0),
            "h" => seconds(3600.0),
            _ => None,
        };
        every.ok_or_else(|| format!("`{}` is not a span: write it as in 1epoch, 500steps, 30s, 5m or 1h", plain(text)))
    }
}

/// What a checkpoint says beside the model.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Standing {
    progress: Progress,
    /// Steps that the optimiser has done.
    steps: i32,
    /// Words taken from the stream of dropout masks; a text, since JSON's numbers end earlier.
    dropout: String,
    /// Of the data that is learned from.
    fingerprint: String,
}

/// What the names of temporary files of checkpoints begin with. The lock says whose they are: those that are there when
/// a training begins were left by one that was killed.
const TEMPORARY: &str = ".checkpoint-";

const BEST: &str = "training.best";
/// The optimiser's memory, and the mean of the weights.
const MEMORY: [&str; 3] = ["training.memory.0", "training.memory.1", "training.average"];

/// Writes checkpoints into a folder that is locked while this lives.
pub(crate) struct Saver {
    checkpoints: Checkpoints,
    fingerprint: String,
    _lock: File,
    written: Instant,
    steps: usize,
    epochs: usize,
}

impl Saver {
    /// Makes and locks the folder. `fingerprint` tells the data from others.
    pub(crate) fn new(checkpoints: &Checkpoints, fingerprint: String) -> Result<Self, Error> {
        let folder = &checkpoints.folder;
        let failed = |e: std::io::Error| Error::File {
            path: folder.clone(),
            problem: format!("cannot hold checkpoints: {}", with_cure(&e)),
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join("lock")).map_err(failed)?;
        lock.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => Error::File {
                path: folder.clone(),
                problem: "another training writes its checkpoints here: wait for it, or give another folder".to_owned(),
            },
            TryLockError::Error(e) => failed(e),
        })?;
        let there = [last(folder), best(folder)].into_iter().find(|path| path.exists());
        if let Some(path) = there.filter(|_| !checkpoints.resume) {
            let problem = "is there already: --resume goes on from it, and another folder starts anew".to_owned();
            return Err(Error::File { path, problem });
        }
        remove_leftovers(folder).map_err(failed)?;
        Ok(Self {
            checkpoints: checkpoints.clone(),
            fingerprint,
            _lock: lock,
            written: Instant::now(),
            steps: 0,
            epochs: 0,
        })
    }

    /// Puts `model` and `stepper` where the checkpoint was written, if there is one, and says where the training stands,
    /// which is on so many rows, part by part.
    pub(crate) fn resume(
        &self,
        model: &mut Model,
        stepper: &mut Stepper,
        best: &mut Block<f32>,
        parts: &[usize],
    ) -> Result<Option<Progress>, Error> {
        self.check_best(model)?;
        let path = last(&self.checkpoints.folder);
        if !path.exists() {
            return Ok(None);
        }
        let unusable = |problem: String| unusable(&path, &problem);
        let bytes = std::fs::read(&path).map_err(|e| Error::File { path: path.clone(), problem: e.to_string() })?;
        let (there, training) = Model::from_bytes_with(&bytes).map_err(unusable)?;
        let Some((standing, extra)) = training else {
            return Err(unusable("it is a model, not a checkpoint".to_owned()));
        };
        let mut differences = model.differences(&there);
        if standing.fingerprint != self.fingerprint {
            differences.push("the data are not the same".to_owned());
        }
        check_same(&path, &differences)?;
        if standing.steps < 0 || !standing.progress.is_sound(&model.recipe, parts) {
            return Err(unusable("where the training stands is damaged: begin anew in another folder".to_owned()));
        }
        let take = |name: &str, block: &mut Block<f32>| match extra.iter().find(|(there, _)| there == name) {
            Some((_, numbers)) if numbers.len() == block.len() => {
                block.copy_from_slice(numbers);
                Ok(())
            }
            Some((_, numbers)) => Err(unusable(format!("`{name}` has {} numbers, not {}", numbers.len(), block.len()))),
            None if block.is_empty() => Ok(()),
            None => Err(unusable(format!("`{name}` is missing"))),
        };
        let dropout = standing.dropout.parse().map_err(|_| unusable("its place in the masks is damaged".to_owned()))?;
        take(BEST, best)?;
        let (_, steps, blocks) = stepper.parts(Some(dropout));
        *steps = standing.steps;
        for (name, block) in MEMORY.iter().zip(blocks) {
            take(name, block)?;
        }
        model.parameters.copy_from_slice(&there.parameters);
        Ok(Some(standing.progress))
    }

    /// The best model so far will be written over, so it has to be of this training.
    fn check_best(&self, model: &Model) -> Result<(), Error> {
        let path = best(&self.checkpoints.folder);
        if !path.exists() {
            return Ok(());
        }
        let there = Model::load(&path).map_err(|error| match error {
            Error::Model { path, problem } => unusable(&path, &problem),
            other => other,
        })?;
        check_same(&path, &model.differences(&there))
    }

    /// Counts a step, or the end of an epoch; whether a checkpoint is due.
    pub(crate) fn is_due(&mut self, epoch_ended: bool) -> bool {
        if epoch_ended {
            self.epochs += 1;
        } else {
            self.steps += 1;
        }
        match self.checkpoints.every {
            Every::Steps(count) => self.steps >= count,
            Every::Epochs(count) => self.epochs >= count,
            Every::Time(span) => self.written.elapsed() >= span,
        }
    }

    /// Writes the checkpoint.
    pub(crate) fn save(
        &mut self,
        model: &Model,
        stepper: &mut Stepper,
        best: &[f32],
        progress: &Progress,
    ) -> Result<(), Error> {
        let (dropout, steps, blocks) = stepper.parts(None);
        let standing = Standing {
            progress: progress.clone(),
            steps: *steps,
            dropout: dropout.to_string(),
            fingerprint: self.fingerprint.clone(),
        };
        let mut extra: Vec<Extra<'_>> = vec![(BEST.into(), best.into())];
        for (name, block) in MEMORY.iter().zip(blocks.iter()).filter(|(_, block)| !block.is_empty()) {
            extra.push(((*name).into(), (&***block).into()));
        }
        self.write(&last(&self.checkpoints.folder), &model.to_bytes_with(Some((&standing, &extra)))?)?;
        (self.written, self.steps, self.epochs) = (Instant::now(), 0, 0);
        Ok(())
    }

    /// Writes the best model so far.
    pub(crate) fn save_best(&self, model: &Model) -> Result<(), Error> {
        self.write(&best(&self.checkpoints.folder), &model.to_bytes()?)
    }

    /// Writes a file; if that fails, the error says what is left.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        write_by_way_of(TEMPORARY, path, bytes).map_err(|error| match error {
            Error::File { path, problem } if last(&self.checkpoints.folder).exists() => {
                let problem = format!("{problem}; the last checkpoint is whole, and --resume goes on from it");
                Error::File { path, problem }
            }
            other => other,
        })
    }
}

fn last(folder: &Path) -> PathBuf {
    folder.join("last.safetensors")
}

fn best(folder: &Path) -> PathBuf {
    folder.join("best.safetensors")
}

fn unusable(path: &Path, problem: &str) -> Error {
    let problem = format!("{problem}; give another folder, or remove the file if it is not needed");
    Error::Model { path: path.to_owned(), problem }
}

fn check_same(path: &Path, differences: &[String]) -> Result<(), Error> {
    match differences {
        [] => Ok(()),
        some => Err(unusable(path, &format!("it is of another training: {}", some.join("; ")))),
    }
}

/// Removes the temporary files of a training that was killed.
fn remove_leftovers(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
