//! BitMEX trades, as CSV with a header: time, price, and a size whose sign is the aggressor.

use super::cursor::Cursor;
use super::rows::{Rows, bad_row_policy};
use super::{DecodeError, DecodeReason};
use crate::quote::{Side, Trade};

/// The header a recording starts with.
pub const TRADES_HEADER: &str = "timestamp,price,size";

/// Nanoseconds in the unit of `timestamp`.
const MILLISECOND: u64 = 1_000_000;

/// The trades of a recording: one per row.
///
/// [`Trade::ts`] is `timestamp`, milliseconds of the exchange's clock; many trades share one. `size` is in
/// contracts of one US dollar, above zero where the buyer is the aggressor. Rows that repeat the row
/// before them are fills of their own and stay. No allocation; O(1) per trade.
///
/// ```
/// use bot4_pipeline::Side;
/// use bot4_pipeline::feed::bitmex::Trades;
///
/// let csv = b"timestamp,price,size\n1514764802610,13873,10\n1514764806057,13872.5,-3000\n";
/// let trades: Vec<_> = Trades::new(csv).collect::<Result<_, _>>()?;
/// assert_eq!((trades[0].ts, trades[0].aggressor), (1_514_764_802_610_000_000, Side::Buy));
/// assert_eq!((trades[1].px, trades[1].qty), (13_872_500_000_000, 3_000_000_000_000));
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

/// Reads one row.
#[inline]
fn trade(row: &mut Cursor<'_>) -> Result<Trade, DecodeError> {
    let ts = row.time("timestamp", MILLISECOND)?;
    row.comma("timestamp", "price")?;
    let px = row.decimal("price")?;
    row.comma("price", "size")?;
    let size = row.signed_decimal("size")?;
    let aggressor = match size {
        1.. => Side::Buy,
        0 => return Err(row.error("size", DecodeReason::Zero)),
        _ => Side::Sell,
    };
    row.end_row("size")?;
    Ok(Trade { ts, px, qty: size.abs(), aggressor })
}
