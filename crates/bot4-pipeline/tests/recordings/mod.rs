//! Writes quotes in the formats the decoders read: input for tests and benches that need no file.
#![allow(dead_code, reason = "each of its users needs a part")]

use std::fmt::Write;

use bot4_pipeline::feed::{binance, bitmex, lobster, tardis};
use bot4_pipeline::{Quote, Side, Trade};

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

/// Trades at the best prices of the quotes, one for each, at whole milliseconds and of whole lots.
pub(crate) fn trades(quotes: &[Quote]) -> Vec<Trade> {
    let trade = |(id, quote): (usize, &Quote)| {
        let (ts, qty) = (quote.ts / 1_000_000 * 1_000_000, quote.bid_qty);
        if id % 3 == 0 {
            Trade { ts, px: quote.bid_px, qty, aggressor: Side::Sell }
        } else {
            Trade { ts, px: quote.ask_px, qty, aggressor: Side::Buy }
        }
    };
    quotes.iter().enumerate().map(trade).collect()
}

/// A Binance recording of trades.
pub(crate) fn binance_trades(trades: &[Trade]) -> String {
    let mut csv = format!("{}\n", binance::TRADES_HEADER);
    for (id, trade) in trades.iter().enumerate() {
        let (event_ms, maker) = (trade.ts / 1_000_000, u8::from(trade.aggressor == Side::Sell));
        let (px, qty) = (decimal(trade.px), decimal(trade.qty));
        writeln!(
            csv,
            "{},{event_ms},{event_ms},{},{px},{qty},{maker}",
            trade.ts,
            5_266_583_935_u64 + id as u64
        )
        .unwrap();
    }
    csv
}

/// A BitMEX recording of trades.
pub(crate) fn bitmex_trades(trades: &[Trade]) -> String {
    let mut csv = format!("{}\n", bitmex::TRADES_HEADER);
    for trade in trades {
        let sign = if trade.aggressor == Side::Sell { "-" } else { "" };
        writeln!(csv, "{},{},{sign}{}", trade.ts / 1_000_000, decimal(trade.px), trade.qty / NANO).unwrap();
    }
    csv
}

/// A Tardis file of quotes. Its times are microseconds.
pub(crate) fn tardis_quotes(quotes: &[Quote]) -> String {
    let mut csv = format!("{}\n", tardis::QUOTES_HEADER);
    for quote in quotes {
        let us = quote.ts / 1_000;
        let [bid, bid_qty, ask, ask_qty] =
            [quote.bid_px, quote.bid_qty, quote.ask_px, quote.ask_qty].map(decimal);
        writeln!(csv, "bitmex,XBTUSD,{},{us},{ask_qty},{ask},{bid},{bid_qty}", us - 9).unwrap();
    }
    csv
}

/// A Tardis file of trades.
pub(crate) fn tardis_trades(trades: &[Trade]) -> String {
    let mut csv = format!("{}\n", tardis::TRADES_HEADER);
    for (id, trade) in trades.iter().enumerate() {
        let (us, side) = (trade.ts / 1_000, if trade.aggressor == Side::Sell { "sell" } else { "buy" });
        let (px, qty) = (decimal(trade.px), decimal(trade.qty));
        writeln!(csv, "bitmex,XBTUSD,{},{us},ccc3c1fa-212c-e8b0-1706-{id:012x},{side},{px},{qty}", us - 9)
            .unwrap();
    }
    csv
}

/// All nine decimals of a number in 1e-9 units.
fn decimal(nano: i64) -> String {
    format!("{}.{:09}", nano / NANO, nano % NANO)
}
