//! A simulated market: an endless, seeded stream of level-1 quotes that behaves like a real one.
//!
//! Two parts, drawn from one generator:
//!
//! - *When* something happens is a Hawkes process (self-exciting: every event makes others more
//!   likely for a while; Bacry, Mastromatteo, Muzy: Hawkes processes in finance, 2015) with a kernel of
//!   two exponentials, one of half a millisecond and one of two seconds.
//! - *What* happens follows the queue-reactive idea (Huang, Lehalle, Rosenbaum: Simulating and
//!   analyzing order book data: the queue-reactive model, 2015): limit orders, cancellations and
//!   market orders at the best bid and ask have intensities that depend on the queues as they stand.
//!   A queue that is used up moves the price and opens the spread; orders inside the spread close it.
//!
//! Its statistics lie within what real markets show (`cargo run --example market_statistics` prints
//! them; `tests/simulator.rs` holds them): the share of one-tick spreads, how well queue imbalance
//! tells the next move, how much of the price order flow explains, and how clustered events are.
//!
//! Not modelled: depth behind the best prices, the daily rhythm, news, and closing hours. The market
//! opens on 2024-01-02 at 14:30 UTC (half past nine in New York) and never closes.
//!
//! The same seed gives the same quotes, on every machine: nothing here depends on the platform's
//! mathematical library.

mod arrivals;
mod book;
mod random;

use arrivals::Arrivals;
use book::Book;
use random::Random;

use crate::quote::Quote;

/// The smallest price step: one cent, in 1e-9 units.
pub const TICK: i64 = 10_000_000;

/// The smallest quantity: one share, in 1e-9 units.
pub const LOT: i64 = 1_000_000_000;

/// When the market opens: 2024-01-02 14:30 UTC, in nanoseconds since 1970 UTC.
pub const OPENING_NS: u64 = 1_704_205_800_000_000_000;

/// An endless iterator of quotes; no allocation, some tens of nanoseconds each.
///
/// The book is never crossed nor empty, times never go back (they may repeat), and every event
/// concerns one side.
///
/// ```
/// use bot4_pipeline::sim::Simulator;
///
/// let quotes: Vec<_> = Simulator::new(7).take(1000).collect();
/// assert!(quotes.iter().all(|quote| quote.bid_px < quote.ask_px));
/// assert!(Simulator::new(7).take(1000).eq(quotes));
/// ```
#[derive(Clone, Debug)]
pub struct Simulator {
    random: Random,
    arrivals: Arrivals,
    book: Book,
    ts: u64,
}

impl Simulator {
    /// A market of its own for every `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let book = Book::new(&mut random);
        Self { random, arrivals: Arrivals::new(), book, ts: OPENING_NS }
    }
}

impl Iterator for Simulator {
    type Item = Quote;

    #[inline]
    fn next(&mut self) -> Option<Quote> {
        self.ts += self.arrivals.next_interval_ns(&mut self.random);
        self.book.step(&mut self.random);
        Some(self.book.quote(self.ts))
    }
}
