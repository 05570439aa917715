//! What does one event cost, and one row of a batch; what does learning from an event, or reading a lazy value?

use std::hint::black_box;

use bot4_ml::{LazyComputation, LogisticRegression, Sgd, Standardizer};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;

const WIDTH: usize = 32;
const ROWS: usize = 1024;

fn model() -> LogisticRegression<f32> {
    LogisticRegression::from_parts((0..WIDTH).map(|j| (j as f32).cos()).collect(), 0.1)
}

fn rows() -> Array2<f32> {
    Array2::from_shape_fn((ROWS, WIDTH), |(i, j)| ((i * 31 + j * 17) as f32).sin())
}

fn predict(c: &mut Criterion) {
    let (model, rows) = (model(), rows());
    let by_column = rows.t().as_standard_layout().into_owned();
    let mut out = vec![0.0; ROWS];
    let mut group = c.benchmark_group("predict_f32_32");
    let mut next = (0..ROWS).cycle();
    group.bench_function("one", |b| {
        b.iter(|| model.predict(rows.row(next.next().unwrap()).to_slice().unwrap()))
    });
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("rows_1024", |b| b.iter(|| model.predict_batch(rows.view(), black_box(&mut out))));
    group.bench_function("columns_1024", |b| {
        b.iter(|| model.predict_batch(by_column.t(), black_box(&mut out)))
    });
    group.finish();
}

fn learn(c: &mut Criterion) {
    let (mut model, rows) = (model(), rows());
    let mut gradients = model.accumulator();
    let mut sgd = Sgd::new(0.01);
    let mut standardizer = Standardizer::new(WIDTH);
    let mut next = (0..ROWS).cycle();
    c.bench_function("learn_f32_32/step", |b| {
        b.iter(|| {
            let row = rows.row(next.next().unwrap());
            model.accumulate_gradient(row.to_slice().unwrap(), 1.0, &mut gradients);
            gradients.step(&mut sgd, &mut model.parameters_mut())
        });
    });
    c.bench_function("learn_f32_32/observe", |b| {
        b.iter(|| standardizer.observe(rows.row(next.next().unwrap()).to_slice().unwrap()));
    });
}

fn lazy(c: &mut Criterion) {
    let ready = LazyComputation::new(|| vec![1.0_f32; WIDTH]);
    ready.force().expect("does not panic");
    c.bench_function("lazy/get", |b| b.iter(|| black_box(&ready).get()[0]));
}

criterion_group!(benches, predict, learn, lazy);
criterion_main!(benches);
