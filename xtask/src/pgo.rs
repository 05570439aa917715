//! The profile-guided loop: build, train, merge, rebuild, verify, measure, report.
//!
//! What can go wrong silently in this loop is turned into a failure: a tool that does not fit (`selftest`), flags
//! that differ (`flags`, `build`), a profile without counts (`profile`), one that is stale or misses functions
//! (`diagnostics`), hot code that was not trained (`coverage`), outputs that changed (`workload`), and a gain that
//! is not one (`compare`).
mod bolt;
mod build;
mod candidate;
mod compare;
mod coverage;
mod debian;
mod diagnostics;
pub(crate) mod flags;
mod measure;
mod page;
mod profdata;
mod profile;
mod random;
mod recording;
mod report;
mod selftest;
pub(crate) mod toolchain;
mod trained;
#[cfg(test)]
mod traps;
mod workload;

use std::path::{Path, PathBuf};

use bolt::Bolt;
use build::{Baseline, Binary, Optimised, Plain, Reordered, Subject};
use candidate::Install;
use compare::Verdict;
use coverage::{Covered, Hot};
use diagnostics::Diagnostics;
use flags::CleanFlags;
use measure::{Contender, Decision, Samples};
use profdata::Profdata;
use recording::{Recording, Set};
use report::{BinaryFile, EqualOutput, ProfileFacts, Report, StageTime};
use toolchain::Toolchain;
use trained::Trained;
use workload::{Observation, Output, Workload};

use crate::failure::{Failure, Result};
use crate::stages::Stages;
use crate::store;
use crate::workspace::Workspace;

/// Options of `cargo xtask pgo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// All gates on a small workload, without the timing (for CI)
    #[arg(long)]
    check: bool,
    /// Print what would be run, and run nothing
    #[arg(long)]
    explain: bool,
    /// Build for this CPU only; the binary may not run on another one
    #[arg(long)]
    native: bool,
    /// Lay out the optimised binary anew with BOLT, as a further stage
    #[arg(long)]
    bolt: bool,
    /// Never download an llvm-profdata or llvm-bolt
    #[arg(long)]
    no_install: bool,
    /// A recording to measure on, as a further workload that the training has not seen
    #[arg(long, value_name = "FILE", requires = "format")]
    data: Option<PathBuf>,
    /// The format of the recording, as `bot4-ml --format` has it
    #[arg(long, value_name = "FORMAT", requires = "data", value_parser = recording::FORMATS)]
    format: Option<String>,
    /// Rounds of the interleaved measurement
    #[arg(long, value_name = "N", default_value_t = 21, value_parser = clap::value_parser!(u32).range(3..=1_000), allow_negative_numbers = true)]
    rounds: u32,
}

impl Options {
    /// `--check` and nothing else.
    pub(crate) fn check() -> Self {
        Self {
            check: true,
            explain: false,
            native: false,
            bolt: false,
            no_install: false,
            data: None,
            format: None,
            rounds: 3,
        }
    }
}

/// Options of `cargo xtask setup`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct SetupOptions {
    /// Find or download an llvm-bolt too
    #[arg(long)]
    bolt: bool,
}

/// What the loop runs and what it demands.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The first one is also measured.
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
        target: workspace.target.clone(),
        out: workspace.target.join(if options.native { "pgo-native" } else { "pgo" }),
        native: options.native,
        movable: options.bolt,
        clean,
    };
    let recordings = subject.out.join("recordings");
    let plan = plan(options, &recordings)?;
    if options.explain {
        explain(&subject, &plan);
        return Ok(());
    }
    recording::write_all(&recordings, Set::Training, if options.check { 10_000 } else { 100_000 })?;
    recording::write_all(&recordings, Set::Unseen, if options.check { 10_000 } else { 200_000 })?;
    let mut stages = Stages::new(if options.check { 6 } else { 8 } + 2 * usize::from(options.bolt));
    let install = if options.no_install { Install::Refused } else { Install::Allowed };
    let folder = workspace.target.join("tools");
    let profdata =
        stages.run("find a fitting llvm-profdata", || profdata::find(&toolchain, &folder, install))?;
    let bolt = match options.bolt {
        true => Some(stages.run("find a working llvm-bolt", || bolt::find(&toolchain, &folder, install))?),
        false => None,
    };
    let outcome = drive(&subject, &Tools { profdata, bolt }, &plan, &mut stages)?;
    drop(stages);
    println!("optimised binary ({}): {}", outcome.report.chosen, outcome.binary.display());
    println!("report: {} (and .md, .json)", subject.out.join("report.html").display());
    for decision in &outcome.report.decisions {
        let d = decision;
        println!(
            "{} against {}: {} of the CPU time on unseen workloads: {}",
            d.build, d.against, d.ratio, d.verdict
        );
    }
    Ok(())
}

/// Finds or downloads the tools only.
pub(crate) fn setup(workspace: &Workspace, options: &SetupOptions) -> Result<()> {
    let toolchain = Toolchain::probe(&workspace.root)?;
    let folder = workspace.target.join("tools");
    let tool = profdata::find(&toolchain, &folder, Install::Allowed)?;
    println!("llvm-profdata: {}", tool.program().display());
    if options.bolt {
        let tool = bolt::find(&toolchain, &folder, Install::Allowed)?;
        println!("llvm-bolt: {}", tool.program().display());
    }
    Ok(())
}

/// The commands and workloads, in their order.
fn explain(subject: &Subject, plan: &Plan) {
    let [plain, baseline, instrumented, optimised] = subject.explained();
    if plan.rounds.is_some() {
        println!("build without LTO, for comparison\n  $ {plain}");
    }
    println!("build the baseline (release: fat LTO)\n  $ {baseline}");
    println!("build with counters\n  $ {instrumented}");
    println!("train, each with LLVM_PROFILE_FILE in {}", subject.raw().display());
    plan.training.iter().for_each(|workload| println!("  $ {}", workload.shown(&subject.binary)));
    println!("merge\n  $ llvm-profdata merge -o PROFILE {}/*.profraw", subject.raw().display());
    println!("build with the profile\n  $ {optimised}");
    if subject.movable {
        println!("lay out anew: llvm-bolt with counters, the training, llvm-bolt with the counts");
    }
    println!("fail if stale or if one of these functions has no counts");
    plan.hot.iter().for_each(|hot| println!("  {}", hot.path));
    println!("compare the outputs of all builds, on what was trained and on");
    plan.unseen.iter().for_each(|workload| println!("  $ {}", workload.shown(&subject.binary)));
    match plan.rounds {
        Some(rounds) => println!("measure in {rounds} interleaved rounds, decide by the unseen workloads"),
        None => println!("no timing: --check"),
    }
    println!("write report.html, report.md and report.json to {}", subject.out.display());
}

/// The weights say what a run counts in the profile: live decisions most, then the decoders, then what is there for comparison.
fn plan(options: &Options, recordings: &Path) -> Result<Plan> {
    let events = if options.check { "20000" } else { "500000" };
    let mut training = vec![
        Workload { weight: 4, ..benchmark("simulation", "new", &["--seed", "1", "--events", events]) },
        // Untrained, the old path would be laid out as cold, and the binary's own comparison would flatter the new one.
        benchmark("old path", "old", &["--seed", "1", "--events", "20000"]),
    ];
    training.extend(lesser_instruction_sets().map(|isa| Workload {
        isa: Some(isa),
        ..benchmark(&format!("simulation, {isa}"), "new", &["--seed", "1", "--events", "20000"])
    }));
    for recording in recording::all(recordings, Set::Training) {
        let path = recording.path.to_string_lossy();
        let args = ["--data", &path, "--format", recording.format];
        training.push(benchmark(&format!("made-up {}", recording.format), "new", &args));
        training.push(Workload { weight: 2, ..decoding(&recording, "decode") });
    }
    let mut unseen = vec![benchmark("other seed", "new", &["--seed", "2", "--events", events])];
    let others = recording::all(recordings, Set::Unseen);
    unseen.extend(others.iter().map(|recording| decoding(recording, "decode other")));
    if let (Some(data), Some(format)) = (&options.data, &options.format) {
        let data = data.canonicalize().map_err(|e| Failure::io("read", data, &e))?;
        if !data.is_file() {
            let text = format!("cannot read {}: not a file, and it is read many times", data.display());
            return Err(Failure::new(text));
        }
        unseen.push(benchmark("recording", "new", &["--data", &data.to_string_lossy(), "--format", format]));
    }
    let rounds = (!options.check).then_some(options.rounds as usize);
    Ok(Plan { training, unseen, hot: coverage::HOT, rounds })
}

/// Of the sections only those of one thread: counters are not atomic, and a waiting loop would outweigh the work.
fn benchmark(name: &str, variant: &str, rest: &[&str]) -> Workload {
    let fixed = ["--benchmark", "--sections", "batch,event", "--variant", variant];
    let args = fixed.iter().chain(rest).map(|&arg| arg.to_owned()).collect();
    Workload { name: name.into(), args, output: Output::Json, isa: None, weight: 1 }
}

/// Bytes to features; one row of a hundred is printed, so that formatting is no part of it.
fn decoding(recording: &Recording, what: &str) -> Workload {
    let path = recording.path.to_string_lossy();
    let args = ["features", "--every", "100", "--data", &path, "--format", recording.format];
    Workload {
        name: format!("{what} {}", recording.format),
        args: args.map(str::to_owned).to_vec(),
        output: Output::Printed,
        isa: None,
        weight: 1,
    }
}

/// The instruction sets below the best one of this CPU: their kernels are other functions, cold unless trained.
fn lesser_instruction_sets() -> impl Iterator<Item = &'static str> {
    #[cfg(target_arch = "x86_64")]
    let (avx512, avx2) = (is_x86_feature_detected!("avx512f"), is_x86_feature_detected!("avx2"));
    #[cfg(not(target_arch = "x86_64"))]
    let (avx512, avx2) = (false, false);
    [(avx512, "avx2"), (avx2, "portable")].into_iter().filter_map(|(above, isa)| above.then_some(isa))
}

/// The end of a successful run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The lasting copy of the optimised binary.
    pub(crate) binary: PathBuf,
    pub(crate) report: Report,
}

/// What the loop needs that the compiler does not bring.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) profdata: Profdata,
    /// For the last stage, if that is wanted.
    pub(crate) bolt: Option<Bolt>,
}

/// The binaries that are compared.
struct Builds {
    /// Only for the timing.
    plain: Option<Binary<Plain>>,
    baseline: Binary<Baseline>,
    optimised: Binary<Optimised>,
    reordered: Option<Binary<Reordered>>,
    /// What the optimised build is called in the report.
    name: &'static str,
    /// What the instrumented binary put out under the training workloads.
    trained: Vec<Observation>,
}

/// The baseline's name in the report.
const LTO: &str = "LTO";
const BOLT: &str = "LTO + PGO + BOLT";

impl Builds {
    /// The builds by name, each to be compared with the one before it.
    fn all(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let plain = self.plain.as_ref().map(|b| ("no LTO", &*b.path));
        let reordered = self.reordered.as_ref().map(|b| (BOLT, &*b.path));
        let always = [(LTO, &*self.baseline.path), (self.name, &*self.optimised.path)];
        plain.into_iter().chain(always).chain(reordered)
    }

    fn path(&self, name: &str) -> Option<&Path> {
        self.all().find_map(|(build, path)| (build == name).then_some(path))
    }
}

/// The loop itself, on any program that reports its outputs as `bot4-ml --benchmark` does.
pub(crate) fn drive(subject: &Subject, tools: &Tools, plan: &Plan, stages: &mut Stages) -> Result<Outcome> {
    let plain = match plan.rounds {
        Some(_) => Some(stages.run("build without LTO, for comparison", || subject.build_plain())?),
        None => None,
    };
    let baseline = stages.run("build the baseline (release: fat LTO)", || subject.build_baseline())?;
    let instrumented = stages.run("build with counters", || subject.build_instrumented())?;
    let trained = stages
        .run("train and merge", || trained::train(subject, &instrumented, &plan.training, &tools.profdata))?;
    let profile = &trained.profile;
    let (optimised, mut facts) =
        stages.run("build with the profile, check coverage and staleness", || {
            let covered = coverage::check(profile, plan.hot)?;
            let (optimised, diagnostics) = subject.build_optimised(profile)?;
            diagnostics.check(&profile.summary)?;
            Ok((optimised, facts(&trained, covered, &diagnostics)))
        })?;
    let mut reordered = None;
    if let Some(bolt) = &tools.bolt {
        let (binary, fit) = stages
            .run("lay out anew with BOLT", || bolt::optimise(subject, bolt, &optimised, &plan.training))?;
        reordered = Some(binary);
        facts.bolt = Some(fit);
    }
    let name = if subject.native { "LTO + PGO, native CPU" } else { "LTO + PGO" };
    let builds = Builds { plain, baseline, optimised, reordered, name, trained: trained.seen };
    let outputs = stages.run("compare outputs", || compare_outputs(subject, &builds, plan))?;
    let mut report = start_report(subject, &tools.profdata, facts, outputs)?;
    if let Some(rounds) = plan.rounds {
        stages.run("measure, interleaved", || measure(&builds, plan, rounds, &mut report))?;
    }
    finish(subject, &builds, report, stages)
}

/// Copies the binary, completes and writes the report.
fn finish(subject: &Subject, builds: &Builds, mut report: Report, stages: &Stages) -> Result<Outcome> {
    let binary = subject.out.join(&subject.binary);
    report.chosen = chosen(builds.name, builds.reordered.is_some(), &report.decisions);
    builds.path(report.chosen).map_or(Ok(()), |built| store::copy(built, &binary))?;
    report.stages = StageTime::of(stages.done());
    report.binaries.extend(builds.all().map(|(name, path)| BinaryFile::of(name, path)));
    report.write(&subject.out)?;
    Ok(Outcome { binary, report })
}

/// The last stage that is worth it: the profile unless it made the binary slower, and BOLT on top of it only if that made it faster
/// still. Without timing the last stage of all.
fn chosen(pgo: &'static str, reordered: bool, decisions: &[Decision]) -> &'static str {
    let verdict = |build| decisions.iter().find(|d| d.build == build).map(|d| d.verdict);
    match (verdict(pgo), verdict(BOLT)) {
        (Some(Verdict::Drop), _) => LTO,
        (_, None | Some(Verdict::Keep)) if reordered => BOLT,
        _ => pgo,
    }
}

fn facts(trained: &Trained, covered: Vec<Covered>, diagnostics: &Diagnostics) -> ProfileFacts {
    let profile = &trained.profile;
    ProfileFacts {
        path: profile.path.display().to_string(),
        raw_files: trained.raw_files,
        reused: trained.reused,
        functions: profile.summary.functions,
        total_count: profile.summary.total_count,
        discarded_count: diagnostics.discarded,
        functions_without_data: diagnostics.missing.len(),
        covered,
        bolt: None,
    }
}

fn compare_outputs(subject: &Subject, builds: &Builds, plan: &Plan) -> Result<Vec<EqualOutput>> {
    let mut equal = Vec::new();
    for (at, (workload, unseen)) in all_workloads(plan).into_iter().enumerate() {
        let baseline = workload.run(&builds.baseline.path)?;
        let optimised = workload.run(&builds.optimised.path)?;
        let reordered = builds.reordered.as_ref().map(|b| workload.run(&b.path)).transpose()?;
        for other in builds.trained.get(at).into_iter().chain([&optimised]).chain(&reordered) {
            workload::equal_outputs(&workload, &baseline, other)?;
        }
        let command = workload.shown(&subject.binary);
        let (events, digest, weight) = (baseline.events, baseline.digest, workload.weight);
        equal.push(EqualOutput { workload: workload.name, command, unseen, weight, events, digest });
    }
    Ok(equal)
}

/// The workloads, the training first, and whether the training has not seen them.
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
        chosen: LTO,
        stages: Vec::new(),
        binaries: Vec::new(),
        profile,
        outputs,
        rounds: 0,
        comparisons: Vec::new(),
        decisions: Vec::new(),
        latencies: Vec::new(),
    })
}

fn measure(builds: &Builds, plan: &Plan, rounds: usize, report: &mut Report) -> Result<()> {
    let contenders: Vec<_> = builds.all().map(|(name, path)| Contender { name, path }).collect();
    // Of the training only the first: the others train decoders, which these times leave out.
    let training = plan.training.first().map(|w| (w.clone(), false));
    let unseen = plan.unseen.iter().map(|w| (w.clone(), true));
    let workloads: Vec<_> = training.into_iter().chain(unseen).collect();
    let samples = Samples::take(&contenders, &workloads, rounds)?;
    report.comparisons = samples.compare()?;
    report.decisions = samples.decide(&report.comparisons);
    report.latencies = samples.latencies();
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

#[cfg(test)]
mod tests {
    use super::compare::Interval;
    use super::*;

    #[test]
    fn bolt_cannot_save_a_profile_that_made_the_binary_slower() {
        let decision = |build, mid| {
            let ratio = Interval { low: mid, mid, high: mid };
            Decision { build, against: "", ratio, verdict: ratio.verdict() }
        };
        let of = |pgo, bolt| chosen("PGO", true, &[decision("PGO", pgo), decision(BOLT, bolt)]);
        assert_eq!([of(0.9, 0.9), of(0.9, 1.0), of(1.0, 0.9)], [BOLT, "PGO", BOLT]);
        assert_eq!(of(1.3, 0.9), LTO);
        assert_eq!(chosen("PGO", false, &[decision("PGO", 1.0)]), "PGO");
        assert_eq!((chosen("PGO", true, &[]), chosen("PGO", false, &[])), (BOLT, "PGO"), "not timed");
    }
}
