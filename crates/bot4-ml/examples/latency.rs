//! What one prediction takes, call by call: `cargo run --release -p bot4-ml --example latency [LIGHTGBM.txt ...]`.
//!
//! Each call is timed alone, with one reading of the clock in it; no two share a sample. The rows come round after a few
//! thousand, so that nothing learns them by heart; each is written where the last one stood, as features are.
//!
//! The first columns are of all calls: on a shared machine their tail is the machine's, whose clock rate changes and which
//! takes the core away. `p99 / p50` is therefore taken of every thousand calls, about a millisecond, and its quartiles and
//! median over them are printed: what a call costs against its neighbours. Pin it and leave the core alone
//! (`taskset -c 1`).

#![allow(clippy::print_stdout)] // an example talks to its user

use std::hint::black_box;
use std::time::Instant;

use bot4_ml::{Activation, BoostedTrees, GruCell, LogisticRegression, Mlp};

const ROWS: usize = 4096;
const CALLS: usize = 200_000;
/// Calls that are compared with each other.
const NEIGHBOURS: usize = 1_000;
const WARM_UP: usize = 20_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{:<24}{:>8}{:>8}{:>8}{:>9}   p99 / p50 (quartiles)", "ns", "p50", "p99", "p99.9", "max");
    report("the clock alone", 1, |_: &[f32]| {});

    let model = LogisticRegression::from_parts(vec![0.1_f32; 32], 0.0);
    report("logistic regression, 32", 32, |x| {
        black_box(model.predict(x));
    });

    for (name, sizes) in
        [("network 32-64-64-3", &[32, 64, 64, 3][..]), ("network 128-256-128-1", &[128, 256, 128, 1])]
    {
        let network = Mlp::new(sizes, Activation::Relu, Activation::Identity, 1).expect("a network");
        let mut scratch = vec![0.0; network.scratch_len()];
        let mut out = vec![0.0; network.outputs()];
        report(name, sizes[0], |x| {
            network.predict(x, &mut scratch, &mut out);
            black_box(&mut out);
        });
    }

    let cell = GruCell::new(32, 64, 1).expect("a cell");
    let (mut state, mut scratch) = (vec![0.0; 64], vec![0.0; cell.scratch_len()]);
    report("recurrent cell 32-64", 32, |x| {
        cell.step(x, &mut state, &mut scratch);
        black_box(&mut state);
    });

    for path in std::env::args().skip(1) {
        let trees = BoostedTrees::load(&path)?;
        let (mut scratch, mut out) = (vec![0.0; trees.scratch_len()], vec![0.0; trees.outputs()]);
        report(&format!("{} trees", trees.trees()), trees.inputs(), |x: &[f64]| {
            trees.predict_raw(x, &mut scratch, &mut out);
            black_box(&mut out);
        });
    }
    Ok(())
}

/// Times every call and prints a line.
fn report<T: From<f32> + Copy>(name: &str, width: usize, mut predict: impl FnMut(&[T])) {
    let rows: Vec<T> = (0..ROWS * width).map(|i| T::from((i * 7919 % 1009) as f32 / 504.5 - 1.0)).collect();
    let mut row = rows[..width].to_vec();
    let mut ns = Vec::with_capacity(CALLS);
    for call in 0..WARM_UP + CALLS {
        row.copy_from_slice(&rows[call % ROWS * width..][..width]);
        let start = Instant::now();
        predict(black_box(&row));
        let took = start.elapsed();
        if call >= WARM_UP {
            ns.push(took.as_nanos() as u64);
        }
    }
    let mut ratios: Vec<f64> = ns.chunks_mut(NEIGHBOURS).map(tail).collect();
    ratios.sort_by(f64::total_cmp);
    let ratio = |quarter: usize| ratios[(ratios.len() - 1) * quarter / 4];
    ns.sort_unstable();
    println!(
        "{name:<24}{:>8}{:>8}{:>8}{:>9}   {:.2} ({:.2} to {:.2})",
        at(&ns, 0.5),
        at(&ns, 0.99),
        at(&ns, 0.999),
        at(&ns, 1.0),
        ratio(2),
        ratio(1),
        ratio(3)
    );
}

/// The 99th percentile in medians.
fn tail(ns: &mut [u64]) -> f64 {
    ns.sort_unstable();
    at(ns, 0.99) as f64 / at(ns, 0.5).max(1) as f64
}

/// The value below which this share of the sorted ones lies.
fn at(sorted: &[u64], share: f64) -> u64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}
