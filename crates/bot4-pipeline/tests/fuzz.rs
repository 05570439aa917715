//! Every decoder on thousands of damaged recordings: none panics, goes on for ever, allocates, or hides what it
//! left out.
//!
//! The damage is drawn from a seeded generator, so a failure repeats. `BOT4_FUZZ_SEED` sets another seed (`cargo xtask fuzz`
//! tries many), `BOT4_FUZZ_ROUNDS` how many files are damaged per decoder (2,000 unless it says otherwise).

mod recordings;

use bot4_pipeline::feed::{DecodeError, binance, bitmex, lobster, tardis};
use bot4_pipeline::sim::Simulator;
use bot4_pool::audit::{self, CountingAllocator};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// Marsaglia: Xorshift RNGs, 2003.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

fn rounds() -> usize {
    asked("BOT4_FUZZ_ROUNDS").unwrap_or(2_000) as usize
}

/// A number from the environment.
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Damages a file in one to four places.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    const TELLING: &[u8] = b"0123456789.,-+e\r\n \0\x7f\x80\xff";
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + 1 + random.below(40)).min(bytes.len());
        match random.below(8) {
            0..3 => bytes
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte = TELLING[random.below(TELLING.len())]),
            3 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
            4 => bytes.insert(at, TELLING[random.below(TELLING.len())]),
            5 => drop(bytes.drain(at..end)),
            6 => {
                let copy = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                drop(bytes.splice(to..to, copy));
            }
            _ => bytes.truncate(at),
        }
    }
}

/// Runs a decoder to its end and past it, under both policies, and checks what must hold of any file.
///
/// `rows`, where the format has any, is how many rows there are: under the policy to skip, every one of them
/// is either decoded or counted, unless an error that concerns the whole file ended it early.
macro_rules! exhaust {
    ($decoder:expr, $bytes:expr, $rows:expr) => {{
        let (bytes, bound): (&[u8], usize) = ($bytes, $bytes.len() + 2);
        let ((good, error), counts) = audit::count(|| drain($decoder, bound));
        assert!(counts.allocations <= METADATA_ALLOCATIONS, "{counts:?}");
        let mut skipping = $decoder.skip_bad_rows();
        let (kept, fatal) = drain(skipping.by_ref(), bound);
        let skipped = skipping.skipped() as usize;
        assert!(kept >= good && kept + skipped <= bound);
        if error.is_none() {
            assert_eq!((kept, skipped), (good, 0));
        }
        if let (Some(rows), None) = ($rows, fatal) {
            assert_eq!(kept + skipped, rows);
        }
        for error in error.into_iter().chain(fatal) {
            assert!(error.offset <= bytes.len() as u64 && !error.to_string().is_empty());
        }
        good
    }};
}

/// What the dbn crate may allocate for the metadata of one of these files; nothing else may at all.
const METADATA_ALLOCATIONS: u64 = if cfg!(feature = "dbn") { 64 } else { 0 };

/// Counts what comes out and gives the error that ended it.
fn drain<T>(
    mut decoder: impl Iterator<Item = Result<T, DecodeError>>,
    bound: usize,
) -> (usize, Option<DecodeError>) {
    let (mut good, mut error) = (0, None);
    for item in decoder.by_ref() {
        assert!(error.is_none(), "goes on after an error");
        match item {
            Ok(_) => good += 1,
            Err(found) => error = Some(found),
        }
        assert!(good <= bound, "no end");
    }
    assert!(decoder.next().is_none(), "the end is no end");
    (good, error)
}

/// Rows of a file with a header.
fn rows(bytes: &[u8]) -> Option<usize> {
    bytes.split_inclusive(|&byte| byte == b'\n').count().checked_sub(1)
}

/// Damages a file again and again; some damage must leave something to decode, or the test sees only errors.
fn fuzz(valid: &[u8], seed: u64, check: impl Fn(&[u8]) -> usize) {
    let whole = check(valid);
    assert!(whole > 0);
    let other = asked("BOT4_FUZZ_SEED").unwrap_or(0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (mut random, mut decoded) = (Random((seed ^ other).max(1)), 0);
    for _ in 0..rounds() {
        let mut bytes = valid.to_vec();
        damage(&mut bytes, &mut random);
        decoded += check(&bytes);
    }
    assert!(decoded > rounds() && decoded < rounds() * whole);
}

#[test]
fn rows_of_one_file() {
    let quotes: Vec<_> = Simulator::new(3).take(16).collect();
    let trades = recordings::trades(&quotes);
    fuzz(recordings::book_ticker(&quotes).as_bytes(), 1, |csv| {
        exhaust!(binance::BookTicker::new(csv), csv, rows(csv))
    });
    fuzz(recordings::binance_trades(&trades).as_bytes(), 2, |csv| {
        exhaust!(binance::Trades::new(csv), csv, rows(csv))
    });
    fuzz(recordings::bitmex_trades(&trades).as_bytes(), 3, |csv| {
        exhaust!(bitmex::Trades::new(csv), csv, rows(csv))
    });
    fuzz(recordings::tardis_quotes(&quotes).as_bytes(), 4, |csv| {
        exhaust!(tardis::Quotes::new(csv), csv, rows(csv))
    });
    fuzz(recordings::tardis_trades(&trades).as_bytes(), 5, |csv| {
        exhaust!(
            tardis::Trades::new(csv),
            csv,
            rows(csv).filter(|_| !csv.windows(7).any(|w| w == b"unknown"))
        )
    });
}

#[test]
fn pairs_of_files() {
    let quotes: Vec<_> = Simulator::new(3).take(16).collect();
    let (messages, book) = recordings::lobster(&quotes);
    let (messages, book) = (messages.as_bytes(), book.as_bytes());
    let none = None::<usize>;
    fuzz(messages, 6, |messages| exhaust!(lobster::Trades::new(messages, 0), messages, none));
    fuzz(messages, 7, |messages| {
        let longer = if messages.len() > book.len() { messages } else { book };
        exhaust!(lobster::Quotes::new(messages, book, 0), longer, none)
    });
    fuzz(book, 8, |book| {
        let longer = if messages.len() > book.len() { messages } else { book };
        exhaust!(lobster::Quotes::new(messages, book, recordings::MIDNIGHT_NS), longer, none)
    });
}

/// The records of a DBN file of version 1 to 3, with metadata and without.
#[cfg(feature = "dbn")]
#[test]
fn dbn_files() {
    use bot4_pipeline::feed::dbn::{Orders, Quotes, Trades};
    use dbn::encode::{DbnEncodable, DbnEncoder, EncodeRecord};
    use dbn::record::RecordHeader;
    use dbn::{MboMsg, Mbp1Msg, Metadata, SType, Schema, TradeMsg, rtype};

    fn file<R: DbnEncodable>(version: u8, schema: Schema, record: &R) -> Vec<u8> {
        let metadata = Metadata::builder()
            .version(version)
            .dataset("GLBX.MDP3")
            .schema(Some(schema))
            .start(1)
            .stype_in(Some(SType::RawSymbol))
            .stype_out(SType::InstrumentId)
            .symbols(vec!["ESH4".to_owned(), "ESM4".to_owned()])
            .build();
        let mut bytes = Vec::new();
        let mut encoder = DbnEncoder::new(&mut bytes, &metadata).unwrap();
        (0..16).for_each(|_| encoder.encode_record(record).unwrap());
        bytes
    }
    let none = None::<usize>;
    for version in 1..=3 {
        let seed = 10 * u64::from(version);
        let side = b'A' as _;
        let hd = RecordHeader::new::<MboMsg>(rtype::MBO, 1, 7, 10);
        let orders = file(version, Schema::Mbo, &MboMsg { hd, action: side, side, ..MboMsg::default() });
        fuzz(&orders, seed, |bytes| exhaust!(Orders::new(bytes), bytes, none));
        fuzz(&orders[orders.len() - 16 * 56..], seed + 1, |bytes| {
            exhaust!(Orders::fragment(bytes), bytes, none)
        });
        let hd = RecordHeader::new::<Mbp1Msg>(rtype::MBP_1, 1, 7, 10);
        let quotes = file(version, Schema::Mbp1, &Mbp1Msg { hd, ..Mbp1Msg::default() });
        fuzz(&quotes, seed + 2, |bytes| exhaust!(Quotes::new(bytes), bytes, none));
        let hd = RecordHeader::new::<TradeMsg>(rtype::MBP_0, 1, 7, 10);
        let trades = file(version, Schema::Trades, &TradeMsg { hd, side, ..TradeMsg::default() });
        fuzz(&trades, seed + 3, |bytes| exhaust!(Trades::new(bytes), bytes, none));
    }
}
