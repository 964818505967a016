//! Which vector instructions to use, and how many rows a register tile has with them.
//!
//! A tile keeps its sums in registers, next to a row of `b` and one number of `a` in all lanes: 6 rows of four vectors
//! with 32 registers, of two with 16. Of the shapes that fit, this one loads least for what it multiplies (10 loads for
//! 24 products). One of 14 rows and two vectors (16 loads for 28) was a little slower on most shapes.

use super::lanes::Element;
use super::tile::MAX_ROWS;
use pulp::Simd;

/// A set of vector instructions that this processor has.
#[derive(Clone, Copy, Debug)]
pub enum Machine {
    /// 32 registers of 512 bits.
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    Avx512(pulp::x86::V4),
    /// 16 registers of 256 bits.
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    Avx2(pulp::x86::V3),
    /// 32 registers of 128 bits.
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
    /// Four numbers at a time, with separate multiplication and addition: a fused one would be a library call.
    Portable(Portable),
}

/// Four numbers at a time, as vectors where WebAssembly is compiled with them, else in plain code.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
type Portable = pulp::wasm::Simd128;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
type Portable = pulp::Scalar128b;

impl Machine {
    /// The widest of this processor.
    #[inline]
    pub(crate) fn best() -> Self {
        match pulp::Arch::new() {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            pulp::Arch::V4(simd) => Self::Avx512(simd),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            pulp::Arch::V3(simd) => Self::Avx2(simd),
            #[cfg(target_arch = "aarch64")]
            pulp::Arch::Neon(simd) => Self::Neon(simd),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            pulp::Arch::Simd128(simd) => Self::Portable(simd),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            _ => unreachable!("vectors are compiled in"),
            #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
            _ => Self::Portable(pulp::Scalar128b),
        }
    }

    /// All that this processor has.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::Portable(pulp::Scalar128b)];
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            all.extend(pulp::x86::V3::try_new().map(Self::Avx2));
            all.extend(pulp::x86::V4::try_new().map(Self::Avx512));
        }
        #[cfg(target_arch = "aarch64")]
        all.extend(pulp::aarch64::Neon::try_new().map(Self::Neon));
        all
    }

    /// How many bands `rows` rows are cut into, for the largest register tile.
    pub(super) fn bands(self, rows: usize) -> usize {
        // Two divisions by constants are faster than one by a variable.
        if matches!(self, Self::Portable(_)) { rows.div_ceil(4) } else { rows.div_ceil(MAX_ROWS) }
    }

    /// Vectors in the widest tile of `rows` rows. A tile of few rows takes more of them, or its additions would wait
    /// for each other.
    pub(crate) fn vectors(self, rows: usize) -> usize {
        let many_registers = match self {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Self::Avx512(_) => true,
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => true,
            _ => false,
        };
        match rows {
            1 => 8,
            2 | 3 => 4,
            _ if many_registers => 4,
            _ => 2,
        }
    }

    /// Numbers in a vector.
    pub(crate) fn lanes<T: Element>(self) -> usize {
        match self {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Self::Avx512(_) => T::lanes::<pulp::x86::V4>(),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Self::Avx2(_) => T::lanes::<pulp::x86::V3>(),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => T::lanes::<pulp::aarch64::Neon>(),
            Self::Portable(_) => T::lanes::<Portable>(),
        }
    }

    /// Runs `job` compiled for these instructions.
    #[inline(always)]
    pub(crate) fn run(self, job: impl Job) {
        match self {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Self::Avx512(simd) => Simd::vectorize(simd, With::<_, true>(job)),
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Self::Avx2(simd) => Simd::vectorize(simd, With::<_, true>(job)),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => Simd::vectorize(simd, With::<_, true>(job)),
            Self::Portable(simd) => Simd::vectorize(simd, With::<_, false>(job)),
        }
    }
}

/// Work to be compiled once per instruction set; `FUSED` says whether it multiplies and adds in one instruction.
pub(crate) trait Job {
    /// Does the work; must be `#[inline(always)]`.
    fn run<S: Simd, const FUSED: bool>(self, simd: S);
}

struct With<J, const FUSED: bool>(J);

impl<J: Job, const FUSED: bool> pulp::WithSimd for With<J, FUSED> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.0.run::<S, FUSED>(simd);
    }
}
