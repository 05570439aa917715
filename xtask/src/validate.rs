//! The validation of the design: the old path against the optimised one, every figure measured, in one table.
//!
//! Times, allocations and locks come from `bot4-ml --benchmark` itself; cache misses and copied bytes from the same
//! program under valgrind, which attributes them to the functions that decide about an event and about a batch.
mod callgrind;
mod dhat;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bench::record;
use crate::failure::{Failure, Result};
use crate::process::{Cmd, on_path, tail};
use crate::workspace::Workspace;

/// Options of `cargo xtask validate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Validate this binary instead of building the release one
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    binary: Option<PathBuf>,
    /// A recording to run on, instead of the simulator
    #[arg(long, value_name = "FILE", requires = "format", conflicts_with = "record")]
    data: Option<PathBuf>,
    /// What the recording is, as bot4-ml names it
    #[arg(long, value_name = "FORMAT", requires = "data")]
    format: Option<String>,
    /// Put the table into today's record of this machine in benches/records
    #[arg(long)]
    record: bool,
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) old: f64,
    pub(crate) new: f64,
    /// How many times better the new figure is; none of zero.
    pub(crate) gain: Option<f64>,
    /// What is asked; empty if nothing is.
    pub(crate) asked: String,
    pub(crate) met: bool,
}

impl Line {
    /// A cost: less is better.
    fn cost(name: &str, [old, new]: [f64; 2], asked: &str, met: fn(f64, f64) -> bool) -> Self {
        let gain = (new > 1e-9).then(|| old / new);
        Self { name: name.into(), old, new, gain, asked: asked.into(), met: met(old, new) }
    }

    /// A rate: more is better.
    fn rate(name: &str, [old, new]: [f64; 2], asked: &str, met: fn(f64, f64) -> bool) -> Self {
        Self { gain: Some(new / old), ..Self::cost(name, [old, new], asked, met) }
    }

    /// How many times better.
    pub(crate) fn times(&self) -> String {
        self.gain.map_or_else(|| "-".to_owned(), |gain| format!("{gain:.2}x"))
    }

    /// What is asked, and whether it is so.
    pub(crate) fn verdict(&self) -> String {
        match (&*self.asked, self.met) {
            ("", _) => String::new(),
            (asked, true) => format!("{asked}: yes"),
            (asked, false) => format!("{asked}: NO"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (old, new) = (number(self.old), number(self.new));
        write!(f, "{:<34} {old:>10} {new:>10} {:>8}  {}", self.name, self.times(), self.verdict())
    }
}

/// Four digits that count.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{:.2} M", value / 1e6),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.2}"),
        v if v < 1e-9 => "0".to_owned(),
        _ => format!("{value:.4}"),
    }
}

/// Measures and prints the table.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let subject = Subject::of(workspace, options)?;
    let mut lines = from_report(&subject.report()?)?;
    if on_path("valgrind").is_some() {
        lines.extend(under_valgrind(&subject)?);
    } else {
        println!("SKIP cache misses and copied bytes: valgrind is not installed");
    }
    println!("\n{:<34} {:>10} {:>10} {:>8}  asked", "", "old", "optimised", "better");
    lines.iter().for_each(|line| println!("{line}"));
    let asked = lines.iter().filter(|line| !line.asked.is_empty()).count();
    let missed = lines.iter().filter(|line| !line.asked.is_empty() && !line.met).count();
    println!("{} of {asked} met", asked - missed);
    if options.record {
        let path = record::write_validation(workspace, lines)?;
        println!("recorded in {}", path.display());
    }
    Ok(())
}

/// The binary, and what it runs on.
struct Subject {
    binary: PathBuf,
    data: Vec<String>,
}

impl Subject {
    fn of(workspace: &Workspace, options: &Options) -> Result<Self> {
        let data = match (&options.data, &options.format) {
            (Some(path), Some(format)) => {
                vec!["--data".into(), path.display().to_string(), "--format".into(), format.clone()]
            }
            _ => Vec::new(),
        };
        if let Some(binary) = &options.binary {
            return Ok(Self { binary: binary.clone(), data });
        }
        Cmd::cargo().dir(&workspace.root).args(["build", "--release", "--package", "bot4-ml"]).run()?;
        Ok(Self { binary: workspace.target.join("release/bot4-ml"), data })
    }

    /// The whole benchmark, as JSON.
    fn report(&self) -> Result<Value> {
        let file = temporary()?;
        let run = Cmd::new(&self.binary).arg("--benchmark").args(&self.data).arg("--json").arg(file.path());
        let run = run.capture()?;
        if !run.status.success() {
            let end = tail(&run.stderr);
            return Err(Failure::new(format!("the benchmark ended with {}: {end}", run.status)));
        }
        serde_json::from_str(&read(file.path())?)
            .map_err(|e| Failure::new(format!("the benchmark's JSON: {e}")))
    }

    /// What a tool of valgrind writes about a short run of both paths, which is the same run for every tool.
    fn under(&self, tool: &[&str], out: &str) -> Result<String> {
        let file = temporary()?;
        let run = Cmd::new("valgrind")
            .args(tool)
            .arg(format!("{out}={}", file.path().display()))
            .arg(&self.binary)
            .args(["--benchmark", "--quick", "--sections", "batch,event", "--events", "8192"])
            .args(&self.data)
            .capture()?;
        if !run.status.success() {
            return Err(Failure::new(format!("valgrind ended with {}: {}", run.status, tail(&run.stderr))));
        }
        read(file.path())
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| Failure::io("read", path, &e))
}

fn temporary() -> Result<tempfile::NamedTempFile> {
    tempfile::NamedTempFile::new().map_err(|e| Failure::new(format!("no temporary file: {e}")))
}

/// Whether valgrind's name of a function, with or without generics and brackets, is this method.
fn is(name: &str, method: &str) -> bool {
    let plain: String = name.chars().filter(|c| !matches!(c, '<' | '>')).collect();
    plain.strip_suffix(method).is_some_and(|rest| rest.ends_with("::"))
}

/// Cache misses, in a first level of 32 KiB and a last level of 8 MiB, and copied bytes; of an event and of a batch.
fn under_valgrind(subject: &Subject) -> Result<Vec<Line>> {
    let sizes = ["--I1=32768,8,64", "--D1=32768,8,64", "--LL=8388608,16,64"];
    let simulated = [&["--tool=callgrind", "--cache-sim=yes"][..], &sizes].concat();
    let calls = callgrind::Profile::of(&subject.under(&simulated, "--callgrind-out-file")?)?;
    let moved = ["--tool=dhat", "--mode=copy", "--num-callers=40"];
    let copies = dhat::Profile::of(&subject.under(&moved, "--dhat-out-file")?)?;
    let fewer = |old: f64, new: f64| new <= 0.2 * old;
    let mut lines = Vec::new();
    for (what, method) in [("event", "on_quote"), ("batch", "on_batch")] {
        let methods = ["OldPath", "NewPath"].map(|path| format!("{path}::{method}"));
        let cost = |method: &String| {
            let missing = || Failure::new(format!("valgrind saw no call of {method}"));
            calls.cost(|name| is(name, method)).ok_or_else(missing)
        };
        let (old, new) = (cost(&methods[0])?, cost(&methods[1])?);
        let misses = [&old, &new].map(|cost| cost.data_misses / cost.calls);
        let last = [&old, &new].map(|cost| cost.last_level_misses / cost.calls);
        let bytes = [0, 1]
            .map(|i| copies.bytes(|name| is(name, &methods[i])) / if i == 0 { old.calls } else { new.calls });
        if bytes[0] == 0.0 {
            let text =
                format!("DHAT saw no copy under {}, which copies: it does not find the names", methods[0]);
            return Err(Failure::new(text).advise("build with symbols, and with valgrind 3.17 or newer"));
        }
        lines.push(Line::cost(&format!("data cache misses per {what}"), misses, "-80 %", fewer));
        lines.push(Line::cost(&format!("last-level misses per {what}"), last, "", |_, _| true));
        lines.push(Line::cost(&format!("bytes copied per {what}"), bytes, "-80 %", fewer));
    }
    Ok(lines)
}

/// What the benchmark measured itself.
fn from_report(report: &Value) -> Result<Vec<Line>> {
    let figure = |path: &str| {
        let value = report.pointer(path).and_then(Value::as_f64);
        value.ok_or_else(|| Failure::new(format!("no {path} in the report")))
    };
    let pair = |old: &str, new: &str| Ok::<_, Failure>([figure(old)?, figure(new)?]);
    let event = |name: &str| pair(&format!("/event/old/{name}"), &format!("/event/new/{name}"));
    let offered = |name: &str| pair(&format!("/offered/old/{name}"), &format!("/offered/new/{name}"));
    let allocations = pair("/batch/old_allocs_per_batch", "/batch/new_allocs_per_batch")?;
    let us = pair("/batch/old_us", "/batch/new_us")?;
    let in_place = [us[0], figure("/batch/in_place_us")?];
    let rows = figure("/batch/rows")?;
    let none = |_: f64, new: f64| new == 0.0;
    let nearly_none = |old: f64, new: f64| new <= 0.01 * old;
    let any = |_: f64, _: f64| true;
    Ok(vec![
        Line::cost("allocations per event", event("allocs_per_event")?, "0", none),
        Line::cost("allocations per batch", allocations, "0", none),
        Line::cost("bytes allocated per event", event("bytes_per_event")?, "0", none),
        Line::cost("locks taken per event", event("locks_per_event")?, "-99 %", nearly_none),
        Line::cost("us per batch of 1,024 x 32", us, "under 50, 17x", |old, new| {
            new < 50.0 && old >= 17.0 * new
        }),
        Line::cost("us per batch, copies alone removed", in_place, "", any),
        Line::rate("rows per second, batches", us.map(|us| 1e6 * rows / us), "10x", |old, new| {
            new >= 10.0 * old
        }),
        Line::rate("events per second, one by one", event("events_per_s")?, "", any),
        Line::cost("p50 of an event, ns", event("p50_ns")?, "", any),
        Line::cost("p99 of an event, ns", event("p99_ns")?, "under 1,000", |_, new| new < 1_000.0),
        Line::cost("p99.99 of an event, ns", event("p9999_ns")?, "", any),
        Line::cost("p50 at the offered rate, ns", offered("p50_ns")?, "", any),
        Line::cost("p99 at the offered rate, ns", offered("p99_ns")?, "under 10,000", |_, new| {
            new < 10_000.0
        }),
        Line::cost("p99.99 at the offered rate, ns", offered("p9999_ns")?, "", any),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_found_in_both_manglings_and_not_in_a_wrapper_of_its_name() {
        assert!(is("bot4_ml::benchmark::new::NewPath::on_quote", "NewPath::on_quote"));
        assert!(is("<bot4_ml::benchmark::new::NewPath>::on_quote", "NewPath::on_quote"));
        assert!(!is("<bot4_ml::new::NewPath as bot4_ml::event::Path>::on_quote", "NewPath::on_quote"));
        assert!(!is("bot4_ml::RenewPath::on_quote", "NewPath::on_quote"));
    }

    #[test]
    fn a_line_says_whether_what_is_asked_is_met() {
        let line = Line::cost("x", [900.0, 60.0], "under 50", |_, new| new < 50.0);
        assert!(line.to_string().ends_with("under 50: NO"), "{line}");
        assert!(line.to_string().contains("15.00x"), "{line}");
    }

    #[test]
    fn a_figure_missing_from_the_report_is_named() {
        let failure = from_report(&serde_json::json!({"batch": {}})).unwrap_err();
        assert!(failure.to_string().contains("/batch/old_allocs_per_batch"), "{failure}");
    }
}
