//! Gauges: one shared cell, integer or float, never both.

use crate::sync::{Arc, AtomicI64, AtomicU64};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

/// An integer that goes up and down: a queue's length, a position in lots.
///
/// Clones share the cell, which has a pair of cache lines to itself.
///
/// ```
/// use bot4_lockfree::metrics::Registry;
///
/// let position = Registry::new().gauge("position_lots", "Net position.");
/// position.set(10);
/// position.add(-25);
/// assert_eq!(position.value(), -15);
/// ```
#[derive(Clone)]
pub struct Gauge {
    cell: Arc<CachePadded<AtomicI64>>,
}

impl Gauge {
    pub(super) fn new() -> Self {
        Self { cell: Arc::new(CachePadded::new(AtomicI64::new(0))) }
    }

    /// Replaces the value. Wait-free, no read-modify-write, no allocation.
    #[inline]
    pub fn set(&self, value: i64) {
        // ORDERING: Relaxed: the number is the whole message.
        self.cell.store(value, Relaxed);
    }

    /// Adds `n`, which may be negative; wraps at the ends. Wait-free (one read-modify-write), no allocation.
    #[inline]
    pub fn add(&self, n: i64) {
        // ORDERING: Relaxed: the number is the whole message.
        self.cell.fetch_add(n, Relaxed);
    }

    /// The value. Wait-free, no allocation.
    #[must_use]
    pub fn value(&self) -> i64 {
        // ORDERING: Relaxed: the number is the whole message.
        self.cell.load(Relaxed)
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gauge").field(&self.value()).finish()
    }
}

/// A measured number that is set: a price, a loss, a share.
///
/// ```
/// use bot4_lockfree::metrics::Registry;
///
/// let spread = Registry::new().float_gauge("spread_bps", "Current spread.");
/// spread.set(1.25);
/// assert_eq!(spread.value(), 1.25);
/// ```
#[derive(Clone)]
pub struct FloatGauge {
    bits: Arc<CachePadded<AtomicU64>>,
}

impl FloatGauge {
    pub(super) fn new() -> Self {
        Self { bits: Arc::new(CachePadded::new(AtomicU64::new(0_f64.to_bits()))) }
    }

    /// Replaces the value. Wait-free, no read-modify-write, no allocation.
    #[inline]
    pub fn set(&self, value: f64) {
        // ORDERING: Relaxed: the number is the whole message.
        self.bits.store(value.to_bits(), Relaxed);
    }

    /// Adds `n`. Lock-free (a compare-exchange loop: floats have no `fetch_add`), no allocation.
    pub fn add(&self, n: f64) {
        // ORDERING: Relaxed: the number is the whole message.
        let mut bits = self.bits.load(Relaxed);
        loop {
            let sum = (f64::from_bits(bits) + n).to_bits();
            // ORDERING: Relaxed: as above.
            match self.bits.compare_exchange_weak(bits, sum, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(newer) => bits = newer,
            }
        }
    }

    /// The value. Wait-free, no allocation.
    #[must_use]
    pub fn value(&self) -> f64 {
        // ORDERING: Relaxed: the number is the whole message.
        f64::from_bits(self.bits.load(Relaxed))
    }
}

impl fmt::Debug for FloatGauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FloatGauge").field(&self.value()).finish()
    }
}
