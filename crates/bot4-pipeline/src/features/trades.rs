//! Features of trades.

use super::level1::Scale;
use super::log_ratio::log_ratio;
use crate::quote::{Side, Trade};

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
        let is_buy = trade.aggressor == Side::Buy;
        let sign = if is_buy { 1.0 } else { -1.0 };
        for (mean, decay) in self.sign.iter_mut().zip([0.9, 0.99]) {
            *mean = decay * *mean + (1.0 - decay) * sign;
        }
        let r = log_ratio(trade.px, self.last_px.replace(trade.px).unwrap_or(trade.px));
        let qty = trade.qty.max(0);
        let flow = self.flow(if is_buy { qty } else { -qty });
        [sign, self.sign[0], self.sign[1], 1e4 * r, (1.0 + qty as f64 * self.units_per_qty).ln(), flow]
    }

    #[inline]
    fn flow(&mut self, signed: i64) -> f64 {
        let leaving = core::mem::replace(&mut self.signed[self.next], signed);
        self.next = (self.next + 1) % WINDOW;
        self.net += i128::from(signed) - i128::from(leaving);
        self.gross += i128::from(signed.unsigned_abs()) - i128::from(leaving.unsigned_abs());
        if self.gross > 0 { self.net as f64 / self.gross as f64 } else { 0.0 }
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
        let vwap = if self.qty > 0 { self.nanos() } else { 0.0 };
        (vwap != 0.0).then(|| (px as f64 - vwap) / vwap)
    }

    /// The average in 1e-9.
    #[inline]
    fn nanos(&self) -> f64 {
        self.amount as f64 / self.qty as f64
    }

    /// Forgets all trades: a new session begins.
    pub const fn reset(&mut self) {
        (self.amount, self.qty) = (0, 0);
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

    proptest! {
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
