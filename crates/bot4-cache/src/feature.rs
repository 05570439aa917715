//! The shared cache of values of any type.

use crate::{
    flight::{Answer, Computation, Stripe},
    shelf::{Displaced, Shelf, Ticket},
    stats::Stats,
};
use bot4_lockfree::budget::Budget;
use foldhash::fast::RandomState;
use std::{
    borrow::Borrow,
    convert::Infallible,
    fmt,
    hash::{BuildHasher, Hash},
    time::{Duration, Instant},
};

/// Up to this capacity the cache is one shelf, so that the policy sees every entry.
const ONE_SHELF_MAX: usize = 256;
/// Entries of a shelf in a larger cache: few threads meet at one of its locks.
const SHELF: usize = 64;
/// Records of computations that a shelf has room for from the start. More of them allocate.
const RUNNING: usize = 4;

type Shelves<K, V> = Box<[Stripe<K, V, Shelf<K, V>>]>;
type Weigher<K, V> = Box<dyn Fn(&K, &V) -> u64 + Send + Sync>;
type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// A cache that threads share through `&self`: values of any `Clone` type, bounded by entries and, if wished, by weight
/// and age.
///
/// A value is handed out by `clone`: put large ones into an `Arc`. Entries live on shelves of 64 (one shelf up to 256
/// entries) with a lock each, and leave by the S3-FIFO policy. A lock is held for a lookup, a clone or an eviction, never
/// while a value is computed, weighed or dropped.
///
/// Every method is blocking (it takes the lock of one shelf, [`clear`](Self::clear) and [`stats`](Self::stats) one after
/// the other). A hit allocates nothing of its own.
///
/// ```
/// use bot4_cache::FeatureCache;
/// use std::sync::Arc;
///
/// let cache: FeatureCache<String, Arc<[f64]>> = FeatureCache::new(10_000);
/// let profile = cache.get_or_compute("ESZ6", || Arc::from(vec![0.25; 390]));
/// assert_eq!(profile.len(), 390);
/// assert!(Arc::ptr_eq(&profile, &cache.get("ESZ6").expect("it was just computed")));
/// assert_eq!(cache.get("NQZ6"), None);
/// ```
pub struct FeatureCache<K: Eq, V: Clone, S = RandomState> {
    shelves: Shelves<K, V>,
    hasher: S,
    capacity: usize,
    time_to_live: Option<(u64, Clock)>,
    weight: Option<(Budget, Weigher<K, V>)>,
}

/// Settings of a [`FeatureCache`] to be.
#[must_use = "a builder does nothing until `build`"]
pub struct FeatureCacheBuilder<K, V, S = RandomState> {
    capacity: usize,
    hasher: S,
    time_to_live: Option<u64>,
    clock: Option<Clock>,
    weight: Option<(u64, Weigher<K, V>)>,
}

impl<K, V, S> FeatureCacheBuilder<K, V, S> {
    /// Entries older than this are treated as missing. The time of a replacement counts, that of a lookup does not.
    pub fn time_to_live(mut self, age: Duration) -> Self {
        self.time_to_live = Some(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
        self
    }

    /// The clock for [`time_to_live`](Self::time_to_live), in nanoseconds. Without it the computer's monotonic clock;
    /// a replay sets it to the time of its events.
    pub fn clock(mut self, now_ns: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.clock = Some(Box::new(now_ns));
        self
    }

    /// Also bounds the sum of what `weigh` says of each entry when it is stored. The sum is never above `weight_max`; an
    /// entry that alone is heavier is not stored.
    ///
    /// # Panics
    /// [`build`](Self::build) panics when `weight_max` is above [`Budget::LIMIT_MAX`].
    pub fn weight(mut self, weight_max: u64, weigh: impl Fn(&K, &V) -> u64 + Send + Sync + 'static) -> Self {
        self.weight = Some((weight_max, Box::new(weigh)));
        self
    }

    /// A hasher of the caller's, instead of one that is seeded for this cache.
    pub fn hasher<H: BuildHasher>(self, hasher: H) -> FeatureCacheBuilder<K, V, H> {
        let Self { capacity, time_to_live, clock, weight, .. } = self;
        FeatureCacheBuilder { capacity, hasher, time_to_live, clock, weight }
    }

    /// The cache.
    ///
    /// # Panics
    /// When the capacity is 0.
    pub fn build(self) -> FeatureCache<K, V, S>
    where
        K: Hash + Eq + Clone,
        V: Clone,
        S: BuildHasher,
    {
        let Self { capacity, hasher, time_to_live, clock, weight } = self;
        assert!(capacity > 0, "a cache needs a capacity of at least 1");
        let (shelves, ways) = match capacity {
            ..=ONE_SHELF_MAX => (1, capacity),
            _ => (capacity.div_ceil(SHELF), SHELF),
        };
        let tickets = time_to_live.is_some() || weight.is_some();
        FeatureCache {
            shelves: (0..shelves).map(|_| Stripe::new(Shelf::new(ways, tickets), RUNNING)).collect(),
            hasher,
            capacity: shelves * ways,
            time_to_live: time_to_live.map(|age| (age, clock.unwrap_or_else(monotonic_clock))),
            weight: weight.map(|(weight_max, weigh)| (Budget::new(weight_max), weigh)),
        }
    }
}

fn monotonic_clock() -> Clock {
    let start = Instant::now();
    Box::new(move || start.elapsed().as_nanos() as u64)
}

impl<K: Hash + Eq + Clone, V: Clone> FeatureCache<K, V> {
    /// A cache of at least `capacity` entries, with a hasher seeded for this cache.
    ///
    /// Up to 256 entries the capacity is exact; a larger one is rounded up to a multiple of 64.
    ///
    /// # Panics
    /// When `capacity` is 0.
    pub fn new(capacity: usize) -> Self {
        Self::builder(capacity).build()
    }

    /// Settings beyond the capacity.
    ///
    /// ```
    /// use bot4_cache::FeatureCache;
    /// use std::{sync::Arc, time::Duration};
    ///
    /// let cache: FeatureCache<u32, Arc<[f64]>> = FeatureCache::builder(1_000)
    ///     .time_to_live(Duration::from_secs(60))
    ///     .weight(1 << 20, |_, row: &Arc<[f64]>| 8 * row.len() as u64)
    ///     .build();
    /// cache.insert(1, Arc::from(vec![0.5; 1_000]));
    /// assert_eq!(cache.weight(), 8_000);
    /// ```
    pub fn builder(capacity: usize) -> FeatureCacheBuilder<K, V> {
        let hasher = RandomState::default();
        FeatureCacheBuilder { capacity, hasher, time_to_live: None, clock: None, weight: None }
    }
}

/// Where a key belongs.
#[derive(Clone, Copy)]
struct Place {
    shelf: usize,
    tag: u16,
}

impl<K: Hash + Eq, V: Clone, S: BuildHasher> FeatureCache<K, V, S> {
    /// The value of `key`, unless it is missing or too old.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let place = self.place(key);
        let now = self.now();
        let mut state = self.shelves[place.shelf].lock();
        let found = state.data.get(place.tag, key, now);
        state.data.stats.misses += u64::from(found.is_none());
        found
    }

    /// The value of `key`; computed and stored if it is missing.
    ///
    /// Of the threads that miss a key at the same time one computes it; the others park until it is done and get a clone
    /// of its value. No lock is held meanwhile: `compute` may use this cache for other keys. If it panics, the key stays
    /// missing and one of the waiting threads computes it. A value whose key is inserted or invalidated while it is
    /// computed is returned and not stored. Computations that wait for each other's keys in a circle wait for ever.
    ///
    /// # Panics
    /// When `compute` asks for the key it is computing.
    pub fn get_or_compute<Q>(&self, key: &Q, compute: impl FnOnce() -> V) -> V
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
    /// Hands on the error of `compute`. The key stays missing, and one of the waiting threads computes it.
    ///
    /// # Panics
    /// As [`get_or_compute`](Self::get_or_compute).
    ///
    /// ```
    /// let cache = bot4_cache::FeatureCache::<u32, f64>::new(100);
    /// assert_eq!(cache.get_or_try_compute(&1, || Err("no quotes yet")), Err("no quotes yet"));
    /// assert_eq!(cache.get_or_try_compute(&1, || Ok::<_, ()>(0.25)), Ok(0.25));
    /// assert_eq!(cache.get_or_try_compute(&1, || Err("not called")), Ok(0.25));
    /// ```
    pub fn get_or_try_compute<Q, E>(&self, key: &Q, compute: impl FnOnce() -> Result<V, E>) -> Result<V, E>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let place = self.place(key);
        let now = self.now();
        let answer = self.shelves[place.shelf].find_or_start(key, |shelf| shelf.get(place.tag, key, now));
        match answer {
            Answer::Found(value) | Answer::Delivered(value) => Ok(value),
            Answer::Compute(computation) => {
                let value = compute()?;
                self.keep(place, computation, key.to_owned(), value.clone());
                Ok(value)
            }
        }
    }

    /// Ends a computation and stores its value if there is room for its weight.
    fn keep(&self, place: Place, computation: Computation<'_, K, V, Shelf<K, V>>, key: K, value: V) {
        let Some(ticket) = self.ticket(place, &key, &value) else {
            computation.finish(&value, |_| ());
            return;
        };
        let result = value.clone();
        let stored = computation.finish(&result, |shelf| shelf.store(place.tag, (key, value), ticket));
        match stored {
            Some(displaced) => self.settle(displaced),
            None => self.release(ticket.weight),
        }
    }

    /// Stores a value, in place of the one that `key` may have had. A value heavier than the whole cache is not stored;
    /// the one that `key` had leaves all the same.
    pub fn insert(&self, key: K, value: V) {
        let place = self.place(&key);
        let ticket = self.ticket(place, &key, &value);
        let mut state = self.shelves[place.shelf].lock();
        state.supersede(|running| *running == key);
        let displaced = match ticket {
            Some(ticket) => state.data.store(place.tag, (key, value), ticket),
            None => state.data.remove(place.tag, &key),
        };
        drop(state);
        self.settle(displaced);
    }

    /// Removes the value of `key` and says whether it was there.
    pub fn invalidate<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let place = self.place(key);
        let mut state = self.shelves[place.shelf].lock();
        state.supersede(|running| running.borrow() == key);
        let removed = state.data.remove(place.tag, key);
        drop(state);
        let found = removed.is_some();
        self.settle(removed);
        found
    }

    /// Removes every entry. Values that are being computed will not be stored.
    pub fn clear(&self) {
        for shelf in &self.shelves {
            let mut state = shelf.lock();
            state.supersede(|_| true);
            let removed = state.data.clear();
            drop(state);
            removed.into_iter().for_each(|entry| self.settle(Some(entry)));
        }
    }

    /// What to store beside the entry; its weight is reserved. None if it is too heavy.
    fn ticket(&self, place: Place, key: &K, value: &V) -> Option<Ticket> {
        let weight = self.weight.as_ref().map_or(0, |(_, weigh)| weigh(key, value));
        let age = self.time_to_live.as_ref().map_or(u64::MAX, |(age, _)| *age);
        let expires = self.now().saturating_add(age);
        self.reserve(place.shelf, weight).then_some(Ticket { expires, weight })
    }

    /// Reserves weight; if need be evicts an entry of each shelf in turn, from `first` on.
    fn reserve(&self, first: usize, weight: u64) -> bool {
        let Some((budget, _)) = &self.weight else { return true };
        if weight > budget.limit() {
            return false;
        }
        let (mut at, mut empty) = (first, 0);
        while budget.try_reserve(weight).is_err() {
            let evicted = self.shelves[at].lock().data.evict();
            empty = if evicted.is_some() { 0 } else { empty + 1 };
            self.settle(evicted);
            if empty > self.shelves.len() {
                return false; // All that is left are reservations of other threads.
            }
            at = (at + 1) % self.shelves.len();
        }
        true
    }

    /// Gives back the weight of an entry that left, and drops it, outside of every lock.
    fn settle(&self, displaced: Option<Displaced<K, V>>) {
        if let Some(displaced) = displaced {
            self.release(displaced.weight);
        }
    }

    fn release(&self, weight: u64) {
        if let Some((budget, _)) = &self.weight {
            budget.release(weight);
        }
    }

    fn now(&self) -> u64 {
        self.time_to_live.as_ref().map_or(0, |(_, clock)| clock())
    }

    #[inline]
    fn place<Q: Hash + ?Sized>(&self, key: &Q) -> Place {
        let hash = self.hasher.hash_one(key);
        // The high bits choose the shelf and the low ones make the tag, so that the tags of a shelf differ. 0 is no tag.
        let shelf = ((u128::from(hash) * self.shelves.len() as u128) >> 64) as usize;
        Place { shelf, tag: hash as u16 | 1 }
    }

    /// Entries in the cache, those that are too old included.
    pub fn len(&self) -> usize {
        let stats = self.stats();
        (stats.insertions - stats.evictions - stats.removals) as usize
    }

    /// Whether there is no entry in the cache.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entries that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The weight of the entries, 0 in a cache without weights.
    pub fn weight(&self) -> u64 {
        self.weight.as_ref().map_or(0, |(budget, _)| budget.in_use())
    }

    /// What happened since the cache was created.
    pub fn stats(&self) -> Stats {
        let mut sum = Stats::default();
        for shelf in &self.shelves {
            let state = shelf.lock();
            let Stats { hits, misses, insertions, evictions, removals } = state.data.stats;
            sum.hits += hits + state.delivered();
            sum.misses += misses + state.started();
            sum.insertions += insertions;
            sum.evictions += evictions;
            sum.removals += removals;
        }
        sum
    }
}

impl<K: Eq, V: Clone, S> fmt::Debug for FeatureCache<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeatureCache").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl<K, V, S> fmt::Debug for FeatureCacheBuilder<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeatureCacheBuilder").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
