//! Reading text in blocks, so that no more than a block is in memory.

use std::{io::Read, path::Path};

use crate::{
    Charset, DataError,
    source::{Source, read_error},
};

/// How many bytes are read at a time.
const BLOCK: usize = 8 << 20;

/// The most bytes that a row may have.
pub(crate) const MAX_ROW: usize = 64 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A text of which the first part is in memory.
pub(crate) struct Blocks {
    source: Source,
    buffer: Vec<u8>,
    /// Whether the buffer goes to the end of the text.
    ended: bool,
}

impl Blocks {
    /// Reads the first block, without a byte order mark, which says whether the text is UTF-16, unless `encoding` does.
    pub(crate) fn open(file: &Path, mut source: Source, encoding: Option<Charset>) -> Result<Self, DataError> {
        let seen = match source.peek(file, 2)?.as_slice() {
            [0xff, 0xfe] => Charset::Utf16Le,
            [0xfe, 0xff] => Charset::Utf16Be,
            _ => Charset::Utf8,
        };
        source.decode(encoding.unwrap_or(seen));
        let mut blocks = Blocks { source, buffer: Vec::new(), ended: false };
        blocks.fill(file, BLOCK)?;
        if blocks.buffer.starts_with(BYTE_ORDER_MARK) {
            blocks.buffer.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(blocks)
    }

    /// What has been read and not been passed.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Passes over `count` bytes and reads the next block.
    pub(crate) fn pass(&mut self, file: &Path, count: usize) -> Result<(), DataError> {
        self.buffer.drain(..count);
        self.fill(file, BLOCK)
    }

    /// Reads twice as much, for a row that is longer than a block; false if there is no more, or it is too long.
    pub(crate) fn grow(&mut self, file: &Path) -> Result<bool, DataError> {
        if self.ended || self.is_full() {
            return Ok(false);
        }
        self.fill(file, (self.buffer.len() * 2).min(MAX_ROW))?;
        Ok(true)
    }

    /// Whether there is as much as a row may have.
    pub(crate) fn is_full(&self) -> bool {
        self.buffer.len() >= MAX_ROW
    }

    fn fill(&mut self, file: &Path, size: usize) -> Result<(), DataError> {
        let wanted = size.saturating_sub(self.buffer.len());
        if self.ended || wanted == 0 {
            return Ok(());
        }
        let packing = self.source.packing;
        let failed = |cause| read_error(file, packing, cause);
        let read = (&mut self.source).take(wanted as u64).read_to_end(&mut self.buffer).map_err(failed)?;
        self.ended = read < wanted;
        // The last row then ends as the others do.
        if self.ended && self.buffer.last().is_some_and(|&last| last != b'\n') {
            self.buffer.push(b'\n');
        }
        Ok(())
    }
}
