//! Encoded samples in a file, block by block.

use std::{
    fmt,
    fs::File,
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

use crate::{DataError, Dataset, Matrix, Target, Values};

/// The bytes of a block, as near as whole rows allow: what a disk reads well at once.
const BLOCK_BYTES: usize = 1 << 18;

/// Samples in a file that is gone when this is dropped.
///
/// The file is a row of blocks. A block has the features of its rows, row after row, then their targets, then their
/// weights if they have any; every number takes four bytes.
#[derive(Debug)]
pub struct Stored {
    file: Mutex<File>,
    /// Where the file is, for messages.
    folder: PathBuf,
    rows: usize,
    block_rows: usize,
    at_once: usize,
    /// The dataset without its rows.
    none: Dataset,
    fingerprint: String,
}

impl Stored {
    /// The number of samples.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of blocks.
    pub fn blocks(&self) -> usize {
        self.rows.div_ceil(self.block_rows)
    }

    /// The number of samples in a block; only the last one has fewer than the others.
    pub fn rows_of(&self, block: u32) -> usize {
        (self.rows - block as usize * self.block_rows).min(self.block_rows)
    }

    /// How many blocks the bound of memory has room for.
    pub fn blocks_at_once(&self) -> usize {
        self.at_once
    }

    /// A dataset like the samples, but with none of them.
    pub fn none(&self) -> Dataset {
        self.none.clone()
    }

    /// A text that other samples have not, but by a rare chance.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    /// Puts the samples of these blocks in `room`, in place of what it has; its memory is used again.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    ///
    /// # Panics
    ///
    /// If a block is not there, or `room` is not like [`Stored::none`].
    pub fn read(&self, blocks: &[u32], room: &mut Dataset) -> Result<(), DataError> {
        let rows: usize = blocks.iter().map(|&block| self.rows_of(block)).sum();
        let cols = self.none.columns();
        let empty = Matrix::new(0, cols, Values::Floats(Vec::new()));
        let Values::Floats(mut features) = std::mem::replace(&mut room.features, empty).into_values() else {
            unreachable!("stored samples are floats")
        };
        features.resize(rows * cols, 0.0);
        let width = room.target.as_ref().map_or(0, Target::width);
        let (mut labels, mut values): (&mut [u32], &mut [f32]) = (&mut [], &mut []);
        match &mut room.target {
            Some(Target::Classes { labels: of_rows, .. }) => {
                of_rows.resize(rows, 0);
                labels = of_rows;
            }
            Some(Target::Values { values: of_rows, .. }) => {
                of_rows.resize(rows * width, 0.0);
                values = of_rows;
            }
            None => unreachable!("stored samples have a target"),
        }
        if let Some(weights) = &mut room.weights {
            weights.resize(rows, 0.0);
        }
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut first = 0;
        for &block in blocks {
            let count = self.rows_of(block);
            let end = first + count;
            let mut read = || {
                file.seek(SeekFrom::Start((block as usize * self.block_rows * self.row_bytes()) as u64))?;
                file.read_exact(bytemuck::cast_slice_mut(&mut features[first * cols..end * cols]))?;
                if labels.is_empty() {
                    file.read_exact(bytemuck::cast_slice_mut(&mut values[first * width..end * width]))?;
                } else {
                    file.read_exact(bytemuck::cast_slice_mut(&mut labels[first..end]))?;
                }
                match &mut room.weights {
                    Some(weights) => file.read_exact(bytemuck::cast_slice_mut(&mut weights[first..end])),
                    None => Ok(()),
                }
            };
            read().map_err(|cause| DataError::Scratch { folder: self.folder.clone(), cause })?;
            first = end;
        }
        room.features = Matrix::new(rows, cols, Values::Floats(features));
        Ok(())
    }

    fn row_bytes(&self) -> usize {
        row_bytes(&self.none)
    }
}

/// The bytes of a sample with such features, a target and perhaps a weight.
pub(super) fn row_bytes(data: &Dataset) -> usize {
    let width = data.target.as_ref().map_or(0, Target::width);
    size_of::<f32>() * (data.columns() + width + usize::from(data.weights.is_some()))
}

/// Writes samples into a file.
pub(super) struct Writer {
    file: BufWriter<File>,
    folder: PathBuf,
    rows: usize,
    block_rows: usize,
    at_once: usize,
    none: Dataset,
    /// Rows that do not fill a block yet.
    pending: Dataset,
    fingerprint: Fingerprint,
}

impl Writer {
    /// A file in `folder` for samples like those of `none`, which has no rows, to be read in parts of at most `bytes`.
    pub(super) fn new(folder: &Path, none: Dataset, bytes: usize) -> Result<Self, DataError> {
        let file = tempfile::tempfile_in(folder)
            .map_err(|cause| DataError::Scratch { folder: folder.to_path_buf(), cause })?;
        let per_row = row_bytes(&none);
        let most = (bytes / per_row).max(1);
        // Powers of two, so that parts are multiples of the usual batch sizes.
        let block_rows = previous_power_of_two((BLOCK_BYTES / per_row).clamp(1, most));
        Ok(Self {
            file: BufWriter::with_capacity(BLOCK_BYTES, file),
            folder: folder.to_path_buf(),
            rows: 0,
            block_rows,
            at_once: most / block_rows,
            pending: none.clone(),
            none,
            fingerprint: Fingerprint::default(),
        })
    }

    /// Adds samples.
    pub(super) fn push(&mut self, more: &Dataset) -> Result<(), DataError> {
        self.pending.append(more);
        let whole = self.pending.len() / self.block_rows * self.block_rows;
        let rows: Vec<u32> = (0..self.pending.len() as u32).collect();
        for block in rows[..whole].chunks(self.block_rows) {
            self.write(&self.pending.select(block))?;
        }
        if whole > 0 {
            self.pending = self.pending.select(&rows[whole..]);
        }
        Ok(())
    }

    fn write(&mut self, block: &Dataset) -> Result<(), DataError> {
        let Values::Floats(features) = block.features.values() else { unreachable!("encoded samples are floats") };
        let targets: &[u8] = match &block.target {
            Some(Target::Classes { labels, .. }) => bytemuck::cast_slice(labels),
            Some(Target::Values { values, .. }) => bytemuck::cast_slice(values),
            None => unreachable!("samples to train on have a target"),
        };
        let weights = block.weights.as_deref().unwrap_or_default();
        for bytes in [bytemuck::cast_slice(features), targets, bytemuck::cast_slice(weights)] {
            self.file.write_all(bytes).map_err(|cause| DataError::Scratch { folder: self.folder.clone(), cause })?;
            self.fingerprint.add_bytes(bytes);
        }
        self.rows += block.len();
        Ok(())
    }

    /// The file, with the last block.
    pub(super) fn finish(mut self) -> Result<Stored, DataError> {
        let last = std::mem::replace(&mut self.pending, self.none.clone());
        if !last.is_empty() {
            self.write(&last)?;
        }
        let failed = |cause| DataError::Scratch { folder: self.folder.clone(), cause };
        let file = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        Ok(Stored {
            file: Mutex::new(file),
            folder: self.folder,
            rows: self.rows,
            block_rows: self.block_rows,
            at_once: self.at_once,
            none: self.none,
            fingerprint: self.fingerprint.to_string(),
        })
    }
}

fn previous_power_of_two(number: usize) -> usize {
    1 << number.ilog2()
}

/// A number made from numbers, in which a change of one of them shows: FNV-1a over words of 32 bits.
#[derive(Clone, Debug)]
pub struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Fingerprint {
    /// Adds numbers.
    pub fn add(&mut self, numbers: &[f32]) {
        self.add_bytes(bytemuck::cast_slice(numbers));
    }

    fn add_bytes(&mut self, bytes: &[u8]) {
        for word in bytes.chunks_exact(4) {
            let word = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
            self.0 = (self.0 ^ u64::from(word)).wrapping_mul(0x100_0000_01B3);
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Split;

    /// Samples numbered from `first`: every number tells where it belongs.
    fn samples(first: usize, rows: usize, cols: usize, weighted: bool, classes: bool) -> Dataset {
        let numbers = (first * cols..(first + rows) * cols).map(|n| n as f32).collect();
        let range = first..first + rows;
        Dataset {
            features: Matrix::new(rows, cols, Values::Floats(numbers)),
            feature_names: Vec::new(),
            target: Some(if classes {
                Target::Classes { labels: range.clone().map(|n| n as u32).collect(), names: Vec::new() }
            } else {
                Target::value(range.clone().map(|n| n as f32).collect(), "")
            }),
            weights: weighted.then(|| range.map(|n| n as f32 / 2.0).collect()),
            split: Split::Rows,
            image: None,
            source: String::new(),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            pieces in prop::collection::vec(0usize..400, 1..6), cols in 1usize..40, weighted: bool, classes: bool,
            bytes in 1usize..100_000,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let none = samples(0, 0, cols, weighted, classes);
            let mut writer = Writer::new(folder.path(), none.clone(), bytes).unwrap();
            let mut rows = 0;
            for piece in pieces {
                writer.push(&samples(rows, piece, cols, weighted, classes)).unwrap();
                rows += piece;
            }
            let stored = writer.finish().unwrap();
            prop_assert_eq!(stored.rows(), rows);
            prop_assert!(stored.blocks_at_once() >= 1);
            // Every second block, from the last to the first.
            let blocks: Vec<u32> = (0..stored.blocks() as u32).rev().step_by(2).collect();
            let mut room = stored.none();
            let mut expected = none;
            for block in &blocks {
                let first = *block as usize * stored.block_rows;
                expected.append(&samples(first, stored.rows_of(*block), cols, weighted, classes));
            }
            for _ in 0..2 {
                stored.read(&blocks, &mut room).unwrap();
                prop_assert_eq!(&room, &expected);
            }
            prop_assert!(blocks.len() <= 1 || stored.block_rows * row_bytes(&room) <= bytes.max(row_bytes(&room)));
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_fingerprint_shows_any_change() {
        let of = |numbers: &[f32]| {
            let mut fingerprint = Fingerprint::default();
            fingerprint.add(numbers);
            fingerprint.to_string()
        };
        assert_eq!(of(&[1.0, 2.0]), of(&[1.0, 2.0]));
        assert_ne!(of(&[1.0, 2.0]), of(&[2.0, 1.0]));
        assert_ne!(of(&[0.0]), of(&[-0.0]));
    }
}
