//! What goes into a check and what comes out of it.

use crate::quote::Side;

/// An order as the strategy wants it; the gate has not looked at it yet, so any value may stand here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Chosen by the sender; the same id twice within the gate's memory is denied.
    pub id: u64,
    /// Which instrument; a gate guards one.
    pub instrument: u32,
    /// Buy or sell.
    pub side: Side,
    /// Limit price, 1e-9 units.
    pub px: i64,
    /// Quantity, 1e-9 units.
    pub qty: i64,
    /// The moment of the check, nanoseconds since 1970 UTC: the clock for quote age and rate.
    pub ts: u64,
}

/// The exposure an admitted order holds until it is executed, cancelled or rejected.
///
/// It can neither be copied nor made by hand, and settling takes it by value: giving the same
/// exposure back twice does not compile. It is plain data, so it crosses threads through any ring or
/// map. Dropping it without settling keeps the exposure reserved: an order that may still be alive at
/// the exchange must not be forgotten.
///
/// ```compile_fail
/// # use bot4_pipeline::risk::{Reservation, RiskGate};
/// fn twice(gate: &RiskGate, reservation: Reservation) {
///     let _ = gate.release(reservation);
///     let _ = gate.release(reservation); // use of moved value
/// }
/// ```
#[must_use = "the exposure stays reserved until the gate gets this back"]
#[derive(Debug, PartialEq, Eq)]
pub struct Reservation {
    pub(super) id: u64,
    pub(super) gate: u64,
    pub(super) qty: i64,
    /// Of the whole remaining quantity, in the gate's notional units.
    pub(super) notional: i64,
    pub(super) px: i64,
    pub(super) side: Side,
}

impl Reservation {
    /// The id of the order that was admitted.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The side of the order.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// What is neither executed nor released yet, 1e-9 units.
    #[must_use]
    pub const fn qty(&self) -> i64 {
        self.qty
    }
}
