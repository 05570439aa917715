//! How many bytes per second do the decoders read, and how many quotes per second does the simulator make?

#[path = "../tests/recordings/mod.rs"]
mod recordings;

use bot4_pipeline::Quote;
use bot4_pipeline::feed::binance::BookTicker;
use bot4_pipeline::feed::lobster;
use bot4_pipeline::sim::Simulator;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const QUOTES: usize = 50_000;

/// What a consumer needs to have looked at for the decoding not to be left out.
fn digest(quotes: impl Iterator<Item = Quote>) -> u64 {
    quotes.fold(0, |sum, q| sum ^ q.ts ^ (q.bid_px ^ q.bid_qty ^ q.ask_px ^ q.ask_qty) as u64)
}

fn decode(criterion: &mut Criterion) {
    let quotes: Vec<Quote> = Simulator::new(1).take(QUOTES).collect();
    let (messages, book) = recordings::lobster(&quotes);
    let csv = recordings::book_ticker(&quotes);
    let mut group = criterion.benchmark_group("decode");

    group.throughput(Throughput::Bytes((messages.len() + book.len()) as u64));
    group.bench_function("lobster", |b| {
        b.iter(|| {
            let (messages, book) = (black_box(messages.as_bytes()), black_box(book.as_bytes()));
            digest(lobster::Quotes::new(messages, book, recordings::MIDNIGHT_NS).map(Result::unwrap))
        });
    });
    group.throughput(Throughput::Bytes(csv.len() as u64));
    group.bench_function("binance_quotes", |b| {
        b.iter(|| digest(BookTicker::new(black_box(csv.as_bytes())).map(Result::unwrap)));
    });
    // What reading memory alone costs: the limit of any decoder.
    group.bench_function("sum_of_bytes_limit", |b| {
        b.iter(|| black_box(csv.as_bytes()).iter().map(|&byte| u64::from(byte)).sum::<u64>());
    });
    group.finish();
}

fn simulate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulate");
    group.throughput(Throughput::Elements(QUOTES as u64));
    group.bench_function("quotes", |b| b.iter(|| digest(Simulator::new(black_box(1)).take(QUOTES))));
    group.finish();
}

criterion_group!(benches, decode, simulate);
criterion_main!(benches);
