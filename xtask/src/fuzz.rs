//! Every test that draws its input, with new seeds for as long as is asked.
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};
use crate::process::Cmd;
use crate::workspace::Workspace;

/// The tests that take their seed from the environment: damaged files and sequences of operations, and models.
const TARGETS: [&str; 2] = ["fuzz", "model"];
/// The variables: ours, and that of proptest.
const SEEDS: [&str; 2] = ["BOT4_FUZZ_SEED", "PROPTEST_RNG_SEED"];

/// Options of `cargo xtask fuzz`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Seconds for each target
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..), allow_negative_numbers = true)]
    seconds: u64,
    /// The first seed; the following ones are counted up
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64), allow_negative_numbers = true)]
    seed: u64,
    /// Targets of this package only
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
}

/// Runs every target until its time is over or it fails.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let wanted = |name: &str| options.package.as_deref().is_none_or(|package| package == name);
    let packages = workspace.packages.iter().filter(|package| wanted(&package.name));
    let targets: Vec<(&str, &str)> = packages
        .flat_map(|package| TARGETS.map(|target| (package, target)))
        .filter(|(package, target)| package.has_target("test", target))
        .map(|(package, target)| (package.name.as_str(), target))
        .collect();
    if targets.is_empty() {
        return Err(Failure::usage("no package of that name has something to fuzz"));
    }
    targets.iter().try_for_each(|&(package, target)| {
        command(workspace, package, target, None).arg("--no-run").run()?;
        target_until(workspace, options, package, target)
    })
}

fn target_until(workspace: &Workspace, options: &Options, package: &str, target: &str) -> Result<()> {
    let (start, time) = (Instant::now(), Duration::from_secs(options.seconds));
    let mut seed = options.seed;
    while seed == options.seed || start.elapsed() < time {
        let run = command(workspace, package, target, Some(seed));
        let again = run.shown();
        let out = run.silent().capture()?;
        if !out.status.success() {
            println!("{}", out.stdout);
            return Err(Failure::new(format!("{package}, {target}: seed {seed} fails")).advise(again));
        }
        seed += 1;
    }
    let spent = start.elapsed().as_secs_f64();
    println!("{package}, {target}: {} seeds from {} on in {spent:.0} s", seed - options.seed, options.seed);
    Ok(())
}

fn command(workspace: &Workspace, package: &str, target: &str, seed: Option<u64>) -> Cmd {
    let test = Cmd::cargo().dir(&workspace.root).args(["test", "--package", package, "--test", target]);
    let seed = seed.map(|seed| seed.to_string());
    seed.iter().fold(test, |test, seed| SEEDS.iter().fold(test, |test, name| test.env(name, seed)))
}
