//! The engine: one graph, one reverse sweep, one plan.
#![doc = include_str!("../README.md")]

mod adjoint;
pub mod check;
mod compose;
mod error;
mod expr;
mod graph;
pub mod ops;
pub mod parse;
mod paths;
pub mod plan;
mod session;
mod shape;
mod trace;

pub use adjoint::{Sweep, Visit};
pub use compose::{Moments, Recurrent};
pub use error::{EngineError, Operand, ShapeFault};
pub use expr::Expr;
pub use graph::{Graph, Node, NodeId, Nodes};
pub use ops::Convolution;
pub use ops::arith::Arith;
pub use paths::{Path, PathCount};
pub use plan::Plan;
pub use session::{Descent, Session};
pub use shape::{Axes, MAX_RANK, Shape};
pub use trace::{Trace, TraceEdge, TraceNode};
