//! Which share of lookups does each cache answer, ours and the field's, next to Belady's optimum?
//!
//! `cargo run --release -p bot4-benches --features peers --example hit_ratio_peers -- CAPACITIES [INPUT ...]`: arguments and table
//! are those of bot4-cache's example `hit_ratio`, which this one adds the field's columns to.

#[path = "../../../crates/bot4-cache/examples/hit_ratio/input.rs"]
mod input;
#[path = "../../../crates/bot4-cache/examples/hit_ratio/ours.rs"]
mod ours;
mod peers;
#[path = "../../../crates/bot4-cache/examples/hit_ratio/table.rs"]
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    table::print(&[ours::POLICIES, peers::POLICIES].concat())
}
