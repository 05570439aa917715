//! What a cache counts.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// What happened in a cache since it was created. Every event is counted exactly once, by any number of threads.
///
/// `hits + misses` is the number of lookups, and `insertions - evictions - removals` the number of entries.
/// Taken while other threads are at work, the fields are each exact but of slightly different moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Lookups that returned a value the caller did not compute itself.
    pub hits: u64,
    /// Lookups that found nothing: `get` returned nothing, or the caller's own computation was started.
    pub misses: u64,
    /// Entries that were added. Replacing the value of a present key is no insertion.
    pub insertions: u64,
    /// Entries thrown out for want of room.
    pub evictions: u64,
    /// Entries that left for another reason: invalidated, cleared, expired.
    pub removals: u64,
}

impl Stats {
    /// `hits / (hits + misses)`, 0 before the first lookup.
    ///
    /// ```
    /// assert_eq!(bot4_cache::Stats::default().hit_ratio(), 0.0);
    /// ```
    pub fn hit_ratio(&self) -> f64 {
        if self.hits == 0 { 0.0 } else { self.hits as f64 / (self.hits + self.misses) as f64 }
    }
}

const SHARDS: usize = 16;

/// A counter that many threads add to without sharing a cache line (as long as they are at most [`SHARDS`]).
#[derive(Debug, Default)]
pub(crate) struct ShardedCounter {
    shards: [Shard; SHARDS],
}

/// Two lines, since the prefetcher of x86 fetches lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(AtomicU64);

impl ShardedCounter {
    #[inline]
    pub(crate) fn increment(&self) {
        // ORDERING: Relaxed, a count orders nothing. A read-modify-write because threads may share a shard.
        self.shards[shard()].0.fetch_add(1, Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        self.shards.iter().map(|shard| shard.0.load(Relaxed)).sum() // ORDERING: Relaxed, as above.
    }
}

#[inline]
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Relaxed) % SHARDS); // ORDERING: Relaxed, only the number matters.
        }
        mine.get()
    })
}
