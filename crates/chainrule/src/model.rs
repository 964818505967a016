//! A network with everything needed to use it: loss, classes, scaling, weights, and how it was trained.

use crate::error::Error;
use crate::interval::Residuals;
use crate::layer::SampleShape;
use crate::loss::Loss;
use crate::network::{LayerNodes, Mode, Network};
use crate::recipe::Recipe;
use crate::summary::check_memory;
use crate::target::TargetScale;
use chainrule_data::{Dataset, Encoder, ImageSize, Scaling, Target};
use chainrule_engine::{Expr, Graph};
use chainrule_kernels::Block;
use serde::{Deserialize, Serialize};

/// What the outputs mean.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of these classes.
    Classes(Vec<String>),
    /// Real numbers, one for each output.
    Values(Vec<Measure>),
}

/// How a real number is learned: the network is trained on (s − shift) / deviation, where s is the value on a scale, and
/// its output is turned back.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Measure {
    /// The mean of the training values on the scale.
    pub shift: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// The scale that both are on.
    #[serde(default, skip_serializing_if = "TargetScale::is_plain")]
    pub scale: TargetScale,
}

impl Measure {
    /// The value itself.
    pub const PLAIN: Self = Self { shift: 0.0, deviation: 1.0, scale: TargetScale::Plain };

    /// What the network is trained on for a value.
    pub(crate) fn scaled(&self, value: f64) -> f64 {
        (self.scale.apply(value) - self.shift) / self.deviation
    }

    /// The value that an output of the network stands for.
    pub(crate) fn value(&self, scaled: f64) -> f64 {
        self.scale.undo(scaled * self.deviation + self.shift)
    }

    fn is_sound(&self) -> bool {
        self.deviation > 0.0 && self.deviation.is_finite() && self.shift.is_finite()
    }
}

impl Task {
    /// How many numbers say what is true of a sample: its class, or its values.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Classes(_) => 1,
            Self::Values(measures) => measures.len(),
        }
    }

    /// Whether a network with this many outputs can be trained for the task with this loss: an output for each class
    /// (or one for one of two), or one for each value.
    pub(crate) fn fits(&self, outputs: usize, loss: Loss) -> bool {
        match self {
            Self::Classes(names) if names.len() < 2 => false,
            Self::Classes(names) => outputs == names.len() || (outputs == 1 && names.len() == 2 && !loss.takes_index()),
            Self::Values(measures) => {
                let is_sound = !measures.is_empty() && measures.iter().all(Measure::is_sound);
                outputs == measures.len() && !loss.is_for_classes() && is_sound
            }
        }
    }
}

/// A network with everything needed to use it.
#[derive(Clone, PartialEq, Debug)]
pub struct Model {
    /// The layers.
    pub network: Network,
    /// What was minimised.
    pub loss: Loss,
    /// What the outputs mean.
    pub task: Task,
    /// The names of what is predicted: one, or one for each value.
    pub targets: Vec<String>,
    /// The names of the input columns, in order.
    pub features: Vec<String>,
    /// Height and width, if the inputs are images.
    pub image: Option<(usize, usize)>,
    /// How columns of a table become the inputs, if they do not as they are.
    pub encoder: Option<Encoder>,
    /// What is done to the inputs first.
    pub scaling: Scaling,
    /// How it was trained.
    pub recipe: Recipe,
    /// How far off it was, for each real value, on rows that it was not trained on: what intervals are made from. Empty
    /// where that is not known.
    pub residuals: Vec<Residuals>,
    /// All weights and biases in one block: w1, b1, w2, b2, ….
    pub parameters: Block<f32>,
}

/// A network and its cost in a graph.
pub(crate) struct ModelGraph<'g> {
    pub(crate) layers: Vec<LayerNodes<'g>>,
    pub(crate) output: Expr<'g>,
    pub(crate) cost: Expr<'g>,
}

impl Model {
    /// The same with weights drawn as its recipe says.
    ///
    /// # Errors
    /// More parameters than can be trained in the memory to be had.
    pub(crate) fn with_weights(self) -> Result<Self, Error> {
        check_memory(&self)?;
        Ok(Self { parameters: self.network.initialize(self.recipe.init, self.recipe.seed), ..self })
    }

    /// The classes; none for real values.
    pub fn classes(&self) -> &[String] {
        match &self.task {
            Task::Classes(names) => names,
            Task::Values(_) => &[],
        }
    }

    /// The size of the images that it takes, if it takes images.
    pub fn image_size(&self) -> Option<ImageSize> {
        let size = |(height, width): (usize, usize)| ImageSize {
            planes: self.network.inputs / (height * width).max(1),
            height,
            width,
        };
        self.image.map(size)
    }

    /// What is predicted, in words.
    pub fn target(&self) -> String {
        self.targets.join(", ")
    }

    /// Adds inputs `x` `[batch, features]`, `y` (class indices `[batch]` or values `[batch, targets]`) and, if asked for,
    /// `weight` `[batch]` and what `training` drops, `mask`, to a graph, then layers and cost.
    pub(crate) fn graph<'g>(&self, graph: &'g Graph, batch: usize, weighted: bool, training: bool) -> ModelGraph<'g> {
        let x = graph.input("x", &[batch, self.network.inputs]);
        let y = match &self.task {
            Task::Classes(_) => graph.input("y", &[batch]),
            Task::Values(measures) => graph.input("y", &[batch, measures.len()]),
        };
        let weight = weighted.then(|| graph.input("weight", &[batch]));
        let mode = if training {
            let dropout = self.recipe.dropout;
            let count: usize = self.network.dropped(dropout).map(|(count, _)| batch * count).sum();
            let mask = (count > 0).then(|| graph.input("mask", &[count]));
            Mode::Training { dropout, mask, frozen: self.recipe.frozen }
        } else {
            Mode::Inference
        };
        let layers = self.network.apply(graph, x, mode);
        let output = layers.last().map_or(x, |l| SampleShape::Flat(self.network.outputs()).of(l.out));
        let target = match &self.task {
            Task::Classes(_) if self.loss.takes_index() => y,
            Task::Classes(names) if self.network.outputs() == names.len() => y.one_hot(names.len()),
            // One output for one of two classes.
            Task::Classes(_) => y.reshape(&[batch, 1]),
            Task::Values(_) => y,
        };
        let cost = match weight {
            Some(weight) => self.loss.apply_weighted(output, target, weight),
            None => self.loss.apply(output, target),
        };
        let cost = cost.named("cost");
        ModelGraph { layers, output, cost }
    }

    /// Checks that rows of `data` can be run through the network.
    ///
    /// # Errors
    /// Every mismatch, with its cure.
    pub fn check_fits(&self, data: &Dataset) -> Result<(), Error> {
        let mut problems = Vec::new();
        let (inputs, outputs) = (self.network.inputs, self.network.outputs());
        if data.columns() != inputs {
            problems.push(format!(
                "the network takes {inputs} inputs, but each sample has {}: use a network that begins with {}-",
                data.columns(),
                data.columns()
            ));
        }
        match (&self.task, &data.target) {
            (Task::Classes(names), target) => {
                if !self.task.fits(outputs, self.loss) {
                    problems.push(format!(
                        "the network has {outputs} outputs, but there are {} classes: use one that ends with -{}",
                        names.len(),
                        names.len()
                    ));
                }
                if let Some(Target::Classes { names: others, .. }) = target
                    && others != names
                {
                    problems.push(format!("its classes are {names:?}, those of the data are {others:?}"));
                }
                if let Some(Target::Values { names, .. }) = target {
                    problems.push(format!("it tells classes apart, but `{}` is a real number", names.join(", ")));
                }
            }
            (Task::Values(measures), target) => {
                if outputs != measures.len() {
                    let wanted = measures.len();
                    let values = if wanted == 1 { "one value".to_owned() } else { format!("{wanted} values") };
                    problems.push(format!(
                        "the network has {outputs} outputs for {values}: use one that ends with -{wanted}"
                    ));
                }
                if self.loss.is_for_classes() {
                    problems.push(format!("the loss {} is for classes: use --loss mse", self.loss));
                }
                if let Some(Target::Classes { .. }) = target {
                    problems.push("it predicts a real number, but the data has classes".to_owned());
                }
                if let Some(Target::Values { names, .. }) = target
                    && names.len() != measures.len()
                {
                    let (ours, theirs) = (self.target(), names.join(", "));
                    problems.push(format!("it predicts {ours}, but the target of the data is {theirs}"));
                }
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Error::Fit { source_name: data.source.clone(), problems }) }
    }

    /// Fills `x` `[rows, features]` with scaled features.
    pub(crate) fn fill_features(&self, data: &Dataset, rows: &[u32], x: &mut [f32]) {
        data.features.gather(rows, x);
        self.scaling.apply(data.columns(), x);
    }

    /// Fills `weight` with how much the rows count; it is empty where they count alike.
    pub(crate) fn fill_weights(data: &Dataset, rows: &[u32], weight: &mut Vec<f32>) {
        weight.clear();
        weight.extend(data.weights.iter().flat_map(|weights| rows.iter().map(|&row| weights[row as usize])));
    }

    /// Fills `y` with class indices `[rows]` or scaled values `[rows, targets]`; zeros where there is no target.
    pub(crate) fn fill_targets(&self, data: &Dataset, rows: &[u32], y: &mut [f32]) {
        match (&data.target, &self.task) {
            (Some(Target::Classes { labels, .. }), _) => {
                y.iter_mut().zip(rows).for_each(|(y, &row)| *y = labels[row as usize] as f32);
            }
            (Some(Target::Values { values, .. }), Task::Values(measures)) => {
                let width = measures.len();
                for (y, &row) in y.chunks_exact_mut(width).zip(rows) {
                    let of_row = &values[row as usize * width..][..width];
                    for ((y, &value), measure) in y.iter_mut().zip(of_row).zip(measures) {
                        *y = measure.scaled(f64::from(value)) as f32;
                    }
                }
            }
            _ => y.fill(0.0),
        }
    }
}
