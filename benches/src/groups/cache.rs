//! What does a lookup cost that hits, and one that may miss; and how long do threads wait for a value that all of them miss?
//!
//! Values are rows of eight `f64`. The cases with hits look up 10,000 keys in caches of 20,000 entries, by `get`; the cases
//! with misses draw from 200,000 keys by Zipf's law with exponent 0.9, in caches of a tenth or a hundredth of that, by
//! get-or-compute. An operation of `single_flight` is a burst: all threads ask for the same missing keys, each of
//! which takes 2 ms to compute.

mod draws;
#[cfg(feature = "peers")]
mod peers;

use crate::case::{Case, Lane, lane};
use bot4_cache::{FeatureCache, LocalFeatureCache, VectorCache};
use draws::Draws;
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

type Row = [f64; 8];

/// Entries of the caches in which every key is a hit.
const ROOMY: usize = 20_000;
const KEYS: usize = 200_000;
/// Keys that a burst asks for one after the other, and what each takes to compute.
const BURST: u64 = 5;
const COMPUTATION: Duration = Duration::from_millis(2);

pub(crate) fn cases() -> Vec<Case> {
    let cases = vec![
        hit("hit_1t", 1),
        hit("hit_2t", 2),
        hit_arc("hit_arc_1t", 1),
        hit_arc("hit_arc_2t", 2),
        miss("zipf_miss_1t", KEYS / 10, 1),
        miss("zipf_miss_2t", KEYS / 10, 2),
        miss("zipf_miss_small_2t", KEYS / 100, 2),
        miss_arc("zipf_miss_arc_1t", 1),
        miss_arc("zipf_miss_arc_2t", 2),
        single_flight("single_flight_2", 2),
        single_flight("single_flight_8", 8),
    ];
    #[cfg(feature = "peers")]
    let cases = cases.into_iter().map(peers::join).collect();
    cases
}

fn row_of(key: u64) -> Row {
    std::array::from_fn(|i| (key + i as u64) as f64)
}

fn arc_of(key: u64) -> Arc<Row> {
    Arc::new(row_of(key))
}

/// A thread each: it looks up its own draws in a cache that all share.
fn lanes<C, L>(cache: C, draws: Vec<Draws>, look_up: L) -> Vec<Lane>
where
    C: Send + Sync + 'static,
    L: FnMut(&C, u64) + Clone + Send + 'static,
{
    let cache = Arc::new(cache);
    let each = draws.into_iter().map(|mut draws| {
        let (cache, mut look_up) = (Arc::clone(&cache), look_up.clone());
        lane(move || look_up(&cache, draws.draw()))
    });
    each.collect()
}

/// As [`lanes`], over a cache that holds every key already.
fn hits<C, L>(cache: C, threads: usize, fill: impl Fn(&C, u64), look_up: L) -> Vec<Lane>
where
    C: Send + Sync + 'static,
    L: FnMut(&C, u64) + Clone + Send + 'static,
{
    (0..draws::HOT).for_each(|key| fill(&cache, key));
    lanes(cache, draws::hot(threads), look_up)
}

/// One lane that sets `threads` threads on the same missing keys and waits for all of them.
fn burst<C, L>(cache: C, threads: usize, look_up: L) -> [Lane; 1]
where
    C: Send + Sync + 'static,
    L: Fn(&C, u64) + Sync + Send + 'static,
{
    let mut first = 0;
    [lane(move || {
        let start = Barrier::new(threads);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    start.wait();
                    (first..first + BURST).for_each(|key| look_up(&cache, key));
                });
            }
        });
        first += BURST;
    })]
}

/// What a missing key of a burst takes.
fn slowly(key: u64) -> Row {
    thread::sleep(COMPUTATION);
    row_of(key)
}

fn hit(name: &'static str, threads: usize) -> Case {
    let mut row = Row::default();
    let vector = hits(
        VectorCache::<u64>::new(ROOMY, 8),
        threads,
        |cache, key| cache.insert(&key, &row_of(key)),
        move |cache, key| {
            let _ = black_box(cache.get(&key, &mut row));
            black_box(&row);
        },
    );
    let feature = hits(
        FeatureCache::<u64, Row>::new(ROOMY),
        threads,
        |cache, key| cache.insert(key, row_of(key)),
        |cache, key| {
            black_box(cache.get(&key));
        },
    );
    let case = Case::new(name).ours("bot4 VectorCache get", vector).ours("bot4 FeatureCache get", feature);
    if threads > 1 {
        return case;
    }
    let (mut local, mut draws) = (LocalFeatureCache::<u64, Row>::new(ROOMY), draws::hot(1).remove(0));
    (0..draws::HOT).for_each(|key| _ = local.insert(key, row_of(key)));
    case.ours("bot4 LocalFeatureCache get", [lane(move || _ = black_box(local.get(&draws.draw()).copied()))])
}

fn hit_arc(name: &'static str, threads: usize) -> Case {
    let feature = hits(
        FeatureCache::new(ROOMY),
        threads,
        |cache, key| cache.insert(key, arc_of(key)),
        |cache, key| {
            black_box(cache.get(&key));
        },
    );
    Case::new(name).ours("bot4 FeatureCache get", feature)
}

fn miss(name: &'static str, capacity: usize, threads: usize) -> Case {
    let mut row = Row::default();
    let vector = lanes(VectorCache::<u64>::new(capacity, 8), draws::zipf(threads), move |cache, key| {
        cache.get_or_compute(&key, &mut row, |row| row.copy_from_slice(&row_of(key)));
        black_box(&row);
    });
    let feature = lanes(FeatureCache::new(capacity), draws::zipf(threads), |cache, key| {
        black_box(cache.get_or_compute(&key, || row_of(key)));
    });
    let case = Case::new(name).ours("bot4 VectorCache", vector).ours("bot4 FeatureCache", feature);
    if threads > 1 {
        return case;
    }
    let (mut local, mut draws) = (LocalFeatureCache::new(capacity), draws::zipf(1).remove(0));
    let look_up = move || {
        let key = draws.draw();
        black_box(local.get_or_compute(&key, || row_of(key)));
    };
    case.ours("bot4 LocalFeatureCache", [lane(look_up)])
}

fn miss_arc(name: &'static str, threads: usize) -> Case {
    let feature = lanes(FeatureCache::new(KEYS / 10), draws::zipf(threads), |cache, key| {
        black_box(cache.get_or_compute(&key, || arc_of(key)));
    });
    Case::new(name).ours("bot4 FeatureCache", feature)
}

fn single_flight(name: &'static str, threads: usize) -> Case {
    let vector = burst(VectorCache::<u64>::new(ROOMY, 8), threads, |cache, key| {
        let mut row = Row::default();
        cache.get_or_compute(&key, &mut row, |row| row.copy_from_slice(&slowly(key)));
        black_box(&row);
    });
    let feature = burst(FeatureCache::new(ROOMY), threads, |cache, key| {
        black_box(cache.get_or_compute(&key, || slowly(key)));
    });
    Case::new(name).ours("bot4 VectorCache", vector).ours("bot4 FeatureCache", feature)
}
