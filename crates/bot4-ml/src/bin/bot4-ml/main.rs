//! The `bot4-ml` command.
//!
//! `bot4-ml --benchmark` runs the representative workload, old path against optimised path, and
//! `bot4-ml features` prints the streaming features of a recording. Results go to stdout, everything
//! else to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line talks to its user

mod args;
mod benchmark;
mod failure;
mod features;
mod input;
mod output;

use bot4_pool::audit::CountingAllocator;
use clap::Parser;
use std::process::ExitCode;

/// Counts what each thread allocates, so that the benchmark reports allocations instead of promising them away.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

fn main() -> ExitCode {
    let args = args::Args::parse();
    let done = match &args.command {
        Some(args::Command::Features(features)) => features::run(features),
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
