//! The exponential moving average: a recurrence whose next step waits for the last, a block at a time.

use crate::element::Element;
use crate::vector::Vector;

/// The most lanes of any register.
const LANES_MAX: usize = 16;

/// `e = decay e + alpha x` over a register of numbers: from `e` before them, `e` after each is
/// `decay^(j+1) e + sum over k <= j of alpha decay^(j-k) x[k]`.
struct Block<V> {
    /// `alpha decay^(j-k)` in lane `j` of column `k`, zero where `j < k`.
    columns: [V; LANES_MAX],
    /// `decay^(j+1)` in lane `j`, and that of the last lane in all.
    decays: V,
    decay_of_block: V,
}

impl<V: Vector> Block<V> {
    #[inline(always)]
    fn new(t: V::Token, alpha: V::Elem, decay: V::Elem) -> Self {
        let mut weights = [V::Elem::ZERO; 2 * LANES_MAX];
        let mut powers = [V::Elem::ONE; LANES_MAX];
        let mut power = V::Elem::ONE;
        for j in 0..V::LANES {
            weights[LANES_MAX + j] = alpha * power;
            power *= decay;
            powers[j] = power;
        }
        let mut columns = [V::splat(t, V::Elem::ZERO); LANES_MAX];
        for (k, column) in columns.iter_mut().take(V::LANES).enumerate() {
            *column = V::load(t, &weights[LANES_MAX - k..]);
        }
        Self { columns, decays: V::load(t, &powers), decay_of_block: V::splat(t, power) }
    }

    /// The part of the result that the numbers of this block give.
    #[inline(always)]
    fn own(&self, t: V::Token, x: &[V::Elem]) -> V {
        let mut halves = [V::splat(t, V::Elem::ZERO); 2];
        for (k, (&x, &column)) in x.iter().zip(&self.columns).enumerate() {
            halves[k % 2] = V::splat(t, x).mul_add_fast(column, halves[k % 2]);
        }
        halves[0].add(halves[1])
    }
}

/// Only the carry from block to block waits: one multiply-add for a register of numbers.
#[inline(always)]
pub(crate) fn ema<V: Vector>(t: V::Token, x: &mut [V::Elem], alpha: V::Elem, state: V::Elem) -> V::Elem {
    let decay = V::Elem::ONE - alpha;
    let whole = if x.len() < 2 * V::LANES { 0 } else { x.len() - x.len() % V::LANES };
    let (blocks, rest) = x.split_at_mut(whole);
    let mut state = state;
    if whole > 0 {
        state = ema_of_blocks::<V>(t, blocks, &Block::new(t, alpha, decay), alpha, decay, state);
    }
    step_by_step(rest, alpha, decay, state)
}

#[inline(always)]
fn ema_of_blocks<V: Vector>(
    t: V::Token,
    x: &mut [V::Elem],
    block: &Block<V>,
    alpha: V::Elem,
    decay: V::Elem,
    state: V::Elem,
) -> V::Elem {
    let mut carry = V::splat(t, state);
    let mut last = state;
    for x in x.chunks_exact_mut(V::LANES) {
        let own = block.own(t, x);
        // Infinity times the zeros of a column would reach numbers before it.
        if V::mask_bits(own.unordered(own)) == 0 {
            carry.mul_add_fast(block.decays, own).store(x);
            carry = carry.mul_add_fast(block.decay_of_block, own.splat_last(t));
        } else {
            carry = V::splat(t, step_by_step(x, alpha, decay, last));
        }
        last = x[V::LANES - 1];
    }
    last
}

/// The definition. The products are rounded, so that all sets agree.
#[inline(always)]
fn step_by_step<T: Element>(x: &mut [T], alpha: T, decay: T, mut state: T) -> T {
    for x in x {
        state = decay * state + alpha * *x;
        *x = state;
    }
    state
}
