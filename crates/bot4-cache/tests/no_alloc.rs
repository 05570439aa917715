//! What allocates and what does not, and how much a cache takes, counted by the allocator.

use bot4_cache::{FeatureCache, LocalFeatureCache, VectorCache};
use bot4_pool::audit::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// The first use of counters by a thread registers it.
fn warm_up() {
    let _ = VectorCache::<u64>::new(1, 1).get(&0, &mut [0.0]);
}

fn allocations(work: impl FnOnce()) -> u64 {
    assert!(audit::installed());
    audit::count(work).1.allocations
}

#[test]
fn the_audit_sees_an_allocation() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn nothing_in_a_vector_cache_allocates_after_its_creation() {
    warm_up();
    for capacity in [100, 4_000] {
        let cache = VectorCache::<(u64, u32), f32>::new(capacity, 7);
        let made = allocations(|| {
            let mut row = [0.0; 7];
            for i in 0..20_000 {
                let key = (i * i % 10_007, 3);
                cache.get_or_compute(&key, &mut row, |row| row.fill(i as f32));
                let _ = cache.get(&(key.0 + 1, 3), &mut row);
                let _ = cache.get_or_try_compute(&key, &mut row, |_| Err(()));
                if i % 5 == 0 {
                    cache.insert(&(i, 9), &row);
                    cache.invalidate(&key);
                }
            }
            assert!(cache.stats().evictions > 0 && cache.len() > capacity / 2);
            cache.clear();
        });
        assert_eq!(made, 0);
    }
}

#[test]
fn a_feature_cache_allocates_nothing_of_its_own_for_values_without_a_heap() {
    warm_up();
    let cache = FeatureCache::<u64, [f64; 4]>::builder(1_000).weight(900, |_, _| 1).build();
    let made = allocations(|| {
        for i in 0..20_000 {
            cache.get_or_compute(&(i * i % 10_007), || [0.5; 4]);
            cache.insert(i, [0.25; 4]);
            cache.invalidate(&(i / 2));
        }
    });
    assert_eq!(made, 0);
}

#[test]
fn a_hit_in_a_local_cache_does_not_allocate() {
    let mut cache = LocalFeatureCache::new(100);
    (0..100_u64).for_each(|key| _ = cache.insert(key, [0.5; 4]));
    let made = allocations(|| {
        for key in 0..100 {
            assert!(cache.get(&key).is_some());
            cache.get_or_compute(&key, || [0.0; 4]);
        }
    });
    assert_eq!(made, 0);
}

/// Bytes that what `make` makes holds.
fn held<C>(make: impl FnOnce() -> C) -> u64 {
    let (_cache, counts) = audit::count(make);
    counts.bytes - counts.bytes_freed
}

#[test]
fn a_full_cache_holds_the_bytes_per_entry_that_its_readme_says() {
    const ENTRIES: u64 = 64 * 1024;
    warm_up();
    let vector = held(|| {
        let cache = VectorCache::<u64>::new(ENTRIES as usize, 8);
        (0..2 * ENTRIES).for_each(|key| cache.insert(&key, &[0.5; 8]));
        assert!(cache.bytes() as u64 <= ENTRIES * (8 + 64 + 11) + 40_000);
        cache
    });
    assert!(vector <= ENTRIES * (8 + 64 + 11) + 100_000, "{vector} bytes");
    let feature = held(|| {
        let cache = FeatureCache::<u64, [f64; 8]>::new(ENTRIES as usize);
        (0..2 * ENTRIES).for_each(|key| cache.insert(key, [0.5; 8]));
        cache
    });
    assert!(feature <= ENTRIES * (8 + 64 + 29), "{feature} bytes");
}
