//! Prints the statistics of the simulated market beside those of real ones.
//!
//! `cargo run --release -p bot4-pipeline --example market_statistics [SEED]`
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

#[path = "../tests/stats/mod.rs"]
mod stats;

use bot4_pipeline::features::Scale;
use bot4_pipeline::sim::{self, Simulator};

fn main() {
    let seed = std::env::args().nth(1).map_or(1, |text| text.parse().expect("SEED is a number"));
    let rows = stats::rows(Simulator::new(seed).take(1_000_000), Scale::WHOLE);
    let tick = sim::TICK as f64 / 1e9;
    let hours = (rows[rows.len() - 1].ts - sim::OPENING_NS) as f64 / 3.6e12;
    println!("seed {seed}: {} quotes in {hours:.2} hours", rows.len());

    let (one_tick, mean_spread) = stats::spread(&rows, tick);
    let seconds = (hours * 3600.0) as usize;
    let buckets = stats::buckets(&rows, sim::OPENING_NS, 10_000_000_000, seconds / 10, tick);
    let moves = stats::moves(&rows);
    println!("{:<52}{:>10}   real markets", "", "simulated");
    for (name, value, target) in [
        ("one-tick spreads, share", one_tick, "0.013 to 0.94"),
        ("queue imbalance and next move, AUC", stats::direction(&moves).auc, "0.66 to 0.89"),
        (
            "order flow and price in the same 10 s, R2",
            stats::regress(buckets.iter().copied()).r2,
            "0.3 to 0.5",
        ),
        ("order flow and price in the next 10 s, R2", stats::next_bucket(&buckets).r2, "below 0.01"),
        ("time between quotes, coefficient of variation", stats::interval_variation(&rows), "well above 1"),
        ("mean spread, ticks", mean_spread, ""),
        ("quotes per move of the mid", rows.len() as f64 / moves.len() as f64, ""),
    ] {
        println!("{name:<52}{value:>10.4}   {target}");
    }
    for (name, seconds) in [("1 s", 1_u64), ("60 s", 60)] {
        let count = (hours * 3600.0) as usize / seconds as usize;
        let buckets = stats::buckets(&rows, sim::OPENING_NS, seconds * 1_000_000_000, count, tick);
        let r2 = stats::regress(buckets.into_iter()).r2;
        println!("{:<52}{r2:>10.4}", format!("order flow and price in the same {name}, R2"));
    }
}
