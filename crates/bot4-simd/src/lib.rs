//! Vector kernels on slices with run-time dispatch to AVX-512, AVX2 and portable code.
//!
//! ```
//! let mut row = [1.0, 2.0, 3.0, 4.0];
//! bot4_simd::standardize_each(&mut row, &[2.0; 4], &[0.5; 4]);
//! bot4_simd::tanh(&mut row);
//! let score = bot4_simd::dot8(&row, &[0.1, 0.2, 0.3, 0.4]);
//! assert!(score > 0.0);
//! ```

mod algorithm;
mod backend;
mod constants;
mod element;
mod isa;
mod kernels;
mod matrix;
mod vector;

pub use element::Element;
pub use isa::{Isa, Program, UnknownIsa};
pub use kernels::Kernels;
pub use kernels::functions::*;
pub use matrix::Matrix;
