//! Every interleaving of small programs on a risk gate:
//! `RUSTFLAGS='--cfg bot4_loom' cargo test -p bot4-pipeline --release --test loom`
#![cfg(bot4_loom)]

use bot4_pipeline::risk::{Limits, LimitsError, Order, Reason, Reservation, RiskGate};
use bot4_pipeline::{Quote, Side};
use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicI64, Ordering::Relaxed};
use loom::thread;

const LIMITS: Limits = Limits {
    instrument: 7,
    tick: 1,
    lot: 1,
    order_qty_max: 100,
    order_notional_max: i64::MAX,
    collar_bps: 10_000,
    quote_age_ns_max: 1_000,
    position_max: 10,
    open_notional_max: i64::MAX,
    loss_max: 1,
    rate_orders_max: 4,
    rate_window_ns: 10,
};

const QUOTE: Quote = Quote { ts: 100, bid_px: 9, bid_qty: 1, ask_px: 11, ask_qty: 1 };

const fn buy(id: u64, qty: i64) -> Order {
    Order { id, instrument: 7, side: Side::Buy, px: 10, qty, ts: 100 }
}

/// Explores all executions with at most `preemptions` involuntary switches.
fn model(preemptions: usize, program: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(program);
}

/// A gate for many checkers, and one for a single one.
const KINDS: [fn(Limits, i64) -> Result<RiskGate, LimitsError>; 2] =
    [RiskGate::with_position, RiskGate::for_one_checker];

fn check(gate: &RiskGate, order: Order) -> Result<Reservation, Reason> {
    gate.checker().check(&order, &QUOTE)
}

/// Nothing is open, so exactly the limit fits.
fn assert_whole(gate: &RiskGate, later: u64, limit: i64) {
    let quote = Quote { ts: later, ..QUOTE };
    let mut checker = gate.checker();
    let all = checker.check(&Order { ts: later, ..buy(90, limit) }, &quote).unwrap();
    assert_eq!(checker.check(&Order { ts: later, ..buy(91, 1) }, &quote), Err(Reason::PositionLimit));
    gate.release(all).unwrap();
}

#[test]
fn two_orders_that_do_not_fit_together_are_not_both_admitted() {
    model(3, || {
        let gate = RiskGate::new(LIMITS).unwrap();
        let other = gate.clone();
        let thread = thread::spawn(move || check(&other, buy(1, 6)).ok());
        let mine = check(&gate, buy(2, 6)).ok();
        let theirs = thread.join().unwrap();
        assert!(mine.is_none() || theirs.is_none(), "12 of 10");
        mine.into_iter().chain(theirs).for_each(|reservation| gate.release(reservation).unwrap());
        assert_whole(&gate, 200, 10);
    });
}

#[test]
fn room_that_is_being_given_back_is_given_out_once() {
    KINDS.map(|kind| {
        model(3, move || {
            let gate = kind(LIMITS, 0).unwrap();
            let held = check(&gate, buy(1, 8)).unwrap();
            let open = Arc::new(AtomicI64::new(8));
            let (other, still_open) = (gate.clone(), Arc::clone(&open));
            let thread = thread::spawn(move || {
                still_open.fetch_sub(8, Relaxed);
                other.release(held).unwrap();
            });
            if let Ok(reservation) = check(&gate, buy(2, 7)) {
                // Before an order is released it counts as open here, so this is never above the truth.
                assert!(open.fetch_add(7, Relaxed) + 7 <= 10, "15 of 10");
                gate.release(reservation).unwrap();
            }
            thread.join().unwrap();
            assert_whole(&gate, 200, 10);
        })
    });
}

#[test]
fn executions_and_checks_of_the_other_side_stay_within_the_limit() {
    KINDS.map(|kind| {
        model(3, move || {
            let gate = kind(LIMITS, 4).unwrap();
            let bought = check(&gate, buy(1, 6)).unwrap();
            let other = gate.clone();
            let thread = thread::spawn(move || other.fill(bought, 6).unwrap());
            // 14 may be sold before the execution and 20 after it.
            let sell = |id, qty, ts| Order { side: Side::Sell, qty, ts, ..buy(id, 1) };
            let sold = check(&gate, sell(2, 15, 100));
            thread.join().unwrap();
            assert_eq!(gate.position(), 10);
            sold.into_iter().for_each(|reservation| gate.release(reservation).unwrap());
            assert_eq!(check(&gate, sell(3, 21, 200)), Err(Reason::PositionLimit));
            gate.release(check(&gate, sell(4, 20, 200)).unwrap()).unwrap();
        })
    });
}

#[test]
fn a_swap_of_the_limits_is_seen_whole() {
    KINDS.map(|kind| {
        model(3, move || {
            let gate = kind(LIMITS, 0).unwrap();
            let mut checker = gate.checker();
            let other = gate.clone();
            let thread = thread::spawn(move || {
                other.set_limits(Limits { position_max: 5, order_qty_max: 5, ..LIMITS }).unwrap();
            });
            let first = checker.check(&buy(1, 8), &QUOTE);
            assert!(matches!(first, Ok(_) | Err(Reason::OrderQuantity)), "{first:?}");
            thread.join().unwrap();
            assert_eq!(checker.check(&buy(2, 8), &QUOTE), Err(Reason::OrderQuantity));
            let fits = checker.check(&buy(3, 5), &QUOTE);
            assert_eq!(fits.is_ok(), first.is_err());
            first.into_iter().chain(fits).for_each(|reservation| gate.release(reservation).unwrap());
            assert_eq!(gate.open_notional(), 0);
        })
    });
}

/// Nothing but the lock of the gate's cells orders the two checkers.
#[test]
fn the_next_checker_of_a_gate_for_one_knows_what_the_one_before_admitted() {
    model(3, || {
        let gate = RiskGate::for_one_checker(Limits { rate_orders_max: 2, ..LIMITS }, 0).unwrap();
        let (other, gone) = (gate.clone(), Arc::new(AtomicI64::new(0)));
        let tell = Arc::clone(&gone);
        let thread = thread::spawn(move || {
            let reservation = check(&other, buy(1, 6)).unwrap();
            tell.store(1, Relaxed);
            reservation
        });
        if gone.load(Relaxed) == 1 {
            assert_eq!(check(&gate, buy(1, 1)), Err(Reason::DuplicateId));
            assert_eq!(check(&gate, buy(2, 5)), Err(Reason::PositionLimit));
            let second = check(&gate, buy(3, 4)).unwrap();
            gate.release(second).unwrap();
            assert_eq!(check(&gate, buy(4, 1)), Err(Reason::RateLimit));
        }
        gate.release(thread.join().unwrap()).unwrap();
        assert_whole(&gate, 200, 10);
    });
}

#[test]
fn of_two_orders_with_one_id_one_is_admitted() {
    model(3, || {
        let gate = RiskGate::new(LIMITS).unwrap();
        let other = gate.clone();
        let thread = thread::spawn(move || check(&other, buy(1, 2)));
        let results = [check(&gate, buy(1, 2)), thread.join().unwrap()];
        let admitted = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(admitted, 1, "{results:?}");
        results.into_iter().flatten().for_each(|reservation| gate.release(reservation).unwrap());
        assert_whole(&gate, 200, 10);
    });
}

#[test]
fn the_rate_admits_no_more_than_its_number() {
    model(2, || {
        let gate = RiskGate::new(Limits { rate_orders_max: 1, ..LIMITS }).unwrap();
        let other = gate.clone();
        let thread = thread::spawn(move || check(&other, buy(1, 1)));
        let results = [check(&gate, buy(2, 1)), thread.join().unwrap()];
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        results.into_iter().flatten().for_each(|reservation| gate.release(reservation).unwrap());
    });
}
