//! Kernels at the length of a row and of a column.

use bot4_simd::{Isa, Matrix};
use iai_callgrind::{library_benchmark, library_benchmark_group};
use std::hint::black_box;

type Pair = (Vec<f64>, Vec<f64>);

type Square = Matrix<f64, 16, 16>;

/// Numbers of both magnitudes, and an instruction set that was chosen before the count begins.
fn values(n: usize) -> Vec<f64> {
    Isa::detect();
    (0..n).map(|i| (i as f64 * 0.7).sin() + 1.5).collect()
}

fn pair(n: usize) -> Pair {
    (values(n), values(n + 1).split_off(1))
}

/// 32 columns of so many rows, and where their sums go.
fn columns(rows: usize) -> Pair {
    (values(32 * rows), vec![0.0; rows])
}

#[library_benchmark(setup = columns)]
#[bench::rows1024(1024)]
fn weighted_sum_f64(mut xy: Pair) -> Pair {
    bot4_simd::weighted_sum(&xy.0, xy.1.len(), black_box(&[0.5; 32]), &mut xy.1);
    xy
}

fn squares() -> (Square, Square) {
    Isa::detect();
    let of = |shift: usize| {
        Matrix::from_rows(std::array::from_fn(|i| {
            std::array::from_fn(|j| ((i * 7 + j * 3 + shift) % 11) as f64)
        }))
    };
    (of(0), of(5))
}

#[library_benchmark(setup = values)]
#[bench::n32(32)]
#[bench::n1024(1024)]
fn sum_f64(x: Vec<f64>) -> (f64, Vec<f64>) {
    (bot4_simd::sum(black_box(&x)), x)
}

#[library_benchmark(setup = pair)]
#[bench::n32(32)]
#[bench::n1024(1024)]
fn dot_f64(xy: Pair) -> (f64, Pair) {
    (bot4_simd::dot(black_box(&xy.0), &xy.1), xy)
}

#[library_benchmark(setup = pair)]
#[bench::n32(32)]
#[bench::n1024(1024)]
fn axpy_f64(mut xy: Pair) -> Pair {
    bot4_simd::axpy(black_box(0.5), &xy.0, &mut xy.1);
    xy
}

#[library_benchmark(setup = values)]
#[bench::n32(32)]
#[bench::n1024(1024)]
fn mean_var_f64(x: Vec<f64>) -> (Option<(f64, f64)>, Vec<f64>) {
    (bot4_simd::mean_var(black_box(&x)), x)
}

#[library_benchmark(setup = values)]
#[bench::n32(32)]
#[bench::n1024(1024)]
fn exp_f64(mut x: Vec<f64>) -> Vec<f64> {
    bot4_simd::exp(black_box(&mut x));
    x
}

#[library_benchmark(setup = values)]
#[bench::n32(32)]
#[bench::n1024(1024)]
fn tanh_f64(mut x: Vec<f64>) -> Vec<f64> {
    bot4_simd::tanh(black_box(&mut x));
    x
}

#[library_benchmark(setup = values)]
#[bench::n32(32)]
#[bench::n1024(1024)]
fn softmax_f64(mut x: Vec<f64>) -> Vec<f64> {
    bot4_simd::softmax(black_box(&mut x));
    x
}

#[library_benchmark]
#[bench::of_16(squares())]
fn matrix_multiply_f64(ab: (Square, Square)) -> Square {
    black_box(&ab.0).multiply(&ab.1)
}

library_benchmark_group!(
    name = simd;
    benchmarks =
        sum_f64, dot_f64, axpy_f64, mean_var_f64, exp_f64, tanh_f64, softmax_f64, weighted_sum_f64,
        matrix_multiply_f64
);
