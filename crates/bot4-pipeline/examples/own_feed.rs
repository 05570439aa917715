//! A feed of your own, from its bytes through features in a stream: `cargo run -p bot4-pipeline --example own_feed`.
//!
//! A feed is an iterator of quotes; everything behind it asks for nothing more. Copy [`Ticks`], which reads lines such as
//! `1704205800110405970;100.00;51;100.01;32` (nanoseconds since 1970; bid and its quantity; ask and its quantity).
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use bot4_pipeline::Quote;
use bot4_pipeline::features::{QuoteFeatures, Scale};
use bot4_pipeline::feed::{DecodeError, DecodeReason};
use bot4_pipeline::stream::{Settings, Stream};

/// Quotes of a recording. The first bad line is an error with its place, and the end.
#[derive(Debug)]
struct Ticks<'a> {
    text: &'a str,
    offset: usize,
    line: u64,
}

impl<'a> Ticks<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, offset: 0, line: 0 }
    }

    fn decode(&self, line: &str) -> Result<Quote, DecodeError> {
        let mut fields = line.split(';');
        let mut field = |name: &'static str| {
            let at =
                |reason| DecodeError { line: self.line, offset: self.offset as u64, field: name, reason };
            let text =
                fields.next().filter(|text| !text.is_empty()).ok_or_else(|| at(DecodeReason::Missing))?;
            nano(text).map_err(at)
        };
        let ts = field("time")? / 1_000_000_000; // no decimals there
        Ok(Quote {
            ts: ts as u64,
            bid_px: field("bid")? as i64,
            bid_qty: field("bid_qty")? as i64,
            ask_px: field("ask")? as i64,
            ask_qty: field("ask_qty")? as i64,
        })
    }
}

impl Iterator for Ticks<'_> {
    type Item = Result<Quote, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.text[self.offset..].split_inclusive('\n').next()?;
        self.line += 1;
        let quote = self.decode(line.trim_end());
        self.offset = if quote.is_ok() { self.offset + line.len() } else { self.text.len() };
        Some(quote)
    }
}

/// A decimal number in units of 1e-9, exactly: going through a float would round.
fn nano(text: &str) -> Result<i128, DecodeReason> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if let Some(byte) = whole.bytes().chain(fraction.bytes()).find(|byte| !byte.is_ascii_digit()) {
        return Err(DecodeReason::Unexpected(byte));
    }
    if fraction.len() > 9 {
        return Err(DecodeReason::TooManyDecimals);
    }
    let number = format!("{whole}{fraction:0<9}").parse().map_err(|_| DecodeReason::Overflow)?;
    if number > i128::from(i64::MAX) * 1_000_000_000 { Err(DecodeReason::Overflow) } else { Ok(number) }
}

fn main() {
    let recording = "1704205800110405970;100.00;51;100.01;32\n\
                     1704205800110504694;100.00;51;100.01;33\n\
                     1704205800110731188;100.00;12;100.01;33\n";
    let mut features = QuoteFeatures::new(Scale::WHOLE);
    let mut seen = Vec::new();
    let quotes = Ticks::new(recording).map_while(|quote| quote.map_err(|error| println!("{error}")).ok());
    let report = Stream::from_source("feed", quotes)
        .then("features", |quote| Some((quote.ts, features.update(&quote).qi)))
        .run("print", |row| seen.push(row), &Settings::default())
        .expect("no stage panics");
    seen.iter().for_each(|(ts, imbalance)| println!("{ts}: queue imbalance {imbalance:.3}"));
    assert_eq!((report.accepted, seen.len()), (3, 3));

    let error = Ticks::new("1704205800110405970;100.0x;51;100.01;32\n").next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "line 1, byte 0, field bid: unexpected 'x'");
}
