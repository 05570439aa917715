//! Which share of lookups does each cache answer, next to LRU and to Belady's optimum?
//!
//! ```text
//! hit_ratio CAPACITIES [INPUT ...]
//! ```
//!
//! CAPACITIES are separated by commas: entries (`4096`) or shares of the distinct keys (`2%`, at least 64 entries). An INPUT is
//! one of
//!
//! - a file of keys, one decimal number a line (empty lines and those that begin with `*` are skipped), or `-` for standard input;
//! - `lis:FILE`, lines of first key and number of keys, as the ARC traces have them;
//! - `be32:FILE`, keys of four bytes, the highest first, as the cache2k traces have them;
//! - `zipf:0.9`, a million draws from 200,000 keys;
//! - `scan:0.9`, the same with a scan over 5,000 new keys after each 20,000 draws.
//!
//! Files that end in `.gz`, `.xz` or `.zst` are read through the program that unpacks them. Without an INPUT the keys come from
//! standard input. Hashers are seeded with constants: equal inputs give equal output. Larger capacities are rounded up by
//! `vector` (to 16) and `feature` (to 64). The last line is the mean of the rows.

mod input;
mod ours;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    table::print(ours::POLICIES)
}
