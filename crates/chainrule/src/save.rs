//! The model file: safetensors, with everything but the weights as JSON under the metadata key `chainrule`.
//!
//! A file is written beside its place and renamed into it, so no half-written model is ever seen. Loading treats the
//! file as untrusted: it is compared with itself before anything is built from it.

use crate::checkpoint::Standing;
use crate::error::Error;
use crate::interval::Residuals;
use crate::loss::Loss;
use crate::model::{Model, Task};
use crate::network::Network;
use crate::recipe::Recipe;
use chainrule_data::{Encoder, Scaling};
use chainrule_engine::parse::plain;
use chainrule_kernels::Block;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The version of the JSON. A reader refuses versions that it does not know.
pub const FORMAT_VERSION: u32 = 2;
const KEY: &str = "chainrule";

#[derive(Serialize, Deserialize)]
struct Description {
    format_version: u32,
    network: Network,
    loss: Loss,
    task: Task,
    targets: Vec<String>,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    image: Option<(usize, usize)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encoder: Option<Encoder>,
    scaling: Scaling,
    #[serde(default)]
    recipe: Recipe,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    residuals: Vec<Residuals>,
    /// In a checkpoint, where the training stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    training: Option<Value>,
}

/// A block of numbers in a checkpoint, under its name.
pub(crate) type Extra<'a> = (Cow<'a, str>, Cow<'a, [f32]>);

/// The state of a training, as a checkpoint holds it.
pub(crate) type Training<'a> = (Standing, Vec<Extra<'a>>);

/// What the names of such blocks begin with.
const EXTRA: &str = "training.";

impl Model {
    /// The bytes of the model file. The same model gives the same bytes.
    ///
    /// # Errors
    /// None that a built model could cause.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        self.to_bytes_with(None)
    }

    /// The bytes of the model file with the state of a training.
    pub(crate) fn to_bytes_with(&self, training: Option<(&Standing, &[Extra<'_>])>) -> Result<Vec<u8>, Error> {
        let describe = |problem: String| Error::Settings(vec![problem]);
        let description = Description {
            format_version: FORMAT_VERSION,
            network: self.network.clone(),
            loss: self.loss,
            task: self.task.clone(),
            targets: self.targets.clone(),
            features: self.features.clone(),
            image: self.image,
            encoder: self.encoder.clone(),
            scaling: self.scaling.clone(),
            recipe: self.recipe.clone(),
            residuals: self.residuals.clone(),
            training: match training {
                Some((standing, _)) => Some(serde_json::to_value(standing).map_err(|e| describe(e.to_string()))?),
                None => None,
            },
        };
        let json = serde_json::to_string(&description).map_err(|e| describe(e.to_string()))?;
        let to_bytes = |numbers: &[f32]| -> Vec<u8> { numbers.iter().flat_map(|w| w.to_le_bytes()).collect() };
        let bytes = to_bytes(&self.parameters);
        let segments = self
            .network
            .segments()
            .into_iter()
            .map(|s| (tensor_name(&s.name), s.shape.sizes().collect(), &bytes[s.range.start * 4..s.range.end * 4]));
        let extra = training.map_or(&[][..], |(_, extra)| extra);
        let extra_bytes: Vec<Vec<u8>> = extra.iter().map(|(_, numbers)| to_bytes(numbers)).collect();
        let extra = extra
            .iter()
            .zip(&extra_bytes)
            .map(|((name, numbers), bytes)| (name.to_string(), vec![numbers.len()], bytes.as_slice()));
        let views = segments
            .chain(extra)
            .map(|(name, shape, data)| Ok((name, TensorView::new(Dtype::F32, shape, data)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| describe(e.to_string()))?;
        // One key, so that the order of a hash map cannot show in the bytes.
        let metadata = HashMap::from([(KEY.to_owned(), json)]);
        safetensors::serialize(views, Some(metadata)).map_err(|e| describe(e.to_string()))
    }

    /// Writes the model file, by way of a temporary file in the same folder.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        write_atomically(path, &self.to_bytes()?)
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// A file that cannot be read, or whose content is damaged, of another kind, or contradicts itself.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let unreadable = |e: std::io::Error| Error::File { path: path.to_owned(), problem: e.to_string() };
        if path.is_dir() {
            return Err(Error::Model { path: path.to_owned(), problem: "it is a folder".to_owned() });
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        Self::from_bytes(&bytes).map_err(|problem| Error::Model { path: path.to_owned(), problem })
    }

    /// Reads the bytes of a model file; the error says what is wrong with them.
    ///
    /// # Errors
    /// Bytes that are damaged, of another kind, or contradict themselves.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        Self::read(bytes).map(|(model, _, _)| model).map_err(|problem| plain(&problem))
    }

    /// The model and, in a checkpoint, the state of the training.
    pub(crate) fn from_bytes_with(bytes: &[u8]) -> Result<(Self, Option<Training<'_>>), String> {
        let (model, training, tensors) = Self::read(bytes).map_err(|problem| plain(&problem))?;
        let Some(training) = training else { return Ok((model, None)) };
        let standing =
            serde_json::from_value(training).map_err(|e| plain(&format!("its training is damaged ({e})")))?;
        let mut extra = Vec::new();
        for (name, tensor) in tensors.tensors().into_iter().filter(|(name, _)| name.starts_with(EXTRA)) {
            extra.push((name.into(), numbers(&tensor)?.into()));
        }
        Ok((model, Some((standing, extra))))
    }

    fn read(bytes: &[u8]) -> Result<(Self, Option<Value>, SafeTensors<'_>), String> {
        let (_, header) =
            SafeTensors::read_metadata(bytes).map_err(|e| format!("it is no safetensors file, or cut short ({e})"))?;
        let json = header.metadata().as_ref().and_then(|m| m.get(KEY));
        let json =
            json.ok_or_else(|| format!("its metadata has no `{KEY}` entry, so it was not written by this program"))?;
        let version: Version = serde_json::from_str(json).map_err(|e| format!("its description is damaged ({e})"))?;
        if version.format_version != FORMAT_VERSION {
            return Err(format!(
                "its format version is {}, this program reads {FORMAT_VERSION}",
                version.format_version
            ));
        }
        let description: Description =
            serde_json::from_str(json).map_err(|e| format!("its description is damaged ({e})"))?;
        description.check()?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| format!("it is damaged ({e})"))?;
        let parameters = read_parameters(&description.network, &tensors)?;
        let Description { network, loss, task, targets, features, image, encoder, scaling, recipe, .. } = description;
        let Description { residuals, training, .. } = description;
        let model =
            Self { network, loss, task, targets, features, image, encoder, scaling, recipe, residuals, parameters };
        Ok((model, training, tensors))
    }

    /// What, beside the weights, is not the same in `other`.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let same = [
            ("network", self.network == other.network),
            ("loss", self.loss == other.loss),
            ("task", self.task == other.task && self.targets == other.targets),
            ("features", self.features == other.features && self.image == other.image),
            ("encoding of the columns", self.encoder == other.encoder),
            ("scaling", self.scaling == other.scaling),
        ];
        let mut found: Vec<String> =
            same.iter().filter(|(_, same)| !same).map(|(name, _)| format!("the {name} differs")).collect();
        let fields = |recipe: &Recipe| match serde_json::to_value(recipe) {
            Ok(Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let theirs = fields(&other.recipe);
        for (name, ours) in fields(&self.recipe) {
            let there = theirs.get(&name).unwrap_or(&Value::Null);
            if *there != ours {
                found.push(format!("{name} was {there} and is {ours}"));
            }
        }
        found
    }
}

#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

impl Description {
    fn check(&self) -> Result<(), String> {
        self.network.check().map_err(|problem| format!("its network cannot be built: {problem}"))?;
        let (inputs, outputs) = (self.network.inputs, self.network.outputs());
        if self.encoder.as_ref().is_some_and(|encoder| !encoder.is_sound()) {
            return Err("the scale of one of its columns is damaged".to_owned());
        }
        if self.encoder.as_ref().is_some_and(|encoder| encoder.feature_names() != self.features) {
            return Err("its columns do not become the features that it names".to_owned());
        }
        if !scaling_fits(&self.scaling, inputs) {
            return Err(format!("its scaling is not finite or not for {inputs} inputs"));
        }
        if !self.features.is_empty() && self.features.len() != inputs {
            return Err(format!("it names {} columns for {inputs} inputs", self.features.len()));
        }
        if self.image.is_some_and(|(h, w)| h.checked_mul(w).is_none_or(|area| area == 0 || inputs % area != 0)) {
            return Err(format!("its image size is not that of {inputs} inputs"));
        }
        if !self.task.fits(outputs, self.loss) {
            return Err(format!("its {outputs} outputs do not fit its task and its loss ({})", self.loss));
        }
        if self.targets.len() != self.task.width() {
            return Err(format!("it names {} targets for a task of {}", self.targets.len(), self.task.width()));
        }
        let fits = self.residuals.is_empty() || self.residuals.len() == self.targets.len();
        if !fits || !self.residuals.iter().all(Residuals::is_sound) {
            return Err("what it holds for intervals is damaged".to_owned());
        }
        match self.recipe.problems().as_slice() {
            [] => Ok(()),
            [first, ..] => Err(format!("its recipe is damaged: {first}")),
        }
    }
}

fn scaling_fits(scaling: &Scaling, inputs: usize) -> bool {
    let finite = |numbers: &[f32]| numbers.iter().all(|n| n.is_finite());
    match scaling {
        Scaling::None => true,
        Scaling::Uniform { shift, scale } => finite(&[*shift, *scale]),
        Scaling::Columns { shift, scale } => {
            shift.len() == inputs && scale.len() == inputs && finite(shift) && finite(scale)
        }
    }
}

fn read_parameters(network: &Network, tensors: &SafeTensors<'_>) -> Result<Block<f32>, String> {
    let segments = network.segments();
    // Sizes are compared with what is really there before room is made for it.
    for segment in &segments {
        let name = tensor_name(&segment.name);
        let tensor = tensors.tensor(&name).map_err(|_| format!("the tensor `{name}` is missing"))?;
        if tensor.dtype() != Dtype::F32 {
            return Err(format!("the tensor `{name}` is of type {:?}, not F32", tensor.dtype()));
        }
        if !tensor.shape().iter().copied().eq(segment.shape.sizes()) {
            return Err(format!("the tensor `{name}` has shape {:?}, not {}", tensor.shape(), segment.shape));
        }
    }
    let count = tensors.names().iter().filter(|name| !name.starts_with(EXTRA)).count();
    if count != segments.len() {
        return Err(format!("it has {count} tensors, the network has {}", segments.len()));
    }
    let mut parameters = Block::zeros(segments.last().map_or(0, |segment| segment.range.end));
    for segment in &segments {
        let name = tensor_name(&segment.name);
        let tensor = tensors.tensor(&name).map_err(|e| e.to_string())?;
        let weights = numbers(&tensor)?;
        if weights.iter().any(|w| !w.is_finite()) {
            return Err(format!("the tensor `{name}` has a weight that is not finite"));
        }
        if segment.name.starts_with('v') && weights.iter().any(|variance| *variance < 0.0) {
            return Err(format!("the tensor `{name}` has a variance below 0"));
        }
        parameters[segment.range.clone()].copy_from_slice(&weights);
    }
    Ok(parameters)
}

fn numbers(tensor: &TensorView<'_>) -> Result<Vec<f32>, String> {
    if tensor.dtype() != Dtype::F32 {
        return Err(format!("a tensor is of type {:?}, not F32", tensor.dtype()));
    }
    Ok(tensor.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

/// The name of a piece of the parameters in a file: `w1` of a graph is `layer1.weight`.
pub fn tensor_name(segment: &str) -> String {
    let (kind, number) = segment.split_at(1);
    let name = match kind {
        "w" => "weight",
        "b" => "bias",
        "g" => "gain",
        "m" => "running_mean",
        _ => "running_variance",
    };
    format!("layer{number}.{name}")
}

/// A file that is there whole or not at all: a temporary file in the folder of its place that is renamed when all is
/// written. Dropped before, it leaves nothing behind.
///
/// Behind a link, the file that it leads to is written. What is there already must be a plain file.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    place: PathBuf,
    file: tempfile::NamedTempFile,
}

impl AtomicFile {
    /// Begins a file for `path`.
    ///
    /// # Errors
    /// A folder that is missing or cannot be written to, a place that is a folder or a device.
    pub fn new(path: &Path) -> Result<Self, Error> {
        Self::by_way_of(TEMPORARY, path)
    }

    /// [`AtomicFile::new`], by way of a temporary file whose name begins with `prefix`.
    fn by_way_of(prefix: &str, path: &Path) -> Result<Self, Error> {
        let place = place(path)?;
        let file = temporary_beside(&place, prefix).map_err(|e| unwritable(path, with_cure(&e)))?;
        Ok(Self { path: path.to_owned(), place, file })
    }

    /// Writes what comes next.
    ///
    /// # Errors
    /// A full disk.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|e| unwritable(&self.path, with_cure(&e)))
    }

    /// Puts the file into its place.
    ///
    /// # Errors
    /// A full disk, or a place that has become another since.
    pub fn finish(self) -> Result<(), Error> {
        let Self { path, place, file } = self;
        let synced = file.as_file().sync_all();
        let moved = synced.and_then(|()| file.persist(&place).map_err(|e| e.error));
        moved.map(drop).map_err(|e| unwritable(&path, with_cure(&e)))
    }
}

/// Writes `bytes` as an [`AtomicFile`].
///
/// # Errors
/// As those of [`AtomicFile`].
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_by_way_of(TEMPORARY, path, bytes)
}

/// [`write_atomically`], by way of a temporary file whose name begins with `prefix`.
pub(crate) fn write_by_way_of(prefix: &str, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = AtomicFile::by_way_of(prefix, path)?;
    file.write(bytes)?;
    file.finish()
}

/// Whether a file can be written at `path`, found out before hours of work depend on it.
///
/// # Errors
/// As [`AtomicFile::new`].
pub fn check_writable(path: &Path) -> Result<(), Error> {
    AtomicFile::new(path).map(drop)
}

/// What the system said, and what to do about it.
pub(crate) fn with_cure(error: &std::io::Error) -> String {
    use std::io::ErrorKind::*;
    let cure = match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => "make room, or choose another place",
        PermissionDenied | ReadOnlyFilesystem => "choose a place that may be written to",
        NotFound | NotADirectory | AlreadyExists => "check the path",
        _ => return error.to_string(),
    };
    format!("{error}; {cure}")
}

fn unwritable(path: &Path, problem: impl std::fmt::Display) -> Error {
    Error::File { path: path.to_owned(), problem: format!("cannot be written: {problem}") }
}

/// Where `path` leads. A rename would replace a device or a link instead of writing to it.
fn place(path: &Path) -> Result<PathBuf, Error> {
    match std::fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(unwritable(path, "it is a folder")),
        Ok(there) if !there.is_file() => Err(unwritable(path, "it is no plain file")),
        Ok(_) => std::fs::canonicalize(path).map_err(|e| unwritable(path, e)),
        Err(_) => Ok(path.to_owned()),
    }
}

/// What the names of temporary files begin with.
const TEMPORARY: &str = ".chainrule-";

fn temporary_beside(place: &Path, prefix: &str) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = place.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    builder.tempfile_in(folder)
}
