//! Claims: the order of all admissions, and how many there were in a window of time.
//!
//! Event `c` may pass when event `c - n` is at least a window old, so at most `n` pass in any window. To claim the
//! number `c` is one compare-exchange of the cursor, and the only locked instruction that all admissions of a gate
//! share: it puts them in an order, and whoever claims sees what every earlier claimant wrote before its claim.
//!
//! (bot4-lockfree's `RateLimit` counts in the same way. It has one limit for life, and its claims publish nothing.)

use std::sync::atomic::Ordering;

use super::sync::AtomicU64;

/// The time of an event that came to nothing: it is never in the window.
const VOID: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Window {
    cursor: Cursor,
    /// A power of two of them, at least as many as the largest `n`.
    slots: Box<[Slot]>,
}

/// On lines of its own, as every claim writes it.
#[derive(Debug)]
#[repr(align(128))]
struct Cursor(AtomicU64);

#[derive(Debug)]
struct Slot {
    /// The number of the event noted here last, plus one; 0 at first.
    sequence: AtomicU64,
    time: AtomicU64,
}

impl Window {
    /// For up to `n` events in a window, or more.
    pub(super) fn new(n: u32) -> Self {
        /// Slots at least: a limit may be raised later.
        const SLOTS_MIN: usize = if cfg!(bot4_loom) { 2 } else { 1024 };
        let slots = (n as usize).next_power_of_two().max(SLOTS_MIN);
        // Not all zeros, so that the pages are written here: those of a large limit would otherwise be mapped by the first
        // orders that reach them, one fault for every 256.
        let slot = |_| Slot { sequence: AtomicU64::new(0), time: AtomicU64::new(VOID) };
        Self { cursor: Cursor(AtomicU64::new(0)), slots: (0..slots).map(slot).collect() }
    }

    /// The largest `n`.
    pub(super) const fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Claims the next number at time `now`, unless `n` events are in the window. Whoever gets one must
    /// [`note`](Self::note) it. Wait-free: after `n + 1` lost races, `n + 1` others were admitted.
    #[inline]
    pub(super) fn claim(&self, now: u64, n: u32, window: u64) -> Option<u64> {
        // ORDERING: Relaxed; a guess that the compare-exchange confirms.
        let number = self.cursor.0.load(Ordering::Relaxed);
        if !self.is_free(number, now, n, window) {
            return self.claim_newer(number, now, n, window);
        }
        match self.take(number) {
            Ok(_) => Some(number),
            Err(_) => self.claim_newer(number, now, n, window),
        }
    }

    /// Claims and notes at once, for the only one who claims: every earlier number is noted, so the time tells all.
    #[inline]
    pub(super) fn claim_alone(&self, now: u64, n: u32, window: u64) -> bool {
        // ORDERING: Relaxed, all of them; nobody else claims meanwhile, and who claims next comes after this one.
        let number = self.cursor.0.load(Ordering::Relaxed);
        if let Some(earlier) = number.checked_sub(u64::from(n)) {
            // ORDERING: Relaxed, as above.
            let time = self.slot(earlier).time.load(Ordering::Relaxed);
            if now.checked_sub(time).is_none_or(|age| age < window) {
                return false;
            }
        }
        // ORDERING: Relaxed, as above.
        self.slot(number).time.store(now, Ordering::Relaxed);
        // ORDERING: Relaxed, as above.
        self.cursor.0.store(number + 1, Ordering::Relaxed);
        true
    }

    #[inline]
    fn take(&self, number: u64) -> Result<u64, u64> {
        // ORDERING: AcqRel; the successful claims are one chain: whoever claims next sees what this thread wrote before.
        // Relaxed where it failed: it only says what to try next.
        self.cursor.0.compare_exchange(number, number + 1, Ordering::AcqRel, Ordering::Relaxed)
    }

    /// Goes on from a number that was refused or lost to another.
    #[cold]
    fn claim_newer(&self, refused: u64, now: u64, n: u32, window: u64) -> Option<u64> {
        let mut refused = refused;
        for _ in 0..=n {
            // ORDERING: Relaxed; if a later event's note refused this number, `is_free` acquired it, and with it
            // the later cursor.
            let number = self.cursor.0.load(Ordering::Relaxed);
            if number == refused {
                return None;
            }
            if self.is_free(number, now, n, window) && self.take(number).is_ok() {
                return Some(number);
            }
            refused = number;
        }
        None
    }

    /// Whether the event `n` numbers before `number` is noted, and outside the window.
    #[inline]
    fn is_free(&self, number: u64, now: u64, n: u32, window: u64) -> bool {
        let Some(earlier) = number.checked_sub(u64::from(n)) else { return true };
        let slot = self.slot(earlier);
        // ORDERING: Acquire; pairs with the Release in `note`, so that the time is that event's or a later one's. (A
        // later one is noted only after `number` was claimed; then the claim above fails.)
        if slot.sequence.load(Ordering::Acquire) != earlier + 1 {
            return false;
        }
        // ORDERING: Acquire; pairs with the Release of the time in `note`: who sees a later event's time sees its claim.
        let time = slot.time.load(Ordering::Acquire);
        time == VOID || now.checked_sub(time).is_some_and(|age| age >= window)
    }

    /// Notes when the event of a claimed number was, or that it came to nothing.
    #[inline]
    pub(super) fn note(&self, number: u64, time: Option<u64>) {
        let slot = self.slot(number);
        // ORDERING: Release; pairs with the Acquire of the time in `is_free`.
        slot.time.store(time.map_or(VOID, |time| time.min(VOID - 1)), Ordering::Release);
        // ORDERING: Release; publishes the time to the Acquire of the sequence in `is_free`.
        slot.sequence.store(number + 1, Ordering::Release);
    }

    #[inline]
    fn slot(&self, number: u64) -> &Slot {
        &self.slots[number as usize & (self.slots.len() - 1)]
    }
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::Window;
    use std::collections::VecDeque;

    #[test]
    fn equals_a_log_of_the_window_also_when_the_limit_changes() {
        [false, true].into_iter().for_each(compare_with_a_log);
    }

    fn compare_with_a_log(alone: bool) {
        let mut seed = 7_u64;
        let (mut log, mut now) = (VecDeque::new(), 0);
        let window = Window::new(4);
        for step in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            now += (seed >> 40) % 60;
            let n = 1 + (step / 500) % 9;
            let in_window = log.iter().filter(|&&time| now - time < 100).count();
            let claim = if alone { None } else { window.claim(now, n, 100) };
            let claimed = claim.is_some() || (alone && window.claim_alone(now, n, 100));
            // Of a lowered limit more than n may be in the window; then the n-th last decides just the same.
            assert_eq!(claimed, in_window < n as usize, "step {step}, now {now}");
            let comes_to_nothing = claim.is_some() && seed >> 60 == 0 && in_window == 0;
            if let Some(number) = claim {
                window.note(number, (!comes_to_nothing).then_some(now));
            }
            if claimed && !comes_to_nothing {
                log.push_back(now);
            }
        }
    }

    #[test]
    fn a_claim_that_is_not_noted_yet_refuses_and_one_that_came_to_nothing_admits() {
        let window = Window::new(1);
        let first = window.claim(1_000, 1, 10).unwrap();
        assert_eq!(window.claim(2_000, 1, 10), None);
        window.note(first, None);
        let second = window.claim(1_000, 1, 10).unwrap();
        window.note(second, Some(1_000));
        assert_eq!((window.claim(1_009, 1, 10), window.claim(0, 1, 10)), (None, None));
        assert!(window.claim(1_010, 1, 10).is_some());
    }
}
