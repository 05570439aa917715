//! Slices so short that entering an instruction set costs more than it gains: plain loops that are inlined where the
//! free functions are called, four chains for the sums. (Inside a program there is nothing to enter, and kernels do
//! not come here.)

use crate::element::Element;

/// Numbers up to which the plain loop wins.
pub(crate) const MAX: usize = 16;

#[inline]
pub(crate) fn sum<T: Element>(x: &[T]) -> T {
    let (chunks, rest) = x.as_chunks::<4>();
    let mut sums = [T::ZERO; 4];
    for x in chunks {
        for (sum, &x) in sums.iter_mut().zip(x) {
            *sum += x;
        }
    }
    let mut last = T::ZERO;
    for &x in rest {
        last += x;
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + last
}

#[inline]
pub(crate) fn squared_norm<T: Element>(x: &[T]) -> T {
    dot(x, x)
}

#[inline]
pub(crate) fn dot<T: Element>(a: &[T], b: &[T]) -> T {
    let ((chunks, rest), (others, other_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sums = [T::ZERO; 4];
    for (a, b) in chunks.iter().zip(others) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let mut last = T::ZERO;
    for (&a, &b) in rest.iter().zip(other_rest) {
        last += a * b;
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + last
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

#[inline]
pub(crate) fn min<T: Element>(x: &[T]) -> Option<T> {
    extreme(x, |x, best| x < best)
}

#[inline]
pub(crate) fn max<T: Element>(x: &[T]) -> Option<T> {
    extreme(x, |x, best| x > best)
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
