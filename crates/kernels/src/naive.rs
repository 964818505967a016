//! The matrix product as the definition says it: the oracle that the fast one is tested against.

use crate::{MatRef, Real};

/// `c[i, j] = alpha · Σ_p a[i, p] · b[p, j] + beta · c[i, j]`, one element after the other, added in `f64`.
pub fn gemm<T: Real>(alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, beta: T, c: &mut [T]) {
    let (m, k, n) = (a.rows(), a.cols(), b.cols());
    assert_eq!(c.len(), m * n);
    for i in 0..m {
        for j in 0..n {
            let total: f64 = (0..k).map(|p| a.at(i, p).to_f64() * b.at(p, j).to_f64()).sum();
            let scaled = alpha.to_f64() * total;
            let old = if beta == T::ZERO { 0.0 } else { beta.to_f64() * c[i * n + j].to_f64() };
            c[i * n + j] = T::from_f64(scaled + old);
        }
    }
}
