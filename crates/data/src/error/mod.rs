//! Everything that can be wrong with a file, said so that it can be put right.

mod image;
mod table;
mod text;

use std::{io, path::PathBuf};

use thiserror::Error;

pub use image::ImageError;
pub use table::{Place, Position, TableError};
use text::{hex, times};
pub(crate) use text::{nearest, plain};

use crate::ImageSize;

/// Why a file could not be read as data.
///
/// The fields are what the message needs: the file, and where it applies the line (counted from 1, as editors show
/// it), the name of the column, the offending text, and what was expected and found.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    // Any file.
    /// Nothing has that path.
    #[error("there is no {}; check the path", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// A folder stands where a file was expected.
    #[error("{} is a folder; give the path of one file in it", file.display())]
    NotAFile {
        /// The file.
        file: PathBuf,
    },
    /// A file stands where a folder was expected.
    #[error("{} is not a folder; give the folder that holds the IDX files", file.display())]
    NotAFolder {
        /// The file.
        file: PathBuf,
    },
    /// The operating system refused to read the file.
    #[error("cannot read {}: {cause}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system or the decoder said.
        cause: io::Error,
    },
    /// The file for encoded samples cannot be written or read.
    #[error("cannot keep the encoded rows in a file in {}: {cause}; free space there, or choose a folder with more by --out", folder.display())]
    Scratch {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The packed data is damaged or incomplete.
    #[error("{} begins as a {packing} file but cannot be unpacked ({cause}); it is damaged or cut short: copy or download it again", file.display())]
    CorruptPacking {
        /// The file.
        file: PathBuf,
        /// How it is packed.
        packing: &'static str,
        /// What the system or the decoder said.
        cause: io::Error,
    },
    /// The file holds nothing.
    #[error("{} is empty; copy or download it again", file.display())]
    EmptyFile {
        /// The file.
        file: PathBuf,
    },

    // IDX files.
    /// The first bytes are not those of an IDX file.
    #[error("{} is not an IDX file: it begins with the bytes {}, and an IDX file begins with 00 00, an element type and a number of dimensions; check that it is the right file", file.display(), hex(found))]
    NotIdx {
        /// The file.
        file: PathBuf,
        /// What is there.
        found: Vec<u8>,
    },
    /// The element type is none of those that IDX defines.
    #[error("{} declares element type {code:#04x}, which IDX does not define; the types are 08 (bytes), 09, 0b, 0c (whole numbers), 0d and 0e (floats)", file.display())]
    UnknownElementType {
        /// The file.
        file: PathBuf,
        /// The type byte.
        code: u8,
    },
    /// The product of the dimensions does not fit in memory addresses.
    #[error("{} declares {} elements, more than can be counted; its header is damaged: copy or download it again", file.display(), times(dims))]
    SizeOverflow {
        /// The file.
        file: PathBuf,
        /// The sizes that the header declares.
        dims: Vec<usize>,
    },
    /// The header declares more than the packed file could unpack to.
    #[error("{} declares {expected} bytes, which a gzip file of {found} bytes cannot hold; its header is damaged: copy or download it again", file.display())]
    DeclaredTooLarge {
        /// The file.
        file: PathBuf,
        /// What should be there.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// The elements do not fit in memory.
    #[error("{} needs more memory than there is ({expected} bytes); use a machine with more, or a smaller file", file.display())]
    OutOfMemory {
        /// The file.
        file: PathBuf,
        /// What should be there.
        expected: u64,
    },
    /// The file ends before the declared elements do.
    #[error("{} is cut short: its header declares {expected} bytes and there are {found}; copy or download it again", file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// What should be there.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// The file goes on after the declared elements.
    #[error("{} goes on after the {expected} bytes that its header declares; it is damaged or holds something else as well: copy or download it again", file.display())]
    TrailingData {
        /// The file.
        file: PathBuf,
        /// What should be there.
        expected: u64,
    },
    /// An element is not a finite number, or has no `f32`.
    #[error("element {index} of {} is {text}, counted from 0; every element has to be a number within the range of 32-bit floats, so correct it where the file is made", file.display())]
    BadElement {
        /// The file.
        file: PathBuf,
        /// Which element, counted from 0.
        index: usize,
        /// The offending text.
        text: String,
    },
    /// The number of dimensions is not that of images or of labels.
    #[error("{} has {found} dimensions where {content} have {expected}; check that it is the right file", file.display())]
    WrongDimensions {
        /// The file.
        file: PathBuf,
        /// What the file should hold, in words.
        content: &'static str,
        /// What should be there.
        expected: usize,
        /// What is there.
        found: usize,
    },
    /// An image file declares no image, or images without pixels.
    #[error("{} declares {} values, so it holds no image; use a file with at least one", file.display(), times(dims))]
    NoImages {
        /// The file.
        file: PathBuf,
        /// The sizes that the header declares.
        dims: Vec<usize>,
    },
    /// There are not as many labels as images.
    #[error("{} holds {image_count} images but {} holds {label_count} labels; both files have to come from the same set", images.display(), labels.display())]
    CountMismatch {
        /// The image file.
        images: PathBuf,
        /// How many images it holds.
        image_count: usize,
        /// The label file.
        labels: PathBuf,
        /// How many labels it holds.
        label_count: usize,
    },
    /// The test images have another size than those to train on.
    #[error("the images of {} are {} x {} pixels, but those to train on are {} x {}; both files have to come from the same set", file.display(), found.height, found.width, expected.height, expected.width)]
    ImageSizeMismatch {
        /// The file.
        file: PathBuf,
        /// What should be there.
        expected: ImageSize,
        /// What is there.
        found: ImageSize,
    },
    /// A label is not a whole number.
    #[error("label {index} of {} is {text}, counted from 0; labels have to be whole numbers, so correct it where the file is made", file.display())]
    BadLabel {
        /// The file.
        file: PathBuf,
        /// Which element, counted from 0.
        index: usize,
        /// The offending text.
        text: String,
    },
    /// A label of the test set is not among those to train on.
    #[error("label {index} of {} is {text}, counted from 0, and no image to train on has that label; both files have to come from the same set", file.display())]
    UnknownLabel {
        /// The file.
        file: PathBuf,
        /// Which element, counted from 0.
        index: usize,
        /// The offending text.
        text: String,
    },
    /// All labels to train on are the same.
    #[error("every label of {} is {text}; there is nothing to tell apart, so use a set with at least two classes", file.display())]
    OneLabel {
        /// The file.
        file: PathBuf,
        /// The offending text.
        text: String,
    },
    /// The folder has none of the names that a needed file may have.
    #[error("{} lacks a file it needs; looked for {}", folder.display(), looked_for.join(", "))]
    MissingFiles {
        /// The folder.
        folder: PathBuf,
        /// The names that were looked for.
        looked_for: Vec<String>,
    },

    /// A folder of images, or one of them, is not as it has to be.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A table, or its cells, are not as they have to be.
    #[error(transparent)]
    Table(#[from] TableError),
}
