//! Which row of cells belongs to the running thread.

use crate::sync::{Arc, Mutex, global, lock, per_thread};
use std::cell::Cell;

/// How many threads have rows of their own at a time. One in a model, so that it shows the shared row as well.
pub(super) const SLOTS: usize = if cfg!(bot4_loom) { 1 } else { 128 };
/// The row of the threads that found no free slot, or are being torn down.
pub(super) const SHARED: usize = SLOTS;
const UNASSIGNED: usize = usize::MAX;

#[derive(Default)]
struct Free {
    returned: Vec<usize>,
    never_used: usize,
}

global!(FREE: Arc<Mutex<Free>> = Arc::default());

per_thread! {
    /// No destructor: reading it is one load.
    SLOT: Cell<usize> = Cell::new(UNASSIGNED);
    LEASE: Cell<Option<Lease>> = Cell::new(None);
}

/// A slot that returns to the free ones when its thread ends.
struct Lease {
    slot: usize,
    free: Arc<Mutex<Free>>,
}

impl Lease {
    fn take() -> Option<Self> {
        let mut free = lock(&FREE);
        let slot = free.returned.pop().or_else(|| {
            let slot = free.never_used;
            free.never_used += 1;
            (slot < SLOTS).then_some(slot)
        })?;
        Some(Self { slot, free: Arc::clone(&FREE) })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Other destructors of this thread may still record: from now on into the shared row.
        let _ = SLOT.try_with(|slot| slot.set(SHARED));
        // The lock orders this thread's stores to its rows before the next holder's loads.
        lock(&self.free).returned.push(self.slot);
    }
}

/// The running thread's slot: below [`SLOTS`] if it has rows of its own, otherwise [`SHARED`].
#[inline(always)]
pub(super) fn current() -> usize {
    match SLOT.try_with(Cell::get) {
        Ok(UNASSIGNED) => assign(),
        Ok(slot) => slot,
        Err(_) => SHARED,
    }
}

/// Finds the running thread a slot, for good; without a free one, or while it is being torn down, the shared row.
#[cold]
fn assign() -> usize {
    let slot = LEASE.try_with(|lease| {
        let taken = Lease::take();
        let slot = taken.as_ref().map_or(SHARED, |lease| lease.slot);
        lease.set(taken);
        slot
    });
    let slot = slot.unwrap_or(SHARED);
    let _ = SLOT.try_with(|current| current.set(slot));
    slot
}
