//! The deciding thread: features, model, risk check.

use super::read::Input;
use crate::args::RunArgs;
use crate::direction::{NAMES, Rows};
use crate::failure::Failure;
use crate::input::{self, Format};
use crate::output::{Decimal, duration};
use crate::predictor::Predictor;
use bot4_lockfree::metrics::{Counter, Histogram, HistogramConfig, Registry};
use bot4_pipeline::features::Scale;
use bot4_pipeline::risk::{Checker, Limits, Order, Reason, Reservation, RiskGate};
use bot4_pipeline::stream::TIMED;
use bot4_pipeline::{Quote, Side};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const UNIT: i64 = 1_000_000_000;
/// Longest file of limits read: a hundred times what one has.
const LIMITS_BYTES_MAX: u64 = 1 << 16;

/// One unit an order and ten of position; any tick and lot.
const LIMITS: Limits = Limits {
    instrument: 0,
    tick: 1,
    lot: 1,
    order_qty_max: UNIT,
    order_notional_max: i64::MAX,
    collar_bps: 100,
    quote_age_ns_max: 1_000_000_000,
    position_max: 10 * UNIT,
    open_notional_max: i64::MAX,
    loss_max: i64::MAX,
    rate_orders_max: 1_000,
    rate_window_ns: 1_000_000_000,
};

/// Everything a quote needs to become a decision.
#[derive(Debug)]
pub(super) struct Desk {
    predictor: Predictor,
    rows: Rows,
    threshold: f64,
    all: bool,
    gate: RiskGate,
    checker: Checker,
    limits: Limits,
    open: Option<(Order, Reservation)>,
    /// Quotes so far: one in [`TIMED`] has its time taken, as reading a clock twice for each is a tenth of a decision.
    seen: u64,
    meters: Meters,
}

#[derive(Debug)]
struct Meters {
    registry: Arc<Registry>,
    quotes: Counter,
    orders: Counter,
    denied: Counter,
    fills: Counter,
    decision_ns: Histogram,
    latency_ns: Histogram,
}

/// What the deciding thread gives to the writing one.
#[derive(Debug)]
pub(super) enum Output {
    Decided {
        ts: u64,
        p: [f64; 3],
        decision: Decision,
    },
    /// The input waits: nothing decided may.
    Idle,
}

/// What is to be done about a quote.
#[derive(Debug)]
pub(super) enum Decision {
    Hold,
    Sent(Order),
    Denied(Order, Reason),
}

impl Desk {
    /// Refuses a model that was not trained on the rows made here.
    pub(super) fn new(args: &RunArgs, predictor: Predictor) -> Result<Self, Failure> {
        if predictor.features() != NAMES {
            return Err(Failure::at(
                &args.model,
                format_args!(
                    "takes other features than a stream of quotes gives ({}): train on a recording",
                    NAMES.join(", ")
                ),
            ));
        }
        if predictor.outputs() != 3 {
            return Err(Failure::at(&args.model, "does not tell down, flat and up: train on a recording"));
        }
        let limits = args.limits.as_deref().map_or(Ok(LIMITS), limits_of)?;
        // This is the one thread that checks.
        let gate = RiskGate::for_one_checker(limits, 0).map_err(Failure::new)?;
        Ok(Self {
            predictor,
            rows: Rows::new(if args.is_lobster() { Format::Lobster.scale() } else { Scale::WHOLE }),
            threshold: args.threshold,
            all: args.all,
            checker: gate.checker(),
            gate,
            limits,
            open: None,
            seen: 0,
            meters: Meters::new(),
        })
    }

    pub(super) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.meters.registry)
    }

    /// Where the way of a quote through all threads is recorded.
    pub(super) fn latency(&self) -> Histogram {
        self.meters.latency_ns.clone()
    }

    /// Settles what the quote before left open, decides, and says what there is to write.
    pub(super) fn on_input(&mut self, input: Input) -> Option<Output> {
        let Input::Quote(quote) = input else { return Some(Output::Idle) };
        let start = self.seen.is_multiple_of(TIMED).then(Instant::now);
        self.seen += 1;
        self.meters.quotes.increment(1);
        self.settle(&quote);
        let (p, decision) = self.decide(&quote)?;
        if let Some(start) = start {
            self.meters.decision_ns.record(start.elapsed().as_nanos() as u64);
        }
        let wanted = self.all || !matches!(decision, Decision::Hold);
        wanted.then_some(Output::Decided { ts: quote.ts, p, decision })
    }

    /// Executes an open order if this quote trades through its price, else cancels it.
    fn settle(&mut self, quote: &Quote) {
        let Some((order, reservation)) = self.open.take() else { return };
        let executed = match order.side {
            Side::Buy => quote.ask_px <= order.px,
            Side::Sell => quote.bid_px >= order.px,
        };
        let settled = if executed {
            self.meters.fills.increment(1);
            self.gate.fill(reservation, order.qty).map(drop)
        } else {
            self.gate.release(reservation)
        };
        settled.expect("the gate made the reservation");
    }

    /// `None` while there is too little history.
    fn decide(&mut self, quote: &Quote) -> Option<([f64; 3], Decision)> {
        let row = self.rows.update(quote)?;
        let p: [f64; 3] = self.predictor.predict(&row).try_into().expect("three outputs, as checked");
        let lean = p[2] - p[0];
        let (side, px) = match lean {
            lean if lean > self.threshold => (Side::Buy, quote.ask_px),
            lean if lean < -self.threshold => (Side::Sell, quote.bid_px),
            _ => return Some((p, Decision::Hold)),
        };
        let id = self.meters.orders.value() + self.meters.denied.value() + 1;
        let order = Order {
            id,
            instrument: self.limits.instrument,
            side,
            px,
            qty: order_qty(&self.limits),
            ts: quote.ts,
        };
        Some((
            p,
            match self.checker.check(&order, quote) {
                Ok(reservation) => {
                    self.meters.orders.increment(1);
                    self.open = Some((order, reservation));
                    Decision::Sent(order)
                }
                Err(reason) => {
                    self.meters.denied.increment(1);
                    Decision::Denied(order, reason)
                }
            },
        ))
    }

    /// What happened, for people.
    pub(super) fn report(&self, skipped: u64, interrupted: bool) {
        let meters = &self.meters;
        let ns = meters.decision_ns.snapshot();
        if interrupted {
            eprintln!("interrupted: what was accepted is decided");
        }
        if skipped > 0 {
            eprintln!("{skipped} rows could not be read and were left out");
        }
        eprintln!(
            "{} quotes, {} orders, {} denied, {} executed, position {}\ndecision p50 {}, p99 {}",
            meters.quotes.value(),
            meters.orders.value(),
            meters.denied.value(),
            meters.fills.value(),
            Decimal(self.gate.position()),
            duration(ns.percentile(0.5)),
            duration(ns.percentile(0.99)),
        );
    }
}

fn limits_of(path: &Path) -> Result<Limits, Failure> {
    let bytes = input::bytes(path, LIMITS_BYTES_MAX)?;
    let text =
        str::from_utf8(&bytes).map_err(|error| Failure::at(path, format_args!("cannot read: {error}")))?;
    Limits::from_toml(text).map_err(|error| Failure::at(path, error))
}

/// A unit, or the most that is allowed if that is less; whole lots, and one at least.
fn order_qty(limits: &Limits) -> i64 {
    (UNIT.min(limits.order_qty_max) / limits.lot).max(1) * limits.lot
}

impl Meters {
    fn new() -> Self {
        let registry = Arc::new(Registry::new());
        Self {
            quotes: registry.counter("quotes_total", "Quotes decided about"),
            orders: registry.counter("orders_total", "Orders that passed the risk check"),
            denied: registry.counter("denied_total", "Orders that the risk check denied"),
            fills: registry.counter("fills_total", "Orders that a later quote executed"),
            decision_ns: registry.histogram(
                "decision_ns",
                "From quote to decision, in nanoseconds, one quote in 64",
                HistogramConfig::default(),
            ),
            latency_ns: registry.histogram(
                "latency_ns",
                "From the feed to the end of a quote's way, in nanoseconds, one quote in 64",
                HistogramConfig::default(),
            ),
            registry,
        }
    }
}
