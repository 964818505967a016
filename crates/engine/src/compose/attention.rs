//! Attention: each query gets a mean of the values, weighted by how well it fits their keys.

use crate::error::ShapeFault;
use crate::expr::Expr;

impl Expr<'_> {
    /// softmax(Q·Kᵀ / √d + mask) · V over the last two axes (Vaswani et al. 2017): this value Q `[…, queries, d]`, `keys`
    /// `[…, places, d]`, `values` `[…, places, any]` give `[…, queries, any]`. A `mask` `[queries, places]` (or more axes)
    /// of 0 and −∞ (or a large negative number) hides places; a query must see one.
    ///
    /// # Errors
    /// Shapes that do not fit each other.
    #[track_caller]
    #[must_use]
    pub fn attention(self, keys: Self, values: Self, mask: Option<Self>) -> Self {
        let rank = self.shape().rank();
        let fits = self.product(keys, false, true);
        if fits.is_poison() {
            return fits;
        }
        let fits = fits * (1.0 / (self.size(rank - 1) as f64).sqrt());
        let fits = mask.map_or(fits, |mask| fits + mask);
        fits.softmax(fits.shape().rank() - 1).matmul(values)
    }

    /// `[batch, length, heads · d]` as `[batch, heads, length, d]`: what each head of an attention sees.
    ///
    /// # Errors
    /// Other than three axes, or heads that do not divide the last one.
    #[track_caller]
    #[must_use]
    pub fn split_heads(self, heads: usize) -> Self {
        let x = match self.axes_or_refused(3, "split_heads", "three axes") {
            Err(refused) => return refused,
            Ok(x) if x.is_poison() => return x,
            Ok(x) => x,
        };
        let [batch, length, width] = [0, 1, 2].map(|axis| x.size(axis));
        if heads == 0 || width % heads != 0 {
            return x.refused("split_heads", ShapeFault::Setting { setting: "heads", least: 1, most: width });
        }
        x.reshape(&[batch, length, heads, width / heads]).transpose(&[0, 2, 1, 3])
    }

    /// The way back from [`Expr::split_heads`].
    ///
    /// # Errors
    /// Other than four axes.
    #[track_caller]
    #[must_use]
    pub fn merge_heads(self) -> Self {
        let x = match self.axes_or_refused(4, "merge_heads", "four axes") {
            Err(refused) => return refused,
            Ok(x) if x.is_poison() => return x,
            Ok(x) => x,
        };
        let [batch, heads, length, depth] = [0, 1, 2, 3].map(|axis| x.size(axis));
        x.transpose(&[0, 2, 1, 3]).reshape(&[batch, length, heads * depth])
    }
}
