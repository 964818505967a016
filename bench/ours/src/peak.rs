//! What this machine can do at most: multiplications and additions in registers, and reading memory.

use chainrule::kernels::team;
use pulp::{Arch, Simd, WithSimd};
use serde_json::{Value, json};
use std::time::Instant;

/// Turns of the loop: some milliseconds.
const TURNS: u64 = 4_000_000;
/// Independent sums: enough to hide that each waits for its last.
const SUMS: usize = 12;
/// Numbers to read: 256 MiB, more than the caches of most machines hold.
const NUMBERS: usize = 64 << 20;
/// The best of so many tries counts.
const TRIES: usize = 7;

pub(crate) fn measure() -> Value {
    let threads = team::threads();
    let lanes = Arch::new().dispatch(Lanes);
    let flop = threads as f64 * TURNS as f64 * (SUMS * lanes * 2) as f64;
    let multiply = best(|| {
        team::for_each(threads, threads, &|_, _| {
            std::hint::black_box(Arch::new().dispatch(Multiply));
        });
    });
    let numbers = vec![1.0_f32; NUMBERS];
    let share = NUMBERS / threads;
    let read = best(|| {
        team::for_each(threads, threads, &|_, piece| {
            std::hint::black_box(Arch::new().dispatch(Read(&numbers[piece * share..(piece + 1) * share])));
        });
    });
    let bytes = (share * threads * 4) as f64;
    json!({"threads": threads, "gflops": flop / multiply / 1e9, "read_gbytes": bytes / read / 1e9})
}

/// Seconds of the fastest try.
fn best(mut work: impl FnMut()) -> f64 {
    let once = |_| {
        let begin = Instant::now();
        work();
        begin.elapsed().as_secs_f64()
    };
    (0..TRIES).map(once).fold(f64::INFINITY, f64::min)
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

struct Multiply;

impl WithSimd for Multiply {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let [start, x, y] = std::hint::black_box([0.5, 0.999, 0.001]).map(|v| simd.splat_f32s(v));
        let mut sums = [start; SUMS];
        for _ in 0..TURNS {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, x, y);
            }
        }
        sums.into_iter().map(|sum| simd.reduce_sum_f32s(sum)).sum()
    }
}

struct Read<'a>(&'a [f32]);

impl WithSimd for Read<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (vectors, _) = S::as_simd_f32s(self.0);
        let mut sums = [simd.splat_f32s(0.0); 8];
        for eight in vectors.chunks_exact(8) {
            for (sum, &v) in sums.iter_mut().zip(eight) {
                *sum = simd.add_f32s(*sum, v);
            }
        }
        sums.into_iter().map(|sum| simd.reduce_sum_f32s(sum)).sum()
    }
}
