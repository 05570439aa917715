//! Slices so short that entering an instruction set costs more than it gains: plain loops that are inlined where the
//! free functions are called, four chains side by side where numbers become one. (Inside a program there is nothing to enter, and kernels do
//! not come here.)

use crate::element::Element;

/// Numbers up to which the plain loop wins.
pub(crate) const MAX: usize = 16;
/// The same where each number is a comparison and a jump.
pub(crate) const SEARCH_MAX: usize = 8;

/// Chains side by side.
const CHAINS: usize = 4;

/// The sum of `f` of each pair.
#[inline]
fn sum_of<A, B, T: Element>(a: &[A], b: &[B], f: impl Fn(&A, &B) -> T) -> T {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<CHAINS>(), b.as_chunks::<CHAINS>());
    let mut sum = T::ZERO;
    if let (Some((a_first, a)), Some((b_first, b))) = (a.split_first(), b.split_first()) {
        let mut sums: [T; CHAINS] = std::array::from_fn(|k| f(&a_first[k], &b_first[k]));
        for (a, b) in a.iter().zip(b) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum += f(a, b);
            }
        }
        sum = (sums[0] + sums[2]) + (sums[1] + sums[3]);
    }
    for (a, b) in a_rest.iter().zip(b_rest) {
        sum += f(a, b);
    }
    sum
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

/// One by each length. A whole multiple of a length, times its inverse, is that whole number without rounding, so that a slice
/// without spread has none.
const INVERSES: [f64; MAX + 1] = {
    let mut inverses = [0.0; MAX + 1];
    let mut len = 1;
    while len <= MAX {
        inverses[len] = 1.0 / len as f64;
        len += 1;
    }
    inverses
};

/// As [`moments::mean_var`](super::moments::mean_var) of one block; up to [`MAX`] numbers.
#[inline]
pub(crate) fn mean_var<T: Element>(x: &[T]) -> Option<(T, T)> {
    if x.is_empty() {
        return None;
    }
    let inverse = INVERSES[x.len()];
    let near = T::from_f64(Into::<f64>::into(sum(x)) * inverse);
    let (mut sum, mut squares) = (T::ZERO, T::ZERO);
    for &x in x {
        sum += x - near;
        squares += (x - near) * (x - near);
    }
    let (sum, squares): (f64, f64) = (sum.into(), squares.into());
    let correction = sum * inverse;
    let squares = squares - sum * correction;
    // Not `max`: it would make a NaN zero.
    let squares = if squares < 0.0 { 0.0 } else { squares };
    Some((T::from_f64(near.into() + correction), T::from_f64(squares / x.len() as f64)))
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

/// The same without a comparison for NaN, which is looked for only where the sum is one: of infinities that are not alike, too.
#[inline]
fn quick_extreme<T: Element>(x: &[T], better: impl Fn(T, T) -> bool) -> Option<T> {
    let (chunks, rest) = x.as_chunks::<CHAINS>();
    let Some((&first, chunks)) = chunks.split_first() else { return extreme(x, better) };
    let (mut best, mut sums) = (first, first);
    for chunk in chunks {
        for chain in 0..CHAINS {
            best[chain] = if better(chunk[chain], best[chain]) { chunk[chain] } else { best[chain] };
            sums[chain] += chunk[chain];
        }
    }
    for &x in rest {
        best[0] = if better(x, best[0]) { x } else { best[0] };
        sums[0] += x;
    }
    let of = |a: T, b: T| if better(b, a) { b } else { a };
    let sum = (sums[0] + sums[2]) + (sums[1] + sums[3]);
    if sum.is_nan() { extreme(x, better) } else { Some(of(of(best[0], best[2]), of(best[1], best[3]))) }
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
pub(crate) fn axpy<T: Element>(a: T, x: &[T], y: &mut [T]) {
    y.iter_mut().zip(x).for_each(|(y, &x)| *y += a * x);
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
