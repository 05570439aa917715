//! What does a pipeline of stages cost on one row of 32 and on a batch of 1,024, per instruction set?

use std::time::{Duration, Instant};

use bot4_pipeline::columns::Columns;
use bot4_pipeline::stage::{
    Clamp, Difference, Normalize, Pipeline, Sigmoid, Squash, Stage, StageError, Stages,
};
use bot4_simd::{Isa, Kernels};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const WIDTH: usize = 32;
const ROWS: usize = 1024;

/// A linear model: 32 columns to 1.
#[derive(Clone)]
struct Score(Vec<f64>);

impl Stage<f64> for Score {
    fn name(&self) -> &'static str {
        "score"
    }

    fn output_width(&self, input: usize) -> Result<usize, StageError> {
        StageError::unless_equal(input, self.0.len()).map(|()| 1)
    }

    #[inline(always)]
    fn one<K: Kernels>(&mut self, k: K, row: &mut [f64], _scratch: &mut [f64]) {
        row[0] = k.dot8(row, &self.0);
    }

    #[inline(always)]
    fn batch<K: Kernels>(&mut self, k: K, columns: &mut Columns<f64>, scratch: &mut [f64]) {
        let sums = &mut scratch[..columns.len()];
        k.weighted_sum(columns.as_slice(), columns.stride(), &self.0, sums);
        columns.column_mut(0).copy_from_slice(sums);
    }
}

fn row(n: usize) -> [f64; WIDTH] {
    std::array::from_fn(|j| ((n * 31 + j * 17) as f64 * 0.37).sin() * 3.0)
}

fn measure<S: Stages<f64> + Clone>(c: &mut Criterion, name: &str, stages: S) {
    for isa in Isa::available() {
        let mut pipeline = Pipeline::with_isa(isa, WIDTH, ROWS, stages.clone()).unwrap();
        let mut group = c.benchmark_group(format!("{name}/{isa}"));
        let mut n = 0;
        let mut next = || {
            n += 1;
            row(n)
        };
        group.bench_function("one_row_of_32", |b| {
            b.iter_batched_ref(&mut next, |row| pipeline.one(row)[0], BatchSize::SmallInput);
        });
        let mut fresh = pipeline.columns();
        (0..ROWS).for_each(|n| fresh.push_row(&row(n)));
        let mut batch = fresh.clone();
        group.throughput(Throughput::Elements((ROWS * WIDTH) as u64));
        group.bench_function("batch_1024x32", |b| {
            b.iter_custom(|iterations| {
                let mut spent = Duration::ZERO;
                for _ in 0..iterations {
                    batch.clear();
                    batch.set_len(ROWS);
                    batch.iter_mut().zip(fresh.iter()).for_each(|(to, from)| to.copy_from_slice(from));
                    let start = Instant::now();
                    pipeline.batch(&mut batch);
                    spent += start.elapsed();
                }
                spent
            });
        });
    }
}

fn stages(c: &mut Criterion) {
    let vector = |scale: f64| (0..WIDTH).map(|j| scale * (1.0 + j as f64 / 7.0).sin()).collect::<Vec<f64>>();
    let normalize = Normalize::new(&vector(1.0), &[0.7; WIDTH]);
    let difference = Difference::new(&vector(0.5));
    let score = Score(vector(0.3));
    let with_tanh = (normalize.clone(), difference.clone(), Squash, score.clone(), Sigmoid);
    measure(c, "with_tanh", with_tanh);
    measure(c, "without_tanh", (normalize, difference, score, Clamp::new(-3.0, 3.0)));
}

criterion_group!(benches, stages);
criterion_main!(benches);
