//! Runs the workloads with burn on Flex, its CPU backend in Rust.
//!
//! Flex computes at once, so a step is done when it returns.

use std::process::ExitCode;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::{CrossEntropyLoss, MseLoss, Reduction};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Int, Tensor, TensorData};
use protocol::{
    ADAM_BETAS, ADAM_EPSILON, Activation, Answer, Contestant, Job, Loss, MOMENTUM, Network, Optimizer, Result,
};

fn main() -> ExitCode {
    let version = format!("burn {} (flex)", protocol::locked_version("burn"));
    protocol::run(&version, prepare)
}

fn prepare(job: &Job) -> Result<Answer> {
    let network = job.network().clone();
    Ok(Answer::Ready(match job {
        Job::Train(training) => {
            let device = Device::flex().autodiff();
            Box::new(Train {
                layers: Some(Layers::new(&network, &device)),
                updates: optimizer(training.optimizer),
                rate: training.rate,
                loss: CrossEntropyLoss::new(None, &device),
                batches: batches(&network, &device),
                next: 0,
                last: None,
                network,
            })
        }
        Job::Infer(_) => {
            // Without automatic differentiation nothing is kept for a gradient.
            let device = Device::flex();
            Box::new(Infer {
                layers: Layers::new(&network, &device),
                batches: batches(&network, &device),
                next: 0,
                last: None,
                network,
            })
        }
    }))
}

/// The library's own optimizer.
fn optimizer(optimizer: Optimizer) -> ModuleOptimizer {
    match optimizer {
        Optimizer::Sgd => SgdConfig::new().init(),
        Optimizer::Momentum => {
            let momentum = MomentumConfig::new().with_momentum(MOMENTUM).with_dampening(0.0);
            SgdConfig::new().with_momentum(Some(momentum)).init()
        }
        Optimizer::Adam => AdamConfig::new()
            .with_beta_1(ADAM_BETAS.0 as f32)
            .with_beta_2(ADAM_BETAS.1 as f32)
            .with_epsilon(ADAM_EPSILON as f32)
            .init(),
    }
}

/// What the loss compares the outputs with.
enum Targets {
    Classes(Tensor<1, Int>),
    Rows(Tensor<2>),
}

/// The batches as tensors, made once.
fn batches(network: &Network, device: &Device) -> Vec<(Tensor<2>, Targets)> {
    let make = |batch: protocol::Batch| {
        let targets = match network.loss {
            Loss::CrossEntropy => {
                let classes: Vec<i64> = batch.classes.iter().map(|&class| class.into()).collect();
                let data = TensorData::new(classes, [network.batch]);
                Targets::Classes(Tensor::from_data(data, device))
            }
            Loss::Quadratic => {
                let rows = batch.one_hot(network.outputs());
                let data = TensorData::new(rows, [network.batch, network.outputs()]);
                Targets::Rows(Tensor::from_data(data, device))
            }
        };
        let inputs = TensorData::new(batch.inputs, [network.batch, network.inputs()]);
        (Tensor::from_data(inputs, device), targets)
    };
    network.batches().map(make).collect()
}

#[derive(Module, Debug)]
struct Layers {
    convolutions: Vec<Convolution>,
    linear: Vec<Linear>,
}

#[derive(Module, Debug)]
struct Convolution {
    conv: Conv2d,
    pool: Option<MaxPool2d>,
}

impl Convolution {
    fn new(layer: &protocol::Convolution, device: &Device) -> Self {
        let conv = Conv2dConfig::new([layer.input[0], layer.outputs], [layer.kernel; 2])
            .with_padding(PaddingConfig2d::Explicit(layer.padding, layer.padding, layer.padding, layer.padding))
            .init(device);
        let pool = (layer.pool > 0).then(|| MaxPool2dConfig::new([layer.pool; 2]).init());
        Self { conv, pool }
    }
}

impl Layers {
    fn new(network: &Network, device: &Device) -> Self {
        let convolution = |layer| Convolution::new(layer, device);
        let linear = |pair: &[usize]| LinearConfig::new(pair[0], pair[1]).init(device);
        Self {
            convolutions: network.convolutions.iter().map(convolution).collect(),
            linear: network.sizes.windows(2).map(linear).collect(),
        }
    }

    fn forward(&self, network: &Network, inputs: &Tensor<2>) -> Tensor<2> {
        let mut values = self.convolve(network, inputs);
        for (index, layer) in self.linear.iter().enumerate() {
            values = layer.forward(values);
            if network.activated(index) {
                values = activate(network.activation, values);
            }
        }
        values
    }

    /// What the dense layers read: the last convolution's outputs as rows, or the inputs.
    fn convolve(&self, network: &Network, inputs: &Tensor<2>) -> Tensor<2> {
        let Some(first) = network.convolutions.first() else { return inputs.clone() };
        let [channels, height, width] = first.input;
        let mut images = inputs.clone().reshape([network.batch, channels, height, width]);
        for Convolution { conv, pool } in &self.convolutions {
            images = activate(network.activation, conv.forward(images));
            if let Some(pool) = pool {
                images = pool.forward(images);
            }
        }
        images.flatten(1, 3)
    }
}

fn activate<const D: usize>(activation: Activation, values: Tensor<D>) -> Tensor<D> {
    match activation {
        Activation::Relu => relu(values),
        Activation::Sigmoid => sigmoid(values),
    }
}

struct Train {
    network: Network,
    /// Only empty within a step: the optimizer takes the layers and returns new ones.
    layers: Option<Layers>,
    updates: ModuleOptimizer,
    rate: f64,
    loss: CrossEntropyLoss,
    batches: Vec<(Tensor<2>, Targets)>,
    next: usize,
    last: Option<Tensor<1>>,
}

impl Contestant for Train {
    fn step(&mut self) -> Result<()> {
        let (inputs, targets) = &self.batches[self.next];
        self.next = (self.next + 1) % self.batches.len();
        let layers = self.layers.take().ok_or("an earlier step failed")?;
        let outputs = layers.forward(&self.network, inputs);
        let loss = match targets {
            Targets::Classes(classes) => self.loss.forward(outputs, classes.clone()),
            Targets::Rows(rows) => {
                // Burn's own mean also divides by the number of outputs.
                let factor = 0.5 * self.network.outputs() as f64;
                MseLoss::new().forward(outputs, rows.clone(), Reduction::Mean) * factor
            }
        };
        let gradients = GradientsParams::from_grads(loss.backward(), &layers);
        self.layers = Some(self.updates.step(self.rate, layers, gradients));
        // Only the number is kept: with its graph, each step's memory would outlive the step.
        self.last = Some(loss.inner());
        Ok(())
    }

    fn finish(&mut self) -> Result<f32> {
        Ok(self.last.clone().map_or(f32::NAN, |loss| loss.into_scalar()))
    }
}

struct Infer {
    network: Network,
    layers: Layers,
    batches: Vec<(Tensor<2>, Targets)>,
    next: usize,
    last: Option<Tensor<2>>,
}

impl Contestant for Infer {
    fn step(&mut self) -> Result<()> {
        let (inputs, _) = &self.batches[self.next];
        self.next = (self.next + 1) % self.batches.len();
        self.last = Some(self.layers.forward(&self.network, inputs));
        Ok(())
    }

    fn finish(&mut self) -> Result<f32> {
        let Some(outputs) = self.last.clone() else { return Ok(f32::NAN) };
        Ok(outputs.slice([0..1, 0..1]).into_scalar())
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
            (protocol::small_dense(Loss::CrossEntropy), Optimizer::Momentum, 0.01),
            (protocol::small_dense(Loss::CrossEntropy), Optimizer::Adam, 0.001),
            (protocol::small_convolutional(), Optimizer::Sgd, 0.1),
            (protocol::small_convolutional(), Optimizer::Momentum, 0.01),
            (protocol::small_convolutional(), Optimizer::Adam, 0.001),
        ] {
            protocol::assert_loss_falls(network, optimizer, rate, prepare);
        }
    }
}
