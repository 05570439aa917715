//! LOBSTER: NASDAQ order book reconstructions, a message file and an order book file per day.
//!
//! Row k of the order book file is the book *after* message k, so [`Quotes`] reads both side by side:
//! the time comes from the messages, prices and quantities from the book (one level). [`Trades`] needs
//! the messages only. Prices in the files are dollars times 10,000, quantities are shares.

use core::iter::FusedIterator;

use super::cursor::Cursor;
use super::rows::{Rows, bad_row_policy};
use super::{DecodeError, DecodeReason};
use crate::quote::{Quote, Side, Trade};

/// LOBSTER's price unit, a hundredth of a cent, in 1e-9 dollars.
pub const PRICE_UNIT: i64 = 100_000;

/// One share in 1e-9 shares.
pub const SHARE: i64 = 1_000_000_000;

/// The price LOBSTER gives to an ask level without orders; a bid level has its negative.
const EMPTY_LEVEL: i64 = 9_999_999_999;

/// The quotes of a day: one per row of the two files.
///
/// A side without orders (price 9999999999 or -9999999999, size 0) becomes quantity 0 at
/// [`Quote::UNDEFINED_PX`]. Rows that repeat the quote before them (hidden executions do) are not left
/// out. When one file has fewer rows, the error names it (field `message` or `book`,
/// [`DecodeReason::EndsFirst`]). No allocation; O(1) per quote.
///
/// ```
/// use bot4_pipeline::feed::lobster::Quotes;
///
/// let messages = b"34200.017459617,5,0,1,2238200,-1\n34200.18960767,1,11885113,21,2238100,1\n";
/// let book = b"2239500,100,2231800,100\n2239500,100,2238100,21\n";
/// let midnight_ns = 1_340_251_200_000_000_000; // 2012-06-21 00:00 in New York
/// let quotes: Vec<_> = Quotes::new(messages, book, midnight_ns).collect::<Result<_, _>>()?;
/// assert_eq!(quotes[1].bid_px, 223_810_000_000);
/// assert_eq!(quotes[1].ts, midnight_ns + 34_200_189_607_670);
/// # Ok::<(), bot4_pipeline::feed::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Quotes<'a> {
    messages: Cursor<'a>,
    book: Cursor<'a>,
    midnight_ns: u64,
    skip: bool,
    skipped: u64,
    ended: bool,
}

impl<'a> Quotes<'a> {
    /// Pairs the rows of `messages` with those of `book`; `midnight_ns` is the start of that day in New
    /// York (LOBSTER's times are seconds after it), in nanoseconds since 1970 UTC.
    #[must_use]
    pub const fn new(messages: &'a [u8], book: &'a [u8], midnight_ns: u64) -> Self {
        let (messages, book) = (Cursor::new(messages), Cursor::new(book));
        Self { messages, book, midnight_ns, skip: false, skipped: 0, ended: false }
    }

    /// Leaves out pairs of rows of which one is bad, instead of ending there.
    #[must_use]
    pub const fn skip_bad_rows(mut self) -> Self {
        self.skip = true;
        self
    }

    /// How many pairs of rows were left out so far.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    #[inline]
    fn pair(&mut self) -> Result<Quote, DecodeError> {
        let ts = message(&mut self.messages, self.midnight_ns)?.ts;
        let (ask_px, ask_qty) = level(&mut self.book, "book.ask_price", "book.ask_size", EMPTY_LEVEL)?;
        self.book.comma("book.ask_size", "book.bid_price")?;
        let (bid_px, bid_qty) = level(&mut self.book, "book.bid_price", "book.bid_size", -EMPTY_LEVEL)?;
        self.book.end_row("book.bid_size")?;
        Ok(Quote { ts, bid_px, bid_qty, ask_px, ask_qty })
    }
}

impl Iterator for Quotes<'_> {
    type Item = Result<Quote, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match (self.messages.is_at_end(), self.book.is_at_end()) {
                (false, false) => {}
                (true, true) => break,
                (messages_end, _) => {
                    self.ended = true;
                    let (file, name) =
                        if messages_end { (&self.messages, "message") } else { (&self.book, "book") };
                    return Some(Err(file.error(name, DecodeReason::EndsFirst)));
                }
            }
            let rows = (self.messages.row_start(), self.book.row_start());
            match self.pair() {
                Err(_) if self.skip => {
                    self.messages.skip_row(rows.0);
                    self.book.skip_row(rows.1);
                    self.skipped += 1;
                }
                result => {
                    self.ended = result.is_err();
                    return Some(result);
                }
            }
        }
        self.ended = true;
        None
    }
}

impl FusedIterator for Quotes<'_> {}

/// The executions of a day: messages of type 4 (visible order) and 5 (hidden order).
///
/// The direction in the file is that of the *resting* order; the aggressor of the trade is its other
/// side. Cross trades (type 6) have no aggressor and are left out. No allocation.
///
/// ```
/// use bot4_pipeline::Side;
/// use bot4_pipeline::feed::lobster::Trades;
///
/// let messages = b"34200.5,1,11885113,21,2238100,1\n34200.6,4,11885113,20,2238100,1\n";
/// let trades: Vec<_> = Trades::new(messages, 0).collect::<Result<_, _>>()?;
/// assert_eq!(trades.len(), 1);
/// assert_eq!(trades[0].aggressor, Side::Sell); // it hit a resting buy order
/// # Ok::<(), bot4_pipeline::feed::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trades<'a> {
    rows: Rows<'a>,
    midnight_ns: u64,
}

impl<'a> Trades<'a> {
    /// Reads `messages`; `midnight_ns` as for [`Quotes::new`].
    #[must_use]
    pub const fn new(messages: &'a [u8], midnight_ns: u64) -> Self {
        Self { rows: Rows::new(messages, None), midnight_ns }
    }
}

bad_row_policy!(Trades);

impl Iterator for Trades<'_> {
    type Item = Result<Trade, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let message = self.rows.next(|row| message(row, self.midnight_ns))?;
            if let Some(trade) = message.map(|message| message.trade()).transpose() {
                return Some(trade);
            }
        }
    }
}

/// What of a message becomes a quote or a trade.
struct Message {
    ts: u64,
    kind: u64,
    qty: i64,
    px: i64,
    resting: Side,
}

impl Message {
    fn trade(&self) -> Option<Trade> {
        let &Self { ts, kind, qty, px, resting } = self;
        let aggressor = match resting {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        };
        matches!(kind, 4 | 5).then_some(Trade { ts, px, qty, aggressor })
    }
}

/// Reads one row of the message file: time, type, order id, size, price, direction.
#[inline]
fn message(row: &mut Cursor<'_>, midnight_ns: u64) -> Result<Message, DecodeError> {
    let time_ns = row.decimal("message.time")?.unsigned_abs();
    let Some(ts) = midnight_ns.checked_add(time_ns) else {
        return Err(row.error("message.time", DecodeReason::Overflow));
    };
    row.comma("message.time", "message.type")?;
    let kind = row.unsigned("message.type")?;
    if !matches!(kind, 1..=7) {
        return Err(row.error("message.type", DecodeReason::UnknownCode));
    }
    row.comma("message.type", "message.order_id")?;
    // Signed: cross trades (type 6) have the id -1.
    row.signed("message.order_id")?;
    row.comma("message.order_id", "message.size")?;
    let qty = quantity(row, "message.size")?;
    row.comma("message.size", "message.price")?;
    // Signed: a trading halt (type 7) has a code of -1, 0 or 1 in place of a price.
    let px = row.signed("message.price")?;
    let px = scaled(row, "message.price", px, PRICE_UNIT)?;
    row.comma("message.price", "message.direction")?;
    let resting = match row.signed("message.direction")? {
        1 => Side::Buy,
        -1 => Side::Sell,
        _ => return Err(row.error("message.direction", DecodeReason::UnknownCode)),
    };
    row.end_row("message.direction")?;
    Ok(Message { ts, kind, qty, px, resting })
}

/// Reads price and size of one side of the book.
#[inline]
fn level(
    row: &mut Cursor<'_>,
    price: &'static str,
    size: &'static str,
    empty: i64,
) -> Result<(i64, i64), DecodeError> {
    let px = row.signed(price)?;
    if px < 0 && px != empty {
        return Err(row.error(price, DecodeReason::Negative));
    }
    let px_nano = scaled(row, price, px, PRICE_UNIT)?;
    row.comma(price, size)?;
    let qty = quantity(row, size)?;
    Ok(if px == empty && qty == 0 { (Quote::UNDEFINED_PX, 0) } else { (px_nano, qty) })
}

#[inline]
fn quantity(row: &mut Cursor<'_>, field: &'static str) -> Result<i64, DecodeError> {
    let shares = row.signed(field)?;
    if shares < 0 {
        return Err(row.error(field, DecodeReason::Negative));
    }
    scaled(row, field, shares, SHARE)
}

#[inline]
fn scaled(row: &Cursor<'_>, field: &'static str, value: i64, unit: i64) -> Result<i64, DecodeError> {
    value.checked_mul(unit).ok_or_else(|| row.error(field, DecodeReason::Overflow))
}
