//! The functions that have no machine instruction.

pub(crate) mod double;
pub(crate) mod single;
