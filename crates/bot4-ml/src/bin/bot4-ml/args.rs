//! The arguments of the command line.

mod values;

use crate::input::{Compression, Format};
use clap::{ArgGroup, Parser, Subcommand};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use values::{address, count, layer_width, not_negative, positive, seed, share};

pub(crate) use values::{ModelKind, OutputFormat, Section, Task, Variant};

/// Small models on a hot path: train, evaluate and run them, and measure what a hot path costs.
///
/// Recordings and tables are read from files, plain or packed (.zst, .gz); format and packing are detected and can be
/// given. Results go to stdout or to the file asked for, which is whole or absent; everything else goes to stderr.
#[derive(Debug, Parser)]
#[command(
    name = "bot4-ml",
    version,
    max_term_width = 80,
    arg_required_else_help = true,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true
)]
#[command(group(ArgGroup::new("mode").args(["benchmark"]).required(true)))]
#[command(after_help = "Examples:
  bot4-ml --benchmark                     old path against optimised
  bot4-ml --benchmark --quick --json r.json   two seconds, and the figures
  bot4-ml --benchmark --soak 600          ten minutes: memory, tail, losses
  bot4-ml simulate --seed 7 --events 100000 --out quotes.csv
  bot4-ml train --data quotes.csv --model mlp --out direction.safetensors
  bot4-ml eval --data quotes.csv --model direction.safetensors --html report.html
  bot4-ml run --data - --model direction.safetensors < quotes.csv | head
  bot4-ml inspect direction.safetensors
  bot4-ml features --data quotes.csv --every 50

Exit codes: 0 done; 1 failed (a bad file, differing outputs, an allocation on
the optimised path, a soak that lost a quote or grew); 2 wrong usage.
Each command has examples of its own: bot4-ml help COMMAND.")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) benchmark: BenchmarkArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fit a model to a table or to a recording's quotes and write it to a file
    Train(TrainArgs),
    /// Score a model on a table or a recording: numbers, and a page with plots
    Eval(EvalArgs),
    /// Turn a stream of quotes into decisions: features, model, risk check
    Run(RunArgs),
    /// Print quotes of a simulated market as a Binance book ticker recording
    Simulate(SimulateArgs),
    /// Print the streaming features of a recording as CSV
    Features(FeaturesArgs),
    /// Say what a model file holds
    Inspect(InspectArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
}

/// Where the data is and how it is written.
#[derive(Debug, clap::Args)]
pub(crate) struct DataArgs {
    /// Recording or table to read. LOBSTER: either file of the message/orderbook pair
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// What the file is [default: detected]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// How the file is packed
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) compression: Compression,
}

/// How a table or the quotes of a recording become rows and labels.
#[derive(Debug, clap::Args)]
pub(crate) struct LabelArgs {
    /// Column of a table that holds the label: its name, or its number from 0 on [default: the last]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) label: Option<String>,
    /// Recordings: the label is where the mid stands this many quotes later (down, flat, up)
    #[arg(long, value_name = "N", default_value = "50", value_parser = count, allow_negative_numbers = true)]
    pub(crate) horizon: NonZeroU32,
}

/// The arguments of `bot4-ml train`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bot4-ml train --data quotes.csv.zst --model mlp --out direction.safetensors
  bot4-ml train --data phishing.csv.gz --label is_phishing --out ph.safetensors
  bot4-ml train --data higgs.tsv --label 0 --test higgs.test.tsv \\
      --model mlp --hidden 32,16 --json --out higgs.safetensors

Rows keep their order: the first part (--train-share) is learnt from, the rest,
after a gap of the horizon, is scored. Features are standardised with the
statistics of the first part, which are saved in the model file.")]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) input: DataArgs,
    #[command(flatten)]
    pub(crate) label: LabelArgs,
    /// File to write the model to (safetensors)
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Table or recording to score on; then all of --data is learnt from
    #[arg(long, value_name = "FILE")]
    pub(crate) test: Option<PathBuf>,
    /// Share of the rows to learn from
    #[arg(long, value_name = "SHARE", default_value = "0.7", value_parser = share, allow_negative_numbers = true)]
    pub(crate) train_share: f64,
    /// Kind of model
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) model: ModelKind,
    /// What the label is
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) task: Task,
    /// Widths of the hidden layers of an mlp
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "32", value_parser = layer_width)]
    pub(crate) hidden: Vec<usize>,
    /// Passes over the rows
    #[arg(long, value_name = "N", default_value = "20", value_parser = count, allow_negative_numbers = true)]
    pub(crate) epochs: NonZeroU32,
    /// Rows of a step
    #[arg(long, value_name = "N", default_value = "64", value_parser = count, allow_negative_numbers = true)]
    pub(crate) batch: NonZeroU32,
    /// Learning rate of AdamW
    #[arg(long, value_name = "RATE", default_value = "0.001", value_parser = positive, allow_negative_numbers = true)]
    pub(crate) learning_rate: f64,
    /// Ridge penalty
    #[arg(long, value_name = "L2", default_value = "0.0001", value_parser = not_negative, allow_negative_numbers = true)]
    pub(crate) l2: f64,
    /// Seed of the first weights and of the order of rows
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// Print the scores as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `bot4-ml eval`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bot4-ml eval --data quotes.csv --model direction.safetensors --last-share 0.3
  bot4-ml eval --data higgs.test.tsv --label 0 --model lightgbm.txt --html report.html
  bot4-ml eval --data quotes.csv --model direction.safetensors --json

The page of --html stands alone: calibration, ROC, a table of the classes, a
histogram of the latency of one row.")]
pub(crate) struct EvalArgs {
    #[command(flatten)]
    pub(crate) input: DataArgs,
    #[command(flatten)]
    pub(crate) label: LabelArgs,
    /// Model file: safetensors of bot4-ml, or a text model of LightGBM
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    /// Score on the last rows only
    #[arg(long, value_name = "SHARE", default_value = "1", value_parser = share, allow_negative_numbers = true)]
    pub(crate) last_share: f64,
    /// Write a page with plots to FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Print the scores as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `bot4-ml run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bot4-ml run --data quotes.csv.zst --model direction.safetensors > decisions.csv
  recorder | bot4-ml run --data - --model direction.safetensors --output jsonl
  bot4-ml run --data - --model direction.safetensors --metrics-addr 9187 < q.csv
  bot4-ml run --data q.csv --model direction.safetensors --limits limits.toml

Input is a Binance book ticker or Tardis quotes as CSV, or Databento's records,
plain or packed, from a file or from a pipe, or a pair of LOBSTER's files. Each
quote is answered before the next is waited for; order events go through a book.
A row comes out for every quote that asks for an order, admitted or denied; with
--all for every quote. Orders are decisions on paper: an admitted one counts as
cancelled at the next quote unless that quote trades through its price. Ctrl-C
stops reading; what was accepted is still decided about and written, then the
report follows on stderr. A second Ctrl-C ends at once.

A file of limits has every one of them, amounts in whole units:
  instrument = 0              position_max = 10
  tick = 0.01                 open_notional_max = 1_000_000
  lot = 1                     loss_max = 1_000.50
  order_qty_max = 1           rate_orders_max = 1_000
  order_notional_max = 50_000 rate_window_ns = 1_000_000_000
  collar_bps = 100            quote_age_ns_max = 1_000_000_000
(each on a line of its own).")]
pub(crate) struct RunArgs {
    /// Quotes to read; - is stdin
    #[arg(long, value_name = "FILE|-")]
    pub(crate) data: PathBuf,
    /// What the input is [default: detected]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// How the input is packed
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) compression: Compression,
    /// Model file: safetensors of bot4-ml with the features of a recording
    #[arg(long, value_name = "FILE")]
    pub(crate) model: PathBuf,
    /// How far the probabilities of up and down must be apart for an order
    #[arg(long, value_name = "P", default_value = "0.2", value_parser = share, allow_negative_numbers = true)]
    pub(crate) threshold: f64,
    /// Limits of the risk check, as TOML; without them an order is one unit and
    /// a position ten
    #[arg(long, value_name = "FILE")]
    pub(crate) limits: Option<PathBuf>,
    /// Form of the decisions
    #[arg(long, value_enum, default_value = "csv")]
    pub(crate) output: OutputFormat,
    /// Print a row for every quote
    #[arg(long)]
    pub(crate) all: bool,
    /// Leave out lines that cannot be read, and count them, instead of stopping at the first
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,
    /// Serve metrics as Prometheus text on this port of the loopback, or on ADDRESS:PORT
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = address)]
    pub(crate) metrics_addr: Option<SocketAddr>,
}

impl RunArgs {
    /// Whether the input is one of a pair of files, which only their names tell.
    pub(crate) fn is_lobster(&self) -> bool {
        self.format.unwrap_or_else(|| Format::detect(&self.data, b"")) == Format::Lobster
    }
}

/// The arguments of `bot4-ml simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bot4-ml simulate --seed 7 --events 1000000 --out quotes.csv
  bot4-ml simulate --events 10000 |
      bot4-ml run --data - --model direction.safetensors")]
pub(crate) struct SimulateArgs {
    /// Seed of the market: the same seed gives the same quotes on every machine
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// Quotes to print
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..), allow_negative_numbers = true)]
    pub(crate) events: u64,
    /// Write to FILE instead of stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// The arguments of `bot4-ml inspect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  bot4-ml inspect direction.safetensors")]
pub(crate) struct InspectArgs {
    /// Model file: safetensors of bot4-ml, or a text model of LightGBM
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Print as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The arguments of `bot4-ml completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  bot4-ml completions bash \\
      > ~/.local/share/bash-completion/completions/bot4-ml")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// The arguments of `bot4-ml features`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  bot4-ml features --every 50 > features.csv \\
      --data AMZN_2012-06-21_34200000_57600000_message_1.csv.zst")]
pub(crate) struct FeaturesArgs {
    #[command(flatten)]
    pub(crate) input: DataArgs,
    /// Print every Nth row, starting with row 0
    #[arg(long, value_name = "N", default_value = "1", value_parser = count, allow_negative_numbers = true)]
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
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "data", value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// Events measured, after those the model is trained on [default: 200000, with --quick 40000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(4096..=100_000_000), allow_negative_numbers = true)]
    pub(crate) events: Option<u32>,
    /// Instead of comparing, run the optimised path for so long at --rate: memory, latency and losses, window by window;
    /// fails when a quote is lost or memory grows beyond its noise
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(1..=86_400),
        allow_negative_numbers = true,
        conflicts_with_all = ["quick", "sections", "variant"]
    )]
    pub(crate) soak: Option<u32>,
    /// Events per second of the section `offered` and of a soak
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000), allow_negative_numbers = true)]
    pub(crate) rate: u32,
    /// Sections to run
    #[arg(long, value_enum, value_delimiter = ',', default_value = "batch,event,offered")]
    pub(crate) sections: Vec<Section>,
    /// Run one of the two paths only; outputs are then not compared
    #[arg(long, value_enum, default_value = "both")]
    pub(crate) variant: Variant,
}
