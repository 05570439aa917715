//! The popping half.
#![allow(unsafe_code)] // values live in uninitialised memory, reached through a shared reference

use super::error::PopError;
use super::shared::Shared;
use crate::sync::Arc;
use crate::wait::Wait;
use std::fmt;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// The popping half of a [`ring`](super::ring).
#[repr(align(128))] // the two halves side by side, in a struct or on a stack, share no pair of cache lines
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
    capacity: usize,
    /// How many messages were popped.
    head: u64,
    /// How many are known to have been pushed.
    seen: u64,
}

impl<T> Consumer<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, capacity: usize) -> Self {
        Self { shared, capacity, head: 0, seen: 0 }
    }

    /// Takes the oldest message. Wait-free, no allocation.
    ///
    /// # Errors
    /// [`PopError::Empty`] when nothing waits; [`PopError::Closed`] when nothing waits and the producer is gone.
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        if !self.waits() {
            self.look_for_the_end()?;
        }
        // In this order: a result that is made before the place is given back is copied once more, and piece by piece.
        let value = self.take();
        self.release();
        Ok(value)
    }

    /// Whether a message waits.
    #[inline(always)]
    fn waits(&mut self) -> bool {
        if self.seen == self.head {
            self.seen = self.shared.published(self.head);
        }
        self.seen > self.head
    }

    /// The ring looked empty: says whether more can come, or finds a message that came in between.
    #[inline(never)]
    fn look_for_the_end(&mut self) -> Result<(), PopError> {
        let closed = self.is_closed();
        match self.waits() {
            true => Ok(()),
            false if closed => Err(PopError::Closed),
            false => Err(PopError::Empty),
        }
    }

    /// Takes the oldest message as soon as there is one; `None` when the producer is gone. Blocking, no allocation.
    pub fn pop_wait(&mut self, wait: Wait) -> Option<T> {
        wait.until(|| match self.pop() {
            Ok(value) => Some(Some(value)),
            Err(PopError::Closed) => Some(None),
            Err(PopError::Empty) => None,
        })
    }

    /// Takes up to `max` messages, oldest first, and hands each to `take`; returns how many. Stops early when nothing
    /// waits. Wait-free but for `take`, no allocation.
    ///
    /// The slots are given back to the producer together, at the end. See [`Producer::push_each`](super::Producer::push_each).
    #[inline]
    pub fn pop_each(&mut self, max: usize, mut take: impl FnMut(T)) -> usize {
        let mut batch = Batch { consumer: self, taken: 0 };
        while batch.taken < max {
            let Some(value) = batch.next() else { break };
            take(value);
        }
        batch.taken
    }

    /// The oldest message, in place; it stays in the queue. Wait-free, no allocation.
    ///
    /// ```
    /// let (mut producer, mut consumer) = bot4_lockfree::spsc::ring(2);
    /// producer.push([7; 100])?;
    /// assert_eq!(consumer.peek().map(|message| message[99]), Some(7));
    /// assert!(consumer.pop().is_ok());
    /// # Ok::<(), bot4_lockfree::spsc::PushError<[i32; 100]>>(())
    /// ```
    #[inline]
    pub fn peek(&mut self) -> Option<&T> {
        if !self.waits() {
            return None;
        }
        self.shared.value(self.head).with(|cell| {
            // SAFETY: the number was acquired, so the producer leaves this message alone until `release`, which needs
            // the `&mut self` that the result borrows.
            let cell = unsafe { &*cell };
            // SAFETY: published means initialised.
            Some(unsafe { cell.assume_init_ref() })
        })
    }

    /// Moves the oldest message out, which must wait.
    #[inline(always)]
    fn take(&mut self) -> T {
        let value = self.shared.value(self.head).with(|cell| {
            // SAFETY: callers checked that the message waits: the producer is done with it, and does not write here until
            // `release`.
            let cell = unsafe { &*cell };
            // SAFETY: published means initialised, and `head` moves on below, so the value is read out once.
            unsafe { cell.assume_init_read() }
        });
        self.head += 1;
        value
    }

    /// Gives the places of all messages taken back to the producer.
    #[inline(always)]
    fn release(&self) {
        // ORDERING: Release: the messages were moved out before; pairs with the Acquire in `look_for_room`.
        self.shared.head.store(self.head, Release);
    }

    /// Whether the producer is gone; messages may still wait. Wait-free, no allocation.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        // ORDERING: Acquire: pairs with the Release in the producer's drop: a pop after `true` sees all messages.
        self.shared.producer_gone.load(Acquire)
    }

    /// The most messages that can wait. Wait-free, no allocation.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

/// A batch under way: gives the slots back when it ends, also by a panic of the caller's closure.
struct Batch<'a, T> {
    consumer: &'a mut Consumer<T>,
    taken: usize,
}

impl<T> Batch<'_, T> {
    #[inline(always)]
    fn next(&mut self) -> Option<T> {
        if !self.consumer.waits() {
            return None;
        }
        self.taken += 1;
        Some(self.consumer.take())
    }
}

impl<T> Drop for Batch<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.consumer.release();
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        // ORDERING: Relaxed: the flag is the whole message; leftovers are dropped under the reference count's ordering.
        self.shared.consumer_gone.store(true, Relaxed);
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("capacity", &self.capacity).field("popped", &self.head).finish()
    }
}
