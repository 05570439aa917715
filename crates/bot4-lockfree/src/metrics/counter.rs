//! Counters: columns of a sheet with one row per thread.

use super::slot::{self, SHARED, SLOTS};
use crate::sync::{Arc, AtomicU64};
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

/// Counters per sheet: four cache lines a row.
const COLUMNS: usize = if cfg!(bot4_loom) { 1 } else { 32 };

/// One thread's cells of a sheet, alone on their pairs of cache lines.
#[repr(align(128))]
struct Row([AtomicU64; COLUMNS]);

/// The cells of [`COLUMNS`] counters.
pub(super) struct Sheet {
    rows: [Row; SLOTS + 1],
}

impl Sheet {
    fn new() -> Self {
        let row = |_| Row(std::array::from_fn(|_| AtomicU64::new(0)));
        Self { rows: std::array::from_fn(row) }
    }
}

/// Hands out columns, sheet by sheet.
#[derive(Default)]
pub(super) struct Columns {
    open: Option<(Arc<Sheet>, usize)>,
}

impl Columns {
    pub(super) fn counter(&mut self) -> Counter {
        let (sheet, column) = match self.open.take() {
            Some((sheet, column)) if column < COLUMNS => (sheet, column),
            _ => (Arc::new(Sheet::new()), 0),
        };
        self.open = Some((Arc::clone(&sheet), column + 1));
        Counter { sheet, column }
    }
}

/// A number that only grows: orders sent, events seen, bytes read.
///
/// Clones count into the same cells. Wraps at 2^64.
///
/// ```
/// use bot4_lockfree::metrics::Registry;
///
/// let fills = Registry::new().counter("fills_total", "Fills received.");
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| (0..1_000).for_each(|_| fills.increment(1)));
///     }
/// });
/// assert_eq!(fills.value(), 4_000);
/// ```
#[derive(Clone)]
pub struct Counter {
    sheet: Arc<Sheet>,
    column: usize,
}

impl Counter {
    #[inline(always)]
    fn cell(&self, row: usize) -> &AtomicU64 {
        // The remainder changes nothing: it tells the compiler that the column exists.
        &self.sheet.rows[row].0[self.column % COLUMNS]
    }

    /// Adds `n`. Wait-free, no allocation except at the first record of a thread in any registry.
    #[inline]
    pub fn increment(&self, n: u64) {
        let slot = slot::current();
        if slot < SLOTS {
            let cell = self.cell(slot);
            // ORDERING: Relaxed, twice: this thread alone writes the cell, and its value is the whole message.
            cell.store(cell.load(Relaxed).wrapping_add(n), Relaxed);
        } else {
            self.increment_shared(n);
        }
    }

    #[cold]
    fn increment_shared(&self, n: u64) {
        // ORDERING: Relaxed: the number is the whole message.
        self.cell(SHARED).fetch_add(n, Relaxed);
    }

    /// The sum over all threads: everything that happened before this call, and perhaps some of what runs beside it.
    /// Wait-free (129 loads), no allocation.
    #[must_use]
    pub fn value(&self) -> u64 {
        // ORDERING: Relaxed: what happened before the call is visible by coherence; more is not promised.
        (0..=SHARED).map(|row| self.cell(row).load(Relaxed)).fold(0, u64::wrapping_add)
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counter").field(&self.value()).finish()
    }
}
