//! A bounded queue between one producer and one consumer.
//!
//! Messages are numbered, in an array beside them: the consumer learns from the number that its next message is there. Eight
//! numbers share a cache line, so that a consumer that lags behind looks at lines the producer has left, and takes many messages
//! at one look (the messages begin at a cache line as the numbers do, so that it then leaves the line alone that the
//! producer fills); a shared tail index would be fetched by the consumer at every look and taken back by the producer at
//! every push. The consumer's position is on a line of its own, which the producer reads only when the ring looks full to it.
//! Every eight messages the producer asks for the lines that it comes to soon, of messages and of numbers.
//! Positions are 64 bits wide and never wrap. docs/adr/0007 has the measurements.
//!
//! A batch is pushed and popped value by value. Batches as slices in place:
//! [`broadcast::pipeline`](crate::broadcast::pipeline) with one stage, or the `rtrb` crate.
//!
//! | field | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | a message's number | producer | consumer | Release / Acquire | publishes the value |
//! | a message's value | producer, then consumer (moves out) | consumer | plain | ordered by the number one way and by `head` the other |
//! | `head` | consumer | producer | Release / Acquire | hands emptied slots back |
//! | `producer_gone` | producer's drop | consumer | Release / Acquire | every message was published before it |
//! | `consumer_gone` | consumer's drop | producer | Relaxed | the flag is the whole message; values left behind are dropped with the ring |
//! | `tail`, `limit`, `stop`; `head`, `seen` | producer; consumer | the same | plain | private to the half |

mod consumer;
mod error;
mod producer;
mod shared;

pub use consumer::Consumer;
pub use error::{PopError, PushError};
pub use producer::Producer;

use crate::sync::Arc;
use shared::Shared;

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
    let shared = Arc::new(Shared::new(capacity.next_power_of_two()));
    (Producer::new(Arc::clone(&shared), capacity), Consumer::new(shared, capacity))
}

#[cfg(all(test, not(bot4_loom)))]
mod tests;
