//! What does the way from quote to decision cost, for one event and for a batch, and how much of it is recording latencies?

use crate::case::{Case, Lane, lane};
use bot4_lockfree::metrics::{Histogram, HistogramConfig, Registry};
use bot4_ml::{LogisticRegression, Predict};
use bot4_pipeline::Quote;
use bot4_pipeline::columns::Columns;
use bot4_pipeline::features::{FeatureRow, ROW_WIDTH, Scale};
use bot4_pipeline::sim::{self, Simulator};
use bot4_pipeline::stage::{Difference, Normalize, Pipeline, Sigmoid, Squash};
use bot4_pipeline::stream::TIMED;
use std::hint::black_box;
use std::time::Instant;

const ROWS: usize = 1_024;

/// Quotes a lane goes round.
const QUOTES: usize = 1 << 14;

type Model = Predict<LogisticRegression<f64>>;
type Stages = (Normalize<f64>, Difference<f64>, Squash, Model, Sigmoid);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("batch_1024x32").ours("bot4-pipeline", [batches()]),
        Case::new("event")
            .ours("no latency recorded", [events(u64::MAX)])
            .ours("of one in 64", [events(TIMED - 1)])
            .ours("of each", [events(0)]),
    ]
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
