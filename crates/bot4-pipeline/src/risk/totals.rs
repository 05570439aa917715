//! The limited totals: what each checker has raised, and what was lowered since.

use std::sync::atomic::Ordering;

use super::sync::{AtomicI64, AtomicUsize};
use crate::quote::Side;

/// A total with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Total {
    /// Position plus open buys.
    Long = 0,
    /// Open sells minus position.
    Short = 1,
    /// Notional of everything open.
    Open = 2,
}

impl Total {
    pub(super) const fn of(side: Side) -> Self {
        match side {
            Side::Buy => Self::Long,
            Side::Sell => Self::Short,
        }
    }
}

/// Sums since the gate was made. They wrap: only differences of them are used, and those are within the limits.
/// A pair of cache lines of their own, as a neighbour's writes would take the line away.
#[derive(Debug)]
#[repr(align(128))]
struct Sums([AtomicI64; 3]);

impl Sums {
    fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicI64::new(0)))
    }
}

/// Each total is the sum of what checkers have raised it by, minus what it was lowered by.
///
/// A checker raises in a cell of its own, which takes a plain store where a shared sum would take a locked
/// instruction; whoever looks at a total adds the cells up.
#[derive(Debug)]
pub(super) struct Totals {
    /// The first cell, and the others.
    first: Sums,
    further: Box<[Sums]>,
    /// Cells that were ever given to a checker; those behind it are zero.
    cells: AtomicUsize,
    settled: Settled,
}

/// What settling an order writes, away from what checks only read.
#[derive(Debug)]
#[repr(align(128))]
struct Settled {
    lowered: [AtomicI64; 3],
    position: AtomicI64,
}

impl Totals {
    /// For so many checkers at once.
    pub(super) fn new(checkers: usize, position: i64) -> Self {
        let lowered = std::array::from_fn(|_| AtomicI64::new(0));
        let settled = Settled { lowered, position: AtomicI64::new(position) };
        let further = (1..checkers).map(|_| Sums::new()).collect();
        let totals = Self { first: Sums::new(), further, cells: AtomicUsize::new(0), settled };
        totals.lower(Total::Long, position.wrapping_neg());
        totals.lower(Total::Short, position);
        totals
    }

    /// Makes a cell part of the totals. The caller holds the lock of the cells.
    pub(super) fn open_cell(&self, cell: usize) {
        // ORDERING: Relaxed; a checker's first claim of an order publishes it to whoever claims after it.
        self.cells.fetch_max(cell + 1, Ordering::Relaxed);
    }

    /// Whether there is, or was, more than one checker.
    #[inline]
    pub(super) fn are_shared(&self) -> bool {
        // ORDERING: Relaxed; another checker that claimed an order before is seen by the claim.
        self.cells.load(Ordering::Relaxed) > 1
    }

    /// The total: never less than what was admitted by orders claimed before the caller's last claim and not
    /// lowered since. Orders on their way to being denied may be in it. At most as many steps as there are
    /// checkers.
    #[inline]
    pub(super) fn get(&self, total: Total) -> i64 {
        // ORDERING: Acquire; pairs with the Release in `lower`. What was lowered was raised before, so with the
        // lowering the raising is seen below; the other way round a total could be too small.
        let lowered = self.settled.lowered[total as usize].load(Ordering::Acquire);
        // ORDERING: Relaxed; earlier claims publish it (see the module), later ones may be missing.
        let first = self.first.0[total as usize].load(Ordering::Relaxed);
        let raised = if self.are_shared() { first.wrapping_add(self.further_sum(total)) } else { first };
        raised.wrapping_sub(lowered)
    }

    /// What the cells behind the first hold: a call, so that the one checker most gates have does not carry the loop.
    #[inline(never)]
    fn further_sum(&self, total: Total) -> i64 {
        // ORDERING: Relaxed; as in `are_shared`.
        let cells = self.cells.load(Ordering::Relaxed);
        self.further[..cells - 1].iter().fold(0_i64, |sum, cell| {
            // ORDERING: Relaxed; as in `get`.
            sum.wrapping_add(cell.0[total as usize].load(Ordering::Relaxed))
        })
    }

    /// Raises a total in the caller's cell; a negative `n` takes that back.
    #[inline]
    pub(super) fn raise(&self, cell: usize, total: Total, n: i64) {
        let sums = if cell == 0 { &self.first } else { &self.further[cell - 1] };
        let sum = &sums.0[total as usize];
        // ORDERING: Relaxed; only the owner of the cell writes it.
        let before = sum.load(Ordering::Relaxed);
        // ORDERING: Relaxed; the claim that follows publishes it. To take it back early shows nothing wrong: until
        // it is seen the total is too high, never too low.
        sum.store(before.wrapping_add(n), Ordering::Relaxed);
    }

    /// Lowers a total: what was admitted is not open any more.
    #[inline]
    pub(super) fn lower(&self, total: Total, n: i64) {
        // ORDERING: Release; pairs with the Acquire in `get`.
        self.settled.lowered[total as usize].fetch_add(n, Ordering::Release);
    }

    /// Moves the reported position.
    #[inline]
    pub(super) fn move_position(&self, n: i64) {
        // ORDERING: Relaxed; a report, no check reads it.
        self.settled.position.fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn position(&self) -> i64 {
        // ORDERING: Relaxed; a report, no check reads it.
        self.settled.position.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::{Total, Totals};

    #[test]
    fn totals_start_from_the_position_and_add_up_the_cells() {
        let totals = Totals::new(3, -5);
        assert_eq!([Total::Long, Total::Short, Total::Open].map(|total| totals.get(total)), [-5, 5, 0]);
        totals.open_cell(0);
        totals.raise(0, Total::Long, 7);
        assert!(!totals.are_shared());
        totals.open_cell(2);
        totals.raise(2, Total::Long, 4);
        totals.lower(Total::Long, 3);
        assert!(totals.are_shared());
        assert_eq!((totals.get(Total::Long), totals.get(Total::Short)), (3, 5));
    }

    #[test]
    fn sums_that_wrap_keep_their_difference() {
        let totals = Totals::new(1, i64::MIN + 1);
        totals.open_cell(0);
        totals.lower(Total::Long, i64::MAX);
        totals.raise(0, Total::Long, i64::MAX);
        totals.raise(0, Total::Long, 9);
        assert_eq!(totals.get(Total::Long), i64::MIN + 10);
    }
}
