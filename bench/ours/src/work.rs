//! The workloads.

use anyhow::Result;
use chainrule::engine::{Graph, Plan, Session};
use chainrule::{
    Activation, Batch, Layer, Loss, Mlp, Mode, Model, Network, Optimizer, SampleShape, Stepper, Stream, Task,
};
use serde::Deserialize;

/// A network and the size of its batches.
#[derive(Deserialize)]
pub(crate) struct Shape {
    sizes: Vec<usize>,
    activation: Activation,
    batch: usize,
    loss: Loss,
}

/// A network that learns.
#[derive(Deserialize)]
pub(crate) struct Training {
    #[serde(flatten)]
    shape: Shape,
    optimizer: Optimizer,
    rate: f64,
}

/// A convolutional network that learns: ReLU after every layer but the last.
#[derive(Deserialize)]
pub(crate) struct Convolving {
    input: [usize; 3],
    layers: Vec<Described>,
    batch: usize,
    loss: Loss,
    optimizer: Optimizer,
    rate: f64,
}

/// A layer: a convolution if its kernel is not 0, and then a largest of so many by so many.
#[derive(Deserialize)]
struct Described {
    outputs: usize,
    kernel: usize,
    padding: usize,
    pool: usize,
}

/// Batches, and the most memory that they take.
const BATCHES: usize = 64;
const MOST_BYTES: usize = 256 << 20;

/// Inputs and class indices in memory; batches are slices of them.
struct Batches {
    x: Vec<f32>,
    y: Vec<f32>,
    inputs: usize,
    batch: usize,
    next: usize,
}

impl Batches {
    fn new(network: &Network, batch: usize) -> Self {
        let (inputs, outputs) = (network.inputs, network.outputs());
        let count = (MOST_BYTES / (4 * inputs * batch)).clamp(2, BATCHES);
        let mut random = Stream::new(1, 0);
        let x = (0..count * batch * inputs).map(|_| random.unit() as f32).collect();
        let y = (0..count * batch).map(|_| (random.unit() * outputs as f64).floor() as f32).collect();
        Self { x, y, inputs, batch, next: 0 }
    }

    fn next(&mut self) -> (&[f32], &[f32]) {
        let (at, len) = (self.next * self.batch, self.batch);
        self.next = (self.next + 1) % (self.y.len() / len);
        (&self.x[at * self.inputs..(at + len) * self.inputs], &self.y[at..at + len])
    }
}

fn model(shape: &Shape, optimizer: Optimizer, rate: f64) -> Result<Model> {
    let [inputs, hidden @ .., outputs] = shape.sizes.as_slice() else {
        anyhow::bail!("a network needs at least the number of inputs and of outputs");
    };
    let builder = Mlp::builder().input(*inputs).output(*outputs).loss(shape.loss).optimizer(optimizer, rate);
    let builder = hidden.iter().fold(builder, |builder, &size| builder.hidden(size, shape.activation));
    let output = if shape.loss.takes_index() { Activation::Identity } else { shape.activation };
    let mut model = builder.output_activation(output).batch_size(shape.batch).build()?.model;
    model.task = Task::Classes((0..*outputs).map(|class| class.to_string()).collect());
    Ok(model)
}

impl Training {
    pub(crate) fn prepare(&self) -> Result<impl FnMut() -> Result<()> + use<>> {
        steps(model(&self.shape, self.optimizer, self.rate)?, self.shape.batch, self.rate)
    }
}

impl Convolving {
    pub(crate) fn prepare(&self) -> Result<impl FnMut() -> Result<()> + use<>> {
        let last = self.layers.len().saturating_sub(1);
        let layer = |(at, described): (usize, &Described)| {
            let [kernel, padding, pool] = [described.kernel, described.padding, described.pool].map(|side| [side; 2]);
            let activation = if at == last { Activation::Identity } else { Activation::Relu };
            let layer = match described.kernel {
                0 => Layer::dense(described.outputs, activation),
                _ => Layer::conv(described.outputs, kernel).padding(padding).activation(activation),
            };
            if described.pool > 0 { layer.max_pool(pool) } else { layer }
        };
        let layers = self.layers.iter().enumerate().map(layer).collect();
        let network = Network::of(SampleShape::Planes(self.input), layers)?;
        let sizes = vec![network.inputs, network.outputs()];
        let shape = Shape { sizes, activation: Activation::Relu, batch: self.batch, loss: self.loss };
        let mut model = model(&shape, self.optimizer, self.rate)?;
        model.parameters = network.initialize(model.recipe.init, model.recipe.seed);
        model.network = network;
        steps(model, self.batch, self.rate)
    }
}

/// A training step with the next batch.
fn steps(mut model: Model, batch: usize, rate: f64) -> Result<impl FnMut() -> Result<()>> {
    let mut stepper = Stepper::new(&model)?;
    let mut batches = Batches::new(&model.network, batch);
    Ok(move || {
        let (x, y) = batches.next();
        let done = stepper.step(&mut model, Batch { x, y, weight: &[] }, rate)?;
        anyhow::ensure!(done.moved, "the cost is not finite");
        Ok(())
    })
}

/// One forward pass a step.
pub(crate) fn inference(shape: &Shape) -> Result<impl FnMut() -> Result<()> + use<>> {
    let model = model(shape, Optimizer::Sgd, 0.1)?;
    let graph = Graph::new();
    let x = graph.input("x", &[shape.batch, shape.sizes[0]]);
    let layers = model.network.apply(&graph, x, Mode::Inference);
    let output = layers[layers.len() - 1].out;
    let mut session = Session::new(Plan::new(&graph, &[output])?)?;
    let mut batches = Batches::new(&model.network, shape.batch);
    Ok(move || {
        let (x, _) = batches.next();
        session.run(&model.parameters, &[x])?;
        std::hint::black_box(session.output(0));
        Ok(())
    })
}

/// Builds the chain, runs it and its gradient.
pub(crate) fn chain(length: usize) -> impl FnMut() -> Result<()> {
    move || {
        let graph = Graph::new();
        let (start, y) = (graph.input("x", &[]), graph.input("y", &[]));
        let mut x = start;
        for _ in 0..length {
            x = (x + y) * (x * y + 1.0);
        }
        let gradients = graph.gradients(x, &[start, y])?;
        let plan = Plan::new(&graph, &[x, gradients[0], gradients[1]])?;
        let mut session = Session::<f64>::new(plan)?;
        session.run(&[], &[&[0.1], &[1e-6]])?;
        std::hint::black_box(session.output(2));
        Ok(())
    }
}
