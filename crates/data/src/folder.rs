//! A folder of IDX files, named as those of MNIST are.

use std::path::{Path, PathBuf};

use crate::{DataError, Dataset, ImageSize, MAX_CLASSES, Matrix, TableError, Target, Values, read_idx};

/// The sets of images in a folder.
#[derive(Clone, Debug, PartialEq)]
pub struct IdxFolder {
    /// The images to train on.
    pub train: Dataset,
    /// The images to test with, when the folder has some; their classes are numbered as those of `train`.
    pub test: Option<Dataset>,
}

/// Reads a folder of images and labels such as MNIST.
///
/// The files are `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, and for the test set the same with `t10k`
/// or `test` in place of `train`. A dot may stand before `idx`, and `.gz` may follow. Each different label is a class,
/// named by its number.
///
/// # Errors
///
/// If the files to train on, or one of the two for the test set, are missing; if a file is damaged; or if the files
/// do not belong together.
pub fn read_idx_folder(dir: &Path) -> Result<IdxFolder, DataError> {
    if !dir.is_dir() {
        let file = dir.to_path_buf();
        return Err(if dir.exists() { DataError::NotAFolder { file } } else { DataError::Missing { file } });
    }
    let images = need(dir, &["train"], Content::Images)?;
    let labels = need(dir, &["train"], Content::Labels)?;
    let (train, numbers) = read_set(&images, &labels, None)?;

    let tests = ["t10k", "test"];
    let found = (find(dir, &tests, Content::Images), find(dir, &tests, Content::Labels));
    if found == (None, None) {
        return Ok(IdxFolder { train, test: None });
    }
    let images = need(dir, &tests, Content::Images)?;
    let labels = need(dir, &tests, Content::Labels)?;
    let (test, _) = read_set(&images, &labels, Some(&numbers))?;
    if let (Some(expected), Some(found)) = (train.image, test.image)
        && expected != found
    {
        return Err(DataError::ImageSizeMismatch { file: images, expected, found });
    }
    Ok(IdxFolder { train, test: Some(test) })
}

/// Whether a folder has any of the files that [`read_idx_folder`] looks for.
pub fn is_idx_folder(dir: &Path) -> bool {
    let of = |content: Content| find(dir, &["train", "t10k", "test"], content).is_some();
    of(Content::Images) || of(Content::Labels)
}

#[derive(Clone, Copy)]
enum Content {
    Images,
    Labels,
}

fn names(prefixes: &[&str], content: Content) -> Vec<String> {
    let (kind, rank) = match content {
        Content::Images => ("images", "idx3"),
        Content::Labels => ("labels", "idx1"),
    };
    let mut names = Vec::new();
    for prefix in prefixes {
        for separator in ["-", "."] {
            for ending in ["", ".gz"] {
                names.push(format!("{prefix}-{kind}{separator}{rank}-ubyte{ending}"));
            }
        }
    }
    names
}

fn find(dir: &Path, prefixes: &[&str], content: Content) -> Option<PathBuf> {
    names(prefixes, content).into_iter().map(|name| dir.join(name)).find(|path| path.is_file())
}

fn need(dir: &Path, prefixes: &[&str], content: Content) -> Result<PathBuf, DataError> {
    find(dir, prefixes, content)
        .ok_or_else(|| DataError::MissingFiles { folder: dir.to_path_buf(), looked_for: names(prefixes, content) })
}

/// Reads one pair of files. Also gives the numbers that stand for the classes; when they are given instead, the
/// labels have to be among them.
fn read_set(images_file: &Path, labels_file: &Path, known: Option<&[i64]>) -> Result<(Dataset, Vec<i64>), DataError> {
    let labels = label_numbers(labels_file)?;
    let images = read_idx(images_file)?;
    let &[count, height, width] = images.dims.as_slice() else {
        return Err(wrong_dimensions(images_file, "images", 3, images.dims.len()));
    };
    if images.values.is_empty() {
        return Err(DataError::NoImages { file: images_file.to_path_buf(), dims: images.dims });
    }
    if count != labels.len() {
        return Err(DataError::CountMismatch {
            images: images_file.to_path_buf(),
            image_count: count,
            labels: labels_file.to_path_buf(),
            label_count: labels.len(),
        });
    }
    let numbers = match known {
        Some(known) => known.to_vec(),
        None => class_numbers(labels_file, &labels)?,
    };
    let positions = positions(labels_file, &labels, &numbers)?;
    let pixel_names = (0..height).flat_map(|y| (0..width).map(move |x| format!("pixel {y},{x}")));
    let features = Matrix::new(count, height * width, images.values);
    let target = Target::Classes { labels: positions, names: numbers.iter().map(i64::to_string).collect() };
    let dataset = Dataset {
        feature_names: pixel_names.collect(),
        image: Some(ImageSize { planes: 1, height, width }),
        ..Dataset::new(features, target, &images_file.display().to_string())
    };
    Ok((dataset, numbers))
}

fn wrong_dimensions(file: &Path, content: &'static str, expected: usize, found: usize) -> DataError {
    DataError::WrongDimensions { file: file.to_path_buf(), content, expected, found }
}

fn label_numbers(file: &Path) -> Result<Vec<i64>, DataError> {
    let array = read_idx(file)?;
    if array.dims.len() != 1 {
        return Err(wrong_dimensions(file, "labels", 1, array.dims.len()));
    }
    match array.values {
        Values::Bytes(bytes) => Ok(bytes.into_iter().map(i64::from).collect()),
        Values::Floats(floats) => floats
            .into_iter()
            .enumerate()
            .map(|(index, value)| {
                // Beyond 2^24 neighbouring whole numbers share one `f32`, so labels there could have been merged.
                if value.fract() == 0.0 && value.abs() <= 16_777_216.0 {
                    Ok(value as i64)
                } else {
                    Err(DataError::BadLabel { file: file.to_path_buf(), index, text: value.to_string() })
                }
            })
            .collect(),
    }
}

/// The different labels in ascending order.
fn class_numbers(file: &Path, labels: &[i64]) -> Result<Vec<i64>, DataError> {
    let mut numbers = labels.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    match numbers.as_slice() {
        [only] => Err(DataError::OneLabel { file: file.to_path_buf(), text: only.to_string() }),
        many if many.len() > MAX_CLASSES => {
            Err(TableError::TooManyClasses { file: file.to_path_buf(), column: "label".to_string() }.into())
        }
        _ => Ok(numbers),
    }
}

fn positions(file: &Path, labels: &[i64], numbers: &[i64]) -> Result<Vec<u32>, DataError> {
    labels
        .iter()
        .enumerate()
        .map(|(index, label)| match numbers.binary_search(label) {
            Ok(position) => Ok(position as u32),
            Err(_) => Err(DataError::UnknownLabel { file: file.to_path_buf(), index, text: label.to_string() }),
        })
        .collect()
}
