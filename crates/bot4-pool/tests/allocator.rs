//! The rules of the pool allocator: blocks, bounds, alignment, growth, and collections that move and die.
#![allow(unsafe_code)] // calls the allocator as a collection does

use allocator_api2::alloc::{Allocator, Layout};
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec as VecIn;
use bot4_pool::{AllocatorHandle, PoolAllocator};
use hashbrown::{DefaultHashBuilder, HashMap};
use proptest::prelude::*;
use std::ptr::NonNull;
use std::slice;
use std::thread;

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

fn in_use(memory: &PoolAllocator) -> usize {
    memory.stats().map(|of| of.in_use).sum()
}

#[test]
fn collections_take_blocks_and_give_them_back() {
    let memory = PoolAllocator::with_blocks(&[(256, 8), (1 << 13, 4), (50_000, 4)]);
    let handle = memory.handle();
    for round in 0..if cfg!(miri) { 2 } else { 100_u64 } {
        let mut list = VecIn::new_in(&handle);
        list.extend(round..round + 1000);
        let mut map = HashMap::with_hasher_in(DefaultHashBuilder::default(), &memory);
        map.extend(list.iter().map(|&key| (key, !key)));
        let boxed = Box::new_in([round; 4], memory.clone());
        assert!(list.iter().all(|key| map[key] == !key) && boxed[3] == round);
        assert_eq!(in_use(&memory), 3);
    }
    assert_eq!(in_use(&memory), 0);
    let largest = memory.stats().last().unwrap();
    assert_eq!((largest.bytes, largest.blocks, largest.high_water), (1 << 16, 4, 1));
}

#[test]
fn the_blocks_are_a_bound_and_larger_ones_stand_in() {
    let memory = PoolAllocator::with_blocks(&[(128, 2), (64, 1), (128, 1)]);
    let mut held: Vec<_> = (0..4).map(|_| Box::new_in([0_u8; 64], &memory)).collect();
    assert!(Box::try_new_in([0_u8; 64], &memory).is_err());
    let stats: Vec<_> = memory.stats().collect();
    assert_eq!((stats[0].bytes, stats[0].blocks, stats[0].in_use, stats[0].refused), (64, 1, 1, 4));
    assert_eq!((stats[1].bytes, stats[1].blocks, stats[1].in_use, stats[1].refused), (128, 3, 3, 1));
    assert_eq!(memory.bytes(), 64 + 3 * 128);
    held.pop();
    assert!(Box::try_new_in([0_u8; 128], &memory).is_ok());
}

#[test]
fn impossible_layouts_are_refused_and_cost_nothing() {
    let memory = PoolAllocator::with_blocks(&[(4096, 4)]);
    let handle = memory.handle();
    for size in [4097, 1 << 30, isize::MAX as usize - 63] {
        assert!(memory.allocate(layout(size, 8)).is_err());
        assert!(handle.allocate(layout(size, 8)).is_err());
    }
    for align in [8192, 4 << 20, 1 << 40] {
        assert!(memory.allocate(layout(1, align)).is_err());
        assert!(handle.allocate(layout(1, align)).is_err());
    }
    let mut list = VecIn::<u64, _>::new_in(&handle);
    assert!(list.try_reserve(usize::MAX / 8).is_err() && list.try_reserve(513).is_err());
    list.try_reserve_exact(512).unwrap();
    assert_eq!((in_use(&memory), memory.stats().map(|of| of.refused).sum::<u64>()), (1, 0));
}

#[test]
fn blocks_are_aligned_to_their_size_up_to_two_mib() {
    let sizes: Vec<_> = (6..=23).map(|shift| (1 << shift, 2)).collect();
    let memory = PoolAllocator::with_blocks(&sizes);
    for shift in 0..=21 {
        for size in [1, 64, (1 << shift) + 1] {
            let wanted = layout(size, 1 << shift);
            let block = memory.allocate(wanted).unwrap();
            assert_eq!(block.cast::<u8>().addr().get() % wanted.align(), 0);
            assert!(block.len() >= size);
            // SAFETY: the block was just allocated for this layout.
            unsafe { memory.deallocate(block.cast(), wanted) };
        }
    }
    assert_eq!(in_use(&memory), 0);
    assert!(memory.allocate(layout(8, 4 << 20)).is_err(), "a block of 4 MiB starts on a boundary of 2 MiB");
}

#[test]
fn growth_inside_a_block_stays_in_place_and_growth_out_of_it_keeps_the_values() {
    let memory = PoolAllocator::with_blocks(&[(1024, 1), (4096, 1)]);
    let mut list = VecIn::<u64, _>::with_capacity_in(2, &memory);
    list.push(0);
    let start = list.as_ptr();
    list.extend(1..128);
    assert_eq!(list.as_ptr(), start);
    assert_eq!(in_use(&memory), 1);
    list.extend(128..512);
    assert_ne!(list.as_ptr(), start);
    assert!(list.iter().copied().eq(0..512));
    assert!(list.try_reserve(1).is_err());
    list.truncate(3);
    list.shrink_to_fit();
    assert_eq!((list.as_slice(), in_use(&memory)), ([0, 1, 2].as_slice(), 1));
    list.clear();
    list.shrink_to_fit();
    assert_eq!(in_use(&memory), 0);
}

#[test]
fn memory_asked_for_as_zeros_is_zeroed_although_it_was_used() {
    let memory = PoolAllocator::with_blocks(&[(128, 1), (1024, 1)]);
    let dirty = |list: VecIn<u8, &PoolAllocator>| {
        let mut list = list;
        list.resize(1024, 7);
    };
    dirty(VecIn::with_capacity_in(128, &memory));
    dirty(VecIn::with_capacity_in(1024, &memory));
    let (small, middle, large) = (layout(10, 1), layout(100, 1), layout(1000, 1));
    let bytes = |block: NonNull<[u8]>| {
        // SAFETY: the test holds the block, all of whose bytes have been written.
        unsafe { block.as_ref() }.to_vec()
    };
    let block = memory.allocate_zeroed(small).unwrap();
    assert!(bytes(block).iter().all(|&byte| byte == 0));
    // SAFETY: the block has more than one byte.
    unsafe { block.cast::<u8>().write(9) };
    // SAFETY: the block was allocated for `small`.
    let block = unsafe { memory.grow_zeroed(block.cast(), small, middle) }.unwrap();
    assert_eq!((bytes(block)[0], bytes(block)[1..].iter().max()), (9, Some(&0)));
    // SAFETY: the block was fitted to `middle`.
    let block = unsafe { memory.grow_zeroed(block.cast(), middle, large) }.unwrap();
    assert_eq!((block.len(), bytes(block)[0], bytes(block)[1..].iter().max()), (1024, 9, Some(&0)));
    // SAFETY: the block was fitted to `large`.
    unsafe { memory.deallocate(block.cast(), large) };
}

#[test]
fn values_without_a_size_take_no_block() {
    let memory = PoolAllocator::with_blocks(&[(64, 1)]);
    let handle = memory.handle();
    let held = (Box::new_in((), &memory), VecIn::<u64, _>::new_in(&handle), Box::new_in((), &handle));
    assert_eq!(in_use(&memory), 0);
    drop(held);
    let block = memory.allocate(layout(0, 32)).unwrap();
    // SAFETY: the allocation has no bytes, before and after.
    let block = unsafe { memory.grow(block.cast(), layout(0, 32), layout(8, 8)) }.unwrap();
    // SAFETY: the block was fitted to 8 bytes.
    let nothing = unsafe { memory.shrink(block.cast(), layout(8, 8), layout(0, 8)) }.unwrap();
    assert_eq!((nothing.len(), in_use(&memory)), (0, 0));
}

#[test]
#[should_panic(expected = "needs a block")]
fn an_allocator_without_blocks_is_a_mistake() {
    drop(PoolAllocator::with_blocks(&[(64, 0)]));
}

#[test]
#[should_panic(expected = "exceed isize::MAX bytes")]
fn blocks_beyond_the_address_space_are_a_mistake() {
    drop(PoolAllocator::with_blocks(&[(1 << 40, 1 << 30), (64, 1)]));
}

#[test]
fn collections_and_handles_outlive_the_allocator() {
    let memory = PoolAllocator::with_blocks(&[(1024, 64)]);
    let (handle, mut list) = (memory.handle(), VecIn::new_in(memory.clone()));
    list.extend(0..100_u64);
    drop(memory);
    let boxed = Box::new_in(5, &handle);
    assert_eq!(list.iter().sum::<u64>() + *boxed, 4955);
    drop(boxed);
    let mut owner = VecIn::new_in(handle); // the handle itself may be the allocator of one collection
    owner.push(list);
    thread::spawn(move || drop(owner)).join().unwrap();
}

#[test]
fn a_handle_in_a_thread_local_gives_its_blocks_back_at_thread_exit() {
    use std::cell::OnceCell;
    thread_local!(static HANDLE: OnceCell<AllocatorHandle> = const { OnceCell::new() });
    let memory = PoolAllocator::with_blocks(&[(64, 64)]);
    let workers = memory.clone();
    let working = move || {
        HANDLE.with(|cell| {
            let handle = cell.get_or_init(|| workers.handle());
            let held: Vec<_> = (0..64_u64).map(|number| Box::new_in(number, handle)).collect();
            assert!(Box::try_new_in(0_u64, handle).is_err());
            assert_eq!(held.iter().map(|number| **number).sum::<u64>(), 2016);
        });
    };
    thread::spawn(working).join().unwrap();
    let held: Vec<_> = (0..64_u64).map(|number| Box::try_new_in(number, &memory)).collect();
    assert!(held.iter().all(Result::is_ok), "a dead thread kept blocks");
}

#[test]
fn threads_allocate_pass_on_and_die_without_losing_a_block() {
    const ROUNDS: u64 = if cfg!(miri) { 50 } else { 5_000 };
    let memory = PoolAllocator::with_blocks(&[(64, 40), (512, 40), (4096, 40)]);
    thread::scope(|scope| {
        for worker in 0..3_u64 {
            let (memory, (sender, receiver)) = (&memory, std::sync::mpsc::sync_channel(4));
            scope.spawn(move || {
                let handle = memory.handle();
                for round in 0..ROUNDS {
                    let tag = worker << 32 | round;
                    let len = (round * 37 % 300) as usize;
                    let mut here = VecIn::new_in(&handle);
                    let mut away = VecIn::new_in(memory.clone());
                    if here.try_reserve(len).is_ok() && away.try_reserve(len).is_ok() {
                        here.resize(len, tag);
                        away.resize(len, !tag);
                        assert!(here.iter().all(|&word| word == tag), "a block has two holders");
                        sender.send((tag, away)).unwrap();
                    }
                }
            });
            scope.spawn(move || {
                for (tag, list) in receiver {
                    assert!(list.iter().all(|&word| word == !tag), "a block has two holders");
                }
            });
        }
        let memory = memory.clone();
        scope.spawn(move || {
            for round in 0..ROUNDS / 10 {
                let memory = memory.clone();
                let died = thread::spawn(move || {
                    let handle = memory.handle();
                    let mut list = VecIn::new_in(&handle);
                    let _box = Box::try_new_in(round, &memory);
                    drop(list.try_reserve(round as usize % 500).map(|()| list.push(round)));
                    std::panic::resume_unwind(std::boxed::Box::new("died"));
                });
                assert!(died.join().is_err());
            }
        });
    });
    assert_eq!(in_use(&memory), 0);
    let all: Vec<_> = (0..120_u8).map(|tag| Box::try_new_in(tag, &memory)).collect();
    assert!(all.iter().all(Result::is_ok), "a block was lost");
}

/// A block of the model: where it is, for which layout, and the byte it is full of.
struct Held {
    start: NonNull<u8>,
    layout: Layout,
    tag: u8,
}

impl Held {
    fn check(&self) {
        // SAFETY: the block has so many bytes, all of which were written.
        let bytes = unsafe { slice::from_raw_parts(self.start.as_ptr(), self.layout.size()) };
        assert!(bytes.iter().all(|&byte| byte == self.tag), "a block for {:?} was overwritten", self.layout);
    }

    fn fill(&self) {
        // SAFETY: the block has so many bytes.
        unsafe { self.start.write_bytes(self.tag, self.layout.size()) };
    }
}

#[derive(Debug, Clone)]
enum Step {
    Allocate { size: usize, align: u32 },
    Resize { which: usize, size: usize },
    Free { which: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![0..70_usize, 60..1100_usize];
    prop_oneof![
        3 => (size.clone(), 0..10_u32).prop_map(|(size, align)| Step::Allocate { size, align }),
        2 => (any::<usize>(), size).prop_map(|(which, size)| Step::Resize { which, size }),
        2 => any::<usize>().prop_map(|which| Step::Free { which }),
    ]
}

fn run(memory: &impl Allocator, steps: Vec<Step>) {
    let mut held: Vec<Held> = Vec::new();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Allocate { size, align } => {
                let layout = layout(size, 1 << align);
                if let Ok(block) = memory.allocate(layout) {
                    assert_eq!(block.cast::<u8>().addr().get() % layout.align(), 0);
                    held.push(Held { start: block.cast(), layout, tag: number as u8 });
                    held[held.len() - 1].fill();
                }
            }
            Step::Resize { which, size } if !held.is_empty() => {
                let index = which % held.len();
                let (old, start) = (held[index].layout, held[index].start);
                let new = layout(size, old.align());
                // SAFETY: the block is held for `old`, and the new size is not below the old one.
                let grow = || unsafe { memory.grow(start, old, new) };
                // SAFETY: the block is held for `old`, and the new size is below the old one.
                let shrink = || unsafe { memory.shrink(start, old, new) };
                if let Ok(block) = if new.size() < old.size() { shrink() } else { grow() } {
                    let kept = layout(old.size().min(size), old.align());
                    held[index] = Held { start: block.cast(), layout: kept, tag: held[index].tag };
                    held[index].check();
                    held[index].layout = new;
                    held[index].fill();
                }
            }
            Step::Free { which } if !held.is_empty() => free(memory, held.swap_remove(which % held.len())),
            Step::Resize { .. } | Step::Free { .. } => {}
        }
        held.iter().for_each(Held::check);
    }
    held.into_iter().for_each(|block| free(memory, block));
}

fn free(memory: &impl Allocator, block: Held) {
    // SAFETY: the block is held for its layout, and the model forgets it.
    unsafe { memory.deallocate(block.start, block.layout) };
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: if cfg!(miri) { 4 } else { 128 },
        ..ProptestConfig::default()
    })]

    #[test]
    fn blocks_do_not_overlap_and_none_is_lost(steps in prop::collection::vec(step(), 0..200)) {
        let memory = PoolAllocator::with_blocks(&[(64, 9), (128, 20), (1024, 3)]);
        run(&memory, steps.clone());
        prop_assert_eq!(in_use(&memory), 0);
        run(&memory.handle(), steps);
        prop_assert_eq!(in_use(&memory), 0);
    }
}
