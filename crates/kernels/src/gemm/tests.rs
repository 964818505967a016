//! The product against its definition.

use super::machine::Machine;
use super::plan::Plan;
use super::{Factors, MatRef, gemm, gemm_scratch};
use crate::team::with_threads;
use crate::{Real, naive};
use proptest::prelude::*;

/// Numbers in [−1, 1) that look random: a linear congruential generator.
fn noise<T: Real>(len: usize, seed: u64) -> Vec<T> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            T::from_f64((state >> 40) as f64 / (1_u64 << 23) as f64 - 1.0)
        })
        .collect()
}

/// The `[rows, cols]` matrix in `data`, stored by rows or by columns.
fn matrix<T: Real>(data: &[T], rows: usize, cols: usize, transposed: bool) -> MatRef<'_, T> {
    if transposed { MatRef::new(data, cols, rows).transposed() } else { MatRef::new(data, rows, cols) }
}

/// The scratch that `machine` needs.
fn scratch_on<T: Real>(machine: Machine, m: usize, k: usize, n: usize) -> usize {
    if m * k * n == 0 { 0 } else { Plan::new::<T>(machine, m, k, n).scratch(2) }
}

/// One product on every instruction set of this processor against the definition.
fn check<T: Real>(m: usize, k: usize, n: usize, (ta, tb): (bool, bool), alpha: f64, beta: f64, epsilon: f64) {
    let (a, b, c) = (noise::<T>(m * k, 1), noise::<T>(k * n, 2), noise::<T>(m * n, 3));
    let (alpha, beta) = (T::from_f64(alpha), T::from_f64(beta));
    let (a, b) = (matrix(&a, m, k, ta), matrix(&b, k, n, tb));
    let mut expected = c.clone();
    naive::gemm(alpha, a, b, beta, &mut expected);
    for machine in Machine::all() {
        let mut got = c.clone();
        if beta == T::ZERO {
            got.fill(T::from_f64(f64::NAN));
        }
        // Scratch may hold anything.
        let mut scratch = vec![T::from_f64(f64::NAN); scratch_on::<T>(machine, m, k, n)];
        Factors { alpha, a, b, beta }.multiply(machine, &mut got, &mut scratch, &|_| {});
        // Terms are at most 1, so errors add up like a random walk of k steps at worst times a small factor.
        let bound = epsilon * (8.0 + 4.0 * k as f64);
        for (at, (&got, &expected)) in got.iter().zip(&expected).enumerate() {
            let error = (got.to_f64() - expected.to_f64()).abs();
            assert!(
                error <= bound,
                "{machine:?} [{m}, {k}]·[{k}, {n}] ta {ta} tb {tb} at [{}, {}]: {got} for {expected}",
                at / n,
                at % n
            );
        }
    }
}

fn check_both(m: usize, k: usize, n: usize, transposed: (bool, bool), alpha: f64, beta: f64) {
    check::<f32>(m, k, n, transposed, alpha, beta, f64::from(f32::EPSILON));
    check::<f64>(m, k, n, transposed, alpha, beta, f64::EPSILON);
}

proptest! {
    #[test]
    fn agrees_with_the_definition(
        m in 0_usize..70,
        k in 0_usize..70,
        n in 0_usize..70,
        ta: bool,
        tb: bool,
        alpha in prop::sample::select(vec![1.0, -0.5, 0.0]),
        beta in prop::sample::select(vec![0.0, 1.0, 0.25]),
    ) {
        check_both(m, k, n, (ta, tb), alpha, beta);
    }

    #[test]
    fn agrees_with_the_definition_for_narrow_shapes(
        m in prop::sample::select(vec![1_usize, 2, 3, 4, 10, 14, 15]),
        k in prop::sample::select(vec![1_usize, 2, 30, 257]),
        n in prop::sample::select(vec![1_usize, 2, 3, 10, 30, 129, 200]),
        ta: bool,
        tb: bool,
    ) {
        check_both(m, k, n, (ta, tb), 1.0, 0.0);
    }
}

#[test]
fn agrees_across_all_block_boundaries() {
    for (m, k, n) in [(15, 513, 37), (57, 257, 1030), (65, 300, 530), (129, 512, 70), (10, 784, 30), (1, 600, 1000)] {
        for transposed in [(false, false), (false, true), (true, false), (true, true)] {
            check_both(m, k, n, transposed, 1.5, 0.5);
        }
    }
}

#[test]
fn without_a_middle_dimension_only_beta_acts() {
    let mut c = [1.0_f32, f32::NAN, 3.0, 4.0];
    gemm(1.0, MatRef::new(&[], 2, 0), MatRef::new(&[], 0, 2), 0.0, &mut c, &mut []);
    assert_eq!(c, [0.0; 4]);
    let mut c = [1.0_f32, 2.0, 3.0, 4.0];
    gemm(1.0, MatRef::new(&[], 2, 0), MatRef::new(&[], 0, 2), 2.0, &mut c, &mut []);
    assert_eq!(c, [2.0, 4.0, 6.0, 8.0]);
}

#[test]
fn reading_past_a_row_does_not_leak_into_the_result() {
    // The lanes after the last column read the start of the next row, here infinite and NaN.
    for (m, k, n) in [(1, 10, 3), (5, 40, 30), (20, 70, 10), (3, 300, 200)] {
        let mut b = noise::<f32>(k * n, 6);
        b.chunks_exact_mut(n).zip([f32::NAN, f32::INFINITY].iter().cycle()).for_each(|(row, v)| row[0] = *v);
        let a = noise::<f32>(m * k, 7);
        let mut c = vec![0.0; m * n];
        let mut scratch = vec![0.0; gemm_scratch::<f32>(m, k, n)];
        gemm(1.0, MatRef::new(&a, m, k), MatRef::new(&b, k, n), 0.0, &mut c, &mut scratch);
        for row in c.chunks_exact(n) {
            assert!(row[0].is_nan() && row[1..].iter().all(|v| v.is_finite()));
        }
    }
}

#[test]
fn has_the_same_bits_on_any_number_of_threads() {
    for (m, k, n) in
        [(64, 784, 512), (10, 1024, 1024), (16, 3000, 700), (300, 300, 300), (784, 64, 128), (500, 784, 30)]
    {
        for (ta, tb) in [(false, false), (false, true), (true, false)] {
            let (a, b) = (noise::<f32>(m * k, 4), noise::<f32>(k * n, 5));
            let (a, b) = (matrix(&a, m, k, ta), matrix(&b, k, n, tb));
            let results = [1, 2, 3].map(|threads| {
                with_threads(threads, || {
                    let mut c = vec![0.0; m * n];
                    let mut scratch = vec![0.0; gemm_scratch::<f32>(m, k, n)];
                    gemm(1.0, a, b, 0.0, &mut c, &mut scratch);
                    c.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
                })
            });
            assert!(results[0] == results[1] && results[0] == results[2], "[{m}, {k}]·[{k}, {n}] {ta} {tb}");
        }
    }
}
