//! The ten basic features.

use super::log_ratio::log_ratio;
use super::rolling::Rolling;
use crate::quote::Quote;

/// Quotes in the window of the rolling mean and variance.
pub const WINDOW: usize = 64;

/// How much of the order-flow sum survives one quote.
pub(super) const FLOW_DECAY: f64 = 0.99;

/// How much of the variance estimate survives one quote.
pub(super) const VARIANCE_DECAY: f64 = 0.94;

/// The units features come out in: how many 1e-9 units make 1.0 of output.
///
/// ```
/// use bot4_pipeline::features::Scale;
///
/// // LOBSTER's own units: dollars times 10,000, and shares.
/// assert_eq!(Scale::LOBSTER, Scale { price: 1e5, qty: 1e9 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// 1e-9 price units per 1.0.
    pub price: f64,
    /// 1e-9 quantity units per 1.0.
    pub qty: f64,
}

impl Scale {
    /// Whole currency units, and whole shares, contracts or coins.
    pub const WHOLE: Self = Self { price: 1e9, qty: 1e9 };

    /// Dollars times 10,000, and shares.
    pub const LOBSTER: Self = Self { price: 1e5, qty: 1e9 };
}

/// The ten features of one quote n, given the quotes before it.
///
/// bp, bq, ap, aq are the best bid's price and quantity and the best ask's, in the units of [`Scale`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Features {
    /// (bp + ap) / 2.
    pub mid: f64,
    /// Mid weighted by the quantity of the *other* side: (bp aq + ap bq) / (bq + aq).
    pub wmid: f64,
    /// Queue imbalance (bq - aq) / (bq + aq), from -1 to 1.
    pub qi: f64,
    /// ap - bp.
    pub spread: f64,
    /// Order-flow imbalance of one event (Cont, Kukanov, Stoikov: The price impact of order book
    /// events, 2014): `1{bp_n >= bp_n-1} bq_n - 1{bp_n <= bp_n-1} bq_n-1 - 1{ap_n <= ap_n-1} aq_n +
    /// 1{ap_n >= ap_n-1} aq_n-1`; 0 for the first quote.
    pub ofi: f64,
    /// Exponentially weighted sum of `ofi`: `s_n = 0.99 s_n-1 + ofi_n`, s_0 = 0.
    pub ofi_ewm: f64,
    /// Logarithmic return of the mid, `ln(mid_n / mid_n-1)`; 0 for the first quote.
    pub r: f64,
    /// Exponentially weighted variance: `v_n = 0.94 v_n-1 + 0.06 r_n^2`, v_0 = 0.
    pub ewvar: f64,
    /// Mean of the last [`WINDOW`] mids; NaN before there are as many.
    pub roll_mean: f64,
    /// Variance (divisor [`WINDOW`] - 1) of the same; NaN likewise.
    pub roll_var: f64,
}

impl Features {
    /// The names of the features, in the order of [`Features::to_array`].
    pub const NAMES: [&'static str; 10] =
        ["mid", "wmid", "qi", "spread", "ofi", "ofi_ewm", "r", "ewvar", "roll_mean", "roll_var"];

    /// No quote with both sides was seen yet.
    const UNKNOWN: Self = Self {
        mid: f64::NAN,
        wmid: f64::NAN,
        qi: f64::NAN,
        spread: f64::NAN,
        ofi: f64::NAN,
        ofi_ewm: f64::NAN,
        r: f64::NAN,
        ewvar: f64::NAN,
        roll_mean: f64::NAN,
        roll_var: f64::NAN,
    };

    /// The values in the order of [`Features::NAMES`].
    #[must_use]
    pub const fn to_array(&self) -> [f64; 10] {
        let &Self { mid, wmid, qi, spread, ofi, ofi_ewm, r, ewvar, roll_mean, roll_var } = self;
        [mid, wmid, qi, spread, ofi, ofi_ewm, r, ewvar, roll_mean, roll_var]
    }
}

/// Computes [`Features`] quote by quote: O(1), 640 bytes of state, no allocation.
///
/// The rolling mean and variance are exact sums of integers and do not drift over a day. For inputs
/// out of the ordinary see the [table of the module](super).
///
/// ```
/// use bot4_pipeline::Quote;
/// use bot4_pipeline::features::{QuoteFeatures, Scale};
///
/// let mut features = QuoteFeatures::new(Scale::WHOLE);
/// let before = Quote {
///     ts: 0,
///     bid_px: 99_000_000_000,
///     bid_qty: 5_000_000_000,
///     ask_px: 101_000_000_000,
///     ask_qty: 5_000_000_000,
/// };
/// features.update(&before);
/// // Ten more bought at the bid: the imbalance leans up, and so does the weighted mid.
/// let now = features.update(&Quote { bid_qty: 15_000_000_000, ..before });
/// assert_eq!((now.mid, now.wmid, now.qi, now.ofi), (100.0, 100.5, 0.5, 10.0));
/// ```
#[derive(Clone, Debug)]
pub struct QuoteFeatures {
    pub(super) scale: Scale,
    pub(super) last: Option<Quote>,
    pub(super) ofi_ewm: f64,
    pub(super) ewvar: f64,
    pub(super) mids: Rolling<WINDOW>,
}

impl QuoteFeatures {
    /// Starts without history.
    ///
    /// # Panics
    /// If a scale is not a positive finite number.
    #[must_use]
    pub fn new(scale: Scale) -> Self {
        for (name, units) in [("price", scale.price), ("qty", scale.qty)] {
            assert!(units.is_finite() && units > 0.0, "scale of {name} is {units}, not positive and finite");
        }
        Self { scale, last: None, ofi_ewm: 0.0, ewvar: 0.0, mids: Rolling::new(2.0 * scale.price) }
    }

    /// Takes the next quote and gives its features.
    #[inline]
    pub fn update(&mut self, quote: &Quote) -> Features {
        let quote = if quote.is_two_sided() { quote } else { &self.last.unwrap_or(*quote) };
        if !quote.is_two_sided() {
            return Features::UNKNOWN;
        }
        let last = self.last.replace(*quote).unwrap_or(*quote);

        let twice_mid = quote.bid_px.saturating_add(quote.ask_px);
        let ofi = order_flow(&last, quote) as f64 / self.scale.qty;
        self.ofi_ewm = FLOW_DECAY * self.ofi_ewm + ofi;
        let r = log_ratio(twice_mid, last.bid_px.saturating_add(last.ask_px));
        self.ewvar = VARIANCE_DECAY * self.ewvar + (1.0 - VARIANCE_DECAY) * r * r;
        let is_full = self.mids.push(twice_mid);

        let half_unit = 2.0 * self.scale.price;
        let mid = twice_mid as f64 / half_unit;
        let spread = quote.ask_px.saturating_sub(quote.bid_px) as f64 / self.scale.price;
        let qi = imbalance(quote.bid_qty, quote.ask_qty);
        let (roll_mean, roll_var) = if is_full { self.mids.mean_var() } else { (f64::NAN, f64::NAN) };
        Features {
            mid,
            // The definition with the mid taken out of both terms: no large product, and exact at qi 0.
            wmid: mid + 0.5 * spread * qi,
            qi,
            spread,
            ofi,
            ofi_ewm: self.ofi_ewm,
            r,
            ewvar: self.ewvar,
            roll_mean,
            roll_var,
        }
    }
}

/// (bq - aq) / (bq + aq), and 0 where there is nothing to compare.
#[inline(always)]
pub(super) fn imbalance(bid_qty: i64, ask_qty: i64) -> f64 {
    let (bid, ask) = (bid_qty as f64, ask_qty as f64);
    if bid + ask > 0.0 { (bid - ask) / (bid + ask) } else { 0.0 }
}

/// Order-flow imbalance from `last` to `now`, in 1e-9 units.
#[inline(always)]
pub(super) fn order_flow(last: &Quote, now: &Quote) -> i64 {
    let when = |condition: bool, quantity: i64| if condition { quantity } else { 0 };
    let bid = when(now.bid_px >= last.bid_px, now.bid_qty)
        .saturating_sub(when(now.bid_px <= last.bid_px, last.bid_qty));
    let ask = when(now.ask_px <= last.ask_px, now.ask_qty)
        .saturating_sub(when(now.ask_px >= last.ask_px, last.ask_qty));
    bid.saturating_sub(ask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUOTE: Quote = Quote { ts: 1, bid_px: 99, bid_qty: 30, ask_px: 101, ask_qty: 10 };
    const ONE_TO_ONE: Scale = Scale { price: 1.0, qty: 1.0 };

    fn after(quotes: &[Quote]) -> Features {
        let mut features = QuoteFeatures::new(ONE_TO_ONE);
        quotes.iter().map(|quote| features.update(quote)).last().unwrap()
    }

    #[test]
    fn the_first_quote_has_no_flow_and_no_return() {
        let first = after(&[QUOTE]);
        assert_eq!((first.mid, first.wmid, first.qi, first.spread), (100.0, 100.5, 0.5, 2.0));
        assert_eq!((first.ofi, first.ofi_ewm, first.r, first.ewvar), (0.0, 0.0, 0.0, 0.0));
        assert!(first.roll_mean.is_nan() && first.roll_var.is_nan());
    }

    #[test]
    fn order_flow_counts_arrivals_and_departures_by_price() {
        for (now, flow) in [
            (Quote { bid_qty: 35, ..QUOTE }, 5),
            (Quote { ask_qty: 4, ..QUOTE }, 6),
            (Quote { bid_px: 100, bid_qty: 7, ..QUOTE }, 7),
            (Quote { bid_px: 98, bid_qty: 7, ..QUOTE }, -30),
            (Quote { ask_px: 100, ask_qty: 7, ..QUOTE }, -7),
            (Quote { ask_px: 102, ask_qty: 7, ..QUOTE }, 10),
            (QUOTE, 0),
        ] {
            assert_eq!(order_flow(&QUOTE, &now), flow, "{now:?}");
        }
    }

    #[test]
    fn the_window_fills_with_its_last_quote() {
        assert!(after(&[QUOTE; WINDOW - 1]).roll_mean.is_nan());
        let full = after(&[QUOTE; WINDOW]);
        assert_eq!((full.roll_mean, full.roll_var), (100.0, 0.0));
    }

    #[test]
    fn without_quantities_the_weighted_mid_is_the_mid() {
        let empty = after(&[Quote { bid_qty: 0, ask_qty: 0, ..QUOTE }]);
        assert_eq!((empty.wmid, empty.qi), (100.0, 0.0));
    }

    #[test]
    fn a_crossed_book_has_a_negative_spread() {
        let crossed = after(&[Quote { bid_px: 103, ..QUOTE }]);
        assert_eq!((crossed.mid, crossed.spread, crossed.wmid), (102.0, -2.0, 101.5));
    }

    #[test]
    fn a_missing_side_counts_as_the_last_quote_again() {
        let no_ask = Quote { ask_px: Quote::UNDEFINED_PX, ask_qty: 0, ..QUOTE };
        let next = Quote { bid_qty: 35, ..QUOTE };
        assert_eq!(after(&[QUOTE, no_ask]), after(&[QUOTE, QUOTE]).with_nan());
        assert_eq!(after(&[QUOTE, no_ask, next]).ofi, 5.0);
        assert!(after(&[no_ask]).to_array().iter().all(|value| value.is_nan()));
        assert_eq!(after(&[no_ask, QUOTE]).mid, 100.0);
    }

    impl Features {
        /// NaN does not equal NaN: puts numbers in the place of those of the warm-up.
        fn with_nan(self) -> NanEq {
            NanEq(self)
        }
    }

    /// Compares bits.
    #[derive(Debug)]
    struct NanEq(Features);

    impl PartialEq<NanEq> for Features {
        fn eq(&self, other: &NanEq) -> bool {
            self.to_array().map(f64::to_bits) == other.0.to_array().map(f64::to_bits)
        }
    }

    proptest! {
        #[test]
        fn any_quotes_give_finite_features(quotes: Vec<[i64; 4]>) {
            let mut features = QuoteFeatures::new(Scale::WHOLE);
            for [bid_px, bid_qty, ask_px, ask_qty] in quotes {
                let [bid_qty, ask_qty] = [bid_qty, ask_qty].map(|qty| qty & i64::MAX);
                let now = features.update(&Quote { ts: 0, bid_px, bid_qty, ask_px, ask_qty });
                if !now.mid.is_nan() {
                    prop_assert!(now.to_array()[..8].iter().all(|value| value.is_finite()), "{now:?}");
                }
            }
        }
    }
}
