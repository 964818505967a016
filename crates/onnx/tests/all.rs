//! The tests of ONNX, as one program.

mod chains;
mod fuzz;
mod hostile;
mod node_tests;
mod runtime;
