//! Opening a file, unpacked when it is gzip.

use std::{
    fs::File,
    io::{self, Chain, Cursor, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;

use crate::DataError;

/// Every gzip file begins with these.
const GZIP: [u8; 2] = [0x1f, 0x8b];

type Whole = Chain<Cursor<Vec<u8>>, File>;

/// The bytes of a file, after unpacking.
pub(crate) struct Source {
    bytes: Bytes,
    /// The length of the file on disk; `None` for what has no length, such as a pipe.
    pub(crate) length: Option<u64>,
}

enum Bytes {
    Plain(Whole),
    // Boxed because the state of the decoder is large.
    Gzip(Box<MultiGzDecoder<Whole>>),
}

impl Source {
    /// Opens a file. That it is gzip is seen from its first bytes, because names are often wrong.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let failed = |cause: io::Error| match cause.kind() {
            io::ErrorKind::NotFound => DataError::Missing { file: path.into() },
            _ => DataError::Unreadable { file: path.into(), cause },
        };
        let mut file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(DataError::NotAFile { file: path.into() });
        }
        let length = metadata.is_file().then_some(metadata.len());
        let mut start = Vec::new();
        (&mut file).take(GZIP.len() as u64).read_to_end(&mut start).map_err(failed)?;
        if start.is_empty() {
            return Err(DataError::EmptyFile { file: path.into() });
        }
        let gzip = start == GZIP;
        let whole = Cursor::new(start).chain(file);
        let bytes = if gzip { Bytes::Gzip(Box::new(MultiGzDecoder::new(whole))) } else { Bytes::Plain(whole) };
        Ok(Source { bytes, length })
    }

    pub(crate) fn is_gzip(&self) -> bool {
        matches!(self.bytes, Bytes::Gzip(_))
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.bytes {
            Bytes::Plain(bytes) => bytes.read(buffer),
            Bytes::Gzip(bytes) => bytes.read(buffer),
        }
    }
}

/// The error for a failed read of a file that was already open.
pub(crate) fn read_error(file: &Path, gzip: bool, cause: io::Error) -> DataError {
    let file = PathBuf::from(file);
    // The decoder reports damage with these kinds; any other comes from the disk.
    let damage =
        matches!(cause.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData);
    if gzip && damage { DataError::CorruptGzip { file, cause } } else { DataError::Unreadable { file, cause } }
}
