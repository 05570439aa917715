//! A prediction of each kind of model, a step of learning, a lazy value.

#[allow(dead_code)] // shared with the timed cases, which use more of it
#[path = "../../../src/groups/ml/data.rs"]
mod data;

use bot4_ml::{
    Activation, BoostedTrees, GradientAccumulator, GruCell, LazyComputation, LogisticRegression, Mlp, Sgd,
};
use bot4_simd::Isa;
use data::{Rows, trees_text};
use iai_callgrind::{library_benchmark, library_benchmark_group};
use ndarray::ArrayView2;
use std::hint::black_box;

const WIDTH: usize = 32;
const BATCH: usize = 64;
const TREE_FEATURES: usize = 32;

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

type Network = (Mlp<f32>, Rows<f32>, Vec<f32>, Vec<f32>);

/// A network of 32-64-64-3 with the memory for so many rows.
fn network(rows: usize) -> Network {
    Isa::detect();
    let network = Mlp::new(&[WIDTH, 64, 64, 3], Activation::Relu, Activation::Softmax, 1).expect("a network");
    let scratch = vec![0.0; network.batch_scratch_len()];
    (network, Rows::new(WIDTH), scratch, vec![0.0; 3 * rows])
}

#[library_benchmark]
#[bench::row_of_32(network(1))]
fn mlp_predict((network, mut rows, mut scratch, mut out): Network) -> Network {
    network.predict(black_box(rows.next()), &mut scratch, &mut out);
    black_box((network, rows, scratch, out))
}

#[library_benchmark]
#[bench::rows_64_of_32(network(BATCH))]
fn mlp_predict_batch((network, mut rows, mut scratch, mut out): Network) -> Network {
    let batch = ArrayView2::from_shape((BATCH, WIDTH), black_box(rows.next_batch())).expect("whole rows");
    network.predict_batch(batch, &mut scratch, &mut out);
    black_box((network, rows, scratch, out))
}

type Cell = (GruCell<f32>, Rows<f32>, Vec<f32>, Vec<f32>);

fn cell() -> Cell {
    Isa::detect();
    let cell = GruCell::new(WIDTH, 64, 1).expect("a cell");
    let scratch = vec![0.0; cell.scratch_len()];
    (cell, Rows::new(WIDTH), vec![0.0; 64], scratch)
}

#[library_benchmark]
#[bench::row_of_32(cell())]
fn gru_step((cell, mut rows, mut state, mut scratch): Cell) -> Cell {
    cell.step(black_box(rows.next()), &mut state, &mut scratch);
    black_box((cell, rows, state, scratch))
}

type Trees = (BoostedTrees, Rows<f64>, Vec<f64>, [f64; 1]);

fn trees() -> Trees {
    let trees = BoostedTrees::from_lightgbm(&trees_text()).expect("a model");
    let scratch = vec![0.0; trees.scratch_len()];
    (trees, Rows::new(TREE_FEATURES), scratch, [0.0])
}

#[library_benchmark]
#[bench::x100_of_depth_6(trees())]
fn trees_predict((trees, mut rows, mut scratch, mut out): Trees) -> Trees {
    trees.predict_raw(black_box(rows.next()), &mut scratch, &mut out);
    black_box((trees, rows, scratch, out))
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

library_benchmark_group!(name = ml; benchmarks = logistic_predict, logistic_learn, mlp_predict, mlp_predict_batch, gru_step, trees_predict, lazy_get);
