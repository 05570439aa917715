//! The three ways to hold an object of a pool.
#![allow(unsafe_code)] // a guard is the proof that its object has one holder

use crate::pool::shared::Shared;
use crate::pool::slot::SlotPtr;
use crate::pool::{Handle, ObjectPool};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// An object on loan from an [`ObjectPool`]: reset and given back when the guard is dropped.
///
/// Giving back is lock-free: one or two read-modify-write operations on the pool's queue.
///
/// What is borrowed from the object does not outlive the loan:
///
/// ```compile_fail,E0505
/// let pool = bot4_pool::ObjectPool::builder(|| vec![0.0; 8]).capacity(1).build().unwrap();
/// let row = pool.acquire().unwrap();
/// let first = &row[0];
/// drop(row);
/// assert_eq!(*first, 0.0); // `first` still borrows the object
/// ```
#[must_use = "the object goes back at once when its guard is not kept"]
pub struct Pooled<'p, T> {
    pub(crate) pool: &'p ObjectPool<T>,
    pub(crate) slot: SlotPtr<T>,
}

/// An object on loan from a [`Handle`]: reset and given back to that handle when the guard is dropped.
///
/// Giving back is a few plain stores; every eighth or so, when the magazine is full, half of it
/// moves to the pool in one lock-free push. Stays on its thread:
///
/// ```compile_fail,E0277
/// let handle = bot4_pool::ObjectPool::builder(|| 0).capacity(8).build().unwrap().handle();
/// let number = handle.acquire().unwrap();
/// std::thread::scope(|scope| {
///     scope.spawn(move || drop(number)); // its handle is not `Sync`
/// });
/// ```
#[must_use = "the object goes back at once when its guard is not kept"]
pub struct LocalPooled<'h, T> {
    pub(crate) handle: &'h Handle<T>,
    pub(crate) slot: SlotPtr<T>,
}

/// An object that owns its place in the pool: it may move to other threads and outlive the [`ObjectPool`].
///
/// Two pointers wide. Give it to the [`release`](Handle::release) of a handle where there is one; dropping it
/// anywhere else is lock-free and costs a push to the pool's queue and a decrement of its reference count.
#[must_use = "the object goes back at once when its guard is not kept"]
pub struct OwnedPooled<T> {
    slot: SlotPtr<T>,
    /// Comes with one reference.
    pool: NonNull<Shared<T>>,
}

// SAFETY: the guard is the only way to its `T` and gives out `&mut T`; the pool behind it is `Sync` for `T: Send`.
unsafe impl<T: Send> Send for Pooled<'_, T> {}
// SAFETY: a shared guard gives out `&T` only.
unsafe impl<T: Send + Sync> Sync for Pooled<'_, T> {}
// SAFETY: as for `Pooled`; the reference to the pool is counted atomically.
unsafe impl<T: Send> Send for OwnedPooled<T> {}
// SAFETY: a shared guard gives out `&T` only.
unsafe impl<T: Send + Sync> Sync for OwnedPooled<T> {}

impl<T> Pooled<'_, T> {
    /// Takes the object out of the pool for good; the pool may build another in its place.
    #[must_use]
    pub fn detach(self) -> T {
        let guard = ManuallyDrop::new(self);
        guard.pool.shared().detach(guard.slot)
    }
}

impl<T> LocalPooled<'_, T> {
    /// Takes the object out of the pool for good; the pool may build another in its place.
    #[must_use]
    pub fn detach(self) -> T {
        let guard = ManuallyDrop::new(self);
        guard.handle.shared().detach(guard.slot)
    }
}

impl<T> OwnedPooled<T> {
    /// `slot` is held by nobody else, and `pool` comes with a reference.
    #[inline]
    pub(crate) fn new(slot: SlotPtr<T>, pool: NonNull<Shared<T>>) -> Self {
        Self { slot, pool }
    }

    /// The slot and its reference, which are the caller's now.
    #[inline]
    pub(crate) fn into_slot(self) -> SlotPtr<T> {
        ManuallyDrop::new(self).slot
    }

    #[inline]
    pub(crate) fn pool(&self) -> NonNull<Shared<T>> {
        self.pool
    }

    /// Takes the object out of the pool for good; the pool may build another in its place.
    #[must_use]
    pub fn detach(self) -> T {
        let pool = self.pool;
        let slot = self.into_slot();
        // SAFETY: the guard's reference keeps the pool alive until it is given up below.
        let value = unsafe { pool.as_ref() }.detach(slot);
        // SAFETY: the reference came with the guard.
        unsafe { Shared::release(pool, 1) };
        value
    }
}

impl<T> Drop for Pooled<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let shared = self.pool.shared();
        shared.clean(self.slot);
        shared.give(self.slot);
    }
}

impl<T> Drop for LocalPooled<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.handle.put(self.slot);
    }
}

impl<T> Drop for OwnedPooled<T> {
    fn drop(&mut self) {
        /// Gives up the reference also when the reset panics.
        struct Reference<T>(NonNull<Shared<T>>);
        impl<T> Drop for Reference<T> {
            fn drop(&mut self) {
                // SAFETY: the reference came with the guard.
                unsafe { Shared::release(self.0, 1) };
            }
        }
        let reference = Reference(self.pool);
        // SAFETY: `reference` keeps the pool alive to the end of this function.
        let shared = unsafe { reference.0.as_ref() };
        shared.clean(self.slot);
        shared.give(self.slot);
    }
}

macro_rules! pointer {
    ($($guard:ty)*) => { $(
        impl<T> Deref for $guard {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                // SAFETY: a guarded slot holds an object, and the guard is its only holder.
                unsafe { &*self.slot.value() }
            }
        }

        impl<T> DerefMut for $guard {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                // SAFETY: as in `deref`; `&mut self` makes the borrow unique.
                unsafe { &mut *self.slot.value() }
            }
        }

        impl<T: fmt::Debug> fmt::Debug for $guard {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                T::fmt(self, f)
            }
        }
    )* };
}
pointer!(Pooled<'_, T> LocalPooled<'_, T> OwnedPooled<T>);
