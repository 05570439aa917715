//! Which row of cells belongs to the running thread.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};

/// How many threads have rows of their own at a time.
pub(super) const SLOTS: usize = 128;
/// The row of the threads that found no free slot, or are being torn down.
pub(super) const SHARED: usize = SLOTS;
const UNASSIGNED: usize = usize::MAX;

struct Free {
    returned: Vec<usize>,
    never_used: usize,
}

static FREE: Mutex<Free> = Mutex::new(Free { returned: Vec::new(), never_used: 0 });

thread_local! {
    /// No destructor: reading it is one load.
    static SLOT: Cell<usize> = const { Cell::new(UNASSIGNED) };
    static LEASE: Lease = const { Lease };
}

/// Gives the thread's slot to the next new thread when this one ends.
struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        give_back(SLOT.replace(SHARED));
    }
}

fn give_back(slot: usize) {
    if slot < SLOTS {
        // The lock orders this thread's stores to its rows before the next holder's loads.
        FREE.lock().unwrap_or_else(PoisonError::into_inner).returned.push(slot);
    }
}

/// The running thread's slot: below [`SLOTS`] if it has rows of its own, otherwise [`SHARED`].
#[inline(always)]
pub(super) fn current() -> usize {
    match SLOT.get() {
        UNASSIGNED => assign(),
        slot => slot,
    }
}

#[cold]
fn assign() -> usize {
    let slot = take().unwrap_or(SHARED);
    SLOT.set(slot);
    // Registers the destructor. While the thread is being torn down that is too late.
    if LEASE.try_with(|_| ()).is_err() {
        give_back(SLOT.replace(SHARED));
    }
    SLOT.get()
}

fn take() -> Option<usize> {
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(slot) = free.returned.pop() {
        return Some(slot);
    }
    let slot = free.never_used;
    (slot < SLOTS).then(|| {
        free.never_used += 1;
        slot
    })
}
