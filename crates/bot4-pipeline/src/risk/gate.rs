//! The shared half of the gate: state, totals, limits, and the settling of reservations.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use bot4_lockfree::snapshot::{Published, Reader};

use super::checker::Checker;
use super::limits::{Limits, LimitsError, Rules, in_range, money, notional_units};
use super::order::{Order, Reservation};
use super::reason::Reason;
use super::recent::RecentIds;
use super::sync::{AtomicI64, AtomicU8, Mutex};
use super::totals::{Total, Totals};
use super::window::Window;
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
    window: Window,
    totals: Totals,
    /// For whoever replaces the limits.
    current: Mutex<Limits>,
    /// Cells of the totals that no checker has.
    cells: Mutex<Vec<usize>>,
    /// How many checkers may exist.
    checkers: usize,
}

impl RiskGate {
    /// How many checkers may exist at once; it bounds the steps in flight on a total, and those of a check.
    pub const CHECKERS_MAX: usize = if cfg!(bot4_loom) { 3 } else { 128 };

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
        Self::build(limits, position, Self::CHECKERS_MAX)
    }

    /// As [`with_position`](Self::with_position), for one checker at a time: no locked instruction is left in its
    /// check, which halves the cost. Fills, releases and changes may come from any thread as ever, and the checker may
    /// move between threads; a second one can be had when the first is dropped.
    ///
    /// # Errors
    ///
    /// As [`with_position`](Self::with_position).
    ///
    /// ```
    /// use bot4_pipeline::risk::{Limits, RiskGate};
    ///
    /// # let limits = Limits {
    /// #     instrument: 7, tick: 1, lot: 1, order_qty_max: 9, order_notional_max: 9, collar_bps: 50,
    /// #     quote_age_ns_max: 9, position_max: 9, open_notional_max: 9, loss_max: 9, rate_orders_max: 9,
    /// #     rate_window_ns: 9,
    /// # };
    /// let gate = RiskGate::for_one_checker(limits, 0)?;
    /// let checker = gate.checker();
    /// let sender = std::thread::spawn(move || drop(checker));
    /// sender.join().unwrap();
    /// let _next = gate.checker();
    /// # Ok::<(), bot4_pipeline::risk::LimitsError>(())
    /// ```
    pub fn for_one_checker(limits: Limits, position: i64) -> Result<Self, LimitsError> {
        Self::build(limits, position, 1)
    }

    fn build(limits: Limits, position: i64, checkers: usize) -> Result<Self, LimitsError> {
        limits.validate()?;
        in_range("position", position, -Limits::POSITION_CEILING, Limits::POSITION_CEILING)?;
        Ok(Self {
            shared: Arc::new(Shared {
                id: next_gate_id(),
                rules: Published::new(Rules::new(limits)),
                state: AtomicU8::new(State::Active as u8),
                pnl: AtomicI64::new(0),
                recent: RecentIds::new(),
                window: Window::new(limits.rate_orders_max),
                totals: Totals::new(checkers, position),
                current: Mutex::new(limits),
                cells: Mutex::new((0..checkers).rev().collect()),
                checkers,
            }),
        })
    }

    /// A checker for one thread. Allocates; cold.
    ///
    /// # Panics
    ///
    /// If [`RiskGate::CHECKERS_MAX`] checkers of this gate exist already, or one of a gate
    /// [for one](Self::for_one_checker).
    #[must_use]
    pub fn checker(&self) -> Checker {
        Checker::new(Arc::clone(&self.shared))
    }

    /// Replaces all limits with one pointer swap: a check sees the old limits or the new ones, never a
    /// mixture. Open reservations stay as they are; where they exceed a new limit, orders are denied
    /// until enough is settled. Orders admitted before count under a new rate, too. Takes a lock (for other
    /// callers of this function only) and allocates; checks never wait for it.
    ///
    /// # Errors
    ///
    /// A limit is outside its range, the instrument differs, or the rate is above both 1,024 and the next power
    /// of two of the first rate (the gate remembers that many orders); the old limits stay in force.
    pub fn set_limits(&self, limits: Limits) -> Result<(), LimitsError> {
        limits.validate()?;
        // Nothing below can leave a half-made state, so a poisoned lock is as good as a whole one.
        let mut current = self.shared.current.lock().unwrap_or_else(PoisonError::into_inner);
        let instrument = i64::from(current.instrument);
        in_range("instrument", i64::from(limits.instrument), instrument, instrument)?;
        let remembered = self.shared.window.capacity() as i64;
        in_range("rate_orders_max", limits.rate_orders_max.into(), 1, remembered)?;
        *current = limits;
        self.shared.rules.publish(Rules::new(limits));
        Ok(())
    }

    /// The limits in force. Takes a lock; cold.
    #[must_use]
    pub fn limits(&self) -> Limits {
        *self.shared.current.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.shared.totals.position()
    }

    /// Price times quantity over all open reservations, in 1e-9 of the quote currency, each rounded up
    /// to 1.1e-6. While checks run it may include orders that are being denied. Wait-free.
    #[must_use]
    pub fn open_notional(&self) -> i64 {
        money(self.shared.totals.get(Total::Open))
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
            return Err(SettleError { reservation: rest, reason: SettleReason::Quantity });
        }
        let totals = &self.shared.totals;
        let (opposite, step) = match rest.side {
            Side::Buy => (Total::Short, qty),
            Side::Sell => (Total::Long, -qty),
        };
        // It stays between -2^62 and 2^62 because the admitted totals do.
        totals.move_position(step);
        totals.lower(opposite, qty);
        rest.qty -= qty;
        let open = rest.notional;
        rest.notional = notional_units(rest.px, rest.qty);
        totals.lower(Total::Open, open - rest.notional);
        Ok((rest.qty > 0).then_some(rest))
    }

    /// Gives back a whole reservation: the order was cancelled or rejected. Wait-free.
    ///
    /// # Errors
    ///
    /// The reservation is another gate's; the error holds it and nothing has changed.
    pub fn release(&self, reservation: Reservation) -> Result<(), SettleError> {
        let Reservation { side, qty, notional, .. } = self.own(reservation)?;
        self.shared.totals.lower(Total::of(side), qty);
        self.shared.totals.lower(Total::Open, notional);
        Ok(())
    }

    fn own(&self, reservation: Reservation) -> Result<Reservation, SettleError> {
        if reservation.gate == self.shared.id {
            Ok(reservation)
        } else {
            Err(SettleError { reservation, reason: SettleReason::AnotherGate })
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

    /// Gives a checker a cell of the totals.
    pub(super) fn enter(&self) -> usize {
        let cell = self.cells.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(cell) = cell else {
            panic!("a risk gate has {} checkers already", self.checkers);
        };
        self.totals.open_cell(cell);
        cell
    }

    /// Takes the cell back; what is in it stays part of the totals.
    pub(super) fn leave(&self, cell: usize) {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner).push(cell);
    }

    /// Everything that looks at shared numbers and changes them, for an order of so many notional units that is within
    /// the bounds of one order. It is raised in the caller's cell first, then it is claimed, and what makes the claim
    /// void is taken back.
    #[inline]
    pub(super) fn reserve(
        &self,
        cell: usize,
        order: &Order,
        units: i64,
        rules: &Rules,
        state: State,
    ) -> Admission {
        if self.recent.contains(order.id) {
            return Err(Reason::DuplicateId);
        }
        let want = self.want(order, units, rules, state);
        if self.checkers == 1 {
            self.reserve_alone(order, &want, rules)?;
        } else {
            self.fits(&want, want.qty, want.units)?;
            self.totals.raise(cell, want.side, want.qty);
            self.totals.raise(cell, Total::Open, units);
            if let Err(reason) = self.claim(order, &want, rules) {
                self.totals.raise(cell, want.side, -want.qty);
                self.totals.raise(cell, Total::Open, -units);
                return Err(reason);
            }
        }
        let &Order { id, side, px, qty, .. } = order;
        Ok(Reservation { id, gate: self.id, qty, notional: units, px, side })
    }

    /// For the one checker of its gate: nobody raises meanwhile, so one look is enough.
    #[inline]
    fn reserve_alone(&self, order: &Order, want: &Want, rules: &Rules) -> Result<(), Reason> {
        self.fits(want, want.qty, want.units)?;
        let Limits { rate_orders_max, rate_window_ns, .. } = rules.limits;
        if !self.window.claim_alone(order.ts, rate_orders_max, rate_window_ns) {
            return Err(Reason::RateLimit);
        }
        self.totals.raise(0, want.side, want.qty);
        self.totals.raise(0, Total::Open, want.units);
        self.recent.insert_alone(order.id);
        Ok(())
    }

    /// Whether both totals stay within their limits with so much on top of them.
    #[inline]
    fn fits(&self, want: &Want, qty: i64, units: i64) -> Result<(), Reason> {
        let side_fits = self.totals.get(want.side) <= want.limit - qty;
        if side_fits && self.totals.get(Total::Open) <= want.open_max - units {
            return Ok(());
        }
        Err(if side_fits { Reason::OpenNotional } else { want.side_reason() })
    }

    #[inline]
    fn claim(&self, order: &Order, want: &Want, rules: &Rules) -> Result<(), Reason> {
        let Limits { rate_orders_max, rate_window_ns, .. } = rules.limits;
        let number = self.window.claim(order.ts, rate_orders_max, rate_window_ns).ok_or(Reason::RateLimit)?;
        let confirmed = self.confirm(order, want);
        self.window.note(number, confirmed.is_ok().then_some(order.ts));
        confirmed
    }

    /// Looks again, now that every order claimed earlier is in the totals; the order itself is, too.
    #[inline]
    fn confirm(&self, order: &Order, want: &Want) -> Result<(), Reason> {
        if self.totals.are_shared() {
            self.fits(want, 0, 0)?;
        }
        if self.recent.insert(order.id) { Ok(()) } else { Err(Reason::DuplicateId) }
    }

    #[inline]
    fn want(&self, order: &Order, units: i64, rules: &Rules, state: State) -> Want {
        // ORDERING: Relaxed; one number that publishes nothing else.
        let loss = self.pnl.load(Ordering::Relaxed) <= -rules.limits.loss_max;
        let stopped = loss || state == State::ReduceOnly;
        Want {
            side: Total::of(order.side),
            qty: order.qty,
            limit: if stopped { 0 } else { rules.limits.position_max },
            units,
            open_max: rules.open_notional_max,
            state,
            loss,
        }
    }
}

/// What becomes of an order.
pub(super) type Admission = Result<Reservation, Reason>;

/// What an order wants of the totals.
struct Want {
    side: Total,
    qty: i64,
    limit: i64,
    units: i64,
    open_max: i64,
    state: State,
    /// Whether the loss limit is reached.
    loss: bool,
}

impl Want {
    /// What to say when the side's total is the obstacle.
    #[cold]
    fn side_reason(&self) -> Reason {
        match self.state {
            State::ReduceOnly => Reason::ReduceOnly,
            _ if self.loss => Reason::LossLimit,
            _ => Reason::PositionLimit,
        }
    }
}

fn next_gate_id() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    // ORDERING: Relaxed; only that every caller gets another number.
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Why a reservation was not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettleReason {
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
    pub reason: SettleReason,
}

impl fmt::Display for SettleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.reservation.id();
        match self.reason {
            SettleReason::AnotherGate => write!(f, "the reservation of order {id} belongs to another gate"),
            SettleReason::Quantity => {
                write!(f, "order {id} has {} open, no other quantity can be executed", self.reservation.qty())
            }
        }
    }
}

impl std::error::Error for SettleError {}
