//! The features against values computed elsewhere from the same recordings.
//!
//! The recordings are not part of the repository; without them each test says so and ends.

mod shared;
mod stats;

use bot4_pipeline::Quote;
use bot4_pipeline::columns::Columns;
use bot4_pipeline::features::{Features, MicroPriceFit, QuoteFeatures, Scale, TradeFeatures, Vwap};
use bot4_pipeline::feed::{binance, bitmex, lobster, tardis};
use bot4_pipeline::{Side, Trade};
use shared::shared;
use stats::Row;

const MESSAGES: &str = "data/lobster-amzn-20120621-l1/AMZN_2012-06-21_34200000_57600000_message_1.csv.zst";
const BOOK: &str = "data/lobster-amzn-20120621-l1/AMZN_2012-06-21_34200000_57600000_orderbook_1.csv.zst";

/// 2012-06-21 00:00 in New York.
const MIDNIGHT_NS: u64 = 1_340_251_200_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;
const OPENING_NS: u64 = MIDNIGHT_NS + 34_200 * SECOND_NS;

/// One cent in LOBSTER's price unit.
const TICK: f64 = 100.0;

fn amzn() -> Option<Vec<Quote>> {
    let (messages, book) = (shared(MESSAGES)?, shared(BOOK)?);
    Some(lobster::Quotes::new(&messages, &book, MIDNIGHT_NS).collect::<Result<_, _>>().unwrap())
}

fn amzn_rows() -> Option<Vec<Row>> {
    Some(stats::rows(amzn()?.into_iter(), Scale::LOBSTER))
}

#[track_caller]
fn assert_close(value: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((value - expected).abs() <= tolerance, "{what}: {value}, not {expected}");
}

#[test]
fn the_ten_features_equal_the_reference_file() {
    let (Some(quotes), Some(reference)) = (amzn(), shared("reference/features_lobster_amzn.csv")) else {
        return;
    };
    let mut features = QuoteFeatures::new(Scale::LOBSTER);
    let all: Vec<Features> = quotes.iter().map(|quote| features.update(quote)).collect();
    let text = String::from_utf8(reference).unwrap();
    let mut lines = text.lines();
    let names: Vec<_> = lines.next().unwrap().split(',').skip(2).collect();
    assert_eq!(names, Features::NAMES);
    let mut compared = 0;
    for line in lines {
        let fields: Vec<_> = line.split(',').collect();
        let row: usize = fields[0].parse().unwrap();
        assert_eq!(row, compared * 50);
        for ((value, text), name) in all[row].to_array().into_iter().zip(&fields[2..]).zip(names.iter()) {
            let Ok(expected) = text.parse::<f64>() else {
                assert!(text.is_empty() && value.is_nan(), "row {row}, {name}: {value}, not {text:?}");
                continue;
            };
            let tolerance = if *name == "roll_var" { 1e-6 } else { 1e-9 };
            assert_close(value, expected, tolerance * expected.abs(), &format!("row {row}, {name}"));
        }
        compared += 1;
    }
    assert_eq!(compared, 57_515_usize.div_ceil(50));
}

#[test]
fn order_flow_explains_the_price_as_in_the_reference() {
    let Some(rows) = amzn_rows() else { return };
    for (seconds, alpha, beta, r2, n) in [
        (1, -0.008_52, 0.001_555, 0.159_041, 23_400),
        (10, -0.058_3, 0.002_537, 0.311_977, 2_340),
        (60, -0.265_061, 0.003_052, 0.421_563, 390),
    ] {
        let buckets = stats::buckets(&rows, OPENING_NS, seconds * SECOND_NS, n, TICK);
        let line = stats::regress(buckets.into_iter());
        assert_close(line.r2, r2, 1e-6, "R2");
        assert_close(line.alpha, alpha, 1e-6, "alpha");
        assert_close(line.beta, beta, 1e-6, "beta");
        assert_eq!(line.n, n);
    }
}

#[test]
fn order_flow_by_half_hours_and_looking_ahead_as_in_the_reference() {
    let Some(rows) = amzn_rows() else { return };
    let buckets = stats::buckets(&rows, OPENING_NS, 10 * SECOND_NS, 2_340, TICK);
    let mut r2: Vec<_> =
        buckets.chunks(180).map(|window| stats::regress(window.iter().copied()).r2).collect();
    r2.sort_by(f64::total_cmp);
    assert_eq!(r2.len(), 13);
    assert_close(r2.iter().sum::<f64>() / 13.0, 0.525_343, 1e-6, "mean R2");
    assert_close(r2[6], 0.569_143, 1e-6, "median R2");
    assert_close(stats::next_bucket(&buckets).r2, 0.005_836, 1e-6, "next bucket");
}

#[test]
fn queue_imbalance_tells_the_next_move_as_in_the_reference() {
    let Some(rows) = amzn_rows() else { return };
    let moves = stats::moves(&rows);
    assert_eq!(moves.len(), 27_557);
    let direction = stats::direction(&moves);
    assert_close(direction.intercept, -0.094_631, 1e-4, "intercept");
    assert_close(direction.slope, 0.808_882, 1e-4, "slope");
    assert_close(direction.auc, 0.659_333, 1e-4, "AUC");
    assert_close(direction.accuracy, 0.623_775, 1e-4, "accuracy");
    assert_close(direction.brier, 0.232_003, 1e-4, "Brier score");
}

#[test]
fn spread_and_volume_of_the_day_as_in_the_reference() {
    let (Some(rows), Some(messages)) = (amzn_rows(), shared(MESSAGES)) else { return };
    let (one_tick, mean) = stats::spread(&rows, TICK);
    assert_close(mean, 13.590_733, 1e-6, "mean spread");
    assert_close(one_tick, 0.013_057, 1e-6, "share of one-tick spreads");

    let trades: Vec<_> = lobster::Trades::new(&messages, MIDNIGHT_NS).collect::<Result<_, _>>().unwrap();
    let shares: i64 = trades.iter().map(|trade| trade.qty / lobster::SHARE).sum();
    let mut vwap = Vwap::new(Scale::WHOLE);
    trades.iter().for_each(|trade| vwap.update(trade));
    assert_eq!((trades.len(), shares), (11_419, 810_755));
    assert_close(vwap.value().unwrap(), 222.634_765, 1e-6, "VWAP");
}

/// The BTCUSDT perpetual, whose tick is 0.10.
fn btc() -> Option<Vec<Quote>> {
    let csv = shared("data/binance-btcusdt-20240808/usdm_btcusdt_20240808.bookticker.csv.zst")?;
    Some(binance::BookTicker::new(&csv).collect::<Result<_, _>>().expect("a valid recording"))
}

#[test]
fn bitcoin_has_the_spreads_and_the_imbalance_of_the_calibration() {
    let Some(quotes) = btc() else { return };
    let rows = stats::rows(quotes.into_iter(), Scale::WHOLE);
    assert_close(stats::spread(&rows, 0.1).0, 0.94, 0.005, "share of one-tick spreads");
    let auc = stats::direction(&stats::moves(&rows)).auc;
    assert!((0.66..=0.89).contains(&auc), "queue imbalance AUC: {auc}");
}

#[test]
fn batches_of_recordings_have_the_bits_of_quote_after_quote() {
    for (quotes, scale) in [(amzn(), Scale::LOBSTER), (btc(), Scale::WHOLE)] {
        let Some(quotes) = quotes else { return };
        let (mut one_by_one, mut batch) = (QuoteFeatures::new(scale), QuoteFeatures::new(scale));
        let mut columns = Columns::new(Features::NAMES.len(), 1_000);
        for quotes in quotes.chunks(1_000) {
            batch.batch(quotes, &mut columns);
            for (i, quote) in quotes.iter().enumerate() {
                let expected = one_by_one.update(quote).to_array().map(f64::to_bits);
                assert!(columns.row(i).map(f64::to_bits).eq(expected));
            }
        }
    }
}

/// Fitted to the first half of a recording, scored on the mid 200 quotes (a second) later in the second: the
/// micro-price is where the mid tends to, not where it goes next.
#[test]
fn the_micro_price_is_nearer_to_the_coming_mid_than_the_mid_is() {
    let Some(quotes) = btc() else { return };
    let (past, future) = quotes.split_at(quotes.len() / 2);
    let mut fit = MicroPriceFit::new(Scale::WHOLE, 100_000_000);
    past.iter().for_each(|quote| fit.observe(quote));
    let micro = fit.finish();
    let mid = |quote: &Quote| (quote.bid_px + quote.ask_px) as f64 / 2e9;
    let (mut of_micro, mut of_mid) = (0.0, 0.0);
    for (now, later) in future.iter().zip(&future[200..]) {
        let Some(price) = micro.price(now) else { continue };
        of_micro += (mid(later) - price).powi(2);
        of_mid += (mid(later) - mid(now)).powi(2);
    }
    assert!(of_micro < 0.99 * of_mid, "{of_micro} {of_mid}");
}

/// Predict, then learn: logistic regression on running standardised features of the trade before.
#[test]
fn trade_features_foretell_the_next_side_as_in_the_reference() {
    let Some(csv) = shared("data/bitmex-xbtusd-201801/trades_first700k.csv.zst") else { return };
    let mut features = TradeFeatures::new(Scale::WHOLE);
    let mut learner = stats::OnlineLogistic::<5>::new(0.05);
    let (mut scored, mut hits, mut before) = (Vec::new(), 0, None);
    for trade in bitmex::Trades::new(&csv).map(Result::unwrap) {
        let y = trade.aggressor == Side::Buy;
        if let Some(x) = before {
            let p = learner.predict_then_learn(x, y);
            hits += usize::from((p > 0.5) == y);
            scored.push((p, y));
        }
        let [sign, fast, slow, r_bp, ln_qty, _flow] = features.update(&trade);
        before = Some([sign, fast, slow, r_bp, ln_qty]);
    }
    assert_close(hits as f64 / scored.len() as f64, 0.878, 5e-4, "accuracy");
    assert_close(stats::auc(scored), 0.914, 5e-4, "AUC");
}

#[test]
fn binance_recordings_decode_to_their_last_row() {
    for (name, rows) in [("usdm", 66_089), ("spot", 28_040)] {
        let path = format!("data/binance-btcusdt-20240808/{name}_btcusdt_20240808.bookticker.csv.zst");
        let Some(csv) = shared(&path) else { return };
        let quotes: Vec<Quote> =
            binance::BookTicker::new(&csv).collect::<Result<_, _>>().expect("a valid recording");
        assert_eq!(quotes.len(), rows);
        assert!(quotes.iter().all(|quote| quote.is_two_sided() && !quote.is_crossed()));
        assert!(quotes.is_sorted_by_key(|quote| quote.ts));
    }
}

#[test]
fn recorded_trades_decode_to_their_last_row() {
    for (name, rows, sells) in [("usdm", 21_313, 11_697), ("spot", 9_757, 5_654)] {
        let path = format!("data/binance-btcusdt-20240808/{name}_btcusdt_20240808.trades.csv.zst");
        let Some(csv) = shared(&path) else { return };
        let trades: Vec<Trade> =
            binance::Trades::new(&csv).collect::<Result<_, _>>().expect("a valid recording");
        assert_trades(&trades, rows, sells);
    }
    let Some(csv) = shared("data/bitmex-xbtusd-201801/trades_first700k.csv.zst") else { return };
    let trades: Vec<Trade> = bitmex::Trades::new(&csv).collect::<Result<_, _>>().expect("a valid recording");
    assert_trades(&trades, 700_000, 350_311);
    let Some(csv) = shared("data/format-fixtures/tardis/bitmex_trades_XBTUSD.csv") else { return };
    let trades: Vec<Trade> = tardis::Trades::new(&csv).collect::<Result<_, _>>().expect("a valid recording");
    assert_trades(&trades, 10, 10);
    assert_eq!((trades[0].ts, trades[0].px), (1_583_020_803_307_160_000, 8_531_500_000_000));
}

#[track_caller]
fn assert_trades(trades: &[Trade], rows: usize, sells: usize) {
    let found = trades.iter().filter(|trade| trade.aggressor == Side::Sell).count();
    assert_eq!((trades.len(), found), (rows, sells));
    assert!(trades.iter().all(|trade| trade.px > 0 && trade.qty > 0));
    assert!(trades.is_sorted_by_key(|trade| trade.ts));
}

#[test]
fn recorded_tardis_quotes_decode_to_their_last_row() {
    let Some(csv) = shared("data/format-fixtures/tardis/huobi-dm-swap_quotes_BTC-USD.csv") else { return };
    let quotes: Vec<Quote> = tardis::Quotes::new(&csv).collect::<Result<_, _>>().expect("a valid recording");
    assert_eq!(quotes.len(), 10);
    assert_eq!((quotes[0].ask_qty, quotes[0].bid_qty), (5_494_000_000_000, 806_000_000_000));
    assert!(quotes.iter().all(|quote| quote.is_two_sided() && !quote.is_crossed()));
}
