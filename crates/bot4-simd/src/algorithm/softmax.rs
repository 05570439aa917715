//! Softmax and the logarithm of a sum of exponentials, shifted by the maximum so that nothing overflows.

use super::map::map_sum;
use super::{arithmetic, extrema, math};
use crate::element::{Element, Registers};
use crate::vector::Vector;

#[inline(always)]
pub(crate) fn softmax<V: Vector>(t: V::Token, x: &mut [V::Elem]) {
    let Some(max) = extrema::max::<V>(t, x) else { return };
    let max = V::splat(t, max);
    let sum = map_sum::<V>(
        t,
        x,
        V::splat(t, -V::Elem::INFINITY),
        #[inline(always)]
        |v| math::exp(t, v.sub(max)),
    );
    arithmetic::scale::<V>(t, x, V::Elem::ONE / sum);
}

#[inline(always)]
pub(crate) fn log_sum_exp<V: Vector>(t: V::Token, x: &[V::Elem]) -> V::Elem {
    let Some(max) = extrema::max::<V>(t, x) else { return -V::Elem::INFINITY };
    if !max.is_finite() {
        return max;
    }
    let shift = V::splat(t, max);
    let mut sum = V::splat(t, V::Elem::ZERO);
    for part in x.chunks(V::LANES) {
        let v = V::load_partial(t, part, V::splat(t, -V::Elem::INFINITY));
        sum = sum.add(math::exp(t, v.sub(shift)));
    }
    max + math::ln(t, V::splat(t, sum.sum())).min_lane()
}
