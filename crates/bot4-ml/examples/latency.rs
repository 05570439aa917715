//! What one prediction takes, call by call: `cargo run --release -p bot4-ml --example latency [LIGHTGBM.txt ...]`.
//!
//! Each figure has one reading of the clock in it. The rows come round after a few thousand, so that nothing learns
//! them by heart. A tail far above the median is the machine's: a core of its own, and nothing else running, shows it.

#![allow(clippy::print_stdout)] // an example talks to its user

use std::hint::black_box;
use std::time::Instant;

use bot4_ml::{Activation, BoostedTrees, GruCell, LogisticRegression, Mlp};

const ROWS: usize = 4096;
const CALLS: usize = 200_000;
const WARM_UP: usize = 20_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{:<28}{:>9}{:>9}{:>9}{:>11}{:>11}", "", "p50 ns", "p99 ns", "p99.9", "p99 / p50", "max");
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
fn report<T: From<f32>>(name: &str, width: usize, mut predict: impl FnMut(&[T])) {
    let rows: Vec<T> = (0..ROWS * width).map(|i| T::from((i * 7919 % 1009) as f32 / 504.5 - 1.0)).collect();
    let mut ns = Vec::with_capacity(CALLS);
    for call in 0..WARM_UP + CALLS {
        let row = &rows[call % ROWS * width..][..width];
        let start = Instant::now();
        predict(black_box(row));
        let took = start.elapsed();
        if call >= WARM_UP {
            ns.push(took.as_nanos() as u64);
        }
    }
    ns.sort_unstable();
    let at = |share: f64| ns[((ns.len() - 1) as f64 * share) as usize];
    let (p50, p99) = (at(0.5), at(0.99));
    let ratio = p99 as f64 / p50.max(1) as f64;
    println!("{name:<28}{p50:>9}{p99:>9}{:>9}{ratio:>11.2}{:>11}", at(0.999), at(1.0));
}
