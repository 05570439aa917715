//! Fetching a tool of LLVM from the archive of a Debian-like system without touching the system.
use std::path::{Path, PathBuf};

use super::candidate::Candidate;
use crate::apt::{Apt, library_folders};
use crate::failure::{Failure, Result};
use crate::store;

/// A tool and the packages it is in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packaged {
    pub(crate) program: &'static str,
    /// `N` stands for the major version; the first one has the program.
    pub(crate) packages: &'static [&'static str],
    /// What is downloaded, roughly.
    pub(crate) megabytes: u32,
}

impl Packaged {
    fn names(self, major: u32) -> impl Iterator<Item = String> {
        self.packages.iter().map(move |name| name.replace('N', &major.to_string()))
    }

    fn folder(self, major: u32, tools: &Path) -> PathBuf {
        tools.join(self.names(major).next().unwrap_or_default())
    }
}

/// The tool of an earlier download.
pub(crate) fn unpacked(tool: Packaged, major: u32, tools: &Path) -> Option<Candidate> {
    let root = tool.folder(major, tools);
    let program = root.join(format!("usr/lib/llvm-{major}/bin/{}", tool.program)).canonicalize().ok()?;
    Some(Candidate { program, libraries: library_folders(&root) })
}

/// Downloads the packages of the newest major, `oldest <= major <= newest`, and unpacks them under `tools`.
pub(crate) fn fetch(tool: Packaged, newest: u32, oldest: u32, tools: &Path) -> Result<Candidate> {
    let Packaged { program, megabytes, .. } = tool;
    println!(
        "  fetching {program} with apt into {} (about {megabytes} MB; the system is not changed)",
        tools.display()
    );
    let apt = Apt::prepare(&tools.join("apt"))?;
    let none = || {
        Failure::new(format!(
            "no download: apt knows no {program} of LLVM {oldest} to {newest}; could it reach the archive?"
        ))
    };
    let known = |major: &u32| tool.names(*major).all(|name| apt.knows(&name));
    let major = (oldest..=newest).rev().find(known).ok_or_else(none)?;
    let staging = tools.join("staging");
    store::empty_dir(&staging)?;
    apt.unpack_with_libraries(tool.names(major).collect(), &staging, program)?;
    let root = tool.folder(major, tools);
    let _ = std::fs::remove_dir_all(&root);
    std::fs::rename(&staging, &root).map_err(|e| Failure::io("rename", &staging, &e))?;
    unpacked(tool, major, tools).ok_or_else(|| Failure::new(format!("{} has no {program}", root.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unpacked_is_no_candidate() {
        let tool = Packaged { program: "llvm-profdata", packages: &["llvm-N", "libllvmN"], megabytes: 60 };
        assert_eq!(unpacked(tool, 22, Path::new("/nonexistent")), None);
        assert_eq!(tool.names(22).collect::<Vec<_>>(), ["llvm-22", "libllvm22"]);
    }
}
