//! The layers of a chain while they are collected.

use super::step::Step;
use crate::error::{Fault, wrong};
use crate::kind::Kind;
use crate::tensor::Tensor;
use chainrule::{Activation, Kernel, Layer, Network, Pool, PoolKind, SampleShape};

/// A layer with its weights, in the layout of ours.
pub(super) struct Weighed {
    pub(super) layer: Layer,
    pub(super) weight: Vec<f64>,
    pub(super) bias: Vec<f64>,
    /// One a channel where there is a norm.
    pub(super) gain: Vec<f64>,
}

/// What has been understood so far.
pub(super) struct Chain {
    /// What the network takes.
    pub(super) input: Option<SampleShape>,
    /// How many samples there are, if the file says it.
    pub(super) rows: Option<i64>,
    /// The sizes of a sample of the head, as long as there is no layer.
    pub(super) begins: Option<Vec<usize>>,
    /// What the last layer gives.
    pub(super) form: Option<SampleShape>,
    /// Whether the channels of the head are its last axis, as in TensorFlow.
    pub(super) channels_last: bool,
    /// The planes that a flat head had when its channels were last: its numbers lie place by place.
    pub(super) by_place: Option<[usize; 3]>,
    /// Into how many groups of a norm a sample of the head is cut.
    pub(super) cut: Option<usize>,
    /// Whether a link takes the head as well, so that it stays what it is.
    pub(super) is_kept: bool,
    /// What is done to the inputs: (x − shift) · scale.
    pub(super) shift: Vec<f64>,
    pub(super) scale: Vec<f64>,
    pub(super) layers: Vec<Weighed>,
    /// Whether the outputs are exponents.
    pub(super) exponent: bool,
    /// How many weights have layers of their own, which are not stored.
    own: usize,
}

/// Kinds that differ less than this are the same setting.
const NEAR: f32 = 1e-6;

/// How many weights layers of their own may have, beside twice as many as are stored.
const MOST_OWN: usize = 1 << 20;

impl Chain {
    /// A chain that begins with so many samples of these sizes.
    pub(super) fn new(rows: Option<i64>, sizes: Option<Vec<usize>>) -> Self {
        let mut chain = Self {
            input: None,
            rows,
            begins: None,
            form: None,
            channels_last: false,
            by_place: None,
            cut: None,
            is_kept: false,
            shift: Vec::new(),
            scale: Vec::new(),
            layers: Vec::new(),
            exponent: false,
            own: 0,
        };
        chain.begin(sizes);
        chain
    }

    /// Number of outputs, and whether the last layer ends with a sigmoid.
    pub(super) fn end(&self) -> (usize, bool) {
        let outputs = self.form.map_or(0, SampleShape::len);
        (outputs, self.layers.last().is_some_and(|last| last.layer.activation == Activation::Sigmoid))
    }

    /// Refuses an operation that cannot follow what came last.
    pub(super) fn check(&self, op: &str) -> Result<(), Fault> {
        if self.exponent && !matches!(op, "Cast" | "Identity" | "Min") {
            return wrong!("it follows an exponential, which only ends a chain");
        }
        if self.cut.is_some() && !matches!(op, "Reshape" | "InstanceNormalization" | "LayerNormalization" | "Identity")
        {
            return wrong!("it computes with groups of numbers, of which only norms are understood");
        }
        Ok(())
    }

    /// Takes a node into the chain; says whether the head keeps its other names.
    pub(super) fn take(&mut self, step: &Step<'_>) -> Result<bool, Fault> {
        match step.node.op_type.as_str() {
            "Identity" | "Dropout" => return Ok(true),
            "Cast" if self.layers.is_empty() || step.is_to_fractions() => return Ok(true),
            "Cast" => return wrong!("it makes whole numbers or truth values of what a layer gives"),
            "Flatten" if step.int("axis", 1) == 1 => self.flatten(),
            "Reshape" => return self.reshape(&step.known(1)?.ints()),
            "Squeeze" => return self.squeeze(step),
            "Transpose" => return self.transpose(step),
            "Gemm" => self.gemm(step)?,
            "MatMul" => self.dense(step.known(1)?, false, None)?,
            "Conv" => self.conv(step)?,
            "MaxPool" => self.pool(step, PoolKind::Max)?,
            "AveragePool" => self.pool(step, PoolKind::Average)?,
            "GlobalAveragePool" => self.whole_pool(PoolKind::Average)?,
            "GlobalMaxPool" => self.whole_pool(PoolKind::Max)?,
            "ReduceMean" => self.reduce(step, PoolKind::Average)?,
            "ReduceMax" => self.reduce(step, PoolKind::Max)?,
            "BatchNormalization" => self.batch_norm(step)?,
            "LayerNormalization" | "RMSNormalization" => self.layer_norm(step)?,
            "InstanceNormalization" | "GroupNormalization" => self.group_norm(step)?,
            "Scaler" => self.scaler(step)?,
            "Add" | "Sub" | "Mul" | "Div" => self.arithmetic(step)?,
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
                     Flatten, Reshape, BatchNormalization, LayerNormalization, InstanceNormalization, Softmax, and the \
                     activations {})",
                    Activation::ALL.iter().map(|activation| activation.name()).collect::<Vec<_>>().join(", ")
                );
            }
        }
        Ok(false)
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
            None if self.begins.is_none() && self.layers.is_empty() => self.begin(Some(vec![inputs])),
            Some(form) => return wrong!("weights for {inputs} inputs, and {form} come from below"),
            None => return wrong!("it is not known what comes from below"),
        }
        // Where a number of ours lies among those of the graph.
        let place = |input: usize| match self.by_place {
            Some([c, h, w]) => input % (h * w) * c + input / (h * w),
            None => input,
        };
        let at = |input: usize, output: usize| {
            if transposed { output * inputs + place(input) } else { place(input) * outputs + output }
        };
        let values = weight.values();
        let weight = (0..inputs * outputs).map(|place| values[at(place / outputs, place % outputs)]).collect();
        let bias = match bias {
            None => vec![0.0; outputs],
            Some(bias) if bias.len() == outputs => bias,
            Some(bias) if bias.len() == 1 => vec![bias[0]; outputs],
            Some(bias) => return wrong!("{} biases for {outputs} outputs", bias.len()),
        };
        self.push(Layer::dense(outputs, Activation::Identity), weight, bias);
        (self.form, self.by_place) = (Some(SampleShape::Flat(outputs)), None);
        Ok(())
    }

    fn push(&mut self, layer: Layer, weight: Vec<f64>, bias: Vec<f64>) {
        self.layers.push(Weighed { layer, weight, bias, gain: Vec::new() });
        self.is_kept = false;
    }

    /// A layer that gives what it takes, for what cannot stand on the last one: a weight of 1 for each channel, or each
    /// number.
    pub(super) fn own_layer(&mut self) -> Result<(), Fault> {
        let (Some(form), count) = (self.form, self.channels()) else {
            return wrong!("it is not known what the model takes");
        };
        let is_flat = matches!(form, SampleShape::Flat(_));
        let weights = if is_flat { count.saturating_mul(count) } else { count };
        let stored = self.layers.iter().map(|layer| layer.weight.len()).sum::<usize>() - self.own;
        if weights > (MOST_OWN + 2 * stored).saturating_sub(self.own) {
            return wrong!(
                "it does not fit on the layer below, and a layer of its own over {form} has too many weights"
            );
        }
        self.own += weights;
        if is_flat {
            let mut weight = vec![0.0; weights];
            weight.iter_mut().step_by(count + 1).for_each(|weight| *weight = 1.0);
            return self.dense(&Tensor::new(Kind::Double, &[count, count], weight), false, None);
        }
        let layer = Layer::conv(count, [1, 1]);
        let kernel = layer.kernel.map(|kernel| Kernel { groups: count, ..kernel });
        self.push(Layer { kernel, ..layer }, vec![1.0; count], vec![0.0; count]);
        self.measure()
    }

    /// Whether the head is the sums of the last layer, which nothing else needs as they are.
    pub(super) fn is_open(&self) -> bool {
        !self.is_kept
            && self.layers.last().is_some_and(|Weighed { layer, .. }| {
                let is_flat = matches!(self.form, Some(SampleShape::Flat(_)));
                let is_plain = layer.pool.is_none() && layer.residual.is_none();
                is_plain && layer.activation == Activation::Identity && is_flat == layer.kernel.is_none()
            })
    }

    /// Adds what layer `begins`, counted from 0, takes.
    pub(super) fn link(&mut self, begins: usize) -> Result<(), Fault> {
        if !self.is_open() {
            self.own_layer()?;
        }
        let passed = self.layers.len() - begins;
        self.layers.last_mut().expect("one is open").layer.residual = Some(passed);
        self.measure()
    }

    /// Channels, height and width of a head that has its channels first.
    fn planes(&self) -> Result<[usize; 3], Fault> {
        match self.form {
            Some(SampleShape::Planes(_)) if self.channels_last => wrong!("channels last come from below"),
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
        self.push(layer, weight.values().to_vec(), bias);
        self.measure()
    }

    /// The form that the last layer gives.
    pub(super) fn measure(&mut self) -> Result<(), Fault> {
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
        if size == [height, width] && padding == [0, 0] {
            return self.whole_pool(kind);
        }
        self.add_pool(Pool { kind, size, stride, padding })
    }

    fn whole_pool(&mut self, kind: PoolKind) -> Result<(), Fault> {
        self.planes()?;
        self.add_pool(Pool { kind, size: Pool::WHOLE, stride: [1, 1], padding: [0, 0] })
    }

    /// A mean or a maximum over height and width is a pool of the whole plane.
    fn reduce(&mut self, step: &Step<'_>, kind: PoolKind) -> Result<(), Fault> {
        let Some(axes) = step.axes(4)? else { return wrong!("it goes along all axes, that of the samples too") };
        let sides = if self.channels_last { [1, 2] } else { [2, 3] };
        if !matches!(self.form, Some(SampleShape::Planes(_))) || axes != sides {
            return wrong!(
                "it goes along axes {axes:?}: only height and width, or all of a sample in a norm, are understood"
            );
        }
        self.add_pool(Pool { kind, size: Pool::WHOLE, stride: [1, 1], padding: [0, 0] })?;
        if step.int("keepdims", 1) == 0 {
            self.flatten();
        }
        Ok(())
    }

    fn add_pool(&mut self, pool: Pool) -> Result<(), Fault> {
        if self.is_kept || self.layers.last().is_none_or(|last| last.layer.pool.is_some()) {
            self.own_layer()?;
        }
        self.layers.last_mut().expect("there is one").layer.pool = Some(pool);
        self.measure()
    }

    pub(super) fn activation(&mut self, activation: Activation) -> Result<(), Fault> {
        // The largest of what never falls is the value of the largest.
        let rises = !matches!(activation, Activation::Gelu | Activation::Silu);
        let fits = self.layers.last().is_some_and(|Weighed { layer, .. }| {
            layer.activation == Activation::Identity
                && layer.pool.is_none_or(|pool| pool.kind == PoolKind::Max && rises)
        });
        if self.is_kept || !fits {
            self.own_layer()?;
        }
        self.layers.last_mut().expect("there is one").layer.activation = activation;
        Ok(())
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
