//! What does an event cost on its way through the threads of a stream, and how much of it is recording latencies?

use std::hint::black_box;

use bot4_lockfree::metrics::{HistogramConfig, Registry};
use bot4_pipeline::features::{FeatureRow, ROW_WIDTH, Scale};
use bot4_pipeline::sim::{self, Simulator};
use bot4_pipeline::stage::{Normalize, Pipeline, Squash};
use bot4_pipeline::stream::{Settings, Stream};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const QUOTES: usize = 100_000;

fn stream(criterion: &mut Criterion) {
    let quotes: Vec<_> = Simulator::new(1).take(QUOTES).collect();
    let histogram = Registry::new().histogram("latency_ns", "Latency.", HistogramConfig::default());
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Elements(QUOTES as u64));
    for (name, latency) in [("event", None), ("event_with_latency", Some(histogram))] {
        let settings = Settings { latency, ..Settings::default() };
        let stages = (Normalize::new(&[0.0; ROW_WIDTH], &[0.5; ROW_WIDTH]), Squash);
        let mut pipeline = Pipeline::new(ROW_WIDTH, 1, stages).unwrap();
        let mut features = FeatureRow::new(Scale::WHOLE, sim::TICK);
        group.bench_function(name, |b| {
            b.iter(|| {
                Stream::from_source("feed", quotes.iter().copied())
                    .run(
                        "decide",
                        |quote| {
                            let mut row = [0.0; ROW_WIDTH];
                            features.update(&quote, &[0.0; 3], &mut row);
                            black_box(pipeline.one(&mut row));
                        },
                        &settings,
                    )
                    .unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, stream);
criterion_main!(benches);
