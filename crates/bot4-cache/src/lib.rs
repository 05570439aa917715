//! Caches for feature vectors: shared, single-threaded and allocation-free.
//!
//! | cache | shared by threads | values | a hit | policy |
//! | --- | --- | --- | --- | --- |
//! | [`VectorCache`] | `&self` | rows of numbers of one width | copies the row; no lock, no allocation | S3-FIFO in sets of 16 |
//! | [`FeatureCache`] | `&self` | any `Clone` type | one short lock and a clone | S3-FIFO in shelves of 64; weight and age on request |
//! | [`LocalFeatureCache`] | `&mut self` | any, by reference | a table lookup; no atomics | LRU |
//!
//! All compare whole keys, seed their hasher for each cache, and count hits, misses and evictions exactly. A lookup in the two
//! shared ones compares at most the keys of one set, so that keys chosen to collide cost hits and not time: they hash
//! with `foldhash`. The table of the third has no such bound: it hashes with `ahash`.
//!
//! # When not to use it
//!
//! For listeners, time-to-idle, async callers or caches of a few dozen entries use `moka`; for pinned entries, guards that hold a
//! missing key open or `Arc`ed values on one thread `quick_cache`; for a disk tier `foyer`. A handful of keys known in
//! advance needs an array, not a cache. The README has the figures.
//!
//! # Example
//!
//! ```
//! use bot4_cache::VectorCache;
//!
//! // Slow features of an instrument, computed once a minute, read at every tick by every thread.
//! let cache = VectorCache::<(u32, u32)>::new(10_000, 3);
//! let mut features = [0.0; 3];
//! std::thread::scope(|scope| {
//!     for _ in 0..2 {
//!         scope.spawn(|| {
//!             let mut features = [0.0; 3];
//!             cache.get_or_compute(&(7, 570), &mut features, |row| row.fill(0.25));
//!         });
//!     }
//! });
//! assert!(cache.get(&(7, 570), &mut features));
//! assert_eq!(features, [0.25; 3]);
//! assert_eq!(cache.stats().misses, 1, "one thread computed for both");
//! ```
//!
//! # Modules
//!
//! `vector` is built of `slab` (words behind sequence counters, laid out by `layout`), `policy` (S3-FIFO over one set) and
//! `flight` (locks and computations under way); `feature` of `shelf` (a set under a lock) and the latter two. `tags` finds a
//! key's place in either without a branch. `key` and `word` say what fits into words; `local` stands alone; `stats`
//! counts; `sync` swaps in loom.

mod feature;
mod flight;
mod key;
mod layout;
mod local;
mod policy;
mod shelf;
mod slab;
mod stats;
mod sync;
mod tags;
mod vector;
mod word;

pub use feature::{FeatureCache, FeatureCacheBuilder};
pub use key::Key;
pub use local::LocalFeatureCache;
pub use stats::Stats;
pub use vector::VectorCache;
pub use word::Word;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
