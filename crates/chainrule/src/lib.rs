//! Neural networks trained by back-propagation.
#![doc = include_str!("../README.md")]

mod activation;
mod builder;
mod checkpoint;
mod error;
mod evaluate;
mod explain;
mod init;
mod loss;
pub mod metrics;
mod model;
mod names;
mod network;
mod optim;
mod random;
mod recipe;
mod save;
mod schedule;
mod setup;
mod step;
mod summary;
mod train;

pub use activation::Activation;
pub use builder::{Mlp, MlpBuilder};
pub use chainrule_data as data;
pub use chainrule_engine as engine;
pub use chainrule_kernels as kernels;
pub use chainrule_kernels::team::with_threads;
pub use checkpoint::{Checkpoints, Every};
pub use error::Error;
pub use evaluate::{Evaluation, Evaluator, Metrics, Prediction, Scores, Tally, evaluate, predict};
pub use explain::{Explanation, LayerExplanation, Table, explain, explain_sample};
pub use init::Init;
pub use loss::Loss;
pub use model::{Model, Task};
pub use names::NameError;
pub use network::{Dense, LayerNodes, Network, Sizes};
pub use optim::{Optimizer, OptimizerState};
pub use random::Stream;
pub use recipe::Recipe;
pub use save::{FORMAT_VERSION, check_writable, write_atomically};
pub use schedule::{Schedule, ScheduleState};
pub use setup::{ScalingChoice, Setup, learn_target};
pub use step::{StepResult, Stepper, training_plan};
pub use summary::{LayerSummary, Summary};
pub use train::{Control, Ending, EpochReport, Observer, Outcome, StepReport, Trainer, fit, fit_saving};
