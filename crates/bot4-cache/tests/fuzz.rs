//! Sequences of operations drawn from bytes, on caches of every setting, with computations that use the cache themselves,
//! fail or panic. After each operation that is not part of another: what was returned is what was stored last, a cache
//! with room forgot nothing, the counts are exact, and no value is held that nobody can get.
//!
//! The bytes come from a fixed seed, so that a failure is repeated by running the test again; `BOT4_FUZZ_SEED` asks for other
//! bytes (`cargo xtask fuzz` for many), `BOT4_FUZZ_SEQUENCES` for more sequences than the usual number.

use bot4_cache::{FeatureCache, Stats, VectorCache};
use std::{
    cell::RefCell,
    collections::HashMap,
    hash::{BuildHasher, Hasher},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

const SEQUENCES: u64 = 2_000;
const BYTES_MAX: u64 = 300;
const KEYS: u8 = 64;
/// How deep computations nest.
const DEPTH: usize = 3;
const WEIGHT_MAX: u64 = 150;
/// The sum of two steps of the clock, so that lookups at the very age are common.
const AGE: u64 = 62;

/// Keeps so many bits of a good hash: with none, every key falls into one set and has one tag.
#[derive(Clone, Copy)]
struct Masked(u64);

impl BuildHasher for Masked {
    type Hasher = Mixed;
    fn build_hasher(&self) -> Mixed {
        Mixed { state: 0, mask: self.0 }
    }
}

struct Mixed {
    state: u64,
    mask: u64,
}

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.state.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23).wrapping_mul(0xd6e8_feb8_6659_fd93)
            & self.mask
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.state = self.state << 8 | u64::from(*byte));
    }
}

/// What a sequence does with a cache of either kind.
trait Cache {
    fn get(&self, key: u8) -> Option<u32>;
    fn insert(&self, key: u8, value: u32);
    fn compute(&self, key: u8, compute: &mut dyn FnMut() -> Result<u32, ()>) -> Result<u32, ()>;
    fn invalidate(&self, key: u8) -> bool;
    fn clear(&self);
    fn stats(&self) -> Stats;
    /// What holds of this kind when nothing is under way and the keys that `held` names may be there.
    fn check(&self, held: u64);
}

impl Cache for VectorCache<u8, u32, Masked> {
    fn get(&self, key: u8) -> Option<u32> {
        let mut row = vec![0; self.width()];
        VectorCache::get(self, &key, &mut row).then(|| only(&row))
    }
    fn insert(&self, key: u8, value: u32) {
        VectorCache::insert(self, &key, &vec![value; self.width()]);
    }
    fn compute(&self, key: u8, compute: &mut dyn FnMut() -> Result<u32, ()>) -> Result<u32, ()> {
        let mut row = vec![0; self.width()];
        self.get_or_try_compute(&key, &mut row, |row| compute().map(|value| row.fill(value)))?;
        Ok(only(&row))
    }
    fn invalidate(&self, key: u8) -> bool {
        VectorCache::invalidate(self, &key)
    }
    fn clear(&self) {
        VectorCache::clear(self);
    }
    fn stats(&self) -> Stats {
        VectorCache::stats(self)
    }
    fn check(&self, held: u64) {
        assert!(self.len() as u64 <= held.min(self.capacity() as u64));
    }
}

fn only(row: &[u32]) -> u32 {
    assert!(row.iter().all(|number| *number == row[0]), "a row of several writes: {row:?}");
    row[0]
}

/// A cache whose values share a token, so that those it holds can be counted.
struct Counted {
    cache: FeatureCache<u8, (u32, Arc<()>), Masked>,
    token: Arc<()>,
}

impl Cache for Counted {
    fn get(&self, key: u8) -> Option<u32> {
        self.cache.get(&key).map(|(value, _)| value)
    }
    fn insert(&self, key: u8, value: u32) {
        self.cache.insert(key, (value, Arc::clone(&self.token)));
    }
    fn compute(&self, key: u8, compute: &mut dyn FnMut() -> Result<u32, ()>) -> Result<u32, ()> {
        let computed = self.cache.get_or_try_compute(&key, || Ok((compute()?, Arc::clone(&self.token))));
        computed.map(|(value, _)| value)
    }
    fn invalidate(&self, key: u8) -> bool {
        self.cache.invalidate(&key)
    }
    fn clear(&self) {
        self.cache.clear();
    }
    fn stats(&self) -> Stats {
        self.cache.stats()
    }
    fn check(&self, held: u64) {
        let len = self.cache.len();
        assert!(len as u64 <= held.min(self.cache.capacity() as u64));
        assert_eq!(Arc::strong_count(&self.token), 1 + len, "values held and entries counted");
        assert!(self.cache.weight() <= WEIGHT_MAX);
        assert!(len > 0 || self.cache.weight() == 0);
    }
}

fn weight(value: u32) -> u64 {
    u64::from(value % 200)
}

/// What the cache may know, and what it must have counted.
struct Model {
    /// Value and time of the last write of each key that was not removed since.
    written: HashMap<u8, (u32, u64)>,
    /// The computations under way, and whether their key was written meanwhile.
    running: Vec<(u8, bool)>,
    hits: u64,
    misses: u64,
    forgot: u64,
    age: u64,
    weighs: bool,
}

struct Sequence<'a> {
    cache: &'a dyn Cache,
    now: &'a AtomicU64,
    bytes: RefCell<&'a [u8]>,
    model: RefCell<Model>,
}

impl Sequence<'_> {
    fn byte(&self) -> Option<u8> {
        let mut bytes = self.bytes.borrow_mut();
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        Some(*first)
    }

    /// One operation, with those that its computation makes. None when the bytes are used up.
    fn step(&self) -> Option<()> {
        let (operation, key) = (self.byte()?, self.byte()? % KEYS);
        let computing = self.model.borrow().running.iter().any(|(running, _)| *running == key);
        match operation % 16 {
            0..4 => self.get(key),
            4..6 => self.insert(key, u32::from(self.byte()?) * 7),
            6 => self.invalidate(key),
            7 if operation > 240 => self.clear(),
            7 => _ = self.now.fetch_add(operation.into(), Relaxed),
            _ if computing => self.get(key), // Asking for it would be the caller's mistake, and is tested elsewhere.
            _ => self.compute(key),
        }
        Some(())
    }

    fn get(&self, key: u8) {
        let got = self.cache.get(key);
        self.model.borrow_mut().looked_up(key, got, self.now.load(Relaxed));
    }

    fn insert(&self, key: u8, value: u32) {
        self.cache.insert(key, value);
        self.model.borrow_mut().wrote(key, value, self.now.load(Relaxed));
    }

    fn invalidate(&self, key: u8) {
        let removed = self.cache.invalidate(key);
        let mut model = self.model.borrow_mut();
        let known = model.written.remove(&key).is_some();
        assert!(known || !removed, "removed {key}, which was not there");
        model.forgot += u64::from(known && !removed);
        model.supersede(|running| running == key);
    }

    fn clear(&self) {
        self.cache.clear();
        let mut model = self.model.borrow_mut();
        model.written.clear();
        model.supersede(|_| true);
    }

    fn compute(&self, key: u8) {
        let mut computed = None;
        let got = catch_unwind(AssertUnwindSafe(|| {
            self.cache.compute(key, &mut || self.computation(key, &mut computed))
        }));
        let (mut model, now) = (self.model.borrow_mut(), self.now.load(Relaxed));
        let Some((result, superseded)) = computed else {
            let value = got.expect("a hit does not panic").expect("a hit does not fail");
            return model.looked_up(key, Some(value), now);
        };
        match (got, result) {
            (Ok(Ok(got)), Some(Ok(value))) => {
                assert_eq!(got, value, "the computed value is returned");
                if !(superseded || model.weighs && weight(value) > WEIGHT_MAX) {
                    model.written.insert(key, (value, now));
                }
            }
            (Ok(Err(())), Some(Err(()))) | (Err(_), None) => {}
            (got, result) => panic!("computed {result:?} and returned {got:?}"),
        }
    }

    /// The computation of `key`: operations on the cache, then a value, an error or a panic. Tells which, and whether the
    /// key was written meanwhile.
    fn computation(
        &self,
        key: u8,
        computed: &mut Option<(Option<Result<u32, ()>>, bool)>,
    ) -> Result<u32, ()> {
        self.model.borrow_mut().looked_up(key, None, self.now.load(Relaxed));
        self.model.borrow_mut().running.push((key, false));
        let end = self.byte().unwrap_or_default();
        if self.model.borrow().running.len() < DEPTH {
            (0..end / 64).for_each(|_| _ = self.step());
        }
        let (_, superseded) = self.model.borrow_mut().running.pop().expect("it was pushed above");
        let result = match end % 16 {
            0 => None,
            1 => Some(Err(())),
            _ => Some(Ok(u32::from(end) * 3)),
        };
        *computed = Some((result, superseded));
        // Past the panic hook: a panic of this kind is no news.
        result.unwrap_or_else(|| resume_unwind(Box::new("a computation that panics")))
    }

    fn check(&self, roomy: bool) {
        let (model, stats) = (self.model.borrow(), self.cache.stats());
        assert_eq!((stats.hits, stats.misses), (model.hits, model.misses));
        self.cache.check(model.written.len() as u64);
        if roomy {
            assert_eq!((stats.evictions, model.forgot), (0, 0), "there was room for every key");
        }
    }
}

impl Model {
    fn looked_up(&mut self, key: u8, got: Option<u32>, now: u64) {
        let known = self.written.get(&key).filter(|(_, time)| now < time.saturating_add(self.age));
        match (got, known) {
            (Some(got), known) => {
                assert_eq!(Some(got), known.map(|(value, _)| *value), "of key {key}");
                self.hits += 1;
            }
            (None, Some(_)) => {
                self.written.remove(&key);
                self.forgot += 1;
                self.misses += 1;
            }
            (None, None) => self.misses += 1,
        }
    }

    fn wrote(&mut self, key: u8, value: u32, now: u64) {
        if self.weighs && weight(value) > WEIGHT_MAX {
            self.written.remove(&key);
        } else {
            self.written.insert(key, (value, now));
        }
        self.supersede(|running| running == key);
    }

    fn supersede(&mut self, concerns: impl Fn(u8) -> bool) {
        self.running
            .iter_mut()
            .filter(|(key, _)| concerns(*key))
            .for_each(|(_, superseded)| *superseded = true);
    }
}

/// The first three bytes choose the cache, the others what happens to it.
fn run(bytes: &[u8]) {
    let [kind, size, hash, rest @ ..] = bytes else { return };
    let now = Arc::new(AtomicU64::new(0));
    let capacity = match size % 4 {
        0 => usize::from(size / 4) + 1,
        1 => 300 + usize::from(*size),
        _ => 64 + usize::from(*size) / 2,
    };
    let hasher = Masked([u64::MAX, u64::MAX, 0x3, 0][usize::from(hash % 4)]);
    let (vector, weighs, ages) = (kind & 1 == 0, kind & 2 != 0, kind & 4 != 0);
    let cache: Box<dyn Cache> = if vector {
        Box::new(VectorCache::<u8, u32, _>::with_hasher(capacity, usize::from(kind / 8) % 12 + 1, hasher))
    } else {
        let mut builder = FeatureCache::builder(capacity).hasher(hasher);
        if weighs {
            builder = builder.weight(WEIGHT_MAX, |_, (value, _): &(u32, Arc<()>)| weight(*value));
        }
        if ages {
            let clock = Arc::clone(&now);
            builder = builder.time_to_live(Duration::from_nanos(AGE)).clock(move || clock.load(Relaxed));
        }
        Box::new(Counted { cache: builder.build(), token: Arc::new(()) })
    };
    let (weighs, ages) = (weighs && !vector, ages && !vector);
    let age = if ages { AGE } else { u64::MAX };
    let model =
        Model { written: HashMap::new(), running: Vec::new(), hits: 0, misses: 0, forgot: 0, age, weighs };
    // In a larger cache the keys may all meet in one of its sets.
    let roomy = !weighs && (KEYS.into()..=256).contains(&capacity);
    let sequence =
        Sequence { cache: &*cache, now: &now, bytes: RefCell::new(rest), model: RefCell::new(model) };
    while sequence.step().is_some() {
        sequence.check(roomy);
    }
    sequence.clear();
    sequence.check(roomy);
}

#[test]
fn no_sequence_of_operations_breaks_a_cache() {
    let asked = |name: &str| std::env::var(name).map(|text| text.parse().expect("a number"));
    let sequences: u64 = asked("BOT4_FUZZ_SEQUENCES").unwrap_or(SEQUENCES);
    let first = asked("BOT4_FUZZ_SEED").unwrap_or(0) << 32;
    for seed in first..first + sequences {
        let mut state = seed;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        let bytes: Vec<u8> = (0..3 + seed % BYTES_MAX).map(|_| random()).collect();
        let ran = catch_unwind(|| run(&bytes));
        assert!(ran.is_ok(), "sequence {seed} fails: {bytes:?}");
    }
}
