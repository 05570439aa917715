//! Rules of `FeatureCache`: whole keys, one computation per missing key, weight, age, exact counts.

use bot4_cache::{FeatureCache, Stats};
use std::{
    hash::{BuildHasher, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

/// The worst hasher: all keys collide in shelf and tag.
#[derive(Clone, Copy, Default)]
struct Constant;

impl BuildHasher for Constant {
    type Hasher = Constant;
    fn build_hasher(&self) -> Constant {
        Constant
    }
}

impl Hasher for Constant {
    fn finish(&self) -> u64 {
        0x1234_5678_9abc_def0
    }
    fn write(&mut self, _bytes: &[u8]) {}
}

#[test]
fn keys_with_one_hash_are_different_entries() {
    for capacity in [64, 1000] {
        let cache = FeatureCache::<String, u64>::builder(capacity).hasher(Constant).build();
        (0..64).for_each(|key| cache.insert(key.to_string(), key));
        for key in 0..64 {
            assert_eq!(cache.get(key.to_string().as_str()), Some(key));
        }
        assert_eq!(cache.get("64"), None);
    }
}

#[test]
fn capacity_is_exact_up_to_256_and_a_multiple_of_64_beyond() {
    for (asked, got) in [(1, 1), (256, 256), (257, 320), (1000, 1024)] {
        let cache = FeatureCache::new(asked);
        assert_eq!(cache.capacity(), got);
        (0..10 * got).for_each(|key| cache.insert(key, key));
        assert_eq!(cache.len(), got);
    }
}

#[test]
fn each_missing_key_is_computed_once_even_when_it_cannot_be_stored() {
    for (threads, weight_max) in [(2, 1000), (8, 1000), (8, 1)] {
        // Weight 2 does not fit a cache of weight 1: the threads that wait get the value nevertheless.
        let cache = FeatureCache::<u64, Arc<u64>>::builder(100).weight(weight_max, |_, _| 2).build();
        for key in 0..30 {
            let (computed, start) = (AtomicU64::new(0), Barrier::new(threads));
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        start.wait();
                        let value = cache.get_or_compute(&key, || {
                            computed.fetch_add(1, Relaxed);
                            thread::sleep(Duration::from_millis(5));
                            Arc::new(key)
                        });
                        assert_eq!(*value, key);
                    });
                }
            });
            if weight_max > 1 {
                assert_eq!(computed.into_inner(), 1);
            } else {
                // A thread that came after the end of the computation had to start its own.
                assert!(computed.into_inner() < threads as u64);
            }
        }
        assert_eq!(cache.is_empty(), weight_max == 1);
        let Stats { hits, misses, .. } = cache.stats();
        assert_eq!(hits + misses, 30 * threads as u64);
    }
}

/// Has one thread compute key 1 by `first` while another waits, and returns what the other got.
fn waiter_after(first: impl FnOnce(&FeatureCache<u64, u64>) -> Result<u64, ()> + Send) -> u64 {
    let cache = FeatureCache::new(10);
    let started = Barrier::new(2);
    let value = thread::scope(|scope| {
        let one = scope.spawn(|| {
            let _ = catch_unwind(AssertUnwindSafe(|| {
                let _ = cache.get_or_try_compute(&1, || {
                    started.wait();
                    thread::sleep(Duration::from_millis(20));
                    first(&cache)
                });
            }));
        });
        started.wait();
        let value = cache.get_or_compute(&1, || 2);
        one.join().expect("the panic was caught");
        value
    });
    assert_eq!(cache.get_or_compute(&9, || 9), 9, "the cache is usable");
    value
}

#[test]
fn a_waiter_gets_the_value() {
    assert_eq!(waiter_after(|_| Ok(1)), 1);
}

#[test]
fn after_an_error_a_waiter_computes() {
    assert_eq!(waiter_after(|_| Err(())), 2);
}

#[test]
fn after_a_panic_a_waiter_computes() {
    assert_eq!(waiter_after(|_| panic!("a computation that fails")), 2);
}

#[test]
fn a_value_that_was_superseded_while_computed_is_not_stored() {
    let cache = FeatureCache::<u64, u64>::builder(10).weight(100, |_, value| *value).build();
    let computed = cache.get_or_compute(&1, || {
        cache.insert(1, 20);
        10
    });
    assert_eq!((computed, cache.get(&1), cache.weight()), (10, Some(20), 20));
    cache.get_or_compute(&2, || {
        assert!(!cache.invalidate(&2));
        10
    });
    assert_eq!(cache.get(&2), None);
    cache.get_or_compute(&3, || {
        cache.clear();
        10
    });
    assert_eq!((cache.get(&3), cache.len(), cache.weight()), (None, 0, 0));
}

#[test]
fn who_asks_after_an_invalidation_does_not_get_the_older_computation() {
    let cache = FeatureCache::new(10);
    let outer = cache.get_or_compute(&1, || {
        cache.invalidate(&1);
        assert_eq!(cache.get_or_compute(&1, || 2), 2, "a new computation");
        1
    });
    assert_eq!((outer, cache.get(&1)), (1, Some(2)));
}

#[test]
#[should_panic(expected = "asks the cache for the same key")]
fn a_computation_that_asks_for_its_own_key_panics_instead_of_hanging() {
    let cache = FeatureCache::new(10);
    cache.get_or_compute(&1, || cache.get_or_compute(&1, || 1));
}

#[test]
fn a_clone_that_panics_leaves_nobody_waiting() {
    struct Moody(Arc<AtomicU64>);
    impl Clone for Moody {
        fn clone(&self) -> Self {
            assert!(self.0.fetch_add(1, Relaxed) > 1, "a clone that fails");
            Self(Arc::clone(&self.0))
        }
    }
    let cache = FeatureCache::new(10);
    let clones = Arc::new(AtomicU64::new(0));
    for _ in 0..2 {
        let panicked =
            catch_unwind(AssertUnwindSafe(|| _ = cache.get_or_compute(&1, || Moody(clones.clone()))));
        assert!(panicked.is_err());
    }
    cache.get_or_compute(&1, || Moody(clones.clone()));
    assert!(cache.get(&1).is_some());
}

#[test]
fn an_entry_expires_at_its_age_and_a_lookup_does_not_renew_it() {
    let now = Arc::new(AtomicU64::new(1_000));
    let clock = Arc::clone(&now);
    let cache = FeatureCache::builder(10)
        .time_to_live(Duration::from_nanos(50))
        .clock(move || clock.load(Relaxed))
        .build();
    cache.insert(1, 'a');
    now.store(1_049, Relaxed);
    assert_eq!(cache.get(&1), Some('a'));
    now.store(1_050, Relaxed);
    assert_eq!(cache.get(&1), None);
    let computed = cache.get_or_compute(&1, || {
        now.store(1_070, Relaxed);
        'b'
    });
    assert_eq!(computed, 'b');
    now.store(1_119, Relaxed);
    assert_eq!(cache.get(&1), Some('b'), "age counts from the end of the computation");
    assert_eq!((cache.len(), cache.stats().insertions), (1, 1), "an expired value is replaced in place");
}

#[test]
fn the_computers_clock_lets_entries_expire() {
    let cache = FeatureCache::builder(10).time_to_live(Duration::ZERO).build();
    cache.insert(1, ());
    assert_eq!(cache.get(&1), None);
    let cache = FeatureCache::builder(10).time_to_live(Duration::MAX).build();
    cache.insert(1, ());
    assert_eq!(cache.get(&1), Some(()));
}

#[test]
fn weight_is_never_above_its_limit_and_returns_to_zero() {
    let cache = Arc::new(FeatureCache::<u64, u64>::builder(1_000).weight(500, |_, value| *value).build());
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let cache = &cache;
            scope.spawn(move || {
                for i in 0..5_000 {
                    let key = (thread + 1) * i % 700;
                    match i % 8 {
                        0 => _ = cache.invalidate(&key),
                        1..4 => cache.insert(key, key % 90),
                        _ => assert_eq!(cache.get_or_compute(&key, || key % 90), key % 90),
                    }
                }
            });
        }
    });
    let held: u64 = (0..700).filter_map(|key| cache.get(&key)).sum();
    assert_eq!(cache.weight(), held);
    assert!(held <= 500 && held > 250, "{held}");
    assert!(cache.stats().evictions > 0);
    cache.clear();
    assert_eq!((cache.weight(), cache.len()), (0, 0));
}

#[test]
fn a_value_that_is_too_heavy_is_returned_and_not_stored() {
    let cache = FeatureCache::<u64, u64>::builder(10).weight(100, |_, value| *value).build();
    cache.insert(1, 100);
    assert_eq!(cache.get_or_compute(&2, || 101), 101);
    assert_eq!((cache.get(&1), cache.get(&2)), (Some(100), None), "nobody had to leave for it");
    cache.insert(1, 101);
    assert_eq!((cache.get(&1), cache.weight()), (None, 0), "not even the value it was to replace is left");
}

#[test]
fn evicted_values_are_dropped() {
    let value = Arc::new(());
    let cache = FeatureCache::new(300);
    (0..5_000).for_each(|key| cache.insert(key, Arc::clone(&value)));
    assert_eq!(Arc::strong_count(&value), 1 + cache.len());
    cache.clear();
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_dropped_value_may_use_the_cache() {
    struct Nosy(Arc<FeatureCache<u64, Option<Arc<Nosy>>>>, u64);
    impl Drop for Nosy {
        fn drop(&mut self) {
            self.0.get(&self.1);
        }
    }
    let cache = Arc::new(FeatureCache::new(1));
    for key in 0..10 {
        cache.insert(key, Some(Arc::new(Nosy(Arc::clone(&cache), key))));
    }
    cache.invalidate(&9);
    assert_eq!(cache.stats().misses, 10);
}

#[test]
fn counts_add_up_under_threads() {
    let cache = FeatureCache::new(320);
    let (computed, found, removed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (cache, computed, found, removed) = (&cache, &computed, &found, &removed);
            scope.spawn(move || {
                let mut random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(thread + 1);
                for _ in 0..20_000 {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let key = (random >> 48) * (random >> 48) / 0x40_0000;
                    match random >> 33 & 15 {
                        0 => _ = removed.fetch_add(cache.invalidate(&key).into(), Relaxed),
                        1 => _ = found.fetch_add(cache.get(&key).is_some().into(), Relaxed),
                        _ => {
                            let mut mine = 0;
                            assert_eq!(
                                cache.get_or_compute(&key, || {
                                    mine = 1;
                                    key * 3
                                }),
                                key * 3
                            );
                            computed.fetch_add(mine, Relaxed);
                            found.fetch_add(1 - mine, Relaxed);
                        }
                    }
                }
            });
        }
    });
    let Stats { hits, misses, insertions, evictions, removals, .. } = cache.stats();
    assert_eq!((hits, removals), (found.into_inner(), removed.into_inner()));
    assert!(misses >= computed.into_inner() && evictions > 0);
    let present = (0..1024).filter(|key| cache.get(key).is_some()).count();
    assert_eq!(insertions - evictions - removals, present as u64);
}
