//! The tests of the library, as one program: each program is linked with all that is below it.

mod checkpoints;
mod common;
mod convolution;
mod doctor;
mod finetune;
pub mod fuzz;
mod golden;
mod importance;
mod layers;
mod model_files;
mod plan;
mod several_targets;
mod stored;
mod stream;
mod training;
mod worked_examples;
