//! Arithmetic with constants: before the first layer it is the scaling, behind a layer it goes into its numbers.

use super::layers::Chain;
use super::step::Step;
use crate::error::{Fault, wrong};
use crate::kind::Kind;
use crate::tensor::Tensor;

impl Chain {
    /// z · factor + more on the outputs of the last layer, or of one of its own: one number a channel, or one for all.
    pub(super) fn on_outputs(&mut self, factor: &[f64], more: &[f64]) -> Result<(), Fault> {
        if !self.is_open() {
            self.own_layer()?;
        }
        let last = self.layers.last_mut().expect("one is open");
        let outputs = last.layer.outputs;
        let of = |part: &[f64], output: usize| part[if part.len() == 1 { 0 } else { output }];
        if last.layer.norm.is_some() {
            last.gain.iter_mut().enumerate().for_each(|(output, gain)| *gain *= of(factor, output));
        } else {
            let inner = last.weight.len() / outputs;
            for (place, weight) in last.weight.iter_mut().enumerate() {
                *weight *= of(factor, if last.layer.kernel.is_some() { place / inner } else { place % outputs });
            }
        }
        for (output, bias) in last.bias.iter_mut().enumerate() {
            *bias = *bias * of(factor, output) + of(more, output);
        }
        Ok(())
    }

    /// A batch norm of a trained network: a factor and a number more for each channel.
    pub(super) fn batch_norm(&mut self, step: &Step<'_>) -> Result<(), Fault> {
        if self.layers.is_empty() || self.channels_last || step.int("training_mode", 0) != 0 {
            return wrong!("a normalisation that is not of the outputs of a layer");
        }
        let [scale, bias, mean, variance] = [step.known(1)?, step.known(2)?, step.known(3)?, step.known(4)?];
        let epsilon = f64::from(step.float("epsilon", 1e-5));
        let count = self.channels();
        if [scale, bias, mean, variance].iter().any(|part| part.values().len() != count) {
            return wrong!("its four lists are not one number for each of {count} channels");
        }
        let factor: Vec<f64> =
            scale.values().iter().zip(variance.values()).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
        let means = mean.values().iter().zip(&factor);
        let more: Vec<f64> =
            bias.values().iter().zip(means).map(|(bias, (mean, factor))| bias - mean * factor).collect();
        self.on_outputs(&factor, &more)
    }

    pub(super) fn scaler(&mut self, step: &Step<'_>) -> Result<(), Fault> {
        let list = |name: &str, usual: f64| {
            let given = step.attribute(name).map(|attribute| attribute.floats.as_slice()).unwrap_or_default();
            let values = if given.is_empty() { vec![usual] } else { given.iter().map(|&v| f64::from(v)).collect() };
            Tensor::new(Kind::Double, &[values.len()], values)
        };
        let (scale, shift) = (list("scale", 1.0), list("offset", 0.0));
        if !self.layers.is_empty() {
            return wrong!("it scales what a layer gives");
        }
        if self.begins.is_none() && scale.values().len() > 1 {
            self.begin(Some(vec![scale.values().len()]));
        }
        self.on_inputs(&scale, &shift)
    }

    /// (x − shift) · scale on the inputs, after what was done to them before.
    fn on_inputs(&mut self, scale: &Tensor, shift: &Tensor) -> Result<(), Fault> {
        let (scale, shift) = (self.by_input(scale)?, self.by_input(shift)?);
        if self.scale.is_empty() {
            (self.shift, self.scale) = (vec![0.0; scale.len()], vec![1.0; scale.len()]);
        }
        for (at, (scale, shift)) in scale.into_iter().zip(shift).enumerate() {
            // ((x − a) · b − shift) · scale = (x − (a + shift / b)) · (b · scale).
            self.shift[at] += shift / self.scale[at];
            self.scale[at] *= scale;
        }
        Ok(())
    }

    /// Add, Sub, Mul or Div with a known tensor.
    pub(super) fn arithmetic(&mut self, step: &Step<'_>) -> Result<(), Fault> {
        let [left, right] = &step.others[..] else { return wrong!("two inputs are wanted") };
        let op = step.node.op_type.as_str();
        let part = match (left, right) {
            (None, Some(part)) => part,
            (Some(part), None) if matches!(op, "Add" | "Mul") => part,
            _ => return wrong!("the other side is not known, so it is no layer"),
        };
        let with = |f: fn(f64) -> f64| {
            Tensor::new(Kind::Double, part.sizes(), part.values().iter().map(|&value| f(value)).collect())
        };
        let [zero, one] = [0.0, 1.0].map(|value| Tensor::new(Kind::Double, &[], vec![value]));
        // x + b is x − (−b), x / a is x · 1/a.
        let (scale, shift) = match op {
            "Add" => (one, with(|value| -value)),
            "Sub" => (one, part.clone()),
            "Mul" => (part.clone(), zero),
            _ => (with(|value| 1.0 / value), zero),
        };
        if self.layers.is_empty() {
            return self.on_inputs(&scale, &shift);
        }
        let more: Vec<f64> = self.by_channel(&shift)?.into_iter().map(|shift| 0.0 - shift).collect();
        self.on_outputs(&self.by_channel(&scale)?, &more)
    }
}
