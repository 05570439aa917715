//! Vector kernels on slices with run-time dispatch to AVX-512, AVX2 and portable code.
//!
//! For code that works on rows and columns of numbers in place: scaling, sums, products, extremes,
//! exponentials, moving averages. Every kernel is a function on `f32` or `f64` slices of any length and alignment; none
//! allocates. Not for products of large matrices (use `gemm` or `faer`) or arrays with axes (use `ndarray`).
//!
//! ```
//! let mut row = [1.0, 2.0, 3.0, 4.0];
//! bot4_simd::standardize_each(&mut row, &[2.0; 4], &[0.5; 4]);
//! bot4_simd::tanh(&mut row);
//! let score = bot4_simd::dot8(&row, &[0.1, 0.2, 0.3, 0.4]);
//! assert!(score > 0.0);
//! ```
//!
//! - The functions of this crate dispatch on [`Isa::detect`] at each call.
//! - [`Kernels`] has the same as methods, for a [`Program`] that enters an instruction set once and then
//!   calls many on short rows.
//! - [`map()`] puts numbers through a [`Step`] of one's own, in one pass.
//! - [`Matrix`] has its sizes in its type.
//! - [`Panels`] lays out the weights of a layer for [`panel_gemv`] and [`panel_gemm`].
//! - [`Cuts`] and [`Splits`] lay out boosted trees for [`ranks`] and [`leaf_sum`].
//!
//! Inside: `vector` is the private layer of about thirty operations, `backend` implements it per
//! instruction set, `algorithm` holds each kernel once, `kernels` lists the public ones, `constants` has
//! the polynomials, `lanes` is what a step of one's own sees of a register, `isa` and `element` are what their names say.
//!
//! # The same bits
//! Element-wise kernels give the same bits for an element whatever its position, the slice's length and the
//! instruction set (`axpy` may round twice in portable code). `dot8`, `weighted_sum`, `gemv_t`, `leaf_sum` and the windows are the
//! same on every machine; the other sums and products are fast, and differ in rounding between sets.
//! [`reproducible`] has all of them with the same bits everywhere.

mod algorithm;
mod backend;
mod constants;
mod element;
mod isa;
mod kernels;
mod lanes;
mod matrix;
mod panels;
mod trees;
mod vector;

pub use element::Element;
pub use isa::{Isa, Program, UnknownIsa};
pub use kernels::Kernels;
pub use kernels::functions::*;
pub use kernels::reproducible;
pub use lanes::{Lanes, Step, step};
pub use matrix::Matrix;
pub use panels::Panels;
pub use trees::{Cuts, Splits};

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
