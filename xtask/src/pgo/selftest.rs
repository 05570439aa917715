//! The self-test of an `llvm-profdata`: a ten-line program through the whole loop.
use std::ffi::OsStr;
use std::path::PathBuf;

use super::candidate::Candidate;
use super::profile::Summary;
use super::toolchain::Toolchain;
use crate::failure::{Failure, Result};
use crate::process::{Cmd, tail};

const PROGRAM: &str = "use std::hint::black_box;
#[inline(never)]
fn steps(mut n: u64) -> u64 {
    let mut count = 0;
    while n > 1 {
        n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
        count += 1;
    }
    count
}
fn main() {
    assert!((1..500).map(|n| steps(black_box(n))).sum::<u64>() > 0);
}
";

/// The instrumented program and its raw profile, made once per search.
#[derive(Debug)]
pub(crate) struct SelfTest {
    dir: tempfile::TempDir,
    toolchain: Toolchain,
}

impl SelfTest {
    /// Compiles and runs the program; a failure here is the compiler's, not a candidate's.
    pub(crate) fn prepare(toolchain: &Toolchain) -> Result<Self> {
        let dir =
            tempfile::tempdir().map_err(|e| Failure::new(format!("cannot make a temporary folder: {e}")))?;
        let test = Self { dir, toolchain: toolchain.clone() };
        std::fs::write(test.path("probe.rs"), PROGRAM).map_err(|e| Failure::new(e.to_string()))?;
        let flag = format!("-Cprofile-generate={}", test.path("raw"));
        test.rustc(&flag, "probe").read().map_err(|f| {
            f.advise("the compiler cannot instrument: use a rustup toolchain, some distributions leave the profiler out")
        })?;
        Cmd::new(test.path("probe")).env("LLVM_PROFILE_FILE", test.path("probe.profraw")).silent().read()?;
        Ok(test)
    }

    /// Ok, or the reason why the candidate does not fit.
    pub(crate) fn run(&self, candidate: &Candidate) -> std::result::Result<(), String> {
        let profile = self.path("probe.profdata");
        let _ = std::fs::remove_file(&profile);
        let raw = self.path("probe.profraw");
        said(candidate.command().args(["merge", "-o", &profile, &raw]))?;
        let shown = said(candidate.command().args(["show", "--detailed-summary", &profile]))?;
        Summary::parse(&shown).map_err(|f| f.to_string())?.check().map_err(|f| f.to_string())?;
        let flag = format!("-Cprofile-use={profile}");
        let used = self.rustc(&flag, "used").arg("-Cllvm-args=-pgo-warn-missing-function");
        let used = used.capture().map_err(|f| f.to_string())?;
        if used.status.success() && !used.stderr.contains("warning") {
            return Ok(());
        }
        Err(format!("rustc cannot use its profile: {}", tail(&used.stderr)))
    }

    fn rustc(&self, flag: &str, output: &str) -> Cmd {
        rustc(&self.toolchain, &[flag], self.path(output), self.path("probe.rs"))
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_string_lossy().into_owned()
    }
}

/// The ten-line program, compiled with these flags, in a folder of its own.
pub(crate) fn compiled(toolchain: &Toolchain, flags: &[&str]) -> Result<(tempfile::TempDir, PathBuf)> {
    let dir =
        tempfile::tempdir().map_err(|e| Failure::new(format!("cannot make a temporary folder: {e}")))?;
    let (source, program) = (dir.path().join("probe.rs"), dir.path().join("probe"));
    std::fs::write(&source, PROGRAM).map_err(|e| Failure::io("write", &source, &e))?;
    rustc(toolchain, flags, &program, &source).read()?;
    Ok((dir, program))
}

fn rustc(toolchain: &Toolchain, flags: &[&str], output: impl AsRef<OsStr>, source: impl AsRef<OsStr>) -> Cmd {
    toolchain.rustc().args(["-O", "--edition", "2024"]).args(flags).arg("-o").arg(output).arg(source).silent()
}

/// Standard output of a probe, or the first thing it complained about.
fn said(cmd: Cmd) -> std::result::Result<String, String> {
    let out = cmd.silent().capture().map_err(|f| f.to_string())?;
    if out.status.success() {
        return Ok(out.stdout);
    }
    let complaint = out.stderr.lines().find(|l| !l.trim().is_empty()).unwrap_or("no message").to_owned();
    // The temporary name of the raw profile means nothing to a reader.
    let reason = complaint.split_once(".profraw: ").map_or(complaint.as_str(), |(_, reason)| reason);
    Err(reason.to_owned())
}
