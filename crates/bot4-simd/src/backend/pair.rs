//! Two registers as one vector of twice the lanes.

use crate::vector::{Rare, Vector};

/// Low half, high half.
#[derive(Clone, Copy, Debug)]
pub struct Pair<V>(V, V);

impl<V: Vector> Vector for Pair<V> {
    type Elem = V::Elem;
    type Token = V::Token;
    type Mask = (V::Mask, V::Mask);
    const LANES: usize = 2 * V::LANES;
    const REGISTERS: usize = V::REGISTERS / 2;
    const SPLITS_ALL: bool = V::SPLITS_ALL;

    #[inline(always)]
    fn splat(token: V::Token, value: V::Elem) -> Self {
        Self(V::splat(token, value), V::splat(token, value))
    }
    #[inline(always)]
    fn load(token: V::Token, from: &[V::Elem]) -> Self {
        Self(V::load(token, from), V::load(token, &from[V::LANES..]))
    }
    #[inline(always)]
    fn load_partial(token: V::Token, from: &[V::Elem], fill: Self) -> Self {
        let (low, high) = from.split_at(from.len().min(V::LANES));
        Self(V::load_partial(token, low, fill.0), V::load_partial(token, high, fill.1))
    }
    #[inline(always)]
    fn store(self, to: &mut [V::Elem]) {
        self.0.store(to);
        self.1.store(&mut to[V::LANES..]);
    }
    #[inline(always)]
    fn store_partial(self, to: &mut [V::Elem]) {
        let (low, high) = to.split_at_mut(to.len().min(V::LANES));
        self.0.store_partial(low);
        self.1.store_partial(high);
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.0.add(other.0), self.1.add(other.1))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(self.0.sub(other.0), self.1.sub(other.1))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(self.0.mul(other.0), self.1.mul(other.1))
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(self.0.div(other.0), self.1.div(other.1))
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(self.0.mul_add(factor.0, term.0), self.1.mul_add(factor.1, term.1))
    }
    #[inline(always)]
    fn mul_sub(self, factor: Self, term: Self) -> Self {
        Self(self.0.mul_sub(factor.0, term.0), self.1.mul_sub(factor.1, term.1))
    }
    #[inline(always)]
    fn mul_add_fast(self, factor: Self, term: Self) -> Self {
        Self(self.0.mul_add_fast(factor.0, term.0), self.1.mul_add_fast(factor.1, term.1))
    }
    #[inline(always)]
    fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        Self(self.0.neg_mul_add(factor.0, term.0), self.1.neg_mul_add(factor.1, term.1))
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0), self.1.min(other.1))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0), self.1.max(other.1))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.abs(), self.1.abs())
    }
    #[inline(always)]
    fn with_sign(self, sign: Self) -> Self {
        Self(self.0.with_sign(sign.0), self.1.with_sign(sign.1))
    }
    #[inline(always)]
    fn entry(self, token: V::Token, table: &[V::Elem; 16]) -> Self {
        Self(self.0.entry(token, table), self.1.entry(token, table))
    }
    #[inline(always)]
    fn scale_by_pow2(self, token: V::Token, n: Self) -> Self {
        Self(self.0.scale_by_pow2(token, n.0), self.1.scale_by_pow2(token, n.1))
    }
    #[inline(always)]
    fn bits_to_exponent(self) -> Self {
        Self(self.0.bits_to_exponent(), self.1.bits_to_exponent())
    }
    #[inline(always)]
    fn mantissa(self) -> Self {
        Self(self.0.mantissa(), self.1.mantissa())
    }
    #[inline(always)]
    fn biased_exponent(self) -> Self {
        Self(self.0.biased_exponent(), self.1.biased_exponent())
    }
    #[inline(always)]
    fn split(self, token: V::Token) -> (Self, Self) {
        let ((low, low_exponent), (high, high_exponent)) = (self.0.split(token), self.1.split(token));
        (Self(low, high), Self(low_exponent, high_exponent))
    }
    #[inline(always)]
    fn lt(self, other: Self) -> Self::Mask {
        (self.0.lt(other.0), self.1.lt(other.1))
    }
    #[inline(always)]
    fn eq(self, other: Self) -> Self::Mask {
        (self.0.eq(other.0), self.1.eq(other.1))
    }
    #[inline(always)]
    fn unordered(self, other: Self) -> Self::Mask {
        (self.0.unordered(other.0), self.1.unordered(other.1))
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Self(V::select(mask.0, yes.0, no.0), V::select(mask.1, yes.1, no.1))
    }
    #[inline(always)]
    fn patch<R: Rare<V::Elem>>(self, token: V::Token, mask: Self::Mask, usual: Self, rare: R) -> Self {
        if Self::any(mask) {
            Self(self.0.patch(token, mask.0, usual.0, rare), self.1.patch(token, mask.1, usual.1, rare))
        } else {
            usual
        }
    }
    #[inline(always)]
    fn mask_or(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        (V::mask_or(a.0, b.0), V::mask_or(a.1, b.1))
    }
    #[inline(always)]
    fn mask_bits(mask: Self::Mask) -> u32 {
        V::mask_bits(mask.0) | V::mask_bits(mask.1) << V::LANES
    }
    #[inline(always)]
    fn any(mask: Self::Mask) -> bool {
        V::any(V::mask_or(mask.0, mask.1))
    }
    #[inline(always)]
    fn hold(self) -> Self {
        Self(self.0.hold(), self.1.hold())
    }
    #[inline(always)]
    fn align_stack(token: V::Token) {
        V::align_stack(token);
    }
    #[inline(always)]
    fn delayed(self, token: V::Token, before: V::Elem) -> Self {
        Self(self.0.delayed(token, before), self.1.delayed(token, self.0.lane(V::LANES - 1)))
    }
    #[inline(always)]
    fn lane(self, index: usize) -> V::Elem {
        if index < V::LANES { self.0.lane(index) } else { self.1.lane(index - V::LANES) }
    }
    #[inline(always)]
    fn spread_fours(self) -> [Self; 4] {
        let [a, b, c, d] = self.0.spread_fours();
        let [e, f, g, h] = self.1.spread_fours();
        [Self(a, e), Self(b, f), Self(c, g), Self(d, h)]
    }
    #[inline(always)]
    fn repeat_four(token: V::Token, from: &[V::Elem]) -> Self {
        Self(V::repeat_four(token, from), V::repeat_four(token, from))
    }
    #[inline(always)]
    fn splat_last(self, token: V::Token) -> Self {
        let last = self.1.splat_last(token);
        Self(last, last)
    }
    #[inline(always)]
    fn sum(self) -> V::Elem {
        self.0.add(self.1).sum()
    }
    #[inline(always)]
    fn sums(of: [Self; 8]) -> [V::Elem; 8] {
        let [a, b, c, d, e, f, g, h] = of;
        V::sums([
            a.0.add(a.1),
            b.0.add(b.1),
            c.0.add(c.1),
            d.0.add(d.1),
            e.0.add(e.1),
            f.0.add(f.1),
            g.0.add(g.1),
            h.0.add(h.1),
        ])
    }
    #[inline(always)]
    fn min_lane(self) -> V::Elem {
        self.0.min(self.1).min_lane()
    }
    #[inline(always)]
    fn max_lane(self) -> V::Elem {
        self.0.max(self.1).max_lane()
    }
}
