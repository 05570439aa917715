//! What do huge pages change: when 64 MiB are made, and when 8 MiB are used again?

use bot4_pool::AlignedVec;
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

/// 1024 x 1024.
const SIDE: usize = 1024;
const LEN: usize = SIDE * SIDE;
/// Elements of a page and of a cache line.
const PAGE: usize = 512;
const LINE: usize = 8;

/// The same without the advice: pages of 4 KiB, unless the system gives huge ones to everybody.
fn plain(len: usize) -> Vec<f64> {
    let mut buffer = Vec::with_capacity(len);
    buffer.resize(len, black_box(0.0));
    buffer
}

fn touch_pages(buffer: &mut [f64]) {
    black_box(buffer).iter_mut().step_by(PAGE).for_each(|word| *word = 1.0);
}

fn sum(buffer: &mut [f64]) -> f64 {
    let mut sums = [0.0; LINE];
    for line in black_box(buffer).chunks_exact(LINE) {
        sums.iter_mut().zip(line).for_each(|(sum, value)| *sum += value);
    }
    sums.iter().sum()
}

/// Every 16th column of the matrix, top to bottom: each step lands on another page.
fn columns(buffer: &mut [f64]) -> f64 {
    let buffer = black_box(buffer);
    (0..SIDE).step_by(16).map(|column| buffer[column..].iter().step_by(SIDE).sum::<f64>()).sum()
}

/// So large that the system's allocator maps it anew each time.
fn made(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("64_mib");
    group.sample_size(20);
    group.bench_function("made/huge", |b| b.iter(|| AlignedVec::<f64>::zeroed(black_box(8 * LEN))));
    group.bench_function("made/plain", |b| b.iter(|| plain(black_box(8 * LEN))));
}

fn used_again(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("8_mib");
    let (mut huge, mut plain) = (AlignedVec::<f64>::zeroed(LEN), plain(LEN));
    group.bench_function("pages_touched/huge", |b| b.iter(|| touch_pages(&mut huge)));
    group.bench_function("pages_touched/plain", |b| b.iter(|| touch_pages(&mut plain)));
    group.bench_function("filled/huge", |b| b.iter(|| black_box(&mut *huge).fill(2.0)));
    group.bench_function("filled/plain", |b| b.iter(|| black_box(&mut *plain).fill(2.0)));
    group.bench_function("summed/huge", |b| b.iter(|| sum(&mut huge)));
    group.bench_function("summed/plain", |b| b.iter(|| sum(&mut plain)));
    group.bench_function("columns/huge", |b| b.iter(|| columns(&mut huge)));
    group.bench_function("columns/plain", |b| b.iter(|| columns(&mut plain)));
}

criterion_group!(benches, made, used_again);
criterion_main!(benches);
