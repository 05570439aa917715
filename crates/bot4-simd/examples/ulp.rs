//! Prints the largest error of every transcendental function, per number type, on every instruction
//! set, against double-double arithmetic.
//!
//! `cargo run --release -p bot4-simd --example ulp [SAMPLES]` takes SAMPLES inputs (default 1 million)
//! per function for `f64`, spread over all magnitudes and dense where functions change; `f32` likewise.
//! With `--exhaustive`, `f32` functions are checked on all 2^32 inputs (minutes).
#![allow(clippy::print_stdout)] // Printing is what this program is for.

#[path = "../tests/oracle/mod.rs"]
mod oracle;

use bot4_simd::{Element, Isa, Kernels, Program};
use oracle::Exact;

/// One function: its name and oracle, and the plain formula of the standard library.
struct Function {
    name: &'static str,
    exact: fn(f64) -> Exact,
    std_f64: fn(f64) -> f64,
    std_f32: fn(f32) -> f32,
}

const FUNCTIONS: [Function; 4] = [
    Function { name: "exp", exact: oracle::exp, std_f64: f64::exp, std_f32: f32::exp },
    Function { name: "ln", exact: oracle::ln, std_f64: f64::ln, std_f32: f32::ln },
    Function { name: "tanh", exact: oracle::tanh, std_f64: f64::tanh, std_f32: f32::tanh },
    Function {
        name: "sigmoid",
        exact: oracle::sigmoid,
        std_f64: |x| 1.0 / (1.0 + (-x).exp()),
        std_f32: |x| 1.0 / (1.0 + (-x).exp()),
    },
];

struct Apply<'a, T> {
    name: &'a str,
    x: &'a mut [T],
}

impl<T: Element> Program for Apply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<K: Kernels>(self, k: K) {
        match self.name {
            "exp" => k.exp(self.x),
            "ln" => k.ln(self.x),
            "tanh" => k.tanh(self.x),
            "sigmoid" => k.sigmoid(self.x),
            other => unreachable!("{other}"),
        }
    }
}

/// The largest error so far, and where.
#[derive(Clone, Copy, Debug, Default)]
struct Worst {
    ulps: f64,
    at: f64,
}

impl Worst {
    fn see(&mut self, ulps: f64, at: f64) {
        if ulps > self.ulps || ulps.is_nan() {
            *self = Self { ulps, at };
        }
    }
}

/// Inputs whose result is a number that the function computes rather than looks up.
fn is_interesting(name: &str, x: f64, largest_exp: f64, least_exp: f64) -> bool {
    match name {
        "exp" => x < largest_exp && x > least_exp,
        "ln" => x > 0.0 && x.is_finite(),
        "sigmoid" => x > least_exp && x.is_finite(),
        _ => x.is_finite(),
    }
}

/// Random bits, every fourth one near where the functions bend.
fn inputs(count: usize) -> impl Iterator<Item = f64> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..count).map(move |i| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let unit = (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
        match i % 8 {
            0 => f64::from_bits(state),
            1 => unit * 745.0,
            2 => unit * 20.0,
            3 => unit * 0.4,
            4 => 1.0 + unit * 0.5,
            5 => unit * 3.0,
            6 => unit * 2f64.powi(-((state % 60) as i32)),
            _ => (state % 2000) as f64 * 0.34657359027997264 - 346.0 + unit * 1e-3,
        }
    })
}

fn sampled_f64(function: &Function, count: usize) {
    let x: Vec<f64> = inputs(count).filter(|&x| is_interesting(function.name, x, 709.78, -745.1)).collect();
    let exact: Vec<Exact> = x.iter().map(|&x| (function.exact)(x)).collect();
    let report = |label: &str, got: &[f64]| {
        let mut worst = Worst::default();
        for ((&x, exact), &got) in x.iter().zip(&exact).zip(got) {
            worst.see(exact.ulps(got, 52, -1022), x);
        }
        println!("| {} | f64 | {label} | {:.3} | {:e} | {} |", function.name, worst.ulps, worst.at, x.len());
    };
    report("std", &x.iter().map(|&x| (function.std_f64)(x)).collect::<Vec<_>>());
    for isa in Isa::available() {
        let mut got = x.clone();
        isa.run(Apply { name: function.name, x: &mut got });
        report(&isa.to_string(), &got);
    }
}

fn f32_inputs(exhaustive: bool, count: usize) -> Box<dyn Iterator<Item = f32>> {
    if exhaustive {
        Box::new((0..=u32::MAX).map(f32::from_bits))
    } else {
        Box::new(inputs(count).map(|x| x as f32))
    }
}

/// All sets in one pass over the inputs. The oracle of an `f32` is the function of the standard library
/// in `f64` where that is good to 2^-28 of a unit, which is all but the formula of sigmoid.
fn checked_f32(function: &Function, exhaustive: bool, count: usize) {
    let sets: Vec<Isa> = Isa::available().collect();
    let mut worst = vec![Worst::default(); sets.len() + 1];
    let mut seen = 0usize;
    let mut all = f32_inputs(exhaustive, count);
    loop {
        let block: Vec<f32> = all
            .by_ref()
            .take(1 << 16)
            .filter(|&x| is_interesting(function.name, x.into(), 88.72, -104.0))
            .collect();
        seen += block.len();
        let exact: Vec<f64> = block.iter().map(|&x| in_f64(function, x)).collect();
        let mut see = |k: usize, got: &[f32]| {
            for ((&x, &exact), &got) in block.iter().zip(&exact).zip(got) {
                worst[k].see(ulps_f32(got, exact), x.into());
            }
        };
        see(sets.len(), &block.iter().map(|&x| (function.std_f32)(x)).collect::<Vec<_>>());
        for (k, &isa) in sets.iter().enumerate() {
            // The portable path costs a library call per product: the other sets have the same bits,
            // which the tests hold it to.
            if exhaustive && isa == Isa::Portable {
                continue;
            }
            let mut got = block.clone();
            isa.run(Apply { name: function.name, x: &mut got });
            see(k, &got);
        }
        if all.size_hint().1 == Some(0) {
            break;
        }
    }
    let labels = sets.iter().map(Isa::to_string).chain(["std".to_string()]);
    for (label, worst) in labels.zip(worst).filter(|(label, _)| !exhaustive || label != "portable") {
        println!("| {} | f32 | {label} | {:.3} | {:e} | {seen} |", function.name, worst.ulps, worst.at);
    }
}

fn in_f64(function: &Function, x: f32) -> f64 {
    let x = f64::from(x);
    if function.name == "sigmoid" && x < 0.0 { x.exp() / (1.0 + x.exp()) } else { (function.std_f64)(x) }
}

fn ulps_f32(got: f32, exact: f64) -> f64 {
    let exponent = ((exact.to_bits() >> 52) as i32 & 0x7ff) - 1023;
    let unit = 2f64.powi(exponent.max(-126) - 23);
    (f64::from(got) - exact).abs() / unit
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let exhaustive = arguments.iter().any(|word| word == "--exhaustive");
    let count = arguments.iter().find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    println!("| function | type | on | max ULP | at | inputs |\n| --- | --- | --- | --- | --- | --- |");
    for function in &FUNCTIONS {
        sampled_f64(function, count);
        checked_f32(function, exhaustive, count);
    }
}
