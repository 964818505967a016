//! The floor everything stands on: numbers in slices, numbers out of slices.
//!
//! Nothing here knows a graph, a layer or a name. Each kernel takes plain slices in row-major order, writes every
//! element of its output, allocates nothing, and gives the same bits at any number of threads: work is split by
//! shape, never by thread count, and each sum is added in one fixed order.
//!
//! Loops run through [`simd`], which compiles them for the widest vectors that the processor has (AVX-512, AVX2 with
//! FMA, NEON, or plain code), chosen when the program runs.

mod block;
pub mod conv;
pub mod gemm;
pub mod map;
mod math;
pub mod naive;
mod prefetch;
mod real;
pub mod reduce;
pub mod team;
pub mod update;

pub use block::Block;
pub use gemm::{After, MatRef, Piece, gemm, gemm_scratch, gemm_then};
pub use real::Real;

/// Runs `body` compiled for the widest vector instructions of this processor.
///
/// The body and all that it calls must be `#[inline(always)]` for the instructions to reach it.
#[inline]
pub fn simd<R>(body: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(body)
}
