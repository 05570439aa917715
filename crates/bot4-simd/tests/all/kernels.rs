//! Every kernel on every available instruction set, at every length up to four registers and one
//! more, at aligned and misaligned starts, against a naive loop.

use crate::inputs::{assert_same, epsilon, mixed, numbers};
use bot4_simd::{Element, Isa, Kernels, Matrix, Program};

/// Four of the widest registers and one.
const LONGEST: usize = 4 * 16 + 1;

/// A call of kernels, as a program.
macro_rules! on {
    (@output) => { () };
    (@output $ret:ty) => { $ret };
    ($isa:expr, |$k:ident, $($name:ident: $ty:ty),*| $(-> $ret:ty)? $body:block) => {{
        struct Call<'a, T: Element>($($ty,)* std::marker::PhantomData<&'a T>);
        impl<'a, T: Element> Program for Call<'a, T> {
            type Output = on!(@output $($ret)?);
            #[inline(always)]
            fn run<K: Kernels>(self, $k: K) -> Self::Output {
                let Call($($name,)* _) = self;
                $body
            }
        }
        $isa.run(Call::<T>($($name,)* std::marker::PhantomData))
    }};
}

/// Calls `check` for every instruction set, length and start.
fn everywhere(check: impl Fn(Isa, usize, usize)) {
    for isa in Isa::available() {
        for len in 0..=LONGEST {
            for start in [0, 1, 3, 7] {
                check(isa, len, start);
            }
        }
    }
}

#[track_caller]
fn assert_near<T: Element>(got: T, want: f64, tolerance: f64, what: &str) {
    let got: f64 = got.into();
    assert!((got - want).abs() <= tolerance, "{what}: {got:e}, naive {want:e}, tolerance {tolerance:e}");
}

/// Runs an in-place kernel on a slice inside a larger buffer, compares it and its surroundings.
fn in_place<T: Element>(
    isa: Isa,
    len: usize,
    start: usize,
    what: &str,
    kernel: impl FnOnce(&mut [T]),
    naive: impl Fn(usize, T) -> T,
) {
    let before = mixed::<T>(len as u64 + 5, start + len + 20);
    let mut got = before.clone();
    kernel(&mut got[start..start + len]);
    let mut want = before;
    for (i, x) in want[start..start + len].iter_mut().enumerate() {
        *x = naive(i, *x);
    }
    assert_same(&got, &want, &format!("{what} on {isa}, start {start}"));
}

fn elementwise<T: Element>() {
    everywhere(|isa, len, start| {
        let other: Vec<T> = mixed(77, len + start);
        let other = &other[start..];
        let third: Vec<T> = mixed(99, len + start);
        let third = &third[start..];
        let (a, b) = (T::from_f64(1.7), T::from_f64(-0.3));
        in_place(
            isa,
            len,
            start,
            "scale",
            |x: &mut [T]| on!(isa, |k, x: &'a mut [T], a: T| { k.scale(x, a) }),
            |_, x| x * a,
        );
        in_place(
            isa,
            len,
            start,
            "add",
            |y: &mut [T]| on!(isa, |k, y: &'a mut [T], other: &'a [T]| { k.add(y, other) }),
            |i, y| y + other[i],
        );
        in_place(
            isa,
            len,
            start,
            "sub",
            |y: &mut [T]| on!(isa, |k, y: &'a mut [T], other: &'a [T]| { k.sub(y, other) }),
            |i, y| y - other[i],
        );
        in_place(
            isa,
            len,
            start,
            "mul",
            |y: &mut [T]| on!(isa, |k, y: &'a mut [T], other: &'a [T]| { k.mul(y, other) }),
            |i, y| y * other[i],
        );
        in_place(
            isa,
            len,
            start,
            "clamp",
            |x: &mut [T]| on!(isa, |k, x: &'a mut [T], a: T, b: T| { k.clamp(x, b, a) }),
            |_, x| {
                if x < b {
                    b
                } else if x > a {
                    a
                } else {
                    x
                }
            },
        );
        in_place(
            isa,
            len,
            start,
            "standardize",
            |x: &mut [T]| on!(isa, |k, x: &'a mut [T], a: T, b: T| { k.standardize(x, a, b) }),
            |_, x| (x - a) * b,
        );
        in_place(
            isa,
            len,
            start,
            "standardize_each",
            |x: &mut [T]| {
                on!(isa, |k, x: &'a mut [T], other: &'a [T], third: &'a [T]| {
                    k.standardize_each(x, other, third)
                })
            },
            |i, x| (x - other[i]) * third[i],
        );
        in_place(
            isa,
            len,
            start,
            "fma",
            |y: &mut [T]| {
                on!(isa, |k, y: &'a mut [T], other: &'a [T], third: &'a [T]| { k.fma(other, third, y) })
            },
            |i, y| other[i].mul_add(third[i], y),
        );
        in_place(
            isa,
            len,
            start,
            "axpy",
            |y: &mut [T]| on!(isa, |k, y: &'a mut [T], other: &'a [T], a: T| { k.axpy(a, other, y) }),
            |i, y| {
                if isa == Isa::Portable && cfg!(not(any(target_feature = "fma", target_arch = "aarch64"))) {
                    other[i] * a + y
                } else {
                    other[i].mul_add(a, y)
                }
            },
        );
    });
}

#[test]
fn elementwise_kernels_equal_the_naive_loop_to_the_bit() {
    elementwise::<f64>();
    elementwise::<f32>();
}

fn sums<T: Element>() {
    everywhere(|isa, len, start| {
        let a: Vec<T> = numbers(1, start + len);
        let b: Vec<T> = numbers(2, start + len);
        let (a, b) = (&a[start..], &b[start..]);
        let tolerance = 4.0 * (len as f64 + 1.0) * epsilon::<T>();
        let naive = |f: &dyn Fn(usize) -> f64| (0..len).map(f).sum::<f64>();
        let (fa, fb) = (|i: usize| -> f64 { a[i].into() }, |i: usize| -> f64 { b[i].into() });
        let sum = on!(isa, |k, a: &'a [T]| -> T { k.sum(a) });
        assert_near(sum, naive(&fa), tolerance, "sum");
        let dot = on!(isa, |k, a: &'a [T], b: &'a [T]| -> T { k.dot(a, b) });
        assert_near(dot, naive(&|i| fa(i) * fb(i)), tolerance, "dot");
        let norm = on!(isa, |k, a: &'a [T]| -> T { k.squared_norm(a) });
        assert_near(norm, naive(&|i| fa(i) * fa(i)), tolerance, "squared_norm");
        let moments = on!(isa, |k, a: &'a [T]| -> Option<(T, T)> { k.mean_var(a) });
        assert_eq!(moments.is_none(), len == 0);
        if let Some((mean, var)) = moments {
            let want = naive(&fa) / len as f64;
            assert_near(mean, want, 4.0 * epsilon::<T>(), "mean");
            assert_near(
                var,
                naive(&|i| (fa(i) - want).powi(2)) / len as f64,
                16.0 * epsilon::<T>(),
                "variance",
            );
        }
    });
}

#[test]
fn sums_are_within_rounding_of_the_naive_sum() {
    sums::<f64>();
    sums::<f32>();
}

/// The definition in the documentation of `dot8`.
fn dot8_by_definition<T: Element>(a: &[T], b: &[T]) -> T {
    let mut l = [T::ZERO; 8];
    for j in 0..a.len() {
        l[j % 8] = a[j].mul_add(b[j], l[j % 8]);
    }
    ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

fn reproducible<T: Element>(fill: fn(u64, usize) -> Vec<T>) {
    everywhere(|isa, len, start| {
        let a = fill(3, start + len);
        let b = fill(4, start + len);
        let (a, b) = (&a[start..], &b[start..]);
        let got = on!(isa, |k, a: &'a [T], b: &'a [T]| -> T { k.dot8(a, b) });
        assert_same(&[got], &[dot8_by_definition(a, b)], &format!("dot8 on {isa}"));
    });
    for isa in Isa::available() {
        for (columns, rows) in [(0, 3), (1, 1), (7, 33), (8, 16), (9, 17), (13, 65), (32, 40), (32, 0)] {
            let stride = rows + 3;
            let data = fill(5, columns * stride);
            let weights = fill(6, columns);
            let mut got = vec![T::NAN; rows];
            let (data, weights, out) = (&data[..], &weights[..], &mut got[..]);
            on!(isa, |k, data: &'a [T], stride: usize, weights: &'a [T], out: &'a mut [T]| {
                k.weighted_sum(data, stride, weights, out)
            });
            let row = |i: usize| (0..columns).map(|j| data[j * stride + i]).collect::<Vec<T>>();
            let want: Vec<T> = (0..rows).map(|i| dot8_by_definition(&row(i), weights)).collect();
            assert_same(&got, &want, &format!("weighted_sum of {columns} columns on {isa}"));
        }
    }
}

#[test]
fn reproducible_kernels_equal_their_definition_to_the_bit() {
    reproducible::<f64>(numbers);
    reproducible::<f32>(numbers);
    reproducible::<f64>(mixed);
    reproducible::<f32>(mixed);
}

#[test]
fn dot8_of_negative_underflow_keeps_the_sign_of_zero() {
    for isa in Isa::available() {
        type T = f64;
        let (a, b) = (&[f64::MIN_POSITIVE; 9][..], &[-f64::MIN_POSITIVE; 9][..]);
        let got = on!(isa, |k, a: &'a [T], b: &'a [T]| -> T { k.dot8(a, b) });
        assert_same(&[got], &[dot8_by_definition(a, b)], "dot8");
    }
}

fn extrema<T: Element>() {
    everywhere(|isa, len, start| {
        for nan_at in (0..len).map(Some).chain([None]) {
            let mut x: Vec<T> = numbers(len as u64, start + len);
            let x = &mut x[start..];
            if let Some(at) = nan_at {
                x[at] = T::NAN;
            }
            let x = &*x;
            let (min, max) = on!(isa, |k, x: &'a [T]| -> (Option<T>, Option<T>) { (k.min(x), k.max(x)) });
            let naive = |better: fn(&T, &T) -> bool| {
                x.iter().copied().reduce(|a, b| if b.is_nan() || better(&b, &a) { b } else { a })
            };
            assert_same(min.as_slice(), naive(T::lt).as_slice(), "min");
            assert_same(max.as_slice(), naive(T::gt).as_slice(), "max");
        }
    });
}

/// Past the length from which on wide instruction sets take more chains: an infinity or two are no NaN, and a NaN is found.
fn long_extrema<T: Element>() {
    let infinity = T::ONE / T::ZERO;
    for isa in Isa::available() {
        for len in [255, 256, 257, 511, 512, 513, 777] {
            for at in 0..len {
                let mut x: Vec<T> = numbers(len as u64, len);
                for (least, greatest) in
                    [(T::from_f64(-9.0), T::from_f64(9.0)), (-infinity, infinity), (T::NAN, T::NAN)]
                {
                    x[at] = least;
                    x[len - 1 - at] = greatest;
                    let middle = 2 * at + 1 == len; // one place for both
                    let least = if middle {
                        x.iter().copied().fold(greatest, |a, b| if b < a { b } else { a })
                    } else {
                        least
                    };
                    let x = &x[..];
                    let got = on!(isa, |k, x: &'a [T]| -> (Option<T>, Option<T>) { (k.min(x), k.max(x)) });
                    assert_same(got.0.as_slice(), &[least], "min");
                    assert_same(got.1.as_slice(), &[greatest], "max");
                }
            }
        }
    }
}

#[test]
fn extrema_are_exact_and_a_nan_anywhere_wins() {
    long_extrema::<f64>();
    long_extrema::<f32>();
    extrema::<f64>();
    extrema::<f32>();
}

fn functions<T: Element>(limit: f64) {
    type Reference = fn(f64) -> f64;
    let all: [(&str, Reference); 5] = [
        ("erf", libm::erf),
        ("ln", f64::ln),
        ("exp", f64::exp),
        ("tanh", f64::tanh),
        ("sigmoid", |x| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }),
    ];
    for isa in Isa::available() {
        for (name, reference) in all {
            let call = |x: &mut [T]| {
                on!(isa, |k, x: &'a mut [T], name: &'a str| {
                    match name {
                        "erf" => k.erf(x),
                        "exp" => k.exp(x),
                        "ln" => k.ln(x),
                        "tanh" => k.tanh(x),
                        _ => k.sigmoid(x),
                    }
                })
            };
            let inputs: Vec<T> = mixed::<T>(8, 300)
                .into_iter()
                .chain((-3000..3000).map(|i| T::from_f64(f64::from(i) * 0.0631)))
                .collect();
            let mut whole = inputs.clone();
            call(&mut whole);
            for (&x, &got) in inputs.iter().zip(&whole) {
                let want: T = T::from_f64(reference(x.into()));
                let (g, w): (f64, f64) = (got.into(), want.into());
                let off = (g - w).abs() / (w.abs() * epsilon::<T>()).max(f64::from_bits(1));
                let ok = g == w || g.is_nan() && w.is_nan() || off <= limit || w.abs() < 1.2e-38;
                assert!(ok, "{name}({x:?}) on {isa}: {got:?}, reference {want:?}");
            }
            for len in 0..=LONGEST {
                for start in [0, 1, 3, 7] {
                    let mut part = inputs[start..start + len].to_vec();
                    call(&mut part);
                    assert_same(&part, &whole[start..start + len], name);
                }
            }
            let mut portable = inputs.clone();
            let (isa, x) = (Isa::Portable, &mut portable[..]);
            on!(isa, |k, x: &'a mut [T], name: &'a str| {
                match name {
                    "erf" => k.erf(x),
                    "exp" => k.exp(x),
                    "ln" => k.ln(x),
                    "tanh" => k.tanh(x),
                    _ => k.sigmoid(x),
                }
            });
            assert_same(&whole, &portable, "portable");
        }
    }
}

#[test]
fn functions_are_accurate_and_independent_of_position_length_and_instruction_set() {
    functions::<f64>(4.0);
    functions::<f32>(4.0);
}

#[test]
fn mean_var_of_a_large_offset_keeps_the_variance() {
    for isa in Isa::available() {
        type T = f64;
        let noise: Vec<f64> = numbers(12, 100_003);
        let shifted: Vec<f64> = noise.iter().map(|x| 1e9 + x).collect();
        let exact: Vec<f64> = shifted.iter().map(|x| x - 1e9).collect();
        let mean = exact.iter().sum::<f64>() / exact.len() as f64;
        let want = exact.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / exact.len() as f64;
        let x = &shifted[..];
        let (_, var) = on!(isa, |k, x: &'a [T]| -> Option<(T, T)> { k.mean_var(x) }).unwrap();
        assert_near(var, want, 1e-9 * want, "variance at 1e9");
    }
}

#[test]
fn mean_var_survives_an_outlier_in_front() {
    for isa in Isa::available() {
        type T = f64;
        let mut x: Vec<f64> = numbers(12, 5000);
        x[0] = 1e9;
        let mean = x.iter().sum::<f64>() / 5000.0;
        let want = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 5000.0;
        let x = &x[..];
        let (_, var) = on!(isa, |k, x: &'a [T]| -> Option<(T, T)> { k.mean_var(x) }).unwrap();
        assert_near(var, want, 1e-12 * want, "variance");
    }
}

/// The mean is guessed from registers at the quarters: here they say nothing of it.
#[test]
fn mean_var_survives_a_wrong_guess() {
    for isa in Isa::available() {
        type T = f32;
        let mut x: Vec<f32> = numbers::<T>(12, 1000).iter().map(|x| 1000.0 + x).collect();
        for quarter in x.chunks_mut(250) {
            quarter[..16].fill(0.0);
        }
        let wide = || x.iter().map(|&x| f64::from(x));
        let mean = wide().sum::<f64>() / 1000.0;
        let want = wide().map(|x| (x - mean).powi(2)).sum::<f64>() / 1000.0;
        for at in [None, Some(0), Some(100), Some(255), Some(999)] {
            let mut x = x.clone();
            at.into_iter().for_each(|at: usize| x[at] = T::INFINITY);
            let x = &x[..];
            let (mean_is, var) = on!(isa, |k, x: &'a [T]| -> Option<(T, T)> { k.mean_var(x) }).unwrap();
            if at.is_some() {
                assert!(mean_is.is_nan() && var.is_nan(), "{isa:?} {at:?}: {mean_is} {var}");
            } else {
                assert_near(mean_is, mean, 1e-6 * mean, "mean");
                assert_near(var, want, 1e-7 * want, "variance");
            }
        }
    }
}

#[test]
fn zscore_has_no_mean_and_unit_variance_and_a_constant_becomes_zeros() {
    let mut x: Vec<f64> = numbers(3, 1000);
    bot4_simd::zscore(&mut x);
    let (mean, var) = bot4_simd::mean_var(&x).unwrap();
    assert!(mean.abs() < 1e-14 && (var - 1.0).abs() < 1e-12, "{mean} {var}");
    // A mean by an inexact inverse of the length would leave a spread of a rounding.
    for n in 1..=37 {
        for value in [0.1, 1.0 / 3.0, -1e9 / 7.0, 3e-300] {
            let (mut wide, mut narrow) = (vec![value; n], vec![value as f32; n]);
            assert_eq!(bot4_simd::mean_var(&wide), Some((value, 0.0)), "{n}");
            assert_eq!(bot4_simd::mean_var(&narrow), Some((value as f32, 0.0)), "{n}");
            bot4_simd::zscore(&mut wide);
            bot4_simd::zscore(&mut narrow);
            assert!(wide.iter().all(|&x| x == 0.0) && narrow.iter().all(|&x| x == 0.0), "{value} x {n}");
        }
    }
}

#[test]
#[should_panic(expected = "lengths differ: 3 and 4")]
fn different_lengths_panic_with_both() {
    bot4_simd::add(&mut [0.0; 3], &[0.0; 4]);
}

#[test]
#[should_panic(expected = "10 numbers do not hold 3 columns of 4 rows at stride 4")]
fn weighted_sum_of_short_data_panics() {
    bot4_simd::weighted_sum(&[0.0; 10], 4, &[1.0; 3], &mut [0.0; 4]);
}

#[test]
#[should_panic(expected = "do not hold")]
fn weighted_sum_with_an_overflowing_stride_panics() {
    bot4_simd::weighted_sum(&[0.0; 10], usize::MAX / 2, &[1.0; 4], &mut [0.0; 4]);
}

fn positions<T: Element>() {
    everywhere(|isa, len, start| {
        let mut x: Vec<T> = numbers(len as u64, start + len);
        for (twin, nan) in [(0, None), (len / 2, None), (0, Some(len / 3))] {
            let x = &mut x[start..];
            if len > 0 {
                x[len - 1] = x[twin];
            }
            if let Some(at) = nan.filter(|&at| at < len) {
                x[at] = T::NAN;
            }
            let x = &*x;
            let got =
                on!(isa, |k, x: &'a [T]| -> (Option<usize>, Option<usize>) { (k.argmin(x), k.argmax(x)) });
            let first = |better: fn(&T, &T) -> bool| {
                let beats =
                    |i: usize, best: usize| !x[best].is_nan() && (x[i].is_nan() || better(&x[i], &x[best]));
                (0..len).reduce(|best, i| if beats(i, best) { i } else { best })
            };
            assert_eq!(got, (first(T::lt), first(T::gt)), "{len} numbers on {isa}: {x:?}");
        }
    });
}

#[test]
fn positions_of_extremes_are_the_first() {
    positions::<f64>();
    positions::<f32>();
}

#[test]
fn position_of_an_extreme_beyond_the_first_block_is_found() {
    for isa in Isa::available() {
        type T = f32;
        for (at, value) in [(0, 9.0), (2047, 9.0), (2048, 9.0), (5000, 9.0), (9999, 9.0), (6000, f32::NAN)] {
            let mut x = vec![1.0f32; 10_000];
            x[at] = value;
            x[9999] = x[9999].max(if value.is_nan() { 1.0 } else { value });
            let x = &x[..];
            assert_eq!(on!(isa, |k, x: &'a [T]| -> Option<usize> { k.argmax(x) }), Some(at), "{isa}");
        }
    }
}

fn probabilities<T: Element>() {
    everywhere(|isa, len, start| {
        let x: Vec<T> =
            numbers::<T>(len as u64, start + len).into_iter().map(|x| x * T::from_f64(300.0)).collect();
        let x = &x[start..];
        let wide: Vec<f64> = x.iter().map(|&x| x.into()).collect();
        let max = wide.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = wide.iter().map(|x| (x - max).exp()).sum();
        let mut soft = x.to_vec();
        let soft = &mut soft[..];
        let lse = on!(isa, |k, x: &'a [T], soft: &'a mut [T]| -> T {
            k.softmax(soft);
            k.log_sum_exp(x)
        });
        let scale = 700.0;
        if len > 0 {
            assert_near(lse, max + total.ln(), 2.0 * scale * epsilon::<T>(), "log_sum_exp");
        } else {
            assert_eq!(lse.into(), f64::NEG_INFINITY);
        }
        let mut again = x.to_vec();
        let again = &mut again[..];
        on!(isa, |k, again: &'a mut [T]| { k.softmax(again) });
        for (i, &p) in again.iter().enumerate() {
            // The difference to the maximum is rounded once, which e^x multiplies by its size.
            let want = (wide[i] - max).exp() / total;
            assert_near(p, want, want * (scale * 2.0 + len as f64) * epsilon::<T>() + 1e-45, "softmax");
        }
    });
}

#[test]
fn softmax_and_log_sum_exp_agree_with_the_naive_formula() {
    probabilities::<f64>();
    probabilities::<f32>();
}

#[test]
fn softmax_of_special_scores_follows_the_documentation() {
    for isa in Isa::available() {
        type T = f64;
        let soft = |mut x: Vec<f64>| {
            let y = &mut x[..];
            on!(isa, |k, y: &'a mut [T]| { k.softmax(y) });
            x
        };
        let lse = |x: &[f64]| on!(isa, |k, x: &'a [T]| -> T { k.log_sum_exp(x) });
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        assert!(soft(vec![1.0, nan, 2.0]).iter().all(|x| x.is_nan()));
        assert!(soft(vec![1.0, inf, 2.0]).iter().all(|x| x.is_nan()));
        assert!(soft(vec![-inf; 3]).iter().all(|x| x.is_nan()));
        assert_eq!(soft(vec![]), [0.0; 0]);
        assert_eq!(lse(&[-inf; 9]), -inf);
        assert_eq!(lse(&[0.0, inf]), inf);
        assert!(lse(&[0.0, nan, inf]).is_nan());
    }
}

fn products<T: Element>() {
    let shapes = [
        (0, 3, 2),
        (1, 1, 1),
        (3, 0, 2),
        (2, 3, 0),
        (4, 4, 4),
        (8, 5, 17),
        (9, 16, 8),
        (13, 33, 50),
        (16, 16, 16),
        (17, 65, 49),
        // Rows of one strip of 32 or 64 columns; two depths of a panel, with whole registers and without; two blocks of rows.
        (6, 9, 32),
        (13, 9, 64),
        (9, 130, 48),
        (13, 129, 29),
        (260, 30, 40),
        // Squares of four, of which a register holds several rows.
        (1, 4, 4),
        (7, 4, 4),
        // More than a first-level cache, in rows of whole lines.
        (109, 144, 1),
    ];
    for isa in Isa::available() {
        for (rows, inner, cols) in shapes {
            let (a, b) = (numbers::<T>(1, rows * inner), numbers::<T>(2, inner * cols));
            let tolerance = 8.0 * (inner as f64 + 1.0) * epsilon::<T>();
            let at = |m: &[T], i: usize| -> f64 { m[i].into() };
            let mut c = vec![T::NAN; rows * cols];
            let (a, b, out) = (&a[..], &b[..], &mut c[..]);
            on!(isa, |k,
                      a: &'a [T],
                      b: &'a [T],
                      out: &'a mut [T],
                      rows: usize,
                      inner: usize,
                      cols: usize| { k.gemm(a, b, out, rows, inner, cols) });
            for i in 0..rows {
                for j in 0..cols {
                    let want = (0..inner).map(|k| at(a, i * inner + k) * at(b, k * cols + j)).sum();
                    assert_near(c[i * cols + j], want, tolerance, "gemm");
                }
            }
            let (x, z) = (numbers::<T>(3, inner), numbers::<T>(4, rows));
            let (x, z) = (&x[..], &z[..]);
            let (mut y, mut yt) = (vec![T::NAN; rows], vec![T::NAN; inner]);
            let (out, out_t) = (&mut y[..], &mut yt[..]);
            on!(isa, |k,
                      a: &'a [T],
                      x: &'a [T],
                      z: &'a [T],
                      out: &'a mut [T],
                      out_t: &'a mut [T],
                      rows: usize,
                      inner: usize| {
                k.gemv(a, rows, inner, x, out);
                k.gemv_t(a, rows, inner, z, out_t);
            });
            for i in 0..rows {
                assert_near(
                    y[i],
                    (0..inner).map(|k| at(a, i * inner + k) * at(x, k)).sum(),
                    tolerance,
                    "gemv",
                );
                let mut alone = [T::NAN];
                let (row, alone_out) = (&a[i * inner..][..inner], &mut alone[..]);
                on!(isa, |k, row: &'a [T], x: &'a [T], inner: usize, alone_out: &'a mut [T]| {
                    k.gemv(row, 1, inner, x, alone_out)
                });
                assert_same(&alone, &y[i..i + 1], "gemv of one row");
            }
            for j in 0..inner {
                let column: Vec<T> = (0..rows).map(|i| a[i * inner + j]).collect();
                assert_same(&yt[j..j + 1], &[dot8_by_definition(&column, z)], "gemv_t");
            }
            let mut sum = a.to_vec();
            let (alpha, sum_out) = (T::from_f64(0.5), &mut sum[..]);
            on!(isa, |k, alpha: T, z: &'a [T], x: &'a [T], sum_out: &'a mut [T]| {
                k.ger(alpha, z, x, sum_out)
            });
            for i in 0..rows {
                for j in 0..inner {
                    assert_near(
                        sum[i * inner + j],
                        at(a, i * inner + j) + 0.5 * at(z, i) * at(x, j),
                        8.0 * epsilon::<T>(),
                        "ger",
                    );
                }
            }
        }
    }
}

#[test]
fn products_agree_with_the_triple_loop() {
    products::<f64>();
    products::<f32>();
}

fn matrices<T: Element, const N: usize, const M: usize, const P: usize>() {
    let fill = |seed, to: &mut [T]| to.copy_from_slice(&numbers(seed, to.len()));
    let mut a = Matrix::<T, N, M>::zeros();
    let mut b = Matrix::<T, M, P>::boxed_zeros();
    fill(1, a.as_mut_slice());
    fill(2, b.as_mut_slice());
    let c = a.multiply(&b);
    for i in 0..N {
        for j in 0..P {
            let want = (0..M)
                .map(|k| -> f64 {
                    let (x, y): (f64, f64) = (a[(i, k)].into(), b[(k, j)].into());
                    x * y
                })
                .sum();
            assert_near(c[(i, j)], want, 8.0 * (M as f64) * epsilon::<T>(), "multiply");
        }
        let row: Vec<f64> = a.rows()[i].iter().map(|&x| x.into()).collect();
        let x: [T; M] = std::array::from_fn(|k| b[(k, 0)]);
        let want = row
            .iter()
            .zip(x)
            .map(|(a, x)| {
                let x: f64 = x.into();
                a * x
            })
            .sum();
        assert_near(a.multiply_vector(&x)[i], want, 8.0 * (M as f64) * epsilon::<T>(), "multiply_vector");
        assert_eq!(a.transposed().transposed(), a);
    }
}

#[test]
fn matrices_multiply_like_the_triple_loop() {
    matrices::<f64, 4, 4, 4>();
    matrices::<f32, 3, 5, 7>();
    matrices::<f64, 16, 16, 16>();
    matrices::<f32, 33, 20, 49>();
}
