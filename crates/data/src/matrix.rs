//! Rows of features.

/// The values of a [`Matrix`], row after row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Whole numbers from 0 to 255, one byte each.
    Bytes(Vec<u8>),
    /// Single-precision numbers.
    Floats(Vec<f32>),
}

impl Values {
    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Values::Bytes(values) => values.len(),
            Values::Floats(values) => values.len(),
        }
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Rows of features, kept as the file has them: bytes stay bytes, because an image set would be four times larger
/// as `f32`.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    values: Values,
}

impl Matrix {
    /// Wraps row-major values.
    ///
    /// # Panics
    ///
    /// If the number of values is not `rows * cols`.
    pub fn new(rows: usize, cols: usize, values: Values) -> Self {
        assert_eq!(rows.checked_mul(cols), Some(values.len()), "a matrix needs rows * cols values");
        Matrix { rows, cols, values }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All values, row after row.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The values alone.
    pub(crate) fn into_values(self) -> Values {
        self.values
    }

    /// Adds the rows of a matrix of as many columns.
    ///
    /// # Panics
    ///
    /// If the number of columns differs, or one holds bytes and the other floats.
    pub(crate) fn append(&mut self, more: &Matrix) {
        assert_eq!(self.cols, more.cols, "rows of one matrix are of one length");
        match (&mut self.values, &more.values) {
            (Values::Bytes(values), Values::Bytes(more)) => values.extend_from_slice(more),
            (Values::Floats(values), Values::Floats(more)) => values.extend_from_slice(more),
            _ => panic!("bytes and floats are not put together"),
        }
        self.rows += more.rows;
    }

    /// The rows at `rows`, in that order, as a matrix of their own.
    ///
    /// # Panics
    /// If a row is not there.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        let range = |row: &u32| *row as usize * self.cols..(*row as usize + 1) * self.cols;
        let values = match &self.values {
            Values::Bytes(all) => Values::Bytes(rows.iter().flat_map(|r| &all[range(r)]).copied().collect()),
            Values::Floats(all) => Values::Floats(rows.iter().flat_map(|r| &all[range(r)]).copied().collect()),
        };
        Self { rows: rows.len(), cols: self.cols, values }
    }

    /// Copies the named rows, in that order, into `out` as raw `f32` values. Allocates nothing.
    ///
    /// # Panics
    ///
    /// If `out` is not `rows.len() * self.cols()` long or a row does not exist.
    pub fn gather(&self, rows: &[u32], out: &mut [f32]) {
        assert_eq!(out.len(), rows.len() * self.cols, "gather needs room for exactly the rows asked for");
        if self.cols == 0 {
            return;
        }
        let targets = rows.iter().map(|&row| row as usize * self.cols).zip(out.chunks_exact_mut(self.cols));
        match &self.values {
            Values::Bytes(values) => {
                for (start, target) in targets {
                    for (to, &from) in target.iter_mut().zip(&values[start..start + self.cols]) {
                        *to = f32::from(from);
                    }
                }
            }
            Values::Floats(values) => {
                for (start, target) in targets {
                    target.copy_from_slice(&values[start..start + self.cols]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathers_rows_in_the_order_asked_for() {
        let bytes = Matrix::new(3, 2, Values::Bytes(vec![1, 2, 3, 4, 5, 255]));
        let floats = Matrix::new(3, 2, Values::Floats(vec![1.0, 2.0, 3.0, 4.0, 5.0, 255.0]));
        for matrix in [bytes, floats] {
            let mut out = [0.0; 6];
            matrix.gather(&[2, 0, 2], &mut out);
            assert_eq!(out, [5.0, 255.0, 1.0, 2.0, 5.0, 255.0]);
        }
    }

    #[test]
    #[should_panic(expected = "rows * cols")]
    fn refuses_a_wrong_number_of_values() {
        Matrix::new(2, 2, Values::Bytes(vec![1, 2, 3]));
    }

    #[test]
    #[should_panic(expected = "exactly the rows")]
    fn refuses_a_wrong_room() {
        Matrix::new(1, 2, Values::Bytes(vec![1, 2])).gather(&[0], &mut [0.0; 3]);
    }
}
