//! The reading thread: bytes to quotes, a line at a time.

use crate::failure::Failure;
use crate::input::Compression;
use bot4_lockfree::spsc::Producer;
use bot4_lockfree::wait::Wait;
use bot4_pipeline::Quote;
use bot4_pipeline::feed::binance::{BOOK_TICKER_HEADER, BookTicker};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longer lines are no quotes: a guard against input without line ends.
const LINE_BYTES_MAX: u64 = 4096;
const WAIT: Wait = Wait::Park { interval: Duration::from_micros(200) };

/// A file or stdin, unpacked.
pub(super) fn open(path: &Path, compression: Compression) -> Result<Box<dyn BufRead + Send>, Failure> {
    let cannot = |error: io::Error| Failure::at(path, format_args!("cannot read: {error}"));
    let from_stdin = path.as_os_str() == "-";
    let raw: Box<dyn Read + Send> =
        if from_stdin { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(cannot)?) };
    let mut raw = BufReader::new(raw);
    let compression = match compression {
        // Looking at the first bytes of a pipe would wait for them.
        Compression::Auto if from_stdin => Compression::None,
        Compression::Auto => Compression::detect(raw.fill_buf().map_err(cannot)?),
        given => given,
    };
    Ok(match compression {
        Compression::Zstd => Box::new(BufReader::new(zstd::Decoder::with_buffer(raw).map_err(cannot)?)),
        Compression::Gzip => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(raw))),
        Compression::Auto | Compression::None => Box::new(raw),
    })
}

/// Pushes every quote until the input ends, the other side is gone or Ctrl-C was pressed. Returns how many bad rows were
/// left out; without `skip`, the first is an error with its line.
pub(super) fn quotes(
    mut source: Box<dyn BufRead + Send>,
    name: &Path,
    skip: bool,
    stop: &AtomicBool,
    to: &mut Producer<Quote>,
) -> Result<u64, Failure> {
    let name = if name.as_os_str() == "-" { Path::new("stdin") } else { name };
    // The decoder reads whole recordings: each line is one, behind the header.
    let mut recording = Vec::with_capacity(LINE_BYTES_MAX as usize);
    let (mut line, mut skipped) = (0_u64, 0);
    // ORDERING: Relaxed: the flag is the whole message.
    while !stop.load(Ordering::Relaxed) {
        recording.clear();
        if line > 0 {
            recording.extend_from_slice(BOOK_TICKER_HEADER.as_bytes());
            recording.push(b'\n');
        }
        let start = recording.len();
        let read = source.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut recording);
        if read.map_err(|error| Failure::at(name, format_args!("cannot read: {error}")))? == 0 {
            break;
        }
        line += 1;
        if line == 1 {
            check_header(name, &recording)?;
            continue;
        }
        match BookTicker::new(&recording).next() {
            Some(Ok(quote)) if to.push_wait(quote, WAIT).is_err() => break,
            Some(Ok(_)) | None => {}
            Some(Err(_)) if skip => skipped += 1,
            Some(Err(error)) => {
                let byte = error.offset.saturating_sub(start as u64);
                return Err(Failure::at(
                    name,
                    format_args!("line {line}, byte {byte} of it, field {}: {}", error.field, error.reason),
                ));
            }
        }
    }
    Ok(skipped)
}

fn check_header(name: &Path, line: &[u8]) -> Result<(), Failure> {
    if line.trim_ascii_end() == BOOK_TICKER_HEADER.as_bytes() {
        return Ok(());
    }
    Err(Failure::at(name, format_args!("line 1: not the header of a book ticker: {BOOK_TICKER_HEADER}")))
}
