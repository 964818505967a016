//! Optimiser passes: one walk over the weights, their gradient and the optimiser's memory of them.
//!
//! What is remembered of weights that no longer move (those of a dead neuron) shrinks from step to step; before its
//! numbers become denormal, they become 0, see [`Real::flush`]. The order of operations is the same at any vector
//! width, so the bits are too. [`gemm_update`] makes the pass part of
//! the product that computes the gradient.

mod beside;

pub use beside::{apply_shared, gemm_update};

use crate::prefetch::prefetch;
use crate::{Real, simd};
use std::array::from_fn;
use std::ops::Range;

/// How weights `w` move by their gradient `g`: a rule, and a penalty on the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update<T> {
    /// What the optimiser does.
    pub rule: Rule<T>,
    /// The gradient of the penalty ½ l2 Σ w² + l1 Σ |w| is added to `g` first: g + l2 · w + l1 · sign w.
    pub penalty: Penalty<T>,
}

/// The strength of the penalties on large weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Penalty<T> {
    /// Of the sum of absolute values.
    pub l1: T,
    /// Of half the sum of squares.
    pub l2: T,
}

/// What an optimiser does with a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule<T> {
    /// Plain gradient descent: w ← w − rate · g.
    ///
    /// Robbins and Monro, "A Stochastic Approximation Method", Annals of Mathematical Statistics 22 (1951).
    Sgd {
        /// The learning rate.
        rate: T,
    },
    /// Descent with momentum: v ← mu · v + g, then w ← w − rate · v, or w ← w − rate · (g + mu · v) with `nesterov`.
    ///
    /// Polyak, "Some methods of speeding up the convergence of iteration methods" (1964); the second form is that of
    /// Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning" (2013),
    /// after Nesterov (1983), written for the weights that the gradient is taken at.
    Momentum {
        /// The learning rate.
        rate: T,
        /// What is kept of the velocity.
        mu: T,
        /// Whether the step looks ahead.
        nesterov: bool,
    },
    /// AdaGrad: s ← s + g², then w ← w − rate · g / (√s + eps).
    ///
    /// Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
    /// Journal of Machine Learning Research 12 (2011).
    AdaGrad {
        /// The learning rate.
        rate: T,
        /// Added to the root, so that nothing is divided by 0.
        eps: T,
    },
    /// RMSProp: s ← rho · s + (1 − rho) · g², then w ← w − rate · g / (√s + eps).
    ///
    /// Tieleman and Hinton, "Lecture 6.5: rmsprop", Neural Networks for Machine Learning (2012).
    RmsProp {
        /// The learning rate.
        rate: T,
        /// What is kept of the mean square.
        rho: T,
        /// Added to the root, so that nothing is divided by 0.
        eps: T,
    },
    /// Adam and AdamW: m ← beta1 · m + (1 − beta1) · g and v ← beta2 · v + (1 − beta2) · g², then
    /// w ← w − rate · decay · w − (rate / bias1) · m / (√v / √bias2 + eps).
    ///
    /// Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015); Loshchilov and Hutter, "Decoupled Weight
    /// Decay Regularization" (2019).
    Adam(AdamStep<T>),
}

/// The numbers of one step of Adam that are the same for all weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep<T> {
    /// The learning rate.
    pub rate: T,
    /// What is kept of the mean gradient.
    pub beta1: T,
    /// What is kept of the mean squared gradient.
    pub beta2: T,
    /// Added to the root, so that nothing is divided by 0.
    pub eps: T,
    /// 1 − beta1ᵗ in step t = 1, 2, …: undoes that the mean started at 0.
    pub bias1: T,
    /// 1 − beta2ᵗ.
    pub bias2: T,
    /// Weight decay beside the gradient: 0 for Adam, more for AdamW.
    pub decay: T,
}

impl<T: Real> Rule<T> {
    /// The same rule for parameters that are not pulled towards zero.
    pub fn without_decay(self) -> Self {
        match self {
            Self::Adam(step) => Self::Adam(AdamStep { decay: T::ZERO, ..step }),
            other => other,
        }
    }
}

impl<T: Real> Penalty<T> {
    /// None.
    pub const NONE: Self = Self { l1: T::ZERO, l2: T::ZERO };

    /// The gradient with the penalty's.
    #[inline(always)]
    fn pull(self, g: T, w: T) -> T {
        g + self.l2 * w + self.l1 * w.sign()
    }
}

impl<T: Real> Update<T> {
    /// Moves `w` by its gradient `g`. `memory` holds what the optimiser remembers of these weights: nothing for SGD,
    /// in the first block v (momentum) or s (AdaGrad, RMSProp), or m and v (Adam).
    ///
    /// # Panics
    /// If slices differ in length.
    pub fn apply(&self, w: &mut [T], g: &[T], memory: [&mut [T]; 2]) {
        self.apply_ahead(w, g, memory, AHEAD);
    }

    /// [`Update::apply`], asking for the weights and the memory `ahead` numbers further on.
    fn apply_ahead(&self, w: &mut [T], g: &[T], memory: [&mut [T]; 2], ahead: usize) {
        match self.penalty {
            penalty if penalty == Penalty::NONE => self.walk(w, g, memory, ahead, |g, _| g),
            penalty => self.walk(w, g, memory, ahead, |g, w| penalty.pull(g, w)),
        }
    }

    #[inline(always)]
    fn walk(&self, w: &mut [T], g: &[T], memory: [&mut [T]; 2], ahead: usize, pull: impl Fn(T, T) -> T) {
        match self.rule {
            Rule::Sgd { rate } => each(w, g, [], ahead, |w, g, []| *w -= rate * pull(g, *w)),
            Rule::Momentum { rate, mu, nesterov } => each(w, g, first(memory), ahead, |w, g, [v]| {
                let g = pull(g, *w);
                *v = (mu * *v + g).flush();
                *w -= rate * if nesterov { g + mu * *v } else { *v };
            }),
            Rule::AdaGrad { rate, eps } => each(w, g, first(memory), ahead, |w, g, [s]| {
                let g = pull(g, *w);
                *s += g * g;
                *w -= rate * g / (s.sqrt() + eps);
            }),
            Rule::RmsProp { rate, rho, eps } => {
                let rest = T::ONE - rho;
                each(w, g, first(memory), ahead, |w, g, [s]| {
                    let g = pull(g, *w);
                    *s = (rho * *s + rest * (g * g)).flush();
                    *w -= rate * g / (s.sqrt() + eps);
                });
            }
            Rule::Adam(AdamStep { rate, beta1, beta2, eps, bias1, bias2, decay }) => {
                let (rest1, rest2) = (T::ONE - beta1, T::ONE - beta2);
                let (shrink, stride, root) = (rate * decay, rate / bias1, T::ONE / bias2.sqrt());
                each(w, g, memory, ahead, |w, g, [m, v]| {
                    let g = pull(g, *w);
                    *m = (beta1 * *m + rest1 * g).flush();
                    *v = (beta2 * *v + rest2 * (g * g)).flush();
                    *w = *w - shrink * *w - stride * (*m / (v.sqrt() * root + eps));
                });
            }
        }
    }

    /// How many blocks of memory the rule has.
    pub fn blocks(&self) -> usize {
        match self.rule {
            Rule::Sgd { .. } => 0,
            Rule::Momentum { .. } | Rule::AdaGrad { .. } | Rule::RmsProp { .. } => 1,
            Rule::Adam(_) => 2,
        }
    }

    /// The part of the optimiser's memory that belongs to the parameters at `range`; empty where the rule has no block.
    ///
    /// # Panics
    /// If a block that the rule has is shorter.
    pub fn memory_at<'m>(&self, [first, second]: [&'m mut [T]; 2], range: &Range<usize>) -> [&'m mut [T]; 2] {
        let used = self.blocks();
        let cut = |block: &'m mut [T], number| if number < used { &mut block[range.clone()] } else { &mut [] };
        [cut(first, 0), cut(second, 1)]
    }

    /// With `w` of the shape of a gradient a · b: the share of `w` that stays, and the factor of the gradient, if the
    /// update is nothing else.
    fn as_product(&self) -> Option<(T, T)> {
        match self.rule {
            Rule::Sgd { rate } if self.penalty.l1 == T::ZERO => Some((T::ONE - rate * self.penalty.l2, -rate)),
            _ => None,
        }
    }
}

fn first<T>([first, _]: [&mut [T]; 2]) -> [&mut [T]; 1] {
    [first]
}

/// Weights that are moved together: whole vectors on every machine.
const GROUP: usize = 16;

/// How many numbers ahead of a long walk weights are asked for.
const AHEAD: usize = 512;

/// Calls `f` for each weight with its gradient and its numbers in `memory`. What is left over after whole groups is
/// filled up with zeros to one more: a few weights cost no more than a group.
#[inline(always)]
fn each<T: Real, const N: usize>(
    w: &mut [T],
    g: &[T],
    memory: [&mut [T]; N],
    ahead: usize,
    f: impl Fn(&mut T, T, [&mut T; N]),
) {
    let len = w.len();
    assert!(g.len() == len && memory.iter().all(|m| m.len() == len), "blocks of one length");
    simd(
        #[inline(always)]
        || {
            let (groups, rest) = w.as_chunks_mut::<GROUP>();
            let (g_groups, g_rest) = g.as_chunks::<GROUP>();
            let mut parts = memory.map(|block| block.as_chunks_mut::<GROUP>());
            for (at, (w, g)) in groups.iter_mut().zip(g_groups).enumerate() {
                let mut memory = parts.each_mut().map(|(groups, _)| &mut groups[at]);
                prefetch(w.as_ptr().wrapping_add(ahead));
                for memory in &memory {
                    prefetch(memory.as_ptr().wrapping_add(ahead));
                }
                for i in 0..GROUP {
                    f(&mut w[i], g[i], memory.each_mut().map(|group| &mut group[i]));
                }
            }
            if rest.is_empty() {
                return;
            }
            let fill = |rest: &[T]| -> [T; GROUP] { from_fn(|i| rest.get(i).copied().unwrap_or(T::ZERO)) };
            let (mut w, g) = (fill(rest), fill(g_rest));
            let mut memory = parts.each_ref().map(|(_, rest)| fill(rest));
            for i in 0..GROUP {
                f(&mut w[i], g[i], memory.each_mut().map(|group| &mut group[i]));
            }
            let count = rest.len();
            rest.copy_from_slice(&w[..count]);
            for ((_, rest), group) in parts.iter_mut().zip(&memory) {
                rest.copy_from_slice(&group[..count]);
            }
        },
    );
}

/// Σ g², each square and each addition in `f64`, in eight interleaved sums that are added pairwise at the end.
pub fn norm_squared<T: Real>(g: &[T]) -> f64 {
    const LANES: usize = 8;
    simd(
        #[inline(always)]
        || {
            let mut lanes = [0.0_f64; LANES];
            let (chunks, rest) = g.as_chunks::<LANES>();
            for chunk in chunks {
                for (lane, &g) in lanes.iter_mut().zip(chunk) {
                    *lane += g.to_f64() * g.to_f64();
                }
            }
            for (lane, &g) in lanes.iter_mut().zip(rest) {
                *lane += g.to_f64() * g.to_f64();
            }
            let [a, b, c, d, e, f, g, h] = lanes;
            ((a + e) + (c + g)) + ((b + f) + (d + h))
        },
    )
}

/// g ← by · g.
pub fn scale<T: Real>(g: &mut [T], by: T) {
    simd(
        #[inline(always)]
        || {
            for g in g {
                *g *= by;
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(super) fn close(got: &[f32], expected: &[f64]) {
        for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
            let bound = 1e-5 * expected.abs().max(1.0);
            assert!((f64::from(got) - expected).abs() <= bound, "[{i}]: {got} for {expected}");
        }
    }

    pub(super) fn wide(x: &[f32]) -> Vec<f64> {
        x.iter().map(|&x| f64::from(x)).collect()
    }

    /// One step without a penalty; returns weights and memory.
    fn step<T: Real>(rule: Rule<T>, w: &[T], g: &[T], memory: [&[T]; 2]) -> (Vec<T>, [Vec<T>; 2]) {
        let mut w = w.to_vec();
        let mut memory = memory.map(<[T]>::to_vec);
        Update { rule, penalty: Penalty::NONE }.apply(&mut w, g, memory.each_mut().map(Vec::as_mut_slice));
        (w, memory)
    }

    #[test]
    fn hand_numbers() {
        let one = |rule, w: f64, g, first: f64| {
            let (w, [first, _]) = step(rule, &[w], &[g], [&[first], &[0.0]]);
            (w[0], first[0])
        };
        assert_eq!(one(Rule::Sgd { rate: 0.25 }, 1.0, 2.0, 0.0), (0.5, 0.0));
        let momentum = |nesterov| Rule::Momentum { rate: 0.25, mu: 0.5, nesterov };
        assert_eq!(one(momentum(false), 1.0, 2.0, 4.0), (0.0, 4.0));
        assert_eq!(one(momentum(true), 1.0, 2.0, 4.0), (0.0, 4.0));
        assert_eq!(one(momentum(true), 1.0, 2.0, 0.0), (0.25, 2.0));
        assert_eq!(one(Rule::AdaGrad { rate: 0.5, eps: 1.0 }, 1.0, 2.0, 5.0), (0.75, 9.0));
        assert_eq!(one(Rule::RmsProp { rate: 0.5, rho: 0.5, eps: 0.0 }, 1.0, 2.0, 28.0), (0.75, 16.0));

        let mut w = [2.0_f64, -4.0, 0.0];
        let penalty = Penalty { l1: 0.5, l2: 0.25 };
        Update { rule: Rule::Sgd { rate: 1.0 }, penalty }.apply(&mut w, &[1.0; 3], [&mut [], &mut []]);
        assert_eq!(w, [0.0, -3.5, -1.0]);
    }

    #[test]
    fn the_first_adam_step_moves_by_the_rate() {
        let numbers = AdamStep { rate: 0.1, beta1: 0.9, beta2: 0.999, eps: 0.0, bias1: 0.1, bias2: 0.001, decay: 0.0 };
        let (w, _) = step(Rule::Adam(numbers), &[1.0_f64, 1.0], &[3.0, -0.01], [&[0.0; 2], &[0.0; 2]]);
        assert!((w[0] - 0.9).abs() < 1e-12 && (w[1] - 1.1).abs() < 1e-12, "{w:?}");
        let numbers = AdamStep { eps: 1e-8, decay: 0.5, ..numbers };
        let (w, _) = step(Rule::Adam(numbers), &[1.0_f64], &[0.0], [&[0.0], &[0.0]]);
        assert!((w[0] - 0.95).abs() < 1e-12, "{w:?}");
    }

    /// Every rule, with numbers of the usual size.
    pub(super) fn rules(nesterov: bool) -> [Rule<f32>; 5] {
        let adam = AdamStep { rate: 0.1, beta1: 0.9, beta2: 0.99, eps: 0.01, bias1: 0.2, bias2: 0.1, decay: 0.5 };
        [
            Rule::Sgd { rate: 0.1 },
            Rule::Momentum { rate: 0.1, mu: 0.9, nesterov },
            Rule::AdaGrad { rate: 0.1, eps: 0.01 },
            Rule::RmsProp { rate: 0.1, rho: 0.9, eps: 0.01 },
            Rule::Adam(adam),
        ]
    }

    proptest! {
        #[test]
        fn agree_with_plain_loops(
            rows in prop::collection::vec((-2.0_f32..2.0, -2.0_f32..2.0, -2.0_f32..2.0, 0.0_f32..2.0), 0..100),
            nesterov: bool,
        ) {
            let column = |f: fn(&(f32, f32, f32, f32)) -> f32| rows.iter().map(f).collect::<Vec<_>>();
            let (w, g, m, s) = (column(|r| r.0), column(|r| r.1), column(|r| r.2), column(|r| r.3));
            let (w64, g64, m64, s64) = (wide(&w), wide(&g), wide(&m), wide(&s));
            let each = |f: &dyn Fn(usize) -> f64| (0..rows.len()).map(f).collect::<Vec<_>>();
            let [sgd, momentum, adagrad, rmsprop, adam] = rules(nesterov);

            let (out, _) = step(sgd, &w, &g, [&[], &[]]);
            close(&out, &each(&|i| w64[i] - 0.1 * g64[i]));

            let (out, [memory, _]) = step(momentum, &w, &g, [&m, &[]]);
            let velocity = each(&|i| 0.9 * m64[i] + g64[i]);
            close(&memory, &velocity);
            let direction = |i: usize| if nesterov { g64[i] + 0.9 * velocity[i] } else { velocity[i] };
            close(&out, &each(&|i| w64[i] - 0.1 * direction(i)));

            let (out, [memory, _]) = step(adagrad, &w, &g, [&s, &[]]);
            let total = each(&|i| s64[i] + g64[i] * g64[i]);
            close(&memory, &total);
            close(&out, &each(&|i| w64[i] - 0.1 * g64[i] / (total[i].sqrt() + 0.01)));

            let (out, [memory, _]) = step(rmsprop, &w, &g, [&s, &[]]);
            let mean = each(&|i| 0.9 * s64[i] + 0.1 * g64[i] * g64[i]);
            close(&memory, &mean);
            close(&out, &each(&|i| w64[i] - 0.1 * g64[i] / (mean[i].sqrt() + 0.01)));

            let (out, [first, second]) = step(adam, &w, &g, [&m, &s]);
            let m1 = each(&|i| 0.9 * m64[i] + 0.1 * g64[i]);
            let v1 = each(&|i| 0.99 * s64[i] + 0.01 * g64[i] * g64[i]);
            close(&first, &m1);
            close(&second, &v1);
            let moved = |i: usize| w64[i] * 0.95 - 0.1 * (m1[i] / 0.2) / ((v1[i] / 0.1).sqrt() + 0.01);
            close(&out, &each(&moved));

            let mut out = w.clone();
            let penalty = Penalty { l1: 0.3, l2: 0.2 };
            Update { rule: Rule::Sgd { rate: 1.0 }, penalty }.apply(&mut out, &g, [&mut [], &mut []]);
            let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
            close(&out, &each(&|i| w64[i] - (g64[i] + 0.2 * w64[i] + 0.3 * sign(w64[i]))));

            let mut out = g.clone();
            scale(&mut out, -0.5);
            close(&out, &each(&|i| -0.5 * g64[i]));

            let total: f64 = g64.iter().map(|g| g * g).sum();
            prop_assert!((norm_squared(&g) - total).abs() <= 1e-12 * total.max(1.0));
        }
    }
}
