//! A message through a queue, a count, a sample, a snapshot, a reservation: 64 times each, on one thread.

use bot4_lockfree::budget::{Budget, RateLimit};
use bot4_lockfree::metrics::{Counter, Histogram, HistogramConfig, Registry};
use bot4_lockfree::snapshot::{Latest, LatestReader, LatestWriter, Published, Reader};
use bot4_lockfree::{mpmc, spsc};
use iai_callgrind::{library_benchmark, library_benchmark_group};
use std::hint::black_box;

const TIMES: u64 = 64;

type Message = [u64; 8];

fn counter() -> Counter {
    let counter = Registry::new().counter("events_total", "Events.");
    counter.increment(1);
    counter
}

fn histogram() -> Histogram {
    let histogram = Registry::new().histogram("latency_ns", "Latency.", HistogramConfig::default());
    histogram.record(1);
    histogram
}

fn latest() -> (LatestWriter<Message>, LatestReader<Message>) {
    let latest = Latest::new([0; 8]);
    (latest.writer().expect("nobody writes yet"), latest.reader())
}

#[library_benchmark]
#[bench::x64(spsc::ring(256))]
fn spsc_push_pop(
    (mut producer, mut consumer): (spsc::Producer<Message>, spsc::Consumer<Message>),
) -> (spsc::Producer<Message>, spsc::Consumer<Message>) {
    for i in 0..TIMES {
        producer.push(black_box([i; 8])).expect("there is room");
    }
    for _ in 0..TIMES {
        black_box(consumer.pop().expect("as many as were pushed"));
    }
    (producer, consumer)
}

#[library_benchmark]
#[bench::x64(mpmc::queue(256))]
fn mpmc_push_pop(
    (producer, consumer): (mpmc::Producer<u64>, mpmc::Consumer<u64>),
) -> (mpmc::Producer<u64>, mpmc::Consumer<u64>) {
    for i in 0..TIMES {
        producer.push(black_box(i)).expect("there is room");
        black_box(consumer.pop().expect("one was pushed"));
    }
    (producer, consumer)
}

#[library_benchmark]
#[bench::x64(counter())]
fn counter_increment(counter: Counter) -> Counter {
    for _ in 0..TIMES {
        black_box(&counter).increment(black_box(1));
    }
    counter
}

#[library_benchmark]
#[bench::x64(histogram())]
fn histogram_record(histogram: Histogram) -> Histogram {
    for i in 0..TIMES {
        black_box(&histogram).record(black_box(i * 997));
    }
    histogram
}

#[library_benchmark]
#[bench::x64(latest())]
fn latest_write_read(
    (mut writer, mut reader): (LatestWriter<Message>, LatestReader<Message>),
) -> (LatestWriter<Message>, LatestReader<Message>) {
    for i in 0..TIMES {
        writer.write(black_box([i; 8]));
        black_box(reader.read());
    }
    (writer, reader)
}

#[library_benchmark]
#[bench::x64(Published::new([1_u64; 32]).reader())]
fn published_get(mut reader: Reader<[u64; 32]>) -> Reader<[u64; 32]> {
    for _ in 0..TIMES {
        black_box(black_box(&mut reader).get());
    }
    reader
}

#[library_benchmark]
#[bench::x64(Budget::new(1_000))]
fn budget_reserve_release(budget: Budget) -> Budget {
    for _ in 0..TIMES {
        budget.try_reserve(black_box(5)).expect("there is room");
        budget.release(black_box(5));
    }
    budget
}

#[library_benchmark]
#[bench::x64(RateLimit::new(1_000, 1_000_000))]
fn rate_limit_acquire(rate: RateLimit) -> RateLimit {
    for i in 0..TIMES {
        black_box(rate.try_acquire(black_box(2_000 * i)));
    }
    rate
}

library_benchmark_group!(
    name = lockfree;
    benchmarks =
        spsc_push_pop, mpmc_push_pop, counter_increment, histogram_record, latest_write_read, published_get,
        budget_reserve_release, rate_limit_acquire
);
