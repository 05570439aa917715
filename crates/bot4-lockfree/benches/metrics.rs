//! What does one record cost, with one thread and with two on the same metric?

use bot4_lockfree::metrics::{Counter, Histogram, HistogramConfig, Registry};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

/// Measures `record` while a second thread records as well.
fn beside(criterion: &mut Criterion, name: &str, record: impl Fn(u64) + Sync) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for i in (0..).take_while(|_| !done.load(Relaxed)) {
                record(i);
            }
        });
        alone(criterion, name, &record);
        done.store(true, Relaxed);
    });
}

fn alone(criterion: &mut Criterion, name: &str, record: impl Fn(u64)) {
    criterion.benchmark_group("metrics").bench_function(name, |b| {
        let mut i = 0_u64;
        b.iter(|| {
            i = i.wrapping_add(1);
            record(black_box(i));
        });
    });
}

fn metrics(criterion: &mut Criterion) {
    let registry = Registry::new();
    let counter: Counter = registry.counter("a", "");
    let histogram: Histogram = registry.histogram("b", "", HistogramConfig::default());
    let sample = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44;
    alone(criterion, "counter_handle_1t", |_| counter.increment(1));
    beside(criterion, "counter_handle_2t", |_| counter.increment(1));
    alone(criterion, "histogram_1t", |i| histogram.record(sample(i)));
    beside(criterion, "histogram_2t", |i| histogram.record(sample(i)));
}

criterion_group!(benches, metrics);
criterion_main!(benches);
