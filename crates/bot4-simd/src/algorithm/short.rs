//! Slices so short that entering an instruction set costs more than it gains: plain loops that are inlined where the
//! free functions are called, four chains for the sums. (Inside a program there is nothing to enter, and kernels do
//! not come here.)

use crate::element::Element;

/// Numbers up to which the plain loop wins.
pub(crate) const MAX: usize = 16;
/// The same where each number is a comparison and a jump.
pub(crate) const SEARCH_MAX: usize = 8;

/// Numbers up to which one chain of additions wins: the next call does not wait for it.
const CHAIN_MAX: usize = 8;

/// The sum of `f` of each pair.
#[inline]
fn sum_of<A, B, T: Element>(a: &[A], b: &[B], f: impl Fn(&A, &B) -> T) -> T {
    let mut last = T::ZERO;
    if a.len() <= CHAIN_MAX {
        for (a, b) in a.iter().zip(b) {
            last += f(a, b);
        }
        return last;
    }
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sums = [T::ZERO; 4];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += f(a, b);
        }
    }
    for (a, b) in a_rest.iter().zip(b_rest) {
        last += f(a, b);
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + last
}

#[inline]
pub(crate) fn sum<T: Element>(x: &[T]) -> T {
    sum_of(x, x, |&x, _| x)
}

#[inline]
pub(crate) fn squared_norm<T: Element>(x: &[T]) -> T {
    sum_of(x, x, |&x, _| x * x)
}

#[inline]
pub(crate) fn dot<T: Element>(a: &[T], b: &[T]) -> T {
    sum_of(a, b, |&a, &b| a * b)
}

#[inline]
pub(crate) fn gemv<T: Element>(a: &[T], cols: usize, x: &[T], y: &mut [T]) {
    for (i, y) in y.iter_mut().enumerate() {
        *y = dot(&a[i * cols..][..cols], x);
    }
}

/// As [`moments::mean_var`](super::moments::mean_var) of one block, in f64.
#[inline]
pub(crate) fn mean_var<T: Element>(x: &[T]) -> Option<(T, T)> {
    if x.is_empty() {
        return None;
    }
    let count = x.len() as f64;
    let near = sum_of(x, x, |&x, _| x.into()) / count;
    let (mut sum, mut squares) = (0.0, 0.0);
    for &x in x {
        let deviation = Into::<f64>::into(x) - near;
        sum += deviation;
        squares += deviation * deviation;
    }
    let correction = sum / count;
    let squares = squares - sum * correction;
    // Not `max`: it would make a NaN zero.
    let squares = if squares < 0.0 { 0.0 } else { squares };
    Some((T::from_f64(near + correction), T::from_f64(squares / count)))
}

#[inline]
pub(crate) fn zscore<T: Element>(x: &mut [T]) {
    let Some((mean, var)) = mean_var(x) else { return };
    standardize(x, mean, if var == T::ZERO { T::ZERO } else { T::ONE / var.sqrt() });
}

/// The one that `better` prefers to all others, or a NaN if there is one.
#[inline]
fn extreme<T: Element>(x: &[T], better: impl Fn(T, T) -> bool) -> Option<T> {
    let (&first, rest) = x.split_first()?;
    let mut best = first;
    for &x in rest {
        best = if better(x, best) || x.is_nan() { x } else { best };
    }
    Some(best)
}

/// The same without a comparison for NaN, which is looked for only where a product by zero finds one, or an infinity.
#[inline]
fn quick_extreme<T: Element>(x: &[T], better: impl Fn(T, T) -> bool) -> Option<T> {
    let (&first, rest) = x.split_first()?;
    let (mut best, mut zeros) = (first, first * T::ZERO);
    for &x in rest {
        best = if better(x, best) { x } else { best };
        zeros += x * T::ZERO;
    }
    if zeros.is_nan() { extreme(x, better) } else { Some(best) }
}

#[inline]
pub(crate) fn min<T: Element>(x: &[T]) -> Option<T> {
    quick_extreme(x, |x, best| x < best)
}

#[inline]
pub(crate) fn max<T: Element>(x: &[T]) -> Option<T> {
    quick_extreme(x, |x, best| x > best)
}

/// Where the first stands that none is better than, or the first NaN.
#[inline]
fn position<T: Element>(x: &[T], better: impl Fn(T, T) -> bool) -> Option<usize> {
    let (&first, rest) = x.split_first()?;
    let mut best = (0, first);
    for (i, &x) in rest.iter().enumerate() {
        if better(x, best.1) || x.is_nan() && !best.1.is_nan() {
            best = (i + 1, x);
        }
    }
    Some(best.0)
}

#[inline]
pub(crate) fn argmin<T: Element>(x: &[T]) -> Option<usize> {
    position(x, |x, best| x < best)
}

#[inline]
pub(crate) fn argmax<T: Element>(x: &[T]) -> Option<usize> {
    position(x, |x, best| x > best)
}

#[inline]
pub(crate) fn standardize<T: Element>(x: &mut [T], mean: T, inv_std: T) {
    x.iter_mut().for_each(|x| *x = (*x - mean) * inv_std);
}

#[inline]
pub(crate) fn standardize_each<T: Element>(x: &mut [T], mean: &[T], inv_std: &[T]) {
    for ((x, &mean), &inv_std) in x.iter_mut().zip(mean).zip(inv_std) {
        *x = (*x - mean) * inv_std;
    }
}

#[inline]
pub(crate) fn clamp<T: Element>(x: &mut [T], lo: T, hi: T) {
    for x in x {
        let raised = if lo > *x { lo } else { *x };
        *x = if hi < raised { hi } else { raised };
    }
}

#[inline]
pub(crate) fn scale<T: Element>(x: &mut [T], a: T) {
    x.iter_mut().for_each(|x| *x *= a);
}

#[inline]
pub(crate) fn add<T: Element>(y: &mut [T], x: &[T]) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
}

#[inline]
pub(crate) fn sub<T: Element>(y: &mut [T], x: &[T]) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y -= x);
}

#[inline]
pub(crate) fn mul<T: Element>(y: &mut [T], x: &[T]) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y *= x);
}
