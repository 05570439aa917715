//! What the two halves share: the messages, their numbers, and where the consumer is.
#![allow(unsafe_code)] // values live in uninitialised memory, and the two halves reach them through a shared reference

use crate::lines::{Lines, fetch_ahead};
use crate::numbers::Numbers;
use crate::sync::{AtomicBool, AtomicU64, UnsafeCell};
use crossbeam_utils::CachePadded;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering::Relaxed;

pub(super) type Value<T> = UnsafeCell<MaybeUninit<T>>;

pub(super) struct Shared<T> {
    values: Lines<Value<T>>,
    mask: u64,
    numbers: Numbers,
    pub(super) producer_gone: AtomicBool,
    pub(super) consumer_gone: AtomicBool,
    /// How many messages the consumer has taken.
    pub(super) head: CachePadded<AtomicU64>,
}

// SAFETY: values cross from the producer's thread to the consumer's (T: Send); a value is touched by one half at a time,
// as the module's table orders it, so no `&T` is ever shared.
unsafe impl<T: Send> Sync for Shared<T> {}
// SAFETY: as above; the remaining values are dropped on whichever thread drops the second half.
unsafe impl<T: Send> Send for Shared<T> {}

impl<T> Shared<T> {
    /// Room for so many messages, a power of two.
    pub(super) fn new(slots: usize) -> Self {
        Self {
            values: Lines::new(slots, || UnsafeCell::new(MaybeUninit::uninit())),
            mask: slots as u64 - 1,
            numbers: Numbers::new(slots),
            producer_gone: AtomicBool::new(false),
            consumer_gone: AtomicBool::new(false),
            head: CachePadded::new(AtomicU64::new(0)),
        }
    }

    /// Where the message of this position goes or lies.
    #[inline(always)]
    pub(super) fn value(&self, position: u64) -> &Value<T> {
        let index = (position & self.mask) as usize;
        // SAFETY: there are `mask + 1` values.
        unsafe { self.values.get_unchecked(index) }
    }

    /// Asks for the lines of messages that the producer comes to soon; those from `end` on may be the consumer's. Returns where to
    /// ask again, at most `end`.
    #[inline(always)]
    pub(super) fn fetch_ahead(&self, position: u64, end: u64) -> u64 {
        fetch_ahead(&self.values, &self.numbers, position, end)
    }

    /// Publishes the message at `position`.
    #[inline(always)]
    pub(super) fn publish(&self, position: u64) {
        self.numbers.publish(position);
    }

    /// The end of the messages that are seen to be published from `start` on: `start` if none is.
    #[inline(always)]
    pub(super) fn published(&self, start: u64) -> u64 {
        self.numbers.published(start)
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // ORDERING: Relaxed: both halves are gone, and the reference count ordered their last accesses before this.
        let mut position = self.head.load(Relaxed);
        while self.numbers.is_published(position) {
            self.value(position).with_mut(|value| {
                // SAFETY: no half is left, so the pointer is unique.
                let value = unsafe { &mut *value };
                // SAFETY: `head` is the first position not popped and its number says that it was written.
                unsafe { value.assume_init_drop() };
            });
            position += 1;
        }
    }
}
