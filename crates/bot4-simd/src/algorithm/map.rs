//! Element-wise drivers: whole registers, then one partial register that goes through the same
//! arithmetic, so a result does not depend on an element's position or on the slice's length.

use crate::vector::Vector;

/// `x[i] = f(x[i])`.
#[inline(always)]
pub(crate) fn map<V: Vector>(t: V::Token, x: &mut [V::Elem], f: impl Fn(V) -> V) {
    let mut chunks = x.chunks_exact_mut(V::LANES);
    for chunk in &mut chunks {
        f(V::load(t, chunk)).store(chunk);
    }
    let tail = chunks.into_remainder();
    if !tail.is_empty() {
        f(V::load_partial(t, tail, V::splat(t, V::Elem::default()))).store_partial(tail);
    }
}

/// `y[i] = f(y[i], x[i])`; the lengths are equal.
#[inline(always)]
pub(crate) fn zip<V: Vector>(t: V::Token, y: &mut [V::Elem], x: &[V::Elem], f: impl Fn(V, V) -> V) {
    let mut ys = y.chunks_exact_mut(V::LANES);
    let mut xs = x.chunks_exact(V::LANES);
    for (y, x) in (&mut ys).zip(&mut xs) {
        f(V::load(t, y), V::load(t, x)).store(y);
    }
    let (y, x) = (ys.into_remainder(), xs.remainder());
    if !y.is_empty() {
        let zero = V::splat(t, V::Elem::default());
        f(V::load_partial(t, y, zero), V::load_partial(t, x, zero)).store_partial(y);
    }
}

/// `y[i] = f(y[i], a[i], b[i])`; the lengths are equal.
#[inline(always)]
pub(crate) fn zip3<V: Vector>(
    t: V::Token,
    y: &mut [V::Elem],
    a: &[V::Elem],
    b: &[V::Elem],
    f: impl Fn(V, V, V) -> V,
) {
    let (a, b) = (&a[..y.len()], &b[..y.len()]);
    let mut ys = y.chunks_exact_mut(V::LANES);
    let mut xs = a.chunks_exact(V::LANES);
    let mut zs = b.chunks_exact(V::LANES);
    for ((y, a), b) in (&mut ys).zip(&mut xs).zip(&mut zs) {
        f(V::load(t, y), V::load(t, a), V::load(t, b)).store(y);
    }
    let (y, a, b) = (ys.into_remainder(), xs.remainder(), zs.remainder());
    if !y.is_empty() {
        let zero = V::splat(t, V::Elem::default());
        f(V::load_partial(t, y, zero), V::load_partial(t, a, zero), V::load_partial(t, b, zero))
            .store_partial(y);
    }
}

/// `x[i] = f(x[i])`, and the sum of the results; `f(fill)` is zero.
#[inline(always)]
pub(crate) fn map_sum<V: Vector>(t: V::Token, x: &mut [V::Elem], fill: V, f: impl Fn(V) -> V) -> V::Elem {
    let mut sum = V::splat(t, V::Elem::default());
    let mut chunks = x.chunks_exact_mut(V::LANES);
    for chunk in &mut chunks {
        let v = f(V::load(t, chunk));
        v.store(chunk);
        sum = sum.add(v);
    }
    let tail = chunks.into_remainder();
    if !tail.is_empty() {
        let v = f(V::load_partial(t, tail, fill));
        v.store_partial(tail);
        sum = sum.add(v);
    }
    sum.sum()
}
