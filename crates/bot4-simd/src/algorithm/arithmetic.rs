//! Element-wise arithmetic in place.

use super::map::{map_unrolled, through, zip, zip3};
use super::math;
use crate::lanes::step;
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
        |v| math::clamp(v, lo, hi),
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

macro_rules! function {
    ($($name:ident $step:ident)*) => {$(
        #[inline(always)]
        pub(crate) fn $name<V: Vector>(t: V::Token, x: &mut [V::Elem]) {
            through::<V>(t, x, step::$step);
        }
    )*};
}

function!(exp Exp ln Ln erf Erf tanh Tanh sigmoid Sigmoid);
