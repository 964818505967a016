//! What a layer does to its weighted sums.

use crate::names::named_enum;
use chainrule_engine::{Arith, Expr};

named_enum! {
    /// An activation function, applied element by element.
    Activation, "activation":
    /// x.
    Identity "identity",
    /// 1 / (1 + e⁻ˣ).
    Sigmoid "sigmoid",
    /// tanh x.
    Tanh "tanh",
    /// max(x, 0).
    Relu "relu",
    /// x where x > 0, else x / 100.
    LeakyRelu "leaky-relu",
    /// x where x > 0, else eˣ − 1 (Clevert et al. 2015).
    Elu "elu",
    /// x · Φ(x), with the exact normal distribution (Hendrycks and Gimpel 2016).
    Gelu "gelu",
    /// x · sigmoid(x) (Elfwing et al. 2017).
    Silu "silu",
    /// ln(1 + eˣ).
    Softplus "softplus",
}

impl Activation {
    /// Adds the function to the graph.
    #[track_caller]
    pub fn apply(self, x: Expr<'_>) -> Expr<'_> {
        match self {
            Self::Identity => x,
            Self::Sigmoid => x.sigmoid(),
            Self::Tanh => x.tanh(),
            Self::Relu => x.relu(),
            Self::LeakyRelu => x.leaky_relu(0.01),
            Self::Elu => x.elu(1.0),
            Self::Gelu => x.gelu(),
            Self::Silu => x.silu(),
            Self::Softplus => x.softplus(),
        }
    }
}
