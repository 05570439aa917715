//! The `bot4-ml` command.
//!
//! `bot4-ml --benchmark` runs the representative workload, old path against optimised path; the subcommands train,
//! score and run models, simulate a market, print features. Results go to stdout, everything else to stderr. Exit
//! codes: 0 done, 1 failed, 2 wrong usage.
//!
//! `input` reads recordings and tables, `dataset` and `direction` make rows and labels of them, `predictor` is any
//! model file, `scores` says how good predictions are, `output` writes; the other modules are a command each.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line talks to its user

mod args;
mod benchmark;
mod dataset;
mod direction;
mod eval;
mod failure;
mod features;
mod input;
mod inspect;
mod output;
mod predictor;
mod progress;
mod run;
mod scores;
mod simulate;
mod train;

use bot4_pool::audit::CountingAllocator;
use bot4_simd::{Isa, UnknownIsa};
use clap::{CommandFactory, Parser};
use std::process::ExitCode;

/// Counts what each thread allocates, so that the benchmark reports allocations instead of promising them away.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

fn main() -> ExitCode {
    let args = args::Args::parse();
    if let Some(wrong) = wrong_isa() {
        eprintln!("bot4-ml: BOT4_ISA: {wrong}");
        return ExitCode::from(2);
    }
    let done = match &args.command {
        Some(args::Command::Train(train)) => train::run(train),
        Some(args::Command::Eval(eval)) => eval::run(eval),
        Some(args::Command::Run(run)) => run::run(run),
        Some(args::Command::Simulate(simulate)) => simulate::run(simulate),
        Some(args::Command::Features(features)) => features::run(features),
        Some(args::Command::Inspect(inspect)) => inspect::run(inspect),
        Some(args::Command::Completions(completions)) => complete(completions.shell),
        None => benchmark::run(&args.benchmark),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bot4-ml: {failure}");
            ExitCode::from(1)
        }
    }
}

/// What is wrong with the environment variable that bounds the instruction set: the first kernel would panic of it.
fn wrong_isa() -> Option<UnknownIsa> {
    let word = std::env::var_os("BOT4_ISA").filter(|word| !word.is_empty())?;
    word.to_string_lossy().parse::<Isa>().err()
}

/// Prints the completions of a shell.
fn complete(shell: clap_complete::Shell) -> Result<(), failure::Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::Args::command(), "bot4-ml", &mut script);
    output::to_stdout(|out| out.write_all(&script))
}
