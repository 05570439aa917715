//! An order book rebuilt from every event of every order (market by order).
//!
//! ```
//! use bot4_pipeline::Side;
//! use bot4_pipeline::book::{Action, OrderBook, OrderEvent};
//!
//! const UNIT: i64 = 1_000_000_000; // prices and quantities are in 1e-9
//! let mut book = OrderBook::new(1_000, 100);
//! let add = |order_id, side, px, qty| OrderEvent {
//!     ts: 1,
//!     order_id,
//!     px: px * UNIT,
//!     qty: qty * UNIT,
//!     instrument: 7,
//!     action: Action::Add,
//!     side: Some(side),
//!     flags: OrderEvent::LAST,
//! };
//! for event in [add(1, Side::Buy, 99, 5), add(2, Side::Buy, 99, 7), add(3, Side::Sell, 101, 4)] {
//!     book.apply(&event)?;
//! }
//! book.apply(&OrderEvent { action: Action::Cancel, qty: 2 * UNIT, ..add(1, Side::Buy, 99, 0) })?;
//! let quote = book.quote(1);
//! assert_eq!((quote.bid_px, quote.bid_qty, quote.ask_qty), (99 * UNIT, 10 * UNIT, 4 * UNIT));
//! # Ok::<(), bot4_pipeline::book::BookError>(())
//! ```
//!
//! # What the events do
//! | action | effect |
//! | --- | --- |
//! | add | the order rests; its id must be new |
//! | cancel | takes `qty` from the order; it goes when nothing is left |
//! | modify | the order has this price and quantity now (of 0: it goes); an id not known counts as an add |
//! | clear | no order is left |
//! | trade, fill, nothing | none: a cancel or modify follows where the book changes |
//!
//! Between the events of one change of the market the book may be crossed or lack a level: look at it after
//! an event whose [`is_last`](OrderEvent::is_last) holds. Before trading opens it may be crossed for hours.
//!
//! # Inside
//! Orders stand in a hash table of fixed size (open addressing, linear probing, deletion by shifting back): an event waits
//! for the line of its order more than for all else, unless it was [asked for](OrderBook::prefetch);
//! levels in one sorted array per side with the best at its end, where nearly all events happen: a search compares
//! the last few levels all at once before it halves the rest, and what an insertion moves is what lies in front
//! of the level. All memory is there from the start.

mod ladder;
mod orders;

use core::fmt;

use ladder::Ladder;
use orders::OrderTable;

use crate::quote::{Quote, Side};

/// What happened to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A new order rests.
    Add,
    /// An order is cancelled, in part or in whole; of executed orders, too.
    Cancel,
    /// An order has another price or quantity.
    Modify,
    /// The book is empty.
    Clear,
    /// An incoming order traded. The book does not change.
    Trade,
    /// A resting order was executed. The book does not change; a cancel or modify follows.
    Fill,
    /// Nothing; the record carries flags or other data.
    Nothing,
}

/// One event of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrderEvent {
    /// Nanoseconds since 1970 UTC.
    pub ts: u64,
    /// The venue's name for the order.
    pub order_id: u64,
    /// Price, 1e-9 units.
    pub px: i64,
    /// Quantity, 1e-9 units; of a cancel what is taken away.
    pub qty: i64,
    /// Which instrument.
    pub instrument: u32,
    /// What happened.
    pub action: Action,
    /// The side of the order; of a trade the aggressor's. Not all events have one.
    pub side: Option<Side>,
    /// Bits of the feed: [`LAST`](Self::LAST), [`SNAPSHOT`](Self::SNAPSHOT), and others.
    pub flags: u8,
}

impl OrderEvent {
    /// The last record of one change of the market: the book is whole after it.
    pub const LAST: u8 = 1 << 7;

    /// The record repeats an order that was there before the recording.
    pub const SNAPSHOT: u8 = 1 << 5;

    /// Whether the book is whole after this event.
    #[inline]
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.flags & Self::LAST != 0
    }
}

/// The resting orders of one instrument, and their sums per price.
///
/// [`apply`](Self::apply) allocates nothing. It takes constant time but for levels that come and go (it moves
/// the levels in front of them) and for [`Action::Clear`] (which wipes the table of orders).
#[derive(Clone, Debug)]
pub struct OrderBook {
    orders: OrderTable,
    /// Bids and asks. Which of the two an event concerns is a coin toss, so it is an index and no branch.
    sides: [Ladder; 2],
}

/// A price and what rests there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Price, 1e-9 units.
    pub px: i64,
    /// Quantity of all orders, 1e-9 units.
    pub qty: i64,
    /// How many orders.
    pub orders: u32,
}

/// An order in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting {
    /// Buy or sell.
    pub side: Side,
    /// Price, 1e-9 units.
    pub px: i64,
    /// What is left of its quantity, 1e-9 units.
    pub qty: i64,
}

impl OrderBook {
    /// An empty book with room for so many orders, and for so many prices on each side. Allocates all its
    /// memory: 48 to 96 bytes per order and 48 per price.
    ///
    /// # Panics
    /// If the room for orders is 0 or beyond 2^31, or that for prices is 0.
    #[must_use]
    pub fn new(orders_max: usize, prices_max: usize) -> Self {
        assert!((1..=1 << 31).contains(&orders_max), "a book for {orders_max} orders");
        assert!(prices_max > 0, "a book needs room for a price on each side");
        let sides = core::array::from_fn(|_| Ladder::new(prices_max));
        Self { orders: OrderTable::new(orders_max), sides }
    }

    /// Takes the next event. No allocation.
    ///
    /// # Errors
    /// The event does not fit the book; the book is as it was.
    #[inline]
    pub fn apply(&mut self, event: &OrderEvent) -> Result<(), BookError> {
        match event.action {
            Action::Add => self.add(event),
            Action::Cancel => self.cancel(event.order_id, event.qty),
            Action::Modify => self.modify(event),
            Action::Clear => {
                self.clear();
                Ok(())
            }
            Action::Trade | Action::Fill | Action::Nothing => Ok(()),
        }
    }

    /// Brings what an event of this order will look at near, while events before it are applied. In a large book that is
    /// most of what an event costs: call it for the second event after the one that is applied next, where events
    /// come from a buffer. No effect otherwise; no allocation.
    ///
    /// ```
    /// use bot4_pipeline::book::{BookError, OrderBook, OrderEvent};
    ///
    /// fn apply_all(book: &mut OrderBook, events: &[OrderEvent]) -> Result<(), BookError> {
    ///     for (i, event) in events.iter().enumerate() {
    ///         if let Some(later) = events.get(i + 2) {
    ///             book.prefetch(later.order_id);
    ///         }
    ///         book.apply(event)?;
    ///     }
    ///     Ok(())
    /// }
    /// assert_eq!(apply_all(&mut OrderBook::new(100, 10), &[]), Ok(()));
    /// ```
    #[inline]
    pub fn prefetch(&self, order_id: u64) {
        self.orders.prefetch(order_id);
    }

    /// Removes all orders. Wipes the whole table; no allocation.
    pub fn clear(&mut self) {
        self.orders.clear();
        self.sides.iter_mut().for_each(Ladder::clear);
    }

    #[inline]
    fn add(&mut self, event: &OrderEvent) -> Result<(), BookError> {
        let side = event.side.ok_or(BookError::NoSide)?;
        let (px, qty) = (event.px, event.qty);
        if qty <= 0 {
            return Err(BookError::Quantity);
        }
        if px == Quote::UNDEFINED_PX {
            return Err(BookError::NoPrice);
        }
        let slot = self.orders.vacancy(event.order_id)?;
        self.ladder(side).raise(key(side, px), qty)?;
        self.orders.fill(slot, event.order_id, Resting { side, px, qty });
        Ok(())
    }

    #[inline]
    fn cancel(&mut self, id: u64, qty: i64) -> Result<(), BookError> {
        let slot = self.orders.find(id).ok_or(BookError::UnknownOrder)?;
        let order = self.orders.get(slot);
        if qty <= 0 || qty > order.qty {
            return Err(BookError::Quantity);
        }
        if qty == order.qty {
            self.remove(slot, order);
        } else {
            self.orders.set(slot, Resting { qty: order.qty - qty, ..order });
            self.ladder(order.side).lower(key(order.side, order.px), qty, 0);
        }
        Ok(())
    }

    #[inline]
    fn modify(&mut self, event: &OrderEvent) -> Result<(), BookError> {
        let Some(slot) = self.orders.find(event.order_id) else { return self.add(event) };
        let order = self.orders.get(slot);
        let (px, qty, side) = (event.px, event.qty, order.side);
        if event.side.is_some_and(|other| other != side) {
            return Err(BookError::OtherSide);
        }
        if qty < 0 {
            return Err(BookError::Quantity);
        }
        if qty == 0 {
            self.remove(slot, order);
            return Ok(());
        }
        if px == Quote::UNDEFINED_PX {
            return Err(BookError::NoPrice);
        }
        let ladder = self.ladder(side);
        if px == order.px {
            ladder.replace(key(side, px), order.qty, qty)?;
        } else {
            ladder.raise(key(side, px), qty)?;
            ladder.lower(key(side, order.px), order.qty, 1);
        }
        self.orders.set(slot, Resting { side, px, qty });
        Ok(())
    }

    #[inline]
    fn remove(&mut self, slot: usize, order: Resting) {
        self.orders.remove(slot);
        self.ladder(order.side).lower(key(order.side, order.px), order.qty, 1);
    }

    #[inline]
    fn ladder(&mut self, side: Side) -> &mut Ladder {
        &mut self.sides[side as usize]
    }

    /// The best bid and ask, as of `ts`. A side without orders has quantity 0 at [`Quote::UNDEFINED_PX`].
    #[inline]
    #[must_use]
    pub fn quote(&self, ts: u64) -> Quote {
        let best = |side| self.best(side).map_or((Quote::UNDEFINED_PX, 0), |level| (level.px, level.qty));
        let ((bid_px, bid_qty), (ask_px, ask_qty)) = (best(Side::Buy), best(Side::Sell));
        Quote { ts, bid_px, bid_qty, ask_px, ask_qty }
    }

    /// The best level of a side.
    #[inline]
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.levels(side).next()
    }

    /// The levels of a side, the best first: `levels(side).take(10)` are the top ten.
    ///
    /// ```
    /// use bot4_pipeline::{Side, book::OrderBook};
    ///
    /// assert_eq!(OrderBook::new(10, 10).levels(Side::Buy).take(10).count(), 0);
    /// ```
    #[inline]
    pub fn levels(&self, side: Side) -> impl ExactSizeIterator<Item = Level> + '_ {
        let levels = self.sides[side as usize].best_first();
        levels.map(move |(key, qty, orders)| Level { px: self::key(side, key), qty, orders })
    }

    /// How many orders rest.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether no order rests.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.orders.len() == 0
    }

    /// The order with this id, if it rests.
    #[must_use]
    pub fn order(&self, id: u64) -> Option<Resting> {
        self.orders.find(id).map(|slot| self.orders.get(slot))
    }
}

/// What levels are sorted by, so that the best is the largest: the price of a bid, and the complement of that
/// of an ask (the negative could overflow). It is its own inverse.
#[inline]
const fn key(side: Side, px: i64) -> i64 {
    px ^ -(side as i64)
}

/// Why an event does not fit the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BookError {
    /// An order with this id rests already.
    DuplicateOrder,
    /// No order with this id rests.
    UnknownOrder,
    /// A new order says neither buy nor sell.
    NoSide,
    /// The order rests on the other side.
    OtherSide,
    /// A new price that is undefined.
    NoPrice,
    /// The quantity is not above zero, or more is cancelled than rests.
    Quantity,
    /// A level's quantity would not fit 64 bits.
    Overflow,
    /// The book holds as many orders as it has room for.
    OrdersFull,
    /// The side has as many prices as there is room for.
    PricesFull,
}

impl fmt::Display for BookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DuplicateOrder => "an order with this id rests already",
            Self::UnknownOrder => "no order with this id rests",
            Self::NoSide => "the new order has no side",
            Self::OtherSide => "the order rests on the other side",
            Self::NoPrice => "the new price is undefined",
            Self::Quantity => "the quantity is not above zero, or above what rests",
            Self::Overflow => "the quantity of the level would not fit 64 bits",
            Self::OrdersFull => "no room for another order",
            Self::PricesFull => "no room for another price",
        })
    }
}

impl core::error::Error for BookError {}
