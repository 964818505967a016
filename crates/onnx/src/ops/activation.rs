//! Activations.

use super::Entry;
use super::elementwise::less;
use crate::call::{Call, Results, sizes};
use crate::error::unsupported;
use crate::kind::Kind;
use crate::value::Value;
use chainrule::engine::{Arith, Expr};

pub(super) const ENTRIES: &[Entry] = &[
    ("Celu", |c| {
        let alpha = c.float("alpha", 1.0);
        c.map(|x| x.relu() + (((x - x.relu()) / alpha).exp() - 1.0) * alpha)
    }),
    ("Dropout", dropout),
    ("Elu", |c| c.map(|x| x.elu(c.float("alpha", 1.0)))),
    ("Gelu", gelu),
    ("HardSigmoid", |c| c.map(|x| hard_sigmoid(x, c.float("alpha", 0.2), c.float("beta", 0.5)))),
    ("HardSwish", |c| c.map(|x| x * hard_sigmoid(x, 1.0 / 6.0, 0.5))),
    ("Hardmax", hardmax),
    ("LeakyRelu", |c| c.map(|x| x.leaky_relu(c.float("alpha", 0.01)))),
    ("LogSoftmax", |c| along(c, Expr::log_softmax)),
    ("Mish", |c| c.map(|x| x * x.softplus().tanh())),
    ("PRelu", |c| c.map_with(1, |x, slope| x.relu() + (x - x.relu()) * slope)),
    ("Relu", |c| c.map(|x| x.relu())),
    ("Selu", |c| {
        let (alpha, gamma) = (c.float("alpha", 1.673_263_2), c.float("gamma", 1.050_701));
        c.map(|x| x.elu(alpha) * gamma)
    }),
    ("Shrink", shrink),
    ("Sigmoid", |c| c.map(|x| x.sigmoid())),
    ("Softmax", |c| along(c, Expr::softmax)),
    ("Softplus", |c| c.map(|x| x.softplus())),
    ("Softsign", |c| c.map(|x| x / (x.abs() + 1.0))),
    ("SwiGLU", |c| {
        let alpha = c.float("alpha", 1.0);
        c.map_with(1, |gate, x| gate * (gate * alpha).sigmoid() * x)
    }),
    ("Swish", |c| {
        let alpha = c.float("alpha", 1.0);
        c.map(|x| x * (x * alpha).sigmoid())
    }),
    ("ThresholdedRelu", |c| {
        let alpha = c.float("alpha", 1.0);
        c.map(|x| x.mask((x - alpha).step()))
    }),
];

impl<'g> Call<'_, 'g> {
    /// The function of the first input and another.
    fn map_with(&self, other: usize, f: impl Fn(Expr<'g>, Expr<'g>) -> Expr<'g>) -> Results<'g> {
        self.same(f(self.expr(0)?, self.expr(other)?))
    }
}

fn hard_sigmoid(x: Expr<'_>, alpha: f64, beta: f64) -> Expr<'_> {
    let line = x * alpha + beta;
    Arith::min(line.relu(), x.lit(1.0))
}

/// Away from training nothing is dropped.
fn dropout<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let ratio = if c.has(1) { c.known(1)?.one()? } else { c.float("ratio", 0.5) };
    let training = c.has(2) && c.known(2)?.one()? != 0.0;
    if training && ratio != 0.0 {
        return unsupported!("dropping at random (training_mode)");
    }
    let x = c.expr(0)?;
    Ok(vec![Value::Node(x, c.kind(0)?), Value::Node(c.graph().constant(1.0, &sizes(x)), Kind::Bool)])
}

fn gelu<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    match c.text("approximate", "none").as_str() {
        "none" => c.map(Expr::gelu),
        // With a hyperbolic tangent (Hendrycks and Gimpel 2016).
        "tanh" => c.map(|x| {
            let inner = (x + x * x * x * 0.044715) * (2.0 / std::f64::consts::PI).sqrt();
            x * (inner.tanh() + 1.0) * 0.5
        }),
        other => unsupported!("approximate `{other}`"),
    }
}

/// Along one axis, the last unless another is given; before version 13 over all axes from the second on.
fn along<'g>(c: &Call<'_, 'g>, f: impl Fn(Expr<'g>, usize) -> Expr<'g>) -> Results<'g> {
    let x = c.expr(0)?;
    if let (Value::Known(_), Kind::Bfloat16) = (c.value(0)?, c.kind(0)?) {
        return unsupported!("known numbers of BFLOAT16, which are rounded only after the whole of it");
    }
    let rank = x.shape().rank();
    if rank == 0 {
        return c.same(f(x.reshape(&[1]), 0).reshape(&[]));
    }
    if c.opset >= 13 {
        return c.same(f(x, c.axis(c.int("axis", -1), rank)?));
    }
    let axis = c.axis(c.int("axis", 1), rank)?;
    let inner: usize = sizes(x)[axis..].iter().product();
    let flat = x.reshape(&[x.shape().len() / inner.max(1), inner]);
    c.same(f(flat, 1).reshape(&sizes(x)))
}

fn hardmax<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    along(c, |x, axis| {
        let rank = x.shape().rank();
        let hot = x.arg_max(axis).one_hot(x.size(axis));
        // The new axis is the last one.
        let order: Vec<usize> =
            (0..rank).map(|at| if at == axis { rank - 1 } else { at - usize::from(at > axis) }).collect();
        hot.transpose(&order)
    })
}

fn shrink<'g>(c: &Call<'_, 'g>) -> Results<'g> {
    let (lambda, bias) = (c.float("lambd", 0.5), c.float("bias", 0.0));
    let x = c.expr(0)?;
    let (below, above) = (less(x, x.lit(-lambda)), less(x.lit(lambda), x));
    c.same((x + bias).mask(below) + (x - bias).mask(above))
}
