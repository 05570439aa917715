//! [`Handle`]: one thread's magazine in front of a pool.
#![allow(unsafe_code)] // owns references to the pool

use crate::pool::shared::{BATCH_MAX, Kept, Shared};
use crate::pool::slot::SlotPtr;
use crate::pool::{Exhausted, LocalPooled, OwnedPooled};
use std::array;
use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

/// The most idle objects that a handle keeps for its thread.
pub(crate) const MAGAZINE: usize = 2 * BATCH_MAX;

/// How many references a handle takes at a time for the owned guards that it will give out.
const REFERENCES: usize = 256;

/// One thread's way to a pool: acquires and releases touch nothing that other threads write.
///
/// A handle keeps up to 16 idle objects in an inline stack, last in first out (a quarter of the pool's capacity if that
/// is less: pools of up to 3 objects are shared only), takes more from the pool in batches of half as many and gives them back so, and the cost of the
/// shared queue is paid by one call in eight at most. What it keeps is not to be had by other threads; dropping the
/// handle gives it back. Make one per thread with [`ObjectPool::handle`](crate::ObjectPool::handle); it may
/// outlive the `ObjectPool`. `Send`, not `Sync`.
///
/// ```
/// use bot4_pool::ObjectPool;
///
/// let pool = ObjectPool::builder(|| vec![0_u8; 4096]).capacity(64).build()?;
/// let (sender, receiver) = std::sync::mpsc::sync_channel(8);
/// let (here, there) = (pool.handle(), pool.handle());
/// let consumer = std::thread::spawn(move || receiver.into_iter().for_each(|packet| there.release(packet)));
/// for number in 0..1000_u32 {
///     let mut packet = here.acquire_owned()?;
///     packet[..4].copy_from_slice(&number.to_le_bytes());
///     sender.send(packet)?;
/// }
/// drop(sender);
/// consumer.join().unwrap();
/// assert!(pool.stats().built <= 64);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[repr(align(128))]
pub struct Handle<T> {
    /// Comes with one reference, besides the spare ones.
    pool: NonNull<Shared<T>>,
    kept: Arc<Kept>,
    limit: usize,
    /// References that owned guards may take along.
    spare: Cell<usize>,
    /// The first `kept` are idle objects, the others stale pointers.
    magazine: [Cell<SlotPtr<T>>; MAGAZINE],
}

// SAFETY: the idle objects are owned by the handle and are `Send`; what is shared sits in `Shared`, whose factory
// and reset are `Send + Sync`.
unsafe impl<T: Send> Send for Handle<T> {}

impl<T> Handle<T> {
    /// `pool` comes with one reference.
    pub(crate) fn new(pool: NonNull<Shared<T>>) -> Self {
        // SAFETY: the reference keeps the pool alive.
        let shared = unsafe { pool.as_ref() };
        Self {
            pool,
            kept: shared.register(),
            limit: MAGAZINE.min(shared.capacity() / 4),
            spare: Cell::new(0),
            magazine: array::from_fn(|_| Cell::new(SlotPtr(NonNull::dangling()))),
        }
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Shared<T> {
        // SAFETY: the handle's reference keeps the pool alive.
        unsafe { self.pool.as_ref() }
    }

    /// An object from the magazine, else from the pool, else built by the factory.
    ///
    /// A hit in the magazine is wait-free, a hit in the pool lock-free; neither allocates. The factory
    /// runs only while the pool has built fewer objects than its capacity.
    ///
    /// # Errors
    /// [`Exhausted`] when all objects are in use or in the magazines of other threads.
    ///
    /// # Panics
    /// When the factory does; the pool loses nothing by it.
    #[inline]
    pub fn acquire(&self) -> Result<LocalPooled<'_, T>, Exhausted> {
        Ok(LocalPooled { handle: self, slot: self.take()? })
    }

    /// An idle object from the magazine or the pool. Never builds one, never allocates.
    ///
    /// Wait-free when the magazine has one, lock-free otherwise.
    #[inline]
    pub fn try_acquire(&self) -> Option<LocalPooled<'_, T>> {
        let slot = self.pop().or_else(|| self.refill())?;
        slot.count();
        Some(LocalPooled { handle: self, slot })
    }

    /// As [`acquire`](Self::acquire), with a guard that may move to another thread.
    ///
    /// # Errors
    /// [`Exhausted`] when all objects are in use or in the magazines of other threads.
    ///
    /// # Panics
    /// When the factory does; the pool loses nothing by it.
    #[inline]
    pub fn acquire_owned(&self) -> Result<OwnedPooled<T>, Exhausted> {
        let slot = self.take()?;
        if self.spare.get() == 0 {
            self.shared().retain(REFERENCES);
            self.spare.set(REFERENCES);
        }
        self.spare.set(self.spare.get() - 1);
        Ok(OwnedPooled::new(slot, self.pool))
    }

    /// Takes an object that another thread acquired into this magazine: as cheap as dropping a local guard.
    ///
    /// An object of another pool goes back to that pool.
    ///
    /// # Panics
    /// When the reset does; the object is dropped then and the pool may build another.
    #[inline]
    pub fn release(&self, object: OwnedPooled<T>) {
        if object.pool() != self.pool {
            return drop(object);
        }
        let slot = object.into_slot();
        self.spare.set(self.spare.get() + 1);
        if self.spare.get() > 2 * REFERENCES {
            self.return_spare(REFERENCES);
        }
        self.put(slot);
    }

    #[inline]
    fn take(&self) -> Result<SlotPtr<T>, Exhausted> {
        let slot = self.take_uncounted()?;
        slot.count();
        Ok(slot)
    }

    /// A slot with an object, without touching the slot.
    #[inline]
    pub(crate) fn take_uncounted(&self) -> Result<SlotPtr<T>, Exhausted> {
        match self.pop() {
            Some(slot) => Ok(slot),
            None => self.refill().map_or_else(|| self.shared().build_counted(), Ok),
        }
    }

    /// Cleans an object that a guard held and keeps it.
    #[inline]
    pub(crate) fn put(&self, slot: SlotPtr<T>) {
        self.shared().clean(slot);
        if self.kept.get() == self.limit {
            self.spill();
        }
        self.push(slot);
    }

    #[inline]
    fn pop(&self) -> Option<SlotPtr<T>> {
        let top = self.kept.get().wrapping_sub(1);
        let slot = self.magazine.get(top)?.get();
        self.kept.set(top);
        Some(slot)
    }

    #[inline]
    fn push(&self, slot: SlotPtr<T>) {
        let len = self.kept.get();
        match self.magazine.get(len) {
            Some(cell) if len < self.limit => {
                cell.set(slot);
                self.kept.set(len + 1);
            }
            _ => self.shared().give(slot),
        }
    }

    /// Fills half of the empty magazine from the pool and takes one object more.
    #[cold]
    fn refill(&self) -> Option<SlotPtr<T>> {
        let shared = self.shared();
        if let Some((first, rest)) = shared.find_batch() {
            rest.for_each(|slot| self.push(slot));
            return Some(first);
        }
        let first = shared.find()?;
        (1..shared.batch).map_while(|_| shared.find()).for_each(|slot| self.push(slot));
        Some(first)
    }

    /// Gives the older half of the magazine to the pool; the objects used last are the ones in the cache.
    #[cold]
    fn spill(&self) {
        let half = self.limit / 2;
        self.give_oldest(half);
        for (cell, newer) in self.magazine.iter().zip(&self.magazine[half..self.kept.get()]) {
            cell.set(newer.get());
        }
        self.kept.set(self.kept.get() - half);
    }

    fn give_oldest(&self, count: usize) {
        let shared = self.shared();
        if count > 0 && count == shared.batch {
            shared.give_batch(array::from_fn(|index| self.magazine[index].get()));
        } else {
            self.magazine[..count].iter().for_each(|cell| shared.give(cell.get()));
        }
    }

    fn return_spare(&self, count: usize) {
        self.spare.set(self.spare.get() - count);
        // SAFETY: the handle owns its spare references, and one more that keeps the pool alive.
        unsafe { Shared::release(self.pool, count) };
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        self.give_oldest(self.kept.get());
        self.shared().unregister(&self.kept);
        // SAFETY: the handle owns its spare references and the one it was made with, and is gone after this.
        unsafe { Shared::release(self.pool, self.spare.get() + 1) };
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("idle", &self.kept.get()).finish_non_exhaustive()
    }
}
