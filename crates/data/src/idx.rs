//! The IDX format, in which MNIST is published.
//!
//! A file holds two zero bytes, the element type, the number of dimensions, each dimension as a big-endian 32-bit
//! number, and then the elements, big-endian, with nothing after them. It may be packed with gzip or zstd.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

pub use crate::folder::{IdxFolder, is_idx_folder, read_idx_folder};
use crate::{
    DataError, Values,
    source::{Packing, Source, read_error},
};

/// The array of an IDX file.
#[derive(Clone, Debug, PartialEq)]
pub struct IdxArray {
    /// The size of each dimension; the last one varies fastest in `values`.
    pub dims: Vec<usize>,
    /// The elements: bytes as they are, every other type as `f32`.
    pub values: Values,
}

/// Memory is first reserved up to this many bytes, and then as elements really arrive.
const FIRST_RESERVE: u64 = 16 << 20;

/// Deflate packs at most 258 bytes into two bits, so a gzip file unpacks to no more than this many times its length.
const MAX_GZIP_RATIO: u64 = 1032;

/// Reads one IDX file, plain or packed.
///
/// # Errors
///
/// If the file cannot be read, is not exactly what its header declares, or holds a number that `f32` cannot.
pub fn read_idx(path: impl AsRef<Path>) -> Result<IdxArray, DataError> {
    let path = path.as_ref();
    let source = Source::open(path)?;
    let mut reader = IdxReader { file: path, packing: source.packing, length: source.length, source, consumed: 0 };
    let (element, dims) = reader.header()?;
    let values = match element {
        Element::U8 => Values::Bytes(reader.bytes(&dims)?),
        Element::I8 => Values::Floats(reader.floats(&dims, |[a]: [u8; 1]| f64::from(a as i8))?),
        Element::I16 => Values::Floats(reader.floats(&dims, |b| f64::from(i16::from_be_bytes(b)))?),
        Element::I32 => Values::Floats(reader.floats(&dims, |b| f64::from(i32::from_be_bytes(b)))?),
        Element::F32 => Values::Floats(reader.floats(&dims, |b| f64::from(f32::from_be_bytes(b)))?),
        Element::F64 => Values::Floats(reader.floats(&dims, f64::from_be_bytes)?),
    };
    Ok(IdxArray { dims, values })
}

enum Element {
    U8,
    I8,
    I16,
    I32,
    F32,
    F64,
}

impl Element {
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            0x08 => Element::U8,
            0x09 => Element::I8,
            0x0b => Element::I16,
            0x0c => Element::I32,
            0x0d => Element::F32,
            0x0e => Element::F64,
            _ => return None,
        })
    }
}

struct IdxReader<'a> {
    file: &'a Path,
    packing: Packing,
    length: Option<u64>,
    source: Source,
    /// How many bytes have been taken from `source`.
    consumed: u64,
}

impl IdxReader<'_> {
    fn header(&mut self) -> Result<(Element, Vec<usize>), DataError> {
        let mut start = Vec::new();
        self.append(4, &mut start)?;
        let (code, count) = match *start.as_slice() {
            [] => return Err(DataError::EmptyFile { file: self.path() }),
            [0, 0, code, count] if count > 0 => (code, count),
            _ => return Err(DataError::NotIdx { file: self.path(), found: start }),
        };
        let element = Element::of(code).ok_or_else(|| DataError::UnknownElementType { file: self.path(), code })?;
        let size = u64::from(count) * 4;
        let mut raw = Vec::new();
        self.append(size, &mut raw)?;
        if (raw.len() as u64) < size {
            return Err(DataError::Truncated { file: self.path(), expected: 4 + size, found: self.consumed });
        }
        let (words, _) = raw.as_chunks::<4>();
        Ok((element, words.iter().map(|&word| u32::from_be_bytes(word) as usize).collect()))
    }

    /// The number of bytes the elements take, after checking that a file of this length can hold them.
    fn declared(&self, dims: &[usize], width: usize) -> Result<u64, DataError> {
        let size = dims
            .iter()
            .try_fold(width as u64, |size, &dim| size.checked_mul(dim as u64))
            .filter(|&size| isize::try_from(size).is_ok())
            .ok_or_else(|| DataError::SizeOverflow { file: self.path(), dims: dims.to_vec() })?;
        let whole = self.consumed + size;
        match self.length {
            Some(found) if self.packing == Packing::Gzip && whole > found.saturating_mul(MAX_GZIP_RATIO) => {
                Err(DataError::DeclaredTooLarge { file: self.path(), expected: whole, found })
            }
            Some(found) if self.packing == Packing::Plain && whole > found => {
                Err(DataError::Truncated { file: self.path(), expected: whole, found })
            }
            Some(found) if self.packing == Packing::Plain && whole < found => {
                Err(DataError::TrailingData { file: self.path(), expected: whole })
            }
            _ => Ok(size),
        }
    }

    fn bytes(&mut self, dims: &[usize]) -> Result<Vec<u8>, DataError> {
        let size = self.declared(dims, 1)?;
        let expected = self.consumed + size;
        let mut values: Vec<u8> = Vec::new();
        while (values.len() as u64) < size {
            let step = self.step(size, values.len() as u64);
            self.reserve(&mut values, step, size)?;
            if self.append(step, &mut values)? < step {
                return Err(DataError::Truncated { file: self.path(), expected, found: self.consumed });
            }
        }
        self.end(expected)?;
        Ok(values)
    }

    fn floats<const WIDTH: usize>(
        &mut self,
        dims: &[usize],
        decode: impl Fn([u8; WIDTH]) -> f64,
    ) -> Result<Vec<f32>, DataError> {
        let size = self.declared(dims, WIDTH)?;
        let expected = self.consumed + size;
        let count = size / WIDTH as u64;
        let mut values: Vec<f32> = Vec::new();
        let mut raw = Vec::new();
        while (values.len() as u64) < count {
            let left = count - values.len() as u64;
            if values.len() == values.capacity() {
                let step = self.step(count, values.len() as u64);
                self.reserve(&mut values, step, size)?;
            }
            // Decoding goes through a small buffer, so that the undecoded file is never in memory as a whole.
            let bytes = left.min(8192) * WIDTH as u64;
            raw.clear();
            if self.append(bytes, &mut raw)? < bytes {
                return Err(DataError::Truncated { file: self.path(), expected, found: self.consumed });
            }
            for &chunk in raw.as_chunks::<WIDTH>().0 {
                let value = decode(chunk);
                if !(value as f32).is_finite() {
                    let (index, text) = (values.len(), value.to_string());
                    return Err(DataError::BadElement { file: self.path(), index, text });
                }
                values.push(value as f32);
            }
        }
        self.end(expected)?;
        Ok(values)
    }

    /// How many more of `total` elements to make room for once `have` are there: at most as many again.
    fn step(&self, total: u64, have: u64) -> u64 {
        // A plain file was seen to be as long as declared, so it needs no caution.
        let known = self.packing == Packing::Plain && self.length.is_some();
        (total - have).min(if known { u64::MAX } else { have.max(FIRST_RESERVE / 4) })
    }

    fn reserve<T>(&self, values: &mut Vec<T>, more: u64, expected: u64) -> Result<(), DataError> {
        values.try_reserve_exact(more as usize).map_err(|_| DataError::OutOfMemory { file: self.path(), expected })
    }

    /// Appends at most `count` bytes, and says how many there were.
    fn append(&mut self, count: u64, to: &mut Vec<u8>) -> Result<u64, DataError> {
        let found = (&mut self.source)
            .take(count)
            .read_to_end(to)
            .map_err(|cause| read_error(self.file, self.packing, cause))? as u64;
        self.consumed += found;
        Ok(found)
    }

    /// Makes sure that nothing follows. For gzip this also checks the sum at the end.
    fn end(&mut self, expected: u64) -> Result<(), DataError> {
        if self.append(1, &mut Vec::new())? > 0 {
            return Err(DataError::TrailingData { file: self.path(), expected });
        }
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.file.to_path_buf()
    }
}
