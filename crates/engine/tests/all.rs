//! The tests of the engine, as one program.

mod common;
mod compositions;
mod convolution;
mod errors;
mod every_op;
mod operations_table;
mod random_graphs;
mod scalars;
mod threads;
mod worked_examples;
