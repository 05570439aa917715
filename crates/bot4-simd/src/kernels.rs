//! The public kernels: one list makes the methods of [`Kernels`] and the free functions.

use crate::algorithm::{
    arithmetic, extrema, gemm, linear, map, moments, panel, product, recurrence, reduce, rolling, short,
    softmax, trees,
};
use crate::element::Element;
use crate::isa::{Isa, Token, detected, remembered};
use crate::lanes::Step;
use crate::panels::Panels;
use crate::trees::{Cuts, Splits};
use crate::vector::{Simd, Vector};

/// Enters an instruction set with the arguments of a kernel: up to three go there in registers.
macro_rules! enter {
    ($k:expr, $algorithm:expr, $token:ident, [$a:ident]) => {
        enter!(@ $k, $algorithm, $token, [$a], $a, (), ())
    };
    ($k:expr, $algorithm:expr, $token:ident, [$a:ident, $b:ident]) => {
        enter!(@ $k, $algorithm, $token, [$a, $b], $a, $b, ())
    };
    ($k:expr, $algorithm:expr, $token:ident, [$a:ident, $b:ident, $c:ident]) => {
        enter!(@ $k, $algorithm, $token, [$a, $b, $c], $a, $b, $c)
    };
    ($k:expr, $algorithm:expr, $token:ident, [$a:ident, $b:ident, $($more:ident),+]) => {
        enter!(@ $k, $algorithm, $token, [$a, $b, $($more),+], $a, $b, ($($more),+))
    };
    (@ $k:expr, $algorithm:expr, $token:ident, [$($arg:ident),+], $a:tt, $b:tt, $c:tt) => {
        $k.enter(
            #[inline(always)]
            move |$a, $b, $c| $algorithm($token, $($arg),+),
            $a,
            $b,
            $c,
        )
    };
}

/// Each entry: documentation, signature, conditions, and the algorithm with the register it runs on.
macro_rules! kernels {
    ($(
        $(#[$doc:meta])*
        fn $name:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)? $(where $check:ident($($checked:expr),*))? = $register:ident $module:ident::$algorithm:ident $(or if $short:expr => $loop:expr)?;
    )*) => {
        /// Every kernel on one instruction set: what a [`Program`](crate::Program) is given.
        ///
        /// The value is a zero-size proof that the CPU has the set; only this crate makes one.
        /// The free functions of the crate have the same names, arguments, results and panics; only of 16 numbers or fewer
        /// what is added up (`sum`, `dot`, `mean_var`, `zscore`, `gemv`, `axpy` and their like) may differ from theirs in rounding.
        pub trait Kernels: Simd {
            /// The instruction set of these kernels.
            #[inline(always)]
            fn isa(self) -> Isa {
                Self::ISA
            }
            /// The kernels of the same set in the reproducible mode: each gives the same bits on every set and
            /// machine. See [`reproducible`](crate::reproducible).
            ///
            /// ```
            /// use bot4_simd::{Isa, Kernels, Program};
            ///
            /// struct Mean<'a>(&'a [f64]);
            ///
            /// impl Program for Mean<'_> {
            ///     type Output = f64;
            ///     #[inline(always)]
            ///     fn run<K: Kernels>(self, k: K) -> f64 {
            ///         k.reproducible().sum(self.0) / self.0.len() as f64
            ///     }
            /// }
            ///
            /// let x: Vec<f64> = (0..100).map(|i| f64::from(i).sqrt()).collect();
            /// let means: Vec<f64> = Isa::available().map(|isa| isa.run(Mean(&x))).collect();
            /// assert!(means.iter().all(|mean| mean.to_bits() == means[0].to_bits()));
            /// ```
            #[inline(always)]
            fn reproducible(self) -> impl Kernels {
                <Self as Simd>::Reproducible::from(self)
            }
            $(
                $(#[$doc])*
                #[inline(always)]
                #[track_caller]
                #[allow(clippy::too_many_arguments)] // three matrices and their sizes
                fn $name<T: Element>(self, $($arg: $ty),*) $(-> $ret)? {
                    $($check($($checked),*);)?
                    let token = <<Self::$register<T> as Vector>::Token>::from(self);
                    enter!(self, $module::$algorithm::<Self::$register<T>>, token, [$($arg),*])
                }
            )*
        }

        impl<S: Simd> Kernels for S {}

        /// The kernels as functions: each call dispatches on [`Isa::detect`], unless the slice is too short to be worth it.
        pub(crate) mod functions {
            use super::*;
            $(
                $(#[$doc])*
                #[inline]
                #[track_caller]
                #[allow(clippy::too_many_arguments)] // three matrices and their sizes
                pub fn $name<T: Element>($($arg: $ty),*) $(-> $ret)? {
                    $($check($($checked),*);)?
                    $(if $short {
                        return $loop;
                    })?
                    match remembered() {
                        #[cfg(target_arch = "x86_64")]
                        Some(Token::Avx512(k)) => k.$name($($arg),*),
                        #[cfg(target_arch = "x86_64")]
                        Some(Token::Avx2(k)) => k.$name($($arg),*),
                        _ => elsewhere::$name($($arg),*),
                    }
                }
            )*
        }

        /// What stands out of line, so that the functions above stay small enough to be inlined: portable code, and the first call.
        mod elsewhere {
            use super::*;
            $(
                #[inline(never)]
                #[allow(clippy::too_many_arguments)] // three matrices and their sizes
                pub(super) fn $name<T: Element>($($arg: $ty),*) $(-> $ret)? {
                    match detected() {
                        Token::Portable(k) => k.$name($($arg),*),
                        #[cfg(target_arch = "x86_64")]
                        _ => functions::$name($($arg),*),
                    }
                }
            )*
        }

        /// The kernels with the same bits on every instruction set and machine.
        ///
        /// Same names, arguments, special values and panics as the functions at the root of the crate, which sum in
        /// the order that suits the machine. Here every sum has 64 bytes of lanes in each of its chains, every product that
        /// is added is fused, and registers fold by halving, whatever the hardware: a replay on another
        /// machine gives the same decisions. Only the bits of a NaN are not specified.
        ///
        /// With AVX-512 this costs nothing (the functions at the root do the same there); a CPU without FMA pays for a
        /// library call per product.
        ///
        /// ```
        /// let (a, b) = ([0.1f32; 100], [0.3f32; 100]);
        /// // Not within a tolerance: on any machine.
        /// assert_eq!(bot4_simd::reproducible::dot(&a, &b), 3.0);
        /// ```
        pub mod reproducible {
            use super::*;
            $(
                #[doc = concat!("[`", stringify!($name), "`](crate::", stringify!($name), "()) with the same bits on every instruction set.")]
                #[inline]
                #[track_caller]
                pub fn $name<T: Element>($($arg: $ty),*) $(-> $ret)? {
                    match detected() {
                        Token::Portable(k) => k.reproducible().$name($($arg),*),
                        #[cfg(target_arch = "x86_64")]
                        Token::Avx2(k) => k.reproducible().$name($($arg),*),
                        #[cfg(target_arch = "x86_64")]
                        Token::Avx512(k) => k.reproducible().$name($($arg),*),
                    }
                }
            )*
        }
    };
}

kernels! {
    /// Multiplies each number by `a`: `x[i] *= a`.
    ///
    /// ```
    /// let mut x = [1.0, 2.0, 3.0];
    /// bot4_simd::scale(&mut x, 0.5);
    /// assert_eq!(x, [0.5, 1.0, 1.5]);
    /// ```
    fn scale(x: &mut [T], a: T) = Wide arithmetic::scale or if x.len() <= short::MAX => short::scale(x, a);

    /// Adds in place: `y[i] += x[i]`.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// let mut y = [1.0, 2.0];
    /// bot4_simd::add(&mut y, &[10.0, 20.0]);
    /// assert_eq!(y, [11.0, 22.0]);
    /// ```
    fn add(y: &mut [T], x: &[T]) where same_length(y.len(), x.len()) = Wide arithmetic::add or if y.len() <= short::MAX => short::add(y, x);

    /// Subtracts in place: `y[i] -= x[i]`.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// let mut y = [1.0, 2.0];
    /// bot4_simd::sub(&mut y, &[10.0, 20.0]);
    /// assert_eq!(y, [-9.0, -18.0]);
    /// ```
    fn sub(y: &mut [T], x: &[T]) where same_length(y.len(), x.len()) = Wide arithmetic::sub or if y.len() <= short::MAX => short::sub(y, x);

    /// Multiplies in place: `y[i] *= x[i]`.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// let mut y = [1.0, 2.0];
    /// bot4_simd::mul(&mut y, &[10.0, 20.0]);
    /// assert_eq!(y, [10.0, 40.0]);
    /// ```
    fn mul(y: &mut [T], x: &[T]) where same_length(y.len(), x.len()) = Wide arithmetic::mul or if y.len() <= short::MAX => short::mul(y, x);

    /// Adds a multiple: `y[i] += a * x[i]`, fused where the instruction set has FMA and there are more than 16 numbers.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// let mut y = [1.0, 2.0];
    /// bot4_simd::axpy(2.0, &[10.0, 20.0], &mut y);
    /// assert_eq!(y, [21.0, 42.0]);
    /// ```
    fn axpy(a: T, x: &[T], y: &mut [T]) where same_length(x.len(), y.len()) = Wide arithmetic::axpy or if y.len() <= short::MAX => short::axpy(a, x, y);

    /// Adds products: `y[i] += a[i] * b[i]`, each rounded once (where the hardware has no FMA by a slow library call).
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// let mut y = [1.0, 2.0];
    /// bot4_simd::fma(&[10.0, 20.0], &[0.5, 0.25], &mut y);
    /// assert_eq!(y, [6.0, 7.0]);
    /// ```
    fn fma(a: &[T], b: &[T], y: &mut [T]) where same_lengths(y.len(), a.len(), b.len()) = Wide arithmetic::fma;

    /// Limits each number to `lo..=hi`. A NaN stays.
    ///
    /// # Panics
    /// If `lo > hi` or either is NaN.
    ///
    /// ```
    /// let mut x = [-5.0, 0.25, 5.0];
    /// bot4_simd::clamp(&mut x, -1.0, 1.0);
    /// assert_eq!(x, [-1.0, 0.25, 1.0]);
    /// ```
    fn clamp(x: &mut [T], lo: T, hi: T) where ordered(lo, hi) = Wide arithmetic::clamp or if x.len() <= short::MAX => short::clamp(x, lo, hi);

    /// Puts each number through a [`Step`](crate::Step) of one's own: several operations in one pass, compiled for each
    /// instruction set. Pass `&mut step` to keep what it remembers.
    ///
    /// ```
    /// use bot4_simd::{Lanes, Step, map};
    ///
    /// /// How much of the last difference is left after squashing.
    /// struct Squashed {
    ///     before: f64,
    /// }
    ///
    /// impl Step<f64> for Squashed {
    ///     #[inline(always)]
    ///     fn apply<L: Lanes<f64>>(&mut self, x: L) -> L {
    ///         (x - x.delayed(&mut self.before)).tanh()
    ///     }
    /// }
    ///
    /// let mut x = [1.0, 3.0, 3.0];
    /// let mut step = Squashed { before: 1.0 };
    /// map(&mut x, &mut step);
    /// assert_eq!(x, [0.0, f64::tanh(2.0), 0.0]);
    /// assert_eq!(step.before, 3.0);
    /// ```
    fn map(x: &mut [T], step: impl Step<T>) = Wide map::through;

    /// Standardises a column: `x[i] = (x[i] - mean) * inv_std`, two rounded operations.
    ///
    /// ```
    /// let mut x = [1.0, 3.0];
    /// bot4_simd::standardize(&mut x, 2.0, 4.0);
    /// assert_eq!(x, [-4.0, 4.0]);
    /// ```
    fn standardize(x: &mut [T], mean: T, inv_std: T) = Wide arithmetic::standardize or if x.len() <= short::MAX => short::standardize(x, mean, inv_std);

    /// Standardises a row: `x[i] = (x[i] - mean[i]) * inv_std[i]`, the same bits as [`standardize`](crate::standardize) of
    /// the columns.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// let mut x = [1.0, 3.0];
    /// bot4_simd::standardize_each(&mut x, &[2.0, 1.0], &[4.0, 0.5]);
    /// assert_eq!(x, [-4.0, 1.0]);
    /// ```
    fn standardize_each(x: &mut [T], mean: &[T], inv_std: &[T])
        where same_lengths(x.len(), mean.len(), inv_std.len()) = Wide arithmetic::standardize_each or if x.len() <= short::MAX => short::standardize_each(x, mean, inv_std);

    /// Subtracts the slice's own mean and divides by its own population deviation. A slice without
    /// spread becomes zeros; an infinity or NaN in it makes all NaN.
    ///
    /// ```
    /// let mut x = [1.0, 3.0];
    /// bot4_simd::zscore(&mut x);
    /// assert_eq!(x, [-1.0, 1.0]);
    /// ```
    fn zscore(x: &mut [T]) = Wide moments::zscore or if x.len() <= short::MAX => short::zscore(x);

    /// The sum; 0 of nothing. Partial sums per lane: rounding differs between instruction sets.
    ///
    /// ```
    /// assert_eq!(bot4_simd::sum(&[1.0, 2.0, 3.5]), 6.5);
    /// ```
    fn sum(x: &[T]) -> T = Wide reduce::sum or if x.len() <= short::MAX => short::sum(x);

    /// The sum of squares; 0 of nothing. Overflows to infinity where a square does.
    ///
    /// ```
    /// assert_eq!(bot4_simd::squared_norm(&[3.0, 4.0]), 25.0);
    /// ```
    fn squared_norm(x: &[T]) -> T = Wide reduce::squared_norm or if x.len() <= short::MAX => short::squared_norm(x);

    /// The inner product; 0 of nothing. Fast: rounding differs between instruction sets; [`dot8`](crate::dot8) does not.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// assert_eq!(bot4_simd::dot(&[1.0, 2.0], &[10.0, 100.0]), 210.0);
    /// ```
    fn dot(a: &[T], b: &[T]) -> T where same_length(a.len(), b.len()) = Wide reduce::dot or if a.len() <= short::MAX => short::dot(a, b);

    /// The reproducible inner product: the same bits on every instruction set and machine.
    ///
    /// Eight virtual lanes start at zero; lane `l` takes the products `j = l mod 8` in increasing
    /// order, each by one fused multiply-add; the result is `((l0+l4)+(l2+l6)) + ((l1+l5)+(l3+l7))`.
    /// (Where the hardware has no FMA that is a slow library call per product.)
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// assert_eq!(bot4_simd::dot8(&[1.0, 2.0], &[10.0, 100.0]), 210.0);
    /// ```
    fn dot8(a: &[T], b: &[T]) -> T where same_length(a.len(), b.len()) = Octet linear::dot8;

    /// Weighs columns: `out[i] = sum over j of weights[j] * data[j * stride + i]`, the same bits as
    /// [`dot8`](crate::dot8) of row `i` with the weights.
    ///
    /// Column `j` is `data[j * stride..][..out.len()]`.
    ///
    /// # Panics
    /// If `data` is shorter than the columns need.
    ///
    /// ```
    /// let columns = [1.0, 2.0, 3.0, /* padding */ 0.0, 10.0, 20.0, 30.0];
    /// let mut out = [0.0; 3];
    /// bot4_simd::weighted_sum(&columns, 4, &[1.0, 0.5], &mut out);
    /// assert_eq!(out, [6.0, 12.0, 18.0]);
    /// ```
    fn weighted_sum(data: &[T], stride: usize, weights: &[T], out: &mut [T])
        where holds_columns(data.len(), stride, weights.len(), out.len()) = Wide linear::weighted_sum;

    /// Mean and population variance; `None` of nothing.
    ///
    /// Safe against cancellation: deviations are taken from the mean of each block of 1024 numbers and
    /// blocks are merged in f64. A NaN or infinity makes both NaN.
    ///
    /// ```
    /// let (mean, var) = bot4_simd::mean_var(&[1e9 + 1.0, 1e9 + 3.0]).unwrap();
    /// assert_eq!((mean, var), (1e9 + 2.0, 1.0));
    /// ```
    fn mean_var(x: &[T]) -> Option<(T, T)> = Wide moments::mean_var or if x.len() <= short::MAX => short::mean_var(x);

    /// The least number; `None` of nothing, NaN if any number is NaN. Of zeros with different signs
    /// either may be returned.
    ///
    /// ```
    /// assert_eq!(bot4_simd::min(&[3.0, -1.0, 2.0]), Some(-1.0));
    /// assert!(bot4_simd::min(&[3.0, f64::NAN]).unwrap().is_nan());
    /// ```
    fn min(x: &[T]) -> Option<T> = Wide extrema::min or if x.len() <= short::MAX => short::min(x);

    /// The greatest number; `None` of nothing, NaN if any number is NaN. Of zeros with different signs
    /// either may be returned.
    ///
    /// ```
    /// assert_eq!(bot4_simd::max(&[3.0, -1.0, 2.0]), Some(3.0));
    /// ```
    fn max(x: &[T]) -> Option<T> = Wide extrema::max or if x.len() <= short::MAX => short::max(x);

    /// e^x of each number, at most 1 ULP off. A result does not depend on position, length or
    /// instruction set.
    ///
    /// Overflows to infinity, keeps subnormal results, keeps NaN.
    ///
    /// ```
    /// let mut x = [0.0, f64::NEG_INFINITY];
    /// bot4_simd::exp(&mut x);
    /// assert_eq!(x, [1.0, 0.0]);
    /// ```
    fn exp(x: &mut [T]) = Wide arithmetic::exp;

    /// The hyperbolic tangent of each number, at most 2 ULP off. A result does not depend on position,
    /// length or instruction set.
    ///
    /// Odd to the bit, within -1..=1, keeps NaN and the sign of zero.
    ///
    /// ```
    /// let mut x = [0.0, 100.0, -100.0];
    /// bot4_simd::tanh(&mut x);
    /// assert_eq!(x, [0.0, 1.0, -1.0]);
    /// ```
    fn tanh(x: &mut [T]) = Wide arithmetic::tanh;

    /// The logistic function `1 / (1 + e^-x)` of each number, at most 2 ULP off. A result does not
    /// depend on position, length or instruction set.
    ///
    /// Keeps subnormal results and NaN.
    ///
    /// ```
    /// let mut x = [0.0, 100.0];
    /// bot4_simd::sigmoid(&mut x);
    /// assert_eq!(x, [0.5, 1.0]);
    /// ```
    fn sigmoid(x: &mut [T]) = Wide arithmetic::sigmoid;

    /// The natural logarithm of each number, at most 1.2 ULP off. A result does not depend on position,
    /// length or instruction set.
    ///
    /// Zero gives minus infinity, a negative number NaN; takes subnormals, keeps infinity and NaN.
    ///
    /// ```
    /// let mut x = [1.0, 0.0];
    /// bot4_simd::ln(&mut x);
    /// assert_eq!(x, [0.0, f64::NEG_INFINITY]);
    /// ```
    fn ln(x: &mut [T]) = Wide arithmetic::ln;

    /// The error function of each number, at most 2.5 ULP off. A result does not depend on position,
    /// length or instruction set.
    ///
    /// Odd to the bit, within -1..=1, keeps NaN and the sign of zero.
    ///
    /// ```
    /// let mut x = [0.0, 0.5, -100.0];
    /// bot4_simd::erf(&mut x);
    /// assert_eq!(x, [0.0, 0.5204998778130465, -1.0]);
    /// ```
    fn erf(x: &mut [T]) = Wide arithmetic::erf;

    /// The exponential moving average, in place: `x[i] = e` after `e = (1 - alpha) e + alpha x[i]`, with `e` from `state`
    /// on. Returns the last `e`, to go on from; of nothing `state`.
    ///
    /// Computed a register at a time, so results differ from the recurrence, and between instruction sets, in
    /// rounding. A NaN stays from where it stands, and so does an infinity.
    ///
    /// ```
    /// let mut x = [8.0, 0.0, 0.0];
    /// assert_eq!(bot4_simd::ema(&mut x, 0.5, 0.0), 1.0);
    /// assert_eq!(x, [4.0, 2.0, 1.0]);
    /// ```
    fn ema(x: &mut [T], alpha: T, state: T) -> T = Wide recurrence::ema;

    /// Rolling sums: `out[i]` is the sum of the last `window` numbers up to and including `x[i]`; of all so
    /// far while there are fewer.
    ///
    /// Takes log2 `window` passes and subtracts nothing: no drift, and an infinity or NaN is gone when its window is.
    /// The same bits on every instruction set.
    ///
    /// # Panics
    /// If the lengths differ or `window` is 0.
    ///
    /// ```
    /// let mut out = [0.0; 5];
    /// bot4_simd::rolling_sum(&[1.0, 2.0, 3.0, 4.0, 5.0], 3, &mut out);
    /// assert_eq!(out, [1.0, 3.0, 6.0, 9.0, 12.0]);
    /// ```
    fn rolling_sum(x: &[T], window: usize, out: &mut [T])
        where window_fits(window, x.len(), out.len(), out.len()) = Wide rolling::rolling_sum;

    /// Rolling mean and population variance of the last `window` numbers up to and including `x[i]`; of all so far while
    /// there are fewer.
    ///
    /// Safe against cancellation: windows are merged, nothing is subtracted from a running sum. Takes log2 `window`
    /// passes. The same bits on every instruction set.
    ///
    /// # Panics
    /// If the lengths differ or `window` is 0.
    ///
    /// ```
    /// let (mut mean, mut var) = ([0.0; 4], [0.0; 4]);
    /// bot4_simd::rolling_mean_var(&[1.0, 3.0, 7.0, 7.0], 2, &mut mean, &mut var);
    /// assert_eq!((mean, var), ([1.0, 2.0, 5.0, 7.0], [0.0, 1.0, 4.0, 0.0]));
    /// ```
    fn rolling_mean_var(x: &[T], window: usize, mean: &mut [T], var: &mut [T])
        where window_fits(window, x.len(), mean.len(), var.len()) = Wide rolling::rolling_mean_var;

    /// Rolling minimum, in place: `x[i]` becomes the least of the last `window` numbers up to and including
    /// itself; NaN if one of them is. Takes log2 `window` passes.
    ///
    /// # Panics
    /// If `window` is 0.
    ///
    /// ```
    /// let mut x = [3.0, 1.0, 4.0, 1.5, 5.0];
    /// bot4_simd::rolling_min(&mut x, 2);
    /// assert_eq!(x, [3.0, 1.0, 1.0, 1.5, 1.5]);
    /// ```
    fn rolling_min(x: &mut [T], window: usize) where not_empty(window) = Wide rolling::rolling_min;

    /// Rolling maximum, in place: `x[i]` becomes the greatest of the last `window` numbers up to and including
    /// itself; NaN if one of them is. Takes log2 `window` passes.
    ///
    /// # Panics
    /// If `window` is 0.
    ///
    /// ```
    /// let mut x = [3.0, 1.0, 4.0, 1.5, 5.0];
    /// bot4_simd::rolling_max(&mut x, 2);
    /// assert_eq!(x, [3.0, 3.0, 4.0, 4.0, 5.0]);
    /// ```
    fn rolling_max(x: &mut [T], window: usize) where not_empty(window) = Wide rolling::rolling_max;

    /// Turns scores into probabilities: `e^x[i] / sum of e^x`, without overflow.
    ///
    /// A NaN or positive infinity, or nothing but negative infinities, makes all NaN. The sum is
    /// fast: rounding differs between instruction sets.
    ///
    /// ```
    /// let mut x = [1000.0, 1000.0, f64::NEG_INFINITY];
    /// bot4_simd::softmax(&mut x);
    /// assert_eq!(x, [0.5, 0.5, 0.0]);
    /// ```
    fn softmax(x: &mut [T]) = Wide softmax::softmax;

    /// `ln(sum of e^x)` without overflow; minus infinity of nothing, NaN if any number is NaN.
    ///
    /// ```
    /// assert_eq!(bot4_simd::log_sum_exp(&[1000.0, f64::NEG_INFINITY]), 1000.0);
    /// ```
    fn log_sum_exp(x: &[T]) -> T = Wide softmax::log_sum_exp;

    /// Where the least number first stands; the first NaN if there is one; `None` of nothing.
    ///
    /// ```
    /// assert_eq!(bot4_simd::argmin(&[3.0, 1.0, 1.0]), Some(1));
    /// ```
    fn argmin(x: &[T]) -> Option<usize> = Wide extrema::argmin or if x.len() <= short::SEARCH_MAX => short::argmin(x);

    /// Where the greatest number first stands; the first NaN if there is one; `None` of nothing.
    ///
    /// ```
    /// assert_eq!(bot4_simd::argmax(&[3.0, 9.0, 9.0]), Some(1));
    /// ```
    fn argmax(x: &[T]) -> Option<usize> = Wide extrema::argmax or if x.len() <= short::SEARCH_MAX => short::argmax(x);

    /// Row-major matrix times vector: `y[i] = sum over j of a[i * cols + j] * x[j]`. Fast: rounding
    /// differs between instruction sets, not between rows.
    ///
    /// # Panics
    /// If a length does not fit the shape.
    ///
    /// ```
    /// let a = [1.0, 2.0, 3.0, /* second row */ 4.0, 5.0, 6.0];
    /// let mut y = [0.0; 2];
    /// bot4_simd::gemv(&a, 2, 3, &[1.0, 0.0, 1.0], &mut y);
    /// assert_eq!(y, [4.0, 10.0]);
    /// ```
    fn gemv(a: &[T], rows: usize, cols: usize, x: &[T], y: &mut [T])
        where shapes([(a.len(), rows, cols), (x.len(), cols, 1), (y.len(), rows, 1)]) = Wide product::gemv or if a.len() <= short::MAX => short::gemv(a, cols, x, y);

    /// Transposed row-major matrix times vector: `y[j] = sum over i of a[i * cols + j] * x[i]`, the same
    /// bits on every instruction set ([`weighted_sum`](crate::weighted_sum) of the columns of the transpose).
    ///
    /// # Panics
    /// If a length does not fit the shape.
    ///
    /// ```
    /// let a = [1.0, 2.0, 3.0, /* second row */ 4.0, 5.0, 6.0];
    /// let mut y = [0.0; 3];
    /// bot4_simd::gemv_t(&a, 2, 3, &[1.0, 10.0], &mut y);
    /// assert_eq!(y, [41.0, 52.0, 63.0]);
    /// ```
    fn gemv_t(a: &[T], rows: usize, cols: usize, x: &[T], y: &mut [T])
        where shapes([(a.len(), rows, cols), (x.len(), rows, 1), (y.len(), cols, 1)]) = Wide product::gemv_t;

    /// Adds an outer product to a row-major matrix: `a[i * y.len() + j] += alpha * x[i] * y[j]`.
    ///
    /// # Panics
    /// If `a` has not `x.len() * y.len()` numbers.
    ///
    /// ```
    /// let mut a = [0.0; 4];
    /// bot4_simd::ger(2.0, &[1.0, 2.0], &[3.0, 4.0], &mut a);
    /// assert_eq!(a, [6.0, 8.0, 12.0, 16.0]);
    /// ```
    fn ger(alpha: T, x: &[T], y: &[T], a: &mut [T])
        where shapes([(a.len(), x.len(), y.len())]) = Wide product::ger;

    /// Row-major matrix product: `c = a b`, where `a` is `rows x inner` and `b` is `inner x cols`.
    ///
    /// One thread; panels of `b` are copied to the stack (24 KiB) where it is too large to be read in place. For matrices
    /// up to about 256 x 256, as fast as OpenBLAS on one thread; larger ones are the business of the crates `gemm` and `faer`,
    /// which block for all caches and use several threads. Sizes known at compile time: [`Matrix`](crate::Matrix).
    ///
    /// # Panics
    /// If a length does not fit the shape.
    ///
    /// ```
    /// let mut c = [0.0; 4];
    /// bot4_simd::gemm(&[1.0, 2.0, 3.0, 4.0], &[0.0, 1.0, 1.0, 0.0], &mut c, 2, 2, 2);
    /// assert_eq!(c, [2.0, 1.0, 4.0, 3.0]);
    /// ```
    fn gemm(a: &[T], b: &[T], c: &mut [T], rows: usize, inner: usize, cols: usize)
        where shapes([(a.len(), rows, inner), (b.len(), inner, cols), (c.len(), rows, cols)]) = Wide gemm::gemm;

    /// How many of its cuts lie below each number: `ranks[i]` of those of input `i` below `x[i]`. A NaN is above none.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// use bot4_simd::{Cuts, ranks};
    ///
    /// let cuts = Cuts::new([&[0.0][..], &[1.0, 2.0, 3.0]]);
    /// let mut rank = [0; 2];
    /// ranks(&cuts, &[0.0, 2.5], &mut rank);
    /// assert_eq!(rank, [0, 2]);
    /// ```
    fn ranks(cuts: &Cuts<T>, x: &[T], ranks: &mut [u8])
        where same_lengths(x.len(), cuts.inputs(), ranks.len()) = Wide trees::ranks;

    /// The sum of what boosted trees say: of each tree the leaf that its splits lead to, given the [`ranks`](crate::ranks()) of its
    /// inputs, which are padded with anything to a multiple of 16; a tree that asks for an input beyond them leads to any of its
    /// leaves. What it costs depends on how many trees and inputs there are, not on the ranks. The same bits on every instruction set.
    ///
    /// # Panics
    /// If there are not as many rows of leaves as trees, or the ranks are not a multiple of 16 up to
    /// [`Splits::INPUTS_MAX`](crate::Splits::INPUTS_MAX).
    ///
    /// ```
    /// use bot4_simd::{Splits, leaf_sum};
    ///
    /// let mut trees = [Splits::new(), Splits::new()];
    /// trees[0].set(1, 0, 4); // its root: right if input 0 is above its cut 4
    /// trees[1].set(1, 0, 5);
    /// let halves = |left: f64, right: f64| std::array::from_fn(|leaf| if leaf < 32 { left } else { right });
    /// let leaves = [halves(1.0, 2.0), halves(10.0, 20.0)];
    /// let mut ranks = [0; 16];
    /// ranks[0] = 5; // above five cuts: 0 to 4
    /// assert_eq!(leaf_sum(&trees, &leaves, &ranks), 12.0);
    /// ```
    fn leaf_sum(trees: &[Splits], leaves: &[[T; Splits::LEAVES]], ranks: &[u8]) -> T
        where fits_trees(trees.len(), leaves.len(), ranks.len()) = Wide trees::leaf_sum;

    /// A layer for one row: `y[j] = bias[j] + sum over k of x[k] * a[k][j]`, with `a` laid out by
    /// [`Panels`](crate::Panels) and `bias` padded as its columns are. The same bits as
    /// [`panel_gemm`](crate::panel_gemm), and on every instruction set that has FMA.
    ///
    /// # Panics
    /// If a length does not fit the layout.
    ///
    /// ```
    /// use bot4_simd::{Panels, panel_gemv};
    ///
    /// let layout = Panels::<f32>::new(1, 2);
    /// let mut a = vec![0.0_f32; layout.len()];
    /// a[layout.index(0, 1)] = 3.0;
    /// let mut y = [0.0; 2];
    /// panel_gemv(&a, &vec![1.0; layout.padded_outputs()], &[2.0], &mut y);
    /// assert_eq!(y, [1.0, 7.0]);
    /// ```
    fn panel_gemv(a: &[T], bias: &[T], x: &[T], y: &mut [T])
        where fits_panels(Panels::<T>::new(x.len(), y.len()), a.len(), bias.len()) = Wide panel::gemv;

    /// A layer for a batch: `y = bias + x a`, with `x` of `rows x inner` and `y` of `rows x cols` numbers, row
    /// by row, and `a` laid out by [`Panels`](crate::Panels). Nothing is packed: weights are laid out once,
    /// when they are made.
    ///
    /// # Panics
    /// If a length does not fit.
    ///
    /// ```
    /// use bot4_simd::{Panels, panel_gemm};
    ///
    /// let layout = Panels::<f32>::new(2, 1);
    /// let mut a = vec![0.0_f32; layout.len()];
    /// (a[layout.index(0, 0)], a[layout.index(1, 0)]) = (1.0, 10.0);
    /// let mut y = [0.0; 3];
    /// let bias = vec![0.0; layout.padded_outputs()];
    /// panel_gemm(&a, &bias, &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 3, 2, &mut y, 1);
    /// assert_eq!(y, [1.0, 10.0, 11.0]);
    /// ```
    fn panel_gemm(a: &[T], bias: &[T], x: &[T], rows: usize, inner: usize, y: &mut [T], cols: usize)
        where fits_batch(Panels::<T>::new(inner, cols), [a.len(), bias.len(), x.len(), y.len()], rows) = Wide panel::gemm;
}

/// Each is a length and the rows and columns it must hold.
#[inline(always)]
#[track_caller]
fn shapes<const N: usize>(all: [(usize, usize, usize); N]) {
    for (len, rows, cols) in all {
        if rows.checked_mul(cols) != Some(len) {
            wrong_shape(len, rows, cols);
        }
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn wrong_shape(len: usize, rows: usize, cols: usize) -> ! {
    panic!("{len} numbers are not {rows} x {cols}")
}

#[inline(always)]
#[track_caller]
fn fits_panels<T: Element>(layout: Panels<T>, a: usize, bias: usize) {
    shapes([(a, layout.inputs(), layout.padded_outputs()), (bias, layout.padded_outputs(), 1)]);
}

#[inline(always)]
#[track_caller]
fn fits_batch<T: Element>(layout: Panels<T>, [a, bias, x, y]: [usize; 4], rows: usize) {
    fits_panels(layout, a, bias);
    shapes([(x, rows, layout.inputs()), (y, rows, layout.outputs())]);
}

#[inline(always)]
#[track_caller]
fn fits_trees(trees: usize, leaves: usize, ranks: usize) {
    same_length(trees, leaves);
    assert!(
        ranks.is_multiple_of(16) && ranks <= Splits::INPUTS_MAX,
        "{ranks} ranks are no rows of 16, or too many"
    );
}

#[inline(always)]
#[track_caller]
fn same_length(a: usize, b: usize) {
    if a != b {
        lengths_differ(a, b);
    }
}

#[inline(always)]
#[track_caller]
fn same_lengths(a: usize, b: usize, c: usize) {
    same_length(a, b);
    same_length(a, c);
}

#[cold]
#[inline(never)]
#[track_caller]
fn lengths_differ(a: usize, b: usize) -> ! {
    panic!("lengths differ: {a} and {b}")
}

#[inline(always)]
#[track_caller]
fn ordered<T: Element>(lo: T, hi: T) {
    assert!(lo <= hi, "no range from {lo} to {hi}");
}

#[inline(always)]
#[track_caller]
fn not_empty(window: usize) {
    assert!(window > 0, "a window of 0 numbers");
}

#[inline(always)]
#[track_caller]
fn window_fits(window: usize, a: usize, b: usize, c: usize) {
    not_empty(window);
    same_lengths(a, b, c);
}

#[inline(always)]
#[track_caller]
fn holds_columns(len: usize, stride: usize, columns: usize, rows: usize) {
    let Some(before_last) = columns.checked_sub(1) else { return };
    let needed = before_last.checked_mul(stride).and_then(|start| start.checked_add(rows));
    if needed.is_none_or(|needed| len < needed) {
        too_short(len, stride, columns, rows);
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn too_short(len: usize, stride: usize, columns: usize, rows: usize) -> ! {
    panic!("{len} numbers do not hold {columns} columns of {rows} rows at stride {stride}")
}
