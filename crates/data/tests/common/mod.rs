//! What the tests of the file readers share.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

/// Writes a file into the folder and gives its path.
pub(crate) fn write(dir: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, content).unwrap();
    path
}

/// Packs bytes with gzip.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// Checks the variant of an error, and that its message names the path and holds every one of the texts.
#[macro_export]
macro_rules! assert_error {
    ($result:expr, $path:expr, $variant:pat, $($text:expr),* $(,)?) => {{
        let error = $result.unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, $variant), "{error:?}");
        let name = $path.file_name().unwrap().to_str().unwrap().to_string();
        for text in [name.as_str(), $($text),*] {
            assert!(message.contains(text), "{text:?} is not in {message:?}");
        }
    }};
}
