//! Random numbers that belong to an image of an epoch.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::split::{Purpose, generator};

/// The numbers of one image.
pub(super) struct Draws(ChaCha8Rng);

impl Draws {
    pub(super) fn new(seed: u64, epoch: usize, row: u32) -> Self {
        Self(generator(Purpose::Augment, seed, (epoch as u64) << 32 | u64::from(row)))
    }

    /// Uniform in [0, 1), with 24 random bits.
    pub(super) fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// Uniform in [−1, 1).
    pub(super) fn signed(&mut self) -> f32 {
        2.0 * self.unit() - 1.0
    }

    /// A whole number below `count`.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((u64::from(self.0.next_u32()) * count as u64) >> 32) as usize
    }

    /// From the beta distribution with these parameters (Jöhnk 1964; quick where they are small).
    pub(super) fn beta(&mut self, a: f64, b: f64) -> f64 {
        loop {
            let x = f64::from(self.unit()).powf(1.0 / a);
            let y = f64::from(self.unit()).powf(1.0 / b);
            if x + y > 0.0 && x + y <= 1.0 {
                return x / (x + y);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beta_has_its_mean_and_variance() {
        for (a, b) in [(1.2, 0.2), (2.0, 1.0), (1.4, 0.4)] {
            let mut draws = Draws::new(1, 2, 3);
            let all: Vec<f64> = (0..20_000).map(|_| draws.beta(a, b)).collect();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
            assert!((mean - a / (a + b)).abs() < 0.01, "{mean} for {a}, {b}");
            assert!((variance - a * b / ((a + b).powi(2) * (a + b + 1.0))).abs() < 0.005, "{variance} for {a}, {b}");
        }
    }

    #[test]
    fn images_and_epochs_have_numbers_of_their_own() {
        let first = |seed, epoch, row| Draws::new(seed, epoch, row).unit();
        let all = [first(0, 1, 0), first(1, 1, 0), first(0, 2, 0), first(0, 1, 1)];
        for (at, one) in all.iter().enumerate() {
            assert!(all[..at].iter().all(|other| other != one), "{all:?}");
        }
        assert!((0..1000).map(|row| Draws::new(0, 1, row).below(7)).all(|n| n < 7));
    }
}
