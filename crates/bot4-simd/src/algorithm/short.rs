//! Slices so short that entering an instruction set costs more than it gains: plain loops that are inlined where the
//! free functions are called, four chains for the sums. (Inside a program there is nothing to enter, and kernels do
//! not come here.)

use crate::element::Element;

/// Numbers up to which the plain loop wins.
pub(crate) const MAX: usize = 16;

#[inline]
fn fold<T: Element>(len: usize, term: impl Fn(usize) -> T) -> T {
    let mut sums = [T::ZERO; 4];
    let whole = len - len % 4;
    for i in (0..whole).step_by(4) {
        for (l, sum) in sums.iter_mut().enumerate() {
            *sum += term(i + l);
        }
    }
    let mut rest = T::ZERO;
    for i in whole..len {
        rest += term(i);
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3]) + rest
}

#[inline]
pub(crate) fn sum<T: Element>(x: &[T]) -> T {
    fold(x.len(), |i| x[i])
}

#[inline]
pub(crate) fn squared_norm<T: Element>(x: &[T]) -> T {
    fold(x.len(), |i| x[i] * x[i])
}

#[inline]
pub(crate) fn dot<T: Element>(a: &[T], b: &[T]) -> T {
    let b = &b[..a.len()];
    fold(a.len(), |i| a[i] * b[i])
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
