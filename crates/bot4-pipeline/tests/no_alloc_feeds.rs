//! Decoders, features and simulator allocate nothing per event.

mod recordings;

use bot4_pipeline::Quote;
use bot4_pipeline::columns::Columns;
use bot4_pipeline::features::{
    Bollinger, FeatureRow, Features, MINUTE_NS, Macd, MicroPriceFit, MinuteProfile, QuoteFeatures, ROW_WIDTH,
    RealizedVariance, RollingMax, RollingMin, RollingStd, Rsi, Scale, TRADE_NAMES, TradeFeatures, Vwap,
};
use bot4_pipeline::feed::binance::BookTicker;
use bot4_pipeline::feed::lobster;
use bot4_pipeline::sim::{self, Simulator};
use bot4_pool::audit::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

const QUOTES: usize = 10_000;

#[track_caller]
fn assert_no_allocation<R>(region: impl FnOnce() -> R) -> R {
    let (result, counts) = audit::count(region);
    assert_eq!((counts.allocations, counts.deallocations), (0, 0));
    result
}

#[test]
fn the_simulator_allocates_nothing() {
    assert_no_allocation(|| assert_eq!(Simulator::new(1).take(QUOTES).count(), QUOTES));
}

#[test]
fn decoders_allocate_nothing_good_rows_or_bad() {
    let quotes: Vec<Quote> = Simulator::new(1).take(QUOTES).collect();
    let (messages, book) = recordings::lobster(&quotes);
    let csv = recordings::book_ticker(&quotes);
    let bad_book = book.replace("9,", "x,");
    let bad_csv = csv.replace("7,", "7.,");
    for (book, csv, is_bad) in [(&book, &csv, false), (&bad_book, &bad_csv, true)] {
        let (messages, book) = (messages.as_bytes(), book.as_bytes());
        assert_no_allocation(|| {
            let mut quotes = lobster::Quotes::new(messages, book, recordings::MIDNIGHT_NS).skip_bad_rows();
            let good = quotes.by_ref().count();
            assert_eq!((good + quotes.skipped() as usize, quotes.skipped() > 0), (QUOTES, is_bad));
            let mut ticker = BookTicker::new(csv.as_bytes()).skip_bad_rows();
            let good = ticker.by_ref().count();
            assert_eq!((good + ticker.skipped() as usize, ticker.skipped() > 0), (QUOTES, is_bad));
            assert!(lobster::Trades::new(messages, 0).count() > 0);
        });
    }
}

#[test]
fn features_allocate_nothing() {
    assert_no_allocation(|| {
        let mut features = QuoteFeatures::new(Scale::WHOLE);
        let mut rows = FeatureRow::new(Scale::WHOLE, sim::TICK);
        let mut profile = MinuteProfile::new(sim::TICK);
        let mut row = [0.0; ROW_WIDTH];
        for quote in Simulator::new(1).take(QUOTES) {
            features.update(&quote);
            profile.update(&quote);
            rows.update(&quote, &profile.slow_features(quote.ts / MINUTE_NS), &mut row);
        }
        assert!(row.iter().all(|value| value.is_finite()));
    });
}

#[test]
fn indicators_and_batches_allocate_nothing() {
    let quotes: Vec<Quote> = Simulator::new(1).take(QUOTES).collect();
    let trades = recordings::trades(&quotes);
    let mut columns = Columns::new(Features::NAMES.len(), QUOTES);
    let mut fit = MicroPriceFit::new(Scale::WHOLE, sim::TICK);
    quotes.iter().for_each(|quote| fit.observe(quote));
    let micro = fit.finish();
    let mut trade_columns = Columns::new(TRADE_NAMES.len(), QUOTES);
    let [mut one, mut two, mut three] = [(); 3].map(|()| vec![1.0; QUOTES]);
    assert_no_allocation(|| {
        micro.batch(&quotes, &mut one);
        Macd::new(12, 26, 9).batch(&[1.0; 256], &mut one[..256], &mut two[..256], &mut three[..256]);
        Rsi::new(14).batch(&mut one);
        RollingMin::<f64, 64>::new().batch(&mut one);
        RealizedVariance::<64>::new().batch(&mut two);
        RollingStd::<64>::new(1e9).batch(&[7; 256], &mut three[..256]);
        let n = trades.len();
        TradeFeatures::new(Scale::WHOLE).batch(&trades, &mut trade_columns);
        Vwap::new(Scale::WHOLE).batch(&trades, &mut one[..n], &mut two[..n]);
    });
    assert_no_allocation(|| {
        QuoteFeatures::new(Scale::WHOLE).batch(&quotes, &mut columns);
        let (mut low, mut high) = (RollingMin::<i64, 64>::new(), RollingMax::<i64, 64>::new());
        let (mut bands, mut variance) = (Bollinger::<20>::new(1e9, 2.0), RealizedVariance::<64>::new());
        let (mut macd, mut rsi) = (Macd::new(12, 26, 9), Rsi::new(14));
        for (quote, r) in quotes.iter().zip(columns.column(6)) {
            fit.observe(quote);
            let mid = micro.price(quote).unwrap();
            let (low, high) = (low.update(quote.bid_px), high.update(quote.ask_px));
            assert!(low < high || low.is_none());
            assert!(bands.update(quote.bid_px).is_none_or(|bands| bands.lower <= bands.upper));
            assert!(variance.update(*r).is_none_or(|variance| variance >= 0.0));
            assert!(macd.update(mid).line.is_finite() && rsi.update(mid).is_none_or(|rsi| rsi <= 100.0));
        }
        let (mut features, mut vwap) = (TradeFeatures::new(Scale::WHOLE), Vwap::new(Scale::WHOLE));
        for trade in &trades {
            vwap.update(trade);
            assert!(features.update(trade)[5].abs() <= 1.0 && vwap.deviation(trade.px).is_some());
        }
    });
}
