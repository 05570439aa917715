//! Stages that treat every number alike, whatever the width.

use bot4_simd::{Kernels, Lanes, Step, step};

use super::{Stage, StageError};
use crate::columns::Number;

/// A stage of one kernel, and what that does to one number.
macro_rules! elementwise {
    ($stage:ty, $name:literal, |$this:ident, $k:ident, $row:ident| $kernel:expr, $step:expr) => {
        impl<T: Number> Stage<T> for $stage {
            const BY_COLUMN: bool = true;

            fn name(&self) -> &'static str {
                $name
            }

            fn output_width(&self, input: usize) -> Result<usize, StageError> {
                Ok(input)
            }

            fn scratch_len(&self, _input: usize, _rows: usize) -> usize {
                0
            }

            #[inline(always)]
            fn one<K: Kernels>(&mut self, $k: K, $row: &mut [T], _scratch: &mut [T]) {
                let $this = self;
                $kernel;
            }

            #[inline(always)]
            fn step(&mut self, _column: usize) -> impl Step<T> {
                let $this = self;
                $step
            }
        }
    };
}

/// The hyperbolic tangent: any feature into -1 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Squash;

elementwise!(Squash, "squash", |_this, k, row| k.tanh(row), step::Tanh);

/// `1 / (1 + exp(-x))`: a score into a probability.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sigmoid;

elementwise!(Sigmoid, "sigmoid", |_this, k, row| k.sigmoid(row), step::Sigmoid);

/// Into the range from `low` to `high`.
#[derive(Clone, Copy, Debug)]
pub struct Clamp<T> {
    low: T,
    high: T,
}

impl<T: Number> Clamp<T> {
    /// A stage for rows of any width.
    ///
    /// # Panics
    ///
    /// If `low` is above `high` or either is NaN.
    #[must_use]
    pub fn new(low: T, high: T) -> Self {
        assert!(low <= high, "no number lies between {low} and {high}");
        Self { low, high }
    }
}

elementwise!(Clamp<T>, "clamp", |this, k, row| k.clamp(row, this.low, this.high), *this);

impl<T: Number> Step<T> for Clamp<T> {
    #[inline(always)]
    fn apply<L: Lanes<T>>(&mut self, x: L) -> L {
        x.clamp(self.low, self.high)
    }
}
