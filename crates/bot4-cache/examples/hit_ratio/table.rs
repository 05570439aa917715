//! The table: a row for each input and capacity, a column for each policy.

use crate::input;
use std::{
    collections::HashSet,
    io::{self, Write},
    process::ExitCode,
};

/// A name and how many of the lookups a cache of so many entries answers.
pub(crate) type Policy = (&'static str, fn(&[u64], usize) -> u64);

/// The least that a share of the keys stands for.
const ENTRIES_MIN: usize = 64;

/// Does what the command line asks for.
pub(crate) fn print(policies: &[Policy]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments, policies) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(io::stderr(), "hit_ratio: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String], policies: &[Policy]) -> Result<(), String> {
    let (capacities, inputs) = arguments.split_first().ok_or("usage: hit_ratio CAPACITIES [INPUT ...]")?;
    let stdin = ["-".to_string()];
    let inputs = if inputs.is_empty() { &stdin } else { inputs };
    line("input", "keys", "capacity", policies.iter().map(|(name, _)| (*name).to_string()))?;
    let mut rows = Vec::new();
    for input in inputs {
        let keys = input::keys_of(input)?;
        let distinct = keys.iter().collect::<HashSet<_>>().len();
        for capacity in capacities.split(',') {
            let entries = entries(capacity, distinct)?;
            let ratio = |hits| hits as f64 / keys.len().max(1) as f64;
            let row: Vec<f64> = policies.iter().map(|(_, hits)| ratio(hits(&keys, entries))).collect();
            let name = input.rsplit('/').next().unwrap_or(input);
            line(name, &keys.len().to_string(), &entries.to_string(), row.iter().map(four_digits))?;
            rows.push(row);
        }
    }
    let mean = |column| rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64;
    line("mean", "", "", (0..policies.len()).map(|column| four_digits(&mean(column))))
}

fn four_digits(ratio: &f64) -> String {
    format!("{ratio:.4}")
}

fn line(name: &str, keys: &str, capacity: &str, cells: impl Iterator<Item = String>) -> Result<(), String> {
    let cells: String = cells.map(|cell| format!(" {cell:>8}")).collect();
    let written = writeln!(io::stdout(), "{name:<28} {keys:>9} {capacity:>8}{cells}");
    written.map_err(|error| format!("standard output: {error}"))
}

fn entries(capacity: &str, distinct: usize) -> Result<usize, String> {
    let number =
        |text: &str| text.parse::<usize>().map_err(|error| format!("capacity {capacity:?}: {error}"));
    let entries = match capacity.strip_suffix('%') {
        Some(percent) => (number(percent)? * distinct / 100).max(ENTRIES_MIN),
        None => number(capacity)?,
    };
    if entries == 0 { Err("a cache needs a capacity of at least 1".into()) } else { Ok(entries) }
}
