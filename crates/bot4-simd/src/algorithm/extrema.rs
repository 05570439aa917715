//! Least and greatest. A NaN anywhere wins; which of two zeros of different sign is unspecified.

use super::reduce;
use crate::backend::Pair;
use crate::element::Element;
use crate::vector::Vector;

/// Registers from which on twice as many chains pay.
const LONG: usize = 32;

/// Folds `pick` over `x` and its lanes by `pick_lane`; NaN if any number is. `None` of nothing.
///
/// A NaN is looked for in the sum of all numbers times zero: on Zen 5 that takes no time, where comparisons take turns with `min` and `max`.
#[inline(always)]
fn extreme<V: Vector>(
    t: V::Token,
    x: &[V::Elem],
    pick: impl Fn(V, V) -> V,
    pick_lane: impl Fn(V) -> V::Elem,
) -> Option<V::Elem> {
    let first = V::splat(t, *x.first()?);
    if x.len() <= V::LANES {
        let all = V::load_partial(t, x, first);
        return Some(if V::any(all.unordered(all)) { V::Elem::NAN } else { pick_lane(all) });
    }
    let zero = V::splat(t, V::Elem::ZERO);
    let [a, b, c, d] = reduce::fold(
        t,
        x,
        first,
        (first, zero),
        #[inline(always)]
        |(best, zeros): (V, V), v: V| (pick(v, best), v.mul_add_fast(zero, zeros)),
    );
    let zeros = a.1.add(b.1).add(c.1.add(d.1));
    // Of an infinity that is NaN, too.
    if V::any(zeros.unordered(zeros)) && holds_nan::<V>(t, x) {
        return Some(V::Elem::NAN);
    }
    Some(pick_lane(pick(pick(a.0, b.0), pick(c.0, d.0))))
}

#[inline(always)]
fn holds_nan<V: Vector>(t: V::Token, x: &[V::Elem]) -> bool {
    let zero = V::splat(t, V::Elem::ZERO);
    let mut nan = zero.unordered(zero);
    for part in x.chunks(V::LANES) {
        let v = V::load_partial(t, part, zero);
        nan = V::mask_or(nan, v.unordered(v));
    }
    V::any(nan)
}

#[inline(always)]
pub(crate) fn min<V: Vector>(t: V::Token, x: &[V::Elem]) -> Option<V::Elem> {
    if V::REGISTERS >= 32 && x.len() >= LONG * V::LANES { min_of::<Pair<V>>(t, x) } else { min_of::<V>(t, x) }
}

#[inline(always)]
fn min_of<V: Vector>(t: V::Token, x: &[V::Elem]) -> Option<V::Elem> {
    extreme::<V>(
        t,
        x,
        #[inline(always)]
        |a, b| a.min(b),
        #[inline(always)]
        |v| v.min_lane(),
    )
}

#[inline(always)]
pub(crate) fn max<V: Vector>(t: V::Token, x: &[V::Elem]) -> Option<V::Elem> {
    if V::REGISTERS >= 32 && x.len() >= LONG * V::LANES { max_of::<Pair<V>>(t, x) } else { max_of::<V>(t, x) }
}

#[inline(always)]
fn max_of<V: Vector>(t: V::Token, x: &[V::Elem]) -> Option<V::Elem> {
    extreme::<V>(
        t,
        x,
        #[inline(always)]
        |a, b| a.max(b),
        #[inline(always)]
        |v| v.max_lane(),
    )
}

#[inline(always)]
pub(crate) fn argmin<V: Vector>(t: V::Token, x: &[V::Elem]) -> Option<usize> {
    arg_extreme::<V>(
        t,
        x,
        #[inline(always)]
        |block| min::<V>(t, block),
        #[inline(always)]
        |new, old| new < old,
    )
}

#[inline(always)]
pub(crate) fn argmax<V: Vector>(t: V::Token, x: &[V::Elem]) -> Option<usize> {
    arg_extreme::<V>(
        t,
        x,
        #[inline(always)]
        |block| max::<V>(t, block),
        #[inline(always)]
        |new, old| new > old,
    )
}

/// Numbers per block: 16 KiB of f64, so that the search reads from the first-level cache.
const BLOCK: usize = 2048;

/// The extreme of each block, then a search in the first block that has the best.
#[inline(always)]
fn arg_extreme<V: Vector>(
    t: V::Token,
    x: &[V::Elem],
    extreme: impl Fn(&[V::Elem]) -> Option<V::Elem>,
    better: impl Fn(V::Elem, V::Elem) -> bool,
) -> Option<usize> {
    let mut best = (0, extreme(&x[..x.len().min(BLOCK)])?);
    let mut start = BLOCK;
    while start < x.len() && !best.1.is_nan() {
        let end = x.len().min(start + BLOCK);
        if let Some(value) = extreme(&x[start..end])
            && (value.is_nan() || better(value, best.1))
        {
            best = (start, value);
        }
        start += BLOCK;
    }
    let (start, x) = (best.0, &x[best.0..]);
    // Two registers without a jump between them, which would depend on the numbers.
    let at = if V::REGISTERS >= 32 && x.len() > V::LANES && x.len() <= Pair::<V>::LANES {
        position::<Pair<V>>(t, x, best.1)
    } else {
        position::<V>(t, x, best.1)
    };
    at.map(|at| start + at)
}

/// Where `value` (or, for NaN, any NaN) first stands.
#[inline(always)]
fn position<V: Vector>(t: V::Token, x: &[V::Elem], value: V::Elem) -> Option<usize> {
    let wanted = V::splat(t, value);
    for (k, part) in x.chunks(V::LANES).enumerate() {
        let v = V::load_partial(t, part, V::splat(t, V::Elem::ZERO));
        let found = if value.is_nan() { v.unordered(v) } else { v.eq(wanted) };
        let at = V::mask_bits(found).trailing_zeros() as usize;
        if at < part.len() {
            return Some(k * V::LANES + at);
        }
    }
    None
}
