//! A bounded queue between many producers and many consumers.
//!
//! [`crossbeam_queue::ArrayQueue`] with what a pipeline needs around it: closing, and popping in batches. `ArrayQueue`
//! takes one compare-exchange per push or pop; it is lock-free as long as nobody is stopped between claiming a slot and
//! filling or emptying it: a pop that finds the oldest slot claimed waits for that thread.
//!
//! Closing is exact in both directions. Consumers learn [`PopError::Closed`] only when the last producer handle has been
//! dropped, after all its pushes: no message is accepted and then forgotten. To stop from the other side, a consumer
//! [closes](Consumer::close) the queue: pushes fail, producers give up their handles, the rest is popped.
//!
//! | field | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | `queue` | producers and consumers | the same | inside `ArrayQueue` | a message happens before its pop |
//! | `producers` | clone and drop of a producer | consumers that find the queue empty | Release / Acquire | who reads 0 sees every message pushed |
//! | `consumers` | clone and drop of a consumer | the same | AcqRel | the last one closes |
//! | `refusing` | `close`, the last consumer's drop | producers | Relaxed | the flag is the whole message |

use crate::hint::unlikely;
use crate::spsc::{PopError, PushError};
use crate::sync::{Arc, AtomicBool, AtomicU64};
use crate::wait::Wait;
use crossbeam_queue::ArrayQueue;
use crossbeam_utils::CachePadded;
use std::fmt;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

/// Makes a queue that holds up to `capacity` messages, and its two kinds of handles, both `Clone`. All memory is
/// allocated here.
///
/// # Panics
/// When `capacity` is 0.
///
/// ```
/// use bot4_lockfree::mpmc;
/// use bot4_lockfree::spsc::PopError;
///
/// let (producer, consumer) = mpmc::queue(16);
/// std::thread::scope(|scope| {
///     for i in 0..4 {
///         let producer = producer.clone();
///         scope.spawn(move || producer.push(i).expect("room for all"));
///     }
/// });
/// drop(producer);
/// let mut popped = Vec::new();
/// assert_eq!(consumer.pop_each(usize::MAX, |i| popped.push(i)), 4);
/// popped.sort();
/// assert_eq!(popped, [0, 1, 2, 3]);
/// assert_eq!(consumer.pop(), Err(PopError::Closed));
/// assert_eq!(consumer.capacity(), 16);
/// ```
#[must_use]
pub fn queue<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    assert!(capacity > 0, "a queue needs room for at least one message");
    let shared = Arc::new(Shared {
        queue: ArrayQueue::new(capacity),
        refusing: AtomicBool::new(false),
        producers: CachePadded::new(AtomicU64::new(1)),
        consumers: CachePadded::new(AtomicU64::new(1)),
    });
    (Producer { shared: Arc::clone(&shared) }, Consumer { shared })
}

struct Shared<T> {
    queue: ArrayQueue<T>,
    refusing: AtomicBool,
    producers: CachePadded<AtomicU64>,
    consumers: CachePadded<AtomicU64>,
}

/// A pushing handle of a [`queue`].
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Producer<T> {
    /// Appends `value`. Lock-free, no allocation.
    ///
    /// # Errors
    /// [`PushError`], with the value, when the queue is full, or closed.
    #[inline]
    pub fn push(&self, value: T) -> Result<(), PushError<T>> {
        if unlikely(self.is_closed()) {
            return Err(PushError::Closed(value));
        }
        self.shared.queue.push(value).map_err(PushError::Full)
    }

    /// Appends `value` as soon as there is room. Blocking, no allocation.
    ///
    /// # Errors
    /// The value, when the queue is closed.
    pub fn push_wait(&self, value: T, wait: Wait) -> Result<(), T> {
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

    /// Whether pushes are refused. Wait-free, no allocation.
    #[inline]
    #[must_use]
    pub fn is_closed(&self) -> bool {
        // ORDERING: Relaxed: the flag is the whole message.
        self.shared.refusing.load(Relaxed)
    }

    /// How many messages fit.
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.queue.capacity()
    }
}

impl<T> Clone for Producer<T> {
    fn clone(&self) -> Self {
        // ORDERING: Relaxed: the handle cloned from keeps the count above 0 meanwhile.
        self.shared.producers.fetch_add(1, Relaxed);
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        // ORDERING: Release: this handle's pushes come before; pairs with the Acquire in `Consumer::pop`.
        self.shared.producers.fetch_sub(1, Release);
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("capacity", &self.shared.queue.capacity()).finish()
    }
}

/// A popping handle of a [`queue`].
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Consumer<T> {
    /// Takes the oldest message. Lock-free but for producers stopped half-way (see the module), no allocation.
    ///
    /// # Errors
    /// [`PopError::Empty`] when nothing waits; [`PopError::Closed`] when nothing waits and every producer is gone.
    #[inline]
    pub fn pop(&self) -> Result<T, PopError> {
        let mut last_look = false;
        // One call for both looks: two would keep it from being compiled into the caller's loop.
        loop {
            if let Some(value) = self.shared.queue.pop() {
                return Ok(value);
            }
            if last_look {
                return Err(PopError::Closed);
            }
            // ORDERING: Acquire: pairs with the Release of every producer's drop (a chain of read-modify-writes): whoever
            // reads 0 sees all messages, also those that came since the look before.
            if self.shared.producers.load(Acquire) > 0 {
                return Err(PopError::Empty);
            }
            last_look = true;
        }
    }

    /// Takes the oldest message as soon as there is one; `None` when every producer is gone. Blocking, no allocation.
    pub fn pop_wait(&self, wait: Wait) -> Option<T> {
        wait.until(|| match self.pop() {
            Ok(value) => Some(Some(value)),
            Err(PopError::Closed) => Some(None),
            Err(PopError::Empty) => None,
        })
    }

    /// Takes up to `max` messages, oldest first, and hands each to `take`; returns how many. Stops early when the queue
    /// is found empty. Lock-free as [`pop`](Self::pop), no allocation.
    pub fn pop_each(&self, max: usize, mut take: impl FnMut(T)) -> usize {
        let mut taken = 0;
        while taken < max {
            let Ok(value) = self.pop() else { break };
            take(value);
            taken += 1;
        }
        taken
    }

    /// How many messages fit.
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.queue.capacity()
    }

    /// Refuses pushes from now on; what waits can still be popped. Wait-free, no allocation.
    ///
    /// A push that runs beside this call may still be accepted, and is then popped like any other.
    pub fn close(&self) {
        // ORDERING: Relaxed: the flag is the whole message.
        self.shared.refusing.store(true, Relaxed);
    }

    /// How many messages wait, about. Wait-free, no allocation.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.queue.len()
    }

    /// Whether no message waits, about. Wait-free, no allocation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shared.queue.is_empty()
    }
}

impl<T> Clone for Consumer<T> {
    fn clone(&self) -> Self {
        // ORDERING: Relaxed: the handle cloned from keeps the count above 0 meanwhile.
        self.shared.consumers.fetch_add(1, Relaxed);
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        // ORDERING: AcqRel: exactly one drop sees 1, after all others.
        if self.shared.consumers.fetch_sub(1, AcqRel) == 1 {
            self.close();
        }
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("capacity", &self.shared.queue.capacity()).finish()
    }
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::*;

    #[test]
    fn full_queue_returns_the_value() {
        let (producer, consumer) = queue(2);
        producer.push(1).unwrap();
        producer.push(2).unwrap();
        assert_eq!(producer.push(3), Err(PushError::Full(3)));
        assert_eq!(consumer.pop_each(1, |i| assert_eq!(i, 1)), 1);
        assert_eq!(producer.push(3), Ok(()));
        assert_eq!(consumer.len(), 2);
    }

    #[test]
    fn closed_queue_refuses_and_still_gives_out_what_waits() {
        let (producer, consumer) = queue(4);
        producer.push(1).unwrap();
        consumer.close();
        assert_eq!(producer.push(2), Err(PushError::Closed(2)));
        assert_eq!(consumer.pop(), Ok(1));
        assert_eq!(consumer.pop(), Err(PopError::Empty), "a producer handle still exists");
        drop(producer);
        assert_eq!(consumer.pop(), Err(PopError::Closed));
    }

    #[test]
    fn last_consumer_closes() {
        let (producer, consumer) = queue(4);
        let second = consumer.clone();
        drop(consumer);
        assert_eq!(producer.push(1), Ok(()));
        drop(second);
        assert_eq!(producer.push_wait(2, Wait::Spin), Err(2));
    }
}
