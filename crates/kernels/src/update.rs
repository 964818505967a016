//! Optimiser passes: one walk over the weights, their gradient and the optimiser's memory of them.
//!
//! All slices of a call have the same length; `w` holds weights and `g` the gradient of the loss by them. The order of
//! operations is the same at any vector width, so the bits are too.

use crate::{Real, simd};

/// Plain gradient descent: w ← w − rate · g.
///
/// Robbins and Monro, "A Stochastic Approximation Method", Annals of Mathematical Statistics 22 (1951).
pub fn sgd<T: Real>(w: &mut [T], g: &[T], rate: T) {
    assert_eq!(w.len(), g.len());
    simd(
        #[inline(always)]
        || {
            for (w, &g) in w.iter_mut().zip(g) {
                *w -= rate * g;
            }
        },
    );
}

/// Descent with momentum: v ← mu · v + g, then w ← w − rate · v, or w ← w − rate · (g + mu · v) with `nesterov`.
///
/// Polyak, "Some methods of speeding up the convergence of iteration methods" (1964); the second form is that of
/// Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep learning" (2013),
/// after Nesterov (1983), written for the weights that the gradient is taken at.
pub fn momentum<T: Real>(w: &mut [T], g: &[T], v: &mut [T], rate: T, mu: T, nesterov: bool) {
    assert_eq!(w.len(), g.len());
    assert_eq!(w.len(), v.len());
    simd(
        #[inline(always)]
        || {
            if nesterov {
                for ((w, &g), v) in w.iter_mut().zip(g).zip(v) {
                    *v = mu * *v + g;
                    *w -= rate * (g + mu * *v);
                }
            } else {
                for ((w, &g), v) in w.iter_mut().zip(g).zip(v) {
                    *v = mu * *v + g;
                    *w -= rate * *v;
                }
            }
        },
    );
}

/// AdaGrad: s ← s + g², then w ← w − rate · g / (√s + eps).
///
/// Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", Journal of
/// Machine Learning Research 12 (2011).
pub fn adagrad<T: Real>(w: &mut [T], g: &[T], s: &mut [T], rate: T, eps: T) {
    assert_eq!(w.len(), g.len());
    assert_eq!(w.len(), s.len());
    simd(
        #[inline(always)]
        || {
            for ((w, &g), s) in w.iter_mut().zip(g).zip(s) {
                *s += g * g;
                *w -= rate * g / (s.sqrt() + eps);
            }
        },
    );
}

/// RMSProp: s ← rho · s + (1 − rho) · g², then w ← w − rate · g / (√s + eps).
///
/// Tieleman and Hinton, "Lecture 6.5: rmsprop", Neural Networks for Machine Learning (2012).
pub fn rmsprop<T: Real>(w: &mut [T], g: &[T], s: &mut [T], rate: T, rho: T, eps: T) {
    assert_eq!(w.len(), g.len());
    assert_eq!(w.len(), s.len());
    let rest = T::ONE - rho;
    simd(
        #[inline(always)]
        || {
            for ((w, &g), s) in w.iter_mut().zip(g).zip(s) {
                *s = rho * *s + rest * (g * g);
                *w -= rate * g / (s.sqrt() + eps);
            }
        },
    );
}

/// The numbers of one [`adam`] step that are the same for all weights.
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

/// Adam and AdamW: m ← beta1 · m + (1 − beta1) · g and v ← beta2 · v + (1 − beta2) · g², then
/// w ← w − rate · decay · w − rate · (m / bias1) / (√(v / bias2) + eps).
///
/// Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015); Loshchilov and Hutter, "Decoupled Weight Decay
/// Regularization" (2019).
pub fn adam<T: Real>(w: &mut [T], g: &[T], m: &mut [T], v: &mut [T], step: AdamStep<T>) {
    assert_eq!(w.len(), g.len());
    assert_eq!(w.len(), m.len());
    assert_eq!(w.len(), v.len());
    let AdamStep { rate, beta1, beta2, eps, bias1, bias2, decay } = step;
    let (rest1, rest2) = (T::ONE - beta1, T::ONE - beta2);
    let shrink = rate * decay;
    simd(
        #[inline(always)]
        || {
            for (((w, &g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
                *m = beta1 * *m + rest1 * g;
                *v = beta2 * *v + rest2 * (g * g);
                let direction = (*m / bias1) / ((*v / bias2).sqrt() + eps);
                *w = *w - shrink * *w - rate * direction;
            }
        },
    );
}

/// The gradient of a penalty on the weights, added to `g`: g ← g + l2 · w + l1 · sign w.
///
/// It belongs to the penalty ½ l2 Σ w² + l1 Σ |w|.
pub fn penalty<T: Real>(g: &mut [T], w: &[T], l1: T, l2: T) {
    assert_eq!(g.len(), w.len());
    simd(
        #[inline(always)]
        || {
            for (g, &w) in g.iter_mut().zip(w) {
                *g += l2 * w + l1 * w.sign();
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

    fn close(got: &[f32], expected: &[f64]) {
        for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
            let bound = 1e-5 * expected.abs().max(1.0);
            assert!((f64::from(got) - expected).abs() <= bound, "[{i}]: {got} for {expected}");
        }
    }

    fn wide(x: &[f32]) -> Vec<f64> {
        x.iter().map(|&x| f64::from(x)).collect()
    }

    #[test]
    fn hand_numbers() {
        let mut w = [1.0_f64];
        sgd(&mut w, &[2.0], 0.25);
        assert_eq!(w, [0.5]);

        let (mut w, mut v) = ([1.0_f64], [4.0]);
        momentum(&mut w, &[2.0], &mut v, 0.25, 0.5, false);
        assert_eq!((w, v), ([0.0], [4.0]));

        let (mut w, mut v) = ([1.0_f64], [4.0]);
        momentum(&mut w, &[2.0], &mut v, 0.25, 0.5, true);
        assert_eq!((w, v), ([0.0], [4.0]));

        let (mut w, mut v) = ([1.0_f64], [0.0]);
        momentum(&mut w, &[2.0], &mut v, 0.25, 0.5, true);
        assert_eq!((w, v), ([0.25], [2.0]));

        let (mut w, mut s) = ([1.0_f64], [5.0]);
        adagrad(&mut w, &[2.0], &mut s, 0.5, 1.0);
        assert_eq!((w, s), ([0.75], [9.0]));

        let (mut w, mut s) = ([1.0_f64], [28.0]);
        rmsprop(&mut w, &[2.0], &mut s, 0.5, 0.5, 0.0);
        assert_eq!((w, s), ([0.75], [16.0]));

        let mut g = [1.0_f64, 1.0, 1.0];
        penalty(&mut g, &[2.0, -4.0, 0.0], 0.5, 0.25);
        assert_eq!(g, [2.0, -0.5, 1.0]);
    }

    #[test]
    fn the_first_adam_step_moves_by_the_rate() {
        let step = AdamStep { rate: 0.1, beta1: 0.9, beta2: 0.999, eps: 0.0, bias1: 0.1, bias2: 0.001, decay: 0.0 };
        let (mut w, mut m, mut v) = ([1.0_f64, 1.0], [0.0; 2], [0.0; 2]);
        adam(&mut w, &[3.0, -0.01], &mut m, &mut v, step);
        assert!((w[0] - 0.9).abs() < 1e-12 && (w[1] - 1.1).abs() < 1e-12, "{w:?}");
        let mut w = [1.0_f64];
        adam(&mut w, &[0.0], &mut [0.0], &mut [0.0], AdamStep { eps: 1e-8, decay: 0.5, ..step });
        assert!((w[0] - 0.95).abs() < 1e-12, "{w:?}");
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

            let mut out = w.clone();
            sgd(&mut out, &g, 0.1);
            close(&out, &each(&|i| w64[i] - 0.1 * g64[i]));

            let (mut out, mut memory) = (w.clone(), m.clone());
            momentum(&mut out, &g, &mut memory, 0.1, 0.9, nesterov);
            let velocity = each(&|i| 0.9 * m64[i] + g64[i]);
            close(&memory, &velocity);
            let direction = |i: usize| if nesterov { g64[i] + 0.9 * velocity[i] } else { velocity[i] };
            close(&out, &each(&|i| w64[i] - 0.1 * direction(i)));

            let (mut out, mut memory) = (w.clone(), s.clone());
            adagrad(&mut out, &g, &mut memory, 0.1, 0.01);
            let total = each(&|i| s64[i] + g64[i] * g64[i]);
            close(&memory, &total);
            close(&out, &each(&|i| w64[i] - 0.1 * g64[i] / (total[i].sqrt() + 0.01)));

            let (mut out, mut memory) = (w.clone(), s.clone());
            rmsprop(&mut out, &g, &mut memory, 0.1, 0.9, 0.01);
            let mean = each(&|i| 0.9 * s64[i] + 0.1 * g64[i] * g64[i]);
            close(&memory, &mean);
            close(&out, &each(&|i| w64[i] - 0.1 * g64[i] / (mean[i].sqrt() + 0.01)));

            let step = AdamStep { rate: 0.1, beta1: 0.9, beta2: 0.99, eps: 0.01, bias1: 0.2, bias2: 0.1, decay: 0.5 };
            let (mut out, mut first, mut second) = (w.clone(), m.clone(), s.clone());
            adam(&mut out, &g, &mut first, &mut second, step);
            let m1 = each(&|i| 0.9 * m64[i] + 0.1 * g64[i]);
            let v1 = each(&|i| 0.99 * s64[i] + 0.01 * g64[i] * g64[i]);
            close(&first, &m1);
            close(&second, &v1);
            let moved = |i: usize| w64[i] * 0.95 - 0.1 * (m1[i] / 0.2) / ((v1[i] / 0.1).sqrt() + 0.01);
            close(&out, &each(&moved));

            let mut out = g.clone();
            penalty(&mut out, &w, 0.3, 0.2);
            let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
            close(&out, &each(&|i| g64[i] + 0.2 * w64[i] + 0.3 * sign(w64[i])));

            let mut out = g.clone();
            scale(&mut out, -0.5);
            close(&out, &each(&|i| -0.5 * g64[i]));

            let total: f64 = g64.iter().map(|g| g * g).sum();
            prop_assert!((norm_squared(&g) - total).abs() <= 1e-12 * total.max(1.0));
        }
    }
}
