//! The backends: intrinsics, and two empty blocks of assembly (`hold`, `align_stack`); no algorithm.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
mod pair;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use pair::Pair;
pub(crate) use portable::{Lanes8, Portable};
