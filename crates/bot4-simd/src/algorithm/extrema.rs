//! Least and greatest. A NaN anywhere wins; which of two zeros of different sign is unspecified.

use crate::element::Element;
use crate::vector::Vector;

/// Registers in flight.
const CHAINS: usize = 4;

/// Folds `pick` over `x` and its lanes by `pick_lane`; NaN if any number is. `None` of nothing.
#[inline(always)]
fn extreme<V: Vector>(
    t: V::Token,
    x: &[V::Elem],
    pick: impl Fn(V, V) -> V,
    pick_lane: impl Fn(V) -> V::Elem,
) -> Option<V::Elem> {
    let first = V::splat(t, *x.first()?);
    let mut best = [first; CHAINS];
    let mut nan = first.unordered(first);
    let mut wide = x.chunks_exact(CHAINS * V::LANES);
    for chunk in &mut wide {
        let mut parts = [first; CHAINS];
        for (k, part) in chunk.chunks_exact(V::LANES).enumerate() {
            parts[k] = V::load(t, part);
            best[k] = pick(parts[k], best[k]);
        }
        let pairs = V::mask_or(parts[0].unordered(parts[1]), parts[2].unordered(parts[3]));
        nan = V::mask_or(nan, pairs);
    }
    for part in wide.remainder().chunks(V::LANES) {
        let v = V::load_partial(t, part, first);
        best[0] = pick(v, best[0]);
        nan = V::mask_or(nan, v.unordered(v));
    }
    if V::mask_bits(nan) != 0 {
        return Some(V::Elem::NAN);
    }
    Some(pick_lane(pick(pick(best[0], best[1]), pick(best[2], best[3]))))
}

#[inline(always)]
pub(crate) fn min<V: Vector>(t: V::Token, x: &[V::Elem]) -> Option<V::Elem> {
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
    position::<V>(t, &x[best.0..], best.1).map(|at| best.0 + at)
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
