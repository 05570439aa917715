//! What does it cost to decode a row or a record, and to keep an order book?

#[cfg(feature = "peers")]
mod peers;

use crate::case::{Case, Lane, lane};
use bot4_pipeline::book::{Action, OrderBook, OrderEvent};
use bot4_pipeline::feed::{DecodeError, binance, lobster};
use bot4_pipeline::sim::Simulator;
use bot4_pipeline::{Quote, Side};
use std::fmt::Write;
use std::hint::black_box;

/// Rows of a recording: some megabytes, beyond the nearest caches as recordings are.
const ROWS: usize = 50_000;

/// Events of orders in a recording.
const EVENTS: usize = 100_000;

/// Orders that rest at the same time, about.
const RESTING: usize = 10_000;

/// 2024-01-02 00:00 in New York, the simulator's day.
const MIDNIGHT_NS: u64 = 1_704_171_600_000_000_000;

const UNIT: i64 = 1_000_000_000;

pub(crate) fn cases() -> Vec<Case> {
    let cases = vec![lobster_quotes(), binance_quotes(), book_mbo()];
    #[cfg(feature = "peers")]
    let cases = cases.into_iter().map(peers::join).chain([peers::dbn_mbo()]).collect();
    cases
}

/// What of a quote a consumer has to have looked at.
fn digest(quote: &Quote) -> i64 {
    quote.ts as i64 ^ quote.bid_px ^ quote.bid_qty ^ quote.ask_px ^ quote.ask_qty
}

fn decimal(nano: i64) -> String {
    format!("{}.{:09}", nano / UNIT, nano % UNIT)
}

/// A message file and the order book file that belongs to it.
fn lobster_files() -> (String, String) {
    let (mut messages, mut book) = (String::new(), String::new());
    for (id, quote) in Simulator::new(1).take(ROWS).enumerate() {
        let time = decimal((quote.ts - MIDNIGHT_NS) as i64);
        let [bid, ask] = [quote.bid_px, quote.ask_px].map(|px| px / lobster::PRICE_UNIT);
        let [bid_qty, ask_qty] = [quote.bid_qty, quote.ask_qty].map(|qty| qty / lobster::SHARE);
        let _ = writeln!(messages, "{time},1,{},{bid_qty},{bid},1", 11_885_113 + id);
        let _ = writeln!(book, "{ask},{ask_qty},{bid},{bid_qty}");
    }
    (messages, book)
}

fn book_ticker() -> String {
    let mut csv = format!("{}\n", binance::BOOK_TICKER_HEADER);
    for (id, quote) in Simulator::new(1).take(ROWS).enumerate() {
        let event_ms = quote.ts / 1_000_000;
        let [bid, bid_qty, ask, ask_qty] =
            [quote.bid_px, quote.bid_qty, quote.ask_px, quote.ask_qty].map(decimal);
        let update_id = 5_123_107_839_020_u64 + id as u64;
        let _ =
            writeln!(csv, "{},{event_ms},{event_ms},{update_id},{bid},{bid_qty},{ask},{ask_qty}", quote.ts);
    }
    csv
}

/// Keeps an input for good, so that a lane can own what reads it.
fn kept<T: AsRef<[u8]>>(input: T) -> &'static [u8] {
    input.as_ref().to_vec().leak()
}

/// A lane that takes item after item from what `start` begins, and begins again at the end.
fn again<I: Iterator + Send + 'static>(start: impl Fn() -> I + Send + 'static, look: fn(I::Item)) -> Lane {
    let mut items = start();
    lane(move || match items.next() {
        Some(item) => look(item),
        None => items = start(),
    })
}

fn look(quote: Result<Quote, DecodeError>) {
    black_box(quote.as_ref().map_or(0, digest));
}

/// What reading alone costs, a row at a time: no decoder is faster than memory.
fn bytes_of(text: &'static [u8]) -> Lane {
    let row = text.len() / ROWS;
    again(
        move || text.chunks_exact(row),
        |row| {
            black_box(row.iter().fold(0_u64, |sum, &byte| sum + u64::from(byte)));
        },
    )
}

fn lobster_quotes() -> Case {
    let (messages, book) = lobster_files();
    let both = kept(format!("{messages}{book}"));
    let (messages, book) = (kept(messages), kept(book));
    let lane = again(move || lobster::Quotes::new(messages, book, MIDNIGHT_NS), look);
    Case::new("lobster").limit("sum of the bytes", [bytes_of(both)]).ours("bot4-pipeline", [lane])
}

fn binance_quotes() -> Case {
    let csv = kept(book_ticker());
    let lane = again(move || binance::BookTicker::new(csv), look);
    Case::new("binance_quotes").limit("sum of the bytes", [bytes_of(csv)]).ours("bot4-pipeline", [lane])
}

/// Orders that come and go round a price that wanders: half near the best price, the rest up to a hundred ticks
/// away; a fifth of the events change an order.
fn order_events() -> Vec<OrderEvent> {
    const TICK: i64 = UNIT / 4;
    let mut seed = 1_u64;
    let mut below = move |n: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 11) % n
    };
    let (mut mid, mut resting, mut next_id) = (20_000_i64, Vec::<OrderEvent>::new(), 1_000_000_u64);
    let mut events = Vec::with_capacity(EVENTS);
    while events.len() < EVENTS {
        mid += below(3) as i64 - 1;
        let side = if below(2) == 0 { Side::Buy } else { Side::Sell };
        let away = if below(2) == 0 { below(4) } else { below(100) } as i64;
        let ticks = if side == Side::Buy { mid - 1 - away } else { mid + 1 + away };
        let (px, qty) = (ticks * TICK, (1 + below(20) as i64) * UNIT);
        let add = resting.len() < RESTING / 2 || (resting.len() < RESTING && below(2) == 0);
        let event = if add {
            next_id += 1 + below(9);
            let action = Action::Add;
            OrderEvent {
                ts: 0,
                order_id: next_id,
                px,
                qty,
                instrument: 7,
                action,
                side: Some(side),
                flags: 128,
            }
        } else {
            // The newer orders are the ones that change.
            let newest = resting.len() - 1;
            let at = newest - below(resting.len() as u64).min(below(resting.len() as u64)) as usize;
            let old = resting.swap_remove(at);
            let action = if below(3) == 0 { Action::Modify } else { Action::Cancel };
            if action == Action::Modify {
                OrderEvent { qty, action, ..old }
            } else {
                OrderEvent { action, ..old }
            }
        };
        if event.action != Action::Cancel {
            resting.push(event);
        }
        events.push(event);
    }
    events
}

fn book_mbo() -> Case {
    let events = order_events();
    let (mut book, mut next) = (OrderBook::new(2 * RESTING, 1 << 12), 0);
    let lane = lane(move || {
        if next == EVENTS {
            book.clear();
            next = 0;
        }
        // As who decodes a buffer knows the events to come.
        if let Some(later) = events.get(next + 2) {
            book.prefetch(later.order_id);
        }
        black_box(book.apply(&events[next]).is_ok());
        black_box(book.quote(0));
        next += 1;
    });
    Case::new("book_mbo").ours("bot4-pipeline", [lane])
}
