//! How far off is each transcendental function, in units in the last place? Prints the table of the README.
//!
//! `cargo run --release -p bot4-simd --example ulp [SAMPLES]` takes SAMPLES inputs (default 1 million)
//! per function, spread over all magnitudes and dense where functions change: `f64` against double-double
//! arithmetic, `f32` against `f64` functions of the standard library and `libm`, whose own error is a few 2^-29 of a unit of
//! `f32`. With `--exhaustive`, `f32` functions are checked on all 2^32 inputs, special values included, by all
//! cores (minutes). `--only NAME` takes one function. Fails when two instruction sets differ in a bit or a promise is broken.
#![allow(clippy::print_stdout, clippy::print_stderr)] // Printing is what this program is for.

#[path = "../tests/oracle/mod.rs"]
mod oracle;

use bot4_simd::{Element, Isa, Kernels, Program};
use oracle::Exact;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

/// A function: its name, the errors that the README promises, its oracle and the plain formula of the standard library.
#[derive(Clone, Copy)]
struct Function {
    name: &'static str,
    promised: f64,
    exact: fn(f64) -> Exact,
    /// Good to a few ULP of `f64`.
    near: fn(f64) -> f64,
    std_f64: Option<fn(f64) -> f64>,
    std_f32: Option<fn(f32) -> f32>,
    /// Where an `f64` has a result that is computed, not looked up.
    domain: fn(f64) -> bool,
}

const FUNCTIONS: [Function; 5] = [
    Function {
        name: "exp",
        promised: 1.0,
        exact: oracle::exp,
        near: f64::exp,
        std_f64: Some(f64::exp),
        std_f32: Some(f32::exp),
        domain: |x| x < 709.78 && x > -745.1,
    },
    Function {
        name: "ln",
        promised: 1.2,
        exact: oracle::ln,
        near: f64::ln,
        std_f64: Some(f64::ln),
        std_f32: Some(f32::ln),
        domain: |x| x > 0.0 && x.is_finite(),
    },
    Function {
        name: "tanh",
        promised: 2.0,
        exact: oracle::tanh,
        near: f64::tanh,
        std_f64: Some(f64::tanh),
        std_f32: Some(f32::tanh),
        domain: f64::is_finite,
    },
    Function {
        name: "sigmoid",
        promised: 2.0,
        exact: oracle::sigmoid,
        near: |x| {
            let e = (-x.abs()).exp();
            if x < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
        },
        std_f64: None,
        std_f32: None,
        domain: |x| x > -745.1 && x.is_finite(),
    },
    Function {
        name: "erf",
        promised: 2.5,
        exact: oracle::erf,
        near: libm::erf,
        std_f64: None,
        std_f32: None,
        domain: f64::is_finite,
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
            "erf" => k.erf(self.x),
            other => unreachable!("{other}"),
        }
    }
}

/// The largest error so far, and where.
#[derive(Clone, Copy, Debug, Default)]
struct Worst {
    ulps: f64,
    at: f64,
    inputs: u64,
}

impl Worst {
    fn see(&mut self, ulps: f64, at: f64) {
        self.inputs += 1;
        if ulps > self.ulps || ulps.is_nan() {
            (self.ulps, self.at) = (ulps, at);
        }
    }

    fn or(self, other: Self) -> Self {
        let worst = if other.ulps > self.ulps || other.ulps.is_nan() { other } else { self };
        Self { inputs: self.inputs + other.inputs, ..worst }
    }
}

/// Random bits, and numbers near where the functions bend.
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

/// What all instruction sets make of `x`, which is the same.
fn on_all_sets<T: Element>(name: &str, x: &[T]) -> Result<Vec<T>, String> {
    let mut results = Isa::available().map(|isa| {
        let mut got = x.to_vec();
        isa.run(Apply { name, x: &mut got });
        (isa, got)
    });
    let (first, expected) = results.next().ok_or("no instruction set")?;
    for (isa, got) in results {
        let differs = |(a, b): (&T, &T)| a != b && !(a.is_nan() && b.is_nan());
        if let Some(at) = expected.iter().zip(&got).position(differs) {
            let (x, a, b) = (x[at], expected[at], got[at]);
            return Err(format!("{name}({x:?}) is {a:?} on {first} and {b:?} on {isa}"));
        }
    }
    Ok(expected)
}

/// Ours, and the standard library's where it has the function.
fn sampled_f64(function: &Function, count: usize) -> Result<(Worst, Option<Worst>), String> {
    let x: Vec<f64> = inputs(count).filter(|&x| (function.domain)(x)).collect();
    let got = on_all_sets(function.name, &x)?;
    let (mut ours, mut std) = (Worst::default(), Worst::default());
    for (&x, &got) in x.iter().zip(&got) {
        let exact = (function.exact)(x);
        ours.see(exact.ulps(got, 52, -1022), x);
        if let Some(f) = function.std_f64 {
            std.see(exact.ulps(f(x), 52, -1022), x);
        }
    }
    Ok((ours, function.std_f64.map(|_| std)))
}

fn of_f32(function: &Function, x: &[f32], got: &[f32]) -> Worst {
    let mut worst = Worst::default();
    for (&x, &got) in x.iter().zip(got) {
        worst.see(ulps_f32(got, (function.near)(x.into())), x.into());
    }
    worst
}

fn sampled_f32(function: &Function, count: usize) -> Result<(Worst, Option<Worst>), String> {
    let x: Vec<f32> = inputs(count).map(|x| x as f32).collect();
    let ours = of_f32(function, &x, &on_all_sets(function.name, &x)?);
    let std = function.std_f32.map(|f| of_f32(function, &x, &x.iter().map(|&x| f(x)).collect::<Vec<_>>()));
    Ok((ours, std))
}

/// Infinity counts as the power of two behind the largest number.
fn ulps_f32(got: f32, exact: f64) -> f64 {
    if exact.is_nan() || got.is_nan() {
        return if exact.is_nan() && got.is_nan() { 0.0 } else { f64::NAN };
    }
    let top = 2f64.powi(128);
    let (got, exact) = (f64::from(got).clamp(-top, top), exact.clamp(-top, top));
    let exponent = (exact.to_bits() >> 52 & 0x7ff).clamp(1023 - 126, 1023 + 127);
    let unit = f64::from_bits((exponent - 23) << 52);
    (got - exact).abs() / unit
}

/// Twice the error of an `f64` kernel and more, in units of `f32`.
const MARGIN: f64 = 1e-6;

/// Compares with the `f64` kernel, which is fast; where that leaves it open whether an error is the largest so far, `near`
/// decides.
fn screen(function: &Function, x: &[f32], got: &[f32], worst: &mut Worst) {
    let mut wide: Vec<f64> = x.iter().map(|&x| x.into()).collect();
    Isa::detect().run(Apply { name: function.name, x: &mut wide });
    for ((&x, &got), wide) in x.iter().zip(got).zip(wide) {
        let surely_less = ulps_f32(got, wide) < worst.ulps - MARGIN;
        if surely_less {
            worst.inputs += 1;
        } else {
            worst.see(ulps_f32(got, (function.near)(x.into())), x.into());
        }
    }
}

/// Inputs that one thread takes at a time.
const BLOCK: u32 = 1 << 16;

fn exhaustive_f32(function: &Function) -> Result<Worst, String> {
    let next = AtomicU32::new(0);
    let work = || {
        let mut worst = Worst::default();
        loop {
            // ORDERING: Relaxed: blocks are independent; only the number counts.
            let block = next.fetch_add(1, Ordering::Relaxed);
            if block >= 1 << 16 {
                return Ok(worst);
            }
            let x: Vec<f32> = (0..BLOCK).map(|low| f32::from_bits(block * BLOCK + low)).collect();
            screen(function, &x, &on_all_sets(function.name, &x)?, &mut worst);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let results: Vec<Result<_, String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked".to_owned())?).collect()
    });
    results.into_iter().try_fold(Worst::default(), |worst, one| Ok(worst.or(one?)))
}

/// One row of the table; the inputs of the maxima go to standard error.
fn row(function: &Function, exhaustive: bool, count: usize) -> Result<(), String> {
    let name = function.name;
    let (wide, std_wide) = sampled_f64(function, count)?;
    let (sample, std_narrow) = sampled_f32(function, count)?;
    let narrow = if exhaustive { exhaustive_f32(function)? } else { sample };
    let std = match (std_wide, std_narrow) {
        (Some(wide), Some(narrow)) => format!("{:.2}, {:.2}", wide.ulps, narrow.ulps),
        _ => "not there".to_owned(),
    };
    println!("| `{name}` | {:.2} | {:.2} | {} | {std} |", wide.ulps, narrow.ulps, function.promised);
    eprintln!(
        "{name}: f64 {:.4} at {:e} of {} inputs; f32 {:.4} at {:e} of {} inputs",
        wide.ulps, wide.at, wide.inputs, narrow.ulps, narrow.at, narrow.inputs
    );
    let kept = wide.ulps <= function.promised && narrow.ulps <= function.promised;
    kept.then_some(()).ok_or_else(|| format!("{name} is promised to be within {} ULP", function.promised))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let exhaustive = arguments.iter().any(|word| word == "--exhaustive");
    let only = arguments.iter().skip_while(|word| *word != "--only").nth(1);
    let count = arguments.iter().find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    println!("| function | f64 | f32 | promised | std f64, f32 |\n| --- | --- | --- | --- | --- |");
    for function in FUNCTIONS.iter().filter(|one| only.is_none_or(|name| name == one.name)) {
        if let Err(message) = row(function, exhaustive, count) {
            eprintln!("error: {message}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
