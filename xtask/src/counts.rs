//! Instructions and cache misses of the hot functions, counted by callgrind and held to committed limits.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};
use crate::process::{Cmd, on_path, tail};
use crate::store;
use crate::workspace::Workspace;

const PACKAGE: &str = "bot4-benches";
const BENCH: &str = "instructions";
const RUNNER: &str = "iai-callgrind-runner";
/// Beside the bench, one line per count.
const LIMITS: &str = "benches/benches/instructions/limits.json";
/// What a count may be above its limit.
const TOLERANCE: f64 = 0.02;
/// Lines that a function may miss more than its limit whatever its size: where a stack or a heap begins moves a few.
const MISSES_SLACK: u64 = 8;
/// Instructions that a function may take more than its limit whatever its size: another order of the functions in the binary moves
/// a few, which in the shortest is more than 2 %.
const INSTRUCTIONS_SLACK: u64 = 4;

/// Options of `cargo xtask counts`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Make today's counts the limits
    #[arg(long)]
    update: bool,
}

/// What callgrind counted in one function, or may count at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Count {
    instructions: u64,
    /// Reads and writes of data that missed the simulated first level.
    data_misses: u64,
}

type Counts = BTreeMap<String, Count>;

/// Why nothing can be counted here, if so.
pub(crate) fn missing() -> Option<&'static str> {
    on_path("valgrind").is_none().then_some("valgrind is not installed")
}

/// Counts and compares, or counts and writes.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if let Some(reason) = missing() {
        return Err(Failure::new(reason).advise("install valgrind 3.19 or newer from your distribution"));
    }
    let measured = measure(workspace)?;
    let path = workspace.root.join(LIMITS);
    if options.update {
        store::write(&path, json(&measured).as_bytes())?;
        println!("{} limits written to {LIMITS}", measured.len());
        return Ok(());
    }
    let text = fs::read_to_string(&path).map_err(|e| Failure::io("read", &path, &e))?;
    let limits: Counts = serde_json::from_str(&text).map_err(|e| Failure::new(format!("{LIMITS}: {e}")))?;
    print(&measured, &limits);
    let wrong = violations(&measured, &limits);
    if wrong.is_empty() {
        println!("{} counts within 2 % of their limits", measured.len());
        return Ok(());
    }
    let advice = "if the change is meant, `cargo xtask counts --update` and say in the commit why";
    Err(Failure::new(wrong.join("\n")).advise(advice))
}

fn measure(workspace: &Workspace) -> Result<Counts> {
    let runner = runner(workspace)?;
    let results = workspace.target.join("iai").join(PACKAGE).join(BENCH);
    if results.exists() {
        fs::remove_dir_all(&results).map_err(|e| Failure::io("remove", &results, &e))?;
    }
    let run = Cmd::cargo()
        .dir(&workspace.root)
        .env("IAI_CALLGRIND_RUNNER", &runner)
        // Where code is split into units depends on all of it, and what is inlined across them on that.
        .args(["--config", "profile.bench.codegen-units=1"])
        .args(["bench", "--package", PACKAGE, "--bench", BENCH, "--", "--save-summary=json"])
        .capture()?;
    if !run.status.success() {
        return Err(Failure::new(format!("the bench ended with {}: {}", run.status, tail(&run.stderr))));
    }
    let mut files = Vec::new();
    summaries(&results, &mut files)?;
    files.iter().map(|file| read(file)).collect()
}

/// The helper program of the same version as the library, built once into the target folder.
fn runner(workspace: &Workspace) -> Result<PathBuf> {
    let id = Cmd::cargo().dir(&workspace.root).args(["pkgid", "iai-callgrind"]).silent().read()?;
    let version = id.trim().rsplit(['@', '#']).next().unwrap_or_default();
    let root = workspace.target.join("tools").join(format!("{RUNNER}-{version}"));
    let program = root.join("bin").join(RUNNER);
    if !program.is_file() {
        Cmd::cargo()
            .args(["install", RUNNER, "--version", version, "--locked", "--debug", "--root"])
            .arg(&root)
            .arg("--target-dir")
            .arg(workspace.target.join("tools").join("build"))
            .run()
            .map_err(|f| f.advise("it comes from the registry: is it reachable?"))?;
    }
    Ok(program)
}

fn summaries(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(|e| Failure::io("read", dir, &e))? {
        let path = entry.map_err(|e| Failure::io("read", dir, &e))?.path();
        if path.is_dir() {
            summaries(&path, files)?;
        } else if path.file_name().is_some_and(|name| name == "summary.json") {
            files.push(path);
        }
    }
    Ok(())
}

/// Name and count of one summary.
fn read(path: &Path) -> Result<(String, Count)> {
    let text = fs::read_to_string(path).map_err(|e| Failure::io("read", path, &e))?;
    parse(&text).ok_or_else(|| Failure::new(format!("{}: not a summary of callgrind", path.display())))
}

fn parse(text: &str) -> Option<(String, Count)> {
    let summary: serde_json::Value = serde_json::from_str(text).ok()?;
    let function = summary["module_path"].as_str()?.strip_prefix("instructions::")?;
    let input = summary["id"].as_str()?;
    let metrics = &summary["profiles"][0]["summaries"]["total"]["summary"]["Callgrind"];
    let metric = |name: &str| metrics[name]["metrics"]["Left"]["Int"].as_u64();
    let count = Count { instructions: metric("Ir")?, data_misses: metric("D1mr")? + metric("D1mw")? };
    Some((format!("{function}::{input}"), count))
}

/// A line per count, so that a diff shows which moved.
fn json(counts: &Counts) -> String {
    let lines: Vec<String> = (counts.iter())
        .map(|(name, count)| format!("  {}: {}", serde_json::json!(name), serde_json::json!(count)))
        .collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

fn print(measured: &Counts, limits: &Counts) {
    println!("{:<44} {:>12} {:>8} {:>12}", "AVX2 path", "instructions", "limit %", "data misses");
    for (name, count) in measured {
        let change = limits.get(name).map(|limit| {
            let ratio = count.instructions as f64 / limit.instructions.max(1) as f64;
            format!("{:+.1}", 100.0 * (ratio - 1.0))
        });
        println!(
            "{name:<44} {:>12} {:>8} {:>12}",
            count.instructions,
            change.as_deref().unwrap_or("new"),
            count.data_misses
        );
    }
}

/// A sentence for each count that is not what the limits say.
fn violations(measured: &Counts, limits: &Counts) -> Vec<String> {
    let above = |count: u64, limit: u64| count as f64 > limit as f64 * (1.0 + TOLERANCE);
    let mut wrong = Vec::new();
    for (name, count) in measured {
        let Some(limit) = limits.get(name) else {
            wrong.push(format!("{name} has no limit"));
            continue;
        };
        if above(count.instructions, limit.instructions)
            && count.instructions > limit.instructions + INSTRUCTIONS_SLACK
        {
            let (now, limit) = (count.instructions, limit.instructions);
            wrong.push(format!("{name}: {now} instructions, the limit is {limit}"));
        }
        if above(count.data_misses, limit.data_misses + MISSES_SLACK) {
            let (now, limit) = (count.data_misses, limit.data_misses);
            wrong.push(format!("{name}: {now} data misses, the limit is {limit}"));
        }
    }
    let gone = limits.keys().filter(|name| !measured.contains_key(*name));
    wrong.extend(gone.map(|name| format!("{name} has a limit and was not counted")));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(list: &[(&str, u64, u64)]) -> Counts {
        let count = |&(name, instructions, data_misses): &(&str, u64, u64)| {
            (name.to_owned(), Count { instructions, data_misses })
        };
        list.iter().map(count).collect()
    }

    #[test]
    fn above_two_percent_fails_and_below_does_not() {
        let limits = counts(&[("a", 1000, 100)]);
        assert!(violations(&counts(&[("a", 1020, 108)]), &limits).is_empty());
        assert!(violations(&counts(&[("a", 500, 0)]), &limits).is_empty());
        let tiny = counts(&[("a", 100, 0)]);
        assert!(violations(&counts(&[("a", 104, 0)]), &tiny).is_empty());
        assert_eq!(violations(&counts(&[("a", 105, 0)]), &tiny).len(), 1);
        let wrong = violations(&counts(&[("a", 1021, 111)]), &limits);
        assert_eq!(
            wrong,
            ["a: 1021 instructions, the limit is 1000", "a: 111 data misses, the limit is 100"]
        );
    }

    #[test]
    fn a_count_without_a_limit_and_a_limit_without_a_count_fail() {
        let wrong = violations(&counts(&[("new", 1, 0)]), &counts(&[("old", 1, 0)]));
        assert_eq!(wrong, ["new has no limit", "old has a limit and was not counted"]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let written = counts(&[("simd::dot_f64::n32", 70, 2), ("pool::get::x64", 900, 0)]);
        assert_eq!(serde_json::from_str::<Counts>(&json(&written)).unwrap(), written);
    }

    #[test]
    fn a_summary_gives_its_name_and_its_counts() {
        let metric = |n: u64| serde_json::json!({ "metrics": { "Left": { "Int": n } } });
        let summary = serde_json::json!({
            "module_path": "instructions::simd::dot_f64",
            "id": "n32",
            "profiles": [{ "summaries": { "total": { "summary": { "Callgrind": {
                "Ir": metric(923), "D1mr": metric(20), "D1mw": metric(1)
            } } } } }],
        });
        let (name, count) = parse(&summary.to_string()).unwrap();
        assert_eq!((name.as_str(), count.instructions, count.data_misses), ("simd::dot_f64::n32", 923, 21));
        assert!(parse("{}").is_none());
    }
}
