//! What is new in a row.

use bot4_simd::{Kernels, Lanes, Step};

use super::{Stage, StageError};
use crate::columns::Number;

/// `x[n] - phi * x[n-1]`, with one `phi` per feature: the innovation of an autoregression of order one.
///
/// Remembers the last row across calls, be they rows or batches; before the first row that memory is
/// zero, so the first row passes unchanged. The product is rounded before the subtraction (no fused
/// step), on every instruction set.
#[derive(Clone, Debug)]
pub struct Difference<T> {
    phi: Vec<T>,
    last: Vec<T>,
}

impl<T: Number> Difference<T> {
    /// A stage for rows as wide as `phi`. Allocates.
    #[must_use]
    pub fn new(phi: &[T]) -> Self {
        Self { phi: phi.to_vec(), last: vec![T::ZERO; phi.len()] }
    }
}

impl<T: Number> Stage<T> for Difference<T> {
    const BY_COLUMN: bool = true;

    fn name(&self) -> &'static str {
        "difference"
    }

    fn output_width(&self, input: usize) -> Result<usize, StageError> {
        StageError::unless_equal(input, self.phi.len()).map(|()| input)
    }

    fn scratch_len(&self, _input: usize, _rows: usize) -> usize {
        0
    }

    #[inline(always)]
    fn one<K: Kernels>(&mut self, _k: K, row: &mut [T], _scratch: &mut [T]) {
        for ((x, last), &phi) in row.iter_mut().zip(&mut self.last).zip(&self.phi) {
            let now = *x;
            *x = now - phi * *last;
            *last = now;
        }
    }

    #[inline(always)]
    fn step(&mut self, column: usize) -> impl Step<T> {
        Innovation { phi: self.phi[column], last: &mut self.last[column] }
    }

    fn reset(&mut self) {
        self.last.fill(T::ZERO);
    }
}

struct Innovation<'a, T> {
    phi: T,
    last: &'a mut T,
}

impl<T: Number> Step<T> for Innovation<'_, T> {
    #[inline(always)]
    fn apply<L: Lanes<T>>(&mut self, x: L) -> L {
        x - x.splat(self.phi) * x.delayed(self.last)
    }
}
