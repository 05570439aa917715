//! Slices so short that entering an instruction set costs more than it gains: plain loops that are inlined where the
//! free functions are called, four chains side by side where numbers become one. (Inside a program there is nothing to enter, and kernels do
//! not come here.)

use super::moments;
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
        sum = total(sums);
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

/// One by each length.
const INVERSES: [f64; MAX + 1] = {
    let mut inverses = [0.0; MAX + 1];
    let mut len = 1;
    while len <= MAX {
        inverses[len] = 1.0 / len as f64;
        len += 1;
    }
    inverses
};

/// As [`moments::mean_var`] of one block, with the first number for a guess of the mean; up to [`MAX`] numbers.
#[inline]
pub(crate) fn mean_var<T: Element>(x: &[T]) -> Option<(T, T)> {
    if let &[x] = x {
        let var = x.abs() * T::ZERO; // NaN of a number that is not finite
        return Some((x + var, var));
    }
    let &first = x.first()?;
    let (mean, var, shifted) = about(x, first);
    if var >= shifted * T::from_f64(moments::KEPT) { Some((mean, var)) } else { Some(mean_var_again(x)) }
}

/// From the mean, of shares of the numbers: they may lie so far apart that a deviation from the first overflows.
#[cold]
#[inline(never)]
fn mean_var_again<T: Element>(x: &[T]) -> (T, T) {
    let inverse = T::from_f64(INVERSES[x.len()]);
    let (mean, var, _) = about(x, x.iter().map(|&x| x * inverse).sum());
    // Not `max`: it would make a NaN zero.
    (mean, if var < T::ZERO { T::ZERO } else { var })
}

/// Mean, variance, and the mean of the squared deviations from `shift`.
#[inline]
fn about<T: Element>(x: &[T], shift: T) -> (T, T, T) {
    let inverse = T::from_f64(INVERSES[x.len()]);
    let (chunks, rest) = x.as_chunks::<CHAINS>();
    let (mut sum, mut squares) = (T::ZERO, T::ZERO);
    if let Some((first, chunks)) = chunks.split_first() {
        let mut sums = first.map(|x| x - shift);
        let mut all_squares = sums.map(|d| d * d);
        for chunk in chunks {
            for chain in 0..CHAINS {
                let d = chunk[chain] - shift;
                sums[chain] += d;
                all_squares[chain] += d * d;
            }
        }
        (sum, squares) = (total(sums), total(all_squares));
    }
    for &x in rest {
        let d = x - shift;
        sum += d;
        squares += d * d;
    }
    let correction = sum * inverse;
    (shift + correction, (squares - sum * correction) * inverse, squares * inverse)
}

#[inline]
fn total<T: Element>(sums: [T; CHAINS]) -> T {
    (sums[0] + sums[2]) + (sums[1] + sums[3])
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

#[cold]
#[inline(never)]
fn extreme_among_nans<T: Element>(x: &[T], better: impl Fn(T, T) -> bool) -> Option<T> {
    extreme(x, better)
}

/// The same without a comparison for NaN, which is looked for only where the sum is one: of infinities that are not alike, too.
#[inline]
fn quick_extreme<T: Element>(x: &[T], better: impl Fn(T, T) -> bool) -> Option<T> {
    let (chunks, rest) = x.as_chunks::<CHAINS>();
    let Some((&first, chunks)) = chunks.split_first() else { return extreme(x, better) };
    let of = |a: T, b: T| if better(b, a) { b } else { a };
    let (mut bests, mut sums) = (first, first);
    for chunk in chunks {
        for chain in 0..CHAINS {
            bests[chain] = of(bests[chain], chunk[chain]);
            sums[chain] += chunk[chain];
        }
    }
    let (mut best, mut sum) = (of(of(bests[0], bests[2]), of(bests[1], bests[3])), total(sums));
    for &x in rest {
        best = of(best, x);
        sum += x;
    }
    if sum.is_nan() { extreme_among_nans(x, better) } else { Some(best) }
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
