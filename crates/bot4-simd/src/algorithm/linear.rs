//! The reproducible products, and matrix times vector.
#![allow(unsafe_code)] // Parts of columns without a check each.

use super::lines::Lines;
use crate::element::Element;
use crate::vector::Vector;

/// Virtual lanes of the reproducible mode.
const OCTET: usize = 8;

/// Lane `l` sums the products `j = l mod 8` in increasing order, each step fused; then halving.
/// Lanes past the end multiply -0 by +0: adding -0 changes no sum, not even the sign of a zero.
#[inline(always)]
pub(crate) fn dot8<V: Vector>(t: V::Token, a: &[V::Elem], b: &[V::Elem]) -> V::Elem {
    const { assert!(V::LANES == OCTET) };
    let b = &b[..a.len()];
    let zero = V::splat(t, V::Elem::ZERO);
    let mut lanes = zero;
    let mut octets_a = a.chunks_exact(OCTET);
    let mut octets_b = b.chunks_exact(OCTET);
    for (a, b) in (&mut octets_a).zip(&mut octets_b) {
        lanes = V::load(t, a).mul_add(V::load(t, b), lanes);
    }
    let (a, b) = (octets_a.remainder(), octets_b.remainder());
    if !a.is_empty() {
        let minus_zero = V::splat(t, -V::Elem::ZERO);
        lanes = V::load_partial(t, a, minus_zero).mul_add(V::load_partial(t, b, zero), lanes);
    }
    lanes.sum()
}

/// `out[i] = dot8(row i, weights)` where element `j` of row `i` is `data[j * stride + i]`: a register
/// holds a virtual lane of as many rows.
#[inline(always)]
pub(crate) fn weighted_sum<V: Vector>(
    t: V::Token,
    data: &[V::Elem],
    stride: usize,
    weights: &[V::Elem],
    out: &mut [V::Elem],
) {
    let columns = Lines::new(data, stride, weights.len(), out.len());
    let mut from = 0;
    let mut chunks = out.chunks_exact_mut(V::LANES);
    for chunk in &mut chunks {
        let sum = weigh(
            t,
            weights,
            #[inline(always)]
            |j| {
                // SAFETY: `weigh` asks for one column per weight, and chunks of `LANES` rows begin at `from`.
                let part = unsafe { columns.part(j, from, V::LANES) };
                V::load(t, part)
            },
        );
        sum.store(chunk);
        from += V::LANES;
    }
    let tail = chunks.into_remainder();
    if !tail.is_empty() {
        let zero = V::splat(t, V::Elem::ZERO);
        let len = tail.len();
        let sum = weigh(
            t,
            weights,
            #[inline(always)]
            |j| {
                // SAFETY: `weigh` asks for one column per weight, and `len` rows are left from `from` on.
                let part = unsafe { columns.part(j, from, len) };
                V::load_partial(t, part, zero)
            },
        );
        sum.store_partial(tail);
    }
}

/// The eight virtual lanes of a register of rows, folded by the tree of `dot8`. Asks for the part of each
/// weight once.
#[inline(always)]
fn weigh<V: Vector>(t: V::Token, weights: &[V::Elem], part: impl Fn(usize) -> V) -> V {
    let mut lanes = [V::splat(t, V::Elem::ZERO); OCTET];
    let mut j = 0;
    let mut octets = weights.chunks_exact(OCTET);
    for octet in &mut octets {
        for (l, &weight) in octet.iter().enumerate() {
            lanes[l] = part(j + l).mul_add(V::splat(t, weight), lanes[l]);
        }
        j += OCTET;
    }
    for (lane, &weight) in lanes.iter_mut().zip(octets.remainder()) {
        *lane = part(j).mul_add(V::splat(t, weight), *lane);
        j += 1;
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    a.add(e).add(c.add(g)).add(b.add(f).add(d.add(h)))
}
