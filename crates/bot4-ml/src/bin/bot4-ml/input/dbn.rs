//! Databento files: quotes as they stand there, or order events through a book.

use bot4_pipeline::Quote;
use bot4_pipeline::book::{OrderBook, OrderEvent};
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
    let (mut book, mut quotes) = (Book::default(), Vec::new());
    for event in orders {
        let event = event.map_err(|error| error.to_string())?;
        quotes.extend(book.apply(&event)?);
    }
    Ok(quotes)
}

/// The book of one instrument.
#[derive(Debug)]
pub(crate) struct Book {
    book: OrderBook,
    instrument: Option<u32>,
    events: u64,
}

impl Default for Book {
    fn default() -> Self {
        Self { book: OrderBook::new(ORDERS_MAX, PRICES_MAX), instrument: None, events: 0 }
    }
}

impl Book {
    /// The best prices after an event that completes a change.
    pub(crate) fn apply(&mut self, event: &OrderEvent) -> Result<Option<Quote>, String> {
        let number = self.events;
        self.events += 1;
        let first = *self.instrument.get_or_insert(event.instrument);
        if first != event.instrument {
            return Err(format!(
                "record {number} is of instrument {}, the first of {first}: give a file of one instrument",
                event.instrument
            ));
        }
        self.book.apply(event).map_err(|error| format!("record {number}: {error}"))?;
        Ok(event.is_last().then(|| self.book.quote(event.ts)))
    }
}
