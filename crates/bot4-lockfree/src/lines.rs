//! Rings lie on whole cache lines, and lines are fetched before they are written or read.
#![allow(unsafe_code)] // memory of a given alignment, and an instruction that has no function

use crate::numbers::{Numbers, PER_LINE};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::slice;

/// Bytes in a cache line.
const LINE: usize = 64;
/// So many times the items that it asks for together the writer of a ring is ahead of what it writes.
const BLOCKS_AHEAD: u64 = 3;
/// Bytes of an item up to which all its lines are asked for.
const FETCHED_MAX: usize = 32 * LINE;

/// A boxed slice whose first item begins a cache line.
///
/// Small items then share as few lines as they can; and where eight of them have their numbers in a line beside them, a reader that
/// takes eight together never looks at a line that the writer is still filling.
pub(crate) struct Lines<C> {
    first: NonNull<C>,
    len: usize,
    capacity: usize,
}

// SAFETY: the items are owned, as those of a Vec.
unsafe impl<C: Send> Send for Lines<C> {}
// SAFETY: as above; a shared reference gives out shared references to items and nothing else.
unsafe impl<C: Sync> Sync for Lines<C> {}

impl<C> Lines<C> {
    /// Makes `capacity` items, each by `make`.
    pub(crate) fn new(capacity: usize, mut make: impl FnMut() -> C) -> Self {
        let layout = Self::layout(capacity);
        let first = if layout.size() == 0 {
            NonNull::dangling()
        } else {
            // SAFETY: the size is not 0.
            let memory = unsafe { alloc(layout) };
            NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout)).cast()
        };
        // `len` grows item by item: when `make` panics, those that are there are dropped.
        let mut lines = Self { first, len: 0, capacity };
        while lines.len < capacity {
            let item = make();
            // SAFETY: there is memory for `capacity` items, and `len` is below it.
            let place = unsafe { lines.first.add(lines.len) };
            // SAFETY: the place is in bounds and aligned, and nothing lies there yet.
            unsafe { place.write(item) };
            lines.len += 1;
        }
        lines
    }

    fn layout(capacity: usize) -> Layout {
        let layout = Layout::array::<C>(capacity).and_then(|layout| layout.align_to(LINE));
        layout.unwrap_or_else(|_| panic!("{capacity} items of {} bytes do not fit in memory", size_of::<C>()))
    }
}

impl<C> Deref for Lines<C> {
    type Target = [C];

    #[inline(always)]
    fn deref(&self) -> &[C] {
        // SAFETY: `len` items have been written from `first` on, and they are not moved; they are borrowed as `self` is.
        unsafe { slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }
}

impl<C> Drop for Lines<C> {
    fn drop(&mut self) {
        let items = ptr::slice_from_raw_parts_mut(self.first.as_ptr(), self.len);
        // SAFETY: these items were written and are dropped once, here.
        unsafe { ptr::drop_in_place(items) };
        let layout = Self::layout(self.capacity);
        if layout.size() > 0 {
            // SAFETY: allocated by `new` with this layout.
            unsafe { dealloc(self.first.as_ptr().cast(), layout) };
        }
    }
}

/// How many items' lines the writer of a ring asks for together: as many as have their numbers in one line, but of larger
/// items no more than fill as many lines, one at least; none of items with too many lines.
const fn together(size: usize) -> u64 {
    if size > FETCHED_MAX {
        return 0;
    }
    let mut items = PER_LINE;
    while items > 1 && items as usize * size > PER_LINE as usize * LINE {
        items /= 2;
    }
    items
}

/// Asks for the lines of the items that the writer of a ring comes to soon, and of their numbers, so that they are its own by then;
/// of no item from the position `end` on, which may still be read. Returns the position at which to ask again, at most `end`.
///
/// A writer's stores wait for their lines nearly one after the other, a trip between the cores each; asked for ahead, the lines
/// travel side by side.
#[inline(always)]
pub(crate) fn fetch_ahead<C>(items: &Lines<C>, numbers: &Numbers, position: u64, end: u64) -> u64 {
    let together = const { together(size_of::<C>()) };
    if together == 0 {
        return end;
    }
    let soon = position + BLOCKS_AHEAD * together;
    if position.is_multiple_of(together) && soon + together <= end {
        numbers.fetch(soon);
        let first = items.as_ptr().wrapping_add(soon as usize & (items.len() - 1)).cast::<u8>();
        for byte in (0..together as usize * size_of::<C>()).step_by(LINE) {
            fetch_to_write(first.wrapping_add(byte));
        }
    }
    end.min((position | (together - 1)) + 1)
}

/// Asks for a cache line as its next writer. Does nothing where there is no such instruction.
#[inline(always)]
pub(crate) fn fetch_to_write(line: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri), not(bot4_loom)))]
    // SAFETY: a prefetch changes no memory and no register, and faults at no address; a processor without it skips it.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) line, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri), not(bot4_loom))))]
    let _ = line;
}

/// Asks for the lines of a value of which a part is read next, where they are few: they travel side by side while it is looked
/// up which part that is. Does nothing where there is no such instruction.
#[inline(always)]
pub(crate) fn fetch_all<V>(value: &V) {
    #[cfg(all(target_arch = "x86_64", not(miri), not(bot4_loom)))]
    if const { size_of::<V>() <= 8 * LINE } {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let first = ptr::from_ref(value).cast::<i8>();
        for byte in (0..size_of::<V>()).step_by(LINE) {
            // SAFETY: a prefetch changes no memory and no register, and faults at no address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(byte)) };
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri), not(bot4_loom))))]
    let _ = value;
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn items_begin_a_line_and_keep_their_own_alignment() {
        #[repr(align(256))]
        struct Wide(#[expect(dead_code, reason = "fills the type")] u8);
        assert!(Lines::new(0, || 7_u8).is_empty());
        for len in [1, 3, 16] {
            let bytes = Lines::new(len, || 7_u8);
            assert_eq!((bytes.len(), bytes.as_ptr() as usize % LINE), (len, 0));
            assert!(bytes.iter().all(|&byte| byte == 7));
            assert_eq!(Lines::new(len, || Wide(1)).as_ptr() as usize % 256, 0);
            assert_eq!(Lines::new(len, || ()).len(), len);
        }
    }

    #[test]
    fn the_writer_asks_again_after_each_line_of_numbers_and_never_past_the_end() {
        fn stops<C: Default>(from: u64, end: u64) -> Vec<u64> {
            let (items, numbers) = (Lines::new(64, C::default), Numbers::new(64));
            let next =
                |&position: &u64| (position < end).then(|| fetch_ahead(&items, &numbers, position, end));
            std::iter::successors(Some(from), next).skip(1).collect()
        }
        assert_eq!(stops::<u64>(5, 30), [8, 16, 24, 30]);
        assert_eq!(stops::<()>(0, 16), [8, 16]);
        assert_eq!(stops::<[u64; 16]>(5, 13), [8, 12, 13]);
        assert_eq!(stops::<[[u64; 32]; 8]>(5, 8), [6, 7, 8]);
        assert_eq!(stops::<[[u64; 32]; 9]>(5, 60), [60]);
    }

    #[test]
    fn items_are_dropped_once_also_when_making_one_panics() {
        struct Counted<'a>(&'a Cell<u32>);
        impl Drop for Counted<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let (made, dropped) = (Cell::new(0), Cell::new(0));
        let make = || {
            made.set(made.get() + 1);
            assert!(made.get() < 4, "the fourth cannot be made");
            Counted(&dropped)
        };
        assert!(catch_unwind(AssertUnwindSafe(|| Lines::new(10, make))).is_err());
        assert_eq!(dropped.get(), 3);
        drop(Lines::new(2, || Counted(&dropped)));
        assert_eq!(dropped.get(), 5);
    }
}
