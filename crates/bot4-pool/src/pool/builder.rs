//! How a pool is made.

use crate::pool::ObjectPool;
use crate::pool::shared::{Factory, Reset, Shared};
use std::fmt;

/// Collects the limits of an [`ObjectPool`]; made by [`ObjectPool::builder`].
#[must_use = "a builder makes nothing before `build`"]
pub struct PoolBuilder<T> {
    factory: Factory<T>,
    reset: Option<Reset<T>>,
    capacity: usize,
    prefill: usize,
    budget: Option<(usize, usize)>,
}

impl<T: Send> PoolBuilder<T> {
    pub(crate) fn new(factory: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self { factory: Box::new(factory), reset: None, capacity: 0, prefill: 0, budget: None }
    }

    /// The most objects that the pool ever builds: must be given.
    pub fn capacity(mut self, objects: usize) -> Self {
        self.capacity = objects;
        self
    }

    /// Runs on every object that comes back, so that nobody gets a dirty one. Without it objects come back as
    /// they were left. Clear what matters: zeroing 8 MiB costs thousands of times what the pool does.
    pub fn reset(mut self, reset: impl Fn(&mut T) + Send + Sync + 'static) -> Self {
        self.reset = Some(Box::new(reset));
        self
    }

    /// Builds so many objects at once, at most the capacity, instead of each when it is first needed.
    pub fn prefill(mut self, objects: usize) -> Self {
        self.prefill = objects;
        self
    }

    /// Refuses to build the pool when `capacity` objects of `per_object` bytes exceed `bytes`.
    ///
    /// Count what an object owns on the heap. The pool checks the product; it cannot see what a factory does.
    pub fn byte_budget(mut self, bytes: usize, per_object: usize) -> Self {
        self.budget = Some((bytes, per_object));
        self
    }

    /// Makes the pool: allocates its slab and queues, and builds the objects of [`prefill`](Self::prefill).
    ///
    /// # Errors
    /// [`BuildError`] when no capacity was given or the objects exceed the byte budget. Nothing is built then.
    ///
    /// # Panics
    /// When the factory does, or the slab is larger than `isize::MAX` bytes.
    pub fn build(self) -> Result<ObjectPool<T>, BuildError> {
        if self.capacity == 0 {
            return Err(BuildError::NoCapacity);
        }
        if let Some((budget, per_object)) = self.budget
            && self.capacity.checked_mul(per_object).is_none_or(|bytes| bytes > budget)
        {
            return Err(BuildError::OverBudget { capacity: self.capacity, per_object, budget });
        }
        let pool = ObjectPool::new(Shared::allocate(self.capacity, self.factory, self.reset));
        pool.shared().prefill(self.prefill);
        Ok(pool)
    }
}

impl<T> fmt::Debug for PoolBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("capacity", &self.capacity)
            .field("prefill", &self.prefill)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// A pool cannot be built as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildError {
    /// [`PoolBuilder::capacity`] was not called, or called with 0.
    NoCapacity,
    /// The objects would exceed the byte budget.
    OverBudget {
        /// Objects asked for.
        capacity: usize,
        /// Bytes of one object.
        per_object: usize,
        /// Bytes allowed for all.
        budget: usize,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoCapacity => f.write_str("an object pool needs a capacity of at least one object"),
            Self::OverBudget { capacity, per_object, budget } => write!(
                f,
                "{capacity} objects of {per_object} bytes exceed the byte budget of {budget}; it has room for {}",
                budget / per_object.max(1)
            ),
        }
    }
}

impl std::error::Error for BuildError {}
