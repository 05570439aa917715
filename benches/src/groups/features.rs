//! What does a streaming indicator cost per value, ours and those of the crates people use?

#[cfg(feature = "peers")]
mod peers;
#[cfg(feature = "peers")]
mod polars;
#[cfg(feature = "peers")]
mod talib;

use crate::case::{Case, Lane, lane, lane_of};
use bot4_pipeline::columns::Columns;
use bot4_pipeline::features::{
    Bollinger, Ema, FeatureRow, Features, Macd, MicroPriceFit, QuoteFeatures, ROW_WIDTH, RealizedVariance,
    RollingMax, RollingMin, RollingStd, RollingSum, Rsi, Scale, TRADE_NAMES, TradeFeatures, Vwap,
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
        macd(),
        each("rsi", Rsi::new(14), |rsi, x| rsi.update(x).unwrap_or(0.0))
            .ours(BATCHES, [batches(Rsi::new(14), Rsi::batch)]),
        each("rolling_min", RollingMin::<f64, WINDOW>::new(), |low, x| low.update(x).unwrap_or(0.0))
            .ours(BATCHES, [batches(RollingMin::<f64, WINDOW>::new(), RollingMin::batch)]),
        each("rolling_max", RollingMax::<f64, WINDOW>::new(), |high, x| high.update(x).unwrap_or(0.0))
            .ours(BATCHES, [batches(RollingMax::<f64, WINDOW>::new(), RollingMax::batch)]),
        each("rolling_sum", RollingSum::<f64, WINDOW>::new(), |sum, x| sum.update(x).unwrap_or(0.0))
            .ours(BATCHES, [batches(RollingSum::<f64, WINDOW>::new(), RollingSum::batch)]),
        each("realized_variance", RealizedVariance::<WINDOW>::new(), |sum, x| sum.update(x).unwrap_or(0.0))
            .ours(BATCHES, [batches(RealizedVariance::<WINDOW>::new(), RealizedVariance::batch)]),
        rolling_std(),
        bollinger(),
        vwap(),
        trade_features(),
        micro_price(),
        quote_features(),
        feature_row(),
    ];
    #[cfg(feature = "peers")]
    let cases = cases.into_iter().map(peers::join).map(talib::join).map(polars::join).collect();
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

/// A lane that works on batch after batch, round and round.
fn by_batch<T: Send + 'static>(values: Vec<T>, mut work: impl FnMut(&[T]) + Send + 'static) -> Lane {
    let mut next = 0;
    lane_of(BATCH as u64, move || {
        work(&values[next..next + BATCH]);
        next = (next + BATCH) % VALUES;
    })
}

/// The same for an indicator that replaces values by results: each batch is copied first.
fn batches<I: Send + 'static>(mut indicator: I, batch: impl Fn(&mut I, &mut [f64]) + Send + 'static) -> Lane {
    let mut out = [0.0; BATCH];
    by_batch(mids(), move |mids| {
        out.copy_from_slice(mids);
        batch(&mut indicator, &mut out);
        black_box(&out);
    })
}

fn macd() -> Case {
    let (mut macd, [mut line, mut signal, mut histogram]) = (Macd::new(12, 26, 9), [[0.0; BATCH]; 3]);
    let batches = by_batch(mids(), move |mids| {
        macd.batch(mids, &mut line, &mut signal, &mut histogram);
        black_box((&line, &signal, &histogram));
    });
    each("macd", Macd::new(12, 26, 9), |macd, x| macd.update(x).histogram).ours(BATCHES, [batches])
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
    let (mut std, mut out) = (RollingStd::<WINDOW>::new(1e9), [0.0; BATCH]);
    let batches = by_batch(prices(), move |prices| {
        std.batch(prices, &mut out);
        black_box(&out);
    });
    let one = |std: &mut RollingStd<WINDOW>, px| std.update(px).unwrap_or(0.0);
    Case::new("rolling_std")
        .ours("bot4-pipeline", [over_prices(RollingStd::new(1e9), one)])
        .ours(BATCHES, [batches])
}

fn trades() -> Vec<Trade> {
    let trade = |(i, quote): (usize, &Quote)| {
        let (px, aggressor) = if i % 3 == 0 { (quote.ask_px, Side::Buy) } else { (quote.bid_px, Side::Sell) };
        Trade { ts: quote.ts, px, qty: quote.ask_qty, aggressor }
    };
    quotes().iter().enumerate().map(trade).collect()
}

/// The price of each trade against the average of all so far.
fn vwap() -> Case {
    let lane = round(trades(), Vwap::new(Scale::WHOLE), |vwap, trade| {
        vwap.update(trade);
        (vwap.value(), vwap.deviation(trade.px))
    });
    let (mut vwap, mut value, mut deviation) = (Vwap::new(Scale::WHOLE), [0.0; BATCH], [0.0; BATCH]);
    let batches = by_batch(trades(), move |trades| {
        vwap.batch(trades, &mut value, &mut deviation);
        black_box((&value, &deviation));
    });
    Case::new("vwap").ours("bot4-pipeline", [lane]).ours(BATCHES, [batches])
}

/// The six numbers of a trade.
fn trade_features() -> Case {
    let start = TradeFeatures::new(Scale::WHOLE);
    let lane = round(trades(), start.clone(), |features, trade| features.update(trade));
    let (mut features, mut columns) = (start, Columns::new(TRADE_NAMES.len(), BATCH));
    let batches = by_batch(trades(), move |trades| {
        features.batch(trades, &mut columns);
        black_box(columns.as_slice());
    });
    Case::new("trade_features").ours("bot4-pipeline", [lane]).ours(BATCHES, [batches])
}

fn micro_price() -> Case {
    let mut fit = MicroPriceFit::new(Scale::WHOLE, sim::TICK);
    quotes().iter().for_each(|quote| fit.observe(quote));
    let micro = fit.finish();
    let lane = round(quotes(), micro.clone(), |micro, quote| micro.price(quote));
    let mut prices = [0.0; BATCH];
    let batches = by_batch(quotes(), move |quotes| {
        micro.batch(quotes, &mut prices);
        black_box(&prices);
    });
    Case::new("micro_price").ours("bot4-pipeline", [lane]).ours(BATCHES, [batches])
}

fn bollinger() -> Case {
    let upper = |bands: &mut Bollinger<20>, px| bands.update(px).map_or(0.0, |bands| bands.upper);
    let mut bands = Bollinger::<20>::new(1e9, 2.0);
    let [mut lower, mut middle, mut highest] = [[0.0; BATCH]; 3];
    let batches = by_batch(prices(), move |prices| {
        bands.batch(prices, &mut lower, &mut middle, &mut highest);
        black_box((&lower, &middle, &highest));
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
    let batches = by_batch(quotes(), move |quotes| {
        features.batch(quotes, &mut columns);
        black_box(columns.as_slice());
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
