//! What does a hit cost, and a lookup with misses, in each cache, alone and beside a second thread?

use bot4_cache::{FeatureCache, LocalFeatureCache, VectorCache};
use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

/// A value of 64 bytes.
type Row = [f64; 8];

/// Lookups of one pass; also the number of keys drawn in advance.
const LOOKUPS: usize = 1 << 16;
const KEYS: usize = 200_000;
/// Entries for the cases with misses: a tenth of the keys.
const TENTH: usize = KEYS / 10;
/// Keys of the cases without: they all fit.
const HOT: usize = 10_000;

fn row_of(key: u64) -> Row {
    std::array::from_fn(|i| (key + i as u64) as f64)
}

/// Keys with frequencies by Zipf's law with exponent 1, from a fixed seed.
fn zipf(seed: u64) -> Vec<u64> {
    let mut total = 0.0;
    let cumulated: Vec<f64> = (1..=KEYS)
        .map(|rank| {
            total += 1.0 / rank as f64;
            total
        })
        .collect();
    let uniform = random(seed).map(|bits| (bits >> 11) as f64 / (1_u64 << 53) as f64);
    uniform.take(LOOKUPS).map(|u| cumulated.partition_point(|sum| *sum < u * total) as u64).collect()
}

fn hot(seed: u64) -> Vec<u64> {
    random(seed).take(LOOKUPS).map(|bits| (bits >> 32) % HOT as u64).collect()
}

fn random(mut state: u64) -> impl Iterator<Item = u64> {
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state ^ state >> 29
    })
}

fn by_vector(cache: &VectorCache<u64>, keys: &[u64]) {
    let mut row = Row::default();
    for key in keys {
        cache.get_or_compute(key, &mut row, |row| row.copy_from_slice(&row_of(*key)));
        black_box(&row);
    }
}

fn by_feature(cache: &FeatureCache<u64, Row>, keys: &[u64]) {
    for key in keys {
        black_box(cache.get_or_compute(key, || row_of(*key)));
    }
}

fn by_local(cache: &mut LocalFeatureCache<u64, Row>, keys: &[u64]) {
    for key in keys {
        black_box(cache.get_or_compute(key, || row_of(*key)));
    }
}

/// Times `pass` over `keys`, while `beside`, if there is one, runs over its own keys on another thread.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    keys: &[u64],
    beside: Option<&[u64]>,
    pass: impl Fn(&[u64]) + Sync,
) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        if let Some(keys) = beside {
            // ORDERING: Relaxed, the flag says nothing about other memory.
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    pass(keys);
                }
            });
        }
        group.bench_function(name, |bencher| bencher.iter(|| pass(keys)));
        stop.store(true, Relaxed);
    });
}

fn shared(c: &mut Criterion, name: &str, capacity: usize, keys: [Vec<u64>; 2], two: bool) {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(LOOKUPS as u64)).sample_size(20);
    let beside = two.then_some(&*keys[1]);
    let vector = VectorCache::new(capacity, 8);
    measure(&mut group, "vector", &keys[0], beside, |keys| by_vector(&vector, keys));
    let feature = FeatureCache::new(capacity);
    measure(&mut group, "feature", &keys[0], beside, |keys| by_feature(&feature, keys));
    if !two {
        let mut local = LocalFeatureCache::new(capacity);
        group.bench_function("local", |bencher| bencher.iter(|| by_local(&mut local, &keys[0])));
    }
    group.finish();
}

fn cache(c: &mut Criterion) {
    shared(c, "hit_1t", 2 * HOT, [hot(1), hot(2)], false);
    shared(c, "hit_2t", 2 * HOT, [hot(1), hot(2)], true);
    shared(c, "zipf_miss_1t", TENTH, [zipf(1), zipf(2)], false);
    shared(c, "zipf_miss_2t", TENTH, [zipf(1), zipf(2)], true);
}

criterion_group!(benches, cache);
criterion_main!(benches);
