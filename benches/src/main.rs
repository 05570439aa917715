//! Side-by-side measurements of the bot4 crates and their peers: `cargo xtask bench --group G`.
//!
//! How a number comes about: threads are pinned; a sample is cut into chunks of about 200 us; a chunk in which a
//! thread was preempted is dropped; the sample is the median chunk. Rounds go over all subjects of a case in
//! turn and a row gives the median round and the spread. Before and after a sample of two threads the round
//! trip of a cache line between the cores is probed: virtual machines have minutes in which it is ten
//! times as long, and only rounds of one regime are compared.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line program: its output is its purpose

#[macro_use]
#[path = "../../xtask/src/terminal.rs"] // a closed pipe ends this program as it ends `cargo xtask bench`
#[allow(unused_macros)] // all that is printed here are whole lines
mod terminal;

mod case;
mod chunks;
#[cfg(feature = "peers")]
mod foreign;
mod groups;
mod machine;
mod probe;
#[cfg(feature = "peers")]
mod program;
mod report;
mod rounds;

use bot4_pool::audit::CountingAllocator;
use clap::Parser;
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;
use std::process::ExitCode;

// With peers the program runs on mimalloc, so that each subject has the best allocator there is; rows
// of the system's allocator ask for it by name.
#[cfg(feature = "peers")]
#[global_allocator]
static ALLOCATOR: CountingAllocator<mimalloc::MiMalloc> = CountingAllocator::with(mimalloc::MiMalloc);
#[cfg(not(feature = "peers"))]
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

/// Measures one group of cases, our crates and their peers side by side.
#[derive(Debug, Parser)]
#[command(name = "bot4-benches")]
struct Arguments {
    /// The groups of cases to measure; all without this
    #[arg(long, value_parser = PossibleValuesParser::new(groups::names()))]
    group: Vec<String>,
    /// Only the cases whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    case: String,
    /// Fewer and shorter rounds
    #[arg(long)]
    quick: bool,
    /// Write one JSON object per row to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let folder = arguments.json.as_ref().and_then(|path| path.parent());
    if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        return Err(format!("{}: there is no such folder", folder.display())); // now, and not after the measurement
    }
    let effort = if arguments.quick { rounds::QUICK } else { rounds::FULL };
    let chosen = |group: &&str| arguments.group.is_empty() || arguments.group.iter().any(|one| one == group);
    let mut rows = Vec::new();
    let mut found = false;
    for group in groups::names().filter(chosen) {
        let mut cases = groups::cases(group);
        cases.retain(|case| case.name.contains(&arguments.case));
        if cases.is_empty() {
            continue;
        }
        found = true;
        report::print_header(group);
        for case in cases {
            let measured = rounds::measure(group, case, effort)?;
            report::print_case(&measured);
            rows.extend(measured);
        }
    }
    if !found {
        return Err(format!("no case of these groups contains {:?}", arguments.case));
    }
    if rows.is_empty() {
        return Err("nothing could be measured".to_owned());
    }
    if let Some(path) = &arguments.json {
        std::fs::write(path, report::json(&rows)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}
