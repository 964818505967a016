//! Tables larger than memory: read twice, encoded into a file, and learned from part by part.
//!
//! The first reading keeps a sample of the rows, as large as the bound of memory allows; kinds and encoder are learned
//! from it. The second one encodes the rows and writes them into a file. A row's number and the seed alone decide whether
//! it is trained on or held out, and at most as many are held out as the bound has room for.

mod file;
mod survey;

use std::path::Path;

pub use file::{Fingerprint, Stored};

use crate::{
    DataError, Dataset, Encoder, Kinds, ReadOptions, SampleOptions, Target, read_chunks, samples::check_rows, target,
    weights,
};
use file::{Writer, row_bytes};
use survey::{Part, Survey};

/// The least bound of memory that is kept to, in bytes.
pub const LEAST_MEMORY: u64 = 64 << 20;

/// The shares of the bound: of the sample, of the rows held out for each purpose, of an example, of each of two parts.
const SAMPLE_SHARE: u64 = 10;
const HELD_OUT_SHARE: u64 = 16;
const PART_SHARE: u64 = 10;

/// The bytes of features that are encoded at a time.
const ENCODED_BYTES: usize = 2 << 20;

/// A table made ready for training, most of it in a file.
#[derive(Debug)]
pub struct StoredSamples {
    /// What the columns are, by a sample of the rows.
    pub kinds: Kinds,
    /// How they become features.
    pub encoder: Encoder,
    /// A sample of the rows to train on.
    pub example: Dataset,
    /// The rows to train on.
    pub train: Stored,
    /// The rows to choose the best epoch on.
    pub validation: Dataset,
    /// The rows to test on, if any are held out.
    pub test: Option<Dataset>,
    /// Rows that were left out because they have no target.
    pub without_target: usize,
}

impl SampleOptions {
    /// Reads files as one table within about `memory` bytes of memory, of which the program takes a part too; the encoded
    /// rows to train on go into a file in `folder` that has no name and is gone with the program.
    ///
    /// # Errors
    ///
    /// As [`SampleOptions::read`]; standard input, which cannot be read twice; rows to be held out by time, which would
    /// have to be sorted; a full disk.
    pub fn read_stored<P: AsRef<Path>>(
        &self,
        paths: &[P],
        memory: u64,
        folder: &Path,
    ) -> Result<StoredSamples, DataError> {
        let survey = Survey::take(self, paths, memory / SAMPLE_SHARE)?;
        check_rows(&survey.sample, survey.sample.rows())?;
        let all: Vec<u32> = (0..survey.sample.rows() as u32).collect();
        let roles = self.roles();
        let kinds = Kinds::infer(&survey.sample, &all, &roles, &survey.read)?;
        let encoder = Encoder::fit(&survey.sample, &all, &kinds, &self.levels)?;
        let target = survey.target(self)?;
        let source = paths.first().map(|path| path.as_ref().display().to_string()).unwrap_or_default();
        let none = Dataset {
            weights: survey.is_weighted().then(Vec::new),
            ..encoder.dataset(&survey.sample, &[], Some(target.select(&[])), &source)?
        };
        let classes = if let Target::Classes { names, .. } = &target { names.len() } else { 1 };
        let held_out = |share| memory / share / (row_bytes(&none) + size_of::<f64>() * (classes + 1)) as u64;
        let fits = (held_out(HELD_OUT_SHARE) as usize).max(1);
        let example = &all[..fits.min(all.len())];
        let example = encoder.dataset(&survey.sample, example, Some(target.select(example)), &source)?;
        let draw = survey.draw.with_at_most(fits, survey.rows);
        let class_weights = self.class_weights.of(&target, &survey.counts(&target), &survey.sample)?;
        let class_weights = survey.class_weights(class_weights, &target);
        let without_target = survey.without_target;
        drop(survey.sample);

        let mut writer = Writer::new(folder, none.clone(), (memory / PART_SHARE) as usize)?;
        let unweighted = Dataset { weights: None, ..none.clone() };
        let (mut validation, mut test) = (none, unweighted);
        let known = match &target {
            Target::Classes { names, .. } => Some((self.targets.as_slice(), Some(names.as_slice()))),
            Target::Values { .. } => Some((self.targets.as_slice(), None)),
        };
        let mut read = ReadOptions { form: self.read.form.clone(), ..encoder.read_options() };
        target::ask_known(&mut read, known);
        read.numeric.extend(self.weight.clone());
        read.also.extend(self.weight.iter().chain(self.split.column()).cloned());
        let at_once = (ENCODED_BYTES / row_bytes(&validation)).max(1);
        let mut before = 0;
        for chunk in read_chunks(paths, &read)? {
            let chunk = chunk?;
            let rows = chunk.rows_with_values(&self.targets)?;
            let parts = draw.parts(&chunk, &rows, before)?;
            before += chunk.rows() as u64;
            if rows.is_empty() {
                continue;
            }
            let frame = if rows.len() == chunk.rows() { chunk } else { chunk.select(&rows) };
            let target = target::read_if_there(&frame, known)?.expect("the target was there in the first reading");
            if self.positive {
                target::check_positive(&frame, &target)?;
            }
            let weights = self.weight.as_ref().map(|name| weights::column(&frame, name)).transpose()?;
            for (part, into) in
                [(Part::Train, None), (Part::Validation, Some(&mut validation)), (Part::Test, Some(&mut test))]
            {
                let chosen: Vec<u32> = (0..frame.rows() as u32).filter(|&row| parts[row as usize] == part).collect();
                let mut into = into;
                for rows in chosen.chunks(at_once) {
                    let mut data = encoder.dataset(&frame, rows, Some(target.select(rows)), &source)?;
                    if part != Part::Test {
                        data.weights = class_weights.of_rows(rows, weights.as_deref(), target.labels());
                    }
                    match &mut into {
                        Some(into) => into.append(&data),
                        None => writer.push(&data)?,
                    }
                }
            }
        }
        let train = writer.finish()?;
        let test = (!test.is_empty()).then_some(test);
        Ok(StoredSamples { kinds, encoder, example, train, validation, test, without_target })
    }
}
