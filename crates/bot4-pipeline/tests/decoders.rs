//! The decoders on good, bad and hostile input.

mod recordings;

use bot4_pipeline::feed::binance::{self, BOOK_TICKER_HEADER, BookTicker};
use bot4_pipeline::feed::lobster::{Quotes, Trades};
use bot4_pipeline::feed::{DecodeError, DecodeReason, bitmex, tardis};
use bot4_pipeline::sim::Simulator;
use bot4_pipeline::{Quote, Side};
use proptest::prelude::*;
use recordings::MIDNIGHT_NS;

const BOOK_ROW: &str = "2239500,100,2238100,21\n";
const MESSAGE_ROW: &str = "34200.18960767,1,11885113,21,2238100,1\n";

fn simulated(n: usize) -> Vec<Quote> {
    Simulator::new(3).take(n).collect()
}

fn ticker_row(row: &str) -> Result<Quote, DecodeError> {
    BookTicker::new(format!("{BOOK_TICKER_HEADER}\n{row}").as_bytes()).next().unwrap()
}

fn lobster_row(message: &str, book: &str) -> Result<Quote, DecodeError> {
    Quotes::new(message.as_bytes(), book.as_bytes(), 0).next().unwrap()
}

/// How many rows a text has; one that is cut short counts.
fn row_count(bytes: &[u8]) -> usize {
    bytes.split_inclusive(|&byte| byte == b'\n').count()
}

#[test]
fn written_quotes_come_back() {
    let quotes = simulated(5_000);
    let (messages, book) = recordings::lobster(&quotes);
    let decoded = Quotes::new(messages.as_bytes(), book.as_bytes(), MIDNIGHT_NS);
    assert!(decoded.eq(quotes.iter().copied().map(Ok)));
    let csv = recordings::book_ticker(&quotes);
    assert!(BookTicker::new(csv.as_bytes()).eq(quotes.into_iter().map(Ok)));
}

#[test]
fn written_trades_come_back() {
    let quotes = simulated(5_000);
    let trades = recordings::trades(&quotes);
    let expected = || trades.iter().copied().map(Ok);
    assert!(binance::Trades::new(recordings::binance_trades(&trades).as_bytes()).eq(expected()));
    assert!(bitmex::Trades::new(recordings::bitmex_trades(&trades).as_bytes()).eq(expected()));
    assert!(tardis::Trades::new(recordings::tardis_trades(&trades).as_bytes()).eq(expected()));
    let in_micros = quotes.iter().map(|quote| Ok(Quote { ts: quote.ts / 1_000 * 1_000, ..*quote }));
    assert!(tardis::Quotes::new(recordings::tardis_quotes(&quotes).as_bytes()).eq(in_micros));
}

#[test]
fn a_bad_row_of_trades_says_where_and_why() {
    use DecodeReason::{
        AnotherSymbol, Missing, Negative, Overflow, TrailingField, Truncated, UnknownCode, Zero,
    };
    type Decode = fn(&[u8]) -> Result<(), DecodeError>;
    let binance: Decode = |csv| binance::Trades::new(csv).try_for_each(|trade| trade.map(drop));
    let bitmex: Decode = |csv| bitmex::Trades::new(csv).try_for_each(|trade| trade.map(drop));
    let tardis: Decode = |csv| tardis::Trades::new(csv).try_for_each(|trade| trade.map(drop));
    for (decode, header, row, field, reason) in [
        (binance, binance::TRADES_HEADER, "1,,,2,5.5,1,2\n", "is_buyer_maker", UnknownCode),
        (binance, binance::TRADES_HEADER, "1,,,2,5.5,1\n", "is_buyer_maker", Missing),
        (binance, binance::TRADES_HEADER, "1,,,2,-5.5,1,1\n", "price", Negative),
        (bitmex, bitmex::TRADES_HEADER, "1,5,0\n", "size", Zero),
        (bitmex, bitmex::TRADES_HEADER, "1,5,-0.0\n", "size", Zero),
        (bitmex, bitmex::TRADES_HEADER, "1,5,1,\n", "size", TrailingField),
        (bitmex, bitmex::TRADES_HEADER, "18446744073710,5,1\n", "timestamp", Overflow),
        (tardis, tardis::TRADES_HEADER, "a,b,1,2,id,hold,5,1\n", "side", UnknownCode),
        (tardis, tardis::TRADES_HEADER, "a,b,1,2,id,,5,1\n", "side", Missing),
        (tardis, tardis::TRADES_HEADER, ",b,1,2,id,buy,5,1\n", "exchange", Missing),
        (tardis, tardis::TRADES_HEADER, "a,b", "symbol", Truncated),
        (tardis, tardis::TRADES_HEADER, "a\n", "symbol", Missing),
    ] {
        let error = decode(format!("{header}\n{row}").as_bytes()).unwrap_err();
        assert_eq!((error.line, error.field, error.reason), (2, field, reason), "{row:?}");
    }
    let two = format!("{}\na,b,1,2,,buy,5,1\na,c,1,2,,buy,5,1\n", tardis::TRADES_HEADER);
    let error = tardis(two.as_bytes()).unwrap_err();
    assert_eq!((error.line, error.field, error.reason), (3, "symbol", AnotherSymbol));
}

#[test]
fn a_tardis_side_is_whole_or_empty() {
    let quote = |row: &str| {
        let csv = format!("{}\na,b,1,2,{row}\n", tardis::QUOTES_HEADER);
        tardis::Quotes::new(csv.as_bytes()).next().unwrap()
    };
    let bid_only = quote(",,9,1").unwrap();
    assert_eq!((bid_only.ask_px, bid_only.ask_qty, bid_only.bid_px), (Quote::UNDEFINED_PX, 0, 9_000_000_000));
    assert_eq!(quote("1,10,,").unwrap().bid_px, Quote::UNDEFINED_PX);
    for row in ["1,,9,1", ",10,9,1", "1,10,9,", "1,10,,1"] {
        assert_eq!(quote(row).unwrap_err().reason, DecodeReason::Missing, "{row}");
    }
}

#[test]
fn the_first_good_row_decides_the_instrument() {
    let csv = format!("{}\nx,y,bad\na,b,1,2,,buy,5,1\na,b,1,3,,unknown,5,1\n", tardis::TRADES_HEADER);
    let mut trades = tardis::Trades::new(csv.as_bytes()).skip_bad_rows();
    assert_eq!((trades.by_ref().count(), trades.skipped()), (1, 1));
}

#[test]
fn line_ends_may_have_a_carriage_return() {
    let crlf = |text: &str| text.replace('\n', "\r\n");
    let quotes = simulated(10);
    let (messages, book) = recordings::lobster(&quotes);
    let (messages, book) = (crlf(&messages), crlf(&book));
    assert!(Quotes::new(messages.as_bytes(), book.as_bytes(), MIDNIGHT_NS).all(|quote| quote.is_ok()));
    let csv = crlf(&recordings::book_ticker(&quotes));
    assert_eq!(BookTicker::new(csv.as_bytes()).filter(Result::is_ok).count(), 10);
}

#[test]
fn empty_levels_become_undefined_prices() {
    let quote = lobster_row(MESSAGE_ROW, "9999999999,0,-9999999999,0\n").unwrap();
    assert_eq!((quote.bid_px, quote.bid_qty), (Quote::UNDEFINED_PX, 0));
    assert_eq!((quote.ask_px, quote.ask_qty), (Quote::UNDEFINED_PX, 0));
    let quote = ticker_row("1,,,2,0.00000000,0.00000000,5.5,1\n").unwrap();
    assert_eq!((quote.bid_px, quote.bid_qty), (Quote::UNDEFINED_PX, 0));
    assert!(!quote.is_two_sided());
}

#[test]
fn a_bad_ticker_row_says_where_and_why() {
    for (row, field, reason) in [
        ("x,,,2,1,1,2,1\n", "local_ns", DecodeReason::Unexpected(b'x')),
        (",,,2,1,1,2,1\n", "local_ns", DecodeReason::Missing),
        ("1,,,,1,1,2,1\n", "update_id", DecodeReason::Missing),
        ("1,,,2,1,1\n", "ask_px", DecodeReason::Missing),
        ("1,,,2,1,1,2,1,9\n", "ask_qty", DecodeReason::TrailingField),
        ("1,,,2,1,1,2,1", "ask_qty", DecodeReason::Truncated),
        ("1,,,2,1,", "bid_qty", DecodeReason::Truncated),
        ("1,,,2,-1,1,2,1\n", "bid_px", DecodeReason::Negative),
        ("1,,,2,1,1.0000000001,2,1\n", "bid_qty", DecodeReason::TooManyDecimals),
        ("1,,,2,1,1,9223372037,1\n", "ask_px", DecodeReason::Overflow),
        ("18446744073709551616,,,2,1,1,2,1\n", "local_ns", DecodeReason::Overflow),
        ("1,,,2,1 ,1,2,1\n", "bid_px", DecodeReason::Unexpected(b' ')),
        ("\n", "local_ns", DecodeReason::Missing),
    ] {
        let error = ticker_row(row).unwrap_err();
        assert_eq!((error.line, error.field, error.reason), (2, field, reason), "{row:?}");
    }
}

#[test]
fn a_bad_lobster_row_says_where_and_why() {
    for (message, book, field, reason) in [
        ("a,1,2,3,4,1\n", BOOK_ROW, "message.time", DecodeReason::Unexpected(b'a')),
        ("1,8,2,3,4,1\n", BOOK_ROW, "message.type", DecodeReason::UnknownCode),
        ("1,0,2,3,4,1\n", BOOK_ROW, "message.type", DecodeReason::UnknownCode),
        ("1,1,2,-3,4,1\n", BOOK_ROW, "message.size", DecodeReason::Negative),
        ("1,1,2,3,4,0\n", BOOK_ROW, "message.direction", DecodeReason::UnknownCode),
        ("1,1,2,3,4\n", BOOK_ROW, "message.direction", DecodeReason::Missing),
        ("1,1,2,3,99999999999999,1\n", BOOK_ROW, "message.price", DecodeReason::Overflow),
        ("18446744073,1,2,3,4,1\n", BOOK_ROW, "message.time", DecodeReason::Overflow),
        (MESSAGE_ROW, "1,2,3\n", "book.bid_size", DecodeReason::Missing),
        (MESSAGE_ROW, "1,2,3,4,5\n", "book.bid_size", DecodeReason::TrailingField),
        (MESSAGE_ROW, "1,2,-3,4\n", "book.bid_price", DecodeReason::Negative),
        (MESSAGE_ROW, "1,2,3,99999999999\n", "book.bid_size", DecodeReason::Overflow),
        (MESSAGE_ROW, "1,2,3,4", "book.bid_size", DecodeReason::Truncated),
    ] {
        let error = lobster_row(message, book).unwrap_err();
        assert_eq!((error.line, error.field, error.reason), (1, field, reason), "{message:?} {book:?}");
    }
}

#[test]
fn the_offset_is_that_of_the_byte() {
    let csv = format!("{BOOK_TICKER_HEADER}\n1,,,2,1,1,2,1\n1,,,2,1,1,2,1?\n");
    let error = BookTicker::new(csv.as_bytes()).last().unwrap().unwrap_err();
    assert_eq!((error.line, csv.as_bytes()[error.offset as usize]), (3, b'?'));
}

#[test]
fn a_header_is_required() {
    for csv in ["", "1,,,2,1,1,2,1\n", "local_ns,event_ms\n", BOOK_TICKER_HEADER] {
        for decoder in [BookTicker::new(csv.as_bytes()), BookTicker::new(csv.as_bytes()).skip_bad_rows()] {
            let items: Vec<_> = decoder.collect();
            assert_eq!(items.len(), 1, "{csv:?}");
            assert_eq!(items[0].unwrap_err().field, "header", "{csv:?}");
        }
    }
    assert_eq!(BookTicker::new(format!("{BOOK_TICKER_HEADER}\n").as_bytes()).count(), 0);
}

#[test]
fn the_shorter_file_of_a_pair_is_named() {
    let (two, one) = (MESSAGE_ROW.repeat(2), BOOK_ROW);
    for skip in [false, true] {
        let decode = |messages: &str, book: &str| {
            let quotes = Quotes::new(messages.as_bytes(), book.as_bytes(), 0);
            let quotes: Vec<_> = if skip { quotes.skip_bad_rows().collect() } else { quotes.collect() };
            assert_eq!(quotes.len(), 2);
            quotes[1].unwrap_err()
        };
        let error = decode(&two, one);
        assert_eq!((error.line, error.field, error.reason), (2, "book", DecodeReason::EndsFirst));
        let error = decode(MESSAGE_ROW, &BOOK_ROW.repeat(2));
        assert_eq!((error.line, error.field, error.reason), (2, "message", DecodeReason::EndsFirst));
    }
}

#[test]
fn stopping_ends_at_the_bad_row_and_skipping_counts_it() {
    let csv = format!("{BOOK_TICKER_HEADER}\n1,,,2,1,1,2,1\noops\n2,,,2,1,1,2,1\n");
    let mut stopping = BookTicker::new(csv.as_bytes());
    assert!(stopping.next().unwrap().is_ok());
    assert!(stopping.next().unwrap().is_err());
    assert!(stopping.next().is_none() && stopping.next().is_none());

    let mut skipping = BookTicker::new(csv.as_bytes()).skip_bad_rows();
    let times: Vec<_> = skipping.by_ref().map(|quote| quote.unwrap().ts).collect();
    assert_eq!((times, skipping.skipped()), (vec![1, 2], 1));
}

#[test]
fn a_skipped_pair_keeps_the_files_in_step() {
    let messages = "1,1,2,3,4,1\nbad\n3,1,2,3,4,1\n4,1,2,3,4,1\n";
    let book = "10,1,9,1\n20,1,19,1\nbad\n40,1,39,1\n";
    let mut quotes = Quotes::new(messages.as_bytes(), book.as_bytes(), 0).skip_bad_rows();
    let pairs: Vec<_> = quotes.by_ref().map(|quote| quote.unwrap()).map(|q| (q.ts, q.ask_px)).collect();
    assert_eq!(pairs, [(1_000_000_000, 1_000_000), (4_000_000_000, 4_000_000)]);
    assert_eq!(quotes.skipped(), 2);
}

#[test]
fn trades_are_executions_seen_from_the_aggressor() {
    let messages = "1,1,9,5,100,1\n2,4,9,5,100,1\n3,5,0,7,101,-1\n4,6,-1,9,100,-1\n5,7,0,0,-1,-1\n";
    let trades: Vec<_> = Trades::new(messages.as_bytes(), 0).map(Result::unwrap).collect();
    let found: Vec<_> = trades.iter().map(|trade| (trade.qty, trade.aggressor)).collect();
    assert_eq!(found, [(5_000_000_000, Side::Sell), (7_000_000_000, Side::Buy)]);
    assert_eq!((trades[1].ts, trades[1].px), (3_000_000_000, 10_100_000));

    let bad = messages.replace("2,4,", "2,four,");
    assert!(Trades::new(bad.as_bytes(), 0).next().unwrap().is_err());
    let mut trades = Trades::new(bad.as_bytes(), 0).skip_bad_rows();
    assert_eq!((trades.by_ref().count(), trades.skipped()), (1, 1));
}

/// Runs every decoder under both policies over the bytes, to the end.
fn exhaust(bytes: &[u8], other: &[u8]) {
    let bound = bytes.len() + 1;
    let errors = |items: Vec<Result<(), DecodeError>>| {
        assert!(items.len() <= bound);
        let errors: Vec<_> = items.into_iter().filter_map(Result::err).collect();
        assert!(errors.len() <= 1);
        for error in errors {
            assert!(error.offset <= bytes.len().max(other.len()) as u64 && error.line >= 1);
            assert!(!error.to_string().is_empty());
        }
    };
    errors(BookTicker::new(bytes).map(|item| item.map(drop)).collect());
    errors(Quotes::new(bytes, other, u64::MAX / 2).map(|item| item.map(drop)).collect());
    errors(Trades::new(bytes, 0).map(|item| item.map(drop)).collect());

    let mut ticker = BookTicker::new(bytes).skip_bad_rows();
    let items: Vec<_> = ticker.by_ref().collect();
    if items.first().is_none_or(Result::is_ok) {
        assert_eq!(items.len() + ticker.skipped() as usize, row_count(bytes) - 1);
    }
    let mut pair = Quotes::new(bytes, other, 0).skip_bad_rows();
    let (good, bad): (Vec<_>, Vec<_>) = pair.by_ref().partition(Result::is_ok);
    let (rows, other_rows) = (row_count(bytes), row_count(other));
    assert_eq!(good.len() + pair.skipped() as usize, rows.min(other_rows));
    assert_eq!(bad.len(), usize::from(rows != other_rows));
    errors(Trades::new(bytes, 0).skip_bad_rows().map(|item| item.map(drop)).collect());
}

/// A change to a file.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(u8),
    Insert(Vec<u8>),
    Remove(usize),
    Cut,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let telling = prop::sample::select(b"0123456789.,-\r\n \0\xff9".to_vec());
    prop_oneof![
        4 => telling.clone().prop_map(Mutation::Replace),
        2 => prop::collection::vec(telling, 1..24).prop_map(Mutation::Insert),
        2 => (1..40_usize).prop_map(Mutation::Remove),
        1 => Just(Mutation::Cut),
    ]
}

fn mutate(bytes: &mut Vec<u8>, at: prop::sample::Index, mutation: Mutation) {
    let at = at.index(bytes.len() + 1);
    match mutation {
        Mutation::Replace(byte) => bytes.iter_mut().skip(at).take(1).for_each(|b| *b = byte),
        Mutation::Insert(inserted) => drop(bytes.splice(at..at, inserted)),
        Mutation::Remove(length) => drop(bytes.drain(at..(at + length).min(bytes.len()))),
        Mutation::Cut => bytes.truncate(at),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_end(bytes: Vec<u8>, other: Vec<u8>) {
        exhaust(&bytes, &other);
    }

    #[test]
    fn bytes_of_the_alphabet_end(text in "[0-9.,\r\n-]{0,200}", other in "[0-9.,\n-]{0,200}") {
        exhaust(text.as_bytes(), other.as_bytes());
        exhaust(format!("{BOOK_TICKER_HEADER}\n{text}").as_bytes(), other.as_bytes());
    }

    #[test]
    fn mutated_recordings_end(mutations in prop::collection::vec((any::<prop::sample::Index>(), mutation(), 0..3_usize), 1..6)) {
        let quotes = simulated(20);
        let (messages, book) = recordings::lobster(&quotes);
        let mut files = [messages, book, recordings::book_ticker(&quotes)].map(String::into_bytes);
        for (at, mutation, file) in mutations {
            mutate(&mut files[file], at, mutation);
        }
        let [messages, book, ticker] = files;
        exhaust(&messages, &book);
        exhaust(&ticker, &book);
    }

    /// However a recording is cut, what comes out is its first rows, and the cut is seen unless it
    /// falls between two rows.
    #[test]
    fn a_cut_recording_is_noticed(at: prop::sample::Index) {
        let quotes = simulated(20);
        let csv = recordings::book_ticker(&quotes);
        let cut = &csv.as_bytes()[..at.index(csv.len())];
        let (good, bad): (Vec<_>, Vec<_>) = BookTicker::new(cut).partition(Result::is_ok);
        prop_assert!(good.iter().zip(&quotes).all(|(decoded, quote)| decoded.as_ref() == Ok(quote)));
        prop_assert_eq!(bad.is_empty(), cut.ends_with(b"\n"));
    }
}
