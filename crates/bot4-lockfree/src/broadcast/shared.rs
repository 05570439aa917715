//! What the writer and the readers share, and the arithmetic of laps.

use crate::numbers::Numbers;
use crate::sync::{Arc, AtomicU64, Cells};
use crossbeam_utils::CachePadded;
use std::sync::atomic::Ordering::{Acquire, Release};

/// In a position: its reader has been dropped. Positions count to 2^63: 292 years of a billion a second.
const GONE: u64 = 1 << 63;
/// Of `ended` while the writer lives.
const OPEN: u64 = u64::MAX;

pub(super) struct Shared<T> {
    pub(super) items: Cells<T>,
    /// Of the items that were published alone.
    numbers: Numbers,
    /// The end of the newest batch.
    cursor: CachePadded<AtomicU64>,
    capacity: u64,
    /// How many items each reader has finished with.
    positions: Box<[CachePadded<AtomicU64>]>,
    /// The readers that nobody stands after.
    last: Box<[usize]>,
    ended: CachePadded<AtomicU64>,
}

impl<T> Shared<T> {
    pub(super) fn new(capacity: usize, make: impl FnMut() -> T, after: &[&[usize]]) -> Arc<Self> {
        let slots = capacity.next_power_of_two();
        let is_last = |reader: &usize| !after.iter().any(|list| list.contains(reader));
        Arc::new(Self {
            items: Cells::new(slots, make),
            numbers: Numbers::new(slots),
            cursor: CachePadded::new(AtomicU64::new(0)),
            capacity: capacity as u64,
            positions: after.iter().map(|_| CachePadded::new(AtomicU64::new(0))).collect(),
            last: (0..after.len()).filter(is_last).collect(),
            ended: CachePadded::new(AtomicU64::new(OPEN)),
        })
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Where the item of this position lies.
    #[inline(always)]
    pub(super) fn index(&self, position: u64) -> usize {
        position as usize & (self.items.len() - 1)
    }

    /// How many of the items from `start` to `end` lie side by side.
    #[inline(always)]
    pub(super) fn adjacent(&self, start: u64, end: u64) -> usize {
        let to_the_end = self.items.len() - self.index(start);
        to_the_end.min((end - start) as usize)
    }

    /// Asks for the lines of items that the writer comes to soon; those from `end` on may be a reader's. Returns where to
    /// ask again, at most `end`.
    #[inline(always)]
    pub(super) fn fetch_ahead(&self, position: u64, end: u64) -> u64 {
        self.items.fetch_ahead(&self.numbers, position, end)
    }

    /// Publishes the item at `position`; those before it have been.
    #[inline(always)]
    pub(super) fn publish_one(&self, position: u64) {
        self.numbers.publish(position);
    }

    /// Publishes everything before `end`.
    #[inline(always)]
    pub(super) fn publish_batch(&self, end: u64) {
        // ORDERING: Release: the items were written before; pairs with the Acquire in `published`.
        self.cursor.store(end, Release);
    }

    /// The end of what is seen to be published from `start` on: `start` if nothing is.
    #[inline(always)]
    pub(super) fn published(&self, start: u64) -> u64 {
        let end = self.numbers.published(start);
        if end > start {
            return end;
        }
        // ORDERING: Acquire: pairs with the Release in `publish_batch`: everything before the cursor is visible.
        self.cursor.load(Acquire).max(start)
    }

    /// The position that all of `readers` have reached, and whether one that stopped there is gone.
    #[inline(always)]
    pub(super) fn reached(&self, readers: &[usize]) -> (u64, bool) {
        let (mut least, mut cut) = (GONE, false);
        for &reader in readers {
            // ORDERING: Acquire: pairs with the Release in `release`: that reader's uses of the items come before ours.
            let position = self.positions[reader].load(Acquire);
            let at = position & !GONE;
            if at < least {
                (least, cut) = (at, position != at);
            } else if at == least {
                cut |= position != at;
            }
        }
        (least, cut)
    }

    /// The position of the slowest reader alive; `None` when all are gone.
    pub(super) fn slowest(&self) -> Option<u64> {
        // Readers in the middle are never behind the last ones; they count when a last one has been dropped.
        let last = self.last.iter().try_fold(GONE, |least, &reader| Some(self.alive(reader)?.min(least)));
        last.or_else(|| (0..self.positions.len()).filter_map(|reader| self.alive(reader)).min())
    }

    /// The position of a reader that has not been dropped.
    #[inline(always)]
    fn alive(&self, reader: usize) -> Option<u64> {
        // ORDERING: Acquire: pairs with the Release in `release`: its uses of the items come before the writer's; if it
        // is gone, all of them.
        let position = self.positions[reader].load(Acquire);
        (position & GONE == 0).then_some(position)
    }

    /// Says that `reader` has finished with everything before `position`.
    #[inline(always)]
    pub(super) fn release(&self, reader: usize, position: u64) {
        // ORDERING: Release: the reader's uses of the items came before; pairs with the Acquire in `reached`, `alive`.
        self.positions[reader].store(position, Release);
    }

    /// Says that `reader` is gone; nothing waits for it any more.
    pub(super) fn leave(&self, reader: usize, position: u64) {
        self.release(reader, position | GONE);
    }

    /// Says that nothing will be published after `tail`.
    pub(super) fn end(&self, tail: u64) {
        // ORDERING: Release: every run was published before; pairs with the Acquire in `ended`.
        self.ended.store(tail, Release);
    }

    /// The end of all that was ever published, once the writer is gone; everything before it is then visible.
    pub(super) fn ended(&self) -> Option<u64> {
        // ORDERING: Acquire: pairs with the Release in `end`.
        let tail = self.ended.load(Acquire);
        (tail != OPEN).then_some(tail)
    }
}
