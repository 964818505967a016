//! Norms over each sample.

use super::layers::Chain;
use super::step::Step;
use crate::error::{Fault, wrong};
use crate::tensor::Tensor;
use chainrule::{Norm, SampleShape};

impl Chain {
    /// The norm on the sums of the last layer, or of one of its own: those of ours have no bias below them.
    pub(super) fn norm(&mut self, norm: Norm, epsilon: f64, gain: &[f64], bias: &[f64]) -> Result<(), Fault> {
        let channels = self.channels();
        if [gain, bias].iter().any(|part| ![1, channels].contains(&part.len())) {
            return wrong!("a norm with {} gains and {} biases for {channels} channels", gain.len(), bias.len());
        }
        // A mean takes away what is added to all that it goes over.
        let is_alone = norm == Norm::Group(channels);
        let has_bias = self.layers.last().is_some_and(|last| last.bias.iter().any(|bias| *bias != 0.0));
        let fits = self.is_open() && self.layers.last().is_some_and(|last| last.layer.norm.is_none());
        if !fits || (has_bias && !is_alone) {
            self.own_layer()?;
        }
        // x / √(v + ε) is y / √(u + ε′) of y = x · √(ε′ / ε), whose variance is u = v · ε′ / ε.
        let factor = (Norm::EPSILON / epsilon).sqrt();
        if !factor.is_normal() {
            return wrong!("a norm with an epsilon of {epsilon}, which is not above 0");
        }
        let last = self.layers.last_mut().expect("there is one");
        last.weight.iter_mut().for_each(|weight| *weight *= factor);
        last.layer.norm = Some(norm);
        let spread = |part: &[f64]| if let [one] = part { vec![*one; channels] } else { part.to_vec() };
        (last.gain, last.bias) = (spread(gain), spread(bias));
        self.measure()
    }

    /// LayerNormalization and RMSNormalization, over all of a sample, or all of each group that it is cut into.
    pub(super) fn layer_norm(&mut self, step: &Step<'_>) -> Result<(), Fault> {
        let Some(sizes) = self.sizes() else { return wrong!("it is not known what comes from below") };
        let rank = sizes.len() as i64 + 1;
        let axis = step.int("axis", -1);
        let axis = if axis < 0 { axis + rank } else { axis };
        if axis != if self.cut.is_some() { 2 } else { 1 } {
            return wrong!("it goes over the axes from {axis} on of {rank}, and norms of ours over all of a sample");
        }
        let gain = self.by_channel(step.known(1)?)?;
        let bias = step.bias()?.map_or(Ok(vec![0.0]), |bias| self.by_channel(bias))?;
        let norm = match (step.node.op_type.as_str(), self.cut) {
            ("RMSNormalization", None) => Norm::Rms,
            ("LayerNormalization", groups) => grouped(groups.unwrap_or(1)),
            _ => return wrong!("root mean squares of groups, where those of ours are of all of a sample"),
        };
        self.norm(norm, f64::from(step.float("epsilon", 1e-5)), &gain, &bias)
    }

    /// InstanceNormalization, of each channel or group that a sample is cut into, and GroupNormalization.
    pub(super) fn group_norm(&mut self, step: &Step<'_>) -> Result<(), Fault> {
        let channels = self.channels();
        let has_planes = matches!(self.form, Some(SampleShape::Planes(_)));
        if self.channels_last || !(has_planes || self.cut.is_some()) {
            return wrong!("it is not over planes with channels first");
        }
        let groups = match (step.node.op_type.as_str(), self.cut) {
            ("GroupNormalization", _) => usize::try_from(step.int("num_groups", 0)).unwrap_or(0),
            (_, Some(groups)) => groups,
            (_, None) => channels,
        };
        let spread = |part: &Tensor| match part.values() {
            each if each.len() == channels => Ok(each.to_vec()),
            each if each.len() == groups && channels.is_multiple_of(groups) => {
                Ok(each.iter().flat_map(|&value| std::iter::repeat_n(value, channels / groups)).collect())
            }
            other => wrong!("{} numbers for {groups} groups of {channels} channels", other.len()),
        };
        let (gain, bias) = (spread(step.known(1)?)?, spread(step.known(2)?)?);
        self.norm(grouped(groups), f64::from(step.float("epsilon", 1e-5)), &gain, &bias)
    }
}

fn grouped(groups: usize) -> Norm {
    if groups == 1 { Norm::Layer } else { Norm::Group(groups) }
}
