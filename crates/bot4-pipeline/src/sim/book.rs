//! What happens to the best bid and ask.

use super::random::Random;
use super::{LOT, TICK};
use crate::quote::Quote;

/// The ticks the first bid stands at.
const FIRST_BID: i64 = 10_000;

/// The lowest bid, in ticks: here the price is pushed no further.
const LOWEST_BID: i64 = 100;

/// The queue, in lots, at which as much is cancelled as arrives.
const USUAL_QUEUE: f64 = 15.0;

/// The widest spread, in ticks.
const SPREAD_MAX: i64 = 8;

/// Rate of limit orders at a best price; the other rates are relative to it.
const LIMIT: f64 = 1.0;

/// Rate of cancellations from a very long queue; in proportion to the queue where it is short.
const CANCEL: f64 = 1.2;

/// Rate of market orders against a very short queue, falling as the queue grows.
const MARKET: f64 = 0.8;

/// Rate of limit orders inside the spread, per side and free tick.
const IMPROVE: f64 = 0.3;

/// How much a queue imbalance of 1 changes the rate of market orders: who sees a long bid, buys.
const LEAN: f64 = 0.6;

/// How much more often the spread closes in the direction of the last price move than against it:
/// above 0 moves tend to stay, at 0 half of them would be undone.
const PRESSURE: f64 = 0.7;

/// One side of the book.
#[derive(Clone, Copy, Debug)]
struct Queue {
    /// Price in ticks.
    price: i64,
    lots: i64,
}

/// The best bid and ask.
#[derive(Clone, Debug)]
pub(super) struct Book {
    bid: Queue,
    ask: Queue,
    /// [`PRESSURE`] after a rise, its negative after a fall.
    pressure: f64,
}

impl Book {
    pub(super) fn new(random: &mut Random) -> Self {
        let bid = Queue { price: FIRST_BID, lots: queue_lots(random) };
        let ask = Queue { price: FIRST_BID + 1, lots: queue_lots(random) };
        Self { bid, ask, pressure: 0.0 }
    }

    pub(super) fn quote(&self, ts: u64) -> Quote {
        Quote {
            ts,
            bid_px: self.bid.price * TICK,
            bid_qty: self.bid.lots * LOT,
            ask_px: self.ask.price * TICK,
            ask_qty: self.ask.lots * LOT,
        }
    }

    /// Lets one event happen.
    pub(super) fn step(&mut self, random: &mut Random) {
        let (bid, ask) = (self.bid.lots as f64, self.ask.lots as f64);
        let imbalance = (bid - ask) / (bid + ask);
        let lean = LEAN * imbalance;
        let room = (self.ask.price - self.bid.price - 1) as f64;
        let weights = [
            LIMIT,
            LIMIT,
            CANCEL * bid / (bid + USUAL_QUEUE),
            CANCEL * ask / (ask + USUAL_QUEUE),
            MARKET * (1.0 - lean) * USUAL_QUEUE / (bid + USUAL_QUEUE),
            MARKET * (1.0 + lean) * USUAL_QUEUE / (ask + USUAL_QUEUE),
            IMPROVE * room * (1.0 + self.pressure),
            IMPROVE * room * (1.0 - self.pressure),
        ];
        let lots = order_lots(random);
        match pick(&weights, random) {
            0 => self.bid.lots += lots,
            1 => self.ask.lots += lots,
            2 | 4 => self.take_bid(lots, random),
            3 | 5 => self.take_ask(lots, random),
            6 => self.bid = Queue { price: self.bid.price + 1, lots },
            _ => self.ask = Queue { price: self.ask.price - 1, lots },
        }
    }

    fn take_bid(&mut self, lots: i64, random: &mut Random) {
        self.bid.lots -= lots;
        if self.bid.lots <= 0 {
            self.bid.lots = queue_lots(random);
            if self.bid.price > LOWEST_BID && self.ask.price - self.bid.price < SPREAD_MAX {
                self.bid.price -= 1;
                self.pressure = -PRESSURE;
            }
        }
    }

    fn take_ask(&mut self, lots: i64, random: &mut Random) {
        self.ask.lots -= lots;
        if self.ask.lots <= 0 {
            self.ask.lots = queue_lots(random);
            if self.ask.price - self.bid.price < SPREAD_MAX {
                self.ask.price += 1;
                self.pressure = PRESSURE;
            }
        }
    }
}

/// The lots of an order: at least 2^k with probability 2^-k, up to 63 (sizes have a heavy tail).
fn order_lots(random: &mut Random) -> i64 {
    let bits = random.bits();
    let scale = bits.leading_zeros().min(5);
    let lots = (1 << scale) + (bits & ((1 << scale) - 1));
    lots as i64
}

/// The lots behind a price that becomes the best: those of several orders.
fn queue_lots(random: &mut Random) -> i64 {
    (0..6).map(|_| order_lots(random)).sum()
}

/// Picks an index with a probability proportional to its weight.
fn pick(weights: &[f64; 8], random: &mut Random) -> usize {
    let total: f64 = weights.iter().sum();
    let mut left = random.uniform() * total;
    for (index, weight) in weights.iter().enumerate() {
        left -= weight;
        if left < 0.0 {
            return index;
        }
    }
    0
}
