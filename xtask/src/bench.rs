//! The measuring bench: our crates and their peers side by side, by the package bot4-benches.
mod compare;
mod page;
mod peers;
pub(crate) mod record;

use std::fs;
use std::path::{Path, PathBuf};

use record::Record;

use crate::failure::{Failure, Result};
use crate::process::Cmd;
use crate::store;
use crate::workspace::Workspace;

/// Options of `cargo xtask bench`; the first three are handed on to the package.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The groups of cases to measure; all without this
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// Only the cases whose name contains this
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
    /// Fewer and shorter rounds
    #[arg(long)]
    quick: bool,
    /// Write one JSON object per row to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page with a bar chart per case to this file; with --record, of the whole record
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Add the rows to today's record of this machine in benches/records
    #[arg(long, conflicts_with = "quick")]
    record: bool,
    /// Measure nothing: fetch the peers that are Python wheels or libraries of the system into target/tools
    #[arg(long, exclusive = true)]
    setup: bool,
    /// Measure nothing: draw this record as a page
    #[arg(long, value_name = "RECORD", requires = "html", conflicts_with_all = ["group", "case", "quick", "json", "record"])]
    draw: Option<PathBuf>,
    /// Measure nothing: compare two records, or two files that --json wrote
    #[arg(long, num_args = 2, value_names = ["A", "B"], exclusive = true)]
    compare: Vec<PathBuf>,
}

/// Builds the package with its peers and runs it, or compares what it wrote before.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if let [before, after] = &options.compare[..] {
        print!("{}", compare::table(&Record::read(before)?, &Record::read(after)?));
        return Ok(());
    }
    if options.setup {
        return peers::setup(workspace);
    }
    if let (Some(record), Some(path)) = (&options.draw, &options.html) {
        return store::write(path, page::of(&Record::read(record)?).as_bytes());
    }
    known_groups(workspace, &options.group)?;
    options.json.iter().chain(&options.html).try_for_each(|path| store::check(path))?;
    let scratch = tempfile::tempdir().map_err(|e| Failure::new(format!("no temporary folder: {e}")))?;
    let json = scratch.path().join("rows.json");
    measure(workspace, options, &json)?;
    let mut shown = Record::read(&json)?;
    if let Some(path) = &options.json {
        store::write(path, &fs::read(&json).map_err(|e| Failure::io("read", &json, &e))?)?;
    }
    if options.record {
        let path = record::write(workspace, shown.rows, &line(options))?;
        println!("recorded in {}", path.display());
        shown = Record::read(&path)?;
    } else {
        shown.machine = record::Machine::here();
    }
    if let Some(path) = &options.html {
        store::write(path, page::of(&shown).as_bytes())?;
    }
    Ok(())
}

/// A group is a file of the package: a wrong name need not wait for the build.
fn known_groups(workspace: &Workspace, wanted: &[String]) -> Result<()> {
    let dir = workspace.root.join("benches/src/groups");
    let files = fs::read_dir(&dir).map_err(|e| Failure::io("read", &dir, &e))?;
    let mut known: Vec<String> = files
        .filter_map(|file| file.ok()?.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
        .collect();
    known.sort_unstable();
    match wanted.iter().find(|name| !known.contains(name)) {
        Some(name) => Err(Failure::usage(format!("no group {name:?}; there are {}", known.join(", ")))),
        None => Ok(()),
    }
}

fn measure(workspace: &Workspace, options: &Options, json: &Path) -> Result<()> {
    let package = |task| {
        Cmd::cargo()
            .args([task, "--release", "--manifest-path"])
            .arg(workspace.root.join("Cargo.toml"))
            .args(["--package", "bot4-benches", "--features", "peers"])
            // As in the profile of the crates' own benches: with fat LTO the peers alone take a quarter of an hour.
            .args(["--config", "profile.release.lto=\"thin\"", "--config", "profile.release.codegen-units=4"])
    };
    package("build")
        .run()
        .map_err(|f| Failure::new(f.to_string()).advise("peers come from the registry: is it reachable?"))?;
    let run = package("run").arg("--").args(arguments(options));
    match peers::beside(run, workspace).arg("--json").arg(json).status()?.code() {
        Some(0) => Ok(()),
        Some(2) => Err(Failure::usage("the bench does not know one of these arguments")),
        _ => Err(Failure::new("the bench failed; its own message is above")),
    }
}

/// What the package is asked for.
fn arguments(options: &Options) -> Vec<&str> {
    let mut arguments: Vec<&str> = options.group.iter().flat_map(|group| ["--group", group]).collect();
    arguments.extend(options.case.iter().flat_map(|case| ["--case", case.as_str()]));
    arguments.extend(options.quick.then_some("--quick"));
    arguments
}

/// The command that repeats the measurement.
fn line(options: &Options) -> String {
    let words = ["cargo", "xtask", "bench"].into_iter().chain(arguments(options));
    words.collect::<Vec<_>>().join(" ")
}
