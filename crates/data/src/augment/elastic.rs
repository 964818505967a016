//! Smooth random displacements.

use super::Elastic;
use super::random::Draws;
use crate::ImageSize;

/// Where the Gaussian is cut off, in standard deviations.
const REACH: f32 = 3.0;

/// A displacement for each pixel, down and to the right.
#[derive(Clone, Debug, Default)]
pub(super) struct Field {
    /// Of all pixels down, then of all to the right.
    moves: Vec<f32>,
    /// The Gaussian from its middle to one side, and the standard deviation that it is of.
    kernel: Vec<f32>,
    sigma: f32,
    /// A line, or all lines, of the field with zeros around it.
    padded: Vec<f32>,
}

impl Field {
    /// The displacements of all pixels down (0) or to the right (1).
    pub(super) fn along(&self, axis: usize) -> &[f32] {
        let half = self.moves.len() / 2;
        &self.moves[axis * half..][..half]
    }

    pub(super) fn draw(&mut self, elastic: Elastic, size: ImageSize, draws: &mut Draws) {
        let ImageSize { height, width, .. } = size;
        if self.sigma != elastic.sigma {
            (self.kernel, self.sigma) = (gaussian(elastic.sigma), elastic.sigma);
        }
        self.moves.resize(2 * height * width, 0.0);
        self.moves.iter_mut().for_each(|value| *value = elastic.alpha * draws.signed());
        let Self { moves, kernel, padded, .. } = self;
        for direction in moves.chunks_exact_mut(height * width) {
            for line in direction.chunks_exact_mut(width) {
                smooth(line, 1, kernel, padded);
            }
            smooth(direction, width, kernel, padded);
        }
    }
}

/// A Gaussian from its middle to one side, the whole of which adds up to 1.
fn gaussian(sigma: f32) -> Vec<f32> {
    let reach = (REACH * sigma).ceil() as usize;
    let weight = |distance: usize| (-0.5 * (distance as f64 / f64::from(sigma)).powi(2)).exp();
    let total = weight(0) + 2.0 * (1..=reach).map(weight).sum::<f64>();
    (0..=reach).map(|distance| (weight(distance) / total) as f32).collect()
}

/// Convolves `values`, of which those `step` apart are neighbours, with a symmetric kernel; beyond the ends are zeros.
fn smooth(values: &mut [f32], step: usize, kernel: &[f32], padded: &mut Vec<f32>) {
    let margin = (kernel.len() - 1) * step;
    padded.clear();
    padded.resize(margin, 0.0);
    padded.extend_from_slice(values);
    padded.resize(values.len() + 2 * margin, 0.0);
    values.iter_mut().for_each(|value| *value *= kernel[0]);
    for (distance, weight) in kernel.iter().enumerate().skip(1) {
        let before = &padded[margin - distance * step..];
        let after = &padded[margin + distance * step..];
        for ((value, a), b) in values.iter_mut().zip(before).zip(after) {
            *value += weight * (a + b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_is_a_convolution_in_both_directions() {
        let (height, width) = (5_usize, 7_usize);
        let kernel = gaussian(1.3);
        let mut field = vec![0.0; height * width];
        field[2 * width + 3] = 1.0;
        field[0] = 2.0;
        let before = field.clone();
        let mut padded = Vec::new();
        field.chunks_exact_mut(width).for_each(|line| smooth(line, 1, &kernel, &mut padded));
        smooth(&mut field, width, &kernel, &mut padded);
        let weight = |a: usize, b: usize| kernel.get(a.abs_diff(b)).copied().unwrap_or(0.0);
        for y in 0..height {
            for x in 0..width {
                let terms = (0..height).flat_map(|v| (0..width).map(move |u| (v, u)));
                let expected: f32 = terms.map(|(v, u)| weight(y, v) * weight(x, u) * before[v * width + u]).sum();
                assert!((field[y * width + x] - expected).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_gaussian_adds_up_to_one() {
        for sigma in [0.3, 1.0, 4.0, 6.0] {
            let kernel = gaussian(sigma);
            assert!((kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(kernel.is_sorted_by(|a, b| a >= b));
        }
    }

    #[test]
    fn displacements_are_as_long_as_their_formula_says() {
        // The variance of uniform numbers in [−1, 1) is 1/3; the Gaussian leaves 1 / (4πσ²) of it.
        let size = ImageSize { planes: 1, height: 100, width: 100 };
        let mut field = Field::default();
        field.draw(Elastic { alpha: 34.0, sigma: 4.0 }, size, &mut Draws::new(1, 1, 1));
        let inner =
            |moves: &[f32]| -> Vec<f32> { (20..80).flat_map(|y| moves[y * 100 + 20..y * 100 + 80].to_vec()).collect() };
        let all: Vec<f32> = field.moves.chunks_exact(10_000).flat_map(inner).collect();
        let found = (all.iter().map(|v| v * v).sum::<f32>() / all.len() as f32).sqrt();
        let expected = 34.0 * (1.0 / 3.0_f32).sqrt() / (2.0 * std::f32::consts::PI.sqrt() * 4.0);
        assert!((found / expected - 1.0).abs() < 0.15, "{found} for {expected}");
    }
}
