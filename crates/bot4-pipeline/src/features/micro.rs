//! The micro-price: what the mid is expected to become.
//!
//! Stoikov (The micro-price: a high-frequency estimator of future prices, 2018) corrects the mid by a function of
//! queue imbalance and spread, `G* = G1 + B G1 + B^2 G1 + ...`. From a recording one counts how often each state
//! (imbalance in tenths, spread in ticks) is followed by each other while the mid stays (`Q`) and while it moves
//! (`T`), and by how much it moves on the mean (`E`). Then `G1 = (I - Q)^-1 E` is the expected first move and
//! `B = (I - Q)^-1 T` says in which state it ends. Every transition is counted with its mirror image (bid and ask
//! exchanged), which makes the corrections antisymmetric and the sum converge.
//!
//! For instruments whose spread is mostly one to three ticks. Where it is mostly wider (a share at 200 dollars), the
//! states are too coarse to know more than the mid does.

use bot4_simd::{Isa, Kernels, Program};

use super::level1::Scale;
use crate::quote::Quote;

/// Tenths of the imbalance.
const TENTHS: usize = 10;

/// Spreads told apart: 1, 2, 3, and 4 ticks or more.
const SPREADS: usize = 4;

const STATES: usize = TENTHS * SPREADS;

/// Terms of the series, at most.
const TERMS_MAX: usize = 10_000;

/// What the last term of the series may still change, in ticks.
const TERM_MIN: f64 = 1e-12;

type Vector = [f64; STATES];
type Matrix = Vec<Vector>;

/// Counts the transitions of a recording, to make a [`MicroPrice`] of them.
///
/// ```
/// use bot4_pipeline::features::{MicroPriceFit, Scale};
/// use bot4_pipeline::sim::{self, Simulator};
///
/// let mut fit = MicroPriceFit::new(Scale::WHOLE, sim::TICK);
/// Simulator::new(1).take(20_000).for_each(|quote| fit.observe(&quote));
/// let micro = fit.finish();
/// let quote = Simulator::new(2).next().unwrap();
/// let longer_bid = bot4_pipeline::Quote { bid_qty: 9 * quote.ask_qty, ..quote };
/// let mid = (quote.bid_px + quote.ask_px) as f64 / 2e9;
/// assert!(micro.price(&longer_bid).unwrap() > mid);
/// ```
#[derive(Clone, Debug)]
pub struct MicroPriceFit {
    grid: Grid,
    last: Option<(usize, i64)>,
    stays: Matrix,
    moves: Matrix,
    /// Sum of the moves, in ticks.
    distance: Vector,
}

/// Where a quote stands in the table.
#[derive(Clone, Copy, Debug)]
struct Grid {
    scale: Scale,
    ticks_per_nano: f64,
}

impl Grid {
    fn new(scale: Scale, tick: i64) -> Self {
        assert!(tick > 0, "tick is {tick}, not positive");
        assert!(scale.price.is_finite() && scale.price > 0.0, "scale of price is {}", scale.price);
        Self { scale, ticks_per_nano: 1.0 / tick as f64 }
    }

    /// `None` for a quote that lacks a side, is locked or crossed, or has no quantity.
    #[inline]
    fn state(&self, quote: &Quote) -> Option<usize> {
        let (state, is_known) = self.state_or_any(quote);
        is_known.then_some(state)
    }

    /// The state, and whether the quote has one; without a branch.
    #[inline(always)]
    fn state_or_any(&self, quote: &Quote) -> (usize, bool) {
        let (bid, ask) = (quote.bid_qty as f64, quote.ask_qty as f64);
        let is_known = quote.is_two_sided()
            & (quote.bid_px < quote.ask_px)
            & (bid >= 0.0)
            & (ask >= 0.0)
            & (bid + ask > 0.0);
        let tenth = ((bid / (bid + ask) * TENTHS as f64) as usize).min(TENTHS - 1);
        let ticks = quote.ask_px.saturating_sub(quote.bid_px) as f64 * self.ticks_per_nano;
        let spread = ((ticks + 0.5) as usize).clamp(1, SPREADS) - 1;
        (spread * TENTHS + tenth, is_known)
    }
}

/// The same state with bid and ask exchanged.
const fn mirrored(state: usize) -> usize {
    state / TENTHS * TENTHS + (TENTHS - 1 - state % TENTHS)
}

impl MicroPriceFit {
    /// Starts without a quote; `tick` is the smallest price step, in 1e-9 units. Allocates 26 KB.
    ///
    /// # Panics
    /// If `tick` or the scale of prices is not positive.
    #[must_use]
    pub fn new(scale: Scale, tick: i64) -> Self {
        let zero = || vec![[0.0; STATES]; STATES];
        Self {
            grid: Grid::new(scale, tick),
            last: None,
            stays: zero(),
            moves: zero(),
            distance: [0.0; STATES],
        }
    }

    /// Counts the transition from the quote before. A quote that lacks a side, is locked or crossed, or has no
    /// quantity interrupts: neither a transition to it nor one from it counts. No allocation.
    pub fn observe(&mut self, quote: &Quote) {
        let twice_mid = quote.bid_px.saturating_add(quote.ask_px);
        let now = self.grid.state(quote).map(|state| (state, twice_mid));
        if let (Some((from, before)), Some((to, _))) = (self.last, now) {
            let ticks = 0.5 * twice_mid.saturating_sub(before) as f64 * self.grid.ticks_per_nano;
            let counts = if twice_mid == before { &mut self.stays } else { &mut self.moves };
            counts[from][to] += 1.0;
            counts[mirrored(from)][mirrored(to)] += 1.0;
            self.distance[from] += ticks;
            self.distance[mirrored(from)] -= ticks;
        }
        self.last = now;
    }

    /// Solves for the corrections. States that never occurred, and those from which the mid never moved, have
    /// none. Takes about a millisecond.
    #[must_use]
    pub fn finish(&self) -> MicroPrice {
        // Row i: I - Q on the left, T and E on the right.
        let mut left = vec![[0.0; STATES]; STATES];
        let (mut right, mut first) = (left.clone(), self.distance);
        for i in 0..STATES {
            let total: f64 = self.stays[i].iter().chain(&self.moves[i]).sum();
            let share = if total > 0.0 { 1.0 / total } else { 0.0 };
            left[i] = self.stays[i].map(|count| -count * share);
            left[i][i] += 1.0;
            right[i] = self.moves[i].map(|count| count * share);
            first[i] *= share;
        }
        solve(&mut left, &mut right, &mut first);
        MicroPrice { grid: self.grid, ticks: sum_of_series(&right, first) }
    }
}

/// Gauss and Jordan with the largest pivot of each column: afterwards `right` and `first` hold the solutions. An
/// unknown that the equations leave open becomes 0.
fn solve(left: &mut Matrix, right: &mut Matrix, first: &mut Vector) {
    for column in 0..STATES {
        let largest =
            (column..STATES).max_by(|&a, &b| left[a][column].abs().total_cmp(&left[b][column].abs()));
        let pivot = largest.unwrap_or(column);
        left.swap(column, pivot);
        right.swap(column, pivot);
        first.swap(column, pivot);
        let open = left[column][column].abs() < 1e-9;
        let scale = if open { 0.0 } else { 1.0 / left[column][column] };
        left[column] = left[column].map(|x| x * scale);
        right[column] = right[column].map(|x| x * scale);
        first[column] *= scale;
        let (pivot_left, pivot_right) = (left[column], right[column]);
        for row in (0..STATES).filter(|&row| row != column) {
            let factor = left[row][column];
            if factor != 0.0 {
                left[row].iter_mut().zip(pivot_left).for_each(|(x, p)| *x -= factor * p);
                right[row].iter_mut().zip(pivot_right).for_each(|(x, p)| *x -= factor * p);
                first[row] -= factor * first[column];
            }
        }
    }
}

/// `g + B g + B^2 g + ...`
fn sum_of_series(b: &Matrix, g: Vector) -> Vector {
    let (mut sum, mut term) = (g, g);
    for _ in 0..TERMS_MAX {
        term = core::array::from_fn(|i| b[i].iter().zip(term).map(|(b, t)| b * t).sum());
        sum.iter_mut().zip(term).for_each(|(sum, term)| *sum += term);
        if term.iter().all(|term| term.abs() < TERM_MIN) {
            break;
        }
    }
    sum
}

/// The mid corrected for imbalance and spread; made by [`MicroPriceFit`].
#[derive(Clone, Debug)]
pub struct MicroPrice {
    grid: Grid,
    /// Correction per state.
    ticks: Vector,
}

impl MicroPrice {
    /// What to add to the mid of the quote, in ticks; `None` for a quote that lacks a side, is locked or
    /// crossed, or has no quantity. O(1), no allocation.
    #[inline]
    #[must_use]
    pub fn correction(&self, quote: &Quote) -> Option<f64> {
        self.grid.state(quote).map(|state| self.ticks[state])
    }

    /// The micro-price in the units of the scale; `None` as for [`correction`](Self::correction).
    #[inline]
    #[must_use]
    pub fn price(&self, quote: &Quote) -> Option<f64> {
        self.correction(quote).map(|ticks| self.corrected(quote, ticks))
    }

    /// The micro-price of each quote, as [`price`](Self::price) gives it, to the bit; NaN where that gives nothing. No
    /// allocation.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// use bot4_pipeline::features::{MicroPriceFit, Scale};
    /// use bot4_pipeline::sim::{self, Simulator};
    ///
    /// let quotes: Vec<_> = Simulator::new(1).take(1_000).collect();
    /// let mut fit = MicroPriceFit::new(Scale::WHOLE, sim::TICK);
    /// quotes.iter().for_each(|quote| fit.observe(quote));
    /// let (micro, mut prices) = (fit.finish(), vec![0.0; 1_000]);
    /// micro.batch(&quotes, &mut prices);
    /// assert_eq!(micro.price(&quotes[999]), Some(prices[999]));
    /// ```
    pub fn batch(&self, quotes: &[Quote], prices: &mut [f64]) {
        assert!(prices.len() == quotes.len(), "{} quotes, room for {}", quotes.len(), prices.len());
        Isa::detect().run(Prices { micro: self, quotes, prices });
    }

    #[inline(always)]
    fn corrected(&self, quote: &Quote, ticks: f64) -> f64 {
        let mid = 0.5 * quote.bid_px.saturating_add(quote.ask_px) as f64;
        (mid + ticks / self.grid.ticks_per_nano) / self.grid.scale.price
    }
}

/// A batch of quotes, and the places of their prices.
struct Prices<'a> {
    micro: &'a MicroPrice,
    quotes: &'a [Quote],
    prices: &'a mut [f64],
}

impl Program for Prices<'_> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, _: K) {
        let Self { micro, quotes, prices } = self;
        for (quote, price) in quotes.iter().zip(prices) {
            let (state, is_known) = micro.grid.state_or_any(quote);
            let corrected = micro.corrected(quote, micro.ticks[state]);
            *price = if is_known { corrected } else { f64::NAN };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{self, Simulator};

    fn fitted(seed: u64) -> MicroPrice {
        let mut fit = MicroPriceFit::new(Scale::WHOLE, sim::TICK);
        Simulator::new(seed).take(100_000).for_each(|quote| fit.observe(&quote));
        fit.finish()
    }

    #[test]
    fn corrections_mirror_each_other_and_rise_with_the_imbalance() {
        let micro = fitted(1);
        for state in 0..STATES {
            assert!((micro.ticks[state] + micro.ticks[mirrored(state)]).abs() < 1e-9, "state {state}");
        }
        assert!(micro.ticks[..TENTHS].is_sorted(), "{:?}", &micro.ticks[..TENTHS]);
        assert!(micro.ticks[TENTHS - 1] > 0.1 && micro.ticks[TENTHS - 1] < 1.0);
    }

    /// Of a market it was not fitted to: nearer to the mid after ten moves than the mid and the weighted mid are.
    #[test]
    fn foretells_the_mid_better_than_mid_and_weighted_mid() {
        let micro = fitted(1);
        let quotes: Vec<_> = Simulator::new(2).take(100_000).collect();
        let mid = |quote: &Quote| (quote.bid_px + quote.ask_px) as f64 / 2e9;
        let mut errors = [0.0; 3];
        for (now, later) in quotes.iter().zip(&quotes[60..]) {
            let (bid, ask) = (now.bid_qty as f64, now.ask_qty as f64);
            let weighted = (now.bid_px as f64 * ask + now.ask_px as f64 * bid) / (bid + ask) / 1e9;
            for (error, price) in errors.iter_mut().zip([micro.price(now).unwrap(), mid(now), weighted]) {
                *error += (mid(later) - price).powi(2);
            }
        }
        assert!(errors[0] < 0.995 * errors[1] && errors[0] < 0.995 * errors[2], "{errors:?}");
    }

    #[test]
    fn a_batch_has_the_bits_of_quote_after_quote() {
        let micro = fitted(1);
        let mut quotes: Vec<_> = Simulator::new(3).take(1_000).collect();
        for (i, quote) in quotes.iter_mut().enumerate() {
            match i % 9 {
                0 => quote.ask_px = Quote::UNDEFINED_PX,
                1 => quote.bid_px = quote.ask_px,
                2 => (quote.bid_qty, quote.ask_qty) = (0, 0),
                3 => quote.bid_qty = -1,
                4 => (quote.bid_px, quote.ask_px) = (i64::MIN, 5),
                _ => {}
            }
        }
        let mut prices = vec![0.0; quotes.len()];
        micro.batch(&quotes, &mut prices);
        for (quote, found) in quotes.iter().zip(prices) {
            let expected = micro.price(quote);
            assert_eq!((!found.is_nan()).then_some(found.to_bits()), expected.map(f64::to_bits), "{quote:?}");
        }
    }

    #[test]
    fn a_market_that_never_moves_has_no_corrections() {
        let mut fit = MicroPriceFit::new(Scale::WHOLE, sim::TICK);
        let quote = Quote { ts: 0, bid_px: sim::TICK, bid_qty: 3, ask_px: 2 * sim::TICK, ask_qty: 1 };
        (0..10).for_each(|_| fit.observe(&quote));
        let micro = fit.finish();
        assert_eq!(micro.ticks, [0.0; STATES]);
        for odd in [
            Quote { ask_px: quote.bid_px, ..quote },
            Quote { ask_px: Quote::UNDEFINED_PX, ..quote },
            Quote { bid_qty: 0, ask_qty: 0, ..quote },
        ] {
            assert_eq!((micro.correction(&odd), micro.price(&odd)), (None, None));
        }
    }
}
