//! Statistics of a quote stream: what the reference values and the simulator are measured by.
#![allow(dead_code, reason = "each of its users needs a part")]

use bot4_pipeline::Quote;
use bot4_pipeline::features::{QuoteFeatures, Scale};

/// What the statistics need of one quote.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) ts: u64,
    pub(crate) mid: f64,
    pub(crate) qi: f64,
    pub(crate) ofi: f64,
    pub(crate) spread: f64,
}

pub(crate) fn rows(quotes: impl Iterator<Item = Quote>, scale: Scale) -> Vec<Row> {
    let mut features = QuoteFeatures::new(scale);
    quotes
        .map(|quote| {
            let f = features.update(&quote);
            Row { ts: quote.ts, mid: f.mid, qi: f.qi, ofi: f.ofi, spread: f.spread }
        })
        .collect()
}

/// A straight line through points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) alpha: f64,
    pub(crate) beta: f64,
    pub(crate) r2: f64,
    pub(crate) n: usize,
}

/// Ordinary least squares y ~ 1 + x.
pub(crate) fn regress(points: impl Iterator<Item = (f64, f64)> + Clone) -> Line {
    let n = points.clone().count();
    let mean = |of: fn((f64, f64)) -> f64| points.clone().map(of).sum::<f64>() / n as f64;
    let (x_mean, y_mean) = (mean(|p| p.0), mean(|p| p.1));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in points {
        xx += (x - x_mean) * (x - x_mean);
        xy += (x - x_mean) * (y - y_mean);
        yy += (y - y_mean) * (y - y_mean);
    }
    let beta = xy / xx;
    Line { alpha: y_mean - beta * x_mean, beta, r2: beta * xy / yy, n }
}

/// Order flow and price change (in ticks) of each of `count` buckets of `length_ns` from `start`.
pub(crate) fn buckets(rows: &[Row], start: u64, length_ns: u64, count: usize, tick: f64) -> Vec<(f64, f64)> {
    let mut rest = rows.iter().peekable();
    let mut mid = rows[0].mid;
    let mut bucket = |k: u64| {
        let (mut flow, before) = (0.0, mid);
        while let Some(row) = rest.next_if(|row| row.ts < start + (k + 1) * length_ns) {
            flow += row.ofi;
            mid = row.mid;
        }
        (flow, (mid - before) / tick)
    };
    (0..count as u64).map(&mut bucket).collect()
}

/// Order flow of a bucket against the price change of the *next*: what look-ahead would inflate.
pub(crate) fn next_bucket(buckets: &[(f64, f64)]) -> Line {
    regress(buckets.iter().zip(&buckets[1..]).map(|(now, next)| (now.0, next.1)))
}

/// Queue imbalance just before each move of the mid, and whether the mid rose.
pub(crate) fn moves(rows: &[Row]) -> Vec<(f64, bool)> {
    let pairs = rows.iter().zip(&rows[1..]);
    pairs.filter(|(before, now)| now.mid != before.mid).map(|(b, n)| (b.qi, n.mid > b.mid)).collect()
}

/// The logistic regression of [`moves`], fitted on the first half and scored on the second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Direction {
    pub(crate) intercept: f64,
    pub(crate) slope: f64,
    pub(crate) auc: f64,
    pub(crate) accuracy: f64,
    pub(crate) brier: f64,
}

pub(crate) fn direction(moves: &[(f64, bool)]) -> Direction {
    let (train, test) = moves.split_at(moves.len().div_ceil(2));
    let (intercept, slope) = fit_logistic(train);
    let scored: Vec<_> = test.iter().map(|&(x, y)| (sigmoid(intercept + slope * x), y)).collect();
    let n = scored.len() as f64;
    let hits = scored.iter().filter(|&&(p, y)| (p > 0.5) == y).count();
    let brier = scored.iter().map(|&(p, y)| (p - f64::from(u8::from(y))).powi(2)).sum::<f64>() / n;
    Direction { intercept, slope, auc: auc(scored), accuracy: hits as f64 / n, brier }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Newton's method for y ~ 1 + x, without a penalty.
fn fit_logistic(samples: &[(f64, bool)]) -> (f64, f64) {
    let (mut a, mut b) = (0.0, 0.0);
    for _ in 0..25 {
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &(x, y) in samples {
            let p = sigmoid(a + b * x);
            let (error, weight) = (f64::from(u8::from(y)) - p, p * (1.0 - p));
            ga += error;
            gb += error * x;
            haa += weight;
            hab += weight * x;
            hbb += weight * x * x;
        }
        let determinant = haa * hbb - hab * hab;
        a += (hbb * ga - hab * gb) / determinant;
        b += (haa * gb - hab * ga) / determinant;
    }
    (a, b)
}

/// Area under the ROC curve by ranks; ties share their rank.
pub(crate) fn auc(mut scored: Vec<(f64, bool)>) -> f64 {
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank_sum, mut rank) = (0.0, 0.0);
    for ties in scored.chunk_by(|a, b| a.0 == b.0) {
        let positives = ties.iter().filter(|(_, y)| *y).count() as f64;
        rank_sum += positives * (rank + (ties.len() as f64 + 1.0) / 2.0);
        rank += ties.len() as f64;
    }
    let positives = scored.iter().filter(|(_, y)| *y).count() as f64;
    let negatives = scored.len() as f64 - positives;
    (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives)
}

/// Share of rows whose spread is one tick, and the mean spread in ticks.
pub(crate) fn spread(rows: &[Row], tick: f64) -> (f64, f64) {
    let n = rows.len() as f64;
    let one_tick = rows.iter().filter(|row| (row.spread / tick - 1.0).abs() < 1e-6).count();
    (one_tick as f64 / n, rows.iter().map(|row| row.spread).sum::<f64>() / n / tick)
}

/// Coefficient of variation of the time between quotes.
pub(crate) fn interval_variation(rows: &[Row]) -> f64 {
    let intervals: Vec<_> = rows.iter().zip(&rows[1..]).map(|(a, b)| (b.ts - a.ts) as f64).collect();
    let mean = intervals.iter().sum::<f64>() / intervals.len() as f64;
    let variance = intervals.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / intervals.len() as f64;
    variance.sqrt() / mean
}

/// Logistic regression by stochastic gradient on features standardised as they come (Welford), the deviation
/// floored at 1e-12.
pub(crate) struct OnlineLogistic<const N: usize> {
    rate: f64,
    weights: [f64; N],
    bias: f64,
    count: f64,
    mean: [f64; N],
    squares: [f64; N],
}

impl<const N: usize> OnlineLogistic<N> {
    pub(crate) fn new(rate: f64) -> Self {
        Self { rate, weights: [0.0; N], bias: 0.0, count: 0.0, mean: [0.0; N], squares: [0.0; N] }
    }

    pub(crate) fn predict_then_learn(&mut self, x: [f64; N], y: bool) -> f64 {
        self.count += 1.0;
        let mut z = [0.0; N];
        for i in 0..N {
            let before = x[i] - self.mean[i];
            self.mean[i] += before / self.count;
            self.squares[i] += before * (x[i] - self.mean[i]);
            let deviation = (self.squares[i] / self.count).sqrt().max(1e-12);
            z[i] = (x[i] - self.mean[i]) / deviation;
        }
        let p = sigmoid(self.bias + z.iter().zip(self.weights).map(|(z, w)| z * w).sum::<f64>());
        let step = self.rate * (f64::from(u8::from(y)) - p);
        self.bias += step;
        self.weights.iter_mut().zip(z).for_each(|(w, z)| *w += step * z);
        p
    }
}
