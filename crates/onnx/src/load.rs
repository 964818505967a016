//! From bytes to a model that has been looked at: what it takes, what it needs, what is stored beside it.

use crate::error::OnnxError;
use crate::schema::{ModelProto, StringStringEntryProto};
use prost::Message;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// A model of ONNX, as it was read from a file.
#[derive(Clone, Debug)]
pub struct OnnxModel {
    pub(crate) proto: ModelProto,
    pub(crate) folder: Folder,
}

/// Where the external data of a model may lie: its own folder, and nowhere else.
#[derive(Clone, Debug)]
pub(crate) struct Folder(Option<PathBuf>);

/// The most bytes of a file: protobuf can say no more.
const MOST_BYTES: u64 = 1 << 31;

impl OnnxModel {
    /// Reads a file. Data stored beside it (external data) are looked for in its folder only.
    ///
    /// # Errors
    /// A file that cannot be read or is no model.
    pub fn load(path: &Path) -> Result<Self, OnnxError> {
        let fault = |problem: String| OnnxError::File { path: path.to_owned(), problem };
        let metadata = std::fs::metadata(path).map_err(|e| fault(e.to_string()))?;
        if metadata.is_dir() {
            return Err(fault("it is a folder".to_owned()));
        }
        if metadata.len() > MOST_BYTES {
            return Err(fault(format!("it has {} bytes, and no model of ONNX has more than 2 GiB", metadata.len())));
        }
        let bytes = std::fs::read(path).map_err(|e| fault(e.to_string()))?;
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let model = Self::decode(&bytes, Folder(Some(folder.to_owned())));
        model.map_err(|error| match error {
            OnnxError::Damaged(problem) => fault(format!("this is no ONNX that can be used: {problem}")),
            other => other,
        })
    }

    /// Reads the bytes of a model that has no external data.
    ///
    /// # Errors
    /// Bytes that are no model.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, OnnxError> {
        Self::decode(bytes, Folder::none())
    }

    fn decode(bytes: &[u8], folder: Folder) -> Result<Self, OnnxError> {
        let proto = ModelProto::decode(bytes).map_err(|e| OnnxError::Damaged(e.to_string()))?;
        match &proto.graph {
            None => Err(OnnxError::Damaged("it has no graph".to_owned())),
            Some(graph) if graph.node.is_empty() && graph.output.is_empty() => {
                Err(OnnxError::Damaged("its graph is empty".to_owned()))
            }
            Some(_) => Ok(Self { proto, folder }),
        }
    }

    /// The version of a set of operators that the model is written in; the default set has the name "".
    pub(crate) fn opset(&self, domain: &str) -> i64 {
        let usual = |name: &str| if name == "ai.onnx" { String::new() } else { name.to_owned() };
        let wanted = usual(domain);
        let found = self.proto.opset_import.iter().find(|set| usual(&set.domain) == wanted);
        found.map_or(i64::MAX, |set| set.version)
    }
}

impl Folder {
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// The bytes that `entries` (location, offset, length) name, as many as are wanted.
    pub(crate) fn read(&self, entries: &[StringStringEntryProto], wanted: usize) -> Result<Vec<u8>, String> {
        let entry = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| format!("its external {key} is no number")),
        };
        let Some(folder) = &self.0 else { return Err("its data are in another file, which is not given".to_owned()) };
        let location = entry("location").ok_or("its data are in another file, and it does not say which")?;
        let path = inside(folder, location)?;
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        if length.is_some_and(|length| length != wanted as u64) {
            return Err(format!("its data have {} bytes, and {wanted} are needed", length.unwrap_or(0)));
        }
        let fault = |e: std::io::Error| format!("`{location}`: {e}");
        let mut file = std::fs::File::open(&path).map_err(fault)?;
        let size = file.metadata().map_err(fault)?.len();
        if offset.checked_add(wanted as u64).is_none_or(|end| end > size) {
            return Err(format!("`{location}` has {size} bytes, and {wanted} from {offset} are needed"));
        }
        file.seek(SeekFrom::Start(offset)).map_err(fault)?;
        let mut bytes = vec![0; wanted];
        file.read_exact(&mut bytes).map_err(fault)?;
        Ok(bytes)
    }
}

/// The file at `location` in the folder, wherever links lead.
fn inside(folder: &Path, location: &str) -> Result<PathBuf, String> {
    let outside = || format!("its data are said to be in `{location}`, outside the folder of the model");
    let relative = Path::new(location);
    if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(outside());
    }
    let fault = |e: std::io::Error| format!("`{location}`: {e}");
    let folder = folder.canonicalize().map_err(fault)?;
    let path = folder.join(relative).canonicalize().map_err(fault)?;
    if !path.starts_with(&folder) {
        return Err(outside());
    }
    if !path.is_file() {
        return Err(format!("`{location}` is no plain file"));
    }
    Ok(path)
}
