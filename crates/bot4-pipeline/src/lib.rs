//! Market data decoding, streaming features, in-place stages and a wait-free risk gate.
//!
//! - [`feed`]: decoders from the bytes of a recording to quotes and trades.
//! - [`features`]: streaming features of quotes, and the rows models see.
//! - [`sim`]: a seeded market that makes quotes.

pub mod features;
pub mod feed;
mod quote;
pub mod sim;

pub use quote::{Quote, Side, Trade};
