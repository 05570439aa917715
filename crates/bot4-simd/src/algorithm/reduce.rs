//! Sums in the fast mode: four registers of partial sums, so neither the latency of an addition nor a
//! single growing accumulator limits them.

use crate::element::Element;
use crate::vector::Vector;

/// Registers of partial sums.
pub(crate) const CHAINS: usize = 4;

/// Folds `f` over the registers of `x`, the last one filled up with `fill`, in so many chains from `start`.
#[inline(always)]
pub(crate) fn fold<V: Vector, S: Copy>(
    t: V::Token,
    x: &[V::Elem],
    fill: V,
    start: S,
    f: impl Fn(S, V) -> S,
) -> [S; CHAINS] {
    let mut chains = [start; CHAINS];
    let mut wide = x.chunks_exact(CHAINS * V::LANES);
    for chunk in &mut wide {
        for (chain, part) in chains.iter_mut().zip(chunk.chunks_exact(V::LANES)) {
            *chain = f(*chain, V::load(t, part));
        }
    }
    let mut single = wide.remainder().chunks_exact(V::LANES);
    for (chain, part) in chains.iter_mut().zip(&mut single) {
        *chain = f(*chain, V::load(t, part));
    }
    let tail = single.remainder();
    if !tail.is_empty() {
        chains[CHAINS - 1] = f(chains[CHAINS - 1], V::load_partial(t, tail, fill));
    }
    chains
}

/// The lanes of all chains.
#[inline(always)]
pub(crate) fn total<V: Vector>([a, b, c, d]: [V; CHAINS]) -> V::Elem {
    a.add(b).add(c.add(d)).sum()
}

/// The sum of what `f` adds up from zeros on.
#[inline(always)]
fn accumulate<V: Vector>(t: V::Token, x: &[V::Elem], f: impl Fn(V, V) -> V) -> V::Elem {
    let zero = V::splat(t, V::Elem::ZERO);
    total(fold(t, x, zero, zero, f))
}

#[inline(always)]
pub(crate) fn sum<V: Vector>(t: V::Token, x: &[V::Elem]) -> V::Elem {
    accumulate::<V>(
        t,
        x,
        #[inline(always)]
        |sum, v| sum.add(v),
    )
}

#[inline(always)]
pub(crate) fn squared_norm<V: Vector>(t: V::Token, x: &[V::Elem]) -> V::Elem {
    accumulate::<V>(
        t,
        x,
        #[inline(always)]
        |sum, v| v.mul_add_fast(v, sum),
    )
}

#[inline(always)]
pub(crate) fn dot<V: Vector>(t: V::Token, a: &[V::Elem], b: &[V::Elem]) -> V::Elem {
    let b = &b[..a.len()];
    let zero = V::splat(t, V::Elem::ZERO);
    let mut sums = [zero; CHAINS];
    let mut wide_a = a.chunks_exact(CHAINS * V::LANES);
    let mut wide_b = b.chunks_exact(CHAINS * V::LANES);
    for (a, b) in (&mut wide_a).zip(&mut wide_b) {
        let parts = a.chunks_exact(V::LANES).zip(b.chunks_exact(V::LANES));
        for (sum, (a, b)) in sums.iter_mut().zip(parts) {
            *sum = V::load(t, a).mul_add_fast(V::load(t, b), *sum);
        }
    }
    let mut single_a = wide_a.remainder().chunks_exact(V::LANES);
    let mut single_b = wide_b.remainder().chunks_exact(V::LANES);
    for (sum, (a, b)) in sums.iter_mut().zip((&mut single_a).zip(&mut single_b)) {
        *sum = V::load(t, a).mul_add_fast(V::load(t, b), *sum);
    }
    let (a, b) = (single_a.remainder(), single_b.remainder());
    if !a.is_empty() {
        let (a, b) = (V::load_partial(t, a, zero), V::load_partial(t, b, zero));
        sums[CHAINS - 1] = a.mul_add_fast(b, sums[CHAINS - 1]);
    }
    total(sums)
}
