//! A signed total that reservations raise up to a limit.

use std::sync::atomic::{AtomicI64, Ordering};

/// One of the two limited totals of a gate.
///
/// bot4-lockfree's `Budget` does the same for amounts that are never below zero, under a limit of its
/// own. Here totals do fall below zero (`short` is minus the position when nothing is open), and the
/// limit comes with each call: reduce-only is limit 0, and all limits change in one pointer swap.
#[derive(Debug)]
pub(super) struct Total(AtomicI64);

impl Total {
    pub(super) const fn new(start: i64) -> Self {
        Self(AtomicI64::new(start))
    }

    /// Raises the total by `n` unless it would pass `limit`. Wait-free.
    ///
    /// Callers keep `0 < n <= 2^54`, `0 <= limit <= 2^62` and at most 128 callers at once
    /// ([`RiskGate::CHECKERS_MAX`](super::RiskGate::CHECKERS_MAX)), so that the steps in flight (up to
    /// 2^61) and the limit together stay inside `i64`.
    #[inline]
    pub(super) fn try_raise(&self, n: i64, limit: i64) -> bool {
        let room_from = limit - n;
        // ORDERING: Relaxed; spares a hopeless order two locked instructions, decides nothing else.
        if self.0.load(Ordering::Relaxed) > room_from {
            return false;
        }
        // ORDERING: Relaxed; atomicity alone makes the rule: the value before this step contains every
        // reservation earlier in the modification order. No other memory is published.
        if self.0.fetch_add(n, Ordering::Relaxed) <= room_from {
            return true;
        }
        self.lower(n);
        false
    }

    #[inline]
    pub(super) fn lower(&self, n: i64) {
        // ORDERING: Relaxed; as above. Until it lands the total is too high, never too low.
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> i64 {
        // ORDERING: Relaxed; a report, or a test that has joined the writers.
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::Total;

    #[test]
    fn raising_stops_exactly_at_the_limit() {
        let total = Total::new(-5);
        assert!(!total.try_raise(6, 0));
        assert!(total.try_raise(5, 0));
        assert!(!total.try_raise(1, 0));
        assert!(total.try_raise(1 << 54, 1 << 62));
        total.lower(1 << 54);
        assert_eq!(total.get(), 0);
    }
}
