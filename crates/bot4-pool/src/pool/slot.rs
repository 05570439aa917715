//! One place of a pool's slab, and the pointer by which it travels.
#![allow(unsafe_code)] // the value of a slot is reached through a pointer that proves who may

use crate::sync::{AtomicU64, Ordering};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// Room for one object. Two cache lines apart from the next: processors fetch lines in pairs.
///
/// | field | written by | read by | ordering | why |
/// | --- | --- | --- | --- | --- |
/// | `acquired` | whoever acquires the slot | `stats` | relaxed | a statistic; the queues order the holders |
/// | `value` | whoever holds the slot | the same | - | a slot has one holder at a time |
///
/// Only acquiring writes `acquired`: a thread that gives back what another acquired does not
/// pull the line over unless it uses the object.
#[repr(C, align(128))]
pub(crate) struct Slot<T> {
    acquired: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Slot<T> {
    pub(crate) fn vacant() -> Self {
        Self { acquired: AtomicU64::new(0), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// How often an object of this slot has been acquired.
    pub(crate) fn acquired(&self) -> u64 {
        // ORDERING: a statistic, nothing is read on the strength of it.
        self.acquired.load(Ordering::Relaxed)
    }
}

/// Whoever has a `SlotPtr` from a queue, a magazine or a guard is the only holder of that slot.
///
/// It is passed on by value and never used after; `Copy` is for the queues' and magazines' sake.
pub(crate) struct SlotPtr<T>(pub(crate) NonNull<Slot<T>>);

impl<T> Clone for SlotPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SlotPtr<T> {}

// SAFETY: the holder of a slot owns its value, so sending the pointer sends a `T`; `acquired` is atomic.
unsafe impl<T: Send> Send for SlotPtr<T> {}

impl<T> SlotPtr<T> {
    #[inline]
    fn slot(&self) -> &Slot<T> {
        // SAFETY: the slab lives until the last reference to the pool is gone, and a holder has one.
        unsafe { self.0.as_ref() }
    }

    /// Where the value is, or will be once it is built.
    #[inline]
    pub(crate) fn value(self) -> *mut T {
        self.slot().value.get().cast()
    }

    /// Counts one acquisition.
    #[inline]
    pub(crate) fn count(self) {
        let acquired = &self.slot().acquired;
        // ORDERING: only the holder writes, so load and store need not be one step; see the table above.
        let times = acquired.load(Ordering::Relaxed);
        // ORDERING: as above.
        acquired.store(times.wrapping_add(1), Ordering::Relaxed);
    }
}
