//! DBN files of all versions, and the order book of a recorded day.

mod shared;
mod stats;

use bot4_pipeline::book::{Action, OrderBook, OrderEvent};
use bot4_pipeline::features::Scale;
use bot4_pipeline::feed::dbn::{Orders, Quotes, Trades};
use bot4_pipeline::feed::{DecodeError, DecodeReason};
use bot4_pipeline::{Quote, Side, Trade};
use bot4_pool::audit::{self, CountingAllocator};
use dbn::decode::{DbnDecoder, DecodeRecord};
use dbn::encode::{DbnEncodable, DbnEncoder, EncodeRecord};
use dbn::record::RecordHeader;
use dbn::{BidAskPair, MboMsg, Mbp1Msg, Metadata, SType, Schema, TradeMsg, rtype};
use shared::shared;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

const UNIT: i64 = 1_000_000_000;
const INSTRUMENT: u32 = 5_482;

fn metadata(version: u8, schema: Schema) -> Metadata {
    Metadata::builder()
        .version(version)
        .dataset("GLBX.MDP3")
        .schema(Some(schema))
        .start(1)
        .stype_in(Some(SType::RawSymbol))
        .stype_out(SType::InstrumentId)
        .symbols(vec!["ESH4".to_owned()])
        .build()
}

fn file<R: DbnEncodable>(version: u8, schema: Schema, records: &[R]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = DbnEncoder::new(&mut bytes, &metadata(version, schema)).unwrap();
    records.iter().for_each(|record| encoder.encode_record(record).unwrap());
    bytes
}

fn mbo(action: u8, side: u8, order_id: u64, price: i64, size: u32) -> MboMsg {
    MboMsg {
        hd: RecordHeader::new::<MboMsg>(rtype::MBO, 1, INSTRUMENT, 10),
        order_id,
        price,
        size,
        flags: 128.into(),
        channel_id: 0,
        action: action as _,
        side: side as _,
        ts_recv: 11,
        ts_in_delta: 0,
        sequence: 0,
    }
}

fn mbp_1(instrument: u32, bid_px: i64, bid_sz: u32) -> Mbp1Msg {
    let level = BidAskPair { bid_px, bid_sz, ask_px: 102 * UNIT, ask_sz: 4, bid_ct: 1, ask_ct: 1 };
    Mbp1Msg {
        hd: RecordHeader::new::<Mbp1Msg>(rtype::MBP_1, 1, instrument, 10),
        ts_recv: 11,
        levels: [level],
        ..Mbp1Msg::default()
    }
}

fn trade(side: u8, price: i64, size: u32) -> TradeMsg {
    let hd = RecordHeader::new::<TradeMsg>(rtype::MBP_0, 1, INSTRUMENT, 10);
    TradeMsg { hd, price, size, side: side as _, ts_recv: 11, ..TradeMsg::default() }
}

fn messages() -> Vec<MboMsg> {
    [(b'A', b'B'), (b'C', b'A'), (b'M', b'B'), (b'R', b'N'), (b'T', b'A'), (b'F', b'B'), (b'N', b'N')]
        .iter()
        .zip(1..)
        .map(|(&(action, side), id)| mbo(action, side, id, id as i64 * UNIT, id as u32))
        .collect()
}

#[test]
fn encoded_order_events_come_back_in_every_version() {
    for version in 1..=3 {
        let bytes = file(version, Schema::Mbo, &messages());
        let events: Vec<_> = Orders::new(&bytes).collect::<Result<_, _>>().unwrap();
        let actions: Vec<_> = events.iter().map(|event| event.action).collect();
        use Action::{Add, Cancel, Clear, Fill, Modify, Nothing, Trade};
        assert_eq!(actions, [Add, Cancel, Modify, Clear, Trade, Fill, Nothing]);
        let expected = OrderEvent {
            ts: 11,
            order_id: 2,
            px: 2 * UNIT,
            qty: 2 * UNIT,
            instrument: INSTRUMENT,
            action: Cancel,
            side: Some(Side::Sell),
            flags: 128,
        };
        assert_eq!(events[1], expected);
        assert_eq!(events[3].side, None);
    }
}

#[test]
fn encoded_quotes_and_trades_come_back() {
    let undefined = Quote::UNDEFINED_PX;
    let bytes = file(3, Schema::Mbp1, &[mbp_1(1, 100 * UNIT, 7), mbp_1(1, undefined, 0)]);
    let quotes: Vec<_> = Quotes::new(&bytes).collect::<Result<_, _>>().unwrap();
    let (ask_px, ask_qty) = (102 * UNIT, 4 * UNIT);
    let first = Quote { ts: 11, bid_px: 100 * UNIT, bid_qty: 7 * UNIT, ask_px, ask_qty };
    assert_eq!(quotes, [first, Quote { bid_px: undefined, bid_qty: 0, ..first }]);

    let bytes = file(2, Schema::Trades, &[trade(b'A', 5, 1), trade(b'N', 6, 1), trade(b'B', 7, u32::MAX)]);
    let trades: Vec<_> = Trades::new(&bytes).collect::<Result<_, _>>().unwrap();
    let sold = Trade { ts: 11, px: 5, qty: UNIT, aggressor: Side::Sell };
    let bought = Trade { px: 7, qty: i64::from(u32::MAX) * UNIT, aggressor: Side::Buy, ..sold };
    assert_eq!(trades, [sold, bought]);
}

#[test]
fn a_bad_record_says_where_and_why() {
    let start = file::<MboMsg>(3, Schema::Mbo, &[]).len();
    let good = file(3, Schema::Mbo, &messages());
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let second = start + 56;
    for (bytes, offset, field, reason) in [
        (changed(second + 38, b'?'), second + 38, "action", DecodeReason::UnknownCode),
        (changed(second + 39, b'?'), second + 39, "side", DecodeReason::UnknownCode),
        (changed(second, 0), second, "length", DecodeReason::RecordLength),
        (changed(second, 13), second, "length", DecodeReason::RecordLength),
        (changed(second, 255), good.len(), "record", DecodeReason::Truncated),
        (changed(0, b'd'), 0, "metadata", DecodeReason::Header),
        (changed(3, 9), 3, "metadata.version", DecodeReason::UnknownCode),
        (changed(7, 255), good.len(), "metadata", DecodeReason::Truncated),
        (good[..second + 20].to_vec(), second + 20, "record", DecodeReason::Truncated),
        (good[..5].to_vec(), 0, "metadata", DecodeReason::Header),
        (Vec::new(), 0, "metadata", DecodeReason::Header),
    ] {
        let error = Orders::new(&bytes).find_map(Result::err).unwrap();
        assert_eq!(error, DecodeError { line: 0, offset: offset as u64, field, reason });
    }
    let error = Trades::new(&good).next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "byte 0, field metadata.schema: the file holds records of another schema");
    let mixed = file(3, Schema::Mbp1, &[mbp_1(1, UNIT, 1), mbp_1(2, UNIT, 1)]);
    let error = Quotes::new(&mixed).nth(1).unwrap().unwrap_err();
    assert_eq!((error.field, error.reason), ("instrument_id", DecodeReason::AnotherSymbol));
}

#[test]
fn skipping_leaves_out_bad_records_and_counts_them() {
    let mut bytes = file(3, Schema::Mbo, &messages());
    let start = bytes.len() - 7 * 56;
    bytes[start + 38] = b'?';
    bytes[start + 2 * 56 + 39] = 0;
    let mut orders = Orders::new(&bytes).skip_bad_rows();
    assert_eq!((orders.by_ref().count(), orders.skipped()), (5, 2));
    assert_eq!(Orders::new(&bytes).count(), 1);
}

#[test]
fn records_of_other_types_are_passed_over_and_a_send_time_is_allowed() {
    let mut bytes = Vec::new();
    let header = file::<MboMsg>(3, Schema::Mbo, &[]).len();
    bytes.extend(&file(3, Schema::Trades, &[trade(b'A', 5, 1)])[header..]);
    let record = &file(3, Schema::Mbo, &messages()[..1])[header..];
    bytes.push(16); // 64 bytes: the record and its send time
    bytes.extend(&record[1..]);
    bytes.extend([0; 8]);
    bytes.extend(record);
    let ids: Vec<_> = Orders::fragment(&bytes).map(|event| event.unwrap().order_id).collect();
    assert_eq!(ids, [1, 1]);
    assert_eq!(Trades::fragment(&bytes).count(), 1);
}

#[test]
fn decoding_allocates_for_the_metadata_only() {
    let all: Vec<_> = messages().into_iter().cycle().take(7_000).collect();
    let bytes = file(3, Schema::Mbo, &all);
    let mut orders = Orders::new(&bytes);
    orders.next().unwrap().unwrap();
    let (count, counts) = audit::count(|| orders.count());
    assert_eq!((count, counts.allocations, counts.deallocations), (6_999, 0, 0));
}

/// The fixtures of the schemas that have a decoder, each with those of its records the dbn crate finds.
#[test]
fn fixtures_of_every_version_decode_as_by_the_crate() {
    fn reference<R: dbn::HasRType<Header = RecordHeader> + Clone>(bytes: &[u8]) -> Vec<R> {
        DbnDecoder::new(bytes).unwrap().decode_records::<R>().unwrap()
    }
    for suffix in ["dbn", "v1.dbn.zst", "v2.dbn.zst", "v3.dbn.zst"] {
        let fixture = |schema: &str| shared(&format!("data/format-fixtures/dbn/test_data.{schema}.{suffix}"));
        let (Some(mbo), Some(mbp_1), Some(trades), Some(tbbo)) =
            (fixture("mbo"), fixture("mbp-1"), fixture("trades"), fixture("tbbo"))
        else {
            return;
        };
        let events: Vec<_> = Orders::new(&mbo).map(Result::unwrap).collect();
        let ids: Vec<_> = events.iter().map(|event| (event.order_id, event.px, event.ts)).collect();
        let records = reference::<MboMsg>(&mbo);
        assert!(records.iter().map(|r| (r.order_id, r.price, r.ts_recv)).eq(ids));
        assert_eq!(records.len(), 2, "{suffix}");

        for bytes in [mbp_1, tbbo] {
            let quotes: Vec<_> = Quotes::new(&bytes).map(Result::unwrap).collect();
            let best = |r: &Mbp1Msg| (r.levels[0].bid_px, i64::from(r.levels[0].ask_sz) * UNIT);
            let records = reference::<Mbp1Msg>(&bytes);
            assert!(records.iter().map(best).eq(quotes.iter().map(|quote| (quote.bid_px, quote.ask_qty))));
            assert_eq!(quotes.len(), 2, "{suffix}");
        }

        let found: Vec<_> = Trades::new(&trades).map(|trade| trade.unwrap().px).collect();
        assert!(reference::<TradeMsg>(&trades).iter().map(|record| record.price).eq(found));
    }
}

#[test]
fn fragments_and_unpacked_legacy_files_decode_as_the_whole_ones() {
    let fixture = |name: &str| shared(&format!("data/format-fixtures/dbn/test_data.{name}"));
    let (Some(whole), Some(legacy)) = (fixture("mbo.v1.dbn.zst"), fixture("mbo.dbz")) else { return };
    assert!(Orders::fragment(&legacy).eq(Orders::new(&whole)));
    let (Some(whole), Some(legacy)) = (fixture("mbp-1.v1.dbn.zst"), fixture("mbp-1.dbz")) else { return };
    assert!(Quotes::fragment(&legacy).eq(Quotes::new(&whole)));
    let (Some(whole), Some(legacy)) = (fixture("trades.v1.dbn.zst"), fixture("trades.dbz")) else { return };
    assert!(Trades::fragment(&legacy).eq(Trades::new(&whole)));
    for name in ["definition.v1.dbn.frag", "definition.v2.dbn.frag", "definition.v3.dbn.frag.zst"] {
        let Some(fragment) = fixture(name) else { return };
        assert_eq!(Orders::fragment(&fragment).count(), 0, "{name}");
    }
    for name in ["definition.v3.dbn.zst", "ohlcv-1s.dbn", "statistics.v2.dbn.zst", "imbalance.v1.dbn.zst"] {
        let Some(other) = fixture(name) else { return };
        let error = Orders::new(&other).next().unwrap().unwrap_err();
        assert_eq!(error.reason, DecodeReason::OtherSchema, "{name}");
    }
}

#[test]
fn the_recorded_day_ends_and_explains_prices_as_in_the_reference() {
    /// 2023-12-25 23:00 UTC: before it the book is crossed.
    const OPENING_NS: u64 = 1_703_545_200_000_000_000;
    const TICK: f64 = 0.25;
    let Some(bytes) = shared("data/databento-es-mbo-20231225/esh4-glbx-mdp3-20231225.mbo.dbn.zst") else {
        return;
    };
    let mut book = OrderBook::new(1 << 14, 1 << 11);
    let mut quotes = Vec::new();
    let (events, counts) = audit::count(|| Orders::new(&bytes).count());
    assert!(events == 68_792 && counts.allocations < 100, "the metadata took {counts:?}");
    for event in Orders::new(&bytes).map(Result::unwrap) {
        let (applied, counts) = audit::count(|| book.apply(&event));
        assert_eq!((applied, counts.allocations, counts.deallocations), (Ok(()), 0, 0));
        if event.is_last() {
            quotes.push(book.quote(event.ts));
        }
    }
    let end = quotes[quotes.len() - 1];
    assert_eq!((end.bid_px, end.bid_qty), (4_810 * UNIT, 22 * UNIT));
    assert_eq!((end.ask_px, end.ask_qty), (4_810 * UNIT + UNIT / 4, 28 * UNIT));
    assert_eq!(book.len(), 11_217);
    assert_eq!(book.levels(Side::Buy).take(10).count(), 10);

    // From the first quote that is not crossed on, in buckets that are complete.
    quotes.retain(|quote| quote.ts >= OPENING_NS && !quote.is_crossed());
    let (first, last) = (quotes[0].ts, quotes[quotes.len() - 1].ts);
    let rows = stats::rows(quotes.into_iter(), Scale::WHOLE);
    for (seconds, r2) in [(10, 0.401), (60, 0.612)] {
        let length = seconds * 1_000_000_000;
        let buckets = stats::buckets(&rows, first, length, ((last - first) / length) as usize, TICK);
        let found = stats::regress(buckets.into_iter()).r2;
        assert!((found - r2).abs() <= 6e-4, "{seconds} s: {found}, not {r2}");
    }
}
