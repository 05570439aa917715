//! Finding an `llvm-profdata` that fits the compiler.
//!
//! A version proves nothing: a tool of the right major built without zlib is useless, one of an older major may
//! work. So each candidate has to pass a self-test (see [`super::selftest`]); the verdict is kept in a cache file,
//! keyed by path, modification time and compiler commit.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::candidate::{self, Candidate, Install, OLDEST_MAJOR};
use super::debian::{self, Packaged};
use super::selftest::SelfTest;
use super::toolchain::Toolchain;
use crate::failure::{Failure, Result};
use crate::process::Cmd;
use crate::store;

/// The variable that names the tool to use; nothing else is tried when it is set.
pub(crate) const VARIABLE: &str = "XTASK_LLVM_PROFDATA";
const TOOL: Packaged =
    Packaged { program: "llvm-profdata", packages: &["llvm-N", "libllvmN"], megabytes: 60 };

/// An `llvm-profdata` that passed the self-test.
#[derive(Debug, Clone)]
pub(crate) struct Profdata(Candidate);

impl Profdata {
    pub(crate) fn command(&self) -> Cmd {
        self.0.command()
    }

    pub(crate) fn program(&self) -> &Path {
        &self.0.program
    }
}

/// Finds a fitting tool, or downloads one into `tools` when that is allowed.
pub(crate) fn find(toolchain: &Toolchain, tools: &Path, install: Install) -> Result<Profdata> {
    let mut trial = Trial::new(toolchain, tools)?;
    if let Some(named) = std::env::var_os(VARIABLE) {
        let candidate = Candidate::system(named.into());
        return trial
            .accepts(&candidate)?
            .ok_or_else(|| trial.nothing_fits(&format!("{VARIABLE} is set, so nothing else was tried")));
    }
    let sysroot = toolchain.sysroot.join("lib/rustlib").join(&toolchain.host).join("bin/llvm-profdata");
    for candidate in candidate::all(TOOL, toolchain.llvm_major, Some(sysroot), tools) {
        if let Some(tool) = trial.accepts(&candidate)? {
            return Ok(tool);
        }
    }
    if install == Install::Refused {
        return Err(trial.nothing_fits("nothing is fetched: --no-install is given"));
    }
    match debian::fetch(TOOL, toolchain.llvm_major, OLDEST_MAJOR, tools) {
        Ok(candidate) => {
            trial.accepts(&candidate)?.ok_or_else(|| trial.nothing_fits("the downloaded one too"))
        }
        Err(failure) => Err(trial.nothing_fits(&failure.to_string())),
    }
}

/// The self-tests of one search: verdicts from the cache, new ones written back.
struct Trial<'a> {
    toolchain: &'a Toolchain,
    test: Option<SelfTest>,
    cache: PathBuf,
    verdicts: BTreeMap<String, std::result::Result<(), String>>,
    rejected: Vec<String>,
}

impl<'a> Trial<'a> {
    fn new(toolchain: &'a Toolchain, tools: &Path) -> Result<Self> {
        let cache = tools.join("llvm-profdata.json");
        let known = std::fs::read(&cache).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(Self { toolchain, test: None, cache, verdicts: known.unwrap_or_default(), rejected: Vec::new() })
    }

    fn accepts(&mut self, candidate: &Candidate) -> Result<Option<Profdata>> {
        if !candidate.program.is_file() {
            self.rejected.push(format!("{}: no file of that name", candidate.program.display()));
            return Ok(None);
        }
        let key = self.key(candidate);
        let (verdict, source) = match self.verdicts.get(&key) {
            Some(known) => (known.clone(), "cached"),
            None => (self.judge(candidate)?, "self-test"),
        };
        let shown = candidate.program.display();
        match verdict.clone() {
            Ok(()) => println!("  {shown}: fits ({source})"),
            Err(reason) => {
                println!("  {shown}: does not fit ({source}): {reason}");
                self.rejected.push(format!("{shown}: {reason}"));
            }
        }
        self.verdicts.insert(key, verdict.clone());
        self.save()?;
        Ok(verdict.is_ok().then(|| Profdata(candidate.clone())))
    }

    fn judge(&mut self, candidate: &Candidate) -> Result<std::result::Result<(), String>> {
        if self.test.is_none() {
            self.test = Some(SelfTest::prepare(self.toolchain)?);
        }
        Ok(self.test.as_ref().map_or(Ok(()), |test| test.run(candidate)))
    }

    fn key(&self, candidate: &Candidate) -> String {
        let meta = std::fs::metadata(&candidate.program);
        let modified = meta.and_then(|m| m.modified()).ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let stamp = modified.map_or(0, |d| d.as_nanos());
        format!("{} {stamp} {}", candidate.program.display(), self.toolchain.commit)
    }

    fn save(&self) -> Result<()> {
        let json = serde_json::to_vec_pretty(&self.verdicts).map_err(|e| Failure::new(e.to_string()))?;
        store::write(&self.cache, &json)
    }

    fn nothing_fits(&self, last: &str) -> Failure {
        let major = self.toolchain.llvm_major;
        let mut text = format!("no llvm-profdata fits {} (LLVM {major})", self.toolchain.version);
        if self.rejected.is_empty() {
            text.push_str("\n    none was found on this machine");
        }
        for line in &self.rejected {
            text.push_str(&format!("\n    {line}"));
        }
        text.push_str(&format!("\n    {last}"));
        let first = match std::env::var_os(VARIABLE) {
            Some(_) => format!("unset {VARIABLE} to try others, or install one"),
            None => "install one, then run again".to_owned(),
        };
        Failure::new(text).advise(format!(
            "{first}: `apt-get install --no-install-recommends llvm-{major}` or `rustup component add llvm-tools`, \
             or name a fitting one in {VARIABLE}"
        ))
    }
}
