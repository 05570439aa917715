//! How long does each kernel take on each instruction set, at the length of a row and of a batch?

use bot4_simd::{Element, Isa, Kernels, Program};
use criterion::{Criterion, criterion_group, criterion_main};
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
            "tanh" => k.tanh(x),
            "sigmoid" => k.sigmoid(x),
            other => unreachable!("{other}"),
        }
        T::ZERO
    }
}

const NAMES: [&str; 12] = [
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
];

fn kernels<T: Element>(c: &mut Criterion, ty: &str) {
    for name in NAMES {
        for n in [8, 32, 1024] {
            let start: Vec<T> = (0..n).map(|i| T::from_f64((i as f64 * 0.73).sin())).collect();
            for isa in Isa::available() {
                let mut x = start.clone();
                c.bench_function(&format!("simd/{name}_{ty}_{n}/{isa}"), |b| {
                    b.iter(|| isa.run(Call { name, x: black_box(&mut x), y: black_box(&start) }));
                });
            }
        }
    }
}

fn all(c: &mut Criterion) {
    kernels::<f64>(c, "f64");
    kernels::<f32>(c, "f32");
}

criterion_group!(benches, all);
criterion_main!(benches);
