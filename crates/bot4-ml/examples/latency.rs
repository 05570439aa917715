//! What one prediction takes, call by call: `cargo run --release -p bot4-ml --example latency [LIGHTGBM.txt ...]`.
//!
//! Each call is timed alone, with one reading of the clock in it; no two share a sample. The rows come round after a few
//! thousand, so that nothing learns them by heart; each is written where the last one stood, as features are.
//!
//! The first columns are of all calls: on a shared machine their tail is the machine's, whose clock rate changes and which
//! takes the core away. `p99 / p50` is therefore taken of every thousand calls, about a millisecond, and its quartiles and
//! median over them are printed: what a call costs against its neighbours. The next column is the machine's share of that: the
//! same of a plain loop over as many bytes as the model has, a thousand rounds of it after every thousand calls. Where the two
//! agree, the tail is that of the memory, not of the model. The last is the median over those thousands whose loop had nearly no tail, and so a
//! quiet core, and how many they are of two hundred. Pin it and leave the core alone (`taskset -c 1`).

#![allow(clippy::print_stdout)] // an example talks to its user

use std::hint::black_box;
use std::time::Instant;

use bot4_ml::{Activation, BoostedTrees, GruCell, LogisticRegression, Mlp};

const ROWS: usize = 4096;
const CALLS: usize = 200_000;
/// Calls that are compared with each other.
const NEIGHBOURS: usize = 1_000;
const WARM_UP: usize = 20_000;
/// Calls that are left out after the other subject has run: with AVX-512 the first few dozen were slower and made the 99th percentile.
const SETTLE: usize = 200;
/// Up to this, the tail of a plain loop is that of a quiet core.
const QUIET: f64 = 1.1;
/// Of a tree of depth 6: its leaves, and two bytes a split.
const TREE_BYTES: usize = 64 * (8 + 2);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("{:<24}{:>33}{:>21}{:>21}{:>14}", "", "", "p99 / p50", "the same bytes,", "where that");
    println!(
        "{:<24}{:>8}{:>8}{:>8}{:>9}{:>21}{:>21}{:>14}",
        "ns", "p50", "p99", "p99.9", "max", "(quartiles)", "read by a loop", "is quiet (n)"
    );
    report("the clock alone", 1, 0, |_: &[f32]| {});

    let model = LogisticRegression::from_parts(vec![0.1_f32; 32], 0.0);
    report("logistic regression, 32", 32, size_of::<[f32; 33]>(), |x| {
        black_box(model.predict(x));
    });

    for (name, sizes) in
        [("network 32-64-64-3", &[32, 64, 64, 3][..]), ("network 128-256-128-1", &[128, 256, 128, 1])]
    {
        let network = Mlp::new(sizes, Activation::Relu, Activation::Identity, 1).expect("a network");
        let parameters: usize = sizes.windows(2).map(|layer| (layer[0] + 1) * layer[1]).sum();
        let mut scratch = vec![0.0; network.scratch_len()];
        let mut out = vec![0.0; network.outputs()];
        report(name, sizes[0], parameters * size_of::<f32>(), |x| {
            network.predict(x, &mut scratch, &mut out);
            black_box(&mut out);
        });
    }

    let cell = GruCell::new(32, 64, 1).expect("a cell");
    let (mut state, mut scratch) = (vec![0.0; 64], vec![0.0; cell.scratch_len()]);
    report("recurrent cell 32-64", 32, 3 * 64 * (32 + 64 + 2) * size_of::<f32>(), |x| {
        cell.step(x, &mut state, &mut scratch);
        black_box(&mut state);
    });

    for path in std::env::args().skip(1) {
        let trees = BoostedTrees::load(&path)?;
        let (mut scratch, mut out) = (vec![0.0; trees.scratch_len()], vec![0.0; trees.outputs()]);
        report(
            &format!("{} trees", trees.trees()),
            trees.inputs(),
            TREE_BYTES * trees.trees(),
            |x: &[f64]| {
                trees.predict_raw(x, &mut scratch, &mut out);
                black_box(&mut out);
            },
        );
    }
    Ok(())
}

/// Times every call and prints a line.
fn report<T: From<f32> + Copy>(name: &str, width: usize, bytes: usize, mut predict: impl FnMut(&[T])) {
    let values = (0..ROWS * width).map(|i| T::from((i * 7919 % 1009) as f32 / 504.5 - 1.0)).collect();
    let mut rows = Rows { row: vec![T::from(0.0); width], values, at: 0 };
    let words = vec![1_u64; bytes / size_of::<u64>()];
    let (mut all, mut ratios, mut loops) = (Vec::with_capacity(CALLS), Vec::new(), Vec::new());
    for block in 0..(WARM_UP + CALLS) / NEIGHBOURS {
        let mut ns = rows.time(&mut predict);
        let mut control = rows.time(|_| {
            black_box(black_box(&words).iter().fold(0, |sum: u64, word| sum.wrapping_add(*word)));
        });
        if block >= WARM_UP / NEIGHBOURS {
            ratios.push(tail(&mut ns));
            loops.push(tail(&mut control));
            all.append(&mut ns);
        }
    }
    all.sort_unstable();
    let quiet = ratios.iter().zip(&loops).filter(|(_, control)| **control <= QUIET).map(|(ratio, _)| *ratio);
    let quiet: Vec<f64> = quiet.collect();
    println!(
        "{name:<24}{:>8}{:>8}{:>8}{:>9}{:>21}{:>21}{:>14}",
        at(&all, 0.5),
        at(&all, 0.99),
        at(&all, 0.999),
        at(&all, 1.0),
        quartiles(ratios),
        quartiles(loops),
        match quiet.len() {
            0 => "- (0)".to_owned(),
            count => format!("{:.2} ({count})", quartiles_of(quiet)[1]),
        }
    );
}

/// The rows, which come round, and the place where each stands when it is predicted.
struct Rows<T> {
    values: Vec<T>,
    row: Vec<T>,
    at: usize,
}

impl<T: Copy> Rows<T> {
    /// What each of the next thousand calls takes, in nanoseconds.
    fn time(&mut self, mut call: impl FnMut(&[T])) -> Vec<u64> {
        let width = self.row.len();
        let one = |_| {
            self.at = (self.at + 1) % ROWS;
            self.row.copy_from_slice(&self.values[self.at * width..][..width]);
            let start = Instant::now();
            call(black_box(&self.row));
            start.elapsed().as_nanos() as u64
        };
        (0..SETTLE + NEIGHBOURS).map(one).skip(SETTLE).collect()
    }
}

/// The median and between which values the middle half lies.
fn quartiles(ratios: Vec<f64>) -> String {
    let [low, middle, high] = quartiles_of(ratios);
    format!("{middle:.2} ({low:.2} to {high:.2})")
}

/// The quartiles of at least one number.
fn quartiles_of(mut ratios: Vec<f64>) -> [f64; 3] {
    ratios.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| ratios[(ratios.len() - 1) * quarter / 4])
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
