//! A prediction, a step of learning, a lazy value.

use bot4_ml::{GradientAccumulator, LazyComputation, LogisticRegression, Sgd};
use bot4_simd::Isa;
use iai_callgrind::{library_benchmark, library_benchmark_group};
use std::hint::black_box;

const WIDTH: usize = 32;

type Model = LogisticRegression<f32>;

fn model() -> Model {
    Isa::detect();
    LogisticRegression::from_parts((0..WIDTH).map(|j| (j as f32).cos()).collect(), 0.1)
}

fn row() -> [f32; WIDTH] {
    std::array::from_fn(|j| (j as f32 * 0.3).sin())
}

#[library_benchmark]
#[bench::row_of_32(model())]
fn logistic_predict(model: Model) -> Model {
    black_box(model.predict(black_box(&row())));
    model
}

type Learning = (Model, GradientAccumulator<f32>, Sgd<f32>);

fn learning() -> Learning {
    let model = model();
    let gradients = model.accumulator();
    (model, gradients, Sgd::new(0.01))
}

#[library_benchmark]
#[bench::row_of_32(learning())]
fn logistic_learn((mut model, mut gradients, mut sgd): Learning) -> Learning {
    model.accumulate_gradient(black_box(&row()), 1.0, &mut gradients);
    black_box(gradients.step(&mut sgd, &mut model.parameters_mut()).is_ok());
    (model, gradients, sgd)
}

type Lazy = LazyComputation<u64, fn() -> u64>;

fn ready() -> Lazy {
    let lazy: Lazy = LazyComputation::new(|| 7);
    lazy.force().expect("does not panic");
    lazy
}

#[library_benchmark]
#[bench::x64(ready())]
fn lazy_get(lazy: Lazy) -> Lazy {
    for _ in 0..64 {
        black_box(black_box(&lazy).get());
    }
    lazy
}

library_benchmark_group!(name = ml; benchmarks = logistic_predict, logistic_learn, lazy_get);
