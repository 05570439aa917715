//! The field: each library with what makes it fastest. `wide` picks its instructions when it is compiled: `RUSTFLAGS=-Ctarget-cpu=native`
//! shows what it can do.

use super::foreign::{self, Blas};
use super::{fold, from_copy, numbers, over, square};
use crate::case::{Case, Lane, lane};
use bot4_simd::{Element, Isa, Kernels, Program};
use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2};
use rten_simd::{SimdOp, SimdUnaryOp};
use std::hint::black_box;

/// What a number type needs for all peers.
pub(super) trait Number:
    foreign::Foreign + nalgebra::RealField + ndarray::LinalgScalar + ndarray::ScalarOperand
{
    /// A function of the standard library, or the formula.
    fn plain(kernel: &str) -> Option<fn(Self) -> Self>;
    /// Peers that know only this type.
    fn special(case: Case, kernel: &'static str, n: usize) -> Case;
}

pub(super) fn on_slices<T: super::Number>(case: Case, kernel: &'static str, n: usize) -> Case {
    let case = match kernel {
        "dot" | "sum" | "squared_norm" | "mean_var" | "min" | "argmin" => folds::<T>(case, kernel, n),
        "scale" | "axpy" | "add" | "clamp" | "zscore" => maps::<T>(case, kernel, n),
        _ => functions::<T>(case, kernel, n),
    };
    T::special(case, kernel, n)
}

fn array<T>(x: &[T]) -> ArrayView1<'_, T> {
    ArrayView1::from(x)
}

fn column<T: nalgebra::Scalar>(x: &[T]) -> nalgebra::DVectorView<'_, T> {
    nalgebra::DVectorView::from_slice(x, x.len())
}

fn folds<T: super::Number>(case: Case, kernel: &str, n: usize) -> Case {
    let blas = T::blas();
    match kernel {
        "dot" => {
            let case = case
                .peer("ndarray", fold::<T, _>(n, |x, y| array(x).dot(&array(y))))
                .peer("nalgebra", fold::<T, _>(n, |x, y| column(x).dot(&column(y))))
                .peer("iterator", fold::<T, _>(n, |x, y| x.iter().zip(y).map(|(&x, &y)| x * y).sum::<T>()));
            with(case, "OpenBLAS", blas, |blas| fold::<T, _>(n, move |x, y| blas.dot(x, y)))
        }
        "sum" => {
            let case = case
                .peer("ndarray", fold::<T, _>(n, |x, _| array(x).sum()))
                .peer("iterator", fold::<T, _>(n, |x, _| x.iter().copied().sum::<T>()));
            with(case, "OpenBLAS asum", blas, |blas| fold::<T, _>(n, move |x, _| blas.asum(x)))
        }
        "squared_norm" => case
            .peer("nalgebra", fold::<T, _>(n, |x, _| column(x).norm_squared()))
            .peer("iterator", fold::<T, _>(n, |x, _| x.iter().map(|&x| x * x).sum::<T>())),
        "mean_var" => case.peer(
            "two passes",
            fold::<T, _>(n, |x, _| {
                let (mean, var) = two_passes(x);
                mean + var
            }),
        ),
        "min" => case
            .peer("loop in avx512", fold::<T, _>(n, |x, _| Isa::detect().run(Least(x))))
            .peer("iterator", fold::<T, _>(n, |x, _| x.iter().copied().fold(T::INFINITY_OR_MAX, T::lesser))),
        _ => {
            let case = case.peer("loop", fold::<T, _>(n, |x, _| first_least(x)));
            with(case, "OpenBLAS iamax", blas, |blas| fold::<T, _>(n, move |x, _| blas.iamax(x)))
        }
    }
}

fn maps<T: super::Number>(case: Case, kernel: &str, n: usize) -> Case {
    let blas = T::blas();
    let small = <T as Element>::from_f64(1e-9);
    match kernel {
        "scale" => {
            let case = case
                .peer(
                    "ndarray",
                    over::<T>(n, |x, _| ArrayViewMut1::from(x).map_inplace(|x| *x *= black_box(-T::ONE))),
                )
                .peer(
                    "loop",
                    over::<T>(n, |x, _| {
                        let a = black_box(-T::ONE);
                        x.iter_mut().for_each(|x| *x *= a);
                    }),
                )
                .peer("loop in avx512", over::<T>(n, |x, _| Isa::detect().run(Scale(x, black_box(-T::ONE)))));
            with(case, "OpenBLAS", blas, |blas| over::<T>(n, move |x, _| blas.scal(black_box(-T::ONE), x)))
        }
        "axpy" => {
            let case = case
                .peer(
                    "ndarray",
                    over::<T>(n, move |x, y| {
                        ArrayViewMut1::from(x).scaled_add(black_box(small), &array(y));
                    }),
                )
                .peer(
                    "loop",
                    over::<T>(n, move |x, y| {
                        let a = black_box(small);
                        x.iter_mut().zip(y).for_each(|(x, &y)| *x += a * y);
                    }),
                )
                .peer(
                    "loop in avx512",
                    over::<T>(n, move |x, y| Isa::detect().run(Axpy(black_box(small), y, x))),
                );
            with(case, "OpenBLAS", blas, |blas| over::<T>(n, move |x, y| blas.axpy(black_box(small), y, x)))
        }
        "add" => case
            .peer(
                "ndarray",
                over::<T>(n, |x, y| ArrayViewMut1::from(x).zip_mut_with(&array(y), |x, &y| *x += y)),
            )
            .peer("loop", over::<T>(n, |x, y| x.iter_mut().zip(y).for_each(|(x, &y)| *x += y)))
            .peer("loop in avx512", over::<T>(n, |x, y| Isa::detect().run(Axpy(T::ONE, y, x)))),
        "clamp" => {
            let two = <T as Element>::from_f64(2.0);
            case.peer(
                "loop",
                over::<T>(n, move |x, _| Clamp(x, black_box(T::ONE), black_box(two)).one_by_one()),
            )
            .peer(
                "loop in avx512",
                over::<T>(n, move |x, _| Isa::detect().run(Clamp(x, black_box(T::ONE), black_box(two)))),
            )
        }
        _ => case.peer(
            "two passes",
            over::<T>(n, |x, _| {
                let (mean, var) = two_passes(x);
                let inverse = T::ONE / Element::sqrt(var);
                x.iter_mut().for_each(|x| *x = (*x - mean) * inverse);
            }),
        ),
    }
}

fn functions<T: super::Number>(case: Case, kernel: &'static str, n: usize) -> Case {
    let case = match T::plain(kernel) {
        Some(f) => case.peer("std", from_copy::<T>(n, move |x| x.iter_mut().for_each(|x| *x = f(*x)))),
        None => case,
    };
    let mut case = case;
    for (library, function) in T::vector_functions(kernel) {
        // These know whole registers only.
        if n * size_of::<T>() >= 64 {
            case = case.peer(library, from_copy::<T>(n, move |x| function.map(x)));
        }
    }
    case
}

/// Adds a peer that may be absent from this machine.
fn with<P>(case: Case, name: &'static str, peer: Option<P>, lanes: impl FnOnce(P) -> [Lane; 1]) -> Case {
    match peer {
        Some(peer) => case.peer(name, lanes(peer)),
        None => case,
    }
}

pub(super) fn on_matrices<T: super::Number>(case: Case, n: usize) -> Case {
    let case = case
        .peer(
            "matrixmultiply (ndarray)",
            square::<T>(n, move |a, b, c| {
                let (Ok(a), Ok(b)) = (ArrayView2::from_shape((n, n), a), ArrayView2::from_shape((n, n), b))
                else {
                    return;
                };
                let Ok(mut c) = ArrayViewMut2::from_shape((n, n), c) else { return };
                ndarray::linalg::general_mat_mul(T::ONE, &a, &b, T::ZERO, &mut c);
            }),
        )
        .peer("gemm x86-v4", square::<T>(n, move |a, b, c| foreign::gemm(a, b, c, n)));
    let case = match n {
        4 => case.peer("nalgebra static", fixed::<T, 4>()),
        8 => case.peer("nalgebra static", fixed::<T, 8>()),
        16 => case.peer("nalgebra static", fixed::<T, 16>()),
        _ => case,
    };
    with(case, "OpenBLAS", T::blas(), |blas| square::<T>(n, move |a, b, c| blas.gemm(a, b, c, n)))
}

fn fixed<T: super::Number, const N: usize>() -> [Lane; 1] {
    let a = nalgebra::SMatrix::<T, N, N>::from_row_slice(&numbers(N * N));
    let b = a;
    let mut c = a;
    [lane(move || {
        black_box(&a).mul_to(black_box(&b), &mut c);
        black_box(&c);
    })]
}

pub(super) fn on_matrix_and_vector<T: super::Number>(case: Case, n: usize) -> Case {
    let case = case
        .peer(
            "ndarray",
            square::<T>(n, move |a, b, c| {
                let Ok(a) = ArrayView2::from_shape((n, n), a) else { return };
                let mut c = ArrayViewMut1::from(&mut c[..n]);
                ndarray::linalg::general_mat_vec_mul(T::ONE, &a, &array(&b[..n]), T::ZERO, &mut c);
            }),
        )
        .peer(
            "nalgebra",
            square::<T>(n, move |a, b, c| {
                // Its matrices are stored by column: the same memory is the transpose.
                let a = nalgebra::DMatrixView::from_slice(a, n, n);
                let mut c = nalgebra::DVectorViewMut::from_slice(&mut c[..n], n);
                c.gemv_tr(T::ONE, &a, &column(&b[..n]), T::ZERO);
            }),
        );
    with(case, "OpenBLAS", T::blas(), |blas: Blas<T>| {
        square::<T>(n, move |a, b, c| blas.gemv(a, &b[..n], &mut c[..n]))
    })
}

fn two_passes<T: Element>(x: &[T]) -> (T, T) {
    let count = T::from_f64(x.len() as f64);
    let mean = x.iter().copied().sum::<T>() / count;
    (mean, x.iter().map(|&x| (x - mean) * (x - mean)).sum::<T>() / count)
}

fn first_least<T: Element>(x: &[T]) -> usize {
    let mut best = 0;
    for (i, x_i) in x.iter().enumerate() {
        if *x_i < x[best] {
            best = i;
        }
    }
    best
}

/// The plain loop over a slice, compiled for the widest instruction set.
macro_rules! plain_loop {
    ($name:ident($($field:ident: $ty:ty),*) -> $output:ty $body:block) => {
        struct $name<'a, T>($($ty),*);
        impl<'a, T: Element> Program for $name<'a, T> {
            type Output = $output;
            #[inline(always)]
            fn run<K: Kernels>(self, _: K) -> $output {
                let Self($($field),*) = self;
                $body
            }
        }
    };
}

plain_loop!(Scale(x: &'a mut [T], a: T) -> () {
    for x in x {
        *x *= a;
    }
});
plain_loop!(Axpy(a: T, y: &'a [T], x: &'a mut [T]) -> () {
    for (x, &y) in x.iter_mut().zip(y) {
        *x += a * y;
    }
});
plain_loop!(Clamp(x: &'a mut [T], lo: T, hi: T) -> () {
    Clamp(x, lo, hi).one_by_one();
});
impl<T: Element> Clamp<'_, T> {
    /// As [`f64::clamp`] does.
    #[inline(always)]
    fn one_by_one(self) {
        let Self(x, lo, hi) = self;
        for x in x {
            let raised = if *x < lo { lo } else { *x };
            *x = if raised > hi { hi } else { raised };
        }
    }
}
plain_loop!(Least(x: &'a [T]) -> T {
    let mut lanes = [T::MAX; 32];
    let chunks = x.chunks_exact(32);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = if x < *lane { x } else { *lane };
        }
    }
    let least = |a: T, b: T| if a < b { a } else { b };
    lanes.into_iter().chain(rest.iter().copied()).fold(T::MAX, least)
});

/// The least of two as a fold over an iterator takes it.
trait Lesser: Element {
    const INFINITY_OR_MAX: Self = Self::MAX;
    fn lesser(self, other: Self) -> Self {
        if other < self { other } else { self }
    }
}
impl<T: Element> Lesser for T {}

impl Number for f64 {
    fn plain(kernel: &str) -> Option<fn(f64) -> f64> {
        Some(match kernel {
            "exp" => f64::exp,
            "ln" => f64::ln,
            "tanh" => f64::tanh,
            "sigmoid" => |x| 1.0 / (1.0 + (-x).exp()),
            _ => return None,
        })
    }

    fn special(case: Case, kernel: &'static str, n: usize) -> Case {
        use wide::f64x8;
        if n < 8 && kernel != "dot" {
            return case;
        }
        match kernel {
            "exp" => case.peer(WIDE, wide_map(n, f64x8::exp)),
            "ln" => case.peer(WIDE, wide_map(n, f64x8::ln)),
            "tanh" => case.peer(WIDE, wide_map(n, f64x8::tanh)),
            "sigmoid" => case.peer(WIDE, wide_map(n, |x| 1.0 / (1.0 + (-x).exp()))),
            "dot" => case.peer("pulp x86-v4", fold::<f64, _>(n, pulp_dot())),
            "softmax" => case.peer(
                "loop with exp",
                over::<f64>(n, |x, _| {
                    let max = x.iter().copied().fold(f64::MIN, f64::max);
                    x.iter_mut().for_each(|x| *x = (*x - max).exp());
                    let sum: f64 = x.iter().sum();
                    x.iter_mut().for_each(|x| *x /= sum);
                }),
            ),
            _ => case,
        }
    }
}

/// Its instructions are those that the whole program was compiled for.
const WIDE: &str = if cfg!(target_feature = "avx512f") {
    "wide, AVX-512"
} else if cfg!(target_feature = "avx2") {
    "wide, AVX2"
} else {
    "wide, SSE2"
};

fn wide_map(n: usize, f: fn(wide::f64x8) -> wide::f64x8) -> [Lane; 1] {
    from_copy::<f64>(n, move |x| {
        for x in x.as_chunks_mut::<8>().0 {
            *x = f(wide::f64x8::from(*x)).to_array();
        }
    })
}

fn pulp_dot() -> impl FnMut(&[f64], &[f64]) -> f64 {
    struct Product<'a>(&'a [f64], &'a [f64]);
    impl pulp::WithSimd for Product<'_> {
        type Output = f64;
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, simd: S) -> f64 {
            let ((x, x_rest), (y, y_rest)) = (S::as_simd_f64s(self.0), S::as_simd_f64s(self.1));
            let mut sums = [simd.splat_f64s(0.0); 4];
            let ((x, x_tail), (y, y_tail)) = (x.as_chunks::<4>(), y.as_chunks::<4>());
            for (x, y) in x.iter().zip(y) {
                for k in 0..4 {
                    sums[k] = simd.mul_add_f64s(x[k], y[k], sums[k]);
                }
            }
            for (&x, &y) in x_tail.iter().zip(y_tail) {
                sums[0] = simd.mul_add_f64s(x, y, sums[0]);
            }
            let [a, b, c, d] = sums;
            let sum = simd.add_f64s(simd.add_f64s(a, b), simd.add_f64s(c, d));
            let rest: f64 = x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum();
            simd.reduce_sum_f64s(sum) + rest
        }
    }
    let arch = pulp::Arch::new();
    move |x, y| arch.dispatch(Product(x, y))
}

impl Number for f32 {
    fn plain(kernel: &str) -> Option<fn(f32) -> f32> {
        Some(match kernel {
            "exp" => f32::exp,
            "ln" => f32::ln,
            "tanh" => f32::tanh,
            "sigmoid" => |x| 1.0 / (1.0 + (-x).exp()),
            _ => return None,
        })
    }

    fn special(case: Case, kernel: &'static str, n: usize) -> Case {
        match kernel {
            "exp" => case.peer("rten", from_copy::<f32>(n, |x| rten_vecmath::Exp {}.map_mut(x))),
            "tanh" => case.peer("rten", from_copy::<f32>(n, |x| rten_vecmath::Tanh {}.map_mut(x))),
            "sigmoid" => case.peer("rten", from_copy::<f32>(n, |x| rten_vecmath::Sigmoid {}.map_mut(x))),
            "erf" => case
                .peer("rten (absolute accuracy)", from_copy::<f32>(n, |x| rten_vecmath::Erf {}.map_mut(x))),
            "softmax" => case.peer(
                "rten",
                over::<f32>(n, |x, _| {
                    rten_vecmath::Softmax::new_mut(x).dispatch();
                }),
            ),
            "sum" => case.peer("rten", fold::<f32, _>(n, |x, _| rten_vecmath::Sum::new(x).dispatch())),
            "squared_norm" => {
                case.peer("rten", fold::<f32, _>(n, |x, _| rten_vecmath::SumSquare::new(x).dispatch()))
            }
            "min" => case.peer("rten", fold::<f32, _>(n, |x, _| rten_vecmath::MinNum::new(x).dispatch())),
            _ => case,
        }
    }
}
