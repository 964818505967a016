//! Opening a file or standard input, unpacked when it is gzip or zstd.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;

use crate::{
    DataError,
    charset::{Charset, Decoded},
};

/// Every gzip file begins with these.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Every zstd file begins with these.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The path that stands for standard input.
pub(crate) const STANDARD_INPUT: &str = "-";

/// The bytes of a file, after unpacking.
pub(crate) struct Source {
    bytes: Box<dyn Read + Send>,
    /// How the file is packed.
    pub(crate) packing: Packing,
    /// The length of the file on disk; `None` for what has no length, such as a pipe.
    pub(crate) length: Option<u64>,
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Source {
    /// Opens a file, or standard input for `-`. How it is packed is seen from its first bytes, because names are often
    /// wrong.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let failed = |cause: io::Error| match cause.kind() {
            io::ErrorKind::NotFound => DataError::Missing { file: path.into() },
            _ => DataError::Unreadable { file: path.into(), cause },
        };
        let (mut raw, length): (Box<dyn Read + Send>, _) = if path == Path::new(STANDARD_INPUT) {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path).map_err(failed)?;
            let metadata = file.metadata().map_err(failed)?;
            if metadata.is_dir() {
                return Err(DataError::NotAFile { file: path.into() });
            }
            (Box::new(file), metadata.is_file().then_some(metadata.len()))
        };
        let mut start = Vec::new();
        (&mut raw).take(ZSTD.len() as u64).read_to_end(&mut start).map_err(failed)?;
        if start.is_empty() {
            return Err(DataError::EmptyFile { file: path.into() });
        }
        let packing = match start.as_slice() {
            start if start.starts_with(&GZIP) => Packing::Gzip,
            start if start == ZSTD => Packing::Zstd,
            _ => Packing::Plain,
        };
        let whole = Cursor::new(start).chain(raw);
        let bytes: Box<dyn Read + Send> = match packing {
            Packing::Plain => Box::new(whole),
            Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(whole))),
            #[cfg(feature = "zstd")]
            Packing::Zstd => Box::new(zstd::Decoder::new(whole).map_err(failed)?),
            #[cfg(not(feature = "zstd"))]
            Packing::Zstd => {
                let file = path.into();
                return Err(crate::TableError::NotBuilt { file, format: "zstd", feature: "zstd" }.into());
            }
        };
        Ok(Source { bytes, packing, length })
    }

    /// Reads what comes in this encoding, as UTF-8.
    pub(crate) fn decode(&mut self, encoding: Charset) {
        let rest = std::mem::replace(&mut self.bytes, Box::new(io::empty()));
        self.bytes = if encoding == Charset::Utf8 { rest } else { Box::new(Decoded::new(rest, encoding)) };
    }

    /// The first bytes after unpacking, at most `count`; reading goes on before them.
    pub(crate) fn peek(&mut self, file: &Path, count: u64) -> Result<Vec<u8>, DataError> {
        let mut start = Vec::new();
        (&mut self.bytes).take(count).read_to_end(&mut start).map_err(|cause| read_error(file, self.packing, cause))?;
        let rest = std::mem::replace(&mut self.bytes, Box::new(io::empty()));
        self.bytes = Box::new(Cursor::new(start.clone()).chain(rest));
        Ok(start)
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

/// The error for a failed read of a file that was already open.
pub(crate) fn read_error(file: &Path, packing: Packing, cause: io::Error) -> DataError {
    let file = PathBuf::from(file);
    // The decoders report damage with these kinds; any other comes from the disk.
    let damage = matches!(
        cause.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::Other
    );
    match packing {
        Packing::Gzip if damage => DataError::CorruptPacking { file, packing: "gzip", cause },
        Packing::Zstd if damage => DataError::CorruptPacking { file, packing: "zstd", cause },
        _ => DataError::Unreadable { file, cause },
    }
}
