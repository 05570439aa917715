//! Recordings and tables from files: unpacking, detecting, decoding, and what a report says about them.

pub(crate) mod dbn;
mod table;

use crate::args::DataArgs;
use crate::failure::Failure;
use bot4_pipeline::Quote;
use bot4_pipeline::features::Scale;
use bot4_pipeline::feed::{DecodeError, binance, lobster, tardis};
use clap::ValueEnum;
use sha2::{Digest, Sha256};
use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

pub(crate) use dbn::MAGIC as DBN_MAGIC;
pub(crate) use table::Table;

/// Longest recording read, after unpacking: a guard against a compressed file that unpacks for ever.
pub(crate) const BYTES_MAX: u64 = 8 << 30;

/// The formats of recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// LOBSTER level-1 order book with its message file beside it
    Lobster,
    /// Binance book ticker as CSV
    BinanceQuotes,
    /// Tardis quotes as CSV
    TardisQuotes,
    /// Databento: order events, which go through a book, or quotes
    Dbn,
    /// Numbers in columns, separated by commas, semicolons or tabs, with or without a header
    Table,
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compression {
    /// As its first bytes say
    Auto,
    /// Not at all
    None,
    /// gzip
    Gzip,
    /// Zstandard
    Zstd,
}

impl Compression {
    /// What the first bytes say.
    pub(crate) fn detect(start: &[u8]) -> Self {
        match start {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0x1f, 0x8b, ..] => Self::Gzip,
            _ => Self::None,
        }
    }
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lobster => "lobster",
            Self::BinanceQuotes => "binance-quotes",
            Self::TardisQuotes => "tardis-quotes",
            Self::Dbn => "dbn",
            Self::Table => "table",
        }
    }

    /// Units in which people read this format: LOBSTER prices are dollars x 10,000, Binance's are plain.
    pub(crate) fn scale(self) -> Scale {
        match self {
            Self::Lobster => Scale::LOBSTER,
            _ => Scale::WHOLE,
        }
    }

    /// What a file is: LOBSTER's by its name, others by their first bytes, anything else is a table.
    pub(crate) fn detect(path: &Path, bytes: &[u8]) -> Self {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.contains("_message_") || name.contains("_orderbook_") {
            Self::Lobster
        } else if bytes.starts_with(dbn::MAGIC) {
            Self::Dbn
        } else {
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            Self::of_header(line).unwrap_or(Self::Table)
        }
    }

    /// The format of quotes that starts with this line.
    pub(crate) fn of_header(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii_end();
        if line == binance::BOOK_TICKER_HEADER.as_bytes() {
            Some(Self::BinanceQuotes)
        } else if line == tardis::QUOTES_HEADER.as_bytes() {
            Some(Self::TardisQuotes)
        } else {
            None
        }
    }
}

/// What a file holds.
#[derive(Debug)]
pub(crate) enum Data {
    /// Quotes, and what they are recorded in.
    Quotes(Recording, Format),
    Table(Table),
}

/// Reads, unpacks, detects and decodes a file.
pub(crate) fn open(args: &DataArgs, path: &Path) -> Result<Data, Failure> {
    let bytes = read(path, args.compression)?;
    match args.format.unwrap_or_else(|| Format::detect(path, &bytes)) {
        Format::Table => Table::parse(&bytes).map(Data::Table).map_err(|why| Failure::at(path, why)),
        format => Ok(Data::Quotes(recording(path, &bytes, format, args.compression)?, format)),
    }
}

/// A decoded recording.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) quotes: Vec<Quote>,
    /// SHA-256 of the unpacked bytes (of both files of a pair, message file first), in hexadecimal.
    pub(crate) sha256: String,
    /// Midnight the recording's times count from, ns since 1970 UTC: what `Quote::ts` minus this is the file's own time.
    pub(crate) epoch_ns: u64,
}

/// Reads, unpacks and decodes a recording; the first malformed row is an error with file, line and reason.
pub(crate) fn load(path: &Path, format: Format) -> Result<Recording, Failure> {
    recording(path, &read(path, Compression::Auto)?, format, Compression::Auto)
}

/// Decodes the unpacked bytes of a recording; of a pair, reads the other file, too.
fn recording(path: &Path, bytes: &[u8], format: Format, packed: Compression) -> Result<Recording, Failure> {
    let recording = match format {
        Format::BinanceQuotes => decode(path, bytes, binance::BookTicker::new)?,
        Format::TardisQuotes => decode(path, bytes, tardis::Quotes::new)?,
        Format::Dbn => {
            let quotes = dbn::quotes(bytes).map_err(|why| Failure::at(path, why))?;
            Recording { quotes, sha256: sha256(&[bytes]), epoch_ns: 0 }
        }
        Format::Lobster => load_lobster(path, packed)?,
        Format::Table => return Err(Failure::at(path, "a table has no quotes: give a recording")),
    };
    match recording.quotes.is_empty() {
        true => Err(Failure::at(path, "holds no quotes")),
        false => Ok(recording),
    }
}

fn decode<'a, D: Iterator<Item = Result<Quote, DecodeError>>>(
    path: &Path,
    bytes: &'a [u8],
    decoder: fn(&'a [u8]) -> D,
) -> Result<Recording, Failure> {
    let quotes = decoder(bytes).collect::<Result<_, _>>().map_err(|error| Failure::at(path, error))?;
    Ok(Recording { quotes, sha256: sha256(&[bytes]), epoch_ns: 0 })
}

fn load_lobster(path: &Path, packed: Compression) -> Result<Recording, Failure> {
    let (message_path, book_path) = lobster_pair(path)?;
    let (messages, book) = (read(&message_path, packed)?, read(&book_path, packed)?);
    let epoch_ns = new_york_midnight(&message_path)?;
    let quotes = lobster::Quotes::new(&messages, &book, epoch_ns).collect::<Result<_, _>>();
    let quotes = quotes.map_err(|error: DecodeError| {
        let path = if error.field.starts_with("message") { &message_path } else { &book_path };
        Failure::at(path, error)
    })?;
    Ok(Recording { quotes, sha256: sha256(&[&messages, &book]), epoch_ns })
}

/// The message file and the order-book file of a LOBSTER pair, given either.
pub(crate) fn lobster_pair(path: &Path) -> Result<(PathBuf, PathBuf), Failure> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.contains("_message_") {
        Ok((path.to_path_buf(), path.with_file_name(name.replace("_message_", "_orderbook_"))))
    } else if name.contains("_orderbook_") {
        Ok((path.with_file_name(name.replace("_orderbook_", "_message_")), path.to_path_buf()))
    } else {
        Err(Failure::at(
            path,
            "a LOBSTER recording is a pair of files named TICKER_DATE_START_END_message_LEVELS.csv \
             and ..._orderbook_..., and this name has neither `_message_` nor `_orderbook_` in it",
        ))
    }
}

/// LOBSTER times count from midnight in New York on the date in the file's name.
pub(crate) fn new_york_midnight(path: &Path) -> Result<u64, Failure> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let date = name.split('_').find_map(|part| part.parse::<jiff::civil::Date>().ok()).ok_or_else(|| {
        Failure::at(path, "the name of a LOBSTER file has the day in it, as in AMZN_2012-06-21_34200000_57600000_message_1.csv")
    })?;
    let midnight = date.in_tz("America/New_York").map_err(|error| Failure::at(path, error))?;
    u64::try_from(midnight.timestamp().as_nanosecond())
        .map_err(|_| Failure::at(path, "the day is before 1970"))
}

/// Opens what a command reads: a file or a pipe. A device has nothing for us, and may have it without end.
pub(crate) fn open_file(path: &Path) -> Result<File, Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = std::fs::metadata(path).map(|meta| meta.file_type());
        if kind.is_ok_and(|kind| kind.is_char_device() || kind.is_block_device()) {
            return Err(Failure::at(path, "cannot read: is a device, give a file or a pipe"));
        }
    }
    File::open(path).map_err(|error| Failure::at(path, format_args!("cannot read: {error}")))
}

/// The bytes of a file or a pipe, up to `max` of them.
pub(crate) fn bytes(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = open_file(path)?.take(max + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::at(path, format_args!("cannot read: {error}")))?;
    match bytes.len() as u64 > max {
        true => Err(Failure::at(path, format_args!("longer than the {max} bytes that are read"))),
        false => Ok(bytes),
    }
}

/// A whole file, unpacked.
fn read(path: &Path, compression: Compression) -> Result<Vec<u8>, Failure> {
    let cannot = |error: &dyn Display| Failure::at(path, format_args!("cannot read: {error}"));
    let packed = bytes(path, BYTES_MAX)?;
    let compression = match compression {
        Compression::Auto => Compression::detect(&packed),
        given => given,
    };
    let unpacked = match compression {
        Compression::Zstd => {
            let decoder = zstd::Decoder::with_buffer(packed.as_slice()).map_err(|error| cannot(&error))?;
            unpack(decoder).map_err(|error| cannot(&format_args!("broken zstd data: {error}")))?
        }
        Compression::Gzip => unpack(flate2::bufread::MultiGzDecoder::new(packed.as_slice()))
            .map_err(|error| cannot(&format_args!("broken gzip data: {error}")))?,
        Compression::Auto | Compression::None => packed,
    };
    if unpacked.len() as u64 > BYTES_MAX {
        return Err(Failure::at(
            path,
            format_args!("longer than {BYTES_MAX} bytes unpacked: split the recording"),
        ));
    }
    Ok(unpacked)
}

fn unpack(decoder: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    decoder.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn sha256(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hex(&hasher.finalize())
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
