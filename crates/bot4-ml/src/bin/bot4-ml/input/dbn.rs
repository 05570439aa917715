//! Databento files: quotes as they stand there, or order events through a book.

use bot4_pipeline::Quote;
use bot4_pipeline::book::OrderBook;
use bot4_pipeline::feed::dbn::{Orders, Quotes};
use bot4_pipeline::feed::{DecodeError, DecodeReason};

/// The first bytes of every version.
pub(crate) const MAGIC: &[u8] = b"DBN";

/// Room for the resting orders of one instrument, and for its prices on each side.
const ORDERS_MAX: usize = 1 << 19;
const PRICES_MAX: usize = 1 << 13;

/// The quotes of a file of either kind.
pub(super) fn quotes(bytes: &[u8]) -> Result<Vec<Quote>, String> {
    match Orders::new(bytes).next() {
        Some(Err(DecodeError { reason: DecodeReason::OtherSchema, .. })) => {
            Quotes::new(bytes).collect::<Result<_, _>>().map_err(|error| error.to_string())
        }
        _ => through_a_book(Orders::new(bytes)),
    }
}

/// The best prices after every change that is complete.
fn through_a_book(orders: Orders<'_>) -> Result<Vec<Quote>, String> {
    let mut book = OrderBook::new(ORDERS_MAX, PRICES_MAX);
    let (mut quotes, mut instrument) = (Vec::new(), None);
    for (number, event) in orders.enumerate() {
        let event = event.map_err(|error| error.to_string())?;
        if *instrument.get_or_insert(event.instrument) != event.instrument {
            return Err(format!(
                "record {number} is of instrument {}, the first of {}: give a file of one instrument",
                event.instrument,
                instrument.unwrap_or_default()
            ));
        }
        book.apply(&event).map_err(|fault| format!("record {number}: {fault}"))?;
        if event.is_last() {
            quotes.push(book.quote(event.ts));
        }
    }
    Ok(quotes)
}
