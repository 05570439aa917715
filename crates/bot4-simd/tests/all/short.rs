//! The functions on slices so short that they take a plain loop, against the kernels, which do not: special values at every position.

use crate::inputs::{SPECIAL, assert_same, epsilon, mixed, numbers};
use bot4_simd::{Element, Isa, Kernels, Program};

/// Past the longest that takes a plain loop.
const LONGEST: usize = 20;

/// Ordinary numbers, a mixture, and one special value at each position.
fn each_input<T: Element>(check: impl Fn(&[T])) {
    for len in 0..=LONGEST {
        check(&numbers::<T>(len as u64, len));
        check(&mixed::<T>(len as u64 + 1, len));
        for at in 0..len {
            for special in SPECIAL {
                let mut x = numbers::<T>(7, len);
                x[at] = T::from_f64(special);
                check(&x);
            }
        }
    }
}

/// What the kernels say of a slice.
#[derive(Debug)]
struct Facts<T> {
    extremes: [Option<T>; 2],
    places: [Option<usize>; 2],
    moments: Option<(T, T)>,
    zscores: Vec<T>,
    standardized: Vec<T>,
}

struct Inside<'a, T>(&'a [T]);

impl<T: Element> Program for Inside<'_, T> {
    type Output = Facts<T>;

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) -> Facts<T> {
        let x = self.0;
        let (mut zscores, mut standardized) = (x.to_vec(), x.to_vec());
        k.zscore(&mut zscores);
        k.standardize(&mut standardized, mean(), inv_std());
        Facts {
            extremes: [k.min(x), k.max(x)],
            places: [k.argmin(x), k.argmax(x)],
            moments: k.mean_var(x),
            zscores,
            standardized,
        }
    }
}

fn mean<T: Element>() -> T {
    T::from_f64(0.3)
}

fn inv_std<T: Element>() -> T {
    T::from_f64(1.7)
}

/// Equal, or both NaN; zeros of either sign are equal.
#[track_caller]
fn assert_equal<T: Element>(got: Option<T>, want: Option<T>, x: &[T]) {
    let nan = got.is_some_and(|got| got.is_nan()) && want.is_some_and(|want| want.is_nan());
    assert!(nan || got == want, "{got:?} and not {want:?} of {x:?}");
}

/// As near as sums in another order are, in units of the numbers that were added, or both NaN.
#[track_caller]
fn assert_near<T: Element>(got: T, want: T, x: &[T]) {
    let (got, want): (f64, f64) = (got.into(), want.into());
    let near = (got - want).abs() <= 64.0 * epsilon::<T>() * want.abs().max(1.0);
    assert!(near || got == want || got.is_nan() && want.is_nan(), "{got:e} and not {want:e} of {x:?}");
}

fn short_slices<T: Element>() {
    each_input::<T>(|x| {
        let inside = Isa::Portable.run(Inside(x));
        assert_equal(bot4_simd::min(x), inside.extremes[0], x);
        assert_equal(bot4_simd::max(x), inside.extremes[1], x);
        assert_eq!([bot4_simd::argmin(x), bot4_simd::argmax(x)], inside.places, "{x:?}");

        let (mut columns, mut rows) = (x.to_vec(), x.to_vec());
        bot4_simd::standardize(&mut columns, mean(), inv_std());
        bot4_simd::standardize_each(&mut rows, &vec![mean(); x.len()], &vec![inv_std(); x.len()]);
        assert_same(&columns, &inside.standardized, "standardize");
        assert_same(&rows, &inside.standardized, "standardize_each");
    });
}

/// Moments of ordinary numbers are near; of infinities and NaN they are NaN on both ways.
fn short_moments<T: Element>() {
    each_input::<T>(|x| {
        let huge = x.iter().any(|x| x.is_finite() && x.abs() > T::from_f64(1e30));
        if huge {
            return; // Their squares overflow in f32, and in f64 not.
        }
        let inside = Isa::Portable.run(Inside(x));
        let got = bot4_simd::mean_var(x);
        assert_eq!(got.is_some(), inside.moments.is_some());
        if let (Some(got), Some(want)) = (got, inside.moments) {
            assert_near(got.0, want.0, x);
            assert_near(got.1, want.1, x);
        }
        let mut zscores = x.to_vec();
        bot4_simd::zscore(&mut zscores);
        for (&got, &want) in zscores.iter().zip(&inside.zscores) {
            assert_near(got, want, x);
        }
    });
    let equal = [T::from_f64(0.1); 7];
    assert_eq!(bot4_simd::mean_var(&equal), Some((equal[0], T::ZERO)));
    let apart = [T::MAX, -T::MAX];
    let (mean, var) = bot4_simd::mean_var(&apart).unwrap();
    assert!(mean == T::ZERO && var.into() == f64::INFINITY, "{mean} and {var}");
}

/// A matrix of up to 16 numbers, of every shape, also with no rows or no columns.
fn short_matrices<T: Element>() {
    for (rows, cols) in (0..=5).flat_map(|rows| (0..=5).map(move |cols| (rows, cols))) {
        let (a, x) = (numbers::<T>(1, rows * cols), numbers::<T>(2, cols));
        let mut y = vec![T::NAN; rows];
        bot4_simd::gemv(&a, rows, cols, &x, &mut y);
        for (i, &y) in y.iter().enumerate() {
            let products = (0..cols).map(|j| Into::<f64>::into(a[i * cols + j]) * Into::<f64>::into(x[j]));
            let want: f64 = products.sum();
            assert!((Into::<f64>::into(y) - want).abs() <= 32.0 * epsilon::<T>(), "{rows} x {cols}");
        }
    }
}

#[test]
fn short_slices_give_what_the_kernels_give() {
    short_slices::<f64>();
    short_slices::<f32>();
}

#[test]
fn moments_of_short_slices_are_those_of_the_kernels() {
    short_moments::<f64>();
    short_moments::<f32>();
}

#[test]
fn small_matrices_are_multiplied_row_by_row() {
    short_matrices::<f64>();
    short_matrices::<f32>();
}
