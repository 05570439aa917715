//! The market events every decoder produces and every feature consumes.

/// A side of the market: of an order, or of the party that initiated a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The buyer.
    Buy,
    /// The seller.
    Sell,
}

/// The best bid and ask at one moment.
///
/// Prices and quantities are integers in units of 1e-9 (the DBN convention), so decoding loses
/// nothing and comparing prices is exact. A side without orders has quantity 0 and the price
/// [`Quote::UNDEFINED_PX`]; [`Quote::is_two_sided`] tells.
///
/// ```
/// use bot4_pipeline::Quote;
///
/// // 223.18 x 100 / 223.95 x 100, half past nine New York on a summer day.
/// let quote = Quote {
///     ts: 1_340_285_400_017_459_617,
///     bid_px: 223_180_000_000,
///     bid_qty: 100_000_000_000,
///     ask_px: 223_950_000_000,
///     ask_qty: 100_000_000_000,
/// };
/// assert!(quote.is_two_sided() && !quote.is_crossed());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quote {
    /// Nanoseconds since 1970 UTC.
    pub ts: u64,
    /// Best bid price, 1e-9 units.
    pub bid_px: i64,
    /// Quantity at the best bid, 1e-9 units.
    pub bid_qty: i64,
    /// Best ask price, 1e-9 units.
    pub ask_px: i64,
    /// Quantity at the best ask, 1e-9 units.
    pub ask_qty: i64,
}

impl Quote {
    /// The price of a side that has no orders (DBN's undefined price).
    pub const UNDEFINED_PX: i64 = i64::MAX;

    /// Whether both sides have a price.
    #[must_use]
    pub const fn is_two_sided(&self) -> bool {
        self.bid_px != Self::UNDEFINED_PX && self.ask_px != Self::UNDEFINED_PX
    }

    /// Whether the bid stands above the ask; a locked book (equal prices) is not crossed, nor is one
    /// that lacks a side.
    #[must_use]
    pub const fn is_crossed(&self) -> bool {
        self.is_two_sided() && self.bid_px > self.ask_px
    }
}

/// One execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trade {
    /// Nanoseconds since 1970 UTC.
    pub ts: u64,
    /// Price, 1e-9 units.
    pub px: i64,
    /// Quantity, 1e-9 units.
    pub qty: i64,
    /// Who initiated the trade (the side of the incoming order, not of the resting one).
    pub aggressor: Side,
}

#[cfg(test)]
mod tests {
    use super::Quote;

    const QUOTE: Quote = Quote { ts: 0, bid_px: 10, bid_qty: 1, ask_px: 11, ask_qty: 1 };

    #[test]
    fn a_locked_book_is_not_crossed() {
        assert!(!Quote { ask_px: 10, ..QUOTE }.is_crossed());
        assert!(Quote { ask_px: 9, ..QUOTE }.is_crossed());
    }

    #[test]
    fn a_missing_side_is_neither_two_sided_nor_crossed() {
        let no_bid = Quote { bid_px: Quote::UNDEFINED_PX, bid_qty: 0, ..QUOTE };
        assert!(!no_bid.is_two_sided());
        assert!(!no_bid.is_crossed());
        assert!(!Quote { ask_px: Quote::UNDEFINED_PX, ask_qty: 0, ..QUOTE }.is_two_sided());
    }
}
