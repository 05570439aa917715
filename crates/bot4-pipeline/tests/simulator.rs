//! The simulated market against the statistics of real ones.

mod stats;

use std::ops::RangeInclusive;

use bot4_pipeline::features::Scale;
use bot4_pipeline::sim::{self, Simulator};

const QUOTES: usize = 400_000;
const BUCKET_NS: u64 = 10_000_000_000;

#[track_caller]
fn assert_within(value: f64, range: RangeInclusive<f64>, what: &str) {
    assert!(range.contains(&value), "{what}: {value}, not in {range:?}");
}

#[test]
fn statistics_lie_where_those_of_real_markets_do() {
    let tick = sim::TICK as f64 / 1e9;
    for seed in [1, 2, 0xdead_beef] {
        let rows = stats::rows(Simulator::new(seed).take(QUOTES), Scale::WHOLE);
        let count = (rows[QUOTES - 1].ts - sim::OPENING_NS) / BUCKET_NS;
        let buckets = stats::buckets(&rows, sim::OPENING_NS, BUCKET_NS, count as usize, tick);

        assert_within(stats::spread(&rows, tick).0, 0.013..=0.94, "share of one-tick spreads");
        assert_within(stats::direction(&stats::moves(&rows)).auc, 0.66..=0.89, "queue imbalance AUC");
        assert_within(stats::regress(buckets.iter().copied()).r2, 0.3..=0.5, "order flow R2");
        assert_within(stats::next_bucket(&buckets).r2, 0.0..=0.01, "next bucket R2");
        assert_within(stats::interval_variation(&rows), 1.8..=5.0, "variation of intervals");
    }
}

#[test]
fn the_same_seed_gives_the_same_quotes() {
    assert!(Simulator::new(5).take(10_000).eq(Simulator::new(5).take(10_000)));
    assert!(Simulator::new(5).take(10).ne(Simulator::new(6).take(10)));
}

#[test]
fn quotes_are_two_sided_whole_and_in_time_order() {
    let quotes: Vec<_> = Simulator::new(9).take(QUOTES).collect();
    for quote in &quotes {
        assert!(0 < quote.bid_px && quote.bid_px < quote.ask_px, "{quote:?}");
        assert!(quote.bid_qty > 0 && quote.ask_qty > 0, "{quote:?}");
        assert_eq!((quote.bid_px % sim::TICK, quote.ask_px % sim::TICK), (0, 0));
        assert_eq!((quote.bid_qty % sim::LOT, quote.ask_qty % sim::LOT), (0, 0));
    }
    assert!(quotes.is_sorted_by_key(|quote| quote.ts));
    assert!(quotes[0].ts >= sim::OPENING_NS);
    let hours = (quotes[QUOTES - 1].ts - sim::OPENING_NS) / 3_600_000_000_000;
    assert!((3..=6).contains(&hours), "{QUOTES} quotes take {hours} hours");
}
