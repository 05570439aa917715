//! What does a streaming indicator cost per value, ours and those of the crates people use?

#[cfg(feature = "peers")]
mod peers;
#[cfg(feature = "peers")]
mod talib;

use crate::case::{Case, Lane, lane, lane_of};
use bot4_pipeline::columns::Columns;
use bot4_pipeline::features::{
    Bollinger, Ema, FeatureRow, Features, Macd, QuoteFeatures, ROW_WIDTH, RealizedVariance, RollingMax,
    RollingMeanVar, RollingMin, Rsi, Scale, Vwap,
};
use bot4_pipeline::sim::{self, Simulator};
use bot4_pipeline::{Quote, Side, Trade};
use std::hint::black_box;

/// Values a lane goes round: more than any branch predictor learns by heart.
const VALUES: usize = 1 << 14;

/// Values of a batch.
const BATCH: usize = 1_024;
const BATCHES: &str = "batches of 1,024";

/// The window of rolling indicators.
const WINDOW: usize = 64;

pub(crate) fn cases() -> Vec<Case> {
    let cases = vec![
        each("ema", Ema::of_span(20), |ema, x| ema.update(x))
            .ours(BATCHES, [batches(Ema::of_span(20), Ema::batch)]),
        each("macd", Macd::new(12, 26, 9), |macd, x| macd.update(x).histogram),
        each("rsi", Rsi::new(14), |rsi, x| rsi.update(x).unwrap_or(0.0)),
        each("rolling_min", RollingMin::<f64, WINDOW>::new(), |low, x| low.update(x).unwrap_or(0.0))
            .ours(BATCHES, [batches(RollingMin::<f64, WINDOW>::new(), RollingMin::batch)]),
        each("rolling_max", RollingMax::<f64, WINDOW>::new(), |high, x| high.update(x).unwrap_or(0.0))
            .ours(BATCHES, [batches(RollingMax::<f64, WINDOW>::new(), RollingMax::batch)]),
        each("realized_variance", RealizedVariance::<WINDOW>::new(), |sum, x| sum.update(x).unwrap_or(0.0)),
        rolling_std(),
        bollinger(),
        vwap(),
        quote_features(),
        feature_row(),
    ];
    #[cfg(feature = "peers")]
    let cases = cases.into_iter().map(peers::join).map(talib::join).collect();
    cases
}

fn quotes() -> Vec<Quote> {
    Simulator::new(1).take(VALUES).collect()
}

/// The mids of a simulated market.
fn mids() -> Vec<f64> {
    quotes().iter().map(|quote| (quote.bid_px + quote.ask_px) as f64 / 2e9).collect()
}

/// A lane that hands value after value to an indicator, round and round, and looks at each result.
fn over<I: Send + 'static>(indicator: I, update: impl Fn(&mut I, f64) -> f64 + Send + 'static) -> Lane {
    round(mids(), indicator, move |indicator, &mid| update(indicator, mid))
}

fn round<T: Send + 'static, I: Send + 'static, R>(
    values: Vec<T>,
    mut indicator: I,
    update: impl Fn(&mut I, &T) -> R + Send + 'static,
) -> Lane {
    let mut next = 0;
    lane(move || {
        black_box(update(&mut indicator, &values[next]));
        next = (next + 1) % VALUES;
    })
}

fn each<I: Send + 'static>(
    name: &'static str,
    indicator: I,
    update: impl Fn(&mut I, f64) -> f64 + Send + 'static,
) -> Case {
    Case::new(name).ours("bot4-pipeline", [over(indicator, update)])
}

/// A lane that hands batch after batch to an indicator, each copied first, as it is replaced by the results.
fn batches<I: Send + 'static>(mut indicator: I, batch: impl Fn(&mut I, &mut [f64]) + Send + 'static) -> Lane {
    let (mids, mut out, mut next) = (mids(), [0.0; BATCH], 0);
    lane_of(BATCH as u64, move || {
        out.copy_from_slice(&mids[next..next + BATCH]);
        batch(&mut indicator, &mut out);
        black_box(&out);
        next = (next + BATCH) % VALUES;
    })
}

fn prices() -> Vec<i64> {
    quotes().iter().map(|quote| (quote.bid_px + quote.ask_px) / 2).collect()
}

/// Ours takes the integers that prices are until they become features.
fn over_prices<I: Send + 'static>(
    indicator: I,
    update: impl Fn(&mut I, i64) -> f64 + Send + 'static,
) -> Lane {
    round(prices(), indicator, move |indicator, &px| update(indicator, px))
}

fn rolling_std() -> Case {
    let std =
        |moments: &mut RollingMeanVar<WINDOW>, px| moments.update(px).map_or(0.0, |(_, var)| var.sqrt());
    let mut moments = RollingMeanVar::<WINDOW>::new(1e9);
    let (prices, mut mean, mut var, mut next) = (prices(), [0.0; BATCH], [0.0; BATCH], 0);
    let batches = lane_of(BATCH as u64, move || {
        moments.batch(&prices[next..next + BATCH], &mut mean, &mut var);
        var.iter_mut().for_each(|var| *var = var.sqrt());
        black_box((&mean, &var));
        next = (next + BATCH) % VALUES;
    });
    Case::new("rolling_std")
        .ours("bot4-pipeline", [over_prices(RollingMeanVar::new(1e9), std)])
        .ours(BATCHES, [batches])
}

/// The price of each trade against the average of all so far.
fn vwap() -> Case {
    let trade =
        |quote: &Quote| Trade { ts: quote.ts, px: quote.ask_px, qty: quote.ask_qty, aggressor: Side::Buy };
    let trades = quotes().iter().map(trade).collect();
    let lane = round(trades, Vwap::new(Scale::WHOLE), |vwap, trade| {
        vwap.update(trade);
        vwap.deviation(trade.px)
    });
    Case::new("vwap").ours("bot4-pipeline", [lane])
}

fn bollinger() -> Case {
    let upper = |bands: &mut Bollinger<20>, px| bands.update(px).map_or(0.0, |bands| bands.upper);
    let mut bands = Bollinger::<20>::new(1e9, 2.0);
    let (prices, [mut lower, mut middle, mut highest], mut next) = (prices(), [[0.0; BATCH]; 3], 0);
    let batches = lane_of(BATCH as u64, move || {
        bands.batch(&prices[next..next + BATCH], &mut lower, &mut middle, &mut highest);
        black_box((&lower, &middle, &highest));
        next = (next + BATCH) % VALUES;
    });
    Case::new("bollinger")
        .ours("bot4-pipeline", [over_prices(Bollinger::new(1e9, 2.0), upper)])
        .ours(BATCHES, [batches])
}

/// The ten features of a quote, one by one and in batches.
fn quote_features() -> Case {
    let streaming =
        round(quotes(), QuoteFeatures::new(Scale::WHOLE), |features, quote| features.update(quote));
    let mut features = QuoteFeatures::new(Scale::WHOLE);
    let mut columns = Columns::new(Features::NAMES.len(), BATCH);
    let (quotes, mut next) = (quotes(), 0);
    let batches = lane_of(BATCH as u64, move || {
        features.batch(&quotes[next..next + BATCH], &mut columns);
        black_box(columns.as_slice());
        next = (next + BATCH) % VALUES;
    });
    Case::new("quote_features").ours("one by one", [streaming]).ours(BATCHES, [batches])
}

fn feature_row() -> Case {
    let start = (FeatureRow::new(Scale::WHOLE, sim::TICK), [0.0; ROW_WIDTH]);
    let lane = round(quotes(), start, |(rows, row), quote| {
        rows.update(quote, black_box(&[0.0; 3]), row);
        black_box(&row);
    });
    Case::new("feature_row").ours("bot4-pipeline", [lane])
}
