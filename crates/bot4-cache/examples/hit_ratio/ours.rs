//! The caches of this crate, and the bounds below and above them.

use crate::table::Policy;
use ahash::RandomState;
use bot4_cache::{FeatureCache, LocalFeatureCache, VectorCache};
use std::collections::{BTreeSet, HashMap};

/// `lru` is what `LocalFeatureCache` does.
pub(crate) const POLICIES: &[Policy] =
    &[("belady", belady), ("lru", local), ("vector", vector), ("feature", feature)];

fn hasher() -> RandomState {
    RandomState::with_seeds(1, 2, 3, 4)
}

fn local(keys: &[u64], capacity: usize) -> u64 {
    let mut cache = LocalFeatureCache::with_hasher(capacity, hasher());
    keys.iter().for_each(|key| _ = cache.get_or_compute(key, || ()));
    cache.stats().hits
}

fn vector(keys: &[u64], capacity: usize) -> u64 {
    let cache = VectorCache::<u64, u64, _>::with_hasher(capacity, 1, hasher());
    keys.iter().for_each(|key| _ = cache.get_or_compute(key, &mut [0], |row| row[0] = *key));
    cache.stats().hits
}

fn feature(keys: &[u64], capacity: usize) -> u64 {
    let cache = FeatureCache::<u64, ()>::builder(capacity).hasher(hasher()).build();
    keys.iter().for_each(|key| cache.get_or_compute(key, || ()));
    cache.stats().hits
}

/// Hits of the cache that knows the future: it keeps what is needed soonest, and does not take in what is needed later
/// than all it holds. Source: L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", 1966.
fn belady(keys: &[u64], capacity: usize) -> u64 {
    let (mut next_use, mut last) = (vec![usize::MAX; keys.len()], HashMap::new());
    for (at, key) in keys.iter().enumerate().rev() {
        next_use[at] = last.insert(key, at).unwrap_or(usize::MAX);
    }
    // Entries by the time of their next use; keys that never return differ by the key.
    let (mut held, mut hits) = (BTreeSet::new(), 0);
    for (at, key) in keys.iter().enumerate() {
        if held.remove(&(at, key)) {
            hits += 1;
        } else if held.len() == capacity {
            if held.last().is_none_or(|(latest, _)| *latest <= next_use[at]) {
                continue;
            }
            held.pop_last();
        }
        held.insert((next_use[at], key));
    }
    hits
}
