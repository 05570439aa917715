//! The newest value of something, handed from a writer to readers that never wait for it.
//!
//! * [`Latest`]: a small value of plain words (a quote, a position) written millions of times a second; a read copies it.
//! * [`Published`]: a whole structure (a model, a set of limits) replaced now and then; a read borrows it.
//!
//! For a large map that changes entry by entry take the `left-right` crate; where a reader has no handle to keep,
//! `arc-swap`.

mod latest;
mod published;
mod words;

pub use latest::{Latest, LatestReader, LatestWriter};
pub use published::{Published, Reader};
pub use words::{Word, WordArray, Words};
