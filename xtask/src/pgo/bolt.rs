//! The step after the linker, on request: BOLT (Panchenko et al. 2019) lays out the code of the linked program anew.
//!
//! Its own counters are used, as many machines have no hardware ones. What could go wrong silently fails here: a tool that
//! does not work (`find` tries it on a small program), a training that left no counts, a profile that does not fit.
use std::path::{Path, PathBuf};

use super::build::{Binary, Optimised, Reordered, Subject};
use super::candidate::{self, Candidate, Install, OLDEST_MAJOR};
use super::debian::{self, Packaged};
use super::diagnostics::STALE_MAX;
use super::selftest;
use super::toolchain::Toolchain;
use super::workload::Workload;
use crate::failure::{Failure, Result};
use crate::store;

/// The variable that names the tool to use; nothing else is tried when it is set.
const VARIABLE: &str = "XTASK_LLVM_BOLT";
const TOOL: Packaged =
    Packaged { program: "llvm-bolt", packages: &["bolt-N", "libbolt-N-dev", "libllvmN"], megabytes: 66 };
/// The counters' own code, in a package beside that of the program.
const RUNTIME: &str = "libbolt_rt_instr.a";
/// The compiler's flags that leave in the program what BOLT needs to move functions; the linker refuses to strip that. No setting
/// of the profile: the names of all functions depend on it, and the counts would not be found.
pub(crate) const FLAGS: [&str; 2] = ["-Clink-arg=-Wl,--emit-relocs", "-Cstrip=none"];

const COUNTING: [&str; 2] = ["-instrument", "-instrumentation-file-append-pid"];
const LAYOUT: [&str; 4] =
    ["-reorder-blocks=ext-tsp", "-reorder-functions=cdsort", "-split-functions", "-split-all-cold"];

/// An `llvm-bolt` that has passed a trial.
#[derive(Debug, Clone)]
pub(crate) struct Bolt(Candidate);

/// What BOLT says about the profile it was given.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Fit {
    pub(crate) functions: u64,
    pub(crate) with_counts: u64,
    pub(crate) stale: u64,
}

/// Finds a tool that works, or downloads one into `tools` when that is allowed.
pub(crate) fn find(toolchain: &Toolchain, tools: &Path, install: Install) -> Result<Bolt> {
    let major = toolchain.llvm_major;
    let candidates = match std::env::var_os(VARIABLE) {
        Some(named) => vec![Candidate::system(named.into())],
        None => candidate::all(TOOL, major, None, tools),
    };
    let mut rejected = Vec::new();
    for candidate in candidates {
        if let Some(bolt) = tried(toolchain, candidate, &mut rejected)? {
            return Ok(bolt);
        }
    }
    if std::env::var_os(VARIABLE).is_none() && install == Install::Allowed {
        match debian::fetch(TOOL, major, OLDEST_MAJOR, tools) {
            Ok(candidate) => {
                if let Some(bolt) = tried(toolchain, candidate, &mut rejected)? {
                    return Ok(bolt);
                }
            }
            Err(failure) => rejected.push(failure.to_string()),
        }
    }
    if rejected.is_empty() {
        rejected.push("none was found on this machine, and --no-install is given".into());
    }
    Err(Failure::new(format!("no llvm-bolt works here:\n    {}", rejected.join("\n    "))).advise(format!(
        "one of: `apt-get install --no-install-recommends bolt-{major} libbolt-{major}-dev`; set {VARIABLE} to an llvm-bolt; \
         run without --bolt"
    )))
}

fn tried(toolchain: &Toolchain, candidate: Candidate, rejected: &mut Vec<String>) -> Result<Option<Bolt>> {
    let bolt = Bolt(candidate);
    let shown = bolt.program().display().to_string();
    match bolt.try_out(toolchain)? {
        Ok(()) => {
            println!("  {shown}: works");
            Ok(Some(bolt))
        }
        Err(reason) => {
            println!("  {shown}: does not work: {reason}");
            rejected.push(format!("{shown}: {reason}"));
            Ok(None)
        }
    }
}

/// Trains a program of the profile's build with BOLT's counters and lays it out by them.
pub(crate) fn optimise(
    subject: &Subject,
    bolt: &Bolt,
    program: &Binary<Optimised>,
    training: &[Workload],
) -> Result<(Binary<Reordered>, Fit)> {
    let dir = subject.out.join("bolt");
    store::empty_dir(&dir)?;
    let layout = Layout::of(&program.path, dir, &subject.binary);
    bolt.instrument(&layout)?;
    training.iter().try_for_each(|workload| workload.run(&layout.counting).map(|_| ()))?;
    let fit = bolt.reorder(&layout)?;
    Ok((Binary::made(layout.reordered), fit))
}

/// The files of one run of BOLT.
struct Layout {
    program: PathBuf,
    counting: PathBuf,
    counts: PathBuf,
    reordered: PathBuf,
}

impl Layout {
    fn of(program: &Path, dir: PathBuf, name: &str) -> Self {
        Self {
            program: program.to_owned(),
            counting: dir.join(format!("{name}-counting")),
            counts: dir.join("raw"),
            reordered: dir.join(name),
        }
    }
}

impl Bolt {
    pub(crate) fn program(&self) -> &Path {
        &self.0.program
    }

    /// Makes a program that leaves its counts in `counts`, a file per process.
    fn instrument(&self, layout: &Layout) -> Result<()> {
        store::empty_dir(&layout.counts)?;
        let counts = layout.counts.join("counts.fdata");
        let counts = format!("-instrumentation-file={}", counts.display());
        let mut cmd = self.0.command().arg(&layout.program).args(COUNTING).arg(counts);
        // Where it is when the package is not unpacked at the root, BOLT does not find it itself.
        let runtime = self.program().parent().and_then(Path::parent).map(|dir| dir.join("lib").join(RUNTIME));
        if let Some(runtime) = runtime.filter(|file| file.is_file()) {
            cmd = cmd.arg(format!("-runtime-instrumentation-lib={}", runtime.display()));
        }
        cmd.arg("-o").arg(&layout.counting).read().map(|_| ())
    }

    fn reorder(&self, layout: &Layout) -> Result<Fit> {
        let entries =
            std::fs::read_dir(&layout.counts).map_err(|e| Failure::io("list", &layout.counts, &e))?;
        let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        if files.is_empty() {
            return Err(Failure::new("the training left no counts for BOLT")
                .advise("a program that aborts or is killed leaves none: run the training command by hand"));
        }
        let merged = layout.counts.with_extension("fdata");
        let merge = self.0.beside(&self.program().with_file_name("merge-fdata")).args(&files);
        let text = merge.silent().read()?;
        store::write(&merged, text.as_bytes())?;
        let cmd = self.0.command().arg(&layout.program).arg("-data").arg(&merged).args(LAYOUT).arg("-o");
        let out = cmd.arg(&layout.reordered).capture()?;
        let said = out.stdout + &out.stderr;
        if !out.status.success() {
            let end = crate::process::tail(&said);
            return Err(Failure::new(format!("llvm-bolt ended with {}: {end}", out.status)));
        }
        let fit = Fit::read(&said)?;
        fit.check()?;
        Ok(fit)
    }

    /// The whole way on a small program; a failure is the compiler's, the inner error the tool's.
    fn try_out(&self, toolchain: &Toolchain) -> Result<std::result::Result<(), String>> {
        let (dir, program) = selftest::compiled(toolchain, &FLAGS)?;
        let layout = Layout::of(&program, dir.path().join("bolt"), "probe");
        let way = || -> Result<()> {
            self.instrument(&layout)?;
            crate::process::Cmd::new(&layout.counting).silent().read()?;
            self.reorder(&layout)?;
            crate::process::Cmd::new(&layout.reordered).silent().read().map(|_| ())
        };
        Ok(way().map_err(|failure| failure.to_string()))
    }
}

impl Fit {
    /// From what `llvm-bolt` prints.
    fn read(said: &str) -> Result<Self> {
        let unread = || Failure::new("llvm-bolt did not say how many functions have counts");
        let line = said.lines().find(|line| line.contains("have non-empty execution profile"));
        let words: Vec<&str> = line.ok_or_else(unread)?.split_whitespace().collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse().ok());
        let out_of = words.iter().position(|word| *word == "out").filter(|at| *at > 0).ok_or_else(unread)?;
        let stale = said.lines().find(|line| line.contains("stale) profile"));
        let stale = stale.and_then(|line| line.split_whitespace().find_map(|word| word.parse().ok()));
        Ok(Self {
            with_counts: number(out_of - 1).ok_or_else(unread)?,
            functions: number(out_of + 2).ok_or_else(unread)?,
            stale: stale.unwrap_or(0),
        })
    }

    fn check(&self) -> Result<()> {
        if self.with_counts == 0 {
            return Err(Failure::new("BOLT's profile has no counts: nothing that was instrumented has run"));
        }
        let stale = self.stale as f64 / self.with_counts as f64;
        if stale > STALE_MAX {
            let (share, limit) = (100.0 * stale, 100.0 * STALE_MAX);
            return Err(Failure::new(format!(
                "BOLT's profile does not fit: {share:.1} % of the functions with counts are stale (limit {limit:.0} %)"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "BOLT-INFO: pre-processing profile using branch profile reader\n\
        BOLT-INFO: 412 out of 3107 functions in the binary (13.3%) have non-empty execution profile\n";

    #[test]
    fn what_bolt_says_about_its_profile_is_read() {
        assert_eq!(Fit::read(SAID).unwrap(), Fit { functions: 3107, with_counts: 412, stale: 0 });
        let stale = format!(
            "{SAID}BOLT-WARNING: 30 (7.3% of all profiled) functions have invalid (possibly stale) profile.\n"
        );
        let fit = Fit::read(&stale).unwrap();
        assert_eq!(fit.stale, 30);
        assert!(fit.check().unwrap_err().to_string().contains("7.3 %"));
        assert!(Fit::read("").is_err());
    }

    #[test]
    fn a_profile_without_counts_fails() {
        let fit = Fit { functions: 9, with_counts: 0, stale: 0 };
        assert!(fit.check().unwrap_err().to_string().contains("no counts"));
    }
}
