//! Memory is backed when it is made and stays so: whoever uses it on the hot path does not fault.
//!
//! The bounds leave room for a few faults of the system's own making; memory that is not backed costs at least one fault per
//! huge page, which is more than each bound.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout)] // a skipped test must be seen to be skipped

use bot4_pool::{AlignedVec, Arena, ObjectPool};
use ndarray::Array2;
use nix::sys::resource::{UsageWho, getrusage};
use std::fs;
use std::hint::black_box;

/// 32 huge pages, 16,384 small ones.
const LARGE: usize = 64 << 20;
const PAGE: usize = 4096;

fn faults<R>(region: impl FnOnce() -> R) -> (R, i64) {
    let so_far = || getrusage(UsageWho::RUSAGE_THREAD).unwrap().minor_page_faults();
    let before = so_far();
    let result = region();
    (result, so_far() - before)
}

fn touch_pages(memory: &mut [f64]) {
    memory.iter_mut().step_by(PAGE / size_of::<f64>()).for_each(|word| *word += 1.0);
    black_box(memory);
}

#[test]
fn the_count_sees_memory_that_is_not_backed() {
    let mut lazy = Vec::<f64>::with_capacity(LARGE / size_of::<f64>());
    let (_, faults) = faults(|| {
        lazy.spare_capacity_mut().iter_mut().step_by(PAGE / size_of::<f64>()).for_each(|word| {
            word.write(1.0);
        });
        black_box(&mut lazy);
    });
    assert!(faults >= 30, "{faults} faults on 64 MiB that nobody had touched");
}

#[test]
fn matrices_of_8_mib_are_used_again_without_a_fault() {
    let pool = ObjectPool::<Array2<f64>>::matrices((1024, 1024), 4, 1 << 30).unwrap();
    let handle = pool.handle();
    drop((handle.acquire().unwrap(), pool.acquire().unwrap()));
    let ((), faults) = faults(|| {
        for _ in 0..100 {
            touch_pages(handle.acquire().unwrap().as_slice_mut().unwrap());
            touch_pages(pool.acquire().unwrap().as_slice_mut().unwrap());
        }
    });
    assert_eq!((pool.stats().built, pool.stats().hits), (2, 200), "one for the handle, one for the pool");
    assert!(faults < 100, "{faults} faults in 200 uses of two matrices");
}

#[test]
fn a_new_buffer_matrix_or_arena_is_backed() {
    let mut buffer = AlignedVec::<f64>::zeroed(LARGE / size_of::<f64>());
    let pool = ObjectPool::<Array2<f64>>::matrices((2048, 4096), 1, LARGE).unwrap();
    let mut matrix = pool.acquire().unwrap();
    let mut arena = Arena::with_limit(LARGE);
    let ((), faults) = faults(|| {
        touch_pages(&mut buffer);
        touch_pages(matrix.as_slice_mut().unwrap());
        touch_pages(arena.alloc_slice_zeroed(LARGE / size_of::<f64>() - 8).unwrap());
    });
    arena.reset();
    assert!(faults < 16, "{faults} faults on 192 MiB that should be there");
}

/// The flags of the mapping that `address` lies in.
fn flags_of_mapping(address: usize) -> String {
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let mut inside = false;
    for line in maps.lines() {
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            if inside {
                return flags.to_owned();
            }
        } else if let Some((from, to)) = line.split_once(' ').and_then(|(range, _)| range.split_once('-')) {
            let number = |text| usize::from_str_radix(text, 16).unwrap_or(0);
            inside = (number(from)..number(to)).contains(&address);
        }
    }
    String::new()
}

#[test]
fn memory_of_two_mib_and_more_asks_for_huge_pages() {
    if !fs::exists("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or(false) {
        println!("SKIP: this system has no transparent huge pages");
        return;
    }
    let buffer = AlignedVec::<u8>::zeroed(2 << 20);
    let pool = ObjectPool::<Array2<f64>>::matrices((1024, 1024), 1, 1 << 30).unwrap();
    let matrix = pool.acquire().unwrap();
    for start in [buffer.as_ptr().addr(), matrix.as_ptr().addr()] {
        assert_eq!(start % (2 << 20), 0, "a huge page starts on its boundary");
        let flags = flags_of_mapping(start);
        assert!(flags.split(' ').any(|flag| flag == "hg"), "not advised: {flags:?}");
    }
}
