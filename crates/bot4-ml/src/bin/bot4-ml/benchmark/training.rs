//! Trains the model of the workload with the crates themselves.

use super::workload::{Events, Parameters, WIDTH, minute};
use bot4_ml::{AdamW, LogisticRegression, Standardizer, Training};
use bot4_pipeline::Quote;
use bot4_pipeline::stage::{Difference, Normalize, Pipeline, Squash};
use ndarray::{Array1, Array2};
use std::ops::ControlFlow;

/// The label looks this many quotes ahead.
const HORIZON: usize = 50;
/// Share of the previous row that each row sheds: consecutive quotes resemble each other.
const PHI: f64 = 0.25;
const EPOCHS: usize = 3;
/// Samples of one step through the gradient accumulator.
const BATCH: usize = 64;
const LEARNING_RATE: f64 = 0.003;
/// Share of the training rows whose probability is far enough from 1/2 for an order.
const ORDER_SHARE: f64 = 0.05;

/// Fits "the mid will be higher 50 quotes from now" on the rows whose mid moves.
pub(crate) fn train(events: &Events) -> Parameters {
    let mut rows = feature_rows(events, events.training());
    let mut standardizer = Standardizer::new(WIDTH);
    rows.iter().for_each(|row| standardizer.observe(row).expect("feature rows are finite"));
    let (mean, inv_std) = (standardizer.mean().to_vec(), standardizer.inv_std().to_vec());
    let stages = (Normalize::new(&mean, &inv_std), Difference::new(&[PHI; WIDTH]), Squash);
    let mut pipeline = Pipeline::new(WIDTH, 1, stages).expect("the widths agree");
    for row in &mut rows {
        pipeline.one(row);
    }
    let model = fit(&rows, &labels(events.training()));
    let threshold = threshold(&model, &rows);
    Parameters { mean, inv_std, phi: PHI, model, threshold }
}

/// The raw feature row of every quote, from no history.
pub(crate) fn feature_rows(events: &Events, quotes: &[Quote]) -> Vec<[f64; WIDTH]> {
    let mut source = events.rows();
    let mut slow = (u64::MAX, [0.0; 3]);
    let row_of = |quote| {
        if slow.0 != minute(quote) {
            slow = (minute(quote), source.slow(quote));
        }
        let mut row = [0.0; WIDTH];
        source.row(quote, &slow.1, &mut row);
        row
    };
    quotes.iter().map(row_of).collect()
}

/// Per quote: whether the mid is higher `HORIZON` quotes later; `None` where it is the same, or where the data ends.
pub(crate) fn labels(quotes: &[Quote]) -> Vec<Option<bool>> {
    let doubled_mid = |quote: &Quote| i128::from(quote.bid_px) + i128::from(quote.ask_px);
    let ahead = quotes.iter().skip(HORIZON).map(Some).chain([None; HORIZON]);
    let label = |(now, later): (&Quote, Option<&Quote>)| {
        let move_ahead = doubled_mid(later?) - doubled_mid(now);
        (move_ahead != 0).then_some(move_ahead > 0)
    };
    quotes.iter().zip(ahead).map(label).collect()
}

fn fit(rows: &[[f64; WIDTH]], labels: &[Option<bool>]) -> LogisticRegression<f64> {
    let known = || rows.iter().zip(labels).filter_map(|(row, label)| Some((row, (*label)?)));
    let table: Vec<f64> = known().flat_map(|(row, _)| *row).collect();
    let table = Array2::from_shape_vec((table.len() / WIDTH, WIDTH), table).expect("whole rows");
    let rises: Array1<f64> = known().map(|(_, rises)| f64::from(u8::from(rises))).collect();
    let mut model = LogisticRegression::new(WIDTH);
    let training = Training { epochs: EPOCHS, batch: BATCH, ..Training::default() };
    training
        .run(&mut model, table.view(), rises.view(), &mut AdamW::new(LEARNING_RATE), |_| {
            ControlFlow::Continue(())
        })
        .expect("the table is finite and as long as its labels");
    model
}

/// The distance from 1/2 that `ORDER_SHARE` of the training rows exceed.
fn threshold(model: &LogisticRegression<f64>, rows: &[[f64; WIDTH]]) -> f64 {
    let mut distances: Vec<f64> = rows.iter().map(|row| (model.predict(row) - 0.5).abs()).collect();
    distances.sort_by(f64::total_cmp);
    let index = (rows.len() as f64 * (1.0 - ORDER_SHARE)) as usize;
    distances.get(index).copied().unwrap_or(0.5)
}
