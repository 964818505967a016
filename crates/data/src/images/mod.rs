//! Folders of image files: PNG and JPEG, a folder for each class.

mod decode;
mod encode;
mod list;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::{DataError, Dataset, ImageError, ImageSize, Matrix, Target, Values, hold_out, threads};
use decode::Head;
pub(crate) use decode::MOST_PIXELS;
pub use encode::png;
use list::{Listed, list};

/// How a folder of images is read to be learned from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageOptions {
    /// Height and width that all images are brought to. Without it, they have to be of one size.
    pub resize: Option<(usize, usize)>,
    /// What is kept of the colours. Without it, grey where all images to train on are grey.
    pub channels: Option<Channels>,
    /// The share of the images that are held out to test on, where the folder does not say which they are.
    pub test: f64,
    /// The seed of their choice.
    pub seed: u64,
}

/// What is kept of the colours of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// One plane: how bright a pixel is.
    Grey,
    /// Three planes: red, green and blue.
    Rgb,
}

impl Channels {
    fn planes(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

impl FromStr for Channels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "grey" => Ok(Self::Grey),
            "rgb" => Ok(Self::Rgb),
            _ => Err("it must be grey or rgb".to_owned()),
        }
    }
}

impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Grey { "grey" } else { "rgb" })
    }
}

/// The images of a folder.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageFolder {
    /// Those to train on.
    pub train: Dataset,
    /// Those to test on, if there are any.
    pub test: Option<Dataset>,
    /// What is in the folder and was not read: no images, and folders where none are looked for.
    pub left_out: Vec<PathBuf>,
}

/// Images read for a trained model.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownImages {
    /// All of them, in the order of their names.
    pub data: Dataset,
    /// The name of each, seen from the folder.
    pub names: Vec<String>,
    /// How many had another size, and were brought to that of the model.
    pub resized: usize,
    /// What is in the folder and was not read.
    pub left_out: Vec<PathBuf>,
}

/// Reads a folder that has a folder of images for each class, named as the class is; or two folders of this kind, `train`
/// and `test`. Classes are in the order of their names. What is hidden (its name begins with a dot) is passed over.
///
/// # Errors
///
/// If there are no images, or less than two classes; a class without images; an image that cannot be read, is too large,
/// or is not of the size of the others, unless they are resized; and if they do not fit in memory.
pub fn read_image_folder(dir: &Path, options: &ImageOptions) -> Result<ImageFolder, DataError> {
    let parts = image_parts(dir);
    let Listed { files, mut left_out } = list(parts.as_ref().map_or(dir, |[train, _]| train))?;
    let classes = list::classes(dir, &files)?;
    let labels = list::labels(dir, &files, &classes)?;
    let all: Vec<(PathBuf, u32)> = files.into_iter().map(|file| file.path).zip(labels).collect();
    let (train, test) = match &parts {
        Some([_, test]) => {
            let listed = list(test)?;
            let labels = list::labels(test, &listed.files, &classes)?;
            left_out.extend(listed.left_out);
            (all, listed.files.into_iter().map(|file| file.path).zip(labels).collect())
        }
        None => {
            let labels: Vec<u32> = all.iter().map(|(_, label)| *label).collect();
            let (kept, held_out) = hold_out(all.len(), Some(&labels), options.test, options.seed);
            let of = |rows: &[u32]| rows.iter().map(|&row| all[row as usize].clone()).collect();
            (of(&kept), of(&held_out))
        }
    };
    let paths = |part: &[(PathBuf, u32)]| part.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    let heads = heads(&paths(&train))?;
    let size = common_size(&paths(&train), &heads, options)?;
    if options.resize.is_none() {
        let test = paths(&test);
        for (file, head) in test.iter().zip(self::heads(&test)?) {
            check_size(&train[0].0, &heads[0], file, &head)?;
        }
    }
    let dataset = |part: Vec<(PathBuf, u32)>| -> Result<Dataset, DataError> {
        let (paths, labels): (Vec<PathBuf>, Vec<u32>) = part.into_iter().unzip();
        let target = Target::Classes { labels, names: classes.clone() };
        Ok(Dataset { target: Some(target), ..read(dir, &paths, size)? })
    };
    let test = if test.is_empty() { None } else { Some(dataset(test)?) };
    Ok(ImageFolder { train: dataset(train)?, test, left_out })
}

/// The folders `train` and `test` of a folder, if both are there and have folders in them.
pub fn image_parts(dir: &Path) -> Option<[PathBuf; 2]> {
    let parts = ["train", "test"].map(|name| dir.join(name));
    parts.iter().all(|part| list::has_folders(part)).then_some(parts)
}

/// Reads the images of a folder and of the folders in it, or one image, as a model takes them: of this size. With
/// `classes`, a folder of images is a class and has to be one of these; without, or where images are in no folder, the
/// dataset has no target.
///
/// # Errors
///
/// As [`read_image_folder`], but that images are brought to the size, and that one class is enough.
pub fn read_known_images(path: &Path, size: ImageSize, classes: Option<&[String]>) -> Result<KnownImages, DataError> {
    if size.planes != 1 && size.planes != 3 {
        return Err(ImageError::Planes { file: path.to_owned(), planes: size.planes }.into());
    }
    let Listed { files, left_out } = list(path)?;
    let is_classed = files.iter().all(|file| file.folder.is_some());
    let target = match classes.filter(|_| is_classed) {
        Some(names) => Some(Target::Classes { labels: list::labels(path, &files, names)?, names: names.to_vec() }),
        None => None,
    };
    let names = files.iter().map(list::File::name).collect();
    let paths: Vec<PathBuf> = files.into_iter().map(|file| file.path).collect();
    let resized = heads(&paths)?.iter().filter(|head| (head.height, head.width) != (size.height, size.width)).count();
    Ok(KnownImages { data: Dataset { target, ..read(path, &paths, size)? }, names, resized, left_out })
}

/// What the heads of image files say.
fn heads(files: &[PathBuf]) -> Result<Vec<Head>, DataError> {
    const WORK: usize = 1 << 16;
    threads::map(files, WORK, |file| decode::head(file)).into_iter().collect()
}

/// The size that all images get.
fn common_size(files: &[PathBuf], heads: &[Head], options: &ImageOptions) -> Result<ImageSize, DataError> {
    let seen = if heads.iter().all(|head| head.is_grey) { Channels::Grey } else { Channels::Rgb };
    let planes = options.channels.unwrap_or(seen).planes();
    if let Some((height, width)) = options.resize {
        return Ok(ImageSize { planes, height, width });
    }
    for (file, head) in files.iter().zip(heads) {
        check_size(&files[0], &heads[0], file, head)?;
    }
    Ok(ImageSize { planes, height: heads[0].height, width: heads[0].width })
}

fn check_size(first: &Path, expected: &Head, file: &Path, found: &Head) -> Result<(), DataError> {
    let size = |head: &Head| (head.height, head.width);
    if size(expected) == size(found) {
        return Ok(());
    }
    let (first, file) = (first.to_owned(), file.to_owned());
    Err(ImageError::Sizes { first, expected: size(expected), file, found: size(found) }.into())
}

/// Reads images as rows of this size.
fn read(source: &Path, files: &[PathBuf], size: ImageSize) -> Result<Dataset, DataError> {
    const AT_A_TIME: usize = 1024;
    let expected = files.len() as u128 * size.pixels() as u128;
    let mut values = Vec::new();
    let room = usize::try_from(expected).ok().filter(|&count| values.try_reserve_exact(count).is_ok());
    if room.is_none() {
        let expected = u64::try_from(expected).unwrap_or(u64::MAX);
        return Err(DataError::OutOfMemory { file: source.to_owned(), expected });
    }
    for files in files.chunks(AT_A_TIME) {
        for image in threads::map(files, 64 * size.pixels(), |file| decode::pixels(file, size)) {
            values.extend_from_slice(&image?);
        }
    }
    let place = |at: usize| format!("pixel {},{}", at / size.width, at % size.width);
    let area = size.height * size.width;
    let name = |at: usize| match (size.planes, at / area) {
        (1, _) => place(at),
        (_, plane) => format!("{} {}", ["red", "green", "blue"][plane.min(2)], place(at % area)),
    };
    Ok(Dataset {
        features: Matrix::new(files.len(), size.pixels(), Values::Bytes(values)),
        feature_names: (0..size.pixels()).map(name).collect(),
        target: None,
        weights: None,
        split: crate::Split::Rows,
        image: Some(size),
        source: source.display().to_string(),
    })
}
