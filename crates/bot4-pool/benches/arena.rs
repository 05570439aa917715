//! What does a slice of an arena cost next to the same from bumpalo, and what does zeroing add?

use bot4_pool::Arena;
use bumpalo::Bump;
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

const LEN: usize = 32;
const SLICES: usize = 16;

fn slices(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("16_slices_of_32_f64");
    let mut arena = Arena::with_limit(1 << 16);
    group.bench_function("arena_zeroed", |b| {
        b.iter(|| {
            for _ in 0..SLICES {
                black_box(arena.alloc_slice_zeroed::<f64>(LEN).unwrap());
            }
            arena.reset();
        });
    });
    let values = [1.0; LEN];
    group.bench_function("arena_copy", |b| {
        b.iter(|| {
            for _ in 0..SLICES {
                black_box(arena.alloc_slice_copy(black_box(&values)).unwrap());
            }
            arena.reset();
        });
    });
    let mut bump = Bump::with_capacity(1 << 16);
    group.bench_function("bumpalo_zeroed", |b| {
        b.iter(|| {
            for _ in 0..SLICES {
                black_box(bump.alloc_slice_fill_copy(LEN, 0.0_f64));
            }
            bump.reset();
        });
    });
    group.bench_function("bumpalo_copy", |b| {
        b.iter(|| {
            for _ in 0..SLICES {
                black_box(bump.alloc_slice_copy(black_box(&values)));
            }
            bump.reset();
        });
    });
}

criterion_group!(benches, slices);
criterion_main!(benches);
