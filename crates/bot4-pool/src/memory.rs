//! Where large memory comes from: zeroed, on a boundary, every page of it backed before the hot path begins.
#![allow(unsafe_code)] // asks the global allocator for raw memory, and the system for huge pages

use crate::aligned::ALIGNMENT;
use std::alloc::{Layout, alloc, handle_alloc_error};
use std::ptr::NonNull;

/// The boundary on which the processor can map memory in one piece: 2 MiB on x86-64, and on aarch64 with pages of 4 KiB.
pub(crate) const HUGE_PAGE: usize = 2 << 20;

/// On which boundary memory of so many bytes starts: a huge page if it fills one, a cache line otherwise.
pub(crate) const fn boundary(bytes: usize) -> usize {
    if bytes < HUGE_PAGE { ALIGNMENT } else { HUGE_PAGE }
}

/// Whole cache lines on their [`boundary`]; nothing when that exceeds `isize::MAX`.
pub(crate) fn layout(bytes: usize) -> Option<Layout> {
    let bytes = bytes.checked_next_multiple_of(ALIGNMENT)?;
    Layout::from_size_align(bytes, boundary(bytes)).ok()
}

/// Zeros from the global allocator, in huge pages where there are some: whoever touches them first does not fault.
///
/// Running out of memory aborts, as with `Vec`.
///
/// # Panics
/// When the size is 0.
pub(crate) fn zeroed(layout: Layout) -> NonNull<u8> {
    assert_ne!(layout.size(), 0, "an empty buffer has no memory");
    // SAFETY: the size is not zero.
    let bytes = unsafe { alloc(layout) };
    let Some(start) = NonNull::new(bytes) else { handle_alloc_error(layout) };
    advise(start, layout.size());
    // SAFETY: `layout.size()` bytes were just allocated.
    unsafe { start.write_bytes(0, layout.size()) };
    start
}

/// Asks for huge pages under memory that fills one and has not been touched. A hint: nothing depends on it.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) fn advise<T>(start: NonNull<T>, bytes: usize) {
    const PAGE: usize = 4096;
    if bytes < HUGE_PAGE {
        return;
    }
    let start = start.cast::<u8>();
    // Whole pages around the memory; with larger pages the system refuses and the hint is lost. A neighbour
    // on the first or last of them gets the hint too, and cannot tell.
    let before = start.addr().get() % PAGE;
    let page = start.as_ptr().wrapping_sub(before);
    // SAFETY: the pages hold memory of this process, and MADV_HUGEPAGE changes how it is backed, not what it holds. Where
    // there are no huge pages it is an error, and nothing has changed.
    let _ = unsafe { libc::madvise(page.cast(), before + bytes, libc::MADV_HUGEPAGE) };
}

#[cfg(not(all(target_os = "linux", not(miri))))]
pub(crate) fn advise<T>(_start: NonNull<T>, _bytes: usize) {}
