//! The cache of fixed-width rows.

use crate::{
    flight::{Answer, Stripe},
    key::Key,
    policy::{Queues, Ways},
    slab::{Read, Set, Slab},
    stats::Stats,
    word::Word,
};
use bot4_lockfree::metrics::{Counter, Registry};
use foldhash::fast::RandomState;
use std::{convert::Infallible, fmt, hash::BuildHasher};

/// Up to this capacity the cache is one set, so that the policy sees every entry.
const ONE_SET_MAX: usize = 256;
/// Ways of a set in a larger cache.
const WAYS: usize = 16;
/// Locks of a cache: writers of different sets rarely meet.
const STRIPES_MAX: usize = 64;
/// Records of computations that the stripes have room for from the start, and that one has at most. Should more run in
/// one stripe at a time, its list grows.
const RUNNING: usize = 256;
const RUNNING_IN_STRIPE: usize = 64;

/// A shared cache of rows of one width, all in one slab that is allocated when the cache is created.
///
/// A hit copies the row and takes no lock; a miss computes the row in the caller's buffer and stores it in place
/// of an entry that the S3-FIFO policy gives up. Keys are compared whole. Sets of 16 ways each have a sequence
/// counter: a reader that meets a writer tries again, a bounded number of times.
///
/// `T` is the number that rows are made of: `f64` (the default), `f32`, or a 32- or 64-bit integer.
///
/// | method | progress | allocates |
/// | --- | --- | --- |
/// | [`get`](Self::get) | bounded number of steps, no lock | no |
/// | [`get_or_compute`](Self::get_or_compute), a hit | bounded number of steps, no lock | no |
/// | [`get_or_compute`](Self::get_or_compute), a miss | blocking: waits for a computation of the same key, takes the lock of its stripe of sets twice, for some 50 ns | no, unless more than 4 computations run in one stripe at a time |
/// | [`insert`](Self::insert), [`invalidate`](Self::invalidate) | blocking: the lock of the stripe | no |
/// | [`clear`](Self::clear), [`stats`](Self::stats), [`len`](Self::len) | blocking: each lock in turn | no |
///
/// ```
/// use bot4_cache::VectorCache;
///
/// let cache = VectorCache::<(u32, u32)>::new(10_000, 4);
/// let mut row = [0.0; 4];
///
/// let hit = cache.get_or_compute(&(7, 570), &mut row, |row| row.copy_from_slice(&[1.0, 2.0, 3.0, 4.0]));
/// assert!(!hit);
///
/// let hit = cache.get_or_compute(&(7, 570), &mut row, |_| unreachable!("the row is there"));
/// assert!(hit);
/// assert_eq!(row, [1.0, 2.0, 3.0, 4.0]);
/// assert_eq!((cache.stats().hits, cache.stats().misses), (1, 1));
/// ```
pub struct VectorCache<K, T = f64, S = RandomState> {
    slab: Slab<K, T>,
    stripes: Box<[Stripe<K, (), Queued>]>,
    hits: Counter,
    /// Only those of `get`; the stripes count the computations.
    misses_of_get: Counter,
    hasher: S,
    ways: usize,
}

/// What the lock of a stripe guards: the queues of its sets, and counts.
#[derive(Default)]
struct Queued {
    cells: Box<[u16]>,
    insertions: u64,
    evictions: u64,
    removals: u64,
}

impl Queued {
    fn new(sets: usize, ways: usize) -> Self {
        Self { cells: vec![0; sets * Queues::cells(ways)].into(), ..Self::default() }
    }

    /// The queues of the stripe's set number `index`.
    fn of(&mut self, index: usize, ways: usize) -> Queues<'_> {
        let len = Queues::cells(ways);
        Queues::over(&mut self.cells[index * len..][..len], ways)
    }
}

/// Where a key belongs.
#[derive(Clone, Copy)]
struct Place {
    set: usize,
    tag: u16,
}

impl<K: Key, T: Word> VectorCache<K, T> {
    /// A cache of at least `capacity` rows of `width` numbers, with a hasher seeded for this cache.
    ///
    /// Up to 256 rows the capacity is exact; a larger one is rounded up to a multiple of 16.
    ///
    /// # Panics
    /// When `capacity` is 0, or the rows do not fit the address space.
    pub fn new(capacity: usize, width: usize) -> Self {
        Self::with_hasher(capacity, width, RandomState::default())
    }
}

impl<K: Key, T: Word, S: BuildHasher> VectorCache<K, T, S> {
    /// The same with a hasher of the caller's. A fixed seed makes runs repeatable, and lets whoever chooses the
    /// keys make them collide.
    ///
    /// # Panics
    /// As [`new`](VectorCache::new).
    pub fn with_hasher(capacity: usize, width: usize, hasher: S) -> Self {
        assert!(capacity > 0, "a cache needs a capacity of at least 1");
        let (sets, ways) =
            if capacity <= ONE_SET_MAX { (1, capacity) } else { (capacity.div_ceil(WAYS), WAYS) };
        let registry = Registry::new();
        let stripes = (1 << sets.ilog2()).min(STRIPES_MAX);
        Self {
            slab: Slab::new(sets, ways, width),
            stripes: (0..stripes)
                .map(|i| {
                    Stripe::new(
                        Queued::new((sets - i).div_ceil(stripes), ways),
                        (RUNNING / stripes).min(RUNNING_IN_STRIPE),
                    )
                })
                .collect(),
            hits: registry.counter("hits", ""),
            misses_of_get: registry.counter("misses", ""),
            hasher,
            ways,
        }
    }

    /// Copies the row of `key` into `row` and says whether it was there.
    ///
    /// After `false` the content of `row` is unspecified. It is also the answer when writers kept changing the set
    /// during 64 attempts to read it; such a lookup counts as a miss.
    ///
    /// # Panics
    /// When `row` has not the cache's width.
    ///
    /// ```
    /// let cache = bot4_cache::VectorCache::<u64, f32>::new(100, 2);
    /// let mut row = [0.0; 2];
    /// assert!(!cache.get(&1, &mut row));
    /// cache.insert(&1, &[0.5, 1.5]);
    /// assert!(cache.get(&1, &mut row));
    /// assert_eq!(row, [0.5, 1.5]);
    /// ```
    #[inline]
    #[must_use = "the row is only valid after a hit"]
    pub fn get(&self, key: &K, row: &mut [T]) -> bool {
        let place = self.place(key);
        let hit = self.slab.set(place.set).read(place.tag, key, row) == Read::Hit;
        if hit {
            self.hits.increment(1)
        } else {
            self.misses_of_get.increment(1)
        }
        hit
    }

    /// Copies the row of `key` into `row`, or has `compute` fill `row` and stores it. Says whether it was a hit.
    ///
    /// Of the threads that miss a key at the same time one computes it; the others park until it is done and take
    /// its row. No lock is held meanwhile: `compute` may use this cache for other keys. It finds `row` with
    /// unspecified content. If it panics, the key stays missing and one of the waiting threads computes it.
    /// A row whose key is inserted or invalidated while it is computed is returned and not stored.
    ///
    /// A thread that waited computes the row after all if it was evicted before the thread woke. Computations that wait
    /// for each other's keys in a circle wait for ever.
    ///
    /// # Panics
    /// When `row` has not the cache's width, and when `compute` asks for the key it is computing.
    #[inline]
    pub fn get_or_compute(&self, key: &K, row: &mut [T], compute: impl FnOnce(&mut [T])) -> bool {
        let computed = self.get_or_try_compute(key, row, |row| {
            compute(row);
            Ok::<(), Infallible>(())
        });
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
    /// let cache = bot4_cache::VectorCache::<u64>::new(100, 1);
    /// let mut row = [0.0];
    /// assert_eq!(cache.get_or_try_compute(&1, &mut row, |_| Err("no quotes yet")), Err("no quotes yet"));
    /// assert_eq!(cache.get_or_try_compute(&1, &mut row, |row| Ok::<_, ()>(row[0] = 0.25)), Ok(false));
    /// assert_eq!(cache.get_or_try_compute(&1, &mut row, |_| Err("not called")), Ok(true));
    /// ```
    #[inline]
    pub fn get_or_try_compute<E>(
        &self,
        key: &K,
        row: &mut [T],
        compute: impl FnOnce(&mut [T]) -> Result<(), E>,
    ) -> Result<bool, E> {
        let place = self.place(key);
        if self.slab.set(place.set).read(place.tag, key, row) == Read::Hit {
            self.hits.increment(1);
            return Ok(true);
        }
        self.compute_missing(place, key, row, compute)
    }

    #[inline(never)]
    fn compute_missing<E>(
        &self,
        place: Place,
        key: &K,
        row: &mut [T],
        compute: impl FnOnce(&mut [T]) -> Result<(), E>,
    ) -> Result<bool, E> {
        let set = self.slab.set(place.set);
        let stripe = self.stripe(place);
        let computation = loop {
            let answer = stripe.find_or_start(key, |_| {
                let way = set.find(place.tag, key)?;
                set.read_locked(way, row);
                Some(())
            });
            match answer {
                Answer::Found(()) => {
                    self.hits.increment(1);
                    return Ok(true);
                }
                Answer::Delivered(()) => {} // It is in the slab now.
                Answer::Compute(computation) => break computation,
            }
        };
        compute(row)?;
        computation.finish(&(), |queued| self.store(place, queued, key, row));
        Ok(false)
    }

    /// Stores a row, in place of the row that `key` may have had.
    ///
    /// # Panics
    /// When `row` has not the cache's width.
    pub fn insert(&self, key: &K, row: &[T]) {
        self.slab.check_width(row);
        let place = self.place(key);
        let mut state = self.stripe(place).lock();
        state.supersede(|running| running == key);
        self.store(place, &mut state.data, key, row);
    }

    /// Removes the row of `key` and says whether it was there.
    ///
    /// ```
    /// let cache = bot4_cache::VectorCache::<u64>::new(100, 1);
    /// cache.insert(&1, &[0.5]);
    /// assert!(cache.invalidate(&1));
    /// assert!(!cache.get(&1, &mut [0.0]));
    /// ```
    pub fn invalidate(&self, key: &K) -> bool {
        let place = self.place(key);
        let mut state = self.stripe(place).lock();
        state.supersede(|running| running == key);
        let set = self.slab.set(place.set);
        let Some(way) = set.find(place.tag, key) else { return false };
        self.remove(place.set, way, &set, &mut state.data);
        true
    }

    /// Removes every row. Rows that are being computed will not be stored.
    pub fn clear(&self) {
        for (first, stripe) in self.stripes.iter().enumerate() {
            let mut state = stripe.lock();
            state.supersede(|_| true);
            for index in (first..self.slab.sets()).step_by(self.stripes.len()) {
                let set = self.slab.set(index);
                for way in 0..self.ways {
                    if set.tag(way) != 0 {
                        self.remove(index, way, &set, &mut state.data);
                    }
                }
            }
        }
    }

    fn store(&self, place: Place, queued: &mut Queued, key: &K, row: &[T]) {
        let mut set = self.slab.set(place.set);
        if let Some(way) = set.find(place.tag, key) {
            set.write(way, place.tag, key, row);
            return;
        }
        let mut queues = queued.of(place.set / self.stripes.len(), self.ways);
        let had_room = queues.len() < self.ways;
        let way = if had_room { self.free_way(&set) } else { queues.evict(&mut set) };
        queues.admit(way, place.tag, had_room);
        set.set_uses(way, 0);
        set.write(way, place.tag, key, row);
        queued.insertions += 1;
        queued.evictions += u64::from(!had_room);
    }

    fn free_way(&self, set: &Set<'_, K, T>) -> usize {
        (0..self.ways).find(|&way| set.tag(way) == 0).expect("a set that is not full has a free way")
    }

    fn remove(&self, index: usize, way: usize, set: &Set<'_, K, T>, queued: &mut Queued) {
        set.free(way);
        queued.of(index / self.stripes.len(), self.ways).remove(way);
        queued.removals += 1;
    }

    #[inline]
    fn place(&self, key: &K) -> Place {
        let hash = self.hasher.hash_one(key);
        // The high bits choose the set and the low ones make the tag, so that the tags of a set differ. 0 is no tag.
        let set = ((u128::from(hash) * self.slab.sets() as u128) >> 64) as usize;
        Place { set, tag: hash as u16 | 1 }
    }

    fn stripe(&self, place: Place) -> &Stripe<K, (), Queued> {
        &self.stripes[place.set % self.stripes.len()]
    }

    /// Rows in the cache.
    pub fn len(&self) -> usize {
        let stats = self.stats();
        (stats.insertions - stats.evictions - stats.removals) as usize
    }

    /// Whether there is no row in the cache.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows that fit.
    pub fn capacity(&self) -> usize {
        self.slab.sets() * self.ways
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.slab.width()
    }

    /// Bytes allocated for rows, keys and bookkeeping, without the counters (33 kB).
    ///
    /// ```
    /// let cache = bot4_cache::VectorCache::<u64, f64>::new(16_000, 8);
    /// assert!(cache.bytes() <= 16_000 * (8 + 64 + 14));
    /// ```
    pub fn bytes(&self) -> usize {
        self.slab.bytes()
            + self.stripes.iter().map(|s| s.bytes() + size_of_val(&*s.lock().data.cells)).sum::<usize>()
    }

    /// What happened since the cache was created.
    pub fn stats(&self) -> Stats {
        let (hits, misses) = (self.hits.value(), self.misses_of_get.value());
        let mut stats = Stats { hits, misses, ..Stats::default() };
        for stripe in &self.stripes {
            let state = stripe.lock();
            stats.misses += state.started();
            stats.insertions += state.data.insertions;
            stats.evictions += state.data.evictions;
            stats.removals += state.data.removals;
        }
        stats
    }
}

impl<K, T, S> fmt::Debug for VectorCache<K, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VectorCache")
            .field("sets", &self.slab.sets())
            .field("ways", &self.ways)
            .field("width", &self.slab.width())
            .finish_non_exhaustive()
    }
}
