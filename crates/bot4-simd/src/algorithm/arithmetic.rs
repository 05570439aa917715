//! Element-wise arithmetic in place.

use super::map::{map, zip, zip3};
use super::math;
use crate::backend::Pair;
use crate::vector::Vector;

#[inline(always)]
pub(crate) fn scale<V: Vector>(t: V::Token, x: &mut [V::Elem], a: V::Elem) {
    let a = V::splat(t, a);
    map::<V>(
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
    map::<V>(
        t,
        x,
        #[inline(always)]
        |v| hi.min(lo.max(v)),
    );
}

#[inline(always)]
pub(crate) fn standardize<V: Vector>(t: V::Token, x: &mut [V::Elem], mean: V::Elem, inv_std: V::Elem) {
    let (mean, inv_std) = (V::splat(t, mean), V::splat(t, inv_std));
    map::<V>(
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

macro_rules! function {
    ($($name:ident)*) => {$(
        #[inline(always)]
        pub(crate) fn $name<V: Vector>(t: V::Token, x: &mut [V::Elem]) {
            map::<V>(
                t,
                x,
                #[inline(always)]
                |v| math::$name(t, v),
            );
        }
    )*};
}

function!(exp ln erf);

/// Registers of [`tanh`] whose exponentials come before their quotients.
const BLOCK: usize = 4;

/// The divisions of a block stand together behind its exponentials, so that the next block's exponentials
/// run while they last. One register after the other, a processor waits in the division of one chain of
/// some fifty operations before it has seen enough of the next.
#[inline(always)]
pub(crate) fn tanh<V: Vector>(t: V::Token, x: &mut [V::Elem]) {
    let mut blocks = x.chunks_exact_mut(BLOCK * V::LANES);
    for block in &mut blocks {
        let mut expm1 = [V::splat(t, V::Elem::default()); BLOCK];
        for (expm1, x) in expm1.iter_mut().zip(block.chunks_exact(V::LANES)) {
            *expm1 = math::expm1_of_twice(t, V::load(t, x));
        }
        for (expm1, x) in expm1.into_iter().zip(block.chunks_exact_mut(V::LANES)) {
            math::tanh_of_expm1(t, expm1, V::load(t, x)).store(x);
        }
    }
    map::<V>(
        t,
        blocks.into_remainder(),
        #[inline(always)]
        |v| math::tanh(t, v),
    );
}

/// Two registers side by side, step by step, for the same reason.
#[inline(always)]
pub(crate) fn sigmoid<V: Vector>(t: V::Token, x: &mut [V::Elem]) {
    let paired = x.len() - x.len() % Pair::<V>::LANES;
    let (pairs, rest) = x.split_at_mut(paired);
    map::<Pair<V>>(
        t,
        pairs,
        #[inline(always)]
        |v| math::sigmoid(t, v),
    );
    map::<V>(
        t,
        rest,
        #[inline(always)]
        |v| math::sigmoid(t, v),
    );
}
