//! What a cache counts.

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
