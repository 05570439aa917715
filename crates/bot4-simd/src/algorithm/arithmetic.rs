//! Element-wise arithmetic in place.

use super::map::{map, map_unrolled, zip, zip3};
use super::math;
use crate::backend::Pair;
use crate::vector::Vector;

#[inline(always)]
pub(crate) fn scale<V: Vector>(t: V::Token, x: &mut [V::Elem], a: V::Elem) {
    let a = V::splat(t, a);
    map_unrolled::<V>(
        t,
        x,
        #[inline(always)]
        |v| v.mul(a),
    );
}

#[inline(always)]
pub(crate) fn add<V: Vector>(t: V::Token, y: &mut [V::Elem], x: &[V::Elem]) {
    zip::<V>(
        t,
        y,
        x,
        #[inline(always)]
        |y, x| y.add(x),
    );
}

#[inline(always)]
pub(crate) fn sub<V: Vector>(t: V::Token, y: &mut [V::Elem], x: &[V::Elem]) {
    zip::<V>(
        t,
        y,
        x,
        #[inline(always)]
        |y, x| y.sub(x),
    );
}

#[inline(always)]
pub(crate) fn mul<V: Vector>(t: V::Token, y: &mut [V::Elem], x: &[V::Elem]) {
    zip::<V>(
        t,
        y,
        x,
        #[inline(always)]
        |y, x| y.mul(x),
    );
}

#[inline(always)]
pub(crate) fn axpy<V: Vector>(t: V::Token, a: V::Elem, x: &[V::Elem], y: &mut [V::Elem]) {
    let a = V::splat(t, a);
    zip::<V>(
        t,
        y,
        x,
        #[inline(always)]
        |y, x| x.mul_add_fast(a, y),
    );
}

#[inline(always)]
pub(crate) fn fma<V: Vector>(t: V::Token, a: &[V::Elem], b: &[V::Elem], y: &mut [V::Elem]) {
    zip3::<V>(
        t,
        y,
        a,
        b,
        #[inline(always)]
        |y, a, b| a.mul_add(b, y),
    );
}

#[inline(always)]
pub(crate) fn clamp<V: Vector>(t: V::Token, x: &mut [V::Elem], lo: V::Elem, hi: V::Elem) {
    let (lo, hi) = (V::splat(t, lo), V::splat(t, hi));
    map_unrolled::<V>(
        t,
        x,
        #[inline(always)]
        |v| hi.min(lo.max(v)),
    );
}

#[inline(always)]
pub(crate) fn standardize<V: Vector>(t: V::Token, x: &mut [V::Elem], mean: V::Elem, inv_std: V::Elem) {
    let (mean, inv_std) = (V::splat(t, mean), V::splat(t, inv_std));
    map_unrolled::<V>(
        t,
        x,
        #[inline(always)]
        |v| v.sub(mean).mul(inv_std),
    );
}

#[inline(always)]
pub(crate) fn standardize_each<V: Vector>(
    t: V::Token,
    x: &mut [V::Elem],
    mean: &[V::Elem],
    inv_std: &[V::Elem],
) {
    zip3::<V>(
        t,
        x,
        mean,
        inv_std,
        #[inline(always)]
        |v, mean, inv_std| v.sub(mean).mul(inv_std),
    );
}

/// Functions with a long chain of operations: one register after the other, a processor has not seen enough of the next
/// chain before it waits for this one. So registers go side by side, step by step: four where there are enough of them.
macro_rules! function {
    ($($name:ident)*) => {$(
        #[inline(always)]
        pub(crate) fn $name<V: Vector>(t: V::Token, x: &mut [V::Elem]) {
            let side_by_side = if V::REGISTERS >= 32 { 4 } else { 2 };
            let (blocks, rest) = x.split_at_mut(x.len() - x.len() % (side_by_side * V::LANES));
            if side_by_side == 4 {
                map::<Pair<Pair<V>>>(
                    t,
                    blocks,
                    #[inline(always)]
                    |v| math::$name(t, v),
                );
            } else {
                map::<Pair<V>>(
                    t,
                    blocks,
                    #[inline(always)]
                    |v| math::$name(t, v),
                );
            }
            map::<V>(
                t,
                rest,
                #[inline(always)]
                |v| math::$name(t, v),
            );
        }
    )*};
}

function!(exp ln erf tanh sigmoid);
