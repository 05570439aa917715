//! Slices so short that entering an instruction set costs more than it gains, and so does a loop: straight code for fours, then
//! for what is left of one, that is inlined where the free functions are called; four chains side by side where numbers become one.
//! (Inside a program there is nothing to enter, and kernels do not come here.)

use super::moments;
use crate::element::Element;
use std::array::from_fn;

/// Numbers up to which this wins; what follows does not look at more.
pub(crate) const MAX: usize = 16;
/// The same where each number is a comparison and a jump.
pub(crate) const SEARCH_MAX: usize = 8;

/// Chains side by side.
const CHAINS: usize = 4;
/// Times that each chain goes on, at most.
const TURNS: usize = MAX / CHAINS;

/// The sum of `f` of each pair.
#[inline(always)]
fn sum_of<A, B, T: Element>(a: &[A], b: &[B], f: impl Fn(&A, &B) -> T) -> T {
    debug_assert!(a.len() <= MAX);
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<CHAINS>(), b.as_chunks::<CHAINS>());
    let mut sum = T::ZERO;
    if let (Some(first_a), Some(first_b)) = (a.first(), b.first()) {
        let mut sums: [T; CHAINS] = from_fn(|k| f(&first_a[k], &first_b[k]));
        for turn in 1..TURNS {
            let (Some(a), Some(b)) = (a.get(turn), b.get(turn)) else { break };
            for chain in 0..CHAINS {
                sums[chain] += f(&a[chain], &b[chain]);
            }
        }
        sum = total(sums);
    }
    for i in 0..CHAINS - 1 {
        let (Some(a), Some(b)) = (a_rest.get(i), b_rest.get(i)) else { break };
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
#[inline(always)]
pub(crate) fn mean_var<T: Element>(x: &[T]) -> Option<(T, T)> {
    if let &[x] = x {
        let var = x.abs() * T::ZERO; // NaN of a number that is not finite
        return Some((x + var, var));
    }
    let &first = x.first()?;
    let inverse = T::from_f64(INVERSES[x.len()]);
    let (sum, squares) = about(x, first);
    let correction = sum * inverse;
    let about_mean = squares - sum * correction;
    let kept = about_mean >= squares * T::from_f64(moments::KEPT);
    Some(if kept { (first + correction, about_mean * inverse) } else { mean_var_again(x) })
}

/// From the mean, of shares of the numbers: they may lie so far apart that a deviation from the first overflows.
#[cold]
#[inline(never)]
fn mean_var_again<T: Element>(x: &[T]) -> (T, T) {
    let inverse = T::from_f64(INVERSES[x.len()]);
    let mean = x.iter().map(|&x| x * inverse).sum();
    let (sum, squares) = about(x, mean);
    let correction = sum * inverse;
    let var = (squares - sum * correction) * inverse;
    // Not `max`: it would make a NaN zero.
    (mean + correction, if var < T::ZERO { T::ZERO } else { var })
}

/// The sums of the deviations from `shift` and of their squares.
#[inline(always)]
fn about<T: Element>(x: &[T], shift: T) -> (T, T) {
    debug_assert!(x.len() <= MAX);
    let (chunks, rest) = x.as_chunks::<CHAINS>();
    let (mut sum, mut squares) = (T::ZERO, T::ZERO);
    if let Some(first) = chunks.first() {
        let mut sums = first.map(|x| x - shift);
        let mut all_squares = sums.map(|d| d * d);
        for turn in 1..TURNS {
            let Some(chunk) = chunks.get(turn) else { break };
            for chain in 0..CHAINS {
                let d = chunk[chain] - shift;
                sums[chain] += d;
                all_squares[chain] += d * d;
            }
        }
        (sum, squares) = (total(sums), total(all_squares));
    }
    for i in 0..CHAINS - 1 {
        let Some(&x) = rest.get(i) else { break };
        let d = x - shift;
        sum += d;
        squares += d * d;
    }
    (sum, squares)
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

/// The one that `better` prefers to all others, or NaN if one of them is: it is looked for only where the sum is one (of infinities that
/// are not alike, too).
#[inline(always)]
fn extreme<T: Element>(x: &[T], better: impl Fn(T, T) -> bool) -> Option<T> {
    debug_assert!(x.len() <= MAX);
    let of = |a: T, b: T| if better(b, a) { b } else { a };
    let both = |a: [T; CHAINS], b: [T; CHAINS]| (from_fn(|k| of(a[k], b[k])), from_fn(|k| a[k] + b[k]));
    // The fours at both ends, and those between: they may share numbers, which changes neither the best nor whether one is NaN, and so
    // none is left over.
    let (bests, sums) = match (x.first_chunk::<CHAINS>(), x.last_chunk::<CHAINS>()) {
        (Some(&first), Some(&last)) if x.len() > CHAINS => {
            let (mut bests, mut sums) = both(first, last);
            for turn in 1..TURNS - 1 {
                let (true, Some(&inner)) = (x.len() > (turn + 1) * CHAINS, x[turn * CHAINS..].first_chunk())
                else {
                    break;
                };
                (bests, sums) = (both(bests, inner).0, both(sums, inner).1);
            }
            (bests, sums)
        }
        _ => {
            let (best, sum) = match *x {
                [] => return None,
                [a] => return Some(a),
                [a, b] => (of(a, b), a + b),
                [a, b, c] => (of(of(a, b), c), a + b + c),
                [a, b, c, d, ..] => (of(of(a, b), of(c, d)), (a + b) + (c + d)),
            };
            return Some(if sum.is_nan() && first_nan(x).is_some() { T::NAN } else { best });
        }
    };
    let (best, sum) = (of(of(bests[0], bests[2]), of(bests[1], bests[3])), total(sums));
    Some(if sum.is_nan() && first_nan(x).is_some() { T::NAN } else { best })
}

#[inline]
pub(crate) fn min<T: Element>(x: &[T]) -> Option<T> {
    extreme(x, |x, best| x < best)
}

#[inline]
pub(crate) fn max<T: Element>(x: &[T]) -> Option<T> {
    extreme(x, |x, best| x > best)
}

/// Where the first stands that none is better than, or the first NaN.
#[inline(always)]
fn position<T: Element>(x: &[T], better: impl Fn(T, T) -> bool) -> Option<usize> {
    let (&first, rest) = x.split_first()?;
    let (mut best, mut sum) = ((0, first), first);
    for (i, &x) in rest.iter().enumerate() {
        if better(x, best.1) {
            best = (i + 1, x);
        }
        sum += x;
    }
    Some(if sum.is_nan() { first_nan(x).unwrap_or(best.0) } else { best.0 })
}

#[cold]
#[inline(never)]
fn first_nan<T: Element>(x: &[T]) -> Option<usize> {
    x.iter().position(|x| x.is_nan())
}

#[inline]
pub(crate) fn argmin<T: Element>(x: &[T]) -> Option<usize> {
    position(x, |x, best| x < best)
}

#[inline]
pub(crate) fn argmax<T: Element>(x: &[T]) -> Option<usize> {
    position(x, |x, best| x > best)
}

/// `x[i] = f(x[i])`.
#[inline(always)]
fn map<T: Element>(x: &mut [T], f: impl Fn(T) -> T) {
    debug_assert!(x.len() <= MAX);
    let (chunks, rest) = x.as_chunks_mut::<CHAINS>();
    let (mut chunks, mut rest) = (chunks.iter_mut(), rest.iter_mut());
    straight(|| chunks.next().map(|x| *x = from_fn(|k| f(x[k]))), || rest.next().map(|x| *x = f(*x)));
}

/// `y[i] = f(y[i], x[i])`.
#[inline(always)]
fn zip<T: Element>(y: &mut [T], x: &[T], f: impl Fn(T, T) -> T) {
    debug_assert!(y.len() <= MAX);
    let ((chunks_y, rest_y), (chunks_x, rest_x)) = (y.as_chunks_mut::<CHAINS>(), x.as_chunks::<CHAINS>());
    let (mut chunks, mut rest) = (chunks_y.iter_mut().zip(chunks_x), rest_y.iter_mut().zip(rest_x));
    straight(
        || chunks.next().map(|(y, x)| *y = from_fn(|k| f(y[k], x[k]))),
        || rest.next().map(|(y, &x)| *y = f(*y, x)),
    );
}

/// Takes fours, then ones, until there are none: not in loops, which a compiler would vectorise across the fours.
#[inline(always)]
fn straight(mut four: impl FnMut() -> Option<()>, mut one: impl FnMut() -> Option<()>) {
    const { assert!(TURNS == 4 && CHAINS == 4) };
    let _ = four().and_then(|()| four()).and_then(|()| four()).and_then(|()| four());
    let _ = one().and_then(|()| one()).and_then(|()| one());
}

#[inline]
pub(crate) fn standardize<T: Element>(x: &mut [T], mean: T, inv_std: T) {
    map(x, |x| (x - mean) * inv_std);
}

#[inline]
pub(crate) fn standardize_each<T: Element>(x: &mut [T], mean: &[T], inv_std: &[T]) {
    sub(x, mean);
    mul(x, inv_std);
}

#[inline]
pub(crate) fn clamp<T: Element>(x: &mut [T], lo: T, hi: T) {
    map(x, |x| {
        let raised = if lo > x { lo } else { x };
        if hi < raised { hi } else { raised }
    });
}

#[inline]
pub(crate) fn scale<T: Element>(x: &mut [T], a: T) {
    map(x, |x| x * a);
}

#[inline]
pub(crate) fn axpy<T: Element>(a: T, x: &[T], y: &mut [T]) {
    zip(y, x, |y, x| y + a * x);
}

#[inline]
pub(crate) fn add<T: Element>(y: &mut [T], x: &[T]) {
    zip(y, x, |y, x| y + x);
}

#[inline]
pub(crate) fn sub<T: Element>(y: &mut [T], x: &[T]) {
    zip(y, x, |y, x| y - x);
}

#[inline]
pub(crate) fn mul<T: Element>(y: &mut [T], x: &[T]) {
    zip(y, x, |y, x| y * x);
}
