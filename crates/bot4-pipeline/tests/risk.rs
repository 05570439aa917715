//! The gate's promises: every denial has its code, nothing panics, limits hold under threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread;

use bot4_pipeline::risk::{Limits, Order, Reason, Reservation, RiskGate, SettleReason, State};
use bot4_pipeline::{Quote, Side};
use proptest::prelude::*;

const UNIT: i64 = 1_000_000_000;

const LIMITS: Limits = Limits {
    instrument: 7,
    tick: UNIT / 100,
    lot: UNIT / 10,
    order_qty_max: 50 * UNIT,
    order_notional_max: 4_000 * UNIT,
    collar_bps: 100,
    quote_age_ns_max: 1_000,
    position_max: 60 * UNIT,
    open_notional_max: 9_000 * UNIT,
    loss_max: 500 * UNIT,
    rate_orders_max: 3,
    rate_window_ns: 10_000,
};

const QUOTE: Quote = Quote {
    ts: 100_000,
    bid_px: 99 * UNIT + UNIT / 2,
    bid_qty: UNIT,
    ask_px: 100 * UNIT + UNIT / 2,
    ask_qty: UNIT,
};

const ORDER: Order =
    Order { id: 1, instrument: 7, side: Side::Buy, px: 100 * UNIT, qty: 10 * UNIT, ts: 100_500 };

fn gate() -> RiskGate {
    RiskGate::new(LIMITS).unwrap()
}

fn gate_for_one() -> RiskGate {
    RiskGate::for_one_checker(LIMITS, 0).unwrap()
}

/// Buys and executes `qty`, in the past so that the rate is not used up.
fn long(gate: &RiskGate, qty: i64) {
    let ts = 1_000;
    let order = Order { id: u64::MAX, qty, ts, ..ORDER };
    let reservation = gate.checker().check(&order, &Quote { ts, ..QUOTE }).unwrap();
    assert_eq!(gate.fill(reservation, qty), Ok(None));
}

/// What is done to the gate, and the order and quote that are then denied.
type Denial = (Reason, fn(&RiskGate), Order, Quote);

/// At least one case per reason.
fn denials() -> Vec<Denial> {
    let untouched: fn(&RiskGate) = |_| {};
    fn open(gate: &RiskGate, orders: &[Order]) {
        for order in orders {
            let _open = gate.checker().check(order, &QUOTE).unwrap();
        }
    }
    let order = ORDER;
    vec![
        (Reason::Halted, |gate| gate.set_state(State::Halted), order, QUOTE),
        (Reason::ReduceOnly, |gate| gate.set_state(State::ReduceOnly), order, QUOTE),
        (Reason::LossLimit, |gate| gate.set_pnl(-500 * UNIT), order, QUOTE),
        (Reason::Instrument, untouched, Order { instrument: 8, ..order }, QUOTE),
        (Reason::QuantityNotPositive, untouched, Order { qty: 0, ..order }, QUOTE),
        (Reason::QuantityNotPositive, untouched, Order { qty: i64::MIN, ..order }, QUOTE),
        (Reason::PriceNotPositive, untouched, Order { px: 0, ..order }, QUOTE),
        (Reason::PriceNotPositive, untouched, Order { px: -order.px, ..order }, QUOTE),
        (Reason::Tick, untouched, Order { px: order.px + 1, ..order }, QUOTE),
        (Reason::Lot, untouched, Order { qty: order.qty + UNIT / 20, ..order }, QUOTE),
        (Reason::OrderQuantity, untouched, Order { qty: 50 * UNIT + UNIT / 10, ..order }, QUOTE),
        (Reason::OrderNotional, untouched, Order { qty: 40 * UNIT + UNIT / 10, ..order }, QUOTE),
        (Reason::NoQuote, untouched, order, Quote { ask_px: Quote::UNDEFINED_PX, ask_qty: 0, ..QUOTE }),
        (Reason::NoQuote, untouched, order, Quote { bid_px: Quote::UNDEFINED_PX, bid_qty: 0, ..QUOTE }),
        (Reason::NoQuote, untouched, order, Quote { bid_px: QUOTE.ask_px + 1, ..QUOTE }),
        (Reason::NoQuote, untouched, order, Quote { bid_px: 0, ..QUOTE }),
        (Reason::StaleQuote, untouched, Order { ts: QUOTE.ts + 1_001, ..order }, QUOTE),
        (Reason::StaleQuote, untouched, Order { ts: QUOTE.ts - 1_001, ..order }, QUOTE),
        (Reason::PriceCollar, untouched, Order { px: 101 * UNIT + UNIT / 100, ..order }, QUOTE),
        (Reason::PriceCollar, untouched, Order { px: 99 * UNIT - UNIT / 100, ..order }, QUOTE),
        (Reason::DuplicateId, |gate| open(gate, &[ORDER]), order, QUOTE),
        (
            Reason::PositionLimit,
            |gate| {
                open(
                    gate,
                    &[
                        Order { id: 2, qty: 30 * UNIT, ..ORDER },
                        Order { id: 3, qty: 20 * UNIT + UNIT / 10, ..ORDER },
                    ],
                )
            },
            order,
            QUOTE,
        ),
        (
            Reason::OpenNotional,
            |gate| {
                let sell = Order { id: 2, side: Side::Sell, qty: 40 * UNIT, ..ORDER };
                open(gate, &[sell, Order { id: 3, side: Side::Buy, ..sell }]);
            },
            Order { qty: 10 * UNIT + UNIT / 10, ..order },
            QUOTE,
        ),
        (
            Reason::RateLimit,
            |gate| {
                open(
                    gate,
                    &[
                        Order { id: 2, qty: UNIT, ..ORDER },
                        Order { id: 3, qty: UNIT, ..ORDER },
                        Order { id: 4, qty: UNIT, ..ORDER },
                    ],
                )
            },
            order,
            QUOTE,
        ),
    ]
}

#[test]
fn every_reason_denies_and_leaves_nothing_reserved() {
    let cases = denials();
    for reason in Reason::ALL {
        assert!(cases.iter().any(|case| case.0 == *reason), "no case for {reason:?}");
    }
    let makers: [fn() -> RiskGate; 2] = [gate, gate_for_one];
    for (make, (reason, prepare, order, quote)) in
        makers.iter().flat_map(|make| cases.iter().map(move |&case| (make, case)))
    {
        let gate = make();
        prepare(&gate);
        let before = gate.open_notional();
        assert_eq!(gate.checker().check(&order, &quote).unwrap_err(), reason, "{order:?} {quote:?}");
        assert_eq!(gate.open_notional(), before, "{reason:?}");
        // What was denied is no duplicate, and the same order passes an untouched gate with a good quote
        // exactly if the order itself was not the fault.
        let blameless = order == ORDER || reason == Reason::OpenNotional;
        assert_eq!(make().checker().check(&order, &QUOTE).is_ok(), blameless, "{reason:?}");
    }
}

#[test]
fn orders_at_the_limits_pass() {
    let edges = [
        Order { px: 101 * UNIT, qty: UNIT, ..ORDER },
        Order { px: 99 * UNIT, qty: UNIT, ..ORDER },
        Order { qty: 40 * UNIT, ..ORDER },
        Order { ts: QUOTE.ts + 1_000, ..ORDER },
        Order { ts: QUOTE.ts - 1_000, ..ORDER },
        Order { id: 0, ..ORDER },
        Order { id: u64::MAX, ..ORDER },
    ];
    for order in edges {
        let reservation = gate().checker().check(&order, &QUOTE).unwrap();
        assert_eq!(
            (reservation.id(), reservation.side(), reservation.qty()),
            (order.id, order.side, order.qty)
        );
    }
}

#[test]
fn reducing_orders_pass_in_reduce_only_and_after_the_loss_limit() {
    let stops: [fn(&RiskGate); 2] = [|gate| gate.set_state(State::ReduceOnly), |gate| gate.set_pnl(i64::MIN)];
    for stop in stops {
        let gate = gate();
        long(&gate, 10 * UNIT);
        stop(&gate);
        let sell = |id, qty| Order { id, side: Side::Sell, qty, ..ORDER };
        let mut checker = gate.checker();
        let first = checker.check(&sell(2, 6 * UNIT), &QUOTE).unwrap();
        // 6 of 10 are on sale already: 5 more could turn the position, 4 cannot.
        assert!(checker.check(&sell(3, 5 * UNIT), &QUOTE).is_err());
        let second = checker.check(&sell(4, 4 * UNIT), &QUOTE).unwrap();
        assert!(checker.check(&Order { id: 5, ..ORDER }, &QUOTE).is_err());
        assert_eq!(gate.fill(first, 6 * UNIT), Ok(None));
        gate.release(second).unwrap();
        assert_eq!((gate.position(), gate.open_notional()), (4 * UNIT, 0));
    }
}

#[test]
fn partial_fills_give_back_exactly_what_was_reserved() {
    let gate = gate();
    let odd = Order { px: 100 * UNIT + UNIT / 100, qty: 3 * UNIT + UNIT / 10, ..ORDER };
    let mut open = Some(gate.checker().check(&odd, &QUOTE).unwrap());
    for part in [UNIT / 3, UNIT / 7, 2 * UNIT] {
        open = gate.fill(open.unwrap(), part).unwrap();
    }
    let rest = open.as_ref().unwrap().qty();
    assert_eq!(gate.fill(open.unwrap(), rest), Ok(None));
    assert_eq!((gate.position(), gate.open_notional()), (odd.qty, 0));
}

#[test]
fn a_wrong_settlement_hands_the_reservation_back() {
    let (gate, other) = (gate(), gate());
    let mut reservation = gate.checker().check(&ORDER, &QUOTE).unwrap();
    for qty in [0, -1, i64::MIN, ORDER.qty + 1, i64::MAX] {
        let error = gate.fill(reservation, qty).unwrap_err();
        assert_eq!(error.reason, SettleReason::Quantity);
        reservation = error.reservation;
    }
    let error = other.fill(reservation, 1).unwrap_err();
    assert_eq!(error.reason, SettleReason::AnotherGate);
    let error = other.release(error.reservation).unwrap_err();
    assert_eq!(error.to_string(), "the reservation of order 1 belongs to another gate");
    gate.release(error.reservation).unwrap();
    assert_eq!((gate.position(), gate.open_notional(), other.open_notional()), (0, 0, 0));
}

#[test]
fn new_limits_hold_for_the_next_check_and_bad_ones_change_nothing() {
    let gate = gate();
    let mut checker = gate.checker();
    let _open = checker.check(&ORDER, &QUOTE).unwrap();
    gate.set_limits(Limits { order_qty_max: UNIT, ..LIMITS }).unwrap();
    assert_eq!(checker.check(&Order { id: 2, ..ORDER }, &QUOTE), Err(Reason::OrderQuantity));
    // An unchanged rate goes on counting: one was admitted above, two more fit.
    let small = |id| Order { id, qty: UNIT, ..ORDER };
    let _two = [checker.check(&small(3), &QUOTE).unwrap(), checker.check(&small(4), &QUOTE).unwrap()];
    assert_eq!(checker.check(&small(5), &QUOTE), Err(Reason::RateLimit));
    for (field, limits) in [
        ("instrument", Limits { instrument: 8, ..LIMITS }),
        ("tick", Limits { tick: 0, ..LIMITS }),
        ("lot", Limits { lot: -1, ..LIMITS }),
        ("order_qty_max", Limits { order_qty_max: i64::MAX, ..LIMITS }),
        ("order_notional_max", Limits { order_notional_max: 0, ..LIMITS }),
        ("position_max", Limits { position_max: -1, ..LIMITS }),
        ("open_notional_max", Limits { open_notional_max: 0, ..LIMITS }),
        ("loss_max", Limits { loss_max: i64::MIN, ..LIMITS }),
        ("rate_orders_max", Limits { rate_orders_max: 0, ..LIMITS }),
        ("rate_window_ns", Limits { rate_window_ns: 0, ..LIMITS }),
    ] {
        assert_eq!(gate.set_limits(limits).unwrap_err().field, field);
    }
    assert_eq!(gate.limits(), Limits { order_qty_max: UNIT, ..LIMITS });
}

#[test]
#[should_panic(expected = "a risk gate has 128 checkers already")]
fn checkers_are_bounded() {
    let gate = gate();
    drop((0..RiskGate::CHECKERS_MAX).map(|_| gate.checker()).collect::<Vec<_>>());
    let _all: Vec<_> = (0..=RiskGate::CHECKERS_MAX).map(|_| gate.checker()).collect();
}

#[test]
#[should_panic(expected = "a risk gate has 1 checkers already")]
fn a_gate_for_one_checker_has_one_at_a_time() {
    let gate = gate_for_one();
    drop(gate.checker());
    let _first = gate.checker();
    let _second = gate.checker();
}

#[test]
fn a_gate_for_one_checker_keeps_its_limits_while_others_settle() {
    let limits = Limits { rate_orders_max: 1 << 20, ..LIMITS };
    let gate = RiskGate::for_one_checker(limits, 0).unwrap();
    let witness = Witness::default();
    let (sender, receiver) = std::sync::mpsc::sync_channel::<Reservation>(8);
    let receiver = Mutex::new(receiver);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Ok(reservation) = receiver.lock().unwrap().recv() else { return };
                    witness.side(reservation.side()).fetch_sub(reservation.qty(), Ordering::SeqCst);
                    gate.release(reservation).unwrap();
                }
            });
        }
        let mut checker = gate.checker();
        let (mut admitted, mut id) = (0, 0);
        while admitted < 2_000 {
            id += 1;
            let side = if id % 5 < 3 { Side::Buy } else { Side::Sell };
            let order = Order { id, side, qty: (1 + id as i64 % 37) * UNIT, ..ORDER };
            let Ok(reservation) = checker.check(&order, &QUOTE) else {
                thread::yield_now();
                continue;
            };
            let open = witness.side(side).fetch_add(order.qty, Ordering::SeqCst) + order.qty;
            assert!(open <= limits.position_max, "{open} open on one side");
            admitted += 1;
            sender.send(reservation).unwrap();
        }
        drop(sender);
    });
    assert_eq!((gate.position(), gate.open_notional()), (0, 0));
    let mut checker = gate.checker();
    let [a, b] = [(1, 30 * UNIT), (2, 30 * UNIT)]
        .map(|(id, qty)| checker.check(&Order { id: u64::MAX - id, qty, ..ORDER }, &QUOTE).unwrap());
    let more = Order { id: u64::MAX, qty: UNIT / 10, ..ORDER };
    assert_eq!(checker.check(&more, &QUOTE), Err(Reason::PositionLimit));
    gate.release(a).unwrap();
    gate.release(b).unwrap();
}

/// Integers where overflow would show.
fn extreme() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(-1),
        Just(i64::MAX),
        Just(i64::MIN),
        Just(1 << 54),
        Just(1 << 62),
        any::<i64>(),
        1..1_000i64
    ]
}

prop_compose! {
    fn any_limits()(
        tick in extreme(), lot in extreme(), order_qty_max in extreme(), order_notional_max in extreme(),
        collar_bps: u32, quote_age_ns_max: u64, position_max in extreme(), open_notional_max in extreme(),
        loss_max in extreme(), rate_orders_max in 0..5u32, rate_window_ns: u64, mild: bool,
    ) -> Limits {
        let limits = Limits {
            instrument: 7, tick, lot, order_qty_max, order_notional_max, collar_bps, quote_age_ns_max, position_max,
            open_notional_max, loss_max, rate_orders_max, rate_window_ns,
        };
        // Most random limits are invalid; the mild ones let orders through to the arithmetic behind them.
        let qty = Limits::ORDER_QTY_CEILING;
        let open = Limits { tick: 1, lot: 1, order_qty_max: qty, collar_bps: u32::MAX, position_max: 1 << 62, ..limits };
        let open = Limits { order_notional_max: i64::MAX, open_notional_max: i64::MAX, quote_age_ns_max: u64::MAX, ..open };
        if mild { Limits { loss_max: i64::MAX, rate_orders_max: 3, rate_window_ns: 1, ..open } } else { limits }
    }
}

prop_compose! {
    fn any_order()(id: u64, buy: bool, px in extreme(), qty in extreme(), ts: u64, instrument in 6..8u32) -> Order {
        Order { id, instrument, side: if buy { Side::Buy } else { Side::Sell }, px, qty, ts }
    }
}

prop_compose! {
    fn any_quote()(ts: u64, bid_px in extreme(), ask_px in extreme()) -> Quote {
        Quote { ts, bid_px, bid_qty: 1, ask_px, ask_qty: 1 }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_integers_make_the_gate_panic(
        limits in any_limits(), position in extreme(), pnl in extreme(), one_checker: bool,
        orders in proptest::collection::vec((any_order(), any_quote(), extreme()), 1..20),
    ) {
        let make = if one_checker { RiskGate::for_one_checker } else { RiskGate::with_position };
        let Ok(gate) = make(limits, position) else { return Ok(()) };
        gate.set_pnl(pnl);
        let mut checker = gate.checker();
        let mut position = position;
        for (order, quote, executed) in orders {
            let Ok(reservation) = checker.check(&order, &quote) else { continue };
            match gate.fill(reservation, executed) {
                Ok(rest) => {
                    position += if order.side == Side::Buy { executed } else { -executed };
                    if let Some(rest) = rest { gate.release(rest).unwrap() }
                }
                Err(error) => gate.release(error.reservation).unwrap(),
            }
            prop_assert!(position.abs() <= limits.position_max.max(position.abs().min(1 << 62)));
        }
        prop_assert_eq!((gate.position(), gate.open_notional()), (position, 0));
    }

    /// One thread against exact sums over the open orders.
    #[test]
    fn decisions_equal_a_naive_account(
        steps in proptest::collection::vec((any::<bool>(), 1..500i64, 0..4u8, any::<usize>()), 1..120),
        reduce_only_from in 0usize..120, one_checker: bool,
    ) {
        // Room for the rounding of each open order, so that sums exactly at the limit have to pass.
        let rounding = 1_200 * 120;
        let limits = Limits { rate_orders_max: 1_000, open_notional_max: LIMITS.open_notional_max + rounding, ..LIMITS };
        let make = if one_checker { RiskGate::for_one_checker } else { RiskGate::with_position };
        let gate = make(limits, 0).unwrap();
        let mut checker = gate.checker();
        let (mut open, mut position) = (Vec::<Reservation>::new(), 0);
        for (step, (buy, tenths, fate, which)) in steps.into_iter().enumerate() {
            if step == reduce_only_from {
                gate.set_state(State::ReduceOnly);
            }
            let side = if buy { Side::Buy } else { Side::Sell };
            let order = Order { id: step as u64, side, qty: tenths * UNIT / 10, ..ORDER };
            let same: i64 = open.iter().filter(|r| r.side() == side).map(Reservation::qty).sum();
            let toward = if buy { position } else { -position };
            let notional = |qty: i64| i128::from(ORDER.px) * i128::from(qty) / i128::from(UNIT);
            let all: i128 = open.iter().map(|r| notional(r.qty())).sum();
            let bound = if step >= reduce_only_from { 0 } else { limits.position_max };
            let expected = order.qty <= 40 * UNIT
                && toward + same + order.qty <= bound
                && all + notional(order.qty) <= i128::from(limits.open_notional_max);
            let got = checker.check(&order, &QUOTE);
            prop_assert_eq!(got.is_ok(), expected, "step {}: {:?}", step, got);
            open.extend(got);
            if fate < 3 && !open.is_empty() {
                let reservation = open.swap_remove(which % open.len());
                if fate == 0 {
                    gate.release(reservation).unwrap();
                } else {
                    let signed = if reservation.side() == Side::Buy { 1 } else { -1 };
                    let qty = reservation.qty() / i64::from(fate);
                    position += signed * qty;
                    open.extend(gate.fill(reservation, qty).unwrap());
                }
            }
            prop_assert_eq!(gate.position(), position);
        }
    }
}

/// What a thread believes is open; raised after an admission and lowered before its settlement, so it
/// is never above the truth, and the truth is never above the limit.
#[derive(Default)]
struct Witness {
    buys: AtomicI64,
    sells: AtomicI64,
}

impl Witness {
    fn side(&self, side: Side) -> &AtomicI64 {
        match side {
            Side::Buy => &self.buys,
            Side::Sell => &self.sells,
        }
    }
}

#[test]
fn admitted_exposure_never_exceeds_the_limit_and_all_of_it_comes_back() {
    for threads in 2..=8u64 {
        let limits = Limits { rate_orders_max: 1 << 20, open_notional_max: 7_000 * UNIT, ..LIMITS };
        let gate = RiskGate::new(limits).unwrap();
        let (witness, admitted, settled) = (Witness::default(), AtomicU64::new(0), AtomicU64::new(0));
        let (notional, done) = (AtomicI64::new(0), AtomicBool::new(false));
        // Reservations are settled by whichever thread finds them here.
        let open = Mutex::new(Vec::<Reservation>::new());
        let settle = |reservation: Reservation| {
            witness.side(reservation.side()).fetch_sub(reservation.qty(), Ordering::SeqCst);
            notional.fetch_sub(reservation.qty() * 100, Ordering::SeqCst);
            settled.fetch_add(1, Ordering::SeqCst);
            gate.release(reservation).unwrap();
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|thread| {
                    let (gate, witness, notional, open, admitted, settle) =
                        (&gate, &witness, &notional, &open, &admitted, &settle);
                    scope.spawn(move || {
                        let (mut checker, mut seed) = (gate.checker(), thread + 1);
                        for step in 0..4_000u64 {
                            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                            let side = if seed >> 40 & 1 == 0 { Side::Buy } else { Side::Sell };
                            let qty = (1 + (seed >> 33) as i64 % 300) * UNIT / 10;
                            let order = Order { id: step * threads + thread, side, qty, ..ORDER };
                            if let Ok(reservation) = checker.check(&order, &QUOTE) {
                                admitted.fetch_add(1, Ordering::SeqCst);
                                let side = witness.side(side).fetch_add(qty, Ordering::SeqCst) + qty;
                                let all = notional.fetch_add(qty * 100, Ordering::SeqCst) + qty * 100;
                                assert!(side <= limits.position_max, "{side} open on one side");
                                assert!(all <= limits.open_notional_max, "{all} open");
                                open.lock().unwrap().push(reservation);
                            }
                            if seed >> 50 & 1 == 0 {
                                let found = open.lock().unwrap().pop();
                                found.into_iter().for_each(settle);
                            }
                        }
                    })
                })
                .collect();
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    // The same limits again and again: readers swap pointers all the time.
                    gate.set_limits(limits).unwrap();
                    thread::yield_now();
                }
            });
            let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
            done.store(true, Ordering::SeqCst);
            results.into_iter().for_each(|result| result.unwrap());
        });
        open.into_inner().unwrap().into_iter().for_each(settle);
        let (admitted, settled) = (admitted.into_inner(), settled.into_inner());
        assert!(admitted > 100, "only {admitted} orders were admitted by {threads} threads");
        assert_eq!(admitted, settled);
        assert_eq!((gate.position(), gate.open_notional()), (0, 0));
        // Back to zero on both sides: the whole limit fits again, and not one lot more.
        let mut checker = gate.checker();
        for side in [Side::Buy, Side::Sell] {
            let [a, b, c] = [(1, 30 * UNIT), (2, 30 * UNIT), (3, UNIT / 10)].map(|(id, qty)| {
                let id = u64::MAX - id - 3 * (side == Side::Sell) as u64;
                checker.check(&Order { id, side, qty, ..ORDER }, &QUOTE)
            });
            assert_eq!(c, Err(Reason::PositionLimit));
            [a, b].into_iter().for_each(|reservation| gate.release(reservation.unwrap()).unwrap());
        }
    }
}

#[test]
fn executions_by_many_threads_end_in_the_sum_of_the_executions() {
    let limits = Limits { rate_orders_max: 1 << 20, ..LIMITS };
    let gate = RiskGate::new(limits).unwrap();
    let sum = AtomicI64::new(0);
    thread::scope(|scope| {
        for thread in 0..4u64 {
            let (gate, sum) = (&gate, &sum);
            scope.spawn(move || {
                let mut checker = gate.checker();
                for step in 0..5_000u64 {
                    let side = if (step / 7 + thread) % 2 == 0 { Side::Buy } else { Side::Sell };
                    let order =
                        Order { id: step * 4 + thread, side, qty: (1 + step as i64 % 30) * UNIT, ..ORDER };
                    let Ok(reservation) = checker.check(&order, &QUOTE) else { continue };
                    let executed = order.qty / 2;
                    let rest = gate.fill(reservation, executed).unwrap().unwrap();
                    gate.release(rest).unwrap();
                    sum.fetch_add(if side == Side::Buy { executed } else { -executed }, Ordering::SeqCst);
                    // Every position a check may lead to lies within the limit.
                    assert!(gate.position().abs() <= limits.position_max);
                }
            });
        }
    });
    assert_eq!((gate.position(), gate.open_notional()), (sum.into_inner(), 0));
}

#[test]
fn of_two_threads_with_one_id_one_is_admitted() {
    let limits =
        Limits { rate_orders_max: 1 << 20, position_max: 1 << 62, open_notional_max: i64::MAX, ..LIMITS };
    let gate = RiskGate::new(limits).unwrap();
    let admitted = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut checker = gate.checker();
                for id in 0..1_000 {
                    if checker.check(&Order { id, qty: UNIT, ..ORDER }, &QUOTE).is_ok() {
                        admitted.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    // Fewer ids than the window has slots: none is forgotten.
    assert_eq!(admitted.into_inner(), 1_000);
}
