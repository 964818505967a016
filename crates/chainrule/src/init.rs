//! The weights before the first step.

use crate::names::{Choice, NameError, text_serde};
use crate::random::Stream;
use std::fmt;
use std::str::FromStr;

/// How the weights `[inputs, outputs]` of a layer are drawn. Biases start at 0, except under [`Init::Normal`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Init {
    /// Uniform within ±√(6 / (inputs + outputs)) (Glorot and Bengio 2010).
    GlorotUniform,
    /// Normal, variance 2 / (inputs + outputs) (Glorot and Bengio 2010).
    GlorotNormal,
    /// Uniform within ±√(6 / inputs) (He et al. 2015).
    HeUniform,
    /// Normal, variance 2 / inputs (He et al. 2015).
    HeNormal,
    /// Normal, variance 1 / inputs (LeCun et al. 1998).
    LecunNormal,
    /// Normal with this standard deviation; biases too.
    Normal(f64),
    /// All 0: every neuron of a layer stays like its neighbours, so only a network without hidden layers learns.
    Zeros,
}

impl Init {
    /// The names on the command line.
    pub const NAMES: &[&'static str] =
        &["glorot-uniform", "glorot-normal", "he-uniform", "he-normal", "lecun-normal", "normal", "zeros"];

    /// Draws the weights of a layer.
    pub fn weights(self, inputs: usize, outputs: usize, random: &mut Stream, out: &mut [f32]) {
        let (inputs, outputs) = (inputs as f64, outputs as f64);
        let mut uniform = |limit: f64| out.iter_mut().for_each(|w| *w = ((random.unit() * 2.0 - 1.0) * limit) as f32);
        match self {
            Self::GlorotUniform => uniform((6.0 / (inputs + outputs)).sqrt()),
            Self::HeUniform => uniform((6.0 / inputs).sqrt()),
            Self::GlorotNormal => random.fill_normal((2.0 / (inputs + outputs)).sqrt(), out),
            Self::HeNormal => random.fill_normal((2.0 / inputs).sqrt(), out),
            Self::LecunNormal => random.fill_normal((1.0 / inputs).sqrt(), out),
            Self::Normal(deviation) => random.fill_normal(deviation, out),
            Self::Zeros => out.fill(0.0),
        }
    }

    /// Draws the biases of a layer.
    pub fn biases(self, random: &mut Stream, out: &mut [f32]) {
        match self {
            Self::Normal(deviation) => random.fill_normal(deviation, out),
            _ => out.fill(0.0),
        }
    }
}

impl fmt::Display for Init {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GlorotUniform => f.write_str("glorot-uniform"),
            Self::GlorotNormal => f.write_str("glorot-normal"),
            Self::HeUniform => f.write_str("he-uniform"),
            Self::HeNormal => f.write_str("he-normal"),
            Self::LecunNormal => f.write_str("lecun-normal"),
            Self::Normal(deviation) => write!(f, "normal:{deviation}"),
            Self::Zeros => f.write_str("zeros"),
        }
    }
}

impl FromStr for Init {
    type Err = NameError;

    /// Reads `he-normal`, `normal:0.1`, ….
    fn from_str(text: &str) -> Result<Self, NameError> {
        let choice = Choice::read("initialiser", text)?;
        choice.at_most(usize::from(choice.name == "normal"))?;
        Ok(match choice.name {
            "glorot-uniform" => Self::GlorotUniform,
            "glorot-normal" => Self::GlorotNormal,
            "he-uniform" => Self::HeUniform,
            "he-normal" => Self::HeNormal,
            "lecun-normal" => Self::LecunNormal,
            "normal" => Self::Normal(choice.number(0, 1.0, "0 or more", |d| d >= 0.0)?),
            "zeros" => Self::Zeros,
            other => return Err(NameError::unknown("initialiser", other, Self::NAMES)),
        })
    }
}

text_serde!(Init);

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(init: Init) -> (f64, f64, f64) {
        let mut out = vec![0.0; 200 * 300];
        init.weights(200, 300, &mut Stream::new(1, 0), &mut out);
        let mean = out.iter().map(|&w| f64::from(w)).sum::<f64>() / out.len() as f64;
        let variance = out.iter().map(|&w| (f64::from(w) - mean).powi(2)).sum::<f64>() / out.len() as f64;
        (mean, variance, out.iter().fold(0.0, |m, &w| f64::from(w.abs()).max(m)))
    }

    #[test]
    fn variances_are_those_of_the_papers() {
        let expected = [
            (Init::GlorotUniform, 2.0 / 500.0),
            (Init::GlorotNormal, 2.0 / 500.0),
            (Init::HeUniform, 2.0 / 200.0),
            (Init::HeNormal, 2.0 / 200.0),
            (Init::LecunNormal, 1.0 / 200.0),
            (Init::Normal(0.5), 0.25),
            (Init::Zeros, 0.0),
        ];
        for (init, variance) in expected as [(Init, f64); 7] {
            let (mean, found, most) = moments(init);
            assert!(mean.abs() <= 0.02 * variance.sqrt(), "{init}: mean {mean}");
            assert!((found - variance).abs() <= 0.03 * variance, "{init}: variance {found} for {variance}");
            if matches!(init, Init::GlorotUniform | Init::HeUniform) {
                assert!(most <= (3.0 * variance).sqrt() + 1e-7, "{init}: {most}");
            }
        }
    }
}
