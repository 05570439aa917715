//! The profile-guided loop: build, train, merge, rebuild, verify, measure, report.
//!
//! What can go wrong silently in this loop is turned into a failure: a tool that does not fit (`selftest`), flags
//! that differ (`flags`, `build`), a profile without counts (`profile`), one that is stale or misses functions
//! (`diagnostics`), hot code that was not trained (`coverage`), outputs that changed (`workload`), and a gain that
//! is not one (`compare`).
mod build;
mod compare;
mod coverage;
mod debian;
mod diagnostics;
pub(crate) mod flags;
mod measure;
mod profdata;
mod profile;
mod report;
mod selftest;
mod store;
mod toolchain;
#[cfg(test)]
mod traps;
mod workload;

use std::path::{Path, PathBuf};

use build::{Baseline, Binary, Optimised, Plain, Subject};
use coverage::{Covered, Hot};
use diagnostics::Diagnostics;
use flags::CleanFlags;
use measure::{Contender, Samples};
use profdata::{Install, Profdata};
use profile::MergedProfile;
use report::{BinaryFile, EqualOutput, ProfileFacts, Report, StageTime};
use toolchain::Toolchain;
use workload::Workload;

use crate::failure::{Failure, Result};
use crate::stages::Stages;
use crate::workspace::Workspace;

/// Options of `cargo xtask pgo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// All gates on a small workload, without the timing (for CI)
    #[arg(long)]
    check: bool,
    /// Never download an llvm-profdata
    #[arg(long)]
    no_install: bool,
    /// A recording to measure on, as a further workload that the training has not seen
    #[arg(long, value_name = "FILE", requires = "format")]
    data: Option<PathBuf>,
    /// The format of the recording, as `bot4-ml --format` has it
    #[arg(long, value_name = "FORMAT", requires = "data")]
    format: Option<String>,
    /// Rounds of the interleaved measurement
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(3..))]
    rounds: u32,
}

impl Options {
    /// `--check` and nothing else.
    pub(crate) fn check() -> Self {
        Self { check: true, no_install: false, data: None, format: None, rounds: 3 }
    }
}

/// What the loop runs and what it demands.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) training: Vec<Workload>,
    pub(crate) unseen: Vec<Workload>,
    pub(crate) hot: &'static [Hot],
    /// Rounds of the measurement; `None` checks without timing.
    pub(crate) rounds: Option<usize>,
}

/// Runs the loop on `bot4-ml`.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let clean = CleanFlags::check(&workspace.root)?;
    let toolchain = Toolchain::probe(&workspace.root)?;
    let subject = Subject {
        root: workspace.root.clone(),
        package: "bot4-ml".into(),
        binary: "bot4-ml".into(),
        triple: toolchain.host.clone(),
        out: workspace.target.join("pgo"),
        clean,
    };
    let plan = plan(options)?;
    let mut stages = Stages::new(if options.check { 7 } else { 9 });
    let tool = stages.run("find a fitting llvm-profdata", || {
        let install = if options.no_install { Install::Refused } else { Install::Allowed };
        profdata::find(&toolchain, &workspace.target.join("tools"), install)
    })?;
    let outcome = drive(&subject, &tool, &plan, &mut stages)?;
    println!("optimised binary: {}", outcome.binary.display());
    println!("report: {}", subject.out.join("report.md").display());
    for decision in &outcome.report.decisions {
        let d = decision;
        println!(
            "{} against {}: {} of the CPU time on unseen workloads: {}",
            d.build, d.against, d.ratio, d.verdict
        );
    }
    Ok(())
}

/// Finds or downloads the tool only.
pub(crate) fn setup(workspace: &Workspace) -> Result<()> {
    let toolchain = Toolchain::probe(&workspace.root)?;
    let tool = profdata::find(&toolchain, &workspace.target.join("tools"), Install::Allowed)?;
    println!("llvm-profdata: {}", tool.program().display());
    Ok(())
}

fn plan(options: &Options) -> Result<Plan> {
    let events = if options.check { "20000" } else { "500000" };
    let simulated = |name: &str, seed: &str| Workload {
        name: name.into(),
        args: benchmark(&["--seed", seed, "--events", events]),
    };
    let mut unseen = vec![simulated("other seed", "2")];
    if let (Some(data), Some(format)) = (&options.data, &options.format) {
        let data = data.canonicalize().map_err(|e| Failure::io("read", data, &e))?;
        let args = benchmark(&["--data", &data.to_string_lossy(), "--format", format]);
        unseen.push(Workload { name: "recording".into(), args });
    }
    let rounds = (!options.check).then_some(options.rounds as usize);
    Ok(Plan { training: vec![simulated("simulation", "1")], unseen, hot: coverage::HOT, rounds })
}

/// Counters are not atomic, so only the sections of one thread are run.
fn benchmark(rest: &[&str]) -> Vec<String> {
    let fixed = ["--benchmark", "--sections", "batch,event", "--variant", "new"];
    fixed.iter().chain(rest).map(|&arg| arg.to_owned()).collect()
}

/// The end of a successful run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The lasting copy of the optimised binary.
    pub(crate) binary: PathBuf,
    pub(crate) report: Report,
}

/// The binaries that are compared.
struct Builds {
    /// Only for the timing.
    plain: Option<Binary<Plain>>,
    baseline: Binary<Baseline>,
    optimised: Binary<Optimised>,
}

/// The loop itself, on any program that reports its outputs as `bot4-ml --benchmark` does.
pub(crate) fn drive(subject: &Subject, tool: &Profdata, plan: &Plan, stages: &mut Stages) -> Result<Outcome> {
    let plain = match plan.rounds {
        Some(_) => Some(stages.run("build without LTO, for comparison", || subject.build_plain())?),
        None => None,
    };
    let baseline = stages.run("build the baseline (release: fat LTO)", || subject.build_baseline())?;
    let instrumented = stages.run("build with counters", || subject.build_instrumented())?;
    let (profile, raw_files) = stages.run("train and merge", || {
        let (raw, _) = workload::train(subject, &instrumented, &plan.training)?;
        Ok((raw.merge(tool, &subject.out.join("profiles"))?, raw.len()))
    })?;
    let (optimised, facts) = stages.run("build with the profile, check coverage and staleness", || {
        let covered = coverage::check(&profile, plan.hot)?;
        let (optimised, diagnostics) = subject.build_optimised(&profile)?;
        diagnostics.check(&profile.summary)?;
        Ok((optimised, facts(&profile, raw_files, covered, &diagnostics)))
    })?;
    let builds = Builds { plain, baseline, optimised };
    let outputs = stages.run("compare outputs", || compare_outputs(&builds, plan))?;
    let mut report = start_report(subject, tool, facts, outputs)?;
    if let Some(rounds) = plan.rounds {
        stages.run("measure, interleaved", || measure(&builds, plan, rounds, &mut report))?;
    }
    finish(subject, &builds, report, stages)
}

/// Copies the binary, completes and writes the report.
fn finish(subject: &Subject, builds: &Builds, mut report: Report, stages: &Stages) -> Result<Outcome> {
    let binary = subject.out.join(&subject.binary);
    builds.optimised.keep(&binary)?;
    report.stages = StageTime::of(stages.done());
    report.binaries.extend(builds.plain.as_ref().map(|b| BinaryFile::of("no LTO", &b.path)));
    report.binaries.push(BinaryFile::of("LTO (baseline)", &builds.baseline.path));
    report.binaries.push(BinaryFile::of("LTO + PGO", &binary));
    report.write(&subject.out)?;
    Ok(Outcome { binary, report })
}

fn facts(
    profile: &MergedProfile,
    raw_files: usize,
    covered: Vec<Covered>,
    diagnostics: &Diagnostics,
) -> ProfileFacts {
    ProfileFacts {
        path: profile.path.display().to_string(),
        raw_files,
        functions: profile.summary.functions,
        total_count: profile.summary.total_count,
        discarded_count: diagnostics.discarded,
        functions_without_data: diagnostics.missing.len(),
        covered,
    }
}

fn compare_outputs(builds: &Builds, plan: &Plan) -> Result<Vec<EqualOutput>> {
    let mut equal = Vec::new();
    for (workload, unseen) in all_workloads(plan) {
        let baseline = workload.run(&builds.baseline.path)?;
        let optimised = workload.run(&builds.optimised.path)?;
        workload::equal_outputs(&workload, &baseline, &optimised)?;
        let command = format!("bot4-ml {}", workload.args.join(" "));
        let (events, digest) = (baseline.events, baseline.digest);
        equal.push(EqualOutput { workload: workload.name, command, unseen, events, digest });
    }
    Ok(equal)
}

/// The workloads and whether the training has not seen them.
fn all_workloads(plan: &Plan) -> Vec<(Workload, bool)> {
    let training = plan.training.iter().map(|w| (w.clone(), false));
    training.chain(plan.unseen.iter().map(|w| (w.clone(), true))).collect()
}

fn start_report(
    subject: &Subject,
    tool: &Profdata,
    profile: ProfileFacts,
    outputs: Vec<EqualOutput>,
) -> Result<Report> {
    Ok(Report {
        schema: 1,
        mode: "check",
        cpu: cpu_model(),
        rustc: Toolchain::probe(&subject.root)?.version,
        llvm_profdata: tool.program().display().to_string(),
        stages: Vec::new(),
        binaries: Vec::new(),
        profile,
        outputs,
        rounds: 0,
        comparisons: Vec::new(),
        decisions: Vec::new(),
    })
}

fn measure(builds: &Builds, plan: &Plan, rounds: usize, report: &mut Report) -> Result<()> {
    let mut contenders = Vec::new();
    contenders.extend(builds.plain.as_ref().map(|b| Contender { name: "no LTO", path: &b.path }));
    contenders.push(Contender { name: "LTO", path: &builds.baseline.path });
    contenders.push(Contender { name: "LTO + PGO", path: &builds.optimised.path });
    let workloads = all_workloads(plan);
    let samples = Samples::take(&contenders, &workloads, rounds)?;
    report.comparisons = samples.compare()?;
    report.decisions = samples.decide(&report.comparisons);
    report.rounds = rounds;
    report.mode = "full";
    Ok(())
}

fn cpu_model() -> String {
    let info = std::fs::read_to_string(Path::new("/proc/cpuinfo")).unwrap_or_default();
    let model =
        info.lines().find_map(|l| l.strip_prefix("model name")?.split_once(": ").map(|(_, m)| m.to_owned()));
    model.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}
