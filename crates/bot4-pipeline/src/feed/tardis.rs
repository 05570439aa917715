//! Tardis: CSV of one instrument of any exchange, one file per type of data.
//!
//! Every row starts with exchange, symbol, the exchange's time and the recorder's, in microseconds. The
//! recorder's time is the one that orders the rows, so it is the one events get. Exchange and symbol of the
//! first good row are those of the file: a row of another instrument is an error ([`DecodeReason::AnotherSymbol`]),
//! as the events do not say whose they are.

use super::cursor::Cursor;
use super::rows::{Rows, bad_row_policy};
use super::{DecodeError, DecodeReason};
use crate::quote::{Quote, Side, Trade};

/// The header of a file of quotes.
pub const QUOTES_HEADER: &str =
    "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount";

/// The header of a file of trades.
pub const TRADES_HEADER: &str = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount";

/// Nanoseconds in the unit of the two times.
const MICROSECOND: u64 = 1_000;

/// The quotes of a file: one per row.
///
/// [`Quote::ts`] is `local_timestamp`. A side without orders, whose price and amount are empty, becomes
/// quantity 0 at [`Quote::UNDEFINED_PX`]. No allocation; O(1) per quote.
///
/// ```
/// use bot4_pipeline::feed::tardis::Quotes;
///
/// let csv = b"exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n\
///             huobi-dm-swap,BTC-USD,1588291201099000,1588291201234268,5494,8629.3,8629.2,806\n";
/// let quote = Quotes::new(csv).next().unwrap()?;
/// assert_eq!((quote.ts, quote.ask_px), (1_588_291_201_234_268_000, 8_629_300_000_000));
/// # Ok::<(), bot4_pipeline::feed::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Quotes<'a> {
    rows: Rows<'a>,
    instrument: &'a [u8],
}

impl<'a> Quotes<'a> {
    /// Reads `bytes`, which must start with [`QUOTES_HEADER`]: otherwise the first item is an error.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rows: Rows::new(bytes, Some(QUOTES_HEADER)), instrument: &[] }
    }
}

bad_row_policy!(Quotes);

impl Iterator for Quotes<'_> {
    type Item = Result<Quote, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Self { rows, instrument } = self;
        rows.next(|row| quote(row, instrument))
    }
}

/// The trades of a file: one per row, except for those whose side is `unknown`.
///
/// [`Trade::ts`] is `local_timestamp`. `side` is the aggressor's; trades of which the exchange does not say
/// it are left out. No allocation; O(1) per trade.
///
/// ```
/// use bot4_pipeline::Side;
/// use bot4_pipeline::feed::tardis::Trades;
///
/// let csv = b"exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n\
///             bitmex,XBTUSD,1583020803145000,1583020803307160,ccc3c1fa-212c,sell,8531.5,2152\n";
/// let trade = Trades::new(csv).next().unwrap()?;
/// assert_eq!((trade.px, trade.aggressor), (8_531_500_000_000, Side::Sell));
/// # Ok::<(), bot4_pipeline::feed::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trades<'a> {
    rows: Rows<'a>,
    instrument: &'a [u8],
}

impl<'a> Trades<'a> {
    /// Reads `bytes`, which must start with [`TRADES_HEADER`]: otherwise the first item is an error.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rows: Rows::new(bytes, Some(TRADES_HEADER)), instrument: &[] }
    }
}

bad_row_policy!(Trades);

impl Iterator for Trades<'_> {
    type Item = Result<Trade, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Self { rows, instrument } = self;
        loop {
            if let Some(trade) = rows.next(|row| trade(row, instrument))?.transpose() {
                return Some(trade);
            }
        }
    }
}

/// Reads one row of quotes.
#[inline]
fn quote<'a>(row: &mut Cursor<'a>, instrument: &mut &'a [u8]) -> Result<Quote, DecodeError> {
    let (ts, own) = start(row, instrument)?;
    row.comma("local_timestamp", "ask_amount")?;
    let ask_qty = optional(row, "ask_amount")?;
    row.comma("ask_amount", "ask_price")?;
    let ask_px = optional(row, "ask_price")?;
    row.comma("ask_price", "bid_price")?;
    let bid_px = optional(row, "bid_price")?;
    row.comma("bid_price", "bid_amount")?;
    let bid_qty = optional(row, "bid_amount")?;
    let (ask_px, ask_qty) = side(row, "ask_price", ask_px, ask_qty)?;
    let (bid_px, bid_qty) = side(row, "bid_price", bid_px, bid_qty)?;
    row.end_row("bid_amount")?;
    *instrument = own;
    Ok(Quote { ts, bid_px, bid_qty, ask_px, ask_qty })
}

/// Reads one row of trades.
#[inline]
fn trade<'a>(row: &mut Cursor<'a>, instrument: &mut &'a [u8]) -> Result<Option<Trade>, DecodeError> {
    let (ts, own) = start(row, instrument)?;
    row.comma("local_timestamp", "id")?;
    // Some exchanges give their trades no id.
    if !row.is_empty_field() {
        row.text("id")?;
    }
    row.comma("id", "side")?;
    let aggressor = match row.text("side")? {
        b"buy" => Some(Side::Buy),
        b"sell" => Some(Side::Sell),
        b"unknown" => None,
        _ => return Err(row.error("side", DecodeReason::UnknownCode)),
    };
    row.comma("side", "price")?;
    let px = row.decimal("price")?;
    row.comma("price", "amount")?;
    let qty = row.decimal("amount")?;
    row.end_row("amount")?;
    *instrument = own;
    Ok(aggressor.map(|aggressor| Trade { ts, px, qty, aggressor }))
}

/// Reads what all rows start with: the recorder's time, in nanoseconds, and the instrument, which becomes
/// that of the file if its first good row is this one.
#[inline]
fn start<'a>(row: &mut Cursor<'a>, instrument: &'a [u8]) -> Result<(u64, &'a [u8]), DecodeError> {
    let mut own = instrument;
    if own.is_empty() || !row.take(own) {
        own = row.prefix(["exchange", "symbol"], "timestamp")?;
        if !instrument.is_empty() {
            return Err(row.error("symbol", DecodeReason::AnotherSymbol));
        }
    }
    row.skip_unsigned("timestamp")?;
    row.comma("timestamp", "local_timestamp")?;
    Ok((row.time("local_timestamp", MICROSECOND)?, own))
}

#[inline]
fn optional(row: &mut Cursor<'_>, field: &'static str) -> Result<Option<i64>, DecodeError> {
    if row.is_empty_field() { Ok(None) } else { row.decimal(field).map(Some) }
}

/// Price and quantity of one side: both there, or neither.
#[inline]
fn side(
    row: &Cursor<'_>,
    field: &'static str,
    px: Option<i64>,
    qty: Option<i64>,
) -> Result<(i64, i64), DecodeError> {
    match (px, qty) {
        (Some(px), Some(qty)) => Ok((px, qty)),
        (None, None | Some(0)) => Ok((Quote::UNDEFINED_PX, 0)),
        _ => Err(row.error(field, DecodeReason::Missing)),
    }
}
