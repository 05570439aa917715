//! The shared half of the gate: state, totals, limits, and the settling of reservations.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bot4_lockfree::budget::RateLimit;
use bot4_lockfree::snapshot::{Published, Reader};

use super::checker::Checker;
use super::limits::{Limits, LimitsError, Rules, in_range, money, notional_units};
use super::order::{Order, Reservation};
use super::reason::Reason;
use super::recent::RecentIds;
use super::totals::Total;
use crate::quote::Side;

/// What the gate lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Every order within the limits.
    Active = 0,
    /// Only orders that reduce the position, whatever else of their side is open.
    ReduceOnly = 1,
    /// Nothing.
    Halted = 2,
}

/// The gate of one instrument. Cloning gives another handle to the same gate.
///
/// See the [module](super) for the rules and an example.
#[derive(Clone, Debug)]
pub struct RiskGate {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    /// Tells this gate's reservations from another's.
    id: u64,
    rules: Published<Rules>,
    state: AtomicU8,
    pnl: AtomicI64,
    recent: RecentIds,
    checkers: AtomicUsize,
    /// The limits in force and their rate, for whoever replaces them.
    current: Mutex<(Limits, Arc<RateLimit>)>,
    totals: Totals,
}

/// Written by every check, so together on one line and apart from what checks only read.
#[derive(Debug)]
#[repr(align(128))]
struct Totals {
    long: Total,
    short: Total,
    open: Total,
    position: AtomicI64,
}

impl RiskGate {
    /// How many checkers may exist at once; it bounds the steps in flight on a total.
    pub const CHECKERS_MAX: usize = 128;

    /// An active gate without a position. Allocates; cold.
    ///
    /// # Errors
    ///
    /// A limit is outside its range; the error names it.
    pub fn new(limits: Limits) -> Result<Self, LimitsError> {
        Self::with_position(limits, 0)
    }

    /// An active gate that starts from a position (negative: short), for instance in the middle of a
    /// day. Allocates; cold.
    ///
    /// # Errors
    ///
    /// A limit is outside its range, or the position is beyond [`Limits::POSITION_CEILING`].
    pub fn with_position(limits: Limits, position: i64) -> Result<Self, LimitsError> {
        limits.validate()?;
        in_range("position", position, -Limits::POSITION_CEILING, Limits::POSITION_CEILING)?;
        let rate = Arc::new(RateLimit::new(limits.rate_orders_max, limits.rate_window_ns));
        Ok(Self {
            shared: Arc::new(Shared {
                id: next_gate_id(),
                rules: Published::new(Rules::new(limits, Arc::clone(&rate))),
                state: AtomicU8::new(State::Active as u8),
                pnl: AtomicI64::new(0),
                recent: RecentIds::new(),
                checkers: AtomicUsize::new(0),
                current: Mutex::new((limits, rate)),
                totals: Totals {
                    long: Total::new(position),
                    short: Total::new(-position),
                    open: Total::new(0),
                    position: AtomicI64::new(position),
                },
            }),
        })
    }

    /// A checker for one thread. Allocates; cold.
    ///
    /// # Panics
    ///
    /// If [`RiskGate::CHECKERS_MAX`] checkers of this gate exist already.
    #[must_use]
    pub fn checker(&self) -> Checker {
        Checker::new(Arc::clone(&self.shared))
    }

    /// Replaces all limits with one pointer swap: a check sees the old limits or the new ones, never a
    /// mixture. Open reservations stay as they are; where they exceed a new limit, orders are denied
    /// until enough is settled. A changed rate starts an empty window, an unchanged one continues.
    /// Takes a lock (for other callers of this function only) and allocates; checks never wait for it.
    ///
    /// # Errors
    ///
    /// A limit is outside its range, or the instrument differs; the old limits stay in force.
    pub fn set_limits(&self, limits: Limits) -> Result<(), LimitsError> {
        limits.validate()?;
        // Nothing below can leave the pair half-written, so a poisoned lock is as good as a whole one.
        let mut current = self.shared.current.lock().unwrap_or_else(PoisonError::into_inner);
        let instrument = i64::from(current.0.instrument);
        in_range("instrument", i64::from(limits.instrument), instrument, instrument)?;
        let rate_of = |limits: &Limits| (limits.rate_orders_max, limits.rate_window_ns);
        if rate_of(&limits) != rate_of(&current.0) {
            current.1 = Arc::new(RateLimit::new(limits.rate_orders_max, limits.rate_window_ns));
        }
        current.0 = limits;
        self.shared.rules.publish(Rules::new(limits, Arc::clone(&current.1)));
        Ok(())
    }

    /// The limits in force. Takes a lock; cold.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared.current.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Changes the state for every check that begins after this returns; a check on its way may still
    /// pass by the old one. Wait-free.
    pub fn set_state(&self, state: State) {
        // ORDERING: Release; pairs with the Acquire in `Shared::state`, so that whoever acts by this
        // state also sees the limits published before it.
        self.shared.state.store(state as u8, Ordering::Release);
    }

    /// The state. Wait-free.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// Tells the gate the account's profit and loss since the day began, 1e-9 units (losses are
    /// negative). Wait-free.
    pub fn set_pnl(&self, pnl: i64) {
        // ORDERING: Relaxed; one number that publishes nothing else.
        self.shared.pnl.store(pnl, Ordering::Relaxed);
    }

    /// Executions minus their opposite, 1e-9 units; negative is short. Wait-free.
    #[must_use]
    pub fn position(&self) -> i64 {
        // ORDERING: Relaxed; a report, no check reads it.
        self.shared.totals.position.load(Ordering::Relaxed)
    }

    /// Price times quantity over all open reservations, in 1e-9 of the quote currency, each rounded up
    /// to 1.1e-6. While checks run it may include orders that are being denied. Wait-free.
    #[must_use]
    pub fn open_notional(&self) -> i64 {
        money(self.shared.totals.open.get())
    }

    /// Moves `qty` of a reservation into the position: the order was executed, in part or in whole.
    /// Gives back what is still open. Wait-free.
    ///
    /// # Errors
    ///
    /// The quantity is not positive or more than is open, or the reservation is another gate's. The
    /// error holds the reservation; nothing has changed.
    pub fn fill(&self, reservation: Reservation, qty: i64) -> Result<Option<Reservation>, SettleError> {
        let mut rest = self.own(reservation)?;
        if qty <= 0 || qty > rest.qty {
            return Err(SettleError { reservation: rest, fault: SettleFault::Quantity });
        }
        let totals = &self.shared.totals;
        let (opposite, step) = match rest.side {
            Side::Buy => (&totals.short, qty),
            Side::Sell => (&totals.long, -qty),
        };
        // ORDERING: Relaxed; a report, no check reads it. It stays between -2^62 and 2^62 because the
        // admitted totals do.
        totals.position.fetch_add(step, Ordering::Relaxed);
        opposite.lower(qty);
        rest.qty -= qty;
        let open = rest.notional;
        rest.notional = notional_units(rest.px, rest.qty);
        totals.open.lower(open - rest.notional);
        Ok((rest.qty > 0).then_some(rest))
    }

    /// Gives back a whole reservation: the order was cancelled or rejected. Wait-free.
    ///
    /// # Errors
    ///
    /// The reservation is another gate's; the error holds it and nothing has changed.
    pub fn release(&self, reservation: Reservation) -> Result<(), SettleError> {
        let reservation = self.own(reservation)?;
        self.shared.totals.give_back(&reservation);
        Ok(())
    }

    fn own(&self, reservation: Reservation) -> Result<Reservation, SettleError> {
        if reservation.gate == self.shared.id {
            Ok(reservation)
        } else {
            Err(SettleError { reservation, fault: SettleFault::AnotherGate })
        }
    }
}

impl Shared {
    #[inline]
    pub(super) fn state(&self) -> State {
        // ORDERING: Acquire; pairs with the Release in `set_state`.
        match self.state.load(Ordering::Acquire) {
            0 => State::Active,
            1 => State::ReduceOnly,
            _ => State::Halted,
        }
    }

    pub(super) fn reader(&self) -> Reader<Rules> {
        self.rules.reader()
    }

    /// Counts a checker in.
    pub(super) fn enter(&self) {
        // ORDERING: Relaxed; a count, it publishes nothing.
        let before = self.checkers.fetch_add(1, Ordering::Relaxed);
        if before >= RiskGate::CHECKERS_MAX {
            self.leave();
            panic!("a risk gate has {} checkers already", RiskGate::CHECKERS_MAX);
        }
    }

    /// Counts a checker out.
    pub(super) fn leave(&self) {
        // ORDERING: Relaxed; a count, it publishes nothing.
        self.checkers.fetch_sub(1, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_recent(&self, id: u64) -> bool {
        self.recent.contains(id)
    }

    /// Everything that changes shared numbers; all of it is undone when a later part denies.
    #[inline]
    pub(super) fn reserve(
        &self,
        order: &Order,
        units: i64,
        rules: &Rules,
        state: State,
    ) -> Result<Reservation, Reason> {
        let (limit, reason) = self.position_limit(rules, state);
        let side = self.totals.of(order.side);
        if !side.try_raise(order.qty, limit) {
            return Err(reason);
        }
        if !self.totals.open.try_raise(units, rules.open_notional_max) {
            side.lower(order.qty);
            return Err(Reason::OpenNotional);
        }
        let &Order { id, side, px, qty, .. } = order;
        let reservation = Reservation { id, gate: self.id, qty, notional: units, px, side };
        match self.record(order, rules) {
            Ok(()) => Ok(reservation),
            Err(reason) => {
                self.totals.give_back(&reservation);
                Err(reason)
            }
        }
    }

    /// The limit for the total of one side, and what to call it.
    #[inline]
    fn position_limit(&self, rules: &Rules, state: State) -> (i64, Reason) {
        // ORDERING: Relaxed; one number that publishes nothing else.
        let pnl = self.pnl.load(Ordering::Relaxed);
        if state == State::ReduceOnly {
            (0, Reason::ReduceOnly)
        } else if pnl <= -rules.limits.loss_max {
            (0, Reason::LossLimit)
        } else {
            (rules.limits.position_max, Reason::PositionLimit)
        }
    }

    #[inline]
    fn record(&self, order: &Order, rules: &Rules) -> Result<(), Reason> {
        if !rules.rate.try_acquire(order.ts) {
            return Err(Reason::RateLimit);
        }
        if !self.recent.insert(order.id) {
            return Err(Reason::DuplicateId);
        }
        Ok(())
    }
}

impl Totals {
    #[inline]
    fn of(&self, side: Side) -> &Total {
        match side {
            Side::Buy => &self.long,
            Side::Sell => &self.short,
        }
    }

    fn give_back(&self, reservation: &Reservation) {
        self.of(reservation.side).lower(reservation.qty);
        self.open.lower(reservation.notional);
    }
}

fn next_gate_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // ORDERING: Relaxed; only that every caller gets another number.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Why a reservation was not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettleFault {
    /// It belongs to another gate.
    AnotherGate,
    /// The executed quantity is not positive or more than is open.
    Quantity,
}

/// A reservation that could not be settled, handed back.
#[derive(Debug, PartialEq, Eq)]
pub struct SettleError {
    /// The reservation, unchanged.
    pub reservation: Reservation,
    /// What is wrong.
    pub fault: SettleFault,
}

impl fmt::Display for SettleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.reservation.id();
        match self.fault {
            SettleFault::AnotherGate => write!(f, "the reservation of order {id} belongs to another gate"),
            SettleFault::Quantity => {
                write!(f, "order {id} has {} open, no other quantity can be executed", self.reservation.qty())
            }
        }
    }
}

impl std::error::Error for SettleError {}
