//! Why an order was denied: a closed list with codes that never change.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Why an order was denied.
        ///
        /// The codes are stable: they may be stored, sent and counted. A new reason gets a new code,
        /// a retired code is not given out again.
        ///
        /// ```
        /// use bot4_pipeline::risk::Reason;
        ///
        /// assert_eq!(Reason::RateLimit.code(), 17);
        /// assert_eq!(Reason::from_code(17), Some(Reason::RateLimit));
        /// assert_eq!(Reason::RateLimit.to_string(), "too many orders in the window");
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Reason {
            $($(#[$doc])* $name = $code,)*
        }

        impl Reason {
            /// Every reason, in the order of the codes.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The text of the reason, for logs.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The reason with this code, if there is one.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

reasons! {
    /// The gate is halted.
    Halted = 1, "the gate is halted";
    /// The gate is reduce-only and the order could carry the position through zero or away from it.
    ReduceOnly = 2, "only orders that reduce the position pass";
    /// The loss limit is reached and the order does not reduce the position.
    LossLimit = 3, "loss limit reached: only orders that reduce the position pass";
    /// The order is for an instrument this gate does not guard.
    Instrument = 4, "not the instrument of this gate";
    /// The quantity is zero or negative.
    QuantityNotPositive = 5, "quantity is zero or negative";
    /// The price is zero or negative.
    PriceNotPositive = 6, "price is zero or negative";
    /// The price is not a multiple of the tick.
    Tick = 7, "price is not a multiple of the tick";
    /// The quantity is not a multiple of the lot.
    Lot = 8, "quantity is not a multiple of the lot";
    /// The quantity is above the limit for one order.
    OrderQuantity = 9, "quantity above the limit for one order";
    /// Price times quantity is above the limit for one order (no product overflows).
    OrderNotional = 10, "notional above the limit for one order";
    /// The quote lacks a side, is crossed, or has a price that is not above zero.
    NoQuote = 11, "no two-sided uncrossed quote";
    /// Order and quote are further apart in time than allowed, in either direction.
    StaleQuote = 12, "quote too far from the order in time";
    /// The price is too far from the mid of the quote.
    PriceCollar = 13, "price outside the collar round the mid";
    /// An admitted order had this id.
    DuplicateId = 14, "an order with this id was admitted before";
    /// The position could exceed its limit if every open order of this side were executed.
    PositionLimit = 15, "position limit";
    /// The notional of all open orders would exceed its limit.
    OpenNotional = 16, "limit on the notional of open orders";
    /// Too many orders were admitted in the window.
    RateLimit = 17, "too many orders in the window";
}

impl Reason {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Reason {}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn codes_and_texts_are_distinct_and_codes_lead_back() {
        for (index, &reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(Reason::from_code(reason.code()), Some(reason));
            assert!(Reason::ALL[..index].iter().all(|other| other.text() != reason.text()));
            assert!(Reason::ALL[..index].iter().all(|other| other.code() < reason.code()));
        }
        let known = (0..=u8::MAX).filter(|&code| Reason::from_code(code).is_some()).count();
        assert_eq!(known, Reason::ALL.len());
    }
}
