//! Databento Binary Encoding (DBN), versions 1 to 3: order events, quotes, trades.
//!
//! The `dbn` crate reads the metadata and knows the records; their fields are read where they lie, so a
//! record is neither copied nor put in a buffer. The bytes are those of an unpacked file. `fragment` reads
//! records without metadata: `.dbn.frag` files, and what remains of a legacy `.dbz` file once its zstd frames
//! are unpacked.
//!
//! Events get `ts_recv`, the time at the recorder, by which files are ordered. Records of other types than
//! the decoder's are passed over, as live recordings mix them; a file whose metadata names a schema without
//! such records is an error. Errors of these decoders have a byte offset and no line. Under the policy
//! `skip_bad_rows` bad records are left out, except for one whose length is wrong: nothing says where the
//! next one starts.

use core::mem::{offset_of, size_of};

use ::dbn::decode::dbn::MetadataDecoder;
use ::dbn::record::RecordHeader;
use ::dbn::{BidAskPair, MboMsg, Mbp1Msg, Schema, TradeMsg, rtype};

use super::{DecodeError, DecodeReason};
use crate::book::{Action, OrderEvent};
use crate::quote::{Quote, Side, Trade};

/// Bytes of the smallest record; also what a record's length must reach.
const HEADER_LEN: usize = size_of::<RecordHeader>();

/// A record's length is counted in words of so many bytes.
const WORD: usize = RecordHeader::LENGTH_MULTIPLIER;

/// What live recordings may append to each record.
const TS_OUT_LEN: usize = 8;

/// One unit of DBN's quantities, in 1e-9.
const UNIT: i64 = 1_000_000_000;

/// Reads a field of a message at the place the crate's type gives it.
macro_rules! field {
    ($record:expr, $message:ty, $($name:ident).+: $type:ty) => {
        <$type>::from_le_bytes(bytes_at($record, offset_of!($message, $($name).+)))
    };
}

#[inline(always)]
fn bytes_at<const N: usize, const LEN: usize>(record: &[u8; LEN], at: usize) -> [u8; N] {
    core::array::from_fn(|i| record[at + i])
}

/// The records of a file, and the policy for bad ones.
#[derive(Clone, Debug)]
struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    metadata: bool,
    skip: bool,
    skipped: u64,
    ended: bool,
}

impl<'a> Records<'a> {
    const fn new(bytes: &'a [u8], metadata: bool) -> Self {
        Self { bytes, at: 0, metadata, skip: false, skipped: 0, ended: false }
    }

    #[cold]
    fn error(&self, offset: usize, field: &'static str, reason: DecodeReason) -> DecodeError {
        DecodeError { line: 0, offset: (self.at + offset) as u64, field, reason }
    }

    /// The next record of type `rtype` as `read` sees it, under the policy. `read` gives nothing for a record
    /// to be passed over, and for a bad one the fault. A record is `LEN` bytes long.
    #[inline]
    fn next<const LEN: usize, T>(
        &mut self,
        rtype: u8,
        schemas: &[Schema],
        mut read: impl FnMut(&[u8; LEN]) -> Result<Option<T>, Fault>,
    ) -> Option<Result<T, DecodeError>> {
        if self.metadata
            && let Err(error) = self.take_metadata(schemas)
        {
            self.ended = true;
            return Some(Err(error));
        }
        while !self.ended && self.at < self.bytes.len() {
            let rest = &self.bytes[self.at..];
            let length = usize::from(rest[0]) * WORD;
            if length < HEADER_LEN || rest.len() < length {
                return Some(Err(self.cut_or_wrong(rest, length)));
            }
            if rest[offset_of!(RecordHeader, rtype)] != rtype {
                self.at += length;
                continue;
            }
            let Some(record) = rest.first_chunk().filter(|_| length == LEN || length == LEN + TS_OUT_LEN)
            else {
                self.ended = true;
                return Some(Err(self.error(0, "length", DecodeReason::RecordLength)));
            };
            match read(record) {
                Ok(Some(event)) => {
                    self.at += length;
                    return Some(Ok(event));
                }
                Ok(None) => self.at += length,
                Err(_) if self.skip => {
                    self.at += length;
                    self.skipped += 1;
                }
                Err((offset, field, reason)) => {
                    self.ended = true;
                    return Some(Err(self.error(offset, field, reason)));
                }
            }
        }
        self.ended = true;
        None
    }

    /// Ends at a record whose length does not fit.
    #[cold]
    fn cut_or_wrong(&mut self, rest: &[u8], length: usize) -> DecodeError {
        self.ended = true;
        if length < HEADER_LEN {
            return self.error(0, "length", DecodeReason::RecordLength);
        }
        self.error(rest.len(), "record", DecodeReason::Truncated)
    }

    /// Takes the metadata. The length it claims is checked before anything is read, so nothing is allocated
    /// beyond what is there.
    #[cold]
    fn take_metadata(&mut self, schemas: &[Schema]) -> Result<(), DecodeError> {
        /// The letters DBN, the version, the length of the rest.
        const PRELUDE_LEN: usize = 8;
        self.metadata = false;
        let Some(&[b'D', b'B', b'N', version, l0, l1, l2, l3]) = self.bytes.first_chunk::<PRELUDE_LEN>()
        else {
            return Err(self.error(0, "metadata", DecodeReason::Header));
        };
        if !(1..=3).contains(&version) {
            return Err(self.error(3, "metadata.version", DecodeReason::UnknownCode));
        }
        let length = PRELUDE_LEN as u64 + u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
        let end = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(bytes) = self.bytes.get(..end) else {
            return Err(self.error(self.bytes.len(), "metadata", DecodeReason::Truncated));
        };
        let Ok(metadata) = MetadataDecoder::new(bytes).decode() else {
            return Err(self.error(PRELUDE_LEN, "metadata", DecodeReason::Header));
        };
        if metadata.schema.is_some_and(|schema| !schemas.contains(&schema)) {
            return Err(self.error(0, "metadata.schema", DecodeReason::OtherSchema));
        }
        self.at = end;
        Ok(())
    }
}

/// What is wrong with a record: the offset in it, the field, the reason.
type Fault = (usize, &'static str, DecodeReason);

/// The constructors, the policy and the iteration of a decoder.
macro_rules! decoder {
    ($name:ident { $($field:ident: $start:expr),* } -> $event:ty, $message:ty, $rtype:expr, $schemas:expr, $read:expr) => {
        impl<'a> $name<'a> {
            /// Reads an unpacked file, which must start with its metadata: otherwise the first item is an
            /// error.
            #[must_use]
            pub const fn new(bytes: &'a [u8]) -> Self {
                Self { records: Records::new(bytes, true), $($field: $start),* }
            }

            /// Reads records without metadata.
            #[must_use]
            pub const fn fragment(bytes: &'a [u8]) -> Self {
                Self { records: Records::new(bytes, false), $($field: $start),* }
            }

            /// Leaves out bad records instead of ending at the first, except for those of a wrong length.
            #[must_use]
            pub const fn skip_bad_rows(mut self) -> Self {
                self.records.skip = true;
                self
            }

            /// How many records were left out so far.
            #[must_use]
            pub const fn skipped(&self) -> u64 {
                self.records.skipped
            }
        }

        impl Iterator for $name<'_> {
            type Item = Result<$event, DecodeError>;

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                let Self { records, $($field),* } = self;
                let read = $read;
                records.next::<{ size_of::<$message>() }, _>($rtype, $schemas, |record| read(record, $($field),*))
            }
        }

        impl core::iter::FusedIterator for $name<'_> {}
    };
}

/// Every event of every order (schema `mbo`), of all instruments in the file.
///
/// No allocation after the metadata; O(1) per event. An [`OrderBook`](crate::book::OrderBook) makes books of
/// them.
///
/// ```
/// use bot4_pipeline::feed::{DecodeReason, dbn::Orders};
///
/// let error = Orders::new(b"no DBN").next().unwrap().unwrap_err();
/// assert_eq!((error.field, error.reason), ("metadata", DecodeReason::Header));
/// ```
#[derive(Clone, Debug)]
pub struct Orders<'a> {
    records: Records<'a>,
}

decoder!(Orders {} -> OrderEvent, MboMsg, rtype::MBO, &[Schema::Mbo], order_event);

/// The best bid and ask of one instrument (schemas `mbp-1` and `tbbo`): one quote per record.
///
/// The instrument is that of the first good record; a record of another is an error. A side without orders
/// becomes quantity 0 at [`Quote::UNDEFINED_PX`]. A record that reports a trade has the book as it stood
/// before the trade. No allocation after the metadata; O(1) per quote.
///
/// ```
/// use bot4_pipeline::feed::dbn::Quotes;
///
/// assert_eq!(Quotes::fragment(b"").next(), None);
/// ```
#[derive(Clone, Debug)]
pub struct Quotes<'a> {
    records: Records<'a>,
    instrument: Option<u32>,
}

decoder!(
    Quotes { instrument: None } -> Quote, Mbp1Msg, rtype::MBP_1, &[Schema::Mbp1, Schema::Tbbo], quote
);

/// The trades of one instrument (schema `trades`), except for those without an aggressor.
///
/// The instrument is that of the first good record; a record of another is an error. Trades of which the
/// venue does not name an aggressor (auctions, blocks) are left out. No allocation after the metadata.
///
/// ```
/// use bot4_pipeline::feed::dbn::Trades;
///
/// assert_eq!(Trades::fragment(b"").next(), None);
/// ```
#[derive(Clone, Debug)]
pub struct Trades<'a> {
    records: Records<'a>,
    instrument: Option<u32>,
}

decoder!(Trades { instrument: None } -> Trade, TradeMsg, rtype::MBP_0, &[Schema::Trades], trade);

const MBO_LEN: usize = size_of::<MboMsg>();
const MBP_1_LEN: usize = size_of::<Mbp1Msg>();
const TRADE_LEN: usize = size_of::<TradeMsg>();

#[inline]
fn order_event(record: &[u8; MBO_LEN]) -> Result<Option<OrderEvent>, Fault> {
    let Some(action) = ACTIONS[usize::from(record[offset_of!(MboMsg, action)])] else {
        return Err((offset_of!(MboMsg, action), "action", DecodeReason::UnknownCode));
    };
    let side = side(record[offset_of!(MboMsg, side)], offset_of!(MboMsg, side))?;
    Ok(Some(OrderEvent {
        ts: field!(record, MboMsg, ts_recv: u64),
        order_id: field!(record, MboMsg, order_id: u64),
        px: field!(record, MboMsg, price: i64),
        qty: i64::from(field!(record, MboMsg, size: u32)) * UNIT,
        instrument: field!(record, MboMsg, hd.instrument_id: u32),
        action,
        side,
        flags: record[offset_of!(MboMsg, flags)],
    }))
}

#[inline]
fn quote(record: &[u8; MBP_1_LEN], own: &mut Option<u32>) -> Result<Option<Quote>, Fault> {
    same_instrument(own, field!(record, Mbp1Msg, hd.instrument_id: u32))?;
    const LEVEL: usize = offset_of!(Mbp1Msg, levels);
    let px = |at| i64::from_le_bytes(bytes_at(record, LEVEL + at));
    let qty = |at| i64::from(u32::from_le_bytes(bytes_at(record, LEVEL + at))) * UNIT;
    let side = |px, qty| if px == Quote::UNDEFINED_PX { (px, 0) } else { (px, qty) };
    let (bid_px, bid_qty) = side(px(offset_of!(BidAskPair, bid_px)), qty(offset_of!(BidAskPair, bid_sz)));
    let (ask_px, ask_qty) = side(px(offset_of!(BidAskPair, ask_px)), qty(offset_of!(BidAskPair, ask_sz)));
    Ok(Some(Quote { ts: field!(record, Mbp1Msg, ts_recv: u64), bid_px, bid_qty, ask_px, ask_qty }))
}

#[inline]
fn trade(record: &[u8; TRADE_LEN], own: &mut Option<u32>) -> Result<Option<Trade>, Fault> {
    let aggressor = side(record[offset_of!(TradeMsg, side)], offset_of!(TradeMsg, side))?;
    same_instrument(own, field!(record, TradeMsg, hd.instrument_id: u32))?;
    Ok(aggressor.map(|aggressor| Trade {
        ts: field!(record, TradeMsg, ts_recv: u64),
        px: field!(record, TradeMsg, price: i64),
        qty: i64::from(field!(record, TradeMsg, size: u32)) * UNIT,
        aggressor,
    }))
}

#[inline]
fn side(code: u8, offset: usize) -> Result<Option<Side>, Fault> {
    SIDES[usize::from(code)].ok_or((offset, "side", DecodeReason::UnknownCode))
}

/// What the letters of the field `action` mean. Which letter comes next is hard to guess, so this is a table and
/// no branch.
static ACTIONS: [Option<Action>; 256] = {
    let mut table = [None; 256];
    table[b'A' as usize] = Some(Action::Add);
    table[b'C' as usize] = Some(Action::Cancel);
    table[b'M' as usize] = Some(Action::Modify);
    table[b'R' as usize] = Some(Action::Clear);
    table[b'T' as usize] = Some(Action::Trade);
    table[b'F' as usize] = Some(Action::Fill);
    table[b'N' as usize] = Some(Action::Nothing);
    table
};

/// What the letters of the field `side` mean.
static SIDES: [Option<Option<Side>>; 256] = {
    let mut table = [None; 256];
    table[b'B' as usize] = Some(Some(Side::Buy));
    table[b'A' as usize] = Some(Some(Side::Sell));
    table[b'N' as usize] = Some(None);
    table
};

#[inline]
fn same_instrument(own: &mut Option<u32>, instrument: u32) -> Result<(), Fault> {
    if *own.get_or_insert(instrument) == instrument {
        return Ok(());
    }
    Err((offset_of!(RecordHeader, instrument_id), "instrument_id", DecodeReason::AnotherSymbol))
}
