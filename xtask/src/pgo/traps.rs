//! The loop and its traps on a throw-away cargo project.
//!
//! These tests need an `llvm-profdata` that is already here (`cargo xtask setup` fetches one); without it they
//! print a line and pass.
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use super::candidate::Candidate;
use super::profile::MergedProfile;
use super::selftest::SelfTest;
use super::*;

/// A program with the command line and the JSON of `bot4-ml --benchmark`, in small.
const MAIN: &str = r#"
use std::hint::black_box;

#[inline(never)]
fn decode(byte: u64) -> u64 {
    match byte % 7 {
        0 => byte.rotate_left(3),
        1 | 2 => byte ^ 0x55,
        3 => byte.wrapping_mul(31),
        _ => byte.wrapping_add(9),
    }
}

#[inline(never)]
fn never_trained(seed: u64) -> u64 {
    (0..seed).map(|n| n.count_ones() as u64).sum()
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let after = |name: &str| args.iter().position(|a| a == name).map(|i| args[i + 1].clone());
    let seed: u64 = after("--seed").unwrap().parse().unwrap();
    if seed == 99 {
        std::process::exit(1);
    }
    let mut state = seed;
    for _ in 0..black_box(20_000) {
        state = decode(state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407));
    }
    if seed > 1_000 {
        state ^= never_trained(black_box(seed));
    }
    let nanos = std::time::Instant::now().elapsed().as_nanos() + 100;
    let json = format!(
        "{{\"outputs\":{{\"events\":20000,\"digest\":\"{state:016x}\"}},\"event\":{{\"new\":{{\"cpu_ns_per_event\":{nanos}}}}}}}"
    );
    std::fs::write(after("--json").unwrap(), json).unwrap();
}
"#;

/// Without LTO: it would link all of std again and again, and no trap depends on it.
const MANIFEST: &str = "[package]\nname = \"toy\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
                        [profile.release]\nlto = \"off\"\ncodegen-units = 1\npanic = \"abort\"\n";

const DECODE: Hot = Hot { path: "toy::decode", why: "every event" };
const NEVER: Hot = Hot { path: "toy::never_trained", why: "large seeds" };

/// The throw-away project and what the loop needs.
struct Toy {
    dir: tempfile::TempDir,
    subject: Subject,
    tools: Tools,
}

impl Toy {
    /// `None`, after a line on the terminal, where no fitting tool is at hand.
    fn new(test: &str) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tools = Workspace::load(root).unwrap().target.join("tools");
        let toolchain = Toolchain::probe(root).unwrap();
        let profdata = match profdata::find(&toolchain, &tools, Install::Refused) {
            Ok(profdata) => profdata,
            Err(failure) => {
                // Straight to the terminal: the test harness would swallow a printed line.
                let _ = writeln!(std::io::stderr(), "SKIP {test}: {failure}");
                return None;
            }
        };
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("src")).unwrap();
        std::fs::write(dir.path().join("Cargo.toml"), MANIFEST).unwrap();
        std::fs::write(dir.path().join("src/main.rs"), MAIN).unwrap();
        let subject = Subject {
            root: dir.path().to_owned(),
            package: "toy".into(),
            binary: "toy".into(),
            triple: toolchain.host,
            target: dir.path().join("target"),
            out: dir.path().join("target/pgo"),
            native: false,
            movable: false,
            clean: CleanFlags::from_sources(std::iter::empty(), &[]).unwrap(),
        };
        Some(Self { dir, subject, tools: Tools { profdata, bolt: None } })
    }

    fn edit(&self, from: &str, to: &str) {
        assert!(MAIN.contains(from));
        std::fs::write(self.dir.path().join("src/main.rs"), MAIN.replace(from, to)).unwrap();
    }

    fn trained(&self) -> MergedProfile {
        let instrumented = self.subject.build_instrumented().unwrap();
        let (raw, _) = workload::train(&self.subject, &instrumented, &[seed("training", 1)]).unwrap();
        raw.merge(&self.tools.profdata, &self.subject.out.join("profiles")).unwrap()
    }
}

fn seed(name: &str, seed: u64) -> Workload {
    let args = ["--benchmark", "--seed", &seed.to_string()].map(str::to_owned).to_vec();
    Workload { name: name.into(), args, output: Output::Json, isa: None, weight: 1 }
}

fn plan(hot: &'static [Hot]) -> Plan {
    Plan { training: vec![seed("training", 1)], unseen: vec![seed("other seed", 2)], hot, rounds: None }
}

#[test]
fn the_whole_loop_ends_with_a_report_and_a_binary_with_equal_outputs() {
    let Some(toy) = Toy::new("pgo loop") else { return };
    let plan = Plan { rounds: Some(3), ..plan(&[DECODE]) };
    let outcome = drive(&toy.subject, &toy.tools, &plan, &mut Stages::new(8)).unwrap();
    assert!(outcome.binary.is_file());
    let report = &outcome.report;
    assert_eq!((report.mode, report.rounds), ("full", 3));
    assert!(report.profile.covered[0].count > 20_000, "{:?}", report.profile);
    assert_eq!((report.profile.discarded_count, report.profile.functions_without_data), (0, 0));
    assert_eq!(report.decisions.len(), 2, "LTO against no LTO, PGO against LTO");
    let json = std::fs::read_to_string(toy.subject.out.join("report.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["outputs"][1]["unseen"], true);
    assert!(std::fs::read_to_string(toy.subject.out.join("report.md")).unwrap().contains("equal outputs"));
}

#[test]
fn bolt_is_a_further_stage_whose_outputs_are_compared_too() {
    let Some(mut toy) = Toy::new("bolt") else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (toolchain, folder) =
        (Toolchain::probe(root).unwrap(), Workspace::load(root).unwrap().target.join("tools"));
    match bolt::find(&toolchain, &folder, Install::Refused) {
        Ok(bolt) => toy.tools.bolt = Some(bolt),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "SKIP bolt: {failure}");
            return;
        }
    }
    toy.subject.movable = true;
    let outcome = drive(&toy.subject, &toy.tools, &plan(&[DECODE]), &mut Stages::new(8)).unwrap();
    let report = &outcome.report;
    assert_eq!((report.profile.discarded_count, report.profile.functions_without_data), (0, 0));
    assert!(report.profile.bolt.is_some_and(|fit| fit.with_counts > 0), "{:?}", report.profile.bolt);
    assert_eq!(report.chosen, BOLT);
    assert!(report.binaries.iter().all(|binary| binary.bytes > 0), "{:?}", report.binaries);
}

#[test]
fn the_counts_of_a_workload_enter_as_often_as_it_weighs() {
    let Some(toy) = Toy::new("pgo weights") else { return };
    let count = |weight| {
        let workload = Workload { weight, ..seed("training", 1) };
        let instrumented = toy.subject.build_instrumented().unwrap();
        trained::train(&toy.subject, &instrumented, &[workload], &toy.tools.profdata)
            .unwrap()
            .profile
            .summary
            .total_count
    };
    assert_eq!(3 * count(1), count(3));
}

#[test]
fn training_twice_gives_the_same_profile_name() {
    let Some(toy) = Toy::new("pgo repeat") else { return };
    assert_eq!(toy.trained().path, toy.trained().path);
}

#[test]
fn a_training_is_used_again_until_the_sources_the_workloads_or_the_profile_change() {
    let Some(toy) = Toy::new("pgo memory") else { return };
    let train = |workloads: &[Workload]| {
        let instrumented = toy.subject.build_instrumented().unwrap();
        trained::train(&toy.subject, &instrumented, workloads, &toy.tools.profdata).unwrap()
    };
    let one = [seed("training", 1)];
    let first = train(&one);
    assert!(!first.reused);
    let again = train(&one);
    assert!(again.reused);
    assert_eq!((again.profile.path, &again.seen), (first.profile.path.clone(), &first.seen));
    assert!(!train(&[seed("training", 3)]).reused, "another workload");
    std::fs::write(&first.profile.path, b"damaged").unwrap();
    assert!(!train(&one).reused, "a damaged profile");
    toy.edit("byte.wrapping_mul(31)", "byte.wrapping_mul(33)");
    assert!(!train(&one).reused, "other sources");
}

#[test]
fn a_hot_function_the_training_never_ran_stops_the_loop() {
    let Some(toy) = Toy::new("pgo coverage") else { return };
    let failure = drive(&toy.subject, &toy.tools, &plan(&[DECODE, NEVER]), &mut Stages::new(6)).unwrap_err();
    let text = failure.to_string();
    assert!(text.contains("toy::never_trained (large seeds)") && !text.contains("toy::decode"), "{text}");
}

#[test]
fn a_profile_of_other_sources_is_stale() {
    let Some(toy) = Toy::new("pgo stale") else { return };
    let profile = toy.trained();
    toy.edit("0 => byte.rotate_left(3),", "0 => byte.rotate_left(3),\n        5 if byte > 77 => byte / 3,");
    let (_, diagnostics) = toy.subject.build_optimised(&profile).unwrap();
    assert!(!diagnostics.stale.is_empty(), "{diagnostics:?}");
    let text = diagnostics.check(&profile.summary).unwrap_err().to_string();
    assert!(text.contains("stale profile") && text.contains("decode"), "{text}");
}

#[test]
fn functions_that_the_profile_does_not_know_are_counted() {
    let Some(toy) = Toy::new("pgo missing") else { return };
    let profile = toy.trained();
    toy.edit("fn never_trained", "fn renamed_meanwhile");
    let source = MAIN.replace("never_trained", "renamed_meanwhile").replace("fn decode", "fn decoded");
    let source = source.replace("state = decode(", "state = decoded(");
    std::fs::write(toy.dir.path().join("src/main.rs"), source).unwrap();
    let (_, diagnostics) = toy.subject.build_optimised(&profile).unwrap();
    let text = diagnostics.check(&profile.summary).unwrap_err().to_string();
    assert!(text.contains("functions have no data") && text.contains("decoded"), "{text}");
}

#[test]
fn an_empty_profile_is_refused_before_it_reaches_a_build() {
    let Some(toy) = Toy::new("pgo empty profile") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (text, profile) = (dir.path().join("empty.proftext"), dir.path().join("empty.profdata"));
    std::fs::write(&text, ":ir\n").unwrap();
    toy.tools.profdata.command().args(["merge", "-o"]).arg(&profile).arg(&text).silent().read().unwrap();
    let failure = MergedProfile::open(&profile, &toy.tools.profdata).unwrap_err().to_string();
    assert!(failure.contains("no functions"), "{failure}");
    std::fs::write(&profile, "").unwrap();
    assert!(MergedProfile::open(&profile, &toy.tools.profdata).is_err());
}

#[test]
fn a_failing_workload_says_how_to_run_it_by_hand() {
    let Some(toy) = Toy::new("pgo failing workload") else { return };
    let failing = Plan { training: vec![seed("training", 99)], ..plan(&[]) };
    let text = drive(&toy.subject, &toy.tools, &failing, &mut Stages::new(6)).unwrap_err().to_string();
    assert!(text.contains("stage `train and merge`") && text.contains("run it by hand"), "{text}");
}

#[test]
fn outputs_that_change_with_the_build_fail() {
    let Some(toy) = Toy::new("pgo outputs") else { return };
    // A program that looks at its own build folder is the cheapest kind of "miscompiled".
    toy.edit(
        "let mut state = seed;",
        "let mut state = seed ^ std::env::args().next().unwrap().len() as u64;",
    );
    let text =
        drive(&toy.subject, &toy.tools, &plan(&[DECODE]), &mut Stages::new(6)).unwrap_err().to_string();
    assert!(text.contains("outputs differ") && text.contains("training"), "{text}");
}

#[test]
fn an_unfit_tool_is_refused_with_its_reason() {
    let toolchain = Toolchain::probe(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let tool = dir.path().join("llvm-profdata");
    std::fs::write(&tool, "#!/bin/sh\necho 'error: raw profile version mismatch' >&2\nexit 1\n").unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&tool).status().unwrap().success());
    let test = SelfTest::prepare(&toolchain).unwrap();
    let unfit = Candidate { program: tool.clone(), libraries: Vec::new() };
    assert!(test.run(&unfit).unwrap_err().contains("version mismatch"));
    // One that claims success and writes nothing.
    std::fs::write(&tool, "#!/bin/sh\nexit 0\n").unwrap();
    assert!(test.run(&unfit).unwrap_err().contains("no summary"));
}

#[test]
fn foreign_flags_stop_the_command_before_anything_is_built() {
    let Some(toy) = Toy::new("pgo foreign flags") else { return };
    let config = toy.dir.path().join(".cargo");
    std::fs::create_dir(&config).unwrap();
    std::fs::write(config.join("config.toml"), "[build]\nrustflags = [\"-Ctarget-cpu=native\"]\n").unwrap();
    let text = CleanFlags::check(toy.dir.path()).unwrap_err().to_string();
    assert!(text.contains("config.toml:2"), "{text}");
    assert!(!toy.dir.path().join("target").exists());
}

#[test]
fn a_build_script_is_not_instrumented() {
    let Some(toy) = Toy::new("pgo build script") else { return };
    std::fs::write(
        toy.dir.path().join("build.rs"),
        "fn main() { println!(\"cargo::rerun-if-changed=build.rs\"); }",
    )
    .unwrap();
    toy.subject.build_instrumented().unwrap();
    let written = std::fs::read_dir(toy.subject.raw()).map_or(0, Iterator::count);
    assert_eq!(written, 0, "the build itself wrote profiles");
}
