//! Centre and scale.

use bot4_simd::Kernels;

use super::{Stage, StageError};
use crate::columns::{Columns, Number};

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
    fn batch<K: Kernels>(&mut self, k: K, columns: &mut Columns<T>, _scratch: &mut [T]) {
        for (index, column) in columns.iter_mut().enumerate() {
            self.column(k, index, column);
        }
    }

    #[inline(always)]
    fn column<K: Kernels>(&mut self, k: K, index: usize, column: &mut [T]) {
        k.standardize(column, self.mean[index], self.inv_std[index]);
    }
}
