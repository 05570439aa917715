//! What does a message cost through each queue, alone, in batches, and there and back between two threads?

use bot4_lockfree::{mpmc, spsc, wait::Wait};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

const CAPACITY: usize = 1_024;

/// Streams `n` messages from a second thread and returns how long the consumer took.
fn stream<T: Copy + Send + 'static>(n: u64, message: T) -> Duration {
    let (mut producer, mut consumer) = spsc::ring(CAPACITY);
    let sender = thread::spawn(move || (0..n).all(|_| producer.push_wait(message, Wait::Yield).is_ok()));
    let start = Instant::now();
    for _ in 0..n {
        black_box(consumer.pop_wait(Wait::Yield));
    }
    let elapsed = start.elapsed();
    assert!(sender.join().expect("the sender does not panic"));
    elapsed
}

fn stream_in_batches(n: u64) -> Duration {
    let (mut producer, mut consumer) = spsc::ring(CAPACITY);
    let sender = thread::spawn(move || {
        let mut sent = 0;
        while sent < n {
            sent += producer.push_each(sent..n.min(sent + 64)) as u64;
        }
    });
    let (start, mut received) = (Instant::now(), 0);
    while received < n {
        received += consumer.pop_each(64, |message: u64| _ = black_box(message)) as u64;
    }
    let elapsed = start.elapsed();
    sender.join().expect("the sender does not panic");
    elapsed
}

fn round_trips(n: u64) -> Duration {
    let (mut there, mut ping) = spsc::ring::<u64>(CAPACITY);
    let (mut pong, mut back) = spsc::ring::<u64>(CAPACITY);
    let echo = thread::spawn(move || {
        while let Some(message) = ping.pop_wait(Wait::Yield) {
            let _ = pong.push_wait(message, Wait::Yield);
        }
    });
    let start = Instant::now();
    for i in 0..n {
        there.push(i).expect("one message at a time");
        assert_eq!(back.pop_wait(Wait::Yield), Some(i));
    }
    let elapsed = start.elapsed();
    drop(there);
    echo.join().expect("the echo does not panic");
    elapsed
}

fn mpmc_pairs(n: u64) -> Duration {
    let (producer, consumer) = mpmc::queue(CAPACITY);
    let work = move || {
        for i in 0..n {
            let _ = producer.push_wait(i, Wait::Yield);
            black_box(consumer.pop_wait(Wait::Yield));
        }
    };
    let start = Instant::now();
    thread::scope(|scope| [0; 2].map(|_| drop(scope.spawn(&work))));
    start.elapsed()
}

fn queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("queue");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(2));
    group.bench_function("spsc_u64", |b| b.iter_custom(|n| stream(n, 7_u64)));
    group.bench_function("spsc_64b", |b| b.iter_custom(|n| stream(n, [7_u64; 8])));
    group.bench_function("spsc_batch64", |b| b.iter_custom(stream_in_batches));
    group.bench_function("spsc_roundtrip", |b| b.iter_custom(round_trips));
    group.bench_function("mpmc_2t", |b| b.iter_custom(mpmc_pairs));
    group.finish();
}

criterion_group!(benches, queue);
criterion_main!(benches);
