//! What does the way from quote to decision cost, for one event, for a batch and through a second thread, and how much of it is
//! recording latencies?

#[cfg(feature = "peers")]
mod peers;

use super::risk::{self, UNIT};
use crate::case::{Case, Lane, lane};
use crate::machine;
use bot4_lockfree::metrics::{Histogram, HistogramConfig, Registry};
use bot4_ml::{LogisticRegression, Predict};
use bot4_pipeline::columns::Columns;
use bot4_pipeline::features::{FeatureRow, ROW_WIDTH, Scale};
use bot4_pipeline::risk::{Limits, Order, RiskGate};
use bot4_pipeline::sim::{self, Simulator};
use bot4_pipeline::stage::{Difference, Normalize, Pipeline, Sigmoid, Squash};
use bot4_pipeline::stream::{Settings, Stream, TIMED};
use bot4_pipeline::{Quote, Side};
use std::hint::black_box;
use std::time::Instant;

const ROWS: usize = 1_024;

/// Quotes a lane goes round.
const QUOTES: usize = 1 << 14;

type Model = Predict<LogisticRegression<f64>>;
type Stages = (Normalize<f64>, Difference<f64>, Squash, Model, Sigmoid);

pub(crate) fn cases() -> Vec<Case> {
    let cases = vec![
        Case::new("batch_1024x32").ours("bot4-pipeline", [batches()]),
        Case::new("event")
            .ours("no latency recorded", [events(u64::MAX)])
            .ours("of one in 64", [events(TIMED - 1)])
            .ours("of each", [events(0)]),
        Case::new("stream")
            .limit("the work alone", [alone()])
            .in_runs_of(RUN)
            .ours("bot4-pipeline", [streamed()])
            .in_runs_of(RUN),
    ];
    #[cfg(feature = "peers")]
    let cases = cases.into_iter().map(peers::join).collect();
    cases
}

fn histogram() -> Histogram {
    Registry::new().histogram("latency_ns", "Latency.", HistogramConfig::default())
}

/// Normalise, extract, transform, predict, postprocess.
fn pipeline(rows_max: usize) -> Pipeline<f64, Stages> {
    let weights = (0..ROW_WIDTH).map(|j| (j as f64 * 0.37).sin() * 0.2).collect();
    let stages = (
        Normalize::new(&[0.1; ROW_WIDTH], &[0.5; ROW_WIDTH]),
        Difference::new(&[0.3; ROW_WIDTH]),
        Squash,
        Predict::new(LogisticRegression::from_parts(weights, 0.1)),
        Sigmoid,
    );
    Pipeline::new(ROW_WIDTH, rows_max, stages).expect("the widths agree")
}

/// One operation is a batch, copied first, as it is worked on in place.
fn batches() -> Lane {
    let mut pipeline = pipeline(ROWS);
    let (mut rows, mut row) = (FeatureRow::new(Scale::WHOLE, sim::TICK), [0.0; ROW_WIDTH]);
    let mut inputs = [const { Vec::new() }; 4].map(|mut batches: Vec<Columns<f64>>| {
        batches.push(pipeline.columns());
        batches
    });
    let mut market = Simulator::new(1);
    for columns in inputs.iter_mut().flatten() {
        for quote in market.by_ref().take(ROWS) {
            rows.update(&quote, &[0.0; 3], &mut row);
            columns.push_row(&row);
        }
    }
    let (mut columns, mut next) = (pipeline.columns(), 0);
    lane(move || {
        columns.clear();
        columns.set_len(ROWS);
        let input = &inputs[next % inputs.len()][0];
        columns.iter_mut().zip(input.iter()).for_each(|(to, from)| to.copy_from_slice(from));
        pipeline.batch(&mut columns);
        black_box(columns.column(0));
        next += 1;
    })
}

fn quotes() -> Vec<Quote> {
    Simulator::new(1).take(QUOTES).collect()
}

/// From quote to probability.
fn path() -> impl FnMut(&Quote) -> f64 + Send {
    let (mut pipeline, mut rows) = (pipeline(1), FeatureRow::new(Scale::WHOLE, sim::TICK));
    move |quote| {
        let mut row = [0.0; ROW_WIDTH];
        rows.update(quote, black_box(&[0.0; 3]), &mut row);
        pipeline.one(&mut row)[0]
    }
}

/// On one thread; recorded is the latency of each event whose number has none of the bits of `untimed`, as a stream does it.
/// Not a parameter of the type: all subjects run the same code.
fn events(untimed: u64) -> Lane {
    let (quotes, mut path, mut n, latency) = (quotes(), path(), 0_u64, histogram());
    lane(move || {
        let start = (n & untimed == 0).then(Instant::now);
        black_box(path(&quotes[n as usize % QUOTES]));
        if let Some(start) = start {
            latency.record(start.elapsed().as_nanos() as u64);
        }
        n += 1;
    })
}

/// Events of one run of a stream: to start and join its thread is then less than a hundredth.
const RUN: u64 = 1 << 15;

/// Events that may wait between the threads.
const CAPACITY: usize = 4_096;

/// Time from event to event.
const PACE_NS: u64 = 1_000;

/// Wide enough for every order, at any price.
const LIMITS: Limits = Limits { tick: 1, lot: 1, order_notional_max: 1_000_000 * UNIT, ..risk::LIMITS };

/// A market that goes on: events `from` to `from + n`.
fn feed(quotes: &[Quote], from: u64, n: u64) -> impl Iterator<Item = Quote> + Send {
    (from..from + n).map(|i| Quote { ts: PACE_NS * i, ..quotes[i as usize % QUOTES] })
}

/// From a quote to an order that was checked and settled again.
fn decide() -> impl FnMut(Quote) + Send {
    let gate = RiskGate::for_one_checker(LIMITS, 0).expect("the limits make sense");
    let (mut path, mut checker, mut id) = (path(), gate.checker(), 0);
    move |quote| {
        let rises = path(&quote) > 0.5;
        let (side, px) = if rises { (Side::Buy, quote.ask_px) } else { (Side::Sell, quote.bid_px) };
        id += 1;
        let order = Order { id, instrument: LIMITS.instrument, side, px, qty: UNIT / 100, ts: quote.ts };
        let released = checker.check(&order, &quote).map(|reservation| gate.release(reservation));
        assert!(black_box(released).is_ok(), "the limits are wide enough");
    }
}

/// Runs of a stream, each going on where the one before ended. The thread that a run starts may go to another core than the
/// lane's.
fn runs(mut run: impl FnMut(&[Quote], u64, u64) + Send + 'static) -> Lane {
    let (quotes, cores, mut sent) = (quotes(), machine::cores(), 0);
    Box::new(move |operations| {
        machine::allow(&cores).expect("the process had these cores");
        run(&quotes, sent, operations);
        sent += operations;
    })
}

fn alone() -> Lane {
    let mut decide = decide();
    runs(move |quotes, from, n| feed(quotes, from, n).for_each(&mut decide))
}

/// A thread that feeds, and the lane's, which decides.
fn streamed() -> Lane {
    let (mut decide, settings) = (decide(), Settings { capacity: CAPACITY, ..Settings::default() });
    runs(move |quotes, from, n| {
        let report = Stream::from_source("feed", feed(quotes, from, n)).run("decide", &mut decide, &settings);
        assert!(report.is_ok_and(|report| report.processed == n), "every event is processed");
    })
}
