//! Which files of a folder are images, and of which class.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::{DataError, ImageError, MAX_CLASSES, TableError};

/// What the names of images end with.
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// An image file.
pub(super) struct File {
    pub(super) path: PathBuf,
    /// The folder that it is in, if that is not the one that was asked for.
    pub(super) folder: Option<String>,
}

impl File {
    /// Its name, seen from the folder that was asked for.
    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.folder.as_ref().map_or_else(|| name.to_string(), |folder| format!("{folder}/{name}"))
    }
}

/// The images of a folder, in the order of their names.
pub(super) struct Listed {
    pub(super) files: Vec<File>,
    pub(super) left_out: Vec<PathBuf>,
}

/// The images in a folder and in the folders in it, or the one that the path is of.
pub(super) fn list(path: &Path) -> Result<Listed, DataError> {
    if !path.exists() {
        return Err(DataError::Missing { file: path.to_owned() });
    }
    let mut listed = Listed { files: Vec::new(), left_out: Vec::new() };
    if !path.is_dir() {
        listed.files.push(File { path: path.to_owned(), folder: None });
        return Ok(listed);
    }
    let mut empty = None;
    for entry in entries(path)? {
        if !entry.is_dir() {
            listed.add(entry, None);
            continue;
        }
        let (before, name) = (listed.files.len(), entry.file_name().map(|name| name.to_string_lossy().into_owned()));
        for inner in entries(&entry)? {
            listed.add(inner, name.clone());
        }
        if listed.files.len() == before {
            empty = empty.or(Some(entry));
        }
    }
    match empty {
        _ if listed.files.is_empty() => Err(ImageError::NoImages { folder: path.to_owned() }.into()),
        Some(folder) => Err(ImageError::EmptyClass { folder }.into()),
        None => Ok(listed),
    }
}

impl Listed {
    fn add(&mut self, path: PathBuf, folder: Option<String>) {
        let is_image = |ending: &OsStr| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known));
        if path.is_file() && path.extension().is_some_and(is_image) {
            self.files.push(File { path, folder });
        } else {
            self.left_out.push(path);
        }
    }
}

/// What is in a folder and not hidden, in the order of its names.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |cause| DataError::Unreadable { file: folder.to_owned(), cause };
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// Whether there is a folder that has folders in it.
pub(super) fn has_folders(folder: &Path) -> bool {
    folder.is_dir() && entries(folder).is_ok_and(|entries| entries.iter().any(|entry| entry.is_dir()))
}

/// The names of the classes to learn: those of the folders.
pub(super) fn classes(dir: &Path, files: &[File]) -> Result<Vec<String>, DataError> {
    let mut names: Vec<String> = files.iter().filter_map(|file| file.folder.clone()).collect();
    names.sort_unstable();
    names.dedup();
    let folder = || dir.to_owned();
    match names.as_slice() {
        [] => Err(ImageError::NoClasses { folder: folder() }.into()),
        [only] => Err(ImageError::OneClass { folder: folder(), class: only.clone() }.into()),
        many if many.len() > MAX_CLASSES => {
            Err(TableError::TooManyClasses { file: folder(), column: "folder".to_owned() }.into())
        }
        _ => Ok(names),
    }
}

/// The position of each file's class among these.
pub(super) fn labels(dir: &Path, files: &[File], classes: &[String]) -> Result<Vec<u32>, DataError> {
    let label = |file: &File| match &file.folder {
        None => Err(ImageError::NoClass { file: file.path.clone() }.into()),
        Some(folder) => match classes.iter().position(|class| class == folder) {
            Some(position) => Ok(position as u32),
            None => Err(ImageError::UnknownClass { folder: dir.join(folder), known: classes.to_vec() }.into()),
        },
    };
    files.iter().map(label).collect()
}
