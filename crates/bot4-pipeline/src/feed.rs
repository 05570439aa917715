//! Decoders from recorded market data to [`Quote`](crate::Quote)s and [`Trade`](crate::Trade)s.
//!
//! A decoder is an iterator over the bytes of a recording. It copies nothing, allocates nothing and
//! looks at every byte once; where the bytes come from, and whether they were compressed, is the
//! caller's business. Numbers are decoded exactly, into integers of 1e-9.
//!
//! ```
//! use bot4_pipeline::feed::bitmex::Trades;
//!
//! let csv = b"timestamp,price,size\n1514764802610,13873,10\n1514764806057,13872.5,-3000\n";
//! let mut volume = 0;
//! for trade in Trades::new(csv) {
//!     volume += trade?.qty;
//! }
//! assert_eq!(volume, 3_010_000_000_000); // in units of 1e-9
//! # Ok::<(), bot4_pipeline::feed::DecodeError>(())
//! ```
//!
//! Input is not trusted. Whatever the bytes are, a decoder never panics, every call advances or ends,
//! and each error is a [`DecodeError`] that says where and why. After an error the decoder ends
//! (policy *stop*); `skip_bad_rows` makes it leave bad rows out and count them instead. Errors that
//! concern the file rather than a row (a wrong header, two files of different lengths) end it under
//! both policies.
//!
//! A row ends in a line feed (a carriage return before it is allowed), the last row too: without that
//! rule a file cut in the middle of its last number would decode to a wrong number.

mod cursor;
mod rows;

pub mod binance;
pub mod bitmex;
#[cfg(feature = "dbn")]
pub mod dbn;
pub mod lobster;
pub mod tardis;

use core::fmt;

/// Where and why a recording could not be decoded. `Display` makes one line of it, to which the
/// caller adds the name of the file.
///
/// ```
/// use bot4_pipeline::feed::{binance::BookTicker, DecodeReason};
///
/// let csv = b"local_ns,event_ms,txn_ms,update_id,bid_px,bid_qty,ask_px,ask_qty\n\
///             1723161254087891268,,,7,61837.63,3.788,6x837.64,1.546\n";
/// let error = BookTicker::new(csv).next().unwrap().unwrap_err();
/// assert_eq!((error.line, error.field, error.reason), (2, "ask_px", DecodeReason::Unexpected(b'x')));
/// assert_eq!(error.to_string(), "line 2, byte 105, field ask_px: unexpected 'x'");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Line in the file, from 1; 0 in a binary file.
    pub line: u64,
    /// Offset in the file of the offending byte, from 0.
    pub offset: u64,
    /// Name of the field. Of a format made of two files, the name starts with that of the file:
    /// `message.time`, `book.ask_price`.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: DecodeReason,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, offset, field, reason } = self;
        if *line > 0 {
            write!(f, "line {line}, ")?;
        }
        write!(f, "byte {offset}, field {field}: {reason}")
    }
}

impl core::error::Error for DecodeError {}

/// The reason of a [`DecodeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeReason {
    /// A byte that cannot stand here.
    Unexpected(u8),
    /// The row ends before this field, or the field is empty.
    Missing,
    /// The row goes on after its last field.
    TrailingField,
    /// The input ends within the row: the recording was cut short.
    Truncated,
    /// The number does not fit 64 bits in its unit.
    Overflow,
    /// More than nine decimals: finer than the 1e-9 unit.
    TooManyDecimals,
    /// Negative where only zero and above makes sense.
    Negative,
    /// A code outside the set the format defines.
    UnknownCode,
    /// The first line is not the header of this format.
    Header,
    /// Zero where only another number makes sense.
    Zero,
    /// A row of another exchange or symbol than the rows before it.
    AnotherSymbol,
    /// The file says that it holds records of another schema.
    OtherSchema,
    /// A record whose length is not that of its type.
    RecordLength,
    /// This file of a pair has fewer rows than the other.
    EndsFirst,
}

impl fmt::Display for DecodeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unexpected(byte) => return write!(f, "unexpected '{}'", byte.escape_ascii()),
            Self::Missing => "missing",
            Self::TrailingField => "the row goes on after its last field",
            Self::Truncated => "the input ends within the row (cut short?)",
            Self::Overflow => "the number is too large",
            Self::TooManyDecimals => "more than nine decimals",
            Self::Negative => "negative",
            Self::UnknownCode => "not a code this format defines",
            Self::Header => "not the header of this format",
            Self::Zero => "zero",
            Self::AnotherSymbol => "not the exchange and symbol of the rows before",
            Self::OtherSchema => "the file holds records of another schema",
            Self::RecordLength => "not the length of a record of this type",
            Self::EndsFirst => "has fewer rows than the file it belongs to",
        })
    }
}
