//! Histograms: a row of buckets per thread.

use super::distribution::{Distribution, HistogramConfig};
use super::slot::{self, SLOTS};
use crate::sync::{Arc, AtomicU64};
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;

/// Counts how often which magnitude was seen, with a stated relative error.
///
/// Clones record into the same buckets. Each recording thread has its own row (37 KB by default), made at its first
/// record and passed on to a later thread when it ends.
///
/// ```
/// use bot4_lockfree::metrics::{HistogramConfig, Registry};
///
/// let latency = Registry::new().histogram("latency_ns", "Event latency.", HistogramConfig::default());
/// latency.warm(); // makes this thread's row now: `record` allocates nothing
/// (1..=100).for_each(|ns| latency.record(ns));
/// let snapshot = latency.snapshot();
/// assert_eq!((snapshot.count(), snapshot.percentile(0.5)), (100, 50));
/// ```
#[derive(Clone)]
pub struct Histogram {
    rows: Arc<Rows>,
}

struct Rows {
    config: HistogramConfig,
    rows: [OnceLock<Row>; SLOTS + 1],
}

#[repr(align(128))]
struct Row {
    sum: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
    counts: Box<[AtomicU64]>,
}

impl Row {
    fn new(config: HistogramConfig) -> Self {
        Self {
            sum: AtomicU64::new(0),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
            counts: (0..config.buckets()).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// A record by the thread that holds this row.
    #[inline(always)]
    fn record(&self, index: usize, value: u64) {
        let add = |cell: &AtomicU64, n: u64| {
            // ORDERING: Relaxed, twice: this thread alone writes the row, and each cell is a number of its own.
            cell.store(cell.load(Relaxed).wrapping_add(n), Relaxed);
        };
        add(&self.counts[index], 1);
        add(&self.sum, value);
        // ORDERING: Relaxed: as above, for both extremes.
        if value < self.min.load(Relaxed) {
            self.min.store(value, Relaxed);
        }
        // ORDERING: Relaxed: as above.
        if value > self.max.load(Relaxed) {
            self.max.store(value, Relaxed);
        }
    }

    /// A record in the row that several threads share.
    fn record_shared(&self, index: usize, value: u64) {
        // ORDERING: Relaxed: each cell is a number of its own.
        self.counts[index].fetch_add(1, Relaxed);
        // ORDERING: Relaxed: as above, for the sum and the extremes.
        self.sum.fetch_add(value, Relaxed);
        self.min.fetch_min(value, Relaxed);
        self.max.fetch_max(value, Relaxed);
    }

    fn add_to(&self, total: &mut Distribution) {
        for (index, count) in self.counts.iter().enumerate() {
            // ORDERING: Relaxed: what happened before the snapshot is visible by coherence; more is not promised.
            total.add_bucket(index, count.load(Relaxed));
        }
        // ORDERING: Relaxed: as above, for the sum and the extremes.
        total.add_extremes(self.sum.load(Relaxed), self.min.load(Relaxed), self.max.load(Relaxed));
    }
}

impl Histogram {
    pub(super) fn new(config: HistogramConfig) -> Self {
        Self { rows: Arc::new(Rows { config, rows: [const { OnceLock::new() }; SLOTS + 1] }) }
    }

    /// Files one sample. Wait-free without a read-modify-write. Allocates at a thread slot's first record in this
    /// histogram only; see [`warm`](Self::warm).
    #[inline]
    pub fn record(&self, value: u64) {
        let slot = slot::current();
        let index = self.rows.config.index(value);
        let row = self.rows.rows[slot].get().unwrap_or_else(|| self.make_row(slot));
        if slot < SLOTS {
            row.record(index, value);
        } else {
            row.record_shared(index, value);
        }
    }

    #[cold]
    fn make_row(&self, slot: usize) -> &Row {
        self.rows.rows[slot].get_or_init(|| Row::new(self.rows.config))
    }

    /// Makes the running thread's row now, so that its records allocate nothing.
    pub fn warm(&self) {
        self.make_row(slot::current());
    }

    /// How finely and how far this histogram resolves.
    #[must_use]
    pub fn config(&self) -> HistogramConfig {
        self.rows.config
    }

    /// The samples of all threads. Each record that happened before the call is in it; one that runs beside it may be
    /// in the count and not yet in the sum or the extremes. Wait-free, allocates the result.
    #[must_use]
    pub fn snapshot(&self) -> Distribution {
        let mut total = Distribution::new(self.rows.config);
        self.rows.rows.iter().filter_map(OnceLock::get).for_each(|row| row.add_to(&mut total));
        total
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.snapshot();
        f.debug_struct("Histogram").field("count", &snapshot.count()).field("max", &snapshot.max()).finish()
    }
}
