//! Each algorithm once, generic over [`Vector`](crate::vector::Vector).
//!
//! Everything that touches a vector must be inlined into the function that has the target feature: what is
//! not stays without it, and so does every intrinsic in it, as a call. So functions are `#[inline(always)]`;
//! a closure that takes or returns a vector carries the attribute too, which it can only as an argument;
//! and no function item stands for a closure, nor `array::from_fn` or `map` for a loop over registers, as their
//! own code has no such attribute. `cargo xtask asm` looks for the calls that remain.

pub(crate) mod arithmetic;
pub(crate) mod extrema;
pub(crate) mod gemm;
pub(crate) mod linear;
pub(crate) mod lines;
pub(crate) mod map;
pub(crate) mod math;
pub(crate) mod moments;
pub(crate) mod narrow;
pub(crate) mod panel;
pub(crate) mod product;
pub(crate) mod recurrence;
pub(crate) mod reduce;
pub(crate) mod rolling;
pub(crate) mod short;
pub(crate) mod softmax;
pub(crate) mod trees;
