//! The numbers by which a ring's items are known to be there, whole cache lines of them.
#![allow(unsafe_code)] // a masked index needs no check

use crate::lines::fetch_to_write;
use crate::sync::AtomicU64;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Release};

/// Numbers in a cache line.
pub(crate) const PER_LINE: u64 = 8;
/// Numbers that one look goes through at most. A look that always went on to the line that is being written would take it from the
/// writer, also when there is much to do before.
const LOOK_MAX: u64 = 256;

#[repr(C, align(64))]
struct Line([AtomicU64; PER_LINE as usize]);

/// A number per place of a ring: the position that was published there last, plus one; 0 before the first.
///
/// Positions are published in order, so that a number also speaks for all positions before its own.
pub(crate) struct Numbers {
    lines: Box<[Line]>,
    mask: u64,
}

impl Numbers {
    /// For so many places, a power of two. There are as many numbers as places, but at least a line.
    pub(crate) fn new(places: usize) -> Self {
        let lines = places.div_ceil(PER_LINE as usize);
        let line = |_| Line(std::array::from_fn(|_| AtomicU64::new(0)));
        Self { lines: (0..lines).map(line).collect(), mask: lines as u64 * PER_LINE - 1 }
    }

    #[inline(always)]
    fn at(&self, position: u64) -> &AtomicU64 {
        let first: *const AtomicU64 = self.lines.as_ptr().cast();
        // SAFETY: a line is eight numbers and nothing else, and there are `mask + 1` numbers in the lines.
        let number = unsafe { first.add((position & self.mask) as usize) };
        // SAFETY: in bounds, as above; atomics are shared as they are.
        unsafe { &*number }
    }

    /// Asks for the line of this position's number, to write it soon.
    #[inline(always)]
    pub(crate) fn fetch(&self, position: u64) {
        fetch_to_write(ptr::from_ref(self.at(position)).cast());
    }

    /// Publishes `position`; those before it have been.
    #[inline(always)]
    pub(crate) fn publish(&self, position: u64) {
        // ORDERING: Release: the item was written before; pairs with the Acquire in `is_published`.
        self.at(position).store(position + 1, Release);
    }

    #[inline(always)]
    pub(crate) fn is_published(&self, position: u64) -> bool {
        // ORDERING: Acquire: pairs with the Release in `publish`: this item is visible, and all before it.
        self.at(position).load(Acquire) == position + 1
    }

    /// The end of what is seen to be published from `start` on, `start` if nothing is; not all of it when it is more than a look takes.
    ///
    /// Whole lines take one look each. The line that is being written is gone through only when there is no whole one.
    #[inline(always)]
    pub(crate) fn published(&self, start: u64) -> u64 {
        let mut end = start;
        while end - start < LOOK_MAX {
            let last = end | (PER_LINE - 1);
            if !self.is_published(last) {
                break;
            }
            end = last + 1;
        }
        if end == start {
            while self.is_published(end) {
                end += 1;
            }
        }
        end
    }
}
