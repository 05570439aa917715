//! The feed: bytes to quotes, a line or a record at a time.

mod pair;
mod records;

use super::pipe::Pipe;
use crate::args::RunArgs;
use crate::failure::Failure;
use crate::input::{self, Compression, DBN_MAGIC, Format};
use bot4_pipeline::Quote;
use bot4_pipeline::feed::binance::{BOOK_TICKER_HEADER, BookTicker};
use bot4_pipeline::feed::tardis::{self, QUOTES_HEADER};
use bot4_pipeline::stream::Stop;
use pair::Pair;
use records::Records;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

/// Longer lines are no quotes: a guard against input without line ends.
const LINE_BYTES_MAX: u64 = 4096;
/// First bytes, which tell how the input is packed.
const MAGIC: u64 = 4;
const BUFFER: usize = 1 << 16;

/// What the feed gives to the deciding thread.
#[derive(Debug)]
pub(super) enum Input {
    Quote(Quote),
    /// Nothing more has come: what was decided must not wait for the next quote.
    Idle,
}

type Lines = BufReader<Box<dyn Read + Send>>;

/// What the next line or record is.
enum Step {
    Quote(Quote),
    /// None yet: an empty line, a change of the book that goes on.
    Nothing,
    End,
}

/// The quotes of the input. The first bad row ends it, unless bad rows are left out.
pub(super) struct Quotes {
    name: PathBuf,
    /// Until the first bytes have come.
    packed: Option<Pipe>,
    compression: Compression,
    lines: Option<Lines>,
    /// What it was said to be.
    wanted: Option<Format>,
    /// Known from the header on.
    format: Option<Format>,
    /// The two files of a LOBSTER recording.
    pair: Option<Pair>,
    /// Databento's.
    records: Option<Records>,
    /// Exchange and symbol of the first row, of a format that says them.
    instrument: Vec<u8>,
    /// A line, behind its header: the decoders read whole recordings.
    recording: Vec<u8>,
    line: u64,
    skip: bool,
    skipped: u64,
    stop: Stop,
    said_idle: bool,
    failure: Option<Failure>,
}

impl Quotes {
    /// A file or stdin.
    pub(super) fn open(args: &RunArgs, stop: Stop) -> Result<Self, Failure> {
        let from_stdin = args.data.as_os_str() == "-";
        let (packed, pair) = if args.is_lobster() {
            (None, Some(Pair::open(&args.data, args.compression, &stop)?))
        } else {
            (Some(pipe(&args.data, from_stdin, stop.clone())?), None)
        };
        Ok(Self {
            name: if from_stdin { PathBuf::from("stdin") } else { args.data.clone() },
            packed,
            compression: args.compression,
            lines: None,
            wanted: args.format,
            format: pair.as_ref().map(|_| Format::Lobster),
            pair,
            records: None,
            instrument: Vec::new(),
            recording: Vec::with_capacity(2 * LINE_BYTES_MAX as usize),
            line: 0,
            skip: args.skip_bad_rows,
            skipped: 0,
            stop,
            said_idle: false,
            failure: None,
        })
    }

    /// After the last quote: how many bad rows were left out, or why the input ended early.
    pub(super) fn end(self) -> Result<u64, Failure> {
        self.failure.map_or(Ok(self.skipped), Err)
    }

    /// The next line or record.
    fn step(&mut self) -> Result<Step, Failure> {
        if let Some(pair) = &mut self.pair {
            return pair.step(&self.stop, self.skip, &mut self.skipped);
        }
        if let Some(records) = &mut self.records {
            let step = records.step(self.skip, &mut self.skipped);
            return step.map_err(|what| Failure::at(&self.name, what));
        }
        let read = match self.format {
            None => self.read_start(),
            Some(_) => self.read_line(),
        };
        let read = read.map_err(|error| Failure::at(&self.name, format_args!("cannot read: {error}")))?;
        match self.format {
            _ if !read => self.end_of_lines(),
            None if self.is_dbn() => self.begin_records(),
            None => {
                self.format = Some(self.format_of_header()?);
                Ok(Step::Nothing)
            }
            Some(format) => match self.decode(format) {
                Ok(quote) => Ok(quote.map_or(Step::Nothing, Step::Quote)),
                Err(_) if self.skip => {
                    self.skipped += 1;
                    Ok(Step::Nothing)
                }
                Err(what) => Err(Failure::at(&self.name, format_args!("line {}, {what}", self.line))),
            },
        }
    }

    fn end_of_lines(&self) -> Result<Step, Failure> {
        if self.format.is_none() && !self.stop.is_requested() {
            return Err(Failure::at(
                &self.name,
                "is empty: the first line is the header of a recording of quotes",
            ));
        }
        Ok(Step::End)
    }

    /// Reads the first line, or of records no more than says that they are; `false` if there is nothing.
    fn read_start(&mut self) -> io::Result<bool> {
        if let Some(pipe) = self.packed.take() {
            self.lines = Some(unpack(pipe, self.compression)?);
        }
        let Some(lines) = &mut self.lines else { return Ok(false) };
        lines.by_ref().take(DBN_MAGIC.len() as u64).read_to_end(&mut self.recording)?;
        if self.recording.is_empty() || self.is_dbn() {
            return Ok(!self.recording.is_empty());
        }
        self.read_rest()
    }

    /// Reads the next line behind the header that the decoder wants; `false` at the end.
    fn read_line(&mut self) -> io::Result<bool> {
        self.recording.clear();
        self.recording.extend_from_slice(self.format.map_or(b"", header));
        self.read_rest()
    }

    /// Appends what is left of the line.
    fn read_rest(&mut self) -> io::Result<bool> {
        let Some(lines) = &mut self.lines else { return Ok(false) };
        let before = self.recording.len();
        if !(self.format.is_none() && self.recording.ends_with(b"\n")) {
            lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.recording)?;
        }
        self.line += 1;
        // A stop may cut a line short, and half a number is another number.
        let any = self.recording.len() > before || self.format.is_none();
        Ok(any && (self.recording.ends_with(b"\n") || !self.stop.is_requested()))
    }

    /// Whether the first bytes, or the user, say that these are records and no lines.
    fn is_dbn(&self) -> bool {
        self.wanted.map_or_else(|| self.recording.starts_with(DBN_MAGIC), |wanted| wanted == Format::Dbn)
    }

    /// Reads what comes before the records.
    fn begin_records(&mut self) -> Result<Step, Failure> {
        let Some(bytes) = self.lines.take() else { return Ok(Step::End) };
        let records = Records::new(&self.recording, bytes).map_err(|what| Failure::at(&self.name, what))?;
        (self.format, self.records) = (Some(Format::Dbn), Some(records));
        Ok(Step::Nothing)
    }

    /// Whether the next line or record has yet to come.
    fn may_wait(&self) -> bool {
        match (&self.pair, &self.records) {
            (Some(pair), _) => pair.may_wait(),
            (None, Some(records)) => records.may_wait(),
            (None, None) => self.lines.as_ref().is_none_or(|lines| !lines.buffer().contains(&b'\n')),
        }
    }

    fn format_of_header(&self) -> Result<Format, Failure> {
        let found = Format::of_header(&self.recording);
        found.filter(|found| self.wanted.is_none_or(|wanted| wanted == *found)).ok_or_else(|| {
            Failure::at(
                &self.name,
                match self.wanted {
                    Some(Format::Table) => "a table has no quotes: give a recording".to_owned(),
                    Some(Format::BinanceQuotes) => format!("line 1: not the header of a book ticker ({BOOK_TICKER_HEADER})"),
                    Some(Format::TardisQuotes) => format!("line 1: not the header of Tardis quotes ({QUOTES_HEADER})"),
                    _ => format!(
                        "line 1: not the header of a book ticker ({BOOK_TICKER_HEADER}) or of Tardis quotes ({QUOTES_HEADER})"
                    ),
                },
            )
        })
    }

    /// The quote of the line that was read, or what is wrong with it.
    fn decode(&mut self, format: Format) -> Result<Option<Quote>, String> {
        let start = header(format).len() as u64;
        let quote = match format {
            Format::TardisQuotes => tardis::Quotes::new(&self.recording).next(),
            _ => BookTicker::new(&self.recording).next(),
        };
        let quote = quote.transpose().map_err(|error| {
            let byte = error.offset.saturating_sub(start);
            format!("byte {byte} of it, field {}: {}", error.field, error.reason)
        })?;
        if format == Format::TardisQuotes && quote.is_some() {
            self.check_instrument(start as usize)?;
        }
        Ok(quote)
    }

    /// Quotes of another instrument than the first row's do not belong in this stream.
    fn check_instrument(&mut self, start: usize) -> Result<(), String> {
        let line = &self.recording[start..];
        let instrument = line.split(|byte| *byte == b',').take(2).map(|field| field.len() + 1).sum::<usize>();
        let instrument = &line[..instrument.min(line.len())];
        if self.instrument.is_empty() {
            self.instrument = instrument.to_vec();
        }
        if instrument == self.instrument {
            return Ok(());
        }
        Err(format!("field symbol: another instrument than the {} of the first row", {
            String::from_utf8_lossy(&self.instrument[..self.instrument.len() - 1])
        }))
    }
}

impl Iterator for Quotes {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        loop {
            self.said_idle = self.may_wait() && !self.said_idle;
            if self.said_idle {
                return Some(Input::Idle);
            }
            match self.step() {
                Ok(Step::Quote(quote)) => return Some(Input::Quote(quote)),
                Ok(Step::Nothing) => {}
                Ok(Step::End) => return None,
                // A stop that cuts packed bytes short is no fault of theirs.
                Err(_) if self.stop.is_requested() => return None,
                Err(failure) => {
                    self.failure = Some(failure);
                    return None;
                }
            }
        }
    }
}

/// The bytes of a file or of stdin as they come.
fn pipe(path: &Path, from_stdin: bool, stop: Stop) -> Result<Pipe, Failure> {
    let cannot = |error: io::Error| Failure::at(path, format_args!("cannot read: {error}"));
    if from_stdin {
        return Pipe::new(io::stdin(), stop).map_err(cannot);
    }
    let file = input::open_file(path)?;
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(cannot(io::ErrorKind::IsADirectory.into()));
    }
    Pipe::new(file, stop).map_err(cannot)
}

/// The header line that the decoder of a streamed format reads first.
fn header(format: Format) -> &'static [u8] {
    const BINANCE: &str = "local_ns,event_ms,txn_ms,update_id,bid_px,bid_qty,ask_px,ask_qty\n";
    const TARDIS: &str =
        "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";
    match format {
        Format::BinanceQuotes => BINANCE.as_bytes(),
        Format::TardisQuotes => TARDIS.as_bytes(),
        Format::Lobster | Format::Dbn | Format::Table => b"",
    }
}

/// Waits for the first bytes, unless it was said how the input is packed.
fn unpack(mut pipe: Pipe, compression: Compression) -> io::Result<Lines> {
    let mut start = Vec::with_capacity(MAGIC as usize);
    let compression = match compression {
        Compression::Auto => {
            pipe.by_ref().take(MAGIC).read_to_end(&mut start)?;
            Compression::detect(&start)
        }
        given => given,
    };
    let raw = BufReader::with_capacity(BUFFER, Cursor::new(start).chain(pipe));
    let bytes: Box<dyn Read + Send> = match compression {
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(raw)?),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
        // Its buffer is the one that lines are looked for in.
        Compression::Auto | Compression::None => Box::new(raw.into_inner()),
    };
    Ok(BufReader::with_capacity(BUFFER, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_are_those_of_the_decoders() {
        assert_eq!(header(Format::BinanceQuotes), format!("{BOOK_TICKER_HEADER}\n").as_bytes());
        assert_eq!(header(Format::TardisQuotes), format!("{QUOTES_HEADER}\n").as_bytes());
    }
}
