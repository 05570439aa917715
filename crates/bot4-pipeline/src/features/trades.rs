//! Features of trades.

use bot4_simd::{Isa, Kernels, Program};

use super::level1::Scale;
use super::log_ratio::{log_ratio, log_ratios};
use super::rolling::real;
use crate::columns::Columns;
use crate::quote::{Side, Trade};

/// Trades of a batch that are worked on together: their numbers fit the nearest cache.
const TILE: usize = 256;

/// What the numbers of [`TradeFeatures::update`] are, in order.
///
/// `sign` is 1 where the buyer is the aggressor and -1 where the seller is; `ewm_sign_D` its exponentially
/// weighted mean `m_n = D m_n-1 + (1 - D) sign_n`, from 0; `r_bp` the logarithm of the price over that of the trade
/// before, in 1e-4; `ln_qty` is ln(1 + quantity); `flow` the bought minus the sold quantity of the last 64 trades
/// as a share of both.
pub const TRADE_NAMES: [&str; 6] = ["sign", "ewm_sign_0.9", "ewm_sign_0.99", "r_bp", "ln_qty", "flow"];

/// Trades in the window of the flow.
const WINDOW: usize = 64;

/// Computes features of trades, trade by trade: O(1), no allocation, no drift.
///
/// ```
/// use bot4_pipeline::features::{Scale, TradeFeatures};
/// use bot4_pipeline::{Side, Trade};
///
/// let mut features = TradeFeatures::new(Scale::WHOLE);
/// let bought = Trade { ts: 1, px: 100_000_000_000, qty: 3_000_000_000, aggressor: Side::Buy };
/// features.update(&bought);
/// let now = features.update(&Trade { qty: 1_000_000_000, aggressor: Side::Sell, ..bought });
/// assert_eq!((now[0], now[3], now[5]), (-1.0, 0.0, 0.5));
/// ```
#[derive(Clone, Debug)]
pub struct TradeFeatures {
    units_per_qty: f64,
    last_px: Option<i64>,
    sign: [f64; 2],
    /// Quantity, below zero where sold.
    signed: [i64; WINDOW],
    next: usize,
    net: i128,
    gross: i128,
}

impl TradeFeatures {
    /// Starts without history.
    ///
    /// # Panics
    /// If the scale of quantities is not positive and finite.
    #[must_use]
    pub fn new(scale: Scale) -> Self {
        let qty = scale.qty;
        assert!(qty.is_finite() && qty > 0.0, "scale of qty is {qty}, not positive and finite");
        Self {
            units_per_qty: 1.0 / qty,
            last_px: None,
            sign: [0.0; 2],
            signed: [0; WINDOW],
            next: 0,
            net: 0,
            gross: 0,
        }
    }

    /// Takes the next trade and gives its numbers, named by [`TRADE_NAMES`]; all are finite.
    #[inline]
    pub fn update(&mut self, trade: &Trade) -> [f64; TRADE_NAMES.len()] {
        let sign = sign(trade);
        let means = self.average(sign);
        let r = log_ratio(trade.px, self.last_px.replace(trade.px).unwrap_or(trade.px));
        let (net, gross) = self.count(trade);
        [sign, means[0], means[1], 1e4 * r, self.ln_qty(trade), share(net, gross)]
    }

    /// Takes the next trades and writes their numbers, a column for each of [`TRADE_NAMES`], giving the bits that
    /// [`update`](Self::update) gives trade after trade. Returns and shares are computed with the best instruction
    /// set of this CPU. No allocation.
    ///
    /// # Panics
    /// If the batch has less than six columns or no room for that many rows.
    ///
    /// ```
    /// use bot4_pipeline::columns::Columns;
    /// use bot4_pipeline::features::{Scale, TRADE_NAMES, TradeFeatures};
    /// use bot4_pipeline::{Side, Trade};
    ///
    /// let bought = Trade { ts: 1, px: 100_000_000_000, qty: 3_000_000_000, aggressor: Side::Buy };
    /// let mut columns = Columns::new(TRADE_NAMES.len(), 2);
    /// let trades = [bought, Trade { qty: 1_000_000_000, aggressor: Side::Sell, ..bought }];
    /// TradeFeatures::new(Scale::WHOLE).batch(&trades, &mut columns);
    /// assert_eq!((columns.column(0), columns.column(5)), (&[1.0, -1.0][..], &[1.0, 0.5][..]));
    /// ```
    pub fn batch(&mut self, trades: &[Trade], out: &mut Columns<f64>) {
        out.clear();
        out.set_width(TRADE_NAMES.len());
        out.set_len(trades.len());
        let mut first = 0;
        for trades in trades.chunks(TILE) {
            let columns = out.disjoint_mut([0, 1, 2, 3, 4, 5]);
            self.tile(trades, columns.map(|column| &mut column[first..first + trades.len()]));
            first += trades.len();
        }
    }

    /// What waits for the trade before, and the library's logarithm, which goes on meanwhile and would cost more if it were called from wide code;
    /// then what does not wait.
    fn tile(&mut self, trades: &[Trade], [signs, fast, slow, r, ln_qty, flow]: [&mut [f64]; 6]) {
        let n = trades.len();
        let (mut px, mut gross) = ([0; TILE + 1], [0.0; TILE]);
        px[0] = self.last_px.unwrap_or(trades[0].px);
        let mut state = self.clone(); // not where the columns could lie, for all the compiler knows
        for (i, trade) in trades.iter().enumerate() {
            px[i + 1] = trade.px;
            signs[i] = sign(trade);
            [fast[i], slow[i]] = state.average(signs[i]);
            (flow[i], gross[i]) = state.count(trade);
            ln_qty[i] = state.ln_qty(trade);
        }
        *self = Self { last_px: Some(px[n]), ..state };
        Isa::detect().run(Ratios { px: &px[..=n], r, flow, gross: &gross[..n] });
    }

    /// Takes a sign into both means.
    #[inline(always)]
    fn average(&mut self, sign: f64) -> [f64; 2] {
        for (mean, decay) in self.sign.iter_mut().zip([0.9, 0.99]) {
            *mean = decay * *mean + (1.0 - decay) * sign;
        }
        self.sign
    }

    #[inline(always)]
    fn ln_qty(&self, trade: &Trade) -> f64 {
        (1.0 + trade.qty.max(0) as f64 * self.units_per_qty).ln()
    }

    /// What was bought minus what was sold in the window, and both.
    #[inline(always)]
    fn count(&mut self, trade: &Trade) -> (f64, f64) {
        let qty = trade.qty.max(0);
        let signed = if trade.aggressor == Side::Buy { qty } else { -qty };
        let leaving = core::mem::replace(&mut self.signed[self.next], signed);
        self.next = (self.next + 1) % WINDOW;
        self.net += i128::from(signed) - i128::from(leaving);
        self.gross += i128::from(signed.unsigned_abs()) - i128::from(leaving.unsigned_abs());
        (real(self.net), real(self.gross))
    }
}

#[inline(always)]
fn sign(trade: &Trade) -> f64 {
    if trade.aggressor == Side::Buy { 1.0 } else { -1.0 }
}

#[inline(always)]
fn share(net: f64, gross: f64) -> f64 {
    if gross > 0.0 { net / gross } else { 0.0 }
}

/// The divisions of some trades.
struct Ratios<'a> {
    /// Prices, the one before the first trade in front.
    px: &'a [i64],
    r: &'a mut [f64],
    /// What was bought minus what was sold, to become a share of `gross`.
    flow: &'a mut [f64],
    gross: &'a [f64],
}

impl Program for Ratios<'_> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, _: K) {
        let Self { px, r, flow, gross } = self;
        log_ratios(px, r);
        r.iter_mut().for_each(|r| *r *= 1e4);
        flow.iter_mut().zip(gross).for_each(|(flow, &gross)| *flow = share(*flow, gross));
    }
}

/// Volume-weighted average price since the start or the last [`reset`](Self::reset), from exact sums.
///
/// ```
/// use bot4_pipeline::features::{Scale, Vwap};
/// use bot4_pipeline::{Side, Trade};
///
/// let mut vwap = Vwap::new(Scale::WHOLE);
/// assert_eq!(vwap.value(), None);
/// let trade = Trade { ts: 1, px: 100_000_000_000, qty: 3_000_000_000, aggressor: Side::Buy };
/// vwap.update(&trade);
/// vwap.update(&Trade { px: 104_000_000_000, qty: 1_000_000_000, ..trade });
/// assert_eq!(vwap.value(), Some(101.0));
/// assert_eq!(vwap.deviation(102_010_000_000), Some(0.01));
/// ```
#[derive(Clone, Debug)]
pub struct Vwap {
    unit: f64,
    /// Sum of price times quantity.
    amount: i128,
    qty: i128,
}

impl Vwap {
    /// Starts without a trade.
    ///
    /// # Panics
    /// If the scale of prices is not positive and finite.
    #[must_use]
    pub fn new(scale: Scale) -> Self {
        let unit = scale.price;
        assert!(unit.is_finite() && unit > 0.0, "scale of price is {unit}, not positive and finite");
        Self { unit, amount: 0, qty: 0 }
    }

    /// Adds a trade; one without a quantity above 0 counts as none. O(1), no allocation. Sums
    /// are held to 2^127; a million pieces at a price of a million each are 2^100.
    #[inline]
    pub fn update(&mut self, trade: &Trade) {
        let qty = i128::from(trade.qty.max(0));
        self.amount = self.amount.saturating_add(i128::from(trade.px) * qty);
        self.qty = self.qty.saturating_add(qty);
    }

    /// Adds trades, and writes after each the average price and how far the trade's own price is from it, as
    /// [`value`](Self::value) and [`deviation`](Self::deviation) give them, to the bit; NaN where those give nothing. No
    /// allocation.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// ```
    /// use bot4_pipeline::features::{Scale, Vwap};
    /// use bot4_pipeline::{Side, Trade};
    ///
    /// let trade = Trade { ts: 1, px: 100_000_000_000, qty: 3_000_000_000, aggressor: Side::Buy };
    /// let trades = [trade, Trade { px: 104_000_000_000, qty: 1_000_000_000, ..trade }];
    /// let (mut value, mut deviation) = ([0.0; 2], [0.0; 2]);
    /// Vwap::new(Scale::WHOLE).batch(&trades, &mut value, &mut deviation);
    /// assert_eq!((value, deviation), ([100.0, 101.0], [0.0, 3.0 / 101.0]));
    /// ```
    pub fn batch(&mut self, trades: &[Trade], value: &mut [f64], deviation: &mut [f64]) {
        for column in [&*value, &*deviation] {
            assert!(column.len() == trades.len(), "{} trades, room for {}", trades.len(), column.len());
        }
        let columns = value.chunks_mut(TILE).zip(deviation.chunks_mut(TILE));
        for (trades, (value, deviation)) in trades.chunks(TILE).zip(columns) {
            Isa::detect().run(Sums { vwap: self, trades, value, deviation });
        }
    }

    /// The average price in the units of the scale; `None` before the first trade.
    #[inline]
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        (self.qty > 0).then(|| self.nanos() / self.unit)
    }

    /// How far a price (in 1e-9) is from the average, as a share of the average; `None` before the first trade
    /// or where the average is 0.
    #[inline]
    #[must_use]
    pub fn deviation(&self, px: i64) -> Option<f64> {
        let deviation = deviation(px as f64, self.nanos());
        (!deviation.is_nan()).then_some(deviation)
    }

    /// The average in 1e-9; NaN before the first trade.
    #[inline(always)]
    fn nanos(&self) -> f64 {
        real(self.amount) / real(self.qty)
    }

    /// Forgets all trades: a new session begins.
    pub const fn reset(&mut self) {
        (self.amount, self.qty) = (0, 0);
    }
}

/// As a share of an average of prices; NaN where there is none or it is 0.
#[inline(always)]
fn deviation(px: f64, vwap: f64) -> f64 {
    let deviation = (px - vwap) / vwap;
    if vwap == 0.0 { f64::NAN } else { deviation }
}

/// Some trades of a batch, and the places of their results.
struct Sums<'a> {
    vwap: &'a mut Vwap,
    trades: &'a [Trade],
    value: &'a mut [f64],
    deviation: &'a mut [f64],
}

impl Program for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, _: K) {
        let Self { vwap, trades, value, deviation } = self;
        let (mut sums, mut px, unit) = (vwap.clone(), [0.0; TILE], vwap.unit);
        for (i, trade) in trades.iter().enumerate() {
            sums.update(trade);
            (value[i], deviation[i]) = (real(sums.amount), real(sums.qty));
            px[i] = trade.px as f64;
        }
        *vwap = sums;
        for ((value, deviation), &px) in value.iter_mut().zip(deviation).zip(&px) {
            let nanos = *value / *deviation;
            (*value, *deviation) = (nanos / unit, self::deviation(px, nanos));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_reset_average_knows_the_new_session_only() {
        let mut vwap = Vwap::new(Scale::WHOLE);
        let trade = Trade { ts: 1, px: 5, qty: 7, aggressor: Side::Buy };
        vwap.update(&trade);
        vwap.reset();
        assert_eq!((vwap.value(), vwap.deviation(5)), (None, None));
        vwap.update(&Trade { qty: 0, ..trade });
        assert_eq!(vwap.value(), None);
    }

    /// Batches of some length, to the end of the trades.
    fn same_bits(trades: &[Trade], length: usize) -> Result<(), TestCaseError> {
        let (mut one_by_one, mut batches) =
            (TradeFeatures::new(Scale::WHOLE), TradeFeatures::new(Scale::WHOLE));
        let (mut vwap, mut vwap_of_batches) = (Vwap::new(Scale::WHOLE), Vwap::new(Scale::WHOLE));
        let mut columns = Columns::new(TRADE_NAMES.len(), length);
        for part in trades.chunks(length) {
            let (mut value, mut deviation) = (vec![0.0; part.len()], vec![0.0; part.len()]);
            batches.batch(part, &mut columns);
            vwap_of_batches.batch(part, &mut value, &mut deviation);
            for (i, trade) in part.iter().enumerate() {
                let found: Vec<_> = columns.row(i).map(f64::to_bits).collect();
                prop_assert_eq!(found, one_by_one.update(trade).map(f64::to_bits).to_vec());
                vwap.update(trade);
                for (found, expected) in [(value[i], vwap.value()), (deviation[i], vwap.deviation(trade.px))]
                {
                    prop_assert_eq!((!found.is_nan()).then_some(found.to_bits()), expected.map(f64::to_bits));
                }
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn batches_have_the_bits_of_trade_after_trade(
            trades in prop::collection::vec((0..4_u8, any::<[i64; 2]>(), 1..1_000_000_i64, any::<bool>()), 0..900),
            length in 1..700_usize,
        ) {
            let trades: Vec<_> = trades.into_iter().map(|(kind, [px, qty], near, buy)| {
                let (px, qty) = if kind == 0 { (px, qty) } else { (50_000_000 + near, near - 1) };
                Trade { ts: 0, px, qty, aggressor: if buy { Side::Buy } else { Side::Sell } }
            }).collect();
            same_bits(&trades, length)?;
        }

        #[test]
        fn flow_equals_the_window_and_all_is_finite(trades: Vec<(i64, i64, bool)>) {
            let mut features = TradeFeatures::new(Scale::WHOLE);
            let mut vwap = Vwap::new(Scale::WHOLE);
            for (i, &(px, qty, buy)) in trades.iter().enumerate() {
                let trade = Trade { ts: 0, px, qty, aggressor: if buy { Side::Buy } else { Side::Sell } };
                let numbers = features.update(&trade);
                vwap.update(&trade);
                prop_assert!(numbers.iter().all(|x| x.is_finite()));
                prop_assert!(vwap.value().is_none_or(f64::is_finite));
                let window = &trades[(i + 1).saturating_sub(WINDOW)..=i];
                let total = |sold: f64| window.iter().map(|&(_, qty, buy)| qty.max(0) as f64 * if buy { 1.0 } else { sold }).sum::<f64>();
                let expected = if total(1.0) > 0.0 { total(-1.0) / total(1.0) } else { 0.0 };
                prop_assert!((numbers[5] - expected).abs() < 1e-9);
            }
        }
    }
}
