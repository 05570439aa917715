//! NaN, infinities, signed zeros and subnormals in sums and products: what the plain loop gives, on every instruction set and in both
//! modes, wherever the special value stands.

use crate::inputs::numbers;
use bot4_simd::{Element, Isa, Kernels, Program};

/// Every sum and product, of which the plain loop is one line.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kernel {
    Sum,
    SquaredNorm,
    Dot,
    Dot8,
    Mean,
    WeightedSum,
    Gemv,
    GemvT,
    Gemm,
    Ger,
}

const ALL: [Kernel; 10] = [
    Kernel::Sum,
    Kernel::SquaredNorm,
    Kernel::Dot,
    Kernel::Dot8,
    Kernel::Mean,
    Kernel::WeightedSum,
    Kernel::Gemv,
    Kernel::GemvT,
    Kernel::Gemm,
    Kernel::Ger,
];

struct Call<'a, T> {
    kernel: Kernel,
    a: &'a [T],
    b: &'a [T],
    reproducible: bool,
}

impl<T: Element> Program for Call<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) -> f64 {
        let Self { kernel, a, b, reproducible } = self;
        if reproducible { call(k.reproducible(), kernel, a, b) } else { call(k, kernel, a, b) }
    }
}

/// One number: that of the vectors, or the last of a product whose other rows or columns hold ones.
fn call<T: Element, K: Kernels>(k: K, kernel: Kernel, a: &[T], b: &[T]) -> f64 {
    let n = a.len();
    let beside = |x: &[T]| [vec![T::ONE; n], x.to_vec()].concat();
    let columns = |x: &[T]| x.iter().flat_map(|&x| [T::ONE, x]).collect::<Vec<T>>();
    let mut two = [T::ZERO; 2];
    match kernel {
        Kernel::Sum => return k.sum(a).into(),
        Kernel::SquaredNorm => return k.squared_norm(a).into(),
        Kernel::Dot => return k.dot(a, b).into(),
        Kernel::Dot8 => return k.dot8(a, b).into(),
        Kernel::Mean => return k.mean_var(a).map_or(f64::NAN, |(mean, _)| mean.into()),
        Kernel::WeightedSum => k.weighted_sum(&columns(a), 2, b, &mut two),
        Kernel::Gemv => k.gemv(&beside(a), 2, n, b, &mut two),
        Kernel::GemvT => k.gemv_t(&columns(a), n, 2, b, &mut two),
        Kernel::Gemm => k.gemm(a, &columns(b), &mut two, 1, n, 2),
        Kernel::Ger => {
            let mut c = [T::ONE, T::ZERO].repeat(n);
            k.ger(T::ONE, a, &[T::ONE, b[n - 1]], &mut c);
            two[1] = c[2 * n - 1];
        }
    }
    two[1].into()
}

/// The plain loop in `f64`, which is exact for these inputs.
fn naive<T: Element>(kernel: Kernel, a: &[T], b: &[T]) -> f64 {
    let a: Vec<f64> = a.iter().map(|&x| x.into()).collect();
    let b: Vec<f64> = b.iter().map(|&x| x.into()).collect();
    let mut products = a.iter().zip(&b).map(|(a, b)| a * b);
    match kernel {
        Kernel::Sum => a.iter().fold(0.0, |sum, x| sum + x),
        Kernel::SquaredNorm => a.iter().fold(0.0, |sum, x| sum + x * x),
        Kernel::Mean if a.iter().all(|x| x.is_finite()) => a.iter().sum::<f64>() / a.len() as f64,
        Kernel::Mean => f64::NAN,
        Kernel::Ger => products.next_back().unwrap_or(0.0),
        _ => products.fold(0.0, |sum, x| sum + x),
    }
}

/// Calls `check` for every kernel, set, mode and length, and some positions.
fn everywhere(check: impl Fn(Isa, Kernel, bool, usize, usize)) {
    for isa in Isa::available() {
        for kernel in ALL {
            for reproducible in [false, true] {
                for len in (1..=4 * 16 + 1).chain([100, 1030]) {
                    for at in [0, len / 2, len - 1] {
                        check(isa, kernel, reproducible, len, at);
                    }
                }
            }
        }
    }
}

fn non_finite<T: Element>() {
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(T::from_f64);
    everywhere(|isa, kernel, reproducible, len, at| {
        for special in values {
            for other in values {
                // Ones elsewhere, misaligned by one, and a second special value in front where there is room.
                let mut a = vec![T::ONE; len + 1];
                a[1] = if at > 0 { other } else { a[1] };
                a[1 + at] = special;
                let (a, b) = (&a[1..], &vec![T::ONE; len][..]);
                let got = isa.run(Call { kernel, a, b, reproducible });
                let want = naive(kernel, a, b);
                let same = got == want || got.is_nan() && want.is_nan();
                assert!(same, "{kernel:?} of {len} with {special:?} at {at} on {isa}: {got}, naive {want}");
            }
        }
    });
}

#[test]
fn infinities_and_nan_come_through_sums_and_products() {
    non_finite::<f64>();
    non_finite::<f32>();
}

#[test]
fn infinity_times_zero_is_not_skipped() {
    everywhere(|isa, kernel, reproducible, len, at| {
        if matches!(kernel, Kernel::Sum | Kernel::SquaredNorm | Kernel::Mean)
            || kernel == Kernel::Ger && at + 1 < len
        {
            return;
        }
        let (mut a, mut b) = (vec![1.0f64; len], vec![1.0f64; len]);
        (a[at], b[at]) = (f64::INFINITY, 0.0);
        let got = isa.run(Call { kernel, a: &a, b: &b, reproducible });
        assert!(got.is_nan(), "{kernel:?} of {len} at {at} on {isa}: {got}");
    });
}

/// Whole multiples of the least number there is: every sum is exact, unless something flushes to zero.
fn subnormal<T: Element>(least: T) {
    everywhere(|isa, kernel, reproducible, len, at| {
        if kernel == Kernel::SquaredNorm {
            return;
        }
        let mut a = vec![least; len];
        a[at] = least * T::from_f64(1000.0);
        let b = vec![T::ONE; len];
        let got = isa.run(Call { kernel, a: &a, b: &b, reproducible });
        let want = naive(kernel, &a, &b);
        let tolerance = if kernel == Kernel::Mean { least.into() } else { 0.0 };
        assert!(
            (got - want).abs() <= tolerance,
            "{kernel:?} of {len} at {at} on {isa}: {got:e}, naive {want:e}"
        );
    });
}

#[test]
fn subnormals_are_not_flushed() {
    subnormal::<f64>(f64::from_bits(1));
    subnormal::<f32>(f32::from_bits(1));
}

#[test]
fn the_sum_of_negative_zeros_is_zero_and_a_padded_tail_adds_nothing() {
    everywhere(|isa, kernel, reproducible, len, _| {
        let (a, b) = (vec![-0.0f32; len], vec![1.0f32; len]);
        let got = isa.run(Call { kernel, a: &a, b: &b, reproducible });
        assert_eq!(got, 0.0, "{kernel:?} of {len} on {isa}");
    });
}

struct Moments<'a, T>(&'a [T], &'a mut [T]);

impl<T: Element> Program for Moments<'_, T> {
    type Output = Option<(T, T)>;

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) -> Self::Output {
        k.zscore(self.1);
        k.mean_var(self.0)
    }
}

#[test]
fn moments_of_anything_not_finite_are_nan() {
    for isa in Isa::available() {
        for len in [1, 5, 16, 33, 1100, 3000] {
            for special in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for at in [0, len / 2, len - 1] {
                    let mut x: Vec<f32> = numbers(3, len);
                    x[at] = special;
                    let mut scores = x.clone();
                    let moments = isa.run(Moments(&x, &mut scores));
                    assert!(moments.is_some_and(|(mean, var)| mean.is_nan() && var.is_nan()), "{moments:?}");
                    assert!(scores.iter().all(|z| z.is_nan()), "{special} at {at} of {len} on {isa}");
                }
            }
        }
    }
}
