//! Recurrent layers, unrolled: a step for each place of a sequence, with the same weights in all of them.

use crate::expr::Expr;
use crate::ops::arith::Arith;

/// The parameters of a recurrent layer. Its gates lie side by side: one in a simple layer, four (input, forget, cell,
/// output) in an LSTM, three (reset, update, new) in a GRU, in the order of PyTorch.
#[derive(Clone, Copy, Debug)]
pub struct Recurrent<'g> {
    /// W, for what comes in: `[features, gates · hidden]`.
    pub weight: Expr<'g>,
    /// U, for what was before: `[hidden, gates · hidden]`.
    pub recurrent: Expr<'g>,
    /// b `[gates · hidden]`, beside W.
    pub bias: Expr<'g>,
    /// c `[gates · hidden]`, beside U.
    pub recurrent_bias: Expr<'g>,
}

impl<'g> Recurrent<'g> {
    /// hₜ = tanh(xₜ·W + b + hₜ₋₁·U + c) (Elman 1990): from `x` `[batch, length, features]` and `h` `[batch, hidden]`, all
    /// hₜ `[batch, length, hidden]`.
    #[track_caller]
    pub fn simple(self, x: Expr<'g>, h: Expr<'g>) -> Expr<'g> {
        self.unroll(x, h, |before, came, _| (came + before).tanh())
    }

    /// Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000): with i, f, g, o
    /// = xₜ·W + b + hₜ₋₁·U + c, cₜ = σ(f) ⊙ cₜ₋₁ + σ(i) ⊙ tanh(g) and hₜ = σ(o) ⊙ tanh(cₜ). Shapes as in
    /// [`Recurrent::simple`]; `cell` is c₀.
    #[track_caller]
    pub fn lstm(self, x: Expr<'g>, h: Expr<'g>, cell: Expr<'g>) -> Expr<'g> {
        let mut cell = cell;
        self.unroll(x, h, |before, came, _| {
            let [input, forget, new, output] = gates(came + before);
            cell = forget.sigmoid() * cell + input.sigmoid() * new.tanh();
            output.sigmoid() * cell.tanh()
        })
    }

    /// Gated recurrent unit (Cho et al. 2014): with r, z from xₜ·W + b + hₜ₋₁·U + c, n = tanh(xₜ·Wₙ + bₙ + σ(r) ⊙
    /// (hₜ₋₁·Uₙ + cₙ)) and hₜ = (1 − σ(z)) ⊙ n + σ(z) ⊙ hₜ₋₁. Shapes as in [`Recurrent::simple`].
    #[track_caller]
    pub fn gru(self, x: Expr<'g>, h: Expr<'g>) -> Expr<'g> {
        self.unroll(x, h, |before, came, h| {
            let ([reset, update, new], [reset_before, update_before, new_before]) = (gates(came), gates(before));
            let new = (new + (reset + reset_before).sigmoid() * new_before).tanh();
            let keep = (update + update_before).sigmoid();
            new + keep * (h - new)
        })
    }

    /// All hₜ of `step`, which makes one of hₜ₋₁·U + c, xₜ·W + b and hₜ₋₁.
    #[track_caller]
    fn unroll(
        self,
        x: Expr<'g>,
        h: Expr<'g>,
        mut step: impl FnMut(Expr<'g>, Expr<'g>, Expr<'g>) -> Expr<'g>,
    ) -> Expr<'g> {
        let x = match x.axes_or_refused(3, "recurrent layer", "three axes") {
            Err(refused) => return refused,
            Ok(x) if x.is_poison() => return x,
            Ok(x) => x,
        };
        let [batch, length, features] = [0, 1, 2].map(|axis| x.size(axis));
        // What comes in is known for the whole sequence: one product instead of `length`.
        let came = x.reshape(&[batch * length, features]).matmul(self.weight) + self.bias;
        if came.is_poison() {
            return came;
        }
        let width = came.size(1);
        let came = came.reshape(&[batch, length, width]);
        let mut h = h;
        let mut all = Vec::with_capacity(length);
        for place in 0..length {
            let before = h.matmul(self.recurrent) + self.recurrent_bias;
            h = step(before, came.slice(1, place, place + 1).reshape(&[batch, width]), h);
            if h.is_poison() {
                return h;
            }
            all.push(h.reshape(&[batch, 1, h.size(1)]));
        }
        Expr::concat(&all, 1)
    }
}

/// The gates that lie side by side.
#[track_caller]
fn gates<'g, const COUNT: usize>(all: Expr<'g>) -> [Expr<'g>; COUNT] {
    if all.is_poison() {
        return [all; COUNT];
    }
    let width = all.size(1) / COUNT;
    std::array::from_fn(|gate| all.slice(1, gate * width, (gate + 1) * width))
}
