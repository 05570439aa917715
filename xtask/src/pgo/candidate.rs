//! Tools of LLVM that are somewhere on this machine, and the places to look for them.
use std::path::{Path, PathBuf};

use super::debian::{self, Packaged};
use crate::process::{Cmd, on_path};

/// No older tool is known to read what today's compilers write.
pub(crate) const OLDEST_MAJOR: u32 = 19;

/// A tool that has not been tried yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) program: PathBuf,
    /// Folders of shared libraries, for a tool unpacked outside the system.
    pub(crate) libraries: Vec<PathBuf>,
}

/// Whether a fitting tool may be downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Install {
    Allowed,
    Refused,
}

impl Candidate {
    pub(crate) fn system(program: PathBuf) -> Self {
        Self { program, libraries: Vec::new() }
    }

    pub(crate) fn command(&self) -> Cmd {
        self.beside(&self.program)
    }

    /// Another program with the libraries of this one.
    pub(crate) fn beside(&self, program: &Path) -> Cmd {
        let cmd = Cmd::new(program);
        match std::env::join_paths(&self.libraries) {
            Ok(path) if !self.libraries.is_empty() => cmd.env("LD_LIBRARY_PATH", path),
            _ => cmd,
        }
    }
}

/// The tools of this name on the machine, best first: `first`, those of the major, the plain name, older ones, downloads.
pub(crate) fn all(tool: Packaged, major: u32, first: Option<PathBuf>, tools: &Path) -> Vec<Candidate> {
    let name = tool.program;
    let of_major = |n: u32| {
        let versioned = on_path(&format!("{name}-{n}"));
        [Some(PathBuf::from(format!("/usr/lib/llvm-{n}/bin/{name}"))), versioned].into_iter().flatten()
    };
    let older = (OLDEST_MAJOR..major).rev().flat_map(of_major);
    let found = first.into_iter().chain(of_major(major)).chain(on_path(name)).chain(older);
    let mut all: Vec<Candidate> = Vec::new();
    for program in found.filter_map(|p| p.canonicalize().ok()) {
        let candidate = Candidate::system(program);
        if !all.contains(&candidate) {
            all.push(candidate);
        }
    }
    all.extend((OLDEST_MAJOR..=major).rev().filter_map(|n| debian::unpacked(tool, n, tools)));
    all
}
