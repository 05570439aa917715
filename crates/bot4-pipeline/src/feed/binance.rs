//! Binance best bid and ask (`bookTicker`) and trades, recorded as CSV with a header.

use super::cursor::Cursor;
use super::rows::{Rows, bad_row_policy};
use super::{DecodeError, DecodeReason};
use crate::quote::{Quote, Side, Trade};

/// The header a recording of the book ticker starts with.
pub const BOOK_TICKER_HEADER: &str = "local_ns,event_ms,txn_ms,update_id,bid_px,bid_qty,ask_px,ask_qty";

/// The quotes of a book ticker recording: one per row, spot or futures.
///
/// [`Quote::ts`] is `local_ns`, the *recorder's* clock: it is the only time that spot rows have and
/// the only one fine enough to order rows. That clock need not agree with the exchange's, so its
/// difference to `event_ms` is not a latency. `event_ms` and `txn_ms` may be empty (spot sends
/// neither). A side with price 0 and quantity 0, which is how Binance writes an empty one, becomes
/// quantity 0 at [`Quote::UNDEFINED_PX`]. No allocation; O(1) per quote.
///
/// ```
/// use bot4_pipeline::feed::binance::BookTicker;
///
/// let csv = b"local_ns,event_ms,txn_ms,update_id,bid_px,bid_qty,ask_px,ask_qty\n\
///             1723161254087891268,,,50093239212,61837.63000000,3.78826000,61837.64000000,1.54698000\n";
/// let quote = BookTicker::new(csv).next().unwrap()?;
/// assert_eq!(quote.bid_px, 61_837_630_000_000);
/// assert_eq!(quote.ask_qty, 1_546_980_000);
/// # Ok::<(), bot4_pipeline::feed::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BookTicker<'a> {
    rows: Rows<'a>,
}

impl<'a> BookTicker<'a> {
    /// Reads `bytes`, which must start with [`BOOK_TICKER_HEADER`]: otherwise the first item is an
    /// error.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rows: Rows::new(bytes, Some(BOOK_TICKER_HEADER)) }
    }
}

bad_row_policy!(BookTicker);

impl Iterator for BookTicker<'_> {
    type Item = Result<Quote, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next(quote)
    }
}

/// The header a recording of trades starts with.
pub const TRADES_HEADER: &str = "local_ns,event_ms,trade_ms,trade_id,price,qty,is_buyer_maker";

/// The trades of a recording: one per row, spot or futures.
///
/// [`Trade::ts`] is `local_ns`, the recorder's clock, as for [`BookTicker`], so that the two can be
/// merged by time. `is_buyer_maker` is 1 where the buyer's order was resting: the seller is the
/// aggressor. No allocation; O(1) per trade.
///
/// ```
/// use bot4_pipeline::Side;
/// use bot4_pipeline::feed::binance::Trades;
///
/// let csv = b"local_ns,event_ms,trade_ms,trade_id,price,qty,is_buyer_maker\n\
///             1723161255088176367,1723161256322,1723161256322,5266583935,61800.30,0.006,0\n";
/// let trade = Trades::new(csv).next().unwrap()?;
/// assert_eq!((trade.px, trade.qty, trade.aggressor), (61_800_300_000_000, 6_000_000, Side::Buy));
/// # Ok::<(), bot4_pipeline::feed::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trades<'a> {
    rows: Rows<'a>,
}

impl<'a> Trades<'a> {
    /// Reads `bytes`, which must start with [`TRADES_HEADER`]: otherwise the first item is an error.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rows: Rows::new(bytes, Some(TRADES_HEADER)) }
    }
}

bad_row_policy!(Trades);

impl Iterator for Trades<'_> {
    type Item = Result<Trade, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next(trade)
    }
}

/// Reads one row of a book ticker.
#[inline]
fn quote(row: &mut Cursor<'_>) -> Result<Quote, DecodeError> {
    let ts = row.unsigned("local_ns")?;
    row.comma("local_ns", "event_ms")?;
    row.skip_optional_unsigned("event_ms")?;
    row.comma("event_ms", "txn_ms")?;
    row.skip_optional_unsigned("txn_ms")?;
    row.comma("txn_ms", "update_id")?;
    row.skip_unsigned("update_id")?;
    row.comma("update_id", "bid_px")?;
    let (bid_px, bid_qty) = side(row, "bid_px", "bid_qty")?;
    row.comma("bid_qty", "ask_px")?;
    let (ask_px, ask_qty) = side(row, "ask_px", "ask_qty")?;
    row.end_row("ask_qty")?;
    Ok(Quote { ts, bid_px, bid_qty, ask_px, ask_qty })
}

/// Reads one row of trades.
#[inline]
fn trade(row: &mut Cursor<'_>) -> Result<Trade, DecodeError> {
    let ts = row.unsigned("local_ns")?;
    row.comma("local_ns", "event_ms")?;
    row.skip_optional_unsigned("event_ms")?;
    row.comma("event_ms", "trade_ms")?;
    row.skip_optional_unsigned("trade_ms")?;
    row.comma("trade_ms", "trade_id")?;
    row.skip_unsigned("trade_id")?;
    row.comma("trade_id", "price")?;
    let px = row.decimal("price")?;
    row.comma("price", "qty")?;
    let qty = row.decimal("qty")?;
    row.comma("qty", "is_buyer_maker")?;
    let aggressor = match row.unsigned("is_buyer_maker")? {
        0 => Side::Buy,
        1 => Side::Sell,
        _ => return Err(row.error("is_buyer_maker", DecodeReason::UnknownCode)),
    };
    row.end_row("is_buyer_maker")?;
    Ok(Trade { ts, px, qty, aggressor })
}

/// Reads price and quantity of one side.
#[inline]
fn side(row: &mut Cursor<'_>, px: &'static str, qty: &'static str) -> Result<(i64, i64), DecodeError> {
    let price = row.decimal(px)?;
    row.comma(px, qty)?;
    let quantity = row.decimal(qty)?;
    Ok(if (price, quantity) == (0, 0) { (Quote::UNDEFINED_PX, 0) } else { (price, quantity) })
}
