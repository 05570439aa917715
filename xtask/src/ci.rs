//! All gates, one after the other, each with its time.
use std::collections::BTreeMap;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use crate::failure::{Failure, Result};
use crate::process::Cmd;
use crate::workspace::{Package, Workspace};
use crate::{asm, counts, figures, loom, pgo, tidy};

/// Options of `cargo xtask ci`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Steps to leave out
    #[arg(long, value_name = "STEP", value_parser = names(), conflicts_with = "only")]
    skip: Vec<String>,
    /// Steps to run, instead of all
    #[arg(long, value_name = "STEP", value_parser = names())]
    only: Vec<String>,
}

/// A gate: its name and what it does. Cheap ones first; those that share build results side by side.
struct Step {
    name: &'static str,
    run: fn(&Workspace) -> Result<Ended>,
}

/// Steps of the shipped binary, which run beside the others: its link-time optimisation keeps no more than one core busy.
const BESIDE: [&str; 2] = ["asm", "pgo"];

/// How a step ended, when it did not fail.
enum Ended {
    Passed,
    Skipped(String),
}

const STEPS: [Step; 11] = [
    Step { name: "fmt", run: |_| cargo(["fmt", "--all", "--check"]) },
    Step { name: "tidy", run: |workspace| tidy::run(workspace).map(|()| Ended::Passed) },
    Step { name: "figures", run: |w| figures::run(w, &figures::Options::default()).map(|()| Ended::Passed) },
    Step { name: "test", run: |_| cargo(["test", "--workspace"]) },
    Step { name: "clippy", run: clippy },
    Step { name: "doc", run: |_| doc() },
    Step { name: "bench", run: bench },
    Step { name: "counts", run: instruction_counts },
    Step { name: "loom", run: models },
    Step { name: "asm", run: machine_code },
    Step { name: "pgo", run: pgo_check },
];

fn names() -> clap::builder::PossibleValuesParser {
    STEPS.map(|s| s.name).into()
}

/// A step that has run: its name, how it ended, its time.
type Done = (&'static str, String, Duration);

/// Runs the steps; a failing one does not keep the next from running.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let chosen = |name: &str| {
        let listed = |list: &[String]| list.iter().any(|n| n == name);
        !listed(&options.skip) && (options.only.is_empty() || listed(&options.only))
    };
    let (beside, mut here): (Vec<&Step>, Vec<&Step>) =
        STEPS.iter().filter(|step| chosen(step.name)).partition(|step| BESIDE.contains(&step.name));
    let mut other = None;
    if here.is_empty() {
        here = beside;
    } else if !beside.is_empty() {
        other = Some(Beside::start(beside)?);
    }
    let mut table: Vec<Done> = here.into_iter().map(|step| one(workspace, step)).collect();
    table.extend(other.map(Beside::finish).transpose()?.into_iter().flatten());
    summarise(&table);
    let failed: Vec<&str> =
        table.iter().filter(|(_, outcome, _)| outcome == FAILED).map(|(name, ..)| *name).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let advice = format!("run one alone with `cargo xtask ci --only {}`", failed[0]);
    Err(Failure::new(format!("failed: {}", failed.join(", "))).advise(advice))
}

const FAILED: &str = "FAILED";

fn one(workspace: &Workspace, step: &Step) -> Done {
    println!("== {}", step.name);
    let start = Instant::now();
    let outcome = match (step.run)(workspace) {
        Ok(Ended::Passed) => "ok".to_owned(),
        Ok(Ended::Skipped(reason)) => format!("SKIP {}: {reason}", step.name),
        Err(failure) => {
            println!("error: {failure}");
            FAILED.to_owned()
        }
    };
    println!("== {}: {outcome} ({:.1} s)", step.name, start.elapsed().as_secs_f64());
    (step.name, outcome, start.elapsed())
}

/// Steps in a process beside this one, whose output is shown when it has ended.
struct Beside {
    steps: Vec<&'static Step>,
    child: Child,
    said: NamedTempFile,
}

impl Beside {
    fn start(steps: Vec<&'static Step>) -> Result<Self> {
        let failed = |e: std::io::Error| Failure::new(format!("cannot run steps side by side: {e}"));
        let said = NamedTempFile::new().map_err(failed)?;
        // One place in the file for both, or they would write over each other.
        let out = said.reopen().map_err(failed)?;
        let err = out.try_clone().map_err(failed)?;
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.arg("ci").args(steps.iter().flat_map(|step| ["--only", step.name]));
        let child = command.stdout(out).stderr(err).spawn().map_err(failed)?;
        println!("== beside: {}", steps.iter().map(|step| step.name).collect::<Vec<_>>().join(", "));
        Ok(Self { steps, child, said })
    }

    fn finish(mut self) -> Result<Vec<Done>> {
        println!("== what ran beside");
        self.child.wait().map_err(|e| Failure::new(format!("a process is lost: {e}")))?;
        let said = std::fs::read(self.said.path()).map_err(|e| Failure::io("read", self.said.path(), &e))?;
        let said = String::from_utf8_lossy(&said);
        print!("{said}");
        let lost = |name| (name, FAILED.to_owned(), Duration::ZERO);
        Ok(self.steps.iter().map(|step| ended(&said, step.name).unwrap_or_else(|| lost(step.name))).collect())
    }
}

/// What `one` printed at the end of a step.
fn ended(said: &str, name: &'static str) -> Option<Done> {
    let start = format!("== {name}: ");
    let (outcome, time) = said.lines().rev().find_map(|line| line.strip_prefix(&start)?.rsplit_once(" ("))?;
    let seconds = time.strip_suffix(" s)")?.parse().ok()?;
    Some((name, outcome.to_owned(), Duration::from_secs_f64(seconds)))
}

fn summarise(table: &[Done]) {
    println!("time per step:");
    for (name, outcome, time) in table {
        println!("  {:>8.1} s  {name:<8} {outcome}", time.as_secs_f64());
    }
}

fn cargo<const N: usize>(args: [&str; N]) -> Result<Ended> {
    Cmd::cargo().args(args).run().map(|()| Ended::Passed)
}

/// The workspace as it is, then every package that has features without and with all of them.
fn clippy(workspace: &Workspace) -> Result<Ended> {
    cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    for package in &workspace.packages {
        for leg in feature_legs(&package.features) {
            cargo(["clippy", "--package", &package.name, "--all-targets", leg, "--", "-D", "warnings"])?;
        }
    }
    Ok(Ended::Passed)
}

/// The feature sets beside the default one.
fn feature_legs(features: &BTreeMap<String, Vec<String>>) -> Vec<&'static str> {
    let defaults = features.get("default").map_or(0, Vec::len);
    let optional = features.keys().filter(|name| *name != "default").count();
    let without = (defaults > 0).then_some("--no-default-features");
    without.into_iter().chain((optional > defaults).then_some("--all-features")).collect()
}

fn doc() -> Result<Ended> {
    let cmd = Cmd::cargo().env("RUSTDOCFLAGS", "-D warnings").args(["doc", "--workspace", "--no-deps"]);
    cmd.run().map(|()| Ended::Passed)
}

/// Every criterion bench runs once as a test: it must not rot between measurements. No time is taken, so the profile of
/// the tests serves, whose dependencies are built already.
fn bench(workspace: &Workspace) -> Result<Ended> {
    let criterion = |p: &&Package| p.dependencies.iter().any(|edge| edge.name == "criterion");
    let with_benches: Vec<&Package> = workspace.packages.iter().filter(criterion).collect();
    if with_benches.is_empty() {
        return Ok(Ended::Skipped("no package has benches".into()));
    }
    let packages = with_benches.iter().flat_map(|p| ["--package", &p.name]);
    Cmd::cargo()
        .args(["bench", "--profile", "dev"])
        .args(packages)
        .args(["--benches", "--", "--test"])
        .run()
        .map(|()| Ended::Passed)
}

fn instruction_counts(workspace: &Workspace) -> Result<Ended> {
    if let Some(reason) = counts::missing() {
        return Ok(Ended::Skipped(reason.into()));
    }
    counts::run(workspace, &counts::Options::default()).map(|()| Ended::Passed)
}

fn machine_code(workspace: &Workspace) -> Result<Ended> {
    if let Some(reason) = asm::missing() {
        return Ok(Ended::Skipped(reason.into()));
    }
    asm::run(workspace, &asm::Options::default()).map(|()| Ended::Passed)
}

fn models(workspace: &Workspace) -> Result<Ended> {
    if loom::packages(workspace).is_empty() {
        return Ok(Ended::Skipped("no package has tests/loom.rs".into()));
    }
    loom::run(workspace).map(|()| Ended::Passed)
}

fn pgo_check(workspace: &Workspace) -> Result<Ended> {
    let has_binary = workspace.package("bot4-ml").is_some_and(|p| p.has_target("bin", "bot4-ml"));
    if !has_binary {
        return Ok(Ended::Skipped("bot4-ml has no binary".into()));
    }
    if let Err(failure) = pgo::setup(workspace, &pgo::SetupOptions::default()) {
        return Ok(Ended::Skipped(failure.to_string()));
    }
    pgo::run(workspace, &pgo::Options::check()).map(|()| Ended::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(list: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        list.iter().map(|(k, v)| ((*k).to_owned(), v.iter().map(|&s| s.to_owned()).collect())).collect()
    }

    #[test]
    fn the_end_of_a_step_beside_is_read_from_what_it_said() {
        let said = "== asm\nfine\n== asm: ok (12.5 s)\n== pgo: SKIP pgo: no (tool) (0.1 s)\n";
        assert_eq!(ended(said, "asm"), Some(("asm", "ok".into(), Duration::from_secs_f64(12.5))));
        assert_eq!(ended(said, "pgo").unwrap().1, "SKIP pgo: no (tool)");
        assert_eq!(ended("== asm\nkilled\n", "asm"), None);
    }

    #[test]
    fn feature_legs_are_those_that_differ_from_the_default() {
        assert!(feature_legs(&features(&[])).is_empty());
        assert_eq!(
            feature_legs(&features(&[("default", &["cli"]), ("cli", &[])])),
            ["--no-default-features"]
        );
        assert_eq!(feature_legs(&features(&[("peers", &[])])), ["--all-features"]);
        assert_eq!(feature_legs(&features(&[("default", &["a"]), ("a", &[]), ("b", &[])])).len(), 2);
    }
}
