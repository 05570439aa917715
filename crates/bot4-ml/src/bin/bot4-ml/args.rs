//! The arguments of the command line.

use crate::input::Format;
use clap::{ArgGroup, Parser, Subcommand, ValueEnum};
use std::num::NonZeroU32;
use std::path::PathBuf;

/// Small models on a hot path: benchmark them, look at their features.
#[derive(Debug, Parser)]
#[command(name = "bot4-ml", version, subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
#[command(group(ArgGroup::new("mode").args(["benchmark"]).required(true)))]
#[command(after_help = "Examples:
  bot4-ml --benchmark                                   old path against optimised, on the simulator
  bot4-ml --benchmark --quick --json result.json        two seconds, and the figures as JSON
  bot4-ml --benchmark --data quotes.csv.zst --format binance-quotes
  bot4-ml features --data AMZN_2012-06-21_34200000_57600000_orderbook_1.csv --format lobster --every 50

Exit codes: 0 done, 1 failed (bad recording, differing outputs, an allocation on the optimised path), 2 usage.")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) benchmark: BenchmarkArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the streaming features of a recording as CSV
    Features(FeaturesArgs),
}

/// The arguments of `bot4-ml features`.
#[derive(Debug, clap::Args)]
pub(crate) struct FeaturesArgs {
    /// Recording to read; .zst and .gz are unpacked. LOBSTER: either file of the message/orderbook pair
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// What the recording is
    #[arg(long, value_enum)]
    pub(crate) format: Format,
    /// Print every Nth row, starting with row 0
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) every: NonZeroU32,
}

/// The arguments of `bot4-ml --benchmark`.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchmarkArgs {
    /// Run the representative workload, old path against optimised
    #[arg(long, required = true)]
    pub(crate) benchmark: bool,
    /// Finish in about two seconds: fewer events, wider spread
    #[arg(long)]
    pub(crate) quick: bool,
    /// Also write the figures to FILE as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Run on a recording instead of the simulator
    #[arg(long, value_name = "FILE", requires = "format")]
    pub(crate) data: Option<PathBuf>,
    /// What the recording is
    #[arg(long, value_enum, requires = "data")]
    pub(crate) format: Option<Format>,
    /// Seed of the simulator
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "data")]
    pub(crate) seed: u64,
    /// Events measured, after those the model is trained on [default: 200000, with --quick 40000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2048..=100_000_000))]
    pub(crate) events: Option<u32>,
    /// Events per second of the section `offered`
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) rate: u32,
    /// Sections to run
    #[arg(long, value_enum, value_delimiter = ',', default_value = "batch,event,offered")]
    pub(crate) sections: Vec<Section>,
    /// Run one of the two paths only; outputs are then not compared
    #[arg(long, value_enum, default_value = "both")]
    pub(crate) variant: Variant,
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
