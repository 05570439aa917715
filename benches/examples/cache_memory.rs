//! How many bytes does each cache hold per entry, beyond key and value?
//!
//! `cargo run --release -p bot4-benches --features peers --example cache_memory`: caches of 65,536 entries with keys of 8 and values of
//! 64 bytes, after ten times as many different keys, counted by the allocator. Entries are counted where a cache holds fewer
//! than it has room for.
#![allow(clippy::print_stdout)] // a command-line program: its output is its purpose

use bot4_cache::{FeatureCache, LocalFeatureCache, VectorCache};
use bot4_pool::audit::{self, CountingAllocator};
use foyer_memory::{Cache, CacheBuilder, CacheProperties, S3FifoConfig};
use std::num::NonZeroUsize;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

const ENTRIES: usize = 1 << 16;
const KEYS: u64 = 10 << 16;
/// Of key and value.
const OWN: u64 = 8 + 64;

type Row = [f64; 8];

const ROW: Row = [0.5; 8];

fn main() {
    println!("{:<26} {:>8} {:>16} {:>20}", "cache", "entries", "bytes per entry", "beyond key and value");
    row("bot4 VectorCache", || {
        let cache = VectorCache::<u64>::new(ENTRIES, 8);
        (0..KEYS).for_each(|key| cache.insert(&key, &ROW));
        (cache.len(), cache)
    });
    row("bot4 FeatureCache", || {
        let cache = FeatureCache::<u64, Row>::new(ENTRIES);
        (0..KEYS).for_each(|key| cache.insert(key, ROW));
        (cache.len(), cache)
    });
    row("bot4 LocalFeatureCache", || {
        let mut cache = LocalFeatureCache::<u64, Row>::new(ENTRIES);
        (0..KEYS).for_each(|key| _ = cache.insert(key, ROW));
        (cache.len(), cache)
    });
    row("quick_cache", || {
        let cache = quick_cache::sync::Cache::<u64, Row>::new(ENTRIES);
        (0..KEYS).for_each(|key| cache.insert(key, ROW));
        (cache.len(), cache)
    });
    row("moka", || {
        let cache = moka::sync::Cache::<u64, Row>::new(ENTRIES as u64);
        (0..KEYS).for_each(|key| cache.insert(key, ROW));
        cache.run_pending_tasks();
        (cache.entry_count() as usize, cache)
    });
    row("foyer-memory S3-FIFO", || {
        let cache: Cache<u64, Row, _, CacheProperties> =
            CacheBuilder::new(ENTRIES).with_eviction_config(S3FifoConfig::default()).build();
        (0..KEYS).for_each(|key| drop(cache.insert(key, ROW)));
        (cache.entries(), cache)
    });
    row("lru", || {
        let mut cache =
            lru::LruCache::<u64, Row>::new(NonZeroUsize::new(ENTRIES).unwrap_or(NonZeroUsize::MIN));
        (0..KEYS).for_each(|key| _ = cache.put(key, ROW));
        (cache.len(), cache)
    });
}

/// Prints what a cache holds that `fill` fills and counts.
fn row<C>(name: &str, fill: impl FnOnce() -> (usize, C)) {
    let ((entries, _cache), counts) = audit::count(fill);
    let each = (counts.bytes - counts.bytes_freed) as f64 / entries as f64;
    println!("{name:<26} {entries:>8} {each:>16.1} {:>20.1}", each - OWN as f64);
}
