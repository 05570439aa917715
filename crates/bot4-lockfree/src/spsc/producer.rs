//! The pushing half.
#![allow(unsafe_code)] // values live in uninitialised memory, reached through a shared reference

use super::error::PushError;
use super::shared::Shared;
use crate::hint::unlikely;
use crate::sync::Arc;
use crate::wait::Wait;
use std::fmt;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// The pushing half of a [`ring`](super::ring).
#[repr(align(128))] // the two halves side by side, in a struct or on a stack, share no pair of cache lines
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
    capacity: u64,
    /// How many messages were pushed.
    tail: u64,
    /// How many may be, as far as the consumer's position was last seen.
    limit: u64,
    /// Up to here there is nothing to look after: at most `limit`.
    stop: u64,
}

impl<T> Producer<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, capacity: usize) -> Self {
        let capacity = capacity as u64;
        Self { shared, capacity, tail: 0, limit: capacity, stop: 0 }
    }

    /// Appends `value`. Wait-free, no allocation.
    ///
    /// # Errors
    /// [`PushError`], with the value, when the ring is full or the consumer is gone.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), PushError<T>> {
        if unlikely(self.is_closed()) {
            return Err(PushError::Closed(value));
        }
        if self.tail == self.stop && !self.advance() {
            return Err(PushError::Full(value));
        }
        self.write(value);
        Ok(())
    }

    /// Appends `value` as soon as there is room. Blocking, no allocation.
    ///
    /// # Errors
    /// The value, when the consumer is gone.
    pub fn push_wait(&mut self, value: T, wait: Wait) -> Result<(), T> {
        let mut waiting = Some(value);
        wait.until(|| match self.push(waiting.take()?) {
            Ok(()) => Some(Ok(())),
            Err(PushError::Closed(value)) => Some(Err(value)),
            Err(PushError::Full(value)) => {
                waiting = Some(value);
                None
            }
        })
    }

    /// Appends values from `values` while there is room, and returns how many; what does not fit is not taken from the
    /// iterator. None fits when the consumer is gone. Wait-free but for the iterator, no allocation.
    ///
    /// ```
    /// use bot4_lockfree::spsc;
    ///
    /// let (mut producer, mut consumer) = spsc::ring(3);
    /// let mut values = 0..5;
    /// assert_eq!(producer.push_each(&mut values), 3);
    /// let mut popped = Vec::new();
    /// assert_eq!(consumer.pop_each(2, |value| popped.push(value)), 2);
    /// assert_eq!((popped, values), (vec![0, 1], 3..5));
    /// ```
    #[inline]
    pub fn push_each(&mut self, values: impl IntoIterator<Item = T>) -> usize {
        if unlikely(self.is_closed()) {
            return 0;
        }
        let mut pushed = 0;
        let mut values = values.into_iter();
        while self.tail < self.stop || self.advance() {
            let Some(value) = values.next() else { break };
            self.write(value);
            pushed += 1;
        }
        pushed
    }

    /// Fills the slot at the tail, which must be free, and publishes it.
    #[inline(always)]
    fn write(&mut self, value: T) {
        self.shared.value(self.tail).with_mut(|cell| {
            // SAFETY: callers checked that the tail is below `limit`: the consumer has left the message
            // that was here, and comes back only after the publication below.
            let cell = unsafe { &mut *cell };
            cell.write(value);
        });
        self.shared.publish(self.tail);
        self.tail += 1;
    }

    /// Moves `stop` on and asks for the lines that come next; false where there is no room. Wait-free, no allocation.
    #[inline(never)]
    fn advance(&mut self) -> bool {
        if self.tail == self.limit {
            self.look_for_room();
        }
        self.stop = self.shared.fetch_ahead(self.tail, self.limit);
        self.tail < self.limit
    }

    /// Looks how far the consumer is.
    fn look_for_room(&mut self) {
        // ORDERING: Acquire: pairs with the consumer's Release store: its reads of the slots it left came before.
        self.limit = self.shared.head.load(Acquire) + self.capacity;
    }

    /// How many pushes are sure to succeed, unless the consumer goes. Wait-free, no allocation.
    pub fn vacant(&mut self) -> usize {
        self.look_for_room();
        (self.limit - self.tail) as usize
    }

    /// Whether the consumer is gone. Wait-free, no allocation.
    #[inline]
    #[must_use]
    pub fn is_closed(&self) -> bool {
        // ORDERING: Relaxed: the flag is the whole message; nothing the consumer wrote is read because of it.
        self.shared.consumer_gone.load(Relaxed)
    }

    /// The most messages that can wait. Wait-free, no allocation.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        // ORDERING: Release: every message was published before; pairs with the Acquire in `Consumer::pop_last`.
        self.shared.producer_gone.store(true, Release);
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("capacity", &self.capacity).field("pushed", &self.tail).finish()
    }
}
