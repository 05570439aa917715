//! Drives the build, profile, rebuild loop and the checks of the project: `cargo xtask --help`.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line program: its output is its purpose
#[macro_use]
mod terminal;

mod apt;
mod asm;
mod bench;
mod ci;
mod counts;
mod failure;
mod figures;
mod fuzz;
mod html;
mod loom;
mod pgo;
mod process;
mod san;
mod stages;
mod store;
mod tidy;
mod validate;
mod workspace;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use failure::Result;
use workspace::Workspace;

/// The project's tasks; each prints the commands it runs.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build bot4-ml with profile-guided optimisation, verify and measure it
    Pgo(pgo::Options),
    /// Find or download a fitting llvm-profdata, nothing else
    Setup(pgo::SetupOptions),
    /// Run every gate, with the time of each
    Ci(ci::Options),
    /// Check layers, manifests, notes beside unsafe code and atomics, committed flags
    Tidy,
    /// Measure groups of cases against the peers, write records, compare them
    Bench(bench::Options),
    /// Check that the tables of the READMEs are what the committed records say, or write them
    Figures(figures::Options),
    /// Count instructions and cache misses of the hot functions, against their limits
    Counts(counts::Options),
    /// Check the vector loops of the shipped binary, or print a function of it
    Asm(asm::Options),
    /// Check the concurrent modules under all interleavings
    Loom,
    /// Print one table of the old path against the optimised one, every figure measured
    Validate(validate::Options),
    /// Run every test that draws its input with new seeds, for a given time
    Fuzz(fuzz::Options),
    /// Run the tests of the packages with unsafe code under the address sanitizer
    San,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(task: &Task) -> Result<()> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| ".".into());
    let workspace = Workspace::load(Path::new(&here))?;
    match task {
        Task::Pgo(options) => pgo::run(&workspace, options),
        Task::Setup(options) => pgo::setup(&workspace, options),
        Task::Ci(options) => ci::run(&workspace, options),
        Task::Tidy => tidy::run(&workspace),
        Task::Bench(options) => bench::run(&workspace, options),
        Task::Figures(options) => figures::run(&workspace, options),
        Task::Counts(options) => counts::run(&workspace, options),
        Task::Asm(options) => asm::run(&workspace, options),
        Task::Loom => loom::run(&workspace),
        Task::Validate(options) => validate::run(&workspace, options),
        Task::Fuzz(options) => fuzz::run(&workspace, options),
        Task::San => san::run(&workspace),
    }
}
