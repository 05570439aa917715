//! LOBSTER's message file and order-book file, row by row side by side.

use super::{LINE_BYTES_MAX, Lines, Step, pipe, unpack};
use crate::failure::Failure;
use crate::input::{self, Compression};
use bot4_pipeline::feed::DecodeReason;
use bot4_pipeline::feed::lobster::Quotes;
use bot4_pipeline::stream::Stop;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

pub(super) struct Pair {
    messages: Side,
    book: Side,
    /// Midnight in New York on that day.
    epoch_ns: u64,
    line: u64,
}

/// One of the two files.
struct Side {
    path: PathBuf,
    lines: Lines,
    row: Vec<u8>,
    /// Where in the file the row starts.
    at: u64,
}

impl Pair {
    /// Opens both, given either.
    pub(super) fn open(path: &Path, packed: Compression, stop: &Stop) -> Result<Self, Failure> {
        let (messages, book) = input::lobster_pair(path)?;
        let epoch_ns = input::new_york_midnight(&messages)?;
        Ok(Self {
            messages: Side::open(messages, packed, stop)?,
            book: Side::open(book, packed, stop)?,
            epoch_ns,
            line: 0,
        })
    }

    /// Whether the next rows have yet to come.
    pub(super) fn may_wait(&self) -> bool {
        [&self.messages, &self.book].iter().any(|side| !side.lines.buffer().contains(&b'\n'))
    }

    /// The next rows, and whether bad ones are left out; how many were is counted.
    pub(super) fn step(&mut self, stop: &Stop, skip: bool, skipped: &mut u64) -> Result<Step, Failure> {
        let read = [self.messages.read()?, self.book.read()?];
        self.line += 1;
        let whole = |side: &Side| side.row.ends_with(b"\n");
        if read == [false, false] || stop.is_requested() && !(whole(&self.messages) && whole(&self.book)) {
            return match self.line {
                1 if !stop.is_requested() => Err(Failure::at(&self.messages.path, "holds no quotes")),
                _ => Ok(Step::End),
            };
        }
        match Quotes::new(&self.messages.row, &self.book.row, self.epoch_ns).next().transpose() {
            Ok(quote) => Ok(quote.map_or(Step::Nothing, Step::Quote)),
            Err(error) if skip && error.reason != DecodeReason::EndsFirst => {
                *skipped += 1;
                Ok(Step::Nothing)
            }
            Err(mut error) => {
                let side = if error.field.starts_with("message") { &self.messages } else { &self.book };
                error.line = self.line;
                error.offset += side.at;
                Err(Failure::at(&side.path, error))
            }
        }
    }
}

impl Side {
    fn open(path: PathBuf, packed: Compression, stop: &Stop) -> Result<Self, Failure> {
        let lines = unpack(pipe(&path, false, stop.clone())?, packed);
        let lines = lines.map_err(|error| Failure::at(&path, format_args!("cannot read: {error}")))?;
        Ok(Self { path, lines, row: Vec::with_capacity(LINE_BYTES_MAX as usize), at: 0 })
    }

    /// Reads the next row; `false` at the end.
    fn read(&mut self) -> Result<bool, Failure> {
        self.at += self.row.len() as u64;
        self.row.clear();
        let read = self.lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.row);
        read.map(|read| read > 0)
            .map_err(|error| Failure::at(&self.path, format_args!("cannot read: {error}")))
    }
}
