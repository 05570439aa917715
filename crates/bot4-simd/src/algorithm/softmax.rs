//! Softmax and the logarithm of a sum of exponentials, shifted by the maximum so that nothing overflows.

use super::{arithmetic, extrema, math};
use crate::backend::Pair;
use crate::element::{Element, Registers};
use crate::vector::Vector;

#[inline(always)]
pub(crate) fn softmax<V: Vector>(t: V::Token, x: &mut [V::Elem]) {
    let Some(max) = extrema::max::<V>(t, x) else { return };
    let sum = if V::REGISTERS >= 32 {
        exp_sum::<V, Pair<Pair<V>>>(t, x, max)
    } else {
        exp_sum::<V, Pair<V>>(t, x, max)
    };
    arithmetic::scale::<V>(t, x, V::Elem::ONE / sum);
}

/// `x[i] = e^(x[i] - max)`, and their sum: exponentials in blocks of `W`, as [`arithmetic::exp`] does, sums by the register,
/// so that their order does not depend on the block.
#[inline(always)]
fn exp_sum<V: Vector, W: Vector<Elem = V::Elem, Token = V::Token>>(
    t: V::Token,
    x: &mut [V::Elem],
    max: V::Elem,
) -> V::Elem {
    let mut sum = V::splat(t, V::Elem::ZERO);
    let mut blocks = x.chunks_exact_mut(W::LANES);
    for block in &mut blocks {
        math::exp_of_negative(t, W::load(t, block).sub(W::splat(t, max))).store(block);
        for part in block.chunks_exact(V::LANES) {
            sum = sum.add(V::load(t, part));
        }
    }
    let shift = V::splat(t, max);
    let mut parts = blocks.into_remainder().chunks_exact_mut(V::LANES);
    for part in &mut parts {
        let e = math::exp_of_negative(t, V::load(t, part).sub(shift));
        e.store(part);
        sum = sum.add(e);
    }
    let tail = parts.into_remainder();
    if !tail.is_empty() {
        let x = V::load_partial(t, tail, V::splat(t, -V::Elem::INFINITY));
        let e = math::exp_of_negative(t, x.sub(shift));
        e.store_partial(tail);
        sum = sum.add(e);
    }
    sum.sum()
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
        sum = sum.add(math::exp_of_negative(t, v.sub(shift)));
    }
    max + math::ln(t, V::splat(t, sum.sum())).min_lane()
}
