//! Pools of `ndarray` matrices.

use crate::pool::{BuildError, ObjectPool};
use ndarray::{Array2, LinalgScalar};

impl<A: LinalgScalar + Send> ObjectPool<Array2<A>> {
    /// A pool of up to `capacity` matrices of `rows` x `columns`, which together may take `byte_budget` bytes.
    ///
    /// A matrix starts as zeros and comes back as it was left: zeroing 8 MiB costs more than most uses of it.
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
        Self::builder(move || Array2::zeros((rows, columns)))
            .capacity(capacity)
            .byte_budget(byte_budget, bytes)
            .build()
    }
}
