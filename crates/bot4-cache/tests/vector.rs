//! Rules of `VectorCache`: whole keys, one computation per missing key, no torn rows, exact counts.

use bot4_cache::{Stats, VectorCache};
use std::{
    hash::{BuildHasher, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

/// The worst hasher: all keys collide in set and tag.
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

fn fixed() -> foldhash::fast::FixedState {
    foldhash::fast::FixedState::with_seed(1)
}

/// A row that can be checked: every number follows from the key.
fn row_of(key: u64) -> [f64; 5] {
    std::array::from_fn(|i| (key * 8 + i as u64) as f64)
}

#[test]
fn keys_with_one_hash_are_different_entries() {
    for capacity in [16, 1000] {
        let cache = VectorCache::<(u64, u64), f64, _>::with_hasher(capacity, 5, Constant);
        let mut row = [0.0; 5];
        for key in 0..16 {
            cache.insert(&(key, 0), &row_of(key));
        }
        for key in 0..16 {
            assert!(cache.get(&(key, 0), &mut row), "{key}");
            assert_eq!(row, row_of(key));
            assert!(!cache.get(&(key, 1), &mut row), "a part of the key differs");
        }
    }
}

#[test]
fn capacity_is_exact_up_to_256_and_a_multiple_of_16_beyond() {
    for (asked, got) in [(1, 1), (7, 7), (256, 256), (257, 272), (1000, 1008)] {
        let cache = VectorCache::<u64>::new(asked, 1);
        assert_eq!(cache.capacity(), got);
        (0..10 * got as u64).for_each(|key| cache.insert(&key, &[0.5]));
        assert!(cache.len() <= got && cache.len() > got / 2, "{} of {got}", cache.len());
        if asked <= 256 {
            assert_eq!(cache.len(), got);
        }
    }
}

#[test]
fn rows_without_numbers_and_keys_without_words_are_fine() {
    let cache = VectorCache::<[u64; 0], f32>::new(1, 0);
    assert!(!cache.get(&[], &mut []));
    cache.insert(&[], &[]);
    assert!(cache.get(&[], &mut []));
}

#[test]
#[should_panic(expected = "a row of 3 numbers in a cache of width 4")]
fn a_row_of_another_width_is_refused() {
    let _ = VectorCache::<u64>::new(10, 4).get(&1, &mut [0.0; 3]);
}

#[test]
#[should_panic(expected = "capacity")]
fn a_cache_of_nothing_is_refused() {
    VectorCache::<u64>::new(0, 4);
}

#[test]
#[should_panic(expected = "asks the cache for the same key")]
fn a_computation_that_asks_for_its_own_key_panics_instead_of_hanging() {
    let cache = VectorCache::<u64>::new(10, 1);
    cache.get_or_compute(&1, &mut [0.0], |row| {
        cache.get_or_compute(&1, row, |_| ());
    });
}

#[test]
fn a_computation_may_use_the_cache() {
    let cache = VectorCache::<u64, u64, _>::with_hasher(300, 1, Constant);
    fn fibonacci(cache: &VectorCache<u64, u64, Constant>, n: u64) -> u64 {
        let mut row = [n];
        cache.get_or_compute(&n, &mut row, |row| {
            row[0] = if n < 2 { n } else { fibonacci(cache, n - 1) + fibonacci(cache, n - 2) };
        });
        row[0]
    }
    assert_eq!(fibonacci(&cache, 14), 377);
    assert_eq!(cache.stats().misses, 15);
}

#[test]
fn each_missing_key_is_computed_once() {
    for threads in [2, 8] {
        for capacity in [256, 4096] {
            let cache = VectorCache::<u64, f64, _>::with_hasher(capacity, 5, fixed());
            let computed: [AtomicU64; 50] = [const { AtomicU64::new(0) }; 50];
            let start = Barrier::new(threads);
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        start.wait();
                        let mut row = [0.0; 5];
                        for key in 0..50 {
                            cache.get_or_compute(&key, &mut row, |row| {
                                computed[key as usize].fetch_add(1, Relaxed);
                                thread::sleep(Duration::from_micros(300));
                                row.copy_from_slice(&row_of(key));
                            });
                            assert_eq!(row, row_of(key));
                        }
                    });
                }
            });
            assert!(computed.iter().all(|times| times.load(Relaxed) == 1), "{computed:?}");
            let stats = cache.stats();
            assert_eq!((stats.misses, stats.hits), (50, 50 * (threads as u64 - 1)));
        }
    }
}

/// Runs `first` as the computation of key 1, lets another thread wait for it, and returns what that thread got.
fn waiter_after(first: impl FnOnce(&VectorCache<u64>) + Send) -> (f64, bool) {
    let cache = VectorCache::<u64>::new(10, 1);
    let started = Barrier::new(2);
    thread::scope(|scope| {
        let one = scope.spawn(|| {
            let _ = catch_unwind(AssertUnwindSafe(|| {
                let _ = cache.get_or_try_compute(&1, &mut [0.0], |row| {
                    started.wait();
                    thread::sleep(Duration::from_millis(20));
                    row[0] = 1.0;
                    first(&cache);
                    Err::<(), _>(())
                });
            }));
        });
        started.wait();
        let mut row = [0.0];
        let hit = cache.get_or_compute(&1, &mut row, |row| row[0] = 2.0);
        one.join().expect("the panic was caught");
        assert!(cache.get(&1, &mut row), "the cache is usable");
        (row[0], hit)
    })
}

#[test]
fn after_an_error_a_waiter_computes() {
    assert_eq!(waiter_after(|_| ()), (2.0, false));
}

#[test]
fn after_a_panic_a_waiter_computes() {
    assert_eq!(waiter_after(|_| panic!("a computation that fails")), (2.0, false));
}

#[test]
fn a_waiter_takes_what_was_inserted_meanwhile() {
    assert_eq!(waiter_after(|cache| cache.insert(&1, &[3.0])), (3.0, true));
}

#[test]
fn a_row_that_was_superseded_while_computed_is_not_stored() {
    let cache = VectorCache::<u64>::new(10, 1);
    let mut row = [0.0];
    cache.get_or_compute(&1, &mut row, |row| {
        cache.insert(&1, &[2.0]);
        row[0] = 1.0;
    });
    assert_eq!(row, [1.0]);
    assert!(cache.get(&1, &mut row));
    assert_eq!(row, [2.0], "the insertion is newer");
    let forgets: [fn(&VectorCache<u64>); 2] = [|cache| _ = cache.invalidate(&3), |cache| cache.clear()];
    for forget in forgets {
        cache.get_or_compute(&3, &mut row, |_| forget(&cache));
        assert!(!cache.get(&3, &mut row));
    }
}

#[test]
fn rows_are_never_torn_and_counts_add_up_under_threads() {
    const LOOKUPS: u64 = 40_000;
    let cache = VectorCache::<u64, f64, _>::with_hasher(320, 5, fixed());
    let (missed, removed, lookups) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for thread in 0..4 {
            let (cache, missed, removed, lookups) = (&cache, &missed, &removed, &lookups);
            scope.spawn(move || {
                let mut random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(thread + 1);
                let mut row = [0.0; 5];
                for _ in 0..LOOKUPS {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    // Squaring skews the keys towards 0; a thousand of them do not fit.
                    let key = (random >> 48) * (random >> 48) / 0x40_0000;
                    match random >> 33 & 15 {
                        0 => _ = removed.fetch_add(cache.invalidate(&key).into(), Relaxed),
                        1 => cache.insert(&key, &row_of(key)),
                        2 => {
                            lookups.fetch_add(1, Relaxed);
                            if cache.get(&key, &mut row) {
                                assert_eq!(row, row_of(key));
                            } else {
                                missed.fetch_add(1, Relaxed);
                            }
                        }
                        _ => {
                            lookups.fetch_add(1, Relaxed);
                            cache.get_or_compute(&key, &mut row, |row| {
                                missed.fetch_add(1, Relaxed);
                                row.copy_from_slice(&row_of(key));
                            });
                            assert_eq!(row, row_of(key));
                        }
                    }
                }
            });
        }
    });
    let Stats { hits, misses, insertions, evictions, removals, .. } = cache.stats();
    assert_eq!(misses, missed.into_inner());
    assert_eq!(hits + misses, lookups.into_inner());
    assert_eq!(removals, removed.into_inner());
    assert!(evictions > 0 && hits > 0 && removals > 0);
    let present = (0..1024).filter(|key| cache.get(key, &mut [0.0; 5])).count();
    assert_eq!(insertions - evictions - removals, present as u64);
    assert_eq!(cache.len(), present);
}
