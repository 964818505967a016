//! Files to matrices: reads IDX folders, folders of images and tables, scales columns and splits rows.
//!
//! This crate knows nothing of graphs or networks. Every file is treated as untrusted: a damaged or hostile one
//! gives a [`DataError`] that names the file, the place and the cure, and never an allocation that the file's real
//! content does not justify.

pub mod augment;
mod charset;
pub mod dataset;
pub mod encoder;
pub mod error;
pub mod frame;
pub mod idx;
pub mod images;
pub mod kinds;
pub mod matrix;
pub mod samples;
pub mod scaling;
pub mod split;
pub mod stored;
pub mod table;
pub mod weights;

mod folder;
mod source;
mod target;
mod threads;
mod time;

pub use augment::{Augmentation, AugmentationError, Augmented, Elastic, Room};
pub use charset::Charset;
pub use dataset::{Dataset, ImageSize, Target};
pub use encoder::{Encoded, Encoder, Encoding, LevelOptions, Levels, Scale};
pub use error::{DataError, ImageError, Place, Position, TableError};
pub use frame::{
    Cells, Chunks, Column, Form, Format, Frame, ReadOptions, Texts, Written, matching_files, read_chunks, read_frame,
};
pub use idx::{IdxArray, IdxFolder, is_idx_folder, read_idx, read_idx_folder};
pub use images::{
    Channels, ImageFolder, ImageOptions, KnownImages, image_parts, png, read_image_folder, read_known_images,
};
pub use kinds::{ColumnKind, Kind, Kinds};
pub use matrix::{Matrix, Values};
pub use samples::{KnownSamples, SampleOptions, Samples, SplitBy, TargetTable, read_known, usual_validation};
pub use scaling::Scaling;
pub use split::{Split, hold_out, shuffle};
pub use stored::{Fingerprint, LEAST_MEMORY, Stored, StoredSamples};
pub use table::{TableOptions, Task, plain_features, read_table, read_table_with_columns};
pub use time::Cycle;
pub use weights::ClassWeights;

/// The most classes a target may have.
///
/// More than this is nearly always a number or an identifier taken for a class, and the last layer of a network
/// would grow with it.
pub const MAX_CLASSES: usize = 65_536;
