//! Centre and scale.

use bot4_simd::{Kernels, Lanes, Step};

use super::{Stage, StageError};
use crate::columns::Number;

/// `(x - mean) * inv_std`, with one mean and one inverse deviation per feature.
#[derive(Clone, Debug)]
pub struct Normalize<T> {
    mean: Vec<T>,
    inv_std: Vec<T>,
}

impl<T: Number> Normalize<T> {
    /// A stage for rows as wide as the two slices. Allocates.
    ///
    /// # Panics
    ///
    /// If the slices differ in length.
    #[must_use]
    pub fn new(mean: &[T], inv_std: &[T]) -> Self {
        assert!(mean.len() == inv_std.len(), "{} means, {} deviations", mean.len(), inv_std.len());
        Self { mean: mean.to_vec(), inv_std: inv_std.to_vec() }
    }
}

impl<T: Number> Stage<T> for Normalize<T> {
    const BY_COLUMN: bool = true;

    fn name(&self) -> &'static str {
        "normalize"
    }

    fn output_width(&self, input: usize) -> Result<usize, StageError> {
        StageError::unless_equal(input, self.mean.len()).map(|()| input)
    }

    fn scratch_len(&self, _input: usize, _rows: usize) -> usize {
        0
    }

    #[inline(always)]
    fn one<K: Kernels>(&mut self, k: K, row: &mut [T], _scratch: &mut [T]) {
        k.standardize_each(row, &self.mean, &self.inv_std);
    }

    #[inline(always)]
    fn step(&mut self, column: usize) -> impl Step<T> {
        Standardize { mean: self.mean[column], inv_std: self.inv_std[column] }
    }
}

struct Standardize<T> {
    mean: T,
    inv_std: T,
}

impl<T: Number> Step<T> for Standardize<T> {
    #[inline(always)]
    fn apply<L: Lanes<T>>(&mut self, x: L) -> L {
        (x - x.splat(self.mean)) * x.splat(self.inv_std)
    }
}
