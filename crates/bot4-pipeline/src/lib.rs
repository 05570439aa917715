//! Market data decoding, streaming features, in-place stages and a wait-free risk gate.
//!
//! - [`feed`]: decoders from the bytes of a recording to quotes and trades.
//! - [`features`]: streaming features of quotes, and the rows models see.
//! - [`sim`]: a seeded market that makes quotes.
//! - [`columns`]: a batch of rows as structure of arrays.
//! - [`stage`]: in-place stages for one row or a batch, and their composition.
//! - [`risk`]: a wait-free gate in front of the order path.

pub mod columns;
pub mod features;
pub mod feed;
mod quote;
pub mod risk;
pub mod sim;
pub mod stage;

pub use quote::{Quote, Side, Trade};
