//! Profiles: raw files of a training run, and the merged one that a build may use.
//!
//! The types keep the order of the loop: only a training run makes [`RawProfiles`], only a checked merge of them
//! makes a [`MergedProfile`], and only that is accepted by the optimised build.
use std::path::{Path, PathBuf};

use super::profdata::Profdata;
use crate::failure::{Failure, Result};
use crate::process::tail;
use crate::store;

/// The files that instrumented programs wrote, each with the weight of its workload.
#[derive(Debug, Default)]
pub(crate) struct RawProfiles(Vec<(PathBuf, u32)>);

/// An indexed profile with counts in it, at an absolute path named by its content.
#[derive(Debug)]
pub(crate) struct MergedProfile {
    pub(crate) path: PathBuf,
    pub(crate) summary: Summary,
    pub(crate) functions: Vec<Function>,
}

/// A function of a profile and the sum of its block counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) symbol: String,
    pub(crate) count: u64,
}

/// The end of `llvm-profdata show --detailed-summary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) ir_level: bool,
    pub(crate) functions: u64,
    pub(crate) total_count: u64,
}

impl RawProfiles {
    /// Adds the raw profiles in a folder that was empty before a workload of this weight ran.
    pub(crate) fn collect(&mut self, dir: &Path, weight: u32) -> Result<()> {
        let entries = std::fs::read_dir(dir).map_err(|e| Failure::io("list", dir, &e))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        files.retain(|p| p.extension().is_some_and(|x| x == "profraw"));
        files.sort();
        if files.is_empty() {
            return Err(Failure::new(format!("the training wrote no .profraw into {}", dir.display())).advise(
                "a program that aborts, is killed or never ends writes none: run the training command by hand",
            ));
        }
        self.0.extend(files.into_iter().map(|file| (file, weight)));
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Merges, checks that there are counts, and stores the profile under a name made from its content.
    pub(crate) fn merge(&self, tool: &Profdata, dir: &Path) -> Result<MergedProfile> {
        std::fs::create_dir_all(dir).map_err(|e| Failure::io("make", dir, &e))?;
        let staging = dir.join("merging.profdata");
        let weighted =
            |(file, weight): &(PathBuf, u32)| format!("--weighted-input={weight},{}", file.display());
        let merge = tool.command().args(["merge", "-o"]).arg(&staging).args(self.0.iter().map(weighted));
        let out = merge.capture()?;
        if !out.status.success() {
            return Err(Failure::new(format!("llvm-profdata merge: {}", tail(&out.stderr))));
        }
        let bytes = std::fs::read(&staging).map_err(|e| Failure::io("read", &staging, &e))?;
        let path = dir.join(format!("{}.profdata", store::content_name(&bytes)));
        std::fs::rename(&staging, &path).map_err(|e| Failure::io("rename", &staging, &e))?;
        MergedProfile::open(&path, tool)
    }
}

impl MergedProfile {
    /// Reads a profile and refuses one that would silently change nothing.
    pub(crate) fn open(path: &Path, tool: &Profdata) -> Result<Self> {
        let path = path.canonicalize().map_err(|e| Failure::io("find", path, &e))?;
        let show =
            tool.command().args(["show", "--all-functions", "--counts", "--detailed-summary"]).arg(&path);
        let shown = show.read()?;
        let summary = Summary::parse(&shown)?;
        summary.check()?;
        Ok(Self { path, summary, functions: parse_functions(&shown) })
    }
}

impl Summary {
    pub(crate) fn parse(shown: &str) -> Result<Self> {
        let number = |name: &str| {
            let value = shown.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
            value.and_then(|v| v.trim().parse().ok())
        };
        let unreadable =
            || Failure::new("llvm-profdata show printed no summary: the profile is empty or damaged");
        Ok(Self {
            ir_level: shown.lines().any(|l| l.starts_with("Instrumentation level: IR")),
            functions: number("Total functions").ok_or_else(unreadable)?,
            total_count: number("Total count").unwrap_or(0),
        })
    }

    /// IR level, at least one function, at least one count.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = match self {
            Self { ir_level: false, .. } => "is not of IR level (front-end or sample profiles do not fit)",
            Self { functions: 0, .. } => "has no functions",
            Self { total_count: 0, .. } => "has no counts: nothing that was instrumented has run",
            _ => return Ok(()),
        };
        Err(Failure::new(format!("the profile {wrong}"))
            .advise("train with the instrumented binary of this run, and let it end normally"))
    }
}

/// The functions of `show --all-functions --counts`: a symbol line, then its block counts.
fn parse_functions(shown: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    let mut symbol = "";
    for line in shown.lines() {
        if let Some(counts) = line.trim_start().strip_prefix("Block counts: [") {
            let numbers = counts.trim_end_matches(']').split(", ");
            let count = numbers.filter_map(|n| n.parse::<u64>().ok()).fold(0, u64::saturating_add);
            functions.push(Function { symbol: symbol.to_owned(), count });
        } else if let Some(name) = line.strip_prefix("  ").filter(|l| !l.starts_with(' ')) {
            symbol = name.trim_end_matches(':');
        }
    }
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = "Counters:\n  p.c14f-cgu.0;_ZN1p7collatz17h064eE:\n    Hash: 0x0d14\n    Counters: 3\n    \
        Block counts: [133988, 1999, 89686]\n  main:\n    Hash: 0x0a4d\n    Counters: 1\n    Block counts: [1]\n\
        Instrumentation level: IR  entry_first = 0  instrument_loop_entries = 0\nFunctions shown: 2\n\
        Total functions: 2\nMaximum function count: 133988\nTotal number of blocks: 4\nTotal count: 225674\n";

    #[test]
    fn functions_and_summary_are_read() {
        let summary = Summary::parse(SHOWN).unwrap();
        assert_eq!(summary, Summary { ir_level: true, functions: 2, total_count: 225_674 });
        let functions = parse_functions(SHOWN);
        assert_eq!(
            functions[0],
            Function { symbol: "p.c14f-cgu.0;_ZN1p7collatz17h064eE".into(), count: 225_673 }
        );
        assert_eq!(functions[1], Function { symbol: "main".into(), count: 1 });
        assert!(summary.check().is_ok());
    }

    #[test]
    fn profiles_that_change_nothing_are_refused() {
        let good = Summary { ir_level: true, functions: 2, total_count: 9 };
        for (bad, word) in [
            (Summary { ir_level: false, ..good }, "IR level"),
            (Summary { functions: 0, ..good }, "no functions"),
            (Summary { total_count: 0, ..good }, "no counts"),
        ] {
            assert!(bad.check().unwrap_err().to_string().contains(word));
        }
        assert!(Summary::parse("").is_err());
    }

    #[test]
    fn a_training_that_wrote_nothing_is_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        assert!(
            RawProfiles::default().collect(dir.path(), 1).unwrap_err().to_string().contains("no .profraw")
        );
    }
}
