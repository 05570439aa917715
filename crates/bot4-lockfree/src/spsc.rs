//! A bounded queue between one producer and one consumer.
//!
//! Each slot carries the number of the message in it, so the consumer learns from the slot itself that the message is
//! there: one cache line crosses between the cores per message, where a ring with a shared tail index moves two. The
//! consumer's position lives on a line of its own, which the producer reads only when the ring looks full to it.
//! Positions are 64 bits wide and never wrap.
//!
//! | field | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | `slot.number` | producer | consumer | Release / Acquire | publishes the value in the slot |
//! | `slot.value` | producer, then consumer (moves out) | consumer | plain | ordered by `number` one way and by `head` the other |
//! | `head` | consumer | producer | Release / Acquire | hands emptied slots back |
//! | `producer_gone` | producer's drop | consumer | Release / Acquire | every message was published before it |
//! | `consumer_gone` | consumer's drop | producer | Relaxed | the flag is the whole message; values left behind are dropped with the ring |
//! | `tail`, `head_seen` | producer | producer | plain | private to the half |
#![allow(unsafe_code)] // values live in uninitialised slots, and the two halves reach them through shared references

use crate::hint::unlikely;
use crate::sync::{Arc, AtomicBool, AtomicU64, UnsafeCell};
use crate::wait::Wait;
use crossbeam_utils::CachePadded;
use std::error::Error;
use std::fmt;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Why a push did not happen; the value comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PushError<T> {
    /// `capacity` messages wait; try again after a pop.
    Full(T),
    /// The consumer is gone: no push will ever succeed again.
    Closed(T),
}

impl<T> PushError<T> {
    /// The value that was not pushed.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }
}

impl<T> fmt::Display for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the queue is full",
            Self::Closed(_) => "the queue is closed: nobody will pop",
        })
    }
}

impl<T> fmt::Debug for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> Error for PushError<T> {}

/// Why a pop returned nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PopError {
    /// Nothing waits; try again after a push.
    Empty,
    /// The producer is gone and every message has been popped.
    Closed,
}

impl fmt::Display for PopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the queue is empty",
            Self::Closed => "the queue is closed: nobody will push, and all messages were popped",
        })
    }
}

impl Error for PopError {}

/// Makes a ring that holds up to `capacity` messages, and its two halves. All memory is allocated here.
///
/// The halves can move to other threads but not be cloned. Dropping one closes the ring: the consumer still pops what
/// was pushed before; a push fails at once. Whatever is left is dropped with the second half.
///
/// # Panics
/// When `capacity` is 0, or its slots do not fit in memory.
///
/// ```
/// use bot4_lockfree::spsc::{self, PopError, PushError};
///
/// let (mut producer, mut consumer) = spsc::ring(2);
/// producer.push("a")?;
/// producer.push("b")?;
/// assert_eq!(producer.push("c"), Err(PushError::Full("c")));
/// assert_eq!(consumer.pop(), Ok("a"));
/// drop(producer);
/// assert_eq!(consumer.pop(), Ok("b"));
/// assert_eq!(consumer.pop(), Err(PopError::Closed));
/// # Ok::<(), PushError<&str>>(())
/// ```
#[must_use]
pub fn ring<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    assert!(capacity > 0, "a ring needs room for at least one message");
    let slots: Box<[Slot<T>]> = (0..capacity.next_power_of_two()).map(|_| Slot::vacant()).collect();
    let shared = Arc::new(Shared {
        slots,
        producer_gone: AtomicBool::new(false),
        consumer_gone: AtomicBool::new(false),
        head: CachePadded::new(AtomicU64::new(0)),
    });
    let producer = Producer { shared: Arc::clone(&shared), capacity: capacity as u64, tail: 0, head_seen: 0 };
    (producer, Consumer { shared, capacity, head: 0 })
}

struct Slot<T> {
    /// Position of the message here, plus one; 0 before the first.
    number: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Slot<T> {
    fn vacant() -> Self {
        Self { number: AtomicU64::new(0), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }
}

struct Shared<T> {
    slots: Box<[Slot<T>]>,
    producer_gone: AtomicBool,
    consumer_gone: AtomicBool,
    /// How many messages the consumer has taken.
    head: CachePadded<AtomicU64>,
}

// SAFETY: values cross from the producer's thread to the consumer's (T: Send); a slot is touched by one half at a time,
// as the table above orders it, so no `&T` is ever shared.
unsafe impl<T: Send> Sync for Shared<T> {}
// SAFETY: as above; the remaining values are dropped on whichever thread drops the second half.
unsafe impl<T: Send> Send for Shared<T> {}

impl<T> Shared<T> {
    #[inline(always)]
    fn slot(&self, position: u64) -> &Slot<T> {
        let index = position as usize & (self.slots.len() - 1);
        debug_assert!(index < self.slots.len());
        // SAFETY: the length is a power of two, so the masked index is below it.
        unsafe { self.slots.get_unchecked(index) }
    }

    /// The slot of `position` if its message has been published.
    #[inline(always)]
    fn published(&self, position: u64) -> Option<&Slot<T>> {
        let slot = self.slot(position);
        // ORDERING: Acquire: pairs with the producer's Release store, so the value in the slot is visible.
        (slot.number.load(Acquire) == position + 1).then_some(slot)
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // ORDERING: Relaxed: both halves are gone, and the reference count ordered their last accesses before this.
        let mut position = self.head.load(Relaxed);
        while let Some(slot) = self.published(position) {
            slot.value.with_mut(|value| {
                // SAFETY: no half is left, so the pointer is unique.
                let value = unsafe { &mut *value };
                // SAFETY: `head` is the first position not popped and this slot's number says it was written.
                unsafe { value.assume_init_drop() };
            });
            position += 1;
        }
    }
}

/// The pushing half of a [`ring`].
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
    capacity: u64,
    /// How many messages were pushed.
    tail: u64,
    /// The consumer's position when it was last looked at: at most the true one.
    head_seen: u64,
}

impl<T> Producer<T> {
    /// Appends `value`. Wait-free, no allocation.
    ///
    /// # Errors
    /// [`PushError`], with the value, when the ring is full or the consumer is gone.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), PushError<T>> {
        if unlikely(self.is_closed()) {
            return Err(PushError::Closed(value));
        }
        if self.tail - self.head_seen == self.capacity && self.look_for_room() == 0 {
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
        let mut room = self.capacity - (self.tail - self.head_seen);
        loop {
            if room == 0 {
                room = self.look_for_room();
                if room == 0 {
                    return pushed;
                }
            }
            let Some(value) = values.next() else { return pushed };
            self.write(value);
            (pushed, room) = (pushed + 1, room - 1);
        }
    }

    /// Fills the slot at the tail, which must be free, and publishes it.
    #[inline(always)]
    fn write(&mut self, value: T) {
        let slot = self.shared.slot(self.tail);
        slot.value.with_mut(|cell| {
            // SAFETY: callers checked that the tail is within `capacity` of `head_seen`: the consumer has left this
            // slot's previous message, and it reads the slot only after the store below.
            let cell = unsafe { &mut *cell };
            cell.write(value);
        });
        // ORDERING: Release: publishes the value; pairs with the Acquire in `published`.
        slot.number.store(self.tail + 1, Release);
        self.tail += 1;
    }

    /// Reads the consumer's position and returns how many messages fit now. Wait-free, no allocation.
    #[inline(never)]
    fn look_for_room(&mut self) -> u64 {
        // ORDERING: Acquire: pairs with the consumer's Release store: its reads of the slots it left came before.
        self.head_seen = self.shared.head.load(Acquire);
        self.capacity - (self.tail - self.head_seen)
    }

    /// How many pushes are sure to succeed, unless the consumer goes. Wait-free, no allocation.
    pub fn vacant(&mut self) -> usize {
        self.look_for_room() as usize
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

/// The popping half of a [`ring`].
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
    capacity: usize,
    /// How many messages were popped.
    head: u64,
}

impl<T> Consumer<T> {
    /// Takes the oldest message. Wait-free, no allocation.
    ///
    /// # Errors
    /// [`PopError::Empty`] when nothing waits; [`PopError::Closed`] when nothing waits and the producer is gone.
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        match self.shared.published(self.head) {
            Some(slot) => {
                let value = take(slot);
                self.advance();
                Ok(value)
            }
            None => self.pop_last(),
        }
    }

    /// The ring looked empty: says whether more can come, and takes a message that came in between.
    #[inline(never)]
    fn pop_last(&mut self) -> Result<T, PopError> {
        // ORDERING: Acquire: pairs with the Release in the producer's drop: if it is gone, all it pushed is visible.
        if !self.shared.producer_gone.load(Acquire) {
            return Err(PopError::Empty);
        }
        let value = take(self.shared.published(self.head).ok_or(PopError::Closed)?);
        self.advance();
        Ok(value)
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
    /// The slots are given back to the producer together, at the end. See [`Producer::push_each`].
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
        self.shared.published(self.head).map(|slot| {
            slot.value.with(|cell| {
                // SAFETY: the number was acquired, so the producer leaves this slot alone until `advance`, which needs
                // the `&mut self` that the result borrows.
                let cell = unsafe { &*cell };
                // SAFETY: published means initialised.
                unsafe { cell.assume_init_ref() }
            })
        })
    }

    #[inline(always)]
    fn advance(&mut self) {
        self.head += 1;
        // ORDERING: Release: the slot was read before; pairs with the Acquire in `look_for_room`.
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
        let value = take(self.consumer.shared.published(self.consumer.head)?);
        self.consumer.head += 1;
        self.taken += 1;
        Some(value)
    }
}

impl<T> Drop for Batch<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // ORDERING: Release: the slots were read before; pairs with the Acquire in `look_for_room`.
        self.consumer.shared.head.store(self.consumer.head, Release);
    }
}

/// Moves the message out of a published slot; the caller moves `head` past it at once.
#[inline(always)]
fn take<T>(slot: &Slot<T>) -> T {
    slot.value.with(|cell| {
        // SAFETY: the number was acquired: the producer is done with this slot and does not write it until `head`
        // is stored.
        let cell = unsafe { &*cell };
        // SAFETY: published means initialised, and `head` moves on, so the value is read out once.
        unsafe { cell.assume_init_read() }
    })
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

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn full_ring_returns_the_value_at_any_capacity() {
        for capacity in [1, 2, 3, 5, 8, 100] {
            let (mut producer, mut consumer) = ring(capacity);
            for i in 0..capacity {
                assert_eq!(producer.push(i), Ok(()), "capacity {capacity}");
            }
            assert_eq!(producer.push(7), Err(PushError::Full(7)), "capacity {capacity}");
            assert_eq!(consumer.pop(), Ok(0));
            assert_eq!(producer.push(8), Ok(()));
            assert_eq!(producer.push(9), Err(PushError::Full(9)));
        }
    }

    #[test]
    fn values_left_behind_are_dropped_once() {
        struct Counted(std::sync::Arc<AtomicUsize>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_add(1, Relaxed);
            }
        }
        let drops = std::sync::Arc::new(AtomicUsize::new(0));
        let (mut producer, mut consumer) = ring(4);
        for _ in 0..4 {
            producer.push(Counted(std::sync::Arc::clone(&drops))).unwrap();
        }
        drop(consumer.pop());
        drop(producer);
        assert_eq!(drops.load(Relaxed), 1);
        drop(consumer);
        assert_eq!(drops.load(Relaxed), 4);
    }

    #[test]
    fn push_after_the_consumer_is_gone_returns_the_value() {
        let (mut producer, consumer) = ring(4);
        drop(consumer);
        assert!(producer.is_closed());
        assert_eq!(producer.push(1), Err(PushError::Closed(1)));
    }

    #[test]
    fn messages_cross_threads_in_order() {
        let (mut producer, mut consumer) = ring::<u64>(7);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for i in 0..200_000 {
                    let mut message = i;
                    while let Err(error) = producer.push(message) {
                        message = error.into_inner();
                        std::thread::yield_now();
                    }
                }
            });
            let mut expected = 0;
            loop {
                match consumer.pop() {
                    Ok(i) => {
                        assert_eq!(i, expected);
                        expected += 1;
                    }
                    Err(PopError::Empty) => std::thread::yield_now(),
                    Err(PopError::Closed) => break,
                }
            }
            assert_eq!(expected, 200_000);
        });
    }
}
