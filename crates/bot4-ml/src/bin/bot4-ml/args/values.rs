//! Values of arguments: what can be chosen, and what a number may be.

use clap::ValueEnum;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

/// What a layer of a network can be.
const LAYER_WIDTH_MAX: usize = 1_000_000;

/// A kind of model to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModelKind {
    /// Linear for numbers, logistic for classes
    Auto,
    /// Linear regression
    Linear,
    /// Logistic regression, one sum a class where there are several
    Logistic,
    /// Multi-layer perceptron
    Mlp,
}

/// What a label means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Task {
    /// Classes if the labels are the whole numbers from 0 to at most 19, else a number
    Auto,
    /// A number
    Number,
    /// A class, counted from 0
    Class,
}

/// How decisions are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Comma-separated, with a header
    Csv,
    /// A JSON object a line
    Jsonl,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Section {
    /// 1,024 rows x 32 features at a time
    Batch,
    /// One event at a time, flat out
    Event,
    /// One event at a time, at a fixed offered rate, from another thread
    Offered,
}

/// Which path runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Variant {
    Both,
    Old,
    New,
}

impl Variant {
    pub(crate) fn has_old(self) -> bool {
        self != Self::New
    }

    pub(crate) fn has_new(self) -> bool {
        self != Self::Old
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| "not a number".to_owned())
}

/// A seed.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("must be a whole number from 0 to {}", u64::MAX))
}

/// How many: one at least.
pub(super) fn count(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| format!("must be a whole number from 1 to {}", u32::MAX))
}

/// The width of a layer.
pub(super) fn layer_width(text: &str) -> Result<usize, String> {
    let width = text.parse().ok().filter(|width| (1..=LAYER_WIDTH_MAX).contains(width));
    width.ok_or_else(|| format!("must be a whole number from 1 to {LAYER_WIDTH_MAX}"))
}

pub(super) fn share(text: &str) -> Result<f64, String> {
    let number = number(text)?;
    if number > 0.0 && number <= 1.0 { Ok(number) } else { Err("must be above 0 and at most 1".to_owned()) }
}

pub(super) fn positive(text: &str) -> Result<f64, String> {
    let number = number(text)?;
    if number > 0.0 { Ok(number) } else { Err("must be above 0".to_owned()) }
}

pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    let number = number(text)?;
    if number >= 0.0 { Ok(number) } else { Err("must not be negative".to_owned()) }
}

/// A port alone is one of the loopback: nobody else's business unless the user says so.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.parse().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    port.or_else(|_| text.parse()).map_err(|_| "expected PORT or ADDRESS:PORT".to_owned())
}
