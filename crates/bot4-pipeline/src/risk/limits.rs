//! The limits of a gate: what the user writes, and the form a check reads.

use std::fmt;

use super::multiple::Multiple;
use super::order::Order;
use super::reason::Reason;
use crate::quote::Quote;

/// Everything a gate limits. Replaced as a whole with [`RiskGate::set_limits`](super::RiskGate::set_limits).
///
/// Prices, quantities and amounts of money are in 1e-9 units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The instrument the gate guards; it cannot change later.
    pub instrument: u32,
    /// Prices are multiples of this; above 0.
    pub tick: i64,
    /// Quantities are multiples of this; above 0.
    pub lot: i64,
    /// Largest quantity of one order; from 1 to [`Limits::ORDER_QTY_CEILING`].
    pub order_qty_max: i64,
    /// Largest price times quantity of one order; above 0.
    pub order_notional_max: i64,
    /// How far the price may be from the mid of the quote, in 1/10,000 of the mid.
    pub collar_bps: u32,
    /// How far the clocks of order and quote may be apart.
    pub quote_age_ns_max: u64,
    /// Largest position on either side, open orders of that side counted as executed; from 0 to
    /// [`Limits::POSITION_CEILING`]. With 0 only reducing orders pass.
    pub position_max: i64,
    /// Largest sum of price times quantity over all open orders; above 0. Each order counts rounded up
    /// to 1.1e-6 of the quote currency, so an order that ends within that of the limit may be denied.
    pub open_notional_max: i64,
    /// At a profit and loss of minus this only reducing orders pass; above 0.
    pub loss_max: i64,
    /// How many orders are admitted in any window; from 1 to [`Limits::RATE_ORDERS_CEILING`].
    pub rate_orders_max: u32,
    /// The length of that window; above 0.
    pub rate_window_ns: u64,
}

impl Limits {
    /// No order may be larger than this (18 million whole units), whatever the limits say.
    pub const ORDER_QTY_CEILING: i64 = 1 << 54;
    /// No position may be larger than this (4.6 billion whole units), whatever the limits say.
    pub const POSITION_CEILING: i64 = 1 << 62;
    /// The gate remembers each order of a window (16 bytes each), so there is a highest rate.
    pub const RATE_ORDERS_CEILING: u32 = 1 << 20;

    pub(super) fn validate(&self) -> Result<(), LimitsError> {
        let window = i64::try_from(self.rate_window_ns).unwrap_or(i64::MAX);
        in_range("tick", self.tick, 1, i64::MAX)?;
        in_range("lot", self.lot, 1, i64::MAX)?;
        in_range("order_qty_max", self.order_qty_max, 1, Self::ORDER_QTY_CEILING)?;
        in_range("order_notional_max", self.order_notional_max, 1, i64::MAX)?;
        in_range("position_max", self.position_max, 0, Self::POSITION_CEILING)?;
        in_range("open_notional_max", self.open_notional_max, 1, i64::MAX)?;
        in_range("loss_max", self.loss_max, 1, i64::MAX)?;
        in_range("rate_orders_max", self.rate_orders_max.into(), 1, Self::RATE_ORDERS_CEILING.into())?;
        in_range("rate_window_ns", window, 1, i64::MAX)
    }
}

pub(super) fn in_range(field: &'static str, value: i64, low: i64, high: i64) -> Result<(), LimitsError> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(LimitsError { field, value, low, high }) }
}

/// A limit with a value no gate can enforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsError {
    /// The field of [`Limits`].
    pub field: &'static str,
    /// What stood there.
    pub value: i64,
    /// The lowest value allowed.
    pub low: i64,
    /// The highest value allowed.
    pub high: i64,
}

impl fmt::Display for LimitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, low, high } = self;
        write!(f, "limit `{field}` is {value}, allowed is {low} to {high}")
    }
}

impl std::error::Error for LimitsError {}

/// Open notional is counted in units of 2^40 · 1e-18, about 1.1e-6 of the quote currency, so that
/// scaling is a shift and every `i64` amount of money fits with room for all checkers at once.
const NOTIONAL_SHIFT: u32 = 40;

/// Price times quantity, exact, in 1e-18 units. Both are not negative.
#[inline]
const fn product(px: i64, qty: i64) -> u128 {
    px as u128 * qty as u128
}

/// Notional units of an amount in 1e-18, rounded up. Callers have bounded the amount by `i64::MAX`
/// money, which is under 2^53 units.
#[inline]
const fn units_of(amount: u128) -> i64 {
    (amount.div_ceil(1 << NOTIONAL_SHIFT)) as i64
}

/// Notional units of what is left of an order.
#[inline]
pub(super) const fn notional_units(px: i64, qty: i64) -> i64 {
    units_of(product(px, qty))
}

/// An amount of money in 1e-9 for a number of notional units, rounded down.
pub(super) const fn money(units: i64) -> i64 {
    (((units as i128) << NOTIONAL_SHIFT) / 1_000_000_000) as i64
}

/// The limits as a check wants them: ready for comparing, without a division.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) limits: Limits,
    tick: Multiple,
    lot: Multiple,
    /// 1e-18 units.
    order_notional_max: u128,
    /// Notional units.
    pub(super) open_notional_max: i64,
}

impl Rules {
    /// `limits` are valid.
    pub(super) fn new(limits: Limits) -> Self {
        let money_max = |nanos: i64| nanos as u128 * 1_000_000_000;
        Self {
            limits,
            tick: Multiple::of(limits.tick.unsigned_abs()),
            lot: Multiple::of(limits.lot.unsigned_abs()),
            order_notional_max: money_max(limits.order_notional_max),
            open_notional_max: (money_max(limits.open_notional_max) >> NOTIONAL_SHIFT) as i64,
        }
    }

    /// The bounds of one order and its price against the quote, which need no shared state. Returns the order's
    /// notional units.
    #[inline]
    pub(super) fn bounds<D: Denial>(&self, order: &Order, quote: &Quote) -> Result<i64, D> {
        let units = self.order_bounds(order)?;
        self.collar(order, quote)?;
        Ok(units)
    }

    /// Why an order that is out of bounds is.
    #[cold]
    pub(super) fn fault(&self, order: &Order, quote: &Quote) -> Reason {
        self.bounds::<Reason>(order, quote).expect_err("the same numbers were out of bounds before")
    }

    #[inline]
    fn order_bounds<D: Denial>(&self, order: &Order) -> Result<i64, D> {
        let deny = |broken: bool, reason| if broken { Err(D::new(reason)) } else { Ok(()) };
        deny(order.instrument != self.limits.instrument, Reason::Instrument)?;
        deny(order.qty <= 0, Reason::QuantityNotPositive)?;
        deny(order.px <= 0, Reason::PriceNotPositive)?;
        deny(!self.tick.divides(order.px.unsigned_abs()), Reason::Tick)?;
        deny(!self.lot.divides(order.qty.unsigned_abs()), Reason::Lot)?;
        deny(order.qty > self.limits.order_qty_max, Reason::OrderQuantity)?;
        let amount = product(order.px, order.qty);
        deny(amount > self.order_notional_max, Reason::OrderNotional)?;
        Ok(units_of(amount))
    }

    /// The price against the mid of the quote.
    #[inline]
    fn collar<D: Denial>(&self, order: &Order, quote: &Quote) -> Result<(), D> {
        // A missing side has the greatest price, so the first two say of the bid what the last says of the ask.
        if quote.bid_px <= 0 || quote.bid_px > quote.ask_px || quote.ask_px == Quote::UNDEFINED_PX {
            return Err(D::new(Reason::NoQuote));
        }
        if order.ts.abs_diff(quote.ts) > self.limits.quote_age_ns_max {
            return Err(D::new(Reason::StaleQuote));
        }
        // Twice the mid and twice the price: both are sums of two positive i64, so they fit a u64.
        let mid_doubled = quote.bid_px.unsigned_abs() + quote.ask_px.unsigned_abs();
        let distance = (2 * order.px.unsigned_abs()).abs_diff(mid_doubled);
        if u128::from(distance) * 10_000 > u128::from(self.limits.collar_bps) * u128::from(mid_doubled) {
            return Err(D::new(Reason::PriceCollar));
        }
        Ok(())
    }
}

/// What a rule answers an order that breaks it: the reason, or, on the way of most orders, only that there is one
/// (a reason per rule costs an instruction each before any of them is needed).
pub(super) trait Denial {
    fn new(reason: Reason) -> Self;
}

impl Denial for Reason {
    #[inline]
    fn new(reason: Reason) -> Self {
        reason
    }
}

/// That an order is denied.
#[derive(Debug)]
pub(super) struct Denied;

impl Denial for Denied {
    #[inline]
    fn new(_: Reason) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::{money, notional_units};

    #[test]
    fn notional_units_round_up_and_never_wrap() {
        assert_eq!(notional_units(1, 1), 1);
        assert_eq!(notional_units(1 << 20, 1 << 20), 1);
        assert_eq!(notional_units(1 << 20, (1 << 20) + 1), 2);
        assert_eq!(notional_units(i64::MAX, 1_000_000_000), 8_388_608_000_000_000);
        assert_eq!(notional_units(1 << 62, 1 << 30), 1 << 52);
    }

    #[test]
    fn money_is_the_inverse_within_one_unit() {
        for nanos in [1, 1_100, 12_345_678_901, i64::MAX - 2_000] {
            let back = money(notional_units(nanos, 1_000_000_000));
            assert!(nanos <= back + 1 && back <= nanos + 1_100, "{nanos} became {back}");
        }
    }
}
