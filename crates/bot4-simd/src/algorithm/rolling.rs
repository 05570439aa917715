//! Windows over the last numbers, by doubling: a window of 2m numbers is two of m, so a window of w takes log2 w
//! passes over the slice and nothing ever has to be taken away again: no drift, no cancellation, no queue.
//! Every number goes through the same operations whatever the register, so all sets give the same bits.

use super::arithmetic;
use super::map::zip;
use crate::element::Element;
use crate::vector::Vector;

/// Replaces the numbers of `y` from `from` on, from the last register to the first: `step(y, i, len)` gives the `len`
/// numbers from `i` on, and may look at any number before them, as those still hold what the pass before left.
#[inline(always)]
fn backwards<V: Vector>(y: &mut [V::Elem], from: usize, step: impl Fn(&[V::Elem], usize, usize) -> V) {
    let mut end = y.len();
    while end >= from + V::LANES {
        end -= V::LANES;
        step(y, end, V::LANES).store(&mut y[end..]);
    }
    if end > from {
        step(y, from, end - from).store_partial(&mut y[from..end]);
    }
}

/// The `len` numbers from `i` on, at most a register of them.
#[inline(always)]
fn read<V: Vector>(t: V::Token, x: &[V::Elem], i: usize, len: usize) -> V {
    if len == V::LANES {
        V::load(t, &x[i..])
    } else {
        V::load_partial(t, &x[i..i + len], V::splat(t, V::Elem::ZERO))
    }
}

/// `x[i]` becomes the extreme of the last `window`. Windows may overlap: what counts twice does no harm.
#[inline(always)]
fn extreme<V: Vector>(t: V::Token, x: &mut [V::Elem], window: usize, pick: impl Fn(V, V) -> V) {
    let window = window.min(x.len());
    let mut covered = 1;
    while covered < window {
        let shift = covered.min(window - covered);
        backwards::<V>(
            x,
            shift,
            #[inline(always)]
            |x, i, len| {
                let (late, early) = (read::<V>(t, x, i, len), read::<V>(t, x, i - shift, len));
                V::select(late.unordered(early), late.add(early), pick(late, early))
            },
        );
        covered += shift;
    }
}

#[inline(always)]
pub(crate) fn rolling_min<V: Vector>(t: V::Token, x: &mut [V::Elem], window: usize) {
    extreme::<V>(
        t,
        x,
        window,
        #[inline(always)]
        |a, b| a.min(b),
    );
}

#[inline(always)]
pub(crate) fn rolling_max<V: Vector>(t: V::Token, x: &mut [V::Elem], window: usize) {
    extreme::<V>(
        t,
        x,
        window,
        #[inline(always)]
        |a, b| a.max(b),
    );
}

/// The windows on the way to one of `window`: each has twice the numbers of the one before, and one more where told.
#[inline(always)]
fn doublings(window: usize) -> impl Iterator<Item = (usize, bool)> {
    (0..window.ilog2()).rev().map(move |bit| (window >> (bit + 1), window >> bit & 1 == 1))
}

#[inline(always)]
pub(crate) fn rolling_sum<V: Vector>(t: V::Token, x: &[V::Elem], window: usize, out: &mut [V::Elem]) {
    out.copy_from_slice(x);
    if x.is_empty() {
        return;
    }
    for (half, and_one) in doublings(window.min(x.len())) {
        let oldest = 2 * half;
        if and_one {
            backwards::<V>(
                out,
                oldest,
                #[inline(always)]
                |y, i, len| doubled::<V>(t, y, i, len, half).add(read::<V>(t, x, i - oldest, len)),
            );
        }
        let rest = if and_one { oldest.min(out.len()) } else { out.len() };
        backwards::<V>(
            &mut out[..rest],
            half,
            #[inline(always)]
            |y, i, len| doubled::<V>(t, y, i, len, half),
        );
    }
}

/// Sums over `2 half` numbers from sums over `half`.
#[inline(always)]
fn doubled<V: Vector>(t: V::Token, y: &[V::Elem], i: usize, len: usize, half: usize) -> V {
    read::<V>(t, y, i, len).add(read::<V>(t, y, i - half, len))
}

/// Sums and sums of squared deviations, merged as Chan, Golub and LeVeque do: for windows of m numbers each,
/// `Q = Qa + Qb + (Sa - Sb)^2 / 2m`.
#[inline(always)]
pub(crate) fn rolling_mean_var<V: Vector>(
    t: V::Token,
    x: &[V::Elem],
    window: usize,
    mean: &mut [V::Elem],
    var: &mut [V::Elem],
) {
    mean.copy_from_slice(x);
    var.fill(V::Elem::ZERO);
    if x.is_empty() {
        return;
    }
    let window = window.min(x.len());
    for (half, and_one) in doublings(window) {
        merge::<V>(t, x, half, and_one, mean, var);
    }
    let inverse = V::Elem::ONE / V::Elem::from_f64(window as f64);
    arithmetic::scale::<V>(t, mean, inverse);
    arithmetic::scale::<V>(t, var, inverse);
    // An infinity squared would be an infinite variance; it has none.
    zip::<V>(
        t,
        var,
        mean,
        #[inline(always)]
        |var, mean| var.add(mean.sub(mean)),
    );
    warm_up(&x[..window - 1], mean, var);
}

/// One pass of [`rolling_mean_var`]; windows that would reach before the first number are left as they are.
#[inline(always)]
fn merge<V: Vector>(
    t: V::Token,
    x: &[V::Elem],
    half: usize,
    and_one: bool,
    sums: &mut [V::Elem],
    squares: &mut [V::Elem],
) {
    let oldest = 2 * half;
    let number = |n: usize| V::Elem::from_f64(n as f64);
    let by_twice = V::splat(t, V::Elem::ONE / number(oldest));
    let count = V::splat(t, number(oldest));
    let by_one_more = V::splat(t, V::Elem::ONE / (number(oldest) * number(oldest + 1)));
    let from = if and_one { oldest } else { oldest - 1 };
    let mut end = x.len();
    while end > from {
        let len = V::LANES.min(end - from);
        end -= len;
        let (late, early) = (read::<V>(t, sums, end, len), read::<V>(t, sums, end - half, len));
        let both = read::<V>(t, squares, end, len).add(read::<V>(t, squares, end - half, len));
        let apart = late.sub(early);
        let mut sum = late.add(early);
        let mut square = both.add(apart.mul(apart).mul(by_twice));
        if and_one {
            let x = read::<V>(t, x, end - oldest, len);
            let apart = sum.sub(x.mul(count));
            square = square.add(apart.mul(apart).mul(by_one_more));
            sum = sum.add(x);
        }
        if len == V::LANES {
            sum.store(&mut sums[end..]);
            square.store(&mut squares[end..]);
        } else {
            sum.store_partial(&mut sums[end..end + len]);
            square.store_partial(&mut squares[end..end + len]);
        }
    }
}

/// The windows that are not full yet, variances by Welford's recurrence (1962).
#[inline(always)]
fn warm_up<T: Element>(x: &[T], mean: &mut [T], var: &mut [T]) {
    let (mut count, mut sum, mut center, mut squares) = (T::ZERO, T::ZERO, T::ZERO, T::ZERO);
    for ((&x, mean), var) in x.iter().zip(mean).zip(var) {
        count += T::ONE;
        sum += x;
        let apart = x - center;
        center += apart / count;
        squares += apart * (x - center);
        *mean = sum / count;
        *var = squares / count;
    }
}
