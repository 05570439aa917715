//! The report of a run: `report.json` for programs, `report.md` and `report.html` for people.
use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::bolt::Fit;
use super::coverage::Covered;
use super::measure::{Comparison, Decision, Latency};
use super::page;
use crate::failure::{Failure, Result};
use crate::stages::Stage;
use crate::store;

/// Everything a run found out.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) schema: u32,
    /// `full`, or `check` without the timing.
    pub(crate) mode: &'static str,
    pub(crate) cpu: String,
    pub(crate) rustc: String,
    pub(crate) llvm_profdata: String,
    /// The build that was put where users look for it.
    pub(crate) chosen: &'static str,
    pub(crate) stages: Vec<StageTime>,
    pub(crate) binaries: Vec<BinaryFile>,
    pub(crate) profile: ProfileFacts,
    pub(crate) outputs: Vec<EqualOutput>,
    pub(crate) rounds: usize,
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) latencies: Vec<Latency>,
}

/// A stage and its time.
#[derive(Debug, Serialize)]
pub(crate) struct StageTime {
    pub(crate) name: &'static str,
    pub(crate) seconds: f64,
}

/// A binary that the run made.
#[derive(Debug, Serialize)]
pub(crate) struct BinaryFile {
    pub(crate) build: &'static str,
    pub(crate) path: String,
    pub(crate) bytes: u64,
}

/// The profile and how well the final build could use it.
#[derive(Debug, Serialize)]
pub(crate) struct ProfileFacts {
    pub(crate) path: String,
    pub(crate) raw_files: usize,
    /// Whether the profile is that of an earlier run with the same binary and workloads.
    pub(crate) reused: bool,
    pub(crate) functions: u64,
    pub(crate) total_count: u64,
    pub(crate) discarded_count: u64,
    pub(crate) functions_without_data: usize,
    pub(crate) covered: Vec<Covered>,
    /// BOLT's own profile, if that stage ran.
    pub(crate) bolt: Option<Fit>,
}

/// A workload under which baseline and optimised binary gave the same digest.
#[derive(Debug, Serialize)]
pub(crate) struct EqualOutput {
    pub(crate) workload: String,
    pub(crate) command: String,
    pub(crate) unseen: bool,
    /// In the training.
    pub(crate) weight: u32,
    pub(crate) events: u64,
    pub(crate) digest: String,
}

impl StageTime {
    pub(crate) fn of(stages: &[Stage]) -> Vec<Self> {
        stages.iter().map(|s| Self { name: s.name, seconds: s.time.as_secs_f64() }).collect()
    }
}

impl BinaryFile {
    pub(crate) fn of(build: &'static str, path: &Path) -> Self {
        let bytes = std::fs::metadata(path).map_or(0, |m| m.len());
        Self { build, path: path.display().to_string(), bytes }
    }
}

impl Report {
    /// Writes the three files into the folder.
    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self).map_err(|e| Failure::new(e.to_string()))?;
        store::write(&dir.join("report.json"), &json)?;
        store::write(&dir.join("report.html"), page::of(self).as_bytes())?;
        store::write(&dir.join("report.md"), self.markdown().as_bytes())
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("# Profile-guided optimisation ({})\n\n", self.mode);
        let parts = [self.decision_part(), self.comparison_part(), self.gate_part(), self.time_part()];
        text.push_str(&parts.concat());
        text
    }

    fn decision_part(&self) -> String {
        let mut text = format!("{}; {}; {}\n\n", self.cpu, self.rustc, self.llvm_profdata);
        for d in &self.decisions {
            let _ = writeln!(
                text,
                "- **{}** against {}: {} of its CPU time on the unseen workloads: **{}**",
                d.build, d.against, d.ratio, d.verdict
            );
        }
        let _ = writeln!(text, "- binary: {}", self.chosen);
        text
    }

    fn comparison_part(&self) -> String {
        if self.comparisons.is_empty() {
            return "Checked without timing.\n\n".into();
        }
        let mut text = format!(
            "\nRatio of CPU times, median of {} interleaved rounds with its 95 % bootstrap interval; \
             below 1 is faster.\n\n| build | against | workload | metric | before | after | ratio | verdict |\n\
             | --- | --- | --- | --- | ---: | ---: | --- | --- |\n",
            self.rounds
        );
        for c in &self.comparisons {
            let unseen = if c.unseen { "" } else { " (trained on)" };
            let _ = writeln!(
                text,
                "| {} | {} | {}{unseen} | {} | {:.1} | {:.1} | {} | {} |",
                c.build, c.against, c.workload, c.metric, c.old_median, c.new_median, c.ratio, c.verdict
            );
        }
        for latency in &self.latencies {
            let [p50, p99, p999, p9999] = latency.ns;
            let _ = writeln!(
                text,
                "\nEvent of the unseen workload, {}: p50 {p50:.0} ns, p99 {p99:.0}, p99.9 {p999:.0}, p99.99 {p9999:.0}",
                latency.build
            );
        }
        text + "\n"
    }

    fn gate_part(&self) -> String {
        let p = &self.profile;
        let mut text = format!(
            "## Gates\n\n- profile: {} functions, {} counts from {} raw files{}\n- stale: {} counts discarded\n\
             - without data: {} functions\n",
            p.functions,
            p.total_count,
            p.raw_files,
            if p.reused { " of an earlier run" } else { "" },
            p.discarded_count,
            p.functions_without_data
        );
        if let Some(fit) = &p.bolt {
            let _ = writeln!(
                text,
                "- BOLT: counts in {} functions, {} of them stale",
                fit.with_counts, fit.stale
            );
        }
        for c in &p.covered {
            let _ = writeln!(text, "- covered: `{}`, {} counts", c.path, c.count);
        }
        for o in &self.outputs {
            let role = if o.unseen { "unseen".into() } else { format!("training, weight {}", o.weight) };
            let _ = writeln!(
                text,
                "- equal outputs: {} ({role}), {} events, digest {}",
                o.workload, o.events, o.digest
            );
            let _ = writeln!(text, "  `{}`", o.command);
        }
        text
    }

    fn time_part(&self) -> String {
        let mut text = String::from("\n## Builds\n\n| build | bytes | path |\n| --- | ---: | --- |\n");
        for b in &self.binaries {
            let _ = writeln!(text, "| {} | {} | {} |", b.build, b.bytes, b.path);
        }
        text.push_str("\n## Time\n\n| stage | s |\n| --- | ---: |\n");
        for s in &self.stages {
            let _ = writeln!(text, "| {} | {:.1} |", s.name, s.seconds);
        }
        text
    }
}
