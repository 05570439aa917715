//! The field's policies. `quick/1` and the policies of foyer-memory have one shard, so that they see every entry, `quick` as many
//! as it chooses itself. moka and mini-moka put work off as they do for a user; told to catch up after every miss they
//! answer fewer lookups.

use crate::table::Policy;
use ahash::RandomState;
use foyer_memory::{
    Cache, CacheBuilder, CacheProperties, EvictionConfig, FifoConfig, LfuConfig, LruConfig, S3FifoConfig,
    SieveConfig,
};
use quick_cache::{OptionsBuilder, UnitWeighter, sync};
use std::convert::Infallible;

pub(crate) const POLICIES: &[Policy] = &[
    ("moka", moka),
    ("mini", mini_moka),
    ("quick", quick),
    ("quick/1", quick_of_one_shard),
    ("f-s3", |keys, capacity| foyer(keys, capacity, S3FifoConfig::default())),
    ("f-lfu", |keys, capacity| foyer(keys, capacity, LfuConfig::default())),
    ("f-sieve", |keys, capacity| foyer(keys, capacity, SieveConfig)),
    ("f-lru", |keys, capacity| foyer(keys, capacity, LruConfig::default())),
    ("f-fifo", |keys, capacity| foyer(keys, capacity, FifoConfig::default())),
];

fn hasher() -> RandomState {
    RandomState::with_seeds(1, 2, 3, 4)
}

fn moka(keys: &[u64], capacity: usize) -> u64 {
    let cache = moka::sync::Cache::builder().max_capacity(capacity as u64).build_with_hasher(hasher());
    let looked_up = keys.iter().filter(|key| !cache.entry(**key).or_insert(()).is_fresh());
    looked_up.count() as u64
}

fn mini_moka(keys: &[u64], capacity: usize) -> u64 {
    let cache = mini_moka::sync::Cache::builder().max_capacity(capacity as u64).build_with_hasher(hasher());
    let looked_up = keys.iter().filter(|key| {
        let hit = cache.get(*key).is_some();
        if !hit {
            cache.insert(**key, ());
        }
        hit
    });
    looked_up.count() as u64
}

fn quick(keys: &[u64], capacity: usize) -> u64 {
    quick_hits(
        keys,
        &sync::Cache::with(capacity, capacity as u64, UnitWeighter, hasher(), Default::default()),
    )
}

fn quick_of_one_shard(keys: &[u64], capacity: usize) -> u64 {
    let mut options = OptionsBuilder::new();
    options.shards(1).estimated_items_capacity(capacity).weight_capacity(capacity as u64);
    match options.build() {
        Ok(options) => {
            quick_hits(keys, &sync::Cache::with_options(options, UnitWeighter, hasher(), Default::default()))
        }
        Err(error) => panic!("{error:?}"),
    }
}

fn quick_hits(keys: &[u64], cache: &sync::Cache<u64, (), UnitWeighter, RandomState>) -> u64 {
    let mut hits = 0;
    for key in keys {
        let mut hit = true;
        let _ = cache.get_or_insert_with(key, || {
            hit = false;
            Ok::<_, Infallible>(())
        });
        hits += u64::from(hit);
    }
    hits
}

fn foyer(keys: &[u64], capacity: usize, policy: impl Into<EvictionConfig>) -> u64 {
    let cache: Cache<u64, (), RandomState, CacheProperties> = CacheBuilder::new(capacity)
        .with_shards(1)
        .with_eviction_config(policy)
        .with_hash_builder(hasher())
        .build();
    let looked_up = keys.iter().filter(|key| {
        let hit = cache.get(*key).is_some();
        if !hit {
            cache.insert(**key, ());
        }
        hit
    });
    looked_up.count() as u64
}
