//! Eight numbers in an array; the compiler makes of it what its target has.

use crate::element::Element;
use crate::isa::Isa;
use crate::trees::Splits;
use crate::vector::{Reproducible, Simd, Vector, Ways};
use core::array::from_fn;

/// The token every CPU may have.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl Simd for Portable {
    const ISA: Isa = Isa::Portable;
    type Wide<T: Element> = T::Portable;
    type Octet<T: Element> = T::Portable;
    type Reproducible = Reproducible<Self>;
    type Ways<'a> = Asked<'a>;

    #[inline(always)]
    fn ways<'a>(self, trees: &'a [Splits], ranks: &'a [[u8; 16]]) -> Asked<'a> {
        Asked { trees, ranks: ranks.as_flattened() }
    }

    #[inline(always)]
    fn enter<A, B, C, R>(self, f: impl FnOnce(A, B, C) -> R, a: A, b: B, c: C) -> R {
        f(a, b, c)
    }
}

/// A split is decided when its node is asked: to decide all would be ten times the work.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    trees: &'a [Splits],
    ranks: &'a [u8],
}

impl Ways for Asked<'_> {
    #[inline(always)]
    fn follow(&self, group: usize, mut at: [u64; 8]) -> [u64; 8] {
        for (at, tree) in at.iter_mut().zip(&self.trees[8 * group..]) {
            let node = *at as usize % Splits::LEAVES;
            let rank = self.ranks.get(tree.input(node)).copied().unwrap_or(0);
            *at = 2 * *at + u64::from(rank >= tree.least[node]);
        }
        at
    }
}

/// `FUSED`: whether `mul_add_fast` rounds once even where that is a library call.
#[derive(Clone, Copy, Debug)]
pub struct Lanes8<T, const FUSED: bool>([T; 8]);

impl<T: Element, const FUSED: bool> Lanes8<T, FUSED> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(T, T) -> T) -> Self {
        Self(from_fn(|l| f(self.0[l], other.0[l])))
    }

    #[inline(always)]
    fn fold_halves(self, f: impl Fn(T, T) -> T) -> T {
        let [a, b, c, d, e, g, h, i] = self.0;
        f(f(f(a, e), f(c, h)), f(f(b, g), f(d, i)))
    }
}

impl<T: Element, const FUSED: bool> Vector for Lanes8<T, FUSED> {
    type Elem = T;
    type Token = Portable;
    type Mask = [bool; 8];
    const LANES: usize = 8;
    const TILES: bool = false;
    // Eight lanes are two to four registers of most targets.
    const REGISTERS: usize = 8;

    #[inline(always)]
    fn splat(_: Portable, value: T) -> Self {
        Self([value; 8])
    }
    #[inline(always)]
    fn load(_: Portable, from: &[T]) -> Self {
        let from = &from[..8];
        Self(from_fn(|l| from[l]))
    }
    #[inline(always)]
    fn load_partial(_: Portable, from: &[T], fill: Self) -> Self {
        let mut lanes = fill.0;
        lanes[..from.len()].copy_from_slice(from);
        Self(lanes)
    }
    #[inline(always)]
    fn store(self, to: &mut [T]) {
        to[..8].copy_from_slice(&self.0);
    }
    #[inline(always)]
    fn store_partial(self, to: &mut [T]) {
        to.copy_from_slice(&self.0[..to.len()]);
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(from_fn(|l| self.0[l].mul_add(factor.0[l], term.0[l])))
    }
    #[inline(always)]
    fn mul_sub(self, factor: Self, term: Self) -> Self {
        Self(from_fn(|l| self.0[l].mul_add(factor.0[l], -term.0[l])))
    }
    #[inline(always)]
    fn neg_mul_add(self, factor: Self, term: Self) -> Self {
        Self(from_fn(|l| (-self.0[l]).mul_add(factor.0[l], term.0[l])))
    }
    #[inline(always)]
    fn mul_add_fast(self, factor: Self, term: Self) -> Self {
        if FUSED {
            return self.mul_add(factor, term);
        }
        Self(from_fn(|l| self.0[l].mul_add_fast(factor.0[l], term.0[l])))
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.map(T::abs))
    }
    #[inline(always)]
    fn with_sign(self, sign: Self) -> Self {
        self.zip(sign, T::with_sign)
    }
    #[inline(always)]
    fn entry(self, _: Portable, table: &[T; 16]) -> Self {
        Self(self.0.map(
            #[inline(always)]
            |v| v.entry(table),
        ))
    }
    #[inline(always)]
    fn bits_to_exponent(self) -> Self {
        Self(self.0.map(T::bits_to_exponent))
    }
    #[inline(always)]
    fn mantissa(self) -> Self {
        Self(self.0.map(T::mantissa))
    }
    #[inline(always)]
    fn biased_exponent(self) -> Self {
        Self(self.0.map(T::biased_exponent))
    }
    #[inline(always)]
    fn lt(self, other: Self) -> Self::Mask {
        from_fn(|l| self.0[l] < other.0[l])
    }
    #[inline(always)]
    fn eq(self, other: Self) -> Self::Mask {
        from_fn(|l| self.0[l] == other.0[l])
    }
    #[inline(always)]
    fn unordered(self, other: Self) -> Self::Mask {
        from_fn(|l| self.0[l].is_nan() | other.0[l].is_nan())
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Self(from_fn(|l| if mask[l] { yes.0[l] } else { no.0[l] }))
    }
    #[inline(always)]
    fn mask_or(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        from_fn(|l| a[l] | b[l])
    }
    #[inline(always)]
    fn mask_bits(mask: Self::Mask) -> u32 {
        mask.iter().rev().fold(0, |bits, &lane| bits << 1 | u32::from(lane))
    }
    #[inline(always)]
    fn delayed(self, _: Portable, before: T) -> Self {
        Self(from_fn(|l| if l == 0 { before } else { self.0[l - 1] }))
    }
    #[inline(always)]
    fn spread_fours(self) -> [Self; 4] {
        from_fn(|k| Self(from_fn(|l| self.0[l / 4 * 4 + k])))
    }
    #[inline(always)]
    fn repeat_four(_: Self::Token, from: &[T]) -> Self {
        let from = &from[..4];
        Self(from_fn(|l| from[l % 4]))
    }
    #[inline(always)]
    fn splat_last(self, _: Portable) -> Self {
        Self([self.0[7]; 8])
    }
    #[inline(always)]
    fn sum(self) -> T {
        self.fold_halves(|a, b| a + b)
    }
    #[inline(always)]
    fn sums(of: [Self; 8]) -> [T; 8] {
        of.map(Self::sum)
    }
    #[inline(always)]
    fn min_lane(self) -> T {
        self.fold_halves(|a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max_lane(self) -> T {
        self.fold_halves(|a, b| if a > b { a } else { b })
    }
}
