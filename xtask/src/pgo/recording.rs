//! Recordings in the formats that `bot4-ml` reads, made up by a seeded random walk.
//!
//! The simulator hands over quotes, not bytes, so a profile trained on it alone would lay out the decoders as cold
//! code. Training and measurement get files of different seeds; they say nothing about a market.
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::random::SplitMix;
use crate::failure::Result;
use crate::store;

/// What `bot4-ml --format` knows of recordings.
pub(super) const FORMATS: [&str; 4] = ["lobster", "binance-quotes", "tardis-quotes", "dbn"];

/// A recording on disk and the name of its format.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) path: PathBuf,
    pub(crate) format: &'static str,
}

/// A book of one level: prices in ticks, quantities in thousandths.
struct Walk {
    random: SplitMix,
    ts: u64,
    bid: u64,
    spread: u64,
    bid_qty: u64,
    ask_qty: u64,
}

impl Walk {
    fn new(seed: u64, ts: u64, bid: u64) -> Self {
        Self { random: SplitMix(seed), ts, bid, spread: 1, bid_qty: 1_000, ask_qty: 1_000 }
    }

    /// Most events change a quantity; few move a price.
    fn step(&mut self) {
        self.ts += 1_000 + self.random.below(20_000_000);
        match self.random.below(10) {
            0 => self.bid += 1,
            1 => self.bid -= 1,
            2 => self.spread = 1 + self.random.below(4),
            n if n % 2 == 0 => self.bid_qty = 1 + self.random.below(50_000),
            _ => self.ask_qty = 1 + self.random.below(50_000),
        }
    }
}

const DAY: &str = "BOT4_2024-08-08_34200000_57600000";

/// Tells two sets of recordings apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    Training,
    Unseen,
}

impl Set {
    fn folder(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Unseen => "unseen",
        }
    }

    fn seed(self) -> u64 {
        match self {
            Self::Training => 11,
            Self::Unseen => 21,
        }
    }
}

/// The recordings that [`write_all`] writes into `dir`, one per format.
pub(crate) fn all(dir: &Path, set: Set) -> [Recording; 2] {
    let dir = dir.join(set.folder());
    [
        Recording { path: dir.join(format!("{DAY}_orderbook_1.csv")), format: "lobster" },
        Recording { path: dir.join("bookticker.csv"), format: "binance-quotes" },
    ]
}

/// Writes them.
pub(crate) fn write_all(dir: &Path, set: Set, events: usize) -> Result<()> {
    let [book, ticker] = all(dir, set);
    let (messages, levels) = lobster(events, set.seed());
    let beside = book.path.with_file_name(format!("{DAY}_message_1.csv"));
    store::write(&beside, messages.as_bytes())?;
    store::write(&book.path, levels.as_bytes())?;
    store::write(&ticker.path, binance(events, set.seed() + 1).as_bytes())
}

/// Messages and order book of LOBSTER: prices in 1/10,000 dollar, a tick is a cent.
fn lobster(events: usize, seed: u64) -> (String, String) {
    let mut walk = Walk::new(seed, 34_200_000_000_000, 22_380);
    let (mut messages, mut levels) = (String::new(), String::new());
    for order in 0..events {
        walk.step();
        let (bid, ask) = (walk.bid * 100, (walk.bid + walk.spread) * 100);
        let (seconds, nanos) = (walk.ts / 1_000_000_000, walk.ts % 1_000_000_000);
        let kind = 1 + walk.random.below(5);
        let side = if walk.random.below(2) == 0 { "1" } else { "-1" };
        let _ = writeln!(messages, "{seconds}.{nanos:09},{kind},{order},{},{bid},{side}", walk.bid_qty);
        let _ = writeln!(levels, "{ask},{},{bid},{}", walk.ask_qty, walk.bid_qty);
    }
    (messages, levels)
}

/// Best bid and ask of Binance: a tick is a cent, quantities have eight decimals.
fn binance(events: usize, seed: u64) -> String {
    let mut walk = Walk::new(seed, 1_723_161_254_087_891_268, 6_183_763);
    let mut text = String::from("local_ns,event_ms,txn_ms,update_id,bid_px,bid_qty,ask_px,ask_qty\n");
    for update in 0..events {
        walk.step();
        let ask = walk.bid + walk.spread;
        let _ = writeln!(
            text,
            "{},,,{},{}.{:02}000000,{}.{:03}00000,{}.{:02}000000,{}.{:03}00000",
            walk.ts,
            50_093_239_212 + update,
            walk.bid / 100,
            walk.bid % 100,
            walk.bid_qty / 1000,
            walk.bid_qty % 1000,
            ask / 100,
            ask % 100,
            walk.ask_qty / 1000,
            walk.ask_qty % 1000
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lobster_files_have_a_row_per_event() {
        let (messages, levels) = lobster(100, 11);
        assert_eq!((messages.lines().count(), levels.lines().count()), (100, 100));
        assert!(messages.lines().all(|l| l.split(',').count() == 6));
        assert!(levels.lines().all(|l| l.split(',').count() == 4));
    }

    #[test]
    fn books_are_never_crossed_and_time_moves_on() {
        let rows: Vec<Vec<f64>> = binance(500, 12)
            .lines()
            .skip(1)
            .map(|l| l.split(',').map(|f| f.parse().unwrap_or(0.0)).collect())
            .collect();
        assert!(rows.iter().all(|r| r[4] < r[6] && r[5] > 0.0 && r[7] > 0.0));
        assert!(rows.is_sorted_by(|a, b| a[3] < b[3]));
    }

    #[test]
    fn the_same_recordings_are_written_every_time() {
        let dir = tempfile::tempdir().unwrap();
        let read = |set| {
            write_all(dir.path(), set, 50).unwrap();
            all(dir.path(), set).iter().map(|r| std::fs::read(&r.path).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(read(Set::Training), read(Set::Training));
        assert_ne!(
            read(Set::Training),
            read(Set::Unseen),
            "what is measured must not be what was trained on"
        );
    }
}
