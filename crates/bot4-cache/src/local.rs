//! The cache of one thread.

use crate::stats::Stats;
use ahash::RandomState;
use lru::LruCache;
use std::{
    borrow::Borrow,
    convert::Infallible,
    hash::{BuildHasher, Hash},
    num::NonZeroUsize,
};

/// A least-recently-used cache for a thread that owns it: no atomics, no locks, values of any type by reference.
///
/// It is the `lru` crate with a seeded hasher, `get_or_compute` and statistics. Every operation takes constant time.
/// LRU is a plain policy: a scan over more keys than fit empties it. Where that happens, use
/// [`VectorCache`](crate::VectorCache).
///
/// ```
/// use bot4_cache::LocalFeatureCache;
///
/// let mut cache = LocalFeatureCache::new(2);
/// assert_eq!(*cache.get_or_compute(&1, || "one".to_string()), "one");
/// cache.insert(2, "two".to_string());
/// cache.get(&1);
/// cache.insert(3, "three".to_string());
/// assert_eq!(cache.get(&2), None, "the least recently used");
/// assert_eq!(cache.stats().evictions, 1);
/// ```
#[derive(Debug)]
pub struct LocalFeatureCache<K, V, S = RandomState>
where
    K: Hash + Eq,
    S: BuildHasher,
{
    entries: LruCache<K, V, S>,
    stats: Stats,
}

impl<K: Hash + Eq, V> LocalFeatureCache<K, V> {
    /// A cache of `capacity` entries, with a hasher seeded for this cache. The table is allocated at once.
    ///
    /// # Panics
    /// When `capacity` is 0.
    pub fn new(capacity: usize) -> Self {
        Self::with_hasher(capacity, RandomState::new())
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> LocalFeatureCache<K, V, S> {
    /// The same with a hasher of the caller's.
    ///
    /// # Panics
    /// When `capacity` is 0.
    pub fn with_hasher(capacity: usize, hasher: S) -> Self {
        let capacity = NonZeroUsize::new(capacity).expect("a cache needs a capacity of at least 1");
        Self { entries: LruCache::with_hasher(capacity, hasher), stats: Stats::default() }
    }

    /// The value of `key`, which becomes the most recently used.
    #[inline]
    pub fn get<Q>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let found = self.entries.get(key);
        match found {
            Some(_) => self.stats.hits += 1,
            None => self.stats.misses += 1,
        }
        found
    }

    /// The value of `key`, computed and stored if it is missing. A panic in `compute` leaves the key missing.
    ///
    /// The key is made an owned one only when its value is stored.
    #[inline]
    pub fn get_or_compute<Q>(&mut self, key: &Q, compute: impl FnOnce() -> V) -> &V
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let computed = self.get_or_try_compute(key, || Ok::<V, Infallible>(compute()));
        computed.unwrap_or_else(|never| match never {})
    }

    /// As [`get_or_compute`](Self::get_or_compute), for a computation that can fail.
    ///
    /// # Errors
    /// Hands on the error of `compute`. The key stays missing.
    ///
    /// ```
    /// let mut cache = bot4_cache::LocalFeatureCache::new(10);
    /// assert_eq!(cache.get_or_try_compute(&1, || Err("no quotes yet")), Err("no quotes yet"));
    /// assert_eq!(cache.get_or_try_compute(&1, || Ok::<f64, ()>(0.5)), Ok(&0.5));
    /// ```
    pub fn get_or_try_compute<Q, E>(
        &mut self,
        key: &Q,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<&V, E>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let was_full = self.is_full();
        let mut missed = false;
        let found = self.entries.try_get_or_insert_ref(key, || {
            missed = true;
            compute()
        });
        if missed {
            self.stats.misses += 1;
            self.stats.insertions += u64::from(found.is_ok());
            self.stats.evictions += u64::from(found.is_ok() && was_full);
        } else {
            self.stats.hits += 1;
        }
        found
    }

    /// Stores a value and returns the one that `key` had before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let was_full = self.is_full();
        let replaced = self.entries.put(key, value);
        if replaced.is_none() {
            self.stats.insertions += 1;
            self.stats.evictions += u64::from(was_full);
        }
        replaced
    }

    /// Removes an entry and returns its value.
    pub fn invalidate<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let removed = self.entries.pop(key);
        self.stats.removals += u64::from(removed.is_some());
        removed
    }

    /// Removes every entry.
    pub fn clear(&mut self) {
        self.stats.removals += self.entries.len() as u64;
        self.entries.clear();
    }

    /// Entries in the cache.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry in the cache.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries that fit.
    pub fn capacity(&self) -> usize {
        self.entries.cap().get()
    }

    /// What happened since the cache was created.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    fn is_full(&self) -> bool {
        self.entries.len() == self.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_failed_or_panicking_computation_leaves_the_key_missing_and_evicts_nothing() {
        let mut cache = LocalFeatureCache::new(1);
        cache.insert(1, "one");
        assert_eq!(cache.get_or_try_compute(&2, || Err("no")), Err("no"));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            _ = cache.get_or_compute(&3, || panic!("a computation that fails"))
        }));
        assert!(panicked.is_err());
        assert_eq!(cache.get(&1), Some(&"one"));
        assert_eq!(cache.len(), 1);
        let stats = cache.stats();
        assert_eq!((stats.hits, stats.misses, stats.insertions, stats.evictions), (1, 1, 1, 0));
    }

    #[test]
    fn counts_add_up() {
        let mut cache = LocalFeatureCache::new(10);
        for key in (0..1000_u64).map(|i| i * i % 37) {
            cache.get_or_compute(&key, || key + 1);
        }
        assert_eq!(cache.insert(36, 0), Some(37));
        assert_eq!(cache.invalidate(&36), Some(0));
        assert_eq!(cache.invalidate(&36), None);
        let stats = cache.stats();
        assert_eq!(stats.hits + stats.misses, 1000);
        assert_eq!(stats.insertions - stats.evictions - stats.removals, cache.len() as u64);
        assert_eq!(stats.removals, 1);
        cache.clear();
        assert_eq!((cache.len(), cache.is_empty(), cache.stats().removals), (0, true, 10));
    }
}
