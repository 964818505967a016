//! From gradients to new weights.

use crate::names::{Choice, NameError, text_serde};
use chainrule_engine::plan::Segment;
use chainrule_kernels::Block;
use chainrule_kernels::update::{AdamStep, Penalty, Rule, Update};
use std::fmt;
use std::str::FromStr;

/// An optimiser with its own numbers; the learning rate comes from the schedule.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Optimizer {
    /// w ← w − η·g.
    Sgd,
    /// v ← μ·v + g, w ← w − η·v (Polyak 1964).
    Momentum {
        /// What is kept of the velocity.
        mu: f64,
    },
    /// v ← μ·v + g, w ← w − η·(g + μ·v) (Nesterov 1983, in the form of Sutskever et al. 2013).
    Nesterov {
        /// What is kept of the velocity.
        mu: f64,
    },
    /// Steps shrink with the sum of squared gradients (Duchi et al. 2011).
    AdaGrad,
    /// Steps shrink with a running mean of squared gradients (Tieleman and Hinton 2012).
    RmsProp {
        /// What is kept of the mean.
        rho: f64,
    },
    /// Running means of gradient and squared gradient (Kingma and Ba 2015).
    Adam,
    /// Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019).
    AdamW {
        /// The share of each weight, times the learning rate, that every step takes away.
        decay: f64,
    },
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

impl Optimizer {
    /// The names on the command line.
    pub const NAMES: &[&'static str] = &["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"];

    /// A rate that usually works.
    pub fn usual_rate(self) -> f64 {
        match self {
            Self::Sgd => 0.1,
            Self::Momentum { .. } | Self::Nesterov { .. } | Self::AdaGrad => 0.01,
            Self::RmsProp { .. } | Self::Adam | Self::AdamW { .. } => 0.001,
        }
    }

    /// How many numbers it remembers for each parameter.
    pub fn state_blocks(self) -> usize {
        match self {
            Self::Sgd => 0,
            Self::Momentum { .. } | Self::Nesterov { .. } | Self::AdaGrad | Self::RmsProp { .. } => 1,
            Self::Adam | Self::AdamW { .. } => 2,
        }
    }
}

impl fmt::Display for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sgd => f.write_str("sgd"),
            Self::Momentum { mu } => write!(f, "momentum:{mu}"),
            Self::Nesterov { mu } => write!(f, "nesterov:{mu}"),
            Self::AdaGrad => f.write_str("adagrad"),
            Self::RmsProp { rho } => write!(f, "rmsprop:{rho}"),
            Self::Adam => f.write_str("adam"),
            Self::AdamW { decay } => write!(f, "adamw:{decay}"),
        }
    }
}

impl FromStr for Optimizer {
    type Err = NameError;

    /// Reads `sgd`, `momentum:0.9`, `nesterov:0.9`, `adagrad`, `rmsprop:0.9`, `adam`, `adamw:0.01`.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let choice = Choice::read("optimizer", text)?;
        choice.at_most(usize::from(!matches!(choice.name, "sgd" | "adagrad" | "adam")))?;
        let share = |default| choice.number(0, default, "at least 0 and below 1", |v| (0.0..1.0).contains(&v));
        Ok(match choice.name {
            "sgd" => Self::Sgd,
            "momentum" => Self::Momentum { mu: share(0.9)? },
            "nesterov" => Self::Nesterov { mu: share(0.9)? },
            "adagrad" => Self::AdaGrad,
            "rmsprop" => Self::RmsProp { rho: share(0.9)? },
            "adam" => Self::Adam,
            "adamw" => Self::AdamW { decay: choice.number(0, 0.01, "0 or more", |v| v >= 0.0)? },
            other => return Err(NameError::unknown("optimizer", other, Self::NAMES)),
        })
    }
}

text_serde!(Optimizer);

/// What an optimiser remembers: blocks parallel to the parameters.
#[derive(Clone, Debug)]
pub struct OptimizerState {
    optimizer: Optimizer,
    blocks: [Block<f32>; 2],
    steps: i32,
}

impl OptimizerState {
    /// Nothing remembered yet, for this many parameters.
    pub fn new(optimizer: Optimizer, parameters: usize) -> Self {
        let block = |i| Block::zeros(if i < optimizer.state_blocks() { parameters } else { 0 });
        Self { optimizer, blocks: [block(0), block(1)], steps: 0 }
    }

    /// Begins the next step: how parameters move in it, by whether they decay (see [`is_decayed`]) and by what their rate
    /// is multiplied with, and the blocks.
    pub(crate) fn begin(
        &mut self,
        rate: f64,
        l1: f64,
        l2: f64,
    ) -> (impl Fn(bool, f64) -> Update<f32> + use<>, [&mut [f32]; 2]) {
        self.steps = self.steps.saturating_add(1);
        let (optimizer, steps) = (self.optimizer, self.steps);
        let update = move |decayed: bool, factor: f64| {
            let rule = optimizer.rule(steps, (rate * factor) as f32);
            if decayed {
                Update { rule, penalty: Penalty { l1: l1 as f32, l2: l2 as f32 } }
            } else {
                Update { rule: rule.without_decay(), penalty: Penalty::NONE }
            }
        };
        (update, self.blocks.each_mut().map(|block| &mut **block))
    }

    /// The number of steps done, and the blocks: all that must be kept to go on later.
    pub(crate) fn parts(&mut self) -> (&mut i32, &mut [Block<f32>; 2]) {
        (&mut self.steps, &mut self.blocks)
    }

    /// Takes back the step that was begun: nothing moved.
    pub(crate) fn take_back(&mut self) {
        self.steps -= 1;
    }

    /// One step on its own: a pass over the flat blocks. `segments` tells weights, which decay, from biases.
    pub fn step(&mut self, parameters: &mut [f32], gradients: &[f32], rate: f64, segments: &[Segment]) {
        let (update, mut memory) = self.begin(rate, 0.0, 0.0);
        for segment in segments {
            let at = segment.range.clone();
            let update = update(is_decayed(segment), 1.0);
            let memory = update.memory_at(memory.each_mut().map(|block| &mut **block), &at);
            update.apply(&mut parameters[at.clone()], &gradients[at], memory);
        }
    }
}

impl Optimizer {
    /// What is done with a gradient in the step with this number, from 1.
    fn rule(self, step: i32, rate: f32) -> Rule<f32> {
        let eps = EPSILON as f32;
        let adam = |decay: f64| {
            Rule::Adam(AdamStep {
                rate,
                beta1: BETA1 as f32,
                beta2: BETA2 as f32,
                eps,
                bias1: (1.0 - BETA1.powi(step)) as f32,
                bias2: (1.0 - BETA2.powi(step)) as f32,
                decay: decay as f32,
            })
        };
        match self {
            Self::Sgd => Rule::Sgd { rate },
            Self::Momentum { mu } => Rule::Momentum { rate, mu: mu as f32, nesterov: false },
            Self::Nesterov { mu } => Rule::Momentum { rate, mu: mu as f32, nesterov: true },
            Self::AdaGrad => Rule::AdaGrad { rate, eps },
            Self::RmsProp { rho } => Rule::RmsProp { rate, rho: rho as f32, eps },
            Self::Adam => adam(0.0),
            Self::AdamW { decay } => adam(decay),
        }
    }
}

/// Penalties and decay pull on weights, not on biases, which have one axis.
pub(crate) fn is_decayed(segment: &Segment) -> bool {
    segment.shape.rank() > 1
}
