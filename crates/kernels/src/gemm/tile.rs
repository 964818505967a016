//! The register tile: some rows of `c` by a few vectors of columns, summed over `k` in registers.
//!
//! At each step `p` of `k` a row of `b` is loaded as vectors, each number of a column of `a` is spread over a vector,
//! and every pair is multiplied and added. Each element of `c` is one chain of additions in the order of `p`, so its
//! bits do not depend on where in a tile it lies.
//!
//! Addresses are raw pointers: checks at each step would take the place of multiplications.
#![expect(unsafe_code, reason = "bounds are checked once for a whole product, in `drive`, instead of at every load")]

use super::machine::{Job, Machine};
use crate::Real;
use crate::prefetch::prefetch;
use pulp::Simd;
use std::array::from_fn;

/// The most rows that a tile has.
pub(super) const MAX_ROWS: usize = 6;

/// How far ahead numbers of `a` are asked for where its rows are read as they lie: several short streams at once are
/// more than the processor foresees.
const AHEAD: usize = 64;

/// The tiles of one panel of `b` and some bands of `a`, one below the other: `c ← alpha · a · b + beta · c`.
#[derive(Clone, Copy)]
pub(super) struct Tiles<T> {
    /// How many there are.
    pub(super) bands: usize,
    /// The first row of `a` at the first step.
    pub(super) a: *const T,
    /// From a band of `a` to the next.
    pub(super) a_band: usize,
    /// From a row of `a` to the next; 1 where tiles are `UNIT`.
    pub(super) a_row: usize,
    /// From a step of `a` to the next.
    pub(super) a_step: usize,
    /// The first column of `b` at the first step; columns are neighbours.
    pub(super) b: *const T,
    /// From a step of `b` to the next.
    pub(super) b_step: usize,
    /// Steps of `k`.
    pub(super) depth: usize,
    /// The upper left corner in `c`; columns are neighbours.
    pub(super) c: *mut T,
    /// From a row of `c` to the next.
    pub(super) c_row: usize,
    /// Columns of `c` that are written: at most the whole vectors.
    pub(super) columns: usize,
    pub(super) alpha: T,
    pub(super) beta: T,
}

impl<T: Real> Tiles<T> {
    /// Computes tiles of this many rows and vectors; [`Machine::vectors`] says which there are.
    ///
    /// # Safety
    /// For every step below `depth`: `rows` rows of `a` in every band and whole `vectors` of `b` can be read. `columns`
    /// columns of `rows` rows of `c` for each band can be read and written, and nobody else does.
    pub(super) unsafe fn run(self, machine: Machine, rows: usize, vectors: usize) {
        if self.a_row == 1 {
            self.pick::<true>(machine, rows, vectors)
        } else {
            self.pick::<false>(machine, rows, vectors)
        }
    }

    /// Each shape is a function of its own: one function of all of them would take minutes to compile.
    fn pick<const UNIT: bool>(self, machine: Machine, rows: usize, vectors: usize) {
        macro_rules! tiles {
            ($($($rows:literal)* : $vectors:tt;)*) => {
                match rows {
                    $($($rows => tiles!(@ $rows $vectors),)*)*
                    _ => unreachable!("a tile of {rows} rows"),
                }
            };
            (@ $rows:literal ($($vectors:literal)*)) => {
                match vectors {
                    $($vectors => machine.run(Shaped::<T, $rows, $vectors, UNIT>(self)),)*
                    _ => unreachable!("a tile of {rows} rows and {vectors} vectors"),
                }
            };
        }
        tiles! {
            1: (1 2 4 8);
            2 3 4 5 6: (1 2 4);
        }
    }
}

/// Tiles of `ROWS` rows and `VECTORS` vectors; rows of `a` are neighbours if `UNIT`. What [`Tiles::run`] asks for holds.
struct Shaped<T, const ROWS: usize, const VECTORS: usize, const UNIT: bool>(Tiles<T>);

impl<T: Real, const ROWS: usize, const VECTORS: usize, const UNIT: bool> Job for Shaped<T, ROWS, VECTORS, UNIT> {
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) {
        // A loop in here: a call for each tile costs as much as a short tile.
        let mut tile = self.0;
        for _ in 0..tile.bands {
            Self::tile::<S, FUSED>(simd, tile);
            // Wrapping: after the last band these point nowhere and are not read.
            tile.a = tile.a.wrapping_add(tile.a_band);
            tile.c = tile.c.wrapping_add(ROWS * tile.c_row);
        }
    }
}

impl<T: Real, const ROWS: usize, const VECTORS: usize, const UNIT: bool> Shaped<T, ROWS, VECTORS, UNIT> {
    #[inline(always)]
    fn tile<S: Simd, const FUSED: bool>(simd: S, tile: Tiles<T>) {
        let lanes = T::lanes::<S>();
        let mut sums = [[T::splat(simd, T::ZERO); VECTORS]; ROWS];
        for i in 0..ROWS {
            let row = tile.c.wrapping_add(i * tile.c_row);
            for v in 0..VECTORS {
                prefetch(row.wrapping_add(v * lanes));
            }
        }
        let (mut a, mut b) = (tile.a, tile.b);
        for step in 0..tile.depth {
            if !UNIT && step % 16 == 0 {
                for i in 0..ROWS {
                    prefetch(a.wrapping_add(i * tile.a_row + AHEAD));
                }
            }
            // SAFETY: this step's vectors of `b` can be read.
            let y: [T::Vector<S>; VECTORS] =
                from_fn(|v| unsafe { b.add(v * lanes).cast::<T::Vector<S>>().read_unaligned() });
            for (i, sums) in sums.iter_mut().enumerate() {
                // SAFETY: row `i` of this step's column of `a` can be read.
                let x = T::splat(simd, unsafe { *a.add(if UNIT { i } else { i * tile.a_row }) });
                for (sum, &y) in sums.iter_mut().zip(&y) {
                    *sum = multiply_add::<T, S, FUSED>(simd, x, y, *sum);
                }
            }
            // Wrapping: after the last step these point nowhere and are not read.
            a = a.wrapping_add(tile.a_step);
            b = b.wrapping_add(tile.b_step);
        }
        // Written out: in a loop the sums would go through memory.
        macro_rules! store_rows {
            ($($i:literal)*) => {
                $(if let Some(sums) = sums.get($i) {
                    // SAFETY: the row's `columns` numbers are this tile's own.
                    let row = unsafe { std::slice::from_raw_parts_mut(tile.c.add($i * tile.c_row), tile.columns) };
                    store::<T, S, VECTORS>(simd, sums, row, tile.alpha, tile.beta);
                })*
            };
        }
        store_rows!(0 1 2 3 4 5);
    }
}

/// `row ← alpha · sums + beta · row`; the last vectors may stick out of the row.
#[inline(always)]
fn store<T: Real, S: Simd, const VECTORS: usize>(
    simd: S,
    sums: &[T::Vector<S>; VECTORS],
    row: &mut [T],
    alpha: T,
    beta: T,
) {
    let lanes = T::lanes::<S>();
    let (alpha, factor) = (T::splat(simd, alpha), T::splat(simd, beta));
    let mix = |sum, old| {
        let scaled = T::times(simd, alpha, sum);
        if beta == T::ZERO { scaled } else { T::plus(simd, scaled, T::times(simd, factor, old)) }
    };
    for (v, &sum) in sums.iter().enumerate() {
        let Some(place) = row.get_mut(v * lanes..) else { return };
        if place.len() >= lanes {
            let place = place.as_mut_ptr().cast::<T::Vector<S>>();
            // SAFETY: a whole vector fits; an old value that is not wanted is not used.
            unsafe { place.write_unaligned(mix(sum, place.read_unaligned())) };
        } else {
            let old = T::load_some(simd, place);
            T::store_some(simd, place, mix(sum, old));
        }
    }
}

/// `a · b + sum`, in one instruction if `FUSED`.
#[inline(always)]
pub(crate) fn multiply_add<T: Real, S: Simd, const FUSED: bool>(
    simd: S,
    a: T::Vector<S>,
    b: T::Vector<S>,
    sum: T::Vector<S>,
) -> T::Vector<S> {
    if FUSED { T::times_plus(simd, a, b, sum) } else { T::plus(simd, T::times(simd, a, b), sum) }
}
