//! Limits that many threads share: how much may be outstanding ([`Budget`]) and how often ([`RateLimit`]).
//!
//! # [`Budget`]
//!
//! `try_reserve` adds, looks at the sum before its own addition, and subtracts again when the limit is passed. Taking
//! the additions in the order of the counter's modifications, an admitted one found `before + n <= limit`, and `before`
//! holds everything that was admitted earlier and not yet released: so the admitted total is never above the limit. The
//! price is the other direction: an attempt that is about to be refused is in the sum for a moment, and a concurrent
//! smaller one may be refused although it would have fitted.
//!
//! | field | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | `used` | reserving and releasing threads, read-modify-write | the same; `in_use` | Acquire on reserve, Release on release | what a holder did before its release is visible to whoever is given that room |
//! | `limit` | `set_limit` | `try_reserve` | Relaxed | the number is the whole message |
//!
//! # [`RateLimit`]
//!
//! A ring with a slot or more per permitted event remembers when each was admitted. Event `c` may pass when event `c - n`
//! is at least a window old; the claim of number `c` is one compare-exchange of the cursor. A thread that finds its number
//! taken tries the next one. When it has lost `n + 1` numbers, `n + 1` others were admitted after it asked, and it is
//! rightly refused: the loop is bounded.
//!
//! | field | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | `cursor` | the thread that claims a number, compare-exchange | all | Relaxed | only the order of its own modifications matters; the times travel by `sequence` |
//! | `slot.time` | the claimant of the slot's number | the claimant `n` numbers later | Release / Acquire | who sees a later event's time sees its claim, and tries again |
//! | `slot.sequence` | the claimant, after the time | the claimant `n` numbers later | Release / Acquire | publishes `time` |

use crate::sync::AtomicU64;
use crossbeam_utils::CachePadded;
use std::error::Error;
use std::fmt;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// An amount that may be outstanding, reserved and released by any number of threads.
///
/// Amounts are plain integers: choose the unit so that the limit stays under [`Budget::LIMIT_MAX`].
///
/// ```
/// use bot4_lockfree::budget::Budget;
///
/// let exposure = Budget::new(100);
/// exposure.try_reserve(70)?;
/// let refused = exposure.try_reserve(40).unwrap_err();
/// assert_eq!((refused.requested, refused.limit), (40, 100));
/// exposure.release(70);
/// exposure.try_reserve(40)?;
/// assert_eq!(exposure.in_use(), 40);
/// # Ok::<(), bot4_lockfree::budget::Exceeded>(())
/// ```
#[derive(Debug)]
pub struct Budget {
    used: CachePadded<AtomicU64>,
    limit: CachePadded<AtomicU64>,
}

/// A reservation was refused: with it, more than the limit would have been outstanding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// What was asked for.
    pub requested: u64,
    /// The limit that was in force.
    pub limit: u64,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reserving {} would exceed the limit of {}", self.requested, self.limit)
    }
}

impl Error for Exceeded {}

impl Budget {
    /// The largest limit and the largest single request, 2^52 - 1 (about 4.5 x 10^15).
    ///
    /// Attempts that are about to be refused are in the sum for a moment; with this bound the sum of 4,094 such attempts,
    /// each of the largest size, and of everything admitted still fits in 64 bits.
    pub const LIMIT_MAX: u64 = (1 << 52) - 1;

    /// A budget of `limit`, nothing of it in use.
    ///
    /// # Panics
    /// When `limit` is above [`Budget::LIMIT_MAX`].
    #[must_use]
    pub fn new(limit: u64) -> Self {
        assert!(limit <= Self::LIMIT_MAX, "budget limit {limit} is above the maximum of {}", Self::LIMIT_MAX);
        Self { used: CachePadded::new(AtomicU64::new(0)), limit: CachePadded::new(AtomicU64::new(limit)) }
    }

    /// Reserves `n` if that keeps everything outstanding within the limit. Wait-free, no allocation.
    ///
    /// # Errors
    /// [`Exceeded`] when it does not fit, or when it might not because of an attempt that is just being refused.
    #[inline]
    pub fn try_reserve(&self, n: u64) -> Result<(), Exceeded> {
        // ORDERING: Relaxed: the number is the whole message; `set_limit` is its partner.
        let limit = self.limit.load(Relaxed);
        let refused = Err(Exceeded { requested: n, limit });
        // ORDERING: Relaxed: an early way out only. A full budget is refused here without writing to the shared line.
        if n > limit || self.used.load(Relaxed) > limit - n {
            return refused;
        }
        // ORDERING: Acquire: pairs with the Release in `release` whose room this reservation is given. The addition
        // itself needs no Release: it hands nothing over.
        let before = self.used.fetch_add(n, Acquire);
        if before > limit - n {
            // ORDERING: Relaxed: undoes the line above; nothing was done under the refused reservation.
            self.used.fetch_sub(n, Relaxed);
            return refused;
        }
        Ok(())
    }

    /// Gives back `n` of what was reserved. Wait-free, no allocation.
    ///
    /// # Panics
    /// When less than `n` is outstanding: a reservation was released twice. The amount in use is left as it was.
    #[inline]
    pub fn release(&self, n: u64) {
        // ORDERING: Release: pairs with the Acquire of the reservation that is given this room.
        let before = self.used.fetch_sub(n, Release);
        if before < n {
            self.undo_release(n, before);
        }
    }

    #[cold]
    fn undo_release(&self, n: u64, before: u64) -> ! {
        // ORDERING: Relaxed: undoes the subtraction. Until here the sum had wrapped to a huge one, which refuses all.
        self.used.fetch_add(n, Relaxed);
        panic!("released {n} of a budget with {before} in use");
    }

    /// What is outstanding, including attempts that are just being refused. Wait-free, no allocation.
    #[must_use]
    pub fn in_use(&self) -> u64 {
        // ORDERING: Relaxed: a statistic, nothing is inferred from it about other memory.
        self.used.load(Relaxed)
    }

    /// The limit in force. Wait-free, no allocation.
    #[must_use]
    pub fn limit(&self) -> u64 {
        // ORDERING: Relaxed: the number is the whole message.
        self.limit.load(Relaxed)
    }

    /// Replaces the limit for the reservations that start from now on. Wait-free, no allocation.
    ///
    /// A limit below what is outstanding takes nothing back: it refuses until enough has been released.
    ///
    /// # Panics
    /// When `limit` is above [`Budget::LIMIT_MAX`].
    pub fn set_limit(&self, limit: u64) {
        assert!(limit <= Self::LIMIT_MAX, "budget limit {limit} is above the maximum of {}", Self::LIMIT_MAX);
        // ORDERING: Relaxed: the number is the whole message; `try_reserve` is its partner.
        self.limit.store(limit, Relaxed);
    }
}

/// At most `n` events in any window of `window_ns`, counted over all threads (a sliding window, not a bucket that can
/// let twice the number pass around its edge).
///
/// The caller brings the time, so replays are exact. Memory: 16 bytes per permitted event, their number rounded up to a
/// power of two.
///
/// ```
/// use bot4_lockfree::budget::RateLimit;
///
/// let orders = RateLimit::new(2, 1_000);
/// assert!(orders.try_acquire(10_000));
/// assert!(orders.try_acquire(10_600));
/// assert!(!orders.try_acquire(10_999)); // two within the last 1,000 ns
/// assert!(orders.try_acquire(11_000)); // the first one is a window old
/// assert!(!orders.try_acquire(11_599));
/// ```
#[derive(Debug)]
pub struct RateLimit {
    cursor: CachePadded<AtomicU64>,
    /// A power of two of them, at least `permitted`.
    slots: Box<[Admission]>,
    permitted: u64,
    window_ns: u64,
}

#[derive(Debug)]
struct Admission {
    /// The event number that was admitted here last, plus one; 0 at first.
    sequence: AtomicU64,
    time: AtomicU64,
}

impl RateLimit {
    /// A limit of `n` events per `window_ns`. Allocates its ring here and nothing later.
    ///
    /// # Panics
    /// When `n` or `window_ns` is 0.
    #[must_use]
    pub fn new(n: u32, window_ns: u64) -> Self {
        assert!(n > 0, "a rate limit needs room for at least one event");
        assert!(window_ns > 0, "a rate limit needs a window of at least 1 ns");
        let admission = |_| Admission { sequence: AtomicU64::new(0), time: AtomicU64::new(0) };
        Self {
            cursor: CachePadded::new(AtomicU64::new(0)),
            slots: (0..u64::from(n).next_power_of_two()).map(admission).collect(),
            permitted: u64::from(n),
            window_ns,
        }
    }

    /// Takes one event at time `now_ns`; false when the window is full. Wait-free (at most `n + 1` rounds, one unless
    /// threads collide), no allocation.
    ///
    /// A thread that was stopped between claiming an event and noting its time makes others be refused when they come
    /// round to its slot, never admitted. So does a time that runs backwards.
    #[inline]
    pub fn try_acquire(&self, now_ns: u64) -> bool {
        // ORDERING: Relaxed: a guess that the compare-exchange below confirms.
        let mut number = self.cursor.load(Relaxed);
        for _ in 0..=self.permitted {
            if !self.is_free(number, now_ns) {
                // ORDERING: Relaxed: `is_free` acquired whatever refused this number: if that was a later event, its claim
                // of the cursor is visible.
                let newest = self.cursor.load(Relaxed);
                if newest == number {
                    return false;
                }
                number = newest;
                continue;
            }
            // ORDERING: Relaxed: claims the number in the cursor's own modification order; the time of the event `n`
            // numbers ago was already acquired through its sequence in `is_free`.
            match self.cursor.compare_exchange(number, number + 1, Relaxed, Relaxed) {
                Ok(_) => {
                    self.note(number, now_ns);
                    return true;
                }
                Err(newer) => number = newer,
            }
        }
        false
    }

    /// Whether the event `n` numbers before `number` has been noted and is a window old.
    #[inline]
    fn is_free(&self, number: u64, now_ns: u64) -> bool {
        let Some(earlier) = number.checked_sub(self.permitted) else { return true };
        let slot = self.slot(earlier);
        // ORDERING: Acquire, twice: pairs with the two Releases in `note`: `time` is that event's, or that of a later one,
        // which came after its claim of the cursor.
        slot.sequence.load(Acquire) == earlier + 1
            && now_ns.checked_sub(slot.time.load(Acquire)).is_some_and(|age| age >= self.window_ns)
    }

    #[inline]
    fn note(&self, number: u64, now_ns: u64) {
        let slot = self.slot(number);
        // ORDERING: Release: the claim of `number` came before; pairs with the Acquire in `is_free`.
        slot.time.store(now_ns, Release);
        // ORDERING: Release: publishes the time to the Acquire in `is_free`.
        slot.sequence.store(number + 1, Release);
    }

    #[inline]
    fn slot(&self, number: u64) -> &Admission {
        &self.slots[number as usize & (self.slots.len() - 1)]
    }

    /// How many events one window lets pass. Wait-free, no allocation.
    #[must_use]
    pub fn permitted(&self) -> usize {
        self.permitted as usize
    }

    /// How many events have been admitted so far. Wait-free, no allocation.
    #[must_use]
    pub fn admitted(&self) -> u64 {
        // ORDERING: Relaxed: a statistic.
        self.cursor.load(Relaxed)
    }
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn whole_limit_fits_and_one_more_does_not() {
        let budget = Budget::new(10);
        assert_eq!(budget.try_reserve(10), Ok(()));
        assert_eq!(budget.try_reserve(1), Err(Exceeded { requested: 1, limit: 10 }));
        assert_eq!(budget.try_reserve(0), Ok(()));
        budget.release(10);
        assert_eq!(budget.in_use(), 0);
    }

    #[test]
    fn huge_request_is_refused_without_overflow() {
        let budget = Budget::new(Budget::LIMIT_MAX);
        budget.try_reserve(5).unwrap();
        assert!(budget.try_reserve(u64::MAX).is_err());
        assert!(budget.try_reserve(Budget::LIMIT_MAX).is_err());
        assert!(budget.try_reserve(Budget::LIMIT_MAX - 5).is_ok());
        assert_eq!(budget.in_use(), Budget::LIMIT_MAX);
    }

    #[test]
    #[should_panic(expected = "released 2 of a budget with 1 in use")]
    fn double_release_panics() {
        let budget = Budget::new(10);
        budget.try_reserve(1).unwrap();
        budget.release(2);
    }

    #[test]
    fn lowered_limit_refuses_until_enough_is_released() {
        let budget = Budget::new(10);
        budget.try_reserve(8).unwrap();
        budget.set_limit(4);
        assert!(budget.try_reserve(1).is_err());
        budget.release(5);
        assert!(budget.try_reserve(1).is_ok());
        assert!(budget.try_reserve(1).is_err());
    }

    #[test]
    fn rate_limit_equals_a_log_of_the_window() {
        let mut seed = 7_u64;
        for n in [1_u32, 2, 3, 10] {
            let (limit, window) = (RateLimit::new(n, 100), 100);
            let (mut log, mut now) = (VecDeque::new(), 0);
            for step in 0..5_000 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                now += (seed >> 40) % 60;
                while log.front().is_some_and(|&t| now - t >= window) {
                    log.pop_front();
                }
                let expected = log.len() < n as usize;
                if expected {
                    log.push_back(now);
                }
                assert_eq!(limit.try_acquire(now), expected, "n {n}, step {step}, now {now}");
            }
        }
    }

    #[test]
    fn clock_that_runs_backwards_is_refused() {
        let limit = RateLimit::new(1, 10);
        assert!(limit.try_acquire(1_000));
        assert!(!limit.try_acquire(0));
        assert!(limit.try_acquire(1_010));
    }
}
