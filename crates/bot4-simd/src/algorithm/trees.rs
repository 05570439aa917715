//! Boosted trees on ranks. A number is compared with all cuts of its input at once, and becomes a byte; then the splits of a
//! tree, a byte each, are all decided at once, and the way to its leaf is read from the bits.

use crate::element::Element;
use crate::trees::{BLOCK, Cuts, STEP, Splits};
use crate::vector::{Bytes, Simd, Vector, Ways};

/// Trees that are followed side by side, as each step waits for the one before it.
const ABREAST: usize = 8;

/// How many of its cuts lie below each number. First the 16 it lies in is found for all numbers, as only then it is known what to read.
#[inline(always)]
pub(crate) fn ranks<V: Vector>(t: V::Token, cuts: &Cuts<V::Elem>, x: &[V::Elem], ranks: &mut [u8]) {
    for ((firsts, x), rank) in cuts.firsts.iter().zip(x).zip(&mut *ranks) {
        // The first 16 also holds what is below all.
        *rank = (lower(t, &firsts.0, V::splat(t, *x)) >> 1).trailing_ones() as u8;
    }
    for ((all, x), rank) in cuts.all.iter().zip(x).zip(ranks) {
        let step = usize::from(*rank) % STEP;
        *rank = (STEP * step) as u8 + lower(t, &all.0[step], V::splat(t, *x)).trailing_ones() as u8;
    }
}

/// Bit `i` says whether cut `i` is below the number in all lanes.
#[inline(always)]
fn lower<V: Vector>(t: V::Token, cuts: &[V::Elem; STEP], x: V) -> u32 {
    let mut lower = 0;
    for i in (0..STEP).step_by(V::LANES) {
        lower |= V::mask_bits(V::load(t, &cuts[i..]).lt(x)) << i;
    }
    lower
}

/// The sum of the leaves that the trees lead to: of every eighth tree one after the other, then by halving.
#[inline(always)]
pub(crate) fn leaf_sum<V: Vector>(
    t: V::Token,
    trees: &[Splits],
    leaves: &[[V::Elem; Splits::LEAVES]],
    ranks: &[u8],
) -> V::Elem {
    // Of models up to 32 inputs the loop over rows of ranks goes away.
    match ranks.as_chunks().0 {
        [a] => sum_of::<V::Token, V::Elem>(t, trees, leaves, &[*a]),
        [a, b] => sum_of(t, trees, leaves, &[*a, *b]),
        rows => sum_of(t, trees, leaves, rows),
    }
}

#[inline(always)]
fn sum_of<S: Simd, T: Element>(
    s: S,
    trees: &[Splits],
    leaves: &[[T; Splits::LEAVES]],
    ranks: &[[u8; 16]],
) -> T {
    let mut sums = [T::ZERO; ABREAST];
    for (trees, leaves) in trees.chunks(BLOCK).zip(leaves.chunks(BLOCK)) {
        let ways = s.ways(trees, ranks);
        let (groups, rest) = leaves.as_chunks::<ABREAST>();
        for (group, leaves) in groups.iter().enumerate() {
            add_leaves(&mut sums, leaves, follow(&ways, group));
        }
        if !rest.is_empty() {
            add_leaves(&mut sums, rest, follow(&ways, groups.len()));
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// From the roots of a group of trees to their leaves.
#[inline(always)]
fn follow(ways: &impl Ways, group: usize) -> [u64; ABREAST] {
    let mut at = [1; ABREAST];
    for _ in 0..Splits::DEPTH {
        at = ways.follow(group, at);
    }
    at
}

#[inline(always)]
fn add_leaves<T: Element>(sums: &mut [T; ABREAST], leaves: &[[T; Splits::LEAVES]], at: [u64; ABREAST]) {
    for ((sum, leaves), at) in sums.iter_mut().zip(leaves).zip(at) {
        *sum += leaves[at as usize % Splits::LEAVES];
    }
}

/// The splits of some trees, all decided: bit `n` of a word is node `n` of its tree.
#[derive(Debug)]
#[repr(align(64))]
pub struct Decided<B: Bytes> {
    bits: [u64; BLOCK],
    token: B::Token,
}

impl<B: Bytes> Decided<B> {
    #[inline(always)]
    pub(crate) fn new(token: B::Token, trees: &[Splits], ranks: &[[u8; 16]]) -> Self {
        let mut bits = [0; BLOCK];
        for (bits, tree) in bits.iter_mut().zip(trees) {
            for first in (0..Splits::LEAVES).step_by(B::LANES) {
                *bits |= decide::<B>(token, &tree.inputs[first..], &tree.least[first..], ranks) << first;
            }
        }
        Self { bits, token }
    }
}

impl<B: Bytes> Ways for Decided<B> {
    #[inline(always)]
    fn follow(&self, group: usize, at: [u64; 8]) -> [u64; 8] {
        B::follow(self.token, &self.bits.as_chunks().0[group % (BLOCK / ABREAST)], at)
    }
}

/// The ways of as many nodes as a register has bytes.
///
/// An input has the top bit from 16 on, and for that a row gives nothing: of two rows, the second is asked with the bit turned over. Of
/// more, each is asked with the number of the input less that of the row's first, and the top bit where that is not below 16.
#[inline(always)]
fn decide<B: Bytes>(t: B::Token, inputs: &[u8], least: &[u8], ranks: &[[u8; 16]]) -> u64 {
    let (inputs, top) = (B::load(t, inputs), B::splat(t, 0x80));
    let mut found = B::splat(t, 0);
    for (i, row) in ranks.iter().enumerate() {
        let index = match (i, ranks.len()) {
            (0, 1 | 2) => inputs,
            (1, 2) => inputs.xor(top),
            _ => inputs.without(top).xor(B::splat(t, 16 * i as u8)).add_saturating(B::splat(t, 0x70)),
        };
        found = found.or(B::repeat(t, row).entry(index));
    }
    found.at_least(B::load(t, least))
}
