//! A matrix of features together with what is known about it.

use crate::Matrix;

/// Features, and the target where the file has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// One row for each example.
    pub features: Matrix,
    /// One name for each column of `features`.
    pub feature_names: Vec<String>,
    /// What is to be predicted; `None` for a file that is only to be predicted from.
    pub target: Option<Target>,
    /// The size of the image that a row is, when rows are images.
    pub image: Option<ImageSize>,
    /// Where the rows came from, as shown in messages.
    pub source: String,
}

impl Dataset {
    /// The class of every sample, if the target is a class.
    pub fn labels(&self) -> Option<&[u32]> {
        self.target.as_ref().and_then(Target::labels)
    }

    /// The samples at `rows`, in that order, as a dataset of their own.
    ///
    /// # Panics
    /// If a row is not there.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        let target = self.target.as_ref().map(|target| target.select(rows));
        Self {
            features: self.features.select(rows),
            feature_names: self.feature_names.clone(),
            target,
            image: self.image,
            source: self.source.clone(),
        }
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.features.rows()
    }

    /// Whether there is no example at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of features of each example.
    pub fn columns(&self) -> usize {
        self.features.cols()
    }
}

/// The height and width of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSize {
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
}

/// What is to be predicted for each row.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// One of several classes.
    Classes {
        /// For each row, the position of its class in `names`.
        labels: Vec<u32>,
        /// The name of each class.
        names: Vec<String>,
    },
    /// A number.
    Values {
        /// The number of each row.
        values: Vec<f32>,
        /// The name of the number.
        name: String,
    },
}

impl Target {
    /// The class of every sample, if it is a class.
    pub fn labels(&self) -> Option<&[u32]> {
        match self {
            Target::Classes { labels, .. } => Some(labels),
            Target::Values { .. } => None,
        }
    }

    /// The targets of `rows`, in that order.
    ///
    /// # Panics
    /// If a row is not there.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        match self {
            Target::Classes { labels, names } => {
                let labels = rows.iter().map(|&row| labels[row as usize]).collect();
                Target::Classes { labels, names: names.clone() }
            }
            Target::Values { values, name } => {
                let values = rows.iter().map(|&row| values[row as usize]).collect();
                Target::Values { values, name: name.clone() }
            }
        }
    }
}
