//! Hits and computed misses, with a hasher of a fixed seed: 64 lookups each.

use ahash::RandomState;
use bot4_cache::{FeatureCache, LocalFeatureCache, VectorCache};
use iai_callgrind::{library_benchmark, library_benchmark_group};
use std::hint::black_box;

const TIMES: u64 = 64;
const WIDTH: usize = 8;

type Vectors = VectorCache<u64, f64, RandomState>;
type Features = FeatureCache<u64, [f64; WIDTH], RandomState>;
type Local = LocalFeatureCache<u64, [f64; WIDTH], RandomState>;

fn seeded() -> RandomState {
    RandomState::with_seeds(1, 2, 3, 4)
}

fn vectors(keys: u64) -> Vectors {
    let cache = VectorCache::with_hasher(1024, WIDTH, seeded());
    (0..keys).for_each(|key| cache.insert(&key, &[key as f64; WIDTH]));
    cache
}

#[library_benchmark]
#[bench::x64(vectors(TIMES))]
fn vector_hit(cache: Vectors) -> Vectors {
    let mut row = [0.0; WIDTH];
    for key in 0..TIMES {
        assert!(cache.get(black_box(&key), &mut row));
    }
    black_box(row);
    cache
}

#[library_benchmark]
#[bench::x64(vectors(4096))]
fn vector_miss(cache: Vectors) -> Vectors {
    let mut row = [0.0; WIDTH];
    for key in 0..TIMES {
        cache.get_or_compute(black_box(&(key + 10_000)), &mut row, |row| row.fill(1.0));
    }
    black_box(row);
    cache
}

fn features() -> Features {
    let cache = FeatureCache::builder(1024).hasher(seeded()).build();
    (0..TIMES).for_each(|key| cache.insert(key, [key as f64; WIDTH]));
    cache
}

#[library_benchmark]
#[bench::x64(features())]
fn feature_hit(cache: Features) -> Features {
    for key in 0..TIMES {
        black_box(cache.get(black_box(&key)));
    }
    cache
}

fn local() -> Local {
    let mut cache = LocalFeatureCache::with_hasher(1024, seeded());
    for key in 0..TIMES {
        cache.insert(key, [key as f64; WIDTH]);
    }
    cache
}

#[library_benchmark]
#[bench::x64(local())]
fn local_hit(mut cache: Local) -> Local {
    for key in 0..TIMES {
        black_box(cache.get(black_box(&key)));
    }
    cache
}

library_benchmark_group!(name = cache; benchmarks = vector_hit, vector_miss, feature_hit, local_hit);
