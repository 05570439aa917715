//! Binance best bid and ask (`bookTicker`), recorded as CSV with a header.

use core::iter::FusedIterator;

use super::DecodeError;
use super::cursor::Cursor;
use crate::quote::Quote;

/// The header a recording starts with.
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
    rows: Cursor<'a>,
    header_seen: bool,
    skip: bool,
    skipped: u64,
    ended: bool,
}

impl<'a> BookTicker<'a> {
    /// Reads `bytes`, which must start with [`BOOK_TICKER_HEADER`]: otherwise the first item is an
    /// error.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rows: Cursor::new(bytes), header_seen: false, skip: false, skipped: 0, ended: false }
    }

    /// Leaves out bad rows instead of ending at the first. The header is no row: it must be right.
    #[must_use]
    pub const fn skip_bad_rows(mut self) -> Self {
        self.skip = true;
        self
    }

    /// How many rows were left out so far.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    #[cold]
    fn header(&mut self) -> Result<(), DecodeError> {
        self.header_seen = true;
        self.rows.header(BOOK_TICKER_HEADER.as_bytes())
    }

    #[inline]
    fn row(&mut self) -> Result<Quote, DecodeError> {
        let row = &mut self.rows;
        let ts = row.unsigned("local_ns")?;
        row.comma("local_ns", "event_ms")?;
        row.optional_unsigned("event_ms")?;
        row.comma("event_ms", "txn_ms")?;
        row.optional_unsigned("txn_ms")?;
        row.comma("txn_ms", "update_id")?;
        row.unsigned("update_id")?;
        row.comma("update_id", "bid_px")?;
        let (bid_px, bid_qty) = side(row, "bid_px", "bid_qty")?;
        row.comma("bid_qty", "ask_px")?;
        let (ask_px, ask_qty) = side(row, "ask_px", "ask_qty")?;
        row.end_row("ask_qty")?;
        Ok(Quote { ts, bid_px, bid_qty, ask_px, ask_qty })
    }
}

impl Iterator for BookTicker<'_> {
    type Item = Result<Quote, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if !self.header_seen
            && let Err(error) = self.header()
        {
            self.ended = true;
            return Some(Err(error));
        }
        while !self.ended && !self.rows.is_at_end() {
            let start = self.rows.row_start();
            match self.row() {
                Err(_) if self.skip => {
                    self.rows.skip_row(start);
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

impl FusedIterator for BookTicker<'_> {}

/// Reads price and quantity of one side.
#[inline]
fn side(row: &mut Cursor<'_>, px: &'static str, qty: &'static str) -> Result<(i64, i64), DecodeError> {
    let price = row.decimal(px)?;
    row.comma(px, qty)?;
    let quantity = row.decimal(qty)?;
    Ok(if (price, quantity) == (0, 0) { (Quote::UNDEFINED_PX, 0) } else { (price, quantity) })
}
