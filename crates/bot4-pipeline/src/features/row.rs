//! The row of numbers a model sees.

use super::level1::{Features, QuoteFeatures, Scale};
use crate::quote::Quote;

/// Numbers in a row.
pub const ROW_WIDTH: usize = 32;

/// What the numbers of a row are, in order.
///
/// `ewm_x_D` is the exponentially weighted mean `m_n = D m_n-1 + (1 - D) x_n`, except for the flow
/// `e`, where it is the sum `s_n = D s_n-1 + e_n`; both start from 0. Ticks are signed price
/// differences divided by the tick, quantities and flows are in units of the scale, `r_bp` is the
/// return in 1e-4, `dt` the time since the quote before in microseconds, and logarithms are natural.
pub const ROW_NAMES: [&str; ROW_WIDTH] = [
    "qi",
    "e",
    "ewm_e_0.9",
    "ewm_e_0.99",
    "ewm_e_0.999",
    "spread_ticks",
    "r_bp",
    "ewvar_bp2",
    "mid_minus_mean_ticks",
    "roll_std_ticks",
    "wmid_minus_mid_ticks",
    "qi_change",
    "ewm_qi_0.9",
    "ewm_qi_0.99",
    "ewm_r_bp_0.9",
    "ewm_r_bp_0.99",
    "ewm_r_bp_0.999",
    "ln_bid_qty",
    "ln_ask_qty",
    "ln_dt",
    "ewm_ln_dt_0.99",
    "bid_change_ticks",
    "ask_change_ticks",
    "ewm_abs_r_bp_0.9",
    "ewm_abs_r_bp_0.99",
    "ewm_spread_ticks_0.99",
    "mid_zscore",
    "last_move_sign",
    "ln_since_move",
    "minute_volatility",
    "minute_spread_ticks",
    "minute_activity",
];

/// Nanoseconds in a microsecond.
const MICROSECOND: f64 = 1e3;

/// Computes rows of [`ROW_WIDTH`] numbers quote by quote: O(1), no allocation.
///
/// Every number of a row is finite, whatever the quotes were. Where one of the ten [`Features`] is not
/// defined yet (rolling mean and variance in the first 63 quotes), what is made of it is 0; of the
/// quotes before the first one with both sides, all is 0. The three slow features come from the
/// caller, who computes them once a minute (see [`MinuteProfile`](super::MinuteProfile)).
///
/// ```
/// use bot4_pipeline::features::{FeatureRow, ROW_NAMES, ROW_WIDTH, Scale};
/// use bot4_pipeline::sim::{self, Simulator};
///
/// let mut rows = FeatureRow::new(Scale::WHOLE, sim::TICK);
/// let mut row = [0.0; ROW_WIDTH];
/// for quote in Simulator::new(1).take(100) {
///     rows.update(&quote, &[0.0; 3], &mut row);
/// }
/// assert_eq!(ROW_NAMES[5], "spread_ticks");
/// assert!(row[5] >= 1.0 && row[5].fract() == 0.0);
/// ```
#[derive(Clone, Debug)]
pub struct FeatureRow {
    basic: QuoteFeatures,
    /// Ticks per 1.0 of the scale's price.
    ticks_per_unit: f64,
    ticks_per_nano: f64,
    units_per_qty: f64,
    last: Option<Quote>,
    last_qi: f64,
    flow: [f64; 2],
    imbalance: [f64; 2],
    drift: [f64; 3],
    activity: [f64; 2],
    pace: f64,
    spread: f64,
    bid_size: LogSize,
    ask_size: LogSize,
    move_sign: f64,
    /// The time of the last move or, before the first one, of the first quote.
    moved_at: Option<u64>,
}

impl FeatureRow {
    /// Starts without history; `tick` is the smallest price step, in 1e-9 units.
    ///
    /// # Panics
    /// If `tick` or a scale is not positive.
    #[must_use]
    pub fn new(scale: Scale, tick: i64) -> Self {
        assert!(tick > 0, "tick is {tick}, not positive");
        Self {
            basic: QuoteFeatures::new(scale),
            ticks_per_unit: scale.price / tick as f64,
            ticks_per_nano: 1.0 / tick as f64,
            units_per_qty: 1.0 / scale.qty,
            last: None,
            last_qi: 0.0,
            flow: [0.0; 2],
            imbalance: [0.0; 2],
            drift: [0.0; 3],
            activity: [0.0; 2],
            pace: 0.0,
            spread: 0.0,
            bid_size: LogSize::default(),
            ask_size: LogSize::default(),
            move_sign: 0.0,
            moved_at: None,
        }
    }

    /// Takes the next quote and writes its row; gives the ten basic features, too.
    #[inline]
    pub fn update(&mut self, quote: &Quote, slow: &[f64; 3], out: &mut [f64; ROW_WIDTH]) -> Features {
        let basic = self.basic.update(quote);
        let quote = match self.last {
            _ if quote.is_two_sided() => *quote,
            Some(last) => Quote { ts: quote.ts, ..last },
            None => {
                *out = [0.0; ROW_WIDTH];
                return basic;
            }
        };
        let last = self.last.replace(quote).unwrap_or(Quote { ts: quote.ts, ..quote });

        let spread = basic.spread * self.ticks_per_unit;
        let r = 1e4 * basic.r;
        let ln_dt = ln_micros(quote.ts.saturating_sub(last.ts));
        self.average(&basic, spread, r, ln_dt);
        self.note_move(&last, &quote);

        let (from_mean, std) = if basic.roll_var.is_nan() {
            (0.0, 0.0)
        } else {
            ((basic.mid - basic.roll_mean) * self.ticks_per_unit, basic.roll_var.sqrt() * self.ticks_per_unit)
        };
        let ticks = |now: i64, before: i64| now.saturating_sub(before) as f64 * self.ticks_per_nano;
        *out = [
            basic.qi,
            basic.ofi,
            self.flow[0],
            basic.ofi_ewm,
            self.flow[1],
            spread,
            r,
            1e8 * basic.ewvar,
            from_mean,
            std,
            (basic.wmid - basic.mid) * self.ticks_per_unit,
            basic.qi - core::mem::replace(&mut self.last_qi, basic.qi),
            self.imbalance[0],
            self.imbalance[1],
            self.drift[0],
            self.drift[1],
            self.drift[2],
            self.bid_size.ln(quote.bid_qty, self.units_per_qty),
            self.ask_size.ln(quote.ask_qty, self.units_per_qty),
            ln_dt,
            self.pace,
            ticks(quote.bid_px, last.bid_px),
            ticks(quote.ask_px, last.ask_px),
            self.activity[0],
            self.activity[1],
            self.spread,
            if std > 0.0 { from_mean / std } else { 0.0 },
            self.move_sign,
            ln_micros(quote.ts.saturating_sub(*self.moved_at.get_or_insert(quote.ts))),
            slow[0],
            slow[1],
            slow[2],
        ];
        basic
    }

    #[inline]
    fn average(&mut self, basic: &Features, spread: f64, r: f64, ln_dt: f64) {
        let mean = |mean: &mut f64, decay: f64, value: f64| *mean = decay * *mean + (1.0 - decay) * value;
        self.flow[0] = 0.9 * self.flow[0] + basic.ofi;
        self.flow[1] = 0.999 * self.flow[1] + basic.ofi;
        mean(&mut self.imbalance[0], 0.9, basic.qi);
        mean(&mut self.imbalance[1], 0.99, basic.qi);
        mean(&mut self.drift[0], 0.9, r);
        mean(&mut self.drift[1], 0.99, r);
        mean(&mut self.drift[2], 0.999, r);
        mean(&mut self.activity[0], 0.9, r.abs());
        mean(&mut self.activity[1], 0.99, r.abs());
        mean(&mut self.pace, 0.99, ln_dt);
        mean(&mut self.spread, 0.99, spread);
    }

    #[inline]
    fn note_move(&mut self, last: &Quote, now: &Quote) {
        let twice_mid = |quote: &Quote| quote.bid_px.saturating_add(quote.ask_px);
        let change = twice_mid(now).saturating_sub(twice_mid(last));
        if change != 0 {
            self.move_sign = change.signum() as f64;
            self.moved_at = Some(now.ts);
        }
    }
}

/// ln(1 + the interval in microseconds).
#[inline]
fn ln_micros(nanos: u64) -> f64 {
    (1.0 + nanos as f64 / MICROSECOND).ln()
}

/// ln(1 + a quantity), remembered: most quotes change one side only.
#[derive(Clone, Copy, Debug, Default)]
struct LogSize {
    qty: i64,
    ln: f64,
}

impl LogSize {
    #[inline]
    fn ln(&mut self, qty: i64, units_per_qty: f64) -> f64 {
        if qty != self.qty {
            let positive = qty.max(0) as f64;
            *self = Self { qty, ln: (1.0 + positive * units_per_qty).ln() };
        }
        self.ln
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TICK: i64 = 10_000_000;
    const LOT: i64 = 1_000_000_000;
    const QUOTE: Quote = Quote {
        ts: 1_000,
        bid_px: 9_999 * TICK,
        bid_qty: 30 * LOT,
        ask_px: 10_001 * TICK,
        ask_qty: 10 * LOT,
    };

    fn rows(quotes: &[Quote]) -> Vec<[f64; ROW_WIDTH]> {
        let mut rows = FeatureRow::new(Scale::WHOLE, TICK);
        let row = |quote| {
            let mut row = [f64::NAN; ROW_WIDTH];
            rows.update(quote, &[1.0, 2.0, 3.0], &mut row);
            row
        };
        quotes.iter().map(row).collect()
    }

    #[track_caller]
    fn assert_value(row: &[f64; ROW_WIDTH], name: &str, expected: f64) {
        let column = ROW_NAMES.iter().position(|&n| n == name).expect(name);
        let value = row[column];
        assert!(
            (value - expected).abs() <= 1e-9 * expected.abs().max(1e-3),
            "{name}: {value}, not {expected}"
        );
    }

    #[test]
    fn the_second_quote_has_changes_in_ticks_and_averages() {
        let up = Quote { ts: 4_000, bid_px: QUOTE.bid_px + TICK, bid_qty: 20 * LOT, ..QUOTE };
        let row = rows(&[QUOTE, up])[1];
        let r_bp = 1e4 * (10_000.5_f64 / 10_000.0).ln();
        for (name, value) in [
            ("qi", 1.0 / 3.0),
            ("e", 20.0),
            ("ewm_e_0.9", 20.0),
            ("ewm_e_0.999", 20.0),
            ("spread_ticks", 1.0),
            ("r_bp", r_bp),
            ("ewvar_bp2", 0.06 * r_bp * r_bp),
            ("mid_minus_mean_ticks", 0.0),
            ("wmid_minus_mid_ticks", 0.5 / 3.0),
            ("qi_change", 1.0 / 3.0 - 0.5),
            ("ewm_qi_0.9", 0.9 * 0.05 + 0.1 / 3.0),
            ("ewm_r_bp_0.99", 0.01 * r_bp),
            ("ln_bid_qty", 21.0_f64.ln()),
            ("ln_ask_qty", 11.0_f64.ln()),
            ("ln_dt", 4.0_f64.ln()),
            ("ewm_ln_dt_0.99", 0.01 * 4.0_f64.ln()),
            ("bid_change_ticks", 1.0),
            ("ask_change_ticks", 0.0),
            ("ewm_abs_r_bp_0.9", 0.1 * r_bp),
            ("ewm_spread_ticks_0.99", 0.99 * 0.02 + 0.01),
            ("mid_zscore", 0.0),
            ("last_move_sign", 1.0),
            ("ln_since_move", 0.0),
            ("minute_volatility", 1.0),
            ("minute_activity", 3.0),
        ] {
            assert_value(&row, name, value);
        }
    }

    #[test]
    fn time_since_the_last_move_counts_from_the_move() {
        let down = Quote { ts: 2_000, bid_px: QUOTE.bid_px - TICK, ..QUOTE };
        let later = Quote { ts: 9_000, ..down };
        let row = rows(&[QUOTE, down, later])[2];
        assert_value(&row, "last_move_sign", -1.0);
        assert_value(&row, "ln_since_move", 8.0_f64.ln());
    }

    #[test]
    fn the_distance_from_the_mean_appears_once_the_window_is_full() {
        let mut quotes = vec![QUOTE; 63];
        quotes.push(Quote { bid_px: QUOTE.bid_px + TICK, ..QUOTE });
        let row = rows(&quotes)[63];
        let mean = 0.5 / 64.0;
        let std = (0.25 * 63.0 / 64.0 / 63.0_f64).sqrt();
        assert_value(&row, "mid_minus_mean_ticks", 0.5 - mean);
        assert_value(&row, "roll_std_ticks", std);
        assert_value(&row, "mid_zscore", (0.5 - mean) / std);
    }

    #[test]
    fn before_the_first_two_sided_quote_all_is_zero() {
        let no_bid = Quote { bid_px: Quote::UNDEFINED_PX, bid_qty: 0, ..QUOTE };
        assert_eq!(rows(&[no_bid])[0], [0.0; ROW_WIDTH]);
        assert_value(&rows(&[QUOTE, no_bid])[1], "ln_bid_qty", 31.0_f64.ln());
    }

    proptest! {
        #[test]
        fn any_quotes_give_finite_rows(quotes: Vec<(u64, [i64; 4])>) {
            let quotes: Vec<_> = quotes.into_iter().map(|(ts, [bid_px, bid_qty, ask_px, ask_qty])| {
                Quote { ts, bid_px, bid_qty: bid_qty & i64::MAX, ask_px, ask_qty: ask_qty & i64::MAX }
            }).collect();
            for row in rows(&quotes) {
                prop_assert!(row.iter().all(|value| value.is_finite()), "{row:?}");
            }
        }
    }
}
