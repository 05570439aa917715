//! Boosted trees on ranks. A number is compared with all cuts of its input at once, and becomes a byte; then the splits of a
//! tree, a byte each, are all decided at once, and the way to its leaf is read from the bits.

use crate::element::Element;
use crate::trees::{BLOCK, Cuts, STEP, Splits};
use crate::vector::{Simd, Vector, Ways};

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
