//! Runs the workloads with candle on the processor.
//!
//! Candle computes at once, so a step is done when it returns.

use std::process::ExitCode;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{AdamW, Conv2d, Conv2dConfig, Linear, Module, Optimizer as _, ParamsAdamW, SGD, VarBuilder, VarMap};
use protocol::{ADAM_BETAS, ADAM_EPSILON, Activation, Answer, Contestant, Job, Loss, Network, Optimizer, Result};

fn main() -> ExitCode {
    let version = format!("candle {}", protocol::locked_version("candle-core"));
    protocol::run(&version, prepare)
}

fn prepare(job: &Job) -> Result<Answer> {
    let variables = VarMap::new();
    let model = Model::new(job.network(), &variables)?;
    let batches = batches(job.network())?;
    Ok(match job {
        Job::Infer(_) => Answer::Ready(Box::new(Infer { model: model.detached(), batches, next: 0, last: None })),
        Job::Train(training) => {
            let variables = variables.all_vars();
            let Some(updates) = Updates::new(training.optimizer, training.rate, variables)? else {
                return Ok(Answer::Unable("no momentum"));
            };
            Answer::Ready(Box::new(Train { model, updates, batches, next: 0, last: None }))
        }
    })
}

/// The batches as tensors, made once. The targets are what the loss wants:
/// classes or one-hot rows.
fn batches(network: &Network) -> Result<Vec<(Tensor, Tensor)>> {
    network
        .batches()
        .map(|batch| {
            let targets = match network.loss {
                Loss::CrossEntropy => Tensor::new(batch.classes.as_slice(), &Device::Cpu)?,
                Loss::Quadratic => {
                    let rows = batch.one_hot(network.outputs());
                    Tensor::from_vec(rows, (network.batch, network.outputs()), &Device::Cpu)?
                }
            };
            let shape = (network.batch, network.inputs());
            Ok((Tensor::from_vec(batch.inputs, shape, &Device::Cpu)?, targets))
        })
        .collect()
}

struct Model {
    network: Network,
    convolutions: Vec<Conv2d>,
    layers: Vec<Linear>,
}

impl Model {
    fn new(network: &Network, variables: &VarMap) -> Result<Self> {
        let builder = VarBuilder::from_varmap(variables, DType::F32, &Device::Cpu);
        let convolutions = network.convolutions.iter().enumerate().map(|(index, layer)| {
            let config = Conv2dConfig { padding: layer.padding, ..Default::default() };
            let builder = builder.pp(format!("convolution{index}"));
            candle_nn::conv2d(layer.input[0], layer.outputs, layer.kernel, config, builder)
        });
        let layers = network
            .sizes
            .windows(2)
            .enumerate()
            .map(|(index, pair)| candle_nn::linear(pair[0], pair[1], builder.pp(format!("layer{index}"))));
        Ok(Self {
            network: network.clone(),
            convolutions: convolutions.collect::<candle_core::Result<_>>()?,
            layers: layers.collect::<candle_core::Result<_>>()?,
        })
    }

    /// The same weights as plain tensors: of these candle keeps no graph.
    fn detached(self) -> Self {
        let convolution =
            |layer: &Conv2d| Conv2d::new(layer.weight().detach(), layer.bias().map(Tensor::detach), *layer.config());
        let linear = |layer: &Linear| Linear::new(layer.weight().detach(), layer.bias().map(Tensor::detach));
        Self {
            convolutions: self.convolutions.iter().map(convolution).collect(),
            layers: self.layers.iter().map(linear).collect(),
            ..self
        }
    }

    fn forward(&self, inputs: &Tensor) -> candle_core::Result<Tensor> {
        let mut values = self.convolve(inputs)?;
        for (index, layer) in self.layers.iter().enumerate() {
            values = layer.forward(&values)?;
            if self.network.activated(index) {
                values = self.activate(&values)?;
            }
        }
        Ok(values)
    }

    /// What the dense layers read: the last convolution's outputs as rows, or the inputs.
    fn convolve(&self, inputs: &Tensor) -> candle_core::Result<Tensor> {
        let Some(first) = self.network.convolutions.first() else { return Ok(inputs.clone()) };
        let [channels, height, width] = first.input;
        let mut images = inputs.reshape((self.network.batch, channels, height, width))?;
        for (layer, described) in self.convolutions.iter().zip(&self.network.convolutions) {
            images = self.activate(&layer.forward(&images)?)?;
            if described.pool > 0 {
                // In candle 0.11.1 this pool's gradient is too small: a quarter where a single one of
                // 2 × 2 is the largest. A step is no less work for it.
                images = images.max_pool2d(described.pool)?;
            }
        }
        images.flatten_from(1)
    }

    fn activate(&self, values: &Tensor) -> candle_core::Result<Tensor> {
        match self.network.activation {
            Activation::Relu => values.relu(),
            Activation::Sigmoid => candle_nn::ops::sigmoid(values),
        }
    }

    fn loss(&self, outputs: &Tensor, targets: &Tensor) -> candle_core::Result<Tensor> {
        match self.network.loss {
            Loss::CrossEntropy => candle_nn::loss::cross_entropy(outputs, targets),
            Loss::Quadratic => {
                // Candle's own mean also divides by the number of outputs.
                let factor = 0.5 * self.network.outputs() as f64;
                candle_nn::loss::mse(outputs, targets)? * factor
            }
        }
    }
}

enum Updates {
    Sgd(SGD),
    Adam(AdamW),
}

impl Updates {
    /// The library's own optimizer, or none where it has none.
    fn new(optimizer: Optimizer, rate: f64, variables: Vec<Var>) -> Result<Option<Self>> {
        Ok(match optimizer {
            Optimizer::Sgd => Some(Self::Sgd(SGD::new(variables, rate)?)),
            Optimizer::Momentum => None,
            Optimizer::Adam => {
                // Without decay, AdamW is Adam.
                let (beta1, beta2) = ADAM_BETAS;
                let parameters = ParamsAdamW { lr: rate, beta1, beta2, eps: ADAM_EPSILON, weight_decay: 0.0 };
                Some(Self::Adam(AdamW::new(variables, parameters)?))
            }
        })
    }
}

struct Train {
    model: Model,
    updates: Updates,
    batches: Vec<(Tensor, Tensor)>,
    next: usize,
    last: Option<Tensor>,
}

impl Contestant for Train {
    fn step(&mut self) -> Result<()> {
        let (inputs, targets) = &self.batches[self.next];
        self.next = (self.next + 1) % self.batches.len();
        let loss = self.model.loss(&self.model.forward(inputs)?, targets)?;
        match &mut self.updates {
            Updates::Sgd(updates) => updates.backward_step(&loss)?,
            Updates::Adam(updates) => updates.backward_step(&loss)?,
        }
        // Only the number is kept: with its graph, each step's memory would outlive the step.
        self.last = Some(loss.detach());
        Ok(())
    }

    fn finish(&mut self) -> Result<f32> {
        Ok(self.last.as_ref().map_or(Ok(f32::NAN), Tensor::to_scalar)?)
    }
}

struct Infer {
    model: Model,
    batches: Vec<(Tensor, Tensor)>,
    next: usize,
    last: Option<Tensor>,
}

impl Contestant for Infer {
    fn step(&mut self) -> Result<()> {
        let (inputs, _) = &self.batches[self.next];
        self.next = (self.next + 1) % self.batches.len();
        self.last = Some(self.model.forward(inputs)?);
        Ok(())
    }

    fn finish(&mut self) -> Result<f32> {
        let Some(outputs) = &self.last else { return Ok(f32::NAN) };
        Ok(outputs.get(0)?.get(0)?.to_scalar()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_fall() {
        for (network, optimizer, rate) in [
            (protocol::small_dense(Loss::CrossEntropy), Optimizer::Sgd, 0.1),
            (protocol::small_dense(Loss::Quadratic), Optimizer::Sgd, 1.0),
            (protocol::small_dense(Loss::CrossEntropy), Optimizer::Adam, 0.001),
            (protocol::small_convolutional(), Optimizer::Sgd, 0.1),
            (protocol::small_convolutional(), Optimizer::Adam, 0.001),
        ] {
            protocol::assert_loss_falls(network, optimizer, rate, prepare);
        }
    }
}
