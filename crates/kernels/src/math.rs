//! The functions that have no machine instruction.

/// In `f64`: accurate to the last bits, for checks and explanations.
pub(crate) mod double {
    #[inline(always)]
    pub(crate) fn exp(x: f64) -> f64 {
        x.exp()
    }
    #[inline(always)]
    pub(crate) fn ln(x: f64) -> f64 {
        x.ln()
    }
    #[inline(always)]
    pub(crate) fn tanh(x: f64) -> f64 {
        x.tanh()
    }
    #[inline(always)]
    pub(crate) fn sigmoid(x: f64) -> f64 {
        let e = (-x.abs()).exp();
        if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
    }
    #[inline(always)]
    pub(crate) fn softplus(x: f64) -> f64 {
        x.max(0.0) + (-x.abs()).exp().ln_1p()
    }
    pub(crate) fn erf(x: f64) -> f64 {
        let _ = x;
        unreachable!("to be written")
    }
}

/// In `f32`: branch-free polynomials that vectorise.
pub(crate) mod single {
    #[inline(always)]
    pub(crate) fn exp(x: f32) -> f32 {
        x.exp()
    }
    #[inline(always)]
    pub(crate) fn ln(x: f32) -> f32 {
        x.ln()
    }
    #[inline(always)]
    pub(crate) fn tanh(x: f32) -> f32 {
        x.tanh()
    }
    #[inline(always)]
    pub(crate) fn sigmoid(x: f32) -> f32 {
        let e = (-x.abs()).exp();
        if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
    }
    #[inline(always)]
    pub(crate) fn softplus(x: f32) -> f32 {
        x.max(0.0) + (-x.abs()).exp().ln_1p()
    }
    #[inline(always)]
    pub(crate) fn erf(x: f32) -> f32 {
        super::double::erf(f64::from(x)) as f32
    }
}
