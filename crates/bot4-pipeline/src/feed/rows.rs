//! What all decoders of one file of rows do alike: the header, the policy for bad rows, the end.

use super::DecodeError;
use super::cursor::Cursor;

/// The rows of one file.
#[derive(Clone, Debug)]
pub(super) struct Rows<'a> {
    cursor: Cursor<'a>,
    /// The first line, as long as it was not read. A format without one has none.
    header: Option<&'static str>,
    skip: bool,
    skipped: u64,
    ended: bool,
}

impl<'a> Rows<'a> {
    pub(super) const fn new(bytes: &'a [u8], header: Option<&'static str>) -> Self {
        Self { cursor: Cursor::new(bytes), header, skip: false, skipped: 0, ended: false }
    }

    pub(super) const fn skip_bad_rows(mut self) -> Self {
        self.skip = true;
        self
    }

    pub(super) const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The next row as `read` sees it, under the policy; `read` takes the row's line feed, too.
    #[inline]
    pub(super) fn next<T>(
        &mut self,
        mut read: impl FnMut(&mut Cursor<'a>) -> Result<T, DecodeError>,
    ) -> Option<Result<T, DecodeError>> {
        if self.header.is_some()
            && let Err(error) = self.take_header()
        {
            self.ended = true;
            return Some(Err(error));
        }
        while !self.ended && !self.cursor.is_at_end() {
            let start = self.cursor.row_start();
            match read(&mut self.cursor) {
                Err(_) if self.skip => {
                    self.cursor.skip_row(start);
                    self.skipped += 1;
                }
                result => {
                    self.ended = result.is_err();
                    return Some(result);
                }
            }
        }
        self.ended = true;
        None
    }

    #[cold]
    fn take_header(&mut self) -> Result<(), DecodeError> {
        self.header.take().map_or(Ok(()), |header| self.cursor.header(header.as_bytes()))
    }
}

/// The policy of a decoder whose field `rows` is a [`Rows`].
macro_rules! bad_row_policy {
    ($name:ident) => {
        impl $name<'_> {
            /// Leaves out bad rows instead of ending at the first. A header is no row: it must be right.
            #[must_use]
            pub const fn skip_bad_rows(mut self) -> Self {
                self.rows = self.rows.skip_bad_rows();
                self
            }

            /// How many rows were left out so far.
            #[must_use]
            pub const fn skipped(&self) -> u64 {
                self.rows.skipped()
            }
        }

        impl core::iter::FusedIterator for $name<'_> {}
    };
}

pub(super) use bad_row_policy;
