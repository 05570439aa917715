//! What does a risk check cost one thread: admitted, admitted and released, denied; by a gate for one checker and by one for
//! many, of which one or two are there?

use crate::case::{Case, Lane, lane};
use bot4_pipeline::risk::{Limits, Order, RiskGate};
use bot4_pipeline::{Quote, Side};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) const UNIT: i64 = 1_000_000_000;

/// Orders a lane goes round.
const ORDERS: usize = 1 << 6;

/// Time from order to order.
const PACE_NS: u64 = 10;

/// Small orders and wide limits: without a release, billions of checks are admitted.
pub(super) const LIMITS: Limits = Limits {
    instrument: 7,
    tick: UNIT / 100,
    lot: UNIT / 1_000,
    order_qty_max: UNIT,
    order_notional_max: 100 * UNIT,
    collar_bps: 500,
    quote_age_ns_max: UNIT as u64,
    position_max: Limits::POSITION_CEILING,
    open_notional_max: i64::MAX,
    loss_max: UNIT,
    rate_orders_max: 1_000,
    rate_window_ns: 1_000,
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("check_1t")
            .limit("one locked instruction", [one_locked_instruction()])
            .ours("for one checker", [checks(&for_one(), 0)])
            .ours("for many, one there", [checks(&for_many(), 0)])
            .ours("for many, two there", [checks(&for_many(), 1)]),
        Case::new("check_release_1t")
            .ours("for one checker", [checks_and_releases(for_one())])
            .ours("for many, one there", [checks_and_releases(for_many())]),
        Case::new("denied_1t").ours("for one checker", [denials(&for_one())]),
        Case::new("check_2t").ours("for many", two_threads()),
    ]
}

fn for_one() -> RiskGate {
    RiskGate::for_one_checker(LIMITS, 0).expect("the limits make sense")
}

fn for_many() -> RiskGate {
    RiskGate::new(LIMITS).expect("the limits make sense")
}

/// Of both sides, with prices and quantities that vary.
fn orders() -> Vec<(Order, Quote)> {
    let order = |i: u64| {
        let mid = UNIT + (i as i64 % 3) * (UNIT / 100);
        let (bid_px, ask_px) = (mid - UNIT / 100, mid + UNIT / 100);
        let quote = Quote { ts: 0, bid_px, bid_qty: UNIT, ask_px, ask_qty: UNIT };
        let (side, px) = if i.is_multiple_of(3) { (Side::Buy, ask_px) } else { (Side::Sell, bid_px) };
        let qty = (1 + i as i64 % 9) * (UNIT / 1_000);
        (Order { id: 0, instrument: 7, side, px, qty, ts: 0 }, quote)
    };
    (0..ORDERS as u64).map(order).collect()
}

/// The n-th order, at its time.
#[inline(always)]
fn nth(orders: &[(Order, Quote)], n: u64) -> (Order, Quote) {
    let (order, quote) = orders[n as usize % ORDERS];
    let ts = PACE_NS * n;
    (Order { id: n, ts: ts + 5, ..order }, Quote { ts, ..quote })
}

/// Checks alone; `others` checkers are there and do nothing.
fn checks(gate: &RiskGate, others: usize) -> Lane {
    let idle: Vec<_> = (0..others).map(|_| gate.checker()).collect();
    let (orders, mut checker, mut n) = (orders(), gate.checker(), 0);
    lane(move || {
        let (order, quote) = nth(&orders, n);
        assert!(black_box(checker.check(&order, &quote)).is_ok(), "the limits are wide enough");
        black_box(&idle);
        n += 1;
    })
}

fn checks_and_releases(gate: RiskGate) -> Lane {
    let (orders, mut checker, mut n) = (orders(), gate.checker(), 0);
    lane(move || {
        let (order, quote) = nth(&orders, n);
        let released = checker.check(&order, &quote).map(|reservation| gate.release(reservation));
        assert!(released.is_ok(), "the limits are wide enough");
        n += 1;
    })
}

/// A price off the tick.
fn denials(gate: &RiskGate) -> Lane {
    let (orders, mut checker, mut n) = (orders(), gate.checker(), 0);
    lane(move || {
        let (order, quote) = nth(&orders, n);
        assert!(black_box(checker.check(&Order { px: order.px + 1, ..order }, &quote)).is_err());
        n += 1;
    })
}

/// Each thread has a checker, and ids of its own.
fn two_threads() -> [Lane; 2] {
    let gate = RiskGate::new(Limits { rate_window_ns: 1, ..LIMITS }).expect("the limits make sense");
    [0, 1].map(|thread| {
        let (orders, mut checker, mut n) = (orders(), gate.checker(), 0);
        lane(move || {
            let (order, quote) = nth(&orders, 2 * n + thread);
            // Some are denied: one that races for a slot of the rate's window.
            let _ = black_box(checker.check(&order, &quote));
            n += 1;
        })
    })
}

fn one_locked_instruction() -> Lane {
    let word = AtomicU64::new(0);
    lane(move || {
        // ORDERING: Relaxed; what it costs is the question, nothing is published.
        black_box(word.fetch_add(1, Ordering::Relaxed));
    })
}
