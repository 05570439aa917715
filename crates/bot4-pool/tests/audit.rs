//! The audit counts what the allocator is asked for, on this thread, and its guard can fail.

use bot4_pool::audit::{self, CountingAllocator, Counts};
use std::hint::black_box;
use std::panic::catch_unwind;
use std::thread;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

#[test]
fn growth_counts_as_one_more_allocation() {
    assert!(audit::installed());
    let ((), counts) = audit::count(|| {
        let mut buffer = black_box(Vec::<u8>::with_capacity(10));
        buffer.reserve_exact(100);
        drop(black_box(buffer));
    });
    assert_eq!(counts, Counts { allocations: 2, deallocations: 2, bytes: 110, bytes_freed: 110 });
    let (zeros, counts) = audit::count(|| black_box(vec![0_u64; 16]));
    assert_eq!(counts, Counts { allocations: 1, deallocations: 0, bytes: 128, bytes_freed: 0 });
    drop(zeros);
}

#[test]
fn other_threads_count_for_themselves() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let worker = thread::spawn(move || {
        receiver.recv().unwrap();
        audit::count(|| black_box(vec![1_u8; 1000]).len()).1
    });
    let before = audit::thread_counts();
    let ((), counts) = audit::count(|| sender.send(()).unwrap());
    assert_eq!(worker.join().unwrap().bytes, 1000);
    assert!(counts.bytes < 1000);
    assert!(audit::thread_counts().since(before).bytes < 1000);
}

#[test]
fn forbid_lets_quiet_code_pass() {
    let buffer = vec![1_u64; 100];
    let quiet = audit::forbid("summing");
    black_box(buffer.iter().sum::<u64>());
    drop(quiet);
    let quiet = audit::forbid("giving back");
    drop(buffer);
    assert_eq!(quiet.finish(), Ok(()));
}

#[test]
fn forbid_panics_with_the_region_and_the_counts() {
    let panic = catch_unwind(|| {
        let _quiet = audit::forbid("the hot loop");
        black_box(vec![0_u8; 40]);
    });
    let message = *panic.unwrap_err().downcast::<String>().unwrap();
    assert!(message.starts_with("the hot loop (") && message.contains("tests/audit.rs"), "{message}");
    assert!(message.ends_with("allocated 1 times, 40 bytes"), "{message}");
    let noisy = audit::forbid("noisy");
    black_box(vec![0_u8; 40]);
    assert_eq!(noisy.finish().unwrap_err().counts.bytes, 40);
}
