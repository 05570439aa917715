//! Recurrences and windows on every instruction set against the plain loop over each window.

use crate::inputs::{SPECIAL, epsilon, numbers};
use bot4_simd::{Element, Isa, Kernels, Program};

/// One of the kernels on the last numbers.
#[derive(Clone, Copy, Debug)]
enum Kernel {
    Sum,
    Mean,
    Var,
    Min,
    Max,
}

struct Call<'a, T> {
    kernel: Kernel,
    x: &'a [T],
    window: usize,
}

impl<T: Element> Program for Call<'_, T> {
    type Output = Vec<T>;

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) -> Vec<T> {
        let Self { kernel, x, window } = self;
        let (mut out, mut other) = (x.to_vec(), x.to_vec());
        match kernel {
            Kernel::Sum => k.rolling_sum(x, window, &mut out),
            Kernel::Mean => k.rolling_mean_var(x, window, &mut out, &mut other),
            Kernel::Var => k.rolling_mean_var(x, window, &mut other, &mut out),
            Kernel::Min => k.rolling_min(&mut out, window),
            Kernel::Max => k.rolling_max(&mut out, window),
        }
        out
    }
}

/// The plain loop over one window, in `f64`.
fn naive(kernel: Kernel, window: &[f64]) -> f64 {
    let count = window.len() as f64;
    let mean = window.iter().sum::<f64>() / count;
    let nan = window.iter().any(|x| x.is_nan());
    match kernel {
        Kernel::Sum => window.iter().sum(),
        Kernel::Mean => mean,
        Kernel::Var => window.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count,
        Kernel::Min if !nan => window.iter().copied().fold(f64::INFINITY, f64::min),
        Kernel::Max if !nan => window.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Kernel::Min | Kernel::Max => f64::NAN,
    }
}

const ALL: [Kernel; 5] = [Kernel::Sum, Kernel::Mean, Kernel::Var, Kernel::Min, Kernel::Max];

#[track_caller]
fn check<T: Element>(isa: Isa, kernel: Kernel, x: &[T], window: usize, tolerance: f64) {
    let wide: Vec<f64> = x.iter().map(|&x| x.into()).collect();
    for (i, got) in isa.run(Call { kernel, x, window }).into_iter().enumerate() {
        let want = naive(kernel, &wide[(i + 1).saturating_sub(window)..=i]);
        let got: f64 = got.into();
        let same = got == want || got.is_nan() && want.is_nan() || (got - want).abs() <= tolerance;
        assert!(same, "{kernel:?} over {window} of {} on {isa} at {i}: {got:e}, naive {want:e}", x.len());
    }
}

fn windows<T: Element>() {
    for isa in Isa::available() {
        for len in (0..=33).chain([64, 65, 257]) {
            let x: Vec<T> = numbers(len as u64 + 1, len + 3);
            for window in [1, 2, 3, 4, 5, 7, 8, 14, 15, 16, 17, 31, 100, 300, usize::MAX] {
                let terms = window.min(len + 1) as f64;
                for kernel in ALL {
                    let tolerance = match kernel {
                        Kernel::Min | Kernel::Max => 0.0,
                        Kernel::Sum => 4.0 * terms * epsilon::<T>(),
                        Kernel::Mean | Kernel::Var => 32.0 * epsilon::<T>(),
                    };
                    check(isa, kernel, &x[len % 3..][..len], window, tolerance);
                }
            }
        }
    }
}

#[test]
fn windows_agree_with_the_loop_over_each() {
    windows::<f64>();
    windows::<f32>();
}

#[test]
fn a_special_value_is_gone_when_its_window_is() {
    for isa in Isa::available() {
        for special in SPECIAL.into_iter().filter(|x| !x.is_finite()) {
            for at in [0, 1, 20, 39] {
                let mut x: Vec<f64> = numbers(5, 40);
                x[at] = special;
                for kernel in ALL {
                    check(isa, kernel, &x, 6, 1e-14);
                }
            }
        }
    }
}

#[test]
fn the_variance_of_a_window_survives_a_large_offset_and_does_not_drift() {
    for isa in Isa::available() {
        let x: Vec<f64> = numbers::<f64>(9, 20_000).into_iter().map(|x| 1e9 + x).collect();
        let var = isa.run(Call { kernel: Kernel::Var, x: &x, window: 200 });
        for i in [199, 10_000, 19_999] {
            let exact: Vec<f64> = x[i - 199..=i].iter().map(|x| x - 1e9).collect();
            let want = naive(Kernel::Var, &exact);
            assert!((var[i] - want).abs() < 1e-6 * want, "{} and {want} at {i}", var[i]);
        }
    }
}

struct Ema<'a, T> {
    x: &'a mut [T],
    alpha: T,
    state: T,
}

impl<T: Element> Program for Ema<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) -> T {
        k.ema(self.x, self.alpha, self.state)
    }
}

fn averages<T: Element>(special: Option<f64>) {
    for isa in Isa::available() {
        for len in (0..=70).chain([1000]) {
            for alpha in [1.0, 0.5, 2.0 / 15.0, 0.001] {
                let mut x: Vec<T> = numbers(3, len + 1);
                let x = &mut x[1..];
                if let Some(special) = special.filter(|_| len > 0) {
                    x[len / 2] = T::from_f64(special);
                }
                let (alpha, state) = (T::from_f64(alpha), T::from_f64(0.75));
                let (a, mut e): (f64, f64) = (alpha.into(), state.into());
                let want: Vec<f64> = x
                    .iter()
                    .map(|&x| {
                        let x: f64 = x.into();
                        e = (1.0 - a) * e + a * x;
                        e
                    })
                    .collect();
                let last: f64 = isa.run(Ema { x, alpha, state }).into();
                assert_eq!(last.to_bits(), x.last().map_or(0.75, |&x| x.into()).to_bits());
                for (i, (&got, want)) in x.iter().zip(want).enumerate() {
                    let got: f64 = got.into();
                    // The rounding of 1 - alpha counts once per number it still remembers.
                    let near = (got - want).abs() <= 8.0 * epsilon::<T>() / a.sqrt();
                    let same = got == want || got.is_nan() && want.is_nan() || near;
                    assert!(same, "{i} of {len} with {a} on {isa}: {got:e}, recurrence {want:e}");
                }
            }
        }
    }
}

#[test]
fn the_average_follows_its_recurrence() {
    averages::<f64>(None);
    averages::<f32>(None);
}

#[test]
fn an_infinity_or_nan_reaches_no_average_before_it_and_all_after_it() {
    for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        averages::<f64>(Some(special));
        averages::<f32>(Some(special));
    }
}

#[test]
#[should_panic(expected = "a window of 0 numbers")]
fn a_window_of_nothing_panics() {
    bot4_simd::rolling_min(&mut [1.0], 0);
}
