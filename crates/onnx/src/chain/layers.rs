//! The layers of a chain while they are collected.

use super::Step;
use crate::error::{Fault, wrong};
use crate::tensor::Tensor;
use chainrule::{Activation, Kernel, Layer, Network, Pool, PoolKind, SampleShape};

/// A layer with its weights, in the layout of ours.
pub(super) struct Weighed {
    pub(super) layer: Layer,
    pub(super) weight: Vec<f64>,
    pub(super) bias: Vec<f64>,
}

/// What has been understood so far.
pub(super) struct Chain {
    /// What the network takes.
    pub(super) input: Option<SampleShape>,
    /// What the last layer gives.
    form: Option<SampleShape>,
    /// What is done to the inputs: (x − shift) · scale.
    pub(super) shift: Vec<f64>,
    pub(super) scale: Vec<f64>,
    pub(super) layers: Vec<Weighed>,
    /// Whether the outputs are exponents.
    pub(super) exponent: bool,
    /// The head goes on beside its sigmoid until both are multiplied.
    gating: bool,
}

/// Kinds that differ less than this are the same setting.
const NEAR: f32 = 1e-6;

impl Chain {
    pub(super) fn new(input: Option<SampleShape>) -> Self {
        Self {
            input,
            form: input,
            shift: Vec::new(),
            scale: Vec::new(),
            layers: Vec::new(),
            exponent: false,
            gating: false,
        }
    }

    /// Number of outputs, and whether the last layer ends with a sigmoid.
    pub(super) fn end(&self) -> (usize, bool) {
        let outputs = self.form.map_or(0, SampleShape::len);
        (outputs, self.layers.last().is_some_and(|last| last.layer.activation == Activation::Sigmoid))
    }

    /// Takes a node into the chain; says whether the head keeps its other names.
    pub(super) fn take(&mut self, step: &Step<'_>) -> Result<bool, Fault> {
        if self.exponent && !matches!(step.node.op_type.as_str(), "Cast" | "Identity" | "Min") {
            return wrong!("it follows an exponential, which only ends a chain");
        }
        if self.gating {
            self.gating = false;
            return self.activation(Activation::Silu).map(|()| false);
        }
        match step.node.op_type.as_str() {
            "Identity" | "Dropout" => return Ok(true),
            "Cast" if self.layers.is_empty() || step.is_to_fractions() => return Ok(true),
            "Cast" => return wrong!("it makes whole numbers or truth values of what a layer gives"),
            "Flatten" if step.int("axis", 1) == 1 => self.flatten(),
            "Reshape" => self.reshape(&step.known(1)?.ints())?,
            "Gemm" => self.gemm(step)?,
            "MatMul" => self.dense(step.known(1)?, false, None)?,
            "Conv" => self.conv(step)?,
            "MaxPool" => self.pool(step, PoolKind::Max)?,
            "AveragePool" => self.pool(step, PoolKind::Average)?,
            "GlobalAveragePool" => self.whole_pool()?,
            "BatchNormalization" => self.normalise(step)?,
            "Scaler" => self.scaler(step)?,
            "Add" | "Sub" | "Mul" | "Div" => self.arithmetic(step)?,
            "Sigmoid" if step.gated => {
                self.gating = true;
                return Ok(true);
            }
            "Sigmoid" => self.activation(Activation::Sigmoid)?,
            "Tanh" => self.activation(Activation::Tanh)?,
            "Relu" => self.activation(Activation::Relu)?,
            "Softplus" => self.activation(Activation::Softplus)?,
            "Gelu" if matches!(step.text("approximate").as_str(), "" | "none") => self.activation(Activation::Gelu)?,
            "LeakyRelu" if (step.float("alpha", 0.01) - 0.01).abs() < NEAR => self.activation(Activation::LeakyRelu)?,
            "Elu" if (step.float("alpha", 1.0) - 1.0).abs() < NEAR => self.activation(Activation::Elu)?,
            "Swish" if (step.float("alpha", 1.0) - 1.0).abs() < NEAR => self.activation(Activation::Silu)?,
            "Exp" if !self.layers.is_empty() => self.exponent = true,
            "Min" if self.exponent => {}
            _ => {
                return wrong!(
                    "it is none of the layers that a network of ours has (Gemm, MatMul, Conv, MaxPool, AveragePool, \
                     Flatten, Reshape, BatchNormalization, Softmax, and the activations {})",
                    Activation::ALL.iter().map(|activation| activation.name()).collect::<Vec<_>>().join(", ")
                );
            }
        }
        Ok(false)
    }

    fn flatten(&mut self) {
        self.form = self.form.map(|form| SampleShape::Flat(form.len()));
        if self.layers.is_empty() {
            self.input = self.form;
        }
    }

    /// `[rows, numbers]`, or before all layers `[rows, channels, height, width]`.
    fn reshape(&mut self, sizes: &[i64]) -> Result<(), Fault> {
        match sizes {
            [_, count] if *count == -1 || self.form.is_some_and(|form| form.len() as i64 == *count) => self.flatten(),
            [_, c, h, w] if self.layers.is_empty() && [c, h, w].iter().all(|&&size| size > 0) => {
                let planes = SampleShape::Planes([c, h, w].map(|&size| size as usize));
                if self.form.is_some_and(|form| form.len() != planes.len()) {
                    return wrong!("{planes} cells of {} numbers", self.form.map_or(0, SampleShape::len));
                }
                (self.input, self.form) = (Some(planes), Some(planes));
            }
            other => {
                return wrong!("sizes {other:?} are neither [rows, numbers] nor those of an image at the beginning");
            }
        }
        Ok(())
    }

    fn gemm(&mut self, step: &Step<'_>) -> Result<(), Fault> {
        if step.int("transA", 0) != 0 {
            return wrong!("transA is not that of a layer");
        }
        let (alpha, beta) = (f64::from(step.float("alpha", 1.0)), f64::from(step.float("beta", 1.0)));
        let bias = step.bias()?.map(|bias| bias.values().iter().map(|value| value * beta).collect::<Vec<f64>>());
        self.dense(step.known(1)?, step.int("transB", 0) != 0, bias)?;
        let last = self.layers.last_mut().expect("just added");
        last.weight.iter_mut().for_each(|weight| *weight *= alpha);
        Ok(())
    }

    /// Weights `[inputs, outputs]`, or `[outputs, inputs]` if transposed.
    fn dense(&mut self, weight: &Tensor, transposed: bool, bias: Option<Vec<f64>>) -> Result<(), Fault> {
        let &[rows, columns] = weight.sizes() else { return wrong!("weights {:?} are no matrix", weight.sizes()) };
        if rows == 0 || columns == 0 {
            return wrong!("weights {:?} without a number", weight.sizes());
        }
        let (inputs, outputs) = if transposed { (columns, rows) } else { (rows, columns) };
        match self.form {
            Some(SampleShape::Flat(count)) if count == inputs => {}
            None if self.layers.is_empty() => self.input = Some(SampleShape::Flat(inputs)),
            Some(form) => return wrong!("weights for {inputs} inputs, and {form} come from below"),
            None => return wrong!("it is not known what comes from below"),
        }
        let at =
            |input: usize, output: usize| if transposed { output * inputs + input } else { input * outputs + output };
        let values = weight.values();
        let weight = (0..inputs * outputs).map(|place| values[at(place / outputs, place % outputs)]).collect();
        let bias = match bias {
            None => vec![0.0; outputs],
            Some(bias) if bias.len() == outputs => bias,
            Some(bias) if bias.len() == 1 => vec![bias[0]; outputs],
            Some(bias) => return wrong!("{} biases for {outputs} outputs", bias.len()),
        };
        self.layers.push(Weighed { layer: Layer::dense(outputs, Activation::Identity), weight, bias });
        self.form = Some(SampleShape::Flat(outputs));
        Ok(())
    }

    fn planes(&self) -> Result<[usize; 3], Fault> {
        match self.form {
            Some(SampleShape::Planes(planes)) => Ok(planes),
            _ => wrong!("channels, height and width are wanted from below, and they are not known"),
        }
    }

    fn conv(&mut self, step: &Step<'_>) -> Result<(), Fault> {
        let [_, height, width] = self.planes()?;
        let weight = step.known(1)?;
        let &[outputs, _, kh, kw] = weight.sizes() else {
            return wrong!("weights {:?} are not those of a convolution over planes", weight.sizes());
        };
        let (size, stride, dilation) = ([kh, kw], step.pair("strides", [1, 1])?, step.pair("dilations", [1, 1])?);
        let spanned = [0, 1].map(|axis| size[axis].saturating_sub(1).saturating_mul(dilation[axis]).saturating_add(1));
        let padding = padding(step, [height, width], spanned, stride)?;
        let groups = usize::try_from(step.int("group", 1)).unwrap_or(0);
        let kernel = Some(Kernel { size, stride, padding, dilation, groups });
        let layer = Layer { kernel, ..Layer::dense(outputs, Activation::Identity) };
        let bias = match step.bias()? {
            Some(bias) => bias.values().to_vec(),
            None => vec![0.0; outputs],
        };
        self.layers.push(Weighed { layer, weight: weight.values().to_vec(), bias });
        self.measure()
    }

    /// The form that the last layer gives.
    fn measure(&mut self) -> Result<(), Fault> {
        let input = self.input.ok_or_else(|| Fault::Wrong("it is not known what the model takes".to_owned()))?;
        let layers = self.layers.iter().map(|weighed| weighed.layer).collect();
        let network = Network::of(input, layers).map_err(|e| Fault::Wrong(e.to_string()))?;
        for (weighed, stage) in self.layers.iter().zip(network.stages()) {
            if weighed.weight.len() != stage.weights() || weighed.bias.len() != weighed.layer.outputs {
                let (weights, biases) = (weighed.weight.len(), weighed.bias.len());
                return wrong!("{weights} weights and {biases} biases for a layer `{}`", weighed.layer);
            }
        }
        self.form = network.stages().last().map(|stage| stage.output);
        Ok(())
    }

    fn pool(&mut self, step: &Step<'_>, kind: PoolKind) -> Result<(), Fault> {
        let [_, height, width] = self.planes()?;
        let size = step.pair("kernel_shape", [0, 0])?;
        let stride = step.pair("strides", [1, 1])?;
        if size.contains(&0) {
            return wrong!("a pool without the size of its window (kernel_shape)");
        }
        let padding = padding(step, [height, width], size, stride)?;
        let rest = |at: usize, side: usize| {
            let free = side.saturating_add(2 * padding[at]).checked_sub(size[at]);
            free.is_none_or(|free| free % stride[at].max(1) != 0)
        };
        if step.pair("dilations", [1, 1])? != [1, 1] {
            return wrong!("a pool with dilation");
        }
        if padding != [0, 0] && kind == PoolKind::Average && step.int("count_include_pad", 0) != 0 {
            return wrong!("a mean that counts its padding");
        }
        if step.int("ceil_mode", 0) != 0 && (rest(0, height) || rest(1, width)) {
            return wrong!("a pool whose last window is not whole (ceil_mode)");
        }
        self.add_pool(Pool { kind, size, stride, padding })
    }

    fn whole_pool(&mut self) -> Result<(), Fault> {
        self.planes()?;
        self.add_pool(Pool { kind: PoolKind::Average, size: Pool::WHOLE, stride: [1, 1], padding: [0, 0] })
    }

    fn add_pool(&mut self, pool: Pool) -> Result<(), Fault> {
        match self.layers.last_mut() {
            Some(last) if last.layer.pool.is_none() => last.layer.pool = Some(pool),
            Some(_) => return wrong!("a second pool on one layer"),
            None => return wrong!("a pool before the first layer"),
        }
        self.measure()
    }

    fn activation(&mut self, activation: Activation) -> Result<(), Fault> {
        let Some(last) = self.layers.last_mut() else { return wrong!("an activation before the first layer") };
        if last.layer.activation != Activation::Identity {
            return wrong!("a second activation on one layer");
        }
        // The largest of what never falls is the value of the largest.
        let rises = !matches!(activation, Activation::Gelu | Activation::Silu);
        if last.layer.pool.is_some_and(|pool| pool.kind != PoolKind::Max || !rises) {
            return wrong!("an activation after a pool, where it makes a difference");
        }
        last.layer.activation = activation;
        Ok(())
    }

    /// z · factor + more on the outputs of the last layer, which has no activation yet: one number each, or one for all.
    fn on_outputs(&mut self, factor: &[f64], more: &[f64]) -> Result<(), Fault> {
        let last = self.layers.last_mut().expect("asked for where there is one");
        let outputs = last.layer.outputs;
        let is_free = last.layer.activation == Activation::Identity && last.layer.pool.is_none();
        if !is_free || [factor, more].iter().any(|part| part.len() != 1 && part.len() != outputs) {
            return wrong!("arithmetic that is not one number for each output of the layer before it");
        }
        let of = |part: &[f64], output: usize| part[if part.len() == 1 { 0 } else { output }];
        let inner = last.weight.len() / outputs;
        for (place, weight) in last.weight.iter_mut().enumerate() {
            *weight *= of(factor, if last.layer.kernel.is_some() { place / inner } else { place % outputs });
        }
        for (output, bias) in last.bias.iter_mut().enumerate() {
            *bias = *bias * of(factor, output) + of(more, output);
        }
        Ok(())
    }

    fn normalise(&mut self, step: &Step<'_>) -> Result<(), Fault> {
        if self.layers.is_empty() || step.int("training_mode", 0) != 0 {
            return wrong!("a normalisation that is not of the outputs of a layer");
        }
        let [scale, bias, mean, variance] = [step.known(1)?, step.known(2)?, step.known(3)?, step.known(4)?];
        let epsilon = f64::from(step.float("epsilon", 1e-5));
        let count = scale.values().len();
        if [bias, mean, variance].iter().any(|part| part.values().len() != count) {
            return wrong!("its four lists are not as many");
        }
        let factor: Vec<f64> =
            scale.values().iter().zip(variance.values()).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
        let more: Vec<f64> = (0..count).map(|at| bias.values()[at] - mean.values()[at] * factor[at]).collect();
        self.on_outputs(&factor, &more)
    }

    fn scaler(&mut self, step: &Step<'_>) -> Result<(), Fault> {
        let list = |name: &str| -> Vec<f64> {
            step.attribute(name).map(|a| a.floats.iter().map(|&v| f64::from(v)).collect()).unwrap_or_default()
        };
        self.on_inputs(&list("scale"), &list("offset"))
    }

    /// (x − shift) · scale on the inputs, after what was done to them before.
    fn on_inputs(&mut self, scale: &[f64], shift: &[f64]) -> Result<(), Fault> {
        let Some(form) = self.form.or((scale.len() > 1).then_some(SampleShape::Flat(scale.len()))) else {
            return wrong!("it is not known how many inputs there are");
        };
        (self.input, self.form) = (Some(form), Some(form));
        let count = form.len();
        let spread = |part: &[f64], usual: f64| -> Result<Vec<f64>, Fault> {
            match (part, form) {
                ([], _) => Ok(vec![usual; count]),
                ([one], _) => Ok(vec![*one; count]),
                (many, _) if many.len() == count => Ok(many.to_vec()),
                (many, SampleShape::Planes([c, h, w])) if many.len() == c => {
                    Ok(many.iter().flat_map(|&value| std::iter::repeat_n(value, h * w)).collect())
                }
                (many, _) => wrong!("{} numbers for {form} inputs", many.len()),
            }
        };
        if self.scale.is_empty() {
            (self.shift, self.scale) = (vec![0.0; count], vec![1.0; count]);
        }
        for (at, (scale, shift)) in spread(scale, 1.0)?.into_iter().zip(spread(shift, 0.0)?).enumerate() {
            // ((x − a) · b − shift) · scale = (x − (a + shift / b)) · (b · scale).
            self.shift[at] += shift / self.scale[at];
            self.scale[at] *= scale;
        }
        Ok(())
    }

    /// On planes, numbers along one axis belong to the channels only if their shape says so: `[k]` lies along the width.
    fn check_place(&self, part: &Tensor) -> Result<(), Fault> {
        let Some(SampleShape::Planes([c, h, w])) = self.form else { return Ok(()) };
        // Counted from the last axis; what is missing in front is 1.
        let from_end = |at: usize| part.sizes().iter().rev().nth(at).copied().unwrap_or(1);
        let is_whole = [2, 1, 0].map(from_end) == [c, h, w] && self.layers.is_empty();
        let by_channel = [1, 0].map(from_end) == [1, 1] && [1, c].contains(&from_end(2));
        match part.sizes().len() {
            rank if rank <= 4 && from_end(3) == 1 && (is_whole || by_channel) => Ok(()),
            _ => {
                let found = part.sizes();
                wrong!("numbers {found:?} beside planes {c}x{h}x{w}: one number, or one a channel, is understood")
            }
        }
    }

    fn arithmetic(&mut self, step: &Step<'_>) -> Result<(), Fault> {
        let [left, right] = &step.others[..] else { return wrong!("two inputs are wanted") };
        let part = match (left, right) {
            (None, Some(part)) => part,
            (Some(part), None) if matches!(step.node.op_type.as_str(), "Add" | "Mul") => part,
            _ => return wrong!("the other side is not known, so it is no layer"),
        };
        self.check_place(part)?;
        let values = part.values().to_vec();
        let inverse: Vec<f64> = values.iter().map(|value| 1.0 / value).collect();
        let negative: Vec<f64> = values.iter().map(|value| -value).collect();
        let op = step.node.op_type.as_str();
        match (op, self.layers.is_empty()) {
            ("Add", false) => self.on_outputs(&[1.0], &values),
            ("Sub", false) => self.on_outputs(&[1.0], &negative),
            ("Mul", false) => self.on_outputs(&values, &[0.0]),
            (_, false) => self.on_outputs(&inverse, &[0.0]),
            ("Add", true) => self.on_inputs(&[1.0], &negative),
            ("Sub", true) => self.on_inputs(&[1.0], &values),
            ("Mul", true) => self.on_inputs(&values, &[0.0]),
            (_, true) => self.on_inputs(&inverse, &[0.0]),
        }
    }
}

/// The padding on either side, which must be the same.
fn padding(step: &Step<'_>, plane: [usize; 2], kernel: [usize; 2], stride: [usize; 2]) -> Result<[usize; 2], Fault> {
    let pads = step.attribute("pads").map(|attribute| attribute.ints.as_slice());
    let auto = step.text("auto_pad");
    let mut needed = [0; 2];
    for axis in 0..2 {
        let positions = plane[axis].div_ceil(stride[axis].max(1)).max(1);
        let spanned = (positions - 1).saturating_mul(stride[axis]).saturating_add(kernel[axis]);
        needed[axis] = spanned.saturating_sub(plane[axis]);
    }
    match (auto.as_str(), pads) {
        ("SAME_UPPER" | "SAME_LOWER", _) if needed.iter().all(|n| n.is_multiple_of(2)) => Ok(needed.map(|n| n / 2)),
        ("VALID", _) | ("" | "NOTSET", None | Some([])) => Ok([0, 0]),
        ("" | "NOTSET", Some(&[top, left, bottom, right]))
            if top == bottom && left == right && top >= 0 && left >= 0 =>
        {
            Ok([top as usize, left as usize])
        }
        (_, pads) => wrong!("padding {auto} {:?} is not the same on either side", pads.unwrap_or_default()),
    }
}
