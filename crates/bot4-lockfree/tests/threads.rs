//! A million threads that record once each: no count is lost and no memory is kept.
#![cfg(not(bot4_loom))]
#![allow(unsafe_code)] // an allocator that knows how much is in use

use bot4_lockfree::metrics::{HistogramConfig, Registry};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

struct InUse(AtomicUsize);

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for InUse {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's obligations are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.0.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's obligations are the same.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: InUse = InUse(AtomicUsize::new(0));

#[test]
fn million_threads_come_and_go() {
    let registry = Registry::new();
    let counter = registry.counter("a", "");
    let histogram = registry.histogram("b", "", HistogramConfig::default());
    let come_and_go = |threads: u64| {
        // Two at a time, so that rows change hands while others are in use.
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for i in 0..threads / 2 {
                        let record = || {
                            counter.increment(i);
                            histogram.record(i);
                        };
                        thread::scope(|scope| {
                            let thread = thread::Builder::new().stack_size(32 << 10);
                            thread.spawn_scoped(scope, record).expect("one thread can be started");
                        });
                    }
                });
            }
        });
    };
    come_and_go(1_000);
    let before = ALLOCATOR.0.load(Relaxed);
    come_and_go(1_000_000);
    let after = ALLOCATOR.0.load(Relaxed);

    let sum = |n: u64| n * (n - 1);
    let samples = histogram.snapshot();
    assert_eq!(counter.value(), sum(500) + sum(500_000));
    assert_eq!((samples.sum(), samples.count()), (sum(500) + sum(500_000), 1_001_000));
    // A thread gives its row back after it was joined, so that a few more than two can be in use; a histogram's has 37 KB.
    // Rows that were not given back would soon be all 128: 5 MB.
    assert!(after.saturating_sub(before) < 1 << 20, "{before} bytes in use became {after}");
}
