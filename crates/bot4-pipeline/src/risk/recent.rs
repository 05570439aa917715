//! The ids admitted lately.

use std::sync::atomic::Ordering;

use super::sync::AtomicU64;

const SLOTS: usize = if cfg!(bot4_loom) { 2 } else { 1024 };

/// Remembers an id until another one falls on its slot (`id mod 1024`): ids counted upwards are
/// remembered for the last 1,024 exactly.
#[derive(Debug)]
pub(super) struct RecentIds {
    slots: Box<[AtomicU64; SLOTS]>,
}

impl RecentIds {
    pub(super) fn new() -> Self {
        // An id of slot k has the low bits k, so k + 1 is the id of no order in slot k: every id, 0 and
        // u64::MAX too, may be used.
        Self { slots: Box::new(std::array::from_fn(|slot| AtomicU64::new(slot as u64 + 1))) }
    }

    #[inline]
    fn slot(&self, id: u64) -> &AtomicU64 {
        &self.slots[id as usize % SLOTS]
    }

    #[inline]
    pub(super) fn contains(&self, id: u64) -> bool {
        // ORDERING: Relaxed; a hint for the common case, `insert` decides.
        self.slot(id).load(Ordering::Relaxed) == id
    }

    /// False if the id stood there already: of two threads with one id exactly one gets true.
    #[inline]
    pub(super) fn insert(&self, id: u64) -> bool {
        // ORDERING: Relaxed; the modification order of this one slot says who came first, and no other
        // memory is published through it.
        self.slot(id).swap(id, Ordering::Relaxed) != id
    }

    /// Inserts an id that is not there, for the only one who inserts.
    #[inline]
    pub(super) fn insert_alone(&self, id: u64) {
        // ORDERING: Relaxed; nobody else inserts meanwhile, and who does next comes after this one.
        self.slot(id).store(id, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::{RecentIds, SLOTS};

    #[test]
    fn a_fresh_window_knows_no_id() {
        let recent = RecentIds::new();
        let edges = [u64::MAX, u64::MAX - 1, 1 << 63, 1 << 10];
        assert!((0..4096).chain(edges).all(|id| !recent.contains(id)));
    }

    #[test]
    fn counted_ids_are_remembered_for_the_whole_window() {
        for alone in [false, true] {
            let recent = RecentIds::new();
            let first = u64::MAX - 500; // the count wraps on the way
            for step in 0..3 * SLOTS as u64 {
                let id = first.wrapping_add(step);
                assert!(!recent.contains(id));
                if alone {
                    recent.insert_alone(id);
                } else {
                    assert!(recent.insert(id));
                }
            }
            for back in 1..=SLOTS as u64 {
                let id = first.wrapping_add(3 * SLOTS as u64 - back);
                assert!(recent.contains(id) && !recent.insert(id));
            }
        }
    }
}
