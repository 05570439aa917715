//! After warm-up nothing asks the allocator for memory.

use allocator_api2::vec::Vec as VecIn;
use bot4_pool::audit::{self, CountingAllocator};
use bot4_pool::{Arena, ObjectPool, PoolAllocator};
use hashbrown::{DefaultHashBuilder, HashMap};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

fn pool() -> ObjectPool<Vec<f64>> {
    let factory = || Vec::<f64>::with_capacity(512);
    ObjectPool::builder(factory).capacity(64).prefill(64).reset(Vec::clear).build().unwrap()
}

#[test]
fn shared_acquire_and_release() {
    let pool = pool();
    let _quiet = audit::forbid("shared");
    for _ in 0..1000 {
        let mut objects: [_; 10] = std::array::from_fn(|_| pool.acquire().unwrap());
        objects[3].push(1.0);
        drop((pool.try_acquire(), pool.acquire_owned()));
    }
}

#[test]
fn local_acquire_and_release_across_refill_and_spill() {
    let pool = pool();
    let (here, there) = (pool.handle(), pool.handle());
    let _quiet = audit::forbid("handle");
    for _ in 0..1000 {
        let mut objects: [_; 20] = std::array::from_fn(|_| here.acquire().unwrap());
        objects[19].push(1.0);
        there.release(here.acquire_owned().unwrap());
    }
}

#[test]
fn exhaustion_and_stats() {
    let pool = pool();
    let _quiet = audit::forbid("exhausted");
    let held: [_; 64] = std::array::from_fn(|_| pool.acquire().unwrap());
    assert!(pool.acquire().is_err());
    assert_eq!(pool.stats().in_use, 64);
    drop(held);
}

#[test]
fn an_arena_from_its_first_batch_on() {
    let mut arena = Arena::with_limit(1 << 20);
    let _quiet = audit::forbid("arena");
    for _ in 0..100 {
        for len in 0..100 {
            black_box(arena.alloc_slice_zeroed::<f64>(len).unwrap());
        }
        assert!(arena.alloc_slice_zeroed::<f64>(1 << 20).is_err());
        arena.reset();
    }
}

#[test]
fn collections_in_a_pool_allocator_from_the_first_on() {
    let memory = PoolAllocator::with_blocks(&[(256, 8), (1 << 13, 8), (1 << 16, 4)]);
    let handle = memory.handle();
    drop(HashMap::<u64, u64>::new()); // seeds the hashes of this thread
    let _quiet = audit::forbid("collections");
    for round in 0..100_u64 {
        let mut list = VecIn::new_in(&handle);
        (round..round + 1000).for_each(|value| list.push(value));
        let mut map = HashMap::with_hasher_in(DefaultHashBuilder::default(), memory.clone());
        map.extend(list.iter().map(|&key| (key, key)));
        assert!(VecIn::<u8, _>::new_in(&memory).try_reserve(1 << 20).is_err());
        black_box((list, map));
    }
    assert_eq!(memory.stats().map(|of| of.in_use).sum::<usize>(), 0);
}
