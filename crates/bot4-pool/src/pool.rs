//! The pool: objects that are expensive to build or to hand over, built once and used again.
#![allow(unsafe_code)] // owns a reference to the slab

mod builder;
mod guard;
mod handle;
mod shared;
pub(crate) mod slot;

pub use builder::{BuildError, PoolBuilder};
pub use guard::{LocalPooled, OwnedPooled, Pooled};
pub use handle::Handle;

use shared::Shared;
use std::fmt;
use std::ptr::NonNull;

/// A bounded pool of objects, shared between threads.
///
/// Objects are built by the factory when first needed, up to the capacity, and never again: after that
/// nothing allocates. `Send` and `Sync` for every `T: Send`.
///
/// ```
/// use bot4_pool::ObjectPool;
///
/// let row = || Vec::<f64>::with_capacity(1024);
/// let pool = ObjectPool::builder(row).capacity(8).reset(Vec::clear).build()?;
/// {
///     let mut row = pool.acquire()?;
///     row.extend([1.0, 2.0, 3.0]);
/// } // reset and given back here
/// assert!(pool.acquire()?.is_empty());
/// assert_eq!((pool.stats().misses, pool.stats().hits), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Which way in
///
/// | | on the same thread | to another thread |
/// | --- | --- | --- |
/// | [`ObjectPool`], shared by `&` | [`acquire`](ObjectPool::acquire): lock-free | [`acquire_owned`](ObjectPool::acquire_owned) |
/// | [`Handle`], one per thread | [`acquire`](Handle::acquire): wait-free out of a magazine of 16 | [`acquire_owned`](Handle::acquire_owned), then [`release`](Handle::release) there |
///
/// # How it works
///
/// A pool is a slab of `capacity` slots, each vacant or with an object, and three bounded queues of slot
/// pointers: vacant slots, single idle objects, batches of up to eight. A slot is in one place at a time, so
/// the queues can never be full and a slot is never lost: a factory that panics leaves its slot vacant, a reset
/// that panics drops the object and vacates its slot, a thread that unwinds drops its guards and its handle.
///
/// The slab is reference-counted. An owned guard has one reference, but a get does not touch the count: a handle takes
/// 256 references at a time and its guards take them along.
pub struct ObjectPool<T> {
    /// Comes with one reference.
    shared: NonNull<Shared<T>>,
}

// SAFETY: the idle objects may be dropped by another thread, which `T: Send` allows; factory and reset are `Send + Sync`.
unsafe impl<T: Send> Send for ObjectPool<T> {}
// SAFETY: `&ObjectPool` moves objects between threads, which `T: Send` allows, and never shares one; the rest is atomic.
unsafe impl<T: Send> Sync for ObjectPool<T> {}

impl<T: Send> ObjectPool<T> {
    /// Starts a pool whose objects come from `factory`.
    pub fn builder(factory: impl Fn() -> T + Send + Sync + 'static) -> PoolBuilder<T> {
        PoolBuilder::new(factory)
    }
}

impl<T> ObjectPool<T> {
    /// `shared` comes with one reference.
    fn new(shared: NonNull<Shared<T>>) -> Self {
        Self { shared }
    }

    pub(crate) fn shared(&self) -> &Shared<T> {
        // SAFETY: this pool's reference keeps it alive.
        unsafe { self.shared.as_ref() }
    }

    /// An idle object, else a new one while fewer than the capacity have been built.
    ///
    /// Lock-free, and allocates nothing but what the factory does.
    ///
    /// # Errors
    /// [`Exhausted`] when all objects are in use or in the magazines of handles.
    ///
    /// # Panics
    /// When the factory does; the pool loses nothing by it.
    #[inline]
    pub fn acquire(&self) -> Result<Pooled<'_, T>, Exhausted> {
        let slot = self.shared().find_or_build()?;
        slot.count();
        Ok(Pooled { pool: self, slot })
    }

    /// An idle object. Lock-free; never builds one, never allocates.
    #[inline]
    pub fn try_acquire(&self) -> Option<Pooled<'_, T>> {
        let slot = self.shared().find()?;
        slot.count();
        Some(Pooled { pool: self, slot })
    }

    /// As [`acquire`](Self::acquire), with a guard that may move to another thread and outlive the pool.
    ///
    /// Lock-free. Increments the pool's reference count; [`Handle::acquire_owned`] does not.
    ///
    /// # Errors
    /// [`Exhausted`] when all objects are in use or in the magazines of handles.
    ///
    /// # Panics
    /// When the factory does; the pool loses nothing by it.
    pub fn acquire_owned(&self) -> Result<OwnedPooled<T>, Exhausted> {
        let slot = self.shared().find_or_build()?;
        slot.count();
        self.shared().retain(1);
        Ok(OwnedPooled::new(slot, self.shared))
    }

    /// A handle for one thread. Takes a lock and allocates a counter: make it before the hot path begins.
    #[must_use]
    pub fn handle(&self) -> Handle<T> {
        self.shared().retain(1);
        Handle::new(self.shared)
    }

    /// The most objects that this pool ever builds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared().capacity()
    }

    /// What the pool has done so far; exact when no other thread uses the pool meanwhile.
    ///
    /// Reads one word per slot and takes the lock under which handles are made. Threads that acquire and release are not
    /// disturbed beyond a cache miss.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        self.shared().stats()
    }
}

impl<T> Drop for ObjectPool<T> {
    /// Drops the idle objects once the last handle and owned guard are gone too.
    fn drop(&mut self) {
        // SAFETY: the reference came with this pool, which is gone after this.
        unsafe { Shared::release(self.shared, 1) };
    }
}

impl<T> fmt::Debug for ObjectPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectPool").field("stats", &self.stats()).finish()
    }
}

/// What a pool has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolStats {
    /// The most objects that may be built.
    pub capacity: usize,
    /// Objects that exist now.
    pub built: usize,
    /// Objects held by guards.
    pub in_use: usize,
    /// Objects in the pool or in the magazines of handles.
    pub idle: usize,
    /// The most objects that ever existed at once: without prefill, the peak of the demand.
    pub high_water: usize,
    /// Acquisitions served with an idle object.
    pub hits: u64,
    /// Acquisitions for which an object had to be built.
    pub misses: u64,
    /// Calls of `acquire` and `acquire_owned` refused with [`Exhausted`].
    pub exhausted: u64,
}

/// All objects of a pool are in use, or idle in the magazines of other threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted {
    /// How many objects the pool may build.
    pub capacity: usize,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all {} objects of the pool are in use or kept by other threads' handles", self.capacity)
    }
}

impl std::error::Error for Exhausted {}
