//! What do the features of one quote cost: the ten basic ones, the row of 32, the sums per minute?

use bot4_pipeline::Quote;
use bot4_pipeline::features::{FeatureRow, MINUTE_NS, MinuteProfile, QuoteFeatures, ROW_WIDTH, Scale};
use bot4_pipeline::sim::{self, Simulator};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const QUOTES: usize = 10_000;

fn per_quote(criterion: &mut Criterion) {
    let quotes: Vec<Quote> = Simulator::new(1).take(QUOTES).collect();
    let mut group = criterion.benchmark_group("per_quote");
    group.throughput(Throughput::Elements(QUOTES as u64));

    let mut features = QuoteFeatures::new(Scale::WHOLE);
    group.bench_function("quote_features", |b| {
        b.iter(|| {
            for quote in &quotes {
                black_box(features.update(quote));
            }
        });
    });
    let mut rows = FeatureRow::new(Scale::WHOLE, sim::TICK);
    let mut row = [0.0; ROW_WIDTH];
    group.bench_function("feature_row", |b| {
        b.iter(|| {
            for quote in &quotes {
                rows.update(quote, black_box(&[0.0, 1.0, 0.0]), &mut row);
                black_box(&row);
            }
        });
    });
    let mut profile = MinuteProfile::new(sim::TICK);
    group.bench_function("minute_profile", |b| {
        b.iter(|| quotes.iter().for_each(|quote| profile.update(black_box(quote))));
    });
    group.finish();

    let minute = quotes[QUOTES - 1].ts / MINUTE_NS;
    criterion.bench_function("slow_features", |b| b.iter(|| profile.slow_features(black_box(minute))));
}

criterion_group!(benches, per_quote);
criterion_main!(benches);
