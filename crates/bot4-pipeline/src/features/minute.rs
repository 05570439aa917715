//! Features that change once a minute.

use crate::quote::Quote;

/// Nanoseconds in a minute: `quote.ts / MINUTE_NS` is a quote's minute.
pub const MINUTE_NS: u64 = 60_000_000_000;

/// Minutes whose sums are kept.
const KEPT: usize = 32;

/// Minutes that count as recent.
const RECENT: u64 = 5;

/// Minutes that count as usual; fewer than are kept, so that asking a minute late still works.
const USUAL: u64 = 30;

/// Sums over the quotes of one minute.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    minute: u64,
    quotes: u64,
    spread_ticks: f64,
    /// Sum of squared changes of the mid, in half ticks.
    variance: f64,
}

/// The slow features of one instrument: its volatility regime, average spread and activity.
///
/// [`MinuteProfile::update`] adds every quote to the sums of its minute (a few additions, no
/// allocation); [`MinuteProfile::slow_features`] looks at the minutes *before* the one asked for, so
/// that it sees nothing a trader in that minute could not have known, and gives the same answer
/// throughout the minute. It takes a few hundred nanoseconds: call it once per (instrument, minute)
/// and keep the result. 32 minutes are kept, 1 KiB.
///
/// ```
/// use bot4_pipeline::features::{MINUTE_NS, MinuteProfile};
/// use bot4_pipeline::sim::{self, Simulator};
///
/// let mut profile = MinuteProfile::new(sim::TICK);
/// let mut minute = 0;
/// for quote in Simulator::new(1).take(20_000) {
///     profile.update(&quote);
///     minute = quote.ts / MINUTE_NS;
/// }
/// let [_volatility, spread_ticks, _activity] = profile.slow_features(minute);
/// assert!(spread_ticks >= 1.0);
/// ```
#[derive(Clone, Debug)]
pub struct MinuteProfile {
    ticks_per_nano: f64,
    minutes: [Minute; KEPT],
    last_twice_mid: Option<i64>,
}

impl MinuteProfile {
    /// Starts without history; `tick` is the smallest price step, in 1e-9 units.
    ///
    /// # Panics
    /// If `tick` is not positive.
    #[must_use]
    pub fn new(tick: i64) -> Self {
        assert!(tick > 0, "tick is {tick}, not positive");
        let minutes = [Minute::default(); KEPT];
        Self { ticks_per_nano: 1.0 / tick as f64, minutes, last_twice_mid: None }
    }

    /// Adds a quote. One without both sides is left out; so is one from a minute so far back that its
    /// place holds a later minute.
    #[inline]
    pub fn update(&mut self, quote: &Quote) {
        if !quote.is_two_sided() {
            return;
        }
        let minute = quote.ts / MINUTE_NS;
        let slot = &mut self.minutes[minute as usize % KEPT];
        if slot.minute != minute {
            if slot.minute > minute {
                return;
            }
            *slot = Minute { minute, ..Minute::default() };
        }
        let twice_mid = quote.bid_px.saturating_add(quote.ask_px);
        let change = twice_mid.saturating_sub(self.last_twice_mid.replace(twice_mid).unwrap_or(twice_mid));
        let half_ticks = change as f64 * self.ticks_per_nano;
        slot.quotes += 1;
        slot.spread_ticks += quote.ask_px.saturating_sub(quote.bid_px) as f64 * self.ticks_per_nano;
        slot.variance += half_ticks * half_ticks;
    }

    /// The three slow features for quotes of `minute`, from the quotes of the minutes before it:
    ///
    /// 1. volatility regime: half the logarithm of realised variance per minute, of the last 5 minutes
    ///    over that of the last 30 (0: as usual);
    /// 2. average spread of the last 5 minutes, in ticks;
    /// 3. activity: the logarithm of quotes per minute, likewise 5 over 30.
    ///
    /// A minute without quotes counts in 1 and 3 if it lies after the first minute known. Where there is
    /// no history (or, for 1, no movement) the value is 0. Always finite.
    #[must_use]
    pub fn slow_features(&self, minute: u64) -> [f64; 3] {
        let recent = self.sum(minute, RECENT);
        let usual = self.sum(minute, USUAL);
        if recent.quotes == 0 {
            return [0.0; 3];
        }
        let ratio = |of: fn(&Span) -> f64| {
            let ratio = (of(&recent) * usual.minutes as f64) / (of(&usual) * recent.minutes as f64);
            if ratio > 0.0 && ratio.is_finite() { ratio.ln() } else { 0.0 }
        };
        let spread = recent.spread_ticks / recent.quotes as f64;
        [0.5 * ratio(|span| span.variance), spread, ratio(|span| span.quotes as f64)]
    }

    /// Sums over the `length` minutes before `end`.
    fn sum(&self, end: u64, length: u64) -> Span {
        let start = end.saturating_sub(length);
        let mut span = Span::default();
        let mut first = end;
        for minute in self.minutes.iter().filter(|m| m.quotes > 0 && m.minute < end) {
            first = first.min(minute.minute);
            if minute.minute >= start {
                span.quotes += minute.quotes;
                span.spread_ticks += minute.spread_ticks;
                span.variance += minute.variance;
            }
        }
        span.minutes = end - first.max(start);
        span
    }
}

/// Sums over some minutes.
#[derive(Debug, Default)]
struct Span {
    minutes: u64,
    quotes: u64,
    spread_ticks: f64,
    variance: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A quote in `minute` whose mid is `half_ticks` above 1000, with a spread of 2 or 3.
    fn quote(minute: u64, half_ticks: i64) -> Quote {
        let bid_px = 999 + half_ticks / 2;
        Quote { ts: minute * MINUTE_NS, bid_px, bid_qty: 1, ask_px: bid_px + 2 + half_ticks % 2, ask_qty: 1 }
    }

    fn profile(quotes: impl IntoIterator<Item = Quote>) -> MinuteProfile {
        let mut profile = MinuteProfile::new(1);
        quotes.into_iter().for_each(|quote| profile.update(&quote));
        profile
    }

    #[test]
    fn without_history_all_is_zero() {
        assert_eq!(profile([]).slow_features(5), [0.0; 3]);
        assert_eq!(profile([quote(5, 0)]).slow_features(5), [0.0; 3]);
    }

    #[test]
    fn a_steady_market_is_as_usual() {
        let steady = (100..140).flat_map(|minute| [quote(minute, 0), quote(minute, 2), quote(minute, 0)]);
        let slow = profile(steady).slow_features(140);
        assert!(slow[0].abs() < 1e-12 && slow[2].abs() < 1e-12, "{slow:?}");
        assert_eq!(slow[1], 2.0);
    }

    #[test]
    fn a_livelier_market_has_positive_regimes() {
        let calm = (100..125).flat_map(|minute| [quote(minute, 0), quote(minute, 2)]);
        let lively = (125..130).flat_map(|minute| [0, 8, 0, 8, 0].map(|mid| quote(minute, mid)));
        let [volatility, _, activity] = profile(calm.chain(lively)).slow_features(130);
        assert!(volatility > 0.5, "{volatility}");
        let expected = ((25.0 / 5.0) / (75.0 / 30.0_f64)).ln();
        assert!((activity - expected).abs() < 1e-12, "{activity}");
    }

    #[test]
    fn a_silent_minute_lowers_the_activity() {
        let silent_since_126 = (100..126).map(|minute| quote(minute, 0));
        let [_, _, activity] = profile(silent_since_126).slow_features(130);
        assert!((activity - ((1.0 / 5.0) / (26.0 / 30.0_f64)).ln()).abs() < 1e-12, "{activity}");
    }

    proptest! {
        /// The answer for a minute does not depend on anything in it or after it.
        #[test]
        fn nothing_is_seen_ahead(
            before in prop::collection::vec((100..110_u64, 0..20_i64), 1..60),
            after in prop::collection::vec((110..112_u64, 0..20_i64), 1..60),
        ) {
            let mut before = before;
            before.sort_by_key(|&(minute, _)| minute);
            let mut profile = profile(before.into_iter().map(|(minute, mid)| quote(minute, mid)));
            let slow = profile.slow_features(110);
            after.into_iter().for_each(|(minute, mid)| profile.update(&quote(minute, mid)));
            prop_assert_eq!(profile.slow_features(110), slow);
        }

        #[test]
        fn any_quotes_give_finite_values(quotes: Vec<(u64, [i64; 4])>, minute: u64) {
            let mut profile = MinuteProfile::new(1);
            for (ts, [bid_px, bid_qty, ask_px, ask_qty]) in quotes {
                profile.update(&Quote { ts, bid_px, bid_qty, ask_px, ask_qty });
                let asked = [minute, ts / MINUTE_NS, ts / MINUTE_NS + 1];
                prop_assert!(asked.iter().all(|&m| profile.slow_features(m).iter().all(|v| v.is_finite())));
            }
        }
    }
}
