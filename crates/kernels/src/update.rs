//! Optimiser passes.
