//! The measuring bench: our crates and their peers side by side, by the package bot4-benches.
use std::path::PathBuf;

use crate::failure::{Failure, Result};
use crate::process::Cmd;
use crate::workspace::Workspace;

/// Options of `cargo xtask bench`, handed on to the package.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The group of cases to measure
    #[arg(long, value_name = "GROUP")]
    group: String,
    /// Only the cases whose name contains this
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
    /// Fewer and shorter rounds
    #[arg(long)]
    quick: bool,
    /// Write one JSON object per row to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Builds the package with its peers and runs it.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let package = |task| {
        Cmd::cargo()
            .args([task, "--release", "--manifest-path"])
            .arg(workspace.root.join("Cargo.toml"))
            .args(["--package", "bot4-benches", "--features", "peers"])
    };
    package("build")
        .run()
        .map_err(|f| Failure::new(f.to_string()).advise("peers come from the registry: is it reachable?"))?;
    let mut cmd = package("run").args(["--", "--group", &options.group]);
    if let Some(case) = &options.case {
        cmd = cmd.args(["--case", case]);
    }
    if options.quick {
        cmd = cmd.arg("--quick");
    }
    if let Some(json) = &options.json {
        cmd = cmd.arg("--json").arg(json);
    }
    match cmd.status()?.code() {
        Some(0) => Ok(()),
        Some(2) => Err(Failure::usage("the bench does not know one of these arguments")),
        _ => Err(Failure::new("the bench failed; its own message is above")),
    }
}
