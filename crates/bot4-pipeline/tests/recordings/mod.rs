//! Writes quotes in the formats the decoders read: input for tests and benches that need no file.
#![allow(dead_code, reason = "each of its users needs a part")]

use std::fmt::Write;

use bot4_pipeline::Quote;
use bot4_pipeline::feed::{binance, lobster};

/// 2024-01-02 00:00 in New York, the day the simulator starts on.
pub(crate) const MIDNIGHT_NS: u64 = 1_704_171_600_000_000_000;

const NANO: i64 = 1_000_000_000;

/// A LOBSTER message file and the order book file that belongs to it. Of the messages only the times
/// say something about the quotes.
pub(crate) fn lobster(quotes: &[Quote]) -> (String, String) {
    let (mut messages, mut book) = (String::new(), String::new());
    for (id, quote) in quotes.iter().enumerate() {
        let time = decimal((quote.ts - MIDNIGHT_NS) as i64);
        let [bid, ask] = [quote.bid_px, quote.ask_px].map(|px| px / lobster::PRICE_UNIT);
        let [bid_qty, ask_qty] = [quote.bid_qty, quote.ask_qty].map(|qty| qty / lobster::SHARE);
        let direction = if id % 2 == 0 { 1 } else { -1 };
        let kind = if id % 8 == 0 { 4 } else { 1 };
        writeln!(messages, "{time},{kind},{},{bid_qty},{bid},{direction}", 11_885_113 + id).unwrap();
        writeln!(book, "{ask},{ask_qty},{bid},{bid_qty}").unwrap();
    }
    (messages, book)
}

/// A Binance futures book ticker recording.
pub(crate) fn book_ticker(quotes: &[Quote]) -> String {
    let mut csv = format!("{}\n", binance::BOOK_TICKER_HEADER);
    for (id, quote) in quotes.iter().enumerate() {
        let event_ms = quote.ts / 1_000_000 + 1_270;
        let [bid, bid_qty, ask, ask_qty] =
            [quote.bid_px, quote.bid_qty, quote.ask_px, quote.ask_qty].map(decimal);
        let update_id = 5_123_107_839_020_u64 + id as u64;
        writeln!(csv, "{},{event_ms},{event_ms},{update_id},{bid},{bid_qty},{ask},{ask_qty}", quote.ts)
            .unwrap();
    }
    csv
}

/// All nine decimals of a number in 1e-9 units.
fn decimal(nano: i64) -> String {
    format!("{}.{:09}", nano / NANO, nano % NANO)
}
