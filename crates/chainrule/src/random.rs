//! Random numbers that are the same everywhere: ChaCha with 8 rounds, one stream for each purpose.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Stream {
    source: ChaCha8Rng,
}

impl Stream {
    /// The stream with number `stream` under `seed`. Streams of one seed do not overlap.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut source = ChaCha8Rng::seed_from_u64(seed);
        source.set_stream(stream);
        Self { source }
    }

    /// How many words of 32 bits were taken.
    pub(crate) fn position(&self) -> u128 {
        self.source.get_word_pos()
    }

    /// Goes on from where so many words were taken.
    pub(crate) fn go_to(&mut self, position: u128) {
        self.source.set_word_pos(position);
    }

    /// Uniform in [0, 1), with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.source.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Fills `out` with normal numbers of mean 0 (Box and Muller 1958).
    pub fn fill_normal(&mut self, deviation: f64, out: &mut [f32]) {
        for pair in out.chunks_mut(2) {
            let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt() * deviation;
            let (sine, cosine) = (self.unit() * std::f64::consts::TAU).sin_cos();
            for (value, direction) in pair.iter_mut().zip([cosine, sine]) {
                *value = (radius * direction) as f32;
            }
        }
    }

    /// Fills `mask` for dropout: 0 with probability `rate`, else 1 / (1 − rate), so that the mean stays 1.
    pub fn fill_mask(&mut self, rate: f64, mask: &mut [f32]) {
        let (threshold, kept) = ((rate * 4_294_967_296.0) as u64, (1.0 / (1.0 - rate)) as f32);
        for pair in mask.chunks_mut(2) {
            let bits = self.source.next_u64();
            for (value, half) in pair.iter_mut().zip([bits & 0xFFFF_FFFF, bits >> 32]) {
                *value = if half < threshold { 0.0 } else { kept };
            }
        }
    }
}
