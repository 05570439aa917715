//! Stages that treat every number alike, whatever the width.

use bot4_simd::Kernels;

use super::{Stage, StageError};
use crate::columns::{Columns, Number};

macro_rules! elementwise {
    ($stage:ty, $name:literal, |$this:ident, $k:ident, $x:ident| $kernel:expr) => {
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
            fn one<K: Kernels>(&mut self, $k: K, $x: &mut [T], _scratch: &mut [T]) {
                let $this = self;
                $kernel;
            }

            #[inline(always)]
            fn batch<K: Kernels>(&mut self, k: K, columns: &mut Columns<T>, _scratch: &mut [T]) {
                for (index, column) in columns.iter_mut().enumerate() {
                    self.column(k, index, column);
                }
            }

            #[inline(always)]
            fn column<K: Kernels>(&mut self, $k: K, _index: usize, $x: &mut [T]) {
                let $this = self;
                $kernel;
            }
        }
    };
}

/// The hyperbolic tangent: any feature into -1 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Squash;

elementwise!(Squash, "squash", |_this, k, x| k.tanh(x));

/// `1 / (1 + exp(-x))`: a score into a probability.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sigmoid;

elementwise!(Sigmoid, "sigmoid", |_this, k, x| k.sigmoid(x));

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

elementwise!(Clamp<T>, "clamp", |this, k, x| k.clamp(x, this.low, this.high));
