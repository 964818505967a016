//! How wrong an output is. Each is a plain composition of the engine's operations; its derivative comes out of the
//! rules.

use crate::names::{Choice, NameError, text_serde};
use chainrule_data::Target;
use chainrule_engine::{Arith, Expr};
use std::fmt;
use std::str::FromStr;

/// The cost of a batch: the mean over its samples (or over all elements, where it says so).
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Loss {
    /// ½‖a − y‖² of a sample.
    Quadratic,
    /// (a − y)², the mean over all elements.
    Mse,
    /// |a − y|, the mean over all elements.
    Mae,
    /// With e = a − y: ½e² where |e| ≤ `delta`, else delta·(|e| − ½·delta); the mean over all elements (Huber 1964).
    Huber {
        /// Where the parabola turns into lines.
        delta: f64,
    },
    /// −Σ qᵢ ln softmax(a)ᵢ, where q is 1 for the right class; with label smoothing s, q is (1 − s) for it plus
    /// s / classes for every class (Szegedy et al. 2016).
    CrossEntropy {
        /// The share s of the truth that is spread evenly over the classes, in [0, 1).
        smoothing: f64,
    },
    /// −y ln σ(a) − (1 − y) ln(1 − σ(a)) from logits a, the mean over all elements.
    BinaryCrossEntropy,
}

impl Loss {
    /// The names on the command line.
    pub const NAMES: &[&'static str] = &["quadratic", "mse", "mae", "huber", "cross-entropy", "binary-cross-entropy"];

    /// The usual one: cross-entropy of classes, the mean square of values.
    pub(crate) fn usual(target: &Target) -> Self {
        match target {
            Target::Classes { .. } => Self::CrossEntropy { smoothing: 0.0 },
            Target::Values { .. } => Self::Mse,
        }
    }

    /// Whether it measures probabilities of classes.
    pub fn is_for_classes(self) -> bool {
        matches!(self, Self::CrossEntropy { .. } | Self::BinaryCrossEntropy)
    }

    /// Whether the target is a class index `[batch]` instead of values `[batch, outputs]`.
    pub fn takes_index(self) -> bool {
        matches!(self, Self::CrossEntropy { .. })
    }

    /// The cost of `output` `[batch, outputs]` against `target`: values `[batch, outputs]`, or class indices `[batch]`
    /// where [`Loss::takes_index`].
    #[track_caller]
    pub fn apply<'g>(self, output: Expr<'g>, target: Expr<'g>) -> Expr<'g> {
        self.each(output, target).mean_all()
    }

    /// [`Loss::apply`] with what each sample adds to the mean multiplied by its `weight`, `[batch]`.
    #[track_caller]
    pub fn apply_weighted<'g>(self, output: Expr<'g>, target: Expr<'g>, weight: Expr<'g>) -> Expr<'g> {
        let each = self.each(output, target);
        let weight = match each.shape().rank() {
            2 => weight.reshape(&[each.shape().sizes().next().unwrap_or(0), 1]),
            _ => weight,
        };
        (each * weight).mean_all()
    }

    /// What the mean is taken of: a number for each sample `[batch]`, or for each element `[batch, outputs]`.
    #[track_caller]
    fn each<'g>(self, output: Expr<'g>, target: Expr<'g>) -> Expr<'g> {
        match self {
            Self::Quadratic => (output - target).square().sum(&[1]) * 0.5,
            Self::Mse => (output - target).square(),
            Self::Mae => (output - target).abs(),
            Self::Huber { delta } => {
                // With c = min(|e|, delta): ½c² + delta·(|e| − c) is both branches at once.
                let error = (output - target).abs();
                let inner = Arith::min(error, error.lit(delta));
                inner.square() * 0.5 + (error - inner) * delta
            }
            Self::CrossEntropy { smoothing } => {
                let total = output.log_sum_exp(&[1]);
                let right = output.pick(target);
                if smoothing == 0.0 {
                    return total - right;
                }
                total - right * (1.0 - smoothing) - output.mean(&[1]) * smoothing
            }
            // ln(1 + eᵃ) − y·a: the same, without overflow.
            Self::BinaryCrossEntropy => output.softplus() - target * output,
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quadratic => f.write_str("quadratic"),
            Self::Mse => f.write_str("mse"),
            Self::Mae => f.write_str("mae"),
            Self::Huber { delta } => write!(f, "huber:{delta}"),
            Self::CrossEntropy { smoothing: 0.0 } => f.write_str("cross-entropy"),
            Self::CrossEntropy { smoothing } => write!(f, "cross-entropy:{smoothing}"),
            Self::BinaryCrossEntropy => f.write_str("binary-cross-entropy"),
        }
    }
}

impl FromStr for Loss {
    type Err = NameError;

    /// Reads `cross-entropy`, `cross-entropy:0.1` (label smoothing), `huber:1` (delta), ….
    fn from_str(text: &str) -> Result<Self, NameError> {
        let choice = Choice::read("loss", text)?;
        let takes = usize::from(matches!(choice.name, "huber" | "cross-entropy"));
        choice.at_most(takes)?;
        Ok(match choice.name {
            "quadratic" => Self::Quadratic,
            "mse" => Self::Mse,
            "mae" => Self::Mae,
            "huber" => Self::Huber { delta: choice.number(0, 1.0, "above 0", |d| d > 0.0)? },
            "cross-entropy" => Self::CrossEntropy {
                smoothing: choice.number(0, 0.0, "at least 0 and below 1", |s| (0.0..1.0).contains(&s))?,
            },
            "binary-cross-entropy" => Self::BinaryCrossEntropy,
            other => return Err(NameError::unknown("loss", other, Self::NAMES)),
        })
    }
}

text_serde!(Loss);
