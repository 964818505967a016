//! What the Rust contestants share: they read the same arguments, make the same
//! data and answer the same turns, so that only the library under test differs.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::json;

/// The result of anything that may fail in a contestant, whatever the library's own error is.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Memory that the input batches may take: enough that they do not all stay in
/// the processor's cache, not so much that a wide network fills the machine.
const DATA_BYTES: usize = 256 << 20;

/// How long a contestant works before it says that it is ready.
const WARM_UP: Duration = Duration::from_millis(300);

#[derive(Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
enum Arguments {
    Train(Training),
    Infer(Network),
    #[serde(deserialize_with = "convolving")]
    Convolve(Training),
    Chain,
    Process,
}

/// The part of a workload that all modes need: convolutions, often none, and
/// dense layers above them.
#[derive(Debug, Clone, Deserialize)]
pub struct Network {
    /// The first layers, each on what the one before gives.
    #[serde(skip)]
    pub convolutions: Vec<Convolution>,
    /// Inputs, hidden layers, outputs of the dense layers.
    pub sizes: Vec<usize>,
    /// What follows the convolutions and the hidden layers.
    pub activation: Activation,
    /// Samples in a batch.
    pub batch: usize,
    /// What is minimised; it also decides whether the outputs are activated.
    pub loss: Loss,
    /// How many threads may compute.
    pub threads: usize,
}

/// A convolution of stride 1, the activation and a pool.
#[derive(Debug, Clone, Copy)]
pub struct Convolution {
    /// Channels, height and width of what it reads.
    pub input: [usize; 3],
    /// Channels that it gives.
    pub outputs: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Zeros around the input, on each side.
    pub padding: usize,
    /// After the activation the largest of each so many by so many; 0 for all.
    pub pool: usize,
}

impl Convolution {
    /// Channels, height and width of what it gives, or none if kernel or pool are larger than what they read.
    fn output(&self) -> Option<[usize; 3]> {
        let [_, height, width] = self.input;
        let side = |side: usize| Some((side + 2 * self.padding + 1).checked_sub(self.kernel)? / self.pool.max(1));
        let output = [self.outputs, side(height)?, side(width)?];
        (!output.contains(&0)).then_some(output)
    }
}

/// A workload that learns.
#[derive(Debug, Clone, Deserialize)]
pub struct Training {
    /// What learns.
    #[serde(flatten)]
    pub network: Network,
    /// How it learns.
    pub optimizer: Optimizer,
    /// The learning rate.
    pub rate: f64,
}

/// An activation function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// max(0, x)
    Relu,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
}

/// A loss function, as the mean over the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Of logits against class indices.
    CrossEntropy,
    /// ½ Σ (a − y)² of activated outputs against one-hot rows.
    Quadratic,
}

/// An update rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Plain gradient descent.
    Sgd,
    /// Gradient descent with [`MOMENTUM`].
    Momentum,
    /// With [`ADAM_BETAS`] and [`ADAM_EPSILON`].
    Adam,
}

/// What momentum keeps of the last step.
pub const MOMENTUM: f64 = 0.9;
/// What Adam keeps of its two moments.
pub const ADAM_BETAS: (f64, f64) = (0.9, 0.999);
/// What Adam adds to the root of the second moment.
pub const ADAM_EPSILON: f64 = 1e-8;

/// What a contestant is asked for.
#[derive(Debug, Clone)]
pub enum Job {
    /// A step is forward, loss, backward and update.
    Train(Training),
    /// A step is one forward pass without gradients.
    Infer(Network),
}

impl Job {
    /// The network of either job.
    pub fn network(&self) -> &Network {
        match self {
            Job::Train(training) => &training.network,
            Job::Infer(network) => network,
        }
    }
}

/// One batch, row by row.
pub struct Batch {
    /// `batch` × inputs numbers in [0, 1).
    pub inputs: Vec<f32>,
    /// A class for each sample.
    pub classes: Vec<u32>,
}

impl Batch {
    /// The classes as rows with a single one, for the quadratic loss.
    pub fn one_hot(&self, outputs: usize) -> Vec<f32> {
        let mut rows = vec![0.0; self.classes.len() * outputs];
        for (row, &class) in rows.chunks_exact_mut(outputs).zip(&self.classes) {
            row[class as usize] = 1.0;
        }
        rows
    }
}

impl Network {
    /// Inputs of the network.
    pub fn inputs(&self) -> usize {
        self.convolutions.first().map_or(self.sizes[0], |first| first.input.iter().product())
    }

    /// Outputs of the network.
    pub fn outputs(&self) -> usize {
        self.sizes[self.sizes.len() - 1]
    }

    /// Whether the activation also follows the given dense layer, of `self.sizes.len() - 1`.
    pub fn activated(&self, layer: usize) -> bool {
        layer + 2 < self.sizes.len() || self.loss == Loss::Quadratic
    }

    /// Makes the batches, the same ones in each run.
    pub fn batches(&self) -> impl Iterator<Item = Batch> {
        let bytes = self.batch * self.inputs() * size_of::<f32>();
        let mut state = 1_u64;
        // SplitMix64: random enough for this, and no dependency.
        let mut random = move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        (0..(DATA_BYTES / bytes).clamp(2, 64)).map(move |_| Batch {
            inputs: (0..self.batch * self.inputs()).map(|_| (random() >> 40) as f32 / (1_u32 << 24) as f32).collect(),
            classes: (0..self.batch).map(|_| (random() % self.outputs() as u64) as u32).collect(),
        })
    }

    fn check(&self) -> std::result::Result<(), String> {
        let fits = |value: usize| (1..=1 << 16).contains(&value);
        if self.sizes.len() < 2 {
            return Err("sizes: needs inputs and outputs at least".into());
        }
        if let Some(size) = self.sizes.iter().chain([&self.inputs()]).find(|&&size| !fits(size)) {
            return Err(format!("sizes: {size} is not between 1 and 65536"));
        }
        if !fits(self.batch) {
            return Err(format!("batch: {} is not between 1 and 65536", self.batch));
        }
        if !(1..=1024).contains(&self.threads) {
            return Err(format!("threads: {} is not between 1 and 1024", self.threads));
        }
        Ok(())
    }
}

/// A convolutional workload as the argument describes it.
#[derive(Deserialize)]
struct Convolving {
    input: [u16; 3],
    layers: Vec<Layer>,
    batch: usize,
    loss: Loss,
    optimizer: Optimizer,
    rate: f64,
    threads: usize,
}

/// A layer: dense if its kernel is 0.
#[derive(Deserialize)]
struct Layer {
    outputs: u16,
    kernel: u16,
    padding: u16,
    pool: u16,
}

impl Convolving {
    fn training(self) -> std::result::Result<Training, String> {
        if self.loss != Loss::CrossEntropy {
            return Err("loss: only cross-entropy above convolutions".into());
        }
        let first_dense = self.layers.iter().position(|layer| layer.kernel == 0).unwrap_or(self.layers.len());
        let (convolutions, dense) = self.layers.split_at(first_dense);
        if convolutions.is_empty() || dense.is_empty() || dense.iter().any(|layer| layer.kernel > 0 || layer.pool > 0) {
            return Err("layers: expected convolutions, then dense layers without pools".into());
        }
        let mut shape = self.input.map(usize::from);
        let mut above = |layer: &Layer| {
            let [outputs, kernel, padding, pool] =
                [layer.outputs, layer.kernel, layer.padding, layer.pool].map(usize::from);
            let convolution = Convolution { input: shape, outputs, kernel, padding, pool };
            shape = convolution.output().ok_or_else(|| format!("layers: {convolution:?} gives nothing"))?;
            Ok::<_, String>(convolution)
        };
        let convolutions = convolutions.iter().map(&mut above).collect::<std::result::Result<_, _>>()?;
        let outputs = dense.iter().map(|layer| layer.outputs.into());
        let sizes = std::iter::once(shape.iter().product()).chain(outputs).collect();
        let Self { batch, loss, optimizer, rate, threads, .. } = self;
        let network = Network { convolutions, sizes, activation: Activation::Relu, batch, loss, threads };
        Ok(Training { network, optimizer, rate })
    }
}

fn convolving<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Training, D::Error> {
    Convolving::deserialize(deserializer)?.training().map_err(D::Error::custom)
}

/// A library at work on one job.
pub trait Contestant {
    /// Does the next step.
    fn step(&mut self) -> Result<()>;

    /// Waits until the results of the last step are there and returns one
    /// number of them: the loss, or when inferring the first output.
    fn finish(&mut self) -> Result<f32>;
}

/// What a library says to a job.
pub enum Answer {
    /// It is prepared.
    Ready(Box<dyn Contestant>),
    /// It cannot do it, and why.
    Unable(&'static str),
}

/// Reads the argument, has the job prepared and answers the turns. `version` names
/// the library in the ready line.
///
/// This must be the first thing that a program does: the number of threads
/// goes to the libraries by an environment variable.
pub fn run(version: &str, prepare: impl FnOnce(&Job) -> Result<Answer>) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let job = match parse(&arguments) {
        Ok(Arguments::Train(training) | Arguments::Convolve(training)) => Job::Train(training),
        Ok(Arguments::Infer(network)) => Job::Infer(network),
        Ok(Arguments::Chain) => return unable("no chain of scalars"),
        Ok(Arguments::Process) => return unable("no whole process"),
        Err(message) => return fail(2, &message),
    };
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", job.network().threads.to_string()) };

    let outcome = prepare(&job).and_then(|answer| match answer {
        Answer::Unable(reason) => Ok(unable(reason)),
        Answer::Ready(mut contestant) => {
            let start = Instant::now();
            while start.elapsed() < WARM_UP {
                contestant.step()?;
            }
            contestant.finish()?;
            say(&json!({"ready": true, "version": version}));
            turns(contestant.as_mut())
        }
    });
    outcome.unwrap_or_else(|error| fail(1, &error.to_string()))
}

fn turns(contestant: &mut dyn Contestant) -> Result<ExitCode> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        let Ok(steps) = line.trim().parse::<u64>() else {
            return Ok(fail(2, &format!("not a whole number of steps: {line:?}")));
        };
        let (wall, cpu) = (Instant::now(), ProcessTime::now());
        for _ in 0..steps {
            contestant.step()?;
        }
        contestant.finish()?;
        let (wall, cpu) = (wall.elapsed(), cpu.elapsed());
        say(&json!({
            "steps": steps,
            "wall_ns": wall.as_nanos() as u64,
            "cpu_ns": cpu.as_nanos() as u64,
        }));
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(arguments: &[String]) -> std::result::Result<Arguments, String> {
    let [text] = arguments else {
        return Err("expects one argument, a JSON object".into());
    };
    let arguments: Arguments = serde_json::from_str(text).map_err(|error| format!("bad argument: {error}"))?;
    match &arguments {
        Arguments::Train(training) | Arguments::Convolve(training) => {
            training.network.check()?;
            if !(training.rate.is_finite() && training.rate > 0.0) {
                return Err(format!("rate: {} is not above 0", training.rate));
            }
        }
        Arguments::Infer(network) => network.check()?,
        Arguments::Chain | Arguments::Process => {}
    }
    Ok(arguments)
}

/// The version of a package in this workspace's lock file, so that the ready
/// line cannot fall behind an update.
pub fn locked_version(package: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    lock.split_once(&format!("\nname = \"{package}\"\nversion = \""))
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("of unknown version", |(version, _)| version)
}

fn unable(reason: &str) -> ExitCode {
    say(&json!({"ready": false, "reason": reason}));
    ExitCode::SUCCESS
}

/// Prints a line and pushes it through the pipe at once.
fn say(line: &serde_json::Value) {
    let mut out = io::stdout().lock();
    // A reader that has gone away ends the input too, and with it the program.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn fail(code: u8, message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(code)
}

/// A small network for tests, with the activation that suits the loss.
pub fn small_dense(loss: Loss) -> Network {
    let activation = match loss {
        Loss::CrossEntropy => Activation::Relu,
        Loss::Quadratic => Activation::Sigmoid,
    };
    Network { convolutions: Vec::new(), sizes: vec![16, 64, 10], activation, batch: 4, loss, threads: 1 }
}

/// A small network for tests: two convolutions, the first with padding and a pool, and two dense layers.
pub fn small_convolutional() -> Network {
    let first = Convolution { input: [2, 8, 8], outputs: 4, kernel: 3, padding: 1, pool: 2 };
    let second = Convolution { input: [4, 4, 4], outputs: 8, kernel: 3, padding: 0, pool: 0 };
    Network { convolutions: vec![first, second], sizes: vec![32, 64, 10], ..small_dense(Loss::CrossEntropy) }
}

/// Trains the network for 100 epochs and compares the loss of one and the same
/// batch before and after, for a contestant's test that its steps are real work.
///
/// # Panics
///
/// If the loss does not fall, or the library cannot do the job.
pub fn assert_loss_falls(
    network: Network,
    optimizer: Optimizer,
    rate: f64,
    prepare: impl FnOnce(&Job) -> Result<Answer>,
) {
    let work = format!("{network:?} with {optimizer:?}");
    let steps = 100 * network.batches().count();
    let job = Job::Train(Training { network, optimizer, rate });
    let Answer::Ready(mut contestant) = prepare(&job).expect("prepares") else { panic!("unable") };
    contestant.step().expect("steps");
    let before = contestant.finish().expect("finishes");
    for _ in 0..steps {
        contestant.step().expect("steps");
    }
    let after = contestant.finish().expect("finishes");
    assert!(after < before, "{work}: {before} to {after}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn training(layers: &str) -> std::result::Result<Training, String> {
        let text = format!(
            r#"{{"mode": "convolve", "input": [1, 28, 28], "layers": [{layers}], "batch": 64,
                "loss": "cross-entropy", "optimizer": "sgd", "rate": 0.01, "threads": 1}}"#
        );
        match parse(&[text])? {
            Arguments::Convolve(training) => Ok(training),
            _ => panic!("another mode"),
        }
    }

    fn layer([outputs, kernel, padding, pool]: [usize; 4]) -> String {
        format!(r#"{{"outputs": {outputs}, "kernel": {kernel}, "padding": {padding}, "pool": {pool}}}"#)
    }

    fn layers(layers: &[[usize; 4]]) -> String {
        layers.iter().copied().map(layer).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn each_layer_reads_what_the_one_before_gives() {
        let described = layers(&[[6, 5, 2, 2], [16, 5, 0, 3], [120, 0, 0, 0], [10, 0, 0, 0]]);
        let network = training(&described).expect("makes sense").network;
        let inputs: Vec<_> = network.convolutions.iter().map(|convolution| convolution.input).collect();
        assert_eq!(inputs, [[1, 28, 28], [6, 14, 14]]);
        assert_eq!(network.sizes, [16 * 3 * 3, 120, 10]);
        assert_eq!(network.inputs(), 28 * 28);
    }

    #[test]
    fn layers_that_make_no_sense_are_refused() {
        for described in [
            layers(&[]),
            layers(&[[10, 0, 0, 0]]),
            layers(&[[6, 5, 0, 2]]),
            layers(&[[120, 0, 0, 0], [6, 5, 0, 2], [10, 0, 0, 0]]),
            layers(&[[6, 5, 0, 2], [10, 0, 0, 2]]),
            layers(&[[6, 29, 0, 0], [10, 0, 0, 0]]),
            layers(&[[6, 5, 0, 25], [10, 0, 0, 0]]),
        ] {
            let error = training(&described).expect_err(&described);
            assert!(error.contains("layers: "), "{described}: {error}");
        }
    }
}
