//! Databento's records as they come: quotes as they stand there, or order events through a book.

use super::{Lines, Step};
use crate::input::DBN_MAGIC;
use crate::input::dbn::Book;
use bot4_pipeline::feed::dbn::{Orders, Quotes};
use bot4_pipeline::feed::{DecodeError, DecodeReason};
use std::io::{self, BufRead, Read};

/// The letters, the version, and the length of the metadata that follow.
const PRELUDE: u64 = 8;
/// A record says how many words of so many bytes it has.
const WORD: usize = 4;

/// The records behind the metadata.
pub(super) struct Records {
    bytes: Lines,
    kind: Kind,
    /// Of quotes the first, with which the decoder compares the others; then the one that was read.
    record: Vec<u8>,
    /// Where in the input the record starts.
    at: u64,
}

enum Kind {
    Orders(Box<Book>),
    /// How many bytes the first quote has.
    Quotes {
        first: usize,
    },
}

impl Records {
    /// Reads the metadata, of which the first bytes are `start`.
    pub(super) fn new(start: &[u8], mut bytes: Lines) -> Result<Self, String> {
        let mut metadata = start.to_vec();
        let mut more = |metadata: &mut Vec<u8>, length: u64| {
            let read = bytes.by_ref().take(length).read_to_end(metadata);
            read.map_err(|error| format!("cannot read: {error}"))
        };
        if metadata.starts_with(DBN_MAGIC) {
            more(&mut metadata, PRELUDE - start.len() as u64)?;
        }
        if let Some(length) = metadata.get(4..8) {
            let length = length.iter().rev().fold(0, |length, byte| length << 8 | u64::from(*byte));
            more(&mut metadata, length)?;
        }
        let orders = Orders::new(&metadata).next().transpose();
        let kind = match orders {
            Err(DecodeError { reason: DecodeReason::OtherSchema, .. }) => {
                Quotes::new(&metadata).next().transpose().map_err(|error| error.to_string())?;
                Kind::Quotes { first: 0 }
            }
            Err(error) => return Err(error.to_string()),
            Ok(_) => Kind::Orders(Box::default()),
        };
        Ok(Self { bytes, kind, record: Vec::new(), at: metadata.len() as u64 })
    }

    /// Whether the next record has yet to come.
    pub(super) fn may_wait(&self) -> bool {
        let buffer = self.bytes.buffer();
        buffer.first().is_none_or(|words| buffer.len() < usize::from(*words) * WORD)
    }

    /// The next record, and whether bad ones are left out; how many were is counted.
    pub(super) fn step(&mut self, skip: bool, skipped: &mut u64) -> Result<Step, String> {
        let ahead = match self.kind {
            Kind::Orders(_) => 0,
            Kind::Quotes { first } => first,
        };
        self.record.truncate(ahead);
        let read = self.read().map_err(|error| format!("cannot read: {error}"))?;
        if read == 0 {
            return Ok(Step::End);
        }
        let step = self.decode(ahead);
        let start = self.at - ahead as u64;
        self.at += read as u64;
        match step {
            Ok(step) => Ok(step),
            // Where the next record starts is not known behind one of a wrong length.
            Err(Fault::Record(error)) if skip && error.field != "length" && error.field != "record" => {
                *skipped += 1;
                Ok(Step::Nothing)
            }
            Err(Fault::Record(error)) => {
                Err(DecodeError { offset: start + error.offset, ..error }.to_string())
            }
            Err(Fault::Book(what)) => Err(what),
        }
    }

    /// Appends the next record, or what there is of it, to the one ahead; its length.
    fn read(&mut self) -> io::Result<usize> {
        let Some(words) = self.bytes.fill_buf()?.first() else { return Ok(0) };
        let length = (usize::from(*words) * WORD).max(1);
        match self.bytes.buffer().get(..length) {
            Some(record) => {
                self.record.extend_from_slice(record);
                self.bytes.consume(length);
                Ok(length)
            }
            None => self.bytes.by_ref().take(length as u64).read_to_end(&mut self.record),
        }
    }

    fn decode(&mut self, ahead: usize) -> Result<Step, Fault> {
        match &mut self.kind {
            Kind::Orders(book) => match Orders::fragment(&self.record).next().transpose()? {
                Some(event) => {
                    let quote = book.apply(&event).map_err(Fault::Book)?;
                    Ok(quote.map_or(Step::Nothing, Step::Quote))
                }
                None => Ok(Step::Nothing),
            },
            Kind::Quotes { first } => {
                let quote = Quotes::fragment(&self.record).nth(usize::from(ahead > 0)).transpose()?;
                if quote.is_some() && ahead == 0 {
                    *first = self.record.len();
                }
                Ok(quote.map_or(Step::Nothing, Step::Quote))
            }
        }
    }
}

enum Fault {
    Record(DecodeError),
    Book(String),
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Record(error)
    }
}
