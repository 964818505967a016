//! What can be wrong with images.

use std::path::PathBuf;

use thiserror::Error;

use super::text::{plain, shown_list};
use crate::images::MOST_PIXELS;

/// Why a folder of images could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImageError {
    /// There is nothing that could be read.
    #[error("{} holds no images (.png, .jpg or .jpeg); give a folder that has a folder of images for each class, or the files of MNIST", folder.display())]
    NoImages {
        /// The folder.
        folder: PathBuf,
    },
    /// Images to learn from are in no folder of a class.
    #[error("{} has images but no folders of them; put the images of each class into a folder named as the class is", folder.display())]
    NoClasses {
        /// The folder.
        folder: PathBuf,
    },
    /// One image is in no folder, and the others are.
    #[error("{} is in no folder of a class; put it into one, or take it away", file.display())]
    NoClass {
        /// The file.
        file: PathBuf,
    },
    /// A folder of a class has no image in it.
    #[error("{} holds no images (.png, .jpg or .jpeg); put some into it, or remove the folder", folder.display())]
    EmptyClass {
        /// The folder.
        folder: PathBuf,
    },
    /// All images are of one class.
    #[error("all images of {} are in the folder {}; there is nothing to tell apart, so give a folder with at least two classes", folder.display(), plain(class))]
    OneClass {
        /// The folder.
        folder: PathBuf,
        /// The class.
        class: String,
    },
    /// A folder is named as no class is that was learned.
    #[error("{} is the folder of no class that is known; the classes are {}: rename the folder, or remove it", folder.display(), shown_list(known))]
    UnknownClass {
        /// The folder.
        folder: PathBuf,
        /// The classes.
        known: Vec<String>,
    },
    /// The file is no image, damaged, or of a kind that is not read.
    #[error("{} cannot be read as an image ({}); make it anew as PNG or JPEG, or take it away", file.display(), plain(cause))]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What the decoder said.
        cause: String,
    },
    /// The image has more pixels than are read.
    #[error("{} declares {} x {} pixels, and at most {MOST_PIXELS} are read; make it smaller, or take it away", file.display(), found.0, found.1)]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Its height and width.
        found: (usize, usize),
    },
    /// The model takes images that no file has.
    #[error("{} cannot be what the model takes, which is images of {planes} planes, since image files have 1 or 3; give it the kind of data that it was trained on", file.display())]
    Planes {
        /// The file or folder.
        file: PathBuf,
        /// The planes that are asked for.
        planes: usize,
    },
    /// Images have different sizes.
    #[error("{} is {} x {} pixels and {} is {} x {} (height x width); give --resize {}x{} or another size to bring all to one", first.display(), expected.0, expected.1, file.display(), found.0, found.1, expected.0, expected.1)]
    Sizes {
        /// The first image.
        first: PathBuf,
        /// Its height and width.
        expected: (usize, usize),
        /// The image that differs.
        file: PathBuf,
        /// Its height and width.
        found: (usize, usize),
    },
}
