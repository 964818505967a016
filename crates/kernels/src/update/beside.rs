//! Updates beside a gradient: by several threads, and piece by piece inside the product that computes it.
#![expect(
    unsafe_code,
    reason = "pieces of weights and memory lie beside pieces of a gradient, on the thread that has those"
)]

use super::{AHEAD, Update};
use crate::Real;
use crate::gemm::{MatRef, Piece, gemm, gemm_then};
use crate::team::{Shared, for_each};

/// Weights and memory, to be changed where a piece of their gradient is known.
struct Beside<T> {
    w: Shared<T>,
    memory: [(Shared<T>, usize); 2],
    len: usize,
}

impl<T: Real> Beside<T> {
    fn new(w: &mut [T], memory: [&mut [T]; 2]) -> Self {
        let len = w.len();
        Self { w: Shared(w.as_mut_ptr()), memory: memory.map(|m| (Shared(m.as_mut_ptr()), m.len())), len }
    }

    /// Moves the weights from `start` on by their gradient; those `next` weights further on come soon.
    ///
    /// # Safety
    /// What `new` was given is still borrowed, and nobody else uses these weights and their memory.
    unsafe fn apply(&self, update: &Update<T>, start: usize, g: &[T], next: usize) {
        assert!(start + g.len() <= self.len);
        // SAFETY: the range was checked; the rest is the caller's promise.
        let cut = |p: Shared<T>, len| unsafe { std::slice::from_raw_parts_mut(p.at(start.min(len)), g.len().min(len)) };
        let memory = self.memory.map(|(block, len)| {
            assert!(len == 0 || len == self.len, "blocks of one length");
            cut(block, len)
        });
        update.apply_ahead(cut(self.w, self.len), g, memory, next);
    }
}

/// How many rows ahead weights are asked for where each row is a walk of its own.
const ROWS_AHEAD: usize = 2;

/// Weights that one thread moves at a time.
const SHARE: usize = 1 << 15;

/// [`Update::apply`] to many weights, by several threads.
///
/// # Panics
/// If slices differ in length.
pub fn apply_shared<T: Real>(update: &Update<T>, w: &mut [T], g: &[T], memory: [&mut [T]; 2]) {
    if w.len() <= SHARE {
        return update.apply(w, g, memory);
    }
    assert_eq!(w.len(), g.len(), "blocks of one length");
    let beside = Beside::new(w, memory);
    for_each(g.len().div_ceil(SHARE), usize::MAX, &|_, number| {
        let g = g.chunks(SHARE).nth(number).expect("as many chunks");
        // SAFETY: chunks do not overlap, and all is borrowed for this call.
        unsafe { beside.apply(update, number * SHARE, g, AHEAD) };
    });
}

/// Moves the weights `w` `[m, n]` by the gradient a · b, for `a` `[m, k]` and `b` `[k, n]`.
///
/// Plain descent is one product, w ← keep · w − rate · a · b, and holds no gradient. Other rules are applied to each
/// piece of the gradient while it is in the cache; `g` `[m, n]` holds it, and its content afterwards means nothing.
/// `scratch` is that of the product, see [`crate::gemm_scratch`].
///
/// # Panics
/// As [`gemm`], and if slices differ in length.
pub fn gemm_update<T: Real>(
    update: &Update<T>,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    w: &mut [T],
    memory: [&mut [T]; 2],
    g: &mut [T],
    scratch: &mut [T],
) {
    if let Some((keep, factor)) = update.as_product() {
        return gemm(factor, a, b, keep, w, scratch);
    }
    let columns = b.cols();
    let beside = Beside::new(w, memory);
    gemm_then(T::ONE, a, b, T::ZERO, g, scratch, &|mut piece: Piece<'_, T>| {
        let first = piece.columns().start;
        if let Some((start, whole)) = piece.whole_rows() {
            // SAFETY: the weights of a piece are nobody else's, and all is borrowed for this call.
            return unsafe { beside.apply(update, start, whole, AHEAD) };
        }
        for row in piece.rows() {
            // SAFETY: the weights of a piece are nobody else's, and all is borrowed for this call.
            unsafe { beside.apply(update, row * columns + first, piece.row(row), ROWS_AHEAD * columns) };
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::Penalty;
    use super::super::tests::{close, rules, wide};
    use super::*;
    use crate::gemm_scratch;

    /// Moves weights with their memory.
    type Moves<'a> = dyn FnMut(&mut [f32], [&mut [f32]; 2]) + 'a;

    /// Numbers in [−1, 1) that do not repeat soon.
    fn noise(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
    }

    #[test]
    fn an_update_in_a_product_is_the_update_after_it() {
        for (m, k, n) in [(5, 3, 4), (100, 16, 10), (130, 64, 300), (784, 32, 64)] {
            let (a, b, w) = (noise(k * m, 1), noise(k * n, 2), noise(m * n, 3));
            let (a, b) = (MatRef::new(&a, k, m).transposed(), MatRef::new(&b, k, n));
            let mut scratch = vec![0.0; gemm_scratch::<f32>(m, k, n)];
            let mut g = vec![0.0; m * n];
            gemm(1.0, a, b, 0.0, &mut g, &mut scratch);
            for rule in rules(false) {
                for penalty in [Penalty::NONE, Penalty { l1: 0.0, l2: 0.1 }, Penalty { l1: 0.1, l2: 0.1 }] {
                    let update = Update { rule, penalty };
                    let memory =
                        [noise(m * n, 4), noise(m * n, 5)].map(|m| m.iter().map(|v| v.abs()).collect::<Vec<_>>());
                    let run = |f: &mut Moves<'_>| {
                        let (mut w, mut memory) = (w.clone(), memory.clone());
                        let mut blocks = memory.each_mut().map(Vec::as_mut_slice);
                        for unused in &mut blocks[update.blocks()..] {
                            *unused = &mut [];
                        }
                        f(&mut w, blocks);
                        (w, memory)
                    };
                    let (w1, memory1) = run(&mut |w, memory| update.apply(w, &g, memory));
                    let (w2, memory2) = run(&mut |w, memory| apply_shared(&update, w, &g, memory));
                    assert!(w1 == w2 && memory1 == memory2, "{update:?}");
                    let mut room = vec![f32::NAN; m * n];
                    let (w3, memory3) =
                        run(&mut |w, memory| gemm_update(&update, a, b, w, memory, &mut room, &mut scratch));
                    close(&w3, &wide(&w1));
                    assert!(memory1 == memory3, "{update:?}");
                }
            }
        }
    }
}
