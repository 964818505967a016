//! A matrix of features together with what is known about it.

use std::fmt;

use crate::{Matrix, Split};

/// Features, and the target where the file has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// One row for each example.
    pub features: Matrix,
    /// One name for each column of `features`.
    pub feature_names: Vec<String>,
    /// What is to be predicted; `None` for a file that is only to be predicted from.
    pub target: Option<Target>,
    /// How much each example counts in training, 1 on average; all the same if not given.
    pub weights: Option<Vec<f32>>,
    /// Which examples must stay together when some are held out.
    pub split: Split,
    /// The size of the image that a row is, when rows are images.
    pub image: Option<ImageSize>,
    /// Where the rows came from, as shown in messages.
    pub source: String,
}

impl Dataset {
    /// Examples that count alike, in a table whose columns have no names yet.
    pub fn new(features: Matrix, target: Target, source: &str) -> Self {
        Self {
            features,
            feature_names: Vec::new(),
            target: Some(target),
            weights: None,
            split: Split::Rows,
            image: None,
            source: source.to_owned(),
        }
    }

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
            weights: self.weights.as_ref().map(|weights| rows.iter().map(|&row| weights[row as usize]).collect()),
            split: self.split.select(rows),
            image: self.image,
            source: self.source.clone(),
        }
    }

    /// Adds examples with the same features, target and choice of weights; which ones stay together is not kept.
    ///
    /// # Panics
    /// If they differ in any of these.
    pub(crate) fn append(&mut self, more: &Self) {
        self.features.append(&more.features);
        match (&mut self.target, &more.target) {
            (Some(Target::Classes { labels, .. }), Some(Target::Classes { labels: more, .. })) => {
                labels.extend_from_slice(more);
            }
            (Some(Target::Values { values, .. }), Some(Target::Values { values: more, .. })) => {
                values.extend_from_slice(more);
            }
            (None, None) => {}
            _ => panic!("examples put together have the same kind of target"),
        }
        match (&mut self.weights, &more.weights) {
            (Some(weights), Some(more)) => weights.extend_from_slice(more),
            (None, None) => {}
            _ => panic!("examples put together have weights, or none have"),
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

/// The size of an image, whose pixels are one plane after the other, `[planes, height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSize {
    /// 1 for grey, 3 for red, green and blue.
    pub planes: usize,
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
}

impl ImageSize {
    /// How many numbers an image has.
    pub fn pixels(self) -> usize {
        self.planes * self.height * self.width
    }
}

/// `28x28`, or with more than one plane `3x32x32`.
impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.planes != 1 {
            write!(f, "{}x", self.planes)?;
        }
        write!(f, "{}x{}", self.height, self.width)
    }
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
    /// One number or several.
    Values {
        /// The numbers of each row, `[rows, names]`.
        values: Vec<f32>,
        /// The name of each number.
        names: Vec<String>,
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

    /// A number for each row.
    pub fn value(values: Vec<f32>, name: &str) -> Self {
        Target::Values { values, names: vec![name.to_owned()] }
    }

    /// How many numbers a row has: one class, or a value for each name.
    pub fn width(&self) -> usize {
        match self {
            Target::Classes { .. } => 1,
            Target::Values { names, .. } => names.len(),
        }
    }

    /// The value number `column` of every row, if they are values.
    ///
    /// # Panics
    /// If there is no such value.
    #[must_use]
    pub fn column(&self, column: usize) -> Option<Self> {
        let Target::Values { values, names } = self else { return None };
        let values = values.iter().skip(column).step_by(names.len()).copied().collect();
        Some(Self::value(values, &names[column]))
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
            Target::Values { values, names } => {
                let width = names.len();
                let of_row = |&row: &u32| &values[row as usize * width..][..width];
                let values = rows.iter().flat_map(of_row).copied().collect();
                Target::Values { values, names: names.clone() }
            }
        }
    }
}
