//! Counts what the global allocator is asked for, per thread, so that "allocates nothing" is a test.
//!
//! Put [`CountingAllocator`] into a test, bench or binary (never into a library), then wrap a region
//! in [`count`] or hold a [`forbid`] guard over it. Counting costs a few thread-local additions per call.
//!
//! ```
//! use bot4_pool::audit::{self, CountingAllocator};
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator::new();
//!
//! let (buffer, counts) = audit::count(|| Vec::<u64>::with_capacity(100));
//! assert_eq!((counts.allocations, counts.deallocations, counts.bytes), (1, 0, 800));
//!
//! let quiet = audit::forbid("summing");
//! assert_eq!(buffer.iter().sum::<u64>(), 0);
//! drop(quiet); // would panic had the sum allocated
//! ```
#![allow(unsafe_code)] // implements `GlobalAlloc`

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt;
use std::hint::black_box;
use std::marker::PhantomData;
use std::panic::Location;
use std::thread;

thread_local! {
    // `const` and without a destructor: reading it never allocates and works until the thread is gone.
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { allocations: 0, deallocations: 0, bytes: 0, bytes_freed: 0 }) };
}

/// A global allocator that hands everything to `A` (by default [`System`]) and counts per thread.
#[derive(Debug, Default)]
pub struct CountingAllocator<A = System> {
    inner: A,
}

impl CountingAllocator {
    /// Counts in front of the system's allocator.
    #[must_use]
    pub const fn new() -> Self {
        Self { inner: System }
    }
}

impl<A> CountingAllocator<A> {
    /// Counts in front of another allocator.
    pub const fn with(inner: A) -> Self {
        Self { inner }
    }
}

/// What one thread has asked of the global allocator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Calls that asked for memory. Growing or shrinking a block is one allocation and one deallocation.
    pub allocations: u64,
    /// Calls that gave memory back.
    pub deallocations: u64,
    /// Bytes asked for, in total: nothing is subtracted when memory is given back.
    pub bytes: u64,
    /// Bytes given back, in total: `bytes - bytes_freed` is what a thread holds that gives back nothing of others.
    pub bytes_freed: u64,
}

impl Counts {
    /// What was counted after `earlier` was read.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            allocations: self.allocations - earlier.allocations,
            deallocations: self.deallocations - earlier.deallocations,
            bytes: self.bytes - earlier.bytes,
            bytes_freed: self.bytes_freed - earlier.bytes_freed,
        }
    }
}

fn record(allocations: u64, deallocations: u64, bytes: usize, bytes_freed: usize) {
    let mut counts = COUNTS.get();
    counts.allocations += allocations;
    counts.deallocations += deallocations;
    counts.bytes += bytes as u64;
    counts.bytes_freed += bytes_freed as u64;
    COUNTS.set(counts);
}

// SAFETY: every call goes unchanged to `A`, which is a `GlobalAlloc`; counting neither allocates nor panics
// (the additions could overflow only after 2^64 bytes).
unsafe impl<A: GlobalAlloc> GlobalAlloc for CountingAllocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        record(1, 0, layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc`, which is passed on unchanged.
        unsafe { self.inner.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        record(0, 1, 0, layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`; the block came from `self.inner`.
        unsafe { self.inner.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        record(1, 0, layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is passed on unchanged.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        record(1, 1, new_size, layout.size());
        // SAFETY: the caller keeps the contract of `realloc`; the block came from `self.inner`.
        unsafe { self.inner.realloc(block, layout, new_size) }
    }
}

/// What the calling thread has counted since it started: zeros when no [`CountingAllocator`] is installed.
#[must_use]
pub fn thread_counts() -> Counts {
    COUNTS.get()
}

/// Runs `region` and returns its result with what the calling thread allocated meanwhile.
pub fn count<R>(region: impl FnOnce() -> R) -> (R, Counts) {
    let before = thread_counts();
    let result = region();
    (result, thread_counts().since(before))
}

/// Whether a [`CountingAllocator`] is the global allocator of this program. Finds out by allocating one byte.
#[must_use]
pub fn installed() -> bool {
    let ((), counts) = count(|| drop(black_box(Box::new(0_u8))));
    counts.allocations != 0
}

/// A guard that panics when it is dropped and the calling thread has asked for memory meanwhile.
///
/// Giving memory back is allowed. The message holds `region` and the place of this call.
///
/// # Panics
/// When no [`CountingAllocator`] is installed: the guard would watch nothing.
#[track_caller]
#[must_use = "the region ends where the guard is dropped"]
pub fn forbid(region: &'static str) -> Forbidden {
    assert!(installed(), "audit::forbid needs a CountingAllocator as #[global_allocator]");
    Forbidden { region, place: Location::caller(), before: thread_counts(), this_thread: PhantomData }
}

/// The guard of [`forbid`]. It stays on the thread that made it.
#[derive(Debug)]
pub struct Forbidden {
    region: &'static str,
    place: &'static Location<'static>,
    before: Counts,
    this_thread: PhantomData<*const ()>,
}

impl Forbidden {
    /// Ends the region without a panic.
    ///
    /// # Errors
    /// [`Allocated`] when the region asked for memory.
    pub fn finish(self) -> Result<(), Allocated> {
        let result = self.verdict();
        std::mem::forget(self); // the verdict is the caller's now; there is nothing else to drop
        result
    }

    fn verdict(&self) -> Result<(), Allocated> {
        let counts = thread_counts().since(self.before);
        match counts.allocations {
            0 => Ok(()),
            _ => Err(Allocated { region: self.region, place: self.place, counts }),
        }
    }
}

impl Drop for Forbidden {
    fn drop(&mut self) {
        match self.verdict() {
            Err(allocated) if !thread::panicking() => panic!("{allocated}"),
            _ => {}
        }
    }
}

/// A region under [`forbid`] has allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocated {
    region: &'static str,
    place: &'static Location<'static>,
    /// What the region asked for.
    pub counts: Counts,
}

impl fmt::Display for Allocated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { allocations, bytes, .. } = self.counts;
        write!(f, "{} ({}) allocated {allocations} times, {bytes} bytes", self.region, self.place)
    }
}

impl std::error::Error for Allocated {}
