//! A decoded row, the features of a quote, the stages on one row and on a batch, a risk check.

use bot4_pipeline::columns::Columns;
use bot4_pipeline::features::{FeatureRow, ROW_WIDTH, Scale};
use bot4_pipeline::feed::binance::{BOOK_TICKER_HEADER, BookTicker};
use bot4_pipeline::risk::{Checker, Limits, Order, RiskGate};
use bot4_pipeline::sim::{self, Simulator};
use bot4_pipeline::stage::{Difference, Normalize, Pipeline, Squash};
use bot4_pipeline::{Quote, Side};
use iai_callgrind::{library_benchmark, library_benchmark_group};
use std::fmt::Write as _;
use std::hint::black_box;

const QUOTES: usize = 64;
const UNIT: i64 = 1_000_000_000;

fn quotes() -> Vec<Quote> {
    Simulator::new(1).take(QUOTES).collect()
}

/// Rows as Binance writes them.
fn csv() -> String {
    let number = |units: i64| format!("{}.{:09}", units / UNIT, units % UNIT);
    quotes().iter().enumerate().fold(format!("{BOOK_TICKER_HEADER}\n"), |mut text, (i, quote)| {
        let [bid, bid_qty] = [quote.bid_px, quote.bid_qty].map(number);
        let [ask, ask_qty] = [quote.ask_px, quote.ask_qty].map(number);
        let ms = quote.ts / 1_000_000;
        writeln!(text, "{},{ms},{ms},{i},{bid},{bid_qty},{ask},{ask_qty}", quote.ts).expect("a string grows");
        text
    })
}

#[library_benchmark]
#[bench::x64(csv())]
fn binance_quotes(csv: String) -> String {
    let decoded = BookTicker::new(black_box(csv.as_bytes())).map(|row| black_box(row).is_ok());
    assert_eq!(decoded.filter(|&good| good).count(), QUOTES);
    csv
}

fn feature_rows() -> (FeatureRow, Vec<Quote>) {
    (FeatureRow::new(Scale::WHOLE, sim::TICK), quotes())
}

#[library_benchmark]
#[bench::x64(feature_rows())]
fn feature_row((mut features, quotes): (FeatureRow, Vec<Quote>)) -> (FeatureRow, Vec<Quote>) {
    let mut row = [0.0; ROW_WIDTH];
    for quote in &quotes {
        features.update(quote, black_box(&[0.0, 1.0, 0.0]), &mut row);
        black_box(&row);
    }
    (features, quotes)
}

type Stepwise = Pipeline<f64, (Normalize<f64>, Difference<f64>, Squash)>;

fn stages() -> Stepwise {
    let scale = [0.7; ROW_WIDTH];
    let stages = (Normalize::new(&[0.1; ROW_WIDTH], &scale), Difference::new(&scale), Squash);
    Pipeline::new(ROW_WIDTH, 256, stages).expect("every stage takes 32 columns")
}

#[library_benchmark]
#[bench::row_of_32(stages())]
fn stages_one(mut pipeline: Stepwise) -> Stepwise {
    let mut row: [f64; ROW_WIDTH] = std::array::from_fn(|j| j as f64 * 0.1);
    black_box(pipeline.one(black_box(&mut row)));
    pipeline
}

fn batch() -> (Stepwise, Columns<f64>) {
    let pipeline = stages();
    let mut columns = pipeline.columns();
    for i in 0..256 {
        let row: [f64; ROW_WIDTH] = std::array::from_fn(|j| ((i + j) as f64 * 0.1).sin());
        columns.push_row(&row);
    }
    (pipeline, columns)
}

#[library_benchmark]
#[bench::rows_256(batch())]
fn stages_batch((mut pipeline, mut columns): (Stepwise, Columns<f64>)) -> (Stepwise, Columns<f64>) {
    pipeline.batch(black_box(&mut columns));
    (pipeline, columns)
}

type Checks = (RiskGate, Checker, Vec<(Order, Quote)>);

/// Orders for a gate for many checkers, or for one.
fn checks(of_one: bool) -> Checks {
    let make = if of_one { RiskGate::for_one_checker } else { RiskGate::with_position };
    let limits = Limits {
        instrument: 7,
        tick: UNIT / 100,
        lot: UNIT / 1000,
        order_qty_max: 100 * UNIT,
        order_notional_max: 100_000 * UNIT,
        collar_bps: 100,
        quote_age_ns_max: UNIT as u64,
        position_max: 10_000 * UNIT,
        open_notional_max: 1_000_000_000 * UNIT,
        loss_max: 1_000 * UNIT,
        rate_orders_max: 1_000,
        rate_window_ns: 1_000,
    };
    let gate = make(limits, 0).expect("the limits make sense");
    let order = |id: u64| {
        let ts = 1_000_000 + 10 * id;
        let px = 100 * UNIT;
        let quote = Quote { ts, bid_px: px - UNIT / 100, bid_qty: UNIT, ask_px: px, ask_qty: UNIT };
        let side = if id.is_multiple_of(3) { Side::Buy } else { Side::Sell };
        (Order { id, instrument: 7, side, px, qty: UNIT, ts: ts + 5 }, quote)
    };
    let checker = gate.checker();
    (gate, checker, (1..=QUOTES as u64).map(order).collect())
}

#[library_benchmark]
#[bench::x64(checks(false))]
#[bench::of_one_x64(checks(true))]
fn risk_check_release((gate, mut checker, orders): Checks) -> Checks {
    for (order, quote) in &orders {
        let reservation = checker.check(black_box(order), quote).expect("within every limit");
        gate.release(reservation).expect("released once");
    }
    (gate, checker, orders)
}

library_benchmark_group!(
    name = pipeline;
    benchmarks = binance_quotes, feature_row, stages_one, stages_batch, risk_check_release
);
