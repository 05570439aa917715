//! Memory for hot paths: taken before the work starts, used again and again, counted.
//!
//! - [`AlignedVec`]: a zeroed slice on 64-byte boundaries, for kernels and columns.
//! - [`ObjectPool`]: a bounded pool of objects that are large, expensive to build or handed from thread to thread.
//! - [`Arena`]: scratch slices for one batch, given back all at once.
//! - [`PoolAllocator`]: bounded memory for `Vec`, `Box` and `HashMap`, in blocks that are taken once.
//! - [`audit`]: counts allocations per thread, so that "allocates nothing" is a test.
//!
//! ```
//! use bot4_pool::{AlignedVec, ObjectPool};
//!
//! let column = || AlignedVec::<f64>::zeroed(1 << 16);
//! let pool = ObjectPool::builder(column).capacity(64).build()?;
//! let handle = pool.handle(); // one per thread
//! for price in 0..1000 {
//!     let mut column = handle.acquire()?;
//!     column[0] = f64::from(price);
//! }
//! assert_eq!((pool.stats().misses, pool.stats().hits), (1, 999));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When not to use it
//!
//! For small short-lived objects a good global allocator (mimalloc, for one) is nearly as fast and needs no API.
//! A buffer that one thread uses over and over is best kept in a variable, and a collection that can be cleared is better
//! cleared than allocated again. For bump allocation of values of any type, or of collections that die with the
//! batch, use `bumpalo` itself.

pub mod audit;

mod aligned;
mod allocator;
mod arena;
mod matrix;
mod memory;
mod pool;
mod sync;

pub use aligned::{ALIGNMENT, AlignedVec, Plain};
pub use allocator::{AllocatorHandle, BlockStats, PoolAllocator};
pub use arena::{Arena, ArenaError};
pub use pool::{
    BuildError, Exhausted, Handle, LocalPooled, ObjectPool, OwnedPooled, PoolBuilder, PoolStats, Pooled,
};

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
