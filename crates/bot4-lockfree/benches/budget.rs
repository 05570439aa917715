//! What does a limit check cost that passes, and one that refuses?

use bot4_lockfree::budget::{Budget, RateLimit};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

fn budget(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("budget");
    let budget = Budget::new(1_000);
    group.bench_function("reserve_release", |b| {
        b.iter(|| {
            budget.try_reserve(black_box(5)).expect("there is room");
            budget.release(5);
        });
    });
    budget.try_reserve(1_000).expect("nothing is in use");
    group.bench_function("refused", |b| b.iter(|| budget.try_reserve(black_box(5)).is_err()));
    let (rate, mut now) = (RateLimit::new(1_000, 1_000_000), 0);
    group.bench_function("rate_limit", |b| {
        b.iter(|| {
            now += 2_000;
            rate.try_acquire(black_box(now))
        });
    });
    group.finish();
}

criterion_group!(benches, budget);
criterion_main!(benches);
