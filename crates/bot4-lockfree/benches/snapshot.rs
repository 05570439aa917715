//! What do reading and writing a snapshot cost, quiet and while a writer never stops?

use bot4_lockfree::snapshot::{Latest, Published};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

fn snapshot(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snapshot");
    let latest = Latest::new([1_u64; 8]);
    let mut reader = latest.reader();
    group.bench_function("read_quiet", |b| b.iter(|| reader.read()));
    {
        let mut writer = latest.writer().expect("the only writer");
        group.bench_function("write", |b| b.iter(|| writer.write(black_box([2; 8]))));
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut writer = latest.writer().expect("the only writer");
        let done = &done;
        scope.spawn(move || {
            for i in (0..).take_while(|_| !done.load(Relaxed)) {
                writer.write([i; 8]);
            }
        });
        group.bench_function("read_busy", |b| b.iter(|| reader.read()));
        done.store(true, Relaxed);
    });
    let published = Published::new([1_u64; 64]);
    let mut view = published.reader();
    group.bench_function("published_get_unchanged", |b| b.iter(|| black_box(view.get())[7]));
    group.bench_function("published_publish_and_get", |b| {
        b.iter(|| {
            published.publish([2; 64]);
            black_box(view.get())[7]
        });
    });
    group.finish();
}

criterion_group!(benches, snapshot);
criterion_main!(benches);
