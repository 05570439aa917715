//! The field: each crate with its fastest settings for the case, and a fast hasher where its own is not.

use super::{KEYS, ROOMY, Row, arc_of, burst, draws, hits, lanes, row_of, slowly};
use crate::case::Case;
use ahash::RandomState;
use dashmap::DashMap;
use foyer_memory::{Cache as Foyer, CacheBuilder, CacheProperties, S3FifoConfig};
use lru::LruCache;
use mini_moka::sync::Cache as MiniMoka;
use moka::sync::Cache as Moka;
use quick_cache::sync::Cache as Quick;
use std::convert::Infallible;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

/// Adds the peers of a case.
pub(super) fn join(case: Case) -> Case {
    match case.name {
        "hit_1t" => hit(case, 1),
        "hit_2t" => hit(case, 2),
        "hit_arc_1t" => hit_arc(case, 1),
        "hit_arc_2t" => hit_arc(case, 2),
        "zipf_miss_1t" => miss(case, KEYS / 10, 1),
        "zipf_miss_2t" => miss(case, KEYS / 10, 2),
        "zipf_miss_small_2t" => miss(case, KEYS / 100, 2),
        "zipf_miss_arc_1t" => miss_arc(case, 1),
        "zipf_miss_arc_2t" => miss_arc(case, 2),
        "single_flight_2" => single_flight(case, 2),
        "single_flight_8" => single_flight(case, 8),
        _ => case,
    }
}

fn moka<V: Clone + Send + Sync + 'static>(capacity: usize) -> Moka<u64, V, RandomState> {
    Moka::builder().max_capacity(capacity as u64).build_with_hasher(RandomState::new())
}

fn mini_moka<V: Clone + Send + Sync + 'static>(capacity: usize) -> MiniMoka<u64, V, RandomState> {
    MiniMoka::builder().max_capacity(capacity as u64).build_with_hasher(RandomState::new())
}

fn foyer<V: Send + Sync + 'static>(capacity: usize) -> Foyer<u64, V, RandomState, CacheProperties> {
    CacheBuilder::new(capacity)
        .with_eviction_config(S3FifoConfig::default())
        .with_hash_builder(RandomState::new())
        .build()
}

type MutexLru<V> = Mutex<LruCache<u64, V, RandomState>>;

fn mutex_lru<V>(capacity: usize) -> MutexLru<V> {
    let capacity = NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN);
    Mutex::new(LruCache::with_hasher(capacity, RandomState::new()))
}

fn get<V: Clone>(cache: &MutexLru<V>, key: u64) -> Option<V> {
    cache.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
}

fn put<V>(cache: &MutexLru<V>, key: u64, value: V) {
    cache.lock().unwrap_or_else(PoisonError::into_inner).put(key, value);
}

fn hit(case: Case, threads: usize) -> Case {
    hit_of(case, threads, row_of)
}

fn hit_arc(case: Case, threads: usize) -> Case {
    hit_of(case, threads, arc_of)
}

fn hit_of<V: Clone + Send + Sync + 'static>(case: Case, threads: usize, value: impl Fn(u64) -> V) -> Case {
    let map = DashMap::<u64, V, RandomState>::with_hasher(RandomState::new());
    case.peer(
        "quick_cache get",
        hits(
            Quick::new(ROOMY),
            threads,
            |cache, key| cache.insert(key, value(key)),
            |cache, key| {
                black_box(cache.get(&key));
            },
        ),
    )
    .peer(
        "moka get",
        hits(
            moka(ROOMY),
            threads,
            |cache, key| cache.insert(key, value(key)),
            |cache, key| {
                black_box(cache.get(&key));
            },
        ),
    )
    .peer(
        "mini-moka get",
        hits(
            mini_moka(ROOMY),
            threads,
            |cache, key| cache.insert(key, value(key)),
            |cache, key| {
                black_box(cache.get(&key));
            },
        ),
    )
    .peer(
        "foyer-memory S3-FIFO get",
        hits(
            foyer(ROOMY),
            threads,
            |cache, key| drop(cache.insert(key, value(key))),
            |cache, key| {
                black_box(cache.get(&key).map(|entry| entry.value().clone()));
            },
        ),
    )
    .peer(
        "Mutex<lru> get",
        hits(
            mutex_lru(ROOMY),
            threads,
            |cache, key| put(cache, key, value(key)),
            |cache, key| {
                black_box(get(cache, key));
            },
        ),
    )
    .peer(
        "DashMap get (no bound)",
        hits(
            map,
            threads,
            |cache, key| _ = cache.insert(key, value(key)),
            |cache, key| {
                black_box(cache.get(&key).map(|entry| entry.clone()));
            },
        ),
    )
}

fn miss(case: Case, capacity: usize, threads: usize) -> Case {
    miss_of(case, capacity, threads, row_of)
}

fn miss_arc(case: Case, threads: usize) -> Case {
    miss_of(case, KEYS / 10, threads, arc_of)
}

fn miss_of<V: Clone + Send + Sync + 'static>(
    case: Case,
    capacity: usize,
    threads: usize,
    value: impl Fn(u64) -> V + Copy + Send + 'static,
) -> Case {
    let zipf = || draws::zipf(threads);
    case.peer(
        "quick_cache get_or_insert_with",
        lanes(Quick::new(capacity), zipf(), move |cache, key| {
            let _ = black_box(cache.get_or_insert_with(&key, || Ok::<_, Infallible>(value(key))));
        }),
    )
    .peer(
        "moka get_with",
        lanes(moka(capacity), zipf(), move |cache, key| {
            black_box(cache.get_with(key, || value(key)));
        }),
    )
    .peer(
        "mini-moka get, insert",
        lanes(mini_moka(capacity), zipf(), move |cache, key| {
            let found = cache.get(&key);
            black_box(found.unwrap_or_else(|| {
                let value = value(key);
                cache.insert(key, value.clone());
                value
            }));
        }),
    )
    .peer(
        "foyer-memory S3-FIFO get, insert",
        lanes(foyer(capacity), zipf(), move |cache, key| {
            let entry = cache.get(&key).unwrap_or_else(|| cache.insert(key, value(key)));
            black_box(entry.value().clone());
        }),
    )
    .peer(
        "Mutex<lru> get, put",
        lanes(mutex_lru(capacity), zipf(), move |cache, key| {
            black_box(get(cache, key).unwrap_or_else(|| {
                let value = value(key);
                put(cache, key, value.clone());
                value
            }));
        }),
    )
}

fn single_flight(case: Case, threads: usize) -> Case {
    case.peer(
        "moka get_with",
        burst(moka::<Row>(ROOMY), threads, |cache, key| {
            black_box(cache.get_with(key, || slowly(key)));
        }),
    )
    .peer(
        "quick_cache get_or_insert_with",
        burst(Quick::<u64, Row>::new(ROOMY), threads, |cache, key| {
            let computed = cache.get_or_insert_with(&key, || Ok::<_, Infallible>(slowly(key)));
            let _ = black_box(computed);
        }),
    )
}
