//! The field: the `csv` crate with one record that is used again and again and parsers that trust their digits, the
//! `dbn` crate alone, and a book of the standard library's maps.

use super::{EVENTS, MIDNIGHT_NS, UNIT, again, book_ticker, digest, kept, lobster_files, order_events};
use crate::case::{Case, lane};
use bot4_pipeline::book::{Action, OrderEvent};
use bot4_pipeline::feed::dbn::Orders;
use bot4_pipeline::feed::lobster::{PRICE_UNIT, SHARE};
use bot4_pipeline::{Quote, Side};
use csv::{ByteRecord, Reader, ReaderBuilder};
use dbn::decode::{DbnDecoder, DecodeRecordRef};
use dbn::encode::{DbnEncoder, EncodeRecord};
use dbn::record::RecordHeader;
use dbn::{MboMsg, Metadata, SType, Schema, rtype};
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;

/// Adds the peers of a case.
pub(super) fn join(case: Case) -> Case {
    match case.name {
        "lobster" => lobster(case),
        "binance_quotes" => binance(case),
        "book_mbo" => maps(case),
        _ => case,
    }
}

/// The digits of a field as a number: trusting that they are digits is the fastest that a reader of these fields can do.
fn integer(record: &ByteRecord, at: usize) -> i64 {
    digits(record.get(at).unwrap_or_default())
}

fn digits(text: &[u8]) -> i64 {
    text.iter().fold(0, |number, byte| number * 10 + i64::from(byte & 15))
}

/// The next record, in place.
fn read(reader: &mut Reader<&[u8]>, record: &mut ByteRecord) -> bool {
    reader.read_byte_record(record).unwrap_or(false)
}

/// A decimal number in units of 1e-9.
fn nano(record: &ByteRecord, at: usize) -> i64 {
    const POWERS: [i64; 10] =
        [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    let text = record.get(at).unwrap_or_default();
    let point = text.iter().position(|&byte| byte == b'.').unwrap_or(text.len());
    let decimals = text.get(point + 1..).unwrap_or_default();
    digits(&text[..point]) * UNIT + digits(decimals) * POWERS[decimals.len()]
}

fn lobster(case: Case) -> Case {
    let (messages, book) = lobster_files();
    let (messages, book) = (kept(messages), kept(book));
    let start =
        move || [messages, book].map(|text| ReaderBuilder::new().has_headers(false).from_reader(text));
    let (mut readers, mut message, mut level) = (start(), ByteRecord::new(), ByteRecord::new());
    let lane = lane(move || {
        let [messages, book] = &mut readers;
        if !(read(messages, &mut message) && read(book, &mut level)) {
            readers = start();
            return;
        }
        let number = |at| integer(&level, at);
        let quote = Quote {
            ts: MIDNIGHT_NS + nano(&message, 0) as u64,
            ask_px: number(0) * PRICE_UNIT,
            ask_qty: number(1) * SHARE,
            bid_px: number(2) * PRICE_UNIT,
            bid_qty: number(3) * SHARE,
        };
        black_box(digest(&quote));
    });
    case.peer("csv ByteRecord", [lane])
}

fn binance(case: Case) -> Case {
    let csv = kept(book_ticker());
    let (mut reader, mut record) = (Reader::from_reader(csv), ByteRecord::new());
    let lane = lane(move || {
        if !read(&mut reader, &mut record) {
            reader = Reader::from_reader(csv);
            return;
        }
        let [bid_px, bid_qty, ask_px, ask_qty] = [4, 5, 6, 7].map(|at| nano(&record, at));
        let quote = Quote { ts: integer(&record, 0) as u64, bid_px, bid_qty, ask_px, ask_qty };
        black_box(digest(&quote));
    });
    case.peer("csv ByteRecord", [lane])
}

/// The events as a DBN file.
fn dbn_file() -> Vec<u8> {
    let metadata = Metadata::builder()
        .dataset("GLBX.MDP3")
        .schema(Some(Schema::Mbo))
        .start(1)
        .stype_in(Some(SType::RawSymbol))
        .stype_out(SType::InstrumentId)
        .build();
    let mut bytes = Vec::new();
    let Ok(mut encoder) = DbnEncoder::new(&mut bytes, &metadata) else { panic!("the metadata is refused") };
    for event in order_events() {
        let action = match event.action {
            Action::Add => b'A',
            Action::Cancel => b'C',
            _ => b'M',
        };
        let message = MboMsg {
            hd: RecordHeader::new::<MboMsg>(rtype::MBO, 1, event.instrument, 1),
            order_id: event.order_id,
            price: event.px,
            size: (event.qty / UNIT) as u32,
            action: action as _,
            side: if event.side == Some(Side::Buy) { b'B' } else { b'A' } as _,
            ..MboMsg::default()
        };
        let encoded = encoder.encode_record(&message);
        assert!(encoded.is_ok(), "a record is refused");
    }
    bytes
}

/// Both look at the same fields.
pub(super) fn dbn_mbo() -> Case {
    let file = kept(dbn_file());
    let ours = again(
        move || Orders::new(file),
        |event| {
            let _ = black_box(event);
        },
    );
    let start = move || match DbnDecoder::new(file) {
        Ok(decoder) => decoder,
        Err(error) => panic!("{error}"),
    };
    let mut decoder = start();
    let theirs = lane(move || {
        let Ok(Some(record)) = decoder.decode_record_ref() else {
            decoder = start();
            return;
        };
        let Some(message) = record.get::<MboMsg>() else { return };
        black_box((message.order_id, message.price, message.size, message.ts_recv, message.hd.instrument_id));
        black_box((message.action, message.side, message.flags));
    });
    Case::new("dbn_mbo").ours("bot4-pipeline", [ours]).peer("dbn", [theirs])
}

/// Orders in a hash map, levels in a tree per side.
#[derive(Default)]
struct Maps {
    orders: HashMap<u64, (Side, i64, i64)>,
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Maps {
    fn change(&mut self, side: Side, px: i64, qty: i64) {
        let levels = if side == Side::Buy { &mut self.bids } else { &mut self.asks };
        let level = levels.entry(px).or_insert(0);
        *level += qty;
        if *level == 0 {
            levels.remove(&px);
        }
    }

    fn apply(&mut self, event: &OrderEvent) {
        if event.action != Action::Add
            && let Some((side, px, qty)) = self.orders.remove(&event.order_id)
        {
            self.change(side, px, -qty);
        }
        if event.action != Action::Cancel {
            let side = event.side.unwrap_or(Side::Buy);
            self.orders.insert(event.order_id, (side, event.px, event.qty));
            self.change(side, event.px, event.qty);
        }
    }

    fn quote(&self) -> Option<(i64, i64, i64, i64)> {
        let (bid, ask) = (self.bids.last_key_value()?, self.asks.first_key_value()?);
        Some((*bid.0, *bid.1, *ask.0, *ask.1))
    }
}

fn maps(case: Case) -> Case {
    let (events, mut book, mut next) = (order_events(), Maps::default(), 0);
    let lane = lane(move || {
        if next == EVENTS {
            book.orders.clear();
            book.bids.clear();
            book.asks.clear();
            next = 0;
        }
        book.apply(&events[next]);
        black_box(book.quote());
        next += 1;
    });
    case.peer("HashMap and BTreeMap", [lane])
}
