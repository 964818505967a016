//! Bringing features to a common scale.

use serde::{Deserialize, Serialize};

use crate::Matrix;

/// Maps each value to (value − shift) · scale, with one pair for each column or one pair for all of them.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub enum Scaling {
    /// Leaves values as they are.
    None,
    /// One pair for all columns.
    Uniform {
        /// What is taken away from each value.
        shift: f32,
        /// What the difference is multiplied by.
        scale: f32,
    },
    /// One pair for each column.
    Columns {
        /// What is taken away from the values of each column.
        shift: Vec<f32>,
        /// What the differences of each column are multiplied by.
        scale: Vec<f32>,
    },
}

impl Scaling {
    /// Maps bytes from 0 to 255 to numbers from 0 to 1.
    pub fn pixels() -> Self {
        Scaling::Uniform { shift: 0.0, scale: 1.0 / 255.0 }
    }

    /// One mean and one standard deviation over all values of the rows, computed in `f64`.
    ///
    /// When all values are equal the scale is 1. No rows give the scaling that changes nothing.
    ///
    /// # Panics
    ///
    /// If a row does not exist.
    pub fn fit_uniform(m: &Matrix, rows: &[u32]) -> Self {
        let count = rows.len() * m.cols();
        if count == 0 {
            return Scaling::Uniform { shift: 0.0, scale: 1.0 };
        }
        let origin = first_row(m, rows)[0];
        let offset: f64 = column_sums(m, rows, &vec![origin; m.cols()], |x| x).iter().sum();
        let mean = origin + offset / count as f64;
        let squares: f64 = column_sums(m, rows, &vec![mean; m.cols()], |x| x * x).iter().sum();
        let (shift, scale) = shift_and_scale(mean, squares / count as f64);
        Scaling::Uniform { shift, scale }
    }

    /// The mean and the standard deviation of each column over the rows, computed in `f64`.
    ///
    /// A constant column gets scale 1. No rows give the scaling that changes nothing.
    ///
    /// # Panics
    ///
    /// If a row does not exist.
    pub fn fit_columns(m: &Matrix, rows: &[u32]) -> Self {
        if rows.is_empty() {
            return Scaling::Columns { shift: vec![0.0; m.cols()], scale: vec![1.0; m.cols()] };
        }
        let count = rows.len() as f64;
        let mut mean = first_row(m, rows);
        let offsets = column_sums(m, rows, &mean, |x| x);
        for (mean, offset) in mean.iter_mut().zip(offsets) {
            *mean += offset / count;
        }
        let squares = column_sums(m, rows, &mean, |x| x * x);
        let (shift, scale) =
            mean.iter().zip(squares).map(|(&mean, squares)| shift_and_scale(mean, squares / count)).unzip();
        Scaling::Columns { shift, scale }
    }

    /// Scales rows of `cols` values in place. Allocates nothing.
    ///
    /// # Panics
    ///
    /// If `out` is not whole rows, or this scaling was fitted for another number of columns.
    pub fn apply(&self, cols: usize, out: &mut [f32]) {
        match self {
            Scaling::None => {}
            Scaling::Uniform { shift, scale } => {
                for value in out {
                    *value = (*value - shift) * scale;
                }
            }
            Scaling::Columns { shift, scale } => {
                assert!(shift.len() == cols && scale.len() == cols, "the scaling was fitted for other columns");
                if cols == 0 {
                    return;
                }
                let mut rows = out.chunks_exact_mut(cols);
                for row in &mut rows {
                    for ((value, shift), scale) in row.iter_mut().zip(shift).zip(scale) {
                        *value = (*value - shift) * scale;
                    }
                }
                assert!(rows.into_remainder().is_empty(), "scaling needs whole rows");
            }
        }
    }

    /// How many columns it was fitted for; `None` when it fits any number.
    pub fn columns(&self) -> Option<usize> {
        match self {
            Scaling::None | Scaling::Uniform { .. } => None,
            Scaling::Columns { shift, .. } => Some(shift.len()),
        }
    }
}

/// The first of the rows, used as the origin of the sums: differences from it are small, so the mean keeps its
/// digits, and those of a constant column are exactly zero, so that rounding cannot pass for spread.
fn first_row(m: &Matrix, rows: &[u32]) -> Vec<f64> {
    let mut row = vec![0.0; m.cols()];
    m.gather(&rows[..1], &mut row);
    row.into_iter().map(f64::from).collect()
}

/// For each column, the sum over the rows of `term(value − origin)`.
fn column_sums(m: &Matrix, rows: &[u32], origin: &[f64], term: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; m.cols()];
    let mut row = vec![0.0f32; m.cols()];
    for &index in rows {
        m.gather(&[index], &mut row);
        for ((sum, &value), origin) in sums.iter_mut().zip(&row).zip(origin) {
            *sum += term(f64::from(value) - origin);
        }
    }
    sums
}

fn shift_and_scale(mean: f64, variance: f64) -> (f32, f32) {
    let scale = (1.0 / variance.sqrt()) as f32;
    // A spread of zero, or one so small that its inverse has no `f32`, cannot be stretched to one.
    (mean as f32, if scale.is_finite() { scale } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Values;

    fn scaled(m: &Matrix, scaling: &Scaling) -> Vec<f32> {
        let rows: Vec<u32> = (0..m.rows() as u32).collect();
        let mut out = vec![0.0; m.rows() * m.cols()];
        m.gather(&rows, &mut out);
        scaling.apply(m.cols(), &mut out);
        out
    }

    fn mean_and_deviation(values: impl Iterator<Item = f32> + Clone) -> (f64, f64) {
        let count = values.clone().count() as f64;
        let mean = values.clone().map(f64::from).sum::<f64>() / count;
        let variance = values.map(|v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
        (mean, variance.sqrt())
    }

    proptest! {
        #[test]
        fn fitted_columns_have_mean_0_and_deviation_1(
            values in prop::collection::vec(-1000.0f32..1000.0, 20..200),
        ) {
            let rows = values.len() / 2;
            let m = Matrix::new(rows, 2, Values::Floats(values[..rows * 2].to_vec()));
            let all: Vec<u32> = (0..rows as u32).collect();
            let by_column = scaled(&m, &Scaling::fit_columns(&m, &all));
            for column in 0..2 {
                let (mean, deviation) = mean_and_deviation(by_column.iter().copied().skip(column).step_by(2));
                prop_assert!(mean.abs() < 1e-4 && (deviation - 1.0).abs() < 1e-4);
            }
            let (mean, deviation) = mean_and_deviation(scaled(&m, &Scaling::fit_uniform(&m, &all)).into_iter());
            prop_assert!(mean.abs() < 1e-4 && (deviation - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn a_constant_column_becomes_zero() {
        // 0.1 summed a thousand times is not a hundred in any precision, so a naive mean would be off.
        let m = Matrix::new(1000, 1, Values::Floats(vec![0.1; 1000]));
        let all: Vec<u32> = (0..1000).collect();
        let fitted = Scaling::fit_columns(&m, &all);
        assert_eq!(fitted, Scaling::Columns { shift: vec![0.1], scale: vec![1.0] });
        assert!(scaled(&m, &fitted).iter().all(|&v| v == 0.0));
        assert_eq!(Scaling::fit_uniform(&m, &all), Scaling::Uniform { shift: 0.1, scale: 1.0 });
    }

    #[test]
    fn a_large_mean_does_not_drown_the_spread() {
        let m = Matrix::new(4, 1, Values::Floats(vec![1e6, 1e6 + 1.0, 1e6 + 2.0, 1e6 + 3.0]));
        let Scaling::Columns { shift, scale } = Scaling::fit_columns(&m, &[0, 1, 2, 3]) else { panic!() };
        assert_eq!(shift, [1e6 + 1.5]);
        assert!((scale[0] - 1.0 / 1.25f32.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn only_the_named_rows_count() {
        let m = Matrix::new(3, 1, Values::Bytes(vec![0, 2, 250]));
        assert_eq!(Scaling::fit_columns(&m, &[0, 1]), Scaling::Columns { shift: vec![1.0], scale: vec![1.0] });
        assert_eq!(Scaling::fit_uniform(&m, &[]), Scaling::Uniform { shift: 0.0, scale: 1.0 });
        assert_eq!(Scaling::fit_columns(&m, &[]), Scaling::Columns { shift: vec![0.0], scale: vec![1.0] });
    }

    #[test]
    fn pixels_run_from_0_to_1() {
        let mut out = [0.0, 255.0];
        Scaling::pixels().apply(2, &mut out);
        assert_eq!(out, [0.0, 1.0]);
        assert_eq!(Scaling::pixels().columns(), None);
        assert_eq!(Scaling::Columns { shift: vec![0.0; 3], scale: vec![1.0; 3] }.columns(), Some(3));
    }

    #[test]
    #[should_panic(expected = "other columns")]
    fn refuses_other_columns() {
        Scaling::Columns { shift: vec![0.0; 3], scale: vec![1.0; 3] }.apply(2, &mut [0.0; 6]);
    }
}
