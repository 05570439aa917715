//! How long does each kernel take on each instruction set, at the length of a row and of a batch?

use bot4_simd::{Element, Isa, Kernels, Matrix, Program};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

/// Every kernel by name, so that one bench drives all.
struct Call<'a, T> {
    name: &'static str,
    x: &'a mut [T],
    y: &'a [T],
}

impl<T: Element> Program for Call<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) -> T {
        let (x, y) = (self.x, self.y);
        match self.name {
            "scale" => k.scale(x, T::ONE),
            "axpy" => k.axpy(T::ONE, y, x),
            "standardize_each" => k.standardize_each(x, y, y),
            "sum" => return k.sum(x),
            "dot" => return k.dot(x, y),
            "dot8" => return k.dot8(x, y),
            "mean_var" => return k.mean_var(x).map_or(T::ZERO, |(_, var)| var),
            "min" => return k.min(x).unwrap_or(T::ZERO),
            "zscore" => k.zscore(x),
            "exp" => k.exp(x),
            "ln" => k.ln(x),
            "softmax" => k.softmax(x),
            "tanh" => k.tanh(x),
            "sigmoid" => k.sigmoid(x),
            other => unreachable!("{other}"),
        }
        T::ZERO
    }
}

const NAMES: [&str; 14] = [
    "scale",
    "axpy",
    "standardize_each",
    "sum",
    "dot",
    "dot8",
    "mean_var",
    "min",
    "zscore",
    "exp",
    "tanh",
    "sigmoid",
    "ln",
    "softmax",
];

/// Numbers per iteration: as many rows as fill it, each from the same start, so that repeated functions
/// do not drift to where they are cheap.
const TOTAL: usize = 1024;

fn start<T: Element>() -> Vec<T> {
    (0..TOTAL).map(|i| T::from_f64((i as f64 * 0.73).sin() * 3.0)).collect()
}

/// Calls `kernel` on rows of `n`.
fn rows<T: Element>(c: &mut Criterion, case: &str, n: usize, mut kernel: impl FnMut(&mut [T])) {
    let start = start::<T>();
    let mut x = start.clone();
    let mut group = c.benchmark_group("simd");
    group.throughput(Throughput::Elements(TOTAL as u64));
    group.bench_function(case, |b| {
        b.iter(|| {
            x.copy_from_slice(&start);
            black_box(&mut x[..]).chunks_exact_mut(n).for_each(&mut kernel);
        });
    });
}

/// A function of one number.
type Function<T> = fn(T) -> T;

/// The function of the standard library, or the formula.
fn plain_f64(name: &str) -> Option<Function<f64>> {
    match name {
        "exp" => Some(f64::exp),
        "ln" => Some(f64::ln),
        "tanh" => Some(f64::tanh),
        "sigmoid" => Some(|x| 1.0 / (1.0 + (-x).exp())),
        _ => None,
    }
}

fn plain_f32(name: &str) -> Option<Function<f32>> {
    match name {
        "exp" => Some(f32::exp),
        "ln" => Some(f32::ln),
        "tanh" => Some(f32::tanh),
        "sigmoid" => Some(|x| 1.0 / (1.0 + (-x).exp())),
        _ => None,
    }
}

fn kernels<T: Element>(c: &mut Criterion, ty: &str, plain: fn(&str) -> Option<Function<T>>) {
    let y = start::<T>();
    for name in NAMES {
        for n in [8, 32, 1024] {
            if let Some(plain) = plain(name) {
                rows::<T>(c, &format!("{name}_{ty}_{n}/std"), n, |x| {
                    x.iter_mut().for_each(|x| *x = plain(*x))
                });
            }
            for isa in Isa::available() {
                rows::<T>(c, &format!("{name}_{ty}_{n}/{isa}"), n, |x| {
                    black_box(isa.run(Call { name, x, y: &y[..n] }));
                });
            }
        }
    }
}

/// Square products by shape.
fn products(c: &mut Criterion) {
    fn square<const N: usize>(c: &mut Criterion) {
        let mut a = Matrix::<f64, N, N>::boxed_zeros();
        let mut product = Matrix::<f64, N, N>::boxed_zeros();
        for (i, x) in a.as_mut_slice().iter_mut().enumerate() {
            *x = (i as f64 * 0.73).sin();
        }
        c.bench_function(&format!("simd/gemm_f64_{N}"), |b| {
            b.iter(|| black_box(&a).multiply_into(black_box(&a), &mut product));
        });
        let mut y = vec![0.0; N];
        c.bench_function(&format!("simd/gemv_f64_{N}"), |b| {
            b.iter(|| bot4_simd::gemv(black_box(a.as_slice()), N, N, &a.rows()[0], &mut y));
        });
    }
    square::<4>(c);
    square::<8>(c);
    square::<16>(c);
    square::<64>(c);
}

fn all(c: &mut Criterion) {
    products(c);
    kernels(c, "f64", plain_f64);
    kernels(c, "f32", plain_f32);
}

criterion_group!(benches, all);
criterion_main!(benches);
