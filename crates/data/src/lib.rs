//! Files to matrices: reads IDX folders and CSV tables, scales columns and splits rows.
//!
//! This crate knows nothing of graphs or networks. Every file is treated as untrusted: a damaged or hostile one
//! gives a [`DataError`] that names the file, the place and the cure, and never an allocation that the file's real
//! content does not justify.

pub mod csv;
pub mod dataset;
pub mod error;
pub mod idx;
pub mod matrix;
pub mod scaling;
pub mod split;

mod folder;
mod source;
mod table;
mod target;

pub use crate::csv::{CsvOptions, Task, read_csv, read_csv_with_columns};
pub use dataset::{Dataset, ImageSize, Target};
pub use error::DataError;
pub use idx::{IdxArray, IdxFolder, read_idx, read_idx_folder};
pub use matrix::{Matrix, Values};
pub use scaling::Scaling;
pub use split::{hold_out, shuffle};

/// The most classes a target may have.
///
/// More than this is nearly always a number or an identifier taken for a class, and the last layer of a network
/// would grow with it.
pub const MAX_CLASSES: usize = 65_536;
