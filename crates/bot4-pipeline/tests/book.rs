//! The order book against a naive one, and on events that do not fit.

use std::collections::{BTreeMap, HashMap};

use bot4_pipeline::book::{Action, BookError, Level, OrderBook, OrderEvent, Resting};
use bot4_pipeline::{Quote, Side};
use bot4_pool::audit::{self, CountingAllocator};
use proptest::prelude::*;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

const ADD: OrderEvent = OrderEvent {
    ts: 1,
    order_id: 1,
    px: 100,
    qty: 5,
    instrument: 1,
    action: Action::Add,
    side: Some(Side::Buy),
    flags: OrderEvent::LAST,
};

fn event(action: Action, order_id: u64, side: Side, px: i64, qty: i64) -> OrderEvent {
    OrderEvent { order_id, px, qty, action, side: Some(side), ..ADD }
}

#[test]
fn an_event_that_does_not_fit_has_its_fault_and_changes_nothing() {
    let mut book = OrderBook::new(2, 1);
    book.apply(&ADD).unwrap();
    let other = OrderEvent { order_id: 2, ..ADD };
    let full = OrderEvent { qty: i64::MAX, ..other };
    let cancel = OrderEvent { action: Action::Cancel, ..ADD };
    let modify = OrderEvent { action: Action::Modify, ..ADD };
    for (event, fault) in [
        (ADD, BookError::DuplicateOrder),
        (OrderEvent { side: None, ..other }, BookError::NoSide),
        (OrderEvent { px: Quote::UNDEFINED_PX, ..other }, BookError::NoPrice),
        (OrderEvent { qty: 0, ..other }, BookError::Quantity),
        (OrderEvent { qty: -1, ..other }, BookError::Quantity),
        (OrderEvent { px: 101, ..other }, BookError::PricesFull),
        (full, BookError::Overflow),
        (OrderEvent { order_id: 2, ..cancel }, BookError::UnknownOrder),
        (OrderEvent { qty: 6, ..cancel }, BookError::Quantity),
        (OrderEvent { qty: 0, ..cancel }, BookError::Quantity),
        (OrderEvent { qty: i64::MIN, ..cancel }, BookError::Quantity),
        (OrderEvent { qty: -1, ..modify }, BookError::Quantity),
        (OrderEvent { side: Some(Side::Sell), ..modify }, BookError::OtherSide),
        (OrderEvent { px: Quote::UNDEFINED_PX, ..modify }, BookError::NoPrice),
        (OrderEvent { px: 101, ..modify }, BookError::PricesFull),
    ] {
        assert_eq!(book.apply(&event), Err(fault), "{event:?}");
        assert_eq!((book.len(), book.best(Side::Buy)), (1, Some(Level { px: 100, qty: 5, orders: 1 })));
        assert_eq!(book.order(1), Some(Resting { side: Side::Buy, px: 100, qty: 5 }));
        assert_eq!(book.best(Side::Sell), None);
    }
    book.apply(&other).unwrap();
    let third = OrderEvent { order_id: 3, ..ADD };
    assert_eq!(book.apply(&third), Err(BookError::OrdersFull));
    let overflow = OrderEvent { order_id: 2, qty: i64::MAX - 4, ..modify };
    assert_eq!(book.apply(&overflow), Err(BookError::Overflow));
    assert_eq!(book.best(Side::Buy).map(|level| level.qty), Some(10));
}

#[test]
fn a_modification_moves_resizes_adds_or_removes() {
    let mut book = OrderBook::new(4, 4);
    book.apply(&ADD).unwrap();
    let modify = OrderEvent { action: Action::Modify, ..ADD };
    book.apply(&OrderEvent { px: 101, qty: 3, ..modify }).unwrap();
    assert!(book.levels(Side::Buy).eq([Level { px: 101, qty: 3, orders: 1 }]));
    book.apply(&OrderEvent { px: 101, qty: 9, side: None, ..modify }).unwrap();
    assert!(book.levels(Side::Buy).eq([Level { px: 101, qty: 9, orders: 1 }]));
    book.apply(&OrderEvent { order_id: 7, ..modify }).unwrap();
    assert_eq!((book.len(), book.levels(Side::Buy).len()), (2, 2));
    book.apply(&OrderEvent { qty: 0, ..modify }).unwrap();
    assert!(book.levels(Side::Buy).eq([Level { px: 100, qty: 5, orders: 1 }]));
    book.apply(&OrderEvent { action: Action::Clear, ..ADD }).unwrap();
    assert!(book.is_empty() && book.best(Side::Buy).is_none() && book.order(7).is_none());
}

#[test]
fn trades_and_fills_leave_the_book_alone() {
    let mut book = OrderBook::new(4, 4);
    book.apply(&ADD).unwrap();
    for action in [Action::Trade, Action::Fill, Action::Nothing] {
        book.apply(&OrderEvent { action, ..ADD }).unwrap();
        assert_eq!(
            book.quote(9),
            Quote { ts: 9, bid_px: 100, bid_qty: 5, ask_px: Quote::UNDEFINED_PX, ask_qty: 0 }
        );
    }
}

#[test]
fn prices_at_the_ends_of_their_range_sort() {
    let mut book = OrderBook::new(8, 4);
    for (id, side, px) in [
        (1, Side::Sell, i64::MIN),
        (2, Side::Sell, i64::MAX - 1),
        (3, Side::Sell, 0),
        (4, Side::Buy, i64::MIN),
        (5, Side::Buy, i64::MAX - 1),
    ] {
        book.apply(&event(Action::Add, id, side, px, 1)).unwrap();
    }
    assert!(book.levels(Side::Sell).map(|level| level.px).eq([i64::MIN, 0, i64::MAX - 1]));
    assert!(book.levels(Side::Buy).map(|level| level.px).eq([i64::MAX - 1, i64::MIN]));
}

/// Maps, and every sum from scratch.
#[derive(Default)]
struct Naive(HashMap<u64, Resting>);

impl Naive {
    /// Takes an event that fits.
    fn apply(&mut self, event: &OrderEvent) {
        let &OrderEvent { order_id, px, qty, action, .. } = event;
        match action {
            Action::Add => {
                self.0.insert(order_id, Resting { side: event.side.unwrap(), px, qty });
            }
            Action::Cancel => self.0.get_mut(&order_id).unwrap().qty -= qty,
            Action::Modify => {
                let side = self.0.get(&order_id).map_or(event.side, |order| Some(order.side)).unwrap();
                self.0.insert(order_id, Resting { side, px, qty });
            }
            Action::Clear => self.0.clear(),
            Action::Trade | Action::Fill | Action::Nothing => {}
        }
        self.0.retain(|_, order| order.qty > 0);
    }

    fn levels(&self, side: Side) -> Vec<Level> {
        let mut levels = BTreeMap::<i64, (i64, u32)>::new();
        for order in self.0.values().filter(|order| order.side == side) {
            let level = levels.entry(order.px).or_default();
            *level = (level.0 + order.qty, level.1 + 1);
        }
        let ascending = levels.into_iter().map(|(px, (qty, orders))| Level { px, qty, orders });
        if side == Side::Buy { ascending.rev().collect() } else { ascending.collect() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Few ids and prices, so that orders are found again and levels come and go; more prices than the near
    /// part of a search sees.
    #[test]
    fn equals_a_naive_book(
        steps in prop::collection::vec((0..40_u8, 1..60_u64, any::<bool>(), 0..45_i64, 0..9_i64), 1..400),
    ) {
        let (mut book, mut naive) = (OrderBook::new(64, 64), Naive::default());
        for (kind, id, buy, px, qty) in steps {
            let action = match kind {
                0 => Action::Clear,
                1..20 => Action::Add,
                20..30 => Action::Cancel,
                30..38 => Action::Modify,
                38 => Action::Trade,
                _ => Action::Fill,
            };
            let event = event(action, id, if buy { Side::Buy } else { Side::Sell }, px, qty);
            let (applied, counts) = audit::count(|| {
                book.prefetch(id.wrapping_mul(0x0101_0101));
                book.apply(&event)
            });
            prop_assert_eq!((counts.allocations, counts.deallocations), (0, 0));
            if applied.is_ok() {
                naive.apply(&event);
            }
            prop_assert_eq!(book.len(), naive.0.len());
            for side in [Side::Buy, Side::Sell] {
                prop_assert_eq!(book.levels(side).collect::<Vec<_>>(), naive.levels(side));
            }
            prop_assert_eq!(book.order(id), naive.0.get(&id).copied());
        }
    }
}
