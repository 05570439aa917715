//! Market data decoding, streaming features, in-place stages and a wait-free risk gate.
//!
//! For programs that turn every quote of a market into a decision: bytes become quotes, quotes become
//! rows of numbers, stages work on the rows in place, and a gate admits orders or says why not.
//! Nothing here allocates per event. Prices and quantities are integers of 1e-9 and times are
//! nanoseconds since 1970 UTC until they become features.
//!
//! Not for research on tables of bars or for hundreds of indicators (a data frame library serves
//! better), and not a connection to any exchange: it sends no orders anywhere.
//!
//! ```
//! use bot4_pipeline::Side;
//! use bot4_pipeline::features::{FeatureRow, ROW_WIDTH, Scale};
//! use bot4_pipeline::risk::{Limits, Order, RiskGate};
//! use bot4_pipeline::sim::{self, Simulator};
//! use bot4_pipeline::stage::{Clamp, Normalize, Pipeline};
//!
//! let mut features = FeatureRow::new(Scale::WHOLE, sim::TICK);
//! let normalize = Normalize::new(&[0.0; ROW_WIDTH], &[2.0; ROW_WIDTH]);
//! let mut pipeline = Pipeline::new(ROW_WIDTH, 1, (normalize, Clamp::new(-1.0, 1.0)))?;
//! let gate = RiskGate::new(Limits {
//!     instrument: 0,
//!     tick: sim::TICK,
//!     lot: sim::LOT,
//!     order_qty_max: sim::LOT,
//!     order_notional_max: i64::MAX,
//!     collar_bps: 100,
//!     quote_age_ns_max: 0,
//!     position_max: 10 * sim::LOT,
//!     open_notional_max: i64::MAX,
//!     loss_max: i64::MAX,
//!     rate_orders_max: 100,
//!     rate_window_ns: 1_000_000_000,
//! })?;
//! let mut checker = gate.checker(); // one per thread
//! let mut row = [0.0; ROW_WIDTH];
//! for (id, quote) in (0..).zip(Simulator::new(42).take(1000)) {
//!     features.update(&quote, &[0.0; 3], &mut row);
//!     let queue_imbalance = pipeline.one(&mut row)[0];
//!     if queue_imbalance > 0.9 {
//!         let (side, px, ts) = (Side::Buy, quote.ask_px, quote.ts);
//!         let order = Order { id, instrument: 0, side, px, qty: sim::LOT, ts };
//!         match checker.check(&order, &quote) {
//!             Ok(reservation) => _ = gate.fill(reservation, sim::LOT)?, // sent, executed
//!             Err(reason) => println!("{reason}"),
//!         }
//!     }
//! }
//! assert_eq!(gate.position(), 10 * sim::LOT, "up to the limit");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`feed`]: decoders from the bytes of a recording to quotes and trades.
//! - [`book`]: an order book from every event of every order.
//! - [`features`]: streaming features of quotes, and the rows models see.
//! - [`sim`]: a seeded market that makes quotes.
//! - [`columns`]: a batch of rows as structure of arrays.
//! - [`stage`]: in-place stages for one row or a batch, and their composition.
//! - [`stream`]: threads in a row joined by rings, from a source to a sink.
//! - [`risk`]: a wait-free gate in front of the order path.

pub mod book;
pub mod columns;
pub mod features;
pub mod feed;
mod quote;
pub mod risk;
pub mod sim;
pub mod stage;
pub mod stream;

pub use quote::{Quote, Side, Trade};

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
