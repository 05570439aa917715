//! Which share of lookups does each cache answer, next to LRU and to Belady's optimum?
//!
//! ```text
//! hit_ratio CAPACITIES [INPUT ...]
//! ```
//!
//! CAPACITIES are separated by commas: entries (`4096`) or shares of the distinct keys (`2%`). An INPUT is a file of keys,
//! one decimal number a line; `zipf:0.9`, a million draws from 200,000 keys; or `scan:0.9`, the same with a scan over 5,000
//! new keys after each 20,000 draws. Without an INPUT the keys come from standard input. Hashers are seeded with constants:
//! equal inputs give equal output. Larger capacities are rounded up by `vector` (to 16) and `feature` (to 64).

use bot4_cache::{FeatureCache, LocalFeatureCache, VectorCache};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs::File,
    io::{self, BufRead, BufReader, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(io::stderr(), "hit_ratio: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let (capacities, inputs) = arguments.split_first().ok_or("usage: hit_ratio CAPACITIES [INPUT ...]")?;
    let stdin = ["-".to_string()];
    let inputs = if inputs.is_empty() { &stdin } else { inputs };
    let mut out = io::stdout().lock();
    let written = |done: io::Result<()>| done.map_err(|error| format!("standard output: {error}"));
    written(writeln!(out, "{:<32} {:>9} {:>9} {NAMES}", "input", "keys", "capacity"))?;
    for input in inputs {
        let keys = keys_of(input)?;
        let distinct = keys.iter().collect::<HashSet<_>>().len();
        for capacity in capacities.split(',') {
            let capacity = entries(capacity, distinct)?;
            let name = input.rsplit('/').next().unwrap_or(input);
            written(write!(out, "{name:<32} {:>9} {capacity:>9}", keys.len()))?;
            for hits in hits(&keys, capacity) {
                written(write!(out, " {:>8.4}", hits as f64 / keys.len() as f64))?;
            }
            written(writeln!(out))?;
        }
    }
    Ok(())
}

fn entries(capacity: &str, distinct: usize) -> Result<usize, String> {
    let number =
        |text: &str| text.parse::<usize>().map_err(|error| format!("capacity {capacity:?}: {error}"));
    let entries = match capacity.strip_suffix('%') {
        Some(percent) => (number(percent)? * distinct / 100).max(1),
        None => number(capacity)?,
    };
    if entries == 0 { Err("a cache needs a capacity of at least 1".into()) } else { Ok(entries) }
}

fn keys_of(input: &str) -> Result<Vec<u64>, String> {
    if let Some(exponent) = input.strip_prefix("zipf:") {
        return zipf(exponent, false);
    }
    if let Some(exponent) = input.strip_prefix("scan:") {
        return zipf(exponent, true);
    }
    let reader: Box<dyn BufRead> = match input {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(BufReader::new(File::open(path).map_err(|error| format!("{path}: {error}"))?)),
    };
    let parse = |(index, line): (usize, io::Result<String>)| {
        let line = line.map_err(|error| format!("{input}: {error}"))?;
        line.trim().parse().map_err(|error| format!("{input}:{}: {line:?}: {error}", index + 1))
    };
    reader.lines().enumerate().map(parse).collect()
}

fn zipf(exponent: &str, scans: bool) -> Result<Vec<u64>, String> {
    const KEYS: usize = 200_000;
    const DRAWS: usize = 1_000_000;
    let exponent: f64 = exponent.parse().map_err(|error| format!("exponent {exponent:?}: {error}"))?;
    let mut total = 0.0;
    let cumulated: Vec<f64> = (1..=KEYS)
        .map(|rank| {
            total += (rank as f64).powf(-exponent);
            total
        })
        .collect();
    let (mut keys, mut state, mut next_of_scan) = (Vec::with_capacity(2 * DRAWS), 42_u64, 1 << 60);
    for draw in 1..=DRAWS {
        let uniform = (split_mix(&mut state) >> 11) as f64 / (1_u64 << 53) as f64;
        keys.push(cumulated.partition_point(|sum| *sum < uniform * total) as u64);
        if scans && draw % 20_000 == 0 {
            keys.extend(next_of_scan..next_of_scan + 5_000);
            next_of_scan += 5_000;
        }
    }
    Ok(keys)
}

/// The SplitMix64 generator: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

const NAMES: &str = "  belady      lru   vector  feature";

fn hits(keys: &[u64], capacity: usize) -> [u64; 4] {
    let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
    let mut local = LocalFeatureCache::with_hasher(capacity, hasher.clone());
    let vector = VectorCache::<u64, u64, _>::with_hasher(capacity, 1, hasher.clone());
    let feature = FeatureCache::<u64, ()>::builder(capacity).hasher(hasher).build();
    for key in keys {
        local.get_or_compute(*key, |_| ());
        vector.get_or_compute(key, &mut [0], |row| row[0] = *key);
        feature.get_or_compute(key, || ());
    }
    [belady(keys, capacity), local.stats().hits, vector.stats().hits, feature.stats().hits]
}

/// Hits of the cache that knows the future: it keeps what is needed soonest, and does not take in what is needed later
/// than all it holds. Source: L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", 1966.
fn belady(keys: &[u64], capacity: usize) -> u64 {
    let (mut next_use, mut last) = (vec![usize::MAX; keys.len()], HashMap::new());
    for (at, key) in keys.iter().enumerate().rev() {
        next_use[at] = last.insert(key, at).unwrap_or(usize::MAX);
    }
    // Entries by the time of their next use; keys that never return differ by the key.
    let (mut held, mut hits) = (BTreeSet::new(), 0);
    for (at, key) in keys.iter().enumerate() {
        if held.remove(&(at, key)) {
            hits += 1;
        } else if held.len() == capacity {
            if held.last().is_none_or(|(latest, _)| *latest <= next_use[at]) {
                continue;
            }
            held.pop_last();
        }
        held.insert((next_use[at], key));
    }
    hits
}
