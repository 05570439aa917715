//! Pools of `ndarray` matrices.

use crate::memory;
use crate::pool::{BuildError, ObjectPool};
use ndarray::{Array1, Array2, LinalgScalar, s};
use std::ptr::NonNull;

impl<A: LinalgScalar + Send> ObjectPool<Array2<A>> {
    /// A pool of up to `capacity` matrices of `rows` x `columns`, which together may take `byte_budget` bytes.
    ///
    /// A matrix starts as zeros and comes back as it was left: zeroing 8 MiB costs more than most uses of it. Its first
    /// row starts on a cache line, and every page is backed when it is built; from 2 MiB on it starts on a boundary
    /// of 2 MiB and asks for huge pages. The room before that boundary is address space, which the budget does not count.
    ///
    /// ```
    /// use bot4_pool::{BuildError, ObjectPool};
    ///
    /// let pool = ObjectPool::<ndarray::Array2<f64>>::matrices((1024, 1024), 8, 1 << 30)?;
    /// pool.acquire()?[[0, 0]] = 1.0;
    ///
    /// let error = ObjectPool::<ndarray::Array2<f64>>::matrices((1024, 1024), 1000, 1 << 30).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "1000 objects of 8388608 bytes exceed the byte budget of 1073741824; it has room for 128"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BuildError`] when the capacity is 0 or the matrices exceed the budget; nothing is allocated then.
    pub fn matrices(
        (rows, columns): (usize, usize),
        capacity: usize,
        byte_budget: usize,
    ) -> Result<Self, BuildError> {
        let bytes = rows.saturating_mul(columns).saturating_mul(size_of::<A>());
        Self::builder(move || zeros(rows, columns)).capacity(capacity).byte_budget(byte_budget, bytes).build()
    }
}

/// A matrix on the boundary of its size: part of an array with room to spare, as a `Vec` cannot be told where to start.
fn zeros<A: LinalgScalar>(rows: usize, columns: usize) -> Array2<A> {
    let len = rows.saturating_mul(columns);
    let boundary = memory::boundary(len.saturating_mul(size_of::<A>()));
    let spare = boundary / size_of::<A>().max(1);
    let roomy = Array1::<A>::zeros(len.saturating_add(spare));
    let start = roomy.as_ptr().align_offset(boundary);
    // Elements whose size does not divide the boundary may never fall on it.
    let start = if start <= spare { start } else { 0 };
    let mut flat = roomy.slice_move(s![start..start + len]);
    if let Some(first) = NonNull::new(flat.as_mut_ptr()) {
        memory::advise(first, len * size_of::<A>());
    }
    flat.fill(A::zero());
    match flat.into_shape_with_order((rows, columns)) {
        Ok(matrix) => matrix,
        Err(error) => unreachable!("{len} elements in one piece: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aligned::ALIGNMENT;

    #[test]
    fn every_shape_starts_on_a_line_as_zeros_in_standard_layout() {
        for (rows, columns) in [(0, 0), (0, 7), (5, 0), (1, 1), (3, 5), (7, 64), (33, 31)] {
            let matrix = zeros::<f64>(rows, columns);
            assert_eq!(matrix.dim(), (rows, columns));
            assert!(matrix.is_standard_layout() && matrix.iter().all(|&x| x == 0.0));
            assert!(matrix.is_empty() || matrix.as_ptr().addr().is_multiple_of(ALIGNMENT));
            assert_eq!(matrix, Array2::<f64>::zeros((rows, columns)));
        }
        let bytes = zeros::<u8>(3, 3);
        assert_eq!(bytes.as_ptr().addr() % ALIGNMENT, 0);
    }

    #[test]
    fn large_matrices_start_on_a_huge_page_and_can_be_written_to_the_end() {
        let mut matrix = zeros::<f32>(1024, 1024);
        assert_eq!(matrix.as_ptr().addr() % memory::HUGE_PAGE, 0);
        matrix.fill(1.0);
        assert_eq!(matrix.clone().sum(), 1048576.0);
    }
}
