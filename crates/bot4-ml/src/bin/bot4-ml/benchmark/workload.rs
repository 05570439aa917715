//! What both paths work on: the events, the trained parameters, the strategy and its limits.

use super::training;
use crate::args::BenchmarkArgs;
use crate::failure::Failure;
use crate::input::{self, Recording};
use bot4_ml::LogisticRegression;
use bot4_pipeline::features::{FeatureRow, MINUTE_NS, MinuteProfile, ROW_WIDTH, Scale};
use bot4_pipeline::risk::{Limits, Order};
use bot4_pipeline::sim::{self, Simulator};
use bot4_pipeline::{Quote, Side};

/// Values in a row.
pub(crate) const WIDTH: usize = ROW_WIDTH;
/// Rows in a batch.
pub(crate) const ROWS: usize = 1024;
/// The one instrument of the workload.
pub(crate) const INSTRUMENT: u32 = 1;

const EVENTS: usize = 200_000;
const EVENTS_QUICK: usize = 40_000;
/// The model is trained on the events before the measured ones: a third as many, but at most this.
const TRAINED_MAX: usize = 60_000;

/// The events: first those the model is trained on, then those that are measured.
#[derive(Debug)]
pub(crate) struct Events {
    quotes: Vec<Quote>,
    trained: usize,
    pub(crate) tick: i64,
    pub(crate) lot: i64,
    pub(crate) source: Source,
}

/// Where the events came from.
#[derive(Debug)]
pub(crate) enum Source {
    Simulator { seed: u64 },
    File { format: &'static str, path: String, sha256: String },
}

impl Events {
    /// Reads the recording or runs the simulator, as the arguments say.
    pub(crate) fn load(args: &BenchmarkArgs) -> Result<Self, Failure> {
        let measured =
            args.events.map_or(if args.quick { EVENTS_QUICK } else { EVENTS }, |events| events as usize);
        match (&args.data, args.format) {
            (Some(path), Some(format)) => {
                let Recording { quotes, sha256, .. } = input::load(path, format)?;
                let source = Source::File { format: format.name(), path: path.display().to_string(), sha256 };
                Self::recorded(quotes, source, measured).map_err(|error| Failure::at(path, error))
            }
            _ => Ok(Self::simulated(args.seed, measured)),
        }
    }

    fn simulated(seed: u64, measured: usize) -> Self {
        let trained = TRAINED_MAX.min(measured / 3);
        let quotes = Simulator::new(seed).take(trained + measured).collect();
        Self { quotes, trained, tick: sim::TICK, lot: sim::LOT, source: Source::Simulator { seed } }
    }

    /// Keeps the two-sided, uncrossed quotes, as a strategy would, and shortens to what is asked for.
    fn recorded(mut quotes: Vec<Quote>, source: Source, measured: usize) -> Result<Self, Failure> {
        quotes.retain(|quote| quote.is_two_sided() && !quote.is_crossed());
        let trained = TRAINED_MAX.min(quotes.len() / 4).min(measured / 3);
        if quotes.len() - trained < 2 * ROWS {
            return Err(Failure::new(format_args!(
                "holds {} usable quotes; the benchmark needs at least {}",
                quotes.len(),
                3 * ROWS
            )));
        }
        quotes.truncate(trained + measured);
        let tick = step_of(quotes.iter().flat_map(|quote| [quote.bid_px, quote.ask_px]));
        let lot = step_of(quotes.iter().flat_map(|quote| [quote.bid_qty, quote.ask_qty]));
        Ok(Self { quotes, trained, tick, lot, source })
    }

    pub(crate) fn training(&self) -> &[Quote] {
        &self.quotes[..self.trained]
    }

    pub(crate) fn measured(&self) -> &[Quote] {
        &self.quotes[self.trained..]
    }

    /// A source of rows that has seen nothing yet.
    pub(crate) fn rows(&self) -> RowSource {
        RowSource {
            features: FeatureRow::new(Scale::WHOLE, self.tick),
            profile: MinuteProfile::new(self.tick),
        }
    }

    /// The limits both paths check. The position limit is the one that binds.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            instrument: INSTRUMENT,
            tick: self.tick,
            lot: self.lot,
            order_qty_max: self.lot,
            order_notional_max: i64::MAX,
            collar_bps: 500,
            quote_age_ns_max: 1_000_000_000,
            position_max: 32 * self.lot,
            open_notional_max: i64::MAX,
            loss_max: i64::MAX,
            rate_orders_max: 1_000_000,
            rate_window_ns: 1_000_000_000,
        }
    }
}

/// The largest step that every value is a multiple of; 1 of nothing.
fn step_of(values: impl Iterator<Item = i64>) -> i64 {
    let gcd = values.fold(0u64, |gcd, value| greatest_common_divisor(gcd, value.unsigned_abs()));
    i64::try_from(gcd).unwrap_or(1).max(1)
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// What training found; the same numbers serve both paths.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    pub(crate) mean: Vec<f64>,
    pub(crate) inv_std: Vec<f64>,
    /// Share of the previous row that each row sheds.
    pub(crate) phi: f64,
    pub(crate) model: LogisticRegression<f64>,
    /// Distance of the probability from 1/2 beyond which an order is sent.
    pub(crate) threshold: f64,
}

impl Parameters {
    pub(crate) fn train(events: &Events) -> Self {
        training::train(events)
    }
}

/// The feature rows of consecutive quotes, as both paths see them before the first stage.
#[derive(Clone, Debug)]
pub(crate) struct RowSource {
    features: FeatureRow,
    profile: MinuteProfile,
}

impl RowSource {
    /// The slow features of the quote's minute; constant within the minute, so made for a cache.
    pub(crate) fn slow(&self, quote: &Quote) -> [f64; 3] {
        self.profile.slow_features(minute(quote))
    }

    /// Writes the row of `quote`, given the slow features of its minute.
    pub(crate) fn row(&mut self, quote: &Quote, slow: &[f64; 3], out: &mut [f64; WIDTH]) {
        self.features.update(quote, slow, out);
        self.profile.update(quote);
    }
}

/// Whole minutes since 1970.
pub(crate) fn minute(quote: &Quote) -> u64 {
    quote.ts / MINUTE_NS
}

/// What a path did about one event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Decision {
    /// That the mid will rise.
    pub(crate) probability: f64,
    pub(crate) action: Action,
}

/// The action a decision led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Hold,
    Buy,
    Sell,
    /// The risk check said no, with this code.
    Denied(u8),
}

impl Action {
    pub(crate) fn sent(side: Side) -> Self {
        match side {
            Side::Buy => Self::Buy,
            Side::Sell => Self::Sell,
        }
    }

    /// One byte for the digest.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Hold => 0,
            Self::Buy => 253,
            Self::Sell => 254,
            Self::Denied(code) => code,
        }
    }
}

/// Turns a probability into an order at the touch: immediate or cancel, one lot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strategy {
    threshold: f64,
    lot: i64,
}

impl Strategy {
    pub(crate) fn new(parameters: &Parameters, lot: i64) -> Self {
        Self { threshold: parameters.threshold, lot }
    }

    /// Whether [`order`](Self::order) would give one.
    #[inline]
    pub(crate) fn signals(&self, probability: f64) -> bool {
        (probability - 0.5).abs() > self.threshold
    }

    #[inline]
    pub(crate) fn order(&self, probability: f64, id: u64, quote: &Quote) -> Option<Order> {
        if !self.signals(probability) {
            return None;
        }
        let (side, px) =
            if probability > 0.5 { (Side::Buy, quote.ask_px) } else { (Side::Sell, quote.bid_px) };
        Some(Order { id, instrument: INSTRUMENT, side, px, qty: self.lot, ts: quote.ts })
    }
}

/// Whether an order from the previous event is executed on this quote; if not, it is cancelled.
#[inline]
pub(crate) fn executes(order: &Order, quote: &Quote) -> bool {
    match order.side {
        Side::Buy => quote.ask_px <= order.px,
        Side::Sell => quote.bid_px >= order.px,
    }
}
