//! What does a risk check cost one thread: admitted, admitted and released, denied early and late; with a gate for many
//! checkers and with one for a single checker?

use std::hint::black_box;
use std::time::{Duration, Instant};

use bot4_pipeline::risk::{Limits, Order, Reason, RiskGate};
use bot4_pipeline::{Quote, Side};
use criterion::{Criterion, criterion_group, criterion_main};

const UNIT: i64 = 1_000_000_000;
const BURST: usize = 64;

fn limits() -> Limits {
    Limits {
        instrument: 7,
        tick: UNIT / 100,
        lot: UNIT / 1000,
        order_qty_max: 100 * UNIT,
        order_notional_max: 100_000 * UNIT,
        collar_bps: 100,
        quote_age_ns_max: 1_000_000_000,
        position_max: 10_000 * UNIT,
        open_notional_max: 1_000_000_000 * UNIT,
        loss_max: 1_000 * UNIT,
        rate_orders_max: 1_000,
        rate_window_ns: 1_000,
    }
}

/// For many checkers, and for one.
fn gates() -> [(&'static str, RiskGate); 2] {
    [("many", RiskGate::new(limits()).unwrap()), ("one", RiskGate::for_one_checker(limits(), 0).unwrap())]
}

/// The n-th order and its quote; an order every 10 ns keeps to the rate.
fn inputs(n: u64) -> (Order, Quote) {
    let ts = 1_000_000 + 10 * n;
    let mid = 100 * UNIT + (n as i64 % 17) * (UNIT / 100);
    let quote =
        Quote { ts, bid_px: mid - UNIT / 100, bid_qty: UNIT, ask_px: mid + UNIT / 100, ask_qty: UNIT };
    let side = if n.is_multiple_of(3) { Side::Buy } else { Side::Sell };
    (
        Order { id: n, instrument: 7, side, px: quote.ask_px, qty: (1 + n as i64 % 9) * UNIT, ts: ts + 5 },
        quote,
    )
}

fn admitted(c: &mut Criterion) {
    for (checkers, gate) in gates() {
        admitted_by(c, checkers, &gate);
    }
}

fn admitted_by(c: &mut Criterion, checkers: &str, gate: &RiskGate) {
    let (mut checker, mut n) = (gate.checker(), 0u64);
    c.bench_function(&format!("check/admitted_{checkers}"), |b| {
        b.iter_custom(|iterations| {
            let (mut spent, mut done) = (Duration::ZERO, 0);
            while done < iterations {
                let burst = iterations.saturating_sub(done).min(BURST as u64);
                let inputs: [_; BURST] = std::array::from_fn(|i| inputs(n + i as u64));
                let mut open: [_; BURST] = [const { Err(Reason::Halted) }; BURST];
                let start = Instant::now();
                for (slot, (order, quote)) in open.iter_mut().zip(&inputs[..burst as usize]) {
                    *slot = checker.check(order, quote);
                }
                spent += start.elapsed();
                let admitted =
                    open.into_iter().flatten().map(|reservation| gate.release(reservation).unwrap());
                assert_eq!(admitted.count() as u64, burst, "every order was to be admitted");
                n += BURST as u64;
                done += burst;
            }
            spent
        });
    });
    c.bench_function(&format!("check/admitted_then_released_{checkers}"), |b| {
        b.iter(|| {
            n += 1;
            let (order, quote) = inputs(n);
            gate.release(checker.check(&order, &quote).unwrap()).unwrap();
        });
    });
}

fn denied(c: &mut Criterion) {
    let gate = RiskGate::new(limits()).unwrap();
    let mut checker = gate.checker();
    let (order, quote) = inputs(1);
    let cases = [
        ("tick", Order { px: order.px + 1, ..order }),
        ("collar", Order { px: 2 * order.px, ..order }),
        ("position", Order { qty: 100 * UNIT, ..order }),
    ];
    gate.set_limits(Limits { position_max: 50 * UNIT, ..limits() }).unwrap();
    for (name, order) in cases {
        c.bench_function(&format!("check/denied_{name}"), |b| {
            b.iter(|| checker.check(black_box(&order), black_box(&quote)).unwrap_err());
        });
    }
}

criterion_group!(benches, admitted, denied);
criterion_main!(benches);
