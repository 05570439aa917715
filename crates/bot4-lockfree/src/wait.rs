//! What a thread does while there is nothing to do.
//!
//! The queues and rings never wait by themselves: a push or pop that cannot happen returns at once. [`Wait`] repeats
//! such an attempt. Nobody wakes a waiting thread, so the other side pays nothing for it (a wake-up needs a fence after
//! every push); a parked thread looks again by itself.

use crate::sync::{spin_loop, yield_now};
use std::thread;
use std::time::Duration;

/// Attempts in a row before a thread gives up its core.
const SPINS: u32 = if cfg!(bot4_loom) { 1 } else { 128 };
/// Times a thread gives up its core before it sleeps.
const YIELDS: u32 = 32;

/// How to repeat an attempt until it succeeds.
///
/// | strategy | reacts within | costs |
/// | --- | --- | --- |
/// | `Spin` | nanoseconds | a core of its own; with fewer cores than threads it stops the thread it waits for |
/// | `Yield` | nanoseconds while spinning, then as soon as the scheduler comes round | a core, unless others want it |
/// | `Park` | as `Yield` at first, then at most the interval and the scheduler's delay | nothing when idle for long |
///
/// ```
/// use bot4_lockfree::{spsc, wait::Wait};
///
/// let (mut producer, mut consumer) = spsc::ring(2);
/// std::thread::spawn(move || (0..100).for_each(|i| producer.push_wait(i, Wait::Yield).unwrap()));
/// let mut sum = 0;
/// while let Some(i) = consumer.pop_wait(Wait::Yield) {
///     sum += i;
/// }
/// assert_eq!(sum, 4_950);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Try again at once, for ever.
    Spin,
    /// Try again at once 128 times, then give up the core between attempts.
    Yield,
    /// As `Yield` 32 times, then sleep between attempts.
    Park {
        /// The longest sleep; `Thread::unpark` ends it earlier.
        interval: Duration,
    },
}

impl Wait {
    /// Calls `attempt` until it returns something. Blocking, no allocation.
    ///
    /// ```
    /// use bot4_lockfree::wait::Wait;
    ///
    /// let mut countdown = 3;
    /// let waited = Wait::Spin.until(|| {
    ///     countdown -= 1;
    ///     (countdown == 0).then_some("done")
    /// });
    /// assert_eq!(waited, "done");
    /// ```
    pub fn until<R>(self, mut attempt: impl FnMut() -> Option<R>) -> R {
        let mut failures = 0_u32;
        loop {
            if let Some(result) = attempt() {
                return result;
            }
            failures = failures.saturating_add(1);
            self.pause(failures);
        }
    }

    fn pause(self, failures: u32) {
        match self {
            _ if failures < SPINS => spin_loop(),
            Self::Spin => spin_loop(),
            Self::Park { interval } if failures > SPINS + YIELDS => thread::park_timeout(interval),
            Self::Yield | Self::Park { .. } => yield_now(),
        }
    }
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_returns_the_first_success() {
        for wait in [Wait::Spin, Wait::Yield, Wait::Park { interval: Duration::from_micros(1) }] {
            let mut attempts = 0;
            let result = wait.until(|| {
                attempts += 1;
                (attempts == 1_000).then_some(attempts)
            });
            assert_eq!(result, 1_000, "{wait:?}");
        }
    }
}
