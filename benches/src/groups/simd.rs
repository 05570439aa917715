//! How long does each kernel take on slices in the first-level cache, next to the libraries that people use?

#[cfg(feature = "peers")]
mod foreign;
#[cfg(feature = "peers")]
mod peers;

use crate::case::{Case, Lane, lane};
use bot4_pool::{AlignedVec, Plain};
use bot4_simd::{Element, Isa, Kernels, Program};
use std::hint::black_box;

/// Numbers that one lane goes through before it comes back to the first.
const TOTAL: usize = 1024;

/// Bytes in a page.
const PAGE: usize = 4096;

/// Slices of numbers: short, around a row of features, and a batch.
const LENGTHS: [usize; 6] = [1, 4, 8, 16, 64, 1024];
const SIDES: [usize; 8] = [1, 4, 8, 16, 32, 64, 128, 256];

const FOLDS: [&str; 7] = ["sum", "squared_norm", "dot", "mean_var", "min", "argmin", "log_sum_exp"];
const MAPS: [&str; 5] = ["scale", "axpy", "add", "clamp", "zscore"];
const FUNCTIONS: [&str; 6] = ["exp", "ln", "tanh", "sigmoid", "erf", "softmax"];

/// `f32` or `f64`, with what the peers ask of it.
#[cfg(not(feature = "peers"))]
trait Number: Element + Plain {
    const NAME: &str;
}
#[cfg(feature = "peers")]
trait Number: Element + Plain + peers::Number {
    const NAME: &str;
}
impl Number for f32 {
    const NAME: &str = "f32";
}
impl Number for f64 {
    const NAME: &str = "f64";
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = of_type::<f64>();
    cases.extend(of_type::<f32>());
    cases
}

fn of_type<T: Number>() -> Vec<Case> {
    let mut cases = Vec::new();
    for kernel in FOLDS.into_iter().chain(MAPS).chain(FUNCTIONS) {
        cases.extend(LENGTHS.map(|n| slices::<T>(kernel, n)));
    }
    cases.extend(SIDES.map(gemm::<T>));
    cases.extend(SIDES.map(gemv::<T>));
    cases
}

/// A name that lives as long as the program, as those of other groups do.
fn name<T: Number>(kernel: &str, n: usize) -> &'static str {
    format!("{kernel}_{}_{n}", T::NAME).leak()
}

fn numbers<T: Number>(len: usize) -> AlignedVec<T> {
    let mut x = AlignedVec::zeroed(len);
    for (i, x) in x.iter_mut().enumerate() {
        // Positive, so that ln and a sum of magnitudes have something to do too.
        *x = <T as Element>::from_f64(1.5 + (i as f64 * 0.73).sin());
    }
    x
}

/// A lane over slices of `n`: `run` may write over the first, the second is read. It comes around after [`TOTAL`] numbers.
///
/// The two lie at the same places of their pages in every lane, half a page apart: a load may wait for an earlier store to the same
/// place of another page, which is not for the allocator to decide.
fn over<T: Number>(n: usize, mut run: impl FnMut(&mut [T], &[T]) + Send + 'static) -> [Lane; 1] {
    let total = TOTAL.max(n);
    let page = PAGE / size_of::<T>();
    let apart = total.next_multiple_of(page) + page / 2;
    let all = numbers::<T>(page + apart + total).to_vec().leak();
    let first = all.as_ptr().align_offset(PAGE);
    let (x, y) = all[first..].split_at_mut(apart);
    let mut at = 0;
    [lane(move || {
        at = if at + n > total - n { 0 } else { at + n };
        run(black_box(&mut x[at..at + n]), black_box(&y[at..at + n]));
    })]
}

/// The same for one number out of two slices.
fn fold<T: Number, R>(n: usize, mut run: impl FnMut(&[T], &[T]) -> R + Send + 'static) -> [Lane; 1] {
    over::<T>(n, move |x, y| {
        black_box(run(x, y));
    })
}

/// The same for a function of each number: `run` starts from a copy, so that repetition does not take it elsewhere.
fn from_copy<T: Number>(n: usize, mut run: impl FnMut(&mut [T]) + Send + 'static) -> [Lane; 1] {
    over::<T>(n, move |x, y| {
        x.copy_from_slice(y);
        run(black_box(x));
    })
}

fn slices<T: Number>(kernel: &'static str, n: usize) -> Case {
    let case = Case::new(name::<T>(kernel, n));
    let case = if FOLDS.contains(&kernel) { folds::<T>(case, kernel, n) } else { maps::<T>(case, kernel, n) };
    #[cfg(feature = "peers")]
    let case = peers::on_slices::<T>(case, kernel, n);
    case
}

fn folds<T: Number>(case: Case, kernel: &str, n: usize) -> Case {
    let ours = match kernel {
        "sum" => fold::<T, _>(n, |x, _| bot4_simd::sum(x)),
        "squared_norm" => fold::<T, _>(n, |x, _| bot4_simd::squared_norm(x)),
        "dot" => fold::<T, _>(n, |x, y| bot4_simd::dot(x, y)),
        // Both numbers are used, neither stays in memory.
        "mean_var" => fold::<T, _>(n, |x, _| bot4_simd::mean_var(x).map(|(mean, var)| mean + var)),
        "min" => fold::<T, _>(n, |x, _| bot4_simd::min(x)),
        "argmin" => fold::<T, _>(n, |x, _| bot4_simd::argmin(x)),
        _ => fold::<T, _>(n, |x, _| bot4_simd::log_sum_exp(x)),
    };
    let case = case.ours("bot4", ours);
    match kernel {
        "sum" => case.ours("bot4 reproducible", fold::<T, _>(n, |x, _| bot4_simd::reproducible::sum(x))),
        "dot" => case.ours("bot4 reproducible", fold::<T, _>(n, |x, y| bot4_simd::reproducible::dot(x, y))),
        _ => case,
    }
}

fn maps<T: Number>(case: Case, kernel: &str, n: usize) -> Case {
    let (small, two) = (<T as Element>::from_f64(1e-9), <T as Element>::from_f64(2.0));
    case.ours(
        "bot4",
        match kernel {
            // Not by one: OpenBLAS would return at once.
            "scale" => over::<T>(n, |x, _| bot4_simd::scale(x, black_box(-T::ONE))),
            "axpy" => over::<T>(n, move |x, y| bot4_simd::axpy(black_box(small), y, x)),
            "add" => over::<T>(n, |x, y| bot4_simd::add(x, y)),
            "clamp" => over::<T>(n, move |x, _| bot4_simd::clamp(x, black_box(T::ONE), black_box(two))),
            // Again and again of the same numbers is as much work.
            "zscore" => over::<T>(n, |x, _| bot4_simd::zscore(x)),
            "exp" => from_copy::<T>(n, bot4_simd::exp),
            "ln" => from_copy::<T>(n, bot4_simd::ln),
            "tanh" => from_copy::<T>(n, bot4_simd::tanh),
            "sigmoid" => from_copy::<T>(n, bot4_simd::sigmoid),
            "erf" => from_copy::<T>(n, bot4_simd::erf),
            _ => over::<T>(n, |x, _| bot4_simd::softmax(x)),
        },
    )
}

/// Two square matrices and room for their product.
struct Square<T: Plain> {
    a: AlignedVec<T>,
    b: AlignedVec<T>,
    c: AlignedVec<T>,
}

/// A lane over square matrices: `run(a, b, c)`.
fn square<T: Number>(n: usize, mut run: impl FnMut(&[T], &[T], &mut [T]) + Send + 'static) -> [Lane; 1] {
    let mut of = Square { a: numbers(n * n), b: numbers(n * n), c: numbers(n * n) };
    [lane(move || run(black_box(&of.a), black_box(&of.b), black_box(&mut of.c)))]
}

fn gemm<T: Number>(n: usize) -> Case {
    let case = Case::new(name::<T>("gemm", n))
        .ours("bot4", square::<T>(n, move |a, b, c| bot4_simd::gemm(a, b, c, n, n, n)));
    // Below, starting and adding up the chains takes longer than the product.
    let case = if n >= 64 { case.limit("multiply-adds", multiply_adds::<T>(n * n * n)) } else { case };
    let case = match n {
        4 => case.ours("bot4 Matrix", matrix::<T, 4>()),
        8 => case.ours("bot4 Matrix", matrix::<T, 8>()),
        16 => case.ours("bot4 Matrix", matrix::<T, 16>()),
        _ => case,
    };
    #[cfg(feature = "peers")]
    let case = peers::on_matrices::<T>(case, n);
    case
}

fn matrix<T: Number, const N: usize>() -> [Lane; 1] {
    let mut a = bot4_simd::Matrix::<T, N, N>::zeros();
    a.as_mut_slice().copy_from_slice(&numbers(N * N));
    let b = a;
    let mut c = a;
    [lane(move || {
        black_box(&a).multiply_into(black_box(&b), &mut c);
        black_box(&c);
    })]
}

fn gemv<T: Number>(n: usize) -> Case {
    let case = Case::new(name::<T>("gemv", n))
        .ours("bot4", square::<T>(n, move |a, b, c| bot4_simd::gemv(a, n, n, &b[..n], &mut c[..n])));
    #[cfg(feature = "peers")]
    let case = peers::on_matrix_and_vector::<T>(case, n);
    case
}

fn multiply_adds<T: Number>(count: usize) -> [Lane; 1] {
    [lane(move || {
        black_box(Isa::detect().run(MultiplyAdds::<T>::new(count)));
    })]
}

/// So many multiply-adds without a memory access, in as many chains as hide their latency.
struct MultiplyAdds<T> {
    count: usize,
    factor: T,
}

impl<T: Element> MultiplyAdds<T> {
    fn new(count: usize) -> Self {
        Self { count, factor: black_box(<T as Element>::from_f64(0.5)) }
    }
}

impl<T: Element> Program for MultiplyAdds<T> {
    type Output = T;

    #[inline(always)]
    fn run<K: Kernels>(self, _: K) -> T {
        const NUMBERS: usize = 12 * 16;
        let mut sums = [self.factor; NUMBERS];
        for _ in 0..self.count.div_ceil(NUMBERS) {
            for sum in &mut sums {
                *sum = sum.mul_add(self.factor, self.factor);
            }
        }
        sums.into_iter().sum()
    }
}
