//! A wait-free gate in front of the order path: an order is admitted with a reservation, or denied
//! with a reason.
//!
//! One [`RiskGate`] guards one instrument. Each thread that sends orders owns a [`Checker`]; whoever
//! learns the fate of an order settles its [`Reservation`] with [`RiskGate::fill`] or
//! [`RiskGate::release`].
//!
//! ```
//! use bot4_pipeline::{Quote, Side};
//! use bot4_pipeline::risk::{Limits, Order, Reason, RiskGate};
//!
//! const UNIT: i64 = 1_000_000_000; // quantities and prices are in 1e-9
//! let gate = RiskGate::new(Limits {
//!     instrument: 7,
//!     tick: UNIT / 100,
//!     lot: UNIT,
//!     order_qty_max: 100 * UNIT,
//!     order_notional_max: 50_000 * UNIT,
//!     collar_bps: 50,
//!     quote_age_ns_max: 1_000_000_000,
//!     position_max: 150 * UNIT,
//!     open_notional_max: 100_000 * UNIT,
//!     loss_max: 1_000 * UNIT,
//!     rate_orders_max: 10,
//!     rate_window_ns: 1_000_000_000,
//! })
//! .unwrap();
//! let mut checker = gate.checker();
//!
//! let (bid_px, ask_px) = (200 * UNIT, 200 * UNIT + UNIT / 100);
//! let quote = Quote { ts: 1_000, bid_px, bid_qty: 5 * UNIT, ask_px, ask_qty: 5 * UNIT };
//! let order = Order { id: 1, instrument: 7, side: Side::Buy, px: ask_px, qty: 100 * UNIT, ts: 1_500 };
//!
//! let reservation = checker.check(&order, &quote).unwrap();
//! assert_eq!(checker.check(&order, &quote).unwrap_err(), Reason::DuplicateId);
//! assert_eq!(checker.check(&Order { id: 2, ..order }, &quote).unwrap_err(), Reason::PositionLimit);
//!
//! // 40 are executed, the rest is cancelled.
//! let rest = gate.fill(reservation, 40 * UNIT).unwrap().unwrap();
//! gate.release(rest).unwrap();
//! assert_eq!((gate.position(), gate.open_notional()), (40 * UNIT, 0));
//! ```
//!
//! # What is checked, in this order
//!
//! State, instrument, quantity and price above zero, tick and lot, size, notional, the quote itself,
//! its age, the collar round its mid, a repeated id, the position, the open notional, the rate. The
//! first that fails is the [`Reason`]. Nothing is reserved, recorded or counted for a denied order
//! (with one exception: of checkers that race for the last of a limit, or with the *same id*, one that is
//! denied may spend a unit of the rate).
//!
//! # Why the limits hold under any interleaving
//!
//! The gate does not keep "position" and "open orders" and compare their sum, which two threads could
//! tear. It keeps the two numbers that are limited:
//!
//! - `long`  = position + open buys: the position if every open buy is executed and no sell is;
//! - `short` = open sells - position: the same for the other side.
//!
//! An admitted buy of `n` raises `long` by `n`. An executed one leaves `long` as it is (open became position)
//! and lowers `short`; a cancelled one lowers `long`. *Reduce-only is the same with limit 0*: a sell is
//! admitted while it cannot carry the position through zero whatever else is executed. Once the loss limit is
//! reached the gate acts in the same way.
//!
//! A check that finds room does three things in this order: it *raises* the totals in a cell that only its
//! checker writes, it *claims* a number of the rate's window, and it *looks again* at the totals, all cells
//! added up and its own order among them. Past a limit, it takes back what it raised and the order is denied.
//! Claims are compare-exchanges of one cursor, so they have an order, and each sees what was written before
//! every earlier one. Of two orders that are both admitted the one claimed later has therefore seen the earlier
//! one in the total that it compared with its limit: what is admitted and not settled never exceeds the limit.
//! Two consequences:
//!
//! - The whole check has two locked instructions, the claim and the exchange of the id, where a shared sum
//!   per total would take two more. A gate [for one checker](RiskGate::for_one_checker) has none: nobody raises
//!   meanwhile, so stores do.
//! - A large order that is being denied is briefly part of the total, so another that would have
//!   fitted may be denied beside it. The other direction is impossible.
//!
//! # The atomics
//!
//! | field | written by | read by | ordering | why |
//! | --- | --- | --- | --- | --- |
//! | `state` | `set_state` | every check | Release / Acquire | a check that sees the state also sees the limits published before it |
//! | `pnl` | `set_pnl` | every check | Relaxed | one number that publishes nothing else |
//! | `raised`, a cell per checker | its checker | checks, `open_notional` | Relaxed | the claim publishes it |
//! | `cells` | `checker` | checks | Relaxed | the claim publishes it |
//! | `lowered` | `fill`, `release` | checks, `open_notional` | Release / Acquire | who sees a lowering sees the raising it belongs to |
//! | `cursor` | claims | claims | AcqRel | the order of the claims, and what was written before them |
//! | window `sequence`, `time` | whoever claimed the number | the claim `n` numbers later | Release / Acquire | the time belongs to the number |
//! | `position` | `fill` | `position` | Relaxed | a report; no check reads it |
//! | `recent` slots | checks | checks | Relaxed | the slot's own modification order decides who was first |
//!
//! # Not here
//!
//! Fees, funding and fills made elsewhere are the account's knowledge: it calls
//! [`RiskGate::set_pnl`]. One gate sees one instrument; a limit over several is a `Budget` shared by
//! their owner.

mod checker;
mod gate;
mod limits;
mod multiple;
mod order;
mod reason;
mod recent;
mod sync;
#[cfg(feature = "toml")]
mod toml;
mod totals;
mod window;

pub use checker::Checker;
pub use gate::{RiskGate, SettleError, SettleReason, State};
pub use limits::{Limits, LimitsError};
pub use order::{Order, Reservation};
pub use reason::Reason;
#[cfg(feature = "toml")]
pub use toml::{TomlError, TomlReason};
