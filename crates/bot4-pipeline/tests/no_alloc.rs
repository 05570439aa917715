//! Nothing on the hot paths of stages and gate allocates once it is built.

use bot4_pipeline::columns::Columns;
use bot4_pipeline::risk::{Limits, Order, RiskGate};
use bot4_pipeline::stage::{Clamp, Difference, Normalize, Pipeline, Sigmoid, Squash};
use bot4_pipeline::{Quote, Side};
use bot4_pool::audit::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

#[test]
fn the_audit_sees_an_allocation() {
    assert!(audit::installed());
    let (columns, counts) = audit::count(|| Columns::<f64>::new(2, 2));
    assert!(counts.allocations > 0 && columns.is_empty());
}

#[test]
fn rows_and_batches_run_without_allocating() {
    let stages = (
        Normalize::new(&[1.0; 32], &[0.5; 32]),
        Difference::new(&[0.5; 32]),
        Squash,
        Sigmoid,
        Clamp::new(0.4, 0.6),
    );
    let mut pipeline = Pipeline::new(32, 256, stages).unwrap();
    let mut columns = pipeline.columns();
    let ((), counts) = audit::count(|| {
        for round in 0..10 {
            let mut row = [f64::from(round); 32];
            pipeline.one(&mut row);
            columns.clear();
            while !columns.is_full() {
                columns.push_row(&row);
            }
            pipeline.batch(&mut columns);
            columns.copy_row_to(7, &mut row);
            pipeline.reset();
        }
    });
    assert_eq!((counts.allocations, counts.deallocations), (0, 0));
}

#[test]
fn checks_fills_and_releases_do_not_allocate() {
    let limits = Limits {
        instrument: 1,
        tick: 1,
        lot: 1,
        order_qty_max: 1_000,
        order_notional_max: 1_000_000,
        collar_bps: 10_000,
        quote_age_ns_max: 1_000,
        position_max: 10_000,
        open_notional_max: 1_000_000_000,
        loss_max: 1,
        rate_orders_max: 8,
        rate_window_ns: 5,
    };
    let gate = RiskGate::new(limits).unwrap();
    let mut checker = gate.checker();
    let quote = Quote { ts: 0, bid_px: 9, bid_qty: 1, ask_px: 11, ask_qty: 1 };
    gate.set_limits(Limits { order_qty_max: 500, ..limits }).unwrap();
    let ((passed, denied), counts) = audit::count(|| {
        let (mut passed, mut denied) = (0, 0);
        for n in 0..1_000 {
            let side = if n % 2 == 0 { Side::Buy } else { Side::Sell };
            let order = Order { id: n / 2, instrument: 1, side, px: 10, qty: 1 + n as i64 % 600, ts: n };
            match checker.check(&order, &Quote { ts: n, ..quote }) {
                Ok(reservation) => {
                    passed += 1;
                    let half = (reservation.qty() + 1) / 2;
                    let rest = gate.fill(reservation, half).unwrap();
                    rest.into_iter().for_each(|rest| gate.release(rest).unwrap());
                }
                Err(_) => denied += 1,
            }
        }
        (passed, denied)
    });
    assert_eq!((counts.allocations, counts.deallocations), (0, 0));
    assert!(passed > 100 && denied > 100, "{passed} passed, {denied} were denied");
}
