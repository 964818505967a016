//! Where the samples of an epoch come from.

use crate::error::Error;
use crate::model::Model;
use chainrule_data::{DataError, Dataset, Fingerprint, Stored, shuffle};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Samples to train on. An epoch goes through them part by part; a part is in memory as a whole.
pub(crate) trait Source {
    /// A text that other data have not, but by a rare chance.
    fn fingerprint(&self, model: &Model) -> String;

    /// Settles the order of an epoch, counted from 1. It depends on the seed and the epoch alone.
    fn begin(&mut self, epoch: usize, seed: u64);

    /// The number of samples in each part.
    fn parts(&self) -> Vec<usize>;

    /// A part of the epoch that was begun, and the order of its rows.
    fn part(&mut self, part: usize) -> Result<(&Dataset, &[u32]), Error>;
}

/// Rows of a dataset: one part.
pub(crate) struct InMemory<'a> {
    data: &'a Dataset,
    order: Vec<u32>,
    /// The epoch that the order is of.
    epoch: usize,
}

impl<'a> InMemory<'a> {
    pub(crate) fn new(data: &'a Dataset, rows: Vec<u32>) -> Self {
        Self { data, order: rows, epoch: 0 }
    }
}

impl Source for InMemory<'_> {
    fn fingerprint(&self, model: &Model) -> String {
        const CHUNK: usize = 256;
        let mut fingerprint = Fingerprint::default();
        let rows: Vec<u32> = (0..self.data.len() as u32).collect();
        let width = model.task.width();
        let (mut x, mut y) = (vec![0.0; CHUNK * self.data.columns()], vec![0.0; CHUNK * width]);
        for rows in rows.chunks(CHUNK) {
            let (x, y) = (&mut x[..rows.len() * self.data.columns()], &mut y[..rows.len() * width]);
            model.fill_features(self.data, rows, x);
            model.fill_targets(self.data, rows, y);
            fingerprint.add(x);
            fingerprint.add(y);
        }
        fingerprint.add(self.data.weights.as_deref().unwrap_or_default());
        fingerprint.to_string()
    }

    fn begin(&mut self, epoch: usize, seed: u64) {
        // The order of an epoch comes from the order of the one before.
        while self.epoch < epoch {
            self.epoch += 1;
            shuffle(&mut self.order, seed, self.epoch as u64);
        }
    }

    fn parts(&self) -> Vec<usize> {
        vec![self.order.len()]
    }

    fn part(&mut self, _: usize) -> Result<(&Dataset, &[u32]), Error> {
        Ok((self.data, &self.order))
    }
}

/// Samples in a file. A part is a number of its blocks, drawn at random, and while it is learned from, the next one is
/// read.
pub(crate) struct OnDisk {
    stored: Arc<Stored>,
    seed: u64,
    epoch: usize,
    /// The blocks in the order of the epoch.
    blocks: Vec<u32>,
    current: Dataset,
    order: Vec<u32>,
    ahead: Option<(usize, JoinHandle<Result<Dataset, DataError>>)>,
    spare: Option<Dataset>,
}

impl OnDisk {
    pub(crate) fn new(stored: Stored) -> Self {
        let (current, spare) = (stored.none(), Some(stored.none()));
        let blocks = (0..stored.blocks() as u32).collect();
        Self { stored: Arc::new(stored), seed: 0, epoch: 0, blocks, current, order: Vec::new(), ahead: None, spare }
    }

    fn blocks_of(&self, part: usize) -> Vec<u32> {
        self.blocks.chunks(self.stored.blocks_at_once()).nth(part).unwrap_or_default().to_vec()
    }

    /// Waits for what was read ahead and is not wanted.
    fn drop_ahead(&mut self) {
        if let Some((_, reader)) = self.ahead.take() {
            let room = reader.join().expect("reading does not panic");
            self.spare = Some(room.unwrap_or_else(|_| self.stored.none()));
        }
    }

    /// Begins to read a part, if there is one.
    fn read_ahead(&mut self, part: usize) {
        let blocks = self.blocks_of(part);
        if !blocks.is_empty()
            && let Some(mut room) = self.spare.take()
        {
            let stored = Arc::clone(&self.stored);
            let read = move || stored.read(&blocks, &mut room).map(|()| room);
            self.ahead = Some((part, std::thread::spawn(read)));
        }
    }
}

impl Source for OnDisk {
    fn fingerprint(&self, _: &Model) -> String {
        self.stored.fingerprint()
    }

    fn begin(&mut self, epoch: usize, seed: u64) {
        self.drop_ahead();
        (self.epoch, self.seed) = (epoch, seed);
        self.blocks = (0..self.stored.blocks() as u32).collect();
        shuffle(&mut self.blocks, seed, epoch as u64);
    }

    fn parts(&self) -> Vec<usize> {
        let rows = |blocks: &[u32]| blocks.iter().map(|&block| self.stored.rows_of(block)).sum();
        self.blocks.chunks(self.stored.blocks_at_once()).map(rows).collect()
    }

    fn part(&mut self, part: usize) -> Result<(&Dataset, &[u32]), Error> {
        if self.ahead.as_ref().is_none_or(|(ahead, _)| *ahead != part) {
            self.drop_ahead();
            self.read_ahead(part);
        }
        let (_, reader) = self.ahead.take().expect("the part is being read");
        let read = reader.join().expect("reading does not panic")?;
        self.spare = Some(std::mem::replace(&mut self.current, read));
        self.read_ahead(part + 1);
        self.order.clear();
        self.order.extend(0..self.current.len() as u32);
        // An order of its own for each part; epochs take the lower half of the number.
        shuffle(&mut self.order, self.seed, ((part as u64 + 1) << 32) + self.epoch as u64);
        Ok((&self.current, &self.order))
    }
}
