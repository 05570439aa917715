//! Element-wise drivers: whole registers, then one partial register that goes through the same
//! arithmetic, so a result does not depend on an element's position or on the slice's length.

use crate::backend::Pair;
use crate::element::Element;
use crate::lanes::{Register, Step};
use crate::vector::Vector;

/// Registers that a pass of one operation takes per turn of its loop.
const UNROLL: usize = 4;

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

/// As [`map`], for an `f` so short that the loop itself counts.
#[inline(always)]
pub(crate) fn map_unrolled<V: Vector>(t: V::Token, x: &mut [V::Elem], f: impl Fn(V) -> V) {
    let mut blocks = x.chunks_exact_mut(UNROLL * V::LANES);
    for block in &mut blocks {
        for chunk in block.chunks_exact_mut(V::LANES) {
            f(V::load(t, chunk)).store(chunk);
        }
    }
    map::<V>(t, blocks.into_remainder(), f);
}

/// `x[i]` through a step, which may be a chain of operations: one register after the other, a processor has not seen
/// enough of the next chain before it waits for this one. So registers go side by side, operation by operation: four where
/// there are many, and eight through a long chain, which hides the four cycles that one operation takes and gains more than it costs,
/// though not all of them then stay in registers.
#[inline(always)]
pub(crate) fn through<V: Vector>(t: V::Token, x: &mut [V::Elem], mut step: impl Step<V::Elem>) {
    let mut tail = x;
    if tail.len() >= V::LANES {
        tail = if V::REGISTERS < 32 {
            whole_through::<Pair<V>>(t, tail, &mut step)
        } else if is_long::<V::Elem, _>(&step) {
            V::align_stack(t);
            let rest = whole_through::<Pair<Pair<Pair<V>>>>(t, tail, &mut step);
            whole_through::<Pair<Pair<V>>>(t, rest, &mut step)
        } else {
            whole_through::<Pair<Pair<V>>>(t, tail, &mut step)
        };
        tail = whole_through::<V>(t, tail, &mut step);
    }
    if !tail.is_empty() {
        let lanes = V::load_partial(t, tail, V::splat(t, V::Elem::default()));
        Register::through(t, lanes, tail.len(), &mut step).store_partial(tail);
    }
}

const fn is_long<T: Element, S: Step<T>>(_: &S) -> bool {
    S::LONG
}

/// As [`through`], whole `V`s in order; returns the rest.
#[inline(always)]
fn whole_through<'x, V: Vector>(
    t: V::Token,
    x: &'x mut [V::Elem],
    step: &mut impl Step<V::Elem>,
) -> &'x mut [V::Elem] {
    let mut chunks = x.chunks_exact_mut(V::LANES);
    for chunk in &mut chunks {
        Register::through(t, V::load(t, chunk), V::LANES, step).store(chunk);
    }
    chunks.into_remainder()
}

/// `y[i] = f(y[i], x[i])`; the lengths are equal.
#[inline(always)]
pub(crate) fn zip<V: Vector>(t: V::Token, y: &mut [V::Elem], x: &[V::Elem], f: impl Fn(V, V) -> V) {
    let x = &x[..y.len()];
    let mut wide_y = y.chunks_exact_mut(UNROLL * V::LANES);
    let mut wide_x = x.chunks_exact(UNROLL * V::LANES);
    for (y, x) in (&mut wide_y).zip(&mut wide_x) {
        for (y, x) in y.chunks_exact_mut(V::LANES).zip(x.chunks_exact(V::LANES)) {
            f(V::load(t, y), V::load(t, x)).store(y);
        }
    }
    let mut ys = wide_y.into_remainder().chunks_exact_mut(V::LANES);
    let mut xs = wide_x.remainder().chunks_exact(V::LANES);
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
